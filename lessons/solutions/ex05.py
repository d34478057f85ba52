"""Exercise 5: from votes to a reward.  One solution."""

import numpy as np


def reward_loss(chosen, rejected):
    d = chosen - rejected
    slope = -np.exp(-np.logaddexp(0.0, d)) / len(d)  # -sigma(-d) / N
    return np.logaddexp(0.0, -d).mean(), slope, -slope
