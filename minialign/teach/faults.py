"""A fault on purpose: one changed line of the package, in memory and for this process only."""

import inspect
import sys
import textwrap


def inject_fault(owner, name, old, new):
    """Replace `old`, which must stand once in the source of owner.name, by `new` -> what was changed, in words.

    In memory and for this process only; no file is touched.
    """
    original = getattr(owner, name)
    source = textwrap.dedent(inspect.getsource(original))
    if source.count(old) != 1:
        raise ValueError(f"{old!r} stands {source.count(old)} times in {name}")
    made, faulty = {}, compile(source.replace(old, new), f"{name}, faulty", "exec")
    exec(faulty, vars(sys.modules[original.__module__]), made)
    setattr(owner, name, made[name])
    return f"{original.__module__}.{original.__qualname__}:  {old}  ->  {new}"
