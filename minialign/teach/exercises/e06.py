"""Lesson 6: advantages, and the clipped loss that learns from them."""

import math

import numpy as np

from . import Exercise, ragged_mask


# ---- GAE: the right answer is the sum over all later deltas, not the recursion
def gae_cases(rng):
    settings = [(3, 1.0, 0.95), (5, 0.9, 0.8), (1, 1.0, 0.5), (4, 0.7, 0.6)]
    whole = [rng.integers(-3, 4, size=5) for _ in range(2)]  # rewards and values may be whole numbers, advantages are not
    return [*((rng.normal(size=T), rng.normal(size=T), gamma, lam) for T, gamma, lam in settings), (*whole, 0.9, 0.8)]


def _cut_off(rewards, values, gamma, lam):
    advantages, next_value, next_advantage = np.zeros_like(rewards), 0, 0
    for t in reversed(range(len(rewards))):
        advantages[t] = rewards[t] + gamma * next_value - values[t] + gamma * lam * next_advantage
        next_value, next_advantage = values[t], advantages[t]
    return advantages


def _gae(after_last=lambda values: 0.0, discount=lambda gamma, lam: gamma * lam, minus=1, in_delta=lambda gamma: gamma):
    def advantages(rewards, values, gamma, lam):
        following = [*values[1:], after_last(values)]
        deltas = [r + in_delta(gamma) * v2 - minus * v for r, v, v2 in zip(rewards, values, following)]
        fade = discount(gamma, lam)
        return np.array([sum(fade**k * delta for k, delta in enumerate(deltas[t:])) for t in range(len(deltas))])

    return advantages


# ---- the clipped loss: the right answer looks at one token after the other
def loss_cases(rng):
    cases = []
    for B, T, eps in ((1, 4, 0.2), (2, 6, 0.1), (3, 8, 0.3)):
        old = -rng.exponential(size=(B, T))
        cases.append((old + rng.normal(size=(B, T)) * 0.5, old, rng.normal(size=(B, T)), ragged_mask(rng, B, T), eps))
    return cases


def _loss(token, over_padding=False):
    def loss(logprobs, old_logprobs, advantages, mask, eps):
        total = 0.0
        for b, t in np.ndindex(*mask.shape):
            if mask[b, t]:
                difference = logprobs[b, t] - old_logprobs[b, t]
                ratio = math.exp(difference)
                limits = 1 - eps, 1 + eps
                total += token(ratio, _held(ratio, limits), advantages[b, t], (difference, limits))
        return total / (mask.size if over_padding else mask.sum())

    return loss


def _held(x, limits):
    return min(max(x, limits[0]), limits[1])


def _of_logs(logprobs, old_logprobs, advantages, mask, eps):
    ratio = logprobs / old_logprobs
    gains = np.minimum(advantages * ratio, advantages * np.clip(ratio, 1 - eps, 1 + eps))
    return -(gains * mask).sum() / mask.sum()


def _right(ratio, clipped, A, difference):
    return -min(A * ratio, A * clipped)


EXERCISES = [
    Exercise(
        "gae",
        gae_cases,
        _gae(),
        [
            ("nothing follows the last token: its next value is 0, not its own value", _gae(lambda values: values[-1])),
            ("you forgot lambda: advantages fade by gamma * lambda per step", _gae(discount=lambda gamma, lam: gamma)),
            ("you forgot gamma: advantages fade by gamma * lambda per step", _gae(discount=lambda gamma, lam: lam)),
            ("you forgot gamma before V(t+1) in delta", _gae(in_delta=lambda gamma: 1.0)),
            ("you did not subtract V(t): an advantage says how much better than expected", _gae(minus=0)),
            ("that is delta alone: later surprises count as well, faded by gamma * lambda per step",
             _gae(discount=lambda gamma, lam: 0.0)),
            ("your result has the type of the rewards, and whole numbers cut its fractions off: use np.zeros(len(rewards))",
             _cut_off),
            ("those are the returns: subtract the values once more",
             lambda rewards, values, gamma, lam: _gae()(rewards, values, gamma, lam) + values),
        ],
        (
            "Work from the last token to the first: the equations are at the top of minialign/ppo.py.",
            "Two things are carried from right to left: the next value, and the next advantage. Both start at 0.",
            "advantage[t] = delta + gamma * lam * next_advantage, with delta = r[t] + gamma * next_value - v[t].",
        ),
    ),
    Exercise(
        "clipped_policy_loss",
        loss_cases,
        _loss(_right),
        [
            ("you averaged over padding: divide by the number of ones in the mask", _loss(_right, over_padding=True)),
            ("you took the better of the two: PPO is pessimistic and takes the smaller gain, which is the larger loss",
             _loss(lambda ratio, clipped, A, d: -max(A * ratio, A * clipped))),
            ("you forgot the clip: a ratio beyond 1 + eps still pays off",
             _loss(lambda ratio, clipped, A, d: -A * ratio)),
            ("you forgot the unclipped side: a bad move could never be taken back",
             _loss(lambda ratio, clipped, A, d: -A * clipped)),
            ("the minus is missing: you would minimise the gain", _loss(lambda *a: -_right(*a))),
            ("the ratio is of probabilities, not of log-probabilities: exp(logprobs - old_logprobs)", _of_logs),
            ("a ratio of probabilities is exp(difference of log-probabilities), not the difference",
             _loss(lambda ratio, clipped, A, d: -min(A * d[0], A * _held(*d)))),
            ("how far a ratio may go is the argument eps: you always clip at 0.8 and 1.2",
             lambda logprobs, old, advantages, mask, eps: _loss(_right)(logprobs, old, advantages, mask, 0.2)),
        ],
        (
            "minialign/policy_gradient.py, ppo_policy_loss. The ratio is exp(logprobs - old_logprobs).",
            "Two candidates per token, with the ratio and with the clipped ratio; the larger loss counts.",
            "np.maximum(-A * ratio, -A * np.clip(ratio, 1 - eps, 1 + eps)), and then a mean over the mask only.",
        ),
    ),
]  # fmt: skip
