"""The figure of length.py."""

from matplotlib.figure import Figure

from ...figures import bars, style
from .. import Run
from ..length import METHODS, RATERS, ROW, longer, parts


def draw(runs: list[Run]) -> tuple[Figure, str]:
    drawn, [panels] = style.panels(9, 3.6, 1, 2, sharey=True)
    cases = [(method, raters) for method in METHODS for raters in RATERS]
    for ax, score, words in zip(panels, ("reward", "gold"), ("the reward model's score", "gold")):
        for x, (method, raters) in enumerate(cases):
            labels = ("at equal length", "by the shift of lengths") if x == 0 else (None, None)
            bars.pair(ax, x, parts(runs, raters, method, score), style.MODEL_STYLE[method]["color"], labels)
        bars.name_ticks(ax, [f"{METHODS[method]}\n{ROW[raters]}" for method, raters in cases])
        style.reference(ax, 0, "")
        style.name_panel(ax, f"gain over SFT: {words}")
    panels[1].legend(frameon=False, fontsize=8)
    (equal, shift), more = parts(runs, "lengthy", "ppo", "reward").mean(1), longer(runs, "lengthy", "ppo").mean()
    title = (
        f"With raters who like length, PPO's answers change by {more:+.0f} characters, which earns {shift:+.2f} of its "
        f"{equal + shift:+.2f} in reward"
    )
    style.headline(drawn, title)
    gold_equal, gold = parts(runs, "lengthy", "ppo", "gold").mean(1)
    return drawn, (
        f"{title}. In gold, the shift of lengths is worth {gold:+.2f}, and the change at equal length "
        f"{gold_equal:+.2f}. Both methods, both kinds of raters; bars are means, whiskers extremes; seeds: {len(runs)}."
    )
