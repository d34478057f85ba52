"""What the server of a class was put through, as a table.  On loopback, some minutes.

    python tests/serve_proof.py [--kills 50] [--clients 200] [--votes 5000]

1. kill -9 in the middle of 1,000 votes, again and again: is an acknowledged vote ever lost, or one ever there twice?
2. 200 clients at once cast 5,000 votes: is one lost, and how long do they wait, beside the same requests to a bare server of
   the same kind (http.server, threaded, the same backlog) that answers with 15 bytes and keeps nothing?
"""

import argparse
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from test_class_server import HERE, act, ask, join, kill_once
from toy_room import token_of


class Bare(ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 256


class Constant(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "15")
        self.end_headers()
        self.wfile.write(b'{"kept": "abc"}')

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("kills", 50), ("clients", 200), ("votes", 5000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    a = parser.parse_args()
    rows = kills(a.kills) + load(a.clients, a.votes)
    print("\n".join(f"{what:<58}{found:>14}   {wanted}" for what, found, wanted in rows))
    return 0 if all(wanted.startswith("ok") for _, _, wanted in rows if wanted) else 1


def kills(n, votes=1000):
    lost = twice = acknowledged = 0
    rng = random.Random(0)
    for k in range(n):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "class.sqlite3"
            told = kill_once(path, votes, after=rng.randrange(1, votes * 9 // 10), clients=20)
            kept = sqlite3.connect(path).execute("select voter, pair from votes").fetchall()
        lost += len(set(told) - set(kept))
        twice += len(kept) - len(set(kept))
        acknowledged += len(told)
        print(f"\rkill {k + 1} of {n}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return [
        (f"kill -9 in the middle of {votes} votes, times", n, ""),
        ("   votes that had been acknowledged", acknowledged, ""),
        ("   acknowledged and lost", lost, "ok: none" if lost == 0 else "LOST"),
        ("   there twice", twice, "ok: none" if twice == 0 else "TWICE"),
    ]


def load(clients, votes):
    own = votes // clients
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "class.sqlite3"
        command = [sys.executable, str(HERE / "toy_room.py"), str(path), str(clients), str(own)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        bare = subprocess.Popen([sys.executable, __file__, "bare"], stdout=subprocess.PIPE, text=True, encoding="utf-8")
        try:
            port, plain = (int(p.stdout.readline()) for p in (process, bare))
            for n in range(clients):
                assert join(port, n)[0] == 200
            act(port, "own")
            # in turns, so that both meet the same load of the machine
            static = measure(plain, clients, own)
            waits = measure(port, clients, own)
            static += measure(plain, clients, own)
        finally:
            for p in (process, bare):
                p.kill(), p.wait(), p.stdout.close()
        kept = sqlite3.connect(path).execute("select voter, pair from votes").fetchall()
    good = sum(status == 200 for _, status in waits)
    mine, theirs = p99(waits), p99(static)
    return [
        (f"{clients} clients at once, votes acknowledged of {own * clients}", good, "ok" if good == own * clients else "REFUSED"),
        ("   on disk", len(set(kept)), "ok: none lost" if len(set(kept)) >= good else "LOST"),
        ("   p50 of a vote, ms", f"{1000 * median(waits):.1f}", ""),
        ("   p50 of the bare server in the same run, ms", f"{1000 * median(static):.1f}", ""),
        ("   p99 of a vote, ms", f"{1000 * mine:.1f}", ""),
        ("   p99 of the bare server in the same run, ms", f"{1000 * theirs:.1f}", ""),
        ("   ratio", f"{mine / theirs:.2f}", "ok: at most 3" if mine <= 3 * theirs else "TOO SLOW"),
    ]


def measure(port, clients, own):
    """Each client sends its votes one after the other -> (seconds, status) of each."""
    waits, start = [], threading.Barrier(clients)

    def client(n):
        start.wait()
        for k in range(own):
            began = time.perf_counter()
            try:
                status = ask(port, "POST", "/vote", {"pair": 2 + n * own + k, "vote": "a"}, token_of(n))[0]
            except OSError:
                status = 0
            waits.append((time.perf_counter() - began, status))

    threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits


def p99(waits):
    return sorted(seconds for seconds, _ in waits)[int(0.99 * len(waits))]


def median(waits):
    return sorted(seconds for seconds, _ in waits)[len(waits) // 2]


if __name__ == "__main__":
    if sys.argv[1:] == ["bare"]:
        with Bare(("127.0.0.1", 0), Constant) as server:
            print(server.server_address[1], flush=True)
            server.serve_forever()
    sys.exit(main())
