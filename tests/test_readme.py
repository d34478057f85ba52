"""What README and docs/ promise: the code in them runs and prints what they say, and what they link to is there."""

import contextlib
import io
import re
from pathlib import Path

import house_map
import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_first_pages_are_for_the_newcomer():
    assert README.count("\n") <= 200
    assert README.index("tour --fast") < README.index("pytest") < 2500


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_run_and_print_what_the_page_says(page):
    for code, printed in re.findall(r"```python\n(.*?)```\n\nprints\n\n((?:    [^\n]*\n)+)", page.read_text(encoding="utf-8"), re.S):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, str(page), "exec"), {"__name__": "example"})
        assert out.getvalue() == re.sub(r"^    ", "", printed, flags=re.M)


def test_there_is_an_example():
    assert "```python\n" in README and "\nprints\n" in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_map_of_the_house_is_that_of_the_house():
    """`python tests/house_map.py` writes it anew."""
    assert (ROOT / "docs" / "house.md").read_text(encoding="utf-8") == house_map.page()


def test_nothing_outside_the_repository_is_named():
    for path in [*PAGES, *(ROOT / "minialign").rglob("*.py"), *(ROOT / "lessons").rglob("*.py"), *(ROOT / "tests").glob("*.py")]:
        if path.name != Path(__file__).name:
            assert "../" + "shared" not in path.read_text(encoding="utf-8"), path
