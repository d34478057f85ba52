"""The figure of cousins.py."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...figures import bars, style
from .. import Run
from ..cousins import METHODS, ON_VOTES, best_of_several, per_seed, sft

# By what a method holds in memory: a colour and a mark.
LOOKS: dict[int, tuple[str, str, str]] = {
    1: (style.BLUE, "s", "policy alone"),
    2: (style.GREEN, "o", "with a reference"),
    3: (style.VERMILION, "^", "with a reward model too"),
}


def draw(runs: list[Run]) -> tuple[Figure, str]:
    drawn, [(gold, spoiled, length)] = style.panels(12, 4, 1, 3, width_ratios=(4, 4, 3))
    told = set()
    for method in METHODS:
        colour, marker, words = LOOKS[method.models]
        x, y = per_seed(runs, method.name, "kl"), per_seed(runs, method.name, "gold")
        label: dict[str, Any] = {} if words in told else {"label": words}
        told.add(words)
        gold.plot(x.mean(), y.mean(), marker, color=colour, markersize=6, **label)
        gold.vlines(x.mean(), y.min(), y.max(), color=colour, linewidth=0.8)
    name_points(gold, runs)
    style.reference(gold, sft(runs, "gold").mean(), "SFT model", below=True)
    gold.margins(0.15, 0.1)
    gold.legend(frameon=False, fontsize=7, loc="lower left")
    style.name_panel(gold, f"gold and distance, each at its {best_of_several(runs)}beta", "KL, nats per answer")
    for k, method in enumerate(ON_VOTES):
        colour = LOOKS[method.models][0]
        pair = [per_seed(runs, method.name, "gold", votes) for votes in ("methods", "flipped")]
        bars.pair(spoiled, k, pair, colour, ("all votes", "a fifth flipped") if k == 0 else (None, None))
        more = per_seed(runs, method.name, "length", "unequal") - per_seed(runs, method.name, "length", "equal")
        bars.bar(length, k, more, colour)
    for ax in (spoiled, length):
        bars.name_ticks(ax, [method.name for method in ON_VOTES])
        style.reference(ax, 0, "")
    style.legend_below(spoiled, 2)
    style.name_panel(spoiled, "gold")
    style.name_panel(length, "more characters where longer was chosen")
    means = {method.name: per_seed(runs, method.name, "gold").mean() for method in METHODS}
    first, last = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    title = f"On the same votes, {first} has the most gold, {means[first]:.2f}, and {last} the least, {means[last]:.2f}"
    style.headline(drawn, title)
    loss = np.mean([per_seed(runs, m.name, "gold", "flipped") - per_seed(runs, m.name, "gold") for m in ON_VOTES])
    unpaired = np.mean([run["unpaired"]["gold"] for run in runs])
    return drawn, (
        f"{title}; the SFT model has {sft(runs, 'gold').mean():.2f}. Flipping a fifth of the votes changes gold by {loss:+.2f} "
        f"on average; KTO without any pairs has {unpaired:.2f}. Dots and bars are means, whiskers extremes; seeds: {len(runs)}."
    )


def name_points(ax: Axes, runs: list[Run]) -> None:
    """The names in a column, in the order of the points' heights, each with a line to its point: points lie close together."""
    points = sorted((per_seed(runs, m.name, "gold").mean(), per_seed(runs, m.name, "kl").mean(), m.name) for m in METHODS)
    for height, (y, x, name) in zip(np.linspace(0.3, 0.95, len(points)), points):
        line = {"arrowstyle": "-", "color": style.GREY, "linewidth": 0.5, "shrinkB": 3}
        ax.annotate(name, (x, y), (0.62, height), textcoords="axes fraction", fontsize=8, va="center", arrowprops=line)
