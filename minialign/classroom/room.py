"""What happens in the room: who is in, which pair is on the wall, and who may vote on what.

    waiting -> shared pair 1 open -> closed -> shared pair 2 open -> ... -> own pairs, each voter at their own pace -> done

The presenter may go from own pairs, or from the end, back to what is left: a button that was pressed too soon ends nothing.
Votes on the wall's pair are hidden until it is closed.  A voter votes once on a pair, and only on pairs that are open to them.
What is known is in memory and what is acknowledged is on disk (store.py), so a room that is started again goes on.
"""

import hashlib
import hmac
import json
import re
import threading
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..batch import Response
from ..runs.voting import DECISIONS, Pair, line_of
from . import store as disk

PHASES = ("waiting", "open", "closed", "own", "done")
TOKEN = re.compile(r"[0-9a-f]{32}")


class Refused(Exception):
    """A request that is not granted: an HTTP status and a reason in words."""

    def __init__(self, status: int, why: str):
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class Pairs:
    """All pairs of a class: those on the wall, and each seat's own."""

    shared: list[Pair]
    own: list[list[Pair]]

    @cached_property
    def flat(self) -> list[Pair]:
        """All in one list: a pair's number is its place here."""
        return [*self.shared, *(pair for seat in self.own for pair in seat)]

    def of_seat(self, voter: int) -> range:
        """The numbers of a voter's own pairs."""
        start = len(self.shared) + sum(len(seat) for seat in self.own[: voter - 1])
        return range(start, start + len(self.own[voter - 1]))


def pairs_as_json(pairs: Pairs) -> str:
    def plain(pair: Pair) -> list:
        return [pair.question, list(pair.a), list(pair.b), pair.repeat_of, pair.part]

    return json.dumps({"shared": list(map(plain, pairs.shared)), "own": [list(map(plain, seat)) for seat in pairs.own]})


def pairs_from_json(text: str) -> Pairs:
    def pair(row: list) -> Pair:
        return Pair(row[0], Response(*row[1]), Response(*row[2]), row[3], row[4])

    read = json.loads(text)
    return Pairs([pair(row) for row in read["shared"]], [[pair(row) for row in seat] for seat in read["own"]])


