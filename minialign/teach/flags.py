"""The flags of a lesson: those that all lessons share, those that its docstring mentions, and its own switches."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from ..runs.arguments import Parser, whole_number

RATERS = ("simulated", "terminal", "hands", "class")  # hands: a room's; class: the recorded one that ships with the lessons


def rater(known: list[str], files: bool) -> Callable[[str], str]:
    """A function that takes what --rate may be: one of the known words, or the path of a file where files are allowed."""

    def take(text: str) -> str:
        if text in known or (files and Path(text).is_file()):
            return text
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(known)}{', and no file' if files else ''}")

    return take


def read_flags(script: Path, doc: str, faults: dict, switches: dict[str, str]) -> argparse.Namespace:
    """The flags of this run.  switches: name -> what it does, for flags that only one lesson has."""
    p = Parser(prog=script.name, description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--fast", action="store_true", help="a smaller, faster version for the classroom, with the same trends")
    p.add_argument("--seed", type=whole_number, default=0, help="seed of all random numbers (default 0)")
    p.add_argument("--out", default="runs", metavar="DIR", help="where everything is kept (default runs)")
    p.add_argument("--explain", action="store_true", help="print the text of the lesson, with its derivations; run nothing")
    names = [*faults, "mystery"]
    p.add_argument("--break", dest="fault", choices=names, help="inject a fault by name, or a mystery to guess")
    p.add_argument("--no-predict", action="store_true", help="ask no questions, even on a terminal")
    if "--votes" in doc:
        p.add_argument("--votes", metavar="FILE", help="train on these votes (minialign vote) instead")
    if "--rate" in doc:
        known = [who for who in RATERS if who == "simulated" or f"--rate {who}" in doc]
        others = ", or a file of votes" if "--rate FILE" in doc else ""
        words = f"who votes: {', '.join(known)}{others} (default simulated)"
        p.add_argument("--rate", type=rater(known, bool(others)), default="simulated", metavar="WHO", help=words)
    for name, what in switches.items():
        p.add_argument(f"--{name}", action="store_true", help=what)
    p.set_defaults(votes=None, rate=None)
    # In a notebook sys.argv is Jupyter's own, unless the notebook's first cell has put the lesson's flags there.
    return p.parse_args(sys.argv[1:] if Path(sys.argv[0]).name == script.name else [])
