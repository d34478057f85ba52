"""The figures of the lessons that use the failure laboratory: numbers in, (Figure, its words) out."""

import numpy as np
from matplotlib.ticker import PercentFormatter

from ..evaluate import MODEL_NAMES
from ..plots import BLACK, GREEN, GREY, MODEL_STYLE, PURPLE, VERMILION, headline, name_panel, panels, reference


def label_point(ax, text, point, shift, size=8, **look):
    """A word beside a point; shift: in points."""
    ax.annotate(text, point, xytext=shift, textcoords="offset points", fontsize=size, **look)


def leash_curves(sft, ppo, best_of_n, tilted):
    """Lesson 7: gold and proxy against the square root of the KL.  Each point is a dict with kl, proxy and gold.

    ppo: with beta as well, the tightest leash first; best_of_n: with n; tilted: pi*, from near to far
    """
    figure, [axes] = panels(10, 4.2, 1, 2)
    series = {
        "PPO, by beta": (ppo, MODEL_STYLE["ppo"] | {"marker": "o"}, "beta"),
        "best of n": (best_of_n, MODEL_STYLE["best_of_n"] | {"marker": "s"}, "n"),
        "the exact optimum": (tilted, {"color": BLACK, "linestyle": ":"}, None),
    }
    for ax, name, what in zip(axes, ("gold", "proxy"), ("what the judge says", "what the reward model says")):
        for label, (points, style, note) in series.items():
            x, y = (np.array([point[key] for point in points]) for key in ("kl", name))
            x = np.sqrt(np.maximum(x, 0))  # an estimated KL may be a little below 0
            if points is ppo:
                ax.plot([0, x[0]], [sft[name], y[0]], linewidth=1.6, **style | {"marker": ""})
            ax.plot(x, y, label=label, linewidth=1.6, markersize=4, **style)
            for i, point in enumerate(points if note else []):
                text = f"{note} {point[note]:g}" if i in (0, len(points) - 1) else f"{point[note]:g}"
                shift = (5, 5) if note == "beta" else (0, -12)
                label_point(ax, text, (x[i], y[i]), shift, 7, color=style["color"])
        reference(ax, sft[name], "SFT model", below=True)
        name_panel(ax, f"{name}: {what}", "square root of KL, nats")
        ax.margins(0.1)
    axes[1].legend(frameon=False, fontsize=8)
    free, best = ppo[-1], max(ppo, key=lambda point: point["gold"])
    title = (
        f"Without a leash the proxy goes from {sft['proxy']:+.2f} to {free['proxy']:+.2f}, gold from "
        f"{sft['gold']:.2f} to {free['gold']:.2f}; with beta {best['beta']:g} to {best['gold']:.2f}"
    )
    headline(figure, title)
    last = best_of_n[-1]
    return figure, (
        f"{title}. Best of {last['n']} is {last['kl']:.2f} nats away, with proxy {last['proxy']:+.2f} and gold "
        f"{last['gold']:.2f}; the exact optimum lies above it in proxy at every distance."
    )


def win_rates(rates, board, placebo):
    """Lesson 9: who beats the SFT model, how sure that is, and what the reward model thinks of it.

    rates: name -> (share won, (low, high)); board: name -> dict with proxy and gold; placebo: the shares of a model
    against itself, each with its interval
    """
    figure, [(left, middle, right)] = panels(11, 3.8, 1, 3, width_ratios=(1.2, 1, 1.1))
    for y, (name, (share, (low, high))) in enumerate(rates.items()):
        style = MODEL_STYLE[name]
        left.plot([low, high], [y, y], color=style["color"], linewidth=2)
        left.plot(share, y, "o", color=style["color"])
        label_point(left, f"{share:.0%}", (high, y), (5, -3))
    left.set_yticks(range(len(rates)), [MODEL_NAMES[name] for name in rates])
    left.set_ylim(-0.6, len(rates) - 0.4)
    name_panel(left, "share of questions won against the SFT model", "bars: 95 % interval")
    for y, (share, (low, high)) in enumerate(placebo):
        colour = GREY if low <= 0.5 <= high else PURPLE
        middle.plot([low, high], [y, y], color=colour, linewidth=1.2)
        middle.plot(share, y, ".", color=colour)
    middle.set_yticks([])
    name_panel(middle, "the SFT model against itself, 20 times")
    for ax in (left, middle):
        ax.axvline(0.5, color=GREY, linewidth=0.8, zorder=0)
        ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    for name, row in board.items():
        right.plot(row["proxy"], row["gold"], "o", color=MODEL_STYLE[name]["color"])
        label_point(right, MODEL_NAMES[name], (row["proxy"], row["gold"]), (6, -3))
    right.margins(0.25)
    name_panel(right, "gold", "proxy: the reward model's score")
    first, ahead = max(board, key=lambda name: board[name]["gold"]), max(board, key=lambda name: board[name]["proxy"])
    title = f"Most gold: {MODEL_NAMES[first]}; highest proxy: {MODEL_NAMES[ahead]}"
    headline(figure, title)
    won = ", ".join(f"{MODEL_NAMES[name]} {share:.0%}" for name, (share, _) in rates.items())
    straddle = sum(low <= 0.5 <= high for _, (low, high) in placebo)
    itself = f"Of {len(placebo)} matches of it against itself {straddle} straddle 50%"
    return figure, f"{title}. Against the SFT model win: {won}. {itself}."


