// The book's pages work without this; it adds the search, the dark side, the scenes, and one's own guesses.
"use strict";

const root = document.documentElement;
root.classList.add("js");

// ------------------------------------------------------------------------------------------------ light and dark
function stored(value) {
  try {
    if (value !== undefined) localStorage.setItem("theme", value);
    return localStorage.getItem("theme");
  } catch {
    return null; // a browser may forbid it to a page from disk
  }
}

const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const wish = stored();
if (wish) root.dataset.theme = wish;

function theme(button) {
  const name = () => (button.textContent = isDark() ? "Light" : "Dark");
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    stored(root.dataset.theme);
    name();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
  name();
}

// ------------------------------------------------------------------------------------------------ search
const words = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) || [];

// How well a section fits: every word asked for must begin a word of it; headings count more than text.
function fit(asked, [, page, heading, text]) {
  let sum = 0;
  for (const word of asked) {
    const begins = (where) => words(where).filter((other) => other.startsWith(word)).length;
    const points = 12 * Math.min(1, begins(heading)) + 4 * Math.min(1, begins(page)) + Math.min(5, begins(text));
    if (!points) return 0;
    sum += points;
  }
  return sum;
}

function excerpt(asked, text) {
  const at = asked.map((word) => text.toLowerCase().indexOf(word)).filter((i) => i >= 0);
  const from = Math.max(0, Math.min(...at, text.length) - 40);
  return (from ? "\u2026 " : "") + text.slice(from, from + 130).trim();
}

function search(form) {
  const input = form.querySelector("input"), results = form.querySelector("#results");
  let loading = null;
  // The index is a script: a page that was opened from a disk may load nothing else.
  const load = () => (loading ??= new Promise((done) => {
    const script = document.createElement("script");
    script.src = "search.js";
    script.onload = done;
    document.head.append(script);
  }));
  const links = () => [...results.querySelectorAll("a")];
  const close = () => (results.hidden = true);

  async function show() {
    await load();
    const asked = words(input.value);
    const found = INDEX.map((row) => [fit(asked, row), row]).filter(([points]) => points > 0);
    found.sort((a, b) => b[0] - a[0]);
    results.replaceChildren(...found.slice(0, 8).map(([, row]) => result(asked, row)));
    if (asked.length && !found.length) results.append(Object.assign(document.createElement("p"), { textContent: "Nothing found." }));
    results.hidden = !asked.length;
  }

  function result(asked, [address, page, heading, text]) {
    const link = document.createElement("a"), where = document.createElement("b"), about = document.createElement("span");
    link.href = address;
    where.textContent = heading === page ? page : `${page}: ${heading}`;
    about.textContent = excerpt(asked, text);
    link.append(where, about);
    link.addEventListener("click", close);
    return link;
  }

  input.addEventListener("focus", load);
  input.addEventListener("input", show);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (links().length) links()[0].click();
  });
  form.addEventListener("keydown", (event) => {
    const all = [input, ...links()], at = all.indexOf(document.activeElement);
    if (event.key === "Escape") {
      close();
      input.focus();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      all[Math.max(0, Math.min(all.length - 1, at + (event.key === "ArrowDown" ? 1 : -1)))].focus();
    }
  });
  form.addEventListener("focusout", (event) => form.contains(event.relatedTarget) || close());
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.matches("input, select, textarea")) return;
    event.preventDefault();
    input.focus();
  });
}

// ------------------------------------------------------------------------------------------------ scenes
// A scene is the whole journey page in a frame, at one place: heavy, so it comes when it is asked for.
function scene(figure) {
  const link = figure.querySelector("a"), button = document.createElement("button");
  button.type = "button";
  button.className = "action";
  button.textContent = "Play it here";
  button.addEventListener("click", () => {
    const frame = document.createElement("iframe");
    frame.title = `Scene ${figure.dataset.scene} of the journey`;
    frame.src = `journey.html#scene=${figure.dataset.scene}&step=0`;
    link.after(frame);
    link.hidden = true;
    button.remove();
    frame.focus();
  });
  link.after(button);
}

// ------------------------------------------------------------------------------------------------ guesses
function answer(details) {
  const asked = document.querySelector(`input[name="${details.dataset.of}"]`)?.closest("fieldset");
  if (!asked) return;
  details.addEventListener("toggle", () => {
    const mine = asked.querySelector("input:checked"), said = details.querySelector(".guess");
    said.hidden = !mine;
    if (!mine) return;
    const text = mine.closest("label").textContent.trim();
    said.textContent = `You said: ${text}` + (mine.value === asked.dataset.right ? ". So it is." : ". It is not so.");
  });
}

addEventListener("DOMContentLoaded", () => {
  theme(document.getElementById("theme"));
  search(document.getElementById("search"));
  document.querySelectorAll("figure.scene").forEach(scene);
  document.querySelectorAll("details.answer").forEach(answer);
  const narrow = matchMedia("(max-width: 1099px)"), contents = document.querySelector("details.contents");
  const fold = () => (contents.open = !narrow.matches);
  narrow.addEventListener("change", fold);
  fold();
  root.classList.add("ready");
});
addEventListener("beforeprint", () => document.querySelectorAll("main details").forEach((details) => (details.open = true)));
