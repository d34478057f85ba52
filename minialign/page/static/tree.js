// The probability tree: at every character the base model fans out over what could follow, one branch is taken, and the
// text grows by it.  A branch can be picked by hand; the temperature says how much the favourite is favoured.

const FAN = 5; // branches that are shown of each fan

class TreeScene {
  /** @param {Shown.BaseScene} data  @param {Refresh} refresh */
  constructor(data, refresh) {
    this.data = data;
    this.refresh = refresh;
    this.pace = 240;
    this.at = 0;
    this.temperature = 1;
    this.opensAt = undefined;
    this.turn();
  }

  // Another question: back to a sample of the run.
  turn() {
    const row = rowOf(this.data.rows);
    this.start(row.question, row.samples[0].text, row.samples[0].ended);
  }

  start(question, text, hasEnded) {
    this.question = question;
    this.said = Array.from(text);
    this.end = hasEnded;
    this.fans = null;
    this.opensAt = this.begins = this.undecided();
  }

  // One step per character, and one for the end.
  get steps() {
    return this.said.length + 1;
  }

  // What the base model thinks of every next character, as logits: after the question, after each character of the answer.
  expected() {
    if (this.fans || !haveModels) return this.fans || [];
    const whole = readable(this.question).text + this.said.join("");
    this.fans = model("base")
      .allLogits([EOS, ...encode(whole)])
      .slice(-this.steps);
    return this.fans;
  }

  shares(step) {
    return softmax(Array.from(this.expected()[step], (z) => z / this.temperature));
  }

  // The first character at which it hesitates.
  undecided() {
    if (!haveModels) return 0;
    for (let step = 0; step < this.steps; step++) if (Math.max(...softmax(this.expected()[step])) < 0.6) return step;
    return 0;
  }

  // Where a temperature shows: this step, or, if one branch has nearly all, the first at which it hesitates.
  hesitation() {
    const certain = haveModels && Math.max(...softmax(this.expected()[this.at])) > 0.95;
    return certain ? this.undecided() : undefined;
  }

  // Take one branch at a step, and let chance write the rest.
  pick(step, id) {
    const { limit } = DATA.models,
      before = this.said.slice(0, step),
      ids = [EOS, ...encode(this.question + before.join(""))];
    this.said = before;
    this.end = true;
    if (id !== EOS) {
      const rest = model("base").generate(
        [...ids, id],
        Math.max(1, limit - step - 1),
        this.temperature,
        randomFrom(STATE.seed++),
      );
      const known = rest.ids.filter((next) => next >= DATA.special.length);
      this.said = [...before, ...Array.from(decode([id, ...known]))];
      this.end = rest.ended;
    }
    this.fans = null;
    this.refresh(Math.min(step + 1, this.steps - 1));
  }

  mount(stage, more) {
    this.tree = h("div", { class: "tree" });
    this.reading = h("output", {}, "1.0");
    this.heat = h("input", { type: "range", min: 0.2, max: 2, step: 0.1, value: 1, "aria-label": "temperature" });
    this.heat.addEventListener("input", () => {
      this.temperature = Number(this.heat.value);
      this.reading.textContent = this.temperature.toFixed(1);
      this.refresh(this.hesitation());
    });
    const heat = h(
      "label",
      { class: "heat", "data-part": "sample" },
      h("span", {}, "temperature"),
      this.heat,
      this.reading,
    );
    stage.append(this.tree, haveModels ? heat : h("p", { class: "missing" }, DATA.models.missing));
    if (haveModels) more.append(this.ownText());
  }

  ownText() {
    const note = h("p", { class: "note", role: "status" });
    const input = h("input", { name: "text", maxlength: 60, autocomplete: "off", placeholder: "once a cat" });
    const submit = (event) => {
      event.preventDefault();
      const typed = readable(input.value),
        text = typed.text.slice(0, 60);
      note.textContent = droppedNote(typed) + (text ? "" : "Nothing is left to continue.");
      if (!text) return;
      const found = model("base").generate([EOS, ...encode(text)], DATA.models.limit, 1, randomFrom(STATE.seed++));
      const section = /** @type {HTMLElement} */ (this.tree.closest("section"));
      if (document.documentElement.classList.contains("present")) section.querySelector("details").open = false;
      this.start(text, decode(found.ids.filter((id) => id >= DATA.special.length)), found.ended);
      this.refresh(0, true);
      mark();
      section.scrollIntoView({ block: "start" }); // what it writes is on top
    };
    return h(
      "form",
      { class: "own", onsubmit: submit, "data-part": "own" },
      labelled("Or begin a text of your own", input),
      h("button", { type: "submit" }, "Continue it"),
      note,
    );
  }

  show(step) {
    this.at = step;
    if (!haveModels)
      return this.tree.replaceChildren(h("p", { class: "paper" }, this.question, this.said.slice(0, step)));
    this.tree.replaceChildren(this.picture(step));
  }

