"""Lesson 9: who wins, and how sure is that?"""

import numpy as np

from . import Exercise


def win_cases(rng):
    return [(rng.integers(0, 3, size=n) / 2, rng.integers(0, 3, size=n) / 2) for n in (4, 9, 20)]


def _wins(tie, win=1.0, loss=0.0):
    return lambda ours, theirs: sum(win if a > b else tie if a == b else loss for a, b in zip(ours, theirs)) / len(ours)


def interval_cases(rng):
    cases = []
    for n, resamples in ((10, 40), (25, 100), (40, 80)):
        cases.append((rng.integers(0, 3, size=n) / 2, rng.integers(n, size=(resamples, n))))
    return cases


def _quantile(values, q):
    """The q-th quantile, interpolated linearly between the two nearest values, as np.quantile does by default."""
    values, place = sorted(values), q * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])


def interval_answer(outcomes, rows):
    means = [sum(outcomes[i] for i in row) / len(row) for row in rows]
    return _quantile(means, 0.025), _quantile(means, 0.975)


def _normal(outcomes, rows):
    half = 1.96 * outcomes.std() / np.sqrt(len(outcomes))
    return outcomes.mean() - half, outcomes.mean() + half


EXERCISES = [
    Exercise(
        "win_rate",
        win_cases,
        _wins(0.5),
        [
            ("a tie is not a loss: it counts one half, or a model would lose against itself", _wins(0.0)),
            ("a tie is not a win: it counts one half, or a model would win against itself", _wins(1.0)),
            ("you counted the losses", _wins(0.5, 0.0, 1.0)),
            ("a share lies between 0 and 1: a loss counts 0, not -1", _wins(0.0, 1.0, -1.0)),
            ("you left the ties out: each counts one half, and all questions are in the denominator",
             lambda a, b: float((a > b).sum() / max((a != b).sum(), 1))),
        ],
        (
            "What must come out for a model against itself? minialign/evaluate.py, win_rate.",
            "Three cases: better counts 1, equal one half, worse 0.",
            "np.mean((ours > theirs) + 0.5 * (ours == theirs)).",
        ),
    ),
    Exercise(
        "bootstrap_interval",
        interval_cases,
        interval_answer,
        [
            ("those are the quantiles of single outcomes: take the mean of every resample first",
             lambda o, rows: tuple(np.quantile(o[rows], (0.025, 0.975)))),
            ("your means run over the resamples: take the mean of each resample, axis 1",
             lambda o, rows: tuple(np.quantile(o[rows].mean(0), (0.025, 0.975)))),
            ("5% and 95% leave a tenth outside: for 95% inside cut off 2.5% on each side",
             lambda o, rows: tuple(np.quantile(o[rows].mean(1), (0.05, 0.95)))),
            ("that is the normal approximation: the bootstrap reads its interval off the resampled means", _normal),
            ("those are the smallest and the largest mean: cut off 2.5% on each side",
             lambda o, rows: (o[rows].mean(1).min(), o[rows].mean(1).max())),
        ],
        (
            "Every row of `rows` is a new set of questions, drawn from the old one with replacement.",
            "outcomes[rows] has one resample per row; the spread of their means is the uncertainty.",
            "np.quantile(means, (0.025, 0.975)) of the means over axis 1.",
        ),
    ),
]  # fmt: skip
