"""Grade one file: its functions run in a process of their own, and their results are judged here.

The process (learner.py) gets fresh cases for every grading, and sends arrays back.  Right answers, comparison
and verdict are only here, so nothing that a file does to NumPy, to its arguments, to files or to its own process makes a
wrong result right.  What cannot be prevented: a file that reads a solution, or the library, and computes with it; and one
that attacks other processes of the same user, so grade strangers in a container.
A file that misbehaves is "not yet", with the reason. When the time is up, its whole process group is ended; on Linux also what
has left the group, a daemon say, which is known by a mark in its environment.
"""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from .. import exercises
from .compare import Drawn, complaint, draw
from .wire import decode, encode

SECONDS = 10.0  # that a file may take
MARK = "MINIALIGN_GRADED"  # an environment variable of all that a file starts
LONGEST_FILE, LONGEST_REPLY = 1_000_000, 10_000_000  # bytes


def grade(lesson: int, path: Path, seconds: float = SECONDS) -> dict[str, Any]:
    """Grade a file -> dict: exercise, file, passed, functions (dicts: name, passed, says), printed, seconds."""
    began, rng = time.perf_counter(), np.random.default_rng()
    todo = {exercise.name: draw(exercise, rng) for exercise in exercises.of_lesson(lesson)}
    replies: list[dict] = []
    why = not_gradable(path)
    if not why:
        replies, why = ask(path, {name: drawn.cases for name, drawn in todo.items()}, seconds)
    says = [judge(drawn, reply) for drawn, reply in zip(todo.values(), replies)]
    says += [why, *["not reached: fix the one above first"] * len(todo)]
    printed = [reply["printed"] for reply in replies if isinstance(reply.get("printed"), str)]
    return {
        "exercise": lesson,
        "file": str(path),
        "passed": not any(says[: len(todo)]),
        "functions": [{"name": name, "passed": not said, "says": said} for name, said in zip(todo, says)],
        "printed": printed[-1] if printed else "",
        "seconds": round(time.perf_counter() - began, 2),
    }


def not_gradable(path: Path) -> str:
    """Why a file cannot be graded; "" if it can."""
    try:
        if path.suffix == ".ipynb":
            return "this is a notebook: export it as .py"
        if not path.is_file():
            return "there is no such file" if not path.exists() else "this is not a file"
        if path.stat().st_size > LONGEST_FILE:
            return "this file is too long for an exercise"
        path.open("rb").close()
    except (OSError, ValueError) as problem:
        return f"this file cannot be read: {getattr(problem, 'strerror', None) or problem}"
    return ""


def judge(drawn: Drawn, reply: dict) -> str:
    """What is wrong with one function, in words; "" if nothing is."""
    if isinstance(reply.get("stopped"), str):
        return reply["stopped"] or "it stops"
    try:
        returned, arguments = decode(reply["returned"]), decode(reply["arguments"])
        if not len(returned) == len(arguments) == len(drawn.cases):
            raise ValueError("not as many results as cases")
        return complaint(drawn, returned, arguments)
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError, AttributeError):
        return "what it returns cannot be read"


# ---------------------------------------------------------------------------------------- the learner's process
def ask(path: Path, cases: dict[str, list], seconds: float) -> tuple[list[dict], str]:
    """Run a file on all cases -> the replies that arrived, one per function, and why there are no more."""
    order = {"path": str(path.resolve()), "seconds": seconds, "cases": {name: encode(cases[name]) for name in cases}}
    process = subprocess.Popen(
        [sys.executable, "-m", f"{__package__}.learner"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=os.name != "nt",
        env=os.environ | {MARK: (mark := secrets.token_hex(16))},
    )  # fmt: skip
    replies, complaints = Pipe(process.stdout), Pipe(process.stderr)
    # Both pipes are read while the process runs: a full pipe would block it.
    late, stdin = False, process.stdin
    assert stdin is not None
    try:
        with stdin:
            stdin.write(json.dumps(order).encode())
        process.wait(seconds + 5)  # the process has an alarm clock of its own, which knows the line
    except subprocess.TimeoutExpired:
        late = True
    except OSError:
        pass  # it ended before it had read anything
    finally:
        kill(process)
        kill_strays(mark)
    told = complaints.read().decode(errors="replace")
    found, failed = parse(replies.read())
    return found, failed or why_no_more(told, late, process.returncode, path, seconds)


def kill(process: subprocess.Popen) -> None:
    """End a process, and everything that it has started in its group."""
    try:
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
    except OSError:
        pass  # nobody is left
    process.wait()


def kill_strays(mark: str) -> None:
    """End whoever has this mark in the environment and has left the group; without /proc nobody can be found."""
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{MARK}={mark}".encode() in environment.read_bytes():
                os.kill(int(environment.parent.name), signal.SIGKILL)
        except OSError:
            pass  # another user's, or gone


class Pipe:
    """Reads a pipe to its end in a thread, up to a limit, so that nothing waits for a process that keeps it open."""

    def __init__(self, stream: Any):
        self.content, self.stream = bytearray(), stream
        self.thread = threading.Thread(target=self._fill, daemon=True)
        self.thread.start()

    def _fill(self) -> None:
        with self.stream:
            while piece := self.stream.read1(65536):
                self.content += piece[: LONGEST_REPLY - len(self.content)]

    def read(self) -> bytes:
        self.thread.join(timeout=1)
        return bytes(self.content)


def parse(content: bytes) -> tuple[list[dict], str]:
    """Lines of JSON -> the replies up to the first invalid one, and why the file could not be loaded, if so."""
    replies: list[dict] = []
    for line in content.splitlines():
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(reply, dict):
            break
        if "failed" in reply:
            return replies, str(reply["failed"])
        replies.append(reply)
    return replies, ""


def why_no_more(told: str, late: bool, code: int | None, path: Path, seconds: float) -> str:
    """Why the process ended before this function was judged."""
    lines = re.findall(rf'File "[^"]*{re.escape(path.name)}", line (\d+)', told)
    place = f" in line {lines[0]}" if lines else ""
    if late or "Timeout (" in told:
        return f"still running after {seconds:g} seconds{place}: an endless loop?"
    return f"the Python process ended{place}, with exit code {code}"
