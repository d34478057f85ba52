// The same question along SFT: one model at ten checkpoints of its training, scrubbed by hand.

class CheckpointsScene {
  /** @param {Shown.SftScene} data  @param {Refresh} refresh */
  constructor(data, refresh) {
    this.data = data;
    this.refresh = refresh;
    this.pace = 1300;
    this.steps = data.steps.length;
    this.how = "greedy";
    this.opensAt = 0;
    this.scrubName = "checkpoint of SFT";
  }

  mount(stage, more) {
    this.list = h("ol", { class: "ladder" });
    this.curve = h("div", { class: "plot" });
    stage.append(this.list);
    const share = h("strong", {}, percent(this.data.answers));
    const words = " of the report questions get an answer that states something, asks nothing and ends";
    more.append(
      choice("words", ["greedy", "sampled, same seed"], 0, (i) => {
        this.how = i ? "sampled" : "greedy";
        this.refresh();
      }),
      h("div", { class: "columns" }, this.curve, h("p", { class: "big" }, share, words)),
    );
  }

  said() {
    return rowOf(this.data.rows)[this.how];
  }

  show(step, playing) {
    this.list.replaceChildren(...this.said().map((answer, i) => this.rung(answer, i, step, playing)));
  }

  detail(step) {
    const { steps, loss } = this.data,
      [first, last] = [loss[0][1], loss.at(-1)[1]].map((value) => number(value));
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
    const now = i === step,
      state = now ? (playing ? "current fresh" : "current") : i > step ? "later" : "";
    const name = i === 0 ? "before" : `step ${this.data.steps[i]}`;
    return h(
      "li",
      { class: state, "aria-current": now ? "step" : null },
      h("button", { type: "button", class: "when", onclick: () => this.refresh(i) }, name),
      h("span", { class: "words" }, i <= step ? shownText(answer.text, answer.ended) : "\u00a0", this.worth(i, step)),
    );
  }

  // What the last answer is worth, once it is there: it can sound right and be wrong.
  worth(i, step) {
    const last = this.steps - 1;
    return i === last && step === last && this.how === "greedy" ? truth(rowOf(this.data.rows).gold) : "";
  }

  answer(step) {
    const { text, ended: hasEnded } = this.said()[step];
    const when = step ? this.says(step) : "in the chat format, before the first step";
    return { by: step ? "sft" : "base", when: `${this.how}, ${when}`, text, ended: hasEnded };
  }

  says(step) {
    const at = this.data.steps[step];
    if (step === 0) return "before the first step";
    return step === this.steps - 1 ? `after the last step (${at})` : `after step ${at}`;
  }
}
