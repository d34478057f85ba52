"""A lesson as its instructor sees it: read from its file, without running it.

Nothing is written twice.  The parts of the docstring, the predictions, the names of the numbers, the sections and the
pictures are in the lesson anyway; only what is said aloud has its own comment, a paragraph in the text between cells:

    # NOTE(instructor): do this table on the board     for the speaker notes and the run-sheets; not for the notebooks
    # Misconception: "..."                             for everybody
"""

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...runs.errors import Problem
from ..lesson_doc import claims_of, faults_of, part, read_doc
from ..lesson_text import MISTAKE, NOTE, begins, cells, comment

FIELDS = ("QUESTION", "NEEDS", "TIME", "EQUATION", "WATCH", "EXERCISES")  # BREAK IT may be missing


@dataclass(frozen=True)
class Number:
    name: str  # "..." is for what only a run knows
    form: str
    exact: str | None  # the code of the exact value
    why: str


@dataclass(frozen=True)
class Prediction:
    question: str
    options: list[str]
    right: int | None
    because: str


@dataclass(frozen=True)
class Source:
    path: Path
    number: int
    title: str  # The reward model: how do votes become a number for every answer?
    doc: str
    claims: dict[int, str]
    faults: dict[str, tuple[str, list[int]]]  # what it does, and the claims that will then not be seen
    sections: list[str]
    predictions: list[Prediction]
    numbers: list[Number]
    pictures: list[str]
    notes: list[tuple[str, str]]  # (heading it is under, text)
    misconceptions: list[str]

    @property
    def name(self) -> str:
        return self.path.stem

    def text(self, field: str) -> str:
        """A part of the docstring as one line."""
        return " ".join(part(self.doc, field).split())

    def lines(self, field: str) -> list[str]:
        """A part of the docstring as it is set: its lines, moved to the left."""
        return textwrap.dedent(" " * len(field) + part(self.doc, field)).strip().splitlines()

    def exercises(self) -> list[str]:
        """[(5 min, change) ..., ...]"""
        items = re.split(r"^(?=\()", "\n".join(self.lines("EXERCISES")), flags=re.M)
        return [" ".join(item.split()) for item in items if item]

    def prints(self, name: str) -> bool:
        """Whether the lesson prints a number of this name."""
        patterns = [".*".join(map(re.escape, number.name.split("..."))) for number in self.numbers]
        return any(re.fullmatch(pattern, name) or number.name == name for pattern, number in zip(patterns, self.numbers))


def read_lessons(folder: str | Path) -> dict[int, Source]:
    """The lessons of a folder -> dict: number -> Source.  Raises Problem for none, or for one without its header."""
    scripts = sorted(Path(folder).glob("[0-9][0-9]_*.py"))
    if not scripts:
        raise Problem(f"there are no lessons in {folder}; lay them out with minialign lessons, or say where: --lessons DIR")
    return {source.number: source for source in map(read_source, scripts)}


def read_source(path: str | Path) -> Source:
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        tree, doc = ast.parse(text), read_doc(path)
    except SyntaxError as problem:
        raise Problem(f"{path.name} is not Python ({problem.msg}); fix it") from None
    title = re.match(r"Lesson (\d+) - (.+)", doc)
    if not title:
        raise Problem(f'the docstring of {path.name} does not begin with "Lesson N - what it is about"')
    for field in FIELDS:
        if not part(doc, field).strip():
            raise Problem(f"the docstring of {path.name} has no {field}; every lesson says that in its header")
    # The code is read and never run: a kit is made in a second, and includes even a lesson that fails.
    calls = calls_of(tree)
    prose = list(paragraphs(text))
    return Source(
        path, int(title[1]), title[2], doc, claims_of(doc), faults_of(doc),
        sections=[words(call.args[0]) for call in calls["section"]],
        predictions=[prediction(call) for call in calls["predict"]],
        numbers=[number(call) for call in calls["number"]],
        pictures=[words(call.args[0]) for call in calls["picture"]],
        notes=[(heading, after(NOTE, text)) for heading, text in prose if text.startswith(NOTE)],
        misconceptions=[after(MISTAKE, text) for _, text in prose if text.startswith(MISTAKE)],
    )  # fmt: skip


def calls_of(tree: ast.AST) -> dict[str, list[ast.Call]]:
    """Every lesson.section(...), .predict, .number and .picture, in their order."""
    found: dict[str, list[ast.Call]] = {"section": [], "predict": [], "number": [], "picture": []}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in found:
            if isinstance(node.func.value, ast.Name) and node.func.value.id == "lesson" and node.args:
                found[node.func.attr].append(node)
    return {name: sorted(calls, key=lambda node: node.lineno) for name, calls in found.items()}


def words(node: ast.AST | None) -> str:
    """A text in the code; "..." for what only a run knows."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.IfExp):
        return words(node.body)  # what is said as a rule
    if isinstance(node, ast.JoinedStr):
        return "".join(str(piece.value) if isinstance(piece, ast.Constant) else "..." for piece in node.values)
    return "..."


def number(call: ast.Call) -> Number:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    form = words(call.args[2]) if len(call.args) > 2 else words(given["form"]) if "form" in given else ".3f"
    exact = ast.unparse(given["exact"]) if "exact" in given else None
    return Number(words(call.args[0]), form, exact, words(given["why"]) if "why" in given else "")


def prediction(call: ast.Call) -> Prediction:
    question, options, right, because = (call.args + [None] * 4)[:4]
    told = [words(option) for option in getattr(options, "elts", [])]
    which = right.value if isinstance(right, ast.Constant) and isinstance(right.value, int) and told else None
    return Prediction(words(question), told, which, words(because))


def after(mark: str, text: str) -> str:
    return sentence(text.removeprefix(mark).strip())


def sentence(text: str) -> str:
    """With a capital letter, as at the beginning of a line."""
    return text[:1].upper() + text[1:]


def paragraphs(text: str) -> Iterator[tuple[str, str]]:
    """The paragraphs of comments -> (the heading they are under, the paragraph as one line).

    A paragraph ends where the comment does, at an empty comment line, and where a note, a misconception or heading begins.
    """
    heading = ""
    gathered: list[str] = []
    for _, lines in cells(text):
        for line in [*lines, ""]:
            said = comment(line)
            if gathered and (not said or begins(said)):
                yield heading, " ".join(gathered)
                gathered = []
            if said and said.startswith("## "):
                heading = said[3:]
            elif said:
                gathered.append(said.strip())
