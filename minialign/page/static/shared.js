// What the scenes share.  Each of them is a class in a file of its own, named after what it shows, made from its data and a
// function `refresh`:
//
//     steps         how many there are          mount(stage, more)     builds it, once; more: what folds away
//     pace          milliseconds per step       show(step, playing)    draws a step
//     begins        the step it opens at        says(step)             that step in words
//     keys          {key: function} of its own  answer(step)           the hero's present answer: {by, text, ended}
//     detail(step)  draws what is under "more"     waits(step)            does playing wait there for the viewer?
//     stays(step)   how many paces a step lasts    decides, suspense      the step that shows what was guessed, and what to
//                                                                         say until then
//
// and player.js plays it; what has no place in the first rows is optional.  Its data was collected by data.py from a run; figures/scenes.py says what each field means.
// An element's data-part names what it gives away: the address's hide=... hides it.

/** @typedef {(step?: number, playing?: boolean | null) => void} Refresh */
/** @typedef {{by: string, when?: string, who?: string, text: string, ended: boolean, typed?: string | null, asked?: string | null, good?: string}} Said  what the hero says now; who: whose words these are, instead of the model's name and when; asked: not the story's question, but this; good: what is to be known of it */
/** @type {{prompt: number, beta: number | null, seed: number}} */
const STATE = { prompt: DATA.hero.index, beta: null, seed: 0 }; // what the address keeps besides scene and step
const NAMES = Object.fromEntries(Object.entries(DATA.policies).map(([key, policy]) => [key, policy.name]));
/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);

const theQuestion = () => DATA.questions[STATE.prompt];
const ended = () => h("span", { class: "end", title: "the model ended here, with the end token" }, "EOS");
const cut = () => h("span", { class: "cut", title: "cut off at the limit" }, "\u2026 cut off");

// A model's words; a special token that it wrote by mistake is no word, and cuts them off.
function spoken(text) {
  return text.replace(/<(?:pad|eos|user|bot)>[^]*/, "").trim();
}

function shownText(text, hasEnded) {
  const words = spoken(text);
  return [words || "(nothing)", " ", hasEnded && words === text.trim() ? ended() : cut()];
}

// The judge's score, for the audience to be hidden with hide=gold.
function truth(gold, before = " \u00b7 ", part = "gold") {
  return h("span", { "data-part": part }, `${before}truth ${number(gold, 1, true)}`);
}

// The row of the question that the story follows; of a run that was asked other questions, the first.
function rowOf(rows) {
  return rows.find((row) => row.question === theQuestion()) || rows[0];
}
