"""`minialign votes`: the files of a class become one; who agrees with whom, who was careless, and what the crowd likes."""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..classroom.casts import HANDS, Cast, gather, save_lines
from ..classroom.crowd import Voter, everybody, matrix, repeats
from ..classroom.taste import sentence, taste_of
from ..pipeline import FULL
from ..runs.text import interval, paragraph, quoted, safe

MERGED = "class-votes.jsonl"
WIDEST = 60  # voters in a printed matrix
WIDE = 5  # characters of a voter's number
PARTS = {
    "shared": "seen by all",
    "unsure": "chosen where the reward model was unsure",
    "random": "their control, at random",
    "hands": "by show of hands",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("merge", "show"), help="make one file of many; or say what is in them")
    parser.add_argument("files", nargs="+", metavar="FILE", help="files of votes (minialign vote --voter N)")
    parser.add_argument("--to", metavar="FILE", default=MERGED, help=f"where merged votes go (default {MERGED})")


def run(arguments: argparse.Namespace) -> None:
    casts, lines = gather([Path(file) for file in arguments.files], FULL.model.context_length)
    if arguments.what == "merge":
        save_lines(lines, arguments.to)
        print(f"{counts(casts)}, in {safe(arguments.to)}")
        print(f"  what they say:      minialign votes show {quoted(arguments.to)}")
        train = f"minialign tour --votes {quoted(arguments.to)}"
        print(f"  to train on them:   {train} (with the flags of the run they were cast on)")
    else:
        print("\n".join(report(casts)))


def counts(casts: Sequence[Cast]) -> str:
    votes = [cast.vote for cast in casts]
    people = len({cast.voter for cast in casts} - {HANDS})
    voters = [f"{people} voter{'s' * (people > 1)}"] * (people > 0)
    who = " and ".join(voters + ["a room's hands"] * any(cast.voter == HANDS for cast in casts))
    voted = votes.count("a") + votes.count("b")
    return f"{who}: {voted} votes, {votes.count('tie')} about the same, {votes.count('skip')} skipped"


def report(casts: Sequence[Cast]) -> list[str]:
    """Everything about a class's votes -> lines."""
    taste = taste_of(casts)
    voters = everybody(casts, taste.probability)
    few = "shared", "hands"  # of a few pairs, whose sides say little
    sides = [cast.vote for cast in casts if cast.chosen and cast.sided and cast.part not in few]
    left = sides.count("a")
    alike = [same for voter in voters for same in repeats([cast for cast in casts if cast.voter == voter.number])]
    names, agreed, of = matrix(casts)
    above = np.triu_indices(len(names), 1)
    between = int(np.nansum(agreed[above] * of[above]) + 0.5), int(of[above].sum())
    room = room_with_itself(casts)
    shares = (
        ("the left answer", (left, len(sides)), "a coin toss, if the sides are mixed"),
        ("with themselves", (sum(alike), len(alike)), f"of {len(alike)} pairs"),
        ("with each other", between, f"of {between[1]} times that two people saw the same pair"),
        ("room with itself", room, f"of {room[1]} pairs that came twice, most hands decide"),
    )
    lines = [counts(casts), *(f"  {name:<17} {interval(*share)}   {words}" for name, share, words in shares if share[1])]
    lines += [f"  {line}" for line in parts(casts)]
    return lines + matrix_lines(names, agreed, of) + careless_lines(voters) + [paragraph(sentence(taste))]


def room_with_itself(casts: Sequence[Cast]) -> tuple[int, int]:
    """Of the pairs that a show of hands decided twice, on how many did most hands go the same way, sides apart?"""
    hands = [cast for cast in casts if cast.voter == HANDS and cast.chosen]
    went: dict[int, Counter] = {}
    for cast in hands:
        went.setdefault(cast.number, Counter())[cast.chosen] += 1
    most = {number: {a for a in said if said[a] == max(said.values())} for number, said in went.items()}  # two, of a tie
    twice = {(cast.number, cast.repeat_of) for cast in hands if cast.repeat_of in most}
    return sum(most[again] == most[first] for again, first in twice), len(twice)


def parts(casts: Sequence[Cast]) -> list[str]:
    """How often each part of the pairs felt about the same: such votes are lost to training."""
    lines = []
    for part, words in PARTS.items():
        own = [cast for cast in casts if cast.part == part and cast.vote != "skip" and cast.repeat_of is None]
        if own:
            ties = sum(cast.vote == "tie" for cast in own)
            lines.append(f"{part:<8}{len(own):4d} decisions, {ties / len(own):4.0%} about the same   {words}")
    return lines


def matrix_lines(names: list[int], agreed: np.ndarray, of: np.ndarray) -> list[str]:
    """The matrix of agreement in tenths, one character for each two voters, and each one's agreement with all others."""
    if not 2 <= len(names) <= WIDEST:
        return []
    lines = [
        "agreement in tenths (9: 90% or more; a dot: no pair in common; on the diagonal, with",
        "oneself; at the end of a row: with all others)",
    ]
    above = zip(*(str(name).rjust(WIDE) for name in names))  # the voters' numbers, written downward
    lines += [f"  {'':>{WIDE}} {in_tens(digits)}".rstrip() for digits in above if set(digits) != {" "}]
    for i, (name, row) in enumerate(zip(names, agreed)):
        cells = ["." if np.isnan(share) else str(min(9, int(share * 10 + 1e-9))) for share in row]
        others = np.arange(len(names)) != i
        same, n = np.nansum(row[others] * of[i, others]), of[i, others].sum()
        lines.append(f"  {name:>{WIDE}} {in_tens(cells)}   {f'{same / n:4.0%}' if n else ''}".rstrip())
    return lines


def in_tens(cells: Sequence[str]) -> str:
    return " ".join("".join(cells[i : i + 10]) for i in range(0, len(cells), 10))


def careless_lines(voters: Sequence[Voter]) -> list[str]:
    """Who may not have looked, and why; a suspicion, no proof."""
    found = [f"  voter {voter.number}: {voter.careless}" for voter in voters if voter.careless]
    if not found:
        return ["careless: nobody, as far as so few votes can tell"] if voters else []
    return ["careless, perhaps: with so few votes this is a suspicion, not proof", *found]
