"""One lesson as a chapter: its script, cell by cell, and between the cells their output in the recorded run."""

import ast
import html
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from ..teach.equations import CITED
from ..teach.kit.slides import VIEW
from ..teach.kit.source import Source
from ..teach.lesson_text import cells, without_notes
from ..teach.quiz import read_quiz
from .events import Event, Number, Picture, Printed, Section
from .record import Recording
from .words import Writer, code, slug

SPEECH = ("section", "predict", "show", "say", "reveal", "need", "finish")


@dataclass(frozen=True)
class Group:
    """Successive outputs of a cell that are of one kind: the rows of one table, for example."""

    kind: str
    items: list


@dataclass(frozen=True)
class Part:
    """Prose, or a code cell with its output."""

    prose: str = ""  # HTML
    code: str = ""  # HTML
    folded: str = ""  # the title that it is folded under, where there is little to read
    said: list[Group] = field(default_factory=list)


@dataclass(frozen=True)
class Panel:
    """A part of a figure that a phone shows by itself: a <view> of its drawing."""

    address: str
    title: str
    width: int
    height: int


@dataclass(frozen=True)
class Figure:
    file: Path
    address: str
    words: str
    width: int
    height: int
    panels: list[Panel]


@dataclass(frozen=True)
class Quizzed:
    """A question of the quiz, as HTML; each option: (its text, why it is right or not, the misconception's name or "")."""

    text: str
    options: list[tuple[str, str, str]]
    right: int


@dataclass(frozen=True)
class Chapter:
    source: Source
    recording: Recording
    parts: list[Part]
    figures: dict[str, Figure]
    writer: Writer
    exercise: str  # HTML of the file to be filled in, "" if there is none
    quiz: list[Quizzed]

    @property
    def address(self) -> str:
        return f"{self.source.name}.html"

    @property
    def short(self) -> str:
        """The base model: what does an autocomplete do with a question? -> The base model"""
        return self.source.title.partition(":")[0]

    @property
    def seen(self) -> dict[int, bool]:
        """Claim -> whether it was seen in the run."""
        told = (item for part in self.parts for group in part.said if group.kind == "Claim" for item in group.items)
        return {claim.number: claim.seen for claim in told}

    def equations(self) -> list[tuple[str, list[tuple[str, bool]]]]:
        """The lines of the header's EQUATION, each with the code regions that it cites and whether they are on this page."""
        shown = {item.name for part in self.parts for group in part.said if group.kind == "Equation" for item in group.items}
        return [
            (CITED.sub("", line).rstrip(), [(name, name in shown) for name in CITED.findall(line)])
            for line in self.source.lines("EQUATION")
        ]


def chapter(source: Source, recording: Recording, writer: Writer) -> Chapter:
    """A lesson and its recording -> its chapter."""
    told, parts, headed = iter(recording.cells), [], False
    script = cells(source.path.read_text(encoding="utf-8-sig"))
    for kind, lines in script[1:]:  # the first is the docstring
        if kind == "markdown":
            prose = writer.cell(lines)
            headed = "<h2" in prose
            parts.append(Part(prose=prose))
        else:
            parts.append(code_part(lines, next(told), writer, headed))
            headed = False
    exercise = source.path.parent / "exercises" / f"ex{source.number:02d}.py"
    stub = code(exercise.read_text(encoding="utf-8-sig")) if exercise.exists() else ""
    pictures = [event for cell in recording.cells for event in cell if isinstance(event, Picture)]
    figures = {picture.name: figure(source, recording, picture) for picture in pictures}
    return Chapter(source, recording, parts, figures, writer, stub, quiz(source, writer))


def quiz(source: Source, writer: Writer) -> list[Quizzed]:
    if not (source.path.parent / "quizzes" / f"{source.number:02d}.json").exists():
        return []
    said = writer.inline
    return [
        Quizzed(said(q.text), [(said(o.text), said(o.because), o.misconception) for o in q.options], q.right)
        for q in read_quiz(source.path.parent, source.number)
    ]


def code_part(lines: list[str], said: list[Event], writer: Writer, headed: bool) -> Part:
    """A code cell.  headed: the prose before it has the heading, so the run's own heading is left out."""
    text, checks = without_speech(without_notes(lines))
    folded = "What it imports" if imports_only(text) else "How it is checked" if checks else ""
    if headed and said and isinstance(said[0], Section):
        said = said[1:]
    return Part(code=code(text) if text else "", folded=folded, said=list(groups(said, writer)))


def without_speech(lines: list[str]) -> tuple[str, bool]:
    """A cell without calls that only print, since their output is on the page -> its code, and whether the rest only checks.

    This removes lesson.predict(...) above all, which contains the right answer.
    """
    spoken: set[int] = set()
    rest = set()
    for node in ast.parse("\n".join(lines)).body:
        call = node.value if isinstance(node, ast.Expr) else None
        name = ast.unparse(call.func).removeprefix("lesson.") if isinstance(call, ast.Call) else ""
        if name in SPEECH:
            spoken |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        else:
            rest.add(name)
    kept = "\n".join(line for number, line in enumerate(lines, 1) if number not in spoken)
    return re.sub(r"\n{4,}", "\n\n\n", kept).strip("\n"), bool(rest) and rest <= {"claim", "picture"}


def imports_only(text: str) -> bool:
    """Does a cell only import, and take what a lesson has: its random numbers, its recipe?"""

    def of_lesson(node: ast.stmt) -> bool:
        return isinstance(node, ast.Assign) and ast.unparse(node.value).removeprefix("(").startswith(("Lesson(", "lesson."))

    body = ast.parse(text).body
    return bool(body) and all(isinstance(node, ast.Import | ast.ImportFrom) or of_lesson(node) for node in body)


def groups(said: list[Event], writer: Writer) -> Iterator[Group]:
    for kind, events in groupby(said, key=lambda event: type(event).__name__):
        items: list = list(events)
        if kind == "Section":
            items = [(writer.anchor(section.title), section.title) for section in items]
        elif kind == "Said":
            items = [writer.inline(said.text) for said in items]
        elif kind == "Printed":
            items = [textwrap.dedent(printed.text) for printed in items if isinstance(printed, Printed)]
        yield Group(kind, items)


def figure(source: Source, recording: Recording, picture: Picture) -> Figure:
    """A picture's file and size: a page that knows the sizes of its pictures does not jump while it loads."""
    file = recording.folder / f"{picture.name}.svg"
    svg, address = file.read_text(encoding="utf-8"), f"figures/{source.name}-{picture.name}.svg"
    whole = re.search(r'viewBox="(0 0 [\d.]+ [\d.]+)"', svg)
    assert whole, "a figure without a viewBox"
    panels = [
        Panel(f"{address}#panel-{n}", html.unescape(title), *pixels(box)) for n, (box, title) in enumerate(VIEW.findall(svg), 1)
    ]
    return Figure(file, address, picture.words, *pixels(whole[1]), panels)


def pixels(box: str) -> tuple[int, int]:
    """Width and height of a viewBox; matplotlib writes points."""
    width, height = (round(float(length) * 4 / 3) for length in box.split()[2:])
    return width, height


def number_anchor(name: str) -> str:
    return f"number-{slug(name)}"


def place_in_band(number: Number) -> float | None:
    """Where a number is in its band: 0 at the lower end, 100 at the upper, limited to -15 to 115."""
    if number.band is None or number.value is None:
        return None
    low, high = number.band
    return 50.0 if high <= low else round(min(115.0, max(-15.0, 100 * (number.value - low) / (high - low))), 1)
