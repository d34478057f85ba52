"""Exercise 7: the leash (KL penalty).  One solution."""

import numpy as np


def kl_penalized_rewards(score, logprobs, ref_logprobs, beta):
    rewards = -beta * (logprobs - ref_logprobs)
    rewards[-1] += score
    return rewards


def tilt(reference, rewards, beta):
    weights = reference * np.exp((rewards - rewards.max()) / beta)
    return weights / weights.sum()
