"""A room that serves on loopback, with pairs made without a model.

    python tests/toy_room.py FILE SEATS PAIRS      as a process of its own: prints its port, then serves
"""

import contextlib
import http.client
import json
import sys
import threading

from minialign.batch import Response
from minialign.classroom.room import Pairs, Room
from minialign.classroom.server import Server
from minialign.classroom.store import Store
from minialign.runs.voting import Pair

TOKEN = "the-presenters-token"


def word(n):
    return "".join(chr(97 + int(digit)) for digit in str(n))


def toy_pairs(seats=3, own=4, shared=2):
    def pair(question, part):
        return Pair(question, Response("it says moo.", True), Response("it says baa.", True), None, part)

    return Pairs([pair(f"shared {word(n)}?", "shared") for n in range(shared)],
                 [[pair(f"seat {word(seat)}, {word(n)}?", "random") for n in range(own)] for seat in range(1, seats + 1)])  # fmt: skip


@contextlib.contextmanager
def serving(path, pairs=None, port=0, **settings):
    """A server at 127.0.0.1, on a free port or on this one, in a thread."""
    store = Store(path)
    room = Room(store, pairs or toy_pairs(), "ABCDE", TOKEN, "model")
    server = Server(("127.0.0.1", port), room, **{"pause": 0.0, "per_address": 1000} | settings)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown(), thread.join(), server.server_close(), store.close()


def ask(port, method, path, body=None, token="", host="127.0.0.1", **headers):
    """One request -> (status, answer as it is, headers)."""
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Authorization": f"Bearer {token}"} | ({"Content-Type": "application/json"} if body is not None else {}) | headers
    with contextlib.closing(http.client.HTTPConnection(host, port, timeout=20)) as connection:  # also if the server dies meanwhile
        connection.request(method, path, content, {name.replace("_", "-"): value for name, value in sent.items()})
        answer = connection.getresponse()
        read = answer.read()
    return answer.status, json.loads(read) if answer.headers["Content-Type"].startswith("application/json") else read, answer.headers


def token_of(n):
    return f"{n:032x}"


if __name__ == "__main__":
    with serving(sys.argv[1], toy_pairs(int(sys.argv[2]), own=int(sys.argv[3]))) as server:
        print(server.server_port, flush=True)
        threading.Event().wait()
