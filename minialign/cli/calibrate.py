"""`minialign calibrate`: run the lessons over many seeds: which claims hold, and each number's range."""

from argparse import ArgumentParser, Namespace

from ..runs.arguments import positive_number, whole_number
from ..teach.calibrate import calibrate


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("numbers", nargs="*", type=whole_number, metavar="N", help="only these lessons: 3 5 (default: all)")
    parser.add_argument("--fast", action="store_true", help="the classroom cut: smaller, faster runs")
    parser.add_argument("--seeds", type=positive_number, default=20, help="how many seeds, from 0 on (default 20)")
    parser.add_argument("--out", default="runs", metavar="DIR", help="where runs are kept (default runs)")
    parser.add_argument("--jobs", type=positive_number, help="seeds at once (default: one per core)")
    parser.add_argument("--lessons", default="lessons", metavar="DIR", help="where the lessons are (default lessons)")


def run(arguments: Namespace) -> int:
    a = arguments
    return calibrate(a.numbers, a.fast, a.seeds, a.out, a.jobs, a.lessons)
