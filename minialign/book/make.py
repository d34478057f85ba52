"""`minialign book`: make the missing runs, then every page, and write the site; or say which pages are out of date."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

from tqdm.auto import tqdm

from .. import cache
from ..runs.errors import Problem
from ..runs.folder import check_writable, write_text
from ..runs.text import flags, quoted
from ..teach.kit.glossary import read_faq, read_glossary
from ..teach.kit.references import read_references
from ..teach.kit.source import Source, read_lessons

EXTRA = {  # import name -> package: the extra `book` of setup.cfg
    "jinja2": "Jinja2",
    "latex2mathml": "latex2mathml",
    "markdown_it": "markdown-it-py",
    "mdit_py_plugins": "mdit-py-plugins",
    "pygments": "Pygments",
}
LIST = "book.json"  # beside the pages: what was written, and the keys of what it was made from


def require_extra() -> None:
    """Raises Problem, with the command, if a library that the pages are made with is not installed."""
    missing = [package for name, package in EXTRA.items() if importlib.util.find_spec(name) is None]
    if missing:
        raise Problem(f"the pages need {', '.join(missing)}; install: pip install {' '.join(sorted(EXTRA.values()))}")


def make_book(out: str | Path, fast: bool, seed: int, runs: str | Path, lessons: str | Path) -> list[Path]:
    """Write the site into a folder -> list of its files.  Raises Problem for a lesson that fails or cannot be read."""
    require_extra()
    from . import journey, record  # they, and the libraries, are slow to load
    from .chapters import chapter
    from .site import Material, site
    from .words import Writer

    sources = read_lessons(lessons)
    by_hand = Path(lessons) / "kit"
    glossary, answers = read_glossary(by_hand / "glossary.md"), read_faq(by_hand / "faq.md")
    references = read_references(by_hand / "references.md")
    check_writable(runs, "folder with --runs DIR")
    check_writable(out, "DIR")
    keys = page_keys(sources, Path(lessons))
    recordings = {}
    with tqdm(total=len(sources) + 2, desc="journey", disable=None, leave=False, ncols=72) as bar:
        for step in journey.prepare(fast, seed, runs):
            bar.set_description(f"journey: {step}")
        bar.update()
        for number, source in sources.items():
            bar.set_description(f"lesson {number}")
            recordings[number] = record.recording(source.path, fast, seed, runs)
            bar.update()
        bar.set_description("pages")
        chapters = [chapter(source, recordings[number], Writer(glossary)) for number, source in sources.items()]
        page = journey.journey_page(fast, seed, runs)
        made = site(Material(chapters, page, glossary, answers, references, fast, seed))
        bar.update()
    return written(made, Path(out), {"fast": fast, "seed": seed, "lessons": keys})


def written(made: dict[str, bytes], out: Path, about: dict) -> list[Path]:
    """Write the files, and remove those of an earlier book that are no longer part of it -> the paths."""
    for name in set(kept(out).get("files", ())) - set(made):
        (out / name).unlink(missing_ok=True)
    for name, content in made.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(content)
    write_text(out / LIST, json.dumps(about | {"files": sorted(made)}, indent=1) + "\n")
    return [out / name for name in made]


def kept(out: Path) -> dict:
    try:
        found = json.loads((out / LIST).read_text(encoding="utf-8"))
        files, lessons = found["files"], found["lessons"]
        whole = isinstance(lessons, dict) and isinstance(files, list) and isinstance(found.get("seed", 0), int)
        whole &= all(isinstance(name, str) for name in files)
        return found if whole else {}
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return {}


# ------------------------------------------------------------------------------------------------ is it still true?
def page_keys(sources: dict[int, Source], lessons: Path) -> dict[str, str]:
    """Lesson -> a key that changes with its text, with the code behind its numbers, and with the code that makes pages."""
    from .record import recording_key

    here = Path(__file__).parent
    common = [*sorted(here.glob("*.py")), *sorted((here / "static").iterdir())]
    common += [lessons / "bands.json", *sorted((lessons / "kit").glob("*.md")), *sorted((lessons / "quizzes").glob("*.json"))]
    shared = cache.digest(*(path.read_text(encoding="utf-8") for path in common if path.is_file()))
    return {
        source.name: cache.digest(source.path.read_text(encoding="utf-8"), recording_key(source.path), shared)
        for source in sources.values()
    }


def flags_of(out: str | Path) -> str:
    """Those that the book in this folder was made with."""
    about = kept(Path(out))
    return flags(bool(about.get("fast")), about.get("seed", 0))


def stale_pages(out: str | Path, lessons: str | Path) -> Iterator[str]:
    """The lessons whose pages were not made from the current code and text.  Raises Problem if there is no book."""
    known = kept(Path(out)).get("lessons")
    if known is None:
        raise Problem(f"there is no book in {out}; make it with: minialign book {quoted(out)}")
    now = page_keys(read_lessons(lessons), Path(lessons))
    yield from (name for name in sorted(known.keys() | now.keys()) if known.get(name) != now.get(name))
