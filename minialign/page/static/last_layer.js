// The reward model's last layer, trained in the page: Bradley-Terry on stored features, from zero to the only minimum.

class LastLayerScene {
  /** @param {Shown.RewardScene} data  @param {Refresh} refresh */
  constructor(data, refresh) {
    this.data = data;
    this.refresh = refresh;
    this.pace = 240; // its 25 steps take six seconds
    this.source = "run";
    this.paths = {};
    this.opensAt = 0;
    const { last_layer: layer } = data,
      rows = (text) => rowsOf(floats16(text), layer.width);
    this.train = rows(layer.train);
    this.chosen = rows(layer.chosen);
    this.rejected = rows(layer.rejected);
    this.candidates = layer.candidates.map((c) => ({ ...c, rows: rowsOf(floats16(c.features), layer.width) }));
    this.scrubName = "training of the last layer";
  }

  // The rows of votes to train on: the run's, the viewer's, or both.
  rows() {
    const own = this.source === "run" ? [] : BALLOTS.map(ballotFeatures);
    return this.source === "own" && own.length ? own : [...this.train, ...own];
  }

  // The weights after every step of the training, made when they are first looked at.
  get path() {
    const key = this.source === "run" ? "run" : `${this.source} ${BALLOTS.length}`;
    const { width, l2 } = this.data.last_layer;
    return (this.paths[key] = this.paths[key] || this.trained(trainedOnVotes(this.rows(), width, l2)));
  }

  // path -> weights, loss and share of held-out votes in order, after every step.
  trained(path) {
    const rows = this.rows(),
      held = this.chosen.map((chosen, i) => [chosen, this.rejected[i]]);
    return path.map((w) => ({
      w,
      loss: voteLoss(w, rows, 0),
      right: held.reduce((sum, [a, b]) => sum + inOrder(dot(w, a) - dot(w, b)), 0) / held.length,
    }));
  }

  get steps() {
    return 26; // small and whole steps of trainedOnVotes, and the start
  }

  mount(stage, more) {
    this.duels = this.data.pairs.map(duel);
    this.list = h("ol", { class: "duels" }, this.duels);
    this.curve = h("div", { class: "plot" });
    this.order = h("p", { class: "big" });
    this.sources = choice("votes", ["the run\u2019s votes", "yours alone", "both"], 0, (i) => {
      this.source = ["run", "own", "both"][i];
      this.refresh(0, true);
    });
    this.note = h("p", { class: "note", role: "status" });
    const legend = h(
      "p",
      { class: "legend" },
      chip("chosen"),
      " chosen by the raters ",
      chip("rejected"),
      " rejected; \u2192 higher score",
    );
    stage.append(
      h(
        "div",
        { class: "columns" },
        h("div", {}, this.list, legend),
        h("div", {}, this.sources, this.note, this.curve, this.order),
      ),
    );
    this.whole = h("div", { class: "plot" });
    more.append(h("div", { class: "columns" }, this.whole, haveModels ? this.ownForm() : ""));
    if (haveModels) this.scoreOwn();
  }

  show(step) {
    const { path } = this,
      { w, right } = path[step];
    if (!this.scale) this.settle(path.at(-1).w);
    const [, own, both] = this.sources.querySelectorAll("button");
    own.disabled = both.disabled = !haveModels || !BALLOTS.length;
    const mine = `${BALLOTS.length} ${BALLOTS.length === 1 ? "vote" : "votes"} of yours`;
    this.note.textContent = !BALLOTS.length
      ? "Vote in scene 3, and your votes can train it too."
      : {
          run: "",
          own: `Trained on ${mine} alone: so few are soon learned by heart, and their low loss says little about others.`,
          both: `Trained on the run\u2019s votes and ${mine}.`,
        }[this.source];
    this.data.last_layer.shown.forEach((k, i) => {
      if (this.chosen[k]) this.move(this.duels[i], dot(w, this.chosen[k]), dot(w, this.rejected[k]), this.scale);
    });
    chart(this.curve, {
      lines: [{ kind: "reward", points: path.map(({ loss }, i) => [i, loss]) }],
      now: step,
      levels: [{ y: Math.LN2, label: "a coin toss: 0.69 (ln 2)" }],
      x: "step of this training",
      y: "loss",
      height: 165,
      low: 0,
      words: `The loss goes from ln 2 = ${number(path[0].loss, 3)} to ${number(path.at(-1).loss, 3)}.`,
    });
    this.order.replaceChildren(
      h("strong", {}, percent(right)),
      ` of ${this.chosen.length} held-out votes predicted`,
    );
  }

  // One scale for all that is shown later, and the pairs that end up farthest apart, as voted, first.
  settle(w) {
    const { shown } = this.data.last_layer;
    const apart = (k) => (this.chosen[k] ? dot(w, this.chosen[k]) - dot(w, this.rejected[k]) : -Infinity);
    const order = this.duels.map((row, i) => ({ row, gap: apart(shown[i]) })).sort((a, b) => b.gap - a.gap);
    this.list.append(...order.map(({ row }) => row));
    this.scale = this.most(w);
  }

  // The largest score that is shown at the end: the scale of the tracks.
  most(w) {
    const scores = this.data.last_layer.shown
      .filter((k) => this.chosen[k])
      .flatMap((k) => [this.middle(w, this.chosen[k], k), this.middle(w, this.rejected[k], k)]);
    return 1.15 * Math.max(0.5, ...scores.map(Math.abs));
  }

