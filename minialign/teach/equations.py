"""Equations and the lines that implement them: found by marks in the code, never by line number.

A region of code is between two comments, `# eq: bradley-terry` and `# end eq`, and a lesson cites it in its
docstring as [eq: bradley-terry].  tests/test_lessons.py checks that every citation has its region.
"""

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parent.parent
BEGIN, END = re.compile(r"\s*# eq: ([a-z0-9-]+)$"), re.compile(r"\s*# end eq$")
CITED = re.compile(r"\[eq: ([a-z0-9-]+)\]")


class Region(NamedTuple):
    place: str  # minialign/reward.py:48-53
    code: str  # its lines, moved to the left


def regions(folder: Path = PACKAGE) -> dict[str, Region]:
    """Every region in the Python files of a folder -> dict: id -> Region.  Raises ValueError for a broken index."""
    # Line numbers are counted again at every call: a lesson shows the code as it is, even after an edit.
    found = {}
    for path in sorted(Path(folder).rglob("*.py")):
        name, start, lines = None, 0, path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            if begins := BEGIN.match(line):
                if name or begins[1] in found:
                    raise ValueError(f"{path.name}, line {number}: {begins[1]} begins twice, or inside {name}")
                name, start = begins[1], number
            elif END.match(line):
                if not name:
                    raise ValueError(f"{path.name}, line {number}: an equation ends that never began")
                place = f"{path.relative_to(folder.parent).as_posix()}:{start + 1}-{number - 1}"
                found[name] = Region(place, textwrap.dedent("\n".join(lines[start : number - 1])))
                name = None
        if name:
            raise ValueError(f"{path.name}: {name} never ends")
    return found


def cited(text: str) -> list[str]:
    """The ids that a text cites, in order."""
    return CITED.findall(text)
