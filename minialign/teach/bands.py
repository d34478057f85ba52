"""Bands: where a lesson's numbers lay over many seeds; and the key under which a lesson's run is known."""

import json
from pathlib import Path
from typing import Any

from .. import cache


def read_bands(folder: str | Path) -> dict[str, Any]:
    """lessons/bands.json: lesson -> "fast" | "full" -> number -> [low, high, seeds]; empty before a calibration."""
    path = Path(folder) / "bands.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def run_key(file: str | Path) -> str:
    """Changes with whatever a lesson's numbers depend on: the lesson itself and all that it imports."""
    # Seed and cut are not in it: they are in the name of the folder that the run is kept in.
    return cache.key(code=[Path(file)])
