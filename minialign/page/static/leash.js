// The leash as one gesture: drag, and the answer rewrites itself; one needle for the score, one for the truth.

class LeashScene {
  /** @param {Shown.LeashScene} data  @param {Refresh} refresh */
  constructor(data, refresh) {
    this.data = data;
    this.refresh = refresh;
    this.pace = 220;
    this.steps = data.betas.length;
    this.asked = 0;
    this.opensAt = 0;
    this.scrubName = "leash, from tight to loose";
    this.proxy = floats32(data.proxy);
    this.gold = floats32(data.gold);
    this.index = words16(data.index);
    this.curve = data.betas.map((beta) => tilted(this.proxy, this.gold, data.answers, beta));
    this.begins = this.stepOf(STATE.beta || data.own || 1);
    const far = this.curve.findIndex((point) => point.effective < data.few); // from there on too few answers are left
    this.decides = (far < 1 ? this.steps : far) - 1;
    this.suspense = "Drag to the loose end, and see.";
    this.turn();
    const all = this.curve.flatMap((point) => [point.proxy, point.gold]);
    this.mean = { curve: this.curve, start: data.start, range: [Math.min(data.start.gold, data.start.proxy, ...all), Math.max(...all)] };
    this.seen = this.mean;
  }

  turn() {
    this.asked = Math.max(0, this.data.questions.indexOf(theQuestion()));
    this.seen = this.mean;
    if (this.which) this.which.press(0);
  }

  // What the needles show: the mean over all questions, or the one where the truth falls most.
  look(alone) {
    const { worst, questions, answers: K, betas } = this.data;
    this.asked = alone ? worst : Math.max(0, questions.indexOf(theQuestion()));
    if (alone && !this.alone) {
      const [proxy, gold] = [this.proxy, this.gold].map((values) => values.subarray(worst * K, (worst + 1) * K)),
        curve = betas.map((beta) => tilted(proxy, gold, K, beta)),
        start = tilted(proxy, gold, K, Infinity), // all answers weigh the same: the SFT model
        all = [...curve, start].flatMap((point) => [point.proxy, point.gold]);
      this.alone = { curve, start, range: [Math.min(...all), Math.max(...all)] };
    }
    this.seen = alone ? this.alone : this.mean;
    this.refresh(undefined, null);
  }

  // The stop nearest to a beta.
  stepOf(beta) {
    const far = this.data.betas.map((stop) => Math.abs(Math.log(stop / beta)));
    return Math.max(0, far.indexOf(Math.min(...far)));
  }

  at(step) {
    return this.curve[Math.min(step, this.curve.length - 1)];
  }

  // The same point of what the needles show.
  here(step) {
    return this.seen.curve[Math.min(step, this.seen.curve.length - 1)];
  }

  // The answers to one question, equal texts together -> [{text, usual, weight, proxy, gold}], heaviest first.
  grouped(beta) {
    const { answers: K, texts } = this.data,
      groups = new Map();
    tiltedWeights(this.proxy, K, this.asked, beta).forEach((weight, k) => {
      const i = this.asked * K + k,
        which = this.index[i];
      const fresh = { text: texts[which], usual: 0, weight: 0, proxy: this.proxy[i], gold: this.gold[i] },
        group = groups.get(which) || fresh;
      group.usual += 1 / K;
      group.weight += weight;
      groups.set(which, group);
    });
    return [...groups.values()].sort((a, b) => b.weight - a.weight || b.usual - a.usual);
  }

  mount(stage, more) {
    this.dials = h("div", { class: "dials" });
    this.which = this.data.falls && choice("needles", [`mean of ${this.data.questions.length} questions`, "where the truth falls"], 0, (i) => this.look(i === 1));
    this.rope = h("div", { class: "rope", "aria-hidden": "true" });
    this.tug = h("div", { class: "tug" }, this.dials, this.rope);
    this.tug.addEventListener("pointerdown", (event) => this.pull(event));
    this.tug.addEventListener("pointermove", (event) => event.buttons && this.pull(event));
    const which = this.which && h("span", { class: "which-needles", "data-part": "gold" }, this.which);
    const what = which ? "" : `Needles: means over ${this.data.questions.length} questions. `;
    const grey = `${what}Grey mark: the SFT model. Nothing is trained here.`;
    stage.append(this.tug, h("div", { class: "means" }, which || "", h("span", { class: "small" }, grey)));
    this.mountMore(more);
  }

