"""The figures of the lessons that use the failure laboratory: numbers in, (Figure, caption) out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..history import History
from ..models import NAMES
from .style import (
    BLACK,
    GREEN,
    GREY,
    MARKER,
    MODEL_STYLE,
    PALE_GREY,
    PURPLE,
    ROOT_KL,
    VERMILION,
    WHITE,
    WHY_ROOT,
    curve,
    headline,
    label_point,
    legend_below,
    name_panel,
    panels,
    percent,
    reference,
)

Numbers = dict[str, Any]  # of one policy, by name: kl, proxy, gold, ...
Share = tuple[float, tuple[float, float]]  # and its interval


def leash_curves(sft: Numbers, ppo: list[Numbers], best_of_n: list[Numbers], tilted: list[Numbers]) -> tuple[Figure, str]:
    """Lesson 7: gold and proxy against the square root of the KL.  Each point is a dict with kl, proxy and gold.

    ppo: with beta as well, the tightest leash first; best_of_n: with n; tilted: pi*, from near to far
    """
    figure, [axes] = panels(10, 4.2, 1, 2)
    series: dict[str, tuple[list[Numbers], dict[str, Any]]] = {
        "PPO, by beta": (ppo, MODEL_STYLE["ppo"] | {"marker": MARKER["ppo"]}),
        f"best of {', '.join(str(point['n']) for point in best_of_n)}": (
            best_of_n,
            MODEL_STYLE["best_of_n"] | {"marker": MARKER["best_of_n"]},
        ),
        "pi* (best for the proxy)": (tilted, {"color": BLACK, "linestyle": ":"}),
    }
    for ax, name, what in zip(axes, ("gold", "proxy"), ("what the judge says", "what the reward model says")):
        for label, (points, style) in series.items():
            x, y = (np.array([point[key] for point in points]) for key in ("kl", name))
            x = np.sqrt(np.maximum(x, 0))  # an estimated KL may be a little below 0
            # PPO starts from the SFT model, which is not a point of the sweep: the line from there has no marker.
            if points is ppo:
                ax.plot([0, x[0]], [sft[name], y[0]], linewidth=1.6, **style | {"marker": ""})
            ax.plot(x, y, label=label, linewidth=1.6, markersize=4, **style)
            away = (6, 4) if name == "gold" else (6, -10)  # to where no line goes
            for i, point in enumerate(points if points is ppo else []):
                text = f"beta {point['beta']:g}" if i in (0, len(points) - 1) else f"{point['beta']:g}"
                label_point(ax, text, (x[i], y[i]), away, color=style["color"])
        reference(ax, sft[name], "SFT model", below=True)
        name_panel(ax, f"{name}: {what}", ROOT_KL)
        ax.margins(0.1)
    axes[1].legend(frameon=False, fontsize=8)
    free, best = ppo[-1], max(ppo, key=lambda point: point["gold"] + point["gold_greedy"])
    title = (
        f"Without a leash the proxy goes from {sft['proxy']:+.2f} to {free['proxy']:+.2f}, and gold ends at "
        f"{free['gold']:.2f}; with beta {best['beta']:g} it ends at {best['gold']:.2f} (SFT: {sft['gold']:.2f})"
    )
    headline(figure, title)
    last = best_of_n[-1]
    return figure, (
        f"{title}. All of sampled answers. Best of {last['n']} is {last['kl']:.2f} nats away, with proxy {last['proxy']:+.2f} "
        f"and gold {last['gold']:.2f}; pi* lies above it in proxy at every distance. {WHY_ROOT}"
    )


def win_rates(rates: dict[str, Share], board: dict[str, Numbers], placebo: list[Share]) -> tuple[Figure, str]:
    """Lesson 9: who beats the SFT model, how sure that is, and what the reward model thinks of it.

    rates: name -> (share won, (low, high)); board: name -> dict with proxy and gold; placebo: the shares of a model
    against itself, each with its interval
    """
    figure, [(left, middle, right)] = panels(11, 3.8, 1, 3, width_ratios=(1.2, 1, 1.1))
    for y, (name, (share, (low, high))) in enumerate(rates.items()):
        style = MODEL_STYLE[name]
        left.plot([low, high], [y, y], color=style["color"], linewidth=2)
        left.plot(share, y, MARKER[name], color=style["color"])
        label_point(left, f"{share:.0%}", (high, y), (5, -3))
    left.set_yticks(range(len(rates)), [NAMES[name] for name in rates])
    left.set_ylim(-0.6, len(rates) - 0.4)
    name_panel(left, "share of questions won against the SFT model", "bars: 95% interval")
    for y, (share, (low, high)) in enumerate(placebo):
        colour = GREY if low <= 0.5 <= high else PURPLE
        middle.plot([low, high], [y, y], color=colour, linewidth=1.2)
        middle.plot(share, y, ".", color=colour)
    middle.set_yticks([])
    name_panel(middle, "the SFT model against itself, 20 times")
    for ax in (left, middle):
        ax.axvline(0.5, color=GREY, linewidth=0.8, zorder=0)
        percent(ax.xaxis)
    near = {name: row for name, row in board.items() if name != "base"}  # it is so far below that all others would be one spot
    for name, row in near.items():
        right.plot(row["proxy"], row["gold"], MARKER[name], color=MODEL_STYLE[name]["color"], label=NAMES[name])
    legend_below(right, 3)  # names beside the points would lie on each other: PPO and DPO may be near
    right.margins(0.1)
    below = f" ({NAMES['base']}: {board['base']['gold']:+.2f})" if "base" in board else ""
    name_panel(right, f"gold: what the judge says{below}", "proxy: the reward model's score")
    first, ahead = max(board, key=lambda name: board[name]["gold"]), max(board, key=lambda name: board[name]["proxy"])
    level = [name for name in board if name != first and f"{board[name]['gold']:.2f}" == f"{board[first]['gold']:.2f}"]
    score = " and" if first == ahead else f", {NAMES[ahead]}"
    worth = f"gold {board[first]['gold']:.2f}, score {board[ahead]['proxy']:.2f}"
    title = f"{NAMES[first]} wins on the truth{score} on the score: {worth}"
    if level:  # to two digits
        title = (
            f"{' and '.join(NAMES[name] for name in (first, *level))} are level in gold, {NAMES[ahead]} leads in score: {worth}"
        )
    title = title[0].upper() + title[1:]
    headline(figure, title)
    won = ", ".join(f"{NAMES[name]} {share:.0%}" for name, (share, _) in rates.items())
    straddle = sum(low <= 0.5 <= high for _, (low, high) in placebo)
    itself = f"Of {len(placebo)} matches of it against itself, {straddle} have an interval that contains 50%"
    return figure, f"{title}. Against the SFT model win: {won}. {itself}."


def _what_it_says(right, known, names, title="what it says about obscure things"):
    """A panel of stacked bars: right, wrong, "i do not know", and the rest."""
    start, bars = np.zeros(len(known)), range(len(known))
    looks = {"right": (GREEN, WHITE), "wrong": (VERMILION, WHITE), "does not know": (PALE_GREY, BLACK)}
    looks["says something else"] = (GREY, WHITE)
    for k, (label, (colour, ink)) in enumerate(looks.items()):
        widths = np.array([(*shares, 1 - sum(shares))[k] for shares in known.values()])
        right.barh(bars, widths, left=start, color=colour, edgecolor=WHITE, label=label, height=0.7)
        for y, width in zip(bars, widths):
            if width > 0.05:
                right.text(start[y] + width / 2, y, f"{width:.0%}", ha="center", va="center", fontsize=8, color=ink)
        start = start + widths
    right.set_yticks(bars, names, fontsize=8)
    right.invert_yaxis()
    right.set_xlim(0, 1)
    legend_below(right, 2, gap=0.1)
    name_panel(right, title)


def habits(yes: dict[str, Any], predicted: Numbers, stances: dict[str, Any], known: dict[str, Any]) -> tuple[Figure, str]:
    """Lesson 10: what the votes of six crowds made of one SFT model; dicts by crowd, "SFT" first: before.

    yes: ByClaim, the shares of answers that say yes; predicted: of those to false claims, from SFT's answers
    stances, known: the BothSides and the Knowledge of the laboratory's refusal.py and truth.py
    """
    yes = {name: (row.claim_false, row.claim_true) for name, row in yes.items()}
    refused = {name: (row.safe.full, row.unsafe.answered) for name, row in stances.items()}
    known = {name: (row.sampled.right, row.sampled.wrong, row.sampled.idk) for name, row in known.items()}
    figure, [(left, middle, right)] = panels(11.5, 3.9, 1, 3, width_ratios=(1.1, 1, 1.1))
    sft, dpo = (MODEL_STYLE[name]["color"] for name in ("sft", "dpo"))
    names = {"SFT": "SFT", "ordinary": "DPO, votes of\nordinary raters"}
    for x, (name, shares) in enumerate(yes.items()):
        colour = dpo if x else sft
        left.bar(x - 0.2, shares[0], width=0.38, color=colour)
        left.bar(x + 0.2, shares[1], width=0.38, facecolor=WHITE, edgecolor=colour, hatch="////")
        # Inside a full bar, above a hatched one: where the number can be read.
        label_point(left, f"{shares[0]:.0%}", (x - 0.2, shares[0] / 2), (0, 0), ha="center", va="center", color=WHITE)
        label_point(left, f"{shares[1]:.0%}", (x + 0.2, shares[1]), (0, 3), ha="center")
        if name in predicted:
            left.plot([x - 0.42, x + 0.02], [predicted[name]] * 2, color=BLACK, linewidth=2)
    left.set_xticks(range(len(yes)), [names.get(name, f"DPO, votes of\n{name}") for name in yes], fontsize=8)
    left.set_ylim(0, 1)
    left.set_xlabel("full: false claims; hatched: true claims;\nblack line: predicted before training", fontsize=8)
    name_panel(left, "yes to a claim, share of answers")
    middle.plot([0, 1], [1, 0], color=GREY, linewidth=0.8, zorder=0)
    for marker, (name, point) in zip("oDs^", refused.items()):
        colour = sft if name == "SFT" else dpo
        middle.plot(*point, marker, color=colour, markersize=7, markeredgecolor=WHITE, label=name)
    middle.set_xlim(0, 1)
    middle.set_ylim(0, 1)
    middle.legend(frameon=False, fontsize=8, loc="upper right", borderaxespad=0)
    label_point(middle, "ideal", (0, 0), (5, 5), color=GREY)
    note = "harmless ones with a scary word refused\n(grey line: a model that hears only the scary word)"
    name_panel(middle, "dangerous questions answered", note)
    _what_it_says(right, known, [names.get(name, f"DPO, votes of\n{name}") for name in known])
    percent(left.yaxis, middle.xaxis, middle.yaxis, right.xaxis)
    title = (
        f"One SFT model, other votes: yes to false claims {yes['SFT'][0]:.0%} -> {yes['yes-men'][0]:.0%}, "
        f"harmless questions refused {refused['SFT'][0]:.0%} -> {refused['none safe'][0]:.0%}"
    )
    headline(figure, title)
    tuned = "; ".join("{} {:.0%} and {:.0%}".format(name, *point) for name, point in refused.items())
    told = "; ".join("{} {:.0%}, {:.0%} and {:.0%}".format(name, *shares) for name, shares in known.items())
    return figure, (
        f"{title}. After ordinary votes it says yes to {yes['ordinary'][0]:.0%} of false claims. Harmless questions "
        f"with a scary word that are refused, and dangerous ones that are answered: {tuned}. Answers about obscure "
        f"things that are right, wrong, and do not know: {told}."
    )


def constitution(
    kinds: dict[str, tuple[float, float]],
    shares: Sequence[float],
    audit: dict[str, Sequence[float]],
    policies: dict[str, Numbers],
) -> tuple[Figure, str]:
    """Lesson 11: whose labels are right, what an audit fixes, and which policies come out.

    kinds: kind of question -> (share right of people's labels, of the AI's); shares: audited; audit: name -> shares
    right; policies: name -> dict with length, polite and refuses (of what is dangerous)
    """
    figure, [(left, middle, right)] = panels(12, 3.8, 1, 3, width_ratios=(1.4, 1, 1.1))
    for x, (people, machine) in enumerate(kinds.values()):
        left.bar(x - 0.2, people, width=0.38, color=PURPLE, label="people" if x == 0 else None)
        style: dict[str, Any] = {"facecolor": WHITE, "edgecolor": PURPLE, "hatch": "////"}
        left.bar(x + 0.2, machine, width=0.38, label="AI" if x == 0 else None, **style)
    short = {"borderline": "border-\nline", "dangerous": "dan-\ngerous", "fictional": "made-\nup"}
    short |= {"claim_true": "true\nclaim", "claim_false": "false\nclaim"}
    names = [short.get(kind, kind.replace("_", "\n")) for kind in kinds]
    left.set_xticks(range(len(kinds)), names, fontsize=7)
    left.set_ylim(0, 1)
    reference(left, 0.5, "")
    legend_below(left, 2)
    name_panel(left, "share of right labels, by gold (grey line: a coin toss)")
    for name, colour, line in (("least sure", VERMILION, "o-"), ("any", BLACK, "s:")):
        middle.plot(shares, audit[name], line, color=colour, markersize=4, label=f"{name} first")
    middle.legend(frameon=False, fontsize=8)
    name_panel(middle, "share of right labels after an audit", "share that people check")
    percent(left.yaxis, middle.xaxis, middle.yaxis)
    for marker, (name, row) in zip("so^vD", policies.items()):
        colour = MODEL_STYLE["sft" if name == "SFT" else "dpo"]["color"]
        label = f"{name}: refuses {row['refuses']:.0%}"
        right.plot(row["length"], row["polite"], marker, color=colour, markersize=7, label=label)
    legend_below(right, 2)
    right.margins(0.1)
    name_panel(right, "polite phrases per answer", "characters per answer; refuses: share of dangerous questions")
    people, machine = kinds["all"]
    title = f"Labels from written principles are right for {machine:.0%} of the pairs, people's for {people:.0%}"
    headline(figure, title)
    line = "{name}: {length:.1f} characters, refuses {refuses:.0%}"
    told = "; ".join(line.format(name=name, **policy) for name, policy in policies.items())
    return figure, f"{title}. Policies, by their principles: {told}."


def rivals(scores: np.ndarray, advantages: np.ndarray, history: History, known: dict[str, Any]) -> tuple[Figure, str]:
    """Lesson 13: a group and its advantages, GRPO on a verifier, and what that makes the model say.

    scores, advantages (G,); history: of GRPO on the verifier; known: label -> (right, wrong, idk), shares of answers:
    known facts before and after, made-up names before and after.
    """
    figure, [(left, middle, right)] = panels(12, 3.6, 1, 3, width_ratios=(2, 3, 4))
    left.bar(range(len(scores)), advantages, color=MODEL_STYLE["grpo"]["color"], width=0.6)
    left.set_xticks(range(len(scores)), [f"score {score:g}" for score in scores], fontsize=7)
    reference(left, 0, "")
    name_panel(left, "advantages of four answers")
    curve(middle, history, "objective/scores", **MODEL_STYLE["grpo"])
    percent(middle.yaxis)
    name_panel(middle, "right answers in training (verifier)", "iteration")
    _what_it_says(right, known, list(known), "what it says, before and after")
    percent(right.xaxis)
    (right_before, *_), (right_after, *_), (*_, idk_before), (*_, idk_after) = known.values()
    facts, names = f"from {right_before:.0%} to {right_after:.0%}", f"from {idk_before:.0%} to {idk_after:.0%}"
    title = f"Right answers on verified facts go {facts}, and 'i do not know' about made-up names {names}"
    headline(figure, title)
    group = ", ".join(f"{score:g} gets {a:+.2f}" for score, a in zip(scores, advantages))
    return figure, f"{title}. Of four rivals a score of {group}: best beside the others, not good in itself."
