"""`minialign book`: the lessons as a site of pages that one reads without Python and without a network."""

from argparse import ArgumentParser, Namespace

from ..book.make import flags_of, make_book, stale_pages
from ..runs.arguments import whole_number
from ..runs.text import quoted


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("out", nargs="?", default="runs/book", metavar="DIR", help="where the book goes (default runs/book)")
    parser.add_argument("--fast", action="store_true", help="from the classroom cut of the lessons")
    parser.add_argument("--seed", type=whole_number, default=0, help="the seed of the lessons' runs (default 0)")
    parser.add_argument("--runs", default="runs", metavar="DIR", help="where runs are kept (default runs)")
    parser.add_argument("--lessons", default="lessons", metavar="DIR", help="where the lessons are (default lessons)")
    parser.add_argument("--check", action="store_true", help="make nothing: list the pages in DIR that are out of date")


def run(arguments: Namespace) -> int:
    if arguments.check:
        stale = list(stale_pages(arguments.out, arguments.lessons))
        again = f"make them again with: minialign book {quoted(arguments.out)}{flags_of(arguments.out)}"
        print(f"stale: {', '.join(stale)}; {again}" if stale else "every page is true")
        return 1 if stale else 0
    files = make_book(arguments.out, arguments.fast, arguments.seed, arguments.runs, arguments.lessons)
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"{len(files)} files, {size:.1f} MB; open {files[0].as_posix()} in a browser; it needs no network")
    return 0
