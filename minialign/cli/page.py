"""`minialign page`: watch the journey of a run: one offline page for the browser, a strip for slides, and a film."""

import argparse
import sys

from ..page import make_film, make_page, make_strip
from ..page.data import PageData
from ..page.leashes import make_leashes
from ..runs.contents import load_run
from ..runs.folder import find_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", metavar="RUN", help="a run's folder, or its name (default: the newest in runs)")
    parser.add_argument("--film", action="store_true", help="make a film of a minute as well: an MP4 with ffmpeg, else a GIF")
    parser.add_argument("--leashes", action="store_true", help="first train PPO on other leashes (KL penalties), and on none")


def run(arguments: argparse.Namespace) -> None:
    page(arguments.folder, arguments.leashes, arguments.film)


def absent(data: PageData) -> list[str]:
    """Why a scene is missing, of each that is."""
    return [scene.missing for scene in data.scenes.values() if hasattr(scene, "missing")]


def page(run: str | None, leashes: bool = False, film: bool = False) -> None:
    """Make the page of a run, with its text and a strip; `leashes`: train PPO on others first; `film`: a minute of it, too."""
    folder = find_run(run)
    try:
        if leashes:
            make_leashes(load_run(folder), folder)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("finished leashes are kept; run the same command again to resume") from None
    path, data = make_page(folder)
    for remark in filter(None, [data.run.remark, *dict.fromkeys(absent(data))]):
        print(remark, file=sys.stderr)
    print(f"{path}: open it in a browser; it needs no network")
    print(folder / "journey.txt")
    print(make_strip(folder, data))
    if film:
        made = make_film(folder, data)
        print(made if made.suffix == ".mp4" else f"{made}: a GIF, as there is no ffmpeg to make an MP4 with")
