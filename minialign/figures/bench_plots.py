"""The figure of `minialign bench --scaling`: eight curves of what one token costs as the work grows."""

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from . import style
from .growth import Growth

STYLES = {
    "train": {"color": style.BLUE, "marker": "o", "linestyle": "-", "label": "training step"},
    "sample": {"color": style.VERMILION, "marker": "s", "linestyle": "--", "label": "sampling"},
}


def draw(result: Growth, path: Path) -> None:
    """Write path.png, path.svg and path.txt."""
    curves = result.curves
    names = list(curves["train"])
    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.subplots(2, len(names), sharey="row", squeeze=False)
    for row, what, factor, unit in ((axes[0], "seconds", 1e6, "microseconds"), (axes[1], "bytes", 1e-3, "KB")):
        for ax, name in zip(row, names):
            for workload, look in STYLES.items():
                points = curves[workload][name]
                ax.loglog([p.at for p in points], [getattr(p, what) * factor for p in points], markersize=4, **look)
            at = [p.at for p in curves["train"][name]]
            ax.set_xticks(at, [str(x) for x in at])
            ax.minorticks_off()
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            ax.yaxis.set_minor_formatter(NullFormatter())
            ax.spines[["top", "right"]].set_visible(False)
            ax.tick_params(labelsize=8)
            slopes = ", ".join(f"{getattr(result.slopes[w][name], what)[0]:.2f}" for w in STYLES)
            ax.set_title(f"slopes {slopes}", fontsize=8, loc="left")
            if what == "bytes":
                ax.set_xlabel(name, fontsize=8)
        row[0].set_ylabel(f"{unit} per token", fontsize=8)
    axes[0][0].legend(frameon=False, fontsize=7)
    title, words = described(result)
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    style.save(figure, path, f"{title}. {words}")


def described(result: Growth) -> tuple[str, str]:
    """The title, a sentence computed from the numbers, and the rest of what the picture shows."""
    names = list(result.curves["train"])

    def grows(workload, name, what="seconds"):
        return f"{name}^{getattr(result.slopes[workload][name], what)[0]:.2f}"

    title = "A token of a training step costs time like " + ", ".join(grows("train", name) for name in names)
    sampling = ", ".join(grows("sample", name) for name in names)
    memory = ", ".join(grows("train", name, "bytes") for name in names)
    words = (
        f"Sampling grows like {sampling}; the memory of a training step like {memory}, per token. What grows with the "
        f"square of the context is {result.attention:.2f} times the attention matrices. Eight panels on logarithmic "
        "axes, time above and memory below, against width, layers, context and batch."
    )
    return title, words
