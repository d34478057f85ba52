# %% [markdown]
"""Lesson 8 - DPO: can votes go straight into the policy, without a reward model?

QUESTION   PPO needs a reward model, a critic and fresh samples. What if the votes alone were enough?
NEEDS      the SFT model and the votes (made once if they are missing); with --votes FILE your own votes are used
TIME       about 40 s; --fast about 15 s
EQUATION   the optimum with a KL penalty   pi*(y) = ref(y) exp(r(y) / beta) / Z          [eq: gibbs]
           solved for r, put into Bradley-Terry, Z cancels:
           loss = - log sigma(h),   h = beta [log pi/ref (chosen) - log pi/ref (rejected)]   [eq: dpo-loss]
WATCH      1. the loss starts at ln 2: the policy is its own reference, and every duel a coin toss
           2. at the start every pair has the weight sigma(-h) = 1/2 in the gradient
           3. beta = 0 teaches nothing: the loss is ln 2, the gradient 0
           4. on a list of five answers, DPO, policy gradient with a KL penalty, and the formula end at one policy
           5. the loss falls below a coin toss
           6. on unseen votes the rejected answers become less probable, by more than the chosen ones do
           7. the answers are worth more than those of the SFT model
BREAK IT   --break swap    chosen and rejected change places -> 6, 7
           --break noref   the reference is forgotten: its log-probabilities count as 0 -> 1
           --break drift   the reference is not frozen, it moves with the policy -> 5
EXERCISES  (2 min, run) --break drift: the loss is stuck at 0.693. Does the policy stay where it is?
           (5 min, change) from dataclasses import replace, and in section 3 replace(settings, beta=0.1) in place of
           settings: it was 1 (--fast: 0.5). What happens to the distance from the SFT model?
           (15 min, think) a chosen answer often becomes less probable, too. Where does the probability of both go?
           (20 min, curve) DPO with beta 0.1, 0.3 and 1: plot how far the chosen answer moves, delta/chosen of the
           History that train_dpo returns (or rewards/chosen, divided by beta). Which beta moves it most?
           (write) minialign check 8
           (3 min, answer) minialign quiz 8
"""

# %% [markdown]
# PPO takes a detour. Votes become a reward model, the reward model becomes a judge of fresh samples, the samples become
# a policy. Four models in memory, and each step adds its own errors. But all the knowledge was in the votes. Is there a
# straight road?
#
# Picture a baker who sees, day after day, which of two loaves a customer takes. She could draw up a table of points for
# crust, salt and size, and then experiment in the kitchen until the points go up. Or she could change the recipe
# directly: a little more like the loaf that was taken, a little less like the one that stayed, and no further from the
# old recipe than the customers' choices demand. *Direct preference optimisation*, DPO, is the second way.
#
# ```text
# lessons 5 + 6:   votes --> reward model --> sample, score, nudge --> policy
# this lesson:     votes --------------------------------------------> policy
#                            because   reward = beta * log(policy / reference) + something that cancels
# ```

# %%
import minialign  # isort: skip  # noqa: F401  first: it asks BLAS for one thread, and makes training steps faster

import itertools
import math

import numpy as np

from minialign import dpo, exact
from minialign.autograd import Tensor
from minialign.checkpoint import frozen_copy, trainable_copy
from minialign.evaluate import answer, sampled_kl
from minialign.figures import lesson_plots
from minialign.functional import log_softmax
from minialign.likelihood import log_probs_array
from minialign.optim import AdamW, cosine_schedule
from minialign.preferences import Preferences
from minialign.teach.lesson import Lesson
from minialign.teach.measurements import tell_answers
from minialign.world import judge_response, report_questions

lesson = Lesson(__file__, __doc__)
rng = lesson.rng

# %% [markdown]
# ## Predict
# %%
lesson.predict(
    "DPO is shown what people chose and what they rejected. What becomes of the chosen answer's own probability?",
    ["it clearly rises", "it hardly moves, or falls", "it rises as much as the rejected one falls"],
    1,
    "only the difference is trained, and the easiest way to widen it is to push the rejected answer down.",
)

