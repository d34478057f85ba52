"""Exercise 7: the leash (KL penalty).  (15 minutes)

Write what is missing, and check it:  minialign check 7
Hints:                                 minialign check 7 --hint 1
"""

import numpy as np  # noqa: F401


def kl_penalized_rewards(score, logprobs, ref_logprobs, beta):
    """The rewards of the T tokens of one answer, where the score comes at the end.

    Every token, the last one too, pays beta (logprobs - ref_logprobs).  The last one gets the score on top of that.

    score, beta numbers; logprobs, ref_logprobs (T,); returns (T,)

    Example: score 1, logprobs [-1, -1], ref_logprobs [-1, -3], beta 0.5  ->  [0, 0].
    """
    raise NotImplementedError("kl_penalized_rewards")


def tilt(reference, rewards, beta):
    """The best policy under a KL penalty with coefficient beta: pi*(y) = ref(y) exp(r(y) / beta) / Z.

    reference (A,) probabilities, all above 0; rewards (A,); beta a number above 0; returns (A,) probabilities

    Example: equal rewards give the reference.  Rewards of 2000 must not give nan.
    """
    raise NotImplementedError("tilt")
