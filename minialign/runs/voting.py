"""What one voter is shown, and the file of votes.

A sitting is 20 pairs: 15 new ones, and five that come a second time, not before five others, three of them with
their sides exchanged.  Which pairs these are follows from the SFT model, the run's seed and the number of the sitting,
so a voter can stop anywhere and go on.

The file has one line of JSON per pair.  `prompt`, `chosen` and `rejected` are named as TRL names them; "about the same"
and "skip" leave chosen and rejected null, and training passes over them.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..batch import Response, prompt_ids
from ..generate import generate
from ..model import LanguageModel
from ..world import sample_prompts
from .errors import Problem
from .text import safe

NEW, REPEATED, TURNED = 15, 5, 3
SITTING = NEW + REPEATED
BEFORE_REPEATS = 8  # the pairs that come again are among the first eight
DECISIONS = {"a": "a", "b": "b", "t": "tie", "s": "skip"}

# What people can judge: no obscure things.  A made-up name has one honest answer, and anyone can see whether it is given.
JUDGEABLE = {"known": 0.3, "fictional": 0.15, "howto": 0.15, "borderline": 0.15, "dangerous": 0.15, "claim_false": 0.1}


@dataclass(frozen=True)
class Pair:
    question: str
    a: Response
    b: Response
    repeat_of: int | None = None  # its place in the sitting when it was shown first
    part: str = ""  # of a class's sitting: shared, unsure or random (classroom/pairs.py)


def sitting(model: LanguageModel, seed: int, number: int, max_new_tokens: int) -> list[Pair]:
    """The 20 pairs of one sitting.  Raises Problem if the model's answers do not differ."""
    rng = np.random.default_rng([seed, number])
    return with_repeats(new_pairs(model, rng, max_new_tokens), rng)


def with_repeats(new: list[Pair], rng: np.random.Generator) -> list[Pair]:
    """The 15 new pairs in this order, and five of them once more, three of these with the sides exchanged."""
    fresh, repeats = iter(new), plan(rng)
    turned = {sorted(repeats)[k] for k in rng.random(REPEATED).argsort()[:TURNED]}
    pairs: list[Pair] = []
    for place in range(SITTING):
        if place in repeats:
            first = pairs[repeats[place]]
            a, b = (first.b, first.a) if place in turned else (first.a, first.b)
            pairs.append(Pair(first.question, a, b, repeats[place], first.part))
        else:
            pairs.append(next(fresh))
    return pairs


def plan(rng: np.random.Generator) -> dict[int, int]:
    """Where a pair comes again -> dict: its second place -> its first.  Never two repeats in a row."""
    gaps = np.sort(rng.choice(SITTING - BEFORE_REPEATS - REPEATED + 1, REPEATED, replace=False))
    again = BEFORE_REPEATS + gaps + np.arange(REPEATED)  # what lies between two of them is at least one new pair
    while True:
        first = rng.choice(BEFORE_REPEATS, REPEATED, replace=False)
        if (again - first > 5).all():
            return dict(zip(again.tolist(), first.tolist()))


def new_pairs(model: LanguageModel, rng: np.random.Generator, max_new_tokens: int, tries: int = 10) -> list[Pair]:
    """Two different readable answers to each of 15 different questions of the training list."""
    pairs: dict[str, Pair] = {}
    for _ in range(tries):
        questions = [p.text for p in sample_prompts(rng, 2 * NEW, "train", JUDGEABLE)]
        prompts = [prompt_ids(q) for q in questions for _ in range(2)]
        answers = generate(model, prompts, max_new_tokens, 1.0, rng).responses()
        for question, a, b in zip(questions, answers[0::2], answers[1::2]):
            if readable(a) and readable(b) and a != b:
                pairs.setdefault(question, Pair(question, a, b))
        if len(pairs) >= NEW:
            return list(pairs.values())[:NEW]
    raise Problem("the SFT model of this run hardly ever gives two different answers; vote on another run")


def readable(answer: Response) -> bool:
    """Whether there is a text to vote on; "<" is how a special token begins when it is printed by its name."""
    return bool(answer.text.strip()) and "<" not in answer.text


def fingerprint(model: LanguageModel) -> str:
    """A short digest of a model's parameters: votes are on the words of one model."""
    digest = hashlib.sha256()
    for parameter in model.parameters():
        digest.update(parameter.data.tobytes())
    return digest.hexdigest()[:12]


