// What the scenes share.  Each of them is a class in a file of its own, made from its data and a function `refresh`:
//
//     steps         how many there are          mount(stage)           builds it, once
//     pace          milliseconds per step       show(step, playing)    draws a step
//     begins        the step it opens at        says(step)             that step in words
//     keys          {key: function} of its own, if it has any
//
// and player.js plays it.  Its data was collected by data.py from a run; figures/scenes.py says what each field means.
// An element's data-part names what it gives away: the address's hide=... hides it.

const STATE = { prompt: 0, beta: null, seed: 0 }; // what the address keeps besides scene and step
const NAMES = Object.fromEntries(Object.entries(DATA.policies).map(([key, policy]) => [key, policy.name]));

const ended = () => h("span", { class: "end", title: "the model ended here, with the end token" }, "EOS");
const cut = () => h("span", { class: "cut", title: "cut off at the limit" }, "\u2026 cut off");

function shownText(text, hasEnded) {
  return [text.trim() || "(nothing)", " ", hasEnded ? ended() : cut()];
}

// The judge's score, for the audience to be hidden with hide=gold.
function truth(gold, before = " \u00b7 ", part = "gold") {
  return h("span", { "data-part": part }, `${before}truth ${number(gold, 1, true)}`);
}

function questionChoice(rows, pick) {
  const questions = rows.map((row) => row.question);
  return choice("question", questions, Math.min(STATE.prompt, questions.length - 1), (i) => {
    STATE.prompt = i;
    pick();
  });
}

// The row of the question that is chosen.
function chosenRow(rows) {
  return rows[Math.min(STATE.prompt, rows.length - 1)];
}
