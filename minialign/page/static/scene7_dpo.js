// Scene 7: the shortcut, the scoreboard, and a chat with all models.

class DpoScene {
  constructor(data) {
    Object.assign(this, { data, pace: 2600, greedy: true, typing: [] });
    const moved = (nats) => `${number(nats, 1, true)} nats`;
    this.news = [
      "The same votes. What can be learned from them?",
      "The long way: votes train a reward model, and PPO raises its score on a leash.",
      "The shortcut: DPO moves the policy itself, so that the chosen answer gains on the rejected one.",
      `What counts is the difference: chosen ${moved(data.moved_chosen)}, rejected ${moved(data.moved_rejected)}.`,
    ];
    this.steps = this.news.length;
  }

  mount(stage) {
    this.road = h("div", { class: "road" });
    this.curve = h("div", { class: "plot" });
    stage.append(this.road, h("div", { class: "columns" }, this.curve, scoreboard(this.data.board)));
    if (haveModels) stage.append(this.chat());
    else stage.append(h("p", { class: "missing" }, DATA.models.missing));
  }

  chat() {
    this.input = h("input", { name: "question", value: DATA.questions[0], maxlength: 60, autocomplete: "off" });
    this.seed = h("input", { name: "seed", type: "number", min: 0, value: STATE.seed });
    this.note = h("p", { class: "note", role: "status" });
    const form = h(
      "form",
      { class: "own chat", onsubmit: (event) => this.ask(event) },
      labelled("Your question", this.input),
      choice("words", ["most probable", "sampled"], 0, (i) => {
        this.greedy = i === 0;
      }),
      labelled("seed", this.seed),
      h("button", { type: "submit" }, "Ask them all"),
    );
    const suggestions = DATA.questions.map((question) => {
      const asks = () => {
        this.input.value = question;
        form.requestSubmit();
      };
      return h("button", { type: "button", onclick: asks }, question);
    });
    this.cards = Object.fromEntries(Object.keys(NAMES).map((name) => [name, this.card(name)]));
    return h(
      "section",
      { class: "talk", "data-part": "chat", "aria-label": "chat" },
      h("h3", {}, "Talk to all models: they run in this page"),
      form,
      h("div", { class: "suggestions", role: "group", "aria-label": "suggestions" }, suggestions),
      this.note,
      h("div", { class: "cards", "aria-live": "polite" }, Object.values(this.cards)),
    );
  }

  // A model's place in the chat, with what it said when the run was made.
  card(name) {
    const { text, ended: hasEnded } = this.data.samples[name][0];
    return h(
      "div",
      { class: `card ${name}` },
      h("h4", {}, glyph(name), NAMES[name]),
      h("p", { class: "words" }, shownText(text, hasEnded)),
      h("p", { class: "tags" }, "\u00a0"),
    );
  }

  ask(event) {
    event.preventDefault();
    const typed = readable(this.input.value),
      limit = model("sft").config.context_length - DATA.models.limit - 2,
      question = typed.text.slice(0, limit);
    this.note.textContent = droppedNote(typed) + (question ? `They read: ${question}` : "Nothing is left to ask.");
    if (!question) return;
    this.typing.forEach(clearInterval);
    this.typing = [];
    STATE.seed = Number(this.seed.value) || 0;
    for (const name of Object.keys(NAMES)) this.answer(name, question);
  }

  answer(name, question) {
    const { text, ids, ended: hasEnded } = reply(name, question, this.greedy ? 0 : 1, STATE.seed),
      words = this.cards[name].querySelector(".words"),
      tags = this.cards[name].querySelector(".tags");
    const penalty = hasEnded ? 0 : DATA.models.penalty,
      score = name === "base" || !ids.length ? null : scoreOfIds(question, ids, hasEnded) - penalty;
    const finish = () => {
      words.replaceChildren(...shownText(text, hasEnded));
      tags.textContent = score === null ? "\u00a0" : `reward model: ${number(score, 2, true)}`;
    };
    if (still()) return finish();
    let typed = 0;
    const timer = setInterval(() => {
      words.textContent = text.slice(0, ++typed);
      if (typed < text.length) return;
      clearInterval(timer);
      finish();
    }, 28);
    this.typing.push(timer);
  }

