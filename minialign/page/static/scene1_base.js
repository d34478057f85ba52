// Scene 1: the base model goes on, character by character, and shows what it expects next.

class BaseScene {
  constructor(data, refresh) {
    Object.assign(this, { data, refresh, pace: 55, sample: 0, own: null, known: new Map() });
  }

  get steps() {
    return this.whole().length + 1;
  }

  // The text on show: the viewer's own, or a sample of the run.
  now() {
    const row = chosenRow(this.data.rows);
    return this.own || { question: row.question, ...row.samples[this.sample] };
  }

  whole() {
    return this.now().question + this.now().text;
  }

  // What the base model expects after every character, from its own weights.
  expected() {
    const text = this.whole();
    if (!this.known.has(text)) {
      const ids = [EOS, ...encode(readable(text).text)];
      this.known.set(text, haveModels ? model("base").allLogits(ids).map(softmax) : []);
    }
    return this.known.get(text);
  }

  continueOwn(event) {
    event.preventDefault();
    const typed = readable(event.target.elements.text.value), text = typed.text.slice(0, 60);
    this.note.textContent = droppedNote(typed) + (text ? "" : "Nothing is left to continue.");
    if (!text) return;
    const random = randomFrom(STATE.seed++);
    const { ids, ended } = model("base").generate([EOS, ...encode(text)], DATA.models.limit, 1, random);
    this.own = { question: text, text: decode(ids), ended };
    this.refresh(0, true);
  }

  mount(stage) {
    const pick = () => {
      this.own = null;
      this.refresh();
    };
    const samples = this.data.rows[0].samples.map((_, i) => String(i + 1));
    stage.append(
      questionChoice(this.data.rows, pick),
      choice("sample", samples, 0, (i) => {
        this.sample = i;
        pick();
      }),
      h("div", { class: "columns wide-left" }, this.textColumn(), this.expectationColumn()),
    );
  }

  textColumn() {
    this.asked = h("span", { class: "asked" });
    this.said = h("span", { class: "said" });
    this.back = h("p", { class: "tally" });
    this.note = h("p", { class: "note", role: "status" });
    const input = h("input", { name: "text", maxlength: 60, autocomplete: "off", placeholder: "once a cat" });
    const form = h(
      "form",
      { class: "own", onsubmit: (event) => this.continueOwn(event), "data-part": "own" },
      labelled("Or begin a text of your own", input),
      h("button", { type: "submit" }, "Continue it"),
    );
    const caret = h("span", { class: "caret", "aria-hidden": "true" });
    const paper = h("p", { class: "paper" }, this.asked, this.said, caret);
    return h("div", {}, paper, this.back, haveModels && form, this.note);
  }

  expectationColumn() {
    this.bars = h("ol", { class: "bars" });
    const share = h("strong", {}, percent(this.data.asks));
    return h(
      "div",
      {},
      haveModels && h("div", { "data-part": "next" }, h("h3", {}, "What it expects next"), this.bars),
      h("p", { class: "big" }, share, ` of ${this.data.asked} questions were continued with another question`),
    );
  }

  show(step) {
    const { question, ended: hasEnded } = this.now(),
      whole = this.whole(),
      typed = whole.slice(0, step),
      own = typed.slice(question.length);
    this.asked.textContent = typed.slice(0, question.length);
    const end = step < whole.length ? "" : hasEnded ? ended() : cut();
    this.said.replaceChildren(...Array.from(own, (c) => (c === "?" ? h("b", {}, c) : c)), end);
    const marks = (own.match(/\?/g) || []).length;
    this.back.textContent = step <= question.length ? "You ask \u2026" : `Questions it has asked back: ${marks}`;
    const p = this.expected()[Math.min(step, whole.length)];
    if (p) this.bars.replaceChildren(...topOf(p, 6).map(([id, share]) => bar(characterName(id), share)));
  }

  says(step) {
    const all = this.whole().length;
    return `${Math.min(step, all)} of ${all} characters`;
  }
}

function topOf(p, n) {
  return Array.from(p, (share, id) => [id, share])
    .sort((a, b) => b[1] - a[1])
    .slice(0, n);
}

function characterName(id) {
  const text = decode([id]);
  return text === " " ? "space" : id === EOS ? "EOS" : text;
}

function bar(name, share) {
  const inner = h("span", { class: "bar base" });
  inner.style.width = `${Math.max(0.5, 100 * share)}%`;
  return h(
    "li",
    {},
    h("span", { class: "bar-name" }, name),
    h("span", { class: "bar-track" }, inner),
    h("span", { class: "bar-text" }, percent(share)),
  );
}
