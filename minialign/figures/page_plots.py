"""The seven scenes as still pictures: for readers without scripts or motion, for print, for slides (strip), as a GIF.

draw(number, figure, scene, progress) fills a Figure or SubFigure; progress from 0 to 1 is how far the scene has come.
Words stand in the picture as they are: never as mathematics, never as markup.
"""

import base64
import io

import matplotlib
import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.figure import Figure

from ..checkpoint import atomically
from .style import BLACK, GREY, MODEL_STYLE, PURPLE

TITLES = (
    "1  The base model goes on with questions",
    "2  SFT: answer, and stop",
    "3  Two answers, one vote",
    "4  Votes become a number",
    "5  PPO: try, score, nudge, on a leash",
    "6  How tight a leash?",
    "7  DPO, the shortcut; and the four models",
)
GOLD = "#8a6d00"
MONO = {"family": "DejaVu Sans Mono", "parse_math": False}
FRAMES = 6  # of a scene in the GIF


def draw(number, figure, scene, progress=1.0):
    figure.suptitle(TITLES[number], fontsize=13, x=0.02, ha="left", weight="bold")
    if "missing" in scene:
        ax = blank(figure.subplots())
        ax.text(0, 0.5, wrapped(scene["missing"], 70), fontsize=11, parse_math=False)
        return
    DRAW[number](figure, scene, progress)


def blank(ax):
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    return ax


def plain(ax, title, xlabel=""):
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8)
    ax.set_title(title, fontsize=9.5, loc="left")
    ax.set_xlabel(xlabel, fontsize=8.5)
    return ax


def wrapped(text, width):
    """Lines of at most `width` characters, broken anywhere: a model's words need not have spaces."""
    return "\n".join(text[i : i + width] for i in range(0, len(text), width))


def ascii_of(text):
    """Fonts and consoles need not know every letter that somebody voted on."""
    return " ".join(ascii_line(text).split())


def ascii_line(text):
    return text.encode("ascii", "replace").decode().replace("\n", " ")


def words(entry):
    return (ascii_of(entry["text"]) or "(nothing)") + (" [END]" if entry["ended"] else " ...")


def so_far(n, progress):
    """How many of n things have happened."""
    return max(1, int(np.ceil(progress * n - 1e-9)))


def autocomplete(figure, s, progress):
    left, right = figure.subplots(1, 2, width_ratios=(3, 1))
    blank(left)
    for i, row in enumerate(s["rows"][:3]):
        text = words(row["samples"][0])
        left.text(0, 0.93 - 0.33 * i, ascii_of(row["question"]), color=GREY, fontsize=10.5, **MONO)
        shown = wrapped(text[: so_far(len(text), progress)], 62)
        left.text(0, 0.87 - 0.33 * i, shown, color=BLACK, fontsize=10.5, va="top", **MONO)
    plain(right, f"{s['asks']:.0%} of {s['asked']} questions\nwere continued with a question")
    right.bar(
        ["with a\nquestion", "with some-\nthing else"], [s["asks"], 1 - s["asks"]], color=[BLACK, "#cccccc"], width=0.6
    )
    right.set_ylim(0, 1)


def reshaping(figure, s, progress):
    left, right = figure.subplots(1, 2, width_ratios=(3, 1))
    blank(left)
    row, n = s["rows"][0], so_far(len(s["steps"]), progress)
    left.text(0, 0.97, ascii_of(row["question"]), color=GREY, fontsize=10.5, **MONO)
    for i, (step, entry) in enumerate(list(zip(s["steps"], row["greedy"]))[:n]):
        y = 0.88 - 0.9 * i / max(len(s["steps"]), 1)
        left.text(0, y, f"step {step}", fontsize=9, color=GREY)
        text = words(entry)
        left.text(
            0.12,
            y,
            text if len(text) <= 58 else text[:55] + "...",
            fontsize=9.5,
            color=MODEL_STYLE["sft"]["color"],
            **MONO,
        )
    curve(plain(right, "loss of SFT, nats a character", "step"), s["loss"], progress, **MODEL_STYLE["sft"])