  // Wherever the pointer is, there the leash is held.
  pull(event) {
    const box = this.rope.getBoundingClientRect(),
      [from, to] = ropeEnds(box.width);
    const share = Math.max(0, Math.min(1, (event.clientX - box.left - from) / (to - from)));
    const step = Math.round(share * (this.steps - 1));
    event.preventDefault();
    if (event.isTrusted && event.type === "pointerdown") this.tug.setPointerCapture(event.pointerId);
    this.refresh(step);
  }

  show(step) {
    const c = this.at(step);
    STATE.beta = c.beta;
    const { start, range: [low, high] } = this.seen,
      here = this.here(step);
    this.dials.replaceChildren(
      dial("score", "of the reward model (proxy)", here.proxy, start.proxy, low, high, "proxy"),
      dial("truth", "of a judge who knows (gold)", here.gold, start.gold, low, high, "gold"),
    );
    const lost = here.effective < this.data.few;
    this.rope.replaceChildren(ropePicture(step / (this.steps - 1), here, lost, this.rope.clientWidth || 700));
  }

  mountMore(more) {
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
    this.select = h(
      "select",
      {},
      this.data.questions.map((question, i) => h("option", { value: i }, question)),
    );
    this.select.addEventListener("change", () => {
      this.turn(); // back to the mean
      this.asked = Number(this.select.value);
      this.refresh();
    });
    const bars = "bar: share of the weight at this beta; thin line: share of the SFT model\u2019s own answers";
    const answers = h(
      "div",
      { "data-part": "answers" },
      labelled("One question: which answers the leash favours", this.select),
      this.weights,
      h("p", { class: "small" }, bars),
    );
    more.append(
      this.numbers,
      h("div", { class: "columns wide-left" }, h("div", {}, this.plot, legend), answers),
      overrated(this.data),
    );
  }

  detail(step) {
    const c = this.at(step);
    this.select.value = String(this.asked);
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
    const marks = hidden("dots") ? [] : dots.flatMap((dot) => placeMarks(dot, proxy, gold));
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

  // The answer that has most weight now.
  answer(step) {
    const { text } = this.grouped(this.at(step).beta)[0],
      whole = !text.endsWith("...");
    return {
      by: "sft",
      when: `reweighted at beta ${number(this.at(step).beta, 2)}`,
      text: whole ? text : text.slice(0, -3),
      ended: whole,
      asked: this.seen === this.mean ? null : this.data.questions[this.asked],
      good: `one of ${this.data.falls} questions where the truth falls`,
    };
  }

  says(step) {
    return inWords(this.here(step));
  }
}

// One point of the slider in words, without what is hidden.
function inWords(c) {
  const values = [
    !hidden("proxy") && `score ${number(c.proxy, 2, true)}`,
    !hidden("gold") && `truth ${number(c.gold, 2, true)}`,
    `KL ${number(c.kl)} nats`,
    `${number(c.effective, 0)} answers in play`,
  ];
  return `beta ${Number(c.beta.toPrecision(2))}: ${values.filter(Boolean).join(", ")}`;
}

function placeMarks(dot, proxy, gold) {
  const common = { x: dot.kl, kind: dot.name, own: dot.own },
    lowest = { label: placeName(dot), stem: proxy && gold ? dot.proxy : undefined };
  return [
    proxy && { ...common, y: dot.proxy, ...(gold ? {} : lowest) },
    gold && { ...common, y: dot.gold, ...lowest },
  ].filter(Boolean);
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
  const inner = h("span", { class: "bar reward" }),
    tick = h("span", { class: "tick" });
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
