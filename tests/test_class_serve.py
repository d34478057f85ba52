"""`minialign serve` on a toy run: pairs made before the class, a reward model that learns live, and training on the class."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from toy import TOY
from toy_class import simulated
from toy_room import ask, token_of, toy_pairs
from toy_run import toy_size

from minialign import checkpoint
from minialign.batch import Response
from minialign.classroom import backstage, prepare, qr, train
from minialign.classroom.casts import gather
from minialign.classroom.live import Live, Progress, phi
from minialign.classroom.room import Pairs, Refused, Room
from minialign.classroom.store import Store
from minialign.cli import serve
from minialign.cli.command import main
from minialign.pipeline import Journey
from minialign.preferences import Preferences
from minialign.reward import Scorer
from minialign.runs.errors import Problem
from minialign.runs.voting import Pair, readable
from minialign.world import UNBIASED


@pytest.fixture(scope="module")
def run(toy_runs):
    with toy_size():
        yield toy_runs / "tour-fast-s0"


@pytest.fixture(scope="module")
def sft(run):
    return checkpoint.load(run / "sft.npz")


@pytest.mark.parametrize("text, ended, passes", [
    ("sure! it says moo. have a nice day.", True, True), ("i do not know.", True, True), ("it says moo.", False, False),
    ("it says moo. you idiot.", True, False), ("it says mooo.", True, False), ("", True, False), (" ", True, False), ("<eos>", True, False),
])  # fmt: skip
def test_only_sentences_of_the_world_are_shown(text, ended, passes):
    assert prepare.screened(Response(text, ended)) == passes


def test_every_seat_has_pairs_of_its_own_and_two_of_them_again(run, sft):
    score = Scorer(checkpoint.load(run / "reward.npz"), TOY.reward.pooling)
    pairs = prepare.prepare(sft, score, 0, 3, TOY.max_new_tokens, readable)
    assert len(pairs.shared) == 5 and [len(seat) for seat in pairs.own] == [12] * 3
    new = [(p.question, frozenset((p.a, p.b))) for p in pairs.flat if p.repeat_of is None]
    assert len(new) == len(set(new)) == 35
    for seat in (1, 2, 3):
        for number in list(pairs.of_seat(seat))[-2:]:
            again, first = pairs.flat[number], pairs.flat[pairs.flat[number].repeat_of]
            assert pairs.flat[number].repeat_of in pairs.of_seat(seat) and (again.a, again.b) == (first.b, first.a)


def test_phi_is_the_mean_hidden_state_of_the_answers_tokens(sft):
    from minialign.batch import conversations
    from minialign.likelihood import log_probs_array

    said = [("what does a cow say?", Response("it says moo.", True)), ("why?", Response("no.", False))]
    found = phi(sft, said)
    for (question, answer), row in zip(said, found):
        batch = conversations([(question, answer)])
        columns = np.nonzero(batch.mask[0])[0]
        hidden = sft.trunk(batch.ids).data[0, columns + 1]
        logps = log_probs_array(sft, batch.ids, batch.mask)[0, columns]
        np.testing.assert_allclose(row, [*hidden.mean(0), logps.mean(), logps.min()], rtol=1e-4, atol=1e-4)


def test_the_live_reward_model_learns_what_a_class_likes_and_is_measured_on_new_pairs_alone(sft):
    casts = simulated([UNBIASED] * 12)
    pairs, place, votes = [], {}, []
    for cast in casts:
        key = cast.question, cast.a, cast.b
        if key not in place:
            place[key] = len(pairs)
            pairs.append(Pair(cast.question, cast.a, cast.b))
        votes.append((cast.voter, place[key], cast.vote, 1.0))
    live = Live(sft, pairs)
    some, all_of_them = live.learn(votes[:40]), live.learn(votes)
    assert all_of_them.n > some.n and all_of_them.of > 60 and all_of_them.predicted / all_of_them.of > 0.6
    assert live.learn([]).n == 0 and live.learn([(1, 0, "tie", 1.0)]).of == 0
    twice = live.learn([(v, 0, "a", 1.0) for v in range(30)])
    assert twice.of == 0  # a pair that has been voted on measures nothing


def test_the_class_is_kept_and_trained_on_with_dpo_before_ppo(run, sft, tmp_path, monkeypatch):
    pairs = Pairs([Pair(c.question, c.a, c.b, None, "shared") for c in simulated([UNBIASED])[:12]], [[], []])
    store = Store(tmp_path / "c.sqlite3")
    room = Room(store, pairs, "ABCDE", "token", "model")
    for n in (1, 2):
        room.join("ABCDE", token_of(n))
    behind = backstage.Backstage(room, Live(sft, pairs.flat), run, tmp_path / "c.jsonl")
    with pytest.raises(Refused, match="20 votes"):
        behind.train()
    for pair in range(12):
        room.act("next")
        room.vote(1, pair, "a"), room.vote(2, pair, "b")
        if pair == 0:
            behind.look()
            assert "learned" not in behind.told() and behind.told()["training"] == ""  # nothing of an open pair
        room.act("close")
    behind.look()
    told = behind.told()
    assert told["learned"]["n"] == 24 and "This class" in told["taste"]
    monkeypatch.setattr(subprocess, "Popen", lambda command, **_: Made(command))
    behind.train()
    with pytest.raises(Refused, match="already"):
        behind.train()
    assert len(gather([tmp_path / "c.jsonl"], 112)[0]) == 24
    doing, write = [], train.atomically

    def written(path, how):
        write(path, how)
        doing.append(behind.told().get("doing", {}))

    monkeypatch.setattr(train, "atomically", written)
    train.main(*behind.process.command[3:])
    behind.process.code = 0
    assert [each["name"] for each in doing if each] == ["dpo", "reward", "ppo"]  # what was made; the SFT model was there
    assert all(0 <= each["seconds"] < 60 and each["of"] > 0 for each in doing if each) and "doing" not in behind.told()
    told = behind.told()
    assert list(told["models"]) == ["sft", "dpo", "ppo"] and told["trained_on"] == 24 and told["training"] == "done"
    shown = {said for rows in told["models"].values() for _, said in rows}
    assert all(said == train.UNSHOWN or prepare.screened(Response(said, True)) for said in shown)
    store.close()


def test_how_long_a_stage_may_take_follows_from_the_run_and_from_the_number_of_votes():
    own = Preferences(["what?"] * 24, [Response("a", True)] * 24, [Response("b", True)] * 24)
    journey = Journey(TOY, 0, own_votes=own)
    results = {"timings": {"seconds": {"ppo": 3.0, "dpo": 10.0}}, "votes": {"train": 64}}
    assert train.expected(journey, results, "ppo") == 3.0 and train.expected(journey, results, "sft") == 0.0
    assert train.expected(journey, results, "dpo") == 10.0 * (7 * 3) / (1 * 8)  # batches of 8; of few votes at least 20 steps


def test_what_was_measured_on_many_unseen_pairs_is_kept_when_hardly_any_are_left(tmp_path):
    told = iter([Progress(10, 1.0, 2, 30.0, 50), Progress(20, 1.0, 2, 0.0, 2)])
    room = types.SimpleNamespace(votes=[], pairs=Pairs([Pair("what?", Response("a", True), Response("b", True))], []), phase="own")
    behind = backstage.Backstage(room, types.SimpleNamespace(learn=lambda votes: next(told)), tmp_path, tmp_path / "c.jsonl")
    for n in (10, 20):
        room.votes.append((1, 0, "a", 1.0))
        behind.look()
        assert (behind.told()["learned"]["n"], behind.told()["learned"]["gold"], behind.told()["learned"]["pairs"]) == (n, 30.0, 50)


class Made:
    """A process that only remembers what it was asked."""

    def __init__(self, command):
        self.command, self.code = command, None

    def poll(self):
        return self.code


def test_a_class_that_voted_on_another_run_is_refused():
    with pytest.raises(Problem, match="another run"):
        serve.known_pairs({"pairs": "{}", "model": "x"}, "y", Path("c"))
    assert serve.known_pairs({}, "y", Path("c")) is None
    for damaged in ("", "3", "{}", '{"shared": [[]], "own": []}', '{"shared": 3, "own": []}'):
        with pytest.raises(Problem, match="any more"):
            serve.known_pairs({"pairs": damaged, "model": "y"}, "y", Path("c"))


def test_a_class_that_goes_on_keeps_its_seats_and_says_so_if_others_are_asked_for(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(serve, "serve", lambda room, *_: print(len(room.pairs.own), "seats"))
    monkeypatch.setattr(serve, "prepare", lambda model, score, seed, n, limit: toy_pairs(n))
    for flags, told in ((["--seats", "2"], False), ([], False), (["--seats", "2"], False), (["--seats", "30"], True)):
        assert main(["serve", str(run), "--to", str(tmp_path / "c.sqlite3"), *flags]) == 0
        out, err = capsys.readouterr()
        assert out == "2 seats\n" and ("keeps the 2 seats" in err) == told
    assert main(["serve", str(run), "--to", str(tmp_path / "d.sqlite3")]) == 0 and capsys.readouterr().out == "40 seats\n"


def test_votes_are_written_over_no_file_but_the_classs_own(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(serve, "serve", lambda *_: None)
    monkeypatch.setattr(serve, "prepare", lambda model, score, seed, n, limit: toy_pairs(n))
    for name, told in (("c.jsonl", "name another, for instance class.sqlite3"), ("d.sqlite3", "d.jsonl is there already")):
        (tmp_path / "d.jsonl").write_text("of somebody else", encoding="utf-8")
        assert main(["serve", str(run), "--to", str(tmp_path / name)]) == 2 and told in capsys.readouterr().err
    assert not (tmp_path / "c.jsonl").exists()
    (tmp_path / "d.jsonl").rename(tmp_path / "e.jsonl")
    for _ in range(2):  # a class that goes on has its lines there
        assert main(["serve", str(run), "--to", str(tmp_path / "d.sqlite3")]) == 0
        (tmp_path / "d.jsonl").write_text("its own", encoding="utf-8")


def test_phones_come_in_only_when_asked_for(monkeypatch):
    parsed = []
    for flags, lan in (([], None), (["--lan"], ""), (["--lan", "10.0.0.7"], "10.0.0.7")):
        import argparse

        parser = argparse.ArgumentParser()
        serve.add_arguments(parser)
        parsed.append(parser.parse_args(["RUN", *flags]).lan == lan)
    assert all(parsed)
    monkeypatch.setattr(serve, "own_address", lambda: "10.0.0.9")
    assert [serve.host_of(lan) for lan in (None, "", "0.0.0.0", "10.0.0.7")] == ["127.0.0.1", "10.0.0.9", "10.0.0.9", "10.0.0.7"]
    with pytest.raises(SystemExit):
        parser.parse_args(["--seats", "201"])


def test_the_qr_code_is_there_with_segno_and_missed_by_nobody_without(monkeypatch):
    monkeypatch.setitem(sys.modules, "segno", None)
    assert qr.qr_svg("http://127.0.0.1:1/") == b""
    monkeypatch.undo()
    pytest.importorskip("segno", reason="no segno: pip install -e '.[class]'")
    assert b"<svg" in qr.qr_svg("http://127.0.0.1:1/") and b"<script" not in qr.qr_svg("http://127.0.0.1:1/")


TRAINING = """if True:
    import signal, sys, time, types
    from pathlib import Path
    from minialign.classroom import backstage
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a shell may have left it, and Ctrl-C, to be ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    backstage.load_run, backstage.recipe_of = lambda folder: {}, lambda results: True
    room = types.SimpleNamespace(votes=[(1, n, "a", 1.0) for n in range(20)], lines=list)
    behind = backstage.Backstage(room, None, Path(sys.argv[1]), Path(sys.argv[1], "c.jsonl"))
    behind.train()
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        time.sleep(0.5)  # a server has more to do first
        behind.stop()
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are sent in another way")
@pytest.mark.parametrize("how", ["Ctrl-C", "the terminal is closed", "killed"])
def test_a_training_ends_with_its_server_and_without_a_word(how, tmp_path):
    os.mkfifo(tmp_path / "run.json")  # which the training waits for
    server = subprocess.Popen([sys.executable, "-c", TRAINING, str(tmp_path)], stderr=subprocess.PIPE, start_new_session=True)
    with open(tmp_path / "run.json", "wb"):  # opens when the training has begun to read
        os.kill(server.pid, signal.SIGKILL) if how == "killed" else os.killpg(server.pid, signal.SIGINT if how == "Ctrl-C" else signal.SIGHUP)
        assert server.communicate(timeout=30)[1] == b""  # which comes when nobody is left who could write there


