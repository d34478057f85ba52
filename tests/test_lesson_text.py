"""The text of the lessons: long enough to learn from, short enough to be read, and every formula in it can be shown."""

import re
from pathlib import Path

import pytest
from forked import run_forked

from minialign.teach import lesson_text
from minialign.teach.kit.source import read_source
from minialign.teach.lesson_doc import read_doc
from minialign.teach.lesson_text import FORMULA, cells, count_words, explain, plain, plain_formula, text_of

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted((ROOT / "lessons").glob("[0-9][0-9]_*.py"))
each_lesson = pytest.mark.parametrize("script", LESSONS, ids=lambda path: path.stem)

# What a formula may be made of, so that MathJax, the book and the terminal can all show it.
COMMANDS = set(
    r"alpha beta gamma delta Delta epsilon lambda mu pi rho sigma tau nabla partial log exp ln max min clip sum int prod sqrt frac text"
    r" mathbb hat bar cdot times pm le ge ne to ldots approx propto infty quad left right succ in odot theta eta".split()
)
SYMBOL = r"(?<![\w.])(?:beta|gamma|delta|lambda|rho|eps|sigma|tau|pi|ref|[a-zA-Z](?:_[a-z]\b)?\d?)(?![\w'])"
WORDS = {"a", "i", "t", "n", "N", "x", "y"}  # articles, indices, arguments


@each_lesson
def test_a_lesson_has_a_text_that_one_can_learn_from(script):
    assert 500 <= count_words(text_of(script)) <= 1200, count_words(text_of(script))
    text = "\n".join(text_of(script))
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings[-2:] == ["## In TRL today", "## Further reading"] and any("field calls" in line for line in headings)
    assert text.isascii() and "```" in text  # a picture that every terminal, notebook and page can show
    assert len(re.findall(r"^\* .*(?:19|20)\d\d", text.split("## Further reading")[1], re.M)) >= 2


@each_lesson
def test_the_script_and_the_terminal_number_their_headings_alike(script):
    """Each lesson.section("2. ...") is under a heading of that number: notebook, page and terminal agree."""
    under: list[str] = []
    for heading, section in re.findall(r'^# ## (.+)$|lesson\.section\(f?"(.+?)"', script.read_text(encoding="utf-8"), re.M):
        if heading:
            under = re.findall(r"\d+", heading.partition(".")[0])
        else:
            assert section.partition(".")[0] in under, section


@each_lesson
def test_every_guess_is_answered_once(script):
    text = script.read_text(encoding="utf-8")
    assert text.count("lesson.reveal()") == text.count("lesson.predict(")


@each_lesson
def test_formulas_are_balanced_and_of_known_commands(script):
    for text in text_of(script):
        for paragraph in lesson_text.paragraphs(re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)):
            assert paragraph.count("$") % 2 == 0, paragraph
            assert not paragraph.startswith("$$") or re.fullmatch(r"\$\$[^$]+\$\$", paragraph), paragraph
            for formula in FORMULA.findall(paragraph):
                for opening, closing in ("{}", "()", "[]"):
                    assert formula.count(opening) == formula.count(closing), formula
                assert set(re.findall(r"\\([a-zA-Z]+)", formula)) <= COMMANDS, formula
                assert "\\" not in plain_formula(formula) and "{" not in plain_formula(formula), formula


@each_lesson
def test_every_symbol_of_the_equations_is_in_the_text(script):
    equations = re.sub(r"\[eq: .*?\]", "", "\n".join(read_source(script).lines("EQUATION")))
    symbols = set(re.findall(SYMBOL, equations)) - WORDS
    text = plain(" ".join(text_of(script)).replace("k_1", "k1").replace("k_3", "k3"))
    missing = {symbol for symbol in symbols if not re.search(rf"(?<![a-zA-Z]){re.escape(symbol)}(?![a-zA-Z])", text)}
    assert not missing


@each_lesson
def test_numbers_worked_by_hand_are_printed_by_the_code(script):
    """A number with three decimals stands in a paragraph of which the code beside it prints one, held against its exact value."""
    text = "\n\n".join(text_of(script)).split("## Further reading")[0]
    printed = "\n".join("\n".join(lines) for kind, lines in cells(script.read_text(encoding="utf-8")) if kind == "code")
    printed += read_doc(script)
    for paragraph in lesson_text.paragraphs(text):
        numbers = re.findall(r"(?<![\w.])\d+\.\d{3,}", FORMULA.sub(lambda formula: formula[0].strip("$"), paragraph))
        assert not numbers or any(number.rstrip("0") in printed for number in numbers), paragraph
    assert "exact=" in printed and re.search(r"by hand|By hand", text)


def test_what_lesson_10_says_of_five_seeds_is_in_the_results():
    script = next(path for path in LESSONS if path.stem.startswith("10_"))
    said = re.search(r"\(docs/results\.md\): (.*?)\n\)", script.read_text(encoding="utf-8"), re.S)
    rows = (ROOT / "docs" / "results.md").read_text(encoding="utf-8").splitlines()
    measured = " ".join(row for row in rows if row.startswith(("| `sycophancy`", "| `refusal`")))
    told = re.findall(r"\d+%", said[1])
    assert len(told) == 7 and set(told) <= set(re.findall(r"\d+%", measured))


def test_explain_prints_the_text_and_runs_nothing(tmp_path):
    for script in LESSONS[:1]:
        done = run_forked(script, "--explain", "--out", tmp_path / "out")
        assert done.returncode == 0 and done.stderr == "" and not (tmp_path / "out").exists()
        assert done.stdout.split("\n", 2)[2].strip() == explain(text_of(script)).strip()


@each_lesson
def test_in_a_terminal_the_text_is_plain_and_narrow(script):
    told = explain(text_of(script))
    assert max(map(len, told.splitlines())) <= 110 and told.isascii()
    assert "NOTE(instructor)" not in told and "$" not in told and "**" not in told and "\\" not in told


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"$\frac{1}{2}(V - G)^2$", "1/2 (V - G)^2"),
        (r"$\nabla J = \mathbb{E}[r\, \nabla \log \pi(y)]$", "grad J = E[r grad log pi(y)]"),
        (r"$\delta_t = R_t + \gamma V_{t+1} - V_t$", "delta_t = R_t + gamma V_(t+1) - V_t"),
        (r"$\frac{q k}{\sqrt{D}}$", "(q k)/sqrt(D)"),
        (r"$e^{-\delta} \ge 1$", "e^(-delta) >= 1"),
        (r"$2\beta\log\pi$", "2 beta log pi"),
        (r"$\mathbb{E}_\pi[r]$", "E_pi[r]"),
    ],
)
def test_formulas_in_plain_letters(latex, text):
    assert plain_formula(latex) == text


def test_emphasis_code_and_products():
    assert plain("**a** and *b* are `c`, 2 * 3 * 4") == "a and b are c, 2 * 3 * 4"


def test_words_are_those_of_the_prose_alone():
    assert count_words(["two words $a b c d$\n```text\none two three\n```\n| a | b |\n\nthree."]) == 3
