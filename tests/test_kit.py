"""For instructors: run-sheets that keep to the clock, handouts of one page, notebooks that are the scripts, words that
point at something, and a preparation that can be stopped.  All of it from the lessons as they are now."""

import ast
import codecs
import dataclasses
import html
import json
import re
import shutil
from base64 import b64decode
from pathlib import Path

import pytest
from forked import run_forked
from toy import TOY

from minialign import pipeline
from minialign.cli.command import main
from minialign.figures import style
from minialign.models import STAGES
from minialign.runs.errors import Problem
from minialign.teach.exercises import similar
from minialign.teach.kit import glossary, handout, make, measured, notebooks, notes, prepare, runsheet, slides, source, teaching
from minialign.teach.lesson_text import text_of
from minialign.teach.quiz import read_quiz

LESSONS = Path(__file__).resolve().parent.parent / "lessons"
SOURCES = source.read_lessons(LESSONS)
PLANS = runsheet.read_plan(LESSONS / "kit" / "plan.md")
ENTRIES = glossary.read_glossary(LESSONS / "kit" / "glossary.md")
ANSWERS = glossary.read_faq(LESSONS / "kit" / "faq.md")
TEACHING = teaching.read_teaching(LESSONS / "kit" / "teaching.md")
PAIRS = [{"question": f"what is {n}?", "a": f"it is <{n}>.", "b": "no."} for n in range(1, 6)]
each_lesson = pytest.mark.parametrize("lesson", list(SOURCES.values()), ids=lambda lesson: lesson.name)
each_plan = pytest.mark.parametrize("plan", PLANS, ids=lambda plan: str(plan.minutes))

TOY_LESSON = '''# %% [markdown]
"""Lesson 3 - Toy: is it one?

QUESTION   Is this a question?
NEEDS      nothing
TIME       about 70 s; --fast about 3 s
EQUATION   1 + 1 = 2
WATCH      1. it runs
BREAK IT   --break sum   sums are wrong -> 1
EXERCISES  (2 min, run) it
           (5 min, think) why?
"""

# %%
import minialign

from minialign.teach.lesson import Lesson

lesson = Lesson(__file__, __doc__)

# %% [markdown]
# ## 1. A heading
# For everybody.
# NOTE(instructor): a secret,
# in two lines.
# Misconception: "it is not one". It is.
# %%
lesson.section("1. The section")  # NOTE: not for the instructor
lesson.predict("What?", ["this", "that"], 1, "because.")
for name in ("a", "b"):
    lesson.number(f"number of {name}", 1.0, ".1f", exact=1)
    # NOTE(instructor): point at it.
lesson.number("another", 2.0, form=".2f")
lesson.claim(1, lesson.fault is None)
# MORE
lesson.finish()
'''


@pytest.fixture
def toy(tmp_path):
    """A folder of lessons with one in it, and what the kit needs beside it -> a function that writes the lesson."""
    (tmp_path / "lessons" / "kit").mkdir(parents=True)
    for path in (LESSONS / "kit").iterdir():
        (tmp_path / "lessons" / "kit" / path.name).write_bytes(path.read_bytes())

    def write(text=TOY_LESSON, name="03_toy.py"):
        (tmp_path / "lessons" / name).write_text(text, encoding="utf-8")
        return tmp_path / "lessons" / name

    write()
    return write


def timed(seconds=0.0, fast=True):
    """Every lesson takes so long."""
    rows = {lesson.name: {"seconds": seconds} for lesson in SOURCES.values()}
    return measured.Measured(rows, fast, 0, "a machine", "2 minutes", "runs", {})


# ------------------------------------------------------------------------------------------------ run-sheets
@each_plan
def test_every_lesson_is_once_in_a_run_sheet_taught_or_left_for_homework(plan):
    sheet = runsheet.runsheet(plan, SOURCES, timed())
    numbers = re.findall(r"^(?:### \d+:\d\d  |\* )Lesson (\d+) - ", sheet, re.M)
    assert sorted(map(int, numbers)) == sorted(SOURCES)
    assert {block.lesson for block in plan.blocks} - {None} <= set(range(1, 14))


