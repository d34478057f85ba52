"""Compare what a function returned with the right results, and with those of known mistakes."""

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import Exercise
from .wire import Unknown

TRIES = 100


@dataclass(frozen=True)
class Drawn:
    """The cases of one grading, with the right result of each and those of every known mistake."""

    cases: list[tuple]
    right: list
    wrong: list[tuple[str, list]]  # (what to say, its results)


def draw(exercise: Exercise, rng: np.random.Generator) -> Drawn:
    """Fresh cases that tell every known mistake from the right answer and from the other mistakes."""
    # Random cases may hide a mistake (no ties, no ratio beyond the clip); then they are drawn again.
    for _ in range(TRIES):
        cases = exercise.cases(rng)
        wrong = [(says, results(mistake, cases)) for says, mistake in exercise.mistakes]
        drawn = Drawn(cases, results(exercise.answer, cases), wrong)
        if all(complaint(drawn, given, []) == says for says, given in wrong):
            return drawn
    raise AssertionError(f"{exercise.name}: its cases do not tell its known mistakes apart")


def results(function: Callable, cases: list[tuple]) -> list:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [function(*copy.deepcopy(case)) for case in cases]


def complaint(drawn: Drawn, given: list, arguments: list) -> str:
    """What is wrong with the results of all cases, in words; "" if they are right.

    arguments: the arguments of each case after the call, which must not have changed them.
    """
    ok = list(map(same, given, drawn.right))
    if not all(ok):
        for says, mistaken in drawn.wrong:
            if all(map(same, given, mistaken)):
                return says
        k = ok.index(False)
        return f"in case {k + 1} of {len(ok)}, {difference(given[k], drawn.right[k])}"
    for case, afterwards in zip(drawn.cases, arguments):
        for k, (before, after) in enumerate(zip(case, afterwards), 1):
            if isinstance(before, np.ndarray) and not same(after, before):
                return f"the results are right, but the call changes argument {k}, which belongs to the caller: work on a copy"
    return ""


def values(x: Any) -> np.ndarray | None:
    """A number or an array as floats; None if it is neither."""
    if x is None or isinstance(x, (str, Unknown)):
        return None
    try:
        return np.asarray(x, dtype=float)
    except (TypeError, ValueError, OverflowError):
        return None


def several(given: Any) -> Any:
    """An array of several numbers as the tuple that it is as good as."""
    return tuple(given) if isinstance(given, np.ndarray) and given.ndim else given


def same(given: Any, right: Any) -> bool:
    if isinstance(right, tuple):
        given = several(given)
        return isinstance(given, (tuple, list)) and len(given) == len(right) and all(map(same, given, right))
    x, y = values(given), values(right)
    return x is not None and y is not None and x.shape == y.shape and bool(close(x, y).all())


# The right answers are computed in another way, so the last digits differ; a wrong formula differs much earlier.
def close(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.isclose(x, y, rtol=1e-6, atol=1e-9, equal_nan=True)


def difference(given: Any, right: Any) -> str:
    """What is wrong with one result, in words: its kind, its shape, or the first number that differs."""
    if isinstance(right, tuple):
        given = several(given)
        if not isinstance(given, (tuple, list)) or len(given) != len(right):
            return f"it returns {kind(given)}, but {len(right)} values are expected"
        k = [same(*pair) for pair in zip(given, right)].index(False)
        return f"of the {len(right)} values returned, number {k + 1} is wrong: {difference(given[k], right[k])}"
    x, y = values(given), np.asarray(right, dtype=float)
    if x is None:
        return f"it returns {kind(given)}, and {'a number' if y.ndim == 0 else 'an array'} is wanted"
    if x.shape != y.shape:
        return f"the result has shape {x.shape}, but {y.shape} is expected"
    index = tuple(int(i) for i in np.argwhere(~close(x, y))[0])
    at = f" at {list(index)}" if index else ""
    return f"the result{at} is {x[index]:.7g}, but {y[index]:.7g} is expected"


def kind(x: Any) -> str:
    if x is None:
        return "None (is there a `return`?)"
    if isinstance(x, (tuple, list)):
        return f"{len(x)} things"
    return f"a {x.name if isinstance(x, Unknown) else type(x).__name__}"
