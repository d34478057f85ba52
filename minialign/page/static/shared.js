// What the seven scenes share.  Each of them, in a file of its own, gives
//
//     { steps, pace (ms a step), mount(stage), show(step, playing), says(step) }
//
// and player.js plays it.  What it shows is DATA, made by data.py from a run, or computed by the run's own models.

const [ONE, TWO, THREE, FOUR, FIVE, SIX, SEVEN] = DATA.scenes;
const NAMES = { base: "base", sft: "SFT", ppo: "PPO", dpo: "DPO" };
const STATE = { prompt: 0, beta: null, seed: 0 }; // what the address keeps besides scene and step

const END = () => h("span", { class: "end", title: "the model ended here" }, "END");
const CUT = () => h("span", { class: "cut", title: "cut off at the limit" }, "\u2026 cut off");

function shownText(text, ended) {
  return [text.trim() || "(nothing)", " ", ended ? END() : CUT()];
}

function questionChoice(questions, pick) {
  return choice("question", questions, STATE.prompt, (i) => {
    STATE.prompt = i;
    pick();
  });
}
