// The ballot: two answers, one vote.  The first pair is about the question that the story follows; the last one is an
// earlier one again, turned round, and nothing on the screen says so before the count.

const ROUND = 5;
const BALLOTS = []; // every vote of this sitting, oldest first: {question, a, b, vote, repeat_of, seconds}

class BallotScene {
  /** @param {Shown.VotesScene} data  @param {Refresh} refresh */
  constructor(data, refresh) {
    this.data = data;
    this.refresh = refresh;
    this.pace = 2600;
    this.begins = 0;
    this.at = 0;
    this.first = 0;
    this.since = 0;
    this.keys = { a: () => this.vote("a"), b: () => this.vote("b") };
    this.start();
  }

  get steps() {
    return this.pairs.length + 1;
  }

  // Playing waits for the viewer's vote, and casts none; the count is seen longer.
  waits(step) {
    return step < this.pairs.length && !this.votes[step];
  }

  stays(step) {
    return step < this.pairs.length ? 1 : 3;
  }

  // Another question: another first pair, as long as nobody has voted.
  turn() {
    if (!this.votes.some(Boolean)) this.start();
  }

  start() {
    const { pairs, showcase } = this.data,
      n = Math.min(ROUND - 1, pairs.length);
    const own = showcase.filter(
      (pair) => pair.question === theQuestion() && !BALLOTS.some((vote) => vote.pair === pair),
    );
    const some = Array.from({ length: n + 1 - own.length }, (_, i) => pairs[(this.first + i) % pairs.length]);
    this.again = Math.min(1, own.length + some.length - 1); // which of them comes a second time
    this.pairs = [...own.slice(0, 1), ...some];
    this.pairs.push({ ...this.pairs[this.again], swap: !this.pairs[this.again].swap });
    this.votes = this.pairs.map(() => null);
    this.offset = BALLOTS.length;
    this.since = performance.now();
  }

  // One of the two answers, "a" or "b".
  side(pair, which) {
    const chosen = (which === "a") !== pair.swap,
      k = chosen ? 0 : 1;
    return { text: chosen ? pair.chosen : pair.rejected, raters: chosen, gold: pair.gold[k], ended: pair.ended[k] };
  }

  vote(which) {
    if (this.at >= this.pairs.length || this.votes[this.at]) return;
    const pair = this.pairs[this.at],
      seconds = Math.round((performance.now() - this.since) / 100) / 10;
    const last = this.at === this.pairs.length - 1,
      first = BALLOTS.findIndex((vote) => vote.pair === this.pairs[this.again]);
    this.votes[this.at] = which;
    BALLOTS.push({
      pair,
      a: this.side(pair, "a"),
      b: this.side(pair, "b"),
      vote: which,
      repeat_of: last && first >= 0 ? first : null,
      seconds,
    });
    this.since = performance.now();
    this.refresh(this.at, null);
    this.card.querySelector("button.go-on").focus();
  }

  mount(stage) {
    this.card = h("div", { class: "ballot" });
    this.tally = h("p", { class: "tally", role: "status" });
    stage.append(this.card, this.tally);
  }

  show(step) {
    this.at = step;
    if (step >= this.pairs.length) this.showCount();
    else this.showPair(step);
  }

  showPair(step) {
    const pair = this.pairs[step],
      voted = this.votes[step],
      count = this.pairs.length;
    const to = (next, text, kind) =>
      h("button", { type: "button", class: kind, onclick: () => this.refresh(next, null) }, text);
    const onward = voted ? (step + 1 < count ? "Next pair" : "The count") : "Skip this pair";
    this.card.replaceChildren(
      h("p", { class: "paper question" }, pair.question),
      h("div", { class: "answers" }, this.option(pair, "a", voted), this.option(pair, "b", voted)),
      h("div", { class: "row" }, to(step + 1, onward, "go-on"), !voted && to(count, "To the count", "")),
    );
    const agree = voted && (this.side(pair, voted).raters ? "The raters chose this one, too." : "The raters chose the other one.");
    this.tally.replaceChildren(...(voted ? [`${agree} ${this.soFar()}`] : this.soFar() ? [this.soFar()] : asking()));
  }

  // On how many of the votes so far both sides agree, the same count while voting and at the end.
  soFar() {
    const mine = this.picked().filter((raters) => raters !== null),
      votes = mine.length === 1 ? "vote" : "votes";
    return mine.length ? `You and the raters agree on ${mine.filter(Boolean).length} of ${mine.length} ${votes}.` : "";
  }

