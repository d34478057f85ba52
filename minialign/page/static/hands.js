// Keys, a clicker's too, and the buttons around the scenes.

document.addEventListener("keydown", keyed);

function keyed(event) {
  const on = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    if ($("keys").open) $("keys").close();
    else if (!curtain(false)) on.blur();
    return;
  }
  if (on.matches("input:not([type=range]), textarea")) return;
  const digit = /^Digit([1-9])$/.exec(event.code || ""),
    shifted = event.shiftKey && digit;
  const act = shifted ? jump(Number(digit[1])) : actionOf(event.key.toLowerCase(), on);
  if (!act) return;
  event.preventDefault();
  act();
}

function jump(number) {
  return number <= players.length ? () => visit(number - 1, true) : null;
}

// Is the scene that keys act on still below the fold?  So it is on the cover: there the first key goes to it, and does no more.
function below(me) {
  return Boolean(me) && performance.now() >= steering && me.section.getBoundingClientRect().top > innerHeight / 2;
}

// What a key does while an element has the focus; nothing if the element needs it for itself.
function actionOf(key, on) {
  const me = players[current],
    digit = Number(key);
  if (me && me.waiting && digit >= 1 && digit <= 3) return () => (below(me) ? visit(current, true) : me.guess.offer(digit - 1));
  if (digit >= 1) return jump(digit);
  if (key.startsWith("arrow") && on.matches("input[type=range], select")) return null;
  if (key === " " && on.matches("button, a, summary, input, select")) return null;
  const own = me && !me.waiting && me.scene.keys && me.scene.keys[key];
  if (own) return own;
  const scrolls = me && me.drawer.open && document.documentElement.classList.contains("present");
  if (scrolls && (key === "arrowdown" || key === "arrowup"))
    return () => me.section.scrollBy(0, ((key === "arrowdown" ? 1 : -1) * innerHeight) / 4);
  const everywhere = {
    arrowright: () => step(1),
    arrowleft: () => step(-1),
    pagedown: () => step(1), // a clicker's two keys
    pageup: () => step(-1),
    ".": () => curtain(), // and its third
    b: () => curtain(),
    " ": () => {
      onward = false;
      if (below(me)) visit(current, true);
      else if (me) me.toggle();
    },
    m: () => me && unfold(me.drawer),
    p: present,
    s: openSpeaker,
    "?": showKeys,
  };
  return everywhere[key] || null;
}

// Open or close what is under "more", and bring it into view.
function unfold(drawer) {
  drawer.open = !drawer.open;
  if (drawer.open) drawer.scrollIntoView({ block: "start" });
}

// A step beyond the end of a scene is the next scene's beginning, and the other way round; a guess is a step.
function step(by) {
  onward = false;
  const me = players[current],
    next = current + by;
  if (by > 0 && below(me)) return visit(current, true);
  if (me && me.waiting && by > 0) return me.guess.make(null);
  if (me && !me.waiting && me.at + by >= 0 && me.at + by <= me.last) return me.go(me.at + by);
  if (next < 0 || next >= players.length) return;
  if (players[next]) players[next].at = by > 0 ? 0 : players[next].last;
  visit(next);
}

// The list of keys, from its top: an attribute autofocus would be an error where the page is inside another one.
function showKeys() {
  $("keys").showModal();
  $("keys-title").focus();
}

// A black screen, as clickers have it -> was there one?
function curtain(down = !document.body.classList.contains("curtain")) {
  const was = document.body.classList.contains("curtain");
  document.body.classList.toggle("curtain", down);
  return was;
}

let waiting;
function resized() {
  clearTimeout(waiting);
  waiting = setTimeout(() => players.forEach((player) => player && player.draw(false)), 120);
}

$("play-all").addEventListener("click", playAll);
$("show-keys").addEventListener("click", showKeys);
$("present").addEventListener("click", present);
$("leave").addEventListener("click", present);
$("unfold").addEventListener("click", () => players[current] && unfold(players[current].drawer));
$("speaker").addEventListener("click", openSpeaker);
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
