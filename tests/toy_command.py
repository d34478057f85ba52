"""The command line at toy size, as a process of its own: python tests/toy_command.py tour --fast --out DIR."""

import sys
from contextlib import contextmanager

import minialign  # isort: skip  # noqa: F401  before NumPy is loaded

import pytest
from toy import TOY
from toy_run import toy_size

from minialign import lab
from minialign.checkpoint import atomically
from minialign.cli.command import main
from minialign.figures import page_plots, style
from minialign.lab import length


@contextmanager
def toy_command():
    """A tour in about two seconds (without its pictures), and the experiment on length in about one."""
    with toy_size(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(lab, "LAB_FAST", TOY)
        patch.setattr(length, "LENGTHY", TOY.tastes)
        patch.setattr(length, "TIMES", 2)
        yield


def blank_picture(figure, path, words):
    """As style.save, without drawing."""
    for ending in ("svg", "png", "txt"):
        atomically(f"{path}.{ending}", lambda file: file.write(words.encode()))


@contextmanager
def quick_pictures():
    """Pictures that are not drawn: most of a toy tour is drawing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "save", blank_picture)
        patch.setattr(page_plots, "as_data_uri", lambda key, scene: "data:,")
        patch.setattr(page_plots, "save_strip", lambda scenes, path: atomically(path, lambda file: file.write(b"png")))
        yield


if __name__ == "__main__":
    with toy_command(), quick_pictures():
        sys.exit(main(sys.argv[1:]))
