"""A show of hands: what is typed is kept, can be taken back and gone on with, and is trained on as it is."""

import codecs
import io
import json
import sys
from dataclasses import replace

import pytest
from toy_run import toy_size

from minialign.batch import Response
from minialign.classroom import hands
from minialign.classroom.casts import gather
from minialign.cli.command import main
from minialign.cli.votes import room_with_itself
from minialign.preferences import load_jsonl
from minialign.runs.errors import Problem
from minialign.runs.voting import Pair

PAIRS = [Pair(f"what does a {x} say?", Response("it says moo.", True), Response("moo.", True)) for x in ("cow", "cat", "dog")]


@pytest.mark.parametrize("typed, count", [("7 23", (7, 23)), (" 0  0 ", (0, 0)), ("7", None), ("7 23 1", None), ("-1 2", None), ("a b", None), ("7 1000", None), ("", None)])
def test_two_numbers_are_a_count(typed, count):
    assert hands.read_count(typed) == count


def test_every_hand_is_a_vote_and_the_file_can_be_gone_on_with(tmp_path):
    path, counts = tmp_path / "hands.jsonl", [(7, 23), (0, 0), (2, 1)]
    hands.save(path, PAIRS, counts, "model")
    votes = load_jsonl(path)
    assert len(votes) == 33 and [votes.chosen.count(PAIRS[0].a), votes.chosen.count(PAIRS[0].b)] == [9, 24]
    assert hands.load(path, PAIRS, "model") == counts
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())
    assert hands.load(path, PAIRS, "model") == counts
    casts, lines = gather([path], 128)
    assert len(casts) == len(lines) == 34 and {cast.part for cast in casts} == {"hands"}
    hands.save(path, PAIRS, counts[:2], "model")
    assert hands.load(path, PAIRS, "model") == counts[:2]  # a pair on which nobody raised a hand is not asked again


def test_the_room_is_held_against_itself_where_a_pair_came_twice(tmp_path, capsys):
    """Most hands went to the same answer both times, on whichever side it was; on the second pair they did not; then a tie, twice."""
    cow, cat, dog = PAIRS
    sow = replace(cow, question="what does a sow say?")
    turned = Pair(cow.question, cow.b, cow.a, 0)
    pairs = [cow, cat, dog, turned, replace(cat, repeat_of=1), replace(dog, repeat_of=2)]
    pairs += [sow, replace(sow, repeat_of=6)]  # on which nobody raised a hand
    hands.save(tmp_path / "h.jsonl", pairs, [(7, 23), (20, 10), (5, 5), (16, 14), (14, 16), (1, 1), (0, 0), (0, 0)], "model")
    assert room_with_itself(gather([tmp_path / "h.jsonl"], 128)[0]) == (2, 3)
    assert main(["votes", "show", str(tmp_path / "h.jsonl")]) == 0
    said = capsys.readouterr().out
    assert "room with itself   67% [21%, 94%]   of 3 pairs" in said and "of 0 " not in said and "left answer" not in said


@pytest.mark.parametrize("damage", [lambda s: s.replace("what does a cow", "what does a sow"), lambda s: s.replace('"pair": 0', '"pair": 9'),
                                    lambda s: s.replace('"pair": 0', '"pair": -1'), lambda s: s + "no\n", lambda s: s.replace('"a": "it says moo."', '"a": "moo."'), lambda s: s.replace("model\"", "modal\"")])  # fmt: skip
def test_another_file_is_refused_and_stays(tmp_path, damage):
    path = tmp_path / "hands.jsonl"
    hands.save(path, PAIRS, [(1, 1), (1, 0)], "model")
    text = damage(path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Problem, match="was not counted on these pairs"):
        hands.load(path, PAIRS, "model")
    assert path.read_text(encoding="utf-8") == text


def test_the_presenter_types_counts_takes_one_back_and_resumes(toy_runs, monkeypatch, capsys):
    run, path = toy_runs / "tour-fast-s0", toy_runs / "hands.jsonl"
    with toy_size():
        for typed in ("7 23\nwhat\n5 5\nu\n6 4\n", "s\n3 0\nq\n"):
            monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
            assert main(["vote", str(run), "--hands", "--to", str(path)]) == 0
    said = capsys.readouterr().out
    assert "for A  23% [12%, 41%]" in said and "two numbers, please" in said and "[4 of 20]" in said
    assert "43 votes on 4 pairs" in said and "This room has cast 43 votes" not in said and f"--votes {path}" in said
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(line["pair"], line["vote"]) for line in lines] == [(0, "a")] * 7 + [(0, "b")] * 23 + [(1, "a")] * 6 + [(1, "b")] * 4 + [(2, "skip"), *[(3, "a")] * 3]
    with toy_size():
        monkeypatch.setattr(sys, "stdin", io.StringIO("q\n"))
        assert main(["vote", str(run), "--hands", "--to", str(toy_runs / "none.jsonl")]) == 0
    said = capsys.readouterr().out
    assert said.endswith("nothing is counted yet\n") and "none.jsonl" not in said and not (toy_runs / "none.jsonl").exists()
    with pytest.raises(SystemExit):
        main(["vote", "--hands", "--voter", "3"])
