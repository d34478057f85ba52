"""The pages of the site, from the chapters: contents, search, glossary, and what every page has around its text."""

import html.parser
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .. import __version__
from ..runs.text import flags
from ..teach.kit.glossary import Answer, Entry
from ..teach.kit.references import Reference, citations
from .chapters import Chapter, number_anchor, place_in_band
from .events import Number
from .journey import SCENE_OF, JourneyPage
from .words import Writer, code, slug, with_minus

STATIC = files(__package__).joinpath("static")
SCRIPTS = ("book.css", "book.js")
SEARCHED = 4000  # characters of a section that the search knows


@dataclass(frozen=True)
class Material:
    """Everything that a book is made from."""

    chapters: list[Chapter]
    journey: JourneyPage
    glossary: list[Entry]
    answers: list[Answer]
    references: list[Reference]
    fast: bool
    seed: int


@dataclass(frozen=True)
class Place:
    """A line of the contents."""

    address: str
    short: str
    number: int | None = None


def site(material: Material) -> dict[str, bytes]:
    """Every file of the site -> dict: address -> content."""
    pages: dict[str, str] = {}
    places = contents(material)
    templates = environment()
    for place in places:
        if place.address == "journey.html":
            pages[place.address] = material.journey.page.read_text(encoding="utf-8")
            continue
        name, words, terms = page_of(place, material)
        pages[place.address] = rendered(templates, name, place, places, material, words, terms)
    made = {address: text.encode("utf-8") for address, text in pages.items()}
    made |= {name: STATIC.joinpath(name).read_bytes() for name in SCRIPTS}
    made["search.js"] = search_index({place: pages[place.address] for place in places if place.address != "journey.html"})
    for chapter in material.chapters:
        made |= {figure.address: figure.file.read_bytes() for figure in chapter.figures.values()}
    made |= {scene.address: scene.svg for n, key in SCENE_OF.items() if (scene := material.journey.scenes[key])}
    return made


def contents(material: Material) -> list[Place]:
    return [
        Place("index.html", "Begin here"),
        *(Place(chapter.address, chapter.short, chapter.source.number) for chapter in material.chapters),
        Place("journey.html", "The journey, to watch"),
        Place("questions.html", "Why is my number like that?"),
        Place("glossary.html", "Glossary"),
        Place("references.html", "References"),
    ]


def page_of(place: Place, material: Material) -> tuple[str, dict[str, Any], list[Entry]]:
    """The template of a page, its own content, and the terms that it explains."""
    if place.address == "index.html":
        return "index.html", {"title": "From autocomplete to assistant"}, []
    if place.address == "glossary.html":
        return "glossary.html", {"title": "Glossary", "entries": sorted(material.glossary, key=lambda e: e.term.lower())}, []
    if place.address == "references.html":
        words = {"title": "References", "references": material.references, "writer": Writer(), "citing": citing(material)}
        return "references.html", words, []
    if place.address == "questions.html":
        writer = Writer(material.glossary)
        words = {"title": place.short, "answers": material.answers, "writer": writer, "pointers": pointers_of(material)}
        return "questions.html", words, list(material.glossary)
    chapter = next(chapter for chapter in material.chapters if chapter.address == place.address)
    scene = material.journey.scenes.get(SCENE_OF.get(chapter.source.number, ""))
    words = {"title": chapter.source.title, "chapter": chapter, "source": chapter.source, "scene": scene}
    return "chapter.html", words, list(chapter.writer.used.values())


def rendered(
    templates: Environment, name: str, place: Place, places: list[Place], material: Material, words: dict, terms: list[Entry]
) -> str:
    i = places.index(place)
    around: dict[str, Any] = {
        "address": place.address,
        "contents": places,
        "before": places[i - 1] if i else None,
        "after": places[i + 1] if i + 1 < len(places) else None,
        "chapters": material.chapters,
        "journey": material.journey,
        "fast": material.fast,
        "colophon": colophon(material),
        "terms": terms,
    }
    # Twice, because the contents beside a chapter list its headings, and those are known when it has been set.
    once = templates.get_template(name).render(**around, **words, sections=[])
    sections = [(anchor, heading) for anchor, heading, _ in sections_of(once) if anchor]
    return templates.get_template(name).render(**around, **words, sections=sections if "chapter" in words else [])


def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(str(STATIC)), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"slug": slug, "minus": with_minus, "code": code, "number_anchor": number_anchor, "in_band": place_in_band}
    return made


def colophon(material: Material) -> str:
    cut = "the classroom cut (--fast)" if material.fast else "the whole cut"
    command = f"minialign book{flags(material.fast, material.seed)}"
    return f"Made by minialign {__version__} from {cut} of its lessons, seed {material.seed}: {command} makes it again."


def citing(material: Material) -> dict[tuple[str, int], list[Chapter]]:
    """Key of a reference -> the chapters that cite it."""
    found: dict[tuple[str, int], list[Chapter]] = {}
    for chapter in material.chapters:
        for key in {citation.key for citation in citations(chapter.source.path.read_text(encoding="utf-8-sig"))}:
            found.setdefault(key, []).append(chapter)
    return found


def pointers_of(material: Material) -> Any:
    """A function: answer of the FAQ -> its (chapter, name of a number, that number of this run or None)."""
    chapters = {chapter.source.number: chapter for chapter in material.chapters}
    numbers = {
        (n, event.name): event
        for n, chapter in chapters.items()
        for cell in chapter.recording.cells
        for event in cell
        if isinstance(event, Number)
    }
    return lambda answer: [(chapters[n], name, numbers.get((n, name))) for n, name in answer.pointers if n in chapters]


# ------------------------------------------------------------------------------------------------ search
class _Sections(html.parser.HTMLParser):
    """The words of a page's article, section by section."""

    SKIPPED = ("math", "script", "style", "svg")
    HEADINGS = ("h1", "h2", "h3")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[str], list[str]]] = []  # anchor, heading, text
        self.inside, self.skipping, self.heading = False, 0, False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside |= tag == "article"
        self.skipping += tag in self.SKIPPED
        anchored = dict(attrs).get("id") or ""
        if self.inside and (tag in self.HEADINGS or (tag == "dt" and anchored)):
            self.heading = True
            self.found.append((anchored, [], []))

    def handle_endtag(self, tag: str) -> None:
        self.inside &= tag != "article"
        self.skipping -= tag in self.SKIPPED
        self.heading &= tag not in (*self.HEADINGS, "dt")

    def handle_data(self, data: str) -> None:
        if self.inside and self.found and not self.skipping:
            _, heading, text = self.found[-1]
            (heading if self.heading else text).append(data)


def sections_of(page: str) -> Iterator[tuple[str, str, str]]:
    """A page -> (anchor, heading, text) of each of its sections."""
    parser = _Sections()
    parser.feed(page)
    for anchor, heading, text in parser.found:
        yield anchor, " ".join("".join(heading).split()), " ".join("".join(text).split())


def search_index(pages: dict[Place, str]) -> bytes:
    """A script that holds [address, page, heading, text] of every section: a page opened from disk may load no data."""
    rows = [
        [f"{place.address}{'#' * bool(anchor)}{anchor}", place.short, heading, text[:SEARCHED]]
        for place, page in pages.items()
        for anchor, heading, text in sections_of(page)
    ]
    return f"const INDEX = {json.dumps(rows, ensure_ascii=False)};\n".encode()


def template_files() -> list[Path]:
    return sorted(Path(str(STATIC)).iterdir())
