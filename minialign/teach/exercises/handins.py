"""A class's hand-ins: whose each file is, one row a student, and what many of them got wrong.

No hand-in runs in the process that grades: grading.py starts one for each.  A row never becomes a formula in a spreadsheet.
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from ...runs.errors import Problem
from ...runs.text import safe

COLUMNS = ("student", "score", "of", "mistake", "seconds")
EXERCISE = re.compile(r"ex\d\d")
MOST = 5  # mistakes that the summary names


def files_of(paths: Sequence[str], lesson: int) -> list[Path]:
    """The hand-ins: files as they are, and of a folder every exNN.py in it, or else every .py.  Raises Problem for none."""
    found: list[Path] = []
    for path in map(Path, paths):
        inside = sorted(path.rglob(f"ex{lesson:02d}.py")) or sorted(path.glob("*.py")) if path.is_dir() else [path]
        if not inside:
            raise Problem(
                f"{path} holds no ex{lesson:02d}.py and no other .py; name files, or a folder with one folder a student"
            )
        found += inside
    return found


def students_of(paths: Sequence[Path]) -> list[str]:
    """A name for each file: its own, or that of its folder where files are called exNN.py; of equal ones, the path."""
    names = [path.resolve().parent.name if EXERCISE.fullmatch(path.stem) else path.stem for path in paths]
    many = Counter(names)
    return [str(path) if many[name] > 1 else name for name, path in zip(names, paths)]


def row(student: str, graded: dict[str, Any]) -> dict[str, Any]:
    """One student's row: functions that are right, of how many, the first mistake, and the seconds that grading took."""
    functions = graded["functions"]
    wrong = [f"{function['name']}: {function['says']}" for function in functions if not function["passed"]]
    score = sum(function["passed"] for function in functions)
    return dict(zip(COLUMNS, (student, score, len(functions), wrong[0] if wrong else "", graded["seconds"])))


def as_csv(cells: Sequence[Any]) -> str:
    """One line of CSV, control characters by name; a text that a spreadsheet would compute gets an apostrophe in front."""
    out = StringIO()
    plain = [safe(" ".join(cell.split())) if isinstance(cell, str) else cell for cell in cells]
    shown = [f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@" and cell else cell for cell in plain]
    csv.writer(out, lineterminator="").writerow(shown)
    return out.getvalue()


def summary(rows: Sequence[dict[str, Any]]) -> list[str]:
    """How many have all right, and the most frequent mistakes; numbers in them aside, for they differ from file to file."""
    right = sum(row["score"] == row["of"] for row in rows)
    lines = [f"{right} of {len(rows)} have everything right"]
    mistakes = Counter(re.sub(r"-?\d[\d.e+-]*", "#", row["mistake"]) for row in rows if row["mistake"])
    lines += [f"{n} of {len(rows)}: {mistake}" for mistake, n in mistakes.most_common(MOST)]
    if len(mistakes) > MOST:
        lines.append(f"and {len(mistakes) - MOST} other mistakes")
    return lines
