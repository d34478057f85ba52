// The last screen: ask all models of this run; they answer in the page.

function buildChat(box) {
  if (haveModels) box.append(...new Chat().parts());
  else box.append(h("p", { class: "missing" }, DATA.models.missing));
}

class Chat {
  constructor() {
    this.greedy = true;
    this.typing = [];
    this.input = h("input", { name: "question", value: theQuestion(), maxlength: 60, autocomplete: "off" });
    this.seed = h("input", { name: "seed", type: "number", min: 0, value: STATE.seed });
    this.note = h("p", { class: "note", role: "status" });
    this.cards = Object.fromEntries(Object.keys(NAMES).map((name) => [name, this.card(name)]));
    this.form = h(
      "form",
      { class: "own chat", onsubmit: (event) => this.ask(event) },
      labelled("Your question", this.input),
      choice("words", ["greedy", "sampled"], 0, (i) => {
        this.greedy = i === 0;
        this.form.requestSubmit(); // the old answers would be of the other kind
      }),
      labelled("seed", this.seed),
      h("button", { type: "submit" }, "Ask them all"),
    );
  }

  parts() {
    const suggestions = DATA.questions.map((question) => {
      const asks = () => {
        this.input.value = question;
        this.form.requestSubmit();
      };
      return h("button", { type: "button", onclick: asks }, question);
    });
    return [
      this.form,
      h("div", { class: "suggestions", role: "group", "aria-label": "suggestions" }, suggestions),
      this.note,
      h("div", { class: "cards", "aria-live": "polite" }, Object.values(this.cards)),
    ];
  }

  // A model's place, with what it said when the run was made.
  card(name) {
    const scene = DATA.scenes.dpo,
      said = scene.missing ? null : rowOf(scene.samples[name]);
    return h(
      "div",
      { class: `card ${name}` },
      h("h3", {}, glyph(name), NAMES[name]),
      h("p", { class: "words" }, said ? shownText(said.text, said.ended) : "\u2026"),
      h("p", { class: "tags" }, "\u00a0"),
    );
  }

  ask(event) {
    event.preventDefault();
    const typed = readable(this.input.value),
      limit = model("sft").config.context_length - DATA.models.limit - 2,
      question = typed.text.slice(0, limit);
    this.note.textContent = droppedNote(typed) + (question ? `They read: ${question}` : "Nothing is left to ask.");
    if (!question) return;
    this.typing.forEach(clearInterval);
    this.typing = [];
    STATE.seed = Number(this.seed.value) || 0;
    for (const name of Object.keys(NAMES)) this.answer(name, question);
  }

  answer(name, question) {
    const { text, ids, ended: hasEnded } = reply(name, question, this.greedy ? 0 : 1, STATE.seed),
      words = this.cards[name].querySelector(".words"),
      tags = this.cards[name].querySelector(".tags");
    const penalty = hasEnded ? 0 : DATA.models.penalty,
      score = name === "base" || !ids.length ? null : scoreOfIds(question, ids, hasEnded) - penalty;
    const finish = () => {
      words.replaceChildren(...shownText(text, hasEnded));
      tags.textContent = score === null ? "\u00a0" : `reward model: ${number(score, 2, true)}`;
    };
    if (still()) return finish();
    let typed = 0;
    const timer = setInterval(() => {
      words.textContent = text.slice(0, ++typed);
      if (typed < text.length) return;
      clearInterval(timer);
      finish();
    }, 28);
    this.typing.push(timer);
  }
}