def curve(ax, points, progress, low=0.0, **style):
    x, y = np.array(points).T
    n = so_far(len(x), progress)
    ax.plot(x, y, linewidth=1, alpha=0.2, **(style | {"linestyle": "-"}))
    ax.plot(x[:n], y[:n], linewidth=1.8, **style)
    if low is not None:
        ax.set_ylim(low, 1.08 * y.max())


def voting(figure, s, progress):
    ax = blank(figure.subplots())
    for i, pair in enumerate(s["pairs"][: min(4, len(s["pairs"]))]):
        y = 0.93 - 0.25 * i
        ax.text(0, y, ascii_of(pair["question"]), fontsize=10.5, color=GREY, **MONO)
        voted = progress > (i + 0.5) / 4 or progress == 1
        sides = [("chosen", 0), ("rejected", 1)]
        for row, (side, k) in enumerate(sides[::-1] if pair["swap"] else sides):
            won = voted and side == "chosen"
            truth = f"   truth {pair['gold'][k]:+.1f}" if voted else ""
            line = f"{'(voted)' if won else '':<8}{ascii_of(pair[side])}{truth}".replace(
                " ", "\u00a0"
            )  # SVG drops spaces
            weight = "bold" if won else "normal"
            ax.text(0.02, y - 0.07 - 0.06 * row, line, fontsize=10.5, weight=weight, **MONO)


def scoring(figure, s, progress):
    left, right = figure.subplots(1, 2, width_ratios=(2, 1.2))
    plain(
        left,
        "scores of held-out pairs: full = chosen by the raters, hollow = rejected",
        "score, in standard deviations",
    )
    k = so_far(len(s["steps"]), progress) - 1
    for i, pair in enumerate(s["pairs"][::-1]):
        chosen, rejected = pair["scores"][k]
        left.plot(
            [rejected, chosen],
            [i, i],
            color=PURPLE if chosen > rejected else GREY,
            linestyle="-" if chosen > rejected else ":",
        )
        left.plot(rejected, i, "o", mfc="white", mec="#8e3d69", ms=7)
        left.plot(chosen, i, "o", color="#8e3d69", ms=7)
    most = 1.1 * max(1.0, max(abs(x) for pair in s["pairs"] for both in pair["scores"] for x in both))
    left.set_xlim(-most, most)
    left.axvline(0, color=GREY, linewidth=0.8, linestyle="--")
    left.set_yticks([])
    title = (
        f"loss; dotted: coin toss, ln 2\nstep {s['steps'][k]}: {s['in_order'][k]:.0%} of {s['watched']} pairs in order"
    )
    curve(plain(right, title, "step"), s["loss"], progress, color=PURPLE)
    right.axhline(np.log(2), color=GREY, linewidth=0.8, linestyle=":")


def leash(figure, s, progress):
    for ax, key, title in zip(
        figure.subplots(1, 2), ("scores", "kl"), ("score that PPO chases", "KL from SFT, nats an answer")
    ):
        plain(ax, title, "iteration")
        for i, run in enumerate(s["runs"]):
            y = np.array(run[key])
            n = so_far(len(y), progress)
            name = "no leash" if run["beta"] == 0 else f"beta {run['beta']:g}"
            style = (
                {"color": MODEL_STYLE["ppo"]["color"], "linewidth": 2.4}
                if run["own"]
                else {"color": GREY, "linewidth": 1.2}
            )
            ax.plot(np.arange(len(y))[:n], y[:n], linestyle=("-", "--", ":", "-.")[i % 4], label=name, **style)
        ax.set_xlim(0, max(len(run[key]) for run in s["runs"]) - 1 or 1)
        values = [x for run in s["runs"] for x in run[key]]
        ax.set_ylim(min(0, *values) - 0.05, 1.1 * max(0.1, *values))
        ax.legend(frameon=False, fontsize=8)


