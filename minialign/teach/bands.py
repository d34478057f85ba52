"""Bands: where a lesson's numbers lay over many seeds; and the key under which a lesson's run is known."""

import json
from pathlib import Path

from .. import cache
from . import equations


def read_bands(folder):
    """lessons/bands.json: lesson -> "fast" | "full" -> number -> [low, high, seeds]; empty before a calibration."""
    path = Path(folder) / "bands.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def run_key(file):
    """Changes with whatever a lesson's numbers depend on: the package, what measures, and the lesson itself."""
    package, lesson = equations.PACKAGE, Path(file).read_text(encoding="utf-8")
    laboratory = sorted((package / "lab").glob("*.py")) if "minialign.lab" in lesson else []
    measuring = [path.read_text(encoding="utf-8") for path in (package / "evaluate.py", *laboratory)]
    return cache.digest(cache.code_key(), *measuring, lesson)
