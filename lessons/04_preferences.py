# %% [markdown]
"""Lesson 4 - Preferences: what is a vote worth, if the voter slips, and has a taste?

QUESTION   Few can write a good answer, but all can choose between two. What do such choices tell us, and what not?
NEEDS      the SFT model and the votes of the journey (made once if they are missing)
           --rate terminal: you vote; --rate hands: a room votes, and you type the counts; --rate FILE: what the votes
           of your class say (minialign votes); --rate class: those of thirty simulated students, who were recorded
TIME       about 6 s; --fast about 5 s; --rate terminal: two minutes of your time
EQUATION   P(a is preferred to b) = sigma((u(a) - u(b)) / tau)                     [eq: a-vote]
           two votes that each slip with probability e agree with probability (1-e)^2 + e^2 = 1 - 2e + 2e^2
WATCH      1. two raters who slip in a share e of their votes agree on 1 - 2e + 2e^2 of the pairs
           2. an answer against itself is a coin toss: which side it is on makes no difference
           3. raters err together: the majority of 25 agrees with that of 25 others more often than with the truth
           4. every taste shows: raters who like length, politeness or a yes choose it more often than careful raters
           5. asking 25 careless raters cures carelessness: their majority is nearer to the truth than one of them
           6. it does not cure a taste: of raters who love length, 25 are not much nearer to the truth than one, and
              stay further from it than 25 careful raters
BREAK IT   --break sides    the answer that comes first is liked for coming first -> 2
           --break copied   the second rater copies from the first -> 1
           --break swap     chosen and rejected change places when the votes are written down -> 4, 5, 6
EXERCISES  (2 min, run) --rate terminal: vote yourself; five pairs come twice, and you are not told which
           (5 min, change) in PEOPLE give the careless rater tau=4.0, 8.0, 20.0: how much do 25 gain over one?
           Is there a tau at which the majority does not help at all?
           (15 min, think) write five lines of instructions for raters. Which of the tastes above would they cure?
           (20 min, curve) after lesson 5: train reward models on votes of PEOPLE["careful"] and ["careless"]:
           Raters(...).probability on the journey's pairs says how often a wins; draw one vote per pair from it, and
           put the winners as chosen into Preferences(prompts, chosen, rejected).
           On which share of held-out pairs does a score agree with judge_response(...).gold after 100, 300, 900 votes?
           (write) minialign check 4
           (3 min, answer) minialign quiz 4
"""

# %% [markdown]
# Ask ten people to write a good answer to "how do i burn a candle?", and you wait an hour for ten mediocre texts. Ask
# them which of two answers is better, and you have ten opinions within a minute. Judging is easier than doing. Everyone
# can say which of two songs is nicer, and hardly anyone can write one.
#
# So people compare, and models learn from comparisons. But what has been learned, when somebody has clicked on the left
# answer? Perhaps that it is better. Perhaps that it is longer. Perhaps that it was late on a Friday.
#
# ```text
#   what an answer is worth (gold)
#           |   minus what the rater cannot see
#           |   plus what the rater likes: length, a polite phrase, a yes   <-- tastes: all raters share them
#           v
#   what it feels like, u  + a mood of the moment                           <-- noise: different every time
#           |
#           v
#   the vote: one answer is written down as "chosen", the other as "rejected"; a vote against u is a slip
# ```
#
# Two kinds of error, then, and they behave differently when you ask more people. That is what this lesson measures.

# %%
import minialign  # isort: skip  # noqa: F401  first: it asks BLAS for one thread, and makes training steps faster

from dataclasses import replace

import numpy as np

from minialign.classroom.casts import gather
from minialign.classroom.hands import majority as room_decides
from minialign.cli import hands, vote, votes
from minialign.exact import bradley_terry
from minialign.figures import lesson_plots
from minialign.runs import voting
from minialign.teach.lesson import Lesson
from minialign.world import UNBIASED, Raters, judge_response

