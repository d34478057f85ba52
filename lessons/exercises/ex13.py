"""Exercise 13: compared with the other answers.  (15 minutes)

Write what is missing, and check it:  minialign check 13
Hints:                                 minialign check 13 --hint 1
"""

import numpy as np  # noqa: F401


def group_advantages(scores, eps):
    """How much better than its group each answer is, in standard deviations.

        A_i = (r_i - mean of its group) / (std of its group + eps)

    std divides the sum of squares by G - 1, as usual for a sample.

    scores (N, G): N questions, G answers to each, G at least 2
    eps: a small number above 0, so that a group whose scores are all equal gives 0 and not 0 / 0
    returns A (N, G)

    Example: scores [[1, 3]], eps nearly 0  ->  [[-0.7071, 0.7071]].  Scores may be integers.
    """
    raise NotImplementedError("group_advantages")


def leave_one_out(scores):
    """How much better each answer is than the mean of the *other* answers to its question.

    scores (N, G), G at least 2; returns A (N, G)

    Example: scores [[1, 2, 6]]  ->  [[-3, -1.5, 4.5]], for the first is measured against (2 + 6) / 2.
    """
    raise NotImplementedError("leave_one_out")
