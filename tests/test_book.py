"""The book: what its pages say is what the lessons' runs said, its links lead somewhere, and a stale page is found.

Needs the extra: pip install -e '.[book]'.  Skips, and says so, without it; that a missing extra is told is tested anyway.
"""

import configparser
import html.parser
import importlib.util
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from toy_book import LESSONS, toy_lessons

from minialign.book import events, make, record
from minialign.cli.command import main
from minialign.runs.errors import Problem
from minialign.teach.kit import glossary, source
from minialign.teach.lesson import Number
from minialign.teach.lesson_text import cells

needs_extra = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in make.EXTRA), reason="no extra: pip install -e '.[book]'"
)
TERMS = [
    glossary.Entry("attention", "each takes from those before.", [3]),
    glossary.Entry("KL", "a distance.", [5]),
    glossary.Entry("base model", "it continues.", [3]),
]


@pytest.fixture
def book(one_book):
    return one_book


class Read(html.parser.HTMLParser):
    """A page, as a machine reads it: every element with its attributes, and its text."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.text, self.open = [], "", []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def values(self, name):
        return [attributes[name] for _, attributes in self.elements if name in attributes]


def headings(path):
    return re.findall("<h2[^>]*>(.*?)</h2>", path.read_text(encoding="utf-8"))


def pages(book):
    return {path.name: Read(path) for path in book.glob("*.html") if path.name != "journey.html"}


# ------------------------------------------------------------------------------------------------ recordings
SAID = [
    [],
    [
        events.Section("1. The section"),
        events.Question("What?", ["this <i>", "that"], 1, "because."),
        events.Printed("   a table < of letters"),
        events.Said("Read this."),
        events.Equation,
        Number("number of a", -1.5, "-1.50", "exact: -1.50", "ok"),
        Number("number of b", -1.5, "-1.50", "exact: -1.50", "ok"),
        Number("in its band", 2.0, "2.00", "20 seeds: 1.00 .. 3.00", "ok", [1.0, 3.0]),
        Number("nowhere", None, "nan", "not calibrated yet", ""),
        events.Revealed(events.Question("What?", ["this <i>", "that"], 1, "because.")),
    ],
    [
        events.Picture("line", "A line rises from zero at the left to two at the right."),
        events.Claim(1, "it runs", True, "1 < 2"),
        events.Claim(2, "it flies", False, ""),
    ],
]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A toy lesson and its recording."""
    folder = tmp_path_factory.mktemp("recorded")
    script = toy_lessons(folder) / "03_toy.py"
    return script, record.recording(script, True, 0, folder / "runs")


def test_a_recording_has_what_each_cell_said_as_what_it_is(recorded):
    _, found = recorded
    assert [len(cell) for cell in found.cells] == [len(cell) for cell in SAID]
    for told, expected in zip(sum(found.cells, []), sum(SAID, [])):
        assert told == expected or (isinstance(told, events.Equation) and "h" in told.code and "dpo.py" in told.place)
    numbers = json.loads((found.folder / "run.json").read_text(encoding="utf-8"))["numbers"]
    assert numbers == {n.name: n.value for n in sum(SAID, []) if isinstance(n, Number)}


@pytest.mark.whole
def test_a_recording_is_used_until_the_lesson_changes(tmp_path):
    script, runs = toy_lessons(tmp_path) / "03_toy.py", tmp_path / "runs"
    kept = record.recording(script, True, 0, runs).folder / "recording.json"
    before = kept.stat().st_mtime_ns
    assert record.recording(script, True, 0, runs).key == record.recording_key(script)
    assert kept.stat().st_mtime_ns == before
    other = script.with_name("03_other.py")  # fingerprints are taken once a process: another name, another file
    other.write_text(script.read_text(encoding="utf-8").replace("-1.5", "-2.5"), encoding="utf-8")
    folder = kept.parent.with_name("03_other-fast")
    folder.mkdir()
    for name in ("run.json", "recording.json"):
        (folder / name).write_bytes((kept.parent / name).read_bytes())
    assert record.read(folder, other) is None and record.read(kept.parent, script) is not None
    assert record.recording(other, True, 0, runs).cells[1][5].value == -2.5


