"""Is everything in order here?  What `minialign doctor` looks at: one finding for each thing, with what to do about it.

The cache is looked through file by file: a stage or a result of an experiment is damaged if it, or one of its files, is not
as it was written; stale if made by another version of the code, so that it is never found again; left over if killed first.
"""

import ctypes
import io
import json
import os
import platform
import re
import shutil
import sys
import time
import webbrowser
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .. import cache, parallel, pipeline, pretrained
from ..checkpoint import ABANDONED, UNFINISHED
from .contents import damaged
from .errors import Problem
from .folder import check_writable
from .text import quoted, safe

ROOM = 200_000_000  # bytes: a full run with its cache takes some tens of millions
KEYED = re.compile("-[0-9a-f]{16}$")  # how the name of a stage or an experiment ends; any other is a stranger's file
Named = list[tuple[Path, str]]  # files, each with what is the matter with it


@dataclass(frozen=True)
class Finding:
    what: str
    says: str
    fix: str = ""  # what to do; "" if all is well


# ------------------------------------------------------------------------------------------------ programs
def python() -> Finding:
    says = f"{platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return Finding("Python", says, "" if sys.version_info >= (3, 10) else "install Python 3.10 or newer")


def numpy() -> Finding:
    says = f"{np.__version__}; {blas()}; MINIALIGN_THREADS {parallel.THREADS}"
    old = tuple(map(int, np.__version__.split(".")[:2])) < (1, 25)
    return Finding("NumPy", says, "pip install -U numpy" if old else "")


def blas() -> str:
    """NumPy's BLAS, the kernel that it has chosen for this processor, and its threads, as far as they tell."""
    try:
        config = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        library = f"{config['name']} {config['version']}"
    except (KeyError, TypeError):  # another NumPy describes itself otherwise
        library = "BLAS unknown"
    kernel, threads = "kernel unknown", "threads unknown"
    for path in _blas_libraries():
        for before, after in (("scipy_", "64_"), ("", "64_"), ("scipy_", ""), ("", "")):  # as NumPy's wheels name them
            try:
                loaded = ctypes.CDLL(path)
                name, count = (getattr(loaded, f"{before}openblas_get_{what}{after}") for what in ("corename", "num_threads"))
            except (OSError, AttributeError):
                continue
            name.restype = ctypes.c_char_p
            kernel, threads = f"kernel {name().decode()}", f"{count()} thread{'s' if count() > 1 else ''}"
    return f"{library}, {kernel}, {threads}"


def _blas_libraries() -> list[str]:
    """Shared libraries of NumPy, or loaded by it, that may be a BLAS."""
    beside = Path(np.__file__).parent.parent / "numpy.libs", Path(np.__file__).parent / ".dylibs"
    found = [str(path) for folder in beside for path in folder.glob("*blas*")]
    maps = Path("/proc/self/maps")  # where the system's own BLAS is used
    lines = maps.read_text(encoding="utf-8").splitlines() if maps.exists() and not found else []
    return sorted({*found, *(line.split()[-1] for line in lines if "blas" in line.lower())})


def matplotlib() -> Finding:
    try:
        from ..figures import style  # matplotlib is loaded there, and slow to load

        figure, _ = style.panels(1, 1)
        figure.savefig(io.BytesIO(), format="png")
        return Finding("matplotlib", f"{style.matplotlib.__version__}, backend {style.matplotlib.get_backend()}; it draws")
    except Exception as problem:  # a broken installation fails in ways of its own
        return Finding("matplotlib", f"it does not draw ({safe(problem)})", "pip install -U --force-reinstall matplotlib")


def browser() -> Finding:
    try:
        return Finding("browser", f"{webbrowser.get().name}, for journey.html")  # type: ignore[attr-defined]
    except (webbrowser.Error, AttributeError):
        return Finding("browser", "none here; journey.html can be opened on any other computer")


def base_model() -> Finding:
    try:
        pretrained.load(pipeline.FULL.model)
        size = pretrained.WEIGHTS.stat().st_size
        return Finding("base model", f"the one that comes with the package is whole, {size / 1e3:.0f} kB")
    except pretrained.Damaged as problem:
        return Finding("base model", *safe(problem).rsplit("; ", 1))


