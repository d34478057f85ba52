"""Bands: the range of each of a lesson's numbers over many seeds; and the cache key of a lesson's run."""

import json
from pathlib import Path
from typing import Any

from .. import cache


def read_bands(folder: str | Path) -> dict[str, Any]:
    """lessons/bands.json: lesson -> "fast" | "full" -> number -> [low, high, seeds]; empty before a calibration."""
    path = Path(folder) / "bands.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def run_key(file: str | Path) -> str:
    """A key that changes with everything that a lesson's numbers depend on: the lesson itself and all that it imports."""
    # Seed and cut (--fast or not) are not in it: they are in the name of the run's folder.
    return cache.key(code=[Path(file)])