class Room:
    """One class.  code: what is typed on a phone; token: the presenter's; model: whose answers are voted on."""

    def __init__(self, store: disk.Store, pairs: Pairs, code: str, token: str, model: str = ""):
        self.store, self.pairs, self.code, self.token, self.model = store, pairs, code, token, model
        self.lock = threading.Lock()
        self.voters: dict[str, int] = store.do(disk.read_voters)
        self.votes: list[tuple[int, int, str, float]] = store.do(disk.read_votes)
        self.of_voter: dict[int, dict[int, str]] = {}
        self.of_pair: dict[int, Counter] = {}
        for voter, pair, vote, _ in self.votes:
            self._remember(voter, pair, vote)
        facts = store.do(disk.read_facts)
        self.phase, self.wall = facts.get("phase", "waiting"), int(facts.get("wall", 0))

    # -------------------------------------------------------------------------------------------- voters
    def join(self, code: Any, token: Any) -> int:
        """The number of a voter; the same token gets the same number again.  Raises Refused."""
        typed = code.strip().upper().encode(errors="replace") if isinstance(code, str) else b""  # half a surrogate pair is JSON
        if not hmac.compare_digest(typed, self.code.encode()):
            raise Refused(403, "that is not the room's code")
        if not isinstance(token, str) or not TOKEN.fullmatch(token):
            raise Refused(400, "a token is 32 hexadecimal digits")
        digest, seats = digest_of(token), len(self.pairs.own)
        try:
            number = self.store.do(lambda db: disk.add_voter(db, digest, seats))
        except LookupError:
            raise Refused(409, "all seats are taken") from None
        with self.lock:
            self.voters[digest] = number
        return number

    def voter_of(self, token: str) -> int:
        """Raises Refused for a token that has not joined."""
        number = self.voters.get(digest_of(token))
        if number is None:
            raise Refused(401, "join first")
        return number

    def vote(self, voter: int, pair: Any, vote: Any, seconds: Any = 0.0) -> str:
        """Keep a vote -> the one that counts.  Returns when it is on disk.  Raises Refused."""
        if isinstance(pair, bool) or not isinstance(pair, int) or vote not in DECISIONS.values():
            raise Refused(400, "a vote is a pair's number and a, b, tie or skip")
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < 1e6:
            raise Refused(400, "seconds is a number")
        if kept := self.kept(voter, pair):
            return kept  # sent again, because the answer was lost: there is one vote, and it is the first
        if pair not in self.open_to(voter):
            raise Refused(409, "this pair is not open to you")
        kept = self.store.do(lambda db: disk.add_vote(db, voter, pair, vote, round(float(seconds), 1)))
        with self.lock:
            if pair not in self.of_voter.get(voter, {}):
                self.votes.append((voter, pair, kept, round(float(seconds), 1)))
                self._remember(voter, pair, kept)
        return kept

    def kept(self, voter: int, pair: Any) -> str | None:
        """The vote of a voter on a pair, if there is one already."""
        return self.of_voter.get(voter, {}).get(pair) if isinstance(pair, int) else None

    def open_to(self, voter: int) -> range:
        """The numbers of the pairs on which a voter may vote now."""
        if self.phase == "open":
            return range(self.wall, self.wall + 1)
        return self.pairs.of_seat(voter) if self.phase == "own" else range(0)

    def seen_by(self, voter: int) -> dict[str, Any]:
        """What a phone shows."""
        mine = self.of_voter.get(voter, {})
        todo = [number for number in self.open_to(voter) if number not in mine]
        told: dict[str, Any] = {"you": voter, "phase": self.phase, "done": len(mine), "left": len(todo)}
        if todo:
            told["pair"] = {"number": todo[0], **shown(self.pairs.flat[todo[0]])}
        elif self.phase in ("open", "closed"):
            told["pair"] = {"number": self.wall, **shown(self.pairs.flat[self.wall])}
        if self.phase == "closed":
            told |= {"counts": self.counts(self.wall), "yours": mine.get(self.wall)}
        return told

    # -------------------------------------------------------------------------------------------- the presenter
    def act(self, action: str) -> None:
        """next: open the next pair; close: show its votes; own: everybody votes alone; done.  Raises Refused."""
        with self.lock:
            phase, wall = self.phase, self.wall
            wall += phase == "closed" and action in ("next", "own", "done")  # the next one that nobody has seen
            if action == "next" and phase != "open":
                if wall >= len(self.pairs.shared):
                    raise Refused(409, "that was the last shared pair; press Everybody alone")
                phase = "open"
            elif action == "close" and phase == "open":
                phase = "closed"
            elif action == "own" and phase not in ("open", "own"):
                phase = "own"
            elif action == "done" and phase not in ("open", "done"):
                phase = "done"
            else:
                raise Refused(409, f"{action} cannot follow {phase}")
            facts = {"phase": phase, "wall": str(wall)}
            self.store.do(lambda db: disk.set_facts(db, facts))
            self.phase, self.wall = phase, wall

    def on_the_wall(self) -> dict[str, Any]:
        """What the presenter's page shows: how many have voted, and what they voted only when the pair is closed."""
        told: dict[str, Any] = {
            "phase": self.phase,
            "joined": len(self.voters),
            "seats": len(self.pairs.own),
            "code": self.code,
        }
        told |= {"votes": len(self.votes), "wall": self.wall + 1, "shared": len(self.pairs.shared)}
        if self.phase in ("open", "closed"):
            told["pair"] = shown(self.pairs.flat[self.wall])
            told["voted"] = sum(self.of_pair.get(self.wall, Counter()).values())
        if self.phase == "closed":
            told["counts"] = self.counts(self.wall)
        if self.phase == "own":
            mine = {voter: self.of_voter.get(voter, {}) for voter in self.voters.values()}
            told["finished"] = sum(all(n in mine[voter] for n in self.pairs.of_seat(voter)) for voter in mine)
        return told

    def counts(self, pair: int) -> dict[str, int]:
        return {vote: self.of_pair.get(pair, Counter())[vote] for vote in ("a", "b", "tie", "skip")}

    # -------------------------------------------------------------------------------------------- what is kept
    def lines(self) -> list[str]:
        """All votes as lines of a file that `minialign votes` and `tour --votes` read."""
        with self.lock:
            votes = list(self.votes)
        lines = []
        for voter, number, vote, seconds in votes:
            pair = self.pairs.flat[number]
            line = line_of(pair, vote, number, seconds, self.model, voter)
            lines.append(json.dumps(line | {"repeat_of": pair.repeat_of}))  # here a pair's number, not a place in a sitting
        return lines

    def _remember(self, voter: int, pair: int, vote: str) -> None:
        self.of_voter.setdefault(voter, {})[pair] = vote
        self.of_pair.setdefault(pair, Counter())[vote] += 1


def shown(pair: Pair) -> dict[str, str]:
    a, b = (answer.text.strip() + ("" if answer.ended else "...") for answer in (pair.a, pair.b))
    return {"question": pair.question, "a": a, "b": b}


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
