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


def make_strip(folder: str | Path, data: PageData) -> Path:
    """Write journey-strip.png, the seven scenes in one picture for a slide -> its path."""
    from ..figures.page_plots import save_strip

    path = Path(folder) / "journey-strip.png"
    save_strip(data.scenes, path)
    return path


def make_film(folder: str | Path, data: PageData) -> Path:
    """Write the journey as a film of a minute: journey.mp4 where there is ffmpeg, else journey.gif -> its path."""
    from ..figures.film import save_film

    return save_film(data.scenes, data.questions[data.hero.index], Path(folder))
