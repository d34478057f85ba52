"""Every figure can be read without colour and without eyes, and equal numbers give equal files."""

import re
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from minialign.figures import plots, style
from minialign.history import History
from minialign.models import NAMES

PALETTE = {
    colour.lower()
    for colour in (
        style.ORANGE, style.SKY, style.GREEN, style.YELLOW, style.BLUE,
        style.VERMILION, style.PURPLE, style.BLACK, style.GREY,
    )
} | {"#ffffff"}  # fmt: skip


def curves(n=60, **ends):
    """A History whose series run straight from one value to another."""
    history = History()
    for step in range(n):
        history.log(step, {name: a + (b - a) * step / (n - 1) for name, (a, b) in ends.items()})
    return history


def ppo_history():
    ends = {
        "objective/scores": (0, 1.5),
        "objective/rlhf_reward": (0, 1),
        "objective/kl": (0, 3),
        "objective/kl_k3": (0, 3),
    }
    return curves(20, **ends, **{"policy/clipfrac": (0.1, 0.02), "objective/entropy": (20, 8)})


def dpo_history():
    return curves(
        60, **{"delta/chosen": (0, -1), "delta/rejected": (0, -4), "rewards/margins": (0, 0.3), "loss": (0.693, 0.6)}
    )


def board(shift=0.0):
    rows = {
        name: {"gold": 0.1 * i + shift, "helpful": -0.2, "honest": 0.1, "harmless": 0.2}
        for i, name in enumerate(NAMES)
    }
    return {"sampled": rows, "greedy": {name: row for name, row in rows.items() if name != "best_of_n"}}


REPORT = {
    "accuracy": 0.87,
    "ceiling": 0.91,
    "ece": 0.02,
    "calibration": {"predicted": [0.55, 0.0, 0.95], "observed": [0.5, 0.0, 0.96], "count": [10, 0, 90]},
}
FIGURES = {
    "learning": lambda: plots.learning_curves(curves(loss=(3.6, 0.3)), curves(loss=(1.0, 0.2)), 3.58),
    "calibration": lambda: plots.reward_calibration(REPORT),
    "ppo": lambda: plots.ppo_dashboard(ppo_history()),
    "dpo": lambda: plots.dpo_curves(dpo_history()),
    "scoreboard": lambda: plots.scoreboard([board()]),
    "scoreboard of three seeds": lambda: plots.scoreboard([board(), board(0.1), board(-0.1)]),
}


@pytest.fixture(params=FIGURES)
def drawn(request):
    return FIGURES[request.param]()


def test_a_figure_has_words_with_its_numbers_and_a_sentence_for_a_title(drawn):
    figure, words = drawn
    assert words.isascii() and words.endswith(".") and re.search(r"\d", words)
    title = figure._suptitle.get_text()  # get_suptitle() came with matplotlib 3.8
    assert len(title) > 30 and re.search(r"\d", title) and words.startswith(title)
    assert all(ax.get_title(loc="left") for ax in figure.axes)


def test_only_the_palette_is_used(drawn):
    figure, _ = drawn
    colours = set()
    for artist in figure.findobj(lambda artist: artist.get_visible()):
        if isinstance(artist, Line2D):
            colours.add(artist.get_color())
        if hasattr(artist, "get_facecolor"):
            colours |= {tuple(c) for c in np.atleast_2d(artist.get_facecolor()) if len(c) == 4 and c[3] > 0}
    assert {to_hex(colour) for colour in colours} <= PALETTE


def test_each_model_has_a_colour_and_a_kind_of_line_of_its_own():
    assert set(style.MODEL_STYLE) == set(NAMES)
    for part in ("color", "linestyle"):
        assert len({str(style[part]) for style in style.MODEL_STYLE.values()}) == len(NAMES)


def test_anchors_are_drawn():
    texts = {
        text.get_text() for name in ("learning", "ppo", "dpo") for ax in FIGURES[name]()[0].axes for text in ax.texts
    }
    assert {"guessing: ln V = 3.58", "SFT model: 0", "coin toss: ln 2 = 0.693"} <= texts


def test_the_title_says_what_the_numbers_say():
    _, words = FIGURES["scoreboard of three seeds"]()
    assert words.startswith("PPO takes gold from 0.10 to 0.30") and "3 seeds" in words


def test_save_writes_picture_drawing_and_words_the_same_every_time(tmp_path):
    for folder in ("first", "second", "third"):
        figure, words = plots.scoreboard([board()])
        style.save(figure, tmp_path / folder / "board", words)
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == ["board.png", "board.svg", "board.txt"]
    for name in names:
        assert len({(tmp_path / folder / name).read_bytes() for folder in ("first", "second", "third")}) == 1, name
    assert (tmp_path / "first" / "board.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "first" / "board.svg").read_text(encoding="utf-8")
    assert "PPO takes gold from 0.10 to 0.30" in svg and "<dc:date>" not in svg


def test_no_screen_is_needed(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    code = "import minialign.figures.plots, sys; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
