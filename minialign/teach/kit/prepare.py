"""`minialign prepare`: make everything that the lessons need before the class, and measure how long each of them takes.

First the stages of the pipeline, then each lesson once, as a student would run it: that makes whatever the lesson stores,
and leaves a picture to show if it fails in class.  Everything finished is kept, and an interrupted preparation resumes.
"""

import datetime
import json
import os
import platform
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ... import pipeline
from ...checks import check_number
from ...models import STAGES
from ...runs import voting
from ...runs.errors import Problem
from ...runs.folder import check_writable, write_text
from ...runs.text import heading, paragraph, quoted
from ..calibrate import one_lesson
from .measured import lesson_folder, measured_file
from .source import read_lessons

PAIRS = 5


def prepare(fast: bool, seed: int, out: str | Path, lessons: str | Path) -> int:
    """Warm all caches, print a table, keep it for the run-sheets -> exit code: 1 if a lesson has failed."""
    out, scripts = Path(out), {source.name: source.path for source in read_lessons(lessons).values()}
    check_writable(out / "cache")
    journey = pipeline.Journey(pipeline.FAST if fast else pipeline.FULL, seed, out / "cache")
    path = measured_file(out, fast, seed)
    report: dict[str, Any] = {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "date": datetime.date.today().isoformat(),
        "fast": fast, "seed": seed, "seconds": 0.0, "megabytes": 0.0, "stages": {}, "pairs": [],
        "lessons": {name: row for name, row in rows_in(path).items() if name in scripts},
    }  # fmt: skip
    print(heading(f"Preparing {len(scripts)} lessons, seed {seed}{', fast' * fast}; kept in {out}"))
    print(f"   {'':<24}{'seconds':>9}{'at first':>9}{'MB':>9}", flush=True)
    failed = []
    try:
        for name in STAGES:
            report["stages"][name] = told(name, warm_stage(journey, name))
        report["pairs"] = pairs_to_vote_on(journey)
        for name, script in scripts.items():
            done = warm_lesson(script, fast, seed, out, report["lessons"].pop(name, {}))
            if "error" in done:
                failed.append(name)
                print(paragraph(f"{name:<24} failed: {done['error']}", "   ", "      "), flush=True)
            else:
                report["lessons"][name] = told(name, done)
                add_up(report)
                write_text(path, json.dumps(report, indent=1) + "\n")
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"what is finished is kept in {out}; run the same command again to resume") from None
    print(f"   {'together':<24}{'':9}{report['seconds']:9.1f}{report['megabytes']:9.1f}")
    runs = "" if out == Path("runs") else f" --runs {quoted(out.as_posix())}"
    print(f"\n   Kept for the run-sheets in {path.as_posix()}; now: minialign kit{runs}")
    return 1 if failed else 0


def pairs_to_vote_on(journey: pipeline.Journey) -> list[dict[str, str]]:
    """Five pairs of answers of this SFT model, the first of a sitting: a class votes on them by show of hands."""
    try:
        sitting = voting.sitting(journey.model("sft"), journey.seed, 0, journey.recipe.max_new_tokens)
    except Problem:  # a model whose answers do not differ
        return []
    return [{"question": pair.question, "a": pair.a.text, "b": pair.b.text} for pair in sitting[:PAIRS]]


def told(name: str, row: dict) -> dict:
    """A row of the report, as a line of the table."""
    print(f"   {name:<24}{row['seconds']:9.1f}{row['at_first']:9.1f}{row['megabytes']:9.2f}   {row['remark']}", flush=True)
    return row


def rows_in(path: Path) -> dict[str, dict]:
    """What an earlier preparation has measured -> lesson -> its row."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["lessons"]
        for row in rows.values():
            for what in ("seconds", "at_first", "megabytes"):
                check_number(what, row[what], at_least=0)
        return rows
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def add_up(report: dict) -> None:
    rows = [*report["stages"].values(), *report["lessons"].values()]
    report["seconds"] = round(sum(row["at_first"] for row in rows), 1)
    report["megabytes"] = round(sum(row["megabytes"] for row in rows), 1)


def warm_stage(journey: pipeline.Journey, name: str) -> dict:
    """Make a stage of the pipeline, or take it from the cache -> its row."""
    began = time.perf_counter()
    journey.stage(name)
    stage, seconds = journey.in_memory[name], time.perf_counter() - began
    size = megabytes(journey.folder.glob(journey.path(name, "*").name))
    remark = "found" if stage.cached else "made"
    return {"seconds": round(seconds, 1), "at_first": round(stage.seconds, 1), "megabytes": size, "remark": remark}


def warm_lesson(script: Path, fast: bool, seed: int, out: Path, earlier: dict) -> dict:
    """Run a lesson, unless it has run already -> its row, or {"error": last line}.  earlier: its row of the time before."""
    cache, folder = out / "cache", lesson_folder(out, script, fast, seed)
    before, began = megabytes(cache.rglob("*")), time.perf_counter()
    run = one_lesson(script, fast, seed, out)
    made, at_first = megabytes(cache.rglob("*")) - before, time.perf_counter() - began
    # If it has stored something of its own, its first run was slower than it will be in class: once more.
    if made > 0 and "error" not in run:
        (folder / "run.json").unlink()
        run = one_lesson(script, fast, seed, out)
    if "error" in run:
        return run
    seen = [claim["seen"] for claim in run["claims"].values()]
    return {
        "seconds": run["seconds"],
        "at_first": round(max(at_first, run["seconds"], earlier.get("at_first", 0.0)), 1),
        "megabytes": round(max(made, 0.0) + megabytes(folder.rglob("*")), 2),
        "remark": f"{sum(seen)} of {len(seen)} claims seen",
    }


def megabytes(files: Iterable[Path]) -> float:
    return round(sum(path.stat().st_size for path in files if path.is_file()) / 1e6, 2)
