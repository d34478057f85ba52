"""The glossary and "why is my number like that?": read from lessons/kit/, and linked to the lessons.

**advantage**: how much better than expected. [6]      the lessons that use the term, starting with the first

## Why is my KL negative?
...
See lesson 6: "k1 below 0, share of batches"           a lesson that exists, and prints a number of this name
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...runs.errors import Problem
from .measured import Measured
from .source import Source

ENTRY = re.compile(r"\*\*(.+?)\*\*: (.+?) \[([\d, ]+)\]")
POINTER = re.compile(r'^See lesson (\d+): "(.+)"$', re.M)


@dataclass(frozen=True)
class Entry:
    term: str
    meaning: str
    lessons: list[int]


@dataclass(frozen=True)
class Answer:
    question: str
    text: str
    pointers: list[tuple[int, str]]  # (lesson, name of a number)


def entries(path: Path, form: re.Pattern[str], example: str) -> Iterator[re.Match[str]]:
    """The paragraphs of a file that begin in bold, each matched by form.  Raises Problem for one that is not of it."""
    for paragraph in re.split(r"\n\s*\n", path.read_text(encoding="utf-8-sig")):
        if paragraph.startswith("**"):
            entry = form.fullmatch(" ".join(paragraph.split()))
            if not entry:
                raise Problem(f'"{paragraph[:40]}..." in {path.name} cannot be read; write: {example}')
            yield entry


def read_glossary(path: Path) -> list[Entry]:
    """glossary.md -> list of Entry.  An entry is a paragraph."""
    found = entries(path, ENTRY, "**term**: meaning. [5, 8]")
    return [Entry(entry[1], entry[2], [int(n) for n in entry[3].split(",")]) for entry in found]


def read_faq(path: Path) -> list[Answer]:
    """faq.md -> list of Answer."""
    found = []
    for part in re.split(r"^## ", path.read_text(encoding="utf-8-sig"), flags=re.M)[1:]:
        question, _, rest = part.partition("\n")
        pointers = [(int(n), name) for n, name in POINTER.findall(rest)]
        if not pointers:
            raise Problem(f'"{question}" in {path.name} points at no lesson; end it with: See lesson 6: "name of a number"')
        found.append(Answer(question, POINTER.sub("", rest).strip(), pointers))
    return found


def broken_pointers(answers: list[Answer], sources: dict[int, Source]) -> list[str]:
    """References of the FAQ to numbers that do not exist -> list of sentences."""
    return [
        f'"{a.question}" points at lesson {n}, which prints no number named "{name}"'
        for a in answers
        for n, name in a.pointers
        if n not in sources or not sources[n].prints(name)
    ]


def glossary_page(entries: list[Entry], sources: dict[int, Source]) -> str:
    lines = ["# Glossary", ""]
    for entry in sorted(entries, key=lambda entry: entry.term.lower()):
        where = ", ".join(str(n) for n in entry.lessons if n in sources)
        lines += [f"**{entry.term}**: {entry.meaning}" + (f" (lesson {where})" if where else ""), ""]
    return "\n".join(lines)


def faq_page(answers: list[Answer], sources: dict[int, Source], measured: Measured) -> str:
    lines = ["# Why is my number like that?", ""]
    for answer in answers:
        lines += [f"## {answer.question}", "", answer.text, ""]
        for n, name in answer.pointers:
            if n in sources:
                printed = f'* Lesson {n} prints it: `{measured.command(sources[n])}`, the number "{name}"'
                lines += [printed + band(sources[n], name, measured)]
        lines += [""]
    return "\n".join(lines).rstrip() + "\n"


def band(source: Source, name: str, measured: Measured) -> str:
    expected = [measured.expected(source, number) for number in source.numbers if number.name == name]
    return f" ({expected[0]})" if expected and expected[0] else ""
