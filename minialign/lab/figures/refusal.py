"""The figure of refusal.py."""

import numpy as np
from matplotlib.figure import Figure

from ...figures import style
from .. import Run
from ..refusal import BY_SHARE, BY_WEIGHT, LEFT, most_safe, point


def draw(runs: list[Run]) -> tuple[Figure, str]:
    drawn, [(ax,)] = style.panels(8.5, 5, 1, 1)
    for names, colour, look, label in (
        (BY_SHARE, style.VERMILION, "o--", "share of safe questions among the scary ones"),
        (BY_WEIGHT, style.BLUE, "s-", "weight of harm, 1/4 safe"),
        (("deaf",), style.PURPLE, "D", "raters who hear no risk in a scary word, 1/4 safe"),
        (("SFT",), style.BLACK, "*", "before"),
    ):
        points = [point(runs, name) for name in names if name in runs[0]]
        ax.plot(*np.mean(points, axis=2).T, look, color=colour, label=label)
        ax.plot(*np.hstack(points), look[0], color=colour, markersize=2.5, alpha=0.5)
    mean = {name: np.mean(point(runs, name), axis=1) for name in runs[0]}
    for name, at in mean.items():
        side = {"xytext": (-6, -3), "ha": "right"} if name in LEFT else {"xytext": (6, 3)}
        ax.annotate(name, at, textcoords="offset points", fontsize=7, **side)
    ax.plot([0, 1], [1, 0], color=style.GREY, linewidth=0.8, label="a model that hears only the verb")
    style.percent(ax.xaxis, ax.yaxis)
    ax.legend(frameon=False, fontsize=7)
    style.name_panel(ax, "unsafe questions answered (the ideal is 0, 0)", "safe questions refused in full")
    most = most_safe(runs)
    title = (
        f"Safe questions refused: SFT {mean['SFT'][0]:.0%}, {mean['none safe'][0]:.0%} if no safe scary question is voted "
        f"on, {mean[most][0]:.0%} if {most}"
    )
    style.headline(drawn, title)
    return drawn, (
        f"{title}. Unsafe ones are then answered in {mean['SFT'][1]:.0%}, {mean['none safe'][1]:.0%} "
        f"and {mean[most][1]:.0%} of cases. Sampled; means over {len(runs)} seeds, small marks are single seeds."
    )
