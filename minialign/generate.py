"""Write texts, many at once: sample a token, append it, repeat until the end.

A key/value cache remembers what every earlier token offers to later ones, so that each step looks at one new token a row
(without it the whole prefix would be read again for every character).  Prompts of different lengths stand
left-aligned, and each row writes at its own cursor.

A decoding loop of its own, without a tape: its numbers equal those of `likelihood`, and a test holds it to that.
"""

import math
from dataclasses import dataclass

import numpy as np

from .batch import Batch, Response
from .tokenizer import EOS, PAD, decode


@dataclass
class Samples(Batch):
    """A Batch whose mask covers what the model wrote, with the log-probability of each written token."""

    logprobs: np.ndarray  # (B, T-1), zero outside the mask; at the temperature of sampling (greedy: at 1)
    prompt_lengths: np.ndarray  # (B,)
    ended: np.ndarray  # (B,) bool: the model itself wrote the end

    @property
    def batch(self):
        return Batch(self.ids, self.mask)

    def responses(self):
        """What each row wrote, as a list of Response."""
        rows = zip(self.ids, self.prompt_lengths, self.lengths, self.ended)
        return [Response(decode(ids[p : max(p, n) - bool(e)]), bool(e)) for ids, p, n, e in rows]


def generate(model, prompts, max_new_tokens, temperature=1.0, rng=None, eos_id=EOS):
    """Continue each prompt by up to max_new_tokens tokens -> Samples.

    prompts         sequence of id sequences, each at least one token long
    temperature     divides the logits before sampling; 0 takes the most probable token (greedy)
    rng             np.random.Generator, needed unless greedy
    eos_id          the token that ends a text; None: never stop early
    Raises ValueError for an empty prompt, or for one that leaves no room in the context.
    """
    if temperature > 0 and rng is None:
        raise ValueError("sampling needs a random generator: pass rng=np.random.default_rng(seed), or temperature=0")
    prompts = [np.asarray(p, dtype=int) for p in prompts]
    start = np.array([len(p) for p in prompts])
    room = model.config.context_length - start
    if start.min() < 1 or room.min() < 1:
        raise ValueError(f"prompts have 1 to {model.config.context_length - 1} tokens; got {start.min()} to {start.max()}")

    B, limit = len(prompts), start + np.minimum(room, max_new_tokens)  # a row ends at its limit, if not before
    T = int(limit.max())
    ids = np.full((B, T), PAD)
    for b, prompt in enumerate(prompts):
        ids[b, : len(prompt)] = prompt
    mask, logprobs = np.zeros((B, T - 1), np.float32), np.zeros((B, T - 1), model.config.dtype)
    ended = np.zeros(B, dtype=bool)

    decoder = _Decoder(model, B, T)
    T0 = int(start.max())
    hidden = decoder(ids[:, :T0], np.broadcast_to(np.arange(T0), (B, T0)))  # reads all prompts at once
    hidden = hidden[np.arange(B), start - 1]  # (B, C): each row's last prompt token foretells its first own one
    rows, cursor, going = np.arange(B), start.copy(), limit > start
    while going.any():
        token, logprob = _choose(decoder.logits(hidden), temperature, rng)
        row, column = rows[going], cursor[going]
        ids[row, column], mask[row, column - 1], logprobs[row, column - 1] = token[going], 1, logprob[going]
        if eos_id is not None:
            ended[row] = token[going] == eos_id
        cursor = cursor + going  # a finished row stays where it is and writes where nobody reads
        going = going & ~ended[rows] & (cursor < limit[rows])
        if going.mean() < 0.75:  # finished rows cost time: drop them once they are many
            rows, cursor, token = rows[going], cursor[going], token[going]
            decoder.keep(going)
            going = going[going]
        if going.any():
            hidden = decoder(token[:, None], cursor[:, None] - 1)[:, 0]
    return Samples(ids, mask, logprobs, start, ended)


