"""The quizzes: one right answer each, at no position in particular; every wrong one has a name; a platform can import them."""

import io
import json
import re
import zipfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from minialign.cli.command import main
from minialign.runs.errors import Problem
from minialign.teach import qti
from minialign.teach.kit.notebooks import notebook
from minialign.teach.lesson_text import FORMULA, plain
from minialign.teach.quiz import LETTERS, read_quiz

LESSONS = Path(__file__).resolve().parent.parent / "lessons"
SCRIPTS = {int(path.name[:2]): path for path in sorted(LESSONS.glob("[0-9][0-9]_*.py"))}
QUIZZES = {n: read_quiz(LESSONS, n) for n in SCRIPTS}
ALL = [question for questions in QUIZZES.values() for question in questions]
each_lesson = pytest.mark.parametrize("number", SCRIPTS)


# ------------------------------------------------------------------------------------------------ the questions
@each_lesson
def test_a_lesson_has_three_to_five_questions_with_every_answer_explained(number):
    assert 3 <= len(QUIZZES[number]) <= 5
    for question in QUIZZES[number]:
        assert len(question.options) >= 3 and len({option.text for option in question.options}) == len(question.options)
        for option in question.options:
            assert option.text and re.search(r"[.!?)]$", option.because) and len(option.because) >= 20, option
        text = " ".join([question.text, *(option.text + option.because for option in question.options)])
        assert text.isascii() and text.count("$") % 2 == 0
        assert all("\\" not in formula or re.search(r"\\[a-z]+", formula) for formula in FORMULA.findall(text))


def test_misconceptions_are_named_and_each_is_met_once():
    names = Counter(option.misconception for question in ALL for option in question.options if option.misconception)
    assert max(names.values()) == 1 and all(1 <= len(name.split()) <= 8 for name in names)


def test_the_right_answer_is_at_no_position_in_particular():
    positions = Counter(question.right for question in ALL)
    assert max(positions.values()) - min(positions[i] for i in range(3)) <= 2, positions
    for questions in QUIZZES.values():
        assert max(Counter(question.right for question in questions).values()) <= len(questions) / 2


def test_the_right_answer_is_not_told_by_its_length():
    told = 0
    for question in ALL:
        lengths = [len(option.text) for option in question.options]
        told += lengths.index(max(lengths)) == question.right and lengths.count(max(lengths)) == 1
    assert told <= 0.4 * len(ALL), f"{told} of {len(ALL)}"  # by chance it is a third


# ------------------------------------------------------------------------------------------------ asked
def answer_with(monkeypatch, *typed):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(typed) + "\n"))


