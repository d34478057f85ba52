# %% [markdown]
"""Lesson 9 - Bake-off: which road is the better one, and how sure can you be?

QUESTION   Best of n, PPO, GRPO and DPO learned from the same votes. Who answers best, at what price, and is it chance?
NEEDS      all models of the journey (made once if they are missing)
TIME       about 35 s; --fast about 45 s the first time, then 20 s; --rate terminal: two minutes of your time
EQUATION   a win counts 1, a tie 1/2; the win rate is their mean. Draw the questions again, with repetition, many times:
           the middle 95% of the means of these draws form the interval                                 [eq: bootstrap]
WATCH      1. against its own answers a model wins exactly half: all are ties
           2. sampled with another seed, it wins about half: the intervals of nearly all of 20 such matches contain 50%
           3. best of n beats the SFT model: its whole interval, less than 12 points wide, lies above 50%
           4. the base model loses to the SFT model: its whole interval lies below 50%
           5. 20 votes cannot tell 55% from 50%: only with 385 is the margin as small as the lead
           6. PPO needs more: at least twice the models, the hyperparameters and the lines of code of DPO
           7. PPO and DPO keep a gain after greetings that no vote began with
           8. PPO and DPO also win more than half of the questions; their intervals say how sure that is
BREAK IT   --break ties      a tie counts as a win -> 1, 2
           --break unpaired  the two models are asked different questions -> 1
           --break twelve    only twelve questions are asked -> 3
EXERCISES  (2 min, run) --rate terminal: 20 pairs, blind. Do you prefer PPO or DPO, and would you bet on it?
           (5 min, change) from minialign.world import UNBIASED, and Raters(UNBIASED) in section 4: who wins now?
           (15 min, think) a paper reports 52% wins over 200 questions, and no interval. What do you ask its authors?
           (20 min, curve) DPO on 50, 200 and all votes: call train_dpo as section 3 of lesson 8 does, on
           votes[range(50)] and so on, with more epochs where there are fewer votes. Plot the win rate against SFT
           with its interval. What is enough?
           (write) minialign check 9
           (3 min, answer) minialign quiz 9
"""

# %% [markdown]
# Two restaurants. You have been to each of them once, and the second one was better. Is it the better restaurant? Of
# course you do not know: another evening, another cook, another dish. You would want to go more often, order the same
# dishes in both, and not know from whom each plate came. Comparing models is exactly this, and most of the mistakes are
# made here and not in the training.
#
# ```text
#  same questions --> model A --> answers --.
#               `---> model B --> answers --+--> for each question: A better 1, tie 1/2, B better 0
#                                                |
#                                                v
#                      win rate = the mean of these numbers       and how far it would move, had we
#                                                                 asked other questions: the interval
# ```

# %%
import minialign  # isort: skip  # noqa: F401  first: it asks BLAS for one thread, and makes training steps faster

import inspect
import re
from dataclasses import asdict

import numpy as np

from minialign import dpo, grpo, grpo_settings, policy_gradient, ppo, reward
from minialign.batch import conversations
from minialign.cli import vote
from minialign.evaluate import answer, continue_bare
from minialign.figures import lab_plots
from minialign.lab import bakeoff
from minialign.lab.instruments.costs import cost
from minialign.lab.instruments.measure import SAMPLED, interval
from minialign.models import NAMES
from minialign.runs import voting
from minialign.teach.lesson import Lesson
from minialign.world import Raters, judge_response, report_questions

lesson = Lesson(__file__, __doc__)
rng, recipe, journey = lesson.rng, lesson.recipe, lesson.journey

# %% [markdown]
# ## Predict
# %%
lesson.predict(
    "You vote blind on 20 pairs, one answer by PPO, the other by DPO. PPO gets 11 votes. Is it the better one?",
    ["yes, by 55 to 45", "nobody can tell", "no: 11 to 9 is a tie"],
    1,
    "11 of 20 is 55% +- 22%: twenty tosses of a fair coin give 11 heads or more about four times in ten.",
)

