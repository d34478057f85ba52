// Plays the scenes: step, scrub, play, keys, the address.  What a scene is, the files scene1_base.js to scene7_dpo.js say.

const address = () => new URLSearchParams(location.hash.slice(1));
const hidden = (part) => (address().get("hide") || "").split(",").includes(part);
const still = () => address().has("still") || matchMedia("(prefers-reduced-motion: reduce)").matches;
const $ = (id) => document.getElementById(id);

const MAKERS = [autocomplete, reshaping, voting, scoring, leash, tightness, shortcut];
const whole = (name, most) => Math.max(0, Math.min(most, Number.parseInt(address().get(name), 10) || 0));

// The address: #scene=6&beta=0.3&hide=gold,dots&present
function recall() {
  if (address().has("prompt")) STATE.prompt = whole("prompt", DATA.questions.length - 1);
  if (address().has("seed")) STATE.seed = whole("seed", 2 ** 31);
  if (Number(address().get("beta")) > 0) STATE.beta = Number(address().get("beta"));
}

recall();
let steering = 0; // until when the page scrolls by itself, and scrolling says nothing about the reader
let current = 0,
  onward = false; // onward: at the end of a scene go on to the next
const players = DATA.scenes.map((scene, i) => (scene.missing ? null : player(i)));

// One scene with its row of controls.
function player(i) {
  const stage = $(`stage-${i + 1}`);
  const me = { at: 0, timer: null, go, play, pause, redraw: () => draw(false) };
  const scene = (me.scene = MAKERS[i]((step, playing = false) => {
    if (step !== undefined) {
      pause();
      me.at = step;
    }
    scrub.max = scene.steps - 1;
    if (step === undefined) me.at = Math.min(me.at, scene.steps - 1);
    draw(false);
    if (playing) play();
    else remember();
  }));

  const scrub = h("input", {
    type: "range",
    min: 0,
    "aria-label": scene.scrubName || `scene ${i + 1}: how far`,
    class: "scrub",
    oninput: () => go(Number(scrub.value)),
  });
  const button = (label, sign, act) => h("button", { type: "button", "aria-label": label, onclick: act }, sign);
  const playButton = h("button", { type: "button", class: "play", onclick: () => (me.timer ? pause() : play()) });
  const says = h("output", { class: "says" });
  const controls = h(
    "div",
    { class: "controls", role: "group", "aria-label": `Steps of scene ${i + 1}`, "data-part": "controls" },
    button("step back", "\u2039", () => go(me.at - 1)),
    playButton,
    button("step forward", "\u203a", () => go(me.at + 1)),
    scrub,
    says,
  );

  function draw(playing) {
    scrub.max = scene.steps - 1;
    scrub.value = me.at;
    scene.show(me.at, playing);
    says.textContent = scene.says(me.at);
    scrub.setAttribute("aria-valuetext", scene.says(me.at));
    says.setAttribute("aria-live", me.timer ? "off" : "polite");
    playButton.replaceChildren(me.timer ? "\u275a\u275a" : "\u25b6", h("span", {}, me.timer ? " Pause" : " Play"));
  }

  function go(step) {
    pause();
    current = i;
    me.at = Math.max(0, Math.min(scene.steps - 1, step));
    draw(false);
    remember();
  }

  function play() {
    players.forEach((other) => other && other !== me && other.timer && other.pause());
    if (me.at >= scene.steps - 1) me.at = 0;
    current = i;
    me.timer = setTimeout(tick, still() ? 1500 : scene.pace);
    draw(true);
  }

  function tick() {
    if (me.at < scene.steps - 1) {
      me.at++;
      me.timer = setTimeout(tick, still() ? 1500 : scene.pace);
      return draw(true);
    }
    pause();
    if (onward) following(i);
  }

  function pause() {
    if (!me.timer) return;
    clearTimeout(me.timer);
    me.timer = null;
    draw(false);
    remember();
  }

  scene.mount(stage);
  stage.after(controls);
  me.at = scene.begins ?? scene.steps - 1;
  if (i === 2) me.at = 0; // the ballot waits for a voter
  return me;
}

function following(i) {
  const next = players.findIndex((p, k) => k > i && p);
  if (next < 0) {
    onward = false;
    return;
  }
  visit(next);
  players[next].at = 0;
  players[next].redraw();
  setTimeout(() => onward && players[next].play(), 900);
}

// ------------------------------------------------------------------------------------------------ where we are
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
  document
    .querySelectorAll("nav a")
    .forEach((link, i) =>
      i === current ? link.setAttribute("aria-current", "step") : link.removeAttribute("aria-current"),
    );
  document.querySelectorAll("section.scene").forEach((section, i) => section.classList.toggle("here", i === current));
}

