"""Lesson 5: the reward model's loss, with its gradient."""

import math

import numpy as np

from . import Exercise, naive_log_sigmoid, sigmoid


def cases(rng):
    far = 800 * np.array([-1.0, 1.0, 0.0]) + rng.normal(size=3)  # exp(800) is infinite
    return [*((rng.normal(size=n), rng.normal(size=n)) for n in (1, 3, 6)), (far, rng.normal(size=3))]


def answer(chosen, rejected):
    losses = [max(r - c, 0.0) + math.log1p(math.exp(-abs(r - c))) for c, r in zip(chosen, rejected)]
    share = sigmoid(rejected - chosen) / len(chosen)  # sigma(-d) / N
    return sum(losses) / len(losses), -share, share


def _naive(chosen, rejected):
    return -naive_log_sigmoid(chosen - rejected).mean(), *answer(chosen, rejected)[1:]


def _swapped(chosen, rejected):
    loss, d_first, d_second = answer(rejected, chosen)
    return loss, d_second, d_first


def _scaled(of_loss, of_gradient):
    def wrong(chosen, rejected):
        loss, d_chosen, d_rejected = answer(chosen, rejected)
        N = len(chosen)
        return loss * N**of_loss, d_chosen * N**of_gradient, d_rejected * N**of_gradient

    return wrong


def _weighed(chosen, rejected):
    share = sigmoid(chosen - rejected) / len(chosen)
    return answer(chosen, rejected)[0], -share, share


def _with(change):
    return lambda chosen, rejected: change(*answer(chosen, rejected))


EXERCISES = [
    Exercise(
        "reward_loss",
        cases,
        answer,
        [
            ("chosen and rejected are swapped: you teach the model to prefer the worse answer", _swapped),
            ("chosen and rejected are swapped: you teach the model to prefer the worse answer",
             lambda c, r: answer(r, c)),
            ("right for small scores, but exp(800) is infinite: -log sigma(d) is np.logaddexp(0.0, -d)", _naive),
            ("you summed: the loss is the mean over the pairs", _scaled(1, 1)),
            ("your gradient forgets the 1/N of the mean", _scaled(0, 1)),
            ("your loss is a sum: the 1/N of the mean is missing, though your gradients have it", _scaled(1, 0)),
            ("the gradients of chosen and rejected are opposite: the loss falls when the chosen score rises",
             _with(lambda loss, c, r: (loss, c, c))),
            ("the signs of your gradients are wrong: they point uphill, and a higher chosen score lowers the loss",
             _with(lambda loss, c, r: (loss, r, c))),
            ("your weights are the wrong way round: a pair in good order (d large) should hardly count: sigma(-d)",
             _weighed),
            ("you forgot the logarithm: the loss is -log sigma(d)",
             lambda c, r: (float(np.mean(1 - sigmoid(c - r))), *answer(c, r)[1:])),
        ],
        (
            "Only d = chosen - rejected matters; reward.py has the loss, log_sigmoid in functional.py its slope.",
            "-log sigma(d) = log(1 + exp(-d)), and its slope in d is -sigma(-d).",
            "d grows with chosen (+1) and falls with rejected (-1); then the 1/N of the mean.",
        ),
    ),
]  # fmt: skip
