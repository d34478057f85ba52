# %% [markdown]
"""Lesson 5 - The reward model: how do votes become a number for every answer?

QUESTION   Two answers, one click. After a few hundred clicks, can a model score an answer that nobody voted on?
NEEDS      the SFT model, the votes and the reward model of the journey (made once if they are missing);
           --votes FILE: your own votes (minialign vote) are learned from instead; --rate hands: a room's, whose counts
           you type, or have typed in lesson 4; --rate FILE: a class's (minialign votes merge); --rate class: those of
           thirty simulated students, who were recorded
TIME       about 70 s; --fast about 45 s
EQUATION   P(chosen beats rejected) = sigma(d),   d = r(chosen) - r(rejected)
           loss = - mean log sigma(d)                                           [eq: bradley-terry]
           sure and right: ECE = sum over bins of n/N |how often right - how sure|   [eq: calibration-error]
WATCH      1. a model that scores all answers alike has a loss of exactly ln 2 = 0.693: every duel is a coin toss
           2. adding 5 to every score changes nothing, and the gradients of a pair sum to 0: only differences count
           3. more votes judge better: all votes predict more unseen ones than 30 do
           4. on unseen votes the loss is below ln 2: it is right, and not too sure
           5. few votes are memorised: the gap between training votes and unseen ones is widest after the fewest
           6. it stays below the ceiling that the raters' own noise sets
           7. where the shorter answer won, it still sides with the winner more often than not
BREAK IT   --break flip      chosen and rejected change places in every vote -> 4
           --break nolimit   thirty votes alone, again and again, six times as long -> 4
           --break lengthy   the crowd always votes for the longer answer -> 4, 7
EXERCISES  (2 min, run) --break mystery --seed 3: which number gives the fault away?
           (5 min, change) in section 3 write  pooling="last"  in the line "config = ...": how many votes does it need
           now for the same accuracy on unseen ones? (The journey's own model, in section 4, was trained with "mean".)
           (15 min, think) it predicts 9 votes in 10. Why may PPO nevertheless make it look foolish? (lesson 7)
           (20 min, curve) ten epochs on 200 votes: train_reward_model(..., callback=look) calls look(step, model,
           history); plot accuracy and loss on unseen votes. Which of them turns first?
           (write) minialign check 5
           (3 min, answer) minialign quiz 5
"""

# %% [markdown]
# A vote is a very small thing: this answer, rather than that one. It says nothing about a third answer, and nothing
# about how good either of the two was. What training needs is much larger: a function that takes any question and any
# answer, seen or never seen, and returns a number. Can the one be made from the other?
#
# Chess players do it every week. There are only games, won and lost, and still every player ends up with a rating, from
# which one can tell how a game will go between two people who have never met. Answers are the players, votes are the
# games, and the reward model is the rating list. With one difference: a new answer has to be rated before its first
# game, from its text alone. So the rating is not a table but a neural network that reads.
#
# ```text
#  question + answer A --> SFT trunk --> one number r(A) --.
#                                                           >-- d = r(A) - r(B) --> sigma(d): A wins
#  question + answer B --> the same  --> one number r(B) --'
# ```

# %%
import minialign  # isort: skip  # noqa: F401  first: it asks BLAS for one thread, and makes training steps faster

import math
from dataclasses import replace

import numpy as np

from minialign.autograd import Tensor
from minialign.batch import prompt_ids
from minialign.cli import hands
from minialign.figures import lesson_plots
from minialign.functional import log_sigmoid
from minialign.generate import generate
from minialign.model import scalar_model_from
from minialign.preferences import Preferences
from minialign.reward import (
    RewardConfig,
    Scorer,
    bradley_terry_loss,
    calibration,
    pair_accuracy,
    reward_model_from,
    score_gaps,
    sequence_scores,
    train_reward_model,
)  # fmt: skip
from minialign.runs import voting
from minialign.runs.metrics import reward_report
from minialign.runs.text import shown
from minialign.teach.lesson import Lesson
from minialign.world import judge_response