# %% [markdown]
# ## 1. How sure can you be?
# A win rate is a mean of $N$ numbers, one for each question. Other questions would have given another mean. By how much
# do such means scatter?
#
# **With a formula.** Let each question be won with probability $p$. An outcome is 1 or 0, so the mean of its square is
# $p$, like its mean. Subtract the square of the mean, $p^2$: the variance is $p - p^2 = p (1 - p)$ (ties make it
# smaller, never larger). Variances of independent outcomes add: the sum of $N$ has $N p (1 - p)$. Dividing by $N$
# divides a variance by $N^2$, so the mean has $p (1 - p) / N$. Means of many outcomes are close to normal, and a normal
# variable stays within 1.96 standard deviations in 95% of cases:
#
# $$p \pm 1.96 \sqrt{\frac{p (1 - p)}{N}}$$
#
# By hand: at $p = 1/2$, how many questions does it take before the margin is no larger than a lead of five points? Set
# $1.96 \cdot 0.5 / \sqrt{N} = 0.05$ and solve: $N = (1.96 / 0.05)^2 / 4 = 384.16$, so 385. (Finding such a lead
# reliably takes more: with 385, chance hides it in half of all tests.) Twenty votes have a margin of 22 points. To
# halve a margin takes four times the votes. The code prints all of this.
#
# **Without a formula: the bootstrap.** What would other questions have given? We have none. But the questions that we
# have look like those that might have been asked, so draw $N$ of *them*, with repetition, and take the mean; do so two
# thousand times; the middle 95% of these means form the interval. Nothing had to be assumed about the shape of the
# outcomes, and ties, or scores instead of wins, make no difference.
#
# What the interval does *not* contain is the chance in the training. Another seed gives another model. An interval over
# questions says how well *this* model was measured, and not how well the method works.
# NOTE(instructor): ask for the number of votes before it is printed; most say 50 or 100.
# %%
lesson.section("1. How many votes does it take?")
lesson.show("bootstrap")


def margin(votes, share=0.5):
    """Half the width of the 95% interval."""
    return 1.96 * np.sqrt(share * (1 - share) / votes)


for votes in (20, 100, 385, 2000):
    print(f"   {votes:5d} votes: 55% +- {margin(votes, 0.55):.1%}")
enough = int(np.ceil((1.96 / 0.05) ** 2 / 4))
lesson.number("votes for a margin of five points", enough, ".0f", exact=385, why="(1.96 / 0.05)^2 / 4, rounded up")

# %% [markdown]
# ## 2. Six models, the same questions
# The table has the quality on the left and the price on the right. *Proxy* is the reward model's score, *gold* the
# judge's. Sort by one and by the other, and compare: a method that chases the proxy looks better by the proxy. The
# reward model has never read texts like the base model's, so its score of them means nothing, whatever it is. The
# column *different* gives the share of distinct answers; a model that says the same to everything can have a high
# score. Best of n trains no policy, only the reward model, and pays at every answer: it draws several and keeps one.
# PPO, GRPO (PPO with other answers in the place of the critic: lesson 13) and DPO pay once.
#
# These are the journey's models: PPO with all its iterations (lesson 6 ran only a few), GRPO with half as many (with
# `--fast`: as many), and DPO with the votes in another order than in lesson 8. All models answer with the same random
# numbers, which are not those of lessons 6 and 8; so gold differs a little from there, the SFT model's too.
# %%
lesson.section("2. Six models, the same questions")
lesson.need("base", "ppo", "grpo", "dpo")
questions = report_questions()[:: 27 if lesson.fault == "twelve" else 1]
how = judge_response, SAMPLED, journey.rng("report"), recipe.max_new_tokens
base = continue_bare(journey.model("base"), questions, *how)
said = {"base": base} | {name: bakeoff.ask(journey, name, SAMPLED, questions) for name in bakeoff.MODELS}


def readable(answers):
    """Questions and answers without special tokens, which print by name and cannot be read back."""
    return [(q, r._replace(text=re.sub("<[a-z]+>", "", r.text))) for q, r in zip(answers.questions, answers.responses)]


board, code = {}, {"best_of_n": [reward], "ppo": [reward, policy_gradient, ppo], "dpo": [dpo]}
code["grpo"] = [reward, policy_gradient, grpo_settings, grpo]
print("             proxy    gold  chars  different  seconds  models  hyper-p.  lines")
for name, answers in said.items():
    batch = answers.batch or conversations(readable(answers), recipe.model.context_length)  # best of n keeps none
    texts = [response.text for response in answers.responses]
    board[name] = {"proxy": float(journey.scorer()(batch).mean()), "gold": float(answers.gold.mean())}
    board[name] |= {"chars": np.mean([len(text) for text in texts]), "different": len(set(texts)) / len(texts)}
    board[name] |= {"seconds": 0, "models": 1, "hyperparameters": 0} if name == "base" else asdict(cost(journey, name))
    board[name]["lines"] = sum(len(inspect.getsource(module).splitlines()) for module in code.get(name, []))
    row = "{proxy:+9.2f}{gold:+8.2f}{chars:7.1f}{different:11.0%}"
    row += "{seconds:9.0f}{models:8d}{hyperparameters:10d}{lines:7d}"
    print(f"   {NAMES[name]:<9}" + row.format(**board[name])[1:], flush=True)
