"""The process in which a learner's file runs: it reads cases from stdin, and writes what each function returns.

    python -m minialign.teach.exercises.learner     {"path", "seconds", "cases": {function: [arguments, ...]}} as JSON on stdin

One line of JSON per function goes back: what it returned in each case, and its arguments after the call; or why it
stopped.  Nothing here knows the right answers or decides anything: the grader does (grading.py).
"""

import contextlib
import faulthandler
import json
import os
import sys
import threading
import traceback
import types
import warnings
from collections.abc import Callable, Iterator

import numpy as np

from . import LESSONS
from .wire import decode, encode

KEPT_OUTPUT = 2000  # characters that are kept of what a learner's file prints


class Bounded:
    """Keeps the beginning of what is printed and forgets the rest: an endless loop must not fill the memory."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text[: KEPT_OUTPUT - len(self.text)]
        return len(text)

    def flush(self) -> None:
        pass


def main() -> None:
    order = json.load(sys.stdin)
    # The pipe gets another number, so that print() in a learner's file is not taken for a reply.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what C code prints, or a child process
    limit_memory()
    faulthandler.enable()  # a crash, and
    alarm = threading.Timer(order["seconds"], give_up)  # an endless loop: both tell on stderr in which line
    alarm.daemon = True
    alarm.start()
    faulthandler.dump_traceback_later(order["seconds"] + 2, exit=True)  # and one in C, which lets no other thread run
    sys.stdout = sys.stderr = printed = Bounded()
    for n in LESSONS:  # an import of the answers stops
        sys.modules[f"{__package__}.e{n:02d}"] = None  # type: ignore[assignment]
    for told in run(order["path"], order["cases"]):
        print(json.dumps(told | {"printed": printed.text}), file=replies, flush=True)  # at once: what comes next may never end


def give_up() -> None:
    """Say where the program is, while it cannot move: a traceback taken beside running code may miss its lines."""
    print("Timeout (still running)", file=sys.__stderr__, flush=True)
    faulthandler.dump_traceback(sys.__stderr__ or 2)
    os._exit(1)


def run(path: str, cases: dict[str, list]) -> Iterator[dict]:
    """Load a file and call its functions -> one reply per function, or a single one if the file cannot be loaded."""
    try:
        module = load(path)
    except BaseException as problem:  # SystemExit too: whatever a learner's file does, the learner must be told
        yield {"failed": f"the file stops before anything is called: {where(problem, path)}"}
        return
    for name, calls in cases.items():
        function = getattr(module, name, None)
        if not callable(function):
            yield {"stopped": f"there is no function {name} in this file"}
        elif str(getattr(function, "__module__", "")).startswith("minialign"):
            yield {"stopped": f"{name} is the library's own: write it yourself"}
        else:
            yield called(function, calls, path)


def called(function: Callable, calls: list, path: str) -> dict:
    """What a function returns in each case, and its arguments after the call; or why it stopped."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Each call has its own copy of the arguments: writing into them harms no later case.
            cases = [decode(arguments) for arguments in calls]
            returned = [encode(function(*arguments)) for arguments in cases]
            json.dumps(returned)
        return {"returned": returned, "arguments": encode(cases)}
    except NotImplementedError:
        return {"stopped": "not written yet"}
    except BaseException as problem:
        return {"stopped": f"it stops: {where(problem, path)}"}


def load(path: str) -> types.ModuleType:
    """The learner's own file, by its path, compiled anew: stored bytecode is never run in its place."""
    module = sys.modules["handed_in"] = types.ModuleType("handed_in")
    module.__file__ = path
    with open(path, "rb") as file:
        exec(compile(file.read(), path, "exec"), vars(module))
    return module


def where(problem: BaseException, path: str) -> str:
    """An exception as one line, with the place in the learner's file where it happened."""
    lines = [frame.lineno for frame in traceback.extract_tb(problem.__traceback__) if frame.filename == path]
    line = lines[-1] if lines else getattr(problem, "lineno", None)  # a SyntaxError knows its own
    said = " ".join(str(getattr(problem, "msg", problem)).split())[:300]
    return f"{f'line {line}: ' if line else ''}{type(problem).__name__}{f': {said}' if said else ''}"


def limit_memory(gigabytes: int = 4) -> None:
    """Limit the memory: a list that grows forever ends in a MemoryError, not in a machine that no longer responds."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (gigabytes << 30, gigabytes << 30))


if __name__ == "__main__":
    main()
