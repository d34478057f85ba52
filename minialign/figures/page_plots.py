"""The seven scenes as still pictures: for readers without scripts or motion, for print, for slides (strip), as a GIF.

draw(key, figure, scene, progress) fills a Figure or SubFigure; progress from 0 to 1 is how far the scene has come.
Texts of a run are drawn letter by letter: never as mathematics, never as markup.
"""

import base64
import io
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from ..checkpoint import atomically
from ..models import MODELS, NAMES, POLICIES
from .scenes import (
    Absent,
    Answer,
    BaseScene,
    DpoScene,
    LeashScene,
    PpoScene,
    RewardScene,
    Scene,
    Scenes,
    Series,
    SftScene,
    VotesScene,
)
from .style import BLACK, DARK_PURPLE, GOLD, GREY, LIGHT_GREY, MODEL_STYLE, PALE_GREY

TITLES = {
    "base": "1  The base model goes on with questions",
    "sft": "2  SFT: answer, and stop",
    "votes": "3  Two answers, one vote",
    "reward": "4  Votes become a number",
    "ppo": "5  PPO: try, score, improve, on a leash",
    "leash": "6  How tight a leash?",
    "dpo": "7  DPO, the shortcut; and all models",
}
REWARD = MODELS["reward"].colour
MONO: dict[str, Any] = {"family": "DejaVu Sans Mono", "parse_math": False}


def draw(key: str, figure: FigureBase, scene: Scene | Absent, progress: float = 1.0) -> None:
    figure.suptitle(TITLES[key], fontsize=13, x=0.02, ha="left", weight="bold")
    if isinstance(scene, Absent):
        ax = blank(figure.subplots())
        ax.text(0, 0.5, wrapped(ascii_of(scene.missing), 70), fontsize=11, parse_math=False)
        return
    DRAW[key](figure, scene, progress)


# ------------------------------------------------------------------------------------------------ what all of them share
def blank(ax: Axes) -> Axes:
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    return ax


def plain(ax: Axes, title: str, xlabel: str = "") -> Axes:
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8)
    ax.set_title(title, fontsize=9.5, loc="left")
    ax.set_xlabel(xlabel, fontsize=8.5)
    return ax


def wrapped(text: str, width: int) -> str:
    """Lines of at most `width` characters, broken at spaces if there are any: a model's words need not have them."""
    return "\n".join(textwrap.wrap(text, width))


def ascii_of(text: str) -> str:
    """Fonts and consoles need not know every letter that somebody voted on."""
    return " ".join(ascii_line(text).split())


PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "−": "-", "–": "-", "…": "..."})


def ascii_line(text: str) -> str:
    return text.translate(PLAIN).encode("ascii", "replace").decode().replace("\n", " ")


def words(answer: Answer) -> str:
    return (ascii_of(answer.text) or "(nothing)") + (" [EOS]" if answer.ended else " ...")


def so_far(n: int, progress: float) -> int:
    """How many of n things have happened."""
    return max(1, int(np.ceil(progress * n - 1e-9)))


def curve(ax: Axes, points: Series, progress: float, low: float | None = 0.0, **style: Any) -> None:
    x, y = np.array(points).T
    n = so_far(len(x), progress)
    ax.plot(x, y, linewidth=1, alpha=0.2, **(style | {"linestyle": "-"}))
    ax.plot(x[:n], y[:n], linewidth=1.8, **style)
    if low is not None:
        ax.set_ylim(low, 1.08 * max(y.max(), low + 0.01))


# ------------------------------------------------------------------------------------------------ the seven scenes
def draw_base(figure: FigureBase, s: BaseScene, progress: float) -> None:
    left, right = figure.subplots(1, 2, width_ratios=(3, 1))
    blank(left)
    for i, row in enumerate(s.rows[:3]):
        text = words(row.samples[0])
        left.text(0, 0.93 - 0.33 * i, ascii_of(row.question), color=GREY, fontsize=10.5, **MONO)
        shown = wrapped(text[: so_far(len(text), progress)], 62)
        left.text(0, 0.87 - 0.33 * i, shown, color=BLACK, fontsize=10.5, va="top", **MONO)
    plain(right, f"{s.asks:.0%} of {s.asked} questions\nwere continued with a question")
    names = ["with a\nquestion", "with some-\nthing else"]
    right.bar(names, [s.asks, 1 - s.asks], color=[BLACK, LIGHT_GREY], width=0.6)
    right.set_ylim(0, 1)


