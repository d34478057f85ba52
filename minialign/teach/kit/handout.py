"""A handout: one printed page per lesson, to write on while it runs.  Black on white, nothing from the network, no answers.

A page has room for some 54 lines of print; the height of each block is estimated, and the glossary box gets the rest.
"""

import math
from collections.abc import Iterator
from html import escape

from ..equations import CITED
from .glossary import Entry
from .source import Source

LINES, COLUMNS = 54, 92  # of a page, A4 or letter, in this style
EMPTY_LINES = 3  # to write on

STYLE = """
@page { margin: 14mm 16mm }
body { font: 10.5pt/1.32 Georgia, "Times New Roman", serif; color: #000; background: #fff; max-width: 178mm; margin: auto }
h1 { font-size: 15pt; line-height: 1.2; margin: 0 0 1mm }
h2 { font-size: 11pt; margin: 3mm 0 1mm; border-bottom: 0.3mm solid #000 }
p, ul, dl, pre { margin: 1mm 0 }
ul { list-style: none; padding-left: 4mm }
pre { font: 9pt/1.35 "DejaVu Sans Mono", Consolas, monospace; white-space: pre-wrap }
pre { border-left: 0.8mm solid #000; padding-left: 3mm }
table { border-collapse: collapse; width: 100% }
th, td { border: 0.3mm solid #000; padding: 1.3mm 2mm; text-align: left }
dl { border: 0.4mm solid #000; padding: 1mm 3mm }
dt { display: inline; font-weight: bold }
dd { display: inline; margin: 0 }
dd::after { content: ""; display: block }
small { float: right }
.write { width: 26% }
.box { display: inline-block; width: 2.6mm; height: 2.6mm; border: 0.3mm solid #000; margin-right: 2mm }
.line { border-bottom: 0.2mm solid #000; height: 6.5mm }
"""


def handout(source: Source, entries: list[Entry]) -> str:
    """One lesson -> a page of HTML.  entries: the glossary."""
    body = "".join(html for html, _ in [*blocks(source), glossary_box(source, entries)])
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Lesson {source.number}</title>\n'
        f"<style>{STYLE}</style>\n{body}</html>\n"
    )


def estimated_lines(source: Source, entries: list[Entry]) -> float:
    """How much of a page a handout fills."""
    return sum(lines for _, lines in [*blocks(source), glossary_box(source, entries)])


def blocks(source: Source) -> Iterator[tuple[str, float]]:
    """Everything above the glossary -> list of (html, lines of print)."""
    title = f"<small>minialign</small><h1>Lesson {source.number}. {escape(source.title)}</h1>\n"
    yield title, 1.5 * height(source.title, 54) + 0.3
    yield paragraph(source.text("QUESTION"))
    for p in source.predictions[:1]:
        yield heading("Before it runs: what do you expect?")
        yield paragraph(p.question)
        options = p.options or ["", ""]
        items = "".join(f'<li><span class="box"></span>{escape(option)}</li>' for option in options)
        yield f"<ul>{items}</ul>\n", sum(height(option) for option in options) + 0.6
    yield heading("While it runs: three numbers")
    rows = "".join(f'<tr><td>{escape(name)}<td class="write"><td class="write">' for name in blanks(source))
    yield f'<table><tr><th><th class="write">my guess<th class="write">it says{rows}</table>\n', 4 * 1.6
    yield heading("The equation")
    lines = [CITED.sub("", line).rstrip() for line in source.lines("EQUATION")]
    yield f"<pre>{escape(chr(10).join(lines))}</pre>\n", 0.9 * sum(height(line, 86) for line in lines) + 0.4
    exercise = next((text for text in source.exercises() if "think" in text[:20]), source.exercises()[0])
    yield heading("Afterwards")
    yield paragraph(exercise)
    yield '<div class="line"></div>' * EMPTY_LINES + "\n", EMPTY_LINES * 1.4


def blanks(source: Source) -> list[str]:
    """Three numbers to look for: an exact one that can be predicted, and the last two that only the run gives."""
    # A name with "..." in it is made by the run, and the later numbers of a lesson are those it is about.
    whole = [number for number in source.numbers if "..." not in number.name]
    exact = sorted((n for n in whole if n.exact is not None), key=lambda n: n.exact in ("0", "0.0"))[:1]
    measured = [n for n in whole if n.exact is None][-2:]
    spare = [f"how many of the {len(source.claims)} claims were seen", "seconds it took", "and what else?"]
    return ([n.name for n in exact + measured] + spare)[:3]


def glossary_box(source: Source, entries: list[Entry]) -> tuple[str, float]:
    """As many terms as there is room for: new ones first, and among these the ones that the header uses."""
    ours = [entry for entry in entries if source.number in entry.lessons]
    ours.sort(key=lambda entry: (entry.lessons[0] != source.number, entry.term.lower() not in source.doc.lower()))
    # A handout must fit on one page: the rest is estimated first, and terms are added as long as they fit.
    above = sum(lines for _, lines in blocks(source)) + 3
    chosen: list[Entry] = []
    for entry in ours:
        if above + size([*chosen, entry]) <= LINES:
            chosen.append(entry)
    if not chosen:
        return "", 0
    chosen.sort(key=lambda entry: entry.term.lower())
    terms = "".join(f"<dt>{escape(entry.term)}</dt><dd>: {escape(entry.meaning)}</dd>\n" for entry in chosen)
    return f"{heading('Words')[0]}<dl>{terms}</dl>\n", 3 + size(chosen)


def size(entries: list[Entry]) -> int:
    return sum(height(f"{entry.term}: {entry.meaning}", COLUMNS - 4) for entry in entries)


def heading(text: str) -> tuple[str, float]:
    return f"<h2>{escape(text)}</h2>\n", 1.9


def paragraph(text: str) -> tuple[str, float]:
    return f"<p>{escape(text)}</p>\n", height(text) + 0.4


def height(text: str, columns: int = COLUMNS) -> int:
    return max(1, math.ceil(len(text) / columns))
