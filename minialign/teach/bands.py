"""Bands: the range of each of a lesson's numbers over many seeds; and the cache key of a lesson's run."""

import json
from pathlib import Path
from typing import Any

from .. import cache
from ..checks import check_number
from ..runs.errors import Problem


def read_bands(folder: str | Path) -> dict[str, Any]:
    """lessons/bands.json: lesson -> "fast" | "full" -> number -> [low, high, seeds]; empty before a calibration.

    Raises Problem if it is damaged.
    """
    path = Path(folder) / "bands.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        for name, (low, high, seeds) in (band for lesson in found.values() for cut in lesson.values() for band in cut.items()):
            for value in (low, high, seeds):
                check_number(f"each of low, high and seeds of {name!r}", value)
        return found
    except (ValueError, TypeError, AttributeError, RecursionError) as problem:
        raise Problem(f"{path} cannot be read ({problem}); download it again, or: minialign calibrate") from None


def run_key(file: str | Path) -> str:
    """A key that changes with everything that a lesson's numbers depend on: the lesson itself and all that it imports."""
    # Seed and cut (--fast or not) are not in it: they are in the name of the run's folder.
    return cache.key(code=[Path(file)])
