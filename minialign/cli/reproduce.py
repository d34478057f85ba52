"""`minialign reproduce`: every published number made again from nothing: what has changed beyond its spread?"""

from argparse import ArgumentParser, Namespace

from ..runs.arguments import positive_number
from ..teach.reproduce.run import list_steps, reproduce


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--fast", action="store_true", help="only what is published of the classroom cut")
    parser.add_argument("--only", action="append", default=[], metavar="STEP", help="only this step (may be repeated)")
    parser.add_argument("--list", action="store_true", help="make nothing: the steps, their minutes, and which are done")
    parser.add_argument("--out", default="runs/reproduce", metavar="DIR", help="where results go (default runs/reproduce)")
    parser.add_argument("--source", default=".", metavar="DIR", help="the repository, whose numbers are made again (default .)")
    parser.add_argument("--jobs", type=positive_number, help="seeds at once (default: one per core)")


def run(arguments: Namespace) -> int:
    a = arguments
    if a.list:
        list_steps(a.fast, a.only, a.out, a.source)
        return 0
    return reproduce(a.fast, a.only, a.out, a.source, a.jobs)
