# %% [markdown]
"""Lesson 11 - RLAIF: can written principles take the place of the people who vote?

QUESTION   A page of principles and a model that reads. Whose labels are they, are they right, and who is in charge?
NEEDS      the base model, SFT and the votes of the journey (made once if they are missing)
TIME       about 90 s; --fast about 45 s
EQUATION   s_k = [d_k(a first) - d_k(b first)] / 2
           p(a is better) = sum over principles k of w_k sigma(s_k) + (1 - sum of w_k) / 2           [eq: both-orders]
WATCH      1. a judge without randomness agrees with itself on 100% of the pairs; raters do not
           2. swap the two answers, and p becomes 1 - p
           3. a position bias, a liking for what is read first, leaves p as it is
           4. the AI is right more often than a coin, but less often than people
           5. an auditor fixes more by checking the least certain labels than by checking labels at random
           6. DPO on AI labels reaches more gold than SFT, although nobody voted
           7. remove "harmless", and it refuses more of what is dangerous, not less
           8. add "brief", and its answers become shorter; add "warm", and they become friendlier
BREAK IT   --break oneorder  the judge reads a first and b second, and never the other way round -> 2, 3
           --break upside    somebody wrote 1 - p into the file -> 4, 6
           --break surest    the auditor begins with the most certain labels -> 5
EXERCISES  (2 min, run) --break upside: which number would have told you, before any training?
           (5 min, change) share = 1.0 under [warm] in minialign/world/constitution.txt, whose first lines explain
           its form (a name in brackets, then lines key = value): what is lost?
           (15 min, think) "brief" and "harmless" disagree on a refusal. Which comes first (CONSTITUTIONS, in
           minialign/lab/principles.py), so who decides here, and who should?
           (20 min, curve) DPO on feedback.voted(votes, p, rng), the AI's labels, at learning rates a third and three
           times as large: call train_dpo as the function dpo in minialign/lab/instruments/feedback.py does, with
           replace(journey.recipe.dpo, lr=...) from dataclasses; keep the History that it returns, plot
           rewards/accuracies
           (write) minialign check 11
           (3 min, answer) minialign quiz 11
"""

# %% [markdown]
# A newspaper has a page of house rules: be fair, be brief, do not help burglars. A new editor does not ask the readers
# about every article. She reads the article, reads the rules, and decides. The readers wrote the rules, once; the
# editor applies them ten thousand times. That is cheap, consistent, and open to inspection: if you dislike the
# decisions, you know which rule to change. It is only as good as her reading.
#
# Reinforcement learning from AI feedback, **RLAIF**, replaces the people who vote by a model that reads principles.
# What comes after, here DPO, stays as it was. A list of principles is called a *constitution*, and the judge's
# decisions *labels*: each is a probability, where a person's vote is A or B.
#
# ```text
#   people:  question, A, B --> taste and judgement ----------------------> A or B      seconds each
#   AI:      question, A, B + principle k --> how likely does a reader find A, and B? --> p(A is better)
#                                              read A first, then B first; take the difference
# ```

# %%
import minialign  # isort: skip  # noqa: F401  first: it asks BLAS for one thread, and makes training steps faster

import time
from dataclasses import asdict

import numpy as np

from minialign.batch import conversations
from minialign.figures import lab_plots
from minialign.lab import principles
from minialign.lab.instruments import agreement, feedback
from minialign.likelihood import sequence_log_probs
from minialign.rlaif import Judge, Reader, sigmoid
from minialign.teach.lesson import Lesson
from minialign.world import Raters, parse, report_questions
from minialign.world.answers import REFUSAL
from minialign.world.constitution import CONSTITUTION, read_constitution

lesson = Lesson(__file__, __doc__)
journey, rng = lesson.journey, lesson.rng
NAMED = {"fictional": "made-up", "claim_true": "true claim", "claim_false": "false claim"}

# %% [markdown]
# ## Predict
# %%
lesson.predict(
    "A judge likes what it reads first, by 2 nats. It reads each pair in both orders. What is left of this bias?",
    ["half of it", "a little, where it was sure anyway", "nothing"],
    2,
    "the 2 nats are added in both readings, so they cancel in half the difference.",
)