def test_there_are_sheets_for_one_two_and_four_lessons_of_a_school():
    assert [plan.minutes for plan in PLANS] == [50, 90, 180]


@each_plan
@pytest.mark.parametrize("seconds", [3, 59])
def test_the_clock_runs_forward_and_never_over(plan, seconds):
    marks, left = runsheet.schedule(plan, SOURCES, timed(seconds))
    assert left >= 0 and sum(minutes for _, minutes, _ in marks) + left == plan.minutes
    assert all(b == a + minutes for (a, minutes, _), (b, _, _) in zip(marks, marks[1:])) and marks[0][0] == 0
    sheet = runsheet.runsheet(plan, SOURCES, timed(seconds))
    shown = [60 * int(h) + int(m) for h, m in re.findall(r"^### (\d+):(\d\d)  ", sheet, re.M)]
    assert shown == sorted(set(shown)) and len(shown) == len(marks) + (left > 0)


@each_plan
def test_the_whole_course_fits_as_well_as_what_is_there_today(plan):
    talk = sum(block.minutes for block in plan.blocks)
    assert talk + sum(block.lesson is not None for block in plan.blocks) <= plan.minutes


@each_plan
def test_a_slow_machine_is_told_so_in_one_line(plan):
    with pytest.raises(Problem, match="would take") as problem:
        runsheet.runsheet(plan, SOURCES, timed(3000))
    assert "\n" not in str(problem.value)


@each_plan
def test_a_block_says_what_to_type_see_ask_expect_and_do_if_it_fails(plan):
    sheet = runsheet.runsheet(plan, SOURCES, timed(4))
    blocks = re.findall(r"^### [\d:]+  Lesson (\d+) .*?(?=^##)", sheet, re.M | re.S)
    assert blocks
    for block in re.split(r"^##+ ", sheet, flags=re.M):
        if re.match(r"[\d:]+  Lesson", block):
            assert all(f"* **{what}** " in block for what in ("Run", "On screen", "Ask", "Expect", "If it fails"))
            assert "(4 s, measured)" in block and ".png" in block


def test_commands_are_those_that_were_measured(toy):
    lesson = source.read_source(toy())
    assert timed().command(lesson, "--break", "sum") == "python lessons/03_toy.py --fast --break sum"
    assert timed(fast=False).command(lesson) == "python lessons/03_toy.py"
    elsewhere = dataclasses.replace(timed(), seed=3, runs="my runs")  # where the caches are
    for command in (elsewhere.command(lesson), elsewhere.prepare(), elsewhere.tour()):
        assert command.endswith(" --fast --seed 3 --out 'my runs'")
    assert f"`{elsewhere.tour()}`: makes the page, `my runs/tour-fast-s3/" in runsheet.runsheet(PLANS[0], SOURCES, elsewhere)
    assert (timed().seconds(lesson), timed(fast=False).seconds(lesson)) == (3, 70)  # what its header says
    twice = "2 min the first time, 30 s after it; --fast 9 s, then"
    swept = source.read_source(toy(TOY_LESSON.replace("70 s; --fast about", twice)))
    assert (timed().seconds(swept), timed(fast=False).seconds(swept)) == (3, 30)  # all is there when the class begins
    assert timed(fast=False).minutes(lesson) == 2 and "not measured" in timed().how_known(lesson)


@pytest.mark.parametrize("line", ["- lesson 3: no minutes", "- 5 minutes: no", "- 5: lesson 3 and more"])
def test_a_plan_that_cannot_be_read_is_one_line(line, tmp_path):
    (tmp_path / "plan.md").write_text(f"## 50 minutes\n\nabout\n\n{line}\n", encoding="utf-8")
    with pytest.raises(Problem, match='"50 minutes" in plan.md'):
        runsheet.read_plan(tmp_path / "plan.md")


def test_flags_and_words_of_a_block(tmp_path):
    text = "## 9 minutes\n\n- 5: lesson 4 --rate terminal: all\n  vote\n- 1: lesson 5\n- 2: A break.\n"
    (tmp_path / "plan.md").write_text(text, encoding="utf-8")
    first, second, third = runsheet.read_plan(tmp_path / "plan.md")[0].blocks
    assert first == runsheet.Block(5, 4, ["--rate", "terminal"], "all vote")
    assert second == runsheet.Block(1, 5, [], "") and third == runsheet.Block(2, None, [], "A break.")


