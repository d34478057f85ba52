# %% [markdown]
"""Lesson 7 - The leash: does more reward make better answers?

QUESTION   The reward model stands in for people. What becomes of a policy that takes it at its word?
NEEDS      SFT, and votes and a reward model of raters with strong tastes (made once if they are missing)
TIME       about 4 min the first time, 45 s after it; --fast about 4 min, then 30 s
EQUATION   the leash: maximise E[r] - beta KL(pi || SFT);  the best is pi*(y) = SFT(y) exp(r(y) / beta) / Z [eq: gibbs]
           best of n tries, without any training, is at a KL of at most  ln n - (n - 1)/n
WATCH      1. best of n is a leash of known length: 0, 0.193, 0.636, 1.835 nats for n = 1, 2, 4, 16
           2. as beta grows without limit, the best policy is the SFT model itself: KL 0
           3. for every beta, pi* has a higher reward - beta KL than the best of n has for any n
           4. the larger beta, the coefficient of the KL penalty, the nearer PPO stays to the SFT model
           5. more reward is not better: without a leash the proxy ends far above the SFT model's, but gold, sampled
              and greedy together, at least .1 below the best leash's
           6. on the best of these leashes, gold, sampled and greedy together, ends above the SFT model's
           7. best of n is overrated too: in standard deviations its proxy gains at least twice as much as its gold
           8. the ten worst hacks share a run of words that most of the SFT model's answers do not contain
BREAK IT   --break noleash   distance costs nothing, whatever beta says -> 4, 5
           --break wrongway  the leash pays for distance -> 4, 5
           --break perfect   best of n and pi* use the judge's own score, which nobody has in practice -> 7
EXERCISES  (2 min, run) --break perfect: what is left of Goodhart's law if the measure is the thing itself?
           (5 min, change) from minialign.world import UNBIASED, and tastes=UNBIASED in the line `people = ...`: the
           same, with raters without tastes. Does gold still fall?
           (15 min, think) name each hack in the gallery. Which rule for the raters would make them vote against it,
           and what would come next?
           (20 min, curve) PPO without a leash, twice as long: call train_ppo as make_ppo in minialign/pipeline.py
           does, with runs[0.0] as its run, but without fit_critic; pass callback=look, and as config
           replace(people.ppo, kl_coef=0.0, iterations=2 * people.ppo.iterations). train_ppo calls
           look(iteration, policy, history) on the way. Log proxy and gold there in a History of your own, and plot
           them. When should one have stopped?
           (write) minialign check 7
           (3 min, answer) minialign quiz 7
"""

# %% [markdown]
# A school pays its teachers by the exam results of their pupils. For a year or two the results go up, and so does what
# the pupils know. Then the results go up further, and what they know goes down: somebody has found out which questions
# are always asked. The exam was a good measure for as long as nobody was paid for it.
#
# A reward model is such an exam. It has seen one or two thousand votes on the SFT model's answers, and near those it is
# right more often than not. PPO is a pupil who sits that many exams in one run. It finds what the reward model is right
# about, then what it is wrong about, and cannot tell one from the other.
#
# ```text
#   score
#     |                                   . - ' proxy: what the reward model says
#     |                       .  - '
#     |               . - '
#     |         . '
#     |      .'                                 gold, what the answers are worth: ?
#     |   .'
#     +---------------------------------------> distance from the SFT model (KL, in nats)
#       short leash: large beta        no leash: beta = 0
# ```
#
# So policies are kept on a **leash**: every nat of distance from the SFT model costs $\beta$. Which policy is best
# then, and how long should the leash be?
#
# The SFT model is that of lesson 6, sampled with other random draws. The raters are different: they like polite phrases
# (warmth) and length far more, and, like those of lesson 6, a firm answer where they cannot check it (confidence). So
# their numbers differ from there. Test questions are the *report questions*, 321 fixed ones, never trained on.

# %%
import minialign  # isort: skip  # noqa: F401  first: it asks BLAS for one thread, and makes training steps faster

from dataclasses import asdict, replace

import numpy as np

from minialign import exact
from minialign import ppo as ppo_module
from minialign.figures import lab_plots
from minialign.lab import HUMAN, LAB, LAB_FAST, leash
from minialign.lab.instruments import frontier, gallery
from minialign.lab.instruments.measure import SAMPLED, answers_of
from minialign.lab.instruments.raters_view import manners
from minialign.pipeline import Journey
from minialign.teach.lesson import Lesson
from minialign.world import report_questions

