"""The whole harness as a table: python tests/fuzz.py [--seed N] [--share X] [--only WORD]."""

import argparse
import contextlib
import io
import sys
import tempfile
import time
from pathlib import Path

import minialign  # isort: skip  # noqa: F401  before NumPy is loaded

from fuzz_inputs import fuzz
from fuzz_kills import kills_and_signals, tour
from toy_command import quick_pictures, toy_command


def told(row):
    what, n, fell = row
    return "\n".join([f"{what:<46}{n:>8,}{len(fell):>6}", *(f"    {line}" for line in fell[:3])])


def toy_run(folder):
    """A finished toy run."""
    with toy_command(), quick_pictures(), contextlib.redirect_stdout(io.StringIO()):
        assert tour(folder) == 0
    return folder / "tour-fast-s0"


def harness(folder, seed=0, share=1.0, say=print, only=""):
    """Inputs, kills and signals, as large a share of the whole as is asked for -> rows of the table.

    only: the rows whose name contains this; each gets the numbers that it gets in the whole.
    """
    say(f"{'what':<46}{'how many':>8}{'fell':>6}")
    run = toy_run(folder / "runs")
    kills, signals = max(2, int(200 * share)), max(1, int(50 * share))
    rows = kills_and_signals(run, folder, seed, kills, signals, lambda row: say(told(row)), only)
    rows += fuzz(run, folder, seed, share, lambda row: say(told(row)), only)
    return rows


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--share", type=float, default=1.0, help="of the whole harness")
    p.add_argument("--only", default="", metavar="WORD", help="the rows whose name contains this")
    a = p.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        rows = harness(Path(folder), a.seed, a.share, lambda line: print(line, flush=True), a.only)
    print(told(("all", sum(n for _, n, _ in rows), [line for _, _, fell in rows for line in fell])).splitlines()[0])
    print(f"{time.monotonic() - began:.0f} s, seed {a.seed}", file=sys.stderr)
    sys.exit(any(fell for _, _, fell in rows))
