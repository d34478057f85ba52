"""Lesson 11: an AI judge: remove its position bias, and measure agreement beyond chance."""

import numpy as np

from . import Exercise
from .wire import Judge


def judge_cases(rng):
    """Judges with a preference for one of two answers, and a bias for whatever they read first."""
    return [(Judge(dict(zip("pq", rng.normal(size=2))), bias), "which one?", "p", "q") for bias in (0.0, 1.0, -0.7, 3.0)]


def judge_answer(judge, question, a, b):
    """The odds of a in both orders, multiplied: the bias is in one and in the inverse of the other."""
    first, second = judge(question, a, b), judge(question, b, a)
    root = np.sqrt(first / (1 - first) * (1 - second) / second)
    return root / (1 + root)


def _of_log_odds(combined):
    """A learner's function that combines the log-odds d(a first) and d(b first) -> a probability."""

    def answer(judge, question, a, b):
        d_a, d_b = (np.log(p / (1 - p)) for p in (judge(question, a, b), judge(question, b, a)))
        return 1 / (1 + np.exp(-combined(d_a, d_b)))

    return answer


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
            ("you averaged the probabilities: that leaves a part of the bias; take half the difference of the log-odds",
             lambda judge, question, a, b: (judge(question, a, b) + 1 - judge(question, b, a)) / 2),
            ("the second reply is about b: its log-odds are subtracted, so that the bias cancels",
             _of_log_odds(lambda d_a, d_b: (d_a + d_b) / 2)),
            ("you forgot to halve the difference: the opinion is in it twice", _of_log_odds(lambda d_a, d_b: d_a - d_b)),
            ("that is the probability of b", lambda *arguments: 1 - judge_answer(*arguments)),
            ("you asked once, in the other order: ask in both orders",
             lambda judge, question, a, b: 1 - judge(question, b, a)),
            ("those are log-odds: sigma makes a probability of them",
             lambda *arguments: np.log(judge_answer(*arguments) / (1 - judge_answer(*arguments)))),
        ],
        (
            "The judge says how probable it is that the first answer is better. Let each answer be first once.",
            "The log-odds of a probability p are ln(p / (1 - p)). A bias is added to them in both orders.",
            "d_a - d_b is twice the opinion, for the bias is in both; half of it goes into 1 / (1 + exp(-x)).",
        ),
    ),
    Exercise(
        "kappa",
        kappa_cases,
        _kappa(_by_chance),
        [
            ("that is the raw agreement: subtract what chance alone would give", _kappa(lambda first, second: 0.0)),
            ("chance is not always one half: it follows from how often each rater says each thing",
             _kappa(lambda *_: 0.5)),
            ("chance is not one over the number of kinds: raters who mostly say the same agree by chance more often",
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
