"""The flags of a lesson: those that all lessons share, those that its docstring mentions, and its own switches."""

import argparse
import sys
from pathlib import Path

from ..runs.arguments import Parser, whole_number


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
        p.add_argument("--rate", choices=("simulated", "terminal"), default="simulated", help="who votes: or you")
    for name, what in switches.items():
        p.add_argument(f"--{name}", action="store_true", help=what)
    p.set_defaults(votes=None, rate=None)
    # In a notebook sys.argv is Jupyter's own, unless the notebook's first cell has put the lesson's flags there.
    return p.parse_args(sys.argv[1:] if Path(sys.argv[0]).name == script.name else [])
