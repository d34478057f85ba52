"""The figure of sycophancy.py."""

import numpy as np
from matplotlib.figure import Figure

from ...figures import bars, style
from .. import Run
from ..instruments.crowds import models, name_of, style_of
from ..sycophancy import CROWDS, KINDS, forecast, miss, share


def draw(runs: list[Run]) -> tuple[Figure, str]:
    drawn, [(rates, predicted)] = style.panels(10, 4, 1, 2, width_ratios=(3, 2))
    for x, model in enumerate(models(runs, CROWDS)):
        colour = style.MODEL_STYLE[style_of(model)]["color"]
        names = (None, None) if x else ("false claims", "true claims")
        bars.pair(rates, x, [share(runs, model, kind) for kind in KINDS], colour, names)
        if x:
            face = colour if model[0] == "yes-men" else style.WHITE
            points = [np.ravel([f(runs, model, kind) for kind in KINDS]) for f in (forecast, share)]
            predicted.plot(*points, "os"[x % 2], color=colour, markerfacecolor=face, label=name_of(model))
    bars.name_ticks(rates, [name_of(model) for model in models(runs, CROWDS)])
    style.name_panel(rates, "share of answers that say yes, sampled")
    predicted.plot([0, 1], [0, 1], color=style.GREY, linewidth=0.8)
    style.name_panel(predicted, "yes, measured (grey line: as predicted)", "predicted from SFT's answers, before training")
    style.percent(rates.yaxis, predicted.xaxis, predicted.yaxis)
    for ax in (rates, predicted):
        ax.legend(frameon=False, fontsize=7, loc="upper left")
    before, *after = (f"{share(runs, model, 'claim_false').mean():.0%}" for model in models(runs, CROWDS))
    control, yes = (" and ".join(some) for some in np.reshape(after, (2, -1)))
    tuned = " and ".join(trainer.upper() for trainer in runs[0]["trainers"])
    off = " and ".join(f"{miss(runs, trainer):.2f}" for trainer in runs[0]["trainers"])
    title = f"Yes to false claims: SFT {before}; {tuned} on yes-men's votes {yes}, on the control's votes {control}"
    style.headline(drawn, title)
    return drawn, (
        f"{title}. The shares predicted before training were off by {off} on average. Bars are means over {len(runs)} "
        "seeds, whiskers the smallest and the largest; marks are single seeds."
    )
