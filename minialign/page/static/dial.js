// A half-circle with a needle; a thin one where the SFT model was.
function dial(name, what, value, start, low, high, kind) {
  const w = 220,
    r = 92,
    angle = (x) => Math.PI * (1 - (Math.max(low, Math.min(high, x)) - low) / (high - low || 1));
  const tip = (x, length) => `${w / 2 + length * Math.cos(angle(x))} ${104 - length * Math.sin(angle(x))}`;
  return h(
    "div",
    { class: `dial ${kind}`, "data-part": kind },
    s(
      "svg",
      {
        viewBox: `0 0 ${w} 112`,
        role: "img",
        "aria-label": `${name} ${number(value, 2, true)}, of the SFT model ${number(start, 2, true)}`,
        class: "dial-face",
      },
      s("path", { d: `M${w / 2 - r} 104A${r} ${r} 0 0 1 ${w / 2 + r} 104`, class: "arch" }),
      s("path", { d: `M${tip(start, r - 12)}L${tip(start, r + 6)}`, class: "was" }),
      s("path", { d: `M${w / 2} 104L${tip(value, r - 8)}`, class: "needle" }),
      s("circle", { cx: w / 2, cy: 104, r: 7, class: "hub" }),
    ),
    h("div", { class: "dial-row" }, [
      h("span", { class: "small" }, number(low, 1, true)),
      h("p", { class: "dial-value" }, number(value, 2, true)),
      h("span", { class: "small" }, number(high, 1, true)),
    ]),
    h("p", { class: "dial-name" }, h("b", {}, name), ` ${what}`),
  );
}
