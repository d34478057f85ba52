"""Lesson 1: gradients by hand, of layer norm and of the softmax loss."""

import numpy as np

from . import Exercise, softmax


# ---- layer norm: the right answer goes through the whole Jacobian of each row
def _parts(x, eps):
    centred = x - x.mean(-1, keepdims=True)
    r = 1 / np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
    return centred * r, r


def layer_norm_cases(rng):
    shapes = [(1, 3), (2, 5), (4, 4)]
    return [(rng.normal(size=s), 3 * rng.normal(size=s) + 1, rng.normal(size=s[1])) for s in shapes]


def layer_norm_answer(g, x, gain, eps=1e-5):
    C = x.shape[1]
    x_hat, r = _parts(x, eps)
    dx = np.zeros_like(x)
    for n in range(len(x)):
        jacobian = r[n] * (np.eye(C) - 1 / C - np.outer(x_hat[n], x_hat[n]) / C)  # d x_hat[i] / d x[j]
        dx[n] = (g[n] * gain) @ jacobian
    return dx, sum(g[n] * x_hat[n] for n in range(len(x))), sum(g[n] for n in range(len(x)))


def _layer_norm_wrong(through_mean=1, through_r=1, use_gain=True, use_r=True, summed=True, sample=False):
    def wrong(g, x, gain, eps=1e-5):
        x_hat, r = _parts(x, eps)
        if sample:
            r = 1 / np.sqrt(x.var(-1, ddof=1, keepdims=True) + eps)
            x_hat = (x - x.mean(-1, keepdims=True)) * r
        h = g * gain if use_gain else g
        dx = h - through_mean * h.mean(-1, keepdims=True)
        dx = (dx - through_r * x_hat * (h * x_hat).mean(-1, keepdims=True)) * (r if use_r else 1)
        return dx, *((g * x_hat, g) if not summed else ((g * x_hat).sum(0), g.sum(0)))

    return wrong


# ---- the softmax loss
def softmax_loss_cases(rng):
    sizes = ((1, 3, 0.0), (3, 4, 0.0), (5, 6, 0.0), (3, 4, 1000.0))  # the last: exp(1000) would give nan, and rows differ
    return [(2 * rng.normal(size=(n, v)) + offset * np.arange(n)[:, None], rng.integers(v, size=n)) for n, v, offset in sizes]


def softmax_loss_answer(logits, targets):
    rows = []
    for row, target in zip(logits, targets):
        p = softmax(row)
        p[target] -= 1
        rows.append(p / len(logits))
    return np.array(rows)


def _p_and_onehot(logits, targets):
    return np.array([softmax(row) for row in logits]), np.eye(logits.shape[1])[targets]


def _naive(logits, targets):
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return (p - np.eye(logits.shape[1])[targets]) / len(logits)


def _one_largest(logits, targets):
    return _naive(logits - logits.max(), targets)


def _sum(logits, targets):
    p, onehot = _p_and_onehot(logits, targets)
    return p - onehot


EXERCISES = [
    Exercise(
        "layer_norm_backward",
        layer_norm_cases,
        layer_norm_answer,
        [
            ("your gradient misses the mean term: x moves the mean, and the mean moves every x_hat",
             _layer_norm_wrong(through_mean=0)),
            ("your gradient misses the variance term: x moves r = 1/sqrt(variance + eps), and r moves every x_hat",
             _layer_norm_wrong(through_r=0)),
            ("your gradient treats mean and variance as constants: both depend on x",
             _layer_norm_wrong(through_mean=0, through_r=0)),
            ("you forgot the gain in dx: the gradient at x_hat is g * gain, not g", _layer_norm_wrong(use_gain=False)),
            ("you forgot the factor r = 1/sqrt(variance + eps) in dx", _layer_norm_wrong(use_r=False)),
            ("that is the sample variance: layer norm divides by C, not by C - 1", _layer_norm_wrong(sample=True)),
            ("all rows share the gain and the bias: sum dgain and dbias over the rows", _layer_norm_wrong(summed=False)),
        ],
        (
            "Look at the docstring of layer_norm in minialign/functional.py: x acts in three ways.",
            "With h = g * gain, subtract two things from h: its mean, and x_hat times the mean of h * x_hat.",
            "The last line multiplies all of dx by r; dgain sums g * x_hat over the rows, dbias sums g.",
        ),
    ),
    Exercise(
        "softmax_loss_gradient",
        softmax_loss_cases,
        softmax_loss_answer,
        [
            ("you forgot to divide by the number of rows: the loss is a mean", _sum),
            ("you forgot to subtract the one-hot target: that is p alone",
             lambda logits, targets: _p_and_onehot(logits, targets)[0] / len(logits)),
            ("right for small logits, but exp(1000) is infinite: subtract the largest of the row first", _naive),
            ("right for rows of one size, but a row can be far below the others: subtract the largest of each row, not of all",
             _one_largest),
            ("your sign is wrong: the loss is minus the log-probability, so its gradient is p - onehot",
             lambda logits, targets: -_sum(logits, targets) / len(logits)),
        ],
        (
            "It is the derivative of token_log_probs, minialign/functional.py, for each row.",
            "It has two terms: the probabilities p = softmax(logits), and a one at the target.",
            "p[np.arange(N), targets] -= 1 makes p - onehot; what is missing then is the 1/N of the mean.",
        ),
    ),
]  # fmt: skip
