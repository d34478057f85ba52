// The protagonist: one question on top of every scene, and its present answer, large.

class Hero {
  constructor(box, pick) {
    this.who = h("span", { class: "who" });
    this.words = h("span", { class: "hero-words" });
    this.choice = h(
      "select",
      { "aria-label": "the question that the story follows" },
      DATA.questions.map((question, i) => h("option", { value: i }, question)),
    );
    this.choice.addEventListener("change", () => pick(Number(this.choice.value)));
    this.asked = h("span", { class: "asked" }); // a text of the viewer's own, in the place of the question
    this.good = h("span", { class: "good", "data-part": "gold" });
    box.append(
      h("p", { class: "hero-question", "data-part": "question" }, h("span", { class: "who" }, "you"), this.choice, this.asked, this.good),
      h("p", { class: "hero-answer" }, this.who, this.words),
    );
  }

  // answer: {by, when, text, ended, typed, asked, good}; none: it waits behind a guess.
  show(answer) {
    this.choice.value = STATE.prompt;
    const own = answer?.asked;
    this.choice.hidden = Boolean(own);
    this.asked.textContent = own || "";
    this.good.textContent = own ? (answer.good ?? "your own text") : DATA.good[STATE.prompt];
    const kind = answer ? answer.by : "";
    this.words.className = `hero-words ${kind}`;
    this.who.textContent = answer ? answer.who || `${nameOf(kind)}${answer.when ? `, ${answer.when}` : ""}` : "?";
    if (!answer) this.words.replaceChildren("\u2026");
    else if (answer.typed) this.words.replaceChildren(answer.typed);
    else this.words.replaceChildren(...shownText(answer.text, answer.ended));
  }
}

function nameOf(kind) {
  return NAMES[kind] || kind;
}