# %% [markdown]
# ## 1. The principles, and who reads them
# Here the "AI" is the base model. A large model could read a principle. This one follows no instructions, but it can
# continue a text. So each principle also has **pages**, beginnings of texts (`world/constitution.txt`), and the judge's
# opinion of an answer is how well it fits there. On a page of "honest", `faq. what does a cat say?`, a good answer is
# likely to come next; on one of "harmless", `to steal a car,`, what comes next is bad. With $P$ the probability that
# the page goes on with the answer (of several sentences, the likeliest counts), the score is $\ln (P / (1 - P))$, with
# a minus on the bad page. Each sentence of the answer that the principle asks for, such as a refusal, adds 3; under
# "honest", "i do not know" counts as $P = 1/2$.
#
# **One principle, one pair.** Both answers are read on one page, one after the other, and $d$ is the score of the first
# minus that of the second: of $a$ minus $b$ in $d(a \text{ first})$, of $b$ minus $a$ in $d(b \text{ first})$. There is
# an opinion in it and a habit: judges of this kind, large ones too, like what they read first (or last). If the opinion
# in favour of $a$ is worth $s$ nats and the habit $h$ nats, then $d(a \text{ first}) = s + h$. With the sides exchanged
# the opinion turns round and the habit does not: $d(b \text{ first}) = -s + h$. Half the difference is the opinion
# alone:
#
# $$\frac{d(a \text{ first}) - d(b \text{ first})}{2} = \frac{(s + h) - (-s + h)}{2} = s$$
#
# A judge that gives probabilities is treated alike: $d = \ln (p / (1 - p))$, its log-odds.
#
# By hand: an opinion of 1 nat for $a$, a habit of 2. Then the two readings are 3 and 1, half their difference is 1, and
# $p = \sigma(1)$ = 0.731, as if there were no habit. Averaging the two *probabilities* of $a$ instead, as some do,
# gives $(\sigma(3) + 1 - \sigma(1)) / 2 = (0.953 + 0.269) / 2 = 0.611$: on the right side, but too small. The code
# prints both.
#
# **Several principles.** Principle $k$ applies to the question with weight $q_k$ from 0 to 1: a fixed number, or the
# judge's own probability (`to steal a car is` goes on with `wrong`, not with `fine`). The first one decides with weight
# $w_1 = q_1$, the second with $w_2 = (1 - q_1)\, q_2$, each taking its share of what is left. Let
# $s_k = (d_k(a \text{ first}) - d_k(b \text{ first})) / 2$. What no principle decides counts one half:
#
# $$p(a \text{ is better}) = \sum_k w_k\, \sigma(s_k) + \frac{1}{2} \left( 1 - \sum_k w_k \right)$$
#
# Exchange the answers, and each $s_k$ changes its sign. As $\sigma(-s_k) = 1 - \sigma(s_k)$, $p$ becomes $1 - p$.
# NOTE(instructor): let the class write a principle before showing these. How would a reader know that it was kept?
# %%
lesson.section("1. The principles")
known = read_constitution(CONSTITUTION.read_text(encoding="utf-8"))
for name, principle in known.items():
    print(f"   {name:<10}{principle.principle}")
weights = (f"{name} {'as the judge says' if x.when else f'{x.share:g}'}" for name, x in known.items())
lesson.say(f"q_k: {', '.join(weights)}; 0 where a principle is about other questions.")
lesson.say(f"AI labels use {', then '.join(principles.CONSTITUTIONS['ai'])}, and neither of the two manners.")
lesson.show("both-orders")
a_first, b_first = 1.0 + 2.0, -1.0 + 2.0  # an opinion of 1 nat for a, a habit of 2 nats for what is read first
each = (sigmoid(np.array([a_first])) + sigmoid(np.array([-b_first])))[0] / 2
print(f"   by hand, the two probabilities averaged: {each:.3f}")
opinion = sigmoid(np.array([(a_first - b_first) / 2]))[0]
lesson.number("half the difference, by hand", opinion, exact=0.731, within=1e-4, why="sigma(1)")