# ------------------------------------------------------------------------------------------------ what a lesson says
def test_a_lesson_is_read_and_not_run(toy):
    lesson = source.read_source(toy(TOY_LESSON.replace("# MORE", "raise SystemExit")))
    assert (lesson.number, lesson.title, lesson.sections) == (3, "Toy: is it one?", ["1. The section"])
    assert lesson.notes == [("1. A heading", "A secret, in two lines."), ("1. A heading", "Point at it.")]
    assert lesson.misconceptions == ['"it is not one". It is.'] and lesson.lines("EQUATION") == ["1 + 1 = 2"]
    assert lesson.predictions == [source.Prediction("What?", ["this", "that"], 1, "because.")]
    assert lesson.exercises() == ["(2 min, run) it", "(5 min, think) why?"]
    assert lesson.prints("number of a") and lesson.prints("another") and not lesson.prints("number")
    assert [(number.form, number.exact) for number in lesson.numbers] == [(".1f", "1"), (".2f", None)]


def test_a_byte_order_mark_of_a_windows_editor_is_no_part_of_a_teachers_file(toy, tmp_path):
    path, plan, quiz = toy(), tmp_path / "plan.md", tmp_path / "lessons" / "quizzes" / "03.json"
    found, made = source.read_source(path), notebooks.notebook(path)
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())
    assert source.read_source(path) == found and notebooks.notebook(path) == made and text_of(path)
    plan.write_bytes(codecs.BOM_UTF8 + b"## 9 minutes\n\n- 9: lesson 4\n")
    assert [one.minutes for one in runsheet.read_plan(plan)] == [9]
    quiz.parent.mkdir()
    quiz.write_bytes(codecs.BOM_UTF8 + (LESSONS / "quizzes" / "03.json").read_bytes())
    assert read_quiz(tmp_path / "lessons", 3) == read_quiz(LESSONS, 3)
    assert similar.tokens(similar.read(path)) == similar.tokens(TOY_LESSON)


@pytest.mark.parametrize("field", source.FIELDS)
def test_a_header_without_a_field_is_one_line_that_names_it(field, toy, tmp_path, capsys):
    toy(TOY_LESSON.replace(f"\n{field} ", "\nELSE "))
    assert main(["kit", "--out", str(tmp_path / "kit"), "--lessons", str(tmp_path / "lessons")]) == 2
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1 and f"03_toy.py has no {field};" in told and not (tmp_path / "kit").exists()


@pytest.mark.parametrize("text", ['"""A poem."""\n', "x = 1\n", "x = = 1\n"])
def test_what_is_no_lesson_is_one_line(text, toy):
    with pytest.raises(Problem, match="03_toy.py") as problem:
        source.read_source(toy(text))
    assert "\n" not in str(problem.value)


@each_lesson
def test_notes_have_what_the_lesson_says(lesson):
    text = notes.notes(lesson, timed(), TEACHING[lesson.number], make.quiz_of(LESSONS, lesson.number))
    assert all(claim in text for claim in lesson.claims.values()) and "## Exercises" in text
    assert all(said in text for _, said in lesson.notes) and all(f"`--break {fault}`" in text for fault in lesson.faults)


def test_exact_values_and_bands_are_told(toy):
    lesson, bands = source.read_source(toy()), {"03_toy": {"fast": {"another": [1.5, 2.5, 20]}}}
    times = measured.Measured({}, True, 0, "a machine", "", "runs", bands)
    assert [times.expected(lesson, number) for number in lesson.numbers] == ["exactly 1", "1.50 .. 2.50, over 20 seeds"]


