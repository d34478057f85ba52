"""`minialign check N [FILE ...]`: grade the exercises of a lesson, each file in a process of its own; or a hint."""

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import Problem, exercises
from .text import WIDTH, paragraph, safe, shown

SECONDS = 10  # that a file may take
SHOWN = 10  # lines of what it prints


def check(lesson, files, as_json):
    """Grade files, and print what is right and what is not -> exit code: 0 if all is right, 1 if not."""
    paths = [Path(file) for file in files] or [own_file(lesson)]
    for path in paths:
        if not path.is_file():
            raise Problem(f"there is no file {safe(path)}; name yours: minialign check {lesson} FILE")
    all_right = True
    for path in paths:
        graded = grade(lesson, path)
        print(json.dumps(graded) if as_json else told(graded), flush=True)
        all_right &= graded["passed"]
    return 0 if all_right else 1


def own_file(lesson):
    """The learner's file where the lessons have put it: in or near the folder in which the command is given."""
    name = f"ex{lesson:02d}.py"
    places = [Path(folder) / name for folder in ("lessons/exercises", "exercises", ".")]
    for place in places:
        if place.is_file():
            return place
    raise Problem(f"there is no {places[0]} here; go to the project's folder, or: minialign check {lesson} FILE")


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
        return "not reached: mend the one above first"
    lines = re.findall(rf'File "[^"]*{re.escape(path.name)}", line (\d+)', told)
    place = f" in line {lines[0]}" if lines else ""
    if "Timeout (" in told:
        return f"still running after {seconds:g} seconds{place}: an endless loop?"
    return f"Python itself ended{place}, with exit code {code}"


def told(graded):
    """One graded file as text."""
    lines = [f"exercise {graded['exercise']}: {safe(graded['file'])}"]
    for function in graded["functions"]:
        says = f": {safe(function['says'])}" if function["says"] else ""
        word = "right  " if function["passed"] else "not yet"
        lines.append(paragraph(f"{word}  {function['name']}{says}", "  ", " " * 11))
    if graded["printed"].strip():
        lines.append("  your file printed:")
        printed = graded["printed"].splitlines()
        lines += [f"    {shown(safe(line), True, WIDTH - 4)}" for line in printed[:SHOWN]]
        lines += ["    ... and more"] if len(printed) > SHOWN else []
    if not graded["passed"]:
        lines.append(f"  a hint: minialign check {graded['exercise']} --hint 1 (then 2, then 3)")
    return "\n".join(lines)


def hint(lesson, number):
    """Print the first, second or third hint for every function of a lesson's exercises."""
    for exercise in exercises.of_lesson(lesson):
        print(paragraph(f"{exercise.name}: {exercise.hints[number - 1]}", "", "  "))
