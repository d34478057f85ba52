// Scene 3: two answers, one click.

function voting(refresh) {
  const round = 5; // pairs, and then one of them again
  let first = 0,
    votes,
    card,
    tally;
  const pairs = () => {
    const five = Array.from(
      { length: Math.min(round, THREE.pairs.length) },
      (_, i) => THREE.pairs[(first + i) % THREE.pairs.length],
    );
    return [...five, { ...five[0], swap: !five[0].swap, again: true }]; // the same pair, the other way round
  };
  const start = () => {
    votes = pairs().map(() => null);
  };
  start();

  function side(pair, which) {
    const chosen = (which === "a") !== pair.swap;
    return {
      text: chosen ? pair.chosen : pair.rejected,
      raters: chosen,
      gold: pair.gold[chosen ? 0 : 1],
      ended: pair.ended[chosen ? 0 : 1],
    };
  }

  function vote(which) {
    const step = api.at;
    if (step >= pairs().length || votes[step]) return;
    votes[step] = which;
    refresh(step, false);
    card.querySelector("button.go-on").focus();
  }

  function result() {
    const made = votes.slice(0, -1).map((which, i) => which && side(pairs()[i], which)),
      mine = made.filter(Boolean);
    const agree = mine.filter((s) => s.raters).length,
      repeat = votes[round] && votes[0];
    const same = repeat && side(pairs()[0], votes[0]).raters === side(pairs()[round], votes[round]).raters;
    const lines = [
      mine.length
        ? `You agreed with the raters on ${agree} of ${mine.length} pairs.`
        : "You voted on none of the pairs.",
    ];
    if (repeat)
      lines.push(
        `The last pair was the first one again, turned round: you ${same ? "agreed with yourself" : "changed your mind"}.`,
      );
    lines.push(
      THREE.raters_right === null
        ? "Where the truth sees no difference, nobody is right."
        : `Over the whole run the raters chose what the truth prefers ${percent(THREE.raters_right, 1)} of the time.`,
    );
    return lines;
  }

  const api = {
    at: 0,
    get steps() {
      return pairs().length + 1;
    },
    pace: 2600,
    keys: { a: () => vote("a"), b: () => vote("b") },
    mount(stage) {
      card = h("div", { class: "ballot" });
      tally = h("p", { class: "tally", role: "status" });
      stage.append(card, tally);
    },
    show(step, playing) {
      api.at = step;
      const all = pairs();
      if (step >= all.length) {
        card.replaceChildren(
          h("h3", {}, "The count"),
          ...result().map((line) => h("p", {}, line)),
          h(
            "button",
            {
              type: "button",
              onclick: () => {
                first = (first + round) % THREE.pairs.length;
                start();
                refresh(0, false);
              },
            },
            "Five other pairs",
          ),
        );
        tally.textContent = "";
        return;
      }
      const pair = all[step],
        voted = votes[step],
        reveal = voted || playing;
      const option = (which) => {
        const { text, raters, gold, ended } = side(pair, which);
        return h(
          "button",
          {
            type: "button",
            class: `answer${reveal ? (raters ? " raters" : " passed") : ""}${voted === which ? " mine" : ""}`,
            "data-answer": which,
            disabled: Boolean(reveal),
            onclick: () => vote(which),
          },
          h("span", { class: "key", "aria-hidden": "true" }, which.toUpperCase()),
          h("span", { class: "words" }, text.trim() || "(nothing)", ended ? "" : " \u2026"),
          reveal &&
            h(
              "span",
              { class: "verdict" },
              [voted === which && "your vote", raters && "the raters' vote", `truth: ${number(gold, 1, true)}`]
                .filter(Boolean)
                .join(" \u00b7 "),
            ),
        );
      };
      card.replaceChildren(
        h("p", { class: "paper question" }, pair.question, pair.again && (voted || playing) ? " (again)" : ""),
        h("div", { class: "answers" }, option("a"), option("b")),
        reveal
          ? h(
              "p",
              { class: "small" },
              "truth: the score of a judge who knows what is true; about \u22122 for the worst answers, 1 for good ones",
            )
          : "",
        h(
          "div",
          { class: "row" },
          h(
            "button",
            { type: "button", class: "go-on", onclick: () => refresh(step + 1, false) },
            reveal ? "Next pair" : "Skip this pair",
          ),
        ),
      );
      const count = votes.filter(Boolean).length;
      tally.textContent = voted
        ? side(pair, voted).raters
          ? "You and the raters agree."
          : "The raters chose the other one."
        : count || playing
          ? ""
          : "Which answer is better? Click, or press A or B. The raters' vote is shown after yours.";
    },
    says: (step) => (step >= pairs().length ? "the count" : `pair ${step + 1} of ${pairs().length}`),
  };
  return api;
}
