"""`minialign notebooks`: the lessons as Jupyter notebooks."""

from argparse import ArgumentParser, Namespace

from ..teach.kit.make import make_notebooks


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("out", nargs="?", default="runs/notebooks", metavar="DIR", help="into DIR (default runs/notebooks)")
    parser.add_argument("--lessons", default="lessons", metavar="DIR", help="where the lessons are (default lessons)")
    parser.add_argument("--fast", action="store_true", help="notebooks of the classroom cut")
    parser.add_argument("--execute", action="store_true", help="run them, and keep what they print and draw")


def run(arguments: Namespace) -> None:
    made = make_notebooks(arguments.out, arguments.lessons, arguments.fast, arguments.execute)
    print("\n".join(map(str, made)))
