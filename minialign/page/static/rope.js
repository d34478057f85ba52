// The rope from the SFT model to the hand that holds the leash.

// Where the rope may end, in pixels.
function ropeEnds(width) {
  return [3.6 * unit(), width - 1.4 * unit()]; // beside the SFT model, and room for half a grip
}

// The rope from the SFT model to the hand: tight and thick at the left, loose and thin at the right.
function ropePicture(share, c, lost, width) {
  const u = unit(),
    height = 4.5 * u,
    [from, to] = ropeEnds(width),
    x = from + share * (to - from),
    y = 1.5 * u;
  const slack = (1 - share) * 0 + share * 1.5 * u,
    start = 1.6 * u;
  return s(
    "svg",
    { width, height, viewBox: `0 0 ${width} ${height}`, class: "chart rope-picture", "aria-hidden": "true" },
    s("line", { x1: from, x2: to, y1: y, y2: y, class: "groove" }),
    s("path", {
      d: `M${start} ${y}Q${(start + x) / 2} ${y + slack} ${x} ${y}`,
      class: "spring",
      "stroke-width": 0.12 * u + (1 - share) * 0.5 * u,
    }),
    symbol("sft", start, y, 0.7 * u),
    s("circle", { cx: x, cy: y, r: 1.15 * u, class: "grip" }),
    s("path", { d: `M${x - 0.6 * u} ${y}l${0.35 * u} ${-0.35 * u}v${0.7 * u}zM${x + 0.6 * u} ${y}l${-0.35 * u} ${-0.35 * u}v${0.7 * u}z`, class: "grip-sign" }),
    svgText(0.4 * u, height - 0.6 * u, "start", "label", "tight"),
    svgText(width - 0.4 * u, height - 0.6 * u, "end", "label", "loose"),
    svgText(
      width / 2,
      height - 0.6 * u,
      "middle",
      "label",
      lost ? "few answers are left in play" : `${number(c.kl)} nats from SFT`,
    ),
  );
}
