"""A handout: one printed page per lesson, to write on while it runs.  Black on white, nothing from the network, no answers.

A page has room for some 55 lines of print; the height of each block is estimated, and glossary and axes share the rest.
"""

import math
from collections.abc import Iterator
from html import escape

from ..equations import CITED
from .glossary import Entry
from .source import Source, sentence
from .teaching import Axes, Teaching

LINES, COLUMNS = 55, 97  # of a page, A4 or letter, in this style
LINE = 4.59  # mm
EMPTY_LINES = 2  # to write on
AXES_AT_LEAST, AXES_AT_MOST = 10, 33  # lines, with their heading

STYLE = """
@page { margin: 14mm 16mm }
body { font: 10pt/1.3 Georgia, "Times New Roman", serif; color: #000; background: #fff; max-width: 178mm; margin: auto }
h1 { font-size: 15pt; line-height: 1.2; margin: 0 0 1mm }
h2 { font-size: 11pt; margin: 3mm 0 1mm; border-bottom: 0.3mm solid #000 }
p, ul, dl, pre { margin: 1mm 0 }
ul { list-style: none; padding-left: 4mm }
pre { font: 9pt/1.35 "DejaVu Sans Mono", Consolas, monospace; white-space: pre-wrap }
pre { border-left: 0.8mm solid #000; padding-left: 3mm }
table { border-collapse: collapse; width: 100% }
th, td { border: 0.3mm solid #000; padding: 1.1mm 2mm; text-align: left }
dl { border: 0.4mm solid #000; padding: 1mm 3mm }
dt { display: inline; font-weight: bold }
dd { display: inline; margin: 0 }
dd::after { content: ""; display: block }
small { float: right }
svg { display: block; margin: 1mm 0 }
svg path { fill: none; stroke: #000; stroke-width: 0.4 }
svg .grid { stroke-width: 0.1; stroke-dasharray: 0.5 1.5 }
svg text { font-size: 3.6px }
.write { width: 18% }
.box { display: inline-block; width: 2.6mm; height: 2.6mm; border: 0.3mm solid #000; margin-right: 2mm }
.line { border-bottom: 0.2mm solid #000; height: 6.5mm }
"""


def handout(source: Source, entries: list[Entry], teaching: Teaching) -> str:
    """One lesson -> a page of HTML.  entries: the glossary."""
    return page(f"Lesson {source.number}", "".join(html for html, _ in whole_page(source, entries, teaching)))


def ballot(pairs: list[dict[str, str]]) -> str:
    """The pairs that a class votes on before lesson 4 -> a page of HTML with boxes to tick."""
    boxes = "".join(f'<span class="box"></span>{what} &nbsp; ' for what in ("a", "b", "about the same"))
    items = ""
    for n, pair in enumerate(pairs, 1):
        a, b = escape(pair["a"].strip()), escape(pair["b"].strip())
        items += f"{heading(f'{n}. ' + pair['question'])[0]}<p>a) {a}</p><p>b) {b}</p><p>{boxes}</p>\n"
    asked = "Which answer would you rather get? There is no key; only your taste counts. Tick one box a pair."
    return page("Five pairs", f"<h1>Five pairs to vote on</h1>\n{paragraph(asked)[0]}{items}")


def page(title: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>{STYLE}</style>\n{body}</html>\n"
    )


def estimated_lines(source: Source, entries: list[Entry], teaching: Teaching) -> float:
    """How much of a page a handout fills."""
    return sum(lines for _, lines in whole_page(source, entries, teaching))


def whole_page(source: Source, entries: list[Entry], teaching: Teaching) -> list[tuple[str, float]]:
    """Every block -> list of (html, lines of print): first what must be there, then words, and the axes get the rest."""
    # A handout must fit on one page: heights are estimated first, and what can grow grows as long as it fits.
    above, below = list(before_the_run(source, teaching)), list(afterwards(source))
    fixed = sum(lines for _, lines in above + below)
    words = glossary_box(source, entries, LINES - fixed - AXES_AT_LEAST)
    room = LINES - fixed - words[1]
    return [*above, *axes(teaching.axes, min(AXES_AT_MOST, max(AXES_AT_LEAST, room))), *below, words]


def before_the_run(source: Source, teaching: Teaching) -> Iterator[tuple[str, float]]:
    """From the title to the three numbers -> blocks."""
    title = f"<small>minialign</small><h1>Lesson {source.number}. {escape(source.title)}</h1>\n"
    yield title, 1.5 * height(source.title, 58) + 0.3
    yield paragraph(source.text("QUESTION"))
    for p in source.predictions[:1]:
        yield heading("Before it runs: what do you expect?")
        yield paragraph(p.question)
        options = p.options or ["", ""]
        items = "".join(f'<li><span class="box"></span>{escape(option)}</li>' for option in options)
        yield f"<ul>{items}</ul>\n", sum(height(option) for option in options) + 0.6
    yield heading("While it runs: what will it say?")
    rows = "".join(f'<tr><td>{escape(what)}<td class="write"><td class="write">' for what in teaching.numbers.values())
    lines = sum(0.6 + height(what, 56) for what in teaching.numbers.values())
    yield f'<table><tr><th><th class="write">my guess<th class="write">it says{rows}</table>\n', lines + 1.6


def axes(asked: Axes, lines: float) -> Iterator[tuple[str, float]]:
    """Axes to draw on, so many lines high with their task -> blocks."""
    yield heading("Draw it before you see it")
    yield paragraph(f"{sentence(asked.task)}.")
    high = lines - 1.9 - paragraph(asked.task)[1] - 0.6
    mm = high * LINE
    grid = "".join(f'<path class="grid" d="M8 {mm - 8 - k * (mm - 14) / 4:.1f}h162"/>' for k in range(1, 4))
    svg = (
        f'<svg viewBox="0 0 178 {mm:.1f}" width="178mm" height="{mm:.1f}mm" role="img" aria-label="empty axes">'
        f'{grid}<path d="M8 {mm - 8:.1f}V3l-1.2 2.4m1.2-2.4l1.2 2.4M8 {mm - 8:.1f}H172l-2.4-1.2m2.4 1.2l-2.4 1.2"/>'
        f'<text x="11" y="5">{escape(asked.up)}</text>'
        f'<text x="172" y="{mm - 3:.1f}" text-anchor="end">{escape(asked.across)}</text></svg>\n'
    )
    yield svg, high + 0.6


def afterwards(source: Source) -> Iterator[tuple[str, float]]:
    """The equation, and one exercise to think about -> blocks."""
    yield heading("The equation")
    lines = [CITED.sub("", line).rstrip() for line in source.lines("EQUATION")]
    yield f"<pre>{escape(chr(10).join(lines))}</pre>\n", 0.9 * sum(height(line, 92) for line in lines) + 0.4
    exercise = next((text for text in source.exercises() if "think" in text[:20]), source.exercises()[0])
    yield heading("Afterwards")
    yield paragraph(exercise)
    yield '<div class="line"></div>' * EMPTY_LINES + "\n", EMPTY_LINES * 1.4


def glossary_box(source: Source, entries: list[Entry], room: float) -> tuple[str, float]:
    """As many terms as there is room for: new ones first, and among these the ones that the header uses."""
    ours = [entry for entry in entries if source.number in entry.lessons]
    ours.sort(key=lambda entry: (entry.lessons[0] != source.number, entry.term.lower() not in source.doc.lower()))
    chosen: list[Entry] = []
    for entry in ours:
        if 3 + size([*chosen, entry]) <= room:
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
