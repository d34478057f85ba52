"""The figure of sums.py."""

import numpy as np
from matplotlib.figure import Figure

from ...figures import bars, style
from .. import Run
from ..sums import WAYS, per_seed


def draw(runs: list[Run]) -> tuple[Figure, str]:
    drawn, [(curves, forced)] = style.panels(9, 3.4, 1, 2, width_ratios=(3, 2))
    rewards, lengths = (np.array([run["training"][name] for run in runs]) for name in ("reward", "length"))
    steps, colour = np.arange(1, rewards.shape[1] + 1), style.MODEL_STYLE["grpo"]["color"]
    curves.plot(steps, rewards.mean(0), color=colour, linewidth=1.8, label="right, share")
    curves.plot(steps, lengths.mean(0) / lengths[:, 0].mean(), color=style.BLACK, linestyle=":", label="length / first length")
    curves.legend(frameon=False, fontsize=8)
    style.name_panel(curves, "GRPO on the verifier", "iteration")
    for x, name in enumerate(WAYS):
        pair = [per_seed(runs, model, name) for model in ("sft", "grpo")]
        bars.pair(forced, x, pair, colour, ("SFT", "GRPO") if x == 0 else (None, None))
    bars.name_ticks(forced, ["straight away", "after the working"])
    style.legend_below(forced, 2)
    style.percent(forced.yaxis)
    style.name_panel(forced, "results known (forced choice)")
    right, shown = ([per_seed(runs, model, name).mean() for model in ("sft", "grpo")] for name in ("right", "shown"))
    more, working = (f"from {before:.0%} to {after:.0%}" for before, after in (right, shown))
    title = f"The share of right sums goes {more}, and that of answers with working {working}"
    style.headline(drawn, title)
    straight, behind = (per_seed(runs, "sft", name).mean() for name in WAYS)
    return drawn, (
        f"{title}. Before GRPO, the forced choice is right in {straight:.0%} straight away and in {behind:.0%} after "
        f"working that somebody else wrote. Curves and bars are means, whiskers extremes; seeds: {len(runs)}."
    )