# ------------------------------------------------------------------------------------------------ handouts
@each_lesson
def test_a_handout_is_one_page_black_on_white_from_nowhere_else_and_without_answers(lesson):
    asked = TEACHING[lesson.number]
    page = handout.handout(lesson, ENTRIES, asked)
    assert handout.LINES - 3 < handout.estimated_lines(lesson, ENTRIES, asked) < handout.LINES + 0.01  # and uses all of it
    assert not re.search(r"https?:|//|src=|href=|url\(|@import|<script|<link|<img", page)
    assert set(re.findall(r"#\w{3,6}\b", handout.STYLE)) == {"#000", "#fff"} and "@page" in page
    assert page.count("<tr><td>") == len(asked.numbers) and all(html.escape(what) in page for what in asked.numbers.values())
    assert "[eq: " not in page and not any(p.because in page for p in lesson.predictions)
    assert not any(answer[:40] in page for answer in asked.answers.values())
    assert page.count("<svg") == 1 and html.escape(asked.axes.up) in page and html.escape(asked.axes.across) in page


@each_lesson
def test_a_handout_explains_words(lesson):
    assert handout.handout(lesson, ENTRIES, TEACHING[lesson.number]).count("<dt>") >= 2


def test_a_long_lesson_gets_a_short_glossary_and_the_axes_are_still_there(toy):
    lesson = source.read_source(toy(TOY_LESSON.replace("Is this", "Is this " + "long " * 600)))
    page = handout.handout(lesson, ENTRIES, TEACHING[3])
    assert "<dt>" not in page and "<svg" in page


def test_handouts_escape_what_a_lesson_says(toy):
    page = handout.handout(source.read_source(toy(TOY_LESSON.replace("Is this", "Is <b> & this"))), ENTRIES, TEACHING[3])
    assert "Is &lt;b&gt; &amp; this" in page and "<b>" not in page


# ------------------------------------------------------------------------------------------------ what a teacher adds
@each_lesson
def test_every_task_has_a_model_answer_and_every_number_of_a_handout_is_printed(lesson):
    asked = TEACHING[lesson.number]
    assert teaching.missing(lesson, asked) == [] and 2 <= len(asked.numbers) <= 3
    assert all(len(answer.split()) >= 15 for answer in asked.answers.values())
    text = notes.notes(lesson, timed(), asked, make.quiz_of(LESSONS, lesson.number))
    assert text.count("**Answer.** ") == len(lesson.exercises()) and all(answer in text for answer in asked.answers.values())


@each_lesson
def test_every_lesson_changes_a_training_and_looks_at_a_curve(lesson):
    kinds = [teaching.kind_of(exercise) for exercise in lesson.exercises()]
    assert kinds.count("curve") == 1 and len(set(kinds)) == len(kinds)


@pytest.mark.parametrize("wrong", ["* think because\n", "", "* draw: a | b\n"])
def test_a_teachers_file_that_cannot_be_read_is_one_line(wrong, tmp_path):
    (tmp_path / "teaching.md").write_text(f"# Words\n\n## Lesson 3\n\n{wrong}", encoding="utf-8")
    with pytest.raises(Problem, match="teaching.md") as problem:
        teaching.read_teaching(tmp_path / "teaching.md")
    assert "\n" not in str(problem.value)


def test_what_is_missing_in_a_teachers_file_is_named(toy, tmp_path):
    (tmp_path / "teaching.md").write_text("## Lesson 3\n* `nowhere`: a number\n* draw: a | b | c\n* think: because\n  so\n* more: x\n", encoding="utf-8")
    asked = teaching.read_teaching(tmp_path / "teaching.md")[3]
    assert asked.answers["think"] == "because so" and asked.axes == teaching.Axes("a", "b", "c")
    told = teaching.missing(source.read_source(toy()), asked)
    assert told == ["lesson 3 prints no number named 'nowhere'", "lesson 3 has no answer to (more)", "lesson 3 has no answer to (run)"]


@each_lesson
def test_notes_go_by_the_minute(lesson):
    text = notes.notes(lesson, timed(4), TEACHING[lesson.number], make.quiz_of(LESSONS, lesson.number))
    marks = re.findall(r"^\* (\d+):(\d\d)  .+?(?:\((\d+) min\))?$", text.split("## By the minute")[1].split("\n## ")[0], re.M)
    clock = [60 * int(hours) + int(minutes) for hours, minutes, _ in marks]
    assert clock[0] == 0 and 20 <= clock[-1] <= 60
    assert all(b - a == int(minutes) > 0 for a, b, (*_, minutes) in zip(clock, clock[1:], marks))


