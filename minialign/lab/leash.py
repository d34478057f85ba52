"""Without a leash the policy finds what the reward model loves and people would hate.

    maximise  E[r] - beta KL(pi || SFT)     r = a reward model, learned from the votes of raters with human tastes

Measured on the report questions: the proxy E[r] and gold (the judge, whom nobody optimises) against the square root
of the KL, as in Gao, Schulman & Hilton (2022), for PPO under several beta; for best of n and for the exact optimum
pi*, both from stored answers of the SFT model (frontier.py); and for the adaptive beta of Ziegler et al. (2019), whose
target was chosen on tuning questions.  Two controls without a leash: raters who have none of those tastes, and an
ideal reward, which nobody had to learn (ideal.py).
"""

from dataclasses import replace

import numpy as np

from ..pipeline import Journey
from ..world import report_questions
from . import HUMAN, Claim, control, frontier, gallery, ideal, quick, raters_view
from .measure import SAMPLED, answers_of, count_seeds, foretold, mostly, spread, standing

QUESTION = "does more reward make better answers?"
DOES_NOT_SHOW = (
    "that real reward models over-rate friendly phrases, or where their peak lies: the model is small, the raters are "
    "simulated, and their tastes are strong. What is shown is the shape, which nothing in the code asks for. Nor is "
    "all of the fall flattery: far from the SFT model answers also get wrong."
)

BETAS = (0.0, 0.1, 0.3, 1.0)
TARGET_KL = 2.0  # nats an answer, for the adaptive beta: chosen on the tuning questions of seed 0
DRAWS, NS = 64, (1, 2, 4, 16, 64)
TILTS = (8, 4, 2, 1.4, 1, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.08, 0.05)
READS = (frontier.__file__, gallery.__file__, ideal.__file__, raters_view.__file__)


def one_seed(recipe, seed, folder):
    """Every policy of one seed -> plain data."""

    def journey(raters, **leash):
        return Journey(replace(raters, ppo=replace(recipe.ppo, **leash)), seed, folder)

    people = replace(recipe, tastes=HUMAN)
    human, other = journey(people, kl_coef=0.0), journey(control(recipe), kl_coef=0.0)
    adaptive = journey(people, target_kl=TARGET_KL)
    betas, every = ((0.0, 0.1, 1.0), 4) if quick(recipe) else (BETAS, 2)
    before, after = (answers_of(human, model, SAMPLED) for model in (human.sft().model, human.ppo().model))
    hacks = gallery.harvest(after, human.scorer()(after.batch), before, human.scorer()(before.batch))
    worlds = frontier.draw(human, report_questions()[::every], DRAWS)
    return {
        "sft": stand(human, "sft"),
        "ppo": [{"beta": beta} | stand(journey(people, kl_coef=beta), "ppo") for beta in betas],
        "adaptive": {"beta": adaptive.ppo().history.last("objective/kl_coef")} | stand(adaptive, "ppo"),
        "control_sft": stand(other, "sft"),
        "control": stand(other, "ppo"),
        "ideal": standing(other, ideal.chase(other), other.sft().model, ideal.feeling),
        "foretold": {"human": foretold(human), "control": foretold(other)},
        "votes": raters_view.manners(human.votes()[0]),
        "liking": {"sft": raters_view.liking(HUMAN, before), "ppo": raters_view.liking(HUMAN, after)},
        "best_of_n": [frontier.best_of(worlds, n) for n in NS],
        "tilted": frontier.tilted(worlds, TILTS, DRAWS),
        "gallery": hacks,
        "shared": gallery.shared_phrase([hack["answer"] for hack in hacks], [r.text for r in before.responses]),
    }


def stand(journey, name):
    return standing(journey, getattr(journey, name)().model, journey.sft().model, journey.scorer())


# ---------------------------------------------------------------------------------------- what all seeds say
def of(runs, place, name):
    """One number of every seed: of "sft", "adaptive", "control", or of PPO under one beta."""
    if not isinstance(place, str):
        return np.array([point[name] for run in runs for point in run["ppo"] if point["beta"] == place])
    return np.array([run[place][name] for run in runs])


def betas_of(runs):
    return sorted((point["beta"] for point in runs[0]["ppo"]), reverse=True)


