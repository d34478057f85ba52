"""Lesson 7: the leash (KL penalty) as a reward on every token, and the policy that it leads to."""

import numpy as np

from . import Exercise


def reward_cases(rng):
    return [
        (float(rng.normal()) + 2, -rng.exponential(size=T), -rng.exponential(size=T), beta)
        for T, beta in ((1, 0.5), (3, 0.2), (5, 1.5))
    ]


def _rewards(price=lambda beta: -beta, bonus=lambda score, T: [0.0] * (T - 1) + [score]):
    def rewards(score, logprobs, ref_logprobs, beta):
        extra = bonus(score, len(logprobs))
        return np.array([price(beta) * (p - q) + e for p, q, e in zip(logprobs, ref_logprobs, extra)])

    return rewards


def tilt_cases(rng):
    cases = [(rng.dirichlet(np.ones(A)), rng.normal(size=A), beta) for A, beta in ((2, 1.0), (4, 0.5), (6, 3.0))]
    return [*cases, (np.array([0.5, 0.25, 0.25]), np.array([2000.0, 2000.0, 1999.0]), 1.0)]


def tilt_answer(reference, rewards, beta):
    """pi(y) = 1 / sum over z of ref(z)/ref(y) exp((r(z) - r(y))/beta)."""
    return np.array([1 / sum(q / p * np.exp((s - r) / beta) for q, s in zip(reference, rewards))
                     for p, r in zip(reference, rewards)])  # fmt: skip


def _weights(reference, rewards, beta):
    return reference * np.exp(rewards / beta)


def _normalised(weights):
    return weights / weights.sum()


EXERCISES = [
    Exercise(
        "kl_penalized_rewards",
        reward_cases,
        _rewards(),
        [
            ("the sign of the leash is wrong: you pay the policy for leaving its reference",
             _rewards(lambda beta: beta)),
            ("the score belongs to the last token alone, not to every one",
             _rewards(bonus=lambda score, T: [score] * T)),
            ("the score belongs to the last token, not to the first",
             _rewards(bonus=lambda score, T: [score] + [0.0] * (T - 1))),
            ("you spread the score over the tokens: the last token gets all of it",
             _rewards(bonus=lambda score, T: [score / T] * T)),
            ("the score is added to the last token's KL penalty: it does not replace it",
             lambda s, p, q, beta: np.append(_rewards()(s, p, q, beta)[:-1], s)),
            ("the sign of the leash is wrong, and the score overwrites the last token's KL penalty",
             lambda s, p, q, beta: np.append(_rewards(lambda beta: beta)(s, p, q, beta)[:-1], s)),
            ("you forgot beta, the price of a nat of distance", _rewards(lambda beta: -1.0)),
            ("you forgot the score", _rewards(bonus=lambda score, T: [0.0] * T)),
            ("you forgot the leash", _rewards(lambda beta: 0.0)),
        ],
        (
            "kl_penalized_rewards in minialign/policy_gradient.py does it for a batch; here it is one answer without padding.",
            "Every token pays beta * (logprobs - ref_logprobs); one less sure than the reference gets something back.",
            "rewards = -beta * (logprobs - ref_logprobs); and then one line that changes rewards[-1].",
        ),
    ),
    Exercise(
        "tilt",
        tilt_cases,
        tilt_answer,
        [
            ("right for small rewards, but exp(2000) is infinite: subtract the largest first, which changes nothing",
             lambda *a: _normalised(_weights(*a))),
            ("you forgot to divide by Z, the sum: probabilities sum to 1", _weights),
            ("you forgot to divide by Z, the sum: probabilities sum to 1",
             lambda p, r, beta: p * np.exp((r - r.max()) / beta)),
            ("you multiplied by beta: a large beta is a short leash, so divide",
             lambda p, r, beta: _normalised(p * np.exp((r - r.max()) * beta))),
            ("you forgot the reference: without it the leash is tied to nothing",
             lambda p, r, beta: _normalised(np.exp((r - r.max()) / beta))),
            ("you divided the reference by beta as well: only the reward is divided",
             lambda p, r, beta: _normalised(np.exp((np.log(p) + r - r.max()) / beta))),
        ],
        (
            "The equation is at the top of minialign/exact.py: pi*(y) = ref(y) exp(r(y) / beta) / Z.",
            "Z is the sum of all ref(y) exp(r(y) / beta), so that the probabilities sum to 1.",
            "weights = reference * np.exp((rewards - rewards.max()) / beta), and then?  No exponent is above 0.",
        ),
    ),
]  # fmt: skip