  show(step) {
    this.road.replaceChildren(roadPicture(step, this.road.clientWidth, this.news[step]));
    chart(this.curve, {
      lines: [
        { kind: "dpo", points: this.data.chosen, label: "chosen" },
        { kind: "other", points: this.data.rejected, label: "rejected" },
      ],
      levels: [{ y: 0, label: "the SFT model" }],
      x: "step of DPO",
      y: "moved log-probability, nats",
      height: 240,
      words: this.news.at(-1),
    });
  }

  says(step) {
    return this.news[step];
  }
}

function scoreboard(board) {
  const most = Math.max(...["sampled", "greedy"].flatMap((how) => Object.values(board[how]).map((r) => Math.abs(r.gold))));
  const heads = ["model", "sampled", "greedy", "better than SFT", "KL"];
  const row = (name) => {
    const { win_rate, kl } = board.sampled[name];
    return h(
      "tr",
      {},
      h("th", { scope: "row", class: `name ${name}` }, glyph(name), NAMES[name]),
      ["sampled", "greedy"].map((how) => h("td", {}, goldBar(board[how][name].gold, most, name))),
      h("td", {}, name === "sft" ? "\u2013" : percent(win_rate)),
      h("td", {}, kl === null ? "\u2013" : number(kl)),
    );
  };
  return h(
    "table",
    { class: "board", "data-part": "board gold" },
    h("caption", {}, "gold: the score of a judge who knows the truth, which no training stage has seen"),
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, Object.keys(NAMES).map(row)),
  );
}

function goldBar(gold, most, name) {
  const inner = h("span", { class: `bar ${name}` }), width = most ? (50 * Math.abs(gold)) / most : 0;
  inner.style.width = `${width}%`;
  inner.style.left = gold < 0 ? `${50 - width}%` : "50%";
  return [
    h("span", { class: "gold-track", "aria-hidden": "true" }, inner),
    h("span", { class: "gold-number" }, number(gold, 2, true)),
  ];
}

// Two roads from the votes to a better policy: side by side where there is room, else one beside the other downwards.
function roadPicture(step, width, words) {
  const w = Math.max(280, Math.min(980, width || 760)), narrow = w < 560, height = narrow ? 240 : 170;
  const { roads, stops } = narrow ? roadsDown(w) : roadsAcross(w),
    lit = { long: step === 1 || step === 3, short: step >= 2 };
  return s(
    "svg",
    {
      width: w * scale(),
      viewBox: `0 0 ${w} ${height}`,
      role: "img",
      "aria-label": words,
      class: "chart road-picture",
    },
    arrowTip("road-tip", 15),
    roads.map(([d, which, kind]) =>
      s("path", { d, class: `way ${kind}${lit[which] ? " on" : ""}`, "marker-end": "url(#road-tip)" }),
    ),
    stops.map(([x, y, text, kind]) => svgText(x, y + 5, "middle", `stop ${kind}`, text)),
  );
}

function roadsDown(w) {
  const left = 0.26 * w, right = 0.78 * w, middle = w / 2;
  return {
    roads: [
      [`M${middle - 34} 22Q${left} 24 ${left} 62`, "long", "reward"],
      [`M${left} 92V130`, "long", "ppo"],
      [`M${left} 160Q${left} 208 ${middle - 36} 214`, "long", "ppo"],
      [`M${middle + 34} 22Q${right} 24 ${right} 90V150Q${right} 208 ${middle + 36} 214`, "short", "dpo"],
    ],
    stops: [
      [middle, 18, "votes", ""],
      [left, 78, "reward model", "reward"],
      [left, 146, "PPO, on a leash", "ppo"],
      [middle, 214, "policy", ""],
      [right - 30, 112, "DPO", "dpo"],
    ],
  };
}

function roadsAcross(w) {
  const a = 46 + 0.3 * (w - 92), b = 46 + 0.66 * (w - 92), end = w - 86;
  return {
    roads: [
      [`M80 78Q150 48 ${a - 76} 48`, "long", "reward"],
      [`M${a + 70} 48H${b - 84}`, "long", "ppo"],
      [`M${b + 78} 48Q${end - 40} 48 ${end} 76`, "long", "ppo"],
      [`M80 98Q150 128 ${a} 128H${b}Q${end - 50} 128 ${end} 102`, "short", "dpo"],
    ],
    stops: [
      [46, 88, "votes", ""],
      [a, 48, "reward model", "reward"],
      [b, 48, "PPO, on a leash", "ppo"],
      [w - 46, 88, "policy", ""],
      [w / 2, 114, "DPO", "dpo"],
    ],
  };
}