def best_beta(runs):
    """The beta of the sweep with the highest gold, on average over the seeds."""
    return max(betas_of(runs), key=lambda beta: of(runs, beta, "gold").mean())


def claims(runs):
    best, tight, flags = best_beta(runs), betas_of(runs)[0], {}
    for how, words in (("", "sampled"), ("_greedy", "greedy")):
        (proxy, gold), (proxy0, gold0) = ([of(runs, p, f"{x}{how}") for x in ("proxy", "gold")] for p in ("sft", 0.0))
        numbers = f"gold {spread(gold)} -> {spread(gold0)}, proxy {spread(proxy)} -> {spread(proxy0)}"
        flags[words] = (proxy0 > proxy) & (gold0 < gold), numbers
    polite, polite0 = of(runs, "sft", "polite"), of(runs, 0.0, "polite")
    seen, gushing = of(runs, "votes", "gushing"), of(runs, 0.0, "gushing")
    sft, peak, adaptive = (of(runs, place, "gold") for place in ("sft", best, "adaptive"))
    golds = {beta: of(runs, beta, "gold").mean() for beta in betas_of(runs)}
    fall, fall_greedy, change, change_greedy, gain, gain_greedy = (
        of(runs, place, x) - of(runs, "sft", x) for place in (0.0, "control", "ideal") for x in ("gold", "gold_greedy")
    )
    less = (change > fall / 2) & (change_greedy > fall_greedy / 2)
    liked, kept = of(runs, "liking", "ppo") - of(runs, "liking", "sft"), (gain >= 0) & (gain_greedy >= 0)
    return [
        *(
            Claim(
                f"without a leash the proxy rises and gold ends below the SFT model's, {words}",
                mostly(hacked),
                f"{count_seeds(hacked)}: {numbers}",
            )
            for words, (hacked, numbers) in flags.items()
        ),
        Claim(
            "it piles up polite phrases, at least twice as many as SFT; hardly an answer voted on had more than two",
            mostly((polite0 > 2 * polite) & (seen < 0.01)),
            f"{spread(polite)} -> {spread(polite0)} an answer; more than two in {seen.mean():.1%} of the answers voted "
            f"on, in {gushing.mean():.0%} of those written without a leash",
        ),
        Claim(
            "the raters themselves would like these answers better: their tastes were found, and not errors alone",
            mostly(liked > 0),
            f"{count_seeds(liked > 0)}: what they feel changes by {spread(liked)}",
        ),
        Claim(
            "on a leash of the right length gold ends above the SFT model's",
            mostly(peak > sft),
            f"beta {best:g}: {count_seeds(peak > sft)}, {spread(peak)}",
        ),
        Claim(
            "the leash can be mistuned both ways: too tight changes little, too loose ruins",
            bool(0 < best < tight and golds[best] > golds[tight] and golds[best] > golds[0.0]),
            "gold " + ", ".join(f"{gold:.2f} at beta {beta:g}" for beta, gold in golds.items()),
        ),
        Claim(
            "a beta that adapts to hold a distance ends near the peak: at least half of the way from SFT to there",
            bool(adaptive.mean() >= (sft.mean() + golds[best]) / 2),
            f"gold {spread(adaptive)}, KL {spread(of(runs, 'adaptive', 'kl'))}, "
            f"beta {spread(of(runs, 'adaptive', 'beta'))}",
        ),
        Claim(
            "control: with raters who have no such tastes gold falls less than half as far, if it falls at all",
            mostly(less),
            f"{count_seeds(less)}: by {spread(change)}, greedy {spread(change_greedy)}; the reward model foretells "
            f"{of(runs, 'foretold', 'control').mean():.0%} of votes, with human tastes "
            f"{of(runs, 'foretold', 'human').mean():.0%}",
        ),
        Claim(
            "control: with an ideal reward, without tastes and without errors, gold does not fall",
            mostly(kept),
            f"{count_seeds(kept)}: by {spread(gain)}, greedy {spread(gain_greedy)}",
        ),
    ]


