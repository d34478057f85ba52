// Scene 4: votes become a number.  The scores of held-out pairs slide apart while the reward model learns.

class RewardScene {
  constructor(data) {
    const every = data.pairs.flatMap((pair) => pair.scores.flat());
    Object.assign(this, { data, pace: 1100, steps: data.steps.length });
    this.most = Math.max(1, ...every.map(Math.abs)) * 1.06;
  }

  // Where on its track a score is.
  place(score) {
    const { most } = this;
    return `${(100 * (Math.max(-most, Math.min(most, score)) + most)) / (2 * most)}%`;
  }

  mount(stage) {
    this.list = h("ol", { class: "duels" }, this.data.pairs.map(duel));
    this.curve = h("div", { class: "plot" });
    this.order = h("p", { class: "big" });
    const legend = h(
      "p",
      { class: "legend" },
      chip("chosen"),
      " chosen by the raters \u2003",
      chip("rejected"),
      " rejected \u2003 further right: a higher score",
    );
    const right = h("div", {}, this.curve, this.order, haveModels && this.ownForm());
    stage.append(legend, h("div", { class: "columns wide-left" }, this.list, right));
    if (haveModels) this.scoreOwn();
  }

  ownForm() {
    const field = (name, value) => h("input", { name, value, maxlength: 60, autocomplete: "off" });
    this.question = field("question", DATA.questions[0]);
    this.answer = field("answer", "it says moo. have a nice day.");
    this.meter = h("i", { class: "ball chosen" });
    this.verdict = h("p", { class: "note", role: "status" });
    const submit = (event) => {
      event.preventDefault();
      this.scoreOwn();
    };
    for (const input of [this.question, this.answer]) input.addEventListener("input", () => this.scoreOwn());
    return h(
      "form",
      { class: "own judge", onsubmit: submit, "data-part": "own" },
      h("h3", {}, "Score any sentence"),
      labelled("Question", this.question),
      labelled("Answer", this.answer),
      h("button", { type: "submit" }, "Score it"),
      h("span", { class: "track", "aria-hidden": "true" }, h("i", { class: "zero" }), this.meter),
      this.verdict,
    );
  }

  scoreOwn() {
    const question = readable(this.question.value), answer = readable(this.answer.value);
    const dropped = [...new Set([question.dropped, answer.dropped].join(" ").split(" "))].filter(Boolean).join(" "),
      note = droppedNote({ dropped });
    const room = model("reward").config.context_length - 4;
    if (!question.text || !answer.text || question.text.length + answer.text.length > room) {
      this.verdict.textContent = `${note}Both a question and an answer, please, and not too long.`;
      return;
    }
    const score = scoreOf(question.text, answer.text);
    this.meter.style.left = this.place(score);
    const where = `${number(Math.abs(score))} standard deviations ${score > 0 ? "above" : "below"}`;
    this.verdict.textContent = `${note}score ${number(score, 2, true)}: ${where} the SFT model's average answer`;
  }

  show(step) {
    const { pairs, loss, steps, in_order, watched } = this.data;
    pairs.forEach((pair, i) => this.move(this.list.children[i], pair.scores[step]));
    const [first, last] = [loss[0][1], loss.at(-1)[1]].map((value) => number(value, 3));
    chart(this.curve, {
      lines: [{ kind: "reward", points: loss }],
      now: steps[step],
      levels: [{ y: Math.LN2, label: "a coin toss: ln 2 = 0.693" }],
      x: "step",
      y: "loss of the reward model",
      height: 230,
      low: 0,
      words: `The loss goes from ${first} to ${last}; a coin toss costs ln 2.`,
    });
    const share = h("strong", {}, percent(in_order[step]));
    this.order.replaceChildren(share, ` of ${watched} held-out pairs, not trained on, are in the voted order`);
  }

  // Both balls of a pair, the bar between them, and the verdict.
  move(row, [chosen, rejected]) {
    const right = chosen > rejected, gap = row.querySelector(".gap");
    row.querySelector(".ball.chosen").style.left = this.place(chosen);
    row.querySelector(".ball.rejected").style.left = this.place(rejected);
    gap.style.left = this.place(Math.min(chosen, rejected));
    gap.style.right = `${100 - parseFloat(this.place(Math.max(chosen, rejected)))}%`;
    gap.classList.toggle("wrong", !right);
    row.classList.toggle("wrong", !right);
    const scores = `(${number(chosen, 1, true)} : ${number(rejected, 1, true)})`;
    row.querySelector(".duel-verdict").textContent = `${right ? "\u2713 as voted" : "\u2717 the other way"} ${scores}`;
  }

  says(step) {
    return this.data.steps[step] === 0 ? "before the first vote" : `after step ${this.data.steps[step]}`;
  }
}

function chip(kind) {
  return h("span", { class: `chip ${kind}` });
}

function duel(pair) {
  const parts = ["zero", "gap", "ball rejected", "ball chosen"].map((name) => h("i", { class: name }));
  return h(
    "li",
    {},
    h("span", { class: "duel-question" }, pair.question),
    h(
      "span",
      { class: "duel-words" },
      h("span", {}, chip("chosen"), " ", pair.chosen),
      h("span", {}, chip("rejected"), " ", pair.rejected),
    ),
    h(
      "div",
      { class: "duel-score" },
      h("span", { class: "track", "aria-hidden": "true" }, parts),
      h("span", { class: "duel-verdict" }),
    ),
  );
}
