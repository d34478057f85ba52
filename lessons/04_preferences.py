# %% [markdown]
"""Lesson 4 - Preferences: what is a vote worth, if the voter slips, and has a taste?

QUESTION   Few can write a good answer, all can choose between two. What do such choices tell, and what not?
NEEDS      the SFT model and the votes of the journey (made once if they are missing)
TIME       about 5 s; --fast about 4 s; --rate terminal: two minutes of your time
EQUATION   P(a is preferred to b) = sigma((u(a) - u(b)) / tau)                     [eq: a-vote]
           two votes that each slip with chance e are alike with chance (1-e)^2 + e^2 = 1 - 2e + 2e^2
WATCH      1. two raters who slip in 15 of 100 votes agree on 1 - 2e + 2e^2 = 74.5% of the pairs
           2. an answer against itself is a coin toss: which side it is on makes no difference
           3. the crowd errs together: 25 of them agree with 25 others more often than with the truth
           4. every taste can be seen: who likes length, politeness or a yes chooses it more often than the careful
           5. asking 25 careless raters cures carelessness: their majority is nearer to the truth than one of them
           6. it does not cure a taste: of those who love length, 25 are hardly nearer to the truth than one
BREAK IT   --break sides    whatever comes first is liked for coming first -> 2
           --break copied   the second rater copies from the first -> 1
           --break swap     chosen and rejected change places when the votes are written down -> 4, 5
EXERCISES  (2 min, run) --rate terminal: vote yourself; five pairs come twice, and you are not told which
           (5 min, change) the careless rater's tau: at which tau does the majority of 25 no longer help?
           (15 min, think) write five lines of instructions for raters. Which of the tastes above would they cure?
           (write) minialign check 4
"""

# %%
import minialign  # isort: skip  # noqa: F401  first: it asks BLAS for one thread, and makes training steps faster

from dataclasses import replace

import numpy as np

from minialign.cli import vote
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
# %%
lesson.section("2. Slips")
slip, n = 0.15, 100_000
first, second = rng.random((2, n)) < slip
if lesson.fault == "copied":
    second = first
agree = float(np.mean(first == second))
lesson.number("slip: agreement of two, by formula", 1 - 2 * slip + 2 * slip**2, exact=0.745, why="1 - 2e + 2e^2")
lesson.number("slip: agreement of two, counted", agree, exact=0.745, within=0.006, why=f"0.745, of {n} pairs")

# %% [markdown]
# ## 3. Twenty pairs, five of them twice: you, or a rater in your place
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
else:
    said = [raters.vote(p.question, *p.a, *p.b, rng) for p in pairs]
    decisions = [{1: "a", -1: "b", 0: "tie"}[v] for v in said]
    lines = [voting.line_of(p, decision, i, 0, "simulated") for i, (p, decision) in enumerate(zip(pairs, decisions))]
you = "you" if lesson.you_rate else "one rater"
print("   you agree" if lesson.you_rate else "   one rater of the crowd, in your place, agrees")
for name, (k, of), where in vote.agreements(lines, raters):
    name = name if lesson.you_rate else name.replace("yourself", "itself")
    print(f"      {name:<17}{k} of {of:<4}{vote.interval(k, of):<18}{where}")
lesson.say("So few pairs say little: look at the brackets. Now six kinds of rater vote on all pairs of the journey.")

# %% [markdown]
# ## 4. Six kinds of rater, each asked twice, and many at once
# %%
lesson.section("4. Slips and tastes")
sides = rng.random(len(train)) < 0.5  # who comes first
answers = [(c, r) if s else (r, c) for s, c, r in zip(sides, train.chosen, train.rejected)]
likes_first = 1.0 if lesson.fault == "sides" else 0.0


def gaps(utility):
    """u(a) - u(b) of every pair."""
    return np.array([utility(q, *a) - utility(q, *b) for q, (a, b) in zip(train.prompts, answers)])


def votes_on(gap, tau):
    """One vote a pair: is a preferred?  In a swapped file it is the other way round."""
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
    """Where `by` prefers a side at all: how often the same one?"""
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
lesson.reveal()

# %% [markdown]
# ## 5. The claims, and the picture
# %%
lesson.section("5. What there was to see")
together = lesson.numbers["crowd: 25, with 25 others"]
tastes = {"length": "longer", "polite": "politer", "yes-man": "yes"}
shown = all(chose[who][what] > chose["careful"][what] for who, what in tastes.items())
lesson.claim(1, abs(agree - 0.745) < 0.006, f"{agree:.1%}")
lesson.claim(2, abs(placebo - 0.5) < 0.02, f"the first wins {placebo:.1%}")
lesson.claim(3, together > near["crowd"][1], f"{together:.1%} and {near['crowd'][1]:.1%}")
lesson.claim(4, shown)
lesson.claim(5, near["careless"][1] > near["careless"][0] + 0.1, "{:.1%} -> {:.1%}".format(*near["careless"]))
lesson.claim(6, near["length"][1] < near["length"][0] + 0.05, "{:.1%} -> {:.1%}".format(*near["length"]))
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
