"""Exercise 11: an AI judge.  (15 minutes)

Write what is missing, and check it:  minialign check 11
Hints:                                 minialign check 11 --hint 1
"""

import numpy as np  # noqa: F401


def position_free(judge, question, a, b):
    """The probability that a is better, from a judge who may prefer whatever comes first.

        sigma([d(a first) - d(b first)] / 2),    d = ln(p / (1 - p))

    judge(question, first, second) -> p, the probability that the first is better, between 0 and 1
    returns a number: a bias that is added to d in both orders is gone from it

    Example: a judge that always says 0.9, whatever the answers are, gets 0.5.
    """
    raise NotImplementedError("position_free")


def kappa(first, second):
    """Cohen's kappa: how far do two raters agree beyond chance?  (agreement - chance) / (1 - chance).

    first, second (N,) whole numbers: what each rater said of each pair
    chance: the agreement of two raters who say each thing just as often, but at random; it is below 1 here
    returns a number

    Example: first [0, 1], second [0, 1]  ->  1;   first [0, 0, 1, 1], second [0, 1, 0, 1]  ->  0.
    """
    raise NotImplementedError("kappa")
