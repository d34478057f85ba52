// Scene 6: how tight?.

// The leashed optimum on K stored answers is a softmax: reweighting.py says why, a test holds the two together.
function tilted(proxy, gold, K, beta) {
  const sum = { beta, proxy: 0, gold: 0, kl: 0, effective: 0 },
    P = proxy.length / K;
  for (let p = 0; p < P; p++) {
    const weights = tiltedWeights(proxy, K, p, beta);
    let entropy = 0;
    weights.forEach((weight, k) => {
      sum.proxy += weight * proxy[p * K + k];
      sum.gold += weight * gold[p * K + k];
      if (weight > 0) entropy -= weight * Math.log(weight);
    });
    sum.kl += Math.log(K) - entropy;
    sum.effective += Math.exp(entropy);
  }
  for (const name of ["proxy", "gold", "kl", "effective"]) sum[name] /= P;
  return sum;
}

function tiltedWeights(proxy, K, p, beta) {
  return softmax(Array.from(proxy.subarray(p * K, (p + 1) * K), (score) => score / beta));
}

function told(c) {
  const values = `proxy ${number(c.proxy, 2, true)}, gold ${number(c.gold, 2, true)}, KL ${number(c.kl)} nats`;
  return `beta ${c.beta}: ${values}, ${number(c.effective, 1)} effective answers`;
}

