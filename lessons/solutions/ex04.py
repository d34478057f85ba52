"""Exercise 4: two answers, one vote.  One solution."""

import numpy as np


def preference_probability(r_a, r_b):
    return np.exp(-np.logaddexp(0.0, r_b - r_a))


def self_agreement(slip):
    return (1 - slip) ** 2 + slip**2