def table(runs):
    rows = {"SFT": [run["sft"] for run in runs]}
    for beta in betas_of(runs):
        rows[f"PPO, beta {beta:g}"] = [point for run in runs for point in run["ppo"] if point["beta"] == beta]
    rows["PPO, adaptive"] = [run["adaptive"] for run in runs]
    rows |= {f"best of {n}": [run["best_of_n"][k] for run in runs] for k, n in enumerate(NS)}
    rows["no tastes: SFT"], rows["no tastes: PPO"] = ([run[key] for run in runs] for key in ("control_sft", "control"))
    rows["ideal: PPO"] = [run["ideal"] for run in runs]
    lines = ["                    KL  proxy  gold                 greedy              polite  chars"]
    for name, points in rows.items():
        column = {key: np.array([point[key] for point in points]) for key in points[0]}
        line = f"{name:<15}{column['kl'].mean():7.2f}{column['proxy'].mean():7.2f}  {spread(column['gold']):<21}"
        if "gold_greedy" in column:
            line += f"{spread(column['gold_greedy']):<20}{column['polite'].mean():6.2f}{column['length'].mean():7.1f}"
        lines.append(line.rstrip())
    return [*lines, "", *gallery.lines(runs)]


def figure(runs):
    from .. import plots
    from . import drawing

    drawn, [(gold, proxy, raters)] = plots.panels(11, 4, 1, 3, width_ratios=(3, 3, 2))
    for ax, name, words in ((gold, "gold", "what the judge says"), (proxy, "proxy", "what the reward model says")):
        swept = [(f"{beta:g}", of(runs, beta, "kl"), of(runs, beta, name)) for beta in betas_of(runs)]
        drawing.path(ax, "PPO, by beta", swept, (0, of(runs, "sft", name).mean()), plots.MODEL_STYLE["ppo"])
        held = ("", of(runs, "adaptive", "kl"), of(runs, "adaptive", name))
        drawing.path(ax, "PPO, adaptive", [held], None, {"color": plots.PURPLE, "marker": "*", "linestyle": ""})
        for series, label, style in (
            ("best_of_n", f"best of {', '.join(map(str, NS))}", plots.MODEL_STYLE["best_of_n"] | {"marker": "."}),
            ("tilted", "the exact optimum", {"color": plots.BLACK, "linestyle": ":"}),
        ):
            columns = zip(*(run[series] for run in runs))  # as many as every seed has
            points = [[(point["kl"], point[name]) for point in column] for column in columns]
            drawing.path(ax, label, [("", *np.array(column).T) for column in points], None, style, dots=False)
        plots.reference(ax, of(runs, "sft", name).mean(), "SFT model", below=True)
        plots.name_panel(ax, f"{name}: {words}", "square root of KL, nats")
    proxy.legend(frameon=False, fontsize=7)
    change = {"human\ntastes": 0.0, "no\ntastes": "control", "ideal\nreward": "ideal"}
    for x, place in enumerate(change.values()):
        both = (of(runs, place, how) - of(runs, "sft", how) for how in ("gold", "gold_greedy"))
        labels = ("sampled", "greedy") if x else (None, None)
        drawing.pair(raters, x, *both, plots.MODEL_STYLE["ppo"]["color"], labels)
    drawing.name_ticks(raters, list(change))
    plots.reference(raters, 0, "")
    raters.legend(frameon=False, fontsize=7)
    plots.name_panel(raters, "what PPO at beta = 0 does to gold", "reward")
    best = best_beta(runs)
    proxy0, sft, gold0, peak = of(runs, 0.0, "proxy").mean(), *(of(runs, x, "gold").mean() for x in ("sft", 0.0, best))
    title = (
        f"Without a leash the proxy goes to {proxy0:+.1f}, and gold from {sft:.2f} to {gold0:.2f}; "
        f"with beta {best:g} to {peak:.2f}"
    )
    plots.headline(drawn, title)
    alone, best_case = ((of(runs, x, "gold") - of(runs, "sft", "gold")).mean() for x in ("control", "ideal"))
    return drawn, (
        f"{title}. Gold and proxy against the square root of the KL: PPO under {len(betas_of(runs))} values of beta, "
        f"best of n, and the exact optimum as far as {DRAWS} stored answers show it. With raters without such tastes "
        f"gold changes by {alone:+.2f} without a leash, with an ideal reward by {best_case:+.2f}. Lines are means, dots single seeds: {len(runs)}."
    )