function tightness(refresh) {
  const proxy = floats32(SIX.proxy),
    gold = floats32(SIX.gold),
    index = words16(SIX.index),
    K = SIX.answers;
  const curve = SIX.betas.map((beta) => tilted(proxy, gold, K, beta)),
    few = curve.filter((c) => c.effective < SIX.few);
  let plot,
    numbers,
    weights,
    asked = 0;
  const at = (step) => curve[Math.min(step, curve.length - 1)];

  // The answers to one question, equal texts together -> [{text, usual, weight, proxy, gold}], heaviest first.
  function grouped(beta) {
    const groups = new Map(),
      share = tiltedWeights(proxy, K, asked, beta);
    share.forEach((weight, k) => {
      const i = asked * K + k,
        group = groups.get(index[i]) || {
          text: SIX.texts[index[i]],
          usual: 0,
          weight: 0,
          proxy: proxy[i],
          gold: gold[i],
        };
      group.usual += 1 / K;
      group.weight += weight;
      groups.set(index[i], group);
    });
    return [...groups.values()].sort((a, b) => b.weight - a.weight || b.usual - a.usual);
  }

  function stat(name, value, extra, kind) {
    return h(
      "div",
      { class: `stat ${kind}`, "data-part": name.split(" ")[0] },
      h("dt", {}, name),
      h("dd", {}, value),
      h("dd", { class: "small" }, extra),
    );
  }

  return {
    steps: SIX.betas.length,
    pace: 260,
    begins: SIX.betas.reduce(
      (best, beta, i) =>
        Math.abs(Math.log(beta / (STATE.beta || SIX.own || 1))) <
        Math.abs(Math.log(SIX.betas[best] / (STATE.beta || SIX.own || 1)))
          ? i
          : best,
      0,
    ),
    scrubName: "leash, from tight to loose",
    curve,
    proxy,
    gold,
    mount(stage) {
      plot = h("div", { class: "plot" });
      numbers = h("dl", { class: "stats" });
      weights = h("ol", { class: "weights" });
      const select = h(
        "select",
        {
          onchange: (event) => {
            asked = Number(event.target.value);
            refresh();
          },
        },
        SIX.questions.map((q, i) => h("option", { value: i }, q)),
      );
      stage.append(
        numbers,
        h(
          "div",
          { class: "columns wide-left" },
          h(
            "div",
            {},
            plot,
            h(
              "p",
              { class: "legend", "data-part": "dots" },
              glyph("ppo"),
              " PPO at its beta, ",
              glyph("dpo"),
              " DPO: trained models, the large ones in this run; each by its proxy (above) and its gold",
            ),
          ),
          h(
            "div",
            { "data-part": "answers" },
            labelled("One question, and where its weight goes", select),
            weights,
            h(
              "p",
              { class: "small" },
              "bar: share of the weight at this beta; thin line: share of the SFT model's own answers",
            ),
          ),
        ),
        h(
          "details",
          { class: "gallery", "data-part": "gallery", open: true },
          h("summary", {}, "The gallery: what the reward model likes far beyond its worth"),
          h(
            "p",
            {},
            SIX.phrase
              ? `"${SIX.phrase.phrase}" stands in ${percent(SIX.phrase.share)} of these; of all: ${percent(SIX.phrase.usual)}`
              : "These have no turn of phrase in common that other answers lack.",
          ),
          h(
            "ol",
            {},
            SIX.gallery.map((g) =>
              h(
                "li",
                {},
                h("span", { class: "duel-question" }, g.question),
                h("span", { class: "words" }, shownText(g.text, g.ended)),
                h(
                  "span",
                  { class: "tags" },
                  `score ${number(g.proxy, 1, true)} \u00b7 truth ${number(g.gold, 1, true)}`,
                ),
              ),
            ),
          ),
        ),
      );
    },
    show(step) {
      const c = at(step),
        lost = c.effective < SIX.few;
      STATE.beta = c.beta;
      numbers.classList.toggle("lost", lost);
      numbers.replaceChildren(
        stat(
          "beta",
          number(c.beta, c.beta < 1 ? 3 : 2),
          step === 0 ? "a tight leash" : lost ? "too few answers remain" : "what a nat costs",
          "beta",
        ),
        stat("proxy", number(c.proxy, 2, true), `SFT: ${number(SIX.start.proxy, 2, true)}`, "reward"),
        stat("gold", number(c.gold, 2, true), `SFT: ${number(SIX.start.gold, 2, true)}`, "gold"),
        stat("KL", number(c.kl), `nats; at most ln ${K} = ${number(Math.log(K))}`, "kl"),
        stat("effective answers", number(c.effective, 1), `of ${K} to a question`, "effective"),
      );
      const marks = hidden("dots")
        ? []
        : SIX.dots.flatMap((dot) => [
            ...(hidden("proxy") ? [] : [{ x: dot.kl, y: dot.proxy, kind: dot.name, own: dot.own }]),
            ...(hidden("gold")
              ? []
              : [
                  {
                    x: dot.kl,
                    y: dot.gold,
                    stem: hidden("proxy") ? undefined : dot.proxy,
                    kind: dot.name,
                    own: dot.own,
                    label:
                      `${NAMES[dot.name]} ${dot.name === "ppo" ? (dot.beta === 0 ? "no leash" : dot.beta) : ""}`.trim(),
                  },
                ]),
          ]);
      const line = (part, kind, label) => ({ name: part, kind, label, points: curve.map((p) => [p.kl, p[part]]) });
      chart(plot, {
        lines: [
          ...(hidden("proxy") ? [] : [line("proxy", "reward", "proxy")]),
          ...(hidden("gold") ? [] : [line("gold", "gold", "gold (truth)")]),
        ],
        marks,
        now: c.kl,
        grey: few.length ? [few[0].kl, curve.at(-1).kl] : null,
        x: "KL from SFT, nats",
        y: "mean score",
        height: 420,
        words: told(c),
      });
      weights.replaceChildren(
        ...grouped(c.beta)
          .slice(0, 6)
          .map((g) => {
            const inner = h("span", { class: "bar reward" }),
              tick = h("span", { class: "tick" });
            inner.style.width = `${100 * g.weight}%`;
            tick.style.left = `${100 * g.usual}%`;
            return h(
              "li",
              {},
              h("span", { class: "words" }, g.text),
              h("span", { class: "bar-track" }, inner, tick),
              h(
                "span",
                { class: "tags" },
                `${percent(g.weight)} \u00b7 score ${number(g.proxy, 1, true)} \u00b7 truth ${number(g.gold, 1, true)}`,
              ),
            );
          }),
      );
    },
    says: (step) => told(at(step)),
  };
}