  // Fans from left to right, the newest at the right, where its branches can be picked.
  picture(step) {
    const u = unit(),
      width = this.tree.clientWidth || 700,
      row = Number(getComputedStyle(this.tree).getPropertyValue("--row")) * u, // as the screen has room
      height = FAN * row + 0.6 * u;
    const narrow = width < 30 * u,
      column = (narrow ? 2.3 : 4.4) * u,
      front = Math.min(11 * u, (narrow ? 0.42 : 0.6) * width);
    const shown = Math.max(1, Math.min(step + 1, Math.floor((width - front) / column)));
    const columns = Array.from({ length: shown }, (_, i) => this.fan(step - shown + 1 + i));
    const x = (i) => width - front + (i - shown + 1) * column + 1.2 * u,
      y = (rank) => (rank + 0.5) * row;
    let from = 0; // the rank of the branch that was taken before
    const parts = [],
      nodes = [];
    columns.forEach((fan, i) => {
      const newest = i === shown - 1;
      fan.forEach(({ id, share, taken }, rank) => {
        const on = taken && !newest;
        if (!newest && !taken && share < 0.005) return; // where it was sure, there was nothing to choose
        if (i > 0) parts.push(branch(x(i - 1), y(from), x(i) - (id === EOS && !newest ? 0.6 * u : 0), y(rank), share, on, u));
        nodes.push(
          newest
            ? this.leaf(step, id, share, [x(i), y(rank), width - x(i) - 0.2 * u, row])
            : knot(characterName(id), x(i), y(rank), on),
        );
      });
      from = Math.max(
        0,
        fan.findIndex((entry) => entry.taken),
      );
    });
    const words = `After \u201c${this.question}${this.said.slice(0, step).join("")}\u201d the model expects ${this.inWords(step)}.`;
    const picture = s(
      "svg",
      { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words },
      parts,
      nodes.filter((n) => n instanceof SVGElement),
    );
    return h(
      "div",
      { class: "branches" },
      picture,
      nodes.filter((n) => !(n instanceof SVGElement)),
    );
  }

  // The most probable next characters, and the one that was taken, whatever its rank.
  fan(step) {
    const p = this.shares(step),
      next = step < this.said.length ? encode(this.said[step])[0] : this.end ? EOS : -1;
    const best = topOf(p, FAN);
    if (next >= 0 && !best.some(([id]) => id === next)) best[FAN - 1] = [next, p[next]];
    return best.map(([id, share]) => ({ id, share, taken: id === next }));
  }

  // A branch of the newest fan: a button.
  leaf(step, id, share, [x, y, wide, row]) {
    const name = characterName(id),
      bar = h("i", { class: "leaf-bar" });
    bar.style.width = `${100 * share}%`;
    const button = h(
      "button",
      {
        type: "button",
        class: "leaf",
        "data-part": "next",
        onclick: () => this.pick(step, id),
        "aria-label": `take ${name}, ${percent(share)}`,
      },
      bar,
      h("b", {}, name),
      h("span", {}, percent(share)),
    );
    Object.assign(button.style, {
      left: `${x}px`,
      top: `${y - 0.42 * row}px`,
      width: `${wide}px`,
      height: `${0.84 * row}px`,
    });
    return button;
  }

  inWords(step) {
    return this.fan(step)
      .map(({ id, share }) => `${characterName(id)} with ${percent(share)}`)
      .join(", ");
  }

  answer(step) {
    const typed = this.said.slice(0, step).join(""),
      whole = step >= this.said.length;
    const asked = this.question === theQuestion() ? null : this.question;
    return { by: "base", when: "going on", text: typed, ended: this.end, typed: whole ? null : `${typed}\u2588`, asked };
  }

  says(step) {
    if (step < this.said.length) return `${step} of ${this.said.length} characters`;
    return this.end ? "the end of the text" : "cut off at the limit";
  }
}

function branch(x0, y0, x1, y1, share, on, u) {
  const middle = (x0 + x1) / 2,
    thick = Math.max((on ? 0.18 : 0.06) * u, 0.55 * u * share).toFixed(1);
  const d = `M${x0 + 0.9 * u} ${y0}C${middle} ${y0} ${middle} ${y1} ${x1 - 0.9 * u} ${y1}`;
  return s("path", { d, class: `branch${on ? " on" : ""}`, "stroke-width": thick });
}

function knot(name, x, y, on) {
  return svgText(x, y + 0.35 * unit(), "middle", `knot${on ? " on" : ""}`, name);
}

function topOf(p, n) {
  return Array.from(p, (share, id) => [id, share])
    .filter(([id]) => id === EOS || id >= DATA.special.length)
    .sort((a, b) => b[1] - a[1])
    .slice(0, n);
}

function characterName(id) {
  const text = decode([id]);
  return text === " " ? "\u2423" : id === EOS ? "EOS" : text;
}
