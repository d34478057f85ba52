"""Votes by show of hands: a pair, and how many are for each side.

`7 23` becomes 7 votes for a and 23 for b, each a line of the file as `minialign vote` writes it, so training reads it as it is.
The file is written whole after every pair: what was typed is on disk before the next pair is shown.
"""

import json
from pathlib import Path

from ..runs.errors import Problem
from ..runs.text import safe
from ..runs.voting import Pair, line_of
from .casts import HANDS, save_lines

MOST = 999  # hands
Count = tuple[int, int]  # for a, for b


def read_count(text: str) -> Count | None:
    """`7 23` -> (7, 23); None for anything else."""
    numbers = text.split()
    if len(numbers) != 2 or not all(number.isdecimal() and len(number) <= len(str(MOST)) for number in numbers):
        return None
    return int(numbers[0]), int(numbers[1])


def majority(count: Count) -> str:
    """What the room as one voter decides: a, b, tie, or skip where nobody raised a hand."""
    a, b = count
    return "skip" if a == b == 0 else "tie" if a == b else "a" if a > b else "b"


def lines_of(pair: Pair, count: Count, number: int, model: str) -> list[str]:
    """One line for each hand, or one that says that there were none; number: how many pairs were counted before."""
    pair = Pair(pair.question, pair.a, pair.b, pair.repeat_of, "hands")
    votes = ["a"] * count[0] + ["b"] * count[1] or ["skip"]
    lines = {vote: json.dumps(line_of(pair, vote, number, 0.0, model, HANDS)) for vote in set(votes)}
    return [lines[vote] for vote in votes]


def save(path: Path, pairs: list[Pair], counts: list[Count], model: str) -> None:
    """Write all that was counted so far, and nothing else."""
    lines = [line for n, (pair, count) in enumerate(zip(pairs, counts)) for line in lines_of(pair, count, n, model)]
    save_lines(lines, path)


def load(path: Path, pairs: list[Pair], model: str) -> list[Count]:
    """What was counted on these pairs before -> a count for each of the first ones.

    Raises Problem if the file is not of this model, or of other pairs.
    """
    counts: list[list[int]] = []
    text = path.read_text(encoding="utf-8-sig", errors="replace") if path.exists() else ""
    for k, raw in enumerate(filter(None, map(str.strip, text.splitlines())), 1):
        try:
            line = json.loads(raw)
            number, side = line["pair"], ("a", "b", "skip").index(line["vote"])
            pair, said = pairs[number], [line[name] for name in ("model", "voter", "prompt", "a", "b")]
            expected = [model, HANDS, pair.question, pair.a.text, pair.b.text]
            if said != expected or not max(0, len(counts) - 1) <= number:
                raise ValueError
        except (ValueError, LookupError, TypeError, RecursionError):
            what = f"line {k} was not counted on these pairs"
            raise Problem(f"{safe(path)}: {what}; move that file away, or name another with --to FILE") from None
        counts += [[0, 0, 0] for _ in range(number + 1 - len(counts))]
        counts[number][side] += 1
    return [(a, b) for a, b, _ in counts]