# ------------------------------------------------------------------------------------------------ five pairs
def test_the_five_pairs_are_printed_where_a_class_votes_on_them(toy, tmp_path):
    times = dataclasses.replace(timed(), pairs=PAIRS)
    for plan in PLANS:
        sheet = runsheet.runsheet(plan, SOURCES, times)
        assert sheet.count("1. what is 1?") == sum("five pairs" in block.text for block in plan.blocks)
    assert "5. what is 5?\n   * a) it is <5>.\n   * b) no.\n" in runsheet.runsheet(PLANS[0], SOURCES, times)
    assert "prints them here" in runsheet.runsheet(PLANS[0], SOURCES, timed())
    page = handout.ballot(PAIRS)
    assert page.count('class="box"') == 15 and "a) it is &lt;5&gt;." in page
    assert "Vote, pair 5: what is 5?" in slides.deck(SOURCES[4], times, [])


def test_pairs_come_with_the_lessons():
    kept = json.loads((LESSONS / "kit" / "measured.json").read_text(encoding="utf-8"))["pairs"]
    assert len(kept) == 5 and all(pair["a"] != pair["b"] and pair["question"].endswith("?") for pair in kept)


# ------------------------------------------------------------------------------------------------ slides
@each_lesson
def test_a_deck_is_the_lesson_and_needs_nothing(lesson):
    quiz = make.quiz_of(LESSONS, lesson.number)
    page = slides.deck(lesson, timed(), quiz)
    said = html.unescape(page)
    assert not re.search(r'https?:|//|src="(?!data:)|href=|url\(|@import|<link', page.replace(slides.KEYS, ""))
    assert lesson.text("QUESTION") in said and all(claim in said for claim in lesson.claims.values())
    assert all(p.question in said for p in lesson.predictions) and said.count("<h2>Quiz, ") == 2 * len(quiz)
    assert "NOTE(instructor)" not in said and "**" not in re.sub("<pre>.*?</pre>", "", said) and "$" not in said
    headings = {heading for heading, _ in notes.headings("\n\n".join(slides.text_of(lesson.path)))}
    assert all(f"<h2>{html.escape(heading)}</h2>" in page for heading in headings - {"Predict", "7. What was seen", "5. The numbers"})
    assert 15 <= page.count("<section>") <= 30


def test_a_deck_shows_the_pictures_of_the_run(tmp_path):
    times = dataclasses.replace(timed(), runs=str(tmp_path))
    folder = times.folder(SOURCES[5])
    folder.mkdir(parents=True)
    (folder / "votes-needed.svg").write_text("<svg/>", encoding="utf-8")
    (folder / "votes-needed.txt").write_text("More votes, fewer errors. And more.", encoding="utf-8")
    page = slides.deck(SOURCES[5], times, [])
    assert '<img alt="More votes, fewer errors. And more." src="data:image/svg+xml;base64,PHN2Zy8+">' in page


def test_a_panel_of_a_picture_gets_a_slide_of_its_own(tmp_path):
    figure, [(left, right)] = style.panels(8, 3, 1, 2)
    left.set_title("the left < one", loc="left")
    right.set_title("the right one", loc="left")
    times = dataclasses.replace(timed(), runs=str(tmp_path))
    style.save(figure, times.folder(SOURCES[5]) / "votes-needed", "Two panels. And more.")
    page = slides.deck(SOURCES[5], times, [])
    assert [page.count(f"<h2>{title}</h2>") for title in ("Two panels. And more.", "the left &lt; one", "the right one")] == [1, 1, 1]
    drawings = [b64decode(data).decode() for data in re.findall('src="data:image/svg[+]xml;base64,([^"]+)"', page)]
    whole, *panels = [re.search('<svg [^>]*viewBox="([^"]*)"', drawing)[1].split() for drawing in drawings]
    assert whole == ["0", "0", "576", "216"] and len(panels) == 2
    (x1, _, w1, _), (x2, _, w2, _) = ([float(length) for length in panel] for panel in panels)
    assert x1 + w1 < x2 + 8 and w1 + w2 < 590 and x2 + w2 <= 580


