"""`minialign notebooks`: the lessons as Jupyter notebooks."""

from argparse import ArgumentParser, Namespace

from ..teach.kit.make import make_notebooks


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("out", nargs="?", default="runs/notebooks", metavar="DIR", help="where to (default runs/notebooks)")
    parser.add_argument("--lessons", default="lessons", metavar="DIR", help="where the lessons are (default lessons)")


def run(arguments: Namespace) -> None:
    print("\n".join(map(str, make_notebooks(arguments.out, arguments.lessons))))
