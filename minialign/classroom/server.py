"""The room over HTTP: pages for phones and for the wall, and five things that can be asked for.

    GET  / /wall /voter.js /wall.js /class.css /qr.svg      files, from memory: no path of the disk is ever made from an address
    POST /join   {"code", "token"}                          -> {"you": number}
    GET  /state                                             -> what this voter sees              Authorization: Bearer TOKEN
    POST /vote   {"pair", "vote", "seconds"}                -> {"kept": vote}, when it is on disk            "
    GET  /room                                              -> what the wall shows                the presenter's token
    POST /act    {"action"}                                 -> the same                                      "

A token is in a header, never in a cookie, so no other site can use it; the page's policy allows no script but its own files;
and the host's name is checked, so that no name that points here gets an answer.  Nothing is logged: who votes has no address.
"""

import hmac
import io
import json
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from .request import receive
from .room import Refused, Room
from .store import NO_ANSWER

STATIC = Path(__file__).parent / "static"
FILES = {
    "/": ("voter.html", "text/html"),
    "/wall": ("wall.html", "text/html"),
    "/voter.js": ("voter.js", "text/javascript"),
    "/wall.js": ("wall.js", "text/javascript"),
    "/class.css": ("class.css", "text/css"),
}
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
POLICY += "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS = {
    "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin",
}  # fmt: skip
CONNECTIONS = 300  # at once
PER_ADDRESS = 30
GUESSES = 20  # wrong codes from one address in a minute
PAUSE = 0.3  # seconds between two votes of one voter: nobody reads faster


