// Scene 5: the loop and its leash.

function leash(refresh) {
  let which = FIVE.runs.findIndex((run) => run.own),
    loop,
    scores,
    kls,
    words;
  const run = () => FIVE.runs[which],
    longest = Math.max(0.1, ...FIVE.runs.flatMap((r) => r.kl));
  const name = (r) => (r.beta === 0 ? "no leash" : `beta ${r.beta}`) + (r.own ? ", this run" : "");
  const lines = (series) =>
    FIVE.runs
      .map((r) => ({
        name: name(r),
        kind: r === run() ? "ppo" : "other",
        points: r[series].map((y, x) => [x, y]),
        label: r.beta === 0 ? "no leash" : `beta ${r.beta}`,
        strong: r === run(),
      }))
      .sort((a, b) => a.strong - b.strong);

  function answersAt(step) {
    const diary = run().texts,
      when = Math.max(...diary.map((t) => t.step).filter((t) => t <= step), 0);
    return [when, diary.filter((t) => t.step === when).slice(0, 3)];
  }

  return {
    get steps() {
      return run().kl.length;
    },
    get pace() {
      return Math.max(350, Math.min(1500, 14000 / run().kl.length));
    },
    mount(stage) {
      loop = h("div", { class: "loop" });
      scores = h("div", { class: "plot" });
      kls = h("div", { class: "plot" });
      words = h("ol", { class: "said-list" });
      stage.append(
        FIVE.runs.length > 1
          ? choice("leash", FIVE.runs.map(name), which, (i) => {
              which = i;
              refresh();
            })
          : h(
              "p",
              { class: "missing" },
              "Only the leash of this run is in its cache. PPO on other leashes, and on none: minialign page --leashes",
            ),
        loop,
        h("div", { class: "columns" }, scores, kls),
        words,
      );
    },
    show(step, playing) {
      loop.replaceChildren(loopPicture(run(), step, longest, loop.clientWidth, playing));
      const n = run().rollouts || FIVE.rollouts;
      chart(scores, {
        lines: lines("scores"),
        now: step,
        x: "iteration",
        y: "score that PPO chases",
        height: 220,
        words: `Score at iteration ${step}: ${number(run().scores[step])}. ${n} answers an iteration.`,
      });
      chart(kls, {
        lines: lines("kl"),
        now: step,
        x: "iteration",
        y: "KL from SFT, nats an answer",
        height: 220,
        words: `KL at iteration ${step}: ${number(run().kl[step])} nats.`,
      });
      const [when, texts] = answersAt(step);
      words.replaceChildren(
        ...texts.map((t) =>
          h(
            "li",
            {},
            h("span", { class: "duel-question" }, t.question),
            h("span", { class: "words" }, shownText(t.text, t.ended)),
            h(
              "span",
              { class: "tags" },
              t.score === null ? "no score" : `score ${number(t.score, 1, true)}`,
              ` \u00b7 truth ${number(t.gold, 1, true)} \u00b7 after ${when} iterations`,
            ),
          ),
        ),
      );
    },
    says: (step) =>
      `iteration ${step}: score ${number(run().scores[step], 2, true)}, KL ${number(run().kl[step])} nats`,
  };
}

// The loop on the left; on the right the spring between the SFT model and the policy, as long as the measured KL.
function loopPicture(run, step, longest, width, playing) {
  width = Math.max(280, width || 700);
  const narrow = width < 620,
    height = narrow ? 330 : 210,
    w = narrow ? 360 : Math.min(width, 980);
  const kl = Math.max(0, run.kl[step]),
    from = narrow ? 40 : 430,
    y = narrow ? 262 : 100,
    room = w - from - 70,
    to = from + 62 + (room - 62) * (kl / longest);
  const tied = run.beta ? `on a leash of beta ${run.beta}` : "without a leash";
  const says = `Sample, score, nudge. The policy is ${number(run.kl[step])} nats away from the SFT model, ${tied}.`;
  const picture = s("svg", {
    width: Math.min(width, w * scale()),
    viewBox: `0 0 ${w} ${height}`,
    role: "img",
    "aria-label": says,
    class: "chart loop-picture",
  });
  const stops = [
    ["the policy", "answers", 60, 112],
    ["the reward", "model scores", 180, 26],
    ["PPO nudges", "the policy", 300, 112],
  ];
  const arcs = ["M 62 88 Q 72 46 114 34", "M 246 34 Q 288 46 298 86", "M 286 142 Q 180 202 76 144"];
  picture.append(
    ...arcs.map((d, i) =>
      s("path", { d, class: `arc${playing && step % 3 === i ? " on" : ""}`, "marker-end": "url(#tip)" }),
    ),
  );
  picture.append(
    s(
      "defs",
      {},
      s(
        "marker",
        {
          id: "tip",
          viewBox: "0 0 10 10",
          refX: 8,
          refY: 5,
          markerWidth: 11,
          markerHeight: 11,
          markerUnits: "userSpaceOnUse",
          orient: "auto",
        },
        s("path", { d: "M0 0L10 5L0 10z", class: "tip" }),
      ),
    ),
  );
  stops.forEach(([a, b, x, cy]) =>
    picture.append(
      s("text", { x, y: cy - 2, "text-anchor": "middle", class: "stop" }, a),
      s("text", { x, y: cy + 16, "text-anchor": "middle", class: "stop" }, b),
    ),
  );
  const tension = run.beta === 0 ? 0 : Math.max(1.2, Math.min(5, 1.6 + Math.log2(run.beta / 0.2)));
  if (run.beta === 0) picture.append(s("path", { d: `M${from + 14} ${y}H${to - 14}`, class: "no-leash" }));
  else
    picture.append(
      s("path", { d: spring(from + 12, to - 12, y), class: "spring", "stroke-width": tension.toFixed(1) }),
    );
  picture.append(symbol("sft", from, y, 12), symbol("ppo", to, y, 13));
  picture.append(
    s("text", { x: from, y: y + 38, "text-anchor": "middle", class: "label sft" }, "SFT"),
    s("text", { x: to, y: y + 38, "text-anchor": "middle", class: "label ppo" }, "PPO"),
  );
  picture.append(
    s("text", { x: (from + to) / 2, y: y - 26, "text-anchor": "middle", class: "kl" }, `${number(run.kl[step])} nats`),
  );
  picture.append(
    s(
      "text",
      { x: from, y: y + 62, "text-anchor": "start", class: "small" },
      run.beta === 0 ? "no leash: distance costs nothing" : `every nat costs ${run.beta} of score`,
    ),
  );
  return picture;
}

function spring(from, to, y, coils = 9) {
  const lead = 6,
    width = (to - from - 2 * lead) / coils;
  let d = `M${from} ${y}h${lead}`;
  for (let i = 0; i < coils; i++) d += `l${width / 4} -11l${width / 2} 22l${width / 4} -11`;
  return d + `h${lead}`;
}
