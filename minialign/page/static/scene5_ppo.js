// Scene 5: PPO's loop, and the leash (the KL penalty) that it is on.

class PpoScene {
  constructor(data, refresh) {
    const which = data.runs.findIndex((run) => run.own);
    Object.assign(this, { data, refresh, which });
    this.longest = Math.max(0.1, ...data.runs.flatMap((run) => run.kl));
  }

  get run() {
    return this.data.runs[this.which];
  }

  get steps() {
    return this.run.kl.length;
  }

  get pace() {
    return Math.max(350, Math.min(1500, 14000 / this.steps));
  }

  mount(stage) {
    this.loop = h("div", { class: "loop" });
    this.scores = h("div", { class: "plot" });
    this.kls = h("div", { class: "plot" });
    this.words = h("ol", { class: "said-list" });
    const { runs } = this.data,
      names = runs.map((run) => leashName(run) + (run.own ? ", this run" : "")),
      alone = "Only the leash of this run is in its cache. PPO on other leashes, and on none: minialign page --leashes";
    const pick = (i) => {
      this.which = i;
      this.refresh();
    };
    stage.append(
      runs.length > 1 ? choice("leash", names, this.which, pick) : h("p", { class: "missing" }, alone),
      this.loop,
      h("div", { class: "columns" }, this.scores, this.kls),
      this.words,
    );
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
      .sort((a, b) => a.strong - b.strong);
  }

  show(step, playing) {
    const { run } = this, common = { now: step, x: "iteration", height: 220 };
    this.loop.replaceChildren(loopPicture(run, step, this.longest, this.loop.clientWidth, playing));
    chart(this.scores, {
      ...common,
      lines: this.lines("scores"),
      y: "score that PPO maximises",
      words: `Score at iteration ${step}: ${number(run.scores[step])}, over ${this.data.rollouts} answers per iteration.`,
    });
    chart(this.kls, {
      ...common,
      lines: this.lines("kl"),
      y: "KL from SFT, nats per answer",
      words: `KL at iteration ${step}: ${number(run.kl[step])} nats per answer.`,
    });
    this.words.replaceChildren(...this.answersAt(step));
  }

  // What the policy said at the last snapshot before this step.
  answersAt(step) {
    const when = Math.max(...this.run.texts.map((t) => t.step).filter((at) => at <= step), 0);
    const said = this.run.texts.filter((t) => t.step === when).slice(0, 3);
    return said.map((t) =>
      h(
        "li",
        {},
        h("span", { class: "duel-question" }, t.question),
        h("span", { class: "words" }, shownText(t.text, t.ended)),
        h(
          "span",
          { class: "tags" },
          t.score === null ? "no score" : `score ${number(t.score, 1, true)}`,
          truth(t.gold, " \u00b7 ", "gold board"),
          ` \u00b7 after ${when} iterations`,
        ),
      ),
    );
  }

  says(step) {
    return `iteration ${step}: score ${number(this.run.scores[step], 2, true)}, KL ${number(this.run.kl[step])} nats`;
  }
}

function leashName(run) {
  return run.beta === 0 ? "no leash" : `beta ${run.beta}`;
}

// The loop on the left; on the right the spring between the SFT model and the policy, as long as the measured KL.
function loopPicture(run, step, longest, width, playing) {
  width = Math.max(280, width || 700);
  const narrow = width < 620, height = narrow ? 330 : 210, w = narrow ? 360 : Math.min(width, 980);
  const from = narrow ? 40 : 430,
    y = narrow ? 262 : 100,
    room = w - from - 70,
    to = from + 62 + (room - 62) * (Math.max(0, run.kl[step]) / longest);
  const tied = run.beta ? `on a leash of beta ${run.beta}` : "without a leash";
  const words = `Sample, score, improve. The policy is ${number(run.kl[step])} nats away from the SFT model, ${tied}.`;
  return s(
    "svg",
    {
      width: Math.min(width, w * scale()),
      viewBox: `0 0 ${w} ${height}`,
      role: "img",
      "aria-label": words,
      class: "chart loop-picture",
    },
    loopArrows(playing ? step % 3 : -1),
    leashPicture(run, run.kl[step], from, to, y),
  );
}

function loopArrows(lit) {
  const arcs = ["M 62 88 Q 72 46 114 34", "M 246 34 Q 288 46 298 86", "M 286 142 Q 180 202 76 144"];
  const stops = [
    ["the policy", "answers", 60, 112],
    ["the reward", "model scores", 180, 26],
    ["PPO updates", "the policy", 300, 112],
  ];
  return [
    arrowTip("tip", 11),
    arcs.map((d, i) => s("path", { d, class: `arc${i === lit ? " on" : ""}`, "marker-end": "url(#tip)" })),
    stops.map(([a, b, x, y]) => [svgText(x, y - 2, "middle", "stop", a), svgText(x, y + 16, "middle", "stop", b)]),
  ];
}

// The tighter the leash, the thicker its spring.
function leashPicture({ beta }, kl, from, to, y) {
  const thickness = Math.max(1.2, Math.min(5, 1.6 + Math.log2(beta / 0.2))).toFixed(1);
  const tie =
    beta === 0
      ? s("path", { d: `M${from + 14} ${y}H${to - 14}`, class: "no-leash" })
      : s("path", { d: spring(from + 12, to - 12, y), class: "spring", "stroke-width": thickness });
  const price = beta === 0 ? "no leash: distance costs nothing" : `every nat costs ${beta} of score`;
  return [
    tie,
    symbol("sft", from, y, 12),
    symbol("ppo", to, y, 13),
    svgText(from, y + 38, "middle", "label sft", NAMES.sft),
    svgText(to, y + 38, "middle", "label ppo", NAMES.ppo),
    svgText((from + to) / 2, y - 26, "middle", "kl", `${number(kl)} nats`),
    svgText(from, y + 62, "start", "small", price),
  ];
}

function spring(from, to, y, coils = 9) {
  const lead = 6, width = (to - from - 2 * lead) / coils;
  let d = `M${from} ${y}h${lead}`;
  for (let i = 0; i < coils; i++) d += `l${width / 4} -11l${width / 2} 22l${width / 4} -11`;
  return d + `h${lead}`;
}
