// PPO's loop: one answer goes round four models.  Drawn, scored, compared with what the critic expected, held by the
// reference; and then pushed up or down.

const PHASES = ["draw", "score", "expect", "hold", "push"];

class LoopScene {
  /** @param {Shown.PpoScene} data  @param {Refresh} refresh */
  constructor(data, refresh) {
    const which = data.runs.findIndex((run) => run.own);
    this.data = data;
    this.refresh = refresh;
    this.which = which;
    this.pace = 1400;
    this.opensAt = 0;
  }

  get run() {
    return this.data.runs[this.which];
  }

  // The iterations after which the policy was asked.
  get rounds() {
    return [...new Set(this.run.texts.map((t) => t.step))];
  }

  get steps() {
    return Math.max(1, this.rounds.length) * PHASES.length;
  }

  // Of a step: the iteration, the phase of its round, and the answer that goes round.
  at(step) {
    const iteration = this.rounds[Math.floor(step / PHASES.length)] ?? 0,
      phase = step % PHASES.length;
    return { iteration, phase, answer: rowOf(this.run.texts.filter((t) => t.step === iteration)) };
  }

  mount(stage, more) {
    this.loop = h("ol", { class: "round" });
    this.back = h("p", { class: "back", role: "status" });
    this.push = h("div", { class: "push" });
    this.verdict = h("p", { class: "verdict-line", role: "status" });
    stage.append(this.loop, this.back, this.push, this.verdict);
    this.sum = h("p", { class: "small" });
    this.scores = h("div", { class: "plot" });
    this.kls = h("div", { class: "plot" });
    const { runs } = this.data,
      names = runs.map((run) => leashName(run) + (run.own ? ", this run" : ""));
    const pick = (i) => {
      this.which = i;
      this.refresh();
    };
    more.append(
      runs.length > 1 ? choice("leash", names, this.which, pick) : "",
      this.sum,
      h("div", { class: "columns" }, this.scores, this.kls),
    );
  }

  show(step) {
    const { iteration, phase, answer } = this.at(step);
    if (!answer) {
      this.loop.replaceChildren(
        h("li", { class: "missing" }, "This run took no snapshots of PPO; a new tour takes them."),
      );
      return;
    }
    const sums = this.sums(answer),
      stops = this.stops(answer, sums, iteration);
    this.loop.replaceChildren(...stops.map((stop, i) => station(stop, i, phase)));
    this.goBack(step, phase, sums);
    this.push.replaceChildren(pushPicture(sums, phase, this.push.clientWidth || 700));
    this.verdict.replaceChildren(this.inWords(step, phase, sums), this.mistaken(phase, answer.gold, sums));
  }

  // The arrow that closes the loop: what goes back to the policy, and how many rounds pass before the next that is shown.
  goBack(step, phase, { advantage }) {
    const unseen = phase === 0 ? this.unseen(step) : "",
      back = advantage === null || phase < 4 ? "and back to the policy" : `back to the policy: ${advantage > 0 ? "more" : "less"} of it`;
    this.back.className = `back${phase === 4 || unseen ? " on" : ""}`;
    const words = unseen ? `${unseen}, ${this.data.rollouts} answers each` : back;
    if (this.back.textContent !== words) this.back.replaceChildren(h("span", {}, words));
  }

  // Of the first step of a round: the iterations since the round before, of which no answer was kept.
  unseen(step) {
    const k = Math.floor(step / PHASES.length);
    return k && step % PHASES.length === 0 ? passedUnseen(this.rounds[k - 1] + 1, this.rounds[k] - 1) : "";
  }

  stays(step) {
    return this.unseen(step) ? 4 : 1; // there is more to read
  }

  // What happened in those iterations: the mean score of all answers, and what became of this one.
  between(step) {
    const { iteration, answer } = this.at(step),
      { iteration: before, answer: old } = this.at(step - 1),
      [from, to] = [before, iteration].map((i) => number(this.run.scores[Math.min(i, this.run.scores.length - 1)], 2, true)),
      [was, is] = [old, answer].map((said) => `\u201c${spoken(said.text) || "(nothing)"}\u201d`);
    const became = was === is ? `this answer stayed ${is}` : `this answer turned from ${was} to ${is}`;
    return `Meanwhile the mean score of all answers went from ${from} to ${to}; ${became}.`;
  }