lesson = Lesson(__file__, __doc__)
people = replace(LAB_FAST if lesson.fast else LAB, tastes=HUMAN)  # as `minialign lab` has it
lesson.journey.recipe = people

# %% [markdown]
# ## 1. A leash without training: the best of n
# Draw $n$ answers, keep the one with the highest score.
#
# For any answer let $u$ be the share of the model's answers that score lower. A single draw has $u$ spread evenly over
# 0 to 1, with density 1. The best of $n$ has $u$ below $t$ if all $n$ have, with probability $t^n$; so its density is
# the slope of that, $n u^{n-1}$ at $t = u$. An answer is $n u^{n-1}$ times as probable as before, and the KL is the
# mean of the logarithm of this factor over the answers kept:
#
# $$\text{KL} = \mathbb{E}[\ln (n u^{n-1})] = \ln n + (n - 1)\, \mathbb{E}[\ln u] = \ln n - \frac{n - 1}{n}$$
#
# The last step integrates by parts. The bracket is 0 at 1, as $\ln 1 = 0$, and at 0, as $u^n \ln u \to 0$:
#
# $$\mathbb{E}[\ln u] = \int_0^1 n u^{n-1} \ln u\, du = [u^n \ln u]_0^1 - \int_0^1 u^{n-1} du = 0 - \frac{1}{n}$$
#
# The score has disappeared: only ranks matter. The distance grows with $\ln n$: four times as many draws add 0.636
# nats at first, and never more than ln 4 = 1.39. If answers can tie, the true distance is smaller.
# NOTE(instructor): Goodhart, 1975, put into today's words by Strathern, 1997: "when a measure becomes a target, it
# ceases to be a good measure". Ask for examples.
# %%
lesson.section("1. The best of n")
answers = 200_000
alike, ranks = np.full(answers, 1 / answers), np.arange(answers)
lengths = {}
for n, nats in ((1, 0.0), (2, 0.193), (4, 0.636), (16, 1.835)):
    lengths[n] = exact.sequence_kl(exact.best_of_n(alike, ranks, n), alike) - exact.best_of_n_kl_bound(n)
    why = f"ln {n} - {n - 1}/{n}"
    lesson.number(f"best of {n}: KL, nats", exact.best_of_n_kl_bound(n), exact=nats, within=5e-4, why=why)
lesson.predict(
    "PPO raises the score of a reward model, further and further from the SFT model. What does gold, the truth, do?",
    ["it rises", "it rises, then stays", "it rises, then falls", "it falls"],
    2,
    "what people like and what is good agree for answers like those that were voted on, and less and less for others. "
    "How far it rises first, and whether it ends below where it began, depends on the seed and the training's length.",
)