# %% [markdown]
# ## 2. A judge that draws nothing at random
# It agrees with itself on every pair. That is not quality: a broken clock is consistent as well. Correctness is a
# question of its own.
# %%
lesson.section("2. Labels")
lesson.need("base", "votes")
votes = journey.votes()[0]
votes = votes[range(min(len(votes), 640 if lesson.fast else 1600))]
# a is what the raters chose, and p the probability that the judge finds a better
a, b = ([response.text for response in side] for side in (votes.chosen, votes.rejected))


def label(judge, a, b):
    """p of a, over all pairs."""
    labels = judge.labels(votes.prompts, a, b)
    return labels.orders[0] if lesson.fault == "oneorder" else labels.p  # orders[0]: from "a first" alone


class Partial(Judge):
    """Likes what it reads first, by 2 nats."""

    def compare(self, principle, questions, first, second):
        return super().compare(principle, questions, first, second) + 2.0


reader = Reader(journey.model("base"))  # log P(continuation | page), by the base model
judges = {name: Judge(reader, [known[k] for k in names]) for name, names in principles.CONSTITUTIONS.items()}
start, its_principles = time.process_time(), judges["ai"].principles
p = label(judges["ai"], a, b)
milliseconds, tokens = 1000 * (time.process_time() - start) / len(votes), reader.tokens / len(votes)
anew = label(Judge(Reader(journey.model("base")), its_principles), a, b)
itself = float(np.mean(p == anew))
swapped = float(np.abs(p + label(judges["ai"], b, a) - 1).max())
moved = float(np.abs(p - label(Partial(reader, its_principles), a, b)).max())
raters, sides = Raters(lesson.recipe.tastes), list(zip(votes.prompts, votes.chosen, votes.rejected))
chance = np.array([raters.probability(question, *x, *y) for question, x, y in sides])
first, second = rng.random((2, len(votes))) < chance
lesson.number("the AI agrees with itself", itself, ".1%", exact=1.0, why="100%: nothing is drawn")
lesson.number("a rater agrees with himself", np.mean(first == second), ".1%")
lesson.number("answers exchanged: p + p' - 1", swapped, ".1e", exact=0, within=1e-9, why="0")
lesson.number("2 nats for the first: p changes by", moved, ".1e", exact=0, within=1e-9, why="0")
lesson.reveal()
lesson.say(f"An AI label takes {tokens:.0f} tokens, {milliseconds:.1f} ms; a vote {principles.HUMAN_SECONDS:.0f} s.")

# %% [markdown]
# ## 3. Are they right?
# Here there is a judge who knows the truth. Read the table by rows. (A row of 20 pairs has a margin of 22 points:
# lesson 9.) The mean over all rows hides what matters, so look at "dangerous" by itself. About obscure things people
# can be worse than a coin: they cannot check a color, and like a firm answer better than "i do not know", which
# gold prefers to a wrong answer.
#
# To compare two raters without the truth, their raw agreement misleads: two who each say A in 90% of cases agree in 82%
# by chance alone (0.9 * 0.9 + 0.1 * 0.1). Let rater 1 give verdict $v$ with share $p_1(v)$, rater 2 with $p_2(v)$. Then
# $\text{chance} = \sum_v p_1(v)\, p_2(v)$, and Cohen's *kappa* is (agreement - chance) / (1 - chance): 1 is perfect, 0
# is chance. Here chance is 1/2, whatever the AI says: which answer people saw first was a toss, so they choose it half
# the time.
#
# Then the **audit**. Somebody has the time to replace a part of the labels by people's votes (so a full audit ends at
# people's share of right labels, not at 100%). Which part? A label near one half is the judge's own admission that it
# does not know. If its doubts are honest (calibrated, as in lesson 5), its errors are gathered there.
# %%
lesson.section("3. Are they right?")
if lesson.fault == "upside":
    p = 1 - p
if lesson.fault == "surest":
    lesson.inject_fault(agreement, "audited", "np.argsort(np.abs(p - 0.5)", "np.argsort(-np.abs(p - 0.5)")