  // What PPO makes of an answer; null: not noted in this run.
  sums({ score, expected, distance }) {
    const cost = distance === null ? null : this.run.beta * distance;
    const advantage = score === null || expected === null || cost === null ? null : score - cost - expected;
    return { score, expected, distance, cost, advantage };
  }

  stops(answer, { score, expected, cost }, iteration) {
    const said = (x, digits = 2) => (x === null ? "\u2013" : number(x, digits, true));
    return [
      {
        name: "policy",
        does: "the model in training, draws",
        big: spoken(answer.text) || "(nothing)",
        kind: "ppo",
        note: iteration ? after(iteration) : "a copy of SFT",
        words: true,
      },
      { name: "reward model", does: "scores it", big: said(score), kind: "reward", note: "frozen" },
      { name: "critic", does: "predicts the score", big: said(expected), kind: "critic", note: "learns, too" },
      {
        name: "reference",
        does: "frozen SFT, the leash",
        big: cost === null ? "\u2013" : number(-cost, 2, true),
        kind: "sft",
        note: cost !== null && cost < 0 ? "gives back" : "charge for distance",
      },
    ];
  }

  inWords(step, phase, { score, expected, distance, cost, advantage }) {
    const not = "not noted in this run";
    return [
      this.unseen(step) ? this.between(step) : "Drawn: one answer of the policy.",
      score === null ? "A text that the reward model cannot read." : `Scored ${number(score, 2, true)}.`,
      expected === null
        ? `What the critic had expected was ${not}.`
        : `The critic had expected ${number(expected, 2, true)}.`,
      cost === null
        ? `How far it has moved from the SFT model was ${not}.`
        : `${asProbable(distance)} as under the SFT model: the leash ${cost < 0 ? "gives back" : "charges"} ${number(Math.abs(cost))}.`,
      advantage === null
        ? "A new tour records what is missing here."
        : `${advantage > 0 ? "Better" : "Worse"} than expected by ${number(Math.abs(advantage))}: pushed ${advantage > 0 ? "up" : "down"}. With all pushes so far: ${asProbable(distance).toLowerCase()} as under SFT.`,
    ][phase];
  }

  // The score is not the truth, and here one sees it.
  mistaken(phase, gold, { advantage }) {
    if (phase < 4 || advantage === null || advantage > 0 === gold > 0) return "";
    return h("span", { "data-part": "gold" }, ` But it is ${gold > 0 ? "good" : "bad"}: truth ${number(gold, 1, true)}.`);
  }

  // Under "more": score and KL of the whole training.
  detail(step) {
    const { iteration, answer } = this.at(step),
      at = Math.min(iteration, this.run.kl.length - 1);
    this.sum.textContent = answer ? this.inNumbers(this.sums(answer)) : "";
    const common = { now: at, x: "iteration", height: 220 };
    chart(this.scores, {
      ...common,
      lines: this.lines("scores"),
      y: "score that PPO maximises",
      words: `Score at iteration ${at}: ${number(this.run.scores[at])}, over ${this.data.rollouts} answers per iteration.`,
    });
    chart(this.kls, {
      ...common,
      lines: this.lines("kl"),
      y: "KL from SFT, nats per answer",
      words: `KL at iteration ${at}: ${number(this.run.kl[at])} nats per answer.`,
    });
  }

  // The sum of the answer that goes round, with its nats.
  inNumbers({ score, expected, distance, cost, advantage }) {
    if (advantage === null) return "";
    const leash = `beta ${this.run.beta} \u00d7 ${number(distance, 2, true)} nats (log policy / reference) = ${number(cost, 2, true)}`;
    return `This answer: ${leash}; advantage = ${number(score, 2, true)} \u2212 (${number(cost, 2, true)}) \u2212 (${number(expected, 2, true)}) = ${number(advantage, 2, true)}.`;
  }

  // One series of all runs, the chosen run drawn last and strongest.
  lines(series) {
    return this.data.runs
      .map((run) => ({
        kind: run === this.run ? "ppo" : "other",
        points: run[series].map((y, x) => [x, y]),
        label: leashName(run),
        strong: run === this.run,
      }))
      .sort((a, b) => Number(a.strong) - Number(b.strong));
  }

  answer(step) {
    const { iteration, answer } = this.at(step);
    return answer
      ? {
          by: "ppo",
          when: iteration ? `sampled ${after(iteration)}` : "sampled at the start",
          text: answer.text,
          ended: answer.ended,
        }
      : null;
  }

