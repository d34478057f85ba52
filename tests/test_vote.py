"""You are the rater: what is shown, what is kept, what is summed up, and what is trained on the votes."""

import io
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from toy import TOY
from toy_run import reseal, toy_size

from minialign import checkpoint, pipeline
from minialign.batch import Response
from minialign.cli import keypress, tour, vote
from minialign.cli.command import main
from minialign.models import STAGES
from minialign.pipeline import Journey
from minialign.preferences import Preferences, load_jsonl
from minialign.runs import metrics, voting
from minialign.runs.errors import Problem
from minialign.runs.voting import SITTING, Pair, line_of, plan, sitting
from minialign.world import UNBIASED, Raters, parse

ESCAPE = "\x1b"


@pytest.fixture(scope="module")
def out(toy_runs):
    """A folder with one finished toy run."""
    with toy_size(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(tour, "make_page", lambda folder: (folder, None))  # test_page.py looks at the page
        yield toy_runs


@pytest.fixture
def run(out):
    return out / "tour-fast-s0"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "votes.jsonl"


def rate(monkeypatch, run, file, typed):
    """`minialign vote` with these keys, one a line."""
    stdin = io.StringIO("".join(f"{key}\n" for key in typed))
    monkeypatch.setattr(sys, "stdin", stdin)
    return main(["vote", str(run), "--to", str(file)])


def lines(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def one_line(capsys, *needles):
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and told[0].startswith("minialign: ") and all(needle in told[0] for needle in needles), told


# -------------------------------------------------------------------------------- what is shown
def test_five_pairs_of_twenty_come_twice_and_nobody_could_tell_from_the_order():
    plans = [plan(np.random.default_rng(seed)) for seed in range(200)]
    for again in plans:
        places = sorted(again)
        assert len(again) == len(set(again.values())) == 5 and places[0] >= 8 and places[-1] < SITTING
        assert min(later - first for later, first in again.items()) >= 6  # five others between the two
        assert min(np.diff(places)) >= 2  # two repeats in a row would be noticed
        assert max(again.values()) < 8
    assert len({tuple(again.items()) for again in plans}) > 190


def test_a_sitting_shows_two_answers_of_the_sft_model_to_questions_people_can_judge(run):
    model = checkpoint.load(run / "sft.npz")
    for number in range(4):
        pairs, swapped = sitting(model, 0, number, TOY.max_new_tokens), []
        assert len(pairs) == SITTING and len({p.question for p in pairs if p.repeat_of is None}) == 15
        for pair in pairs:
            assert parse(pair.question).kind in voting.JUDGEABLE and "obscure" not in voting.JUDGEABLE
            assert pair.a != pair.b and "<" not in pair.a.text + pair.b.text
            if pair.repeat_of is not None:
                first = pairs[pair.repeat_of]
                assert first.question == pair.question and {first.a, first.b} == {pair.a, pair.b}
                swapped.append(first.a == pair.b)
        assert (sum(swapped), len(swapped)) == (3, 5)  # the sides are exchanged: without that nobody knows a favourite side
    assert sitting(model, 0, 1, TOY.max_new_tokens) == sitting(model, 0, 1, TOY.max_new_tokens)
    assert sitting(model, 0, 1, TOY.max_new_tokens) != sitting(model, 0, 2, TOY.max_new_tokens)


def test_a_model_that_always_says_the_same_is_refused(run, monkeypatch):
    class Same:
        def responses(self):
            return [Response("it says moo.", True)] * 60

    monkeypatch.setattr(voting, "generate", lambda *_: Same())
    with pytest.raises(voting.Problem, match="another run"):
        sitting(None, 0, 0, 8)


def test_all_fits_into_80_columns_without_colour_and_nothing_acts_on_the_terminal(run, file, monkeypatch, capsys):
    assert rate(monkeypatch, run, file, "abtsx" * 6) == 0
    vote.show(Pair("what? \x1b[2J\x07", Response("long " * 40 + "\x1b[31m\r", False), Response("b", True)), 19)
    said = capsys.readouterr().out
    paths_aside = said.replace(str(file), "FILE").replace(str(run.parent), "RUNS")
    assert max(map(len, paths_aside.splitlines())) <= 80
    assert not re.search(r"[^\n\x20-\x7e]", said)
    assert "\\x1b[31m" in said and "\\x1b[2J" in said


# -------------------------------------------------------------------------------- what is kept
def test_votes_are_in_the_file_in_trls_names_and_ours(run, file, monkeypatch):
    assert rate(monkeypatch, run, file, "abts" + "a" * 16) == 0
    kept = lines(file)
    assert [line["vote"] for line in kept] == ["a", "b", "tie", "skip"] + ["a"] * 16
    for number, line in enumerate(kept):
        assert {"prompt", "chosen", "rejected", "chosen_ended", "rejected_ended", "seconds"} < set(line)
        assert line["pair"] == number and line["seconds"] >= 0
        if line["vote"] in ("a", "b"):
            other = "b" if line["vote"] == "a" else "a"
            assert (line["chosen"], line["rejected"]) == (line[line["vote"]], line[other])
            ends = line[line["vote"] + "_ended"], line[other + "_ended"]
            assert (line["chosen_ended"], line["rejected_ended"]) == ends
        else:
            assert line["chosen"] is line["rejected"] is None
    assert len(load_jsonl(file)) == 18  # "about the same" and "skip" are no votes


def test_a_vote_is_on_disk_before_the_next_pair_is_shown(run, file, monkeypatch):
    on_disk, synced = [], []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(handle))
    monkeypatch.setattr(vote, "show", lambda pair, place: on_disk.append(len(lines(file)) if file.exists() else 0))
    assert rate(monkeypatch, run, file, "a" * SITTING) == 0
    assert on_disk == list(range(SITTING)) and len(synced) == SITTING


def test_undo_takes_back_one_pair_at_a_time_and_no_more_than_there_are(run, file, monkeypatch, capsys):
    assert rate(monkeypatch, run, file, "u" + "ab" + "uuu" + "bat" + "q") == 0
    assert [line["vote"] for line in lines(file)] == ["b", "a", "tie"]
    assert capsys.readouterr().out.count("there is nothing to undo") == 2


def test_whoever_stops_goes_on_where_he_was(run, file, monkeypatch, capsys):
    straight = file.with_name("straight.jsonl")
    assert rate(monkeypatch, run, straight, "abt" * 7) == 0
    assert rate(monkeypatch, run, file, "abta" + "q") == 0  # q
    assert rate(monkeypatch, run, file, "btab") == 0  # the end of the input
    monkeypatch.setattr(vote, "read_key", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    capsys.readouterr()
    assert main(["vote", str(run), "--to", str(file)]) == 130
    one_line(capsys, "8 pairs are kept", "same command")
    monkeypatch.setattr(vote, "read_key", keypress.read_key)
    assert rate(monkeypatch, run, file, "tab" * 4) == 0
    both = [[{**line, "seconds": 0} for line in lines(path)] for path in (file, straight)]
    assert both[0] == both[1] and len(both[0]) == SITTING


def test_a_sitting_that_began_with_other_sides_is_not_gone_on_with(run, file, monkeypatch, capsys):
    assert rate(monkeypatch, run, file, "abtabs" + "q") == 0
    capsys.readouterr()
    shown = lines(file)
    for name in ("a", "b"), ("a_ended", "b_ended"):
        shown[3] |= dict(zip(name, (shown[3][other] for other in reversed(name))))
    file.write_text("".join(json.dumps(line) + "\n" for line in shown), encoding="utf-8")
    assert rate(monkeypatch, run, file, "ab") == 2 and lines(file) == shown
    one_line(capsys, "line 4", "move that file away and vote again")


def test_after_twenty_pairs_the_same_command_brings_twenty_new_ones(run, file, monkeypatch, capsys):
    assert rate(monkeypatch, run, file, "a" * SITTING) == 0
    assert "--votes" in capsys.readouterr().out
    assert rate(monkeypatch, run, file, "a" * SITTING) == 0
    kept = lines(file)
    assert len(kept) == 2 * SITTING and sum(line["repeat_of"] is not None for line in kept) == 10
    for line in kept:
        if line["repeat_of"] is not None:
            first = kept[line["repeat_of"]]
            assert first["prompt"] == line["prompt"] and {first["a"], first["b"]} == {line["a"], line["b"]}


def test_a_line_that_was_cut_off_is_asked_again_and_an_editors_missing_end_is_mended(run, file, monkeypatch):
    assert rate(monkeypatch, run, file, "abtab") == 0
    whole = file.read_bytes()
    for damaged in (whole[:-30], whole[:-1]):
        file.write_bytes(damaged)
        n = len(damaged.splitlines()) - (damaged != whole[:-1])
        assert rate(monkeypatch, run, file, "bu" + "ss") == 0  # vote, take it back, vote
        assert [line["pair"] for line in lines(file)] == list(range(n + 2))
        file.write_bytes(whole)


@pytest.mark.parametrize(
    "damage", [lambda s: s.replace('"pair": 2', '"pair": 7'), lambda s: s.replace('"model": "', '"model": "x'),
               lambda s: "[]\n" + s, lambda s: "not json\n" + s, lambda s: "\ud800\n" + s,
               lambda s: s.replace('"tie"', '"c"'), lambda s: s.replace('"repeat_of": null', '"repeat_of": 9'),
               lambda s: s.replace('"a_ended"', '"ended"'), lambda s: "[" * 100_000 + "\n" + s],
)  # fmt: skip
def test_a_file_that_voting_cannot_go_on_with_is_one_line_and_stays_as_it_is(run, file, monkeypatch, capsys, damage):
    assert rate(monkeypatch, run, file, "abtab") == 0
    file.write_bytes(damage(file.read_text(encoding="utf-8")).encode(errors="surrogatepass"))
    before = file.read_bytes()
    capsys.readouterr()
    assert rate(monkeypatch, run, file, "a") == 2
    one_line(capsys, "line ", "move that file away")
    assert file.read_bytes() == before


def test_a_run_without_raters_or_without_its_model_is_one_line(run, file, tmp_path, monkeypatch, capsys):
    about = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (tmp_path / "run.json").write_text(json.dumps(about), encoding="utf-8")
    assert rate(monkeypatch, tmp_path, file, "a") == 2
    one_line(capsys, "sft.npz")
    about["recipe"]["tastes"] = {"spicy": 1}
    (tmp_path / "run.json").write_text(json.dumps(about), encoding="utf-8")
    assert rate(monkeypatch, tmp_path, file, "a") == 2
    one_line(capsys, "run.json", "not as the run wrote it")
    about["files"] = {}
    (tmp_path / "run.json").write_text(json.dumps(about), encoding="utf-8")
    reseal(tmp_path)
    assert rate(monkeypatch, tmp_path, file, "a") == 2
    one_line(capsys, "run.json", "spicy")
    assert rate(monkeypatch, tmp_path / "nowhere", file, "a") == 2
    one_line(capsys, "no finished run")
    assert not file.exists()


# -------------------------------------------------------------------------------- what is summed up
def votes_of(decisions, pairs):
    return [line_of(pair, decision, n, 1.0, "m") for n, (pair, decision) in enumerate(zip(pairs, decisions))]


RIGHT, WRONG = Response("it says moo.", True), Response("it says baa.", True)
POLITE = Response("sure! it says moo.", True)
COW = "what does a cow say?"


def test_agreement_with_oneself_does_not_care_for_sides_and_passes_over_skips():
    pairs = [Pair(COW, RIGHT, WRONG)] * 5 + [
        Pair(COW, WRONG, RIGHT, 0),  # the sides exchanged: b is the same choice as a
        Pair(COW, WRONG, RIGHT, 1),
        Pair(COW, RIGHT, WRONG, 2),
        Pair(COW, WRONG, RIGHT, 3),
        Pair(COW, RIGHT, WRONG, 4),
    ]
    assert vote.with_yourself(votes_of(["a", "a", "tie", "tie", "skip", "b", "a", "tie", "b", "a"], pairs)) == (2, 4)
    assert vote.with_yourself(votes_of(["a", "a", "tie"], pairs)) == (0, 0)


def test_agreement_with_the_raters_and_with_gold_counts_first_votes_where_they_prefer_a_side():
    raters = Raters(UNBIASED)
    pairs = [Pair(COW, RIGHT, WRONG), Pair(COW, WRONG, RIGHT), Pair(COW, RIGHT, WRONG), Pair(COW, RIGHT, POLITE)]
    pairs += [Pair(COW, WRONG, RIGHT, 0)]
    found = {name: kn for name, kn, _ in vote.agreements(votes_of(["a", "a", "tie", "a", "a"], pairs), raters)}
    assert found["with the raters"] == (1, 2)  # a polite phrase is about the same to them
    assert found["with gold"] == (1, 3)  # to gold it is not
    assert found["with yourself"] == (0, 1)


def test_a_pair_that_came_twice_stands_beside_its_return_with_the_same_letter_for_the_same_answer():
    pairs = [Pair("q", RIGHT, WRONG), Pair("r", RIGHT, POLITE), Pair("s", RIGHT, WRONG), Pair("q", WRONG, RIGHT, 0)]
    pairs += [Pair("r", RIGHT, POLITE, 1)]
    columns = voting.side_by_side(pairs, ["a", "tie", "skip", "b", "b"])
    assert columns == [(1, "a"), (1, "a"), (2, "tie"), (2, "b"), (3, "skip")]


def test_an_interval_is_wilsons():
    assert vote.interval(0, 0) == "" and vote.interval(4, 5) == " 80% [38%, 96%]"
    assert vote.interval(5, 5) == "100% [57%, 100%]" and vote.interval(0, 5) == "  0% [0%, 43%]"


def test_the_summary_names_three_agreements_each_with_its_n_and_the_command_that_trains(run, file, monkeypatch, capsys):
    assert rate(monkeypatch, run, file, "ab" * 10) == 0
    said = capsys.readouterr().out
    assert "20 votes, 10 of them for a, 0 about the same" in said
    for name in ("with yourself", "with the raters", "with gold"):
        assert re.search(rf"{name} +(\d+ of \d+ +\d+% \[\d+%, \d+%\]|no pair)", said), name
    assert f"minialign tour --fast --seed 0 --out {run.parent} --votes {file}" in said  # where its stages are kept


def test_a_run_on_own_votes_shares_their_file_with_the_run_they_were_cast_on(run, monkeypatch, capsys):
    own = run.with_name("tour-fast-s0-votes-mine-012345")
    shutil.copytree(run, own)
    for folder, kept in ((run, 2), (own, 4)):  # the newest run is the default: after a tour --votes it is `own`
        monkeypatch.setattr(sys, "stdin", io.StringIO("a\nb\nq\n"))
        assert main(["vote", str(folder)]) == 0
        assert len(lines(run / "my-votes.jsonl")) == kept
    assert not (own / "my-votes.jsonl").exists()
    shutil.rmtree(own), (run / "my-votes.jsonl").unlink()


# -------------------------------------------------------------------------------- a real terminal
@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals are Unix's")
def test_in_a_terminal_one_key_is_enough_and_an_arrow_is_no_vote(run, file):
    import pty
    import termios

    main_end, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    command = [sys.executable, "-m", "minialign", "vote", str(run), "--to", str(file)]
    environment = os.environ | {"NO_COLOR": "1", "TERM": "dumb"}

    def until(needle, said=b""):
        deadline = time.monotonic() + 60
        while needle not in said:
            assert select.select([main_end], [], [], max(0, deadline - time.monotonic()))[0], said.decode()
            said += os.read(main_end, 4096)
        return said

    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
    try:
        said = until(b"  > ")
        for key, kept in ((b"a", 1), (b"\x1b[A", 1), (b"\x1b[B", 1), (b"\r", 1), (b"B", 2), (b"u", 1), (b"t", 2)):
            while termios.tcgetattr(terminal)[3] & termios.ICANON:
                time.sleep(0.01)  # it begins to listen a moment after the question is there
            os.write(main_end, key)
            said += until(b"  > ")
            assert len(lines(file)) == kept, key
        process.send_signal(signal.SIGINT)
        said += until(b"to resume")
        assert process.wait(timeout=60) == 130
    finally:
        process.kill()
        process.wait()
    assert termios.tcgetattr(terminal) == before  # the terminal is as it was
    os.close(main_end), os.close(terminal)
    assert ESCAPE.encode() not in said and [line["vote"] for line in lines(file)] == ["a", "tie"]


# -------------------------------------------------------------------------------- what is trained on them
def preferences(n, word="moo"):
    answer = Response(f"it says {word}.", True)
    return Preferences([COW] * n, [answer] * n, [Response("no.", True)] * n)


def test_own_votes_take_the_place_of_the_simulated_ones_and_only_what_reads_them_is_made_again(out, tmp_path):
    (tmp_path / "cache").symlink_to(out / "cache")
    made = []
    three = preferences(9), preferences(9), preferences(9, "baa")
    mine, same, others = (Journey(TOY, 0, tmp_path / "cache", made.append, votes) for votes in three)
    for journey, expected in ((mine, ["reward", "ppo", "dpo"]), (same, []), (others, ["reward", "ppo", "dpo"])):
        made.clear()
        for stage in STAGES:
            journey.stage(stage)
        assert made == expected
    simulated = Journey(TOY, 0, tmp_path / "cache", made.append)
    assert mine.votes() == (preferences(9), simulated.votes()[1])  # the raters' held-out votes still measure
    assert len(mine.stage("dpo").history["loss"]) == pipeline.LEAST_STEPS  # two steps a pass are no training
    assert mine.key("votes") == simulated.key("votes") and mine.key("ppo") != simulated.key("ppo")


def test_the_file_of_votes_may_be_moved_while_models_are_trained(out, tmp_path, monkeypatch):
    (tmp_path / "cache").symlink_to(out / "cache")
    file, told = tmp_path / "class.jsonl", []
    file.write_text("".join(json.dumps(GOOD | {"voter": n}) + "\n" for n in (1, 2)), encoding="utf-8")

    def measure(journey, *votes):
        told.append(metrics.votes_report(journey, *votes))
        raise KeyboardInterrupt

    monkeypatch.setattr(tour, "tell_stage", lambda *_: file.unlink(missing_ok=True))
    monkeypatch.setattr(tour.metrics, "measure", measure)
    assert main(["tour", "--fast", "--out", str(tmp_path), "--votes", str(file)]) == 130 and told[0].of_class


@pytest.mark.whole
def test_a_tour_on_own_votes_says_so_and_that_they_are_few(out, run, tmp_path, monkeypatch, capsys):
    (tmp_path / "cache").symlink_to(out / "cache")
    file = tmp_path / "mine.jsonl"
    assert rate(monkeypatch, run, file, "abts" * 5) == 0
    capsys.readouterr()
    assert main(["tour", "--fast", "--out", str(tmp_path), "--votes", str(file)]) == 0
    said = capsys.readouterr().out
    n = len(load_jsonl(file))
    assert n == 10 and f"your votes        {n}" in said and "So few votes train a poor reward model" in said
    [folder] = tmp_path.glob("tour-fast-s0-votes-mine-*")
    assert f"on your own votes: {n} from {file}" in said
    assert load_jsonl(folder / "votes-train.jsonl") == load_jsonl(file)
    about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert about["votes"]["train"] == n and about["votes"]["own"] and about["votes"]["file"] == str(file)
    assert not json.loads((run / "run.json").read_text(encoding="utf-8"))["votes"]["own"]


GOOD = {"prompt": COW, "chosen": "it says moo.", "rejected": "no."}


@pytest.mark.parametrize(
    "bad",
    [
        "not json", "[]", "3", "{}", "[" * 100_000, json.dumps({"prompt": "a", "chosen": "b"}), "\x00",
        json.dumps(GOOD | {"chosen": 3}), json.dumps(GOOD | {"chosen": ["a"]}), json.dumps(GOOD | {"chosen": None}),
        json.dumps(GOOD | {"chosen": None, "rejected": None}), json.dumps(GOOD | {"prompt": "2 + 2?"}),
        json.dumps(GOOD | {"chosen": "x" * 300}), json.dumps(GOOD | {"chosen": "", "chosen_ended": False}),
        json.dumps(GOOD | {"prompt": [{"role": "user", "content": "hello"}]}), b"\xff\xfe".decode("latin-1"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_before_anything_is_trained(bad, tmp_path, capsys):
    file = tmp_path / "v.jsonl"
    file.write_bytes(f"{json.dumps(GOOD)}\n\n{bad}\n".encode("latin-1"))
    assert main(["tour", "--fast", "--out", str(tmp_path / "out"), "--votes", str(file)]) == 2
    one_line(capsys, "line 3")
    assert not (tmp_path / "out").exists()


TIE = json.dumps(GOOD | {"chosen": None, "rejected": None, "vote": "tie"})


@pytest.mark.parametrize("content", [None, "", "\n", TIE])
def test_no_votes_are_one_line(content, tmp_path, capsys):
    file = tmp_path / "v.jsonl"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    assert main(["tour", "--fast", "--out", str(tmp_path / "out"), "--votes", str(file)]) == 2
    one_line(capsys, "v.jsonl", "minialign vote")
    assert main(["tour", "--fast", "--out", str(tmp_path / "out"), "--votes", str(tmp_path)]) == 2
    one_line(capsys, "minialign vote")


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="no pipes with names here")
def test_a_pipe_is_said_to_be_one(capsys):
    reading, writing = os.pipe()
    os.write(writing, json.dumps(GOOD).encode()), os.close(writing)
    assert main(["tour", "--fast", "--votes", f"/dev/fd/{reading}"]) == 2
    os.close(reading)
    one_line(capsys, "is a pipe", "save what comes out of it as a file")


def cast(task):
    """Vote on one file until somebody else is found to write to it -> how many votes were acknowledged."""
    path, number = task
    done = 0
    try:
        ballots = voting.Ballots(path, "model")
        for k in range(50):
            ballots.add(voting.Pair(f"{number} {k}?", Response("yes.", True), Response("no.", True)), "a", 1.0)
            done += 1
    except Problem as problem:
        assert "another voter" in str(problem) or "is not a vote of this run" in str(problem)
    return done


def test_two_voters_on_one_file_lose_no_vote(tmp_path):
    """The second one used to cut the file at the end that it remembered: of 6 votes 1 was left, then NUL bytes."""
    path = tmp_path / "votes.jsonl"
    first, second = voting.Ballots(path, "model"), voting.Ballots(path, "model")
    pair = voting.Pair("a?", Response("yes.", True), Response("no.", True))
    for _ in range(5):
        first.add(pair, "a", 1.0)
    with pytest.raises(Problem, match="another voter is writing to it"):
        second.add(pair, "b", 1.0)
    first.add(pair, "tie", 1.0)
    assert [line["vote"] for line in voting.Ballots(path, "model").lines] == ["a"] * 5 + ["tie"]


def test_many_voters_at_once_lose_no_acknowledged_vote(tmp_path):
    path = tmp_path / "votes.jsonl"
    with ThreadPoolExecutor(8) as pool:
        acknowledged = sum(pool.map(cast, [(path, number) for number in range(8)]))
    assert acknowledged >= 50 and len(voting.Ballots(path, "model").lines) == acknowledged


@pytest.mark.slow
def test_200_000_votes_are_read_in_seconds_and_with_a_bar(tmp_path, monkeypatch):
    file, screen = tmp_path / "v.jsonl", io.StringIO()
    file.write_text((json.dumps(GOOD) + "\n") * 200_000, encoding="utf-8")
    screen.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", screen)
    start = time.process_time()
    assert len(load_jsonl(file, 128)) == 200_000
    assert time.process_time() - start < 10  # 22 s before texts were looked at as sets
    assert "reading votes" in screen.getvalue() and " lines" in screen.getvalue()
