"""Exercise 13: compared with the other answers.  One solution."""

import numpy as np


def group_advantages(scores, eps):
    centered = scores - scores.mean(axis=1, keepdims=True)
    return centered / (np.std(scores, axis=1, ddof=1, keepdims=True) + eps)


def leave_one_out(scores):
    others = (scores.sum(axis=1, keepdims=True) - scores) / (scores.shape[1] - 1)
    return scores - others
