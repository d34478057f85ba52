"""Votes of many people from many files: one Cast for each pair that somebody was shown.

A file of `minialign vote` says what was shown, on which side, and to whom; a file with prompt, chosen and rejected alone (TRL's
names) is taken as what one more voter has chosen.  A voter is a number: names are neither asked for nor kept.
"""

import json
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..batch import Response
from ..checkpoint import atomically
from ..checks import check_number
from ..runs.errors import Problem
from ..runs.folder import read_votes
from ..runs.text import safe
from ..runs.voting import DECISIONS

UNNUMBERED = range(10_000, 99_000)  # given to files without voter numbers
HANDS = 0  # the number of a room that voted by show of hands: many voters, whom nobody tells apart


@dataclass(frozen=True)
class Cast:
    """One decision of one voter."""

    voter: int
    number: int  # its place in the voter's file
    question: str
    a: Response
    b: Response
    vote: str  # a, b, tie or skip
    part: str = ""  # shared, unsure, random, hands, or nothing
    repeat_of: int | None = None  # the number of the Cast on the same pair
    seconds: float = 0.0
    sided: bool = True  # whether a was on the left; of TRL's columns nobody knows

    @property
    def chosen(self) -> Response | None:
        return {"a": self.a, "b": self.b}.get(self.vote)

    @property
    def choice(self) -> Response | str:
        """What was preferred, its side aside: an answer, "tie" or "skip"."""
        return self.chosen or self.vote

    @property
    def pair(self) -> tuple[str, frozenset]:
        """The pair, whichever side its answers are on."""
        return self.question, frozenset((self.a, self.b))


def read_casts(path: Path, context_length: int, strangers: dict[int, list[str]]) -> tuple[list[Cast], list[str]]:
    """The votes of one file, and its lines, each with its voter and pair.

    strangers: the numbers that files without any were given so far, and the lines of each.
    Raises Problem, naming the line, for a file that is none of votes.
    """
    read_votes(path, context_length, least=0)  # which checks every text, and says what is wrong in which line
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    if not lines:  # somebody who felt about the same every time has no votes for training, but lines
        raise Problem(f"{safe(path)} is empty; make votes with: minialign vote, or leave that file out")
    stranger = UNNUMBERED[zlib.crc32("\n".join(lines).encode()) % len(UNNUMBERED)]  # so that it is the same in every merge
    while strangers.setdefault(stranger, lines) != lines:
        stranger += 1
    casts: list[Cast] = []
    whole: list[str] = []
    for number, line in enumerate(lines):
        try:
            read = json.loads(line)
            casts.append(cast := cast_of(read, number, stranger))
            place = {"voter": cast.voter, "pair": cast.number}
            whole.append(line if place.keys() <= read.keys() else json.dumps(read | place))
        except (ValueError, LookupError, TypeError, AttributeError) as problem:
            where = f"{safe(path)}, line {number + 1}: not a vote ({safe(problem)})"
            raise Problem(f"{where}; fix or delete that line") from None
    return casts, whole


def cast_of(line: dict, number: int, stranger: int) -> Cast:
    """One line as a Cast.  Raises ValueError, LookupError or TypeError if it contradicts itself."""
    voter, part = line.get("voter", stranger), line.get("part", "")
    if isinstance(voter, bool) or not isinstance(voter, int) or not 0 <= voter < 100_000 or not isinstance(part, str):
        raise ValueError("a voter is a number, and part a word")
    place = line.get("pair", number) if {"voter", "vote"} & line.keys() else number  # "pair" alone is a column of another tool
    if not isinstance(place, int) or place < 0:
        raise ValueError("pair is a number")
    if "vote" not in line:  # TRL's three columns: what was on which side is not known
        chosen, rejected = (Response(line[name], line.get(f"{name}_ended", True)) for name in ("chosen", "rejected"))
        return Cast(voter, place, line["prompt"], chosen, rejected, "a", sided=False)
    a, b = (Response(line[side], line[f"{side}_ended"]) for side in "ab")
    again = line.get("repeat_of")
    whole = all(isinstance(x.text, str) and isinstance(x.ended, bool) for x in (a, b))
    if not whole or line["vote"] not in DECISIONS.values() or not (again is None or 0 <= again < place):
        raise ValueError("it is not whole")
    seconds = line.get("seconds", 0)
    check_number("seconds", seconds, at_least=0)
    cast = Cast(voter, place, line["prompt"], a, b, line["vote"], part, again, float(seconds))
    if cast.chosen:
        sides = {side: Response(line[side], line[f"{side}_ended"]) for side in ("chosen", "rejected")}
        if sides != {"chosen": cast.chosen, "rejected": b if cast.vote == "a" else a}:
            raise ValueError("chosen and rejected are not the sides that were voted on")
    return cast


def gather(paths: Sequence[Path], context_length: int) -> tuple[list[Cast], list[str]]:
    """All votes of all files, those that are in two of them once -> (casts, their lines).

    Raises Problem where two files disagree about what one voter, or a show of hands, has said on a pair.
    """
    known: dict[tuple[int, int], Counter[Cast]] = {}
    kept: dict[Cast, str] = {}
    strangers: dict[int, list[str]] = {}
    for path in paths:
        here: dict[tuple[int, int], Counter[Cast]] = {}
        for cast, line in zip(*read_casts(path, context_length, strangers)):
            said = here.setdefault((cast.voter, cast.number), Counter())
            said[cast] = said[cast] + 1 if cast.voter == HANDS else 1
            kept.setdefault(cast, line)
        for (voter, number), said in here.items():
            if known.setdefault((voter, number), said) != said and voter == HANDS:
                what = f"the hands on pair {number + 1} were counted in another file too, and differently"
                raise Problem(f"{safe(path)}: {what}; leave one of the two files out")
            if len(known[voter, number] | said) > 1 and voter != HANDS:
                where = "this file" if len(said) > 1 else "another file"
                what = f"voter {voter} has another vote on pair {number + 1} in {where}"
                raise Problem(f"{safe(path)}: {what}; give everybody a number of their own")
    casts = [cast for said in known.values() for cast in said.elements()]
    return casts, [kept[cast] for cast in casts]


def save_lines(lines: Sequence[str], path: str | Path) -> None:
    """Write lines of votes into one file, whole or not at all."""
    atomically(path, lambda file: file.write(("\n".join(lines) + "\n").encode("utf-8")))
