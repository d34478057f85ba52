"""Errors that the user can fix, told in one line."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager


class Problem(Exception):
    """An error that the user can fix; its text is one line: what is wrong; what to do."""


def explain(problem: OSError) -> str:
    """An OSError as one line: what is wrong; what to do."""
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; free some space and run the same command again: finished stages are kept"
    from ..checkpoint import UNFINISHED  # which loads NumPy: see below

    name = problem.filename2 or problem.filename  # it is written under a temporary name first; the user knows the other
    if isinstance(name, str) and os.path.basename(name).startswith(UNFINISHED):
        name = os.path.dirname(name)  # where nothing can be written
    where = f"{name}: " if name else ""
    return f"{where}{problem.strerror or problem}; fix that and run the same command again: finished stages are kept"


@contextmanager
def in_one_line() -> Iterator[None]:
    """What goes wrong while stages are made or found, as a Problem: a damaged cache or package, a training that diverged."""
    from ..divergence import Diverged  # both load NumPy, and minialign --help is to be quick
    from ..pipeline import UnreadableStage
    from ..pretrained import Damaged

    try:
        yield
    except UnreadableStage as problem:
        raise Problem(f"{problem}; delete that folder and run again") from None
    except (Diverged, Damaged) as problem:
        raise Problem(str(problem)) from None
