"""The page's data as TypeScript sees it: each dataclass of figures/scenes.py and page/data.py as an interface, so that a
type checker can hold the scripts to the Python that fills them.

    python tests/page_types.py FILE.d.ts; tsc --allowJs --checkJs --noEmit ... FILE.d.ts minialign/page/static/*.js
"""

import dataclasses
import sys
import types
from typing import Any, Union, get_args, get_origin, get_type_hints

from minialign.figures import scenes
from minialign.page import data

PLAIN = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null", Any: "any"}
LOOSE = {"scenes", "models"}  # what may be Absent: the scripts ask for `missing` first
TSC = "--allowJs --checkJs --noEmit --target es2023 --lib es2023,dom,dom.iterable".split()
TSC += "--noImplicitAny false --strict false --skipLibCheck".split()


def typescript(hint):
    """A Python type hint in TypeScript."""
    if hint in PLAIN:
        return PLAIN[hint]
    if dataclasses.is_dataclass(hint):
        return hint.__name__
    kind, inside = get_origin(hint), [typescript(part) for part in get_args(hint)]
    if kind is list:
        return f"Array<{inside[0]}>"
    if kind is tuple:
        return f"[{', '.join(inside)}]"
    if kind is dict:
        return f"Record<string, {inside[1]}>"
    if kind in (Union, types.UnionType):
        return " | ".join(inside)
    raise TypeError(f"no TypeScript for {hint}")


def declarations():
    """All interfaces, in a namespace of their own, as the scenes' classes have the same names."""
    shown = {name: value for module in (scenes, data) for name, value in vars(module).items() if dataclasses.is_dataclass(value)}
    lines = ["declare namespace Shown {"]
    for name, value in sorted(shown.items()):
        hints = get_type_hints(value)
        fields = ((f.name, "any" if f.name in LOOSE else typescript(hints[f.name])) for f in dataclasses.fields(value))
        lines += [f"  interface {name} {{", *(f"    {field}: {hint};" for field, hint in fields), "  }"]
    return "\n".join([*lines, "}", ""])


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write(declarations())