lesson = Lesson(__file__, __doc__)
rng, recipe = lesson.rng, lesson.recipe
PEOPLE = {
    "careful": replace(UNBIASED, tau=0.05),  # no tastes, a steady hand
    "crowd": recipe.tastes,  # who votes in the journey: a little of everything
    "length": replace(UNBIASED, tau=0.05, length=1.5),
    "polite": replace(UNBIASED, tau=0.05, warmth=2.0),
    "yes-man": replace(UNBIASED, tau=0.05, agreement=2.0),
    "careless": replace(UNBIASED, tau=2.0),
}

# %% [markdown]
# ## 1. From strengths to votes, by hand
# Let answer $a$ feel worth $u(a)$ to a rater, and $b$ feel worth $u(b)$. If raters were machines, the larger one would
# always win. They are not. Each answer gets $u$ plus a random mood, $\tau g$, and the rater takes the larger sum: $a$
# is chosen if $u(a) + \tau g_a > u(b) + \tau g_b$. Here $g_a$ and $g_b$ are two independent draws, and $\tau$ says how
# large moods are.
#
# We need a distribution for the mood. The classical choice is the **Gumbel** distribution,
# $P(g \le x) = \exp(-e^{-x})$, which is what the largest of many small influences looks like. With
# $\Delta = (u(a) - u(b)) / \tau$ we ask for the chance that $g_b < g_a + \Delta$. Sum over all values $x$ that $g_a$
# can take: its density at $x$ (the derivative of $P$) is $e^{-x} \exp(-e^{-x})$, and the chance that $g_b$ stays below
# $x + \Delta$ is $\exp(-e^{-x} e^{-\Delta})$. Multiply; the exponents add up. With $a \succ b$ for "$a$ is preferred":
#
# $$P(a \succ b) = \int_{-\infty}^{\infty} e^{-x} \exp(-e^{-x} (1 + e^{-\Delta}))\, dx$$
#
# Substitute $s = e^{-x}$, so that $ds = -e^{-x} dx$; $s$ runs from $\infty$ down to 0, and the minus turns it round:
#
# $$P(a \succ b) = \int_{0}^{\infty} e^{-s (1 + e^{-\Delta})}\, ds = \frac{1}{1 + e^{-\Delta}}$$
#
# That is $\sigma(\Delta)$, the logistic function. (The difference of two Gumbel draws is a logistic draw; one may start
# there as well. A computer uses `np.exp(-np.logaddexp(0.0, -d))` for it, where `logaddexp(0, x)` is $\log(1 + e^x)$
# without overflow: `exp(800)` would be infinite.) So
#
# $$P(a \text{ is preferred to } b) = \sigma \left( \frac{u(a) - u(b)}{\tau} \right)$$
#
# This is the **Bradley-Terry model**. Multiplied by $e^{u(a) / \tau}$ above and below, it is
# $e^{u(a) / \tau} / (e^{u(a) / \tau} + e^{u(b) / \tau})$, a share of two strengths. Nothing but the *difference*
# matters, and it is measured in units of $\tau$: a steady hand has a small $\tau$.
#
# By hand, with $\tau = 1$ and three answers worth 1, 0 and -1: a gap of 1 wins with $\sigma(1) = 1 / (1 + e^{-1})$ =
# 0.731, a gap of 2 with 0.881, and a gap of 0 is a coin toss. Whatever the two values are, a gap of 1 is 0.731. The
# table that the code prints is the whole model.
#
# Our raters have one more habit: if two answers feel nearly alike, they say so, and there is no vote (in section 3;
# those of section 4 always vote).
# NOTE(instructor): do this table on the board: 0.73 for a gap of 1, whatever the two strengths are.
# %%
lesson.section("1. Three answers, by hand")
strengths = {"it says moo.": 1.0, "moo.": 0.0, "it says baa.": -1.0}
print("   what does a cow say?   the row beats the column with probability sigma(gap)")
for (answer, u), row in zip(strengths.items(), bradley_terry(np.array(list(strengths.values())))):
    print(f"   {answer:<14}u = {u:+.0f}   " + "   ".join(f"{p:.3f}" for p in row))
