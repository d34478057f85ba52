"""Behind the scenes of a lesson: trouble told in one line, one changed line of the package, bands and keys on disk."""

import signal
import sys

from .. import pipeline
from ..divergence import Diverged
from ..runs.errors import Problem, explain


def prepare_for_trouble(when_interrupted):
    """Whatever ends a script early is told in one line, as on the command line.

    when_interrupted(): called before an interrupted script ends, unless the interrupt brings its own words.
    """
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
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
        elif issubclass(kind, OSError):
            code, line = 2, explain(problem)
        else:
            return usual(kind, problem, trace)
        print(f"minialign: {line}", file=sys.stderr)
        sys.exit(code)

    sys.excepthook = hook


def ask(prompt):
    """What is typed, in small letters; nothing at the end of the input."""
    try:
        return input(prompt).strip().lower()
    except EOFError:
        return ""
