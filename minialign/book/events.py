"""The output of a lesson's run, as the book stores it: one dataclass for each kind of output."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from ..teach.lesson import Number


@dataclass(frozen=True)
class Printed:
    """What the lesson prints itself: tables, samples."""

    text: str


@dataclass(frozen=True)
class Section:
    title: str


@dataclass(frozen=True)
class Said:
    text: str


@dataclass(frozen=True)
class Equation:
    """The lines that implement an equation."""

    name: str
    place: str  # minialign/reward.py:48-53
    code: str


@dataclass(frozen=True)
class Question:
    """A prediction, asked before its numbers; right: which option, from 0."""

    question: str
    options: list[str]
    right: int
    because: str


@dataclass(frozen=True)
class Revealed:
    """Where the last question is answered."""

    question: Question


@dataclass(frozen=True)
class Claim:
    number: int
    sentence: str
    seen: bool
    evidence: str


@dataclass(frozen=True)
class Picture:
    name: str
    words: str


Event = Printed | Section | Said | Equation | Question | Revealed | Number | Claim | Picture
KINDS: dict[str, type] = {kind.__name__: kind for kind in Event.__args__}


def to_json(event: Event) -> dict[str, Any]:
    fields = {"kind": type(event).__name__} | asdict(event)
    if isinstance(event, Number) and not math.isfinite(event.value or 0):
        fields["value"] = None  # JSON has no NaN; the text has it
    return fields


def from_json(fields: dict[str, Any]) -> Event:
    """The inverse of to_json.  Raises KeyError or TypeError for anything else."""
    rest = {name: value for name, value in fields.items() if name != "kind"}
    if fields["kind"] == "Revealed":
        rest["question"] = Question(**rest["question"])
    return KINDS[fields["kind"]](**rest)
