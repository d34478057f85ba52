"""Exercise 4: two answers, one vote.  (10 minutes)

Write what is missing, and check it:  minialign check 4
Hints:                                 minialign check 4 --hint 1
"""

import numpy as np  # noqa: F401


def preference_probability(r_a, r_b):
    """Bradley and Terry: the probability that a is preferred to b, exp(r_a) / (exp(r_a) + exp(r_b)).

    r_a, r_b (N,) scores; returns (N,)

    Divided by exp(r_b) above and below it is a function of r_a - r_b alone.
    Equal scores give 0.5.  Scores of 800 and -800 give 1, not nan: np.logaddexp(0.0, x) is log(1 + exp(x)), never inf.
    """
    raise NotImplementedError("preference_probability")


def self_agreement(slip):
    """A rater has an opinion on every pair, but slips with probability `slip` and votes the other way.

    How often do two votes of this rater on the same pair agree?  slip: a number; returns a number

    A rater who never slips always agrees; one who tosses a coin (0.5) agrees half of the time.
    """
    raise NotImplementedError("self_agreement")
