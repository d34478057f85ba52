// Guess first: what a scene shows waits behind a question, and afterwards it is said how the guess did.

const SETTLED = 400; // milliseconds after a change of scene, before which no click or key is a guess at the new one

class Guess {
  // data: {ask, options, right, told}; done(): called when the scene may open.
  constructor(data, part, done) {
    this.data = data;
    this.done = done;
    this.made = null; // the option that was guessed; null: none
    this.over = false; // has the viewer guessed, or done without?
    this.said = "";
    this.box = h("div", { class: "guess", role: "group", "aria-label": "guess first", "data-part": part });
    this.told = h("p", { class: "told", role: "status", "data-part": part });
    const options = data.options.map((option, i) =>
      h(
        "button",
        { type: "button", class: "option", onclick: () => this.offer(i) },
        h("kbd", {}, String(i + 1)),
        h("span", {}, option),
      ),
    );
    const skip = h("button", { type: "button", class: "skip-guess", onclick: () => this.make(null) }, "Just show me");
    this.box.append(
      h("p", { class: "guess-ask" }, data.ask),
      h("div", { class: "options" }, options),
      h("p", { class: "guess-how" }, "Guess first", h("span", { class: "by-key" }, ": press 1, 2 or 3"), ". ", skip),
    );
  }

  // A guess of the viewer's; one that was meant for the scene before does not count.
  offer(which) {
    if (performance.now() - changed >= SETTLED) this.make(which);
  }

  // Open the scene: with one of the options, or without a guess.
  make(which) {
    this.made = which;
    this.over = true;
    this.done();
  }

  // Say how the guess did; as long as the scene has still to show it, what the viewer is waiting for: `suspense`.
  tell(suspense) {
    const words = suspense ? [this.mine(), suspense] : [this.verdict(), this.data.told],
      said = words.join(" ");
    if (said === this.said) return; // a screen reader has read it
    this.said = said;
    this.told.replaceChildren(h("strong", {}, words[0]), " ", words[1]);
  }

  mine() {
    return this.made === null ? "" : `You guessed \u201c${this.data.options[this.made]}\u201d.`;
  }

  verdict() {
    const which = this.made,
      { options, right, nearest } = this.data,
      found = `${nearest ? "nearest: " : "it is "}\u201c${options[right]}\u201d`;
    if (which === null) return `${found[0].toUpperCase()}${found.slice(1)}.`;
    return which === right
      ? `\u2713 You guessed \u201c${options[which]}\u201d${nearest ? ", the nearest" : ", and so it is"}.`
      : `\u2717 You guessed \u201c${options[which]}\u201d; ${found}.`;
  }
}
