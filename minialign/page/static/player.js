// Plays the scenes: step, scrub, play, keys, the address.  What a scene is, shared.js says.

const address = () => new URLSearchParams(location.hash.slice(1));
const hidden = (part) => (address().get("hide") || "").split(",").includes(part);
const still = () => address().has("still") || matchMedia("(prefers-reduced-motion: reduce)").matches;
const $ = (id) => document.getElementById(id);
const inAddress = (name, most) => Math.max(0, Math.min(most, Number.parseInt(address().get(name), 10) || 0));

const SCENES = {
  base: BaseScene,
  sft: SftScene,
  votes: VotesScene,
  reward: RewardScene,
  ppo: PpoScene,
  leash: LeashScene,
  dpo: DpoScene,
};

// One scene with its row of controls.
class Player {
  constructor(key, index) {
    Object.assign(this, { index, at: 0, timer: null });
    this.scene = new SCENES[key](DATA.scenes[key], (step, playing) => this.refresh(step, playing));
    const stage = $(`stage-${index + 1}`), controls = this.controls();
    this.scene.mount(stage);
    stage.after(controls);
    this.at = this.scene.begins ?? this.last;
  }

  get last() {
    return this.scene.steps - 1;
  }

  controls() {
    const number = this.index + 1,
      button = (label, sign, act) => h("button", { type: "button", "aria-label": label, onclick: act }, sign);
    const name = this.scene.scrubName || `scene ${number}: how far`,
      scrubbed = () => this.go(Number(this.scrub.value));
    this.scrub = h("input", { type: "range", min: 0, "aria-label": name, class: "scrub", oninput: scrubbed });
    this.playButton = h("button", { type: "button", class: "play", onclick: () => this.toggle() });
    this.says = h("output", { class: "says" });
    return h(
      "div",
      { class: "controls", role: "group", "aria-label": `Steps of scene ${number}`, "data-part": "controls" },
      button("step back", "\u2039", () => this.go(this.at - 1)),
      this.playButton,
      button("step forward", "\u203a", () => this.go(this.at + 1)),
      this.scrub,
      this.says,
    );
  }

  // What a scene calls when something in it has changed; with a step: to go there, and perhaps to play on.
  refresh(step, playing = false) {
    if (step !== undefined) {
      this.pause();
      this.at = step;
    }
    this.at = Math.min(this.at, this.last);
    this.draw(false);
    if (playing) this.play();
    else remember();
  }

  draw(playing) {
    const words = this.scene.says(this.at);
    this.scrub.max = this.last;
    this.scrub.value = this.at;
    this.scene.show(this.at, playing);
    this.says.textContent = words;
    this.scrub.setAttribute("aria-valuetext", words);
    this.says.setAttribute("aria-live", this.timer ? "off" : "polite");
    const [sign, label] = this.timer ? ["\u275a\u275a", " Pause"] : ["\u25b6", " Play"];
    this.playButton.replaceChildren(sign, h("span", {}, label));
  }

  redraw() {
    this.draw(false);
  }

  go(step) {
    this.pause();
    current = this.index;
    this.at = Math.max(0, Math.min(this.last, step));
    this.draw(false);
    remember();
  }

  toggle() {
    if (this.timer) this.pause();
    else this.play();
  }

  play() {
    players.forEach((other) => other && other !== this && other.timer && other.pause());
    if (this.at >= this.last) this.at = 0;
    current = this.index;
    this.wait();
    this.draw(true);
  }

  wait() {
    this.timer = setTimeout(() => this.tick(), still() ? 1500 : this.scene.pace);
  }

  tick() {
    if (this.at < this.last) {
      this.at++;
      this.wait();
      return this.draw(true);
    }
    this.pause();
    if (onward) following(this.index);
  }

  pause() {
    if (!this.timer) return;
    clearTimeout(this.timer);
    this.timer = null;
    this.draw(false);
    remember();
  }
}

// Play the next scene that there is.
function following(i) {
  const next = players.findIndex((p, k) => k > i && p);
  onward = next >= 0;
  if (!onward) return;
  visit(next);
  players[next].at = 0;
  players[next].redraw();
  setTimeout(() => onward && players[next].play(), 900);
}

// ------------------------------------------------------------------------------------------------ where we are
let steering = 0; // until when the page scrolls by itself, and scrolling says nothing about the reader
let current = 0,
  onward = false; // onward: at the end of a scene go on to the next
recall();
const players = Object.keys(DATA.scenes).map((key, i) => (DATA.scenes[key].missing ? null : new Player(key, i)));

// The address: #scene=6&beta=0.3&hide=gold,dots&present
function recall() {
  if (address().has("prompt")) STATE.prompt = inAddress("prompt", DATA.questions.length - 1);
  if (address().has("seed")) STATE.seed = inAddress("seed", 2 ** 31);
  if (Number(address().get("beta")) > 0) STATE.beta = Number(address().get("beta"));
}

