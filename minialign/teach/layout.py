"""Where the lessons are when nobody has cloned the project: the wheel carries them, and `minialign lessons` lays them out."""

import importlib.metadata
import shutil
from pathlib import Path

from ..runs.errors import Problem
from ..runs.folder import check_writable
from .equations import PACKAGE

CARRIED = (
    "*.py",
    "*.json",
    "*.jsonl",
    "*.txt",
    "exercises/*.py",
    "kit/*",
    "quizzes/*",
)  # setup.cfg puts the same into the wheel


def packaged_lessons() -> Path | None:
    """The lessons beside the package, or those that were installed with it; None if there are none."""
    beside = PACKAGE.parent / "lessons"
    if any(beside.glob("[0-9][0-9]_*.py")):
        return beside
    try:
        files = importlib.metadata.files("minialign") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.parent.name == "lessons" and file.name[:2].isdecimal():
            return Path(str(file.locate())).resolve().parent
    return None


def lay_out(folder: str | Path) -> tuple[list[Path], list[Path]]:
    """Copy the lessons into folder/lessons -> (files that are new, files that were there and differ: they stay)."""
    source = packaged_lessons()
    if source is None:
        raise Problem("the lessons were not installed with minialign; clone the project, or install its wheel")
    target = Path(folder) / "lessons"
    check_writable(target, "DIR")
    new, kept = [], []
    for path in sorted({path for pattern in CARRIED for path in source.glob(pattern) if path.is_file()}):
        copy = target / path.relative_to(source)
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            new.append(copy)
        elif copy.read_bytes() != path.read_bytes():
            kept.append(copy)  # somebody may have solved an exercise in it
    return new, kept
