// Scene 2: the same question along SFT.

class SftScene {
  constructor(data, refresh) {
    Object.assign(this, { data, refresh, pace: 1100, steps: data.steps.length, how: "greedy" });
  }

  mount(stage) {
    this.list = h("ol", { class: "ladder" });
    this.curve = h("div", { class: "plot" });
    this.question = h("p", { class: "paper question" });
    const share = h("strong", {}, percent(this.data.answers));
    const words = " of the report questions get an answer that states something, asks nothing and ends";
    stage.append(
      questionChoice(this.data.rows, this.refresh),
      choice("words", ["most probable", "sampled, same seed"], 0, (i) => {
        this.how = i ? "sampled" : "greedy";
        this.refresh();
      }),
      h(
        "div",
        { class: "columns wide-left" },
        h("div", {}, this.question, this.list),
        h("div", {}, this.curve, h("p", { class: "big" }, share, words)),
      ),
    );
  }

  show(step, playing) {
    const row = chosenRow(this.data.rows), { steps, loss } = this.data;
    this.question.textContent = row.question;
    this.list.replaceChildren(...row[this.how].map((answer, i) => this.rung(answer, i, step, playing)));
    const [first, last] = [loss[0][1], loss.at(-1)[1]].map((value) => number(value));
    chart(this.curve, {
      lines: [{ kind: "sft", points: loss }],
      now: steps[step] || 0,
      x: "step of SFT",
      y: "loss, nats per character",
      height: 210,
      low: 0,
      words: `The loss of SFT goes from ${first} to ${last} nats per character.`,
    });
  }

  rung(answer, i, step, playing) {
    const now = i === step, state = now ? (playing ? "current fresh" : "current") : i > step ? "later" : "";
    return h(
      "li",
      { class: state, "aria-current": now ? "step" : null },
      h("span", { class: "when" }, i === 0 ? "before" : `step ${this.data.steps[i]}`),
      h("span", { class: "words" }, i <= step ? shownText(answer.text, answer.ended) : "\u00a0"),
    );
  }

  says(step) {
    const at = this.data.steps[step];
    if (step === 0) return "before the first step";
    return step === this.steps - 1 ? `after the last step, ${at}` : `after step ${at}`;
  }
}
