"""Lesson 2: a language model must not see the future, and predicts the token after the one it reads."""

import math

import numpy as np

from . import Exercise, softmax


def attention_cases(rng):
    """In the last case exp(1000) is infinite, and what a token sees is far below what it does not see."""
    return [(2 * rng.normal(size=(T, T)) + offset * np.arange(T),) for T, offset in ((2, 0), (3, 0), (5, 0), (3, 1000))]


def attention_answer(scores):
    T = len(scores)
    weights = np.zeros((T, T))
    for t in range(T):
        weights[t, : t + 1] = softmax(scores[t, : t + 1])
    return weights


def _attention_with(hidden):
    def wrong(scores):
        masked = np.where(hidden(np.ones_like(scores)) > 0, -np.inf, scores)
        weights = np.exp(masked - masked.max(1, keepdims=True))  # a row that sees nothing becomes nan
        return weights / weights.sum(1, keepdims=True)

    return wrong


def _unstable(scores):
    weights = np.tril(np.exp(scores))
    return weights / weights.sum(1, keepdims=True)


def _one_largest(scores):
    return _unstable(scores - scores.max())


def _unstable_loss(logits, ids):
    p = np.exp(logits[:-1]) / np.exp(logits[:-1]).sum(1, keepdims=True)
    return -np.log(p[np.arange(len(ids) - 1), ids[1:]]).mean()


def _log_of_p(logits, ids):
    return _unstable_loss(logits - logits.max(1, keepdims=True), ids)


def _all_seen(scores):
    return np.array([softmax(row) for row in scores])


def loss_cases(rng):
    sizes = ((2, 3, 0.0), (4, 5, 0.0), (6, 4, 0.0), (3, 4, 1000.0))
    offsets = [offset * np.arange(1, T + 1)[:, None] for T, _, offset in sizes]  # rows of very different size
    cases = [(2 * rng.normal(size=(T, V)) + above, rng.integers(V, size=T)) for (T, V, _), above in zip(sizes, offsets)]
    logits, ids = cases[-1]
    logits[0, ids[1]] -= 2000  # so improbable that its probability is 0 as a float, and its logarithm is not
    return cases


def loss_answer(logits, ids):
    return sum(_surprise(logits[t], ids[t + 1]) for t in range(len(ids) - 1)) / (len(ids) - 1)


def _surprise(row, target):
    """-log softmax(row)[target], however small that probability."""
    return max(row) + math.log(sum(math.exp(x - max(row)) for x in row)) - row[target]


def _mean_loss(logits, targets):
    return float(np.mean([_surprise(row, target) for row, target in zip(logits, targets)]))


EXERCISES = [
    Exercise(
        "causal_attention_weights",
        attention_cases,
        attention_answer,
        [
            ("your tokens see the future: weights[t, s] must be 0 for s > t", _all_seen),
            ("you hid the past instead of the future", _attention_with(lambda ones: np.tril(ones, -1))),
            ("a token may see itself: hide s > t, not s >= t", _attention_with(np.triu)),
            ("you masked after the softmax: the rows no longer sum to 1",
             lambda scores: np.tril(_all_seen(scores))),
            ("right for small scores, but exp(1000) is infinite: subtract the largest of the row first", _unstable),
            ("right for scores of one size, but what a token sees may be far below all else: subtract the largest that it sees",
             _one_largest),
            ("your softmax runs down the columns: every row t is a distribution over the tokens s that it looks at",
             lambda scores: np.nan_to_num(_attention_with(lambda ones: np.tril(ones, -1))(scores.T).T)),
        ],
        (
            "Where must the zeros be? Print np.tril(np.ones((3, 3))) and say in words which token each row belongs to.",
            "Hide the future before the softmax, so that what is left of a row still sums to 1.",
            "scores + np.triu(np.full((T, T), -np.inf), 1): exp(-inf) is 0; then a softmax over the last axis.",
        ),
    ),
    Exercise(
        "next_token_loss",
        loss_cases,
        loss_answer,
        [
            ("you forgot the shift: logits[t] predict ids[t + 1], and you compared them with ids[t]", _mean_loss),
            ("you forgot the shift: you dropped the last position, but logits[t] predict ids[t + 1]",
             lambda logits, ids: _mean_loss(logits[:-1], ids[:-1])),
            ("you forgot the shift: you dropped the first position, but logits[t] predict ids[t + 1]",
             lambda logits, ids: _mean_loss(logits[1:], ids[1:])),
            ("you shifted the wrong way: logits[t] predict ids[t + 1], not ids[t - 1]",
             lambda logits, ids: _mean_loss(logits[1:], ids[:-1])),
            ("you summed: the loss is the mean over the T - 1 predictions",
             lambda logits, ids: _mean_loss(logits[:-1], ids[1:]) * (len(ids) - 1)),
            ("you divided by T: there are T - 1 predictions, the first token has none",
             lambda logits, ids: _mean_loss(logits[:-1], ids[1:]) * (len(ids) - 1) / len(ids)),
            ("right for small logits, but exp(1000) is infinite: subtract the largest of the row first", _unstable_loss),
            ("right for likely tokens, but a probability can round to 0: take logits - log(sum of exp), not the log of p",
             _log_of_p),
            ("the minus is missing: a loss is minus a log-probability",
             lambda logits, ids: -_mean_loss(logits[:-1], ids[1:])),
        ],
        (
            "minialign/likelihood.py is the one place where logits are shifted against their targets.",
            "logits[t] were computed from ids[0..t], so they say what ids[t + 1] may be; the last ones say nothing.",
            "Pick log_softmax(logits[:-1]) at ids[1:]; take the mean, and change the sign.",
        ),
    ),
]  # fmt: skip
