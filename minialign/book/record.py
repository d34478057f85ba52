"""A lesson's recording: the script, run cell by cell in a process of its own, and what each cell printed and drew.

    python -m minialign.book.record lessons/08_dpo.py --fast        leaves recording.json beside the run's run.json

What a lesson outputs through its Lesson is stored by kind: a number with its band, a claim, a picture with its caption.
Anything else that it prints is stored as text.  A recording is reused until the lesson, or anything it imports, changes.
"""

import io
import json
import os
import subprocess
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import cache
from ..runs.errors import Problem
from ..runs.folder import write_text
from ..runs.text import flags, quoted
from ..teach import equations
from ..teach import lesson as lesson_module
from ..teach.bands import run_key
from ..teach.kit.measured import lesson_folder
from ..teach.lesson import Lesson, Number
from ..teach.lesson_doc import read_doc
from ..teach.lesson_text import cells
from .events import Claim, Equation, Event, Picture, Printed, Question, Revealed, Said, Section, from_json, to_json


@dataclass(frozen=True)
class Recording:
    folder: Path  # of the run: its pictures are there
    key: str
    seconds: float  # of the lesson, without what it had to wait for
    cells: list[list[Event]]  # one list for each code cell of the script


def recording(script: Path, fast: bool, seed: int, out: str | Path) -> Recording:
    """The recording of a lesson, found or made now.  Raises Problem, with its last line, if the lesson fails."""
    folder = lesson_folder(out, script, fast, seed)
    found = read(folder, script)
    if found is None:
        switches = ["--seed", str(seed), "--out", str(out), "--no-predict", *(["--fast"] if fast else [])]
        command = [sys.executable, "-m", __name__, str(script), *switches]
        env = os.environ | {"TQDM_DISABLE": "1", "PYTHONUTF8": "1"}
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env=env, encoding="utf-8"
        )
        if done.returncode == 130:
            raise KeyboardInterrupt
        found = read(folder, script)
        if done.returncode or found is None:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1].removeprefix("minialign: ")
            raise Problem(f"{script.name} failed ({last}); run it by itself: python {quoted(script)}{flags(fast, seed)}")
    return found


def read(folder: Path, script: Path) -> Recording | None:
    """The recording in a run's folder; None if there is none of the current lesson."""
    try:
        texts = ((folder / f"{name}.json").read_text(encoding="utf-8") for name in ("run", "recording"))
        run, kept = (cache.unseal(json.loads(text)) for text in texts)
        if not run["complete"] or run["fault"] or run["key"] != run_key(script) or kept["key"] != recording_key(script):
            return None
        told = [[from_json(event) for event in cell] for cell in kept["cells"]]
        return Recording(folder, kept["key"], float(run["seconds"]), told)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def recording_key(script: Path) -> str:
    """A key that changes with the lesson, with all that it imports, and with the code that records it."""
    return cache.key(code=[script, Path(__file__)])


# ------------------------------------------------------------------------------------------------ in the lesson's process
class Recorded(Lesson):
    """A lesson that stores its output."""

    told: list[Event] = []  # by the cell that runs
    printed = io.StringIO()
    latest: "Recorded"

    def __init__(self, *arguments: Any, **switches: str):
        super().__init__(*arguments, **switches)
        Recorded.latest = self
        self.instead()  # the header is on every page anyway

    @classmethod
    def keep_printed(cls) -> None:
        """What was printed until now becomes an event."""
        text = cls.printed.getvalue().strip("\n")
        cls.told += [Printed(text)] if text.strip() else []
        cls.printed.seek(0)
        cls.printed.truncate()

    @classmethod
    def instead(cls, *events: Event) -> None:
        """These events, instead of what was printed since keep_printed()."""
        cls.printed.seek(0)
        cls.printed.truncate()
        cls.told += events

    def need(self, *names: str) -> Any:
        self.keep_printed()
        stage = super().need(*names)
        self.instead()
        return stage

    def section(self, title: str) -> None:
        self.keep_printed()
        self.instead(Section(title))

    def say(self, text: str) -> None:
        self.keep_printed()
        self.instead(Said(text))

    def show(self, equation: str) -> None:
        self.keep_printed()
        region = equations.regions()[equation]
        self.instead(Equation(equation, region.place, region.code))

    def predict(self, question: str, options: list[str], right: int, because: str) -> None:
        self.keep_printed()
        super().predict(question, options, right, because)
        self.asked = Question(question, options, right, because)
        self.instead(self.asked)

    def reveal(self) -> None:
        self.keep_printed()
        self.instead(Revealed(self.asked))

    def number(self, *arguments: Any, **options: Any) -> Number:
        self.keep_printed()
        number = super().number(*arguments, **options)
        self.instead(number)
        return number

    def claim(self, which: int, seen: bool, numbers: str = "") -> bool:
        self.keep_printed()
        super().claim(which, seen, numbers)
        self.instead(Claim(which, self.sentences[which], bool(seen), numbers))
        return bool(seen)

    def picture(self, name: str, figure: Any, words: str) -> None:
        self.keep_printed()
        super().picture(name, figure, words)
        self.instead(Picture(name, words))

    def finish(self) -> None:
        self.keep_printed()
        super().finish()
        self.instead()


def code_cells(script: Path) -> Iterator[str]:
    """The code cells of a script, each moved down to its own lines, so that errors and sources name them rightly."""
    line = 0
    for kind, lines in cells(script.read_text(encoding="utf-8-sig")):
        line += 1  # its mark
        if kind == "code":
            yield "\n" * line + "\n".join(lines)
        line += len(lines)


def record(script: Path) -> None:
    """Run a lesson in this process, as `python SCRIPT` would, and write its recording."""
    # The script is __main__, as it always is: pickling, inspect and the caches of stages look there.
    main = types.ModuleType("__main__", read_doc(script))
    main.__file__ = str(script)
    sys.modules["__main__"] = main
    lesson_module.Lesson = Recorded  # type: ignore[assignment, misc]
    sys.stdout = Recorded.printed
    told: list[list[Event]] = []
    for code in code_cells(script):
        exec(compile(code, str(script), "exec"), vars(main))
        Recorded.keep_printed()
        told.append(Recorded.told)
        Recorded.told = []
    lesson = Recorded.latest
    kept = {"key": recording_key(script), "cells": [[to_json(event) for event in cell] for cell in told]}
    write_text(lesson.folder / "recording.json", json.dumps(cache.seal(kept), indent=1))


if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    record(Path(sys.argv[0]))
