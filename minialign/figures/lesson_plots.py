"""The figures of the lessons: numbers in, (Figure, caption) out, in the colours and line styles of style.py."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..history import History
from ..policy_gradient import ppo_policy_loss
from .style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LIGHT_GREY,
    MODEL_STYLE,
    ORANGE,
    PALE_GREY,
    PURPLE,
    VERMILION,
    WHITE,
    curve,
    headline,
    label_point,
    name_panel,
    panels,
    percent,
    reference,
)


def votes_needed(
    sizes: list[int], own: list[float], unseen: list[float], ceiling: float, before: float, bins: dict[str, np.ndarray]
) -> tuple[Figure, str]:
    """Lesson 5: how many votes does a reward model need, and is it calibrated?

    own, unseen: share of votes predicted, one for each size; before: of the unseen ones without any vote; bins: what
    reward.calibration returns, for the last size.
    """
    figure, [(left, right)] = panels(9, 3.6, 1, 2)
    left.plot(sizes, own, "s:", color=BLACK, label="the votes it learned from")
    left.plot(sizes, unseen, "o-", color=PURPLE, label="votes it never saw")
    left.legend(frameon=False, fontsize=7, loc=(0.45, 0.08))
    reference(left, 0.5, "coin toss")
    reference(left, ceiling, "best possible: raters slip")
    reference(left, before, "unseen ones, before any vote", below=True)
    left.set_xscale("log")
    left.set_xticks(sizes, [str(n) for n in sizes])
    left.minorticks_off()
    name_panel(left, "votes predicted", "votes learned from")
    used = bins["count"] > 0
    right.plot([0.5, 1], [0.5, 1], color=GREY, linewidth=0.8)
    size = bins["count"][used] / bins["count"].max() * 120 + 8
    right.plot(bins["predicted"][used], bins["observed"][used], color=PURPLE, linewidth=1)
    right.scatter(bins["predicted"][used], bins["observed"][used], size, PURPLE)
    right.set_xlim(0.48, 1.02)
    title = f"how often it is right, after {sizes[-1]} votes (dot size: votes)"
    name_panel(right, title, "how sure it is (grey line: right as often as it says)")
    percent(left.yaxis, right.xaxis, right.yaxis)
    title = f"{sizes[0]} votes predict {unseen[0]:.0%} of the unseen ones"
    title += f", {sizes[-1]} votes {unseen[-1]:.0%}" if len(sizes) > 1 else ""
    headline(figure, title)
    off = np.average(bins["observed"][used] - bins["predicted"][used], weights=bins["count"][used])
    honest = f"It is right {'more' if off > 0 else 'less'} often than it says, by {100 * abs(off):.1f} points"
    return figure, f"{title}. A coin predicts 50%, the raters' own noise allows {ceiling:.0%}, no vote {before:.0%}. {honest}."


def learning_to_answer(snapshots: dict[str, list], bare: float) -> tuple[Figure, str]:
    """Lesson 3: what a model does with questions while it is fine-tuned.

    snapshots: lists under step, answers, ends, asks; bare: share of the base model's continuations that are questions.
    """
    figure, [(ax,)] = panels(7, 3.8, 1, 1)
    lines = {
        "ends": (GREEN, ":", "ends by itself"),
        "answers": (BLUE, "-", "answers, and stops"),
        "asks": (VERMILION, "--", "asks"),
    }
    for name, (colour, style, _) in lines.items():
        ax.plot(snapshots["step"], snapshots[name], color=colour, linestyle=style, marker="o", markersize=3)
    last, free = snapshots["step"][-1], -1.0
    for name in sorted(lines, key=lambda name: snapshots[name][-1]):  # from below, each clear of the one before
        colour, _, what = lines[name]
        free = max(free, snapshots[name][-1])
        label_point(ax, what, (last, free), (6, -3), color=colour)
        free += 0.06
    ax.plot([0, last], [bare, bare], **MODEL_STYLE["base"], linewidth=0.9)
    label_point(ax, f"the base model asks: {bare:.0%}", (0, bare), (4, 5), color=GREY)
    ax.set_xscale("symlog", linthresh=5)
    ax.set_xticks(snapshots["step"], [str(step) for step in snapshots["step"]])
    ax.minorticks_off()
    ax.set_ylim(-0.03, 1.14)
    percent(ax.yaxis)
    ax.set_xlim(0, last * 2.2)
    name_panel(ax, "share of unseen questions after which the model ...", "steps of fine-tuning (logarithmic)")
    first, last = snapshots["answers"][0], snapshots["answers"][-1]
    title = f"{snapshots['step'][-1]} steps of SFT: answers go from {first:.0%} to {last:.0%}"
    headline(figure, title)
    ends, asks = snapshots["ends"], snapshots["asks"]
    others = f"It ends by itself in {ends[0]:.0%} and then {ends[-1]:.0%}"
    return figure, f"{title}. {others}, asks in {asks[0]:.0%} and then {asks[-1]:.0%}."


def autocomplete(
    history: History, ladder: dict[str, float], weights: list[np.ndarray], letters: Sequence[str]
) -> tuple[Figure, str]:
    """Lesson 2: the base model's loss beside what counting can reach, and where one of its heads looks.

    ladder: name -> loss; weights: one (H, T, T) per layer, of the text whose T characters are `letters`.
    """
    figure, [(left, right)] = panels(10, 4.4, 1, 2, width_ratios=(1.15, 1))
    curve(left, history, "loss", **MODEL_STYLE["base"] | {"linestyle": "-"})
    left.set_ylim(0, 1.08 * max(ladder.values()))
    for what, loss in ladder.items():
        reference(left, loss, f"{what}  {loss:.2f}")
    name_panel(left, "loss, nats per character", "step")
    # the head with the sharpest attention that does not only look at the previous letter
    heads = np.concatenate(weights)
    sharp = [np.mean([head[t, : t - 1].max() for t in range(4, len(head))]) for head in heads]
    head = heads[int(np.argmax(sharp))]
    right.imshow(head**0.7, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    size = min(8, 240 / len(letters))
    right.set_xticks(range(len(letters)), letters, fontsize=size)
    right.set_yticks(range(len(letters)), letters, fontsize=size)
    right.tick_params(length=0)
    name_panel(right, "attention of one head: a row is the character that looks", "what it attends to (bright: large weight)")
    end = history.last("loss", 20)
    triples = ladder["counting triples"]
    title = f"The loss falls to {end:.2f} nats per character; counting triples (trigrams) would end at {triples:.2f}"
    headline(figure, title)
    ahead = max(np.triu(head, 1).max() for head in heads)
    look = "empty above its diagonal: no look ahead" if ahead == 0 else "not empty above its diagonal: it looks ahead"
    return figure, f"{title}. Guessing costs {ladder['guessing: ln V']:.2f}. The map of attention is {look}."


def shortcut(
    names: list[str], ref: np.ndarray, roads: dict[str, np.ndarray], beta: float, history: History
) -> tuple[Figure, str]:
    """Lesson 8: three methods that reach one policy over a few answers, and what DPO does to chosen and rejected ones.

    ref (A,); roads: "the formula", "DPO", "policy gradient" -> (A,); history: of DPO on the votes.
    """
    figure, [(left, right)] = panels(10, 3.8, 1, 2)
    x = np.arange(len(names))
    left.bar(x, roads["the formula"], color=LIGHT_GREY, label="the formula: ref exp(r / beta) / Z")
    left.plot(x, ref, "_", color=MODEL_STYLE["sft"]["color"], markersize=22, label="reference")
    circle = {"color": MODEL_STYLE["ppo"]["color"], "mfc": "none", "markersize": 10}
    left.plot(x, roads["policy gradient"], "o", label="policy gradient with a KL penalty", **circle)
    left.plot(x, roads["DPO"], "x", color=MODEL_STYLE["dpo"]["color"], label="DPO, from votes alone")
    left.set_xticks(x, [name.replace(", ", ",\n") for name in names])
    left.set_ylim(0, 1.4 * max(map(max, roads.values())))  # room for the legend
    left.legend(frameon=False, fontsize=7, loc="upper right")
    name_panel(left, f"probability of five answers, beta = {beta:g}")
    curve(right, history, "delta/chosen", **MODEL_STYLE["dpo"])
    curve(right, history, "delta/rejected", color=BLACK, linestyle=":")
    last, width = history.steps("loss")[-1], max(1, len(history["loss"]) // 20)
    ends = {side: history.last(f"delta/{side}", width) for side in ("chosen", "rejected")}
    reference(right, 0, "reference", below=ends["chosen"] > 0)  # on the side where no curve ends
    for side, colour in (("chosen", MODEL_STYLE["dpo"]["color"]), ("rejected", BLACK)):
        label_point(right, side, (last, ends[side]), (6, 0 if ends[side] > 0 else -9), color=colour)
    right.set_xlim(0, last * 1.2)
    name_panel(right, "log-probability against the reference, nats", "step (thin: each step; thick: running mean)")
    chosen, rejected = (history.last(f"delta/{side}", 20) for side in ("chosen", "rejected"))
    title = f"Three roads meet; on real votes chosen answers move by {chosen:+.2f} nats, rejected by {rejected:+.2f}"
    headline(figure, title)
    apart = max(0.5 * np.abs(pi - roads["the formula"]).sum() for pi in roads.values())
    words = f"{title} (on the votes of the training, mean of its last 20 steps). Over five answers DPO, the policy gradient "
    return figure, words + f"and the formula differ by {apart:.0e} at most."


def six_cases(eps: float = 0.2) -> tuple[Figure, str]:
    """Lesson 6: what a good and a bad token add to PPO's objective, from ppo_policy_loss itself."""
    figure, [axes] = panels(9, 3.4, 1, 2)
    ratio = np.linspace(0.4, 1.6, 241)
    one = np.ones((1, 1))
    for ax, advantage, what in zip(axes, (1.0, -1.0), ("good", "bad")):
        losses = [ppo_policy_loss(np.log([[rho]]), 0 * one, advantage * one, one, eps)[0].item() for rho in ratio]
        objective = -np.array(losses)
        slope = np.gradient(objective, ratio)
        flat = np.abs(slope) < 1e-6
        ax.plot(ratio, np.where(flat, np.nan, objective), color=MODEL_STYLE["ppo"]["color"], linewidth=2)
        ax.plot(ratio, np.where(flat, objective, np.nan), color=BLACK, linestyle=":", linewidth=2)
        middle = ratio[flat].mean()
        label_point(ax, "no gradient", (middle, objective[flat][0]), (-22, 6), color=BLACK)
        for border in (1 - eps, 1 + eps):
            ax.axvline(border, color=GREY, linewidth=0.8, zorder=0)
        ax.plot(1, advantage, "o", color=BLUE)
        label_point(ax, "start", (1, advantage), (-30, -12 if advantage < 0 else 5), color=BLUE)
        title = f"minus the loss L of a {what} token (advantage {advantage:+.0f})"
        name_panel(ax, title, "ratio: probability now / when it was written")
        ax.margins(y=0.15)
    title = f"The clip takes away the gain beyond 1 +- {eps:g}, and never the way back"
    headline(figure, title)
    return figure, f"{title}. Of six cases two are flat: a good token above {1 + eps:g}, a bad one below {1 - eps:g}."