function remember() {
  const to = address(),
    me = players[current];
  to.set("scene", current + 1);
  if (me) to.set("step", me.at);
  to.set("prompt", STATE.prompt);
  if (STATE.beta !== null && players[5]) to.set("beta", STATE.beta);
  to.set("seed", STATE.seed);
  for (const flag of ["present", "still"])
    if (to.has(flag)) {
      to.delete(flag);
      to.append(flag, "");
    }
  history.replaceState(null, "", "#" + to.toString().replace(/(present|still)=(?=&|$)/g, "$1"));
}

function obey() {
  const from = address();
  document.body.classList.toggle("present", from.has("present"));
  document.documentElement.classList.toggle("still", still());
  $("hiding").textContent = (from.get("hide") || "")
    .split(",")
    .filter(Boolean)
    .map((part) => `[data-part="${CSS.escape(part)}"] { display: none !important; }`)
    .join("\n");
}

let obeyed = false;
function arrive() {
  recall();
  obey();
  const from = address(),
    wanted = Math.max(0, whole("scene", 7) - 1);
  if (from.has("step") && players[wanted]) players[wanted].at = whole("step", players[wanted].scene.steps - 1);
  current = wanted;
  mark();
  players.forEach((p) => p && p.redraw());
  if (from.has("step") || wanted > 0 || obeyed) $(`scene-${wanted + 1}`).scrollIntoView({ block: "start" });
  obeyed = true;
}

// ------------------------------------------------------------------------------------------------ hands
document.addEventListener("keydown", (event) => {
  const on = event.target,
    typing = on.matches("input:not([type=range]), select, textarea"),
    pressing = on.matches("button, a, summary, input, select");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    if ($("keys").open) $("keys").close();
    else on.blur();
    return;
  }
  if (typing) return;
  const me = players[current],
    key = event.key.toLowerCase(),
    ranged = on.matches("input[type=range]");
  const act = /^[1-7]$/.test(key)
    ? () => visit(Number(key) - 1, true)
    : key === "arrowright" && !ranged
      ? () => step(1)
      : key === "arrowleft" && !ranged
        ? () => step(-1)
        : key === " " && !pressing
          ? () => {
              onward = false;
              me && (me.timer ? me.pause() : me.play());
            }
          : key === "p"
            ? present
            : key === "?"
              ? () => $("keys").showModal()
              : me && me.scene.keys && me.scene.keys[key]
                ? me.scene.keys[key]
                : null;
  if (act) {
    event.preventDefault();
    act();
  }
});

// A step beyond the end of a scene is the next scene's beginning, and the other way round.
function step(by) {
  onward = false;
  const me = players[current],
    next = current + by;
  if (me && me.at + by >= 0 && me.at + by < me.scene.steps) return me.go(me.at + by);
  if (next < 0 || next > 6) return;
  if (players[next]) players[next].at = by > 0 ? 0 : players[next].scene.steps - 1;
  visit(next);
}

function present() {
  const to = address();
  if (to.has("present")) to.delete("present");
  else to.set("present", "");
  location.hash = to.toString().replace(/(present|still)=(?=&|$)/g, "$1");
}

$("play-all").addEventListener("click", () => {
  onward = true;
  const first = players.findIndex(Boolean);
  if (first >= 0) {
    visit(first);
    players[first].at = 0;
    players[first].play();
  }
});
$("show-keys").addEventListener("click", () => $("keys").showModal());
$("present").addEventListener("click", present);
document.querySelectorAll("nav a").forEach((link, i) =>
  link.addEventListener("click", (event) => {
    event.preventDefault();
    visit(i, true);
  }),
);

addEventListener("hashchange", arrive);
let waiting;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => players.forEach((p) => p && p.redraw()), 120);
});
addEventListener(
  "scroll",
  () => {
    if (
      performance.now() < steering ||
      document.body.classList.contains("present") ||
      players.some((p) => p && p.timer)
    )
      return;
    const tops = [...document.querySelectorAll("section.scene")].map((section) => section.getBoundingClientRect().top);
    const seen = Math.max(
      0,
      tops.findLastIndex((top) => top < innerHeight * 0.4),
    );
    if (seen !== current) {
      current = seen;
      mark();
    }
  },
  { passive: true },
);
matchMedia("(prefers-reduced-motion: reduce)").addEventListener("change", obey);

arrive();
document.documentElement.classList.add("ready");