def test_a_run_with_a_fault_or_cut_short_is_no_recording(recorded, tmp_path):
    script, found = recorded
    folder = shutil.copytree(found.folder, tmp_path / found.folder.name)
    whole = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    for change in ({"fault": "sum"}, {"complete": False}, {"key": "0"}):
        (folder / "run.json").write_text(json.dumps(whole | change), encoding="utf-8")
        assert record.read(folder, script) is None
    (folder / "run.json").write_text(json.dumps(whole), encoding="utf-8")
    assert record.read(folder, script) is not None
    (folder / "recording.json").write_text("{", encoding="utf-8")
    assert record.read(folder, script) is None


def test_a_lesson_that_fails_is_one_line_with_its_last_words(tmp_path):
    script = toy_lessons(tmp_path) / "03_toy.py"
    script.write_text(script.read_text(encoding="utf-8").replace('print("   a', 'raise ValueError("broken"); print("'), encoding="utf-8")
    with pytest.raises(Problem, match="03_toy.py failed .ValueError: broken.; run it by itself: python ") as problem:
        record.recording(script, True, 0, tmp_path / "runs")
    assert "\n" not in str(problem.value)


def test_events_survive_a_file():
    for event in [event for cell in SAID for event in cell if not isinstance(event, type)]:
        again = events.from_json(json.loads(json.dumps(events.to_json(event), allow_nan=False)))
        assert again == event
    with pytest.raises((KeyError, TypeError)):
        events.from_json({"kind": "Rumour"})


# ------------------------------------------------------------------------------------------------ words
@needs_extra
def test_an_equation_becomes_mathml():
    from minialign.book.words import math

    made = math(r"\frac{1}{2}", block=False)
    assert "<mfrac><mrow><mn>1</mn></mrow><mrow><mn>2</mn></mrow></mfrac>" in made and 'display="inline"' in made
    assert r'<annotation encoding="application/x-tex">\frac{1}{2}</annotation>' in made
    lines = math(r"\begin{aligned} a &= b \\ &= c \end{aligned}", block=True)
    assert lines.count("<mtr>") == 2 and 'display="block"' in lines


@needs_extra
@pytest.mark.parametrize(
    ("latex", "name", "left", "right"),
    [
        (r"\beta \log Z", "log", 0.17, 0.17),
        (r"-\log \sigma", "log", 0, 0.17),
        (r"\nabla \log \pi", "log", 0.17, 0.17),
        (r"\text{ref} \exp(r)", "exp", 0.17, 0),
        (r"\frac{\ln 9}{2}", "ln", 0, 0.17),
    ],
)
def test_a_functions_name_has_a_space_where_print_has_one(latex, name, left, right):
    from minialign.book.words import math

    assert f'<mo form="prefix" lspace="{left:g}em" rspace="{right:g}em">{name}</mo>' in math(latex, block=False)


@needs_extra
def test_a_word_below_is_a_word_and_two_indices_are_two():
    from minialign.book.words import math

    assert "<mtext>old</mtext>" in math(r"\pi_{old}", block=False) and r"\pi_{old}</annotation>" in math(r"\pi_{old}", block=False)
    assert "<mi>t</mi><mi>s</mi>" in math("w_{ts}", block=False)


@needs_extra
def test_a_long_formula_in_a_line_may_scroll():
    from minialign.book.words import Writer

    made = Writer().prose("It is $x + y$, or $a + b + c + d + e + f + g + h + i + j + k + l + m$.\n\n$$a + b + c + d + e + f + g + h + i + j + k + l$$")
    assert made.count('<span class="long">') == 1 and '<span class="long"><math' in made.partition(" or ")[2]


