"""Several processors: each reads some texts of a batch, with the same weights.

The processors could also share every matrix product, as NumPy's BLAS offers: at our sizes most of what that wins is lost
again, for between the products each works on arrays that the other has written.  Here a thread has texts of its own from
the embedding to the last norm, and on the way back; NumPy lets other threads run while it computes.

One thread, unless the environment says MINIALIGN_THREADS=2 or more.  The sums of a gradient are then taken in another
order: equal up to rounding.
"""

import functools
import math
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .autograd import assemble, record

THREADS = os.environ.get("MINIALIGN_THREADS", "1")
if not THREADS.isdecimal() or int(THREADS) == 0:
    sys.exit(f"minialign: MINIALIGN_THREADS is a whole number of threads, 1 or more, not {THREADS!r}")
THREADS = int(THREADS)
FEWEST = 640  # tokens worth a thread of their own


def share(n_tokens, longest, at_most):
    """How many of a batch's tokens to read at once: at most so many, and in each thread as many, up to one text."""
    threads = min(THREADS, n_tokens // FEWEST)
    if threads < 2:
        return at_most
    turns = math.ceil(n_tokens / (threads * at_most))
    return math.ceil(n_tokens / (threads * turns)) + longest - 1  # so that no single text is left over


def read(trunk, parts, places, shape):
    """assemble([trunk.read(*part) for part in parts], places, shape), the parts in threads.

    Each part gets a copy of the trunk whose parameters are leaves of their own, over the same arrays, so that no two threads
    add to one gradient at once; the rule adds up what the copies have gathered.
    """
    if THREADS == 1 or len(parts) == 1:
        return assemble([trunk.read(*part) for part in parts], places, shape)
    copies = [trunk.copy() for _ in parts]
    hidden = list(_threads().map(lambda copy, part: copy.read(*part), copies, parts))

    def gradients(copy, h, g):
        parameters = copy.parameters()
        for p in parameters:
            p.grad = None
        h.backward(g)
        return [p.grad for p in parameters]

    def rule(g):
        gathered = _threads().map(gradients, copies, hidden, [g[place] for place in places])
        return [None if those[0] is None else functools.reduce(np.add, those) for those in zip(*gathered)]

    y = np.zeros(shape, hidden[0].dtype)
    for h, place in zip(hidden, places):
        y[place] = h.data
    return record(y, tuple(trunk.parameters()), rule)


def _threads():
    return _threads_of(os.getpid())  # a forked process has none of its parent's threads


@functools.cache
def _threads_of(process):
    return ThreadPoolExecutor(THREADS)
