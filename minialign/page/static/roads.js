// Under "more" of the race: the two roads from votes to a policy, DPO's curve of this run, and the scoreboard.

function scoreboard(board) {
  const most = Math.max(
    ...["sampled", "greedy"].flatMap((how) => Object.values(board[how]).map((r) => Math.abs(r.gold))),
  );
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
    h("caption", {}, "gold: the score of a judge who knows the truth, which no training stage has seen; gold and KL on the report questions"),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        heads.map((head) => h("th", { scope: "col" }, head)),
      ),
    ),
    h("tbody", {}, Object.keys(NAMES).map(row)),
  );
}

function goldBar(gold, most, name) {
  const inner = h("span", { class: `bar ${name}` }),
    width = most ? (50 * Math.abs(gold)) / most : 0;
  inner.style.width = `${width}%`;
  inner.style.left = gold < 0 ? `${50 - width}%` : "50%";
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
    stops.map((/** @type {any[]} */ [x, y, text, kind]) => svgText(x, y + 5, "middle", `stop ${kind}`, text)),
  );
}

function roadsDown(w) {
  const left = 0.26 * w,
    right = 0.78 * w,
    middle = w / 2;
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
      [left, 146, "PPO or GRPO", "ppo"],
      [middle, 214, "policy", ""],
      [right - 30, 112, "DPO", "dpo"],
    ],
  };
}

function roadsAcross(w) {
  const a = 46 + 0.3 * (w - 92),
    b = 46 + 0.66 * (w - 92),
    end = w - 86;
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
      [b, 48, "PPO or GRPO", "ppo"],
      [w - 46, 88, "policy", ""],
      [w / 2, 114, "DPO", "dpo"],
    ],
  };
}
