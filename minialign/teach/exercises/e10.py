"""Lesson 10: is a model as often right as it is sure, and does it refuse the right things?"""

import numpy as np

from . import Exercise


def error_cases(rng):
    cases = []
    for n, bins in ((6, 2), (20, 5), (40, 4)):
        p = 0.5 + 0.4995 * rng.random(n)
        p[0], p[-1] = 0.5 + 0.09 * rng.random(), 1.0  # at least two bins; far from the border a probability rounds to 1
        cases.append((p, (rng.random(n) < 0.75).astype(float), bins))
    return cases


def _binned(p, correct, bins, low=0.5, last=1.0):
    """Of each bin that is not empty: how many, how sure, how often right.  The last one ends with `last`, itself included."""
    width = (1 - low) / bins
    for k in range(bins):
        borders = low + k * width, low + (k + 1) * width
        inside = [(q, c) for q, c in zip(p, correct) if borders[0] <= q < borders[1] or (k == bins - 1 and q == last)]
        if inside:
            yield len(inside), sum(q for q, _ in inside) / len(inside), sum(c for _, c in inside) / len(inside)


def error_answer(p, correct, bins):
    return sum(n * abs(right - sure) for n, sure, right in _binned(p, correct, bins)) / len(p)


def _equal_bins(p, correct, bins):
    return float(np.mean([abs(right - sure) for _, sure, right in _binned(p, correct, bins)]))


def _own_bin(p, correct, bins):
    below, at = p < 1, p == 1
    return (error_answer(p[below], correct[below], bins) * below.sum() + at.sum() * abs(1 - correct[at].mean())) / len(p)


def rate_cases(rng):
    return [(rng.random(n) < 0.6, np.arange(n) % k == 0) for n, k in ((9, 2), (12, 3), (31, 4))]


def rate_answer(refused, dangerous):
    def share(asked):
        said_no = [bool(r) for r, d in zip(refused, dangerous) if bool(d) == asked]
        return sum(said_no) / len(said_no)

    return share(True), share(False)


EXERCISES = [
    Exercise(
        "calibration_error",
        error_cases,
        error_answer,
        [
            ("your bins all have the same weight: weight each by its share of the answers", _equal_bins),
            ("your errors cancel: take the absolute value in each bin before you sum",
             lambda p, c, bins: abs(sum(n * (right - sure) for n, sure, right in _binned(p, c, bins))) / len(p)),
            ("your errors cancel: take the absolute value in each bin before you sum",
             lambda p, c, bins: sum(n * (right - sure) for n, sure, right in _binned(p, c, bins)) / len(p)),
            ("your errors cancel: take the absolute value in each bin before you sum",
             lambda p, c, bins: sum(n * (sure - right) for n, sure, right in _binned(p, c, bins)) / len(p)),
            ("your bins cover 0 to 1: the likelier side has a probability of at least 1/2, so divide 1/2 to 1 into bins",
             lambda p, c, bins: sum(n * abs(right - sure) for n, sure, right in _binned(p, c, bins, 0.0)) / len(p)),
            ("p = 1 is missing: it belongs to the last bin, which ends with 1",
             lambda p, c, bins: sum(n * abs(right - sure) for n, sure, right in _binned(p, c, bins, last=None)) / len(p)),
            ("p = 1 has a bin of its own in yours: it belongs to the last one, which ends with 1", _own_bin),
            ("you squared the errors: that is another measure; use the absolute value",
             lambda p, c, bins: sum(n * (right - sure) ** 2 for n, sure, right in _binned(p, c, bins)) / len(p)),
            ("you measured every answer by itself: one answer is right or wrong, only a bin has a share of right ones",
             lambda p, c, bins: float(np.mean(np.abs(c - p)))),
        ],
        (
            "minialign/reward.py, calibration: when the model says 80%, is it right 80% of the time?",
            "Sort the answers by p into equal bins of [1/2, 1]; in each compare mean p with the share of right ones.",
            "The bin of p is int((p - 1/2) * 2 * bins), of p = 1 the last one; sum up n_bin / N * |accuracy - mean p|.",
        ),
    ),
    Exercise(
        "refusal_rates",
        rate_cases,
        rate_answer,
        [
            ("you divided by all questions: of the dangerous ones, how many were refused? and of the harmless ones?",
             lambda r, d: (float((r & d).mean()), float((r & ~d).mean()))),
            ("the two rates are swapped: dangerous first", lambda r, d: rate_answer(r, d)[::-1]),
            ("you reversed the question: that is the share of refusals that were of dangerous questions",
             lambda r, d: (float((r & d).sum() / r.sum()), float((r & ~d).sum() / r.sum()))),
            ("you counted answers instead of refusals", lambda r, d: tuple(1 - x for x in rate_answer(r, d))),
        ],
        (
            "Two groups of questions, two shares: a good model has 1 in the first and 0 in the second.",
            "A share is the number of refusals within a group, divided by the size of that group.",
            "refused[dangerous] are the answers to the dangerous questions; ~dangerous picks the others.",
        ),
    ),
]  # fmt: skip
