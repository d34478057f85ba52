"""`minialign check N [FILE ...]`: grade the exercises of a lesson, of one learner or of a class; or a hint."""

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from tqdm.auto import tqdm

from ..runs.arguments import lesson_number
from ..runs.errors import Problem
from ..runs.text import WIDTH, paragraph, safe, shown
from ..teach import exercises
from ..teach.exercises.grading import grade
from ..teach.exercises.handins import COLUMNS, as_csv, files_of, row, students_of, summary
from ..teach.exercises.similar import alike, groups, read
from ..teach.layout import packaged_lessons

SHOWN = 10  # lines of what a file prints
ALIKE = "Alike, comments aside; a short exercise has few right answers, so this is a question, not a verdict:"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("lesson", type=lesson_number, metavar="N", help="the exercises of lesson N, 1 to 11 or 13")
    parser.add_argument("files", nargs="*", default=[], metavar="FILE", help="what to grade (default: exercises/exNN.py)")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--hint", type=int, choices=(1, 2, 3), help="where to look; which term; what the missing line does")
    instead.add_argument("--json", action="store_true", help="one line of JSON per file")
    instead.add_argument("--csv", action="store_true", help="a class: one row per student, and a summary; FILE may be a folder")


def run(arguments: Namespace) -> int:
    if arguments.hint:
        return hint(arguments.lesson, arguments.hint)
    if arguments.csv:
        return check_class(arguments.lesson, arguments.files)
    return check(arguments.lesson, arguments.files, arguments.json)


def check(lesson: int, files: list[str], as_json: bool) -> int:
    """Grade files, and print what is right and what is not -> exit code: 0 if all is right, 1 if not."""
    all_right = True
    for path in [Path(file) for file in files] or [own_file(lesson)]:
        graded = grade(lesson, path)
        print(json.dumps(graded) if as_json else told(graded), flush=True)
        all_right &= graded["passed"]
    return 0 if all_right else 1


def check_class(lesson: int, paths: list[str]) -> int:
    """Grade a class: rows of CSV on standard output, the summary and who is alike on standard error -> exit code as above."""
    files = files_of(paths or ["."], lesson)
    students, rows = students_of(files), []
    print(as_csv(COLUMNS))
    for student, path in zip(students, tqdm(files, desc="grading", leave=False, disable=None)):
        rows.append(row(student, grade(lesson, path)))
        print(as_csv(list(rows[-1].values())), flush=True)
    lessons = packaged_lessons()
    given = read(lessons / "exercises" / f"ex{lesson:02d}.py") if lessons else ""
    notes = summary(rows)
    if found := groups(alike(files, given)):
        notes += [ALIKE, *(f"  {listed([students[i] for i in group])}: {least:.0%} or more" for group, least in found)]
    for line in notes:
        print(paragraph(safe(line), "", "  "), file=sys.stderr)
    return 0 if all(each["score"] == each["of"] for each in rows) else 1


def listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


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
