"""Exercise 5: from votes to a reward.  (15 minutes)

Write what is missing, and check it:  minialign check 5
Hints:                                 minialign check 5 --hint 1
"""

import numpy as np  # noqa: F401


def reward_loss(chosen, rejected):
    """L = mean of -log sigma(chosen - rejected), and its gradients.

    chosen, rejected (N,): the scores of both answers of each pair
    returns L (a number), dL/dchosen (N,), dL/drejected (N,)

    Example: equal scores give ln 2 = 0.6931, and gradients -0.5 / N and 0.5 / N.  Scores of 800 must not give inf:
    np.logaddexp(0.0, x) is log(1 + exp(x)), and exp(-np.logaddexp(0.0, d)) is sigma(-d).
    """
    raise NotImplementedError("reward_loss")
