"""The journey page: one offline HTML file, made from the data of a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..runs.folder import write_text

if TYPE_CHECKING:
    from .data import PageData


def make_page(folder: str | Path) -> tuple[Path, PageData]:
    """Write journey.html and journey.txt into a run folder -> the path of the page, its data."""
    from .data import page_data
    from .document import document
    from .transcript import transcript

    data, folder = page_data(folder), Path(folder)
    write_text(folder / "journey.txt", transcript(data))
    write_text(folder / "journey.html", document(data))
    return folder / "journey.html", data


def make_pictures(folder: str | Path, data: PageData) -> tuple[Path, Path]:
    """Write journey.gif, and journey-strip.png for slides -> their paths."""
    from ..figures.page_plots import save_gif, save_strip

    paths = Path(folder) / "journey.gif", Path(folder) / "journey-strip.png"
    save_gif(data.scenes, paths[0])
    save_strip(data.scenes, paths[1])
    return paths