# %% [markdown]
# ## 1. The loss, before anything has moved
# Four steps lead to the loss, and none of them is deep. Write $y_w$ for the chosen answer ("won"), $y_l$ for the
# rejected one ("lost"), ref for the frozen SFT model.
#
# **Step 1: what PPO is looking for.** For the best of all policies on a leash of price $\beta$ there is a formula
# (lesson 7 derives it):
#
# $$\pi^*(y) = \text{ref}(y)\, \exp(r(y) / \beta) / Z, \quad Z = \sum_y \text{ref}(y)\, \exp(r(y) / \beta)$$
#
# $Z$ only makes the probabilities sum to 1. Nobody can compute it: the sum runs over every possible answer.
#
# **Step 2: solve for the reward.** Take logarithms, $\log \pi^* = \log \text{ref} + r / \beta - \log Z$, and turn the
# equation around:
#
# $$r(y) = \beta \log \frac{\pi^*(y)}{\text{ref}(y)} + \beta \log Z$$
#
# So a policy *is* a reward model. Its opinion of an answer is how much more probable it makes that answer than the
# reference does.
#
# **Step 3: put it into Bradley-Terry.** A vote only ever compares two answers to the *same* question,
# $P(y_w \succ y_l) = \sigma(r(y_w) - r(y_l))$. Both rewards contain the same $\beta \log Z$, because $Z$ belongs to the
# question and not to the answer. In the difference it cancels, and with it the only thing that could not be computed.
# (Here $r$ is in log-odds of votes, and $\beta$ with it; PPO's $\beta$ was in standard deviations of the score.)
#
# $$h = \beta \left[ \log \frac{\pi(y_w)}{\text{ref}(y_w)} - \log \frac{\pi(y_l)}{\text{ref}(y_l)} \right]$$
#
# **Step 4: maximum likelihood.** Put the policy that we train in the place of $\pi^*$, and make the votes that were
# cast as probable as possible. That is the loss of lesson 5, with $h$ in place of the difference of rewards. As a
# program it is `np.logaddexp(0.0, -h)`, the log of a sum of two exponentials:
#
# $$L = -\log \sigma(h) = -\log \frac{1}{1 + e^{-h}} = \log (e^0 + e^{-h})$$
#
# By hand: let the log-probabilities be -10 (chosen) and -12 (rejected) under the policy, -11 and -11.5 under the
# reference, and $\beta$ = 0.1. The chosen answer has gained 1, the rejected one has lost 0.5, so
# $h = 0.1 \cdot (1 + 0.5) = 0.15$, and the loss is -log sigma(0.15) = 0.6210. The code prints it.
#
# **What does a step do?** The slope of $-\log \sigma(h)$ in $h$ is $-(1 - \sigma(h)) = -\sigma(-h)$. The reference is a
# constant, so $\nabla h = \beta [\nabla \log \pi(y_w) - \nabla \log \pi(y_l)]$. The chain rule multiplies the two:
#
# $$\nabla L = -\beta\, \sigma(-h)\, [\nabla \log \pi(y_w) - \nabla \log \pi(y_l)]$$
#
# Push the chosen answer up, the rejected one down, with the weight $\sigma(-h)$: how wrong the policy still is about
# this pair. At the start policy and reference are equal, so $h = 0$, the loss is ln 2, and every weight is 1/2 (the
# code calls it strength). A pair in good order counts less and less.
#
# A small $\beta$ lets the policy go far, as in lesson 7, because $h$ reaches the voters' gap only when the log-ratios
# are large. At exactly 0, $h$ is 0 for every policy, and no gradient is left.
# %%
lesson.section("1. The loss")
lesson.show("gibbs")
lesson.show("dpo-loss")
one_pair = dpo.dpo_loss([-10.0], [-12.0], [-11.0], [-11.5], beta=0.1)[0].item()
lesson.number("loss of one pair, by hand", one_pair, ".4f", exact=0.6210, within=5e-5, why="- log sigma(0.15)")
sides = [Tensor(rng.standard_normal(6), requires_grad=True) for _ in range(2)]
loss, _ = dpo.dpo_loss(*sides, *[side.data.copy() for side in sides], beta=0.3)
loss.backward()
half = np.abs(sides[0].grad) / (0.3 / 6)  # beta / N is the pull of a pair that is all wrong: sigma(-h) = 1
lesson.number("strength of a pair at the start", half.max(), ".4f", exact=0.5, why="sigma(0) = 1/2")
for side in sides:
    side.grad = None
nothing, _ = dpo.dpo_loss(*sides, np.zeros(6), np.ones(6), beta=0.0)
nothing.backward()
pull = max(np.abs(side.grad).max() for side in sides)
lesson.number("beta = 0: loss", nothing.item(), ".4f", exact=math.log(2), why="ln 2")
lesson.number("beta = 0: gradient", pull, ".1e", exact=0, within=0, why="0")

