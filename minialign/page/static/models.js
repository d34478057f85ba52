// The models of this run, and the characters <-> ids that they read, as in minialign/tokenizer.py.

/** @type {Shown.PageData} */
const DATA = JSON.parse(document.getElementById("data").textContent);
const [EOS, USER, BOT] = [1, 2, 3];

function encode(text) {
  return Array.from(text, (character) => DATA.alphabet.indexOf(character) + DATA.special.length);
}

function decode(ids) {
  return ids
    .map((id) => (id < DATA.special.length ? DATA.special[id] : DATA.alphabet[id - DATA.special.length]))
    .join("");
}

// What of a text the models can read, in small letters, and the characters that have to be dropped.
function readable(text) {
  const characters = Array.from(text.toLowerCase().trim()),
    known = (character) => DATA.alphabet.includes(character);
  return {
    text: characters.filter(known).join(""),
    dropped: [...new Set(characters.filter((character) => !known(character)))].join(" "),
  };
}

// What to say about them; nothing if nothing was dropped.
function droppedNote({ dropped }) {
  return dropped ? `Dropped: ${dropped} (the models know only ${DATA.letters}). ` : "";
}

const haveModels = !DATA.models.missing;
const LIVING = {}; // the models that have been unpacked

function model(name) {
  return (LIVING[name] = LIVING[name] || new TinyGPT(DATA.models.weights[name]));
}

// The base model gets a question as the beginning of a document; the others as a conversation.
function promptOf(name, question) {
  return name === "base" ? [EOS, ...encode(question)] : [USER, ...encode(question), BOT];
}

function reply(name, question, temperature, seed) {
  const said = model(name).generate(promptOf(name, question), DATA.models.limit, temperature, randomFrom(seed));
  const slip = said.ids.findIndex((id) => id < DATA.special.length); // a special token is no word: the answer is cut there
  const ids = slip < 0 ? said.ids : said.ids.slice(0, slip);
  return { text: decode(ids).trim(), ids, ended: said.ended && slip < 0 };
}

function scoreOfIds(question, ids, ended) {
  const answer = ended ? [...ids, EOS] : ids;
  return model("reward").score([USER, ...encode(question), BOT, ...answer], answer.length, model("sft"));
}

function scoreOf(question, answer, ended = true) {
  return scoreOfIds(question, encode(answer), ended);
}
