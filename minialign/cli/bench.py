"""`minialign bench`: how fast it is, beside the matrix products alone and beside PyTorch."""

import argparse

from ..bench import SIZE_NAMES, WORKLOADS, CannotMeasure
from ..bench.run import bench
from ..runs.arguments import positive_number
from ..runs.errors import Problem


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--against", choices=("torch",), help="compare with PyTorch, if it is installed")
    parser.add_argument("--threads", type=positive_number, metavar="N", help="per system (default: the environment's, or 1)")
    parser.add_argument("--rounds", type=positive_number, metavar="N", help="visits to each system (default 9)")
    parser.add_argument("--workload", choices=WORKLOADS, action="append", help="only this one (may be repeated)")
    parser.add_argument("--size", choices=SIZE_NAMES, action="append", help="only this one (may be repeated)")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    parser.add_argument(
        "--out", default="runs", metavar="DIR", help="where the figures of --scaling and --plan go (default runs)"
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--tour", action="store_true", help="instead: the five trainings of the full recipe, an excerpt of each"
    )
    instead.add_argument("--ablate", action="store_true", help="instead: what each optimisation is worth")
    instead.add_argument("--scaling", action="store_true", help="instead: cost as the work grows, with a figure")
    instead.add_argument("--plan", action="store_true", help="instead: what the recipe costs at 1e8 to 7e10 parameters")


def run(arguments: argparse.Namespace) -> None:
    a = arguments
    what = next((name for name in ("tour", "ablate", "scaling", "plan") if getattr(a, name)), "compare")
    try:
        bench(what, a.threads, a.json, a.against, a.rounds, a.workload, a.size, a.out)
    except CannotMeasure as problem:
        raise Problem(str(problem)) from None
