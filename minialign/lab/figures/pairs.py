"""The figure of pairs.py."""

from matplotlib.figure import Figure

from ...figures import bars, style
from .. import Run
from ..pairs import ARMS, NAMES, per_seed


def draw(runs: list[Run]) -> tuple[Figure, str]:
    drawn, [panels] = style.panels(9, 3.4, 1, 2)
    colour = style.MODEL_STYLE["dpo"]["color"]
    for ax, what, words in zip(panels, ("accuracy", "votes"), ("unseen votes predicted", "votes in 600 decisions")):
        for x, name in enumerate(ARMS):
            bars.bar(ax, x, per_seed(runs, name, what), colour, hatched=name == "same")
        bars.name_ticks(ax, [NAMES[name].replace(", ", ",\n").replace("same 20", "same\n20") for name in ARMS])
        style.name_panel(ax, words)
    panels[0].set_ylim(0.5, 1)
    style.percent(panels[0].yaxis)
    same, distinct, unsure = (per_seed(runs, name, "accuracy").mean() for name in ARMS)
    title = f"As many decisions, other pairs: 20 pairs predict {same:.1%} of unseen votes, 600 pairs {distinct:.1%}"
    style.headline(drawn, title)
    return drawn, (
        f"{title}; 600 pairs chosen where the reward model is unsure predict {unsure:.1%}. Bars are means, whiskers extremes; "
        f"seeds: {len(runs)}."
    )
