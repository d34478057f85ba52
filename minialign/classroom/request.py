"""One HTTP request from a socket, within limits of size and time: whoever is slower or larger is not waited for.

http.server reads a line for as long as one byte comes now and then; here the whole request has one deadline.
"""

import re
import socket
import time

from .room import Refused

HEAD, BODY = 8_000, 2_000  # bytes
SECONDS = 5.0  # for a whole request
LENGTH = re.compile(rb"(?im)^content-length[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?$")


def receive(connection: socket.socket, seconds: float = SECONDS) -> tuple[bytes, bytes]:
    """The head of a request, with the empty line at its end, and its body.

    Raises Refused for what is too long, and ConnectionError or TimeoutError for who hangs up or is too slow.
    """
    end, content = time.monotonic() + seconds, b""
    while b"\r\n\r\n" not in content:
        if len(content) > HEAD:
            raise Refused(431, "the head of the request is too long")
        content += more(connection, end)
    head, body = content.split(b"\r\n\r\n", 1)
    if len(head) > HEAD:
        raise Refused(431, "the head of the request is too long")
    length = body_length(head)
    while len(body) < length:
        body += more(connection, end)
    return head + b"\r\n\r\n", body[:length]


def body_length(head: bytes) -> int:
    """What Content-Length says, 0 without.  Raises Refused for two, for nonsense, for too much and for chunks."""
    lengths = set(LENGTH.findall(head))
    if re.search(rb"(?im)^transfer-encoding[ \t]*:", head):
        raise Refused(411, "send the length of the body")
    if len(lengths) > 1 or not all(re.fullmatch(rb"\d{1,9}", length) for length in lengths):
        raise Refused(400, "the length of the body is no number")
    length = int(lengths.pop()) if lengths else 0
    if length > BODY:
        raise Refused(413, "the body is too long")
    return length


def more(connection: socket.socket, end: float) -> bytes:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.settimeout(left)
    piece = connection.recv(4096)
    if not piece:
        raise ConnectionError
    return piece
