"""A tiny GPT: a trunk that reads a text, and two kinds of head on top of it.

    B batch   T tokens   C channels (d_model)   H heads   D = C/H   V vocabulary

    x = E[ids]                        (+ P[position] if positions are learned)
    x = x + attention(norm(x))        each block, twice a residual:
    x = x + mlp(norm(x))              the block adds to what is known, it does not replace it
    LanguageModel:  logits = norm(x) U         (B, T, V)      U = E^T if tied
    ScalarModel:    value  = norm(x) . w + b   (B, T)         the reward model and the critic

With positions="learned", tied=True this is GPT-2 exactly; with positions="rotary", tied=False it is GPT-NeoX without the
parallel residual.  (Radford et al. 2019; Black et al. 2022; interop.py converts to both.)

Differences from production models: no dropout (so a log-probability is the same whenever it is asked for), no
key-padding mask (padding is on the right, where causal attention never looks).
"""

import copy
import math
from dataclasses import dataclass

import numpy as np

from . import functional, parallel
from .autograd import Tensor, same_shape
from .checks import as_mask, check_choice, check_count, check_counts, check_flags, check_number
from .functional import scatter


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a model.  Raises ValueError for shapes that cannot be."""

    vocab_size: int
    context_length: int
    n_layer: int = 2
    n_head: int = 4
    d_model: int = 64
    positions: str = "rotary"  # or "learned"
    tied: bool = False  # one matrix for reading and writing characters
    dtype: str = "float32"
    rotary_base: float = 1000.0
    norm_eps: float = 1e-5
    activation: str = "gelu"  # or "relu2", the square of what is positive

    def __post_init__(self):
        for name, value in list(vars(self).items()):
            object.__setattr__(self, name, value.item() if isinstance(value, np.generic) else value)  # JSON knows no np.int64
        try:
            object.__setattr__(self, "dtype", np.dtype(self.dtype).name)
        except (TypeError, ValueError):  # no dtype at all, which the next line says
            pass
        check_choice("dtype", self.dtype, ("float32", "float64"))
        check_counts(self, "vocab_size n_layer n_head d_model")
        check_count("context_length", self.context_length, at_most=1_000_000)  # there is a table of that many angles
        check_number("rotary_base", self.rotary_base, at_least=1, at_most=1e12)  # beyond, angles leave what floats can hold
        check_number("norm_eps", self.norm_eps, at_least=1e-30, at_most=1)
        check_flags(self, "tied")
        if self.d_model % self.n_head:
            raise ValueError(f"d_model {self.d_model} does not divide among {self.n_head} heads")
        check_choice("positions", self.positions, ("rotary", "learned"))
        check_choice("activation", self.activation, ("gelu", "relu2"))
        if self.positions == "rotary" and (self.d_model // self.n_head) % 2:
            raise ValueError("rotary positions turn pairs of channels: d_model / n_head must be even")


class Module:
    """Something with parameters: Tensors in attributes, in sub-modules, and in lists of sub-modules."""

    def named_parameters(self, prefix=""):
        """dict of dotted name -> Tensor, in the order of definition."""
        found = {}
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                found[prefix + name] = value
            elif isinstance(value, Module):
                found.update(value.named_parameters(f"{prefix}{name}."))
            elif isinstance(value, list):
                for i, item in enumerate(value):
                    found.update(item.named_parameters(f"{prefix}{name}.{i}."))
        return found

    def parameters(self):
        return list(self.named_parameters().values())

    def copy_from(self, other):
        """Take another module's numbers, parameter by parameter."""
        theirs = other.named_parameters()
        for name, parameter in self.named_parameters().items():
            parameter.data = theirs[name].data.copy()

    def shallow_clone(self):
        """The same weights, gradients of its own.  (To be trained on its own: checkpoint.trainable_copy.)"""
        new = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(new, name, Tensor(value.data, value.requires_grad))
            elif isinstance(value, Module):
                setattr(new, name, value.shallow_clone())
            elif isinstance(value, list):
                setattr(new, name, [item.shallow_clone() for item in value])
        return new


def initial_std(config):
    """0.5 / sqrt(C): GPT-2's 0.02 at its width of 768.  At our width 0.02 would be a much slower start."""
    return 0.5 / math.sqrt(config.d_model)


def _normal(rng, shape, std, dtype):
    return Tensor((rng.standard_normal(shape) * std).astype(dtype), requires_grad=True)


def _constant(shape, value, dtype):
    return Tensor(np.full(shape, value, dtype=dtype), requires_grad=True)


class Linear(Module):
    """y = x W + b, W (in, out)."""

    def __init__(self, n_in, n_out, std, dtype, rng):
        self.weight = _normal(rng, (n_in, n_out), std, dtype)
        self.bias = _constant(n_out, 0, dtype)

    def __call__(self, x, ops):
        return ops.linear(x, self.weight, self.bias)


