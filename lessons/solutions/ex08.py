"""Exercise 8: DPO, the shortcut.  One solution."""

import numpy as np


def answer_log_prob(logprobs, mask):
    return (logprobs * mask).sum(1)


def dpo_loss(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    h = beta * ((policy_chosen - reference_chosen) - (policy_rejected - reference_rejected))
    return np.logaddexp(0.0, -h).mean()
