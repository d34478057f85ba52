"""The functions of `functional` again, out of primitives: slower, and no derivation needed.

The engine differentiates them by itself, so they are the oracle of the tests.  `LanguageModel(config, rng,
ops=composed)` trains on them: same losses, two or three times the graph.
"""

import math

import numpy as np

from .autograd import as_tensor, exp, log, maximum, same_shape, tanh, where
from .checks import as_ids


def linear(x, weight, bias=None):
    """y = x W + b."""
    y = as_tensor(x) @ weight
    return y if bias is None else y + bias


def embedding(table, ids):
    """y = table[ids]."""
    table = as_tensor(table)
    return table[as_ids(ids, len(table))]


def gelu(x):
    """y = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))."""
    x = as_tensor(x)
    return x * 0.5 * (tanh((x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)) + 1.0)


def relu2(x):
    """y = x max(x, 0)."""
    x = as_tensor(x)
    return x * maximum(x, 0.0)


def layer_norm(x, gain, bias, eps=1e-5):
    """y = gain (x - mean) / sqrt(variance + eps) + bias."""
    x = as_tensor(x)
    centred = x - x.mean(-1, keepdims=True)
    variance = (centred * centred).mean(-1, keepdims=True)
    return centred * (variance + eps) ** -0.5 * gain + bias


def rotary(x, cos, sin):
    """[u, w] -> [u cos - w sin, w cos + u sin]."""
    half = x.shape[-1] // 2
    left = np.eye(2 * half, dtype=x.dtype)[:half]  # (D/2, D): puts a half back in its place
    right = np.eye(2 * half, dtype=x.dtype)[half:]
    u, w = x[..., :half], x[..., half:]
    cos, sin = cos[:, None], sin[:, None]  # (T, 1, D/2): the same for every head
    return (u * cos - w * sin) @ left + (w * cos + u * sin) @ right


def causal_attention(q, k, v):
    """softmax(q k^T / sqrt(D) with the future masked) v."""
    q, k, v = as_tensor(q), as_tensor(k), as_tensor(v)
    T, D = q.shape[-2:]
    scores = q @ k.transpose(0, 1, 3, 2) * (1 / math.sqrt(D))
    past = np.tril(np.ones((T, T), dtype=bool))
    return softmax(where(past, scores, -np.inf)) @ v


def softmax(x, axis=-1):
    """exp(x) / sum(exp(x)); subtracting the largest entry changes nothing and avoids overflow."""
    x = as_tensor(x)
    e = exp(x - x.data.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def log_softmax(x, axis=-1):
    """x - log sum(exp(x))."""
    x = as_tensor(x)
    shifted = x - x.data.max(axis, keepdims=True)
    return shifted - log(exp(shifted).sum(axis, keepdims=True))


def token_log_probs(logits, targets):
    """log_softmax(logits) at the targets."""
    logits = as_tensor(logits)
    targets = as_ids(targets, logits.shape[-1])
    same_shape(logits=logits.data[..., 0], targets=targets)
    return log_softmax(logits)[(*np.indices(targets.shape), targets)]


def log_sigmoid(x):
    """log sigma(x) = min(x, 0) - log(1 + exp(-|x|))."""
    x = as_tensor(x)
    magnitude = where(x.data >= 0, x, -x)
    return where(x.data >= 0, 0.0 * x, x) - log(exp(-magnitude) + 1.0)
