"""Make the steps one after the other, each in a process of its own; what is done is kept, so that the same command goes on."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from ... import cache
from ...runs.errors import Problem
from ...runs.folder import check_writable, write_text
from . import published
from .report import report
from .steps import Step, steps

MINUTES = "minialign reproduce --list"  # the block of CONTRIBUTING that says how long each step takes
BAR = "{desc} {n_fmt} of {total_fmt} done |{bar}| {elapsed}{postfix}"


def reproduce(fast: bool, only: list[str], out: str | Path, source: str | Path, jobs: int | None) -> int:
    """Make all steps, or those named, that are not done; print and write the report -> exit code: 1 if a number has changed."""
    out, source = Path(out).resolve(), Path(source).resolve()
    chosen = chosen_steps(source, fast, only)
    check_writable(out / "steps")
    clock, failed = Clock(source, chosen, out), {}
    todo = [step for step in chosen if step.name in clock.todo]
    with tqdm(todo, disable=None, leave=False, bar_format=BAR) as bar:
        for step in bar:
            bar.set_description_str(step.name)
            began = time.monotonic()
            try:
                run_step(step, out, source, jobs, lambda: bar.set_postfix_str(clock.left(step.name, time.monotonic() - began)))
            except KeyboardInterrupt:
                raise KeyboardInterrupt(f"finished steps are kept in {out}; run the same command again to resume") from None
            except Problem as problem:
                failed[step.name] = str(problem)
            clock.here[step.name] = (time.monotonic() - began) / 60
    return report(chosen, {step.name: kept_step(step, out, source) for step in chosen}, failed, out, source)


def chosen_steps(source: Path, fast: bool, only: list[str]) -> list[Step]:
    everything = steps(source)
    unknown = set(only) - {step.name for step in everything}
    if unknown:
        raise Problem(f"there is no step {', '.join(sorted(unknown))}; minialign reproduce --list names them")
    return [step for step in everything if (step.name in only if only else step.fast or not fast)]


def kept_step(step: Step, out: Path, source: Path) -> dict[str, Any]:
    """What a step has found, if it is done and its key has not changed -> {"seconds": ..., "numbers": ...}, or {}."""
    try:
        kept = cache.unseal(json.loads((out / "steps" / f"{step.name}.json").read_text(encoding="utf-8")))
        return kept if kept["key"] == step.key(source) else {}
    except (OSError, ValueError, LookupError, RecursionError):
        return {}


def run_step(step: Step, out: Path, source: Path, jobs: int | None, tick: Callable[[], None]) -> None:
    """Run one command, and keep what it found; tick() several times a second.  Raises Problem if it fails."""
    log, began = out / "steps" / f"{step.name}.txt", time.monotonic()
    if "OUT/lessons-copy" in step.command:  # `calibrate` writes its bands beside the lessons: not beside the published ones
        shutil.copytree(source / "lessons", out / "lessons-copy", dirs_exist_ok=True)
    code = run_command(step.argv(out, jobs), source, log, tick)
    text = log.read_text(encoding="utf-8", errors="replace")
    if code:
        errors = errors_of(log).read_text(encoding="utf-8", errors="replace")
        last = (errors.strip() or text.strip() or "no word").splitlines()[-1].strip()
        raise Problem(f"exit code {code}: {last} (all of it: {errors_of(log) if errors.strip() else log})")
    content = {
        "key": step.key(source), "command": step.command, "seconds": round(time.monotonic() - began, 1),
        "numbers": {name: astuple(value) for name, value in step.read(out, text).items()},
    }  # fmt: skip
    write_text(out / "steps" / f"{step.name}.json", json.dumps(cache.seal(content), indent=1))


def errors_of(log: Path) -> Path:
    return log.with_suffix(".errors.txt")


def run_command(argv: list[str], folder: Path, log: Path, tick: Callable[[], None]) -> int:
    """Run a command in a folder, with what it prints in a file -> exit code.  Whatever stops this stops the command."""
    env = os.environ | {"TQDM_DISABLE": "1", "PYTHONPATH": str(cache.ROOT.parent)}
    with log.open("wb") as printed, errors_of(log).open("wb") as errors:
        # In a session of its own: Ctrl-C reaches this process alone, which then ends the command and all that it has started.
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=printed, stderr=errors, cwd=folder, env=env, start_new_session=True
        )
        try:
            while child.poll() is None:
                tick()
                with suppress(subprocess.TimeoutExpired):
                    child.wait(0.5)
        finally:
            stop(child)
    return child.returncode


def stop(child: subprocess.Popen) -> None:
    """End a command that still runs: it keeps what is finished, as after Ctrl-C; after twenty seconds without mercy."""
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        if child.poll() is not None:
            return
        if hasattr(os, "killpg"):
            os.killpg(child.pid, number)
        else:
            child.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            child.wait(20)


class Clock:
    """How long the rest takes: the published minutes of each step, times how much longer those done have taken here."""

    def __init__(self, source: Path, chosen: list[Step], out: Path):
        path = source / ".github" / "CONTRIBUTING.md"
        text = published.blocks(path.read_text(encoding="utf-8")).get(MINUTES, "") if path.exists() else ""
        said = {tuple(name.split(" · ")): x.middle for name, x in published.tables(text).items()}
        self.published = {name[0]: minutes for name, minutes in said.items() if name[-1] == "minutes"}
        self.here = {step.name: done["seconds"] / 60 for step in chosen if (done := kept_step(step, out, source))}
        self.todo = [step.name for step in chosen if step.name not in self.here and not step.absent]

    def minutes(self, name: str) -> float | None:
        """Of one step: as here or, if it has not run here, as published, scaled; None if nobody has timed it."""
        if name in self.here or name not in self.published:
            return self.here.get(name)
        both = [(self.here[done], self.published[done]) for done in self.here if self.published.get(done)]
        return self.published[name] * (sum(x for x, _ in both) / sum(y for _, y in both) if both else 1.0)

    def left(self, name: str, seconds: float) -> str:
        """What is left after some seconds of a step, in words."""
        minutes = [self.minutes(each) for each in self.todo[self.todo.index(name) :]]
        first, *rest = [x or 0.0 for x in minutes]
        unknown = f", without {minutes.count(None)} not timed yet" if None in minutes else ""
        return f"about {max(0.0, first - seconds / 60) + sum(rest):.0f} min left{unknown}"


def list_steps(fast: bool, only: list[str], out: str | Path, source: str | Path) -> None:
    """Print every step with its command, its minutes and whether it is done, as a table for CONTRIBUTING."""
    out, source = Path(out).resolve(), Path(source).resolve()
    chosen = chosen_steps(source, fast, only)
    clock = Clock(source, chosen, out)
    print("| step | command | minutes | published numbers | done |\n|---|---|---|---|---|")
    for step in chosen:
        minutes, absent = clock.minutes(step.name), ", ".join(step.absent)
        done = "yes" if step.name in clock.here else f"it needs {absent}" if absent else "no"
        command = step.command.replace(" --lessons OUT/lessons-copy --out OUT", "")
        shown = "-" if minutes is None else f"{minutes:.1f}"
        print(f"| {step.name} | `{command}` | {shown} | {len(step.published)} | {done} |")