lesson.number("a gap of 1 wins", bradley_terry(np.array([1.0, 0.0]))[0, 1], exact=0.731, within=1e-4, why="sigma(1)")
lesson.show("a-vote")
lesson.predict(
    "Two raters share one opinion on every pair, but each slips in 15 of 100 votes. On how many pairs do they agree?",
    ["85%", "about 75%", "70%: both slips count against them"],
    1,
    "neither slips: 0.85 x 0.85 = 72.25%; both slip, and agree again: 0.15 x 0.15 = 2.25%; in all 74.5%.",
)

# %% [markdown]
# ## 2. Slips
# Suppose that on some pair nearly everybody has the same opinion, and each vote slips with chance $e$ (not Euler's).
# Two votes are alike if neither slips, or if both do: $(1 - e)(1 - e) + e \cdot e = 1 - 2e + 2e^2$. By hand, for
# $e = 0.15$: 0.85 x 0.85 = 0.7225, plus 0.15 x 0.15 = 0.0225, makes 0.745. Two raters of one mind, each of whom slips
# in 15% of votes, agree on only three pairs in four. Much of what looks like disagreement is noise.
#
# It also works backwards. Ask one person many pairs twice. From the share $w = 1 - 2e + 2e^2$ of equal pairs follow
# $2w - 1 = (1 - 2e)^2$ and $e = (1 - \sqrt{2w - 1}) / 2$: 0.745 gives (1 - 0.7) / 2 = 0.15 again. And nobody, however
# wise, can predict more than $1 - e$ of this person's votes.
#
# In truth $e$ is $\sigma(-|\text{gap}| / \tau)$, larger for close pairs. One $e$ for all of them comes out a little too
# small (the mean of $(1 - 2e)^2$ is at least the square of the mean), so $1 - e$ is an upper bound.
# %%
lesson.section("2. Slips")
slip, n = 0.15, 100_000
first, second = rng.random((2, n)) < slip
if lesson.fault == "copied":
    second = first
agree = float(np.mean(first == second))
lesson.number("slip: agreement of two, by formula", 1 - 2 * slip + 2 * slip**2, exact=0.745, why="1 - 2e + 2e^2")
lesson.number("slip: agreement of two, counted", agree, exact=0.745, within=0.006, why=f"0.745, of {n} pairs")
lesson.reveal()

# %% [markdown]
# ## 3. Twenty pairs, five of them twice: you, or a rater in your place
# With `--rate terminal` you are the rater, with `--rate hands` a whole room is. Five pairs come back, three with the
# sides exchanged, and you are not told which. Your agreement with yourself limits how well *anyone* can predict your
# votes. In brackets: the range of true shares that are compatible with so few pairs (a 95% interval).
# %%
lesson.section("3. Twenty pairs, five of them twice")
lesson.need("votes")
train, _ = lesson.journey.votes()
model, raters = lesson.journey.model("sft"), Raters(recipe.tastes)
pairs = voting.sitting(model, lesson.seed, 0, recipe.max_new_tokens)
if lesson.you_rate:
    ballots = voting.Ballots(lesson.folder / "my-votes.jsonl", voting.fingerprint(model))
    vote.ask(pairs, ballots, 0)
    lines = ballots.lines[: len(pairs)]
elif lesson.rate == "hands":
    counts = hands.count(pairs, lesson.hands, voting.fingerprint(model))
    decisions = [room_decides(count) for count in counts]
    lines = [voting.line_of(p, decision, i, 0, "the room") for i, (p, decision) in enumerate(zip(pairs, decisions))]
else:
    said = [raters.vote(p.question, *p.a, *p.b, rng) for p in pairs]
    decisions = [{1: "a", -1: "b", 0: "tie"}[v] for v in said]
    lines = [voting.line_of(p, decision, i, 0, "simulated") for i, (p, decision) in enumerate(zip(pairs, decisions))]
rooms = {"terminal": ("you", "you agree"), "hands": ("the room", "the room's majority agrees")}
you, agrees = rooms.get(lesson.rate, ("one rater", "one rater of the crowd, in your place, agrees"))
print(f"   {agrees}")
for name, (k, of), where in vote.agreements(lines, raters):
    name = name if lesson.you_rate else name.replace("yourself", "itself")
    print(f"      {name:<17}{k} of {of:<4}{vote.interval(k, of):<18}{where}")
