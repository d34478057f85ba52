"""The server of a class, on loopback: what it grants, what it refuses, and that nothing that comes in does harm."""

import http.client
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from toy_room import TOKEN, ask, serving, token_of, toy_pairs

from minialign.classroom import request, server, store
from minialign.classroom.casts import gather, save_lines
from minialign.classroom.room import pairs_as_json, pairs_from_json
from minialign.classroom.store import Store
from minialign.runs.errors import Problem

HERE = Path(__file__).parent


@pytest.fixture
def room(tmp_path):
    with serving(tmp_path / "class.sqlite3") as running:
        yield running


def join(port, n, code="abcde"):
    return ask(port, "POST", "/join", {"code": code, "token": token_of(n)})


def act(port, action, token=TOKEN):
    return ask(port, "POST", "/act", {"action": action}, token)[:2]


def vote(port, n, pair, side="a", **more):
    return ask(port, "POST", "/vote", {"pair": pair, "vote": side} | more, token_of(n))[:2]


def state(port, n):
    return ask(port, "GET", "/state", None, token_of(n))[:2]


# -------------------------------------------------------------------------------- a class, from the first pair to the last
def test_a_class_votes_together_and_then_alone_and_its_votes_are_a_file_to_train_on(room, tmp_path):
    port = room.server_port
    assert [join(port, n)[1]["you"] for n in (7, 8, 7)] == [1, 2, 1]  # the same phone gets the same number
    assert state(port, 7)[1]["phase"] == "waiting" and vote(port, 7, 0)[0] == 409
    assert act(port, "next")[1]["pair"]["question"] == "shared a?"
    assert state(port, 7)[1]["pair"] == {"number": 0, "question": "shared a?", "a": "it says moo.", "b": "it says baa."}
    assert vote(port, 7, 0, "b", seconds=2.5) == (200, {"kept": "b"}) and vote(port, 8, 0) == (200, {"kept": "a"})
    wall = ask(port, "GET", "/room", None, TOKEN)[1]
    assert wall["voted"] == 2 and wall["joined"] == 2 and "counts" not in wall and "counts" not in state(port, 7)[1]  # hidden
    assert act(port, "close")[1]["counts"] == {"a": 1, "b": 1, "tie": 0, "skip": 0}
    assert state(port, 7)[1]["yours"] == "b" and state(port, 8)[1]["counts"]["b"] == 1
    assert vote(port, 7, 1)[0] == 409 and act(port, "close")[0] == 409  # not open
    assert act(port, "own")[0] == 200
    own = [state(port, n)[1]["pair"]["number"] for n in (7, 8)]
    assert own == [2, 6] and vote(port, 7, 6)[0] == 409  # another seat's
    while "pair" in (now := state(port, 8)[1]):
        assert vote(port, 8, now["pair"]["number"], "tie")[0] == 200
    assert now["left"] == 0 and act(port, "done")[1]["votes"] == 6
    save_lines(room.room.lines(), tmp_path / "votes.jsonl")
    casts, _ = gather([tmp_path / "votes.jsonl"], 128)
    assert sorted((c.voter, c.number, c.vote, c.part) for c in casts)[:2] == [(1, 0, "b", "shared"), (2, 0, "a", "shared")]
    assert casts[0].seconds == 2.5 and len(casts) == 6


def test_a_button_that_was_pressed_too_soon_ends_nothing(room):
    port = room.server_port
    join(port, 1)
    assert act(port, "own")[1]["finished"] == 0 and act(port, "next")[1]["pair"]["question"] == "shared a?"  # the first was left
    act(port, "close")
    assert act(port, "done")[1]["phase"] == "done" and act(port, "done")[0] == 409
    assert act(port, "next")[1]["pair"]["question"] == "shared b?" and act(port, "own")[0] == 409  # the vote is open
    act(port, "close")
    assert act(port, "next")[0] == 409 and act(port, "own")[1]["phase"] == "own" and act(port, "own")[0] == 409
    assert act(port, "next")[0] == 409 and state(port, 1)[1]["left"] == 4
    for pair in range(2, 6):
        assert vote(port, 1, pair)[0] == 200
    assert ask(port, "GET", "/room", None, TOKEN)[1]["finished"] == 1


