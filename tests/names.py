"""The table of docs/names.md: our names, and what PyTorch, transformers and TRL call the same thing."""

import importlib
import re
from dataclasses import fields, is_dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "names.md"


def rows():
    """[(our names, their names), ...] of the table, each a list of dotted names."""
    cells = [line.strip().strip("|").split("|") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    names = [[re.findall(r"`([^`]+)`", cell) for cell in row] for row in cells]
    return [([f"minialign.{name}" for name in row[0]], [name for cell in row[1:] for name in cell]) for row in names]


def is_there(dotted):
    """Whether a dotted name can be imported, or is an attribute or a field of a dataclass."""
    parts = dotted.split(".")
    for n in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:n]))
        except ImportError:
            continue
        for name in parts[n:]:
            if is_dataclass(found) and name in {field.name for field in fields(found)}:
                return name == parts[-1]
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True
    return False