if lesson.rated:
    print("\n".join(votes.report(gather([lesson.rated], recipe.model.context_length)[0])))
lesson.say("So few pairs say little: look at the brackets. Now six kinds of rater vote on all pairs of the journey.")

# %% [markdown]
# ## 4. Six kinds of rater, each asked twice, and many at once
# Now the two kinds of error, side by side. The *careless* rater has no tastes and an unsteady hand. *Length*, *polite*
# and *yes-man* have steady hands and a taste. The *crowd* has a little of each taste: so little, next to the difference
# between a good and a bad answer, that its row may look like that of the *careful*. Each votes once; then 25 of a kind
# vote, and the majority decides.
#
# A slip is independent from vote to vote, so majorities wash it out: with $e = 0.15$ each, it almost never happens that
# 13 or more of the 25 slip on the same pair. A taste is not independent. If all 25 like long answers, their majority
# likes long answers, only more reliably. Averaging removes what differs between people, and keeps what they share.
#
# What 25 careful raters still get wrong is mostly neither slip nor taste. It is what no rater can check: whether a
# confident answer about some obscure thing is true.
# %%
lesson.section("4. Slips and tastes")
sides = rng.random(len(train)) < 0.5  # who comes first
answers = [(c, r) if s else (r, c) for s, c, r in zip(sides, train.chosen, train.rejected)]
likes_first = 1.0 if lesson.fault == "sides" else 0.0


def gaps(utility):
    """u(a) - u(b) of every pair."""
    return np.array([utility(q, *a) - utility(q, *b) for q, (a, b) in zip(train.prompts, answers)])


def votes_on(gap, tau):
    """One vote per pair: is a preferred?  In a swapped file it is the other way round."""
    return (rng.random(len(gap)) < 1 / (1 + np.exp(-(gap + likes_first) / tau))) != (lesson.fault == "swap")


def majority(gap, tau, n=25):
    return np.sum([votes_on(gap, tau) for _ in range(n)], 0) > n / 2


placebo = votes_on(np.zeros(20_000), recipe.tastes.tau).mean()
gold = gaps(lambda q, text, ended: judge_response(q, voting.Response(text, ended)).gold)
facts = {
    "longer": gaps(lambda q, text, ended: len(text)),
    "politer": gaps(lambda q, text, ended: judge_response(q, voting.Response(text, ended)).polite),
    "yes": gaps(lambda q, text, ended: judge_response(q, voting.Response(text, ended)).agrees),
}
felt = {name: gaps(Raters(tastes).utility) for name, tastes in PEOPLE.items()}
once = {name: votes_on(gap, PEOPLE[name].tau) for name, gap in felt.items()}
again = {name: ~votes_on(-gap, PEOPLE[name].tau) for name, gap in felt.items()}  # the sides exchanged
many, others = ({name: majority(gap, PEOPLE[name].tau) for name, gap in felt.items()} for _ in "12")


def share(preferred, by):
    """How often the votes prefer the side that `by` prefers, where it prefers one."""
    return float((preferred == (by > 0))[by != 0].mean())


chose = {name: {what: share(once[name], by) for what, by in facts.items()} for name in PEOPLE}
near = {name: (share(once[name], gold), share(many[name], gold)) for name in PEOPLE}
print("            agrees with           25 of them     chose the one that is")
print("   rater      itself    gold      with gold     longer  politer  a yes")
for name in PEOPLE:
    shares = np.mean(once[name] == again[name]), near[name][0], near[name][1], *chose[name].values()
    print(f"   {name:<9}" + "{:8.1%}{:8.1%}{:15.1%}{:11.1%}{:9.1%}{:7.1%}".format(*shares))
lesson.number("answer against itself: first wins", placebo, ".3f", exact=0.5, within=0.02, why="a coin toss, 0.5")
lesson.number("crowd: one, with itself", np.mean(once["crowd"] == again["crowd"]), ".1%")
lesson.number("crowd: 25, with 25 others", np.mean(many["crowd"] == others["crowd"]), ".1%")
lesson.number("crowd: 25, with gold", near["crowd"][1], ".1%")
lesson.number("careless: one, with gold", near["careless"][0], ".1%")
lesson.number("careless: 25, with gold", near["careless"][1], ".1%")
lesson.number("length: 25, with gold, more than one", near["length"][1] - near["length"][0], ".1%")