  says(step) {
    const { iteration, phase } = this.at(step);
    return `iteration ${iteration}: ${["drawn", "scored", "compared", "held", "pushed"][phase]}`;
  }
}

// "iterations 3 to 9 pass unseen"; nothing where none is between.
function passedUnseen(first, last) {
  if (first > last) return "";
  if (first === last) return `iteration ${first} passes unseen`;
  return `iterations ${first} ${last === first + 1 ? "and" : "to"} ${last} pass unseen`;
}

// "As probable", "0.30 times as probable": the policy's probability of an answer, over that of the reference.
function asProbable(nats) {
  return Math.abs(nats) < 0.005 ? "As probable" : `${number(Math.exp(nats))} times as probable`;
}

function after(iterations) {
  return `after ${iterations} iteration${iterations === 1 ? "" : "s"}`;
}

function leashName(run) {
  return run.beta === 0 ? "no leash" : `beta ${run.beta}`;
}

// One of the four models; dim until its turn has come.
function station({ name, does, big, kind, note, words = false }, i, phase) {
  const state = phase === i || phase === 4 ? " on" : phase > i ? " done" : " later";
  return h(
    "li",
    { class: `station ${kind}${state}` },
    h("span", { class: "station-name" }, name),
    h("span", { class: "station-does" }, does),
    h("span", { class: words ? "station-words" : "station-big" }, phase >= i ? big : "\u2026"),
    h("span", { class: "station-note" }, note),
  );
}

// The sum that decides: the score pulls, the expectation and the leash are taken off; what is left is the push.
function pushPicture({ score, expected, cost, advantage }, phase, width) {
  const u = unit(),
    narrow = width < 54 * u, // no room beside the bars: the labels are above them
    lane = narrow ? 2.5 * u : 1.55 * u,
    height = 3 * lane + 0.9 * u,
    zero = width / 2;
  const parts = [
    { label: "score", taken: score, sign: 1, kind: "reward", from: 1 },
    { label: "minus expected", taken: expected, sign: -1, kind: "critic", from: 2 },
    { label: "leash", taken: cost, sign: -1, kind: "sft", from: 3, own: true },
  ].filter(({ taken, from }) => taken !== null && phase >= from);
  const stops = [0, score || 0, (score || 0) - (expected || 0), advantage || 0],
    most = Math.max(1, ...stops.map(Math.abs)),
    scaled = (value) => (value / most) * (width / 2 - (narrow ? 0.5 : 19) * u);
  let at = zero;
  const bars = parts.map(({ label, taken, sign, kind, own }, i) => {
    const to = at + scaled(sign * taken),
      [left, right] = [Math.min(at, to), Math.max(at, to)],
      y = (i + 1) * lane - 0.55 * u,
      bare = `${label} ${number(own ? -taken : taken, 2, true)}`,
      text = sign > 0 || own ? bare : `${bare}: ${number(-taken, 2, true)}`; // the bar's own sign is the last
    const bar = { x: left, y: y - 0.45 * u, width: Math.max(1, right - left), height: 0.9 * u, class: `push-bar ${kind}` };
    const name = narrow
      ? svgText(0.2 * u, y - 0.8 * u, "start", "label", text)
      : left + right >= 2 * zero // outside, where no line is
        ? svgText(right + 0.5 * u, y + 0.35 * u, "start", "label", text)
        : svgText(left - 0.5 * u, y + 0.35 * u, "end", "label", text);
    at = to;
    return [[s("line", { x1: zero, x2: zero, y1: y - 0.65 * u, y2: y + 0.65 * u, class: "level" }), s("rect", bar)], name];
  });
  const [rects, names] = [bars.map(([rect]) => rect), bars.map(([, name]) => name)]; // names over all lines
  const end = phase >= 4 &&
    advantage !== null && [
      s("line", { x1: at, x2: at, y1: 3 * lane - 0.1 * u, y2: height - 0.1 * u, class: "now" }),
      s("path", { d: `M${zero} ${height - 0.4 * u}H${at}`, class: "arc on", "marker-end": "url(#push-tip)" }),
    ];
  const words =
    advantage === null
      ? "The push on this answer."
      : `Score, minus what was expected, minus the leash: a push of ${number(advantage, 2, true)}.`;
  return s(
    "svg",
    { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words, class: "chart push-picture" },
    arrowTip("push-tip", u * 0.8),
    rects,
    end || null,
    names,
  );
}
