// Elements and charts.  Every string reaches the page as textContent: nothing that a model or a rater wrote is markup.

const SVG = document.querySelector("svg").namespaceURI;

function h(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function s(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false && value !== undefined)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

// 0.25, -1.30, never -0.00; a true minus, so that columns stand straight.
function number(x, digits = 2, sign = false) {
  const text = Math.abs(x).toFixed(digits),
    zero = Number(text) === 0;
  return (x < 0 && !zero ? "\u2212" : sign && !zero ? "+" : "") + text;
}

function percent(x, digits = 0) {
  return (100 * x).toFixed(digits) + "%";
}

// Round steps of an axis: about n of them.
function ticks(low, high, n) {
  const raw = (high - low) / n,
    power = 10 ** Math.floor(Math.log10(raw)),
    r = raw / power;
  const step = power * (r < 1.5 ? 1 : r < 3.5 ? 2 : r < 7.5 ? 5 : 10),
    found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++)
    found.push(Number((i * step).toPrecision(12)));
  return found;
}

// A line chart in `box`, drawn anew at each call, at the width that there is.
//   lines   [{name, kind, points: [[x, y]], label, strong}]   kind: a model's name, its colour and kind of line
//   marks   [{x, y, kind, label, own, stem}]                    places of trained models; stem: another y to be tied to
//   levels  [{y, label}]                                      values that mean something
//   now     x of the cursor: lines are drawn full up to it and faint beyond
//   grey    [from, to] in x: where the numbers mean little
const scale = () => (document.body.classList.contains("present") ? 1.34 : 1); // of the type, for the back row