def gradient_check(errors: dict[str, float], eps: np.ndarray, valley: np.ndarray) -> tuple[Figure, str]:
    """Lesson 1: the error of each rule against finite differences, and the error of finite differences themselves.

    errors: rule -> relative error; valley: the error of a finite difference of exp for each eps.
    """
    figure, [(left, right)] = panels(9, 4.4, 1, 2)
    good = _errors(left, errors, 1e-6, "one in a million")
    name_panel(left, "each rule against finite differences", "relative error")
    right.loglog(eps, valley, "o-", color=BLUE, markersize=3)
    label_point(right, "too small:\nrounding", (eps[3], valley[3]), (10, 12), color=BLUE)
    label_point(right, "too large:\ncurvature", (eps[-3], valley[-3]), (-62, -4), color=BLUE)
    name_panel(right, "a finite difference is itself an estimate: its error for exp at 1", "eps")
    title = f"{good} of {len(errors)} rules agree with finite differences; the best eps is {eps[valley.argmin()]:.0e}"
    headline(figure, title)
    worst = max(errors, key=lambda name: errors[name])
    return figure, f"{title}. The largest relative error is {errors[worst]:.0e}, of {worst}."


def _errors(ax, errors, limit, what):
    """A dot for each error, a cross if it is above the limit -> how many are not."""
    values, y = np.maximum(list(errors.values()), 1e-17), np.arange(len(errors))
    wrong = values > limit
    ax.hlines(y, 1e-17, values, color=LIGHT_GREY, linewidth=1)
    ax.plot(values[~wrong], y[~wrong], "o", color=GREEN, markersize=5)
    ax.plot(values[wrong], y[wrong], "X", color=VERMILION, markersize=7)
    ax.axvline(limit, color=GREY, linewidth=0.8)
    ax.annotate(what, (limit, 1.01), xycoords=("data", "axes fraction"), fontsize=7, color=GREY, ha="center", va="bottom")
    ax.set_xscale("log")
    ax.set_yticks(y, list(errors), fontsize=7)
    ax.invert_yaxis()
    return int((~wrong).sum())