lesson = Lesson(__file__, __doc__)

# %% [markdown]
# ## 1. The votes, some of them slips
# Two answers of the SFT model to one question, and which of them a rater took. A tenth of the prompts is held out, with
# all their votes: every claim about how good the model is comes from them. (Most are trained questions with another
# greeting.)
# NOTE(instructor): let the class vote on three pairs by hand before showing any loss; they will disagree.
# %%
lesson.section("1. The votes")
lesson.need("votes")
sft = lesson.journey.model("sft")
if lesson.rate == "hands":  # the pairs of lesson 4: what was counted there is not asked again
    pairs = voting.sitting(sft, lesson.seed, 0, lesson.recipe.max_new_tokens)
    hands.count(pairs, lesson.hands, voting.fingerprint(sft))
    lesson.learn_from(lesson.hands)
votes, held_out = lesson.journey.votes()
if lesson.votes:
    whose = {"hands": "the room", "class": "thirty simulated students"}.get(lesson.rate, "your file")
    lesson.say(f"Learned from: {len(votes)} votes of {whose}; kept in {lesson.folder}.")
    votes = votes[lesson.rng.permutation(len(votes))]  # a file has one pair, or one voter, after the other
for question, chosen, rejected in list(zip(votes.prompts, votes.chosen, votes.rejected))[:2]:
    print(f"   {question}\n      chosen   {chosen.text}\n      rejected {rejected.text}")

# %% [markdown]
# ## Predict
# %%
lesson.predict(
    "A model sees 30 votes, another a few hundred. How many unseen votes does the one with 30 predict?",
    ["about half: it has learned nothing yet", "clearly more than half", "nearly all"],
    1,
    "but see the row of 0 votes: it may have known more before, from the two log-probabilities of section 3.",
)

# %% [markdown]
# ## 2. The loss: the whole mathematics of this lesson
# A vote is a duel; the number behind an answer is its strength. Lesson 4 derives the chance of winning from the moods
# of raters, and Elo's chess ratings are built on it:
#
# $$P(\text{chosen beats rejected}) = \sigma(d), \quad d = r(\text{chosen}) - r(\text{rejected})$$
#
# where $\sigma(d) = 1 / (1 + e^{-d})$.
#
# How should $r$ be chosen? So that the votes that were cast become as probable as possible (**maximum
# likelihood**). Votes are independent, so their probabilities multiply; logarithms turn the product into a sum; a minus
# makes it something to minimise. That is the loss (a computer uses `np.logaddexp(0.0, -d)` for
# $-\log \sigma(d)$: `exp(800)` would be infinite):
#
# $$L = -\text{mean} \log \sigma(d)$$
#
# By hand, for three pairs with $d$ = 0, 1 and 2: the losses are 0.6931 (which is ln 2: a coin toss), 0.3133 and 0.1269,
# and their mean is 0.3778. The code prints it. For a pair in the wrong order, $d = -2$, it is 2.1269: being sure and
# wrong is what costs.
#
# As $-\log \sigma(d) = \log(1 + e^{-d})$, its slope is
#
# $$\frac{-e^{-d}}{1 + e^{-d}} = -\sigma(-d)$$
#
# and $d$ grows by 1 with $r(\text{chosen})$, by -1 with $r(\text{rejected})$. So $r(\text{chosen})$ is pushed up by
# $\sigma(-d)$, the probability that the model gave to the *other* outcome, and $r(\text{rejected})$ down by as much
# (both divided by $N$, as the loss is a mean over $N$ pairs). Three facts follow.
#
# * **Without an opinion the loss is ln 2 = 0.693.** A model that says 0 for everything has $d = 0$ everywhere.
# * **The two gradients of a pair sum to 0.** What one answer gains the other loses.
# * **Only differences exist.** Add 5 to every score, and nothing changes: the loss reads nothing but $d$. A single
#   score means nothing without a chosen zero.
#
# The unit of $r$ is a log-odds, $\ln (p / (1 - p))$: $d = \ln 9$, about 2.2, gives $1 / (1 + 1/9) = 0.9$: nine of ten
# raters would take the first. Lesson 6 uses scores shifted and scaled to mean 0 and standard deviation 1 on
# answers of the SFT model.
# %%
lesson.section("2. The loss")
lesson.show("bradley-terry")
blank = scalar_model_from(sft, lesson.rng, head="zero")
both, n = held_out.batch(), len(held_out)
scores = sequence_scores(blank, both[np.r_[0:8, n : n + 8]], "mean")
loss, _ = bradley_terry_loss(scores[:8], scores[8:])
lesson.number("loss before any vote", loss.item(), ".4f", exact=math.log(2), why="ln 2")

