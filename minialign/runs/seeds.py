"""The same task for several seeds: side by side where there are cores, each in a process of its own."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait

from tqdm.auto import tqdm

from .errors import Problem

KILLED = (
    "a process was killed, perhaps for want of memory; run the same command again: finished stages are kept; "
    "--jobs 1 takes less memory"
)


def for_each(function: Callable, tasks: Sequence, jobs: int, words: str = "seeds") -> list:
    """function(task) for each task, `jobs` at once -> list of results, in order."""
    return list(as_they_come(function, tasks, jobs, words))


def as_they_come(function: Callable, tasks: Sequence, jobs: int, words: str = "seeds") -> Iterator:
    """function(task) for each task, `jobs` at once -> each result as soon as those before it are there.

    Raises Problem if one of the processes is killed.
    """
    if jobs == 1:
        yield from map(function, tasks)
        return
    os.environ["TQDM_DISABLE"] = "1"  # in the new processes: their bars would overwrite each other
    os.environ["MINIALIGN_THREADS"] = "1"  # the cores are for the seeds; threads would only wait for each other
    from concurrent.futures.process import BrokenProcessPool  # only here: Pyodide has no processes

    futures: list[Future] = []
    try:
        for i in tqdm(range(len(tasks)), desc=words, disable=None, leave=False):
            while len(futures) <= i or not futures[i].done():
                busy = [future for future in futures if not future.done()]
                if len(busy) < jobs and len(futures) < len(tasks):
                    futures.append(_begin(function, tasks[len(futures)]))
                else:
                    wait(busy, return_when=FIRST_COMPLETED)
            yield futures[i].result()
    except BaseException as problem:
        for process in multiprocessing.active_children():
            process.terminate()
        if isinstance(problem, (BrokenProcessPool, SystemExit)):  # _leave_quietly turns SIGTERM into the second
            raise Problem(KILLED) from None
        raise


def cores() -> int:
    """How many processes this one may run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin(function, task):
    """Begin function(task) in a new process, which ends after it -> Future."""
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context("spawn")  # the one way that works on every system
    pool = ProcessPoolExecutor(1, context, _leave_quietly)  # one each: max_tasks_per_child needs Python 3.11
    here = threading.current_thread() is threading.main_thread()
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN) if here else None  # inherited: Ctrl-C is ours alone from the start
    try:
        return pool.submit(function, task)
    finally:
        if here:
            signal.signal(signal.SIGINT, usual)
        pool.shutdown(wait=False)


def _leave_quietly():
    """In a new process: leave Ctrl-C to the parent, and when the parent says stop, leave no half-written file."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
