// Scene 2: reshaping.

function reshaping(refresh) {
  let how = "greedy",
    list,
    curve;
  const last = TWO.steps.length - 1,
    entries = () => TWO.rows[STATE.prompt][how];
  return {
    steps: TWO.steps.length,
    pace: 1100,
    mount(stage) {
      list = h("ol", { class: "ladder" });
      curve = h("div", { class: "plot" });
      stage.append(
        questionChoice(
          TWO.rows.map((row) => row.question),
          refresh,
        ),
        choice("words", ["most probable", "sampled, same dice"], 0, (i) => {
          how = i ? "sampled" : "greedy";
          refresh();
        }),
        h(
          "div",
          { class: "columns wide-left" },
          h("div", {}, h("p", { class: "paper question", id: "asked-2" }), list),
          h(
            "div",
            {},
            curve,
            h(
              "p",
              { class: "big" },
              h("strong", {}, percent(TWO.answers)),
              " of the report questions get an answer that states something, asks nothing and ends",
            ),
          ),
        ),
      );
    },
    show(step, playing) {
      document.getElementById("asked-2").textContent = TWO.rows[STATE.prompt].question;
      list.replaceChildren(
        ...entries().map((entry, i) => {
          const text = i <= step ? shownText(entry.text, entry.ended) : ["\u00a0"];
          const row = h(
            "li",
            { class: i === step ? "current" : i > step ? "later" : "", "aria-current": i === step ? "step" : null },
            h("span", { class: "when" }, i === 0 ? "before" : `step ${TWO.steps[i]}`),
            h("span", { class: "words" }, text),
          );
          if (i === step && playing) row.classList.add("fresh");
          return row;
        }),
      );
      chart(curve, {
        lines: [{ name: "loss", kind: "sft", points: TWO.loss }],
        now: TWO.steps[step] || 0,
        x: "step of SFT",
        y: "loss, nats a character",
        height: 210,
        low: 0,
        words: `The loss of SFT falls from ${number(TWO.loss[0][1])} to ${number(TWO.loss.at(-1)[1])} nats a character.`,
      });
    },
    says: (step) =>
      step === 0
        ? "before the first step"
        : step === last
          ? `after the last step, ${TWO.steps[step]}`
          : `after step ${TWO.steps[step]}`,
  };
}
