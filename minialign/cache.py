"""One rule for everything cached on disk: its file name contains a digest of all that it depends on.

A stage of the pipeline, a lesson's run and an experiment's data are all keyed by

    the code     the file that makes it and all that this imports, however indirectly; without comments and docstrings
    the data     the files that this code reads: those whose name it writes and that lie beside it (constitution.txt)
    the rest     settings, seed, the key of what comes before; NumPy's version, the number of threads, faults made on purpose

Source files are read once, when this module is loaded (files outside the package: when first asked for), so that an edit
in the middle of a run cannot store old results under a new name.
"""

import ast
import hashlib
import inspect
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from . import parallel, source_patch

ROOT = Path(__file__).resolve().parent
_AS_LOADED = {path: path.read_bytes() for path in ROOT.rglob("*") if path.suffix in (".py", ".txt")}


def key(*parts: Any, code: Sequence[str | Path]) -> str:
    """The digest of everything -> 16 hexadecimal digits.

    parts  whatever else it depends on: texts, numbers, dataclasses, dicts or lists of those
    code   paths of the files that make it
    """
    surroundings = [np.__version__, parallel.THREADS, faults(code)]
    return digest(*(fingerprint(path) for path in code), as_text(surroundings), *map(as_text, parts))


def faults(code: Sequence[str | Path]) -> list[tuple[str, ...]]:
    """The faults made on purpose (source_patch.py) that can reach this code: those in a file of its import closure."""
    files = frozenset[Path]().union(*(closure(Path(path).resolve()) for path in code))
    return sorted((place, *change) for place, (file, *change) in source_patch.ACTIVE.items() if file in files)


def digest(*parts: Any) -> str:
    return hashlib.sha256("\n".join(str(part) for part in parts).encode("utf-8")).hexdigest()[:16]


def sha256(content: Any) -> str:
    """The SHA-256 of a file (a Path), or of a value as text -> 64 hexadecimal digits."""
    data = content.read_bytes() if isinstance(content, Path) else as_text(content).encode("utf-8")
    return hashlib.sha256(data).hexdigest()


def seal(content: dict[str, Any]) -> dict[str, Any]:
    """Plain data with the SHA-256 of itself -> dict: what is kept as JSON, so that a changed digit is noticed."""
    return content | {"sha256": sha256(json.loads(json.dumps(content, allow_nan=False)))}


def unseal(sealed: Any) -> dict[str, Any]:
    """What was sealed, without its SHA-256.  Raises ValueError if it is not as it was written."""
    if not isinstance(sealed, dict) or "sha256" not in sealed:
        raise ValueError("it has no SHA-256 of itself: other code has written it")
    content = {name: value for name, value in sealed.items() if name != "sha256"}
    if sealed["sha256"] != sha256(content):
        raise ValueError("its content is not what was written: the SHA-256 differs")
    return content


def as_text(value: Any) -> str:
    """A value as text that is equal for equal values, in any process.  Raises ValueError for an array of objects."""

    def plain(v):
        if isinstance(v, np.ndarray):  # whose repr leaves out the middle
            if v.dtype.hasobject:
                raise ValueError("an array of objects cannot be part of a cache's key: make it a list, or an array of numbers")
            return {"dtype": str(v.dtype), "shape": v.shape, "sha256": hashlib.sha256(v.tobytes()).hexdigest()}
        if isinstance(v, np.generic):
            return v.item()
        if isinstance(v, (set, frozenset)):  # whose order is another one in each process
            return {"set": sorted(map(as_text, v))}
        return asdict(v) if is_dataclass(v) and not isinstance(v, type) else repr(v)

    return json.dumps(value, default=plain, sort_keys=True)


@cache
def fingerprint(path: str | Path) -> str:
    """A digest of a file's code, of all that it imports from the package or from beside it, and of the data files they name."""
    return digest(*(_content(file) for file in sorted(closure(Path(path).resolve()), key=_portable)))


@cache
def closure(path: Path) -> frozenset[Path]:
    """A Python file, all files that it imports, however indirectly, and the data files that any of them names -> frozenset."""
    found: set[Path] = set()
    todo = [path]
    while todo:
        file = todo.pop()
        if file not in found:
            found.add(file)
            todo += imported(file) if file.suffix == ".py" else []
    return frozenset(found)


def imported(path: Path) -> list[Path]:
    """The files that one file imports or reads by name, as far as they belong to the package or lie beside it -> list."""
    return _read(path)[0]


def _content(path: Path) -> str:
    """What counts in one file: its syntax tree without docstrings; all bytes of a data file."""
    return f"{path.name} {_read(path)[1] if path.suffix == '.py' else hashlib.sha256(_bytes(path)).hexdigest()}"


@cache
def _read(path: Path) -> tuple[list[Path], str]:
    """A Python file, parsed once -> (the files that it imports or names, the digest of its syntax tree without docstrings)."""
    tree = ast.parse(_bytes(path))
    nodes = list(ast.walk(tree))
    found: set[Path] = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            base = path.parents[node.level - 1] if node.level else None
            for name in [node.module or "", *(f"{node.module or ''}.{alias.name}" for alias in node.names)]:
                found.update(_files(name.strip("."), base, path))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                found.update(_files(alias.name, None, path))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".txt"):
            beside = path.parent / node.value
            found.update({beside} if "\n" not in node.value and beside.is_file() else ())
    for node in nodes:
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            if isinstance(body[0].value.value, str):
                body[0].value.value = ""
    return sorted(found - {path}), hashlib.sha256(ast.dump(tree).encode("utf-8")).hexdigest()


def _files(name: str, base: Path | None, importer: Path) -> Iterator[Path]:
    """The files that are run when a dotted name is imported: the module, and the __init__.py of each package above it."""
    parts = [part for part in name.split(".") if part]
    base = base or (ROOT.parent if parts[:1] == [ROOT.name] else importer.parent)
    for n in range(len(parts) + 1):
        yield from _module(base.joinpath(*parts[:n]), n > 0)


@cache
def _module(place: Path, named: bool) -> list[Path]:
    """The files that make a module: its folder's __init__.py and, if it has a name, the file of that name."""
    candidates = [place / "__init__.py"] + ([place.with_suffix(".py")] if named else [])
    return [file for file in candidates if file.is_file() and place != ROOT.parent]


@cache
def _bytes(path: Path) -> bytes:
    return _AS_LOADED[path] if path in _AS_LOADED else path.read_bytes()


def _portable(path: Path) -> str:
    """An order that does not depend on where the package lies."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def source_of(thing: object) -> tuple[list[str], str]:
    """(the file in which the class of an object is written, ""), or ([], its text) for one written in a notebook's cell.

    Raises ValueError for a class whose text cannot be found: results of an older version of it could not be told apart.
    """
    file = getattr(sys.modules.get(type(thing).__module__), "__file__", None)
    if file:
        return [file], ""
    try:
        return [], inspect.getsource(type(thing))
    except (OSError, TypeError):
        raise ValueError(f"the source of {type(thing).__name__} cannot be read; write the class into a file") from None
