"""The same task for several seeds: side by side where there are cores, each in a process of its own."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence

from tqdm.auto import tqdm


def for_each(function: Callable, tasks: Sequence, jobs: int, words: str = "seeds") -> list:
    """function(task) for each task, `jobs` at once -> list of results, in order."""
    return list(as_they_come(function, tasks, jobs, words))


def as_they_come(function: Callable, tasks: Sequence, jobs: int, words: str = "seeds") -> Iterator:
    """function(task) for each task, `jobs` at once -> each result as soon as those before it are there."""
    if jobs == 1:
        yield from map(function, tasks)
        return
    os.environ["TQDM_DISABLE"] = "1"  # in the new processes: their bars would overwrite each other
    os.environ["MINIALIGN_THREADS"] = "1"  # the cores are for the seeds; threads would only wait for each other
    context = multiprocessing.get_context("spawn")  # the one way that works on every system
    with context.Pool(jobs, _leave_quietly, maxtasksperchild=1) as pool:
        results = pool.imap(function, tasks)
        yield from tqdm(results, total=len(tasks), desc=words, disable=None, leave=False)


def cores() -> int:
    """How many processes this one may run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _leave_quietly():
    """In a new process: leave Ctrl-C to the parent, and when the parent says stop, leave no half-written file."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