# %% [markdown]
# ## 2. Three roads in a world of five answers
# Is it really the same optimum? In a world with five possible answers everything can be computed. The formula of step 1
# is one road. The second is DPO, with a large crowd voting on every pair. A share $q$ of its votes is for answer $i$,
# the rest for $j$ (`label_smoothing` in the code), and the slope of the loss in $h$ is
#
# $$\frac{d}{d h} [-q \log \sigma(h) - (1 - q) \log \sigma(-h)] = -q\, \sigma(-h) + (1 - q)\, \sigma(h)$$
#
# As $\sigma(-h) = 1 - \sigma(h)$, this is $\sigma(h) - q$, and 0 at $\sigma(h) = q$. With $q = \sigma(r_i - r_j)$ that
# means $h = r_i - r_j$ for every pair: $\beta \log (\pi / \text{ref})$ is $r$ plus a constant, and step 2 read
# backwards says $\pi = \pi^*$. The third road climbs $\mathbb{E}[r] - \beta\, \text{KL}(\pi \| \text{ref})$ by its
# exact gradient, which PPO estimates from samples.
#
# All three are run. The table shows where they end, and the number below it how far apart (*total variation*: half the
# sum of the absolute differences). Here each answer has a logit of its own, so they must meet. With few votes, shared
# parameters and answers that nobody has seen, the three end in different places.
# NOTE(instructor): ask what the leash costs. beta -> 0 leaves the best answer alone, beta -> infinity moves nothing.
# %%
lesson.section("2. Five answers, three roads, one policy")
beta, names = 0.5, ["refuse", "i do not know", "right", "polite, right", "wrong"]
ref, rewards = np.array([0.10, 0.25, 0.20, 0.10, 0.35]), np.array([-0.6, -0.3, 1.0, 1.1, -1.2])
formula = exact.optimal_policy(ref, rewards, beta)
wins = exact.bradley_terry(rewards)  # how often the first of two is chosen


def dpo_of_all_votes(log_pi):
    """DPO's loss over every pair, each voted on by a crowd: a share 1 - wins of its votes goes the other way."""
    losses = []
    for i, j in itertools.combinations(range(5), 2):
        pi, log_ref = [log_pi[k : k + 1] for k in (i, j)], [np.log(ref[k : k + 1]) for k in (i, j)]
        losses.append(dpo.dpo_loss(*pi, *log_ref, beta=beta, label_smoothing=1 - wins[i, j])[0])
    return sum(losses[1:], losses[0])


def leashed_reward(log_pi):
    """- E[r] + beta KL(pi || ref), the expectation taken exactly: what PPO climbs by sampling."""
    pi = log_pi.exp()
    return (pi * ((log_pi - np.log(ref)) * beta - rewards)).sum()


roads = {"the formula": formula}
for road, objective in (("DPO", dpo_of_all_votes), ("policy gradient", leashed_reward)):
    logits = Tensor(np.log(ref), requires_grad=True)
    optimizer = AdamW([logits], betas=(0.9, 0.99))
    for step in range(250):
        optimizer.lr = cosine_schedule(step, 250, 0.1)
        optimizer.minimise(objective(log_softmax(logits)), max_norm=1e9)
    roads[road] = np.exp(log_softmax(logits).data)
ends = {"reference": ref, **roads}
print(f"   {'':<15}" + "".join(f"{road:>17}" for road in ends))
for i, name in enumerate(names):
    print(f"   {name:<15}" + "".join(f"{pi[i]:17.4f}" for pi in ends.values()))
apart = max(exact.total_variation(pi, formula) for pi in roads.values())
lesson.number("largest distance from the formula", apart, ".1e", exact=0, within=1e-3, why="0, total variation")

# %% [markdown]
# ## 3. The same with a language model and real votes
# The log-probability of an answer is the **sum** over its tokens (its end token included), never the mean: a mean would
# make $\beta$ depend on how long the answer is. The reference is frozen, and its log-probabilities carry no gradient.
#
# Misconception: "DPO lowers the probability of my chosen answers, so it must be broken"
# (direct-preference-optimization #8, #32, #36; trl #800). Watch the chosen answers. The loss contains only the
# *difference* of two movements. Two answers to one question share words, so pushing one down drags the other along.
# And falling is easier than rising: to make an answer likely all its tokens must become likely, to make it unlikely
# one token is enough. That the chosen answer loses probability is therefore normal. It is harmful only if what gains
# instead is bad: probability that both answers lose goes to answers on which nobody has voted.
#
# The SFT model's gold is that of lesson 6, from the same draws. This DPO reads the votes in an order of its own, and
# lesson 9 draws its answers anew, so the gold of both models differs a little there. The picture follows the votes of
# the training, the table unseen ones.
# %%
lesson.section("3. DPO on the votes")
lesson.need("votes")
votes, held_out = lesson.journey.votes()
sft, settings = lesson.journey.model("sft"), lesson.journey.enough(lesson.recipe.dpo)  # few votes: more epochs
lesson.say(f"beta = {settings.beta:g}, learning rate {settings.lr:g}, {len(votes)} votes, epochs: {settings.epochs}")
if lesson.fault == "swap":
    votes = Preferences(votes.prompts, votes.rejected, votes.chosen)