# %% [markdown]
# ## 2. What a leash could buy: stored answers, reweighted
# The best of $n$ is one policy. What is the best of *all* policies, if distance has a price? Which $\pi$ maximises
# $J(\pi) = \mathbb{E}_\pi[r] - \beta\, \text{KL}(\pi \| \text{SFT})$? Write both terms as one sum, then pull
# everything into one logarithm, using $r = \beta \log \exp(r / \beta)$:
#
# $$J(\pi) = \sum_y \pi(y) \left[ r(y) - \beta \log \frac{\pi(y)}{\text{SFT}(y)} \right]$$
#
# $$J(\pi) = -\beta \sum_y \pi(y) \log \frac{\pi(y)}{\text{SFT}(y) \exp(r(y) / \beta)}$$
#
# The denominator is nearly a policy; it only does not sum to 1. Divide it by its sum
# $Z = \sum_y \text{SFT}(y) \exp(r(y) / \beta)$ and call the result $\pi^*(y) = \text{SFT}(y) \exp(r(y) / \beta) / Z$.
# The denominator is $Z \pi^*$, and since $\sum \pi = 1$:
#
# $$J(\pi) = -\beta \sum_y \pi \log \frac{\pi}{Z \pi^*} = \beta \log Z - \beta\, \text{KL}(\pi \| \pi^*)$$
#
# $\beta \log Z$ does not depend on $\pi$, and a KL is never negative: $-\log x \ge 1 - x$ gives
# $\text{KL}(\pi \| \pi^*) = -\sum \pi \log (\pi^* / \pi) \ge \sum \pi\, (1 - \pi^* / \pi) = 0$, with equality only
# where $x = \pi^* / \pi$ is 1 everywhere. So $\pi^*$ is the best policy, and the only one. In words: *take the SFT
# model's probabilities, and multiply each by the exponential of its reward, measured in units of $\beta$*. What SFT
# never says, $\pi^*$ never says, however long the leash.
#
# By hand: three answers with SFT probabilities 0.5, 0.3, 0.2 and rewards 0, 1, 2, at $\beta = 1$. The weights are 0.5,
# $0.3 e$ and $0.2 e^2$, that is 0.500, 0.815, 1.478. Their sum is Z = 2.793, so the best answer goes from 0.2 to 1.478
# / 2.793 = 0.529. With $\beta \to \infty$ nothing moves; with $\beta \to 0$ only the best is left.
#
# The same works on stored answers: let the SFT model answer every second report question many times, and put each
# answer's share of the draws in the place of SFT(y). Then the best of $n$ (first table), $\pi^*$ (second table) and
# their KL are sums over a list: what any leash would buy, without training. Compare rows of about equal KL. Best of 1
# is the SFT model on these questions; the row SFT of section 3 is on all, with other draws.
#
# The picture has the square root of the KL as its axis. Near the SFT model the score grows by $\text{Var}(r) / \beta$
# and the KL by $\text{Var}(r) / (2 \beta^2)$ (lesson 10 derives both): the first grows like the root of the second.
# %%
lesson.section("2. Stored answers, reweighted")
lesson.show("gibbs")
three = exact.optimal_policy(np.array([0.5, 0.3, 0.2]), np.array([0.0, 1.0, 2.0]), 1.0)
print("   three answers, SFT 0.5, 0.3, 0.2, rewards 0, 1, 2: pi* = " + ", ".join(f"{p:.3f}" for p in three))
lesson.number("the best of the three, by hand", three[2], exact=0.529, within=5e-4, why="1.478 / 2.793, from 0.2")
tastes = people.tastes
print("   raters: " + ", ".join(f"{name} {getattr(tastes, name):g}" for name in ("warmth", "length", "confidence")))
lesson.need("votes")
votes, _ = lesson.journey.votes()
lesson.need("reward")
seen = manners(votes)
shown = f"A chosen answer had {seen['chosen']:.2f} polite phrases on average, a rejected one {seen['rejected']:.2f}"
shown += f"; {seen['gushing']:.1%} of all answers had more than two."
lesson.say(f"A polite phrase pleases these raters by {tastes.warmth}. {shown}")
draws = 32 if lesson.fast else leash.DRAWS
worlds = frontier.draw(lesson.journey, report_questions()[::2], draws)
deviation = {"proxy": 1.0, "gold": float(np.concatenate([gold for _, _, gold in worlds]).std())}
if lesson.fault == "perfect":
    worlds = [(shares, gold / deviation["gold"], gold) for shares, _, gold in worlds]
best_of = [asdict(frontier.best_of(worlds, n)) for n in leash.NS if n <= draws / 2]
tilted = [asdict(point) for point in frontier.tilted(worlds, leash.TILTS, draws)]
still = frontier.tilted(worlds, [1e9], draws)[0].kl
print("\n   best of         KL   proxy    gold")
for point in best_of:
    print("   {n:<9d}{kl:9.2f}{proxy:+8.2f}{gold:+8.2f}".format(**point))
print("\n   pi*, beta       KL   proxy    gold")
for point in tilted:
    print("   {beta:<9g}{kl:9.2f}{proxy:+8.2f}{gold:+8.2f}".format(**point))
worth = [(t["proxy"] - t["beta"] * t["kl"]) - (b["proxy"] - t["beta"] * b["kl"]) for t in tilted for b in best_of]
lesson.number("beta = 1e9: KL of pi*", still, ".1e", exact=0, why="0")
lesson.number("pi* beats the best n by, at least", min(worth), ".3f")

