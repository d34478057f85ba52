"""Lesson 4: how probable is a vote, and how often do two votes of one rater agree?"""

import numpy as np

from . import Exercise, sigmoid


def probability_cases(rng):
    far = np.array([800.0, -800.0, 0.0])
    return [(rng.normal(size=4), rng.normal(size=4)), (3 * rng.normal(size=3), 3 * rng.normal(size=3)), (far, -far)]


def _naive(a, b):
    return np.exp(a) / (np.exp(a) + np.exp(b))


def agreement_cases(rng):
    return [(0.0,), (0.5,), (1.0,), (0.15,), (float(rng.random()),)]


def agreement_answer(slip):
    """Every way in which two votes can turn out, with its probability."""
    chance = {True: slip, False: 1 - slip}
    return sum(chance[first] * chance[second] for first in chance for second in chance if first == second)


EXERCISES = [
    Exercise(
        "preference_probability",
        probability_cases,
        lambda a, b: sigmoid(a - b),
        [
            ("chosen and rejected are swapped: that is the probability that b wins", lambda a, b: sigmoid(b - a)),
            ("right for small scores, but exp(800) is infinite: compute with the difference r_a - r_b only, "
             "and never take exp of a large positive number", _naive),
            ("scores are not probabilities: Bradley and Terry compare exp(r), not r", lambda a, b: a / (a + b)),
        ],
        (
            "Bradley and Terry: the probability of a is its strength, exp(r_a), divided by the sum of both strengths.",
            "Divide numerator and denominator by exp(r_a): only the difference r_a - r_b is left.",
            "sigma(d) = 1 / (1 + exp(-d)); np.exp(-np.logaddexp(0.0, -d)) is the same, and never overflows.",
        ),
    ),
    Exercise(
        "self_agreement",
        agreement_cases,
        agreement_answer,
        [
            ("you counted one slip: both votes can slip", lambda slip: 1 - slip),
            ("you forgot that two slips agree with each other", lambda slip: (1 - slip) ** 2),
            ("you forgot that two slips agree with each other: 2 slip counts that case twice",
             lambda slip: 1 - 2 * slip),
            ("that is the probability of disagreeing", lambda slip: 2 * slip * (1 - slip)),
        ],
        (
            "Each of the two votes may slip: list the four cases and write the probability beside each.",
            "In two of the four cases the votes are the same: no slip at all, and ...",
            "(1 - slip)^2 for no slip, and what for two? Multiplied out, the sum is 1 - 2 slip + 2 slip^2.",
        ),
    ),
]  # fmt: skip
