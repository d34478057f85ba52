"""What several experiments draw in the same way."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from . import style


def bar(ax: Axes, x: float, values: np.ndarray, colour: str, hatched: bool = False, label: str | None = None) -> None:
    """One bar at the mean of the seeds, full or hatched, with a whisker from the smallest to the largest."""
    face: dict[str, Any] = {"facecolor": style.WHITE, "edgecolor": colour, "hatch": "////"} if hatched else {"color": colour}
    ax.bar(x, np.mean(values), width=0.38, label=label, linewidth=1, **face)
    ax.plot([x, x], [np.min(values), np.max(values)], color=style.BLACK, linewidth=1)


def pair(
    ax: Axes,
    x: float,
    both: Sequence[np.ndarray] | np.ndarray,
    colour: str,
    labels: tuple[str | None, str | None] = (None, None),
) -> None:
    """Two bars side by side around x: both[0] full, both[1] hatched."""
    bar(ax, x - 0.2, both[0], colour, label=labels[0])
    bar(ax, x + 0.2, both[1], colour, hatched=True, label=labels[1])


def name_ticks(ax: Axes, names: Sequence[str]) -> None:
    ax.set_xticks(range(len(names)), names, fontsize=7)
    ax.set_xlim(-0.6, len(names) - 0.4)


def path(
    ax: Axes,
    label: str,
    points: list[tuple[str, np.ndarray, np.ndarray]],
    start: tuple[float, float] | None,
    look: dict[str, Any],
    dots: bool = True,
    shift: tuple[float, float] = (4, 4),
) -> None:
    """A line through the means of points (note, KL of every seed, score of every seed), against the root of the KL.

    start: where the line comes from, or None;  dots: every seed as well;  shift: of a note from its mean, in points
    """
    roots = [(text, np.sqrt(np.maximum(kl, 0)), score) for text, kl, score in points]  # an estimated KL may be below 0
    means = ([start] if start else []) + [(x.mean(), y.mean()) for _, x, y in roots]
    ax.plot(*zip(*means), label=label, linewidth=1.6, **look)
    for text, x, y in roots:
        if dots:
            ax.plot(x, y, "o", markersize=2.5, color=look["color"])
        style.label_point(ax, text, (x.mean(), y.mean()), shift, color=look["color"])
