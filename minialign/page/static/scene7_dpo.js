// Scene 7: the shortcut, and the chat.

const moved = (nats) => `${number(nats, 1, true)} nats`;

function shortcut() {
  let road,
    curve,
    cards,
    greedy = true,
    input,
    seed,
    note,
    tempo = [];
  const NEWS = [
    "The same votes. What can be learned from them?",
    "The long way: votes train a reward model, and PPO chases its score on a leash.",
    "The shortcut: DPO moves the policy itself, so that the chosen answer gains on the rejected one.",
    `What counts is the difference: chosen ${moved(SEVEN.dpo.moved_chosen)}, rejected ${moved(SEVEN.dpo.moved_rejected)}.`,
  ];

  function ask(event) {
    event.preventDefault();
    const limit = model("sft").config.context_length - DATA.max_new_tokens - 2,
      question = readable(input.value).slice(0, limit);
    note.textContent = question
      ? question !== input.value
        ? `They read: ${question}`
        : ""
      : "They read a to z, spaces and . , ? ! '";
    if (!question) return;
    tempo.forEach(clearInterval);
    tempo = [];
    STATE.seed = Number(seed.value) || 0;
    for (const [name, card] of Object.entries(cards)) {
      const { text, ended } = reply(name, question, greedy ? 0 : 1, STATE.seed),
        words = card.querySelector(".words");
      const score =
        name === "base" || !text ? null : scoreOf(question, readable(text), ended) - (ended ? 0 : DATA.penalty);
      const finish = () => {
        words.replaceChildren(...shownText(text, ended));
        card.querySelector(".tags").textContent = score === null ? "\u00a0" : `reward model: ${number(score, 2, true)}`;
      };
      if (still()) {
        finish();
        continue;
      }
      let typed = 0;
      const timer = setInterval(() => {
        words.textContent = text.slice(0, ++typed);
        if (typed >= text.length) {
          clearInterval(timer);
          finish();
        }
      }, 28);
      tempo.push(timer);
    }
  }

  return {
    steps: NEWS.length,
    pace: 2600,
    mount(stage) {
      road = h("div", { class: "road" });
      curve = h("div", { class: "plot" });
      const board = SEVEN.board,
        most = Math.max(
          ...["sampled", "greedy"].flatMap((how) => Object.values(board[how]).map((row) => Math.abs(row.gold))),
        );
      const table = h(
        "table",
        { class: "board", "data-part": "board" },
        h("caption", {}, "gold: the score of a judge who knows the truth, and whom no stage has met"),
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ["model", "sampled", "greedy", "better than SFT", "KL"].map((t) => h("th", { scope: "col" }, t)),
          ),
        ),
        h(
          "tbody",
          {},
          Object.keys(NAMES).map((name) =>
            h(
              "tr",
              {},
              h("th", { scope: "row", class: `name ${name}` }, glyph(name), NAMES[name]),
              ["sampled", "greedy"].map((how) => h("td", {}, goldBar(board[how][name].gold, most, name))),
              h("td", {}, name === "sft" ? "\u2013" : percent(board.sampled[name].win_rate)),
              h("td", {}, board.sampled[name].kl === null ? "\u2013" : number(board.sampled[name].kl)),
            ),
          ),
        ),
      );
      stage.append(road, h("div", { class: "columns" }, curve, table));
      if (!haveModels) {
        stage.append(h("p", { class: "missing" }, DATA.models.missing));
        return;
      }
      cards = Object.fromEntries(
        Object.keys(NAMES).map((name) => [
          name,
          h(
            "div",
            { class: `card ${name}` },
            h("h4", {}, glyph(name), NAMES[name]),
            h("p", { class: "words" }, "\u00a0"),
            h("p", { class: "tags" }, "\u00a0"),
          ),
        ]),
      );
      input = h("input", { name: "question", value: DATA.questions[0], maxlength: 60, autocomplete: "off" });
      seed = h("input", { name: "seed", type: "number", min: 0, value: STATE.seed });
      note = h("p", { class: "note", role: "status" });
      const form = h(
        "form",
        { class: "own chat", onsubmit: ask },
        labelled("Your question", input),
        choice("words", ["most probable", "sampled"], 0, (i) => {
          greedy = i === 0;
        }),
        labelled("seed", seed),
        h("button", { type: "submit" }, "Ask all four"),
      );
      stage.append(
        h(
          "section",
          { class: "talk", "data-part": "chat", "aria-label": "chat" },
          h("h3", {}, "Talk to all four: they run in this page"),
          form,
          h(
            "div",
            { class: "suggestions", role: "group", "aria-label": "suggestions" },
            DATA.questions.map((q) =>
              h(
                "button",
                {
                  type: "button",
                  onclick: () => {
                    input.value = q;
                    form.requestSubmit();
                  },
                },
                q,
              ),
            ),
          ),
          note,
          h("div", { class: "cards", "aria-live": "polite" }, Object.values(cards)),
        ),
      );
      const first = SEVEN.samples;
      for (const name of Object.keys(NAMES)) {
        cards[name]
          .querySelector(".words")
          .replaceChildren(...shownText(first[name][0].greedy, first[name][0].greedy_ended));
      }
    },
    show(step) {
      road.replaceChildren(roadPicture(step, road.clientWidth, NEWS[step]));
      chart(curve, {
        lines: [
          { name: "chosen", kind: "dpo", points: SEVEN.chosen, label: "chosen" },
          { name: "rejected", kind: "other", points: SEVEN.rejected, label: "rejected" },
        ],
        levels: [{ y: 0, label: "the SFT model" }],
        x: "step of DPO",
        y: "moved log-probability, nats",
        height: 240,
        words: NEWS[3],
      });
    },
    says: (step) => NEWS[step],
  };
}

