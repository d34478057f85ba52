"""The exercises of the lessons: one file per lesson, with right answers, wrong answers and hints.

The right answer of each is computed differently from the way a learner would do it: by loops, by sums, by whole Jacobians.
A wrong answer is a function too, so that a learner who makes that mistake is told which one it is.

    grading.py    grades one file: draws cases, calls the learner's process, judges the results
    compare.py    compares results with the right ones and with those of known mistakes
    learner.py    the process in which the learner's file runs; it knows no answers
    wire.py       the messages between the two
    handins.py    a class's files: one row a student, and what many got wrong
    similar.py    which of them are alike
"""

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

LESSONS = (*range(1, 12), 13)  # lesson 12 has nothing to write that a program could grade


@dataclass(frozen=True)
class Exercise:
    """One function to write.

    cases     rng -> list of argument tuples, small and random; some of them are chosen to expose a careless solution
    answer    (*arguments) -> the right result: a number, an array, or a tuple of those
    mistakes  list of (message, function (*arguments) -> the result of that mistake)
    hints     three: where to look, which term, what the missing line does
    """

    name: str
    cases: Callable
    answer: Callable
    mistakes: list[tuple[str, Callable]]
    hints: tuple[str, str, str]


def of_lesson(number: int) -> list[Exercise]:
    """The exercises of a lesson, in order."""
    return importlib.import_module(f"{__name__}.e{number:02d}").EXERCISES


def softmax(row: Sequence[float]) -> np.ndarray:
    """exp(x) / sum exp(x) of a list of numbers; -inf gives 0."""
    top = max(row)
    weights = [math.exp(x - top) if x > -math.inf else 0.0 for x in row]
    return np.array(weights) / sum(weights)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), for any x."""
    return np.exp(-np.logaddexp(0.0, -np.asarray(x, dtype=float)))


def naive_log_sigmoid(x: np.ndarray) -> np.ndarray:
    """log(1 / (1 + exp(-x))) computed literally: right for moderate x, -inf where exp(-x) is infinite."""
    return np.log(1 / (1 + np.exp(-x)))


def ragged_mask(rng: np.random.Generator, B: int, T: int) -> np.ndarray:
    """A mask (B, T) whose rows start and end differently, and leave some padding everywhere."""
    mask = np.zeros((B, T))
    for row in mask:
        start = rng.integers(0, T // 2)
        row[start : start + rng.integers(1, T // 2)] = 1
    return mask