def tightness(figure, s, progress):
    ax = plain(
        figure.subplots(),
        "exact re-weighting of the SFT model's own answers; marks: trained models",
        "KL from SFT, nats an answer",
    )
    n = so_far(len(s["curve"]), progress)
    kl = [point["kl"] for point in s["curve"]]
    for part, colour, style in (("proxy", "#8e3d69", "--"), ("gold", GOLD, "-")):
        y = [point[part] for point in s["curve"]]
        ax.plot(kl, y, color=colour, alpha=0.2)
        ax.plot(kl[:n], y[:n], color=colour, linestyle=style, linewidth=2, label=part)
    for dot in s["dots"]:
        marker, colour = {"ppo": ("^", MODEL_STYLE["ppo"]["color"]), "dpo": ("D", MODEL_STYLE["dpo"]["color"])}[
            dot["name"]
        ]
        name = {"ppo": f"PPO {dot['beta']:g}" if dot["beta"] else "PPO, no leash", "dpo": "DPO"}[dot["name"]]
        ax.plot(
            [dot["kl"]] * 2,
            [dot["proxy"], dot["gold"]],
            marker,
            color=colour,
            ms=8 if dot["own"] else 5,
            linestyle="none",
        )
        ax.annotate(
            name, (dot["kl"], dot["gold"]), xytext=(7, -3), textcoords="offset points", fontsize=8, color=colour
        )
    few = [point["kl"] for point in s["curve"] if point["effective"] < s["few"]]
    if few:
        ax.axvspan(few[0], kl[-1], color="#dddddd", label=f"fewer than {s['few']} effective answers")
    ax.legend(frameon=False, fontsize=9)


def shortcut(figure, s, progress):
    left, right = figure.subplots(1, 2)
    plain(left, "DPO: log-probability against the SFT model, nats", "step")
    curve(left, s["chosen"], progress, None, **MODEL_STYLE["dpo"])
    curve(left, s["rejected"], progress, None, color=GREY, linestyle=":")
    for points, name in ((s["chosen"], "chosen"), (s["rejected"], "rejected")):
        left.annotate(name, points[-1], xytext=(-4, 6), textcoords="offset points", fontsize=8.5, ha="right")
    left.axhline(0, color=GREY, linewidth=0.8)
    plain(right, "gold, sampled: a judge who knows the truth")
    names = {"base": "base", "sft": "SFT", "ppo": "PPO", "dpo": "DPO"}
    values = [s["board"]["sampled"][name]["gold"] for name in names]
    right.bar(names.values(), values, color=[MODEL_STYLE[name]["color"] for name in names], width=0.6)
    right.axhline(0, color=BLACK, linewidth=0.8)
    for x, value in enumerate(values):
        right.annotate(f"{value:.2f}", (x, value), ha="center", va="bottom" if value >= 0 else "top", fontsize=9)
    right.margins(y=0.15)


DRAW = (autocomplete, reshaping, voting, scoring, leash, tightness, shortcut)


# ------------------------------------------------------------------------------------------------ what they are drawn for
def as_data_uri(number, scene):
    """One scene as an SVG in a data: address, with its text as text: small, and searchable."""
    figure = Figure(figsize=(9.6, 4), layout="constrained")
    draw(number, figure, scene)
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "minialign", "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def save_strip(scenes, path):
    """All seven in one picture, for a slide or a README."""
    figure = Figure(figsize=(19.2, 17), layout="constrained")
    first, *others = figure.subfigures(4, 2, wspace=0.04, hspace=0.05).flat
    ax = blank(first.subplots())
    ax.text(0.02, 0.62, "From autocomplete to assistant", fontsize=30, family="serif", weight="bold")
    ax.text(
        0.02,
        0.5,
        "a tiny language model, aligned in seven scenes; toy-scale results of one run",
        fontsize=13,
        color=GREY,
    )
    for number, part in enumerate(others):
        draw(number, part, scenes[number])
    atomically(
        path,
        lambda file: figure.savefig(file, format="png", dpi=100, metadata={"Title": "The journey in seven scenes"}),
    )


def save_gif(scenes, path):
    """The scenes one after the other, each as it comes about."""
    writer, figure = PillowWriter(fps=1.5), Figure(figsize=(9.6, 4.2), layout="constrained", dpi=80)
    scratch = path.with_name(f".writing-{path.name}")
    try:
        with writer.saving(figure, scratch, dpi=80):
            for number, scene in enumerate(scenes):
                for frame in range(FRAMES):
                    figure.clear()
                    draw(
                        number, figure, scene, min(1.0, (frame + 1) / max(1, FRAMES - 1))
                    )  # the last frame stands twice
                    writer.grab_frame(facecolor="white")
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
