"""`minialign calibrate`: run the lessons over many seeds; how often is each claim seen, and in what range are the numbers?

Each seed is one task, whose lessons run one after the other, so that each finds the stages that an earlier one has made.
A lesson that has already run with the same code is not run again: the command can be stopped and resumed.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .. import cache
from ..checkpoint import atomically
from ..runs.errors import Problem
from ..runs.folder import check_writable
from ..runs.seeds import cores, for_each
from ..runs.text import heading, paragraph
from .bands import read_bands, run_key
from .lesson_doc import claims_of, read_doc


def calibrate(numbers: list[int], fast: bool, seeds: int, out: str | Path, jobs: int | None, lessons: str | Path) -> int:
    """Print a table of claims and numbers over seeds 0, 1, ...; write the bands of the numbers beside the lessons.

    Returns the exit code: 1 if a lesson failed with some seed.  Such a lesson keeps the bands that it had.
    """
    there = {int(path.stem[:2]): path for path in sorted(Path(lessons).glob("[0-9][0-9]_*.py"))}
    missing = [f"lesson {number}" for number in numbers if number not in there]
    if missing or not there:
        what = ", ".join(missing) or "lesson"
        raise Problem(f"there is no {what} in {lessons}; say where they are with --lessons DIR")
    scripts = [path for number, path in there.items() if not numbers or number in numbers]
    check_writable(Path(out) / "cache")
    # One task per seed, not per lesson: the lessons of a seed share its stages, and two processes would both make them.
    tasks = [(scripts, fast, seed, out) for seed in range(seeds)]
    try:
        runs = for_each(all_lessons, tasks, min(seeds, jobs or cores()))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"finished lessons are kept in {out}; run the same command again to resume") from None
    bands, failed = read_bands(lessons), []
    for script in scripts:
        of_this = [run[script.stem] for run in runs]
        print("\n".join(table(script, of_this)), flush=True)
        if any("error" in run for run in of_this):
            failed.append(script.stem)
            continue
        bands.setdefault(script.stem, {})["fast" if fast else "full"] = {
            name: [low, high, seeds] for name, (low, _, high) in spread(of_this).items()
        }
    path = Path(lessons) / "bands.json"
    if len(failed) < len(scripts):
        atomically(path, lambda file: file.write((json.dumps(bands, indent=1, sort_keys=True) + "\n").encode()))
        print(f"\nBands kept in {path}")
    if failed:
        print(f"\nNo new bands of {', '.join(failed)}: a seed failed; fix that and run the same command again")
    return int(bool(failed))


def all_lessons(task: tuple[list[Path], bool, int, Path]) -> dict[str, dict]:
    """Every lesson with one seed -> dict: lesson -> its run.json, or {"error": last line}."""
    scripts, fast, seed, out = task
    return {script.stem: one_lesson(script, fast, seed, out) for script in scripts}


def one_lesson(script: Path, fast: bool, seed: int, out: Path) -> dict[str, Any]:
    """One lesson with one seed, run if necessary -> its run.json, or {"error": last line}."""
    folder = f"{script.stem}{'-fast' * fast}{f'-s{seed}' if seed else ''}"
    path = Path(out) / "lessons" / folder / "run.json"
    run = kept_run(path)
    if run.get("complete") and run.get("key") == run_key(script):
        return run
    # In a process of its own: a lesson may patch the package, draw with matplotlib and end with sys.exit.
    flags = ["--seed", str(seed), "--out", str(out), "--no-predict", *(["--fast"] * fast)]
    command = [sys.executable, str(script), *flags]
    env = os.environ | {"TQDM_DISABLE": "1", "PYTHONUTF8": "1"}
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env=env, encoding="utf-8"
    )
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no word"])[-1]}
    return kept_run(path) or {"error": f"it has written no {path}"}


def kept_run(path: Path) -> dict[str, Any]:
    """A lesson's run.json; empty if there is none, or if it has been changed: then the lesson runs again."""
    try:
        return cache.unseal(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError):
        return {}


def spread(runs: list[dict]) -> dict[str, tuple[float, float, float]]:
    """Number -> (smallest, median, largest), rounded outwards to four digits, so that every seed lies inside."""
    names = [name for name in runs[0]["numbers"] if all(run["numbers"].get(name) is not None for run in runs)]
    columns = {name: [run["numbers"][name] for run in runs] for name in names}
    return {name: (rounded(min(x), -1), float(np.median(x)), rounded(max(x), 1)) for name, x in columns.items()}


def rounded(x: float, direction: int) -> float:
    """x with four significant digits, rounded down (-1) or up (+1)."""
    step = 10.0 ** (np.floor(np.log10(abs(x))) - 3) if x else 1.0
    return float(f"{(np.floor(x / step) if direction < 0 else np.ceil(x / step)) * step:.6g}")


def table(script: Path, runs: list[dict]) -> Iterator[str]:
    """The results of one lesson over all seeds, as lines."""
    done = {seed: run for seed, run in enumerate(runs) if "numbers" in run}
    what = "--fast" if any(run["fast"] for run in done.values()) else "full"
    yield heading(f"{script.stem}, {what}, {len(done)} of {len(runs)} seeds")
    for seed, run in enumerate(runs):
        if "error" in run:
            yield paragraph(f"seed {seed} failed: {run['error']}", "   ", "      ")
    if not done:
        return
    for n, sentence in claims_of(read_doc(script)).items():
        missing = [seed for seed, run in done.items() if not run["claims"][str(n)]["seen"]]
        seen = f"{len(done) - len(missing):3d} of {len(done)}" + (f", not with {missing}" if missing else "")
        yield paragraph(f"{seen}   {n}. {sentence}", "   ", " " * 14)
    for name, (low, middle, high) in spread(list(done.values())).items():
        yield f"   {name:<38}{low:12.5g}{middle:12.5g}{high:12.5g}"
    seconds = [run["seconds"] for run in done.values()]
    yield f"   {'seconds, without upstream':<38}{min(seconds):12.1f}{np.median(seconds):12.1f}{max(seconds):12.1f}"
