// Guess first: what a scene shows waits behind a question, and afterwards it is said how the guess did.

const GUESSING = { wait: 8000 }; // milliseconds, when the journey plays by itself

class Guess {
  // data: {ask, options, right, told}; done(): called when the scene may open.
  constructor(data, part, done) {
    this.data = data;
    this.done = done;
    this.made = null;
    this.box = h("div", { class: "guess", role: "group", "aria-label": "guess first", "data-part": part });
    this.told = h("p", { class: "told", role: "status", "data-part": part });
    const options = data.options.map((option, i) =>
      h(
        "button",
        { type: "button", class: "option", onclick: () => this.make(i) },
        h("kbd", {}, String(i + 1)),
        h("span", {}, option),
      ),
    );
    const skip = h("button", { type: "button", class: "skip-guess", onclick: () => this.make(null) }, "Just show me");
    this.box.append(
      h("p", { class: "guess-ask" }, data.ask),
      h("div", { class: "options" }, options),
      h("p", { class: "guess-how" }, "Guess first: press 1, 2 or 3. ", skip),
    );
  }

  // Open the scene: with one of the options, or without a guess.
  make(which) {
    this.made = which;
    const { options, right, told } = this.data;
    const verdict =
      which === null
        ? `It is \u201c${options[right]}\u201d.`
        : which === right
          ? `\u2713 You guessed \u201c${options[which]}\u201d, and so it is.`
          : `\u2717 You guessed \u201c${options[which]}\u201d; it is \u201c${options[right]}\u201d.`;
    this.told.replaceChildren(h("strong", {}, verdict), " ", told);
    this.done();
  }
}
