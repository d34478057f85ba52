"""The figure of leash.py."""

import numpy as np
from matplotlib.figure import Figure

from ...figures import bars, style
from .. import Run
from ..leash import NS, best_beta, betas_of, per_seed


def draw(runs: list[Run]) -> tuple[Figure, str]:
    drawn, [(gold, proxy, raters)] = style.panels(11, 4, 1, 3, width_ratios=(3, 3, 2))
    for ax, name, words, shift in (
        (gold, "gold", "what the judge says", (4, 4)),
        (proxy, "proxy", "what the reward model says", (6, -10)),  # below the rising line
    ):
        swept = [(f"{beta:g}", per_seed(runs, beta, "kl"), per_seed(runs, beta, name)) for beta in betas_of(runs)]
        bars.path(ax, "PPO, by beta", swept, (0, per_seed(runs, "sft", name).mean()), style.MODEL_STYLE["ppo"], shift=shift)
        if "adaptive" in runs[0]:
            held = ("", per_seed(runs, "adaptive", "kl"), per_seed(runs, "adaptive", name))
            bars.path(ax, "PPO, adaptive", [held], None, {"color": style.PURPLE, "marker": "*", "linestyle": ""})
        for series, label, look in (
            (
                "best_of_n",
                f"best of {', '.join(map(str, NS))}",
                style.MODEL_STYLE["best_of_n"] | {"marker": style.MARKER["best_of_n"], "markersize": 4},
            ),
            ("tilted", "the exact optimum", {"color": style.BLACK, "linestyle": ":"}),
        ):
            columns = zip(*(run[series] for run in runs))  # as many as every seed has
            points = [[(point["kl"], point[name]) for point in column] for column in columns]
            bars.path(ax, label, [("", *np.array(column).T) for column in points], None, look, dots=False)
        style.reference(ax, per_seed(runs, "sft", name).mean(), "SFT model", below=True)
        style.name_panel(ax, f"{name}: {words}", style.ROOT_KL)
    proxy.legend(frameon=False, fontsize=7)
    change: dict[str, float | str] = {"human\ntastes": 0.0, "worst\nof three": "worst", "second\nround": "second"}
    change |= {"no\ntastes": "control", "ideal\nreward": "ideal"}
    change = {words: place for words, place in change.items() if isinstance(place, float) or place in runs[0]}
    for x, place in enumerate(change.values()):
        both = [per_seed(runs, place, how) - per_seed(runs, "sft", how) for how in ("gold", "gold_greedy")]
        labels = ("sampled", "greedy") if x == 0 else (None, None)
        bars.pair(raters, x, both, style.MODEL_STYLE["ppo"]["color"], labels)
    bars.name_ticks(raters, list(change))
    style.reference(raters, 0, "")
    style.legend_below(raters, 2)
    style.name_panel(raters, "change of gold at beta 0")
    best = best_beta(runs)
    proxy0 = per_seed(runs, 0.0, "proxy").mean()
    sft, gold0, peak = (per_seed(runs, place, "gold").mean() for place in ("sft", 0.0, best))
    title = (
        f"Without a leash the proxy goes to {proxy0:+.1f}, and gold from {sft:.2f} to {gold0:.2f}; "
        f"with beta {best:g} to {peak:.2f}"
    )
    style.headline(drawn, title)
    gains = {words: (per_seed(runs, place, "gold") - per_seed(runs, "sft", "gold")).mean() for words, place in change.items()}
    without = ", ".join(f"{gain:+.2f} with {' '.join(words.split())}" for words, gain in gains.items())
    return drawn, (
        f"{title}. Gold and proxy against the square root of the KL: PPO under {len(betas_of(runs))} values of beta, "
        f"best of n, and the exact optimum as far as stored answers show it. Without a leash gold changes by {without}. "
        f"Lines are means, dots single seeds: {len(runs)}. {style.WHY_ROOT}"
    )