def test_right_wrong_and_skipped_answers_are_explained(monkeypatch, capsys):
    first, second, third, fourth = QUIZZES[6]
    wrong = (second.right + 1) % 3
    answer_with(monkeypatch, LETTERS[first.right], "ab", LETTERS[wrong], "")
    assert main(["quiz", "6", "--lessons", str(LESSONS)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "1 of 4 right" in told and "one of a, b, c, please" in told
    assert f'misconception "{second.options[wrong].misconception}"' in told
    assert told.count("Right is ") == 3 and told.count(" Right. ") == 1  # the last two are skipped: no more input


def test_all_answers_for_teachers(capsys):
    assert main(["quiz", "8", "--answers", "--lessons", str(LESSONS)]) == 0
    told = capsys.readouterr().out
    assert told.count("[RIGHT]") == 4 and told.count("[misconception") == 8 and max(map(len, told.splitlines())) <= 88


@pytest.mark.parametrize("arguments", [["quiz"], ["quiz", "99"], ["quiz", "x"], ["quiz", "--qti", "x.zip", "--lessons", "nowhere"]])
def test_what_cannot_be_asked_is_one_line(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2 if "x" not in arguments else main_exits(arguments)
    assert len(capsys.readouterr().err.splitlines()) == 1 and not list(tmp_path.iterdir())


def main_exits(arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return end.value.code == 2


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda items: items[0].update(right=(items[0]["right"] + 1) % 3), "one right option"),
        (lambda items: items[0].pop("right"), "cannot be read"),
        (lambda items: items[0]["options"][0].update(more=1), "cannot be read"),
    ],
)
def test_a_quiz_that_is_none_is_one_line(change, complaint, tmp_path):
    items = json.loads((LESSONS / "quizzes" / "01.json").read_text(encoding="utf-8"))
    change(items)
    (tmp_path / "quizzes").mkdir()
    (tmp_path / "quizzes" / "01.json").write_text(json.dumps(items), encoding="utf-8")
    with pytest.raises(Problem, match=complaint):
        read_quiz(tmp_path, 1)


def test_a_notebook_ends_with_the_quiz_and_its_answers_unfold():
    cells = json.loads(notebook(SCRIPTS[6]))["cells"]
    text = "".join(cells[-1]["source"])
    assert cells[-1]["cell_type"] == "markdown" and text.startswith("## Quiz\n")
    assert text.count("<details><summary>") == 12 and text.count("Right. ") == 4


# ------------------------------------------------------------------------------------------------ QTI 2.1
# What imsqti_v2p1.xsd says about the elements that are used here: the children of each, in their order, and the attributes
# that must be there.  ? at most one, + at least one, * any number.
SCHEMA = {
    "assessmentItem": (
        "responseDeclaration* outcomeDeclaration* itemBody? responseProcessing? modalFeedback*",
        "identifier title adaptive timeDependent",
    ),
    "responseDeclaration": ("defaultValue? correctResponse?", "identifier cardinality"),
    "outcomeDeclaration": ("defaultValue?", "identifier cardinality"),
    "correctResponse": ("value+", ""),
    "defaultValue": ("value+", ""),
    "itemBody": ("p* choiceInteraction*", ""),
    "choiceInteraction": ("prompt? simpleChoice+", "responseIdentifier shuffle maxChoices"),
    "simpleChoice": ("", "identifier"),
    "responseProcessing": ("responseCondition* setOutcomeValue*", ""),
    "responseCondition": ("responseIf", ""),
    "responseIf": ("match setOutcomeValue*", ""),
    "match": ("variable correct", ""),
    "setOutcomeValue": ("variable? baseValue?", "identifier"),
    "variable": ("", "identifier"),
    "correct": ("", "identifier"),
    "baseValue": ("", "baseType"),
    "modalFeedback": ("p+", "outcomeIdentifier showHide identifier"),
    "assessmentTest": ("testPart+", "identifier title"),
    "testPart": ("assessmentSection+", "identifier navigationMode submissionMode"),
    "assessmentSection": ("assessmentItemRef*", "identifier title visible"),
    "assessmentItemRef": ("", "identifier href"),
    "prompt": ("", ""), "value": ("", ""), "p": ("", ""),
}  # fmt: skip


def check_schema(element):
    tag = element.tag.split("}")[1]
    children, needed = SCHEMA[tag]
    pattern = "".join(rf"(?:{re.sub(r'[?+*]$', '', child)} ){re.sub(r'^[a-zA-Z]+', '', child)}" for child in children.split())
    there = "".join(child.tag.split("}")[1] + " " for child in element)
    assert re.fullmatch(pattern, there), f"{tag}: {there}"
    assert set(needed.split()) <= set(element.attrib), tag
    assert all(re.fullmatch(r"[A-Za-z_][\w.-]*", element.attrib[name]) for name in element.attrib if name == "identifier")
    for child in element:
        check_schema(child)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    path = tmp_path_factory.mktemp("qti") / "quizzes.zip"
    assert main(["quiz", "--qti", str(path), "--lessons", str(LESSONS)]) == 0
    with zipfile.ZipFile(path) as file:
        return {name: ElementTree.fromstring(file.read(name)) for name in file.namelist()}


def test_the_package_keeps_to_the_schema(package):
    for name, root in package.items():
        if name != "imsmanifest.xml":
            assert root.tag.startswith("{http://www.imsglobal.org/xsd/imsqti_v2p1}")
            check_schema(root)


def test_a_schema_that_is_broken_is_found(package):
    root = ElementTree.fromstring(ElementTree.tostring(package["items/L01Q1.xml"]))
    root.append(root[0])  # a declaration after the feedback
    with pytest.raises(AssertionError, match="assessmentItem"):
        check_schema(root)


def test_the_manifest_names_every_file_and_the_test_every_item(package):
    ns = {"cp": qti.PACKAGING, "q": qti.QTI}
    named = {file.get("href") for file in package["imsmanifest.xml"].iterfind(".//cp:file", ns)}
    assert named == set(package) - {"imsmanifest.xml"}
    resources = {resource.get("identifier") for resource in package["imsmanifest.xml"].iterfind(".//cp:resource", ns)}
    needed = {d.get("identifierref") for d in package["imsmanifest.xml"].iterfind(".//cp:dependency", ns)}
    refs = {ref.get("href") for ref in package["test.xml"].iterfind(".//q:assessmentItemRef", ns)}
    assert needed == resources - {"test"} and refs == named - {"test.xml"} and len(refs) == len(ALL)


def test_items_have_the_right_answer_and_a_word_for_each(package):
    ns = {"q": qti.QTI}
    for n, questions in QUIZZES.items():
        for i, question in enumerate(questions, 1):
            root = package[f"items/L{n:02d}Q{i}.xml"]
            correct = root.find("q:responseDeclaration/q:correctResponse/q:value", ns).text
            choices = {choice.get("identifier"): choice.text for choice in root.iterfind(".//q:simpleChoice", ns)}
            feedback = {said.get("identifier"): said.find("q:p", ns).text for said in root.iterfind("q:modalFeedback", ns)}
            assert root.find("q:itemBody/q:p", ns).text == plain(question.text)
            assert correct == "ABC"[question.right] and set(choices) == set(feedback) == set("ABC")
            assert {letter for letter, text in feedback.items() if text.startswith("Right. ")} == {correct}


def test_one_lesson_alone_and_equal_bytes(tmp_path):
    for name in ("a.zip", "b.zip"):
        assert main(["quiz", "6", "--qti", str(tmp_path / name), "--lessons", str(LESSONS)]) == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        assert len(file.namelist()) == 4 + 2
