"""JSON that may be damaged, read field by field: each value is checked when it is asked for.

A value that is absent, or of another type, raises Missing, which names the file and the field.  So a damaged run.json costs
the scenes that show the damaged number, and no other.
"""

from collections.abc import Iterator
from typing import Any

from ..runs.text import safe

LARGEST = 1e15  # no number of a run is larger, and larger ones cannot be drawn
AGAIN = "make the run again with: minialign tour (with its flags)"


class Missing(Exception):
    """A scene cannot be shown; the text says why, and what to do about it."""


class Fields:
    """A value out of a JSON file, with the name under which a reader finds it there."""

    def __init__(self, file: str, value: Any, where: str = ""):
        self.file, self.value, self.where = file, value, where

    def at(self, *path: str | int) -> "Fields":
        """The field at a path of names and positions.  Raises Missing if there is none."""
        found = self
        for step in path:
            inside: Any = found.value
            where = f"{found.where}.{step}" if found.where else str(step)
            if isinstance(step, int):
                there = isinstance(inside, (list, tuple)) and step < len(inside)
            else:
                there = isinstance(inside, dict) and step in inside
            if not there:
                raise Missing(f"{self.file} has no {safe(where)}; {AGAIN}")
            found = Fields(self.file, inside[step], where)
        return found

    def _checked(self, path, kind, name):
        found = self.at(*path)
        value = found.value
        right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if not right or (isinstance(value, (int, float)) and not abs(value) <= LARGEST):  # NaN is not <= anything
            raise Missing(f"in {self.file}, {safe(found.where)} is not {name}; {AGAIN}")
        return value

    def number(self, *path: str | int) -> float:
        return float(self._checked(path, (int, float), "a number"))

    def whole(self, *path: str | int) -> int:
        """A whole number from 0."""
        value = self._checked(path, int, "a whole number")
        if value < 0:
            raise Missing(f"in {self.file}, {safe(self.at(*path).where)} is below 0; {AGAIN}")
        return value

    def flag(self, *path: str | int) -> bool:
        return self._checked(path, bool, "true or false")

    def text(self, *path: str | int) -> str:
        """A text as it may be shown: control characters, bidi overrides and lone surrogates by their names."""
        return safe(self._checked(path, str, "a text"))

    def number_or_none(self, *path: str | int) -> float | None:
        return None if self.at(*path).value is None else self.number(*path)

    def items(self, *path: str | int) -> Iterator["Fields"]:
        """The elements of a list, at least one."""
        found = self.at(*path)
        if not isinstance(found.value, (list, tuple)) or not found.value:
            raise Missing(f"in {self.file}, {safe(found.where)} is not a list with something in it; {AGAIN}")
        return (found.at(i) for i in range(len(found.value)))

    def numbers(self, *path: str | int) -> list[float]:
        return [item.number() for item in self.items(*path)]

    def series(self, *path: str | int) -> list[tuple[float, float]]:
        """A list of [step, value]."""
        return [(item.number(0), item.number(1)) for item in self.items(*path)]
