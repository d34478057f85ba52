// Elements and symbols.  Every string reaches the page as textContent: nothing that a model or a rater wrote is markup.

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

// 0.25, -1.30, never -0.00; a true minus, so that columns line up.
function number(x, digits = 2, sign = false) {
  const text = Math.abs(x).toFixed(digits),
    zero = Number(text) === 0;
  return (x < 0 && !zero ? "\u2212" : sign && !zero ? "+" : "") + text;
}

// 37%; what is not nothing is not said to be 0%.
function percent(x, digits = 0) {
  const text = (100 * x).toFixed(digits);
  return x > 0 && Number(text) === 0 ? `<${(10 ** -digits).toFixed(digits)}%` : text + "%";
}

const unit = () => parseFloat(getComputedStyle(document.documentElement).fontSize); // one rem: all of a picture grows with the type
const scale = () => unit() / 17;

// Every model has a shape as well as a colour, its marker in models.py: circle, square, triangles, diamond.
function symbol(kind, x, y, r) {
  const shapes = {
    s: `M${x - r} ${y - r}h${2 * r}v${2 * r}h${-2 * r}z`,
    "^": `M${x} ${y - 1.25 * r}L${x + 1.15 * r} ${y + 0.85 * r}H${x - 1.15 * r}z`,
    v: `M${x} ${y + 1.25 * r}L${x + 1.15 * r} ${y - 0.85 * r}H${x - 1.15 * r}z`,
    D: `M${x} ${y - 1.3 * r}L${x + 1.3 * r} ${y}L${x} ${y + 1.3 * r}L${x - 1.3 * r} ${y}z`,
  };
  const shape = shapes[DATA.policies[kind]?.marker];
  return shape
    ? s("path", { d: shape, class: `mark ${kind}` })
    : s("circle", { cx: x, cy: y, r, class: `mark ${kind}` });
}

function glyph(kind) {
  return s(
    "svg",
    { width: "1em", height: "1em", viewBox: "0 0 16 16", class: "glyph", "aria-hidden": "true" },
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

// The point of an arrow, to be used as marker-end="url(#id)".
function arrowTip(id, size) {
  const box = { id, viewBox: "0 0 10 10", refX: 8, refY: 5, markerWidth: size, markerHeight: size };
  const marker = { ...box, markerUnits: "userSpaceOnUse", orient: "auto" };
  return s("defs", {}, s("marker", marker, s("path", { d: "M0 0L10 5L0 10z", class: "tip" })));
}

function svgText(x, y, anchor, kind, text) {
  return s("text", { x, y, "text-anchor": anchor, class: kind }, text);
}
