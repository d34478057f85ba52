"""The journey page: one offline HTML file, made from the data of a finished run."""

from pathlib import Path

from ..runs.folder import write_text


def make_page(folder):
    """Write journey.html and journey.txt into a run folder -> the path of the page, its data."""
    from .data import material
    from .document import document, transcript

    data, folder = material(folder), Path(folder)
    write_text(folder / "journey.txt", transcript(data))
    write_text(folder / "journey.html", document(data))
    return folder / "journey.html", data


def make_pictures(folder, data):
    """Write journey.gif, and journey-strip.png for slides -> their paths."""
    from ..figures.page_plots import save_gif, save_strip

    paths = Path(folder) / "journey.gif", Path(folder) / "journey-strip.png"
    save_gif(data["scenes"], paths[0])
    save_strip(data["scenes"], paths[1])
    return paths