def habits(yes, refused, known):
    """Lesson 10: what three crowds did to one SFT model; every argument is a dict, name of the model -> shares.

    yes: of answers that say yes to (false, true) claims; refused: (safe questions refused, unsafe ones answered);
    known: (right, wrong, does not know) about what the ordinary crowd cannot check
    """
    figure, [(left, middle, right)] = panels(11, 3.8, 1, 3, width_ratios=(1, 1, 1.2))
    sft, dpo = (MODEL_STYLE[name]["color"] for name in ("sft", "dpo"))
    colours = [sft, dpo, dpo]
    for x, (colour, (false, true)) in enumerate(zip(colours, yes.values())):
        left.bar(x - 0.2, false, width=0.38, color=colour)
        left.bar(x + 0.2, true, width=0.38, facecolor="white", edgecolor=colour, hatch="////")
        for shift, share in ((-0.2, false), (0.2, true)):
            label_point(left, f"{share:.0%}", (x + shift, share), (0, 2), 7, ha="center")
    left.set_xticks(range(len(yes)), [name if name == "SFT" else f"DPO,\n{name}" for name in yes], fontsize=8)
    name_panel(left, "yes to claims: false (full), true (hatched)")
    for colour, marker, (name, point) in zip(colours, "osD", refused.items()):
        middle.plot(*point, marker, color=colour)
        label_point(middle, name, point, (7, 4), color=colour)
    middle.plot([0, 1], [1, 0], color=GREY, linewidth=0.8)
    middle.annotate("hears the verb alone", (0.62, 0.4), fontsize=7, color=GREY)
    middle.set_xlim(-0.03, 1.03)
    middle.set_ylim(-0.03, 1.03)
    name_panel(middle, "dangerous ones answered (ideal: 0, 0)", "harmless questions that sound dangerous: refused")
    start = np.zeros(len(known))
    looks = {"right": (GREEN, ""), "wrong": (VERMILION, "////"), "does not know": ("#dddddd", "..")}
    for k, (label, (colour, hatch)) in enumerate(looks.items()):
        widths = np.array([shares[k] for shares in known.values()])
        look = {"color": colour, "hatch": hatch, "edgecolor": "white", "linewidth": 0.5, "label": label}
        right.barh(list(known), widths, left=start, **look)
        start = start + widths
    right.invert_yaxis()
    right.set_xlim(0, 1)
    right.legend(frameon=False, fontsize=7, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.1))
    name_panel(right, "what it says about what the crowd cannot check")
    for axis in (left.yaxis, middle.xaxis, middle.yaxis, right.xaxis):
        axis.set_major_formatter(PercentFormatter(1))
    (first, usual, tuned), (before, scared) = yes.values(), refused.values()
    told = f"{tuned[0]:.0%} after the votes of yes-men, {usual[0]:.0%} after others"
    title = f"Yes to a false claim: {first[0]:.0%} before, {told}"
    headline(figure, title)
    told = "; ".join("{}: right {:.0%}, wrong {:.0%}".format(name, *shares) for name, shares in known.items())
    return figure, (
        f"{title}. Harmless questions that sound dangerous are refused in {before[0]:.0%} of cases before, and in "
        f"{scared[0]:.0%} after votes of the scared. About what the crowd cannot check, {told}."
    )


def constitution(kinds, shares, audit, policies):
    """Lesson 11: whose labels are right, what an audit mends, and which policies come out.

    kinds: kind of question -> (share right of people's labels, of the AI's); shares: audited; audit: name -> shares
    right; policies: name -> dict with length, polite and refuses (of what is dangerous)
    """
    figure, [(left, middle, right)] = panels(12, 3.8, 1, 3, width_ratios=(1.4, 1, 1.1))
    for x, (people, machine) in enumerate(kinds.values()):
        left.bar(x - 0.2, people, width=0.38, color=PURPLE, label="people" if x == 0 else None)
        style = {"facecolor": "white", "edgecolor": PURPLE, "hatch": "////"}
        left.bar(x + 0.2, machine, width=0.38, label="AI" if x == 0 else None, **style)
    short = {"borderline": "border-\nline", "dangerous": "dan-\ngerous"}
    names = [short.get(kind, kind.replace("_", "\n")) for kind in kinds]
    left.set_xticks(range(len(kinds)), names, fontsize=7)
    left.set_ylim(0, 1.2)
    reference(left, 0.5, "coin toss")
    left.legend(frameon=False, fontsize=7, ncols=2, loc="upper right")
    name_panel(left, "labels that are right by gold, by kind of question")
    for name, colour, line in (("least sure", VERMILION, "o-"), ("any", BLACK, "s:")):
        middle.plot(shares, audit[name], line, color=colour, markersize=4, label=f"{name} first")
    middle.legend(frameon=False, fontsize=8)
    name_panel(middle, "labels that are right after an audit", "share that people look at")
    for axis in (left.yaxis, middle.xaxis, middle.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    for name, row in policies.items():
        colour = MODEL_STYLE["sft" if name == "SFT" else "dpo"]["color"]
        right.plot(row["length"], row["polite"], "s" if name == "SFT" else "o", color=colour)
        note = f"{name}: {row['refuses']:.0%}"
        label_point(right, note, (row["length"], row["polite"]), (0, 6), 7, ha="center")
    right.margins(0.28)
    name_panel(right, "polite phrases an answer (noted: refuses danger)", "characters an answer")
    people, machine = kinds["all"]
    title = f"Labels from written principles are right for {machine:.0%} of the pairs, people's for {people:.0%}"
    headline(figure, title)
    row = "{name}: {length:.0f} characters, refuses {refuses:.0%}"
    told = "; ".join(row.format(name=name, **policy) for name, policy in policies.items())
    return figure, f"{title}. Policies, by their principles: {told}."
