"""Exercise 8: DPO, the shortcut.  (15 minutes)

Write what is missing, and check it:  minialign check 8
Hints:                                 minialign check 8 --hint 1
"""

import numpy as np  # noqa: F401


def answer_log_prob(logprobs, mask):
    """log pi(answer | question) of each row.

    logprobs, mask (B, T - 1); the mask is 1 on the tokens of the answer
    returns (B,), and leaves its arguments as they were

    Example: logprobs [[-1, -2, -9]], mask [[1, 1, 0]]  ->  [-3].
    """
    raise NotImplementedError("answer_log_prob")


def dpo_loss(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    """DPO: the mean of -log sigma(h).

        h = beta [(policy_chosen - reference_chosen) - (policy_rejected - reference_rejected)]

    four arrays (N,): log-probabilities of whole answers; beta a number; returns a number

    Example: policy = reference gives ln 2 = 0.6931, whatever beta.  h = -800 gives 800.
    """
    raise NotImplementedError("dpo_loss")
