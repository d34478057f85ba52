"""Deliberate faults: each is one changed line of the package, in memory only, and ends with the lesson that injected it.

While there is a fault, nothing that is trained is stored (pipeline.Journey.make).  It ends when the lesson finishes, when
another lesson begins, and when a notebook's cell raises an exception or is interrupted; in a script, with the process.
"""

import sys
from collections.abc import Callable
from typing import Any

from .. import source_patch
from .notebook import ipython

# Kept per process, not per Lesson: a notebook may lose its Lesson object while the package is still patched.
_UNDO: dict[tuple[Any, str], Callable[[], None]] = {}


def inject_fault(owner: Any, name: str, old: str, new: str) -> str:
    """Replace `old`, which must occur once in the source of owner.name, by `new` -> what was changed, in words.

    Raises ValueError if `old` does not occur exactly once.
    """
    if (owner, name) in _UNDO:  # a notebook's cell is run again
        _UNDO.pop((owner, name))()
    original = getattr(owner, name)
    _UNDO[owner, name] = source_patch.apply(owner, name, old, new)
    return f"{original.__module__}.{original.__qualname__}:  {old}  ->  {new}"


def undo_faults() -> bool:
    """Undo all faults -> whether there were any."""
    there = bool(_UNDO)
    while _UNDO:
        _UNDO.popitem()[1]()
    return there


def undo_after_failed_cells() -> None:
    """In a notebook, undo the faults whenever a cell ends early: no other hook notices that."""
    shell = ipython()
    if shell is not None:
        shell.events.register("post_run_cell", _after_cell)  # which IPython keeps once, however often it is registered


def _after_cell(result: Any) -> None:
    if not result.success and undo_faults():
        print("minialign: the fault has been undone; run the lesson from its first cell to inject it again", file=sys.stderr)
