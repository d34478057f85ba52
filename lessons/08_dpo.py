# %% [markdown]
"""Lesson 8 - DPO: can votes go straight into the policy, without a reward model?

QUESTION   PPO needs a reward model, a critic and fresh samples. What if the votes alone were enough?
NEEDS      the SFT model and the votes (made once if they are missing); with --votes FILE your own votes are used
TIME       about 15 s; --fast about 7 s
EQUATION   the leashed optimum   pi*(y) = ref(y) exp(r(y) / beta) / Z                    [eq: gibbs]
           solved for r, put into Bradley-Terry, Z cancels:
           loss = - log sigma(h),   h = beta [log pi/ref (chosen) - log pi/ref (rejected)]   [eq: dpo-loss]
WATCH      1. the loss starts at ln 2: the policy is its own reference, and every duel a coin toss
           2. at the start the weight of every pair in the gradient is sigma(-h) = 1/2; a pair in good order weighs less
           3. beta = 0 teaches nothing: the loss is ln 2, the gradient 0
           4. on a list of five answers DPO, the leashed policy gradient and the formula end at one policy
           5. the loss falls below a coin toss
           6. on unseen votes the rejected answers become less probable, by more than the chosen ones do
           7. the answers are worth more than those of the SFT model
BREAK IT   --break swap    chosen and rejected change places -> 6, 7
           --break noref   the reference is forgotten: its log-probabilities count as 0 -> 1, 7
           --break drift   the reference is not frozen, it moves with the policy -> 5, 7
EXERCISES  (2 min, run) --break drift: the loss is stuck at 0.693. Does the policy stay where it is?
           (5 min, change) beta = 0.1 instead of 1: what happens to the distance from the SFT model?
           (15 min, think) the chosen answer became less probable. Where did its probability go?
           (write) minialign check 8
"""

# %%
import minialign  # isort: skip  # noqa: F401  first: it asks BLAS for one thread, and makes training steps faster

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
# Misconception: "DPO lowers the probability of my chosen answers, so it must be broken" (direct-preference-optimization
# #8, #32, #36; trl #800). Only the difference is trained.
# %%
lesson.predict(
    "DPO is shown what people chose and what they rejected. What becomes of the chosen answer's own probability?",
    ["it clearly rises", "it hardly moves, or falls", "it rises as much as the rejected one falls"],
    1,
    "only the difference is trained, and the easiest way to widen it is to push the rejected answer down.",
)

# %% [markdown]
# ## 1. The loss, before anything has moved
# %%
lesson.section("1. The loss")
lesson.show("gibbs")
lesson.show("dpo-loss")
sides = [Tensor(rng.standard_normal(6), requires_grad=True) for _ in range(2)]
loss, _ = dpo.dpo_loss(*sides, *[side.data.copy() for side in sides], beta=0.3)
loss.backward()
half = np.abs(sides[0].grad).max() / (0.3 / 6)  # of beta / N, which a pair would pull with if it were all wrong
lesson.number("strength of a pair at the start", half, ".4f", exact=0.5, why="sigma(0) = 1/2")
for side in sides:
    side.grad = None
nothing, _ = dpo.dpo_loss(*sides, np.zeros(6), np.ones(6), beta=0.0)
nothing.backward()
pull = max(np.abs(side.grad).max() for side in sides)
lesson.number("beta = 0: loss", nothing.item(), ".4f", exact=math.log(2), why="ln 2")
lesson.number("beta = 0: gradient", pull, ".1e", exact=0, within=0, why="0")

# %% [markdown]
# ## 2. Three roads in a world of five answers
# NOTE(instructor): ask what the leash costs. beta -> 0 leaves the best answer alone, beta -> infinity moves nothing.
# %%
lesson.section("2. Five answers, three roads, one policy")
beta, names = 0.5, ["refuse", "i do not know", "right", "polite, right", "wrong"]
ref, rewards = np.array([0.10, 0.25, 0.20, 0.10, 0.35]), np.array([-0.6, -0.3, 1.0, 1.1, -1.2])
formula = exact.optimal_policy(ref, rewards, beta)
wins = exact.bradley_terry(rewards)  # how often the first of two is chosen


def dpo_of_all_votes(log_pi):
    """DPO's loss over every pair, each voted on by a crowd: a share 1 - wins of its votes goes the other way."""
    pairs = [(i, j) for i in range(5) for j in range(i)]
    pi, log_ref = (lambda k: log_pi[k : k + 1]), (lambda k: np.log(ref[k : k + 1]))
    losses = [dpo.dpo_loss(pi(i), pi(j), log_ref(i), log_ref(j), beta, 1 - wins[i, j])[0] for i, j in pairs]
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
print(f"   {'':<15}" + "".join(f"{name:>14}" for name in names))
for road, pi in {"reference": ref, **roads}.items():
    print(f"   {road:<15}" + "".join(f"{p:14.4f}" for p in pi))
apart = max(exact.total_variation(pi, formula) for pi in roads.values())
lesson.number("largest distance from the formula", apart, ".1e", exact=0, within=1e-3, why="0, total variation")

# %% [markdown]
# ## 3. The same with a language model and real votes
# %%
lesson.section("3. DPO on the votes")
lesson.need("votes")
votes, held_out = lesson.journey.votes()
sft, settings = lesson.journey.model("sft"), lesson.journey.enough(lesson.recipe.dpo)
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
# ## 4. What there was to see
# %%
lesson.section("4. What there was to see")
lesson.claim(1, abs(history["loss"][0] - math.log(2)) < 1e-3, f"{history['loss'][0]:.4f}")
lesson.claim(2, abs(half - 0.5) < 1e-6)
lesson.claim(3, abs(nothing.item() - math.log(2)) < 1e-9 and pull == 0)
lesson.claim(4, apart < 1e-3, f"{apart:.0e} apart at most")
lesson.claim(5, history.last("loss", 20) < math.log(2) - 0.005, f"{history.last('loss', 20):.3f}")
lesson.claim(6, rejected < min(chosen, 0), f"rejected {rejected:+.2f}, chosen {chosen:+.2f} nats")
lesson.claim(7, after.gold.mean() > before.gold.mean(), f"{before.gold.mean():.2f} -> {after.gold.mean():.2f}")
lesson.picture("shortcut", *lesson_plots.shortcut(names, ref, roads, beta, history))
lesson.finish()
