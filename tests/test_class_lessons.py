"""The recorded class that ships with the lessons, and the lessons' --rate: hands, a file, the recorded class."""

import json
import re
from pathlib import Path

import pytest

from minialign.classroom import crowd, hands, recorded, taste
from minialign.classroom.casts import gather
from minialign.runs.metrics import is_class
from minialign.teach.flags import read_flags

LESSONS = Path(__file__).resolve().parent.parent / "lessons"
CLASS = LESSONS / "class.jsonl"


@pytest.fixture(scope="module")
def casts():
    return gather([CLASS], 128)[0]


def test_the_recorded_class_says_on_every_line_that_it_is_simulated(casts):
    lines = [json.loads(line) for line in CLASS.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 600 and all(line["simulated"] is True for line in lines) and CLASS.stat().st_size < 300_000
    assert {cast.voter for cast in casts} == set(range(1, 31)) and is_class(str(CLASS))


def test_its_known_tastes_and_its_coins_are_found(casts):
    found = taste.taste_of(casts, 60)
    said = taste.sentence(found)
    assert "likes politeness" in said and "likes length" in said and "refusals" not in said
    careless = {voter.number for voter in crowd.everybody(casts, found.probability) if voter.careless}
    assert careless == {28, 29, 30} == {n for n, tastes in enumerate(recorded.STUDENTS, 1) if tastes is None}


def test_its_own_pairs_are_nobody_elses(casts):
    own = {}
    for cast in casts:
        if cast.part in ("unsure", "random"):
            own.setdefault(cast.pair, set()).add(cast.voter)
    assert len(own) == 300 and all(len(voters) == 1 for voters in own.values())
    assert len({cast.pair for cast in casts if cast.part == "shared"}) == 5


@pytest.mark.parametrize("lines, so", [([{"voter": 1}, {"voter": 2}], True), ([{"voter": 1}] * 2, False), ([{}], False), ([{"voter": 0}], True)])
def test_votes_are_a_classs_if_they_are_of_more_than_one_voter(lines, so, tmp_path):
    (tmp_path / "v").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert is_class(str(tmp_path / "v")) == so and not is_class(None)


@pytest.mark.parametrize("lesson, taken", [("04_preferences", ["simulated", "terminal", "hands", "class", "FILE"]),
                                           ("05_reward_model", ["simulated", "class", "FILE"]), ("09_bakeoff", ["simulated", "terminal"])])  # fmt: skip
def test_a_lesson_takes_the_raters_that_its_docstring_names(lesson, taken, monkeypatch, capsys):
    script = LESSONS / f"{lesson}.py"
    doc = re.search('"""(.*?)"""', script.read_text(encoding="utf-8"), re.S)[1]
    for who in ("simulated", "terminal", "hands", "class", "FILE", "nobody"):
        given = str(CLASS) if who == "FILE" else who
        monkeypatch.setattr("sys.argv", [script.name, "--rate", given])
        if who in taken:
            assert read_flags(script, doc, {}, {}).rate == given
        else:
            with pytest.raises(SystemExit):
                read_flags(script, doc, {}, {})
            assert "is none of simulated" in capsys.readouterr().err


def test_a_room_decides_by_majority():
    assert [hands.majority(count) for count in ((7, 23), (8, 2), (5, 5), (0, 0))] == ["b", "a", "tie", "skip"]
