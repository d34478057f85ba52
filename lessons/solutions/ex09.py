"""Exercise 9: who wins, and how sure is that?  One solution."""

import numpy as np


def win_rate(ours, theirs):
    return np.mean((ours > theirs) + 0.5 * (ours == theirs))


def bootstrap_interval(outcomes, rows):
    means = outcomes[rows].mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return low, high
