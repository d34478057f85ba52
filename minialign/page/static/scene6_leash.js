// Scene 6: how tight a leash?  The answers of the SFT model, weighed anew for every beta.

// The best policy on K stored answers is a softmax: reweighting.py says why, a test compares the two.
function tilted(proxy, gold, K, beta) {
  const sum = { beta, proxy: 0, gold: 0, kl: 0, effective: 0 }, P = proxy.length / K;
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

class LeashScene {
  constructor(data, refresh) {
    Object.assign(this, { data, refresh, pace: 260, steps: data.betas.length, asked: 0 });
    this.scrubName = "leash, from tight to loose";
    this.proxy = floats32(data.proxy);
    this.gold = floats32(data.gold);
    this.index = words16(data.index);
    this.curve = data.betas.map((beta) => tilted(this.proxy, this.gold, data.answers, beta));
    this.begins = this.stepOf(STATE.beta || data.own || 1);
  }

  // The stop nearest to a beta.
  stepOf(beta) {
    const far = this.data.betas.map((stop) => Math.abs(Math.log(stop / beta)));
    return Math.max(0, far.indexOf(Math.min(...far)));
  }

  at(step) {
    return this.curve[Math.min(step, this.curve.length - 1)];
  }

  // The answers to one question, equal texts together -> [{text, usual, weight, proxy, gold}], heaviest first.
  grouped(beta) {
    const { answers: K, texts } = this.data, groups = new Map();
    tiltedWeights(this.proxy, K, this.asked, beta).forEach((weight, k) => {
      const i = this.asked * K + k, which = this.index[i];
      const fresh = { text: texts[which], usual: 0, weight: 0, proxy: this.proxy[i], gold: this.gold[i] },
        group = groups.get(which) || fresh;
      group.usual += 1 / K;
      group.weight += weight;
      groups.set(which, group);
    });
    return [...groups.values()].sort((a, b) => b.weight - a.weight || b.usual - a.usual);
  }

  mount(stage) {
    this.plot = h("div", { class: "plot" });
    this.numbers = h("dl", { class: "stats" });
    this.weights = h("ol", { class: "weights" });
    const legend = h(
      "p",
      { class: "legend", "data-part": "dots" },
      glyph("ppo"),
      ` ${NAMES.ppo} at its beta, `,
      glyph("dpo"),
      ` ${NAMES.dpo}: trained models, the large ones of this run`,
      h("span", { "data-part": "gold" }, "; each by its proxy (above) and its gold"),
    );
    const select = h("select", {}, this.data.questions.map((question, i) => h("option", { value: i }, question)));
    select.addEventListener("change", () => {
      this.asked = Number(select.value);
      this.refresh();
    });
    const bars = "bar: share of the weight at this beta; thin line: share of the SFT model's own answers";
    const answers = h(
      "div",
      { "data-part": "answers" },
      labelled("One question: which answers the leash favours", select),
      this.weights,
      h("p", { class: "small" }, bars),
    );
    const columns = h("div", { class: "columns wide-left" }, h("div", {}, this.plot, legend), answers);
    stage.append(this.numbers, columns, overrated(this.data));
  }

  show(step) {
    const c = this.at(step);
    STATE.beta = c.beta;
    this.numbers.classList.toggle("lost", c.effective < this.data.few);
    this.numbers.replaceChildren(...this.stats(c, step));
    this.draw(c);
    this.weights.replaceChildren(...this.grouped(c.beta).slice(0, 6).map(weighed));
  }

  stats(c, step) {
    const { start, answers: K, few } = this.data,
      left = c.effective < few ? "too few answers remain" : "price per nat of distance";
    return [
      stat("beta", number(c.beta, c.beta < 1 ? 3 : 2), step === 0 ? "a tight leash" : left, "beta"),
      stat("proxy", number(c.proxy, 2, true), `SFT: ${number(start.proxy, 2, true)}`, "reward"),
      stat("gold", number(c.gold, 2, true), `SFT: ${number(start.gold, 2, true)}`, "gold"),
      stat("KL", number(c.kl), `nats; at most ln ${K} = ${number(Math.log(K))}`, "kl"),
      stat("answers still in play", number(c.effective, 1), `of ${K} per question`, "effective"),
    ];
  }

  draw(c) {
    const { dots, few } = this.data,
      proxy = !hidden("proxy"),
      gold = !hidden("gold"),
      lost = this.curve.filter((point) => point.effective < few);
    const line = (part, kind, label) => ({ kind, label, points: this.curve.map((point) => [point.kl, point[part]]) });
    const marks = hidden("dots")
      ? []
      : dots.flatMap((dot) => {
          const common = { x: dot.kl, kind: dot.name, own: dot.own },
            lowest = { label: placeName(dot), stem: proxy && gold ? dot.proxy : undefined };
          return [
            proxy && { ...common, y: dot.proxy, ...(gold ? {} : lowest) },
            gold && { ...common, y: dot.gold, ...lowest },
          ].filter(Boolean);
        });
    chart(this.plot, {
      lines: [proxy && line("proxy", "proxy", "proxy"), gold && line("gold", "gold", "gold (truth)")].filter(Boolean),
      marks,
      now: c.kl,
      grey: lost.length ? [lost[0].kl, this.curve.at(-1).kl] : null,
      x: "KL from SFT, nats",
      y: "mean score",
      height: 420,
      words: inWords(c),
    });
  }

  says(step) {
    return inWords(this.at(step));
  }
}

// One point of the slider in words, without what is hidden.
function inWords(c) {
  const values = [
    !hidden("proxy") && `proxy ${number(c.proxy, 2, true)}`,
    !hidden("gold") && `gold ${number(c.gold, 2, true)}`,
    `KL ${number(c.kl)} nats`,
    `${number(c.effective, 1)} answers still in play`,
  ];
  return `beta ${c.beta}: ${values.filter(Boolean).join(", ")}`;
}

function placeName(dot) {
  if (dot.name !== "ppo") return NAMES[dot.name];
  return `${NAMES.ppo} ${dot.beta === 0 ? "no leash" : dot.beta}`;
}

function stat(name, value, extra, kind) {
  const part = kind === "reward" ? "proxy" : kind;
  return h(
    "div",
    { class: `stat ${kind}`, "data-part": part },
    h("dt", {}, name),
    h("dd", {}, value),
    h("dd", { class: "small" }, extra),
  );
}

function weighed(group) {
  const inner = h("span", { class: "bar reward" }), tick = h("span", { class: "tick" });
  inner.style.width = `${100 * group.weight}%`;
  tick.style.left = `${100 * group.usual}%`;
  const score = h("span", { "data-part": "proxy" }, ` \u00b7 score ${number(group.proxy, 1, true)}`);
  return h(
    "li",
    {},
    h("span", { class: "words" }, group.text),
    h("span", { class: "bar-track" }, inner, tick),
    h("span", { class: "tags" }, percent(group.weight), score, truth(group.gold)),
  );
}

// The gallery.  Which answers are in it tells of the truth, so hide=gold hides all of it.
function overrated({ gallery, phrase }) {
  const shared = phrase
    ? `"${phrase.phrase}" is in ${percent(phrase.share)} of these; of all answers, in ${percent(phrase.usual)}`
    : "These have no turn of phrase in common that other answers lack.";
  const entry = (g) =>
    h(
      "li",
      {},
      h("span", { class: "duel-question" }, g.question),
      h("span", { class: "words" }, shownText(g.text, g.ended)),
      h("span", { class: "tags" }, `score ${number(g.proxy, 1, true)}`, truth(g.gold)),
    );
  return h(
    "details",
    { class: "gallery", "data-part": "gallery gold", open: true },
    h("summary", {}, "The gallery: what the reward model likes far beyond its worth"),
    h("p", {}, shared),
    h("ol", {}, gallery.map(entry)),
  );
}