function visit(i, focus = false) {
  current = i;
  mark();
  const section = $(`scene-${i + 1}`);
  steering = performance.now() + 1200;
  section.scrollIntoView({ behavior: still() ? "auto" : "smooth", block: "start" });
  if (focus) section.querySelector("h2").focus({ preventScroll: true });
  if (players[i]) players[i].redraw();
  remember();
}

function mark() {
  document.body.dataset.scene = current + 1;
  document.querySelectorAll("nav a").forEach((link, i) => {
    if (i === current) link.setAttribute("aria-current", "step");
    else link.removeAttribute("aria-current");
  });
  document.querySelectorAll("section.scene").forEach((section, i) => section.classList.toggle("here", i === current));
}

// present and still are flags: they have no value in the address.
const asHash = (parameters) => parameters.toString().replace(/(present|still)=(?=&|$)/g, "$1");

function remember() {
  const to = address(), me = players[current];
  to.set("scene", current + 1);
  if (me) to.set("step", me.at);
  to.set("prompt", STATE.prompt);
  if (STATE.beta !== null) to.set("beta", STATE.beta);
  to.set("seed", STATE.seed);
  for (const flag of ["present", "still"])
    if (to.has(flag)) {
      to.delete(flag);
      to.append(flag, "");
    }
  history.replaceState(null, "", "#" + asHash(to));
}

function obey() {
  const from = address();
  document.body.classList.toggle("present", from.has("present"));
  document.documentElement.classList.toggle("still", still());
  $("hiding").textContent = (from.get("hide") || "")
    .split(",")
    .filter(Boolean)
    .map((part) => `[data-part~="${CSS.escape(part)}"] { display: none !important; }`)
    .join("\n");
}

let obeyed = false;
function arrive() {
  recall();
  obey();
  const from = address(), goal = Math.max(0, inAddress("scene", players.length) - 1);
  if (from.has("step") && players[goal]) players[goal].at = inAddress("step", players[goal].last);
  current = goal;
  mark();
  players.forEach((p) => p && p.redraw());
  if (from.has("step") || goal > 0 || obeyed) $(`scene-${goal + 1}`).scrollIntoView({ block: "start" });
  obeyed = true;
}

// ------------------------------------------------------------------------------------------------ hands
document.addEventListener("keydown", (event) => {
  const on = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    if ($("keys").open) $("keys").close();
    else on.blur();
    return;
  }
  if (on.matches("input:not([type=range]), select, textarea")) return;
  const act = actionOf(event.key.toLowerCase(), on);
  if (!act) return;
  event.preventDefault();
  act();
});

// What a key does while an element has the focus; nothing if the element needs it for itself.
function actionOf(key, on) {
  const me = players[current], digit = Number(key);
  if (digit >= 1 && digit <= players.length) return () => visit(digit - 1, true);
  if (key.startsWith("arrow") && on.matches("input[type=range]")) return null;
  if (key === " " && on.matches("button, a, summary, input, select")) return null;
  const everywhere = {
    arrowright: () => step(1),
    arrowleft: () => step(-1),
    " ": () => {
      onward = false;
      if (me) me.toggle();
    },
    p: present,
    "?": () => $("keys").showModal(),
  };
  return everywhere[key] || (me && me.scene.keys && me.scene.keys[key]) || null;
}

// A step beyond the end of a scene is the next scene's beginning, and the other way round.
function step(by) {
  onward = false;
  const me = players[current], next = current + by;
  if (me && me.at + by >= 0 && me.at + by <= me.last) return me.go(me.at + by);
  if (next < 0 || next >= players.length) return;
  if (players[next]) players[next].at = by > 0 ? 0 : players[next].last;
  visit(next);
}

function present() {
  const to = address();
  if (to.has("present")) to.delete("present");
  else to.set("present", "");
  location.hash = asHash(to);
}

function playAll() {
  onward = true;
  const first = players.findIndex(Boolean);
  if (first < 0) return;
  visit(first);
  players[first].at = 0;
  players[first].play();
}

// Scrolling by hand: the scene under the eyes is the current one.
function scrolled() {
  const busy = performance.now() < steering || players.some((p) => p && p.timer);
  if (busy || document.body.classList.contains("present")) return;
  const tops = [...document.querySelectorAll("section.scene")].map((section) => section.getBoundingClientRect().top);
  const seen = tops.findLastIndex((top) => top < innerHeight * 0.4);
  if (Math.max(0, seen) === current) return;
  current = Math.max(0, seen);
  mark();
}

let waiting;
function resized() {
  clearTimeout(waiting);
  waiting = setTimeout(() => players.forEach((p) => p && p.redraw()), 120);
}

$("play-all").addEventListener("click", playAll);
$("show-keys").addEventListener("click", () => $("keys").showModal());
$("present").addEventListener("click", present);
document.querySelectorAll("nav a").forEach((link, i) =>
  link.addEventListener("click", (event) => {
    event.preventDefault();
    visit(i, true);
  }),
);
addEventListener("hashchange", arrive);
addEventListener("resize", resized);
addEventListener("scroll", scrolled, { passive: true });
matchMedia("(prefers-reduced-motion: reduce)").addEventListener("change", obey);

arrive();
document.documentElement.classList.add("ready");
