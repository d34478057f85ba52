"""Votes files: what is no vote is refused with its line, and large files are read at once."""

import json
import time

import numpy as np
import pytest
from small_models import votes_of

from minialign.batch import Response
from minialign.preferences import Preferences, load_jsonl, save_jsonl

VOTE = {"prompt": "what is a cat?", "chosen": "an animal.", "rejected": "a stone."}


def file_of(tmp_path, *votes):
    path = tmp_path / "votes.jsonl"
    path.write_text("\n".join(json.dumps(vote) for vote in votes) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chosen_ended": "false"}, "true or false, without quotation marks"),
        ({"rejected_ended": 0}, "true or false, without quotation marks"),
        ({"chosen": "a stone."}, "chosen and rejected are the same answer"),
        ({"prompt": ""}, "the prompt is empty"),
        ({"prompt": "  "}, "the prompt is empty"),
        ({"chosen": "", "chosen_ended": False}, "an answer is empty"),
        ({"chosen": "An animal."}, "the model knows only .* and not 'A'"),
        ({"prompt": "naïve"}, "and not 'ï'"),
        ({"rejected": None}, "prompt, chosen and rejected are all needed, as texts"),
        ({"prompt": ["a"]}, "prompt, chosen and rejected are all needed, as texts"),
        ({"chosen": "a" * 40}, "a text of 57 tokens does not fit the context of 48"),
    ],
)
def test_what_is_no_vote_is_refused_with_its_line(tmp_path, changes, message):
    with pytest.raises(ValueError, match=f"votes.jsonl, line 2: not a vote .*{message}"):
        load_jsonl(file_of(tmp_path, VOTE, VOTE | changes), context_length=48)


@pytest.mark.parametrize("line", ["[1, 2]", "3", "null", "{", '{"prompt": "a"}', "[" * 100_000])
def test_a_line_that_is_no_object_is_refused(tmp_path, line):
    path = tmp_path / "votes.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 1: not a vote"):
        load_jsonl(path)


def test_the_longest_that_fits_is_read(tmp_path):
    """<user> prompt <bot> answer, and <eos> only if it ended."""
    path = file_of(tmp_path, {"prompt": "a", "chosen": "b" * 8, "rejected": "b" * 9, "rejected_ended": False})
    assert len(load_jsonl(path, context_length=12)) == 1
    with pytest.raises(ValueError, match="12 tokens does not fit the context of 11"):
        load_jsonl(path, context_length=11)
    assert load_jsonl(path).batch().ids.shape == (2, 12)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_of_an_old_windows_shell_is_told_what_to_do(tmp_path, encoding):
    path = tmp_path / "votes.jsonl"
    path.write_text(json.dumps(VOTE), encoding=encoding)
    with pytest.raises(ValueError, match="UTF-16 .*save it as UTF-8"):
        load_jsonl(path)


def test_other_encodings(tmp_path):
    path = tmp_path / "votes.jsonl"
    path.write_bytes(json.dumps(VOTE).encode("utf-8-sig"))
    assert load_jsonl(path).prompts == [VOTE["prompt"]]
    path.write_bytes(json.dumps(VOTE | {"prompt": "naïve"}, ensure_ascii=False).encode("latin-1"))
    with pytest.raises(ValueError, match="line 1: not a vote .*UTF-8"):
        load_jsonl(path)


def test_ties_and_answers_that_were_cut_off(tmp_path):
    cut = {"prompt": "a", "chosen": "b", "rejected": "b", "rejected_ended": False}  # the same letters, but not the same answer
    tie = {"prompt": "a", "chosen": None, "rejected": None, "vote": "tie"}
    votes = load_jsonl(file_of(tmp_path, cut, tie, tie | {"vote": "skip"}))
    assert (votes.chosen, votes.rejected) == ([Response("b", True)], [Response("b", False)])
    for texts in ({"chosen": "b", "rejected": "c"}, {"chosen": "b"}):
        with pytest.raises(ValueError, match="line 2: .*vote is 'skip', .* delete the line"):
            load_jsonl(file_of(tmp_path, cut, tie | texts | {"vote": "skip"}))


def test_reading_votes_costs_little_more_than_parsing_their_json(tmp_path):
    """200,000 lines took 22 s, for each was made into a padded batch; now 2 to 3 times as long as their JSON alone."""
    votes, path = votes_of(2000), tmp_path / "votes.jsonl"
    save_jsonl(votes, path)

    def seconds(read):
        start = time.process_time()
        read()
        return time.process_time() - start

    rounds = [
        seconds(lambda: load_jsonl(path, 100)) / seconds(lambda: [json.loads(line) for line in path.read_bytes().splitlines()])
        for _ in range(5)
    ]
    assert load_jsonl(path, 100) == votes and min(rounds) < 5


def test_votes_are_taken_as_rows_of_an_array_are():
    """A mask used to take votes 0 and 1 over and over, in silence."""
    votes, mask = votes_of(4), np.array([False, True, False, True])
    for rows in (mask, mask.tolist(), slice(1, None, 2), [1, 3], (1, -1), range(1, 4, 2), np.array([1, 3])):
        assert votes[rows] == Preferences(["a"] * 2, votes.chosen[1::2], votes.rejected[1::2])
    for none in ([], np.array([]), slice(0), ~mask & mask):
        assert len(votes[none]) == 0
    for wrong in ([4], mask[:3], [0.5]):
        with pytest.raises(IndexError):
            votes[wrong]


def test_what_numpy_says_of_an_end_is_saved(tmp_path):
    votes = Preferences(["a"], [Response("b", np.True_)], [Response("c", np.False_)])
    save_jsonl(votes, tmp_path / "votes.jsonl")
    assert load_jsonl(tmp_path / "votes.jsonl") == votes


def test_three_columns_of_one_length():
    with pytest.raises(ValueError, match="2 prompts need as many chosen and rejected answers, not 1 and 2"):
        Preferences(["a", "b"], [Response("c", True)], [Response("d", True)] * 2)
