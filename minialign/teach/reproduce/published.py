"""Published numbers, read where they are published, and compared with the same numbers made again.

A published number is a middle with the smallest and the largest of its seeds: a band of lessons/bands.json, a cell
"0.59 [0.54, 0.66]" of a table, a claim of an experiment's report.  What a command prints today is read in the same way, so
each number finds its counterpart by its name.  It has changed beyond its spread if

    smallest <= middle of today's seeds <= largest          is not so.

With n seeds drawn anew (another machine, other code) the middle lies outside the old spread by chance, if numbers are
normal: in 40% of the cases with n = 3, in 17% with 5, in 2% with 10, hardly ever with 20.  So below ten seeds such a number
is only "near" as long as the old spread and the new one overlap; by chance they do not in 10% of the cases with 3, and in
0.8% with 5.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

ROUNDING = 1e-5  # sums of float32 that are taken in another order: what is exactly 0 or 1 may be this far off
WITHOUT_SPREAD = 0.01  # a number that is printed without its spread: one percent
MANY = 10  # seeds, from which on the spread alone decides
TOLERANCE = (
    f"Each number may also differ by half of its last digit and by {ROUNDING:g}; one that is published without a spread by "
    f"{WITHOUT_SPREAD:.0%}. Seconds, memory and sizes of files depend on the machine: they are shown and not judged."
)

NUMBER = r"[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?"
QUANTITY = re.compile(rf"(?<![\w.])({NUMBER})%?(?: \[({NUMBER})%?, ({NUMBER})%?\])?")
MACHINE = re.compile(r"\b(seconds|minutes|peak memory|megabytes|machine|ms)\b")
BLOCK = re.compile(r"^<!-- begin: ([^\n]+) -->\n(.*?)^<!-- end", re.S | re.M)


@dataclass(frozen=True)
class Quantity:
    """A number, the smallest and the largest of its seeds, and half of a unit of its last printed digit (0: it is a count)."""

    middle: float
    low: float
    high: float
    half: float = 0.0
    seeds: int = 0  # 0: published without a spread

    def __str__(self) -> str:
        middle, low, high = (f"{x:.5g}" for x in (self.middle, self.low, self.high))
        return middle if low == high else f"{middle} [{low}, {high}]"


def verdict(name: str, published: Quantity, now: Quantity | None) -> str:
    """inside | near | OUTSIDE | MISSING | not judged, for one published number and the same number today."""
    if MACHINE.search(name):
        return "not judged"
    if now is None:
        return "MISSING"
    slack = max(published.half + now.half, ROUNDING)
    if not published.seeds:
        slack = max(slack, WITHOUT_SPREAD * abs(published.middle))
    low, high = published.low - slack, published.high + slack
    if low <= now.middle <= high:
        return "inside"
    return "near" if 0 < published.seeds < MANY and now.low <= high and now.high >= low else "OUTSIDE"


# ---------------------------------------------------------------------------------------------- from text
def quantities(text: str, seeds: int = 0) -> list[Quantity]:
    """All numbers of a text, each with its spread if it has one.  seeds: how many the spreads are over."""

    def read(found: re.Match) -> Quantity:
        middle, low, high = (float((part or found[1]).replace(",", "")) for part in found.groups())
        digits, _, exponent = found[1].partition("e")
        unit = 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
        count = found[1].replace(",", "").isdigit() and not found[0].startswith(f"{found[1]}%")  # which nobody has rounded
        return Quantity(middle, low, high, 0.0 if count else unit / 2, seeds if found[2] else 0)

    return [read(found) for found in QUANTITY.finditer(text)]


def alone(x: float) -> Quantity:
    """A number without a spread."""
    return Quantity(float(x), float(x), float(x))


def how_many_seeds(text: str) -> int:
    """Over how many seeds a text says its numbers are; 1 if it does not say."""
    said = re.search(r"\b(\d+) seeds", text)
    return int(said[1]) if said else 1


def named(pairs: Iterator[tuple[str, Quantity]]) -> dict[str, Quantity]:
    """Name -> quantity; a name that comes again gets a number."""
    found: dict[str, Quantity] = {}
    times: Counter[str] = Counter()
    for name, value in pairs:
        times[name] += 1
        found[name if times[name] == 1 else f"{name} ({times[name]})"] = value
    return found


def blocks(text: str) -> dict[str, str]:
    """What is between <!-- begin: COMMAND --> or <!-- begin: COMMAND, WHAT --> and <!-- end: command -> text.

    WHAT is "measured" if all of it depends on the machine: then it is left out.
    """
    found: dict[str, str] = {}
    for name, block in BLOCK.findall(text):
        command, _, what = name.partition(", ")
        if what != "measured":
            found[command] = found.get(command, "") + block
    return found


def tables(text: str) -> dict[str, Quantity]:
    """The numbers of all Markdown tables of a text -> "row · column" -> quantity."""
    return named(_cells(text, how_many_seeds(text)))


def _cells(text: str, seeds: int) -> Iterator[tuple[str, Quantity]]:
    head: list[str] = []
    lines = text.splitlines()
    for line, following in zip(lines, [*lines[1:], ""]):
        row = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if re.match(r"\|[-|: ]+\|$", following):
            head = row
        elif line.startswith("|") and not re.match(r"\|[-|: ]+\|$", line):
            for column, cell in zip(head[1:], row[1:]):
                name = f"{row[0]} · {column}" if column else row[0]
                yield from ((name, value) for value in quantities(cell, seeds))


def rows(text: str) -> list[str]:
    """The first cells of the rows of all tables that are written `like this`."""
    return re.findall(r"^\| `([\w-]+)` \|", text, re.M)


def lab_report(text: str) -> dict[str, Quantity]:
    """An experiment's report: whether each claim was seen (1, 0), and all numbers that are printed with their spread."""
    seeds = how_many_seeds(text)
    head, *claims = re.split(r"^(?=(?:seen|NOT SEEN): )", text, flags=re.M)

    def found() -> Iterator[tuple[str, Quantity]]:
        for line in head.splitlines():
            label = re.split(r"\s{2,}", line.strip())[0]
            yield from ((label, value) for value in quantities(line, seeds) if value.seeds)
        for claim in claims:
            said = " ".join(re.split(r"^(?=Why not: |This is the |What this )", claim, flags=re.M)[0].split())
            seen, _, rest = said.partition(": ")
            sentence = rest.partition(" (")[0]
            yield f"seen: {sentence}", alone(seen == "seen")
            yield from ((sentence, value) for value in quantities(rest, seeds) if value.seeds)

    return named(found())