def line_of(pair: Pair, decision: str, number: int, seconds: float, model: str, voter: int | None = None) -> dict:
    """One line of the file.  decision: a, b, tie or skip; number: how many lines are before it; voter: in a class."""
    chosen, rejected = {"a": (pair.a, pair.b), "b": (pair.b, pair.a)}.get(decision, (None, None))
    return {
        "prompt": pair.question,
        "chosen": chosen and chosen.text,
        "rejected": rejected and rejected.text,
        "chosen_ended": chosen and chosen.ended,
        "rejected_ended": rejected and rejected.ended,
        "vote": decision,
        "a": pair.a.text,
        "a_ended": pair.a.ended,
        "b": pair.b.text,
        "b_ended": pair.b.ended,
        "pair": number,
        "repeat_of": None if pair.repeat_of is None else number // SITTING * SITTING + pair.repeat_of,
        "seconds": round(seconds, 1),
        "model": model,
    } | ({} if voter is None else {"voter": voter, "part": pair.part})


def side_by_side(pairs: list[Pair], decisions: list[str]) -> list[tuple[int, str]]:
    """A sitting with every pair that came twice beside its return -> list of (number of the pair, choice).

    A choice is named by the side on which the answer was at first: a consistent voter has the same letter twice.
    """
    other = {"a": "b", "b": "a"}
    columns = []
    for place, (pair, decision) in enumerate(zip(pairs, decisions)):
        first = place if pair.repeat_of is None else pair.repeat_of
        swapped = pair.a != pairs[first].a
        columns.append((first, place, other.get(decision, decision) if swapped else decision))
    number = {first: i + 1 for i, first in enumerate(sorted({first for first, _, _ in columns}))}
    return [(number[first], choice) for first, _, choice in sorted(columns)]


def check_line(line: dict, number: int, model: str, voter: int | None = None) -> None:
    """Raise ValueError, LookupError or TypeError unless this is a line of ours, at its place, about this model."""
    texts = [line[name] for name in ("prompt", "a", "b")]
    first = line["repeat_of"]
    whole = all(isinstance(text, str) for text in texts) and line["vote"] in DECISIONS.values()
    if not whole or {"a_ended", "b_ended", "chosen_ended"} - set(line) or not (first is None or 0 <= first < number):
        raise ValueError("it is not whole")
    if (line["model"], line["pair"], line.get("voter")) != (model, number, voter):
        raise ValueError("it is on another model's answers, or another voter's")


@contextmanager
def locked(file: BinaryIO) -> Iterator[None]:
    """Hold the lock of this open file until the block ends."""
    if os.name == "nt":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined]  # tries for ten seconds
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if os.name == "nt":
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined]


class Ballots:
    """The file of one voter.  `lines` are its lines as dicts; a line is on disk before `add` returns.

    voter: a number in a class.  Raises Problem, naming the line, for a file to which these votes cannot be added.
    """

    def __init__(self, path: str | Path, model: str, voter: int | None = None):
        self.path, self.model, self.voter = Path(path), model, voter
        self.lines, self.ends = [], [0]  # of each line the place in the file where it ends
        content = self.path.read_bytes() if self.path.exists() else b""
        self.size = len(content)  # the file's size, as far as this voter knows
        for number, raw in enumerate(content.splitlines(keepends=True)):
            try:
                line = json.loads(raw)
                check_line(line, number, model, voter)
            except (ValueError, LookupError, TypeError, RecursionError) as problem:
                if self.ends[-1] + len(raw) == len(content) and not raw.endswith(b"\n"):
                    break  # the power failed in the middle of this line: ask again
                what = f"line {number + 1} is not a vote of this run ({problem}); move that file away and vote again"
                raise Problem(f"{safe(self.path)}: {what}") from None
            self.lines.append(line)
            self.ends.append(self.ends[-1] + len(raw))

    def add(self, pair: Pair, decision: str, seconds: float) -> None:
        line = line_of(pair, decision, len(self.lines), seconds, self.model, self.voter)
        self._write(json.dumps(line).encode() + b"\n")
        self.lines.append(line)

    def undo(self) -> None:
        """Take the last line back."""
        self.lines.pop(), self.ends.pop()
        self._write(b"")

    def _write(self, raw: bytes) -> None:
        """Put this behind the last line that counts, and wait until it is on disk."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a+b"), open(self.path, "r+b") as file, locked(file):
            if os.fstat(file.fileno()).st_size != self.size:
                raise Problem(f"{safe(self.path)}: another voter is writing to it; use a file of your own: --to FILE")
            end = self.ends[-1]
            file.seek(max(0, end - 1))
            if raw and file.read(1) not in (b"", b"\n") and end:  # an editor took the last line's end away
                raw = b"\n" + raw
            file.truncate(end)
            file.seek(end)
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
            self.size = end + len(raw)
        if raw:
            self.ends.append(self.size)