lesson.say(
    "Seconds, hyperparameters (hyper-p.) and lines of code: of all training after the votes; for best of n that is the "
    f"reward model's. Models: how many are in memory during training. Here n = {recipe.best_of}."
)
for what in ("proxy", "gold"):
    order = sorted(board, key=lambda name: -board[name][what])
    print(f"   by {what}:".ljust(14) + " > ".join(NAMES[name] for name in order))

# %% [markdown]
# ## 3. Which beats which
# Both answer the same questions: a hard one is hard for both. **Pairing** takes the difficulty of the question out of
# the comparison, because it is in both answers and cancels in the difference. If the two models answered different
# questions, the choice of questions would add noise, and a model would not even tie with itself.
#
# A win counts 1 however narrow it is, and gold counts how much better an answer is. So two models can change places
# between the two lists. *New items* are things that no vote was about; each is asked four times, and its mean counts
# once. *New greetings* are questions after words such as "good day!", with which no vote began.
#
# Two checks come before any result. A model against *its own* answers must win exactly half, all by ties: this tests
# the counting. A model against *itself with another seed* must win about half, and its interval must contain 50% in
# about 19 of 20 matches: this tests the interval. (Our 20 matches share two sets of answers. In each match a coin is
# tossed for every question, and says which of its two answers counts as A's; as both are by one model, nothing but
# chance can favour A. That is cheap, but the ties are the same in each match.) An evaluation that fails on these is not
# to be believed on anything else.
# %%
lesson.section("3. Who beats the SFT model")


def outcomes(ours, theirs):
    """1 where ours is better, 1/2 where both are equally good, 0 else: one number per question."""
    if lesson.fault == "unpaired":
        theirs = np.roll(theirs, 1)
    gap, tie = ours - theirs, 1.0 if lesson.fault == "ties" else 0.5
    return (gap > 1e-9) + tie * (np.abs(gap) <= 1e-9)


def share(won):
    return float(won.mean()), interval(won)


sft = said["sft"].gold
rates = {name: share(outcomes(said[name].gold, sft)) for name in ("base", "best_of_n", *bakeoff.TUNED)}
print(f"   wins, N = {len(questions)}, and its interval")
for name, (won, (low, high)) in rates.items():
    print(f"   {NAMES[name]:<10}{won:6.1%}   [{low:.1%}, {high:.1%}]")
itself = float(outcomes(sft, sft).mean())
other = answer(journey.model("sft"), questions, judge_response, SAMPLED, rng, recipe.max_new_tokens).gold
placebo = []
for _ in range(20):  # in each match it is drawn anew whose answer to a question counts as ours
    mine = rng.random(len(sft)) < 0.5
    placebo.append(share(outcomes(np.where(mine, sft, other), np.where(mine, other, sft))))
straddle = sum(low <= 0.5 <= high for _, (low, high) in placebo)
lesson.number("a model against itself", itself, ".3f", exact=0.5, why="all are ties")
lesson.number("20 such matches: straddling 50%", straddle, ".0f")
for name in ("best_of_n", *bakeoff.TUNED):
    lesson.number(f"{NAMES[name]}: wins against SFT", rates[name][0], ".1%")
off = {}
print("\n   gold       items voted on          new items               new greetings")
for name in ("sft", "ppo", "dpo"):
    greeted = bakeoff.ask(journey, name, SAMPLED, questions, bakeoff.NEW_GREETINGS)
    off[name] = bakeoff.gold_by_place(journey, name, said[name], greeted)
    if name == "sft":
        print("   questions  " + "".join(f"{f'N = {len(golds)}':<24}" for golds in off["sft"].values()).rstrip())
    cells = (f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]" for mean, (low, high) in map(share, off[name].values()))
    print(f"   {NAMES[name]:<11}" + "".join(f"{cell:<24}" for cell in cells).rstrip(), flush=True)
for name in ("ppo", "dpo"):
    more, (low, high) = share(off[name]["greeted"] - off["sft"]["greeted"])
    lesson.say(f"{NAMES[name]} gains {more:+.2f} [{low:+.2f}, {high:+.2f}] after new greetings, question by question.")

# %% [markdown]
# ## 4. Twenty blind votes: PPO or DPO?
# Blind, with sides exchanged at random. Then read the interval that belongs to your verdict.
# %%
lesson.section("4. Twenty blind votes: PPO or DPO?")
pairs, ppo_is_a = [], rng.random(len(questions)) < 0.5
for i in rng.permutation(len(questions)):
    first, second = (said[name].responses[i] for name in (("ppo", "dpo") if ppo_is_a[i] else ("dpo", "ppo")))
    if first != second and len(pairs) < voting.SITTING:
        pairs.append((voting.Pair(questions[i], first, second), "a" if ppo_is_a[i] else "b"))