def test_the_first_vote_on_a_pair_counts_and_is_counted_once(room):
    port = room.server_port
    join(port, 1), act(port, "next")
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda side: vote(port, 1, 0, side), "abababab"))
    assert {status for status, _ in said} == {200} and len({answer["kept"] for _, answer in said}) == 1
    assert act(port, "close")[1]["votes"] == 1
    assert vote(port, 1, 0, "tie")[1] == said[0][1]  # replayed later: the same answer, and no second vote


def test_a_room_that_is_started_again_goes_on(tmp_path):
    with serving(tmp_path / "c") as first:
        join(first.server_port, 1), act(first.server_port, "next"), vote(first.server_port, 1, 0, "b")
    with serving(tmp_path / "c") as second:
        port = second.server_port
        assert state(port, 1) == (200, {"you": 1, "phase": "open", "done": 1, "left": 0, "pair": state(port, 1)[1]["pair"]})
        assert vote(port, 1, 0, "a") == (200, {"kept": "b"}) and join(port, 2)[1]["you"] == 2


def test_there_are_as_many_voters_as_seats_and_votes_have_a_pace(tmp_path):
    with serving(tmp_path / "c", pause=30.0) as running:
        port = running.server_port
        assert [join(port, n)[0] for n in range(5)] == [200, 200, 200, 409, 409]
        act(port, "own")
        assert [vote(port, 0, n)[0] for n in (2, 3)] == [200, 429] and vote(port, 0, 2)[0] == 200  # sent again: no new vote
        assert vote(port, 1, 6)[0] == 200


def test_pairs_are_the_same_when_they_are_read_back():
    pairs = toy_pairs()
    assert pairs_from_json(pairs_as_json(pairs)) == pairs and list(pairs.of_seat(2)) == [6, 7, 8, 9]


# -------------------------------------------------------------------------------- who may do what
def test_presenting_needs_the_presenters_token_and_voting_a_voters(room):
    port = room.server_port
    join(port, 1)
    for token in ("", "x", token_of(1), TOKEN + "x"):
        assert act(port, "next", token)[0] == 401 and ask(port, "GET", "/room", None, token)[0] == 401
    for token in ("", TOKEN, token_of(2), "ü"):
        assert ask(port, "GET", "/state", None, token.encode("utf-8").decode("latin-1"))[0] == 401
    assert room.room.phase == "waiting"


def test_codes_cannot_be_guessed_in_a_row(room, monkeypatch):
    port = room.server_port
    assert [join(port, 1, code)[0] for code in ("", "ABCDF", "abcd", None, 5, "ÄÖ")] == [403] * 6
    codes = [join(port, 1, f"X{n:04d}")[0] for n in range(server.GUESSES)]
    assert codes[-1] == 429 and join(port, 1)[0] == 429  # even the right one, for a minute
    room.minute -= 1
    assert join(port, 1)[0] == 200


def test_codes_and_tokens_are_compared_in_constant_time():
    """hmac.compare_digest and digests as keys: no comparison with == of what has come in."""
    for name in ("room", "server"):
        text = (Path(server.__file__).parent / f"{name}.py").read_text(encoding="utf-8")
        assert "compare_digest" in text and "== self.code" not in text and "== self.server.room.token" not in text


@pytest.mark.parametrize("headers, status", [
    ({"Host": "evil.example"}, 421), ({"Host": ""}, 421), ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
    ({"Content_Type": "text/plain"}, 415), ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
])  # fmt: skip
def test_other_sites_get_nothing(room, headers, status):
    assert ask(room.server_port, "POST", "/join", {"code": "ABCDE", "token": token_of(1)}, **headers)[0] == status
    assert not room.room.voters


@pytest.mark.parametrize("port, host", [(80, "aula"), (80, "aula:80"), (80, "127.0.0.1"), (8020, "aula:8020"), (8020, "127.0.0.1:8020")])
def test_it_answers_at_the_name_that_it_was_asked_to_serve_at_as_a_browser_sends_it(port, host, monkeypatch):
    monkeypatch.setattr(server.Server, "server_bind", lambda self: setattr(self, "server_address", ("127.0.0.1", port)))
    with server.Server(("Aula", port), None) as one:
        assert host in one.hosts and "evil.example" not in one.hosts and ("aula" in one.hosts) == (port == 80)


def test_a_code_of_half_a_surrogate_pair_is_a_wrong_code(room):
    assert [join(room.server_port, 1, code)[0] for code in ("\ud800", "ABCD\udc45", "abcde")] == [403, 403, 200]


