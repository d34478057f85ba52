"""Every JSON file that is read again: whatever is in it, it is made anew, passed over, or refused in one line."""

import json

import pytest

from minialign.book import make, record
from minialign.classroom import casts, hands
from minialign.page import leashes, race
from minialign.page.run import read_vote
from minialign.runs.errors import Problem
from minialign.teach import bands, calibrate, quiz
from minialign.teach.kit import measured, prepare

DAMAGED = {
    "nothing": b"",
    "no JSON": b"{",
    "no UTF-8": b"\xff\xfe{}",
    "null": b"null",
    "a number": b"3",
    "a text": b'"seed"',
    "a list": b"[]",
    "an empty object": b"{}",
    "lists without end": b"[" * 100_000,
    "other types": b'{"lessons": 5, "files": 7, "data": [], "sha256": 1, "01": 3, "key": null, "history": []}',
    "other types inside": b'{"lessons": {"01": 5}, "01": {"fast": 3}, "sha256": "0", "history": {"series": {"objective/kl_coef": [[]]}}}',
}
ANYTHING = object()


def in_a_quiz(path):
    (path.parent / "quizzes").mkdir()
    path.rename(path.parent / "quizzes" / "01.json")
    return quiz.read_quiz(path.parent, 1)


def as_a_kept_stage(path):
    """Of a run beside the cache in which it is."""
    (path.parent / "cache").mkdir()
    path.rename(path.parent / "cache" / "ppo-0123456789abcdef.json")
    return leashes.kept_leashes({}, path.parent / "run")


READERS = {  # what is read -> (the file's name, reader, what it returns instead; a Problem is right, too)
    "a lesson's run": ("run.json", lambda path: calibrate.kept_run(path), {}),
    "a recording": ("run.json", lambda path: record.read(path.parent, path), None),
    "the book's list of files": (make.LIST, lambda path: make.kept(path.parent), ANYTHING),
    "an earlier preparation": ("prepared.json", lambda path: prepare.rows_in(path), {}),
    "measured seconds": ("prepared.json", lambda path: measured.read_measured(path.parent, path.parent), ANYTHING),
    "bands": ("bands.json", lambda path: bands.read_bands(path.parent), {}),
    "a quiz": ("01.json", in_a_quiz, []),
    "a kept leash": ("ppo.json", as_a_kept_stage, {}),
    "votes of a class": ("votes.jsonl", lambda path: casts.read_casts(path, 100, {}), ([], [])),
    "a count of hands": ("votes.jsonl", lambda path: hands.load(path, [], "sft"), []),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("what", READERS)
def test_whatever_is_in_a_file_it_is_passed_over_or_refused_in_one_line(tmp_path, what, content):
    name, read, instead = READERS[what]
    (tmp_path / name).write_bytes(content)
    try:
        found = read(tmp_path / name)
        assert instead is ANYTHING or found == instead
    except Problem as problem:
        assert "\n" not in str(problem) and len(str(problem)) < 1000


@pytest.mark.parametrize("wrong", [5, [1, 2], [1, 2, "3"], [1, None, 3], "123", [float("nan"), 2, 3]], ids=str)
def test_what_is_no_number_deep_inside_is_found_where_it_is_read(tmp_path, wrong):
    (tmp_path / "bands.json").write_text(json.dumps({"01": {"fast": {"loss": wrong}}}), encoding="utf-8")
    with pytest.raises(Problem, match="minialign calibrate"):
        bands.read_bands(tmp_path)
    (tmp_path / "bands.json").unlink()
    for lessons in (wrong, {"01": wrong}, {"01": {"seconds": [wrong], "at_first": 1, "megabytes": 1}}):
        whole = {"machine": "", "date": "", "seed": 0, "fast": True, "seconds": 1, "megabytes": 1, "lessons": lessons}
        (tmp_path / "prepared.json").write_text(json.dumps(whole), encoding="utf-8")
        assert prepare.rows_in(tmp_path / "prepared.json") == {}
        with pytest.raises(Problem, match="minialign prepare"):
            measured.read_measured(tmp_path, tmp_path)
    for about in ({"lessons": wrong, "files": []}, {"lessons": {}, "files": wrong}):
        (tmp_path / make.LIST).write_text(json.dumps(about), encoding="utf-8")
        with pytest.raises(Problem, match="there is no book in"):
            list(make.stale_pages(tmp_path, tmp_path))


@pytest.mark.parametrize("content", [DAMAGED["lists without end"], DAMAGED["other types"]], ids=["lists", "types"])
def test_a_damaged_race_is_run_again(tmp_path, monkeypatch, content):
    again = race.Race(["a"], 0.5, [0], [1.0], [1.0], [0.0], {}, {})
    monkeypatch.setattr(race, "run_race", lambda: again)
    assert race.race(tmp_path) == again
    [path] = tmp_path.glob("race-*.json")
    path.write_bytes(content)
    assert race.race(tmp_path) == again and race.race(tmp_path) == again
    assert json.loads(path.read_text(encoding="utf-8"))["data"] == json.loads(json.dumps(vars(again)))


VOTE = {"prompt": "a?", "chosen": "b", "rejected": "c", "vote": "a", "a": "b", "a_ended": True, "b": "c", "b_ended": True}
VOTE |= {"chosen_ended": True, "rejected_ended": True, "pair": 0, "repeat_of": None, "seconds": 1.0, "model": "sft"}


@pytest.mark.parametrize("text", ["false", "true", 0, 1, None, []])
def test_an_ended_that_is_no_truth_is_no_vote_on_the_page(text):
    """ "chosen_ended": "false" counted as ended here too."""
    assert read_vote(json.dumps(VOTE)) is not None
    assert read_vote(json.dumps(VOTE | {"chosen_ended": text})) is None
    assert read_vote(json.dumps(VOTE | {"rejected_ended": text})) is None


@pytest.mark.parametrize(
    "changes",
    [{"b": "d"}, {"b_ended": False}, {"b_ended": "false"}, {"a_ended": 1}, {"rejected": "d"}, {"rejected_ended": False}]
    + [{"seconds": x} for x in (float("nan"), float("inf"), -1, "nan", None)],
    ids=str,
)
def test_a_line_that_contradicts_itself_is_no_vote_of_a_class(tmp_path, changes):
    path = tmp_path / "votes.jsonl"
    path.write_text(json.dumps(VOTE) + "\n", encoding="utf-8")
    assert len(casts.read_casts(path, 100, {})[0]) == 1
    path.write_text(json.dumps(VOTE | changes) + "\n", encoding="utf-8")
    with pytest.raises(Problem, match="line 1: not a vote"):
        casts.read_casts(path, 100, {})


def test_a_count_of_hands_is_three_digits_at_most():
    assert hands.read_count("7 999") == (7, 999)
    assert hands.read_count("7 " + "9" * 5000) is None  # Python makes no whole number of so many digits
