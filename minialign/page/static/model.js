// The models of this run, alive: the forward pass of minialign/model.py in plain JavaScript, one character at a time,
// with a key/value cache as in minialign/generate.py.  Weights are float16, arithmetic is float64.

function bytesOf(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function floats16(base64) {
  const view = new DataView(bytesOf(base64).buffer), values = new Float32Array(view.byteLength / 2);
  for (let i = 0; i < values.length; i++) {
    const half = view.getUint16(2 * i, true), exponent = (half >> 10) & 31, fraction = half & 1023;
    const size = exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : (2 ** -14 * fraction) / 1024;
    values[i] = half & 0x8000 ? -size : size;
  }
  return values;
}

function floats32(base64) {
  const view = new DataView(bytesOf(base64).buffer);
  return Float64Array.from({ length: view.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

function words16(base64) {
  const view = new DataView(bytesOf(base64).buffer);
  return Array.from({ length: view.byteLength / 2 }, (_, i) => view.getUint16(2 * i, true));
}

class Transformer {
  constructor(packed) {
    this.config = packed.config;
    this.p = {};
    const values = floats16(packed.weights);
    let start = 0;
    for (const [name, shape] of packed.parameters) {
      const size = shape.reduce((a, b) => a * b, 1);
      this.p[name] = values.subarray(start, (start += size));
    }
    this.mean = packed.mean || 0;
    this.std = packed.std || 1;
    this.pooling = packed.pooling;
  }

  // An empty cache: the keys and values of every layer so far.
  start() {
    return { length: 0, keys: this.layers(() => []), values: this.layers(() => []) };
  }

  layers(make) {
    return Array.from({ length: this.config.n_layer }, make);
  }

  // Read one more id; returns its hidden state (C).
  read(memory, id) {
    const { d_model: C, n_head: H, positions } = this.config, D = C / H, t = memory.length++;
    let x = Float64Array.from(this.p["trunk.token_embedding"].subarray(id * C, (id + 1) * C));
    if (positions === "learned") x = plus(x, this.p["trunk.position_embedding"].subarray(t * C, (t + 1) * C));
    for (let layer = 0; layer < this.config.n_layer; layer++) {
      const name = `trunk.blocks.${layer}.`, keys = memory.keys[layer], values = memory.values[layer];
      const h = this.norm(x, name + "attention_norm");
      const q = this.linear(h, name + "attention.query"), k = this.linear(h, name + "attention.key");
      if (positions === "rotary") for (const z of [q, k]) this.turn(z, t);
      keys.push(k);
      values.push(this.linear(h, name + "attention.value"));
      const y = new Float64Array(C);
      for (let head = 0; head < H; head++) attend(q, keys, values, y, head * D, D);
      x = plus(x, this.linear(y, name + "attention.output"));
      const up = this.linear(this.norm(x, name + "mlp_norm"), name + "mlp.up").map(ACTIVATIONS[this.config.activation]);
      x = plus(x, this.linear(up, name + "mlp.down"));
    }
    return this.norm(x, "trunk.final_norm");
  }

  // y = x W + b, W (in, out).
  linear(x, name) {
    const W = this.p[name + ".weight"], y = Float64Array.from(this.p[name + ".bias"]), n = y.length;
    for (let i = 0; i < x.length; i++) for (let o = 0, row = i * n; o < n; o++) y[o] += x[i] * W[row + o];
    return y;
  }

  norm(x, name) {
    const gain = this.p[name + ".gain"], bias = this.p[name + ".bias"], n = x.length;
    let mean = 0, variance = 0;
    for (const value of x) mean += value / n;
    for (const value of x) variance += (value - mean) ** 2 / n;
    const scale = 1 / Math.sqrt(variance + this.config.norm_eps);
    return x.map((value, i) => (value - mean) * scale * gain[i] + bias[i]);
  }

  // Rotary positions: in every head, channel j and channel j + D/2 turn together.
  turn(z, t) {
    const { d_model: C, n_head: H, rotary_base } = this.config, D = C / H, half = D / 2;
    for (let j = 0; j < half; j++) {
      const angle = t * rotary_base ** ((-2 * j) / D), cos = Math.cos(angle), sin = Math.sin(angle);
      for (let head = 0; head < C; head += D) {
        const u = z[head + j], w = z[head + half + j];
        z[head + j] = u * cos - w * sin;
        z[head + half + j] = w * cos + u * sin;
      }
    }
  }

  logits(hidden) {
    const { vocab_size: V, d_model: C, tied } = this.config, out = new Float64Array(V);
    const U = tied ? this.p["trunk.token_embedding"] : this.p.unembedding;
    for (let v = 0; v < V; v++) for (let c = 0; c < C; c++) out[v] += hidden[c] * U[tied ? v * C + c : c * V + v];
    return out;
  }

  // The logits after every id of a text.
  allLogits(ids) {
    const memory = this.start();
    return ids.map((id) => this.logits(this.read(memory, id)));
  }

  // log pi of each of the last n ids, given all before it.
  logProbs(ids, n) {
    const logits = this.allLogits(ids);
    return ids.slice(-n).map((id, i) => Math.log(softmax(logits[ids.length - n + i - 1])[id]));
  }

  // A reward model's normalised score of an answer: ids of the whole conversation, of which the last n are the answer.
  // reference: the SFT model, whose mean and least log-probability of these n count too.
  score(ids, n, reference) {
    const memory = this.start(), w = this.p["head.weight"], numbers = [];
    for (const id of ids)
      numbers.push(this.read(memory, id).reduce((sum, h, c) => sum + h * w[c], this.p["head.bias"][0]));
    const [a, c] = this.p["likelihood_weights"], logs = reference.logProbs(ids, n);
    const raw = mean(numbers.slice(this.pooling === "last" ? -1 : -n)) + a * mean(logs) + c * Math.min(...logs);
    return (raw - this.mean) / this.std;
  }

  // Continue ids until the end -> {ids, ended}.  temperature 0: greedy.
  generate(ids, limit, temperature, random) {
    const memory = this.start(), said = [];
    let hidden;
    for (const id of ids) hidden = this.read(memory, id);
    const room = Math.min(limit, this.config.context_length - ids.length);
    while (said.length < room) {
      const id = choose(this.logits(hidden), temperature, random);
      if (id === EOS) return { ids: said, ended: true };
      said.push(id);
      if (said.length < room) hidden = this.read(memory, id);
    }
    return { ids: said, ended: false };
  }
}

function attend(q, keys, values, y, from, D) {
  const weights = keys.map((k) => {
    let dot = 0;
    for (let c = from; c < from + D; c++) dot += q[c] * k[c];
    return dot / Math.sqrt(D);
  });
  const share = softmax(weights);
  for (let s = 0; s < keys.length; s++) for (let c = from; c < from + D; c++) y[c] += share[s] * values[s][c];
}

function softmax(x) {
  let most = -Infinity, sum = 0;
  for (const value of x) most = Math.max(most, value);
  const e = Array.from(x, (value) => Math.exp(value - most));
  for (const value of e) sum += value;
  return e.map((value) => value / sum);
}

const ACTIVATIONS = {
  gelu: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
  relu2: (x) => Math.max(x, 0) ** 2,
};

function mean(x) {
  return x.reduce((a, b) => a + b, 0) / x.length;
}

function plus(x, y) {
  return x.map((value, i) => value + y[i]);
}

function choose(logits, temperature, random) {
  if (temperature === 0) return logits.indexOf(Math.max(...logits));
  const p = softmax(Array.from(logits, (z) => z / temperature));
  let u = random(), id = 0;
  while (id < p.length - 1 && u >= p[id]) u -= p[id++];
  return id;
}

// mulberry32: a small generator that gives the same numbers for the same seed.
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// ------------------------------------------------------------------ characters <-> ids, as in minialign/tokenizer.py
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
  return (LIVING[name] = LIVING[name] || new Transformer(DATA.models.weights[name]));
}

// The base model gets a question as the beginning of a document; the others as a conversation.
function promptOf(name, question) {
  return name === "base" ? [EOS, ...encode(question)] : [USER, ...encode(question), BOT];
}

function reply(name, question, temperature, seed) {
  const { ids, ended } = model(name).generate(
    promptOf(name, question),
    DATA.models.limit,
    temperature,
    randomFrom(seed),
  );
  return { text: decode(ids).trim(), ids, ended };
}

function scoreOfIds(question, ids, ended) {
  const answer = ended ? [...ids, EOS] : ids;
  return model("reward").score([USER, ...encode(question), BOT, ...answer], answer.length, model("sft"));
}

function scoreOf(question, answer, ended = true) {
  return scoreOfIds(question, encode(answer), ended);
}
