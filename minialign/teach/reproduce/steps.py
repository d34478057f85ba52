"""The steps of `minialign reproduce`: each is a command, what is published of it, and how its result is read.

Nobody lists them.  They are found in the published texts themselves:

    docs/*.md             <!-- begin: COMMAND --> ... <!-- end: ... -->, with the tables that the command printed
    docs/lab/             the reports of `minialign lab`, as it wrote them
    docs/proof.md         the indented commands: each judges its own numbers, and exits with 0 if they are right
    lessons/bands.json    `minialign calibrate`, with the first few of the seeds that the bands are over
    lessons/kit/          `minialign prepare`, in the cut that was measured

In a command OUT is the folder for everything that is made.
"""

import importlib.util
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ... import cache
from ...runs.errors import Problem
from ..bands import read_bands
from ..calibrate import kept_run, spread
from ..kit.measured import lesson_folder, measured_file
from . import published
from .published import Quantity

Numbers = dict[str, Quantity]
SEEDS_AT_ONCE = ("table", "lab", "calibrate")  # the commands that know --jobs
SEEDS_AGAIN = {"fast": 3, "full": 5}  # of a band: enough to see whether it has moved, and --fast stays under half an hour


def nothing(out: Path, printed: str) -> Numbers:
    return {}


@dataclass(frozen=True)
class Step:
    """One command, and what is published of it."""

    name: str
    command: str  # minialign table --fast | python tests/fuzz.py
    fast: bool
    published: Numbers
    read: Callable[[Path, str], Numbers] = nothing  # (OUT, what it printed) -> the same numbers today
    needs: tuple[str, ...] = ()  # packages that minialign itself does not need

    @property
    def absent(self) -> list[str]:
        return [name for name in self.needs if not importlib.util.find_spec(name)]

    def argv(self, out: Path, jobs: int | None) -> list[str]:
        program, *words = shlex.split(self.command)
        if program == "minialign":
            at_once = ["--jobs", str(jobs)] if jobs and words[0] in SEEDS_AT_ONCE else []
            words = ["-m", "minialign", *words, *at_once, *(["--out", "OUT"] if "OUT" not in self.command else [])]
        return [sys.executable, *(word.replace("OUT", str(out)) for word in words)]

    def key(self, source: Path) -> str:
        """Changes with the command and with the code that it runs; of tests/, which may read any file, with all there is."""
        program, *words = shlex.split(self.command)
        if program == "minialign":
            files = [cache.ROOT / "cli" / f"{words[0]}.py", *(cache.ROOT / "lab" / f"{word}.py" for word in words[1:2])]
            files += sorted((source / "lessons").glob("*.py")) if words[0] in ("calibrate", "prepare") else []
            return cache.key(self.command, code=[str(path) for path in files if path.exists()])
        trees = (cache.ROOT.rglob("*.py"), (source / "tests").rglob("*.py"), source.glob("*.py"))
        return cache.key(self.command, [cache.sha256(path) for tree in trees for path in sorted(tree)], code=[])


def steps(source: Path) -> list[Step]:
    """All steps of a source tree, those of the classroom cut first.  Raises Problem if something is missing or damaged."""
    pages = {path.name: path.read_text(encoding="utf-8") for path in sorted((source / "docs").glob("*.md"))}
    if not {"results.md", "proof.md"} <= set(pages) or not (source / "lessons").is_dir():
        raise Problem(f"there are no docs/ and lessons/ in {source}; clone the repository, and say where: --source DIR")
    found = [*prepare_step(source), *band_steps(source), *block_steps(pages, source), *figure_steps(source)]
    return sorted([*found, *proof_steps(pages["proof.md"])], key=lambda step: not step.fast)


def prepare_step(source: Path) -> Iterator[Step]:
    path = source / "lessons" / "kit" / "measured.json"
    if not path.exists():
        return
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        fast, seed, numbers = bool(kept["fast"]), int(kept["seed"]), published.prepared(kept)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as problem:
        raise Problem(f"{path} cannot be read ({problem}); download it again, or: minialign prepare --fast") from None

    def read(out: Path, printed: str) -> Numbers:
        return published.prepared(json.loads(measured_file(out, fast, seed).read_text(encoding="utf-8")))

    command = f"minialign prepare{' --fast' * fast}{f' --seed {seed}' * bool(seed)}"
    yield Step(slug(command), command, fast, numbers, read)