function chart(
  box,
  {
    lines = [],
    marks = [],
    levels = [],
    now = null,
    grey = null,
    x: xName,
    y: yName,
    words,
    height = 260,
    low = null,
    high = null,
  },
) {
  const k = scale(),
    width = Math.max(260, box.clientWidth || 560),
    small = width < 430 * k;
  height = Math.round(height * (1 + (k - 1) / 2));
  const longest = Math.max(0, ...lines.map((line) => (line.label || "").length));
  const margin = { top: 30 * k, right: Math.min(longest * 7.9 * k + 14, width * 0.36), bottom: 42 * k, left: 44 * k };
  const xs = [...lines.flatMap((line) => line.points.map((p) => p[0])), ...marks.map((m) => m.x)];
  const ys = [
    ...lines.flatMap((line) => line.points.map((p) => p[1])),
    ...marks.map((m) => m.y),
    ...levels.map((l) => l.y),
  ];
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)],
    pad = 0.06 * (Math.max(...ys) - Math.min(...ys) || 1);
  const [y0, y1] = [low ?? Math.min(...ys) - pad, high ?? Math.max(...ys) + pad];
  const X = (x) => margin.left + ((x - x0) / (x1 - x0 || 1)) * (width - margin.left - margin.right);
  const Y = (y) => height - margin.bottom - ((y - y0) / (y1 - y0 || 1)) * (height - margin.top - margin.bottom);
  const picture = s("svg", {
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": words,
    class: "chart",
  });
  const axis = s("g", { class: "axis", "aria-hidden": "true" });
  for (const y of ticks(y0, y1, 4)) {
    axis.append(s("line", { x1: margin.left, x2: width - margin.right, y1: Y(y), y2: Y(y) }));
    axis.append(s("text", { x: margin.left - 7, y: Y(y) + 4, "text-anchor": "end" }, number(y, decimals(y0, y1))));
  }
  for (const x of ticks(x0, x1, small ? 3 : 5)) {
    axis.append(
      s("text", { x: X(x), y: height - margin.bottom + 18 * k, "text-anchor": "middle" }, number(x, decimals(x0, x1))),
    );
  }
  axis.append(s("text", { x: width - margin.right, y: height - 4, "text-anchor": "end", class: "name" }, xName));
  axis.append(s("text", { x: 0, y: 14 * k, class: "name" }, yName));
  picture.append(axis);
  if (grey && grey[1] > grey[0]) {
    picture.append(
      s("rect", {
        x: X(grey[0]),
        y: margin.top,
        width: X(grey[1]) - X(grey[0]),
        height: height - margin.top - margin.bottom,
        class: "grey",
      }),
    );
  }
  for (const level of levels) {
    picture.append(
      s("line", { x1: margin.left, x2: width - margin.right, y1: Y(level.y), y2: Y(level.y), class: "level" }),
    );
    picture.append(
      s("text", { x: width - margin.right, y: Y(level.y) - 5, "text-anchor": "end", class: "level" }, level.label),
    );
  }
  const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${X(x).toFixed(1)} ${Y(y).toFixed(1)}`).join("");
  for (const line of lines) {
    const done = now === null ? line.points : upTo(line.points, now);
    if (now !== null) picture.append(s("path", { d: path(line.points), class: `line faint ${line.kind}` }));
    picture.append(s("path", { d: path(done), class: `line ${line.kind}${line.strong === false ? " thin" : ""}` }));
  }
  if (now !== null)
    picture.append(s("line", { x1: X(now), x2: X(now), y1: margin.top, y2: height - margin.bottom, class: "now" }));
  for (const line of lines) {
    if (now !== null && line.strong !== false) {
      const [x, y] = upTo(line.points, now).at(-1);
      picture.append(s("circle", { cx: X(x), cy: Y(y), r: 4.5, class: `dot ${line.kind}` }));
    }
  }
  for (const mark of marks.filter((m) => m.stem !== undefined)) {
    picture.append(
      s("line", { x1: X(mark.x), x2: X(mark.x), y1: Y(mark.y), y2: Y(mark.stem), class: `stem ${mark.kind}` }),
    );
  }
  for (const mark of marks) picture.append(symbol(mark.kind, X(mark.x), Y(mark.y), mark.own ? 7 : 5));
  const labels = [
    ...lines
      .filter((line) => line.label)
      .map((line) => ({
        x: width - margin.right + 8,
        y: Y(line.points.at(-1)[1]) + 4,
        text: line.label,
        kind: line.kind,
      })),
  ].sort((a, b) => a.y - b.y);
  for (let i = 1; i < labels.length; i++) labels[i].y = Math.max(labels[i].y, labels[i - 1].y + 16 * k);
  for (const label of labels)
    picture.append(s("text", { x: label.x, y: label.y, class: `label ${label.kind}` }, label.text));
  const taken = marks.map((mark) => [X(mark.x) - 8, Y(mark.y) + 5, 16]);
  for (const mark of marks.filter((m) => m.label)) picture.append(placed(mark, X(mark.x), Y(mark.y), width, taken));
  box.replaceChildren(picture);
  return { X, Y };
}

function decimals(low, high) {
  return Math.max(0, Math.min(3, Math.ceil(-Math.log10((high - low) / 4))));
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

// A label beside its mark: right of it, left of it, above or below, whichever is free.
function placed(mark, x, y, width, taken) {
  const w = mark.label.length * 8.6 * scale();
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
  return s("text", { x: a, y: b, class: `label ${mark.kind}` }, mark.label);
}

// Every model has a shape as well as a colour: circle, square, triangle, diamond.
function symbol(kind, x, y, r) {
  const shapes = {
    sft: `M${x - r} ${y - r}h${2 * r}v${2 * r}h${-2 * r}z`,
    ppo: `M${x} ${y - 1.25 * r}L${x + 1.15 * r} ${y + 0.85 * r}H${x - 1.15 * r}z`,
    dpo: `M${x} ${y - 1.3 * r}L${x + 1.3 * r} ${y}L${x} ${y + 1.3 * r}L${x - 1.3 * r} ${y}z`,
  };
  return shapes[kind]
    ? s("path", { d: shapes[kind], class: `mark ${kind}` })
    : s("circle", { cx: x, cy: y, r, class: `mark ${kind}` });
}

function glyph(kind) {
  return s(
    "svg",
    { width: 16, height: 16, viewBox: "0 0 16 16", class: "glyph", "aria-hidden": "true" },
    symbol(kind, 8, 8, 5),
  );
}

// One of several: a row of buttons of which one is pressed.
function choice(name, options, chosen, pick) {
  const buttons = options.map((option, i) =>
    h(
      "button",
      {
        type: "button",
        "aria-pressed": String(i === chosen),
        onclick: () => {
          press(i);
          pick(i);
        },
      },
      option,
    ),
  );
  const press = (which) => buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === which)));
  const group = h(
    "div",
    { class: "choice", role: "group", "aria-label": name, "data-part": name.split(" ")[0] },
    h("span", { class: "choice-name", "aria-hidden": "true" }, name),
    buttons,
  );
  return Object.assign(group, { press });
}

function labelled(text, control) {
  return h("label", {}, h("span", {}, text), control);
}
