"""Lesson 11: a judge who is no human: free it of its liking for the first place, and measure agreement beyond chance."""

import numpy as np

from . import Exercise
from .wire import Judge


def judge_cases(rng):
    """Judges with a liking for one of two answers, and with another for whatever they read first."""
    return [(Judge(dict(zip("pq", rng.normal(size=2))), bias), "which one?", "p", "q") for bias in (0.0, 1.0, -0.7, 3.0)]


def judge_answer(judge, question, a, b):
    first, second = judge(question, a, b), judge(question, b, a)
    return 0.5 + (first - second) / 2


def kappa_cases(rng):
    cases = []
    for n, kinds in ((8, 2), (15, 3), (30, 2)):
        first = np.append(rng.integers(kinds, size=n), [0, 1])
        second = np.where(rng.random(n + 2) < 0.6, first, rng.integers(kinds, size=n + 2))
        second[-2:] = 0, 0
        cases.append((first, second))
    return cases


def _kappa(chance):
    def kappa(first, second):
        agreed = sum(a == b for a, b in zip(first, second)) / len(first)
        c = chance(first.tolist(), second.tolist())
        return (agreed - c) / (1 - c)

    return kappa


def _by_chance(first, second):
    n = len(first)
    return sum(first.count(kind) / n * second.count(kind) / n for kind in set(first) | set(second))


EXERCISES = [
    Exercise(
        "position_free",
        judge_cases,
        judge_answer,
        [
            ("you asked once: the first place itself may be preferred; ask in both orders",
             lambda judge, question, a, b: judge(question, a, b)),
            ("the second answer is about b: with a in second place, the chance of a is 1 minus it",
             lambda judge, question, a, b: (judge(question, a, b) + judge(question, b, a)) / 2),
            ("that is the chance of b", lambda *arguments: 1 - judge_answer(*arguments)),
            ("you asked once, in the other order: ask in both orders",
             lambda judge, question, a, b: 1 - judge(question, b, a)),
            ("you multiplied: take the mean of the two chances of a",
             lambda judge, question, a, b: judge(question, a, b) * (1 - judge(question, b, a))),
        ],
        (
            "The judge says how probable it is that the answer in the first place is better. Give both a turn there.",
            "judge(question, a, b) is the chance of a; judge(question, b, a) is the chance of b.",
            "The mean of judge(question, a, b) and 1 - judge(question, b, a).",
        ),
    ),
    Exercise(
        "kappa",
        kappa_cases,
        _kappa(_by_chance),
        [
            ("that is the raw agreement: take away what chance alone would give", _kappa(lambda first, second: 0.0)),
            ("chance is not always one half: it follows from how often each of the two says what",
             _kappa(lambda *_: 0.5)),
            ("chance is not one over the number of kinds: who always says a agrees by chance more often",
             _kappa(lambda first, second: 1 / len(set(first) | set(second)))),
            ("that is the agreement that chance would give: now measure what is above it",
             lambda first, second: _by_chance(first.tolist(), second.tolist())),
            ("you forgot to divide by 1 - chance: perfect agreement must give 1",
             lambda first, second: float((first == second).mean()) - _by_chance(first.tolist(), second.tolist())),
            ("chance needs the shares of both raters, not twice the first one's",
             _kappa(lambda first, second: _by_chance(first, first))),
        ],
        (
            "Cohen (1960): kappa = (agreement - chance) / (1 - chance). Perfect agreement gives 1, pure chance 0.",
            "Chance: both say `kind`, independently, each as often as they do. Multiply, and sum over the kinds.",
            "chance = sum of (first == kind).mean() * (second == kind).mean() over np.union1d(first, second).",
        ),
    ),
]  # fmt: skip
