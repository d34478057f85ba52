"""Slides: one deck per lesson, an HTML file that any browser shows, and prints with one slide on each page.

Made from the lesson as it is: its question, its guess, of each section of the text what is in bold, its formulas, what is
worked by hand and what is a misconception, the pictures of the run that `minialign prepare` has left, the claims, the quiz.
"""

import math
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from html import escape, unescape

from ..lesson_text import FORMULA, MISTAKE, paragraphs, plain, plain_formula, text_of
from ..quiz import Question
from .measured import Measured
from .notes import headings
from .source import Source

BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.M | re.S)
ITEM = re.compile(r"^(?:\* |\d\. )")
WHOLE = re.compile(rf"\*\*.+?\*\*|{FORMULA.pattern}", re.S)
VIEW = re.compile(r'<view id="panel-\d+" viewBox="([^"]+)"><title>(.*?)</title></view>')
ROOT = re.compile(r'(<svg [^>]*?) width="[^"]*" height="[^"]*" viewBox="[^"]*"')
LONGEST = 560  # characters of text on a slide
LITTLE = 300  # and fewer than this say too little about a section

STYLE = """
@page { size: 338mm 190mm; margin: 0 }
* { box-sizing: border-box }
html { scroll-snap-type: y mandatory }
body { margin: 0; font: 2.5vw/1.4 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: #16181d; background: #fff }
section { height: 56.25vw; padding: 4vw 6vw; scroll-snap-align: start; display: flex; flex-direction: column; gap: 1.4vw;
  overflow: hidden; position: relative; border-bottom: 1px solid #ccc }
section > * { margin: 0 }
h1 { font-size: 4vw; line-height: 1.15; margin: auto 0 0 }
h2 { font-size: 3vw; line-height: 1.2; color: #1d4ed8 }
.lead { margin-bottom: auto; max-width: 60vw }
ol, ul { padding-left: 2.4vw } li { margin: 0.5vw 0 }
.formula { font-size: 2vw }
pre, .formula { line-height: 1.45; font-family: "DejaVu Sans Mono", Consolas, Menlo, monospace; white-space: pre-wrap }
.formula { padding: 0.6vw 1.4vw; border-left: 0.4vw solid #1d4ed8; background: #f3f5fb }
section:has(img) { padding: 2vw } section:has(img) h2 { font-size: 2vw; padding-left: 4vw }
img { width: 96vw; max-height: 44vw; object-fit: contain; margin: auto }
.right { font-weight: bold; color: #116329 }
small { position: absolute; right: 2vw; bottom: 1.2vw; font-size: 1.2vw; color: #555 }
@media print { body { font-size: 8.4mm } img { width: 324mm; max-height: 149mm } }
@media print { section { height: 190mm; width: 338mm; break-after: page; border: 0 } }
"""
KEYS = """
addEventListener("keydown", (event) => {
  const step = {ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1}[event.key];
  const slides = [...document.querySelectorAll("section")];
  if (!step) return;
  event.preventDefault();
  const now = Math.round(scrollY / slides[0].offsetHeight);
  slides[Math.max(0, Math.min(slides.length - 1, now + step))].scrollIntoView();
});
"""


def deck(source: Source, measured: Measured, quiz: list[Question]) -> str:
    """One lesson -> its slides, as a page of HTML."""
    made = list(slides(source, measured, quiz))
    foot = [f"<small>minialign, lesson {source.number} &middot; {n} of {len(made)}</small>" for n in range(1, len(made) + 1)]
    body = "\n".join(f"<section>{slide}{small}</section>" for slide, small in zip(made, foot))
    title = f"Lesson {source.number}. {escape(source.title)}"
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>{STYLE}</style>\n<script>{KEYS}</script>\n{body}\n</html>\n"
    )


def slides(source: Source, measured: Measured, quiz: list[Question]) -> Iterator[str]:
    """-> the inside of each slide."""
    yield f'<h1>{source.number}. {escape(source.title)}</h1><p class="lead">{escape(source.text("QUESTION"))}</p>'
    text = "\n\n".join(text_of(source.path))
    example = next(p for p in paragraphs(text) if p and not p.startswith(("#", "`", "$")))
    yield slide("For example", f"<p>{escape(shortened(plain(example)))}</p>")
    if picture := BLOCK.search(text):
        yield slide("The idea", drawn(picture[1]))
    for p in source.predictions:
        yield slide("What do you expect?", f"<p>{escape(p.question)}</p>{lettered(p.options)}")
    if source.number == 4:
        for n, pair in enumerate(measured.pairs, 1):
            options = [pair["a"].strip(), pair["b"].strip(), "about the same"]
            yield slide(f"Vote, pair {n}: {pair['question']}", lettered(options))
    for heading, under in headings(text):
        yield from section_slides(heading, BLOCK.sub("", under))
    for name in source.pictures:
        path = (measured.folder(source) / name).with_suffix(".svg")
        if path.exists():
            words = path.with_suffix(".txt").read_text(encoding="utf-8").strip()
            drawing = path.read_text(encoding="utf-8")
            yield slide(shortened(words, 90), image(words, drawing))
            for title, panel in panels(drawing):
                yield slide(title, image(f"{title}. {words}", panel))
    for before, claims in grouped(items(source.claims.values())):
        yield slide("What the run checks", f'<ol start="{before + 1}">{"".join(claims)}</ol>')
    for p in source.predictions:
        if p.right is not None:
            yield slide("And so it is", answered(p.question, p.options[p.right], p.because))
    for n, q in enumerate(quiz, 1):
        yield slide(f"Quiz, {n}", f"<p>{escape(plain(q.text))}</p>{lettered([plain(option.text) for option in q.options])}")
        right = q.options[q.right]
        yield slide(f"Quiz, {n}", answered(plain(q.text), plain(right.text), plain(right.because)))
    for _, exercises in grouped(items(source.exercises())):
        yield slide("Now you", f"<ul>{''.join(exercises)}</ul>")


