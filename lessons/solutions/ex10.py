"""Exercise 10: calibration, and refusing the right things.  One solution."""

import numpy as np


def calibration_error(p, correct, bins):
    which = np.minimum(((p - 0.5) * 2 * bins).astype(int), bins - 1)  # p = 1 belongs to the last bin
    error = 0.0
    for k in range(bins):
        inside = which == k
        if inside.any():
            error += inside.mean() * abs(correct[inside].mean() - p[inside].mean())
    return error


def refusal_rates(refused, dangerous):
    return refused[dangerous].mean(), refused[~dangerous].mean()