@needs_extra
def test_a_full_stop_stays_with_its_formula_or_term():
    from minialign.book.words import Writer

    writer = Writer([glossary.Entry("gold", "The judge's score.", [1]), glossary.Entry("leash", "A price of distance.", [7])])
    made = writer.prose("Of $x$, not ($a + b + c + d + e = f + g + h + i + j + k + l + m$). And $y$ ($z$!)\n\nThe *gold*. A leash's end.")
    document = ElementTree.fromstring(f"<div>{re.sub('<annotation.*?</annotation>|<wbr>', '', made)}</div>")  # it is well nested
    kept = ["".join(span.itertext()) for span in document.iter("span") if span.get("class") == "kept"]
    assert kept == ["x,", "(a+b+c+d+e", "=f+g+h+i+j+k+l+m).", "(z", "gold.", "leash's"]
    assert "".join(document.itertext()).split() == "Of x, not (a+b+c+d+e=f+g+h+i+j+k+l+m). And y (z!) The gold. A leash's end.".split()


@needs_extra
@pytest.mark.parametrize(
    "latex, expected",
    [
        ("a = b = c", ["a = b = c"]),  # short
        (r"L = a + b + c + d + e + f + g + h + i + j + k + l + m", None),  # L would be alone
        (r"p(a = b, c \ge d) + e + f + g + h + i = k + l + m", [r"p(a = b, c \ge d) + e + f + g + h + i ", "= k + l + m"]),
        (r"\frac{a = b}{2} + c + d + e + f + g + h \approx k + l + m + n + o", [r"\frac{a = b}{2} + c + d + e + f + g + h ", r"\approx k + l + m + n + o"]),
        (r"a ) + b + c + d + e + f + g + h + i + j + k + l + m = n", None),  # a bracket too many
        (r"\begin{aligned} a + b + c + d + e + f &= g + h + i + j + k \\ &= l \end{aligned}", None),
    ],
)  # fmt: skip
def test_a_long_formula_may_be_cut_before_its_relations(latex, expected):
    from minialign.book.words import pieces

    assert pieces(latex) == (expected or [latex]) and "".join(pieces(latex)) == latex


@needs_extra
@pytest.mark.parametrize("latex", [r"\nosuchthing x", "x_{", r"\begin{gathered} a & b \end{gathered}"])
def test_an_equation_that_cannot_be_set_is_one_line(latex):
    from minialign.book.words import math

    with pytest.raises(Problem, match="the equation"):
        math(latex, block=True)


@needs_extra
def test_a_term_opens_its_meaning_once_a_section_and_never_in_code_headings_or_links():
    from minialign.book.words import Writer

    writer = Writer(TERMS)
    made = writer.prose(
        "# KL\n\nThe KL and the kl of `KL`, [KL](x.html), a base model.\n\n## Next\n\nKL again, KLs, not-KL.\n\n```\nKL\n```\n"
    )
    assert re.findall(r'<button type="button" class="term" popovertarget="term-([\w-]+)">(.+?)</button>', made) == [
        ("kl", "KL"), ("base-model", "base model"), ("kl", "KL"),
    ]  # fmt: skip
    assert "<h1 id=\"kl\">KL</h1>" in made and set(writer.used) == {"kl", "base-model"}


@needs_extra
def test_headings_of_one_page_have_addresses_of_their_own():
    from minialign.book.words import Writer

    assert re.findall('id="(.+?)"', Writer().prose("## A b\n\n## A: b\n\n### A b")) == ["a-b", "a-b-2", "a-b-3"]


@needs_extra
def test_prose_cannot_write_html_and_notes_stay_with_the_instructor():
    from minialign.book.words import Writer

    made = Writer().cell(["# <script>x</script> $1 < 2$ costs $5 and $6", "# NOTE(instructor): a secret", "# Misconception: \"no\""])
    assert "<script" not in made and "secret" not in made and "costs $5 and $6" in made
    assert '<p class="misconception">Misconception:' in made