def parity(differences: dict[str, float], whose: str) -> tuple[Figure, str]:
    """Lesson 12: how far minialign's numbers are from PyTorch's.  differences: name -> absolute difference."""
    figure, [(ax,)] = panels(7, 3.4, 1, 1)
    good = _errors(ax, differences, 1e-5, "1e-5")
    name_panel(ax, "the same numbers from both programs", f"difference between minialign and {whose}; 1e-17 is none")
    title = f"{good} of {len(differences)} numbers are PyTorch's, to within 1e-5"
    headline(figure, title)
    worst = max(differences, key=lambda name: differences[name])
    return figure, f"{title}. The largest difference is {differences[worst]:.0e}, of {worst}."


def votes_matrix(choices: dict[str, list[tuple[int, str]]], agreement: tuple[Sequence[str], np.ndarray]) -> tuple[Figure, str]:
    """Lesson 4: who chose what, and who agrees with whom.

    choices: name -> a list of (number of the pair, "a" | "b" | "tie" | "skip"); a pair that came twice is there twice.
    agreement: (names, matrix of shares).
    """
    names, shares = agreement
    figure, [(left, right)] = panels(10, 3.6, 1, 2, width_ratios=(1.7, 1))
    looks = {"a": (BLUE, "a", WHITE), "b": (ORANGE, "b", BLACK), "tie": (PALE_GREY, "=", BLACK)}
    for row, columns in enumerate(choices.values()):
        for x, (_, choice) in enumerate(columns):
            colour, letter, ink = looks.get(choice, (WHITE, "", BLACK))
            left.add_patch(Rectangle((x - 0.46, row - 0.42), 0.92, 0.84, facecolor=colour))
            left.text(x, row, letter, ha="center", va="center", fontsize=7, color=ink)
    numbers = [number for number, _ in next(iter(choices.values()))]
    left.set_xticks(range(len(numbers)), [str(number) for number in numbers])
    twice = [x for x in range(1, len(numbers)) if numbers[x] == numbers[x - 1]]
    for x in twice:
        left.add_patch(Rectangle((x - 1.5, -0.5), 2, len(choices), fill=False, edgecolor=BLACK, linewidth=1))
    left.set_yticks(range(len(choices)), list(choices))
    left.set_xlim(-0.5, len(numbers) - 0.5)
    left.set_ylim(len(choices) - 0.5, -0.5)
    name_panel(left, "which answer each preferred (a, b: answers, not sides; = alike; framed: came twice)", "pair")
    right.imshow(shares, cmap="Blues", vmin=0.4, vmax=1, aspect="auto")
    for (i, j), share in np.ndenumerate(shares):
        ink = WHITE if share > 0.8 else BLACK
        right.text(j, i, f"{share:.0%}", ha="center", va="center", fontsize=7, color=ink)
    right.set_xticks(range(len(names)), names, rotation=30, ha="right")
    right.set_yticks(range(len(names)), names)
    name_panel(right, "how often they agree (diagonal: asked twice)")
    others = [(shares[i, j], names[i], names[j]) for i in range(len(names)) for j in range(i)]
    (low, first, second), (high, third, fourth) = min(others), max(others)
    title = f"{first} and {second} agree on {low:.0%} of the pairs, {third} and {fourth} on {high:.0%}"
    headline(figure, title)
    diagonal = ", ".join(f"{name} {shares[i, i]:.0%}" for i, name in enumerate(names))
    return figure, f"{title}. Asked twice, they agree with themselves: {diagonal}."


LINES = ((BLACK, "-"), (BLUE, "--"), (VERMILION, ":"), (GREEN, "-."))  # of trainings that are compared


def trainings(name: str, histories: dict[str, History]) -> tuple[Figure, str]:
    """The (curve) exercises: one series of several trainings in one panel.

    name: of the series, for instance "loss"; histories: what to call each training -> its History
    """
    figure, [(ax,)] = panels(8, 4, 1, 1)
    for i, (label, history) in enumerate(histories.items()):
        colour, line = LINES[i % len(LINES)]
        curve(ax, history, name, label, color=colour, linestyle=line)
    ax.legend(frameon=False, fontsize=9)
    name_panel(ax, name, "step")
    ends = {label: history.last(name, max(1, len(history[name]) // 10)) for label, history in histories.items()}
    title = f"{name} at the end: " + ", ".join(f"{label} {end:.3g}" for label, end in ends.items())
    headline(figure, title if len(title) < 90 else f"{name}, {len(histories)} trainings")
    begins = ", ".join(f"{label} {history[name][0]:.3g}" for label, history in histories.items())
    return figure, f"{title}. At the start: {begins}."
