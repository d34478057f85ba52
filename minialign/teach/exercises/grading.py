"""Grade a file of exercises in a process of its own, so that nothing that it does can harm the grader."""

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .. import exercises

SECONDS = 10  # that a file may take


def grade(lesson, path, seconds=SECONDS):
    """Run one file in a process of its own -> dict: exercise, file, passed, functions (verdicts), printed, seconds."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", f"{__package__}.grade", lesson, path.resolve(), result, seconds]
        try:
            done = subprocess.run(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=seconds + 20,  # if even its own alarm clock is stuck
            )
            told, code = done.stderr.decode(errors="replace"), done.returncode
        except subprocess.TimeoutExpired as late:
            told, code = (late.stderr or b"").decode(errors="replace") + "Timeout (", 1
        graded = {"verdicts": [], "printed": ""}
        if result.exists():
            graded = json.loads(result.read_text(encoding="utf-8"))
    functions = graded["verdicts"]
    for name in [exercise.name for exercise in exercises.of_lesson(lesson)][len(functions) :]:
        functions.append({"name": name, "passed": False, "says": why_no_verdict(told, code, path, seconds)})
        told, code = "", None  # it was the first of them; the others were not reached
    return {
        "exercise": lesson,
        "file": str(path),
        "passed": all(function["passed"] for function in functions),
        "functions": functions,
        "printed": graded["printed"],
        "seconds": round(time.perf_counter() - began, 2),
    }


def why_no_verdict(told, code, path, seconds):
    """The process died before it could judge this function: of what?"""
    if not told and code is None:
        return "not reached: fix the one above first"
    lines = re.findall(rf'File "[^"]*{re.escape(path.name)}", line (\d+)', told)
    place = f" in line {lines[0]}" if lines else ""
    if "Timeout (" in told:
        return f"still running after {seconds:g} seconds{place}: an endless loop?"
    return f"Python itself ended{place}, with exit code {code}"