# ------------------------------------------------------------------------------------------------ files
def room(out: str | Path) -> Finding:
    """Whether runs can be written, and whether there is room for them."""
    there = next(folder for folder in (Path(out).resolve(), *Path(out).resolve().parents) if folder.exists())
    try:
        check_writable(there)
    except Problem as problem:
        return Finding("folder", f"{safe(out)} cannot be written", safe(problem).split("; ")[-1])
    free = shutil.disk_usage(there).free
    fix = "" if free > ROOM else f"free some space: a full run takes {ROOM / 1e6:.0f} MB with its cache"
    return Finding("folder", f"{safe(out)} can be written; {free / 1e9:.1f} GB free", fix)


@dataclass
class Cached:
    """What is in a cache.  Each kind of trouble: the files that go together, and why."""

    files: int = 0
    size: int = 0  # bytes
    damaged: Named = field(default_factory=list)
    stale: Named = field(default_factory=list)
    left: Named = field(default_factory=list)

    def trouble(self) -> Named:
        return self.damaged + self.stale + self.left


def look_through(folder: str | Path) -> Cached:
    """Every file of a cache, read and judged."""
    found, known = Cached(), set()
    paths = sorted(path for path in Path(folder).glob("*") if path.is_file())
    for path in tqdm(paths, desc="cache", leave=False, disable=None, delay=1):
        found.files, found.size = found.files + 1, found.size + path.stat().st_size
        if path.suffix == ".json" and KEYED.search(path.stem):
            belongs = [other for other in paths if other.name.startswith(path.stem)]
            known.update(belongs)
            why = why_damaged(path)
            trouble = found.damaged if why else found.stale
            if why or is_stale(path):
                trouble += [(other, why or "made by another version of the code") for other in belongs]
    for path in paths:
        ours = path.name.startswith(UNFINISHED) or path.suffix in (".npz", ".jsonl")
        if ours and path not in known and time.time() - path.stat().st_mtime > ABANDONED:
            found.left.append((path, "left unfinished by a killed process"))
    return found


def why_damaged(path: Path) -> str:
    """Why the JSON of a stage or of an experiment, or a file that goes with it, is not as it was written; "" if it is."""
    try:
        about = cache.unseal(json.loads(path.read_text(encoding="utf-8")))
        if not path.stem.endswith(f"-{about['key']}"):
            raise ValueError("it belongs under another name")
        for ending, digest in about.get("files", {}).items():
            if cache.sha256(path.with_name(path.stem + ending)) != digest:
                raise ValueError(f"{path.stem}{ending} is not what was written")
    except FileNotFoundError as problem:
        return f"{Path(problem.filename).name} is gone"
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as problem:
        return safe(problem)
    return ""


def is_stale(path: Path) -> bool:
    """Whether other code than this has made an undamaged stage, result of an experiment, or race of the page."""
    code = json.loads(path.read_text(encoding="utf-8")).get("code")
    kind, name = path.stem.split("-")[:2]
    makers = {"lab": cache.ROOT / "lab" / f"{name}.py", "race": cache.ROOT / "page" / "race.py"}
    source = makers.get(kind, Path(pipeline.__file__))
    return not source.exists() or code != cache.fingerprint(str(source))


def cached(found: Cached, folder: Path) -> list[Finding]:
    says = f"{found.files} files, {found.size / 1e6:.1f} MB in {safe(folder)}"
    findings = [Finding("cache", says)]
    for kind in ("damaged", "stale", "left"):
        files: Named = getattr(found, kind)
        if files:
            first, why = files[0]
            more = f", and {len(files) - 1} more" if len(files) > 1 else ""
            where = "" if folder == Path("runs/cache") else f" --out {quoted(folder.parent)}"
            findings.append(Finding(f"  {kind}", f"{safe(first.name)}: {why}{more}", f"minialign doctor --clean{where}"))
    return findings


def clean(found: Cached) -> int:
    """Remove what look_through has found to be of no use -> bytes."""
    files = {path for path, _ in found.trouble()}
    size = sum(path.stat().st_size for path in files)
    for path in files:
        path.unlink()
    return size


def runs(out: str | Path) -> list[Finding]:
    """The finished runs, and of each that is not as it was written a finding of its own."""
    folders = sorted(path.parent for path in Path(out).glob("*/run.json"))
    findings = [Finding("runs", f"{len(folders)} in {safe(out)}")]
    for folder in folders:
        try:
            wrong = damaged(folder)
        except Problem as problem:
            wrong = [("run.json", str(problem))]
        if wrong:
            what, fix = wrong[0][1].split("; ", 1)
            others = ", ".join(name for name, _ in wrong[1:])
            findings.append(Finding("  damaged", what + (f"; and {others}" if others else ""), fix))
    return findings
