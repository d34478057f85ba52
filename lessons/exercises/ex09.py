"""Exercise 9: who wins, and how sure is that?  (15 minutes)

Write what is missing, and check it:  minialign check 9
Hints:                                 minialign check 9 --hint 1
"""

import numpy as np  # noqa: F401


def win_rate(ours, theirs):
    """The share of questions on which our answer is better; equal ones count one half.

    ours, theirs (N,): the judge's scores; returns a number between 0 and 1

    A model against itself has exactly 0.5.
    """
    raise NotImplementedError("win_rate")


def bootstrap_interval(outcomes, rows):
    """Where might the mean be if other questions had been asked?  The middle 95 % of the resampled means.

    outcomes (N,): 1, 1/2 or 0 for each question
    rows     (R, N) whole numbers: each row names N questions, drawn anew from the N with replacement
    returns (low, high): the 2.5 % and the 97.5 % quantile (np.quantile) of the R means

    Equal outcomes give (that outcome, that outcome).
    """
    raise NotImplementedError("bootstrap_interval")
