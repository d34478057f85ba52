"""Lesson 13: how good an answer is, compared with the other answers to its question."""

import math
import statistics

import numpy as np

from . import Exercise


def score_cases(rng):
    """Groups of different sizes; questions of different difficulty; a group that agrees; whole numbers."""
    drawn = [rng.normal(size=(N, G)) + 5 * rng.normal(size=(N, 1)) for N, G in ((1, 2), (3, 4), (2, 5))]
    agreed = rng.normal(size=(2, 3))
    agreed[0] = 2.0
    return [*drawn, agreed, rng.integers(0, 2, size=(3, 8))]


def group_cases(rng):
    return [(scores, eps) for scores, eps in zip(score_cases(rng), (1e-4, 0.1, 1e-4, 0.5, 1e-4))]


def group_answer(scores, eps):
    rows = []
    for row in scores.tolist():
        mean, deviation = math.fsum(row) / len(row), statistics.stdev(row)
        rows.append([(r - mean) / (deviation + eps) for r in row])
    return np.array(rows)


def others_answer(scores):
    rows = scores.tolist()
    return np.array([[r - math.fsum(row[:i] + row[i + 1 :]) / (len(row) - 1) for i, r in enumerate(row)] for row in rows])


def _group(center=lambda r: r.mean(1, keepdims=True), spread=lambda r: r.std(1, ddof=1, keepdims=True)):
    return lambda scores, eps: (scores - center(scores)) / (spread(scores) + eps)


EXERCISES = [
    Exercise(
        "group_advantages",
        group_cases,
        group_answer,
        [
            ("use the group's mean: you took it over all questions, so an easy question makes all its answers winners",
             _group(center=lambda r: r.mean())),
            ("use the group's mean; a group is a row: you took it over the questions, axis 0",
             _group(center=lambda r: r.mean(0, keepdims=True))),
            ("use the group's standard deviation: you took it over all scores", _group(spread=lambda r: r.std(ddof=1))),
            ("that is the population's standard deviation: divide by G - 1, not by G (ddof=1)",
             _group(spread=lambda r: r.std(1, keepdims=True))),
            ("you divided by the variance: take its square root", _group(spread=lambda r: r.var(1, ddof=1, keepdims=True))),
            ("you did not divide: a reward in hundreds would push a hundred times as hard",
             lambda scores, eps: scores - scores.mean(1, keepdims=True)),
            ("you did not subtract the mean: an advantage says how much better than the others",
             _group(center=lambda r: 0.0)),
        ],
        (
            "minialign/grpo.py, group_advantages: between '# eq: group-advantages' and '# end eq'.",
            "A group is a row. Take mean and standard deviation along axis 1, with keepdims=True.",
            "(scores - scores.mean(1, keepdims=True)) / (scores.std(1, ddof=1, keepdims=True) + eps)",
        ),
    ),
    Exercise(
        "leave_one_out",
        lambda rng: [(scores,) for scores in score_cases(rng)],
        others_answer,
        [
            ("you compared the answer with itself too: leave it out, and divide by G - 1",
             lambda scores: scores - scores.mean(1, keepdims=True)),
            ("the factor is upside down: compared with the others, the advantage grows by G / (G - 1)",
             lambda scores: (scores - scores.mean(1, keepdims=True)) * (scores.shape[1] - 1) / scores.shape[1]),
            ("you left the answer out of the sum, but divided by G: there are G - 1 others",
             lambda scores: scores - (scores.sum(1, keepdims=True) - scores) / scores.shape[1]),
            ("that is the mean of the others: subtract it from the score",
             lambda scores: (scores.sum(1, keepdims=True) - scores) / (scores.shape[1] - 1)),
            ("the sign is wrong: better than the others is above 0",
             lambda scores: -others_answer(scores)),
        ],
        (
            "minialign/grpo.py, leave_one_out: one line and a formula in its docstring.",
            "The sum of the others is the sum of the group minus the answer itself; there are G - 1 of them.",
            "scores - (scores.sum(1, keepdims=True) - scores) / (G - 1), with G = scores.shape[1]",
        ),
    ),
]  # fmt: skip
