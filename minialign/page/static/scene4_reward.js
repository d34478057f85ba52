// Scene 4: votes become a number.

function scoring() {
  let list, curve, order, meter, answer, question, verdict;
  const every = FOUR.pairs.flatMap((pair) => pair.scores.flat()),
    most = Math.max(1, ...every.map(Math.abs)) * 1.06;
  const place = (score) => `${(100 * (Math.max(-most, Math.min(most, score)) + most)) / (2 * most)}%`;

  function judgeOwn(event) {
    if (event) event.preventDefault();
    const q = readable(question.value),
      text = readable(answer.value);
    if (!q || !text || q.length + text.length > model("reward").config.context_length - 4) {
      verdict.textContent = "Both in small letters, please, and not too long.";
      return;
    }
    const score = scoreOf(q, text);
    meter.style.left = place(score);
    const where = `${number(Math.abs(score))} standard deviations ${score > 0 ? "above" : "below"}`;
    verdict.textContent = `score ${number(score, 2, true)}: ${where} the SFT model's average answer`;
  }

  return {
    steps: FOUR.steps.length,
    pace: 1100,
    mount(stage) {
      list = h("ol", { class: "duels" });
      curve = h("div", { class: "plot" });
      order = h("p", { class: "big" });
      const right = h("div", {}, curve, order);
      stage.append(
        h(
          "p",
          { class: "legend" },
          h("span", { class: "chip chosen" }),
          " chosen by the raters \u2003",
          h("span", { class: "chip rejected" }),
          " rejected \u2003 further right: a higher score",
        ),
        h("div", { class: "columns wide-left" }, list, right),
      );
      list.append(
        ...FOUR.pairs.map((pair) =>
          h(
            "li",
            {},
            h("span", { class: "duel-question" }, pair.question),
            h(
              "span",
              { class: "duel-words" },
              h("span", {}, h("span", { class: "chip chosen" }), " ", pair.chosen),
              h("span", {}, h("span", { class: "chip rejected" }), " ", pair.rejected),
            ),
            h(
              "div",
              { class: "duel-score" },
              h(
                "span",
                { class: "track", "aria-hidden": "true" },
                h("i", { class: "zero" }),
                h("i", { class: "gap" }),
                h("i", { class: "ball rejected" }),
                h("i", { class: "ball chosen" }),
              ),
              h("span", { class: "duel-verdict" }),
            ),
          ),
        ),
      );
      if (!haveModels) return;
      question = h("input", { name: "question", value: DATA.questions[0], maxlength: 60, autocomplete: "off" });
      answer = h("input", {
        name: "answer",
        value: "it says moo. have a nice day.",
        maxlength: 60,
        autocomplete: "off",
      });
      meter = h("i", { class: "ball chosen" });
      verdict = h("p", { class: "note", role: "status" });
      right.append(
        h(
          "form",
          { class: "own judge", onsubmit: judgeOwn, "data-part": "own" },
          h("h3", {}, "Score any sentence"),
          labelled("Question", question),
          labelled("Answer", answer),
          h("button", { type: "submit" }, "Score it"),
          h("span", { class: "track", "aria-hidden": "true" }, h("i", { class: "zero" }), meter),
          verdict,
        ),
      );
      for (const input of [question, answer]) input.addEventListener("input", () => judgeOwn());
      judgeOwn();
    },
    show(step) {
      FOUR.pairs.forEach((pair, i) => {
        const [chosen, rejected] = pair.scores[step],
          row = list.children[i],
          right = chosen > rejected;
        row.querySelector(".ball.chosen").style.left = place(chosen);
        row.querySelector(".ball.rejected").style.left = place(rejected);
        const gap = row.querySelector(".gap");
        gap.style.left = place(Math.min(chosen, rejected));
        gap.style.right = `${100 - parseFloat(place(Math.max(chosen, rejected)))}%`;
        gap.classList.toggle("wrong", !right);
        row.querySelector(".duel-verdict").textContent =
          `${right ? "\u2713 as voted" : "\u2717 the other way"} (${number(chosen, 1, true)} : ${number(rejected, 1, true)})`;
        row.classList.toggle("wrong", !right);
      });
      chart(curve, {
        lines: [{ name: "loss", kind: "reward", points: FOUR.loss }],
        now: FOUR.steps[step],
        levels: [{ y: Math.LN2, label: "a coin toss: ln 2 = 0.693" }],
        x: "step",
        y: "loss of the reward model",
        height: 230,
        low: 0,
        words: `The loss goes from ${number(FOUR.loss[0][1], 3)} to ${number(FOUR.loss.at(-1)[1], 3)}; a coin costs ln 2.`,
      });
      order.replaceChildren(
        h("strong", {}, percent(FOUR.in_order[step])),
        ` of ${FOUR.watched} held-out pairs, not trained on, are in the voted order`,
      );
    },
    says: (step) => (FOUR.steps[step] === 0 ? "before the first vote" : `after step ${FOUR.steps[step]}`),
  };
}