# ---------------------------------------------------------------------------------------------- from JSON
def bands(found: dict[str, Any], fast: bool) -> dict[int, dict[str, dict[str, Quantity]]]:
    """lessons/bands.json -> number of seeds -> lesson -> name -> quantity (its middle is not published: that of its band)."""
    groups: dict[int, dict[str, dict[str, Quantity]]] = {}
    for lesson, cuts in found.items():
        numbers = cuts.get("fast" if fast else "full", {})
        for seeds in [max(n for _, _, n in numbers.values())] if numbers else []:
            groups.setdefault(seeds, {})[lesson] = {
                name: Quantity((low + high) / 2, low, high, seeds=n) for name, (low, high, n) in numbers.items()
            }
    return groups


def prepared(found: dict[str, Any]) -> dict[str, Quantity]:
    """What `minialign prepare` keeps -> the seconds and megabytes of each stage and lesson, and how many claims were seen."""

    def all_rows() -> Iterator[tuple[str, Quantity]]:
        for name, row in (found["stages"] | found["lessons"]).items():
            for what in ("seconds", "at_first", "megabytes"):
                yield f"{name} · {what.replace('at_first', 'seconds at first')}", alone(row[what])
            for what, value in zip(("claims seen", "claims"), quantities(row["remark"])):
                yield f"{name} · {what}", value

    return named(all_rows())
