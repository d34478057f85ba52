"""Exercise 11: an AI judge.  One solution."""

import numpy as np


def position_free(judge, question, a, b):
    d_a, d_b = (np.log(p / (1 - p)) for p in (judge(question, a, b), judge(question, b, a)))
    return 1 / (1 + np.exp(-(d_a - d_b) / 2))


def kappa(first, second):
    chance = sum((first == kind).mean() * (second == kind).mean() for kind in np.union1d(first, second))
    return ((first == second).mean() - chance) / (1 - chance)
