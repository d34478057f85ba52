"""`minialign kit`: for instructors: run-sheets, notes, slides, handouts, notebooks, glossary, FAQ."""

from argparse import ArgumentParser, Namespace

from ..teach.kit.make import make_kit


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--out", default="runs/kit", metavar="DIR", help="where the kit goes (default runs/kit)")
    parser.add_argument("--runs", default="runs", metavar="DIR", help="where minialign prepare has measured (default runs)")
    parser.add_argument("--lessons", default="lessons", metavar="DIR", help="where the lessons are (default lessons)")
    parser.add_argument("--execute", action="store_true", help="and copies of the notebooks with what they print and draw")


def run(arguments: Namespace) -> None:
    files = make_kit(arguments.out, arguments.runs, arguments.lessons, arguments.execute)
    kinds = sorted({file.relative_to(arguments.out).parts[0] for file in files})
    print(f"{len(files)} files in {arguments.out}: " + ", ".join(kinds))
