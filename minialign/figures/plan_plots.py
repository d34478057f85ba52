"""The figure of `minialign bench --plan`: what our own models cost, measured, on the lines of the formulas."""

from pathlib import Path

from . import style
from .checked import PlanChecks, Rows

PANELS = (  # title, y axis, rows, a factor
    ("models that a method holds", "MB", ("models dpo", "models grpo", "models ppo"), 1e-6),
    ("activations, key/value cache", "MB", ("activations", "cache"), 1e-6),
    ("arithmetic", "GFLOP", ("step", "ppo"), 1e-9),
    ("one more token for one text", "ms", ("token",), 1e3),
    ("sampling's share of a PPO iteration", "%", ("share",), 100),
)
LOOKS = ((style.BLUE, "o", "-"), (style.VERMILION, "s", "--"), (style.GREEN, "^", ":"))


def draw(found: PlanChecks, path: Path) -> None:
    """Write path.png, path.svg and path.txt."""
    figure, axes = style.panels(10, 5, 2, 3)
    *used, last = axes.flat
    for ax, (title, unit, keys, factor) in zip(used, PANELS):
        for key, look in zip(keys, LOOKS):
            _line_and_marks(ax, found.rows[key], look, factor)
        ax.set_xscale("log")
        if unit != "%":
            ax.set_yscale("log")
        else:
            ax.set_ylim(0)
        ax.set_ylabel(unit, fontsize=8)
        ax.legend(frameon=False, fontsize=7)
        style.name_panel(ax, title, "parameters")
    for i, row in enumerate(found.rows.values()):
        ratios = [p.ratio for p in row.points]
        last.plot(ratios, [i] * len(ratios), "o", color=style.BLUE, markersize=3)
    last.set_xscale("log")
    last.axvline(1, color=style.GREY, linewidth=0.8)
    last.set_yticks(range(len(found.rows)), [row.name for row in found.rows.values()], fontsize=7)
    last.invert_yaxis()
    style.name_panel(last, "measured / formula")
    title, words = described(found)
    style.headline(figure, title)
    style.save(figure, path, f"{title}. {words}")


def _line_and_marks(ax, row: Rows, look, factor):
    color, marker, line = look
    at = [p.parameters for p in row.points]
    ax.plot(at, [factor * p.formula for p in row.points], linestyle=line, color=color)
    ax.plot(
        at, [factor * p.measured for p in row.points], marker=marker, linestyle="", markersize=5, color=color, label=row.name
    )


def described(found: PlanChecks) -> tuple[str, str]:
    """The title, a sentence computed from the numbers, and the rest of what the picture shows."""
    largest = [row.points[-1] for row in found.rows.values() if row.unit == "B"]
    off, token = max(abs(p.ratio - 1) for p in largest), abs(found.rows["token"].points[-1].ratio - 1)
    title = f"Memory is what the formulas say, to {off:.1%} for the largest model; a token's time, to {token:.0%}"
    ends = "; ".join(f"{row.name} {row.points[0].ratio:.2f} and {row.points[-1].ratio:.2f}" for row in found.rows.values())
    words = (
        "Lines are formulas, marks are measurements, against the number of parameters: memory of the models, activations and "
        f"cache, arithmetic, time. Measured / formula, of the smallest and the largest model: {ends}."
    )
    return title, words