# %% [markdown]
# ## 3. The chase: PPO on leashes of several lengths
# PPO has no list of all answers. It climbs $J$ (a column of the table) by sampling from its policy, SFT's at first,
# once for each $\beta$. Every token pays $\beta (\log \pi - \log \text{SFT})$, the last one too, and the last one gets
# the score on top (lesson 6). The proxy is in standard deviations of the SFT model's scores (on other questions, so
# its own proxy here is not exactly 0), and $\beta$ with it: at $\beta = 0.1$ ten nats cost one standard deviation.
# Dividing all scores by 2 and $\beta$ by 2 changes nothing, and a $\beta$ without the scale of its rewards says
# nothing.
#
# The best of 16 may beat every row of this PPO. It draws sixteen answers per question; PPO pays once, in training.
#
# Misconception: "the reward has converged, so training went well" (trl #204: every question got the same answer). A
# steady reward does not say that the answers are good; read them.
# %%
lesson.section("3. The chase")
betas = sorted((0.0, 0.3, 1.0) if lesson.fast else leash.BETAS, reverse=True)
sft, runs, ppo = asdict(leash.evaluate(lesson.journey, "sft")), {}, []
sft["J"] = sft["proxy"]  # its KL is 0
print("   beta       KL   proxy       J    gold   greedy   polite phrases   characters")
row = "   {:<6}{kl:7.2f}{proxy:+8.2f}{J:+8.2f}{gold:+8.2f}{gold_greedy:+9.2f}{polite:17.2f}{length:13.1f}"
print(row.format("SFT", **sft))
if lesson.fault == "wrongway":
    lesson.inject_fault(ppo_module, "kl_penalized_rewards", "= -kl_coef * (", "= kl_coef * (")
for beta in lesson.steps(betas, "leashes"):
    recipe = replace(people, ppo=replace(people.ppo, kl_coef=0.0 if lesson.fault == "noleash" else beta))
    runs[beta] = Journey(recipe, lesson.seed, lesson.journey.folder, lesson.journey.say)
    runs[beta].in_memory |= lesson.journey.in_memory  # the same SFT and reward model
    ppo.append({"beta": beta} | asdict(leash.evaluate(runs[beta], "ppo")))
    ppo[-1]["J"] = ppo[-1]["proxy"] - beta * ppo[-1]["kl"]
    print(row.format(f"{beta:g}", **ppo[-1]), flush=True)
for point in ppo:
    if point["J"] < sft["J"] and not lesson.fault:
        lesson.say(
            f"At beta {point['beta']:g} J ends below SFT's, although pi* shows that more can be had. PPO sees "
            f"{people.ppo.rollouts} answers per iteration (half of lesson 6's, at twice its learning rate), lambda "
            f"{people.ppo.lam:g} trusts the critic, and advantages are scaled to variance 1. Where little is left "
            "to gain, most of an advantage is noise and the critic's error; scaled up, it moves the policy as far "
            "as a gain would, and that distance is paid for and buys nothing. J is also measured on other "
            "questions than those of the training."
        )
distances = [point["kl"] for point in ppo]


def level(point):
    """Gold, averaged over sampled and greedy answers, because the peak is shallow."""
    return (point["gold"] + point["gold_greedy"]) / 2


free, best = ppo[-1], max(ppo[:-1], key=level)
fall = level(free) - level(best)

# %% [markdown]
# ## 4. The gallery
# The answers whose proxy is furthest above their gold, found by subtraction. A search finds what they share. In a real
# project there is no gold column: somebody has to read the answers of highest reward.
# %%
lesson.section("4. The gallery")
score, free_policy = lesson.journey.scorer(), runs[0.0].model("ppo")
before, after = (answers_of(lesson.journey, model, SAMPLED) for model in (lesson.journey.model("sft"), free_policy))
hacks = gallery.harvest(after, score(after.batch), before, score(before.batch))
for hack in hacks:
    print("   {proxy:+.1f}, gold {gold:+.1f}   {question}\n       {answer:.78}".format(**asdict(hack)))
shared = asdict(gallery.shared_phrase([hack.answer for hack in hacks], [r.text for r in before.responses]))
rates = f"{shared['here']:.0%} of them, and {shared['there']:.0%} of SFT's answers"
lesson.say(f'What they share: "{shared["phrase"]}" is in {rates}.')