def draw_sft(figure: FigureBase, s: SftScene, progress: float) -> None:
    left, right = figure.subplots(1, 2, width_ratios=(3, 1))
    blank(left)
    row, n, colour = s.rows[0], so_far(len(s.steps), progress), MODELS["sft"].colour
    left.text(0, 0.97, ascii_of(row.question), color=GREY, fontsize=10.5, **MONO)
    for i, (step, answer) in enumerate(list(zip(s.steps, row.greedy))[:n]):
        y, text = 0.88 - 0.9 * i / len(s.steps), words(answer)
        left.text(0, y, f"step {step}", fontsize=9, color=GREY)
        left.text(0.12, y, text if len(text) <= 58 else text[:55] + "...", fontsize=9.5, color=colour, **MONO)
    style: dict[str, Any] = MODEL_STYLE["sft"]
    curve(plain(right, "loss of SFT, nats per character", "step"), s.loss, progress, **style)


def draw_votes(figure: FigureBase, s: VotesScene, progress: float) -> None:
    ax = blank(figure.subplots())
    for i, pair in enumerate(s.pairs[:4]):
        y, voted = 0.93 - 0.25 * i, progress > (i + 0.5) / 4 or progress == 1
        ax.text(0, y, ascii_of(pair.question), fontsize=10.5, color=GREY, **MONO)
        sides = [("(voted)", pair.chosen, pair.gold[0]), ("", pair.rejected, pair.gold[1])]
        for row, (vote, text, gold) in enumerate(sides[::-1] if pair.swap else sides):
            line = f"{vote if voted else '':<8}{ascii_of(text)}" + (f"   truth {gold:+.1f}" if voted else "")
            weight = "bold" if vote and voted else "normal"
            kept = line.replace(" ", "\u00a0")  # SVG drops spaces
            ax.text(0.02, y - 0.07 - 0.06 * row, kept, fontsize=10.5, weight=weight, **MONO)


def draw_reward(figure: FigureBase, s: RewardScene, progress: float) -> None:
    left, right = figure.subplots(1, 2, width_ratios=(2, 1.2))
    title = "scores of held-out pairs: full = chosen by the raters, hollow = rejected"
    plain(left, title, "score, in standard deviations")
    k = so_far(len(s.steps), progress) - 1
    for i, pair in enumerate(s.pairs[::-1]):
        chosen, rejected = pair.scores[k]
        right_order = chosen > rejected
        style = {"color": REWARD, "linestyle": "-"} if right_order else {"color": GREY, "linestyle": ":"}
        left.plot([rejected, chosen], [i, i], **style)
        left.plot(rejected, i, "o", mfc="white", mec=DARK_PURPLE, ms=7)
        left.plot(chosen, i, "o", color=DARK_PURPLE, ms=7)
    most = 1.1 * max(1.0, max(abs(x) for pair in s.pairs for both in pair.scores for x in both))
    left.set_xlim(-most, most)
    left.axvline(0, color=GREY, linewidth=0.8, linestyle="--")
    left.set_yticks([])
    title = f"loss; dotted: coin toss, ln 2\nstep {s.steps[k]}: {s.in_order[k]:.0%} of {s.watched} pairs in order"
    curve(plain(right, title, "step"), s.loss, progress, color=REWARD)
    right.axhline(np.log(2), color=GREY, linewidth=0.8, linestyle=":")


def draw_ppo(figure: FigureBase, s: PpoScene, progress: float) -> None:
    own = {"color": MODELS["ppo"].colour, "linewidth": 2.4}
    scores, kl = [run.scores for run in s.runs], [run.kl for run in s.runs]
    parts = (("score that PPO maximises", scores), ("KL from SFT, nats per answer", kl))
    for ax, (title, series) in zip(figure.subplots(1, 2), parts):
        plain(ax, title, "iteration")
        for i, (run, y) in enumerate(zip(s.runs, series)):
            n = so_far(len(y), progress)
            style = own if run.own else {"color": GREY, "linewidth": 1.2}
            name = "no leash" if run.beta == 0 else f"beta {run.beta:g}"
            ax.plot(range(n), y[:n], linestyle=("-", "--", ":", "-.")[i % 4], label=name, **style)
        values = [value for y in series for value in y]
        ax.set_xlim(0, max(map(len, series)) - 1 or 1)
        ax.set_ylim(min(0, *values) - 0.05, 1.1 * max(0.1, *values))
        ax.legend(frameon=False, fontsize=8)


