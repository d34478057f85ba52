"""Exercise 6: advantages, and the clipped loss.  One solution."""

import numpy as np


def gae(rewards, values, gamma, lam):
    advantages = np.zeros(len(rewards))
    next_value = next_advantage = 0.0
    for t in reversed(range(len(rewards))):
        delta = rewards[t] + gamma * next_value - values[t]
        advantages[t] = delta + gamma * lam * next_advantage
        next_value, next_advantage = values[t], advantages[t]
    return advantages


def clipped_policy_loss(logprobs, old_logprobs, advantages, mask, eps):
    ratio = np.exp(logprobs - old_logprobs)
    losses = np.maximum(-advantages * ratio, -advantages * np.clip(ratio, 1 - eps, 1 + eps))
    return (losses * mask).sum() / mask.sum()