function goldBar(gold, most, name) {
  const inner = h("span", { class: `bar ${name}` });
  inner.style.width = `${(50 * Math.abs(gold)) / most}%`;
  inner.style.left = gold < 0 ? `${50 - (50 * Math.abs(gold)) / most}%` : "50%";
  return [
    h("span", { class: "gold-track", "aria-hidden": "true" }, inner),
    h("span", { class: "gold-number" }, number(gold, 2, true)),
  ];
}

// Two roads from the votes to a better policy: side by side where there is room, else one beside the other downwards.
function roadPicture(step, width, words) {
  const w = Math.max(280, Math.min(980, width || 760)),
    narrow = w < 560,
    height = narrow ? 240 : 170;
  const long = step === 1 || step === 3,
    short = step >= 2;
  const picture = s("svg", {
    width: w * scale(),
    viewBox: `0 0 ${w} ${height}`,
    role: "img",
    "aria-label": words,
    class: "chart road-picture",
  });
  const left = 0.26 * w,
    right = 0.78 * w,
    middle = w / 2,
    a = 46 + 0.3 * (w - 92),
    b = 46 + 0.66 * (w - 92),
    end = w - 86;
  const roads = narrow
    ? [
        [`M${middle - 34} 22Q${left} 24 ${left} 62`, long, "reward"],
        [`M${left} 92V130`, long, "ppo"],
        [`M${left} 160Q${left} 208 ${middle - 36} 214`, long, "ppo"],
        [`M${middle + 34} 22Q${right} 24 ${right} 90V150Q${right} 208 ${middle + 36} 214`, short, "dpo"],
      ]
    : [
        [`M80 78Q150 48 ${a - 76} 48`, long, "reward"],
        [`M${a + 70} 48H${b - 84}`, long, "ppo"],
        [`M${b + 78} 48Q${end - 40} 48 ${end} 76`, long, "ppo"],
        [`M80 98Q150 128 ${a} 128H${b}Q${end - 50} 128 ${end} 102`, short, "dpo"],
      ];
  picture.append(
    s(
      "defs",
      {},
      s(
        "marker",
        {
          id: "road-tip",
          viewBox: "0 0 10 10",
          refX: 8,
          refY: 5,
          markerWidth: 15,
          markerHeight: 15,
          markerUnits: "userSpaceOnUse",
          orient: "auto",
        },
        s("path", { d: "M0 0L10 5L0 10z", class: "tip" }),
      ),
    ),
  );
  for (const [d, on, kind] of roads)
    picture.append(s("path", { d, class: `way ${kind}${on ? " on" : ""}`, "marker-end": "url(#road-tip)" }));
  const stop = (x, y, text, kind) => s("text", { x, y: y + 5, "text-anchor": "middle", class: `stop ${kind}` }, text);
  picture.append(
    ...(narrow
      ? [
          stop(middle, 18, "votes", ""),
          stop(left, 78, "reward model", "reward"),
          stop(left, 146, "PPO, on a leash", "ppo"),
          stop(middle, 214, "policy", ""),
          stop(right - 30, 112, "DPO", "dpo"),
        ]
      : [
          stop(46, 88, "votes", ""),
          stop(a, 48, "reward model", "reward"),
          stop(b, 48, "PPO, on a leash", "ppo"),
          stop(w - 46, 88, "policy", ""),
          stop(middle, 114, "DPO", "dpo"),
        ]),
  );
  return picture;
}
