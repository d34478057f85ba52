// The leash as one gesture: drag, and the answer rewrites itself; one needle for the score, one for the truth.

class LeashScene {
  /** @param {Shown.LeashScene} data  @param {Refresh} refresh */
  constructor(data, refresh) {
    this.data = data;
    this.refresh = refresh;
    this.pace = 220;
    this.steps = data.betas.length;
    this.picked = 0; // the question whose answers are shown beside the mean
    this.one = true; // do the needles show one question, if there is one where the truth falls?
    this.opensAt = 0;
    this.scrubName = "leash, from tight to loose";
    this.proxy = floats32(data.proxy);
    this.gold = floats32(data.gold);
    this.index = words16(data.index);
    this.curve = data.betas.map((beta) => tilted(this.proxy, this.gold, data.answers, beta));
    this.begins = this.stepOf(STATE.beta || data.own || 1);
    this.mean = { curve: this.curve, start: data.start };
    this.single = data.falls ? this.alone(data.worst) : null;
    const { curve } = this.single || this.mean,
      far = curve.findIndex((point) => point.effective < data.few); // from there on too few answers are left
    this.decides = Math.max(1, (far < 1 ? this.steps : far) - 1);
    this.suspense = "Drag to the loose end, and see.";
    this.turn();
    const all = [this.mean, ...(this.single ? [this.single] : [])]
      .flatMap(({ curve, start }) => [...curve, start])
      .flatMap((point) => [point.proxy, point.gold]);
    this.range = [Math.min(...all), Math.max(...all)]; // one scale for all needles
  }

  turn() {
    this.picked = Math.max(0, this.data.questions.indexOf(theQuestion()));
    this.one = true;
    if (this.which) this.which.press(0);
  }

  // The leash on one question alone.
  alone(i) {
    const { answers: K, betas } = this.data,
      [proxy, gold] = [this.proxy, this.gold].map((values) => values.subarray(i * K, (i + 1) * K));
    const start = tilted(proxy, gold, K, Infinity); // all answers weigh the same: the SFT model
    return { curve: betas.map((beta) => tilted(proxy, gold, K, beta)), start };
  }

  // Show one question, or the mean over all of them.
  look(one) {
    this.one = one;
    this.refresh(undefined, null);
  }

  // What the needles show: the question where the truth falls most, if there is one; else, or second, the mean.
  get seen() {
    return this.one && this.single && !hidden("gold") ? this.single : this.mean;
  }

  // The question whose answers are weighed.
  get asked() {
    return this.seen === this.mean ? this.picked : this.data.worst;
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
    const n = this.data.questions.length;
    this.which = this.single && choice("needles", ["one question", `mean of ${n} questions`], 0, (i) => this.look(i === 0));
    this.whose = h("p", { class: "whose", "data-part": "gold" });
    this.rope = h("div", { class: "rope", "aria-hidden": "true" });
    this.tug = h("div", { class: "tug" }, this.dials, this.rope);
    this.tug.addEventListener("pointerdown", (event) => this.pull(event));
    this.tug.addEventListener("pointermove", (event) => event.buttons && this.pull(event));
    const which = this.which && h("span", { class: "which-needles", "data-part": "gold" }, this.which);
    this.grey = h("span", { class: "small" });
    stage.append(h("div", { class: "means" }, which || "", this.whose), this.tug, this.grey);
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
    const { start } = this.seen,
      [low, high] = this.range,
      here = this.here(step),
      what = this.single && !hidden("gold") ? "" : `Needles: means over ${this.data.questions.length} questions. `;
    this.whose.textContent = this.inOneSentence();
    this.grey.textContent = `${what}Grey mark: the SFT model. Nothing is trained here.`;
    this.dials.replaceChildren(
      dial("score", "of the reward model (proxy)", here.proxy, start.proxy, low, high, "proxy"),
      dial("truth", "of a judge who knows (gold)", here.gold, start.gold, low, high, "gold"),
    );
    const lost = here.effective < this.data.few;
    this.rope.replaceChildren(ropePicture(step / (this.steps - 1), here, lost, this.rope.clientWidth || 700));
  }

  // Which question, or questions, the needles are about, and what the other view would show.
  inOneSentence() {
    const { falls, questions, few } = this.data,
      n = questions.length,
      trusted = this.curve.findLast((point) => point.effective >= few) || this.curve[0],
      mean = `from ${number(this.data.start.gold, 2, true)} to ${number(trusted.gold, 2, true)}`;
    if (!this.single) return "";
    const rises = trusted.gold > this.data.start.gold,
      moral = rises ? `Where score and truth agree, a loose leash pays; on ${falls} they part.` : `It falls on ${falls} of them.`;
    return this.seen === this.mean
      ? `All ${n} questions: mean truth ${mean}. ${moral}`
      : `One question: of ${n}, the one where the truth falls most. It falls on ${falls}; the mean of all ${n} goes ${mean}.`;
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
      this.picked = Number(this.select.value); // beside the mean
      if (this.which) this.which.press(1);
      this.look(false);
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
      h("p", { class: "small" }, `Means over the ${this.data.questions.length} questions of this scene, ${this.data.answers} answers each:`),
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
      whole = !text.endsWith("..."),
      question = this.data.questions[this.asked];
    return {
      by: "sft",
      who: `${NAMES.sft}\u2019s answers, reweighted at beta ${number(this.at(step).beta, 2)}`,
      text: whole ? text : text.slice(0, -3),
      ended: whole,
      asked: question === theQuestion() ? null : question,
      good: this.seen === this.mean ? "" : this.data.good,
    };
  }

  says(step) {
    return `leash: beta ${Number(this.here(step).beta.toPrecision(2))}, ${number(this.here(step).kl)} nats (KL) from SFT`;
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
