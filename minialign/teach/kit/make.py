"""`minialign kit`: everything that an instructor needs, made from the current lessons.

What only a human can write is in lessons/kit/: plan.md (which lesson, how many minutes), teaching.md (model answers, and
what a handout asks for), glossary.md, faq.md.  All else is read from the lessons, and the seconds come from a run of
`minialign prepare`: nothing is maintained by hand.
"""

from pathlib import Path

from ...runs.errors import Problem
from ...runs.folder import check_writable, write_text
from ..quiz import Question, read_quiz
from .execute import execute_all, require_extra
from .glossary import faq_page, glossary_page, read_faq, read_glossary
from .handout import ballot, handout
from .measured import read_measured
from .notebooks import notebook
from .notes import notes
from .runsheet import read_plan, runsheet
from .slides import deck
from .source import read_lessons
from .teaching import read_teaching


def make_kit(out: str | Path, runs: str | Path, lessons: str | Path, execute: bool = False) -> list[Path]:
    """Write run-sheets, notes, handouts, notebooks, glossary and FAQ into a folder -> list of their paths.

    execute: and copies of the notebooks with all that they print and draw.
    """
    if execute:
        require_extra()
    sources, measured = read_lessons(lessons), read_measured(runs, lessons)
    # Everything is made before anything is written: an error stops here, and leaves the old kit whole.
    by_hand = Path(lessons) / "kit"
    entries, teaching = read_glossary(by_hand / "glossary.md"), read_teaching(by_hand / "teaching.md")
    files = {f"runsheet-{plan.minutes}.md": runsheet(plan, sources, measured) for plan in read_plan(by_hand / "plan.md")}
    for source in sources.values():
        if source.number not in teaching:
            raise Problem(f"teaching.md says nothing about lesson {source.number}; add: ## Lesson {source.number}")
        quiz = quiz_of(lessons, source.number)
        files[f"notes/{source.name}.md"] = notes(source, measured, teaching[source.number], quiz)
        files[f"handouts/{source.name}.html"] = handout(source, entries, teaching[source.number])
        files[f"slides/{source.name}.html"] = deck(source, measured, quiz)
        files[f"notebooks/{source.name}.ipynb"] = notebook(source.path, *measured.flags())
    if measured.pairs:
        files["handouts/five-pairs.html"] = ballot(measured.pairs)
    files["glossary.md"] = glossary_page(entries, sources)
    files["faq.md"] = faq_page(read_faq(by_hand / "faq.md"), sources, measured)
    paths = written(files, out)
    made = [path for path in paths if path.suffix == ".ipynb"]
    return paths + (execute_all(made, Path(out) / "executed", lessons) if execute else [])


def quiz_of(lessons: str | Path, number: int) -> list[Question]:
    """The quiz of a lesson; a lesson of one's own may have none."""
    there = (Path(lessons) / "quizzes" / f"{number:02d}.json").exists()
    return read_quiz(lessons, number) if there else []


def make_notebooks(out: str | Path, lessons: str | Path, fast: bool = False, execute: bool = False) -> list[Path]:
    """Only the notebooks -> list of their paths; execute: with all that they print and draw."""
    if execute:
        require_extra()
    flags = ["--fast"] if fast else []
    made = written({f"{s.name}.ipynb": notebook(s.path, *flags) for s in read_lessons(lessons).values()}, out, "DIR")
    return execute_all(made, Path(out), lessons) if execute else made


def written(files: dict[str, str], out: str | Path, another: str = "folder with --out DIR") -> list[Path]:
    check_writable(out, another)  # only after everything has been made, so that a kit is never half new and half old
    for name, text in files.items():
        (Path(out) / name).parent.mkdir(parents=True, exist_ok=True)
        write_text(Path(out) / name, text)
    return [Path(out) / name for name in files]
