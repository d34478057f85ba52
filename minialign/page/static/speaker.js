// The speaker's window: notes on this scene, what is on the wall, and what the next step is.  It is a second window of the
// same page, which writes into it; a key pressed there does what it does here.

let speaker = null;

function openSpeaker() {
  speaker = window.open("", "speaker", "width=720,height=640");
  if (!speaker) return;
  const page = speaker.document;
  page.title = "Notes";
  page.head.replaceChildren(
    h("style", {}, "body { font: 20px/1.5 system-ui, sans-serif; margin: 24px; } h1 { font-size: 26px; }"),
  );
  page.onkeydown = keyed;
  tellSpeaker();
}

function tellSpeaker() {
  if (!speaker || speaker.closed) return;
  const me = players[current],
    telling = DATA.story[me ? me.key : ""];
  speaker.document.body.replaceChildren(...(telling ? speakerNotes(me, telling) : [h("p", {}, "The audience asks.")]));
}

function speakerNotes(me, telling) {
  const guess = me.guess && me.guess.data,
    more = me.at < me.last ? me.scene.says(me.at + 1) : "the next scene",
    next = me.waiting ? "the guess is opened" : more;
  return [
    h("h1", {}, `${me.index + 1}. ${telling.title}`),
    h("p", { class: "notes" }, telling.notes),
    guess && h("p", {}, h("b", {}, "Guess: "), `${guess.ask} Answer: ${guess.options[guess.right]}. ${guess.told}`),
    h("p", {}, h("b", {}, "Now: "), me.waiting ? "waiting for guesses" : me.scene.says(me.at)),
    h("p", { class: "next" }, h("b", {}, "Next: "), next),
  ].filter(Boolean);
}
