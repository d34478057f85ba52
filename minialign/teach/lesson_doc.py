"""The docstring of a lesson, parsed: it is the header, the text of --help, and the list of claims and of faults.

WATCH      1. the loss starts at ln 2: before any vote every duel is a coin toss
           2. ...
BREAK IT   --break flip     chosen and rejected change places -> 2, 3        (2 and 3 will not be seen)
"""

import ast
import re
from pathlib import Path


def read_doc(script: str | Path) -> str:
    """A lesson's docstring, without running the lesson; "" if it has none."""
    return ast.get_docstring(ast.parse(Path(script).read_text(encoding="utf-8-sig")), clean=False) or ""


def part(doc: str, name: str) -> str:
    """One part of a docstring, from its name in capitals to the next."""
    found = re.search(rf"^{name}\b(.*?)(?=^[A-Z]{{4}}|\Z)", doc, re.M | re.S)
    return found[1] if found else ""


def claims_of(doc: str) -> dict[int, str]:
    """The numbered sentences under WATCH -> dict: number -> sentence."""
    # A sentence may continue over several lines, so the text is split where a new number begins a line.
    items = re.split(r"^\s*(\d+)\. ", part(doc, "WATCH"), flags=re.M)[1:]
    return {int(n): " ".join(text.split()) for n, text in zip(items[::2], items[1::2])}


def faults_of(doc: str) -> dict[str, tuple[str, list[int]]]:
    """The switches under BREAK IT -> dict: name -> (what it does, the claims that will then not be seen)."""
    items = re.split(r"--break (\w+)", part(doc, "BREAK IT"))[1:]
    faults = {}
    for name, text in zip(items[::2], items[1::2]):
        what, _, unseen = " ".join(text.split()).partition(" -> ")
        faults[name] = what, [int(n) for n in re.findall(r"\d+", unseen)]
    return faults
