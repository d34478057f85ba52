"""One function per figure: numbers in, (Figure, caption) out; nothing here trains or samples.

A title is a sentence computed from the numbers, and so are the words: the alternative text of the picture, for those
who do not see it.  One model has one colour and one kind of line in every figure: none depends on colour alone.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from ..evaluate import Row
from ..history import History
from ..models import NAMES
from .style import BLACK, GREY, LIGHT_GREY, MODEL_STYLE, PURPLE, WHITE, curve, headline, name_panel, panels, percent, reference

Bins = Mapping[str, Sequence[float]]  # predicted, observed, count -> a number per bin


# ---------------------------------------------------------------------------------------- the figures
def learning_curves(base: History, sft: History, guessing: float) -> tuple[Figure, str]:
    """The losses of the base model and of SFT; guessing = ln V, the loss of a uniform guess."""
    figure, [(left, right)] = panels(8, 3.2, 1, 2, sharey=True)
    ends = []
    for ax, name, history in ((left, "base", base), (right, "sft", sft)):
        curve(ax, history, "loss", **MODEL_STYLE[name])
        ends += [history["loss"][0], history.last("loss", 20)]
    left.set_ylim(0, 1.1 * max(guessing, ends[0]))
    reference(left, guessing, f"guessing: ln V = {guessing:.2f}")
    name_panel(left, "base model, on the internet (nats per character)", "step")
    name_panel(right, "SFT, on the answers of demonstrations", "step")
    title = "The base model's loss falls from {:.2f} to {:.2f}, that of SFT from {:.2f} to {:.2f}".format(*ends)
    headline(figure, title)
    return figure, f"{title}. Two curves of loss in nats per character; guessing blindly would cost {guessing:.2f}."


def reward_calibration(accuracy: float, ceiling: float | None, ece: float, calibration: Bins) -> tuple[Figure, str]:
    """Is the reward model calibrated?

    accuracy, ceiling: share of held-out votes predicted, and the best share possible, None if nobody knows it
    ece, calibration: the expected calibration error and the bins of reward.calibration
    """
    figure, [(left, right)] = panels(8, 3.4, 1, 2)
    bins = {name: np.array(values) for name, values in calibration.items()}
    used = bins["count"] > 0
    left.plot([0.5, 1], [0.5, 1], color=GREY, linewidth=0.8)
    left.plot(bins["predicted"][used], bins["observed"][used], color=PURPLE, linewidth=1)
    left.scatter(bins["predicted"][used], bins["observed"][used], bins["count"][used] / bins["count"].max() * 120 + 8, PURPLE)
    left.set_xlim(0.48, 1.02)
    name_panel(left, "how often it is right (dot size: votes)", "how sure it is (grey line: right as often as it says)")
    bars = {"reward\nmodel": (accuracy, PURPLE)}
    if ceiling is not None:
        bars = {"raters' own\nceiling": (ceiling, GREY)} | bars
    right.barh(list(bars), [value for value, _ in bars.values()], color=[colour for _, colour in bars.values()], height=0.5)
    for y, (value, _) in enumerate(bars.values()):
        right.annotate(f"{value:.1%}", (value, y), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8)
    right.axvline(0.5, color=BLACK, linewidth=0.8, linestyle=":")
    right.annotate("coin toss", (0.5, 0.5), xytext=(3, 0), textcoords="offset points", fontsize=7, color=GREY, va="center")
    right.set_xlim(0, 1.12)  # room for the numbers
    name_panel(right, "held-out votes predicted", " ")
    percent(left.xaxis, left.yaxis, right.xaxis)
    best = "" if ceiling is None else f"; the best possible is {ceiling:.0%}"
    title = f"The reward model predicts {accuracy:.0%} of unseen votes{best}"
    headline(figure, title)
    return figure, f"{title}. Its sureness is off by {ece:.1%} on average (expected calibration error)."


def ppo_dashboard(history: History) -> tuple[Figure, str]:
    """Four curves to watch while PPO runs."""
    done = "iterations done before"
    figure, [(scores, kl), (clipped, entropy)] = panels(8, 5.6, 2, 2)
    style = MODEL_STYLE["ppo"]
    curve(scores, history, "objective/scores", "score", **style)
    curve(scores, history, "objective/rlhf_reward", "score - beta KL", color=BLACK, linestyle=":")
    reference(scores, 0, "SFT model: 0")
    name_panel(scores, "reward model's score, in standard deviations", done)
    curve(kl, history, "objective/kl", "k1: may be negative", **style)
    curve(kl, history, "objective/kl_k3", "k3: never negative", color=BLACK, linestyle=":")
    reference(kl, 0, "SFT model: 0", below=True)
    name_panel(kl, "KL from the SFT model, nats per answer", done)
    curve(clipped, history, "policy/clipfrac", **style)
    reference(clipped, 0, "the clip never acts", below=True)
    percent(clipped.yaxis)
    name_panel(clipped, "share of tokens that the clip holds back", done)
    curve(entropy, history, "objective/entropy", **style)
    name_panel(entropy, "entropy, nats per answer", done)
    for ax in (scores, kl):
        ax.legend(frameon=False, fontsize=7)
    first, last, distance = history["objective/scores"][0], history.last("objective/scores", 3), history.last("objective/kl", 3)
    title = f"PPO moves the score from {first:+.2f} to {last:+.2f} at a KL of {distance:.1f} nats"
    headline(figure, title)
    held_back = f"The clip holds back {history['policy/clipfrac'].mean():.1%} of tokens on average"
    ends = history["objective/entropy"][0], history.last("objective/entropy", 3)
    held_back = f"Score and KL are means over the last three iterations. {held_back}"
    return figure, f"{title}. {held_back}; entropy goes from {ends[0]:.1f} to {ends[1]:.1f} nats per answer."


def dpo_curves(history: History) -> tuple[Figure, str]:
    """What DPO does to the chosen and to the rejected answers."""
    figure, [(moved, margin, loss)] = panels(10, 3.2, 1, 3)
    style = MODEL_STYLE["dpo"]
    curve(moved, history, "delta/chosen", "chosen", **style)
    curve(moved, history, "delta/rejected", "rejected", color=BLACK, linestyle=":")
    reference(moved, 0, "reference")
    moved.legend(frameon=False, fontsize=7)
    name_panel(moved, "log-probability against the reference, nats", "step")
    curve(margin, history, "rewards/margins", **style)
    reference(margin, 0, "no difference", below=True)
    name_panel(margin, "beta x (chosen - rejected)", "step")
    curve(loss, history, "loss", **style)
    reference(loss, math.log(2), "coin toss: ln 2 = 0.693")
    name_panel(loss, "loss", "step")
    chosen, rejected = (history.last(f"delta/{side}", 20) for side in ("chosen", "rejected"))
    title = f"DPO moves the chosen answers by {chosen:+.2f} nats, the rejected by {rejected:+.2f}: only the difference counts"
    headline(figure, title)
    ends = history["loss"][0], history.last("loss", 20)
    return figure, f"{title}. The loss goes from {ends[0]:.3f} (a coin toss is 0.693) to {ends[1]:.3f}."


def scoreboard(boards: Sequence[Mapping[str, Mapping[str, Row]]]) -> tuple[Figure, str]:
    """Gold of every model, sampled and greedy, and its three parts.

    boards: the scoreboard of each seed, "sampled" or "greedy" -> model -> row
    """
    figure, [axes] = panels(10, 3.6, 1, 4, sharey=True, width_ratios=(1.9, 1, 1, 1))
    names = list(boards[0]["sampled"])
    mean = {}
    for ax, column in zip(axes, ("gold", "helpful", "honest", "harmless")):
        ax.grid(axis="y", color=GREY, linewidth=0.3, alpha=0.5)
        ax.set_axisbelow(True)
        for x, name in enumerate(names):
            for how, shift in (("sampled", -0.2), ("greedy", 0.2)):
                if name not in boards[0][how]:
                    continue  # best of n is only sampled
                values = [getattr(board[how][name], column) for board in boards]
                mean[how, name, column] = np.mean(values)
                # A model that is only sampled has one bar, in the middle.
                x_bar = x + shift * (name in boards[0]["greedy"])
                _bar(ax, x_bar, values, how, MODEL_STYLE[name]["color"], numbered=column == "gold")
        ax.axhline(0, color=BLACK, linewidth=0.8)
        ax.set_xticks(range(len(names)), [NAMES[name].replace(" of", "\nof") for name in names], fontsize=7)
        name_panel(ax, column if column != "gold" else "gold = helpful + honest + harmless + style")
    handles = [axes[0].bar([0], [0], label=how, **_bar_style(how, GREY)) for how in ("sampled", "greedy")]
    figure.legend(handles=handles, loc="outside upper right", ncols=2, frameon=False, fontsize=8)
    axes[0].margins(y=0.15)
    gold = {(how, name): value for (how, name, column), value in mean.items() if column == "gold"}
    sampled, greedy = ({name: gold[how, name] for name in ("sft", "ppo", "dpo")} for how in ("sampled", "greedy"))
    title = (
        f"PPO takes gold from {sampled['sft']:.2f} to {sampled['ppo']:.2f} "
        f"(greedy {greedy['sft']:.2f} to {greedy['ppo']:.2f}), DPO to {sampled['dpo']:.2f} (greedy {greedy['dpo']:.2f})"
    )
    headline(figure, title)
    seeds = f" Bars are means over {len(boards)} seeds, whiskers the smallest and the largest." if len(boards) > 1 else ""
    others = f"Sampled, the base model has {gold['sampled', 'base']:+.2f} and best of n {gold['sampled', 'best_of_n']:+.2f}."
    return figure, f"{title}. {others}{seeds}"


def three_roads(roads: dict[str, np.ndarray], betas: Sequence[float]) -> tuple[Figure, str]:
    """Where PPO and DPO end in a language of thirteen answers, beside the formula, one panel for each beta.

    roads: reference (N,), rewards (N,), and formula, ppo, dpo, each (len(betas), N): probabilities of the answers.
    """
    figure, [axes] = panels(9, 3.4, 1, len(betas), sharey=True)
    order = np.argsort(roads["rewards"])
    x = np.arange(len(order))
    for k, (ax, beta) in enumerate(zip(axes, betas)):
        ax.bar(x, roads["formula"][k][order], color=LIGHT_GREY, label="the formula: ref exp(r / beta) / Z")
        ax.plot(x, roads["reference"][order], label="reference", **MODEL_STYLE["sft"], linewidth=1)
        ax.plot(x, roads["ppo"][k][order], "o", color=MODEL_STYLE["ppo"]["color"], mfc="none", ms=9, label="PPO")
        ax.plot(x, roads["dpo"][k][order], "x", color=MODEL_STYLE["dpo"]["color"], label="DPO")
        name_panel(ax, f"beta = {beta:g}", "the thirteen answers, from the lowest reward to the highest")
        ax.set_xticks([])
    axes[0].set_ylabel("probability", fontsize=8)
    axes[-1].legend(frameon=False, fontsize=7)
    ppo, dpo = (np.abs(roads[name] - roads["formula"]).sum(-1).max() / 2 for name in ("ppo", "dpo"))
    title = f"Three roads, one policy: PPO ends {ppo:.0e} from the exact optimum, DPO {dpo:.0e} (total variation, at most)"
    headline(figure, title)
    return figure, f"{title}. Under each beta the marks of PPO and DPO lie on the formula's bars, away from the reference."


def _bar_style(how, colour):
    fill = {"color": colour} if how == "sampled" else {"facecolor": WHITE, "edgecolor": colour, "hatch": "////"}
    return fill | {"width": 0.38, "linewidth": 1}


def _bar(ax, x, values, how, colour, numbered):
    """One bar at the mean of the seeds, with whiskers from the smallest to the largest."""
    height = np.mean(values)
    ax.bar(x, height, **_bar_style(how, colour))
    if len(values) > 1:
        ax.plot([x, x], [min(values), max(values)], color=BLACK, linewidth=1)
    if numbered:
        above = height >= 0
        tip = max(values) if above else min(values)
        side = {"xytext": (0, 2), "va": "bottom"} if above else {"xytext": (0, -2), "va": "top"}
        ax.annotate(f"{height:.2f}", (x, tip), textcoords="offset points", ha="center", fontsize=6.5, **side)
