"""A fault on purpose: one changed line of the package, in memory and for this process only."""

from .. import source_patch


def inject_fault(owner, name, old, new):
    """Replace `old`, which must occur once in the source of owner.name, by `new` -> (what was changed, in words; undo)."""
    original = getattr(owner, name)
    undo = source_patch.apply(owner, name, old, new)
    return f"{original.__module__}.{original.__qualname__}:  {old}  ->  {new}", undo
