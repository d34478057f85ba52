"""Several processors: each processes some texts of a batch, with the same weights, or trains a model of its own.

The processors could also share every matrix product, as NumPy's BLAS offers: threaded BLAS gains little here, because cores
keep fetching each other's cached data.  Here a thread has texts of its own from the embedding to the last norm, and on the
way back (`forward`); or PPO's policy learns in one thread and its critic in another (`in_threads`).  NumPy lets other threads
run while it computes.

One thread, unless the environment says MINIALIGN_THREADS=2 or more.  Where texts are shared out, the sums of a gradient are
taken in another order: equal up to rounding, which after many steps can be seen, as it can between two machines.
"""

import contextvars
import functools
import math
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np

from .autograd import Tensor, make_node
from .functional import scatter

_said = os.environ.get("MINIALIGN_THREADS", "1")
if not _said.isdecimal() or len(_said) > 9 or int(_said) == 0:
    print(f"minialign: MINIALIGN_THREADS must be a whole number of at least 1, not {_said!r}", file=sys.stderr)
    sys.exit(2)
THREADS = int(_said)
FEWEST = 640  # tokens worth a thread of their own
_here = threading.local()


def share(n_tokens, longest, at_most):
    """How many of a batch's tokens to read at once: about at_most, or less, so that each thread has about as many."""
    threads = min(_free(), n_tokens // FEWEST)
    if threads < 2:
        return at_most
    turns = math.ceil(n_tokens / (threads * at_most))
    return math.ceil(n_tokens / (threads * turns)) + longest - 1  # of equal texts none is left over


def forward(trunk, parts, places, shape):
    """scatter([trunk.forward(*part) for part in parts], places, shape), the parts in threads.

    Each part has a shallow clone of the trunk: the same weights, gradients of its own, so that no two threads add to one
    gradient at once.  The vjp adds up what the clones have gathered.
    """
    if _free() == 1 or len(parts) == 1:
        return scatter([trunk.forward(*part) for part in parts], places, shape)
    clones = [trunk.shallow_clone() for _ in parts]
    hidden = in_threads(lambda clone, part: clone.forward(*part), clones, parts)

    def gradients(clone, h, g):
        parameters = clone.parameters()
        for p in parameters:
            p.grad = None
        if h.requires_grad:
            h.backward(g)
        return [p.grad for p in parameters]

    def vjp(g):
        gathered = in_threads(gradients, clones, hidden, [g[place] for place in places])
        return [_sum(those) for those in zip(*gathered)]

    y = scatter([Tensor(h.data) for h in hidden], places, shape).data
    return make_node(y, tuple(trunk.parameters()), vjp)


def in_threads(function, *arguments):
    """list(map(function, *arguments)), each call in a thread of its own.

    Calls must be independent.  They run under the caller's no_grad and np.errstate, and start no further threads.
    """
    if _free() == 1 or len(arguments[0]) == 1:
        return list(map(function, *arguments))
    settings = np.geterr()

    def call(*some):
        _here.taken = True
        with np.errstate(**settings):
            return function(*some)

    pool = _threads(THREADS, os.getpid())
    calls = []
    try:
        for some in zip(*arguments):
            calls.append(pool.submit(contextvars.copy_context().run, call, *some))
        return [each.result() for each in calls]
    finally:  # after an error or Ctrl-C too no thread goes on changing what the caller has
        for each in calls:
            each.cancel()
        wait(calls)


def _free():
    """Threads available; 1 inside a worker."""
    return 1 if getattr(_here, "taken", False) else THREADS


def _sum(gradients):
    """The sum of those gradients that are there; None, of all too, belongs to a parameter that is frozen or was not used."""
    some = [g for g in gradients if g is not None]
    return functools.reduce(np.add, some) if some else None


@functools.cache
def _threads(n, process):
    """n threads, kept; a forked process has none of its parent's."""
    return ThreadPoolExecutor(n)