@needs_extra
@pytest.mark.parametrize("lesson", source.read_lessons(LESSONS).values(), ids=lambda lesson: lesson.name)
def test_every_lesson_can_be_set(lesson):
    """Its equations are understood, and its chapter has every cell, whatever a run may say."""
    from minialign.book.chapters import chapter
    from minialign.book.words import Writer

    script = cells(lesson.path.read_text(encoding="utf-8"))
    silent = record.Recording(Path("nowhere"), "", 0.0, [[] for kind, _ in script if kind == "code"])
    made = chapter(lesson, silent, Writer(glossary.read_glossary(LESSONS / "kit" / "glossary.md")))
    assert len(made.parts) == len(script) - 1
    assert all("NOTE(instructor)" not in part.prose + part.code for part in made.parts)


# ------------------------------------------------------------------------------------------------ the site
@needs_extra
def test_every_page_is_there_and_every_link_leads_somewhere_inside(book):
    read = pages(book)
    assert set(read) == {"index.html", "03_toy.html", "05_other.html", "glossary.html", "questions.html", "references.html"}
    assert (book / "journey.html").exists()
    ids = {name: page.values("id") for name, page in read.items()}
    for name, page in read.items():
        assert len(set(ids[name])) == len(ids[name]), name
        for address in page.values("href") + page.values("src"):
            assert not re.match(r"\w+:|//", address), f"{name} leads outside: {address}"
            file, _, anchor = address.partition("#")
            assert (book / (file or name)).is_file(), f"{name}: {address}"
            if file.endswith(".svg"):
                assert not anchor or f'<view id="{anchor}"' in (book / file).read_text(encoding="utf-8")
            elif anchor and file != "journey.html":
                assert anchor in ids[file or name], f"{name}: {address}"
        assert set(page.values("popovertarget")) <= set(ids[name])


@needs_extra
def test_a_page_says_what_the_run_said(book):
    page = Read(book / "03_toy.html")
    text = " ".join(page.text.split())
    for said in ("a table < of letters", "Read this.", "this <i>", "1 of 2 claims seen", "number of a", "not calibrated yet",
                 "20 seeds: 1.00 .. 3.00", "seen 1. it runs (1 < 2)", "not seen 2. it flies", "because.", "--break sum",
                 "Is this <b>bold</b> a question?"):  # fmt: skip
        assert said in text, said
    assert "a secret" not in text
    assert text.count("\u22121.50") == 4  # a true minus: values, and what they are held against
    assert headings(book / "03_toy.html") == ["1. A heading", "2. What there was to see", "Watch it", "Break it", "Quiz", "Exercises"]
    assert headings(book / "05_other.html")[0] == "1. The section"  # where the prose has none, the run has one
    assert [tag for tag, attributes in page.elements if tag == "math"] == ["math"] * 5


@needs_extra
def test_a_quiz_explains_every_answer(book):
    text = " ".join(Read(book / "03_toy.html").text.split())
    assert "6No. The misconception: \u201ca square doubles\u201d. That is 2x. 9Right. 3 times <3>." in text
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in (book / "03_toy.html").read_text(encoding="utf-8")
    assert 'id="quiz"' not in (book / "05_other.html").read_text(encoding="utf-8")  # it has none


@needs_extra
def test_a_number_lies_in_its_band_where_it_should():
    from minialign.book.chapters import place_in_band

    number = Number("x", 1.5, "", "", "", (1.0, 3.0))
    assert place_in_band(number) == 25 and place_in_band(replace(number, band=None)) is None
    assert place_in_band(replace(number, value=99.0)) == 115 and place_in_band(replace(number, value=-99.0)) == -15
    assert place_in_band(replace(number, band=(1.5, 1.5))) == 50


@needs_extra
def test_every_picture_has_words_and_a_size(book):
    for page in pages(book).values():
        for tag, attributes in page.elements:
            if tag == "img":
                assert len(attributes["alt"]) > 20 and int(attributes["width"]) > 0 and int(attributes["height"]) > 0
                assert attributes["src"].partition("#")[0].endswith(".svg")
    figure, *panels = [a for tag, a in Read(book / "03_toy.html").elements if tag == "img" and "line" in a["src"]]
    assert (figure["width"], figure["height"], figure["alt"]) == ("384", "192", SAID[2][0].words)
    assert [panel["src"].partition("#")[2] for panel in panels] == ["panel-1", "panel-2"]
    assert panels[0]["alt"] == f"Panel: one < two. {figure['alt']}" and panels[1]["alt"].startswith("Panel: the other one")
    assert all(0.4 < int(panel["width"]) / 384 < 0.6 for panel in panels)


