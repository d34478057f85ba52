"""What all figures share: colours, line styles, panels, headlines, and how a figure is written to disk.

One model has one colour and one kind of line in every figure: none depends on colour alone.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure  # never pyplot: it looks for a screen
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import Bbox

from ..checkpoint import atomically
from ..history import History
from ..models import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, TABLE, VERMILION, YELLOW  # noqa: F401  for the figures

GREY = "#777777"  # for reference lines and small print
LIGHT_GREY, PALE_GREY = "#cccccc", "#dddddd"  # areas behind marks; neutral answers
GOLD, DARK_PURPLE = "#8a6d00", "#8e3d69"  # the judge's score; the reward model's colour, dark enough for small marks
WHITE = "#ffffff"  # letters on a full bar, and the body of a hatched one

# The axis that proxy and gold are drawn against, and the sentence that explains it in a figure's caption.
ROOT_KL = "square root of KL (KL: nats per answer)"
WHY_ROOT = "Near the SFT model a score changes like the square root of the KL: against it a curve begins as a straight line."

MARKER = {model.key: model.marker for model in TABLE if model.speaks}  # where a model is a point
MODEL_STYLE: dict[str, dict[str, Any]] = {
    model.key: {"color": model.colour, "linestyle": model.line} for model in TABLE if model.speaks
}


def save(figure: Figure, path: str | Path, alt_text: str) -> None:
    """Write path.png, path.svg and path.txt (the caption), each whole or not at all; equal figures give equal files.

    The drawing of several panels has a <view> for each of them: a slide shows one at a time, as large as it goes.
    """
    _settle(figure)
    about = {"Title": alt_text.split(". ")[0], "Description": alt_text}
    with matplotlib.rc_context({"svg.hashsalt": "minialign"}):
        drawn = io.BytesIO()
        figure.savefig(drawn, format="svg", metadata=about | {"Date": None})
    svg = drawn.getvalue().decode("utf-8").replace("<defs>", "".join(views(figure)) + "<defs>", 1)
    atomically(f"{path}.svg", lambda file: file.write(svg.encode("utf-8")))
    atomically(f"{path}.png", lambda file: figure.savefig(file, format="png", dpi=150, metadata=about))
    atomically(f"{path}.txt", lambda file: file.write((alt_text + "\n").encode()))


def _settle(figure):
    """Lay the figure out once and round the result: the layout solver differs in the 13th digit from run to run."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for ax in figure.axes:
        ax.set_position([round(x, 4) for x in ax.get_position().bounds])


def views(figure: Figure) -> Iterator[str]:
    """An SVG <view> for each panel, with its title; none if there is one.  Panels that share an axis are shown together."""
    groups: list[list[Axes]] = []
    for ax in figure.axes:
        shared = (*ax.get_shared_x_axes().get_siblings(ax), *ax.get_shared_y_axes().get_siblings(ax))
        home = next((group for group in groups if any(other in shared for other in group)), None)
        if home is None:
            groups.append(home := [])
        home.append(ax)
    points = 72 / figure.dpi  # a point of the SVG is 1/72 inch; its y goes down
    for n, group in enumerate(groups, 1):
        if len(groups) > 1:
            box = Bbox.union([tight for ax in group if (tight := ax.get_tightbbox())]).padded(0.04 * figure.dpi)
            corner, size = (box.x0, figure.bbox.height - box.y1), (box.width, box.height)
            window = " ".join(f"{points * length:.0f}" for length in (*corner, *size))
            title = escape(group[0].get_title(loc="left"))
            yield f'<view id="panel-{n}" viewBox="{window}"><title>{title}</title></view>\n '


# ---------------------------------------------------------------------------------------- what all figures share
def panels(width: float, height: float, *grid: int, **options: Any) -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(*grid, squeeze=False, **options)
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
    return figure, axes


def headline(figure: Figure, text: str) -> None:
    figure.suptitle(text, fontsize=11, x=0.01, ha="left")


def name_panel(ax: Axes, title: str, xlabel: str | None = None) -> None:
    ax.set_title(title, fontsize=9, loc="left")
    if xlabel:
        ax.set_xlabel(xlabel, fontsize=8)


def label_point(ax: Axes, text: str, point: tuple[float, float], shift: tuple[float, float] = (4, 4), **look: Any) -> None:
    """A label beside a point; shift: in points."""
    ax.annotate(text, point, xytext=shift, textcoords="offset points", **{"fontsize": 8} | look)


def legend_below(ax: Axes, columns: int, gap: float = 0.16) -> None:
    """A legend under the panel, where it covers no bar; gap: distance in panel heights, more for names of two lines."""
    ax.legend(frameon=False, fontsize=8, ncols=columns, loc="upper center", bbox_to_anchor=(0.5, -gap))


def percent(*axes: Axis) -> None:
    """Ticks of these axes (ax.xaxis, ax.yaxis) in percent: each is written exactly, and none is above 100 %.

    matplotlib's own PercentFormatter rounds: its ticks at 42.5, 45, 47.5 and 50 % read 42, 45, 48 and 50.
    """
    for axis in axes:
        axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(FuncFormatter(lambda x, _: f"{round(100 * x, 6) + 0.0:g}%" if x < 1 + 1e-9 else ""))


def reference(ax: Axes, y: float, text: str, below: bool = False) -> None:
    """A thin line at a value that means something, named at its right end, above or below it."""
    ax.axhline(y, color=GREY, linewidth=0.8, zorder=0)
    side: dict[str, Any] = {"xytext": (0, -3), "va": "top"} if below else {"xytext": (0, 2), "va": "bottom"}
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


def curve(ax: Axes, history: History, name: str, label: str | None = None, **style: Any) -> None:
    """A series: its running mean, and faintly behind it the values themselves."""
    values = history[name]
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))  # there is no step 2.5
    if len(values) > 40:
        ax.plot(history.steps(name), values, **(style | {"linestyle": "-", "linewidth": 0.6, "alpha": 0.25}))
        values = _smooth(values)
    ax.plot(history.steps(name), values, label=label, linewidth=1.6, **style)
