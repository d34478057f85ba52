// A line chart in `box`, drawn anew at each call, at the width that there is.
//   lines   [{kind, points: [[x, y]], label, strong}]        kind: a class of the styles, for its colour and kind of line
//   marks   [{x, y, kind, label, own, stem}]                 places of trained models; stem: another y to be tied to
//   levels  [{y, label}]                                     values that mean something
//   now     x of the cursor: lines are drawn full up to it and faint beyond
//   grey    [from, to] in x: where the numbers mean little
//   x, y    names of the axes; words: what the chart says, for those who do not see it

function chart(box, options) {
  const plain = { lines: [], marks: [], levels: [], now: null, grey: null, height: 260, low: null, high: null };
  const spec = { ...plain, ...options },
    frame = frameOf(box, spec);
  const { width, height } = frame;
  box.replaceChildren(
    s(
      "svg",
      { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": spec.words, class: "chart" },
      axes(frame, spec),
      greyBand(frame, spec),
      spec.levels.map((level) => levelLine(frame, level)),
      curves(frame, spec),
      places(frame, spec),
      lineLabels(frame, spec),
      placeLabels(frame, spec),
    ),
  );
}

// The part of the picture that is for data: its borders in pixels, and the scales X and Y.
function frameOf(box, spec) {
  const k = scale(),
    width = Math.max(260, box.clientWidth || 560),
    height = Math.round(spec.height * k);
  const { lines, marks, levels } = spec,
    longest = Math.max(0, ...lines.map((line) => (line.label || "").length));
  const right = width - Math.min(longest * 10 * k + 18 * k, width * 0.36),
    top = 30 * k,
    bottom = height - 42 * k;
  const xs = [...lines.flatMap((line) => line.points.map((p) => p[0])), ...marks.map((m) => m.x)];
  const ys = [
    ...lines.flatMap((line) => line.points.map((p) => p[1])),
    ...marks.map((m) => m.y),
    ...levels.map((l) => l.y),
  ];
  const x0 = xs.length ? Math.min(...xs) : 0,
    x1 = xs.length ? Math.max(...xs) : 1;
  const lowest = ys.length ? Math.min(...ys) : 0,
    highest = ys.length ? Math.max(...ys) : 1,
    pad = 0.06 * (highest - lowest || 1);
  const y0 = spec.low ?? lowest - pad,
    y1 = spec.high ?? highest + pad;
  const digits = Math.max(...ticks(y0, y1, 4).map((y) => number(y, decimals(y0, y1)).length)),
    left = Math.max(44, 8.2 * digits + 9) * k;
  const X = (x) => left + ((x - x0) / (x1 - x0 || 1)) * (right - left);
  const Y = (y) => bottom - ((y - y0) / (y1 - y0 || 1)) * (bottom - top);
  return { k, width, height, left, right, top, bottom, x0, x1, y0, y1, X, Y, small: width < 430 * k };
}

function axes({ k, height, left, right, bottom, x0, x1, y0, y1, X, Y, small }, spec) {
  return s(
    "g",
    { class: "axis", "aria-hidden": "true" },
    ticks(y0, y1, 4).map((y) => [
      s("line", { x1: left, x2: right, y1: Y(y), y2: Y(y) }),
      svgText(left - 7, Y(y) + 4, "end", "", number(y, decimals(y0, y1))),
    ]),
    ticks(x0, x1, small ? 3 : 5).map((x) => svgText(X(x), bottom + 18 * k, "middle", "", number(x, decimals(x0, x1)))),
    svgText(right, height - 6 * k, "end", "name", spec.x),
    svgText(0, 14 * k, "start", "name", spec.y),
  );
}

function greyBand({ top, bottom, X }, { grey }) {
  if (!grey || grey[1] <= grey[0]) return null;
  return s("rect", { x: X(grey[0]), y: top, width: X(grey[1]) - X(grey[0]), height: bottom - top, class: "grey" });
}

function levelLine({ left, right, Y }, { y, label }) {
  return [
    s("line", { x1: left, x2: right, y1: Y(y), y2: Y(y), class: "level" }),
    svgText(right, Y(y) - 5, "end", "level", label),
  ];
}

function curves({ top, bottom, X, Y }, { lines, now }) {
  const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${X(x).toFixed(1)} ${Y(y).toFixed(1)}`).join("");
  const drawn = lines.map((line) => [
    now !== null && s("path", { d: path(line.points), class: `line faint ${line.kind}` }),
    s("path", {
      d: path(now === null ? line.points : upTo(line.points, now)),
      class: `line ${line.kind}${line.strong === false ? " thin" : ""}`,
    }),
  ]);
  if (now === null) return drawn;
  const cursor = s("line", { x1: X(now), x2: X(now), y1: top, y2: bottom, class: "now" });
  const dots = lines
    .filter((line) => line.strong !== false)
    .map((line) => {
      const [x, y] = upTo(line.points, now).at(-1);
      return s("circle", { cx: X(x), cy: Y(y), r: 4.5 * scale(), class: `dot ${line.kind}` });
    });
  return [drawn, cursor, dots];
}

function places({ X, Y }, { marks }) {
  return [
    marks
      .filter((m) => m.stem !== undefined)
      .map((m) => s("line", { x1: X(m.x), x2: X(m.x), y1: Y(m.y), y2: Y(m.stem), class: `stem ${m.kind}` })),
    marks.map((m) => symbol(m.kind, X(m.x), Y(m.y), m.own ? 7 : 5)),
  ];
}

// The names of the lines at their right ends, pushed apart where they would lie on each other.
function lineLabels({ k, right, Y }, { lines }) {
  const labels = lines
    .filter((line) => line.label)
    .map((line) => ({ y: Y(line.points.at(-1)[1]) + 4, text: line.label, kind: line.kind }))
    .sort((a, b) => a.y - b.y);
  for (let i = 1; i < labels.length; i++) labels[i].y = Math.max(labels[i].y, labels[i - 1].y + 16 * k);
  return labels.map((label) => svgText(right + 8, label.y, "start", `label ${label.kind}`, label.text));
}

function placeLabels({ X, Y, width }, { marks }) {
  const taken = marks.map((mark) => [X(mark.x) - 8, Y(mark.y) + 5, 16]);
  return marks.filter((m) => m.label).map((mark) => beside(mark, X(mark.x), Y(mark.y), width, taken));
}

// A label beside its mark: right of it, left of it, above or below, whichever is free.
function beside(mark, x, y, width, taken) {
  const w = mark.label.length * 8.6 * scale();
  /** @type {[number, number][]} */
  const spots = [
    [x + 11, y + 4],
    [x - 11 - w, y + 4],
    [x - w / 2, y - 13],
    [x - w / 2, y + 22],
    [x + 8, y - 13],
    [x + 8, y + 22],
  ];
  const clash = ([a, b]) =>
    a < 0 || a + w > width || taken.some(([c, d, v]) => a < c + v && c < a + w && Math.abs(b - d) < 15 * scale());
  const [a, b] = spots.find((spot) => !clash(spot)) || spots[0];
  taken.push([a, b, w]);
  return svgText(a, b, "start", `label ${mark.kind}`, mark.label);
}

function decimals(low, high) {
  return Math.max(0, Math.min(3, Math.ceil(-Math.log10((high - low || 1) / 4))));
}

// Round steps of an axis: about n of them.
function ticks(low, high, n) {
  const raw = (high - low || 1) / n,
    power = 10 ** Math.floor(Math.log10(raw)),
    r = raw / power;
  const step = power * (r < 1.5 ? 1 : r < 3.5 ? 2 : r < 7.5 ? 5 : 10),
    found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++)
    found.push(Number((i * step).toPrecision(12)));
  return found;
}

// The part of a curve that has happened by x = now, its last stretch cut where now is.
function upTo(points, now) {
  const done = points.filter(([x]) => x <= now + 1e-9),
    next = points[done.length];
  if (!done.length) return points.slice(0, 1);
  const [x, y] = done.at(-1);
  if (next && now > x) done.push([now, y + ((next[1] - y) * (now - x)) / (next[0] - x)]);
  return done;
}