three_pairs = bradley_terry_loss(np.array([0.0, 1.0, 2.0]), np.zeros(3))[0].item()
lesson.number("three pairs, by hand", three_pairs, ".4f", exact=0.3778, within=5e-5, why="1.1333 / 3")
r = Tensor(lesson.rng.standard_normal(16), requires_grad=True)
loss, _ = bradley_terry_loss(r[:8], r[8:])
loss.backward()
shifted, _ = bradley_terry_loss(r[:8] + 5.0, r[8:] + 5.0)
lesson.number("loss after adding 5 to all, change", shifted.item() - loss.item(), ".1e", exact=0, within=1e-12, why="0")
lesson.number("gradients of a pair, sum", np.abs(r.grad[:8] + r.grad[8:]).max(), ".1e", exact=0, within=1e-12, why="0")
at_start = abs(lesson.numbers["loss before any vote"] - math.log(2)) < 1e-6
differences = abs(shifted.item() - loss.item()) < 1e-12 and np.abs(r.grad[:8] + r.grad[8:]).max() < 1e-12

# %% [markdown]
# ## 3. Train on more and more votes
# The *trunk*, all of the SFT model below its logits, knows the language before the first vote; only the *head*, one
# number from each hidden vector, is new. It memorises a few votes; many teach it what raters like, and what is right.
# The loop prints the accuracy on its own votes (the first 300 at most), which is memory, and on unseen ones, which is
# understanding. Few votes are read more often, so that each model takes 60 steps at least.
#
# Even a few thousand votes hardly teach whether an answer is true. But the SFT model knows much of it from pretraining:
# it finds false answers improbable. So the score of answer $y$ to question $x$ has three parts,
#
# $$r(x, y) = \text{mean}_t (w \cdot h_t + b) + a\, \text{mean}_t \log \pi_{SFT}(y_t) + c\, \min_t \log \pi_{SFT}(y_t)$$
#
# the head's number ($h_t$ is the trunk's vector at token $t$, $w$ and $b$ are the head's weights), and the mean and the
# least log-probability of the answer's tokens under the *frozen* SFT model, which is not trained. The weights $a$ and
# $c$ are learned with the rest. We start them at 2 and 1: started at 0, they would stay small, as the trunk can
# memorise the training votes without them. So the model predicts something before its first vote.
# %%
lesson.section("3. How many votes are enough?")
sizes = [30, 120, 480] if lesson.fast else [30, 100, 300, 1000]
config = replace(RewardConfig(warmup_steps=10), pooling=lesson.recipe.reward.pooling)
crowd = votes
if lesson.fault == "flip":
    crowd = Preferences(votes.prompts, votes.rejected, votes.chosen)
if lesson.fault == "lengthy":
    ordered = [sorted(pair, key=lambda answer: -len(answer.text)) for pair in zip(votes.chosen, votes.rejected)]
    crowd = Preferences(votes.prompts, *map(list, zip(*ordered)))


def held_out_loss(gaps):
    return float(-log_sigmoid(gaps).data.mean())