if lesson.fault == "noref":
    lesson.inject_fault(dpo, "train_dpo", "(reference, pairs).data", "(reference, pairs).data * 0")
if lesson.fault == "drift":
    lesson.inject_fault(dpo, "train_dpo", "logps[k:], ref[:k], ref[k:]", "logps[k:], logps.data[:k], logps.data[k:]")
policy = trainable_copy(sft)
history = dpo.train_dpo(policy, frozen_copy(sft), votes, settings, rng)


def moved(votes):
    """By how much the log-probabilities of both sides have moved, (2, n): chosen, rejected."""
    batch = votes.batch()
    change = log_probs_array(policy, batch.ids, batch.mask) - log_probs_array(sft, batch.ids, batch.mask)
    return change.sum(1).reshape(2, -1)


chosen, rejected = moved(held_out).mean(1)
questions = report_questions()
before, after = (
    answer(model, questions, judge_response, 1.0, np.random.default_rng(lesson.seed), lesson.recipe.max_new_tokens)
    for model in (sft, policy)
)
lesson.number("first loss", history["loss"][0], ".4f", exact=math.log(2), within=1e-3, why="ln 2")
lesson.number("last loss", history.last("loss", 20))
lesson.number("chosen moved by, unseen votes", chosen, "+.2f")
lesson.number("rejected moved by, unseen votes", rejected, "+.2f")
lesson.number("distance from the SFT model, nats", sampled_kl(policy, sft, after), ".2f")
lesson.number("gold of the SFT model", before.gold.mean(), ".2f")
lesson.number("gold of DPO", after.gold.mean(), ".2f")
lesson.reveal()
tell_answers({"SFT": sft, "DPO": policy}, lesson.recipe.max_new_tokens)

# %% [markdown]
# ## 4. What was seen
# %%
lesson.section("4. What was seen")
lesson.claim(1, abs(history["loss"][0] - math.log(2)) < 1e-3, f"{history['loss'][0]:.4f}")
lesson.claim(2, np.allclose(half, 0.5))
lesson.claim(3, abs(nothing.item() - math.log(2)) < 1e-9 and pull == 0)
lesson.claim(4, apart < 1e-3, f"{apart:.0e} apart at most")
lesson.claim(5, history.last("loss", 20) < math.log(2) - 0.005, f"{history.last('loss', 20):.3f}")
lesson.claim(6, rejected < min(chosen, 0), f"rejected {rejected:+.2f}, chosen {chosen:+.2f} nats")
lesson.claim(7, after.gold.mean() > before.gold.mean(), f"{before.gold.mean():.2f} -> {after.gold.mean():.2f}")
lesson.picture("shortcut", *lesson_plots.shortcut(names, ref, roads, beta, history))
lesson.finish()

# %% [markdown]
# ## What the field calls it, and what goes wrong
# $\beta \log (\pi / \text{ref})$ is the *implicit reward*, $h$ the *margin*, the share of pairs with $h > 0$ the
# *reward accuracy*. That the chosen answer loses probability is *likelihood displacement*. DPO is *offline*: it learns
# from answers that an older model wrote; generating new pairs and voting again makes it *online* or *iterative* DPO.
#
# What goes wrong in practice: a first loss that is not ln 2 (the reference is another model, or dropout, which sets
# random activations to 0 in training, is on); a loss that stays at ln 2 (the reference moves along, or both answers are
# the same); a mean over tokens in place of the sum; $\beta$ read as the strength of the reward. A **larger** $\beta$
# holds the policy closer to the reference, exactly as in lesson 7. If the votes agree perfectly there is no optimum to
# stop at: the loss falls for as long as $h$ grows. IPO (a squared loss, whose optimum is at a finite $h$) and label
# smoothing (some of the votes are taken for slips) repair that.
#
# ## In TRL today
# As of September 2026: `DPOTrainer`, with `beta` (0.1 by default) and `loss_type` for IPO, hinge and other losses on
# the same $h$. It expects columns `prompt`, `chosen`, `rejected`, and logs `rewards/chosen`, `rewards/rejected`,
# `rewards/margins` and `rewards/accuracies`, the names that minialign uses too.
#
# ## Further reading
# * Rafailov et al., *Direct Preference Optimization*, 2023 (arXiv 2305.18290), section 4 for the derivation, appendix
#   A.1 and A.2 for every step.
# * Azar et al., *A General Theoretical Paradigm to Understand Learning from Human Preferences*, 2023 (arXiv
#   2310.12036): IPO.
# * Razin et al., *Unintentional Unalignment: Likelihood Displacement in Direct Preference Optimization*, 2024 (arXiv
#   2410.08847).
# * Xu et al., *Is DPO Superior to PPO for LLM Alignment?*, 2024 (arXiv 2404.10719).