def _choose(logits, temperature, rng):
    """One token a row from logits (B, V), and its log-probability (B,)."""
    if temperature > 0:
        logits = logits / temperature
    logits = logits - logits.max(-1, keepdims=True)
    logprobs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    if temperature > 0:
        cumulative = np.exp(logprobs).cumsum(-1, dtype=np.float64)  # token v is taken if c[v-1] <= u < c[v]
        u = rng.random((len(logits), 1)) * cumulative[:, -1:]
        token = np.minimum((cumulative <= u).sum(-1), logits.shape[1] - 1)
    else:
        token = logits.argmax(-1)
    return token, logprobs[np.arange(len(token)), token]


class _Decoder:
    """The model of model.py, without a tape and with a memory of the columns it has read."""

    def __init__(self, model, B, T):
        c, trunk = model.config, model.trunk
        self.config, self.trunk = c, trunk
        self.keys = [np.zeros((B, c.n_head, T, c.d_model // c.n_head), c.dtype) for _ in trunk.blocks]
        self.values = [np.zeros_like(k) for k in self.keys]
        self.unembedding = trunk.token_embedding.data.T if c.tied else model.unembedding.data
        self.qkv = []  # the three projections of a layer as one matrix: one product instead of three
        for block in trunk.blocks:
            parts = block.attention.query, block.attention.key, block.attention.value
            self.qkv.append((np.hstack([p.weight.data for p in parts]), np.hstack([p.bias.data for p in parts])))

    def keep(self, going):
        self.keys, self.values = [k[going] for k in self.keys], [v[going] for v in self.values]

    def logits(self, hidden):
        return hidden @ self.unembedding  # (B, V)

    def __call__(self, ids, columns):
        """Read ids (B, n) standing at `columns` (B, n); returns their hidden states (B, n, C)."""
        c, trunk, (B, n) = self.config, self.trunk, ids.shape
        D, seen = c.d_model // c.n_head, int(columns.max()) + 1
        row = np.arange(B)[:, None]
        x = trunk.token_embedding.data[ids]
        if c.positions == "learned":
            x = x + trunk.position_embedding.data[columns]
        else:
            cos, sin = trunk.cos[columns][:, :, None], trunk.sin[columns][:, :, None]  # (B, n, 1, D/2)
        hidden_from_sight = (np.arange(seen) > columns[:, :, None])[:, None]  # (B, 1, n, seen)
        for block, (weight, bias), keys, values in zip(trunk.blocks, self.qkv, self.keys, self.values):
            h = _norm(x, block.attention_norm)
            qkv = (h.reshape(B * n, -1) @ weight + bias).reshape(B, n, 3, c.n_head, D)
            q, k, v = qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2]  # (B, n, H, D)
            if c.positions == "rotary":
                q, k = _turn(q, cos, sin), _turn(k, cos, sin)
            keys[row, :, columns], values[row, :, columns] = k, v
            q = q.transpose(0, 2, 1, 3) * (1 / math.sqrt(D))
            A = q @ keys[:, :, :seen].swapaxes(-1, -2)  # (B, H, n, seen)
            np.putmask(A, np.broadcast_to(hidden_from_sight, A.shape), -np.inf)
            A -= A.max(-1, keepdims=True)
            np.exp(A, out=A)
            A /= A.sum(-1, keepdims=True)
            y = (A @ values[:, :, :seen]).transpose(0, 2, 1, 3).reshape(B, n, -1)
            x = x + _affine(y, block.attention.output)
            h = _affine(_norm(x, block.mlp_norm), block.mlp.up)
            x = x + _affine(_gelu(h), block.mlp.down)
        return _norm(x, trunk.final_norm)


def _affine(x, layer):
    return x @ layer.weight.data + layer.bias.data


def _norm(x, layer):
    x = x - x.mean(-1, keepdims=True)
    variance = np.einsum("...c,...c->...", x, x)[..., None] / x.shape[-1]
    return x / np.sqrt(variance + layer.eps) * layer.gain.data + layer.bias.data


def _turn(z, cos, sin):
    half = z.shape[-1] // 2
    u, w = z[..., :half], z[..., half:]
    return np.concatenate([u * cos - w * sin, w * cos + u * sin], -1)


def _gelu(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))))