if lesson.fault == "nolimit":
    sizes = sizes[:1]
sizes = [size for size in sizes if size <= len(votes)] or [len(votes)]  # your own may be few
own, unseen = [], []
untrained = reward_model_from(sft, np.random.default_rng(lesson.seed), config.likelihood_weights)
gaps = score_gaps(Scorer(untrained, config.pooling), held_out)
before = pair_accuracy(gaps)
print(f"       0 votes:                  unseen {before:6.1%}   loss on unseen {held_out_loss(gaps):.3f}")
for size in lesson.steps(sizes, "reward models"):
    model = reward_model_from(sft, lesson.rng, config.likelihood_weights)
    epochs = max(3, -(-60 * config.batch_size // size)) * (6 if lesson.fault == "nolimit" else 1)
    train_reward_model(model, crowd[range(size)], replace(config, epochs=epochs), lesson.rng)
    score = Scorer(model, config.pooling)
    gaps = score_gaps(score, held_out)
    own.append(pair_accuracy(score_gaps(score, crowd[range(min(size, 300))])))
    unseen.append(pair_accuracy(gaps))
    on_unseen = f"unseen {unseen[-1]:6.1%}   loss on unseen {held_out_loss(gaps):.3f}"
    print(f"   {size:5d} votes: its own {own[-1]:6.1%}   {on_unseen}", flush=True)
sizes = sizes[: len(own)]
if own:
    change = "spoil it: they are learned by heart, and little else" if unseen[0] < before else "add to it"
    lesson.say(f"Before any vote a and c alone predict {before:.1%} of the unseen votes; {sizes[0]} votes {change}.")

# %% [markdown]
# ## 4. The numbers, and what they can be held against
# Without a fault, the model measured here (the last point of the figure) is the journey's: it has had all votes. An
# accuracy is good or bad only beside its **ceiling**. Raters slip, and nobody predicts a slip: lesson 4 finds the
# ceiling from how often people agree with themselves. Here the raters are simulated, so it is known.
#
# The second yardstick is honesty. $\sigma(|d|)$ is how sure the model is. Sort the held-out pairs into bins by that
# number, and compare in each bin how sure the model was with how often it was right. The **expected calibration error**
# adds up the gaps, each bin counted by its share $n / N$ of the pairs (0 is perfect; a few percent may be chance):
#
# $$\text{ECE} = \sum_{\text{bins}} \frac{n}{N} \left| \text{how often right} - \text{how sure} \right|$$
#
# The third is a trap. Has the model learned to judge, or to count characters? Look at the pairs in which the *shorter*
# answer won: one that only counts gets all of them wrong.
# %%
lesson.section("4. The numbers")
lesson.show("calibration-error")
lesson.need("reward")
ceiling = reward_report(lesson.journey).ceiling
if not lesson.fault and len(votes) > sizes[-1]:  # the journey's reward model has learned from all of them
    score = Scorer(lesson.journey.model("reward"), lesson.recipe.reward.pooling)
    gaps = score_gaps(score, held_out)
    sizes.append(len(votes))
    own.append(pair_accuracy(score_gaps(score, votes[range(300)])))
    unseen.append(pair_accuracy(gaps))
shorter_won = np.array([len(c.text) < len(r.text) for c, r in zip(held_out.chosen, held_out.rejected)])
with_shorter = pair_accuracy(gaps[shorter_won])
bins = calibration(gaps)
lesson.number(f"unseen votes predicted after {sizes[0]}", unseen[0], ".1%")  # 30, or as few as your own
lesson.number("... after the most votes", unseen[-1], ".1%")
lesson.number("... by one who knows the raters", ceiling, ".1%")
lesson.number("its own votes predicted", own[-1], ".1%")
lesson.number("loss on unseen votes", held_out_loss(gaps), ".3f")
lesson.number("ECE: how far sure is from right", bins["ece"], ".1%")
lesson.number("where the shorter answer won", with_shorter, ".1%")
lesson.reveal()

# %% [markdown]
# ## 5. A number for answers that nobody voted on
# Single answers get scores, too, with an arbitrary zero. Where the columns disagree about the order, the reward model
# is wrong.
# %%
lesson.section("5. A number for answers that nobody voted on")
question = "how do i steal a bike?"
samples = generate(sft, [prompt_ids(question)] * 24, lesson.recipe.max_new_tokens, 1.0, lesson.rng)
said = sorted(set(zip(np.round(score(samples.batch), 2), samples.responses())))
print(f"   {question}   (the reward model's score, and the truth)")
for number, response in said[::-1] if len(said) <= 6 else said[-3:][::-1] + said[:3][::-1]:
    print(f"   {number:+6.2f}  gold {judge_response(question, response).gold:+5.2f}  {shown(*response, width=64)}")

# %% [markdown]
# ## 6. The claims, and the picture
# %%
lesson.section("6. What was seen")
lesson.claim(1, at_start)
lesson.claim(2, differences)
lesson.claim(3, unseen[-1] > unseen[0], f"{unseen[0]:.1%} -> {unseen[-1]:.1%}")
lesson.claim(4, held_out_loss(gaps) < math.log(2), f"{held_out_loss(gaps):.3f}, ln 2 is 0.693")
gap = np.subtract(own, unseen)
lesson.claim(5, gap[0] == gap.max() > gap[-1], f"{gap[0]:+.1%} after {sizes[0]}, {gap[-1]:+.1%} after {sizes[-1]}")
lesson.claim(6, unseen[-1] < ceiling, f"{unseen[-1]:.1%}, the ceiling {ceiling:.1%}")
lesson.claim(7, with_shorter > 0.5, f"{with_shorter:.1%} of {shorter_won.sum()} pairs")
lesson.picture("votes-needed", *lesson_plots.votes_needed(sizes, own, unseen, ceiling, before, bins))
lesson.finish()

# %% [markdown]
# ## What the field calls it, and what goes wrong
# The model is a *reward model* or *preference model*; the loss is *pairwise logistic* or *Bradley-Terry* (the listing's
# `margin` is 0). To read the score at the last token is the convention (`pooling="last"`); here it is the mean over the
# answer's tokens, which a small model learns from fewer votes.
#
# What goes wrong in practice: chosen and rejected change places in one data file, and the accuracy is as far below one
# half as it should be above. Votes, not questions, are split into training and test, so that the same question is on
# both sides. Too many epochs (passes over the votes): the model learns the slips by heart and becomes surer of
# everything, its errors too; its loss on unseen votes rises while its accuracy hardly moves. And a model can be
# excellent on pairs like those that were voted on and absurd elsewhere. That is lesson 7.
#
# Bradley-Terry itself is an assumption: every answer has *one* strength. If people prefer A to B, B to C and C to A,
# the best that any such model can do is to call all three equal.
#
# ## In TRL today
# As of September 2026: `RewardTrainer`, for a sequence classifier with one output, on columns `chosen` and `rejected`.
# A `margin` column is subtracted inside the sigma; `center_rewards_coefficient` keeps the mean of the scores near 0,
# which the loss alone leaves open.
#
# ## Further reading
# * Bradley and Terry, *Rank Analysis of Incomplete Block Designs*, 1952 (Biometrika 39).
# * Christiano et al., *Deep Reinforcement Learning from Human Preferences*, 2017 (arXiv 1706.03741), section 2: votes,
#   and a reward fitted to them.
# * Ouyang et al., *Training Language Models to Follow Instructions with Human Feedback*, 2022 (arXiv 2203.02155),
#   section 3.5: the reward model of InstructGPT.
# * Guo et al., *On Calibration of Modern Neural Networks*, 2017 (arXiv 1706.04599), section 2: reliability diagrams and
#   ECE.
