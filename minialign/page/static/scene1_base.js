// Scene 1: autocomplete.

function autocomplete(refresh) {
  const rows = ONE.rows.map((row) => ({ ...row }));
  let sample = 0,
    own = null,
    asked,
    said,
    bars,
    back,
    note;
  const cache = new Map();
  const now = () => own || { question: rows[STATE.prompt].question, ...rows[STATE.prompt].samples[sample] };
  const whole = () => now().question + now().text;

  // What the base model expects after every character, from its own weights.
  function expected() {
    const text = whole();
    if (!cache.has(text))
      cache.set(
        text,
        haveModels
          ? model("base")
              .allLogits([EOS, ...encode(readable(text))])
              .map((logits) => softmax(logits))
          : [],
      );
    return cache.get(text);
  }

  function continueOwn(event) {
    event.preventDefault();
    const text = readable(event.target.elements.text.value).slice(0, 60);
    note.textContent = text ? "" : "The model reads a to z, spaces and . , ? ! '";
    if (!text) return;
    const { ids, ended } = model("base").generate(
      [EOS, ...encode(text)],
      DATA.max_new_tokens,
      1,
      diceFrom(STATE.seed++),
    );
    own = { question: text, text: decode(ids), ended };
    refresh(0, true);
  }

  return {
    get steps() {
      return whole().length + 1;
    },
    pace: 55,
    mount(stage) {
      const pick = () => {
        own = null;
        refresh();
      };
      asked = h("span", { class: "asked" });
      said = h("span", { class: "said" });
      bars = h("ol", { class: "bars" });
      back = h("p", { class: "tally" });
      note = h("p", { class: "note", role: "status" });
      stage.append(
        questionChoice(
          ONE.rows.map((row) => row.question),
          pick,
        ),
        choice("sample", ["1", "2", "3"], 0, (i) => {
          sample = i;
          pick();
        }),
        h(
          "div",
          { class: "columns wide-left" },
          h(
            "div",
            {},
            h("p", { class: "paper" }, asked, said, h("span", { class: "caret", "aria-hidden": "true" })),
            back,
            haveModels &&
              h(
                "form",
                { class: "own", onsubmit: continueOwn, "data-part": "own" },
                labelled(
                  "Or begin a text of your own",
                  h("input", { name: "text", maxlength: 60, autocomplete: "off", placeholder: "once a cat" }),
                ),
                h("button", { type: "submit" }, "Continue it"),
              ),
            note,
          ),
          h(
            "div",
            {},
            haveModels && h("div", { "data-part": "next" }, h("h3", {}, "What it expects next"), bars),
            h(
              "p",
              { class: "big" },
              h("strong", {}, percent(ONE.asks)),
              ` of ${ONE.asked} questions were continued with another question`,
            ),
          ),
        ),
      );
    },
    show(step) {
      const { question, ended } = now(),
        typed = whole().slice(0, step),
        all = step >= whole().length;
      asked.textContent = typed.slice(0, question.length);
      said.replaceChildren(
        ...Array.from(typed.slice(question.length), (c) => (c === "?" ? h("b", {}, c) : c)),
        all ? (ended ? END() : CUT()) : "",
      );
      const marks = (typed.slice(question.length).match(/\?/g) || []).length;
      back.textContent = step <= question.length ? "You ask \u2026" : `Questions it has asked back: ${marks}`;
      const p = expected()[Math.min(step, whole().length)];
      if (p)
        bars.replaceChildren(
          ...topOf(p, 6).map(([id, share]) => bar(characterName(id), share, percent(share), "base")),
        );
    },
    says: (step) => `${Math.min(step, whole().length)} of ${whole().length} characters`,
  };
}

function topOf(p, n) {
  return Array.from(p, (share, id) => [id, share])
    .sort((a, b) => b[1] - a[1])
    .slice(0, n);
}

function characterName(id) {
  const text = decode([id]);
  return text === " " ? "space" : id === EOS ? "END" : text;
}

function bar(name, share, text, kind) {
  const inner = h("span", { class: `bar ${kind}` });
  inner.style.width = `${Math.max(0.5, 100 * share)}%`;
  return h(
    "li",
    {},
    h("span", { class: "bar-name" }, name),
    h("span", { class: "bar-track" }, inner),
    h("span", { class: "bar-text" }, text),
  );
}
