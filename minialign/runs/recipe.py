"""The Recipe that a run was made with, read back from its run.json."""

from dataclasses import fields, is_dataclass
from typing import Any

from ..pipeline import Recipe
from ..world import Tastes
from .errors import Problem
from .text import safe


def recipe_of(run: dict[str, Any]) -> Recipe:
    """The Recipe that run.json describes.  Raises Problem if it is not whole."""
    try:
        stored = run["recipe"]
        values: dict[str, Any] = {f.name: stored[f.name] for f in fields(Recipe)}
        kinds: dict[str, Any] = {f.name: f.type for f in fields(Recipe) if is_dataclass(f.type)}
        values |= {name: kind(**values[name]) for name, kind in kinds.items()}
        return Recipe(**values | {"tastes": Tastes(**values["tastes"])})
    except (LookupError, TypeError, ValueError, AttributeError) as problem:
        way_out = "make the run again with: minialign tour (with its flags)"
        raise Problem(f"the recipe in run.json is damaged ({safe(problem)}); {way_out}") from None
