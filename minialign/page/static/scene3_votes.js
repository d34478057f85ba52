// Scene 3: two answers, one click.  Five pairs, and then the first of them again, the other way round: nothing on the
// screen says so before the count, which tells whether the voter agreed with himself.

const ROUND = 5;

class VotesScene {
  constructor(data, refresh) {
    Object.assign(this, { data, refresh, pace: 2600, begins: 0, at: 0, first: 0 });
    this.keys = { a: () => this.vote("a"), b: () => this.vote("b") };
    this.start();
  }

  get steps() {
    return this.pairs.length + 1;
  }

  start() {
    const { pairs } = this.data, n = Math.min(ROUND, pairs.length);
    const some = Array.from({ length: n }, (_, i) => pairs[(this.first + i) % pairs.length]);
    this.pairs = [...some, { ...some[0], swap: !some[0].swap }];
    this.votes = this.pairs.map(() => null);
  }

  // One of the two answers, "a" or "b".
  side(pair, which) {
    const chosen = (which === "a") !== pair.swap, k = chosen ? 0 : 1;
    return { text: chosen ? pair.chosen : pair.rejected, raters: chosen, gold: pair.gold[k], ended: pair.ended[k] };
  }

  vote(which) {
    if (this.at >= this.pairs.length || this.votes[this.at]) return;
    this.votes[this.at] = which;
    this.refresh(this.at, false);
    this.card.querySelector("button.go-on").focus();
  }

  mount(stage) {
    this.card = h("div", { class: "ballot" });
    this.tally = h("p", { class: "tally", role: "status" });
    stage.append(this.card, this.tally);
  }

  show(step, playing) {
    this.at = step;
    if (step >= this.pairs.length) this.showCount();
    else this.showPair(step, playing);
  }

  showPair(step, playing) {
    const pair = this.pairs[step], voted = this.votes[step], reveal = Boolean(voted || playing);
    const goOn = h("button", { type: "button", class: "go-on", onclick: () => this.refresh(step + 1, false) });
    goOn.textContent = reveal ? "Next pair" : "Skip this pair";
    const scaleOfTruth =
      "truth: the score of a judge who knows what is true; about \u22122 for the worst answers, 1 for good ones";
    this.card.replaceChildren(
      h("p", { class: "paper question" }, pair.question),
      h("div", { class: "answers" }, this.option(pair, "a", voted, reveal), this.option(pair, "b", voted, reveal)),
      reveal ? h("p", { class: "small", "data-part": "gold" }, scaleOfTruth) : "",
      h("div", { class: "row" }, goOn),
    );
    const asking = "Which answer is better? Click, or press A or B. The raters' vote is shown after yours.";
    if (voted) this.tally.textContent = this.side(pair, voted).raters ? AGREE : DISAGREE;
    else this.tally.textContent = playing || this.votes.some(Boolean) ? "" : asking;
  }

  option(pair, which, voted, reveal) {
    const { text, raters, gold, ended: hasEnded } = this.side(pair, which);
    const said = [voted === which && "your vote", raters && "the raters' vote"].filter(Boolean).join(" \u00b7 ");
    const verdict = h("span", { class: "verdict" }, said, truth(gold, said ? " \u00b7 " : ""));
    return h(
      "button",
      {
        type: "button",
        class: `answer${reveal ? (raters ? " raters" : " passed") : ""}${voted === which ? " mine" : ""}`,
        "data-answer": which,
        disabled: reveal,
        onclick: () => this.vote(which),
      },
      h("span", { class: "key", "aria-hidden": "true" }, which.toUpperCase()),
      h("span", { class: "words" }, text.trim() || "(nothing)", hasEnded ? "" : " \u2026"),
      reveal && verdict,
    );
  }

  showCount() {
    const again = () => {
      this.first = (this.first + ROUND) % this.data.pairs.length;
      this.start();
      this.refresh(0, false);
    };
    const right = this.data.raters_right;
    const raters =
      right === null
        ? "Where the truth sees no difference, nobody is right."
        : `Over the whole run the raters chose what the truth prefers ${percent(right, 1)} of the time.`;
    this.card.replaceChildren(
      h("h3", {}, "The count"),
      ...this.agreement().map((line) => h("p", {}, line)),
      h("p", { "data-part": "gold" }, raters),
      h("button", { type: "button", onclick: again }, "Five other pairs"),
    );
    this.tally.textContent = "";
  }

  agreement() {
    const last = this.pairs.length - 1,
      picked = this.votes.map((which, i) => which && this.side(this.pairs[i], which).raters);
    const mine = picked.slice(0, last).filter((raters) => raters !== null),
      agree = mine.filter(Boolean).length;
    const lines = [
      mine.length
        ? `You agreed with the raters on ${agree} of ${mine.length} pairs.`
        : "You voted on none of the pairs.",
    ];
    if (picked[0] !== null && picked[last] !== null) {
      const self = picked[0] === picked[last] ? "agreed with yourself" : "changed your mind";
      lines.push(`The last pair was the first one again, turned round: you ${self}.`);
    }
    return lines;
  }

  says(step) {
    return step >= this.pairs.length ? "the count" : `pair ${step + 1} of ${this.pairs.length}`;
  }
}

const AGREE = "You and the raters agree.", DISAGREE = "The raters chose the other one.";