@each_lesson
def test_no_slide_of_a_section_says_next_to_nothing(lesson):
    for heading, under in notes.headings("\n\n".join(slides.text_of(lesson.path))):
        for slide in slides.section_slides(heading, slides.BLOCK.sub("", under)):
            words = re.sub("<[^>]+>", " ", slide.partition("</h2>")[2])
            assert 'class="formula"' in slide or len(words) > 90, slide


def test_a_list_goes_on_where_its_slide_ends():
    of_two_lines, of_one = "two lines of sixty-two letters " * 4, "one"
    found = list(slides.grouped(slides.items([*[of_two_lines] * 4, of_one, of_one])))
    assert [(before, len(pieces)) for before, pieces in found] == [(0, 5), (5, 1)]


def test_sentences_end_at_points_but_not_in_formulas_or_bold():
    text = "**Step 1.** So it is $x. Y$ here. And *that* is all. $z$ too."
    assert slides.sentences(text) == ["**Step 1.** So it is $x. Y$ here.", "And *that* is all.", "$z$ too."]
    assert slides.shortened("One. Two. Three.", 9) == "One. Two."


# ------------------------------------------------------------------------------------------------ notebooks
@each_lesson
def test_a_notebook_is_valid_and_its_code_is_the_script(lesson):
    text = notebooks.notebook(lesson.path)
    document = json.loads(text)
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5) and set(document) == {
        "cells", "metadata", "nbformat", "nbformat_minor",
    }  # fmt: skip
    common = {"cell_type", "id", "metadata", "source"}
    for cell in document["cells"]:
        code = cell["cell_type"] == "code"
        assert set(cell) == common | ({"execution_count", "outputs"} if code else set())
        assert code or cell["cell_type"] == "markdown"
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", cell["id"]) and {type(line) for line in cell["source"]} == {str}
    assert len({cell["id"] for cell in document["cells"]}) == len(document["cells"])
    script = ast.parse(lesson.path.read_text(encoding="utf-8"))
    script.body = script.body[1:]  # without the docstring, which is the first cell
    code = ["".join(cell["source"]) for cell in document["cells"] if cell["cell_type"] == "code"]
    assert code[0].startswith("# Flags") and ast.dump(ast.parse("\n".join(code[1:]))) == ast.dump(script)
    assert "NOTE(instructor)" not in text and lesson.title in "".join(document["cells"][0]["source"])


def test_notes_are_stripped_and_all_else_stays(toy):
    document = json.loads(notebooks.notebook(toy()))
    told = "\n".join("".join(cell["source"]) for cell in document["cells"])
    assert "secret" not in told and "two lines" not in told and "Point at it" not in told
    assert "For everybody." in told and "Misconception" in told and "NOTE: not for" in told


def test_a_notebook_gives_away_no_solution():
    text = "".join(notebooks.notebook(lesson.path) for lesson in SOURCES.values())
    for path in (LESSONS / "solutions").glob("ex*.py"):
        for function in [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]:
            last = ast.unparse(function.body[-1])
            assert len(last) < 30 or last not in text, f"{path.name}: {last}"


def test_a_notebook_runs_as_the_script_does_from_any_folder_of_the_project(toy, tmp_path, monkeypatch):
    toy()
    folder = tmp_path / "runs" / "notebooks"
    assert main(["notebooks", str(folder), "--lessons", str(tmp_path / "lessons")]) == 0
    document = json.loads((folder / "03_toy.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in document["cells"] if cell["cell_type"] == "code"]
    cells[0] = cells[0].replace("begin('03_toy.py')", "begin('03_toy.py', '--fast', '--seed', '7')")
    (folder / "kernel.py").write_text(f"for cell in {cells!r}: exec(cell)", encoding="utf-8")
    monkeypatch.chdir(folder)
    done = run_forked("kernel.py")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "runs" / "lessons" / "03_toy-fast-s7" / "run.json").read_text(encoding="utf-8"))["complete"]


def test_a_notebook_without_its_lesson_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Problem, match="lessons/99_none.py is nowhere"):
        notebooks.begin("99_none.py")


