"""`minialign bench`: how fast it is, beside the matrix products alone and beside PyTorch."""

import argparse

from ..bench import SIZE_NAMES, WORKLOADS, CannotMeasure
from ..bench.run import bench
from ..runs.arguments import positive_number
from ..runs.errors import Problem


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--against", choices=("torch",), help="compare with PyTorch, if it is installed")
    parser.add_argument("--threads", type=positive_number, metavar="N", help="for each system (default: as you set, or 1)")
    parser.add_argument("--rounds", type=positive_number, metavar="N", help="visits to each system (default 9)")
    parser.add_argument("--workload", choices=WORKLOADS, action="append", help="only this one (may be repeated)")
    parser.add_argument("--size", choices=SIZE_NAMES, action="append", help="only this one (may be repeated)")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    parser.add_argument("--out", default="runs", metavar="DIR", help="where the figure of --scaling goes (default runs)")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--ablate", action="store_true", help="instead: what each optimisation is worth")
    instead.add_argument("--scaling", action="store_true", help="instead: cost as the work grows, with a figure")


def run(arguments: argparse.Namespace) -> None:
    a, what = arguments, "ablate" if arguments.ablate else "scaling" if arguments.scaling else "compare"
    try:
        bench(what, a.threads, a.json, a.against, a.rounds, a.workload, a.size, a.out)
    except CannotMeasure as problem:
        raise Problem(str(problem)) from None
