"""Time systems in turn, A B C A B C, each in a process of its own that stays alive.

In one process the first system would leave a warm heap to the next; and if each ran to its end before the next began, the
machine load would differ.  So there is one process per system; a visit is one step that does not count and three that do;
and the best of a visit is only compared with the best of another system's visit in the same round.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from . import Arrays, CannotMeasure
from .records import Cost, Seconds, Turns

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

START = "from minialign.bench.worker import main; main()"
# minialign asks the C library to keep freed memory, and does without if there is no such library.  The other systems, and
# minialign when this optimisation is undone, get the allocator with its default settings.
STOCK_ALLOCATOR = """
import ctypes
usual = ctypes.CDLL
def missing(*_): raise OSError
ctypes.CDLL = missing
import minialign
ctypes.CDLL = usual
"""


@dataclass(frozen=True)
class Task:
    """What one process is to do."""

    system: str  # minialign, products, torch, transformers
    size: object
    workload: str = ""
    threads: int = 1
    without: str = ""  # the optimisation that is undone
    stock_allocator: bool = False
    timed: int = 3  # steps per visit that count
    more: dict = field(default_factory=dict)


class Child:
    """A process that takes steps when asked."""

    def __init__(self, task: Task):
        self.task = task
        about = asdict(task) | {"core": the_core(task.threads)} | task.more
        code = STOCK_ALLOCATOR * task.stock_allocator + START
        self.errors = tempfile.TemporaryFile("w+", errors="replace", encoding="utf-8")
        self.process: Any = subprocess.Popen(
            [sys.executable, "-c", code, json.dumps(about)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=os.environ | environment(task),
            start_new_session=True,  # a Ctrl-C goes only to the driver
            encoding="utf-8",
        )

    def ask(self, request: str = "") -> Any:
        """Send a line, if any, and wait for the answer."""
        try:
            if request:
                print(request, file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self.process.wait()
            self.errors.seek(0)
            told = self.errors.read().strip().splitlines() or [f"exit code {self.process.returncode}"]
            raise CannotMeasure(f"the process that measures {self.task.system} stopped: {told[-1]}")
        return json.loads(answer)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            try:
                stream.close()
            except BrokenPipeError:  # a last line that nobody read
                pass


def take_turns(tasks: dict[str, Task], rounds: int, bar: Callable[[], object] = lambda: None) -> Turns:
    """Visit the systems of a dict name -> Task in turn.

    Ctrl-C ends it early: what is kept are the rounds that are complete.
    """
    children = {}
    found = Turns(times={name: [] for name in tasks}, faults={name: [] for name in tasks})
    try:
        for name, task in tasks.items():
            children[name] = Child(task)
            found.versions |= children[name].ask()["versions"]
        for _ in range(rounds):
            visits = {name: child.ask(f"visit {child.task.timed}") for name, child in children.items()}
            for name, costs in visits.items():
                steps = [Cost(**cost) for cost in costs]
                found.times[name].append(Seconds(min(step.cpu for step in steps), min(step.wall for step in steps)))
                found.faults[name] += [step.faults for step in steps]
            bar()
        found.memory = {name: child.ask("memory") for name, child in children.items()}
    except KeyboardInterrupt:
        found.interrupted = True
    finally:
        for child in children.values():
            child.stop()
    return found


def numbers_of(task: Task, workloads: list[str]) -> tuple[Arrays, dict[str, str]]:
    """A system's losses, gradients and greedy samples, from a process of its own -> (dict of arrays, versions)."""
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "numbers.npz")
        child = Child(Task(**(vars(task) | {"more": {"numbers": path, "workloads": workloads}})))
        try:
            about = child.ask()
        finally:
            child.stop()
        with np.load(path) as stored:
            return dict(stored), about["versions"]


# ------------------------------------------------------------------------------------------------ threads and cores
def environment(task: Task) -> dict[str, str]:
    """How many threads a system's process may use.  minialign uses them itself, and gives its BLAS one."""
    ours = task.system == "minialign"
    return {name: "1" if ours else str(task.threads) for name in THREAD_VARIABLES} | {
        "MINIALIGN_THREADS": str(task.threads) if ours else "1"
    }


def cores() -> list[int]:
    """The cores this process may use, as a list of their numbers."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def the_core(threads: int) -> int | None:
    """With one thread all systems use the same core, so that none gets a faster one; the driver sleeps meanwhile."""
    return cores()[-1] if threads == 1 and hasattr(os, "sched_setaffinity") else None


def threads_wanted(asked: int | None = None) -> int:
    """How many threads: as asked, else the most that the user has set, for BLAS or for minialign (whose default is 1)."""
    told = [os.environ[name] for name in (*THREAD_VARIABLES, "MINIALIGN_THREADS") if name in os.environ]
    wrong = [value for value in told if not value.isdecimal() or int(value) == 0]
    if asked is None and wrong:
        names = f"{', '.join(THREAD_VARIABLES)} and MINIALIGN_THREADS"
        raise CannotMeasure(f"{wrong[0]!r} is not a number of threads; set {names} to whole numbers of at least 1")
    threads = asked or max([1, *map(int, told)])
    if threads > len(cores()):
        raise CannotMeasure(f"{threads} threads on {len(cores())} cores would wait for each other; use --threads "
                            f"{len(cores())} or fewer")  # fmt: skip
    return threads
