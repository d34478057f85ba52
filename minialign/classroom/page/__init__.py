"""The journey page: one offline HTML file, made from the data of a finished run; minialign page [RUN]."""

from pathlib import Path

from ..run_folder import load_run, write_text


def page(run, leashes=False):
    """Make the page of a run, and the pictures and the text that go with it; `leashes`: train PPO on others first."""
    from ..chat import find_run
    from .leashes import make_leashes

    folder = find_run(run)
    try:
        if leashes:
            make_leashes(load_run(folder), folder)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("finished leashes are kept; the same command goes on from there") from None
    path, data = make_page(folder)
    print(f"{path}: open it in a browser; it needs no network")
    for path in make_pictures(folder, data):
        print(path)
    print(folder / "journey.txt")


def make_page(folder):
    """Write journey.html and journey.txt into a run folder -> the path of the page, its data."""
    from .document import document, transcript
    from .material import material

    data, folder = material(folder), Path(folder)
    write_text(folder / "journey.txt", transcript(data))
    write_text(folder / "journey.html", document(data))
    return folder / "journey.html", data


def make_pictures(folder, data):
    """Write journey.gif, and journey-strip.png for slides -> their paths."""
    from .figures import save_gif, save_strip

    paths = Path(folder) / "journey.gif", Path(folder) / "journey-strip.png"
    save_gif(data["scenes"], paths[0])
    save_strip(data["scenes"], paths[1])
    return paths
