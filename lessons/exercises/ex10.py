"""Exercise 10: calibration, and refusing the right things.  (20 minutes)

Write what is missing, and check it:  minialign check 10
Hints:                                 minialign check 10 --hint 1
"""

import numpy as np  # noqa: F401


def calibration_error(p, correct, bins):
    """When the model says 80 %, is it right 80 % of the time?

        sum over bins of  n_bin / N  |share of right ones in the bin - mean p in the bin|

    p (N,) between 1/2 and 1: how sure the model was;  correct (N,) of 1.0 and 0.0
    bins: a whole number; that many bins of equal width divide the range from 1/2 to 1.  A bin contains its lower edge and
    not its upper one, except for the last, which contains p = 1 as well.  Empty bins count as 0.
    n_bin: how many answers are in the bin; returns a number
    No p lies exactly on an inner edge here (as 0.6 would with 5 bins): there rounding would decide its side.

    Example: p [0.9, 0.9], correct [1, 0], 2 bins  ->  0.4.
    """
    raise NotImplementedError("calibration_error")


def refusal_rates(refused, dangerous):
    """What share of the dangerous questions was refused?  And of the harmless ones?

    refused, dangerous (N,) of True and False, with questions of both sorts
    returns (share among the dangerous, share among the harmless)

    A good model has (1, 0); one that refuses everything has (1, 1).
    """
    raise NotImplementedError("refusal_rates")
