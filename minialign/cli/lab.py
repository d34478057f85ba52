"""`minialign lab NAME`: run an experiment over several seeds, print what was seen, and draw it."""

import argparse
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

from tqdm.auto import tqdm

from .. import cache, lab, source_patch
from ..pipeline import Recipe
from ..runs.arguments import positive_number
from ..runs.errors import Problem
from ..runs.folder import check_writable, write_text
from ..runs.seeds import as_they_come, cores
from ..runs.text import heading, paragraph

FAST_SEEDS, FULL_SEEDS = 2, 5
CUT = (
    "This is the classroom cut: the base model that comes with the package, fewer demonstrations, votes and settings. "
    "What is NOT SEEN in it may be there in the whole experiment (without --fast), and only that is evidence."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    names = (*lab.EXPERIMENTS, "all")
    parser.add_argument("names", nargs="+", metavar="NAME", choices=names, help=", ".join(names))
    parser.add_argument("--fast", action="store_true", help="smaller runs, and two seeds unless --seeds says otherwise")
    parser.add_argument("--seeds", type=positive_number, help="how many seeds, from 0 on (default 5)")
    parser.add_argument("--out", default="runs", metavar="DIR", help="where runs are kept (default runs)")
    parser.add_argument("--jobs", type=positive_number, help="seeds at once (default: one per core)")


def run(arguments: argparse.Namespace) -> None:
    laboratory(arguments.names, arguments.fast, arguments.seeds, arguments.out, arguments.jobs)


def laboratory(names: Sequence[str], fast: bool, seeds: int | None, out: str | Path, jobs: int | None) -> None:
    """Run experiments by name ("all": every one); print the claims of each as soon as it is done, and keep its figure
    and data in out/lab/.
    """
    names = lab.EXPERIMENTS if "all" in names else names
    out, seeds = Path(out), seeds or (FAST_SEEDS if fast else FULL_SEEDS)
    check_writable(out / "cache")
    recipe = lab.LAB_FAST if fast else lab.LAB
    tasks = [(name, recipe, seed, out / "cache") for name in names for seed in range(seeds)]
    results = []
    try:
        for result in as_they_come(one_result, tasks, min(len(tasks), jobs or cores()), "experiments x seeds"):
            results.append(result)
            if len(results) % seeds == 0:
                name = names[len(results) // seeds - 1]
                with tqdm.external_write_mode():
                    report(name, results[-seeds:], out / ("lab-fast" if fast else "lab"), fast)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"finished stages are kept in {out / 'cache'}; run the same command again to resume") from None


def one_result(task: tuple[str, Recipe, int, Path]) -> lab.Run:
    """The data of one experiment and one seed, found or made."""
    name, recipe, seed, folder = task
    key = result_key(name, recipe, seed)
    path = folder / f"lab-{name}-{key}.json"
    if path.exists():
        return kept_result(path, key)
    text = json.dumps(experiment(name).one_seed(recipe, seed, folder), allow_nan=False)
    data = json.loads(text)  # as if it had been found: so both are the same plain data
    if not source_patch.ACTIVE:  # what faulty code has measured is not stored
        code = cache.fingerprint(experiment(name).__file__)
        write_text(path, json.dumps(cache.seal({"key": key, "code": code, "data": data})))
    return data


def kept_result(path: Path, key: str) -> lab.Run:
    """The data of one experiment and one seed from disk.  Raises Problem if they are not as they were written."""
    try:
        kept = cache.unseal(json.loads(path.read_text(encoding="utf-8")))
        if kept["key"] != key:
            raise ValueError("it is of another experiment")
        return kept["data"]
    except (ValueError, LookupError, RecursionError) as problem:
        raise Problem(f"{path} cannot be read ({problem}); delete that file and run again") from None


def result_key(name: str, recipe: Recipe, seed: int) -> str:
    """Changes with whatever the data depends on: the recipe, the seed, the package, and the code that measures."""
    return cache.key(name, asdict(recipe), seed, code=[str(experiment(name).__file__)])


def experiment(name: str) -> ModuleType:
    return importlib.import_module(f"{lab.__name__}.{name}")


def figure_of(name: str) -> ModuleType | None:
    """The module that draws an experiment, or None if it has no figure; it loads matplotlib."""
    module = f"{lab.__name__}.figures.{name}"
    return importlib.import_module(module) if importlib.util.find_spec(module) else None


def report(name: str, runs: list[lab.Run], folder: Path, fast: bool = False) -> None:
    """Print one experiment: the question, the numbers, each claim seen or NOT SEEN, and what it does not show."""
    this = experiment(name)
    lines = [heading(f"{name}: {this.QUESTION}"), "", *this.table(runs), ""]
    claims = this.claims(runs)
    for claim in claims:
        lines.append(paragraph(f"{'seen' if claim.seen else 'NOT SEEN'}: {claim.sentence} ({claim.numbers})"))
        if claim.why_not and not claim.seen:
            lines.append(paragraph(f"Why not: {claim.why_not}."))
    if fast and not all(claim.seen for claim in claims):
        lines.append(paragraph(CUT))
    lines.append(paragraph(f"What this does not show: {this.DOES_NOT_SHOW}"))
    drawing, words = figure_of(name), []
    if drawing:
        from ..figures import style  # matplotlib is slow to load: only when there is something to draw

        figure, alt_text = drawing.draw(runs)
        style.save(figure, folder / name, alt_text)
        words = [paragraph(f"{folder / name}.png: {alt_text}")]
    write_text(folder / f"{name}.json", json.dumps(runs, indent=1, allow_nan=False))
    write_text(folder / f"{name}.report.txt", "\n".join(lines) + "\n")
    print("\n".join([*lines, *words]), flush=True)
