// The models of this run, alive: the forward pass of minialign/model.py in plain JavaScript, one character at a time,
// with a key/value cache as in minialign/generate.py.  Weights are float16, arithmetic is float64.

class TinyGPT {
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
    const { d_model: C, n_head: H, positions } = this.config,
      D = C / H,
      t = memory.length++;
    let x = Float64Array.from(this.p["trunk.token_embedding"].subarray(id * C, (id + 1) * C));
    if (positions === "learned") x = plus(x, this.p["trunk.position_embedding"].subarray(t * C, (t + 1) * C));
    for (let layer = 0; layer < this.config.n_layer; layer++) {
      const name = `trunk.blocks.${layer}.`,
        keys = memory.keys[layer],
        values = memory.values[layer];
      const h = this.norm(x, name + "attention_norm");
      const q = this.linear(h, name + "attention.query"),
        k = this.linear(h, name + "attention.key");
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
    const W = this.p[name + ".weight"],
      y = Float64Array.from(this.p[name + ".bias"]),
      n = y.length;
    for (let i = 0; i < x.length; i++) for (let o = 0, row = i * n; o < n; o++) y[o] += x[i] * W[row + o];
    return y;
  }

  norm(x, name) {
    const gain = this.p[name + ".gain"],
      bias = this.p[name + ".bias"],
      n = x.length;
    let mean = 0,
      variance = 0;
    for (const value of x) mean += value / n;
    for (const value of x) variance += (value - mean) ** 2 / n;
    const scale = 1 / Math.sqrt(variance + this.config.norm_eps);
    return x.map((value, i) => (value - mean) * scale * gain[i] + bias[i]);
  }

  // Rotary positions: in every head, channel j and channel j + D/2 turn together.
  turn(z, t) {
    const { d_model: C, n_head: H, rotary_base } = this.config,
      D = C / H,
      half = D / 2;
    for (let j = 0; j < half; j++) {
      const angle = t * rotary_base ** ((-2 * j) / D),
        cos = Math.cos(angle),
        sin = Math.sin(angle);
      for (let head = 0; head < C; head += D) {
        const u = z[head + j],
          w = z[head + half + j];
        z[head + j] = u * cos - w * sin;
        z[head + half + j] = w * cos + u * sin;
      }
    }
  }

  logits(hidden) {
    const { vocab_size: V, d_model: C, tied } = this.config,
      out = new Float64Array(V);
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

  // What a reward model's last layer reads of an answer: the hidden states of the last n ids, pooled (C), and the mean and the
  // least log-probability that the reference, the SFT model, gives to these n.
  features(ids, n, reference) {
    const memory = this.start();
    const states = ids.map((id) => this.read(memory, id));
    const read = states.slice(this.pooling === "last" ? -1 : -n);
    const pooled = Array.from(states[0], (_, c) => mean(read.map((state) => state[c])));
    if (!this.p.likelihood_weights) return pooled;
    const logs = reference.logProbs(ids, n);
    return [...pooled, mean(logs), Math.min(...logs)];
  }

  // A reward model's normalised score of an answer: ids of the whole conversation, of which the last n are the answer.
  score(ids, n, reference) {
    const w = [...this.p["head.weight"], ...(this.p.likelihood_weights || [])];
    return (dot(this.features(ids, n, reference), w) + this.p["head.bias"][0] - this.mean) / this.std;
  }

  // Continue ids until the end -> {ids, ended}.  temperature 0: greedy.
  generate(ids, limit, temperature, random) {
    const memory = this.start(),
      said = [];
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