class Server(ThreadingHTTPServer):
    """One room at one address.  extra() -> dict: what else the wall shows; train(): called for the action "train"."""

    daemon_threads = True
    request_queue_size = 256  # a class that presses at once

    def __init__(
        self, address: tuple[str, int], room: Room, extra: Callable[[], dict] = dict, train: Callable[[], None] | None = None,
        qr: bytes = b"", per_address: int = PER_ADDRESS, pause: float = PAUSE,
    ):  # fmt: skip
        self.room, self.extra, self.train, self.per_address, self.pause = room, extra, train, per_address, pause
        self.files = {path: ((STATIC / name).read_bytes(), kind) for path, (name, kind) in FILES.items()}
        self.files["/favicon.ico"] = b"", "image/x-icon"  # which every browser asks for
        if qr:
            self.files["/qr.svg"] = (qr, "image/svg+xml")
        self.lock, self.here = threading.Lock(), Counter[str]()
        self.wrong, self.minute = Counter[str](), 0
        self.last: dict[int, float] = {}  # when a voter voted
        super().__init__(address, Handler)
        host, port = self.server_address[:2]  # of the name that was asked for, which browsers send in small letters
        self.hosts = {f"{name}:{port}" for name in (address[0].lower(), str(host), "127.0.0.1", "localhost")}
        self.hosts |= {name.removesuffix(":80") for name in self.hosts}  # browsers leave HTTP's own port out

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # HTTPServer's own would look its name up in the network
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin a thread for a connection, or drop it: there is a limit for all, and one for each address."""
        with self.lock:
            full = self.here.total() >= CONNECTIONS or self.here[client_address[0]] >= self.per_address
            self.here[client_address[0]] += not full
        if full:
            return self.shutdown_request(request)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self.lock:
                self.here[client_address[0]] -= 1
                self.here += Counter()  # forgets addresses that are gone

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hangs up in the middle is no news."""

    def check_guesses(self, address: str, wrong: bool = False) -> None:
        """Count a wrong code.  Raises Refused after too many in one minute."""
        with self.lock:
            if (now := int(time.monotonic() // 60)) != self.minute:
                self.minute, self.wrong = now, Counter()
            self.wrong[address] += wrong
            if self.wrong[address] > GUESSES:
                raise Refused(429, "too many wrong codes; wait a minute")

    def check_pace(self, voter: int) -> None:
        """Raises Refused for a vote that comes too soon after the last."""
        with self.lock:
            now = time.monotonic()
            if now - self.last.get(voter, -1e9) < self.pause:
                raise Refused(429, "slower, please")
            self.last[voter] = now


class Handler(BaseHTTPRequestHandler):
    """One connection is one request."""

    server: Server
    server_version, sys_version = "minialign", ""

    def handle_one_request(self) -> None:
        self.close_connection, self.requestline, self.request_version, self.command = True, "", "HTTP/1.0", ""
        try:
            head, self.body = receive(self.connection)
            self.raw_requestline, rest = head.split(b"\r\n", 1)
            self.rfile = io.BytesIO(rest)
            if self.parse_request():
                self.respond()
        except Refused as why:
            self.say(why.status, {"error": str(why)})
        except OSError:  # too slow, or gone; or the disk: then nothing was acknowledged
            pass

    def respond(self) -> None:
        """Answer, or say why not."""
        self.connection.settimeout(5.0)
        try:
            if self.headers.get("Host", "").lower() not in self.server.hosts:
                raise Refused(421, "this is another host")
            if self.headers.get("Origin") not in (None, f"http://{self.headers['Host']}"):
                raise Refused(403, "this page is of another site")
            path = self.path.split("?")[0]
            if self.command == "GET" and path in self.server.files:
                return self.send(200, *self.server.files[path])
            answers = {"POST /join": self.join, "GET /state": self.state, "POST /vote": self.vote}
            answers |= {"GET /room": self.wall, "POST /act": self.act}
            answer = answers.get(f"{self.command} {path}")
            if answer is None:
                raise Refused(404, "there is nothing of this kind")
            told = answer()
        except Refused as why:
            return self.say(why.status, {"error": str(why)})
        except OSError:
            return self.say(503, {"error": NO_ANSWER})
        self.say(200, told)

    # -------------------------------------------------------------------------------------------- what can be asked for
    def join(self) -> dict:
        """A wrong code is counted, and after too many none is looked at; tokens are too long to be guessed."""
        said, address = self.sent(), self.client_address[0]
        self.server.check_guesses(address)
        try:
            return {"you": self.server.room.join(said.get("code"), said.get("token"))}
        except Refused as why:
            self.server.check_guesses(address, wrong=why.status == 403)
            raise

    def state(self) -> dict:
        return self.server.room.seen_by(self.voter())

    def vote(self) -> dict:
        voter, said = self.voter(), self.sent()
        if self.server.room.kept(voter, said.get("pair")) is None:  # a vote sent again is no new one
            self.server.check_pace(voter)
        return {"kept": self.server.room.vote(voter, said.get("pair"), said.get("vote"), said.get("seconds", 0.0))}

    def wall(self) -> dict:
        self.check_presenter()
        return self.server.room.on_the_wall() | self.server.extra()

    def act(self) -> dict:
        self.check_presenter()
        action = self.sent().get("action")
        if action == "train" and self.server.train is not None:
            self.server.train()
        else:
            self.server.room.act(str(action))
        return self.wall()

    # -------------------------------------------------------------------------------------------- who asks, and what
    def voter(self) -> int:
        return self.server.room.voter_of(self.bearer())

    def check_presenter(self) -> None:
        if not hmac.compare_digest(self.bearer().encode(), self.server.room.token.encode()):
            raise Refused(401, "this is for the presenter")

    def bearer(self) -> str:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        return token if kind == "Bearer" else ""

    def sent(self) -> dict:
        """The body, an object of JSON.  Raises Refused for anything else."""
        if self.headers.get("Content-Type", "").split(";")[0].strip() != "application/json":
            raise Refused(415, "send JSON")
        try:
            said = json.loads(self.body)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            raise Refused(400, "send an object of JSON")
        return said

    # -------------------------------------------------------------------------------------------- answers
    def say(self, status: int, told: dict) -> None:
        self.send(status, json.dumps(told).encode(), "application/json")

    def send(self, status: int, content: bytes, kind: str) -> None:
        self.request_version = "HTTP/1.0"  # http.server takes nonsense for HTTP/0.9, whose answers have no head
        try:
            self.send_response(status)
            own = {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(content))}
            for name, value in {**HEADERS, **own}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            pass  # gone before the answer

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server itself refuses: a line that is no request."""
        self.say(code, {"error": "this is no request"})

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing is logged."""
