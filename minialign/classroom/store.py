"""The votes of a class on disk: SQLite, one thread that writes, and an answer only when the disk has it.

Everything that arrives while the disk is busy goes into the next transaction together (group commit), so two hundred phones
cost hardly more than one.  A voter is a number and the SHA-256 of a token; there is no name, no address and no time of day.
No other server may open the file before this one has let it go: neither would know of the other's votes.
"""

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, TimeoutError
from pathlib import Path
from typing import Any

from ..runs.errors import Problem
from ..runs.text import safe

SCHEMA = """
create table if not exists voters (number integer primary key, digest text not null unique);
create table if not exists votes (place integer primary key, voter integer not null, pair integer not null,
                                  vote text not null, seconds real not null, unique (voter, pair));
create table if not exists facts (name text primary key, value text not null);
"""
TOGETHER = 256  # pieces of work in one transaction
PATIENCE = 10.0  # seconds that somebody waits for the disk
NO_ANSWER = "the disk does not answer; try again"

Work = Callable[[sqlite3.Connection], Any]


class Store:
    """One file.  `do(work)` runs work(connection) in a transaction and returns what it returned, once that is on disk.

    Raises Problem for a file of something else, or that another server has open, OSError if the disk does not take it, and
    what a piece of work refuses.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.todo: queue.SimpleQueue = queue.SimpleQueue()
        ready: Future = Future()
        threading.Thread(target=self._write, args=(ready,), daemon=True).start()
        wait_for(ready)

    def do(self, work: Work) -> Any:
        done: Future = Future()
        self.todo.put((work, done))
        return wait_for(done)

    def close(self) -> None:
        """Finish what has been asked for, and let the file go."""
        done: Future = Future()
        self.todo.put((None, done))
        wait_for(done)

    def _write(self, ready: Future) -> None:
        try:
            db = sqlite3.connect(self.path, timeout=1.0, isolation_level=None)
            db.execute("pragma locking_mode = exclusive")
            db.execute("pragma journal_mode = wal")
            db.execute("pragma synchronous = full")  # a commit returns when the disk has it
            db.executescript(SCHEMA)
        except sqlite3.Error as problem:
            what, way_out = str(problem), "move that file away"
            if "locked" in what:
                what, way_out = "another minialign serve has it open", "stop that one (Ctrl-C)"
            return ready.set_exception(Problem(f"{safe(self.path)}: {what}; {way_out}, or name another with --to FILE"))
        ready.set_result(None)
        while True:
            batch = [self.todo.get()]
            while len(batch) < TOGETHER and not self.todo.empty():
                batch.append(self.todo.get())
            last = next((done for work, done in batch if work is None), None)
            self._commit(db, [(work, done) for work, done in batch if work is not None])
            if last is not None:
                db.close()
                return last.set_result(None)

    def _commit(self, db: sqlite3.Connection, batch: list[tuple[Work, Future]]) -> None:
        answers: list[tuple[Future, Any]] = []
        try:
            db.execute("begin immediate")
            for work, done in batch:
                try:
                    answers.append((done, work(db)))
                except (LookupError, ValueError) as problem:  # refused before it has written anything
                    done.set_exception(problem)
            db.execute("commit")
        except sqlite3.Error as problem:  # the disk is full, say: nobody of this batch is told that it is kept
            if db.in_transaction:
                db.execute("rollback")
            for _, done in batch:
                if not done.done():
                    done.set_exception(OSError(str(problem)))
            return
        for done, answer in answers:
            done.set_result(answer)


def wait_for(future: Future) -> Any:
    """What a piece of work returns.  Raises what it raises, and OSError if that takes too long."""
    try:
        return future.result(PATIENCE)
    except TimeoutError:  # a kind of its own before Python 3.11
        raise OSError(NO_ANSWER) from None


def add_voter(db: sqlite3.Connection, digest: str, seats: int) -> int:
    """The number of who has this token, a new one at the first time.  Raises LookupError if all seats are taken."""
    if found := db.execute("select number from voters where digest = ?", (digest,)).fetchone():
        return found[0]
    number = db.execute("select count(*) from voters").fetchone()[0] + 1
    if number > seats:
        raise LookupError("no seat is left")
    db.execute("insert into voters values (?, ?)", (number, digest))
    return number


def add_vote(db: sqlite3.Connection, voter: int, pair: int, vote: str, seconds: float) -> str:
    """Keep one vote -> the vote that is kept: the first one on a pair counts, whatever is sent later."""
    row = voter, pair, vote, seconds
    db.execute("insert or ignore into votes (voter, pair, vote, seconds) values (?, ?, ?, ?)", row)
    return db.execute("select vote from votes where voter = ? and pair = ?", (voter, pair)).fetchone()[0]


def set_facts(db: sqlite3.Connection, facts: dict[str, str]) -> None:
    db.executemany("insert or replace into facts values (?, ?)", facts.items())


def read_facts(db: sqlite3.Connection) -> dict[str, str]:
    return dict(db.execute("select name, value from facts"))


def read_voters(db: sqlite3.Connection) -> dict[str, int]:
    """{digest of a token: number}."""
    return dict(db.execute("select digest, number from voters"))


def read_votes(db: sqlite3.Connection) -> list[tuple[int, int, str, float]]:
    """(voter, pair, vote, seconds), in the order in which they came."""
    return db.execute("select voter, pair, vote, seconds from votes order by place").fetchall()