def band_steps(source: Path) -> Iterator[Step]:
    """One step for each number of seeds that the bands of a cut have.  The bands are made in a copy of the lessons."""
    kept = read_bands(source / "lessons")
    for fast in (True, False):
        groups = published.bands(kept, fast)
        for seeds, lessons in sorted(groups.items()):
            again = min(seeds, SEEDS_AGAIN["fast" if fast else "full"])

            def read(out: Path, printed: str, fast: bool = fast, again: int = again, lessons: dict = lessons) -> Numbers:
                return joined({lesson: lesson_numbers(out, lesson, fast, again) for lesson in lessons})

            several = len(groups) > 1
            which = "".join(f" {int(lesson[:2])}" for lesson in lessons) if several else ""
            command = f"minialign calibrate{which}{' --fast' * fast} --seeds {again} --lessons OUT/lessons-copy --out OUT"
            yield Step(f"bands{'-fast' * fast}{f'-{seeds}-seeds' * several}", command, fast, joined(lessons), read)


def lesson_numbers(out: Path, lesson: str, fast: bool, seeds: int) -> Numbers:
    """The numbers of a lesson's finished runs, with their median as the middle; none if a seed is missing."""
    runs = [kept_run(lesson_folder(out, lesson, fast, seed) / "run.json") for seed in range(seeds)]
    if not all(run.get("complete") for run in runs):
        return {}
    return {name: Quantity(middle, low, high, seeds=seeds) for name, (low, middle, high) in spread(runs).items()}


def joined(lessons: dict[str, Numbers]) -> Numbers:
    return {f"{lesson} · {name}": value for lesson, numbers in lessons.items() for name, value in numbers.items()}


def block_steps(pages: dict[str, str], source: Path) -> Iterator[Step]:
    """The commands of the blocks in docs/; of `minialign lab all` each experiment that has a row there."""
    for command, text in (block for page in pages.values() for block in published.blocks(page).items()):
        fast = "--fast" in command.split()
        if command.startswith("minialign lab"):
            yield from (lab_step(name, fast, source) for name in published.rows(text))
        elif "--against" in command:  # all of them times, arranged by hand: made again to be read
            yield Step(slug(command), command, fast, {}, needs=("torch", "transformers"))
        else:
            yield Step(slug(command), command, fast, published.tables(text), lambda out, printed: published.tables(printed))


def lab_step(name: str, fast: bool, source: Path) -> Step:
    folder, file = "lab-fast" if fast else "lab", f"{name}.report.txt"
    report = source / "docs" / folder / file
    numbers = published.lab_report(report.read_text(encoding="utf-8")) if report.exists() else {}

    def read(out: Path, printed: str) -> Numbers:
        return published.lab_report((out / folder / file).read_text(encoding="utf-8"))

    return Step(f"{folder}-{name}", f"minialign lab {name}{' --fast' * fast}", fast, numbers, read)


def figure_steps(source: Path) -> Iterator[Step]:
    """What no other step makes: two figures, the film of the README, and the base model that comes with the package."""
    yield Step("tour-fast", "minialign tour --fast", True, {})
    yield Step("film", "minialign page OUT/tour-s0 --film", False, {})  # the first of the table's seeds
    yield Step("figure-scaling", "minialign bench --scaling", False, {})
    yield Step("figure-three_roads", "python tests/enumerable.py OUT/figures/three_roads", False, {})
    path = source / "minialign" / "pretrained.json"
    if path.exists():

        def loss(out: Path, printed: str, made: str = "pretrained/pretrained.json") -> Numbers:
            return {"loss": published.alone(json.loads((out / made).read_text(encoding="utf-8"))["loss"])}

        yield Step("pretrained", "python -m minialign.pretrain OUT/pretrained", False, loss(path.parent, "", path.name), loss)


def proof_steps(text: str) -> Iterator[Step]:
    """The commands of docs/proof.md.  What differs by more than it may makes them fail: their exit code is the number."""
    right = {"exit code": published.alone(0)}
    for section in re.split(r"^## ", text, flags=re.M)[1:]:
        for before, after in re.findall(r"^    (.*)\bpython (.+)$", section.replace("\\\n", ""), re.M):
            command = " ".join(after.partition("(")[0].split()).replace("runs/", "OUT/")
            name = f"proof-{section[0]}" if "-m pytest" in command else Path(command.split()[0]).stem
            needs = ("torch", "transformers", "trl") if "[trl]" in before else ()
            yield Step(name, f"python {command}", "-fast" in command, right, lambda out, printed: right, needs)


def slug(command: str) -> str:
    return re.sub(r"[^\w]+", "-", command.removeprefix("minialign ")).strip("-")
