"""Keys for what is kept on disk."""

import hashlib
from functools import cache
from pathlib import Path


class UnreadableStage(ValueError):
    """A kept stage is damaged, or is none of ours."""


def digest(*parts):
    return hashlib.sha256("\n".join(str(part) for part in parts).encode()).hexdigest()[:16]


@cache  # once: an edit while a run is under way must not move its files
def code_key():
    """A digest of the package's own source: all of it, except what only measures, draws or talks."""
    root, apart = Path(__file__).parent, {"lab", "bench", "cli", "figures", "page", "runs", "teach", "evaluate.py"}
    files = sorted(p for p in root.rglob("*.py") if not apart & set(p.relative_to(root).parts))
    return digest(*(p.read_text() for p in files))
