"""The references: read from lessons/kit/references.md, and found where code or a lesson cites them.

**Rafailov et al. 2023**: *Direct Preference Optimization*. arXiv 2305.18290. [equation 7]       how one is listed
(Rafailov et al. 2023, equation 7)                                                             how code cites it
Rafailov et al., *Direct Preference Optimization*, 2023 (arXiv 2305.18290), equation 7           how a lesson cites it
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .glossary import entries

LISTED = re.compile(r"\*\*(.+?) (\d{4})\*\*: (\*(.+?)\*.*?)(?: \[([^]]+)\])?")
NAME = r"[A-Z][A-Za-z'-]+"
MONTH = "(?!January|February|March|April|May|June|July|August|September|October|November|December)"
CITED = re.compile(
    rf"\b{MONTH}({NAME}(?: et al\.|(?:, {NAME})*,? (?:&|and) {NAME}|(?:, {NAME})+)?),? "
    r"(?:\*([^*]+)\*,(?: 2nd edition,)? )?\(?((?:18|19|20)\d\d)\b\)?"
    r"(?: \(([^()]*)\))?((?:(?:,| and)? (?:equations?|sections?|appendix|algorithm|chapter|figure) [A-Z0-9][^:;()*]*)?)"
)
WHICH = r"(?:[A-Z]\b|\d)[\d.]*"  # 7, 3.1, A.2
PLACE = re.compile(rf"(equation|section|appendix|algorithm|chapter|figure)s? ({WHICH}(?:(?:, | and ){WHICH})*)")
ARXIV = re.compile(r"arXiv (\d{4}\.\d{5})")


@dataclass(frozen=True)
class Reference:
    authors: str  # as one cites it: "Rafailov et al."
    year: int
    text: str  # title and where it appeared, Markdown
    title: str
    arxiv: str  # "" if it is not there
    places: list[str]  # "equation 7": those that may be cited

    @property
    def key(self) -> tuple[str, int]:
        return first_author(self.authors), self.year


@dataclass(frozen=True)
class Citation:
    authors: str
    year: int
    title: str  # "" where it has none: code gives author and year alone
    arxiv: str
    places: list[str]

    @property
    def key(self) -> tuple[str, int]:
        return first_author(self.authors), self.year


def first_author(authors: str) -> str:
    return re.split(r",? et al\.|, | & | and ", authors)[0]


def read_references(path: Path) -> list[Reference]:
    """references.md -> list of Reference.  An entry is a paragraph.  Raises Problem for one that cannot be read."""
    found = entries(path, LISTED, "**Author 2023**: *Title*. Where.")
    return [Reference(e[1], int(e[2]), e[3], e[4], arxiv_of(e[3]), e[5].split(", ") if e[5] else []) for e in found]


def citations(text: str) -> Iterator[Citation]:
    """Every work that a source file or a page cites with its year."""
    line = " ".join(re.sub(r"^\s*#", "", text, flags=re.M).split())
    for found in CITED.finditer(line):
        authors, title, year, where, tail = found.groups(default="")
        places = [f"{kind} {which.rstrip('.')}" for kind, some in PLACE.findall(tail) for which in re.split(", | and ", some)]
        yield Citation(authors, int(year), title, arxiv_of(where), places)


def arxiv_of(text: str) -> str:
    found = ARXIV.search(text)
    return found[1] if found else ""
