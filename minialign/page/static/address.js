// Where we are: the scene under the eyes, and the address that keeps it.

const address = () => new URLSearchParams(location.hash.slice(1));
const hidden = (part) => Boolean(part) && (address().get("hide") || "").split(",").includes(part);
const still = () => address().has("still") || matchMedia("(prefers-reduced-motion: reduce)").matches;
const inAddress = (name, most) => Math.max(0, Math.min(most, Number.parseInt(address().get(name), 10) || 0));

let steering = 0; // until when the page scrolls by itself, and scrolling says nothing about the reader
let changed = -Infinity; // when the scene last changed: input that comes too soon after it was meant for the one before
let current = 0,
  onward = false; // onward: at the end of a scene go on to the next
let players = [];

// The address: #scene=6&beta=0.3&hide=gold,dots&present
function recall() {
  if (address().has("prompt")) STATE.prompt = inAddress("prompt", DATA.questions.length - 1);
  if (address().has("seed")) STATE.seed = inAddress("seed", 2 ** 31);
  if (Number(address().get("beta")) > 0) STATE.beta = Number(address().get("beta"));
}

// Let the story follow another question.
function follow(prompt) {
  STATE.prompt = prompt;
  players.forEach((player) => {
    if (!player) return;
    if (player.scene.turn) player.scene.turn();
    player.at = Math.min(player.at, player.last);
    player.draw(false);
  });
  remember();
}

function visit(i, focus = false) {
  current = i;
  changed = performance.now();
  mark();
  const section = $(`scene-${i + 1}`);
  steering = performance.now() + 1200;
  section.scrollIntoView({ behavior: still() ? "auto" : "smooth", block: "start" });
  if (focus) section.querySelector("h2").focus({ preventScroll: true });
  if (players[i]) players[i].draw(false);
  remember();
}

function mark() {
  document.body.dataset.scene = String(current + 1);
  $("unfold").hidden = !players[current];
  document.querySelectorAll("nav a").forEach((link, i) => {
    if (i === current) link.setAttribute("aria-current", "step");
    else link.removeAttribute("aria-current");
  });
  document.querySelectorAll("section.scene").forEach((section, i) => section.classList.toggle("here", i === current));
}

// present and still are flags: they have no value in the address.
const asHash = (parameters) => parameters.toString().replace(/(present|still)=(?=&|$)/g, "$1");

// Browsers refuse an address that changes too often, as it would while something is dragged.
let written = 0,
  later = 0;
function remember() {
  clearTimeout(later);
  const wait = written + 150 - performance.now();
  if (wait > 0) {
    later = setTimeout(remember, wait);
    return;
  }
  written = performance.now();
  const to = address(),
    me = players[current];
  to.set("scene", String(current + 1));
  if (me && !me.waiting) to.set("step", String(me.at));
  else to.delete("step");
  to.set("prompt", String(STATE.prompt));
  if (STATE.beta !== null) to.set("beta", String(STATE.beta));
  to.set("seed", String(STATE.seed));
  for (const flag of ["present", "still"])
    if (to.has(flag)) {
      to.delete(flag);
      to.append(flag, "");
    }
  history.replaceState(null, "", "#" + asHash(to));
  tellSpeaker();
}

function obey() {
  const from = address();
  document.documentElement.classList.toggle("present", from.has("present"));
  document.documentElement.classList.toggle("still", still());
  $("hiding").textContent = (from.get("hide") || "")
    .split(",")
    .filter(Boolean)
    .map((part) => `[data-part~="${CSS.escape(part)}"] { display: none !important; }`)
    .join("\n");
}

// An address that names a step, or a leash, opens its scene: whoever sends it has guessed.
function arrive() {
  recall();
  obey();
  const from = address(),
    goal = Math.max(0, inAddress("scene", players.length) - 1),
    there = players[goal];
  if (there && (from.has("step") || from.has("beta"))) there.open = true;
  if (from.has("step") && there) there.at = inAddress("step", there.last);
  else if (from.has("beta") && there?.scene.stepOf && STATE.beta) there.at = there.scene.stepOf(STATE.beta);
  current = goal;
  mark();
  players.forEach((player) => player && player.draw(false));
  if (from.has("step") || goal > 0 || arrive.before) $(`scene-${goal + 1}`).scrollIntoView({ block: "start" });
  arrive.before = true;
}
arrive.before = false;

// Play the next scene that there is; after the last one the viewer asks.
function following(i) {
  const next = players.findIndex((player, k) => k > i && player && player.last > 0);
  onward = next >= 0;
  if (!onward) return visit(players.length - 1);
  visit(next);
  players[next].at = 0;
  players[next].draw(false);
  setTimeout(() => onward && players[next].play(), 900);
}

function playAll() {
  onward = true;
  const first = players.findIndex(Boolean);
  if (first < 0) return;
  visit(first);
  players[first].at = 0;
  players[first].play();
}

function present() {
  const to = address();
  if (to.has("present")) to.delete("present");
  else to.set("present", "");
  location.hash = asHash(to);
}

// Scrolling by hand: the scene under the eyes is the current one.
function scrolled() {
  if (performance.now() < steering) changed = performance.now();
  const busy = performance.now() < steering || players.some((player) => player && player.timer);
  if (busy || document.documentElement.classList.contains("present")) return;
  const tops = [...document.querySelectorAll("section.scene")].map((section) => section.getBoundingClientRect().top);
  const seen = Math.max(
    0,
    tops.findLastIndex((top) => top < innerHeight * 0.4),
  );
  if (seen === current) return;
  current = seen;
  mark();
  tellSpeaker();
}
