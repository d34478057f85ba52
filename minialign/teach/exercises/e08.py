"""Lesson 8: the log-probability of an answer, and the DPO loss."""

import math

import numpy as np

from . import Exercise, naive_log_sigmoid, ragged_mask, sigmoid


def sum_cases(rng):
    return [(-rng.exponential(size=(B, T)), ragged_mask(rng, B, T)) for B, T in ((1, 4), (2, 6), (3, 8))]


def sum_answer(logprobs, mask):
    return np.array([sum(x for x, m in zip(row, kept) if m) for row, kept in zip(logprobs, mask)])


def loss_cases(rng):
    cases = [(*(-3 * rng.exponential(size=(4, n))), beta) for n, beta in ((1, 0.1), (3, 0.5), (5, 2.0))]
    return [*cases, (np.array([-900.0, -10.0]), np.array([-10.0, -900.0]), *(-3 * rng.exponential(size=(2, 2))), 1.0)]


def loss_answer(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    columns = zip(policy_chosen, policy_rejected, reference_chosen, reference_rejected)
    odds = [(w - r_w) - (l - r_l) for w, l, r_w, r_l in columns]
    return sum(max(-beta * x, 0.0) + math.log1p(math.exp(-abs(beta * x))) for x in odds) / len(odds)


def _loss(delta, of_delta=None, reduce=np.mean):
    """The mean of -log sigma(beta * delta), or of another function of it."""

    def loss(w, l, ref_w, ref_l, beta):
        d = delta(w, l, ref_w, ref_l)
        return float(reduce(of_delta(d, beta) if of_delta else np.logaddexp(0, -beta * d)))

    return loss


def _right(w, l, ref_w, ref_l):
    return (w - ref_w) - (l - ref_l)


EXERCISES = [
    Exercise(
        "answer_log_prob",
        sum_cases,
        sum_answer,
        [
            ("you divided by tokens: DPO sums; a mean would change beta with the length of the answer",
             lambda logprobs, mask: sum_answer(logprobs, mask) / mask.sum(1)),
            ("you divided by tokens, padding too: DPO sums", lambda logprobs, mask: (logprobs * mask).mean(1)),
            ("you forgot the mask: the question and the padding are not part of the answer",
             lambda logprobs, mask: logprobs.sum(1)),
            ("you summed over the whole batch: return one number per answer",
             lambda logprobs, mask: (logprobs * mask).sum()),
        ],
        (
            "minialign/likelihood.py, sequence_log_probs: one line.",
            "log pi(answer | question) is a sum over the answer's tokens, which are those where the mask is 1.",
            "Multiply by the mask; then sum over the tokens, which is axis 1.",
        ),
    ),
    Exercise(
        "dpo_loss",
        loss_cases,
        loss_answer,
        [
            ("chosen and rejected are swapped: you teach the policy to say the worse answer",
             _loss(lambda *a: -_right(*a))),
            ("you forgot the reference: the implicit reward is beta * (log pi - log ref)",
             _loss(lambda w, l, r_w, r_l: w - l)),
            ("the reference's sign is wrong: what counts is how far the policy moved from it",
             _loss(lambda w, l, r_w, r_l: (w + r_w) - (l + r_l))),
            ("you forgot beta", _loss(_right, lambda d, beta: np.logaddexp(0, -d))),
            ("beta is outside: it belongs inside the sigmoid",
             _loss(_right, lambda d, beta: beta * np.logaddexp(0, -d))),
            ("you divided by beta: the implicit reward is beta times the difference",
             _loss(_right, lambda d, beta: np.logaddexp(0, -d / beta))),
            ("right for answers of similar probability, but exp(890) is infinite: -log sigma(h) is np.logaddexp(0.0, -h)",
             _loss(_right, lambda d, beta: -naive_log_sigmoid(beta * d))),
            ("you summed: the loss is the mean over the pairs", _loss(_right, reduce=np.sum)),
            ("you forgot the logarithm: the loss is -log sigma(h)",
             _loss(_right, lambda d, beta: 1 - sigmoid(beta * d))),
            ("the minus is missing: the loss is -log sigma(h)",
             _loss(_right, lambda d, beta: -np.logaddexp(0, -beta * d))),
        ],
        (
            "minialign/dpo.py: the equation is at its top. At policy = reference your loss must be ln 2 = 0.6931.",
            "Two implicit rewards, beta * (policy - reference), one for the chosen answer and one for the rejected.",
            "h = the first minus the second; -log sigma(h) is np.logaddexp(0.0, -h); then the mean over the pairs.",
        ),
    ),
]  # fmt: skip
