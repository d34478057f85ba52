// The mathematics of the page, without its elements: tests/page_maths.test.mjs runs it alone.

function bytesOf(base64) {
  const text = atob(base64),
    bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function floats16(base64) {
  const view = new DataView(bytesOf(base64).buffer),
    values = new Float32Array(view.byteLength / 2);
  for (let i = 0; i < values.length; i++) {
    const half = view.getUint16(2 * i, true),
      exponent = (half >> 10) & 31,
      fraction = half & 1023;
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

function softmax(x) {
  let most = -Infinity,
    sum = 0;
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
  let u = random(),
    id = 0;
  while (id < p.length - 1 && u >= p[id]) u -= p[id++];
  return id;
}

// mulberry32: a small generator that gives the same numbers for the same seed.  It starts far from 0, near which its second
// number is the end of a distribution (0.0003).
function randomFrom(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b9);
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function dot(x, y) {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * y[i];
  return sum;
}

function entropyOf(p) {
  return p.reduce((sum, share) => sum - (share > 0 ? share * Math.log(share) : 0), 0);
}

// ------------------------------------------------------------------------------------------------ the leash
// The best policy on K stored answers is a softmax: reweighting.py says why, a test compares the two.
function tilted(proxy, gold, K, beta) {
  const sum = { beta, proxy: 0, gold: 0, kl: 0, effective: 0 },
    P = proxy.length / K;
  for (let p = 0; p < P; p++) {
    const weights = tiltedWeights(proxy, K, p, beta),
      entropy = entropyOf(weights);
    sum.proxy += dot(weights, proxy.subarray(p * K, (p + 1) * K));
    sum.gold += dot(weights, gold.subarray(p * K, (p + 1) * K));
    sum.kl += Math.log(K) - entropy;
    sum.effective += Math.exp(entropy);
  }
  for (const name of ["proxy", "gold", "kl", "effective"]) sum[name] /= P;
  return sum;
}

function tiltedWeights(proxy, K, p, beta) {
  return softmax(Array.from(proxy.subarray(p * K, (p + 1) * K), (score) => score / beta));
}

// ------------------------------------------------------------------------------------------------ Bradley and Terry
function sigmoid(x) {
  return x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x));
}

// -log sigma(x), without overflow.
function softplus(x) {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

// L(w) = mean -log sigma(w . d) + l2 / 2 |w|^2 over the rows d, differences of the features of chosen and rejected.
function voteLoss(w, rows, l2) {
  return rows.reduce((sum, d) => sum + softplus(-dot(w, d)), 0) / rows.length + (l2 / 2) * dot(w, w);
}

// The gradient of L (C), and its second derivatives (C x C, row by row).
function voteDerivatives(w, rows, l2) {
  const C = w.length,
    gradient = w.map((value) => l2 * value),
    hessian = new Float64Array(C * C);
  for (const d of rows) {
    const wrong = sigmoid(-dot(w, d)),
      curvature = (wrong * (1 - wrong)) / rows.length;
    for (let i = 0; i < C; i++) {
      gradient[i] -= (wrong * d[i]) / rows.length;
      for (let j = 0, scaled = curvature * d[i]; j <= i; j++) hessian[i * C + j] += scaled * d[j];
    }
  }
  for (let i = 0; i < C; i++) {
    hessian[i * C + i] += l2;
    for (let j = 0; j < i; j++) hessian[j * C + i] = hessian[i * C + j];
  }
  return { gradient, hessian };
}

// x with A x = b, for a symmetric positive definite A (C x C): A = L L', row by row (Cholesky).
function solved(A, b) {
  const C = b.length,
    L = new Float64Array(C * C),
    x = Float64Array.from(b);
  for (let i = 0; i < C; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = A[i * C + j];
      for (let k = 0; k < j; k++) sum -= L[i * C + k] * L[j * C + k];
      L[i * C + j] = i === j ? Math.sqrt(sum) : sum / L[j * C + j];
    }
  }
  for (let i = 0; i < C; i++) {
    for (let k = 0; k < i; k++) x[i] -= L[i * C + k] * x[k];
    x[i] /= L[i * C + i];
  }
  for (let i = C - 1; i >= 0; i--) {
    for (let k = i + 1; k < C; k++) x[i] -= L[k * C + i] * x[k];
    x[i] /= L[i * C + i];
  }
  return x;
}

// The weights after every step, from zero to the minimum of L: small Newton steps first, to be watched, then whole ones.
function trainedOnVotes(rows, C, l2, small = 18, whole = 7) {
  const path = [new Float64Array(C)];
  for (let step = 0; step < small + whole; step++) {
    const w = path.at(-1),
      { gradient, hessian } = voteDerivatives(w, rows, l2),
      rate = step < small ? 0.15 : 1;
    const direction = solved(hessian, gradient);
    path.push(w.map((value, i) => value - rate * direction[i]));
  }
  return path;
}

// Rows of C numbers each, out of one long array.
function rowsOf(values, C) {
  return Array.from({ length: values.length / C }, (_, i) => values.subarray(i * C, (i + 1) * C));
}