# ------------------------------------------------------------------------------------------------ words
def test_every_answer_points_at_a_lesson_that_prints_the_number():
    assert glossary.broken_pointers(ANSWERS, SOURCES) == []
    assert len(ANSWERS) >= 15 and len({answer.question for answer in ANSWERS}) == len(ANSWERS)


def test_a_pointer_into_the_void_is_found():
    wrong = [glossary.Answer("Why?", "so", [(6, "no such number"), (99, "x")])]
    assert len(glossary.broken_pointers(wrong, SOURCES)) == 2


def test_the_glossary_is_in_order_and_knows_every_lesson():
    terms = [entry.term.lower() for entry in ENTRIES]
    assert terms == sorted(set(terms)) and {n for entry in ENTRIES for n in entry.lessons} == set(range(1, 14))


@pytest.mark.parametrize(
    ("read", "text"),
    [(glossary.read_glossary, "**word** no meaning\n"), (glossary.read_faq, "## Why?\n\nBecause.\n")],
)
def test_words_that_cannot_be_read_are_one_line(read, text, tmp_path):
    (tmp_path / "x.md").write_text(text, encoding="utf-8")
    with pytest.raises(Problem, match="x.md"):
        read(tmp_path / "x.md")


# ------------------------------------------------------------------------------------------------ the whole kit
def test_one_command_writes_it_all(tmp_path, capsys):
    out = tmp_path / "kit"
    assert main(["kit", "--out", str(out), "--lessons", str(LESSONS), "--runs", "no-runs"]) == 0
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    own = [f"{folder}/{lesson.name}.{end}" for lesson in SOURCES.values()
           for folder, end in (("notes", "md"), ("handouts", "html"), ("slides", "html"), ("notebooks", "ipynb"))]  # fmt: skip
    assert names == {*own, "handouts/five-pairs.html", "glossary.md", "faq.md", *(f"runsheet-{plan.minutes}.md" for plan in PLANS)}
    assert f"{len(names)} files" in capsys.readouterr().out
    told = "".join(path.read_text(encoding="utf-8") for path in out.rglob("*.[mh]*"))
    assert str(LESSONS.parent) not in told and str(tmp_path) not in told


def test_nothing_depends_on_where_a_line_stands(tmp_path, toy):
    moved = tmp_path / "lessons"
    for lesson in SOURCES.values():
        text = lesson.path.read_text(encoding="utf-8")
        (moved / lesson.path.name).write_text(re.sub(r"^(# %%.*\n)", r"\1\n\n", text, flags=re.M), encoding="utf-8")
    (moved / "03_toy.py").unlink()
    (moved / "bands.json").write_bytes((LESSONS / "bands.json").read_bytes())
    shutil.copytree(LESSONS / "quizzes", moved / "quizzes")
    for lessons, out in ((LESSONS, "a"), (moved, "b")):
        make.make_kit(tmp_path / out, tmp_path, lessons)
    for path in [path for path in (tmp_path / "a").rglob("*") if path.is_file()]:
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes(), path.name