class LayerNorm(Module):
    def __init__(self, n, eps, dtype):
        self.gain, self.bias, self.eps = _constant(n, 1, dtype), _constant(n, 0, dtype), eps

    def __call__(self, x, ops):
        return ops.layer_norm(x, self.gain, self.bias, self.eps)


class Attention(Module):
    """Every token asks (query), is asked (key) and answers (value), H times side by side."""

    def __init__(self, config, rng):
        C, std, dtype = config.d_model, initial_std(config), config.dtype
        self.config = config
        self.query, self.key, self.value = (Linear(C, C, std, dtype, rng) for _ in range(3))
        self.output = Linear(C, C, std / math.sqrt(2 * config.n_layer), dtype, rng)

    def __call__(self, x, angles, ops):
        (B, T, C), H = x.shape, self.config.n_head
        q, k, v = (z.reshape(B, T, H, C // H) for z in (self.query(x, ops), self.key(x, ops), self.value(x, ops)))
        if angles is not None:
            q, k = ops.rotary(q, *angles), ops.rotary(k, *angles)
        y = ops.causal_attention(*(z.transpose(0, 2, 1, 3) for z in (q, k, v)))  # (B, H, T, D)
        return self.output(y.transpose(0, 2, 1, 3).reshape(B, T, C), ops)


class MLP(Module):
    def __init__(self, config, rng):
        C, std = config.d_model, initial_std(config)
        self.activation = config.activation
        self.up = Linear(C, 4 * C, std, config.dtype, rng)
        self.down = Linear(4 * C, C, std / math.sqrt(2 * config.n_layer), config.dtype, rng)

    def __call__(self, x, ops):
        return self.down(getattr(ops, self.activation)(self.up(x, ops)), ops)


class Block(Module):
    """x (B, T, C) -> (B, T, C).  loss_mask (B, T) bool, for the last block: go on with those M tokens alone, (M, C)."""

    def __init__(self, config, rng):
        self.attention_norm = LayerNorm(config.d_model, config.norm_eps, config.dtype)
        self.attention = Attention(config, rng)
        self.mlp_norm = LayerNorm(config.d_model, config.norm_eps, config.dtype)
        self.mlp = MLP(config, rng)

    def __call__(self, x, angles, ops, loss_mask=None):
        x = x + self.attention(self.attention_norm(x, ops), angles, ops)
        if loss_mask is not None:  # from here on no token looks at another
            x = x[loss_mask]
        return x + self.mlp(self.mlp_norm(x, ops), ops)


TOKENS_AT_ONCE = 1536  # processed at a time, about, so that activations stay in cache


class Transformer(Module):
    """The trunk: ids (B, T) -> hidden states (B, T, C), or those in the loss mask (M, C).

    loss_mask (B, T), 0 or 1: the M tokens whose hidden states a loss reads, row by row.  That is usually the answer: the last
    MLP skips prompt tokens; trailing padding is never processed.
    `ops` is the module of functions to use: `functional` (fused) or `composed` (primitives, for lesson 1).
    """

    def __init__(self, config, rng, ops=functional):
        C, std, dtype = config.d_model, initial_std(config), config.dtype
        self.config, self.ops = config, ops
        self.token_embedding = _normal(rng, (config.vocab_size, C), std, dtype)
        if config.positions == "learned":
            self.position_embedding = _normal(rng, (config.context_length, C), std, dtype)
        self.blocks = [Block(config, rng) for _ in range(config.n_layer)]
        self.final_norm = LayerNorm(C, config.norm_eps, dtype)
        self.cos, self.sin = rotary_angles(config)

    def __call__(self, ids, loss_mask=None):
        ids = np.asarray(ids)
        B, T = ids.shape
        check_count("the number of texts", B)
        if T > self.config.context_length:
            raise ValueError(f"{T} tokens do not fit the context of {self.config.context_length}")
        if loss_mask is None and B * T <= parallel.share(B * T, T, TOKENS_AT_ONCE):
            return self.forward(ids)
        if loss_mask is None:
            pieces = list(rows_of_similar_length(np.full(B, T)))
            return parallel.forward(self, [(ids[piece],) for piece in pieces], pieces, (B, T, self.config.d_model))
        same_shape(ids=ids, loss_mask=loss_mask)
        loss_mask = as_mask(loss_mask)
        lengths = np.where(loss_mask, np.arange(1, T + 1), 1).max(1)  # up to the last token of the mask, and at least one
        number = np.cumsum(loss_mask).reshape(B, T) - 1  # a masked token's row among the M that come out
        pieces = list(rows_of_similar_length(lengths))
        places = [number[piece][loss_mask[piece]] for piece in pieces]
        parts = [(ids[piece], loss_mask[piece]) for piece in pieces]
        return parallel.forward(self, parts, places, (int(loss_mask.sum()), self.config.d_model))

    def forward(self, ids, loss_mask=None):
        """ids (B, T) in one go -> (B, T, C) or (M, C)."""
        T = ids.shape[1]
        x = self.ops.embedding(self.token_embedding, ids)  # (B, T, C)
        learned = self.config.positions == "learned"
        angles = None if learned else (self.cos[:T], self.sin[:T])  # (T, D/2)
        if learned:
            x = x + self.position_embedding[:T]
        *blocks, last = self.blocks
        for block in blocks:
            x = block(x, angles, self.ops)
        return self.final_norm(last(x, angles, self.ops, loss_mask), self.ops)


def rows_of_similar_length(lengths):
    """Cut a batch into pieces of about TOKENS_AT_ONCE tokens or less, each without the columns that none of its rows needs.

    Yields (rows, columns): an index array and a slice.  The rows of a batch know nothing of each other, and causal
    attention never looks at what comes later, so every hidden state is the same as in one piece.
    """
    at_once = parallel.share(int(lengths.sum()), int(lengths.max(initial=1)), TOKENS_AT_ONCE)
    order, start = np.argsort(-lengths, kind="stable"), 0
    while start < len(order):
        longest = int(lengths[order[start]])
        rows = order[start : start + max(1, at_once // longest)]
        yield rows, slice(longest)
        start += len(rows)


def rotary_angles(config):
    """cos and sin of position * base^(-2j/D), each (context_length, D/2)."""
    D = config.d_model // config.n_head
    speeds = config.rotary_base ** (-np.arange(0, D, 2) / D)  # (D/2,)
    angles = np.arange(config.context_length)[:, None] * speeds
    return np.cos(angles).astype(config.dtype), np.sin(angles).astype(config.dtype)


class LanguageModel(Module):
    """ids (B, T) -> logits (B, T, V): logits[b, t] predicts ids[b, t+1].

    With a loss_mask (B, T) the logits of its M tokens alone, (M, V).
    """

    def __init__(self, config, rng, ops=functional):
        self.config, self.trunk = config, Transformer(config, rng, ops)
        if not config.tied:
            self.unembedding = _normal(rng, (config.d_model, config.vocab_size), initial_std(config), config.dtype)

    def __call__(self, ids, loss_mask=None):
        unembedding = self.trunk.token_embedding.transpose() if self.config.tied else self.unembedding
        return self.trunk.ops.linear(self.trunk(ids, loss_mask), unembedding)


class ScalarModel(Module):
    """ids (B, T) -> one number per token (B, T): at the answer's tokens it is a reward, at every token a critic's value.

    With a loss_mask (B, T) it is still one number per token, but 0 at positions that were not asked for.
    head: "normal" draws w from N(0, 1/(C+1)) (Stiennon et al. 2020), "zero" starts from 0 everywhere.
    """

    def __init__(self, config, rng, head="normal", ops=functional):
        C = config.d_model
        check_choice("head", head, ("normal", "zero"))
        self.config, self.trunk = config, Transformer(config, rng, ops)
        self.head = Head(C, 0.0 if head == "zero" else 1 / math.sqrt(C + 1), config.dtype, rng)

    def __call__(self, ids, loss_mask=None):
        values = self.head(self.trunk(ids, loss_mask))
        return values if loss_mask is None else scatter([values], [as_mask(loss_mask)], np.shape(loss_mask))


class RewardModel(ScalarModel):
    """A ScalarModel that keeps beside it, frozen, the language model it grew from; reward.py says what for."""

    def __init__(self, config, rng, likelihood_weights=(0.0, 0.0)):
        super().__init__(config, rng)
        self.likelihood_weights = Tensor(np.array(likelihood_weights, config.dtype), requires_grad=True)  # (2,)
        self.reference = LanguageModel(config, rng)
        for p in self.reference.parameters():
            p.requires_grad = False


class Head(Module):
    """h (..., C) -> h . w + b (...)."""

    def __init__(self, n, std, dtype, rng):
        self.weight, self.bias = _normal(rng, (n,), std, dtype), _constant(1, 0, dtype)

    def __call__(self, h):
        return h @ self.weight + self.bias


def scalar_model_from(model, rng, head="normal"):
    """A ScalarModel whose trunk is a copy of another model's trunk, with a fresh head."""
    new = ScalarModel(model.config, rng, head, model.trunk.ops)
    new.trunk.copy_from(model.trunk)
    return new
