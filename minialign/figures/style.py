"""What all figures share: colours, line styles, panels, headlines, and how a figure is written to disk.

One model has one colour and one kind of line in every figure: none depends on colour alone.
"""

import matplotlib
import numpy as np
from matplotlib.figure import Figure  # never pyplot: it looks for a screen

from ..checkpoint import atomically
from ..models import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, TABLE, VERMILION, YELLOW  # noqa: F401  for the figures

GREY = "#777777"  # for reference lines and small print

MODEL_STYLE = {model.key: {"color": model.colour, "linestyle": model.line} for model in TABLE if model.speaks}


def save(figure, path, alt_text):
    """Write path.png, path.svg and path.txt (the words), each whole or not at all; equal figures give equal files."""
    _settle(figure)
    about = {"Title": alt_text.split(". ")[0], "Description": alt_text}
    with matplotlib.rc_context({"svg.hashsalt": "minialign"}):
        atomically(f"{path}.svg", lambda file: figure.savefig(file, format="svg", metadata=about | {"Date": None}))
    atomically(f"{path}.png", lambda file: figure.savefig(file, format="png", dpi=150, metadata=about))
    atomically(f"{path}.txt", lambda file: file.write((alt_text + "\n").encode()))


def _settle(figure):
    """Lay the figure out once and round the result: the layout's solver trembles in the 13th digit from run to run."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for ax in figure.axes:
        ax.set_position([round(x, 4) for x in ax.get_position().bounds])


# ---------------------------------------------------------------------------------------- what all figures share
def panels(width, height, *grid, **options):
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(*grid, squeeze=False, **options)
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
    return figure, axes


def headline(figure, text):
    figure.suptitle(text, fontsize=11, x=0.01, ha="left")


def name_panel(ax, title, xlabel=None):
    ax.set_title(title, fontsize=9, loc="left")
    if xlabel:
        ax.set_xlabel(xlabel, fontsize=8)


def reference(ax, y, text, below=False):
    """A thin line at a value that means something, named at its right end, above or below it."""
    ax.axhline(y, color=GREY, linewidth=0.8, zorder=0)
    side = {"xytext": (0, -3), "va": "top"} if below else {"xytext": (0, 2), "va": "bottom"}
    ax.annotate(
        text,
        (1, y),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        fontsize=7,
        color=GREY,
        **side,
    )
    if below:  # room for the text
        ax.update_datalim([(0, y - 0.12 * (ax.dataLim.y1 - y))])
        ax.autoscale_view()


def _smooth(values):
    """A running mean over a twentieth of the curve, shorter at its ends."""
    width = max(1, len(values) // 20)
    ones = np.convolve(np.ones(len(values)), np.ones(width), "same")
    return np.convolve(values, np.ones(width), "same") / ones


def curve(ax, history, name, label=None, **style):
    """A series: the running mean in full, what it is the mean of faintly behind it."""
    values = history[name]
    if len(values) > 40:
        ax.plot(history.steps(name), values, **(style | {"linestyle": "-", "linewidth": 0.6, "alpha": 0.25}))
        values = _smooth(values)
    ax.plot(history.steps(name), values, label=label, linewidth=1.6, **style)