def test_a_hosts_name_has_no_case(room):
    assert ask(room.server_port, "GET", "/", Host=f"LocalHost:{room.server_port}")[0] == 200


# -------------------------------------------------------------------------------- what comes in
@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"3", b"null", b"\xff\xfe", b'{"pair": NaN, "vote": "a"}', b"[" * 1900, {"pair": "0", "vote": "a"}, {"pair": True, "vote": "a"},
    {"pair": 0, "vote": "c"}, {"pair": 0, "vote": ["a"]}, {"pair": [0], "vote": "a"}, {"pair": {}, "vote": "a"}, {"pair": -1, "vote": "a"},
    {"pair": 10**30, "vote": "a"}, {"pair": 0, "vote": "a", "seconds": "1"}, {"pair": 0, "vote": "a", "seconds": -1},
    {"pair": 0, "vote": "a", "seconds": 1e99}, {"vote": "a"}, {"pair": 0}, {"pair": 0, "vote": "a; drop table votes"},
])  # fmt: skip
def test_what_is_no_vote_is_refused(room, body):
    port = room.server_port
    join(port, 1), act(port, "next")
    status, answer, _ = ask(port, "POST", "/vote", body, token_of(1))
    assert status in (400, 409) and answer["error"] and not room.room.votes


@pytest.mark.parametrize("path", ["/../server.py", "/..%2fserver.py", "//etc/passwd", "/static/voter.js", "/voter.js/", "/%00", "/wall.html", "/vote"])
def test_no_address_leads_to_a_file_that_is_not_meant(room, path):
    assert ask(room.server_port, "GET", path)[0] == 404


def test_pages_are_small_and_their_policy_lets_no_other_script_run(room):
    sizes = {}
    for path in server.FILES:
        status, content, headers = ask(room.server_port, "GET", path)
        sizes[path] = len(content)
        assert status == 200 and "default-src 'none'; script-src 'self'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff" and "Set-Cookie" not in headers and headers["Server"] == "minialign "
        assert b"onclick" not in content and b"innerHTML" not in content and b"eval(" not in content and b"http" not in content.replace(b"http-", b"")
    assert sizes["/"] + sizes["/voter.js"] + sizes["/class.css"] < 30_000
    assert sizes["/wall"] + sizes["/wall.js"] + sizes["/class.css"] < 30_000