def test_what_comes_with_the_lessons_says_machine_and_day():
    kept = json.loads((LESSONS / "kit" / "measured.json").read_text(encoding="utf-8"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", kept["date"]) and "cores" in kept["machine"]
    assert set(kept["stages"]) == set(STAGES)


def test_measured_seconds_that_cannot_be_read_are_one_line(toy, tmp_path, capsys):
    toy()
    (tmp_path / "prepared.json").write_text("{}", encoding="utf-8")
    where = ["--lessons", str(tmp_path / "lessons"), "--runs", str(tmp_path), "--out", str(tmp_path / "kit")]
    assert main(["kit", *where]) == 2 and "holds no measured seconds" in capsys.readouterr().err


def test_no_lessons_is_one_line(tmp_path, capsys):
    for command in (["kit"], ["notebooks"], ["prepare", "--out", str(tmp_path / "runs")]):
        assert main([*command, "--lessons", str(tmp_path)]) == 2
        assert capsys.readouterr().err.startswith("minialign: there are no lessons in")


# ------------------------------------------------------------------------------------------------ prepare
KEEPS = "kept = lesson.journey.folder / 'own'; print(kept.exists()); kept.write_text('x' * 100_000)"


@pytest.mark.whole
def test_prepare_warms_measures_and_goes_on_from_there(toy, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pipeline, "FAST", TOY)
    toy(TOY_LESSON.replace("# MORE", KEEPS))
    toy(TOY_LESSON.replace("Lesson 3", "Lesson 5").replace("# MORE", "raise ValueError('broken')"), "05_broken.py")
    out = tmp_path / "runs"
    command = ["prepare", "--fast", "--out", str(out), "--lessons", str(tmp_path / "lessons")]
    assert main(command) == 1  # one of the lessons is broken
    told = capsys.readouterr().out
    assert f"minialign kit --runs {out}" in told
    assert all(re.search(rf"^   {stage} .* made$", told, re.M) for stage in STAGES)
    assert re.search(r"^   03_toy .* 1 of 1 claims seen$", told, re.M) and "ValueError: broken" in told
    report = json.loads((out / "prepared-fast.json").read_text(encoding="utf-8"))
    assert report["fast"] and set(report["stages"]) == set(STAGES) and set(report["lessons"]) == {"03_toy"}
    row = report["lessons"]["03_toy"]
    assert row["at_first"] >= row["seconds"] and row["megabytes"] >= 0.1 and report["megabytes"] > 0.1
    (tmp_path / "lessons" / "05_broken.py").unlink()
    kept = out / "lessons" / "03_toy-fast" / "run.json"
    before = kept.stat().st_mtime_ns
    assert main(command) == 0 and kept.stat().st_mtime_ns == before  # nothing is made, and nothing is run, twice
    assert re.search(r"^   ppo .* found$", capsys.readouterr().out, re.M)
    assert json.loads((out / "prepared-fast.json").read_text(encoding="utf-8"))["lessons"]["03_toy"]["at_first"] >= row["at_first"]
    assert main(["kit", "--out", str(tmp_path / "kit"), "--runs", str(out), "--lessons", str(tmp_path / "lessons")]) == 0
    assert "measured)" in (tmp_path / "kit" / "notes" / "03_toy.md").read_text(encoding="utf-8")


def test_a_stopped_preparation_says_how_to_go_on_and_keeps_what_was_measured(toy, tmp_path, monkeypatch, capsys):
    def stopped(run, rng):
        raise KeyboardInterrupt

    toy()
    (tmp_path / "runs").mkdir()
    kept = tmp_path / "runs" / "prepared-fast.json"
    rows = {"03_toy": {"seconds": 2, "at_first": 2, "megabytes": 1}}
    kept.write_text(json.dumps({"lessons": rows}), encoding="utf-8")
    monkeypatch.setitem(pipeline.MAKE, "base", stopped)
    assert main(["prepare", "--fast", "--out", str(tmp_path / "runs"), "--lessons", str(tmp_path / "lessons")]) == 130
    assert "run the same command again to resume" in capsys.readouterr().err
    assert prepare.rows_in(kept) == rows and prepare.rows_in(tmp_path) == {}


def test_a_lesson_that_has_kept_something_is_run_again_as_in_class(tmp_path, monkeypatch):
    runs, folder = [], tmp_path / "lessons" / "03_toy-fast"
    folder.mkdir(parents=True)

    def lesson(script, fast, seed, out):
        runs.append(script)
        (tmp_path / "cache").mkdir(exist_ok=True)
        (tmp_path / "cache" / "own").write_text("x" * 50_000, encoding="utf-8")
        (folder / "run.json").write_text("{}", encoding="utf-8")
        return {"seconds": 9.0 if len(runs) == 1 else 1.0, "claims": {}}

    monkeypatch.setattr(prepare, "one_lesson", lesson)
    row = prepare.warm_lesson("03_toy.py", True, 0, tmp_path, {"at_first": 30.0})
    assert len(runs) == 2 and row["seconds"] == 1.0 and row["at_first"] == 30.0 and row["megabytes"] >= 0.05
    assert prepare.warm_lesson("03_toy.py", True, 0, tmp_path, {})["seconds"] == 1.0 and len(runs) == 3  # warm already
