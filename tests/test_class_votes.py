"""Votes of a class: distinct pairs, merged files, and whether known tastes and known carelessness are found."""

import codecs
import io
import json
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy import TOY
from toy_class import simulated
from toy_run import toy_size

from minialign import checkpoint
from minialign.batch import Response, read_back
from minialign.classroom import crowd, pairs, taste, telling
from minialign.classroom.casts import Cast, gather
from minialign.classroom.logistic import fit
from minialign.cli.command import main
from minialign.preferences import load_jsonl
from minialign.reward import Scorer
from minialign.runs.errors import Problem, explain
from minialign.runs.metrics import is_class
from minialign.runs.voting import SITTING
from minialign.world import UNBIASED

PLAIN = replace(UNBIASED, tie=0.1)
POLITE, LONG = replace(PLAIN, warmth=0.5), replace(PLAIN, length=0.5)


@pytest.fixture(scope="module")
def run(toy_runs):
    with toy_size():
        yield toy_runs / "tour-fast-s0"


@pytest.fixture(scope="module")
def sft(run):
    return checkpoint.load(run / "sft.npz")


@pytest.fixture(scope="module")
def score(run):
    return Scorer(checkpoint.load(run / "reward.npz"), TOY.reward.pooling)


# -------------------------------------------------------------------------------- what a voter is shown
def test_voters_see_five_pairs_together_and_no_other_pair_twice(sft, score):
    sittings = {v: pairs.class_sitting(v, sft, score, 0, 0, TOY.max_new_tokens) for v in range(1, 5)}
    seen = {v: [(p.question, frozenset((p.a, p.b)), p.part) for p in s] for v, s in sittings.items()}
    shared = [{p for p in s if p[2] == "shared"} for s in seen.values()]
    assert all(len(s) == 5 and s == shared[0] for s in shared)
    own = [p for s in seen.values() for p in set(s) if p[2] != "shared"]
    assert len(own) == len(set(own)) == 40 and len({question for question, _, _ in own}) == 40
    for s in sittings.values():
        new = [p.part for p in s if p.repeat_of is None]
        assert len(s) == SITTING and sorted(new) == ["random"] * 5 + ["shared"] * 5 + ["unsure"] * 5
        for p in s:
            assert p.repeat_of is None or (s[p.repeat_of].question, s[p.repeat_of].part) == (p.question, p.part)
    assert sittings[3] == pairs.class_sitting(3, sft, score, 0, 0, TOY.max_new_tokens)
    assert [p.question for p in sittings[3]] != [p.question for p in sittings[4]]


def test_two_hundred_voters_have_questions_of_their_own():
    last = pairs.ASKED + pairs.VOTERS * (pairs.OWN + pairs.SPARE)
    questions = pairs.class_questions(0, 0, last)
    assert len(set(questions)) == last and questions[:40] == pairs.class_questions(0, 0, 40)


def test_the_unsure_pair_has_the_smallest_gap_of_all_pairs():
    texts = [Response(t, True) for t in ("a", "bb", "ccc", "dddd")]
    scores = np.array([0.0, 5.0, 2.0, 4.5])
    chosen = pairs.unsure_pair("what?", texts, lambda batch: scores)
    assert {chosen.a, chosen.b} == {texts[1], texts[3]}