def draw_leash(figure: FigureBase, s: LeashScene, progress: float) -> None:
    title = "exact re-weighting of the SFT model's own answers; marks: trained models"
    ax = plain(figure.subplots(), title, "KL from SFT, nats per answer")
    n, kl = so_far(len(s.curve), progress), [point.kl for point in s.curve]
    lines = (
        ("proxy", [point.proxy for point in s.curve], DARK_PURPLE, "--"),
        ("gold", [point.gold for point in s.curve], GOLD, "-"),
    )
    for label, y, colour, stroke in lines:
        ax.plot(kl, y, color=colour, alpha=0.2)
        ax.plot(kl[:n], y[:n], color=colour, linestyle=stroke, linewidth=2, label=label)
    for dot in s.dots:
        row = MODELS[dot.name]
        name = row.name + ("" if dot.name == "dpo" else f" {dot.beta:g}" if dot.beta else ", no leash")
        style: dict[str, Any] = {"marker": row.marker, "color": row.colour, "ms": 8 if dot.own else 5, "linestyle": "none"}
        ax.plot([dot.kl] * 2, [dot.proxy, dot.gold], **style)
        ax.annotate(name, (dot.kl, dot.gold), xytext=(7, -3), textcoords="offset points", fontsize=8, color=row.colour)
    few = [point.kl for point in s.curve if point.effective < s.few]
    if few:
        ax.axvspan(few[0], kl[-1], color=PALE_GREY, label=f"fewer than {s.few} answers still in play")
    ax.legend(frameon=False, fontsize=9)


def draw_dpo(figure: FigureBase, s: DpoScene, progress: float) -> None:
    left, right = figure.subplots(1, 2)
    plain(left, "DPO: log-probability against the SFT model, nats", "step")
    curve(left, s.chosen, progress, None, **MODEL_STYLE["dpo"])
    curve(left, s.rejected, progress, None, color=GREY, linestyle=":")
    for points, name in ((s.chosen, "chosen"), (s.rejected, "rejected")):
        left.annotate(name, points[-1], xytext=(-4, 6), textcoords="offset points", fontsize=8.5, ha="right")
    left.axhline(0, color=GREY, linewidth=0.8)
    plain(right, "gold, sampled: a judge who knows the truth")
    values = [s.board["sampled"][name].gold for name in POLICIES]
    colours = [MODELS[name].colour for name in POLICIES]
    right.bar([NAMES[name] for name in POLICIES], values, color=colours, width=0.6)
    right.axhline(0, color=BLACK, linewidth=0.8)
    for x, value in enumerate(values):
        right.annotate(f"{value:.2f}", (x, value), ha="center", va="bottom" if value >= 0 else "top", fontsize=9)
    right.margins(y=0.15)


DRAW: dict[str, Callable[[FigureBase, Any, float], None]] = {
    "base": draw_base,
    "sft": draw_sft,
    "votes": draw_votes,
    "reward": draw_reward,
    "ppo": draw_ppo,
    "leash": draw_leash,
    "dpo": draw_dpo,
}


# ------------------------------------------------------------------------------------------------ what they are drawn for
def as_svg(key: str, scene: Scene | Absent) -> bytes:
    """One scene as an SVG with its text as text: small, and searchable."""
    figure = Figure(figsize=(9.6, 4), layout="constrained")
    draw(key, figure, scene)
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "minialign", "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def as_data_uri(key: str, scene: Scene | Absent) -> str:
    """One scene as an SVG in a data: address."""
    return "data:image/svg+xml;base64," + base64.b64encode(as_svg(key, scene)).decode("ascii")


def save_strip(scenes: Scenes, path: str | Path) -> None:
    """All seven in one picture, for a slide or a README."""
    figure = Figure(figsize=(19.2, 17), layout="constrained")
    grid: Any = figure.subfigures(4, 2, wspace=0.04, hspace=0.05)
    first, *others = grid.flat
    ax = blank(first.subplots())
    ax.text(0.02, 0.62, "From autocomplete to assistant", fontsize=30, family="serif", weight="bold")
    below = "a tiny language model, aligned in seven scenes; toy-scale results of one run"
    ax.text(0.02, 0.5, below, fontsize=13, color=GREY)
    for part, (key, scene) in zip(others, scenes.items()):
        draw(key, part, scene)
    about = {"Title": "The journey in seven scenes"}
    atomically(path, lambda file: figure.savefig(file, format="png", dpi=100, metadata=about))