table, audit = agreement.agreement(votes, p), agreement.audit_curves(votes, p, rng)
print("                right by gold         AI votes")
print("                people      AI     like people    pairs")
kinds = [parse(question).kind for question in votes.prompts]
for kind, people in table["people_gold"].items():
    n = len(votes) if kind == "all" else kinds.count(kind)
    row = f"{people:7.0%}{table['ai_gold'][kind]:8.0%}{table['ai_people'][kind]:16.0%}{n:9d}"
    print(f"   {NAMED.get(kind, kind):<12}{row}")
agree, by_chance = table["ai_people"]["all"], 1 / 2  # which side people like is a toss: 1/2 p_2(A) + 1/2 p_2(B)
kappa = (agree - by_chance) / (1 - by_chance)
lesson.say(f"AI and people: agreement {agree:.1%}, by chance {by_chance:.0%}, kappa {kappa:.2f}.")
print("   audited     " + "".join(f"{share:8.0%}" for share in agreement.AUDITS))
for how in ("least sure", "any"):
    print(f"   {how:<12}" + "".join(f"{right:8.1%}" for right in audit[how]), flush=True)

# %% [markdown]
# ## 4. Change a principle, and the policy follows
# The same pairs, the same DPO, the same seed: only the principles differ. (A label becomes a vote by a draw: for $a$
# with probability $p$.) This is the strongest argument for writing them down: nobody has to vote again.
#
# All DPO models here, also the one on people's votes, learn from the pairs of section 2, a part of the votes of lesson
# 9, so their gold differs from there. (Lesson 10 asked about danger in contrast pairs only, hence other rates of
# refusal.)
#
# Look at two columns at once. Gold is a mean, and does not care which questions its points come from; "dangerous:
# refused" is one behaviour that one would not like to lose. Compare the row "dangerous" of the table above.
#
# And do not judge a principle by its wording. What acts is how the model reads its pages, and the other principles act
# too. Whether "harmless" makes a policy refuse more, or leaves less to "honest", under which refusals may do well too,
# is measured here and not assumed.
# %%
lesson.section("4. Four constitutions, four policies")
sft = journey.model("sft")
dangerous = [question for question in report_questions() if parse(question).kind == "dangerous"]
refusals = conversations([(question, REFUSAL) for question in dangerous])
policies, refusing = {"sft": sft}, {}
for name in lesson.steps(judges, "policies"):
    drawn = feedback.voted(votes, p if name == "ai" else label(judges[name], a, b), journey.rng("labels"))
    policies[name] = feedback.dpo(journey, drawn)
policies["human"] = feedback.dpo(journey, votes)
print("                       gold  characters  polite  dangerous: refused  log P(refusal)")
measured = {}
for name, model in policies.items():
    measured[name] = asdict(feedback.evaluate_by_kind(journey, model, sft))
    refusing[name] = float(sequence_log_probs(model, refusals).data.mean())
    row = "{gold:+8.2f}{length:12.1f}{polite:8.2f}".format(**measured[name])
    row += f"{measured[name]['refuses']['dangerous']:20.0%}{refusing[name]:16.2f}"
    print(f"   {principles.NAMES[name].strip():<22}"[:-1] + row[2:], flush=True)

