"""Which hand-ins are alike: what is left of two files when comments, layout and the exercise's own text are taken away.

    similarity = |A & B| / min(|A|, |B|),    A, B: the sets of five tokens in a row          (containment, Broder 1997)

So lines that are added to a copy do not hide it.  A note and no verdict: a short exercise has few right answers, and two who
have never met may write the same line.  Files are read, never run.
"""

import io
import tokenize
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

ROW = 5  # tokens
LEAST = 15  # rows of a student's own, below which a file is too short to compare
ALIKE = 0.8
LAYOUT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER,
}  # fmt: skip


def tokens(text: str) -> list[str]:
    """The tokens of a file, comments and layout aside; of what is no Python, those before the error."""
    found: list[str] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type not in LAYOUT:
                found.append(token.string)
    except (tokenize.TokenError, SyntaxError):
        pass
    return found


def rows(text: str) -> set[tuple[str, ...]]:
    """Every five tokens in a row."""
    said = tokens(text)
    return {tuple(said[i : i + ROW]) for i in range(len(said) - ROW + 1)}


def similarity(a: set, b: set) -> float:
    return len(a & b) / min(len(a), len(b)) if a and b else 0.0


def alike(paths: Sequence[Path], given: str) -> list[tuple[int, int, float]]:
    """Pairs of files that are alike -> (place, place, similarity), the most alike first.  given: the exercise as handed out."""
    theirs = rows(given)
    own = [rows(read(path)) - theirs for path in paths]
    long_enough = [i for i, left in enumerate(own) if len(left) >= LEAST]
    found = [(i, j, similarity(own[i], own[j])) for i, j in combinations(long_enough, 2)]
    return sorted((pair for pair in found if pair[2] >= ALIKE), key=lambda pair: -pair[2])


def groups(pairs: Sequence[tuple[int, int, float]]) -> list[tuple[list[int], float]]:
    """Pairs that are alike -> (all who are joined by them, their least similarity), the largest group first.

    Of thirty who wrote the same line, 435 pairs would be no note.
    """
    group = {place: {place} for i, j, _ in pairs for place in (i, j)}
    for i, j, _ in pairs:
        group[i] |= group[j]
        group.update(dict.fromkeys(group[i], group[i]))
    joined = {tuple(sorted(each)) for each in group.values()}
    least = [(list(each), min(share for i, _, share in pairs if i in each)) for each in joined]
    return sorted(least, key=lambda found: (-len(found[0]), found[0]))


def read(path: Path, most: int = 100_000) -> str:
    """The beginning of a file as text; nothing of one that cannot be read."""
    try:
        if not path.is_file():  # to open a pipe would wait for ever
            return ""
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return file.read(most)
    except (OSError, ValueError):
        return ""
