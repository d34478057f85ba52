"""What README, CONTRIBUTING and docs/ promise: their Python runs and prints what they say, and what they link to is there."""

import ast
import contextlib
import io
import re
import shutil
import sys
from pathlib import Path

import house_map
import pytest
from shown import PAGES, ROOT, pieces
from toy import TOY

import minialign.ppo
import minialign.teach.kit.notebooks
from minialign import pipeline
from minialign.teach import layout

README = (ROOT / "README.md").read_text(encoding="utf-8")
HEADS = "train_grpo make_grpo draw add_arguments run".split()  # of functions that somebody is to write: name(arguments)


def test_the_first_pages_are_for_the_newcomer():
    assert README.count("\n") <= 200
    assert README.index("tour --fast") < README.index("pytest") < 2500


def test_the_examples_run_and_print_what_the_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        examples = re.findall(r"```python\n(.*?)```\n\nprints\n\n((?:    [^\n]*\n)+)", text, re.S)
        assert len(examples) == text.count("```python") == text.count("\nprints\n"), page
        for code, printed in examples:
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(code, str(page), "exec"), {"__name__": "example"})
            assert out.getvalue() == re.sub(r"^    ", "", printed, flags=re.M)


def calls():
    """The calls in the sentences of all pages, each once: what is in backticks, and is a call in Python."""
    found = {}
    for page in PAGES:
        for piece, is_line in pieces(page.read_text(encoding="utf-8")):
            with contextlib.suppress(SyntaxError):
                call = f"journey{piece}" if piece.startswith(".") else piece
                if not is_line and isinstance(ast.parse(call, mode="eval").body, ast.Call) and call.partition("(")[0] not in HEADS:
                    found[call] = None
    return list(found)


@pytest.mark.whole
@pytest.mark.parametrize("call", calls())
def test_a_call_in_a_sentence_can_be_made(call, one_tour, tmp_path, monkeypatch):
    shutil.copytree(one_tour, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    layout.lay_out(".")
    monkeypatch.setattr(sys, "argv", sys.argv)  # notebooks.begin gives it those of a lesson
    journey = pipeline.Journey(TOY, 0, tmp_path / "runs" / "cache")
    known = {"Journey": pipeline.Journey, "FAST": TOY, "recipe": TOY, "seed": 0, "Mine": pipeline.ToyWorld, "journey": journey, "minialign": minialign}
    with contextlib.redirect_stdout(io.StringIO()):
        assert eval(call, known) is not None or "help(" in call or "begin(" in call


def test_there_is_an_example():
    assert "```python\n" in README and "\nprints\n" in README and len(calls()) >= 8


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