def raw(port, content, wait=True):
    """Send bytes as they are -> what comes back until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        sock.sendall(content)
        said = b""
        try:
            while wait and (piece := sock.recv(4096)):
                said += piece
        except ConnectionError:
            pass
        return said


GET, POST = b"GET /state HTTP/1.1\r\nHost: x\r\n", b"POST /vote HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize("content, status", [
    (b"nonsense\r\n\r\n", 400), (b"GET\r\n\r\n", 400), (b"\x16\x03\x01\x02\x00\r\n\r\n", 400), (b"GET / HTTP/9.9\r\n\r\n", 505), (b"\r\n\r\n", None),
    (GET + b"X: " + b"x" * 9000 + b"\r\n\r\n", 431), (GET + b"X: y\r\n" * 1300 + b"\r\n", 431), (POST + b"Content-Length: 2001\r\n\r\n", 413),
    (POST + b"Content-Length: 99999999999999999999\r\n\r\n", 400), (POST + b"Content-Length: -1\r\n\r\n", 400),
    (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400), (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    (b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 421), (GET + b"X\r\n\r\n", 421), (GET + b"\0: \0\r\n\r\n", 421),
])  # fmt: skip
def test_malformed_and_oversized_requests_are_answered_or_dropped(room, content, status):
    said = raw(room.server_port, content)
    assert said == b"" if status is None else said.split(b" ")[1] == str(status).encode()
    assert join(room.server_port, 1)[0] == 200  # and it goes on


def test_slow_and_half_open_connections_are_dropped_and_harm_nobody(tmp_path, monkeypatch):
    monkeypatch.setattr(request.receive, "__defaults__", (0.4,))
    with serving(tmp_path / "c") as running:
        port, began = running.server_port, time.monotonic()
        half = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
        slow = socket.create_connection(("127.0.0.1", port), timeout=5)
        assert join(port, 1)[0] == 200 and act(port, "next")[0] == 200 and vote(port, 1, 0)[0] == 200  # meanwhile
        try:
            for _ in range(100):  # a byte now and then, for ever
                slow.sendall(b"G")
                time.sleep(0.05)
            raise AssertionError("it was waited for")
        except ConnectionError:
            assert time.monotonic() - began < 4
        for sock in (*half, slow):
            sock.close()
        until = time.monotonic() + 3
        while running.here.total() and time.monotonic() < until:
            time.sleep(0.02)
        assert not running.here  # every thread is gone, and every address forgotten


def test_connections_have_a_limit_for_each_address(tmp_path):
    with serving(tmp_path / "c", per_address=3) as running:
        held = [socket.create_connection(("127.0.0.1", running.server_port)) for _ in range(3)]
        until = time.monotonic() + 3
        while running.here.total() < 3 and time.monotonic() < until:
            time.sleep(0.01)
        assert raw(running.server_port, GET + b"\r\n") == b""  # dropped
        for sock in held:
            sock.close()


# -------------------------------------------------------------------------------- on disk
def test_nothing_about_a_person_is_stored(room, tmp_path):
    join(room.server_port, 0xABCDEF), act(room.server_port, "next"), vote(room.server_port, 0xABCDEF, 0)
    content = b"".join(path.read_bytes() for path in tmp_path.glob("class.sqlite3*"))
    assert token_of(0xABCDEF).encode() not in content and b"127.0.0.1" not in content and TOKEN.encode() not in content


def test_a_vote_that_the_disk_does_not_take_is_not_acknowledged(room, monkeypatch):
    port = room.server_port
    join(port, 1), act(port, "next")
    monkeypatch.setattr(store, "add_vote", lambda db, *_: db.execute("insert into a_disk_that_is_full"))
    assert vote(port, 1, 0)[0] == 503 and not room.room.votes
    monkeypatch.undo()
    assert vote(port, 1, 0) == (200, {"kept": "a"}) and len(room.room.votes) == 1


def test_whoever_waits_for_a_disk_that_does_not_answer_is_told(tmp_path, monkeypatch):
    kept, gate = Store(tmp_path / "c"), threading.Event()
    monkeypatch.setattr(store, "PATIENCE", 0.1)
    with pytest.raises(OSError, match="the disk does not answer"):
        kept.do(lambda db: gate.wait(20))
    with pytest.raises(OSError, match="the disk does not answer"):
        kept.close()
    gate.set()


def test_a_class_has_one_server(tmp_path):
    first = Store(tmp_path / "c")
    with pytest.raises(Problem, match=r"another minialign serve has it open; stop that one \(Ctrl-C\), or name another with --to FILE"):
        Store(tmp_path / "c")
    first.close()
    Store(tmp_path / "c").close()


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "c").write_text("no database" * 100, encoding="utf-8")
    with pytest.raises(Problem, match="move that file away"):
        Store(tmp_path / "c")


def test_what_was_acknowledged_survives_a_kill(tmp_path):
    """One kill in the middle; tests/serve_proof.py does it fifty times in 1,000 votes each."""
    acknowledged = kill_once(tmp_path / "c", votes=60, after=25)
    kept = sqlite3.connect(tmp_path / "c").execute("select voter, pair from votes").fetchall()
    assert len(acknowledged) >= 25 and set(acknowledged) <= set(kept) and len(kept) == len(set(kept))


@pytest.mark.slow
def test_fifty_kills_and_two_hundred_clients_at_once():
    import serve_proof

    rows = serve_proof.kills(50) + serve_proof.load(200, 5000)
    assert [row for row in rows if row[2] and not row[2].startswith("ok")] == []


def kill_once(path, votes, after, clients=4):
    """Vote on a server in a process of its own, and kill it -> the (voter, pair) that it has acknowledged."""
    own = -(-votes // clients)
    process = subprocess.Popen([sys.executable, str(HERE / "toy_room.py"), str(path), str(clients), str(own)], stdout=subprocess.PIPE, text=True, encoding="utf-8")
    try:
        port, acknowledged, lock = int(process.stdout.readline()), [], threading.Lock()
        for n in range(clients):
            join(port, n)
        act(port, "own")

        def client(n):
            try:
                for k in range(own):
                    pair = 2 + n * own + k
                    if vote(port, n, pair)[0] == 200:
                        with lock:
                            acknowledged.append((n + 1, pair))
                            if len(acknowledged) == after:
                                process.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
            except (OSError, http.client.HTTPException):
                pass  # it is dead

        threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return acknowledged
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
