"""References: whatever the tree cites is listed, whatever is listed is cited, and both say the same of it."""

from pathlib import Path

import pytest

from minialign.runs.errors import Problem
from minialign.teach.kit.references import citations, read_references

ROOT = Path(__file__).resolve().parent.parent
LISTED = read_references(ROOT / "lessons" / "kit" / "references.md")
BY_KEY = {reference.key: reference for reference in LISTED}
WHERE = ("minialign/**/*.py", "tests/*.py", "lessons/**/*.py", "lessons/kit/*.md", "docs/*.md", "README.md")
NOT_CITING = {"references.md", "references.py", "test_references.py"}  # their examples are no citations


@pytest.fixture(scope="module")
def cited():
    files = sorted(path for pattern in WHERE for path in ROOT.glob(pattern) if path.name not in NOT_CITING)
    return [(path.name, found) for path in files for found in citations(path.read_text(encoding="utf-8"))]


def test_whatever_is_cited_is_listed_with_its_title_and_number(cited):
    for file, found in cited:
        listed = BY_KEY.get(found.key)
        assert listed, f"{file} cites {found.authors} {found.year}; add it to lessons/kit/references.md"
        assert found.arxiv in ("", listed.arxiv), (file, found)
        assert listed.title.lower().startswith(found.title.lower()), (file, found.title, listed.title)


def test_an_equation_a_section_or_a_figure_is_cited_only_if_it_was_looked_up(cited):
    used = {reference.key: set() for reference in LISTED}
    for file, found in cited:
        assert set(found.places) <= set(BY_KEY[found.key].places), (file, found)
        used[found.key] |= set(found.places)
    assert {key: set(reference.places) for key, reference in BY_KEY.items()} == used


def test_whatever_is_listed_is_cited_once_and_in_order(cited):
    assert {reference.key for reference in LISTED} == {found.key for _, found in cited}
    keys = [(reference.authors.lower(), reference.year) for reference in LISTED]
    assert keys == sorted(keys) and len(BY_KEY) == len(LISTED)


def test_many_authors_are_never_cited_as_one(cited):
    for file, found in cited:
        alone = " " not in found.authors
        assert alone == (" " not in BY_KEY[found.key].authors), f"{file}: {found.authors} {found.year}"


@pytest.mark.parametrize(
    ("text", "authors", "year", "places"),
    [
        ("   L = x   (Rafailov et al. 2023, equation 7)", "Rafailov et al.", 2023, ["equation 7"]),
        ("# as Gao, Schulman\n# & Hilton (2022), for PPO", "Gao, Schulman & Hilton", 2022, []),
        ("* Rafailov et al., *Direct*, 2023 (arXiv 2305.18290), section 4 for it, appendix\n#   A.1 and A.2 for all.",
         "Rafailov et al.", 2023, ["section 4", "appendix A.1", "appendix A.2"]),
        ("* Sutton and Barto, *Learning*, 2nd edition, 2018, chapter 13: gradients", "Sutton and Barto", 2018, ["chapter 13"]),
    ],
)  # fmt: skip
def test_both_ways_of_citing_are_found(text, authors, year, places):
    (found,) = citations(text)
    assert (found.authors, found.year, found.places) == (authors, year, places)


def test_a_month_is_no_author_and_an_entry_that_cannot_be_read_is_one_line(tmp_path):
    assert list(citations("As of September 2026: `DPOTrainer`, and 1900 votes.")) == []
    (tmp_path / "x.md").write_text("**Nobody**: *Nothing*.\n", encoding="utf-8")
    with pytest.raises(Problem, match=r"x\.md"):
        read_references(tmp_path / "x.md")
