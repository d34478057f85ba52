"""One changed line of the package, in memory: for a lesson's faults, for ablations and for mutants. No file is touched.

    patched(text, old, new)                       the text with `old`, which must occur exactly once, replaced
    with patch(ppo, "gae", old, new): ...         one function, until the block ends
    undo = apply(ppo, "gae", old, new)            the same, until undo() is called

What is changed just now is in ACTIVE.
"""

import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# "minialign.ppo.gae" -> (file, old, new): what is changed at the moment.  Part of every cache key that it can reach (cache.py);
# while there is anything in it, nothing is stored.
ACTIVE: dict[str, tuple[Path, str, str]] = {}


def patched(text: str, old: str, new: str, where: str = "the text") -> str:
    """`text` with `old` replaced by `new`.  Raises ValueError unless `old` occurs exactly once."""
    if text.count(old) != 1:
        raise ValueError(f"{old!r} occurs {text.count(old)} times in {where}, not once")
    return text.replace(old, new)


def apply(owner: Any, name: str, old: str, new: str) -> Callable[[], None]:
    """Replace `old` by `new` in the source of owner.name, for this process -> undo(), which takes it back."""
    original = getattr(owner, name)
    place = f"{original.__module__}.{original.__qualname__}"
    source = patched(textwrap.dedent(inspect.getsource(original)), old, new, place)
    made: dict[str, Any] = {}
    exec(compile(source, f"{place}, changed", "exec"), vars(sys.modules[original.__module__]), made)
    setattr(owner, name, made[original.__name__])
    ACTIVE[place] = Path(sys.modules[original.__module__].__file__ or "").resolve(), old, new

    def undo():
        setattr(owner, name, original)
        ACTIVE.pop(place, None)

    return undo


@contextmanager
def patch(owner: Any, name: str, old: str, new: str) -> Iterator[None]:
    """The change of `apply`, until the block ends."""
    undo = apply(owner, name, old, new)
    try:
        yield
    finally:
        undo()
