"""What a teacher adds to a lesson, from lessons/kit/teaching.md: model answers, and what its handout asks for.

What it looks like:

    ## Lesson 5
    * `loss before any vote`: the loss before it has seen a vote      numbers of the run, in words that stand alone
    * draw: votes | share predicted | two curves: ...                 axes for the handout: across, up, what to draw in them
    * think: because ...                                              the answer to the lesson's (15 min, think) exercise
"""

import re
from dataclasses import dataclass
from pathlib import Path

from ...runs.errors import Problem
from .source import Source

ITEM = re.compile(r"\* (?:`(.+?)`|(\w+)): (.+)")
KIND = re.compile(r"\((?:\d+ min, )?(\w+)\)")


@dataclass(frozen=True)
class Axes:
    across: str
    up: str
    task: str


@dataclass(frozen=True)
class Teaching:
    numbers: dict[str, str]  # name of a number of the run -> what it is
    axes: Axes
    answers: dict[str, str]  # kind of exercise -> the answer


def kind_of(exercise: str) -> str:
    """(15 min, think) why? -> think"""
    found = KIND.match(exercise)
    return found[1] if found else ""


def read_teaching(path: Path) -> dict[int, Teaching]:
    """teaching.md -> lesson -> Teaching.  Raises Problem for what cannot be read."""
    found = {}
    for part in re.split(r"^## Lesson ", path.read_text(encoding="utf-8-sig"), flags=re.M)[1:]:
        number, _, rest = part.partition("\n")
        numbers: dict[str, str] = {}
        answers: dict[str, str] = {}
        for item in re.split(r"^(?=\* )", rest, flags=re.M)[1:]:
            one = ITEM.fullmatch(" ".join(item.split()))
            if not one:
                raise Problem(f'"{item[:40].strip()}..." in {path.name} cannot be read; write: * think: the answer')
            (numbers if one[1] else answers)[one[1] or one[2]] = one[3]
        axes = answers.pop("draw", "").split(" | ")
        if not number.isdecimal() or len(axes) != 3:
            raise Problem(f"lesson {number} in {path.name} needs a line: * draw: across | up | what to draw")
        found[int(number)] = Teaching(numbers, Axes(*axes), answers)
    return found


def missing(source: Source, teaching: Teaching) -> list[str]:
    """What a lesson asks and teaching.md does not answer, and the numbers of teaching.md that the lesson does not print."""
    asked = {kind_of(exercise) for exercise in source.exercises()} - {"write", "answer"}
    unknown = [name for name in teaching.numbers if not source.prints(name)]
    return [f"lesson {source.number} prints no number named {name!r}" for name in unknown] + [
        f"lesson {source.number} has no answer to ({kind})" for kind in sorted(asked ^ set(teaching.answers))
    ]