# %% [markdown]
# ## 5. The numbers, the claims, the picture
# *Mean gold*: of sampled and greedy answers; *the best*: the best leash. The gains of the best of n are in standard
# deviations (gold: that of the stored answers). Differences are taken before rounding.
# %%
lesson.section("5. What was seen")
gains = {name: (best_of[-1][name] - best_of[0][name]) / deviation[name] for name in deviation}
lesson.number("SFT: gold", sft["gold"], ".2f")
lesson.number("no leash: gold", free["gold"], ".2f")
lesson.number("no leash: sampled gold, minus SFT's", free["gold"] - sft["gold"], "+.2f")
lesson.number("no leash: KL, nats", free["kl"], ".1f")
lesson.number("no leash: mean gold, minus the best", fall, "+.2f")
lesson.number("best leash: mean gold, minus SFT's", level(best) - level(sft), "+.2f")
lesson.number(f"best of {best_of[-1]['n']} gains, proxy", gains["proxy"], ".2f")
lesson.number(f"best of {best_of[-1]['n']} gains, gold", gains["gold"], ".2f")
lesson.reveal()
lesson.claim(1, max(map(abs, lengths.values())) < 5e-4)
lesson.claim(2, still < 1e-6, f"{still:.0e} nats")
lesson.claim(3, min(worth) > -1e-9, f"by {min(worth):.3f} or more")
lesson.claim(4, all(np.diff(distances) > 0), ", ".join(f"{p['kl']:.2f} at beta {p['beta']:g}" for p in ppo))
goes = f"proxy {sft['proxy']:+.2f} -> {free['proxy']:+.2f}, gold {level(free):.2f}, on a leash {level(best):.2f}"
lesson.claim(5, free["proxy"] > sft["proxy"] + 0.5 and fall < -0.1, goes)
lesson.claim(6, level(best) > level(sft), f"beta {best['beta']:g}: {level(sft):.2f} -> {level(best):.2f}")
lesson.claim(7, gains["proxy"] > 2 * gains["gold"], "{proxy:.2f} and {gold:.2f}".format(**gains))
lesson.claim(8, shared["here"] > 0.5 > shared["there"], f"{shared['here']:.0%} and {shared['there']:.0%}")
lesson.picture("leash", *lab_plots.leash_curves(sft, ppo, best_of, tilted))
lesson.finish()

# %% [markdown]
# ## What the field calls it, and what goes wrong
# The proxy that rises while the truth falls is *reward over-optimisation*, or *reward hacking* when one looks at a
# single trick: an instance of *Goodhart's law*. $\pi^*$ is the *Gibbs* or *Boltzmann* distribution, the
# *exponential tilt* of the reference; $Z$ is the *partition function*; the curve of best reward at each KL is the
# *Pareto frontier*, and $\pi^*$ is on it by construction.
#
# In practice: the leash is set once, on one reward model, and kept for another whose scores have another scale.
# Training is stopped by the reward curve, which does not show when gold turned. The KL is averaged over tokens in one
# program and summed over answers in another, so the same $\beta$ means two things. And a leash cannot cure what SFT
# often says and the reward model loves: even the shortest reaches it.
#
# Gold falls where the reward model overrates something systematically, away from where people voted. The journey's
# raters have weaker tastes: on the journey page gold may rise up to the slider's end.
#
# ## In TRL today
# As of September 2026: `beta` in `DPOTrainer`, `GRPOTrainer` and `RLOOTrainer` is the price of distance. In
# `GRPOTrainer` it is 0 by default: no leash at all, which fits rewards that are exact (a test passes or fails) better
# than rewards that are learned.
#
# ## Further reading
# * Gao, Schulman, Hilton, *Scaling Laws for Reward Model Overoptimization*, 2022 (arXiv 2210.10760): gold and proxy
#   against the square root of the KL.
# * Stiennon et al., *Learning to Summarize from Human Feedback*, 2020 (arXiv 2009.01325), figure 5: the same fall, with
#   people as the gold.
# * Korbak, Perez, Buckley, *RL with KL Penalties Is Better Viewed as Bayesian Inference*, 2022 (arXiv 2205.11275):
#   $\pi^*$ as a posterior.
# * Beirami et al., *Theoretical Guarantees on the Best-of-n Alignment Policy*, 2024 (arXiv 2401.01879): the KL of the
#   best of n is at most our formula.