@needs_extra
def test_the_search_knows_every_section(book):
    text = (book / "search.js").read_text(encoding="utf-8")
    rows = json.loads(text.removeprefix("const INDEX = ").removesuffix(";\n"))
    found = {address: (page, heading, words) for address, page, heading, words in rows}
    assert found["03_toy.html#1-a-heading"][:2] == ("Toy", "1. A heading")
    assert "attention again" in found["03_toy.html#1-a-heading"][2] and "e^{-x}" not in text
    assert found["glossary.html#attention"][1] == "attention" and "index.html#lessons" in found


@needs_extra
def test_the_book_is_small(book):
    size = sum(path.stat().st_size for path in book.rglob("*") if path.is_file())
    first = sum((book / name).stat().st_size for name in ("index.html", "book.css", "book.js"))
    assert size < 5e6 and first < 60e3


@needs_extra
def test_equal_runs_give_equal_pages_and_what_is_no_longer_of_it_goes(book, tmp_path):
    lessons = book.parent / "lessons"
    (book / "old.html").write_text("x", encoding="utf-8")
    kept = json.loads((book / "book.json").read_text(encoding="utf-8"))
    (book / "book.json").write_text(json.dumps(kept | {"files": [*kept["files"], "old.html"]}), encoding="utf-8")
    before = {path: path.read_bytes() for path in book.rglob("*.html") if path.name not in ("old.html", "journey.html")}
    toy_again(book, lessons)
    assert not (book / "old.html").exists()
    assert all(path.read_bytes() == content for path, content in before.items())


def toy_again(book, lessons):
    from toy_run import toy_size

    with toy_size():
        assert main(["book", str(book), "--fast", "--runs", str(book.parent / "runs"), "--lessons", str(lessons)]) == 0


# ------------------------------------------------------------------------------------------------ is it still true?
@needs_extra
def test_a_stale_page_is_found(book, tmp_path, capsys):
    def check(lessons):
        code = main(["book", str(book), "--check", "--lessons", str(lessons)])
        return code, capsys.readouterr().out

    assert check(book.parent / "lessons") == (0, "every page is true\n")
    assert "minialign book --fast makes it again" in " ".join((book / "index.html").read_text(encoding="utf-8").split())
    for old, new in (("attention again", "once more"), ("-1.5", "-2.5")):  # a word; a number
        moved = toy_lessons(tmp_path / new)
        script = moved / "05_other.py"
        script.write_text(script.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        code, told = check(moved)
        assert code == 1 and told == f"stale: 05_other; make them again with: minialign book {book} --fast\n"
    bands = moved / "bands.json"
    bands.write_text("{}", encoding="utf-8")
    assert check(moved)[1].startswith("stale: 03_toy, 05_other;")


def test_without_a_book_there_is_nothing_to_check(tmp_path, capsys):
    assert main(["book", str(tmp_path), "--check", "--lessons", str(LESSONS)]) == 2
    assert f"there is no book in {tmp_path}; make it with: minialign book" in capsys.readouterr().err


def test_a_missing_library_is_one_line_with_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make.importlib.util, "find_spec", lambda name: None if name == "pygments" else object())
    assert main(["book", str(tmp_path / "book"), "--lessons", str(LESSONS)]) == 2
    told = capsys.readouterr().err
    assert told == (
        "minialign: the pages need Pygments; install: "
        "pip install Jinja2 Pygments latex2mathml markdown-it-py mdit-py-plugins\n"
    )
    assert not (tmp_path / "book").exists()


def test_the_extra_is_what_the_pages_need():
    setup = configparser.ConfigParser()
    setup.read(LESSONS.parent / "setup.cfg", encoding="utf-8")
    packages = {re.split("[>=<]", line)[0] for line in setup["options.extras_require"]["book"].split()}
    assert packages == set(make.EXTRA.values())