# %% [markdown]
# ## 5. What was seen
# %%
lesson.section("5. What was seen")
quarter = {how: rates[agreement.AUDITS.index(0.25)] for how, rates in audit.items()}
ai, people = table["ai_gold"]["all"], table["people_gold"]["all"]
lesson.number("AI: labels right", ai, ".1%")
lesson.number("people: labels right", people, ".1%")
lesson.number("a quarter audited, least sure first", quarter["least sure"], ".1%")
lesson.number("gold gained on labels of the AI", measured["ai"]["gold"] - measured["sft"]["gold"], "+.2f")
lesson.number("gold gained on votes of people", measured["human"]["gold"] - measured["sft"]["gold"], "+.2f")
refused = {name: measured[name]["refuses"]["dangerous"] for name in ("sft", "ai", "human")}
lesson.number("dangerous, refused: by SFT", refused["sft"], ".0%")
lesson.number("dangerous, refused: AI's labels", refused["ai"], ".0%")
price = "refuses less of what is dangerous than before" if refused["ai"] < refused["sft"] else "has lost no refusals"
change = refusing["without"] - refusing["ai"]
without = measured["without"]["refuses"]["dangerous"]
told = f'Without "harmless" {without:.0%} of what is dangerous is refused, with it {refused["ai"]:.0%}'
why = ": the judge never reads a principle's sentence, only its pages." if without > refused["ai"] else "."
lesson.say(f"{told} (log P of a refusal {change:+.1f} nats without it){why}")
told = "The price: on the AI's labels it {} ({sft:.0%} -> {ai:.0%}; on votes of people {human:.0%})."
lesson.say(told.format(price, **refused) + " Gold is a mean, and its gains are taken before rounding.")
lesson.claim(1, itself == 1 and np.mean(first == second) < 1, f"raters {np.mean(first == second):.0%}")
lesson.claim(2, swapped < 1e-9)
lesson.claim(3, moved < 1e-9)
lesson.claim(4, 0.5 < ai < people, f"AI {ai:.0%}, people {people:.0%}")
any_quarter = 0.75 * ai + 0.25 * people  # the mean over all quarters
lesson.claim(5, quarter["least sure"] > any_quarter, f"{quarter['least sure']:.1%} and, on average, {any_quarter:.1%}")
golds = measured["sft"]["gold"], measured["ai"]["gold"]
lesson.claim(6, golds[1] > golds[0], "{:.2f} -> {:.2f}".format(*golds))
lesson.claim(7, without > refused["ai"], f"{refused['ai']:.0%} -> {without:.0%}")
short = measured["brief"]["length"] - measured["ai"]["length"]
warm = measured["warm"]["polite"] - measured["ai"]["polite"]
lesson.claim(8, short < 0 < warm, f"{short:+.1f} characters, {warm:+.2f} polite phrases")
names = {"sft": "SFT", "ai": "principles", "without": "no 'harmless'", "brief": "'brief'", "warm": "'warm'"}
shown = {names[k]: measured[k] | {"refuses": measured[k]["refuses"]["dangerous"]} for k in names}
right = {kind: (table["people_gold"][kind], table["ai_gold"][kind]) for kind in table["ai_gold"]}
lesson.picture("constitution", *lab_plots.constitution(right, agreement.AUDITS, audit, shown))
lesson.finish()

# %% [markdown]
# ## What the field calls it, and what goes wrong
# The whole method, with a first step in which the model criticises and revises its own answers, is *Constitutional AI*.
# A probability instead of a vote is a *soft label*. The liking for a place is *position bias*; liking one's own style,
# *self-preference*.
#
# In practice: the judge is the same model as the policy, and shares its blind spots. A principle is written so that it
# rewards words instead of deeds ("be kind" becomes "say kind things"). Two principles conflict, and their order in the
# list, which nobody has thought about, decides. The judge is very sure: a large model that reasons before it answers
# gives probabilities near 0 and 1, and it helps to pull them back towards the middle. And labels cost nothing, so ten
# times as many are made, with the same systematic error in all. More labels cure noise; they do not cure a
# misunderstanding.
#
# So who is in charge? Not the machine: whoever writes the principles, and whoever checks that they are followed. Both
# are people.
#
# ## In TRL today
# As of September 2026, nothing special. A judge is a function from two answers to a label; run it over your pairs, and
# give `prompt`, `chosen`, `rejected` to `DPOTrainer` or `RewardTrainer`.
#
# ## Further reading
# * Bai et al., *Constitutional AI: Harmlessness from AI Feedback*, 2022 (arXiv 2212.08073), sections 3 and 4: critiques
#   and revisions, then feedback from a model.
# * Lee et al., *RLAIF vs. RLHF*, 2023 (arXiv 2309.00267): both orders, and how close the labels come to people's.
# * Zheng et al., *Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena*, 2023 (arXiv 2306.05685), section 3: position
#   bias and other tastes.
