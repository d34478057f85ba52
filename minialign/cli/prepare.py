"""`minialign prepare`: for instructors: make all that the lessons need, and say how long they take."""

from argparse import ArgumentParser, Namespace

from ..runs.arguments import whole_number
from ..teach.kit.prepare import prepare


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--fast", action="store_true", help="for the classroom cut: smaller, faster runs")
    parser.add_argument("--seed", type=whole_number, default=0, help="seed of all random numbers (default 0)")
    parser.add_argument("--out", default="runs", metavar="DIR", help="where runs are kept (default runs)")
    parser.add_argument("--lessons", default="lessons", metavar="DIR", help="where the lessons are (default lessons)")


def run(arguments: Namespace) -> int:
    return prepare(arguments.fast, arguments.seed, arguments.out, arguments.lessons)
