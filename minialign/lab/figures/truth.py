"""The figure of truth.py."""

import numpy as np
from matplotlib.figure import Figure

from ...figures import style
from .. import Run
from ..instruments.crowds import models, name_of, style_of
from ..truth import BINS, CROWDS, bins_of, column, obscure, said


def draw(runs: list[Run]) -> tuple[Figure, str]:
    drawn, [(reliability, free)] = style.panels(10, 4, 1, 2, width_ratios=(4, 5))
    reliability.plot([0, 1], [0, 1], color=style.GREY, linewidth=0.8)
    for model in models(runs, ["crowd"]):
        confidence, correct = (column(runs, model, name).ravel() for name in ("confidence", "correct"))
        which = bins_of(confidence)
        # A bin of few answers would show the noise of sampling as miscalibration.
        used = [k for k in range(BINS) if (which == k).sum() >= 10 * len(runs)]
        x, y = (np.array([values[which == k].mean() for k in used]) for values in (confidence, correct))
        error = 2 * np.sqrt(y * (1 - y) * len(runs) / np.bincount(which)[used])  # the seeds share the questions
        look = style.MODEL_STYLE[style_of(model)]
        reliability.errorbar(
            x, y, error, marker=style.MARKER[style_of(model)], markersize=4, elinewidth=0.7, label=name_of(model), **look
        )
    reliability.legend(frameon=False, fontsize=7, loc="upper left")
    style.name_panel(reliability, "right answers (grey line: calibrated)", "confidence; bars: two binomial errors")
    names = [name_of(model) for model in models(runs, CROWDS)]
    left = np.zeros(len(names))
    looks = {
        "right": ("right", style.GREEN, ""),
        "wrong": ("wrong", style.VERMILION, "////"),
        "idk": ("does not know", style.PALE_GREY, ".."),
        "": ("says something else", style.GREY, ""),  # the rest, so that every bar ends at 100 %
    }
    for name, (label, colour, hatch) in looks.items():
        width = np.array([said(runs, model, name).mean() for model in models(runs, CROWDS)]) if name else 1 - left
        free.barh(names, width, left=left, color=colour, hatch=hatch, edgecolor=style.WHITE, linewidth=0.5, label=label)
        left = left + width
    free.invert_yaxis()
    free.set_xlim(0, 1)
    style.legend_below(free, 2)
    style.percent(free.xaxis, reliability.xaxis, reliability.yaxis)
    style.name_panel(free, "what it says about what the crowd cannot check", "share of answers, sampled")
    first, tuned = runs[0]["trainers"][0], models(runs, CROWDS)[1]
    sure, right = (
        " to ".join(f"{column(runs, model, name).mean():.0%}" for model in ("sft", tuned)) for name in ("confidence", "correct")
    )
    title = f"{first.upper()} takes confidence from {sure}, and the share of right answers from {right}"
    style.headline(drawn, title)
    idk = ", ".join(f"{name_of(model)} {said(runs, model, 'idk').mean():.0%}" for model in models(runs, CROWDS))
    return drawn, (
        f"{title}. Answers that say 'i do not know': {idk}. {len(obscure())} questions, means over {len(runs)} seeds."
    )
