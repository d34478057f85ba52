"""Behind the scenes of a lesson: trouble told in one line, one changed line of the package, bands and keys on disk."""

import inspect
import json
import signal
import sys
import textwrap
from pathlib import Path

from .. import pipeline
from . import Problem, equations
from .command import explain


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
        elif issubclass(kind, Problem):
            code, line = 2, str(problem)
        elif issubclass(kind, OSError):
            code, line = 2, explain(problem)
        else:
            return usual(kind, problem, trace)
        print(f"minialign: {line}", file=sys.stderr)
        sys.exit(code)

    sys.excepthook = hook


def spoil(owner, name, old, new):
    """Replace `old`, which must stand once in the source of owner.name, by `new` -> what was changed, in words.

    In memory and for this process only; no file is touched.
    """
    original = getattr(owner, name)
    source = textwrap.dedent(inspect.getsource(original))
    if source.count(old) != 1:
        raise ValueError(f"{old!r} stands {source.count(old)} times in {name}")
    made, spoiled = {}, compile(source.replace(old, new), f"{name}, spoiled", "exec")
    exec(spoiled, vars(sys.modules[original.__module__]), made)
    setattr(owner, name, made[name])
    return f"{original.__module__}.{original.__qualname__}:  {old}  ->  {new}"


def ask(prompt):
    """What is typed, in small letters; nothing at the end of the input."""
    try:
        return input(prompt).strip().lower()
    except EOFError:
        return ""


def read_bands(folder):
    """lessons/bands.json: lesson -> "fast" | "full" -> number -> [low, high, seeds]; empty before a calibration."""
    path = Path(folder) / "bands.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def run_key(file):
    """Changes with whatever a lesson's numbers depend on: the package, what measures, and the lesson itself."""
    package, lesson = equations.PACKAGE, Path(file).read_text(encoding="utf-8")
    laboratory = sorted((package / "lab").glob("*.py")) if "minialign.lab" in lesson else []
    measuring = [path.read_text(encoding="utf-8") for path in (package / "evaluate.py", *laboratory)]
    return pipeline.digest(pipeline.code_key(), *measuring, lesson)