  // Of each pair, whether the vote was the raters' too; null: no vote.  The repeated pair counts twice: two votes were cast.
  picked() {
    return this.votes.map((which, i) => which && this.side(this.pairs[i], which).raters);
  }

  option(pair, which, voted) {
    const { text, raters, gold, ended: hasEnded } = this.side(pair, which);
    const said = [voted === which && "your vote", raters && "the raters\u2019 vote"].filter(Boolean).join(" \u00b7 ");
    const verdict = h("span", { class: "verdict" }, said, truth(gold, said ? " \u00b7 " : ""));
    return h(
      "button",
      {
        type: "button",
        class: `answer${voted ? (raters ? " raters" : " passed") : ""}${voted === which ? " mine" : ""}`,
        "data-answer": which,
        disabled: Boolean(voted),
        onclick: () => this.vote(which),
      },
      h("span", { class: "key", "aria-hidden": "true" }, which.toUpperCase()),
      h("span", { class: "words" }, text.trim() || "(nothing)", hasEnded ? "" : " \u2026"),
      voted && verdict,
    );
  }

  showCount() {
    const again = () => {
      this.first = (this.first + ROUND) % this.data.pairs.length;
      this.start();
      this.refresh(0, null);
    };
    const right = this.data.raters_right;
    const raters =
      right === null
        ? "No vote of this run was between answers that differ in truth."
        : `Over the whole run the raters chose the truly better answer ${percent(right, 1)} of the time.`;
    this.card.replaceChildren(
      h("h3", {}, "The count"),
      ...this.agreement().map((line) => h("p", {}, line)),
      h("p", { "data-part": "gold" }, raters),
      h(
        "div",
        { class: "row" },
        h("button", { type: "button", onclick: again }, "Five other pairs"),
        BALLOTS.length > 0 &&
          h("a", { class: "button", download: "votes.jsonl", href: ballotFile() }, "Save these votes"),
      ),
      h(
        "p",
        { class: "small" },
        BALLOTS.length ? "Train on them: minialign tour --votes votes.jsonl. Or here, in the next scene." : "",
      ),
    );
    this.tally.textContent = "";
  }

  agreement() {
    const last = this.pairs.length - 1,
      picked = this.picked();
    const lines = [this.soFar() || "You voted on none of the pairs."];
    if (picked[this.again] !== null && picked[last] !== null) {
      const self = picked[this.again] === picked[last] ? "agreed with yourself" : "changed your mind";
      lines.push(`The last pair was an earlier one, its sides swapped: you ${self}. Both votes count.`);
    }
    return lines;
  }

  // What the votes have made of the hero's answer: the preferred one of the two.
  answer() {
    const [pair] = this.pairs,
      mine = this.votes[0] && this.side(pair, this.votes[0]);
    if (pair.question === theQuestion() && mine) return { by: "sft", who: "the answer you chose; no model has changed", ...mine };
    const said = DATA.scenes.sft.missing ? null : rowOf(DATA.scenes.sft.rows).greedy.at(-1);
    return said ? { by: "sft", when: "whose answers are voted on", ...said } : null;
  }

  says(step) {
    if (step >= this.pairs.length) return "the count";
    return `pair ${step + 1} of ${this.pairs.length}${this.votes[step] ? "" : ": playing waits for your vote"}`;
  }
}

// The votes as a file that `minialign tour --votes` reads, a line of JSON per vote; as an address to download from.
function ballotFile() {
  const line = ({ pair, a, b, vote, repeat_of, seconds }, number) => {
    const [chosen, rejected] = vote === "a" ? [a, b] : [b, a];
    return JSON.stringify({
      prompt: pair.question,
      chosen: chosen.text,
      rejected: rejected.text,
      chosen_ended: chosen.ended,
      rejected_ended: rejected.ended,
      vote,
      a: a.text,
      a_ended: a.ended,
      b: b.text,
      b_ended: b.ended,
      pair: number,
      repeat_of,
      seconds,
    });
  };
  return "data:application/x-ndjson;charset=utf-8," + encodeURIComponent(BALLOTS.map(line).join("\n") + "\n");
}

function asking() {
  const keys = h("span", { class: "by-key" }, " (keys A and B)");
  return ["Which answer is better? Choose one", keys, "; then see the raters\u2019 vote. Play waits for yours."];
}
