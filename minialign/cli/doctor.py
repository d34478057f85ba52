"""`minialign doctor`: is everything in order here?  One screen, and one fix for each thing that is not."""

import argparse
from pathlib import Path

from ..runs import health
from ..runs.text import paragraph

SHOWN = 2  # damaged runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", default="runs", metavar="DIR", help="where runs are kept (default runs)")
    parser.add_argument("--clean", action="store_true", help="remove from the cache what is damaged, stale or left over")


def run(arguments: argparse.Namespace) -> int:
    return doctor(Path(arguments.out), arguments.clean)


def doctor(out: Path, clean: bool) -> int:
    """Print the findings -> exit code: 0 if nothing has to be fixed, 1 otherwise."""
    cache = out / "cache"
    programs = [health.python(), health.numpy(), health.matplotlib(), health.browser(), health.base_model()]
    findings = [*programs, health.room(out)]
    found = health.look_through(cache)
    if clean:
        print(f"removed from {cache}: {len(found.trouble())} files, {health.clean(found) / 1e6:.1f} MB")
        found = health.look_through(cache)
    findings += health.cached(found, cache)
    some = health.runs(out)
    findings += some[: SHOWN + 1]
    for finding in findings:
        print(paragraph(finding.says, f"{finding.what:<12}", " " * 12))
        if finding.fix:
            print(paragraph(finding.fix, "       fix: ", " " * 12))
    if len(some) > SHOWN + 1:
        print(f"{'':<12}and {len(some) - SHOWN - 1} more damaged runs")
    wrong = sum(bool(finding.fix) for finding in [*findings, *some[SHOWN + 1 :]])
    print(f"{wrong} to fix" if wrong else "all is well")
    return 1 if wrong else 0
