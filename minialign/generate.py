"""Write texts, many at once: sample a token, append it, repeat until the end.

A key/value cache remembers what every earlier token offers to later ones, so that each step processes one new token per row
(without it the whole prefix would be read again for every character).  Prompts of different lengths are
left-aligned, and each row writes at its own cursor.

A separate decoding loop without a tape: its numbers equal those of `likelihood`, and a test checks that.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from . import functional
from .batch import Batch, Response
from .checks import as_ids, check_count, check_number
from .tokenizer import CHARACTERS, EOS, PAD

COLDEST = 1e-6  # a logit divided by less may overflow
FEW = 64  # tokens; of more, a product with V x V ones costs more time, and for GPT-2's vocabulary 20 GB


@dataclass
class Samples(Batch):
    """A Batch whose mask covers what the model wrote, with the log-probability of each written token."""

    logprobs: np.ndarray  # (B, T-1), zero outside the mask; at the temperature of sampling (greedy: at 1)
    prompt_lengths: np.ndarray  # (B,)
    ended: np.ndarray  # (B,) bool: the model itself wrote the end

    @property
    def batch(self):
        return Batch(self.ids, self.mask)

    def responses(self, tokenizer=CHARACTERS):
        """What each row wrote, as a list of Response."""
        rows = zip(self.ids, self.prompt_lengths, self.lengths, self.ended)
        return [Response(tokenizer.decode(ids[p : max(p, n) - bool(e)]), bool(e)) for ids, p, n, e in rows]


def generate(model, prompts, max_new_tokens, temperature=1.0, rng=None, eos_id=EOS):
    """Continue each prompt by up to max_new_tokens tokens -> Samples.

    prompts         sequence of id sequences, each at least one token long
    temperature     divides the logits before sampling; 0 takes the most probable token (greedy), else at least 1e-6
    rng             np.random.Generator, needed unless greedy
    eos_id          the token that ends a text; None: never stop early
    Raises ValueError for an empty prompt, one that leaves no room in the context, and a model that gives no probabilities.
    """
    check_count("max_new_tokens", max_new_tokens, at_least=0)
    check_number("temperature", temperature, at_least=0)
    if 0 < temperature < COLDEST:
        raise ValueError(f"temperature must be 0 (greedy) or at least {COLDEST}, not {temperature!r}")
    if temperature > 0 and rng is None:
        raise ValueError("sampling needs a random generator: pass rng=np.random.default_rng(seed), or temperature=0")
    if eos_id is not None:
        as_ids([eos_id], model.config.vocab_size)  # another would never be written
    if not len(prompts):
        raise ValueError("there are no prompts to continue")
    start = np.array([len(p) for p in prompts])
    room = model.config.context_length - start
    if start.min() < 1 or room.min() < 1:
        raise ValueError(f"prompts must have 1 to {model.config.context_length - 1} tokens; got {start.min()} to {start.max()}")

    B, limit = len(prompts), start + np.minimum(room, max_new_tokens)  # a row ends at its limit, if not before
    T = int(limit.max())
    ids, logprobs = np.full((B, T + 1), PAD), np.zeros((B, T), model.config.dtype)  # a column more than there are tokens
    ids[np.arange(T + 1) < start[:, None]] = as_ids(np.concatenate(prompts), model.config.vocab_size)
    lengths, ended = start.copy(), np.zeros(B, dtype=bool)

    decoder = _Decoder(model, B, T)
    T0 = int(start.max())
    hidden = decoder(ids[:, :T0], np.broadcast_to(np.arange(T0), (B, T0)), start[:, None] - 1)  # all prompts at once
    rows, cursor, going = np.arange(B), start.copy(), limit > start
    while going.any():
        token, logprob = _choose(decoder.logits(hidden), float(temperature), rng)  # NumPy's float64 would promote float32
        ids[rows, cursor], logprobs[rows, cursor - 1] = token, logprob  # a finished row writes behind its end
        if eos_id is not None:
            ended[rows] |= going & (token == eos_id)
        cursor = cursor + going
        lengths[rows] = cursor
        going = going & ~ended[rows] & (cursor < limit[rows])
        n_going = np.count_nonzero(going)
        if n_going < 0.75 * len(going):  # finished rows cost time: drop them once they are many
            rows, cursor, token = rows[going], cursor[going], token[going]
            decoder.keep(going)
            going = going[going]
        if n_going:
            hidden = decoder(token[:, None], cursor[:, None] - 1)

    columns, end = np.arange(T), lengths[:, None]
    mask = ((start[:, None] <= columns) & (columns < end))[:, 1:].astype(np.float32)
    ids = np.where(columns < end, ids[:, :T], PAD)
    return Samples(ids, mask, logprobs[:, : T - 1] * mask, start, ended)


def _choose(logits, temperature, rng):
    """One token per row from logits (B, V), and its log-probability (B,)."""
    if temperature > 0:
        logits = logits / temperature
    if not functional.exp_in_reach(logits, 80):  # nothing is multiplied by exp of them but ones, in float64
        logits = logits - logits.max(-1, keepdims=True)
    P = np.exp(logits).astype(np.float64)
    cumulative = P @ _up_to(P.shape[1]) if P.shape[1] <= FEW else P.cumsum(-1)  # (B, V)
    Z = cumulative[:, -1]
    if not np.isfinite(Z).all():  # else the first token, the padding, would be chosen
        raise ValueError("the model's logits are not finite, so nothing can be sampled: has its training diverged?")
    if temperature > 0:
        u = rng.random(len(logits)) * Z
        token = (u[:, None] < cumulative).argmax(-1)  # the first v with u < c[v], so that c[v-1] <= u < c[v]
    else:
        token = logits.argmax(-1)
    return token, logits[np.arange(len(token)), token] - np.log(Z)


@functools.cache
def _up_to(n):
    """p @ _up_to(n) is p.cumsum(-1), as a product, which adds a FEW faster: column v has a 1 for every entry up to v."""
    return np.triu(np.ones((n, n)))


class _Decoder:
    """The model of model.py, without a tape, and with a memory of the columns it has read.

    While it writes, the weights do not change, so what LayerNorm does can be put into them once and for all:

        (x_hat * gain + bias) W + b  =  x_hat W' + b',    W' = gain[:, None] * W,   b' = bias W + b

    and x - mean(x) is x itself if whatever is added to x has mean 0 over the channels: embeddings, and the matrices
    that write into x, are centred.  Of LayerNorm only x / sqrt(mean(x^2) + eps) is left.  The 1/sqrt(D) of the scores goes
    into the queries' weights.
    """

    def __init__(self, model, B, T):
        c, trunk = model.config, model.trunk
        self.config, D = c, c.d_model // c.n_head
        self.keys = [np.zeros((B, c.n_head, D, T), c.dtype) for _ in trunk.blocks]
        self.values = [np.zeros((B, c.n_head, T, D), c.dtype) for _ in trunk.blocks]
        self.visible = np.tri(T, dtype=c.dtype)  # what a token at each column may see
        self.average = np.full(c.d_model, 1 / c.d_model, c.dtype)
        self.embedding = _centred(trunk.token_embedding.data)
        if c.positions == "learned":
            self.positions = _centred(trunk.position_embedding.data)
        else:  # for queries and keys at once
            self.cos = np.tile(trunk.cos, (1, 4 * c.n_head))  # (T, 2C)
            self.sin = np.tile(np.hstack([-trunk.sin, trunk.sin]), (1, 2 * c.n_head))
        self.layers = []
        for block in trunk.blocks:
            qkv = block.attention.query, block.attention.key, block.attention.value
            weight, bias = np.hstack([p.weight.data for p in qkv]), np.hstack([p.bias.data for p in qkv])
            weight[:, : c.d_model] /= math.sqrt(D)
            bias[: c.d_model] /= math.sqrt(D)
            up, down, output = block.mlp.up, block.mlp.down, block.attention.output
            self.layers.append(
                (
                    _behind_norm(block.attention_norm, weight, bias),
                    (_centred(output.weight.data), _centred(output.bias.data)),
                    _behind_norm(block.mlp_norm, up.weight.data, up.bias.data),
                    (_centred(down.weight.data), _centred(down.bias.data)),
                )
            )
        unembedding = trunk.token_embedding.data.T if c.tied else model.unembedding.data
        self.unembedding = _behind_norm(trunk.final_norm, unembedding, 0)

    def keep(self, going):
        self.keys, self.values = [k[going] for k in self.keys], [v[going] for v in self.values]

    def logits(self, hidden):
        return _affine(hidden, *self.unembedding)  # (B, V)

    def __call__(self, ids, columns, prompt_end=None):
        """Read ids (B, n) at `columns` (B, n); returns one normalised hidden state per row (B, C).

        prompt_end (B, 1): of which of the n tokens; needed if they are several.
        """
        c, (B, n) = self.config, ids.shape
        H, D, first, seen = c.n_head, c.d_model // c.n_head, int(columns.min()) + 1, int(columns.max()) + 1
        row, column = np.arange(B)[:, None], columns
        visible = self.visible[columns, first:seen][:, None]  # (B, 1, n, seen - first): what is before, all may see
        share = functional.gelu_share if c.activation == "gelu" else relu
        x = self.embedding.take(ids, 0)
        if c.positions == "learned":
            x += self.positions.take(columns, 0)
        x = x.reshape(B * n, -1)
        for layer, keys, values in zip(self.layers, self.keys, self.values):
            attend, output, up, down = layer
            qkv = _affine(self.normalised(x), *attend)  # (B n, 3C)
            if c.positions == "rotary":
                self.turn(qkv[:, : 2 * c.d_model], columns)
            q, k, v = qkv.reshape(B, n, 3, H, D).transpose(2, 0, 1, 3, 4)  # (B, n, H, D) each
            if n == 1:
                keys[row, :, :, column], values[row, :, column] = k, v
            else:  # prompts: they fill the first n columns
                keys[..., :n], values[:, :, :n] = k.transpose(0, 2, 3, 1), v.swapaxes(1, 2)
            if prompt_end is not None and layer is self.layers[-1]:  # after it no token looks at another
                x, q, n = x.reshape(B, n, -1)[row, prompt_end].reshape(B, -1), q[row, prompt_end], 1
                visible = visible[row, :, prompt_end]  # (B, 1, 1, seen - first)
            E = functional.masked_exp(q.swapaxes(1, 2) @ keys[..., :seen], visible)  # (B, H, n, seen)
            y = E @ values[:, :, :seen]
            y /= functional.row_sums(E)  # one query per row: to divide y, D numbers, is cheaper than to divide E
            x += _affine(y.swapaxes(1, 2).reshape(B * n, -1), *output)
            h = _affine(self.normalised(x), *up)
            h *= share(h)
            x += _affine(h, *down)
        return self.normalised(x)

    def normalised(self, x):
        r = (x * x) @ self.average
        r += self.config.norm_eps
        return x / np.sqrt(r, out=r)[:, None]

    def turn(self, z, columns):
        """Rotary positions for z (B n, 2C), in place: see functional.rotary."""
        half = self.config.d_model // self.config.n_head // 2
        exchanged = z.reshape(len(z), -1, 2, half)[:, :, ::-1].reshape(z.shape)
        exchanged *= self.sin[columns.reshape(-1)]
        z *= self.cos[columns.reshape(-1)]
        z += exchanged


def relu(v):
    """max(v, 0): the share of v that squared ReLU lets pass."""
    return np.maximum(v, 0)


def _affine(x, weight, bias):
    y = x @ weight
    y += bias
    return y


def _centred(matrix):
    return matrix - matrix.mean(-1, keepdims=True)


def _behind_norm(norm, weight, bias):
    """The linear layer that follows a LayerNorm, with the norm's gain and bias inside."""
    return norm.gain.data[:, None] * weight, norm.bias.data @ weight + bias
