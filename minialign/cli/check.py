"""`minialign check N [FILE ...]`: grade the exercises of a lesson; or a hint."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ..runs.arguments import lesson_number
from ..runs.errors import Problem
from ..runs.text import WIDTH, paragraph, safe, shown
from ..teach import exercises
from ..teach.exercises.grading import grade

SHOWN = 10  # lines of what a file prints


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("lesson", type=lesson_number, metavar="N", help="the exercises of lesson N, 1 to 11")
    parser.add_argument("files", nargs="*", default=[], metavar="FILE", help="what to grade (default: exercises/exNN.py)")
    parser.add_argument("--hint", type=int, choices=(1, 2, 3), help="where to look; which term; what the missing line does")
    parser.add_argument("--json", action="store_true", help="one line per file, for grading a class")


def run(arguments: Namespace) -> int:
    if arguments.hint:
        return hint(arguments.lesson, arguments.hint)
    return check(arguments.lesson, arguments.files, arguments.json)


def check(lesson: int, files: list[str], as_json: bool) -> int:
    """Grade files, and print what is right and what is not -> exit code: 0 if all is right, 1 if not."""
    all_right = True
    for path in [Path(file) for file in files] or [own_file(lesson)]:
        graded = grade(lesson, path)
        print(json.dumps(graded) if as_json else told(graded), flush=True)
        all_right &= graded["passed"]
    return 0 if all_right else 1


def own_file(lesson: int) -> Path:
    """The learner's file where the lessons have put it: in or near the folder in which the command is given."""
    name = f"ex{lesson:02d}.py"
    places = [Path(folder) / name for folder in ("lessons/exercises", "exercises", ".")]
    for place in places:
        if place.is_file():
            return place
    raise Problem(f"there is no {places[0]} here; go to the project's folder, or: minialign check {lesson} FILE")


def told(graded: dict) -> str:
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


def hint(lesson: int, number: int) -> int:
    """Print the first, second or third hint for every function of a lesson's exercises."""
    for exercise in exercises.of_lesson(lesson):
        print(paragraph(f"{exercise.name}: {exercise.hints[number - 1]}", "", "  "))
    return 0
