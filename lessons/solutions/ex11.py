"""Exercise 11: an AI judge.  One solution."""

import numpy as np


def position_free(judge, question, a, b):
    return (judge(question, a, b) + 1 - judge(question, b, a)) / 2


def kappa(first, second):
    chance = sum((first == kind).mean() * (second == kind).mean() for kind in np.union1d(first, second))
    return ((first == second).mean() - chance) / (1 - chance)
