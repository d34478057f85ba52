"""Notebooks with what they print and draw: each is run from its first cell to its last in a Jupyter kernel.

The work is done by nbclient and ipykernel: pip install 'minialign[notebook]' brings them.
"""

import importlib.util
import os
import re
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from ...runs.errors import Problem
from ...runs.folder import write_text

COLOURS = re.compile(r"\x1b\[[\d;]*m")
EXTRA = ("ipykernel", "ipywidgets", "nbclient")  # the extra `notebook` of setup.cfg; ipywidgets has the progress bars


def require_extra() -> None:
    """Raises Problem, with the command, if a library that runs notebooks is not installed."""
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise Problem(f"running notebooks needs {', '.join(missing)}; install: pip install {' '.join(EXTRA)}")


def execute_all(notebooks: list[Path], out: Path, lessons: str | Path) -> list[Path]:
    """Write executed copies into a folder, each as soon as it is done -> their paths.  Raises Problem if a cell fails."""
    out.mkdir(parents=True, exist_ok=True)
    done = []
    with tqdm(notebooks, desc="notebooks", leave=False, disable=None, ncols=72) as bar:
        for path in bar:
            bar.set_description(path.stem)
            text = executed(path.read_text(encoding="utf-8"), Path(lessons).resolve().parent, path.stem)
            write_text(out / path.name, text)
            done.append(out / path.name)
    return done


def executed(text: str, folder: Path, name: str = "notebook") -> str:
    """The text of a notebook -> the same with its outputs, run in a folder.  Raises Problem if a cell fails."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    document: Any = nbformat.reads(text, as_version=4)
    client = NotebookClient(
        document, timeout=None, record_timing=False, resources={"metadata": {"path": str(folder)}}, kernel_name="python3"
    )
    try:  # without bars: what moves while it runs is noise in a copy
        client.execute(env=os.environ | {"TQDM_DISABLE": "1"})
    except CellExecutionError:
        outputs = [output for cell in document.cells for output in cell.get("outputs", ()) if output.output_type == "error"]
        last = COLOURS.sub("", "\n".join(outputs[-1].traceback)).strip().splitlines()[-1].removeprefix("minialign: ")
        raise Problem(f"{name} failed ({last}); run that lesson by itself first") from None
    return nbformat.writes(document) + "\n"
