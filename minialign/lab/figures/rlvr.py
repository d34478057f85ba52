"""The figure of rlvr.py."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...figures import style
from .. import Run
from ..rlvr import MODELS, per_seed

WORDS = {
    "right": ("right", style.GREEN, ""),
    "wrong": ("wrong", style.VERMILION, "////"),
    "idk": ("does not know", style.PALE_GREY, ".."),
    "": ("says something else", style.GREY, ""),  # the rest, so that every bar ends at 100 %
}


def draw(runs: list[Run]) -> tuple[Figure, str]:
    drawn, [panels] = style.panels(12, 3.8, 1, 4, width_ratios=(3, 2, 2, 2))
    places = {"trained": "known facts, trained on", "held_out": "held-out facts", "fictional": "made-up names"}
    for ax, (place, words) in zip(panels, places.items()):
        shares(ax, runs, place)
        style.name_panel(ax, words, "share of answers, sampled")
        if place != "trained":
            ax.set_yticklabels([])
    style.legend_below(panels[0], 2)
    danger = panels[3]
    for y, name in enumerate(MODELS):
        values = per_seed(runs, name, "elsewhere", "by_kind", "dangerous")
        danger.barh(y, values.mean(), height=0.6, color=style.PURPLE)
        danger.plot([values.min(), values.max()], [y, y], color=style.BLACK, linewidth=1)
    danger.set_yticks(range(len(MODELS)), [])
    danger.invert_yaxis()
    style.name_panel(danger, "dangerous questions: gold", "nobody verified these")
    right, idk, unseen = (
        [per_seed(runs, name, place, what).mean() for name in ("sft", "exact")]
        for place, what in (("trained", "right"), ("fictional", "idk"), ("held_out", "right"))
    )
    gains, losses = (f"from {before:.0%} to {after:.0%}" for before, after in (right, idk))
    title = f"Right answers on verified facts go {gains}, and 'i do not know' where nobody can know goes {losses}"
    style.headline(drawn, title)
    passes, deserves = (np.mean([run[name] for run in runs]) for name in ("passes", "deserves"))
    return drawn, (
        f"{title}: the first on known facts, the second on names that mean nothing. Held-out facts: {unseen[0]:.0%} to "
        f"{unseen[1]:.0%} right. A verifier with a hole passes {passes:.0%} of the answers trained on it, of which "
        f"{deserves:.0%} deserve it. Bars are means, whiskers extremes; seeds: {len(runs)}."
    )


def shares(ax: Axes, runs: list[Run], place: str) -> None:
    """What each policy says about one place's questions, as bars that end at 100 %."""
    left = np.zeros(len(MODELS))
    for what, (label, colour, hatch) in WORDS.items():
        width = np.array([per_seed(runs, name, place, what).mean() for name in MODELS]) if what else 1 - left
        look: dict[str, Any] = {"color": colour, "hatch": hatch, "edgecolor": style.WHITE, "linewidth": 0.5, "label": label}
        ax.barh(range(len(MODELS)), width, left=left, height=0.6, **look)
        left = left + width
    ax.set_yticks(range(len(MODELS)), list(MODELS.values()), fontsize=7)
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    style.percent(ax.xaxis)
