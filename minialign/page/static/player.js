// Plays one scene: guess, step, scrub, play.  What a scene is, shared.js says.

const HOLD = 5000; // milliseconds: so long the end of a scene is seen before the journey goes on, as it takes to read it

class Player {
  constructor(key, Scene, index) {
    this.key = key;
    this.index = index;
    this.at = 0;
    this.hold = HOLD;
    this.timer = null;
    this.held = false; // is it playing, but waits for the viewer to do something?
    this.open = false; // has its guess been made?
    this.known = false; // has it shown what was guessed?
    this.scene = new Scene(DATA.scenes[key], (step, playing) => this.refresh(step, playing));
    this.section = $(`scene-${index + 1}`);
    this.stage = $(`stage-${index + 1}`);
    this.more = $(`more-${index + 1}`);
    this.hero = new Hero($(`hero-${index + 1}`), (prompt) => follow(prompt));
    this.guess = this.guessOf();
    this.bar = this.controls();
    this.scene.mount(this.stage, this.more);
    this.stage.after(this.bar);
    this.at = Math.min(this.scene.begins ?? this.last, this.last);
    /** @type {HTMLDetailsElement} */
    this.drawer = this.section.querySelector("details.more");
    this.drawer.addEventListener("toggle", () => this.draw(false));
  }

  get last() {
    return this.scene.steps - 1;
  }

  get playing() {
    return Boolean(this.timer) || this.held;
  }

  // Does the scene wait behind its guess?  Not where its answer is to be hidden, or where a teacher does without.
  get waiting() {
    return Boolean(this.guess) && !this.open && !DATA.story[this.key].asks.split(" ").some(hidden) && !hidden("guess");
  }

  // What a guess that was made is still waiting for; nothing, once the scene has shown it.
  suspense() {
    this.known ||= !this.scene.decides || this.at >= this.scene.decides;
    return this.guess && this.guess.over && !this.known ? this.scene.suspense : "";
  }

  guessOf() {
    const data = DATA.guesses[this.key];
    if (!data) return null;
    const opened = () => {
      this.open = true;
      this.at = this.scene.opensAt ?? this.at;
      this.draw(false);
      remember();
      this.section.querySelector("h2").focus({ preventScroll: true });
      if (onward) this.play(); // the journey goes on where it waited
    };
    const guess = new Guess(data, `guess ${DATA.story[this.key].asks}`, opened);
    this.stage.before(guess.told, guess.box);
    return guess;
  }

  controls() {
    const button = (label, sign, act) => h("button", { type: "button", "aria-label": label, onclick: act }, sign);
    const number = this.index + 1,
      name = this.scene.scrubName || `scene ${number}: how far`,
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

  // What a scene calls when something in it has changed; with a step: to go there, and to play on, to stop, or (null) either
  // as before.
  refresh(step, play = false) {
    const playing = play ?? this.playing;
    if (step !== undefined) {
      this.pause();
      this.at = step;
    }
    this.at = Math.min(this.at, this.last);
    this.draw(false);
    if (playing) this.resume();
    else remember();
  }

  draw(playing) {
    this.section.classList.toggle("waiting", this.waiting);
    if (this.waiting) return this.hero.show(null);
    const suspense = this.suspense();
    this.section.classList.toggle("pending", Boolean(suspense));
    if (this.guess && this.guess.over) this.guess.tell(suspense);
    const words = this.scene.says(this.at);
    this.scrub.max = this.last;
    this.scrub.value = this.at;
    this.scene.show(this.at, playing);
    this.hero.show(this.scene.answer(this.at));
    if (this.drawer.open && this.scene.detail) this.scene.detail(this.at);
    this.says.textContent = words;
    this.scrub.setAttribute("aria-valuetext", words);
    this.says.setAttribute("aria-live", this.timer ? "off" : "polite");
    const [sign, label] = this.playing ? ["\u275a\u275a", " Pause"] : ["\u25b6", " Play"];
    this.playButton.replaceChildren(sign, h("span", {}, label));
    tellSpeaker();
  }

  go(step) {
    this.pause();
    current = this.index;
    this.open = true;
    this.at = Math.max(0, Math.min(this.last, step));
    this.draw(false);
    remember();
  }

  toggle() {
    if (this.waiting) this.guess.make(null);
    else if (this.playing) this.pause();
    else this.play();
  }

  play() {
    players.forEach((other) => other && other !== this && other.pause());
    if (this.at >= this.last) this.at = 0;
    current = this.index;
    if (this.waiting) return this.draw(false); // until the viewer guesses, or does without
    this.resume();
  }

  resume() {
    this.wait();
    this.draw(true);
  }

  wait() {
    const { scene, at } = this;
    this.held = Boolean(scene.waits && scene.waits(at));
    const paces = scene.pace * (scene.stays ? scene.stays(at) : 1),
      stays = onward && at >= this.last ? Math.max(this.hold, paces) : paces;
    this.timer = this.held ? null : setTimeout(() => this.tick(), Math.max(still() ? 1500 : 0, stays));
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
    if (!this.playing) return;
    clearTimeout(this.timer);
    this.timer = null;
    this.held = false;
    this.draw(false);
    remember();
  }
}
