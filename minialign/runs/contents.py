"""What a run's folder holds: run.json knows the SHA-256 of each file, and whatever differs is refused with the reason.

Everybody who reads a run (chat, vote, page, doctor) reads it through here.  Who edits a file by hand gets told which one
differs: it can be put back, or the same tour writes the run again out of the stages in its cache.
"""

import json
import re
from pathlib import Path
from typing import Any

from .. import cache, checkpoint
from ..model import ModelConfig
from ..stages import kind_of
from .errors import Problem
from .records import FORMAT
from .text import safe

MAKE = "make one with: minialign tour --fast"
AGAIN = "put it back, or make the run again with: minialign tour (with the run's flags; finished stages are kept)"


def seal(folder: str | Path, results: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The content of run.json with the SHA-256 of these files, of itself and of its timings -> dict.

    The timings have one of their own: all else is a function of recipe, seed and machine, so equal runs are told by one line.
    """
    files = {name: cache.sha256(Path(folder) / name) for name in sorted(names)}
    rest = {name: value for name, value in results.items() if name != "timings"}
    return cache.seal(rest | {"files": files}) | {"timings": cache.seal(results["timings"])}


def is_sealed(results: dict[str, Any]) -> bool:
    """Whether run.json is as it was written."""
    try:
        cache.unseal({name: value for name, value in results.items() if name != "timings"})
        cache.unseal(results["timings"])
        return True
    except (ValueError, LookupError):
        return False


def load_run(folder: str | Path, edited: bool = False) -> dict[str, Any]:
    """The numbers of a finished run -> dict.  Raises Problem if there is none.

    edited: also if somebody has changed numbers in it since; the page shows them, and says so.
    """
    path = Path(folder) / "run.json"
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        if results["format"] != FORMAT:
            raise ValueError(results["format"])
        ModelConfig(**results["recipe"]["model"]), int(results["recipe"]["max_new_tokens"])  # what a talk needs
    except FileNotFoundError:
        raise Problem(f"there is no finished run in {safe(folder)}; {MAKE}") from None
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as problem:
        raise Problem(f"{safe(path)} is not a run of minialign ({safe(problem)}); {MAKE}") from None
    if not edited and not is_sealed(results):
        raise Problem(f"{safe(path)} is not as the run wrote it (its SHA-256 differs); {AGAIN}")
    return results


def checked(folder: str | Path, name: str, run: dict[str, Any]) -> Path:
    """The path of one of a run's files.  Raises Problem unless it is, byte for byte, what the run wrote."""
    path, files = Path(folder) / name, run.get("files")
    known = files if isinstance(files, dict) else {}
    if not re.fullmatch("[0-9a-f]{64}", str(known.get(name))):
        raise Problem(f"run.json has no SHA-256 of {safe(path)}; make the run again with: minialign tour (with its flags)")
    try:
        found = cache.sha256(path)
    except OSError as problem:
        raise Problem(f"{safe(path)} cannot be read ({problem.strerror}); {AGAIN}") from None
    if found != known[name]:
        same = [other for other, digest in known.items() if digest == found]
        why = f"it is a copy of {safe(same[0])}" if same else "its SHA-256 differs"
        raise Problem(f"{safe(path)} is not the file that the run wrote ({why}); {AGAIN}")
    return path


def load_model(folder: str | Path, name: str, run: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """One model of a run -> (LanguageModel, or of "reward" the RewardModel; the arrays that were saved with it).

    Raises Problem if its checkpoint is missing, is of another kind or configuration than the run's, or has been changed.
    """
    path, config = Path(folder) / f"{name}.npz", ModelConfig(**run["recipe"]["model"])
    try:
        model, extra = checkpoint.load(path, with_extra=True, kind=kind_of(name), config=config)
    except (OSError, ValueError) as problem:
        raise Problem(f"{safe(problem)}; {AGAIN}") from None
    checked(folder, path.name, run)
    return model, extra


def damaged(folder: str | Path) -> list[tuple[str, str]]:
    """What is wrong with a run -> list of (file, what; what to do), one for each that is missing or changed."""
    run = load_run(folder, edited=True)
    wrong = [] if is_sealed(run) else [("run.json", f"{safe(Path(folder) / 'run.json')} is not as the run wrote it; {AGAIN}")]
    files = run.get("files")
    for name in files if isinstance(files, dict) else ():
        try:
            checked(folder, name, run)
        except Problem as problem:
            wrong.append((name, str(problem)))
    return wrong