  // A score, from the middle between the two of its pair: only the difference means anything.
  middle(w, row, k) {
    return dot(w, row) - (dot(w, this.chosen[k]) + dot(w, this.rejected[k])) / 2;
  }

  // Both balls of a pair, the bar between them, and the verdict.
  move(row, chosen, rejected, most) {
    const middle = (chosen + rejected) / 2,
      right = chosen > rejected,
      gap = row.querySelector(".gap");
    const place = (score) => 50 + (50 * Math.max(-most, Math.min(most, score - middle))) / most;
    row.querySelector(".ball.chosen").style.left = `${place(chosen)}%`;
    row.querySelector(".ball.rejected").style.left = `${place(rejected)}%`;
    gap.style.left = `${place(Math.min(chosen, rejected))}%`;
    gap.style.right = `${100 - place(Math.max(chosen, rejected))}%`;
    gap.classList.toggle("wrong", !right);
    const p = sigmoid(Math.abs(chosen - rejected)), // of the side that it prefers
      sure = `${p > 0.995 ? ">99%" : percent(p)} sure`;
    const words =
      chosen === rejected ? "no opinion yet" : right ? `\u2713 as voted, ${sure}` : `\u2717 not as voted, ${sure}`;
    row.querySelector(".duel-verdict").textContent = words;
  }

  detail() {
    const { loss } = this.data,
      [first, last] = [loss[0][1], loss.at(-1)[1]].map((value) => number(value, 3));
    chart(this.whole, {
      lines: [{ kind: "reward", points: loss }],
      levels: [{ y: Math.LN2, label: "a coin toss: ln 2 = 0.693" }],
      x: "step",
      y: "loss of the whole reward model, in this run",
      height: 230,
      low: 0,
      words: `The loss goes from ${first} to ${last}; a coin toss costs ln 2.`,
    });
  }

  ownForm() {
    const field = (name, value) => h("input", { name, value, maxlength: 60, autocomplete: "off" });
    this.ask = field("question", theQuestion());
    this.reply = field("answer", rowOf(this.candidates).answers[0].text);
    this.verdict = h("p", { class: "note", role: "status" });
    const submit = (event) => {
      event.preventDefault();
      this.scoreOwn();
    };
    for (const input of [this.ask, this.reply]) input.addEventListener("input", () => this.scoreOwn());
    return h(
      "form",
      { class: "own judge", onsubmit: submit, "data-part": "own" },
      h("h3", {}, "Score any sentence, with the whole reward model"),
      labelled("Question", this.ask),
      labelled("Answer", this.reply),
      h("button", { type: "submit" }, "Score it"),
      this.verdict,
    );
  }

  scoreOwn() {
    const question = readable(this.ask.value),
      answer = readable(this.reply.value);
    const dropped = [...new Set([question.dropped, answer.dropped].join(" ").split(" "))].filter(Boolean).join(" "),
      note = droppedNote({ dropped });
    const room = model("reward").config.context_length - 4;
    if (!question.text || !answer.text || question.text.length + answer.text.length > room) {
      this.verdict.textContent = `${note}Both a question and an answer, please, and not too long.`;
      return;
    }
    const score = scoreOf(question.text, answer.text);
    const where = `${number(Math.abs(score))} standard deviations ${score > 0 ? "above" : "below"}`;
    this.verdict.textContent = `${note}score ${number(score, 2, true)}: ${where} the SFT model\u2019s average answer`;
  }

  // Of the SFT model's usual answers, the one that the last layer likes best now; before it has an opinion, the most frequent.
  answer(step) {
    const { answers, rows } = rowOf(this.candidates),
      scores = rows.map((row) => dot(this.path[step].w, row));
    const best = answers[scores.indexOf(Math.max(...scores))];
    const who = `of ${NAMES.sft}\u2019s own answers, the ${step ? "best scored" : "most frequent"}`;
    return { by: "sft", who, ...best }; // the model that gave them has not changed
  }

  says(step) {
    return step ? `after step ${step}: loss ${number(this.path[step].loss, 3)}` : "before the first vote: loss 0.693, a coin toss";
  }
}

function inOrder(gap) {
  return gap > 0 ? 1 : gap === 0 ? 0.5 : 0;
}

// What a vote of the viewer's adds to the training: chosen minus rejected, read by the reward model itself.
function ballotFeatures({ pair, a, b, vote }) {
  const [chosen, rejected] = (vote === "a" ? [a, b] : [b, a]).map((side) => {
    const ids = [...encode(readable(side.text).text), ...(side.ended ? [EOS] : [])];
    return model("reward").features([USER, ...encode(readable(pair.question).text), BOT, ...ids], ids.length, model("sft"));
  });
  return chosen.map((value, i) => value - rejected[i]);
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
      h("span", {}, chip("chosen"), " ", spoken(pair.chosen)),
      h("span", {}, chip("rejected"), " ", spoken(pair.rejected)),
    ),
    h(
      "div",
      { class: "duel-score" },
      h("span", { class: "track", "aria-hidden": "true" }, parts),
      h("span", { class: "duel-verdict" }),
    ),
  );
}
