"""A lesson and the terminal: one-line errors, Ctrl-C, and keyboard input."""

import atexit
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from .. import pipeline
from ..divergence import Diverged
from ..runs.errors import Problem, explain
from ..runs.streams import let_go, prepare_streams, tell
from .notebook import ipython


def prepare_for_trouble(when_interrupted: Callable[[], None]) -> None:
    """An error that ends a script early is reported in one line, as on the command line.

    when_interrupted(): called before an interrupted script ends, unless the interrupt has its own message.
    """
    prepare_streams()
    if ipython() is not None:
        return  # a notebook has ways of its own: notebook.py
    atexit.register(let_go)
    set_handler(signal.SIGTERM, signal.default_int_handler)  # SIGTERM ends a lesson as Ctrl-C does
    usual = sys.excepthook

    def hook(kind, problem, trace):
        if issubclass(kind, KeyboardInterrupt):
            if not problem.args:
                when_interrupted()
            why = problem.args[0] if problem.args else "finished stages, numbers and pictures are kept"
            code, line = 130, f"interrupted; {why}"
        elif issubclass(kind, pipeline.UnreadableStage):
            code, line = 2, f"{problem}; delete that folder and run again"
        elif issubclass(kind, (Problem, Diverged)):
            code, line = 2, str(problem)
        elif issubclass(kind, BrokenPipeError):  # `python lesson | head`: nobody reads any more
            let_go()
            sys.exit(0)
        elif issubclass(kind, OSError):
            code, line = 2, explain(problem)
        else:
            return usual(kind, problem, trace)
        tell(line)
        sys.exit(code)

    sys.excepthook = hook


def set_handler(number: int, handler: Any) -> None:
    """signal.signal, which does nothing outside the main thread: some notebooks run their cells in another one."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(number, handler)


def ask(prompt: str) -> str:
    """What is typed, in lower case; "" at the end of the input."""
    try:
        return input(prompt).strip().lower()
    except EOFError:
        return ""