if lesson.you_rate:
    ballots = voting.Ballots(lesson.folder / "my-votes.jsonl", voting.fingerprint(journey.model("ppo")))
    vote.ask([pair for pair, _ in pairs], ballots, 0)
    decisions = [line["vote"] for line in ballots.lines[: len(pairs)]]
else:
    raters = Raters(recipe.tastes)
    decisions = [{1: "a", -1: "b", 0: "tie"}[raters.vote(p.question, *p.a, *p.b, rng)] for p, _ in pairs]
won = np.array([0.5 if d in ("tie", "skip") else float(d == side) for d, (_, side) in zip(decisions, pairs)])
if len(won):
    (low, high), who = interval(won), "you" if lesson.you_rate else "one rater"
    lesson.say(f"{who}: PPO wins {won.mean():.0%} of {len(won)} pairs, [{low:.0%}, {high:.0%}]; a tie counts one half.")
    lesson.say(f"{np.mean(won == 0.5):.0%} are ties; they make the interval narrower than +- {margin(20):.0%}.")
by_gold, (low, high) = share(outcomes(said["ppo"].gold, said["dpo"].gold))
lesson.say(f"the judge, on all {len(questions)}: PPO wins {by_gold:.1%}, [{low:.1%}, {high:.1%}].")
lesson.reveal()

# %% [markdown]
# ## 5. What was seen
# %%
lesson.section("5. What was seen")
gains = [off[name]["greeted"].mean() - off["sft"]["greeted"].mean() for name in ("ppo", "dpo")]
lesson.claim(1, np.all(outcomes(sft, sft) == 0.5), f"{itself:.1%}")
lesson.claim(2, straddle >= 15, f"{straddle} of 20")
low, high = rates["best_of_n"][1]
lesson.claim(3, low > 0.5 and high - low < 0.12, f"{low:.1%} to {high:.1%}")
lesson.claim(4, rates["base"][1][1] < 0.5, f"upper end: {rates['base'][1][1]:.0%}")
lesson.claim(5, margin(enough - 1) > 0.05 >= margin(enough), f"+- {margin(20):.0%}, and +- {margin(enough):.1%}")
twice = ("models", "hyperparameters", "lines")
told = ", ".join(f"{name} {board['ppo'][name]} and {board['dpo'][name]}" for name in twice)
lesson.claim(6, all(board["ppo"][name] >= 2 * board["dpo"][name] for name in twice), told)
lesson.claim(7, min(gains) > 0, "PPO {:+.2f}, DPO {:+.2f}".format(*gains))
tuned = {NAMES[name]: rates[name] for name in ("ppo", "dpo")}
told = (f"{name} {won:.0%}, [{low:.0%}, {high:.0%}]" for name, (won, (low, high)) in tuned.items())
lesson.claim(8, min(won for won, _ in tuned.values()) > 0.5, "; ".join(told))
lesson.picture("bakeoff", *lab_plots.win_rates(rates, board, placebo))
lesson.finish()

# %% [markdown]
# ## What the field calls it, and what goes wrong
# The share of wins is the *win rate*, often against one fixed opponent. Comparing on the same questions is a *paired*
# design, the interval a *percentile bootstrap confidence interval*. Letting a large model vote in place of people is
# *LLM as a judge* (LLM: large language model); it has tastes of its own, likes the first place, long answers, and its
# own style. Scores on questions unlike those of the training are *out of distribution*.
#
# What goes wrong in practice: a percentage without $N$. A tie counted as a win. Many variants tried, the best one
# reported, as if it had been the only one; of twenty variants of equal worth one will look different at the 95% level.
# The test questions were used to choose the settings. One model may answer at length and the other may not, and the
# judge likes length. And one seed each: "A beats B" then means that one run of A beat one run of B.
#
# Is PPO better than DPO? On one set of votes, with the settings found for each, the honest answer is the interval that
# this lesson prints, and it changes from seed to seed more than papers like to say. What does not change: PPO needs at
# least twice the models, the hyperparameters and the code. It trains on new answers of its own, and how well depends on
# the reward model's opinion of them. DPO is simple and cheap, and trains on the voted pairs alone. Whether that is
# enough for new questions, the last table of section 3 says.
#
# ## In TRL today
# As of September 2026, TRL trains and logs; it evaluates little. Its experimental judges (a model that votes between
# two answers) were removed. People use separate tools for evaluation, and should read the interval there too.
#
# ## Further reading
# * Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 13: percentile intervals.
# * Miller, *Adding Error Bars to Evals*, 2024 (arXiv 2411.00640): the formula, pairing, and clustered questions.
# * Zheng et al., *Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena*, 2023 (arXiv 2306.05685), section 3: what
#   such judges like.
# * Xu et al., *Is DPO Superior to PPO for LLM Alignment?*, 2024 (arXiv 2404.10719).
