"""`minialign lessons DIR`: lay out the lessons, their exercises and the kit in a folder of your own."""

from argparse import ArgumentParser, Namespace

from ..teach.layout import lay_out


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", default=".", metavar="DIR", help="they go into DIR/lessons (default: here)")


def run(arguments: Namespace) -> None:
    new, kept = lay_out(arguments.folder)
    print(f"{len(new)} new files in {arguments.folder}/lessons; begin there with: python lessons/01_autograd.py --fast")
    for path in kept:
        print(f"{path} differs and stays as it is; delete it to get a new copy")