def items(texts: Iterable[str]) -> list[tuple[str, int]]:
    """The items of a list, each with its size: whole lines of 62 characters."""
    return [(f"<li>{escape(text)}</li>", 62 * math.ceil(len(text) / 62)) for text in texts]


def panels(drawing: str) -> Iterator[tuple[str, str]]:
    """(title, drawing) of each panel of an SVG: the same drawing, its window moved to what a <view> shows."""
    for box, title in VIEW.findall(drawing):
        width, height = box.split()[2:]
        yield unescape(title), ROOT.sub(rf'\1 width="{width}pt" height="{height}pt" viewBox="{box}"', drawing, count=1)


def image(words: str, drawing: str) -> str:
    data = b64encode(drawing.encode("utf-8")).decode()
    return f'<img alt="{escape(words)}" src="data:image/svg+xml;base64,{data}">'


def section_slides(heading: str, under: str) -> Iterator[str]:
    """A section of the text -> slides with what it stresses, as many as it takes; if that is little, after its beginning."""
    pieces = list(stressed(under))
    if sum(size for _, size in pieces) < LITTLE and (first := beginning(under)):
        more = [(html, size) for html, size in pieces if html.removeprefix("<p>").removesuffix("</p>") not in escape(first)]
        pieces = [(f"<p>{escape(first)}</p>", len(first)), *more]
    for _, of_one in grouped(pieces):
        yield slide(heading, "".join(of_one))


def grouped(pieces: list[tuple[str, int]]) -> Iterator[tuple[int, list[str]]]:
    """(HTML, its size) of each piece -> for each slide that they take, how many came before it and its pieces."""
    gathered: list[str] = []
    length = 0
    for n, (html, size) in enumerate(pieces):
        if gathered and length + size > LONGEST:
            yield n - len(gathered), gathered
            gathered, length = [], 0
        gathered.append(html)
        length += size
    if gathered:
        yield len(pieces) - len(gathered), gathered


def beginning(under: str) -> str:
    """The first sentences of a section, of as many paragraphs as it takes; without its lists."""
    said = ""
    for text in paragraphs(under):
        if text and not ITEM.match(text) and not text.startswith(("#", "$$", "By hand", "|", MISTAKE)):
            said = shortened(f"{said} {plain(text)}".strip(), LITTLE)
    return said


def stressed(under: str) -> Iterator[tuple[str, int]]:
    """What is in bold, with its sentence; formulas on lines of their own; what is worked by hand; misconceptions."""
    for text in paragraphs(under):
        if text.startswith("$$"):
            formula = plain_formula(text)
            yield f'<p class="formula">{escape(formula)}</p>', 70 + len(formula)
        elif text.startswith(("By hand", MISTAKE)):
            said = shortened(plain(text), LONGEST)
            yield f"<p>{escape(said)}</p>", len(said)
        elif "**" in text:
            for sentence in sentences(ITEM.sub("", text)):
                if "**" in sentence:
                    said = plain(sentence)
                    yield f"<p>{escape(said)}</p>", len(said)


def sentences(text: str) -> list[str]:
    """A paragraph -> its sentences; a point in a formula ends none, and what is in bold stays with what follows it."""
    whole: list[str] = []

    def hide(found: re.Match) -> str:
        whole.append(found[0])
        return f"\x00{len(whole) - 1}\x00"

    pieces = re.split(r"(?<=[.?!])\s+(?=[A-Z*\x00])|(?<=:)\s+(?=[A-Z])", WHOLE.sub(hide, text))
    return [re.sub("\x00(\\d+)\x00", lambda found: whole[int(found[1])], piece) for piece in pieces]


def shortened(text: str, longest: int = LONGEST) -> str:
    """Whole sentences, as many as fit."""
    kept = ""
    for sentence in sentences(text):
        if kept and len(kept) + len(sentence) > longest:
            break
        kept += " " * bool(kept) + sentence
    return kept


def slide(title: str, body: str) -> str:
    return f"<h2>{escape(title)}</h2>{body}"


def drawn(picture: str) -> str:
    """A picture in letters, as large as its longest line allows: a letter is .6 of its height wide, a slide has 88vw."""
    size = min(2.4, 88 / (0.61 * max(map(len, picture.splitlines()))))
    return f'<pre style="font-size: {size:.2f}vw">{escape(picture)}</pre>'


def answered(question: str, right: str, because: str) -> str:
    return f'<p>{escape(question)}</p><p class="right">{escape(right)}</p><p>{escape(because)}</p>'


def lettered(options: list[str]) -> str:
    return f'<ol type="a">{"".join(f"<li>{escape(option)}</li>" for option in options)}</ol>'