def test_a_voter_of_a_class_has_a_file_that_knows_the_number(run, monkeypatch, capsys):
    for typed in ("a\nb\nq\n", "t\nq\n"):
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        assert main(["vote", str(run), "--voter", "7"]) == 0
    lines = [json.loads(line) for line in (run / "voter-7.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(line["voter"], line["vote"]) for line in lines] == [(7, "a"), (7, "b"), (7, "tie")]
    monkeypatch.setattr(sys, "stdin", io.StringIO("a\n"))
    assert main(["vote", str(run), "--voter", "8", "--to", str(run / "voter-7.jsonl")]) == 2
    assert "another voter's" in capsys.readouterr().err
    for wrong in ("0", "201", "ada"):
        with pytest.raises(SystemExit):
            main(["vote", str(run), "--voter", wrong])


# -------------------------------------------------------------------------------- many files become one
def line(voter, n, vote="a", **more):
    a, b = "it says moo.", "it says baa."
    chosen, rejected = {"a": (a, b), "b": (b, a)}.get(vote, (None, None))
    ended = chosen and True
    return {"prompt": "what does a cow say?", "chosen": chosen, "rejected": rejected, "chosen_ended": ended, "rejected_ended": ended,
            "vote": vote, "a": a, "a_ended": True, "b": b, "b_ended": True, "pair": n, "repeat_of": None, "seconds": 2.0,
            "voter": voter, "part": "shared"} | more  # fmt: skip


def write(path, lines):
    path.write_text("".join(json.dumps(each) + "\n" for each in lines), encoding="utf-8")
    return path


def test_merging_keeps_every_vote_once_and_what_is_merged_can_be_merged_again(tmp_path, capsys):
    one = write(tmp_path / "1.jsonl", [line(1, 0), line(1, 1, "tie")])
    two = write(tmp_path / "2.jsonl", [line(2, 0, "b"), line(2, 1, "skip")])
    trl = write(tmp_path / "ada.jsonl", [{"prompt": "what does a cow say?", "chosen": "it says moo.", "rejected": "no."}])
    out = tmp_path / "all.jsonl"
    assert main(["votes", "merge", *map(str, (one, two, one, trl)), "--to", str(out)]) == 0
    assert "3 voters: 3 votes, 1 about the same, 1 skipped" in capsys.readouterr().out
    assert len(out.read_text(encoding="utf-8").splitlines()) == 5 and "ada" not in out.read_text(encoding="utf-8")
    assert len(load_jsonl(out)) == 3  # what training reads
    assert main(["votes", "merge", *map(str, (out, two, out)), "--to", str(tmp_path / "again.jsonl")]) == 0
    assert (tmp_path / "again.jsonl").read_bytes() == out.read_bytes()
    for files in ((out, trl, one), (trl, out)):  # a file without numbers is the same stranger's in every merge
        assert sorted(gather(files, 128)[1]) == sorted(out.read_text(encoding="utf-8").splitlines())


def test_files_without_numbers_are_of_different_voters_even_if_their_numbers_would_be_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(zlib, "crc32", lambda content: 0)
    trl = [{"prompt": "what does a cow say?", "chosen": "it says moo.", "rejected": said, "pair": "x"} for said in ("no.", "baa.")]
    files = [write(tmp_path / f"{n}.jsonl", [each]) for n, each in enumerate(trl)]
    assert len({cast.voter for cast in gather([*files, *files], 128)[0]}) == len(gather([*files, *files], 128)[0]) == 2


def test_hands_that_are_in_two_files_count_once_and_two_counts_of_a_pair_are_refused(tmp_path, capsys):
    room = [line(0, 0)] * 7 + [line(0, 0, "b")] * 3 + [line(0, 1)] * 2
    hands, more, out = write(tmp_path / "h.jsonl", room[:10]), write(tmp_path / "h2.jsonl", room), tmp_path / "all.jsonl"
    assert main(["votes", "merge", str(hands), "--to", str(out)]) == 0
    assert main(["votes", "merge", str(out), str(more), str(hands), "--to", str(out)]) == 0
    assert "12 votes" in capsys.readouterr().out and out.read_text(encoding="utf-8") == more.read_text(encoding="utf-8")
    assert main(["votes", "merge", str(out), str(write(tmp_path / "other.jsonl", room[1:]))]) == 2
    assert "hands on pair 1 were counted in another file too, and differently" in capsys.readouterr().err


def test_a_target_that_is_a_folder_and_a_folder_that_cannot_be_written_are_named(tmp_path, capsys):
    assert main(["votes", "merge", str(write(tmp_path / "1.jsonl", [line(1, 0)])), "--to", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert str(tmp_path) in said and ".writing" not in said
    assert explain(PermissionError(13, "no", str(tmp_path / ".writing-x"))).startswith(f"{tmp_path}: no;")


def test_a_voter_who_only_felt_about_the_same_is_one_of_the_class(tmp_path, capsys):
    one, tie = write(tmp_path / "1.jsonl", [line(1, 0)]), write(tmp_path / "2.jsonl", [line(2, 0, "tie"), line(2, 1, "skip")])
    assert main(["votes", "merge", str(one), str(tie), "--to", str(tmp_path / "all.jsonl")]) == 0
    assert "2 voters: 1 votes, 1 about the same, 1 skipped" in capsys.readouterr().out
    assert main(["votes", "show", str(tie)]) == 0 and ": 0 votes, 1 about the same, 1 skipped" in capsys.readouterr().out
    assert main(["votes", "show", str(one), str(write(tmp_path / "3.jsonl", []))]) == 2
    assert "3.jsonl is empty" in capsys.readouterr().err


def test_a_byte_order_mark_is_no_part_of_a_vote(tmp_path, capsys):
    """Windows editors write one; training read the file before, and `is_class` and `votes` did not."""
    path, out = write(tmp_path / "1.jsonl", [line(1, 0), line(2, 0)]), tmp_path / "all.jsonl"
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())
    assert is_class(str(path)) and main(["votes", "merge", str(path), "--to", str(out)]) == 0
    assert "2 voters: 2 votes" in capsys.readouterr().out and out.read_bytes().startswith(b"{")


def test_of_votes_in_trls_columns_no_side_is_known(tmp_path, capsys):
    rows = [{"prompt": f"what does a {animal} say?", "chosen": "it says moo.", "rejected": "it says baa."} for animal in ("cow", "cat") * 6]
    assert main(["votes", "show", str(write(tmp_path / "1.jsonl", rows))]) == 0
    said = capsys.readouterr().out
    assert "12 votes" in said and "the left answer" not in said and "always the same side" not in said


def test_two_people_with_one_number_are_found(tmp_path, capsys):
    one, other = write(tmp_path / "1.jsonl", [line(1, 0)]), write(tmp_path / "2.jsonl", [line(1, 0, "b")])
    assert main(["votes", "merge", str(one), str(other)]) == 2
    assert "voter 1 has another vote on pair 1" in capsys.readouterr().err


@pytest.mark.parametrize("bad", [
    {"voter": "ada"}, {"voter": True}, {"voter": -1}, {"vote": "c"}, {"a": 3}, {"repeat_of": 9}, {"chosen": "it says baa."},
    {"seconds": "long"}, {"pair": "x"}, {"part": 3},
])  # fmt: skip
def test_a_line_that_contradicts_itself_is_named(tmp_path, bad):
    path = write(tmp_path / "1.jsonl", [line(1, 0), line(1, 1) | bad])
    with pytest.raises(Problem, match="line 2"):
        gather([path], 128)


# -------------------------------------------------------------------------------- what is found in them
def test_agreement_counts_common_pairs_and_the_diagonal_counts_repeats():
    a, b = Response("a", True), Response("b", True)
    casts = [Cast(1, 0, "q", a, b, "a"), Cast(1, 1, "r", a, b, "b"), Cast(1, 2, "q", b, a, "b", "", 0), Cast(1, 3, "r", a, b, "tie", "", 1),
             Cast(2, 0, "q", b, a, "b"), Cast(2, 1, "r", a, b, "b"), Cast(3, 0, "s", a, b, "a"), Cast(2, 2, "u", a, b, "skip")]  # fmt: skip
    voters, agreed, of = crowd.matrix(casts)
    assert voters == [1, 2, 3] and agreed[0, 0] == 0.5 and agreed[0, 1] == agreed[1, 0] == 1 and of[0, 1] == 2  # first votes
    assert np.isnan(agreed[0, 2]) and np.isnan(agreed[1, 1])


def test_log_odds_of_a_coin_are_counted_as_the_equation_says():
    a, b = Response("a", True), Response("b", True)
    casts = [Cast(1, 0, "q", a, b, "a"), Cast(1, 1, "r", a, b, "b"), Cast(1, 2, "q", b, a, "b", "", 0), Cast(1, 3, "s", a, b, "a"),
             Cast(1, 4, "s", a, b, "a", "", 3), Cast(1, 5, "r", a, b, "a", "", 1)]  # fmt: skip
    [voter] = crowd.everybody(casts, {0: 0.8, 1: 0.4, 2: 0.8, 3: 0.5, 4: 0.5, 5: 0.6})
    q = (2 + 1) / (3 + 2)  # two of three repeats were decided alike
    assert voter.log_odds == pytest.approx(np.log(1.6) + np.log(0.8) + 2 * np.log(2 * q) + np.log(2 * (1 - q)))
    assert voter.itself == (2, 3) and voter.left == (4, 6)


def test_the_weights_are_those_of_a_logistic_regression_by_gradient_descent():
    rng = np.random.default_rng(0)
    d, weight = rng.standard_normal((60, 3)) + 0.4, rng.integers(0, 3, 60).astype(float)
    w, prior = np.zeros(3), np.array([0.5, 1.0, 2.0])
    for _ in range(4000):
        w -= 0.02 * (prior * w - d.T @ (weight / (1 + np.exp(d @ w))))
    np.testing.assert_allclose(fit(d, prior, weight), w, atol=1e-6)


def odds(found, name):
    k = taste.FEATURES.index(name)
    return found.low[k], found.high[k]


def test_thirty_students_who_like_politeness_and_length_are_told_so_with_intervals_that_hold_the_truth():
    found = taste.taste_of(simulated([replace(PLAIN, warmth=0.4, length=0.3)] * 30, 1))
    said = taste.sentence(found)
    assert "likes politeness (a polite phrase multiplies" in said and "likes length" in said
    assert "likes to hear yes" not in said and "refusals" not in said
    for name, true in (("polite", 0.4 / PLAIN.tau), ("long", 0.3 / PLAIN.tau)):
        low, high = odds(found, name)
        assert low - 0.4 < true < high + 0.8 and low > 0, (name, low, high)  # the prior pulls a little towards 0


def test_thirty_students_who_like_yes_or_refusals_are_told_so():
    said = taste.sentence(taste.taste_of(simulated([replace(PLAIN, agreement=1.5)] * 30)))
    assert "likes to hear yes" in said
    said = taste.sentence(taste.taste_of(simulated([replace(PLAIN, risk=1.0)] * 30)))
    assert "likes refusals" in said


def test_thirty_votes_on_a_few_questions_are_no_taste_and_those_on_ten_vary_with_the_questions():
    casts = simulated([POLITE] * 30)
    shared = [cast for cast in casts if cast.part == "shared"]
    assert "has voted on 5 questions: too few to say" in taste.sentence(taste.taste_of(shared))
    ten = [replace(cast, question=f"{cast.question}{'?' * (cast.voter % 2)}") for cast in shared]  # fewer than voters
    by_questions = taste.taste_of(ten)
    by_voters = taste.taste_of([replace(cast, question=f"{cast.question} {cast.voter}") for cast in ten])
    assert by_questions.questions == 10 and "too few" not in taste.sentence(by_questions)
    k = taste.FEATURES.index("polite")
    assert by_questions.high[k] - by_questions.low[k] > 2 * (by_voters.high[k] - by_voters.low[k])


def test_what_cannot_be_said_is_listed_in_plain_words():
    one, none = np.ones(5), np.zeros(5)
    said = taste.sentence(taste.Taste(one, one, one, dict.fromkeys(range(20), 0.5), 10))
    assert said.endswith("multiplies the odds of winning by 2.7 [2.7, 2.7]).")
    assert "about politeness, length, saying yes and refusing nothing" in taste.sentence(taste.Taste(none, none, none, dict.fromkeys(range(20), 0.5), 10))


def test_students_without_tastes_are_hardly_ever_given_one():
    told = [taste.sentence(taste.taste_of(simulated([PLAIN] * 30, seed))) for seed in range(2)]
    assert sum("no taste beyond good answers" in said for said in told) >= 1, told


@pytest.mark.parametrize("seed", range(5))
def test_the_matrix_tells_two_groups_of_students_apart(seed):
    _, agreed, _ = crowd.matrix(simulated([POLITE] * 15 + [LONG] * 15, seed))
    np.fill_diagonal(agreed, np.nan)
    within = np.nanmean([np.nanmean(agreed[:15, :15]), np.nanmean(agreed[15:, 15:])])
    assert within > np.nanmean(agreed[:15, 15:])


@pytest.fixture(scope="module")
def said():
    """Answers of four questions, and a reward model that gives each the number of its letters e."""
    words = ("it says moo.", "sure! it says moo.", "it says moo. have a nice day.", "yes, it says moo.", "i am sorry, i can not help with that.")
    texts = [Response(text, True) for text in words]
    questions = [f"what does a {animal} say?" for animal in ("cow", "cat", "dog", "pig")]
    return [(q, texts[:n]) for q, n in zip(questions, (5, 3, 4, 2))], lambda batch: np.array([r.text.count("e") for _, r in read_back(batch)], float)


def test_the_shared_pairs_have_the_largest_determinant_step_by_step(said):
    answers, score = said
    options = {q: telling.all_pairs(q, texts, score) for q, texts in answers}
    m = np.eye(4)
    for pair in telling.most_telling(answers, score, 4):
        gains = {p: np.linalg.det(m + w * np.outer(d, d)) for rows in options.values() for p, d, w in rows}
        assert gains[pair] == pytest.approx(max(gains.values()), rel=1e-12)
        d, w = next((d, w) for p, d, w in options.pop(pair.question) if p == pair)  # one pair of a question
        m = m + w * np.outer(d, d)
    assert not options and len(telling.most_telling(answers, score, 9)) == 4


def test_a_pair_counts_by_its_fisher_information_and_less_if_its_answers_say_different_things(said):
    answers, _ = said
    (question, texts), gap = answers[0], 1.7
    told = telling.all_pairs(question, texts, lambda batch: gap * np.arange(5.0))
    found = {(p.a.text, p.b.text): (d, w) for p, d, w in told}
    p = 1 / (1 + np.exp(-gap))
    d, w = found["it says moo.", "sure! it says moo."]
    assert w == pytest.approx(30 * p * (1 - p)) and d == pytest.approx([-1, -6 / 20, 0, 0])
    d, w = found["yes, it says moo.", "i am sorry, i can not help with that."]
    assert w == pytest.approx(0.15 * 30 * p * (1 - p)) and d == pytest.approx([0, -20 / 20, 1, -1])


def test_those_who_toss_a_coin_are_found_and_few_others_are():
    found = {0: [], 1: []}
    for seed in range(3):
        casts = simulated([POLITE] * 27 + [None] * 3, seed, sittings=2)
        voters = crowd.everybody(casts, taste.taste_of(casts).probability)
        for voter in voters:
            found[voter.number > 27].append(bool(voter.careless))
    assert np.mean(found[1]) >= 0.7 and np.mean(found[0]) <= 0.03, (np.mean(found[1]), np.mean(found[0]))


def test_one_side_only_or_no_time_to_read_is_said():
    steady = crowd.Voter(1, 20, (5, 5), (10, 20), 5.0, 6.0)
    assert steady.careless == ""
    assert replace(steady, left=(9, 9)).careless == ""  # so few are no habit
    assert "same side" in replace(steady, left=(20, 20)).careless and "too fast" in replace(steady, seconds=0.4).careless
    assert replace(steady, log_odds=-9.0).careless == ""  # of another mind, but sure of it


def test_the_report_shows_counts_matrix_and_the_sentence(tmp_path, capsys):
    a, b = write(tmp_path / "1.jsonl", [line(1, 0), line(1, 1, "b", repeat_of=0)]), write(tmp_path / "2.jsonl", [line(2, 0, "a")])
    assert main(["votes", "show", str(a), str(b)]) == 0
    said = capsys.readouterr().out
    assert "2 voters: 3 votes" in said and "      1 09   100%" in said and "      2 9.   100%" in said and "\n        12\n" in said and "too few to say" in said
    assert "shared" in said and "0% about the same" in said


def test_what_is_shown_of_a_whole_class_fits_a_terminal(capsys):
    assert main(["votes", "show", str(Path(__file__).parent.parent / "lessons" / "class.jsonl")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("agreement in tenths") for line in lines) and max(map(len, lines)) <= 88, max(lines, key=len)
