"""Behind the wall: a reward model learns from the votes so far, the class's taste is measured, and models are trained on them.

All of it happens beside the server, in one thread and in a process of its own, so that no phone waits for it.
"""

import json
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..runs.contents import load_run
from ..runs.folder import recipe_of
from ..runs.text import safe
from .casts import Cast, save_lines
from .live import Live
from .room import Refused, Room
from .taste import sentence, taste_of

PAUSE = 2.0  # seconds between two looks at the votes
LEAST = 20  # votes to train on
FEW = 20  # unseen pairs, on which agreement with the truth says nothing any more


class Backstage:
    """What the wall shows beside the room.  folder: the run; kept: where the votes go as JSON lines."""

    def __init__(self, room: Room, live: Live, folder: Path, kept: Path):
        self.room, self.live, self.folder, self.kept = room, live, folder, kept
        self.answers = kept.with_suffix(".answers.json")
        self.address, self.qr, self.learned_from = "", False, 0
        self.learned: dict[str, Any] = {}
        self.process: subprocess.Popen | None = None
        self.stopped = threading.Event()

    def told(self) -> dict[str, Any]:
        """For the wall: of a pair that is open nothing that its votes have changed."""
        told: dict[str, Any] = {"address": self.address, "qr": self.qr, "training": self.training()}
        told |= self.learned if self.room.phase != "open" else {}
        try:
            read = json.loads(self.answers.read_text(encoding="utf-8"))
            told |= {"models": read["models"], "trained_on": read["votes"]}
            if told["training"] == "running" and (doing := read["doing"]):
                told["doing"] = {"name": doing["name"], "seconds": time.time() - doing["began"], "of": doing["of"]}
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            pass  # nothing is trained yet
        return told

    def work(self) -> None:
        """Learn whenever there are new votes, until it is stopped."""
        while not self.stopped.wait(PAUSE):
            self.look()

    def look(self) -> None:
        votes = list(self.room.votes)
        if len(votes) > self.learned_from:
            pairs = self.room.pairs.flat
            casts = [
                Cast(v, n, pairs[n].question, pairs[n].a, pairs[n].b, vote, pairs[n].part, pairs[n].repeat_of)
                for v, n, vote, _ in votes
            ]
            taste, learned = sentence(taste_of(casts), "This class"), asdict(self.live.learn(votes))
            if learned["pairs"] < FEW:  # hardly any are left: what was measured on more is kept
                before = self.learned.get("learned", {"gold": 0.0, "pairs": 0})
                learned |= {name: before[name] for name in ("gold", "pairs")}
            self.learned = {"learned": learned, "taste": taste}
            self.learned_from = len(votes)

    # -------------------------------------------------------------------------------------------- training on the class
    def keep(self) -> str:
        """Write the votes as JSON lines, for `minialign votes` and `tour --votes` -> what was written, in words."""
        lines = self.room.lines()
        if lines:
            save_lines(lines, self.kept)
        count = "1 vote is" if len(lines) == 1 else f"{len(lines)} votes are"
        return f"{count} kept, and in {safe(self.kept)}" if lines else "nobody has voted yet"

    def training(self) -> str:
        """ "", running, done or failed."""
        if self.process is None:
            return ""
        code = self.process.poll()
        return "running" if code is None else "failed" if code else "done"

    def train(self) -> None:
        """Begin to train on all votes so far, in a process of its own.  Raises Refused where that cannot be."""
        if self.training() == "running":
            raise Refused(409, "it is training already")
        if sum(vote in "ab" for _, _, vote, _ in self.room.votes) < LEAST:
            raise Refused(409, f"a model needs {LEAST} votes at least")
        if recipe_of(load_run(self.folder)) is None:
            raise Refused(409, "this run was made with other settings than today's; train with minialign tour --votes instead")
        self.keep()
        self.answers.unlink(missing_ok=True)
        files = str(self.folder), str(self.kept), str(self.answers)
        # Ctrl-C reaches the server alone, which then ends the training; the pipe ends it if the server is killed.
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.train", *files], stdin=subprocess.PIPE, start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )  # fmt: skip

    def stop(self) -> None:
        """End what is still running."""
        self.stopped.set()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