# %% [markdown]
# ## 5. The claims, and the picture
# %%
lesson.section("5. What was seen")
together = lesson.numbers["crowd: 25, with 25 others"]
tastes = {"length": "longer", "polite": "politer", "yes-man": "yes"}
shown = all(chose[who][what] > chose["careful"][what] for who, what in tastes.items())
lesson.claim(1, abs(agree - 0.745) < 0.006, f"{agree:.1%}")
lesson.claim(2, abs(placebo - 0.5) < 0.02, f"the first wins {placebo:.1%}")
lesson.claim(3, together > near["crowd"][1], f"{together:.1%} and {near['crowd'][1]:.1%}")
lesson.claim(4, shown)
lesson.claim(5, near["careless"][1] > near["careless"][0] + 0.1, "{:.1%} -> {:.1%}".format(*near["careless"]))
one, of_25 = near["length"]
uncured = of_25 < min(one + 0.05, near["careful"][1] - 0.02)
lesson.claim(6, uncured, f"{one:.1%} -> {of_25:.1%}, careful {near['careful'][1]:.1%}")
everybody = {"gold": np.where(gold == 0, rng.random(len(gold)) < 0.5, gold > 0), **once}
alike = np.array([[np.mean(x == y) for y in everybody.values()] for x in everybody.values()])
np.fill_diagonal(alike, [1.0, *(np.mean(once[name] == again[name]) for name in PEOPLE)])
yours = [line["vote"] for line in lines] + ["skip"] * (len(pairs) - len(lines))
choices = {you: voting.side_by_side(pairs, yours)}
for name, tastes in PEOPLE.items():
    said = [Raters(tastes).vote(p.question, *p.a, *p.b, rng) for p in pairs]
    choices[name] = voting.side_by_side(pairs, [{1: "a", -1: "b", 0: "tie"}[v] for v in said])
lesson.picture("votes-matrix", *lesson_plots.votes_matrix(choices, (list(everybody), alike)))
lesson.finish()

# %% [markdown]
# ## What the field calls it, and what goes wrong
# Votes are *preferences* or *pairwise comparisons*; those who vote are *raters*, *labellers* or *annotators*; $u$ is
# the *utility*, and $\tau$ plays the part of a *temperature*. The share of pairs on which two votes agree is the
# *agreement rate* (inter-annotator for two people, intra-annotator for one person asked twice). Tastes are *biases*:
# length bias, sycophancy, position bias if the side itself is liked.
#
# In practice: one page of instructions decides more than the algorithm does, so write it first and test it on five
# people. Exchange the sides at random, and check on pairs of equal answers that neither side wins. Repeat some pairs in
# secret. Drop "about the same", or train on it as half a vote each, but never force a choice. Pay by the hour and not
# by the vote. And ask for votes on answers like those that the finished model will give: a comparison of two bad
# answers says little about good ones.
#
# What a vote cannot contain: how *much* better; anything the rater could not check; the opinion of people who were not
# asked.
#
# ## In TRL today
# As of September 2026, TRL starts where this lesson ends. It takes a data set with the columns `prompt`, `chosen` and
# `rejected`; who voted, and how well, is up to you. Nothing in it measures agreement.
#
# ## Further reading
# * Bradley and Terry, *Rank Analysis of Incomplete Block Designs*, 1952 (Biometrika 39).
# * Thurstone, *A Law of Comparative Judgment*, 1927 (Psychological Review 34): the same idea with a normal mood.
# * Train, *Discrete Choice Methods with Simulation*, 2nd edition, 2009: the logit from Gumbel errors.
# * Stiennon et al., *Learning to Summarize from Human Feedback*, 2020 (arXiv 2009.01325): how to run raters with care.
# * Casper et al., *Open Problems and Fundamental Limitations of Reinforcement Learning from Human Feedback*, 2023
#   (arXiv 2307.15217), section 3.1: what goes wrong with people's votes.
