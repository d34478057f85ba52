"""The figure of bakeoff.py."""

import numpy as np
from matplotlib.figure import Figure

from ...figures import bars, style
from ...models import NAMES
from .. import Run
from ..bakeoff import MODELS, TUNED, per_seed


def draw(runs: list[Run]) -> tuple[Figure, str]:
    drawn, [(gold, off, sides)] = style.panels(11, 3.8, 1, 3, width_ratios=(1.2, 1.6, 1))
    places = {"seen": "seen items", "held_out": "held-out items", "greeted": "new greetings"}
    for name in MODELS:
        look = style.MODEL_STYLE[name]
        x, y = per_seed(runs, name, "kl"), per_seed(runs, name, "gold")
        gold.plot(x, y, style.MARKER[name], markersize=4, color=look["color"])
        style.label_point(gold, NAMES[name], (x.mean(), y.max()), color=look["color"])
        values = np.array([per_seed(runs, name, f"gold_{place}") for place in places])
        off.plot(range(3), values.mean(1), marker=style.MARKER[name], markersize=5, label=NAMES[name], linewidth=1.6, **look)
        off.vlines(range(3), values.min(1), values.max(1), color=look["color"], linewidth=0.8)
    gold.margins(0.3, 0.2)  # room for the names
    style.name_panel(gold, "gold and distance, one dot per seed", "KL, nats per answer")
    bars.name_ticks(off, list(places.values()))
    off.legend(frameon=False, fontsize=7)
    style.name_panel(off, "gold on and off the distribution of the votes")
    for k, name in enumerate(TUNED):
        chosen, rejected = per_seed(runs, name, "chosen"), per_seed(runs, name, "rejected")
        bars.pair(sides, k, (chosen, rejected), style.MODEL_STYLE[name]["color"])
    bars.name_ticks(sides, [NAMES[name] for name in TUNED])
    style.reference(sides, 0, "")
    style.name_panel(sides, "how far held-out votes move, nats", "full: chosen, hatched: rejected")
    reached = {name: f"{per_seed(runs, name, 'gold').mean():.2f} with {runs[0][name]['models']}" for name in TUNED}
    title = f"On the same votes, PPO reaches gold {reached['ppo']} models, GRPO {reached['grpo']}, DPO {reached['dpo']}"
    style.headline(drawn, title)
    others = [per_seed(runs, name, "gold").mean() for name in ("sft", "best_of_n")]
    return drawn, (
        f"{title}. SFT has {others[0]:.2f}, best of n {others[1]:.2f}. The panels show gold against distance, gold on "
        f"and off the distribution of the votes, and how far the answers of held-out votes move; seeds: {len(runs)}."
    )
