"""Exercise 6: advantages, and the clipped loss.  (25 minutes)

Write what is missing, and check it:  minialign check 6
Hints:                                 minialign check 6 --hint 1
"""

import numpy as np  # noqa: F401


def gae(rewards, values, gamma, lam):
    """Generalised advantage estimation, for one answer of T tokens.

        delta_t = R_t + gamma V_{t+1} - V_t,    A_t = delta_t + gamma lam A_{t+1},    nothing follows the last token

    rewards, values (T,); gamma, lam numbers; returns A (T,)

    Nothing follows the last token means: V and A after it are 0.

    Example: rewards [0, 1], values [0.5, 0.5], gamma = lam = 1  ->  [0.5, 0.5].  Rewards may be integers; A is not.
    """
    raise NotImplementedError("gae")


def clipped_policy_loss(logprobs, old_logprobs, advantages, mask, eps):
    """PPO: the mean over the mask of max(-A rho, -A clip(rho, 1 - eps, 1 + eps)), rho = exp(logprobs - old_logprobs).

    logprobs, old_logprobs, advantages, mask (B, T); eps a number; returns a number

    Example: at logprobs = old_logprobs every rho is 1, and the loss is minus the mean advantage over the mask.
    """
    raise NotImplementedError("clipped_policy_loss")
