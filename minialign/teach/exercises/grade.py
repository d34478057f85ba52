"""Hold what a learner wrote against what is right, and against the mistakes that have names.

As a program it grades one file in a process of its own, so that an endless loop or a crash there harms nobody:

    python -m minialign.teach.exercises.grade LESSON FILE RESULT SECONDS      writes the verdicts to RESULT, as JSON
"""

import copy
import faulthandler
import importlib.util
import json
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np

from .. import exercises

KEPT_OUTPUT = 2000  # characters of what a learner's file prints


def grade_file(lesson, path):
    """Yield one verdict a function, as dicts: name, passed, says (why not)."""
    todo = exercises.of_lesson(lesson)
    try:
        module = load(path)
    except BaseException as problem:  # SystemExit too: whatever a learner's file does, it must be told
        why = f"the file stops before anything is called: {where(problem, path)}"
        for exercise in todo:
            yield verdict(exercise, False, why)
            why = "not reached either"
    else:
        yield from (grade(exercise, getattr(module, exercise.name, None), path) for exercise in todo)


def load(path):
    """The learner's own file, by its path; nothing else is ever graded in its place."""
    spec = importlib.util.spec_from_file_location("handed_in", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def verdict(exercise, passed, says=""):
    return {"name": exercise.name, "passed": passed, "says": says}


def grade(exercise, function, path="?"):
    """Call the function on every case -> verdict."""
    if not callable(function):
        return verdict(exercise, False, f"there is no function {exercise.name} in this file")
    if str(getattr(function, "__module__", "")).startswith("minialign"):
        return verdict(exercise, False, f"{exercise.name} is the library's own: write it yourself")
    cases = exercise.cases(np.random.default_rng(0))
    right = answers(exercise.answer, cases)
    try:
        given = answers(function, cases)
    except NotImplementedError:
        return verdict(exercise, False, "not written yet")
    except BaseException as problem:
        return verdict(exercise, False, f"it stops: {where(problem, path)}")
    if all(map(same, given, right)):
        return verdict(exercise, True)
    for says, mistake in exercise.mistakes:
        if all(map(same, given, answers(mistake, cases))):
            return verdict(exercise, False, says)
    number = [same(*pair) for pair in zip(given, right)].index(False)
    return verdict(exercise, False, f"in case {number + 1} of {len(cases)}, {difference(given[number], right[number])}")


def answers(function, cases):
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [function(*map(copied, case)) for case in cases]  # copies: who writes into them harms no later case


def copied(argument):
    return argument if callable(argument) else copy.deepcopy(argument)


def values(x):
    """A number or an array as floats; of a Tensor its values; None if it is neither."""
    if x is None:
        return None
    try:
        return np.asarray(getattr(x, "data", x) if type(x).__name__ == "Tensor" else x, dtype=float)
    except (TypeError, ValueError):
        return None


def same(given, right):
    if isinstance(right, tuple):
        return isinstance(given, (tuple, list)) and len(given) == len(right) and all(map(same, given, right))
    x, y = values(given), values(right)
    return x is not None and x.shape == y.shape and np.allclose(x, y, rtol=1e-6, atol=1e-9, equal_nan=True)


def difference(given, right):
    """What is wrong with one answer, in words: its kind, its shape, or the first number that differs."""
    if isinstance(right, tuple):
        if not isinstance(given, (tuple, list)) or len(given) != len(right):
            return f"it returns {kind(given)}, and {len(right)} things are wanted"
        k = [same(*pair) for pair in zip(given, right)].index(False)
        return f"of the {len(right)} things returned, number {k + 1} is wrong: {difference(given[k], right[k])}"
    x, y = values(given), values(right)
    if x is None:
        return f"it returns {kind(given)}, and {'a number' if y.ndim == 0 else 'an array'} is wanted"
    if x.shape != y.shape:
        return f"the result has shape {x.shape}, and {y.shape} is wanted"
    wrong = ~np.isclose(x, y, rtol=1e-6, atol=1e-9, equal_nan=True)
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    at = f" at {list(index)}" if index else ""
    return f"the result{at} is {x[index]:.7g}, and {y[index]:.7g} is wanted"


def kind(x):
    if x is None:
        return "None (is there a `return`?)"
    return f"{len(x)} things" if isinstance(x, (tuple, list)) else f"a {type(x).__name__}"


def where(problem, path):
    """An exception as one line, with the place in the learner's file where it happened."""
    lines = [f.lineno for f in traceback.extract_tb(problem.__traceback__) if Path(f.filename) == Path(path)]
    line = lines[-1] if lines else getattr(problem, "lineno", None)  # a SyntaxError knows its own
    said = " ".join(str(getattr(problem, "msg", problem)).split())
    return f"{f'line {line}: ' if line else ''}{type(problem).__name__}{f': {said}' if said else ''}"


class Bounded:
    """Keeps the beginning of what is printed and forgets the rest: an endless loop must not fill the memory."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text[: KEPT_OUTPUT - len(self.text)]
        return len(text)

    def flush(self):
        pass


def main(lesson, path, result, seconds):
    limit_memory()
    faulthandler.enable()  # a crash, and
    faulthandler.dump_traceback_later(float(seconds), exit=True)  # an endless loop: both tell on stderr in which line
    printed, verdicts = Bounded(), []
    sys.stdout = sys.stderr = printed
    for one in grade_file(int(lesson), path):
        verdicts.append(one)  # kept at once: what comes next may never return
        Path(result).write_text(json.dumps({"verdicts": verdicts, "printed": printed.text}), encoding="utf-8")


def limit_memory(gigabytes=4):
    """A list that grows for ever ends in a MemoryError, not in a machine that hangs."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (gigabytes << 30, gigabytes << 30))
    except (ImportError, ValueError, OSError):
        pass  # not on every system


if __name__ == "__main__":
    main(*sys.argv[1:])