# ------------------------------------------------------------------------------------- as a process of its own
ANY_ANSWER = """if True:
    import signal, sys
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from minialign.classroom import prepare
    from minialign.runs.voting import readable
    prepare.prepare.__defaults__ = (readable,)  # a toy model's answers pass no screen
    from minialign.cli.command import main
    sys.exit(main(sys.argv[1:]))
"""


@contextlib.contextmanager
def served(run, path, *flags):
    """The command -> (its process, the address and code that it prints, the presenter's token, what it says below)."""
    arguments = ["serve", str(run), "--port", "0", "--seats", "2", "--to", str(path), *flags]
    command = [sys.executable, "-c", ANY_ANSWER, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8")
    try:
        first, second, third = (process.stdout.readline() for _ in range(3))
        host, port, code = re.search(r"http://([\d.]+):(\d+)/ +code ([A-Z]{5})", first).groups()
        yield process, (host, int(port)), code, re.search(rf"http://{host}:{port}/wall#(\S+)", second)[1], third
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent in another way")
def test_serve_prints_addresses_of_this_machine_alone_and_ctrl_c_keeps_the_votes(run, tmp_path):
    (tmp_path / "c.answers.json").write_text('{"votes": 3, "models": {"sft": []}, "doing": {}}', encoding="utf-8")  # of another class
    with served(run, tmp_path / "c.sqlite3") as (process, (host, port), code, token, said):  # a toy recipe is not the tour's
        assert host == "127.0.0.1" and "Only this machine" in said
        assert ask(port, "POST", "/join", {"code": code, "token": token_of(1)})[1] == {"you": 1}
        assert "models" not in ask(port, "POST", "/act", {"action": "next"}, token)[1]
        assert ask(port, "POST", "/vote", {"pair": 0, "vote": "b"}, token_of(1))[1] == {"kept": "b"}
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "1 vote is kept" in err.splitlines()[-1]
    assert "will not be able to train on the class" in err and "before the class begins" in " ".join(err.split()) and len(err.splitlines()) == 4
    assert json.loads((tmp_path / "c.jsonl").read_text(encoding="utf-8"))["vote"] == "b"


def own_address():
    try:
        return serve.own_address()
    except Problem:
        return "127.0.0.1"


def test_with_lan_it_is_at_this_machines_address_and_nowhere_else(run, tmp_path):
    """What is printed is where it listens: a phone joins and votes there, and neither loopback nor another name is answered."""
    here = own_address()
    if here.startswith("127."):
        pytest.skip("this machine has no address but its own loopback")
    with served(run, tmp_path / "c.sqlite3", "--lan") as (process, (host, port), code, token, said):
        assert host == here and "without encryption" in said + process.stdout.readline()
        assert ask(port, "POST", "/join", {"code": code, "token": token_of(1)}, host=host)[1] == {"you": 1}
        assert ask(port, "POST", "/act", {"action": "next"}, token, host=host)[0] == 200
        assert ask(port, "POST", "/vote", {"pair": 0, "vote": "a"}, token_of(1), host=host)[1] == {"kept": "a"}
        assert ask(port, "GET", "/", host=host, Host="elsewhere.example")[0] == 421
        with pytest.raises(ConnectionRefusedError):
            ask(port, "GET", "/")


def test_an_address_that_is_not_this_machines_is_one_line(run, tmp_path):
    with pytest.raises(Problem, match=r"cannot serve at 203\.0\.113\.9:\d+ .*--lan ADDRESS"):
        serve.serve(None, backstage.Backstage(None, None, run, tmp_path / "c"), "203.0.113.9", 0)
