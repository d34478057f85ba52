# %% [markdown]
"""Lesson 6 - PPO: how does a model learn from a score that nobody can differentiate?

QUESTION   A score says how good an answer was, and not what to change. How do trial, score and nudge become a gradient?
NEEDS      the SFT model and the reward model (made once if they are missing); with --votes FILE your own votes judge
TIME       about 15 s; --fast about 6 s
EQUATION   the leash   R = -beta (log pi - log ref), and the score on the last token   [eq: kl-penalized-reward]
           credit      A_t = delta_t + gamma lambda A_(t+1)                            [eq: gae]
           the step    mean max(-A rho, -A clip(rho, 1 - eps, 1 + eps))                [eq: ppo-clip]
           the critic  1/2 mean (V - G)^2, clipped                                     [eq: ppo-value]
           distance    k1 = log pi - log ref,  k3 = exp(-k1) - 1 + k1                  [eq: kl-estimates]
WATCH      1. a baseline leaves the mean of the gradient as it is, and makes it steadier
           2. of the six cases of the clip, exactly two have no gradient
           3. k1 of a small batch is often negative, although no distance is; k3 never is
           4. before the first update the ratio is 1, and the distance from the SFT model is 0
           5. a critic that always says 0 has a loss of half the mean squared return
           6. the policy leaves the SFT model: by more than a twentieth of a nat
           7. the clip holds back a few tokens, and fewer than one in ten: the steps are small
           8. on unseen questions the score rises
BREAK IT   --break flipadv    the sign of the advantages is flipped -> 8
           --break staleref   the reference is not frozen, it is the policy itself -> 6
           --break eosoff     the score lands one token too late, where nobody looks -> 6
           --break noclip     no clip, ten times the learning rate, eight passes over the same answers -> 7, 8
EXERCISES  (2 min, run) --break mystery --seed 5: name the fault from the four curves of the dashboard
           (5 min, change) kl_coef = 0: what does the score do, and what do the answers?
           (15 min, think) "my KL is negative, so the policy came closer" (trl #925): what was measured?
           (write) minialign check 6
"""

# %%
import minialign  # isort: skip  # noqa: F401  first: it asks BLAS for one thread, and makes training steps faster

from dataclasses import replace

import numpy as np

from minialign import policy_gradient, ppo
from minialign.checkpoint import frozen_copy, trainable_copy
from minialign.evaluate import answer
from minialign.figures import lesson_plots, plots
from minialign.model import scalar_model_from
from minialign.teach.lesson import Lesson
from minialign.teach.measurements import six_pushes, tell_answers
from minialign.world import judge_response, report_questions, sample_prompts

lesson = Lesson(__file__, __doc__)
rng, recipe = lesson.rng, lesson.recipe

# %% [markdown]
# ## 1. The first rung: one question, five answers
# The gradient of E[r] is E[r grad log pi] (REINFORCE). Every answer that is drawn is pushed up by its score: with
# scores around 10 all of them are, and only the differences teach. A baseline b leaves E[(r - b) grad log pi] where it
# is, since E[grad log pi] = 0.
# NOTE(instructor): if time is short, stop after this rung: it is the whole idea; the rest is engineering.
# %%
lesson.section("1. A bandit with five arms")
pi, scores = np.array([0.10, 0.25, 0.20, 0.10, 0.35]), 10 + np.array([-0.6, -0.3, 1.0, 1.1, -1.2])
grad_log_pi = np.eye(5) - pi  # row y: the gradient of log pi(y) with respect to the five logits


def estimate(baseline):
    """Mean and total variance of (r - b) grad log pi, over all five answers."""
    each = (scores - baseline)[:, None] * grad_log_pi
    mean = pi @ each
    return mean, float(pi @ ((each - mean) ** 2).sum(1))


(plain, spread), (with_baseline, smaller) = estimate(0), estimate(pi @ scores)
moved = float(np.abs(plain - with_baseline).max())
lesson.number("the baseline moves the gradient by", moved, ".1e", exact=0, within=1e-12, why="0")
lesson.number("variance with it / without it", smaller / spread, ".4f")

# %% [markdown]
# ## 2. The clip: six cases
# Misconception: "the clip holds the ratio within 1 +- eps". It takes the gain away from going further, no more; where
# going back pays, the gradient is whole.
# %%
lesson.section("2. The clip")
lesson.show("ppo-clip")
pushes = six_pushes(policy_gradient.ppo_policy_loss)
print("   push on log pi     ratio below 0.8   between   above 1.2")
for advantage in (1.0, -1.0):
    row = [pushes[advantage, where] for where in ("below", "between", "above")]
    print("   advantage {:+.0f}       {:15.2f}{:10.2f}{:12.2f}".format(advantage, *row))
no_push = [case for case, push in pushes.items() if push == 0]
lesson.number("cases without a gradient", len(no_push), ".0f", exact=2, why="good enough already, or bad enough")

# %% [markdown]
# ## 3. "Why is my KL negative?"
# The most asked question of the field (trl #925, #1005, #1161; spinningup #137). Here both policies are known, and so
# the true distance; 16 answers are drawn, and the estimates averaged over them.
# %%
lesson.section("3. Why is my KL negative?")
lesson.show("kl-estimates")
near = pi * np.exp(0.15 * rng.standard_normal(5))
near /= near.sum()
true_kl = float((near * np.log(near / pi)).sum())
drawn = rng.choice(5, size=(2000, 16), p=near)
k1, _, k3 = (k.mean(1) for k in policy_gradient.kl_estimates(np.log(near)[drawn], np.log(pi)[drawn]))
lesson.number("true KL, nats", true_kl, ".4f")
lesson.number("k1 below 0, share of batches", np.mean(k1 < 0), ".0%")
lesson.number("k3 below 0, share of batches", np.mean(k3 < 0), ".0%", exact=0, why="0")

# %% [markdown]
# ## 4. The real thing
# %%
lesson.section("4. PPO on the leash")
lesson.predict(
    "One fault flips the sign of every advantage. Which curve tells first?",
    ["the loss: it rises", "the score: it falls", "the clip fraction: it jumps"],
    1,
    "the loss of PPO says nothing about progress: it is near 0 at every step, and not comparable from step to step.",
)
lesson.show("kl-penalized-reward")
lesson.show("gae")
lesson.show("ppo-value")
lesson.need("reward")
sft, score = lesson.journey.model("sft"), lesson.journey.scorer()
settings = replace(recipe.ppo, iterations=6 if lesson.fast else 10)
policy, reference = trainable_copy(sft), frozen_copy(sft)
critic = scalar_model_from(lesson.journey.model("reward"), rng, head="zero")
if lesson.fault == "flipadv":
    lesson.inject_fault(ppo, "ppo_update", "= masked_whiten(advantages, mask)", "= -masked_whiten(advantages, mask)")
if lesson.fault == "staleref":
    lesson.inject_fault(ppo, "train_ppo", "roll_out(policy, reference,", "roll_out(policy, policy,")
if lesson.fault == "eosoff":
    lesson.inject_fault(ppo, "kl_penalized_rewards", "last[rows]] +=", "(last[rows] + 1) % mask.shape[1]] +=")
if lesson.fault == "noclip":
    settings = replace(settings, cliprange=1e9, epochs=8, lr=10 * settings.lr, iterations=settings.iterations // 2)
questions = report_questions()
training = [prompt.text for prompt in sample_prompts(rng, 2000, "train", recipe.mix)]


def ask(model):
    """Answers to the report questions, with the same seed for every model, and the mean of their scores."""
    said = answer(model, questions, judge_response, 1.0, np.random.default_rng(lesson.seed), recipe.max_new_tokens)
    return said, float(score(said.batch).mean())


rollout = policy_gradient.roll_out(policy, reference, score, training[:16], settings, rng)
mask = rollout.batch.mask
rewards = ppo.kl_penalized_rewards(rollout.scores, rollout.logprobs, rollout.ref_logprobs, mask, settings.kl_coef)
values = ppo.values_of(critic, rollout.batch)
returns = ppo.gae(rewards, values, mask, lam=1.0)[1]
value_loss = ppo.ppo_value_loss(values, values, returns, mask)[1]["loss/value"]
half_square = 0.5 * float((returns**2 * mask).sum() / mask.sum())
before, score_before = ask(sft)
print("   iteration   score     KL     k3   clipped   entropy   length")


def callback(iteration, model, history):
    if iteration:
        names = ("objective/scores", "objective/kl", "objective/kl_k3", "policy/clipfrac", "objective/entropy")
        row = [history[name][-1] for name in (*names, "response/length")]
        print("   {:9d}{:+8.2f}{:7.2f}{:7.2f}{:10.1%}{:10.1f}{:9.1f}".format(iteration, *row), flush=True)


history = ppo.train_ppo(policy, reference, critic, score, training, settings, rng, callback=callback)
after, score_after = ask(policy)

# %% [markdown]
# ## 5. The numbers
# %%
lesson.section("5. The numbers")
first_ratio = float(history["policy/first_ratio_error"][0])
first_kl, last_kl = float(history["objective/kl_k3"][0]), float(history["objective/kl_k3"][-1])
lesson.number("first ratio - 1", first_ratio, ".1e", exact=0, within=1e-3, why="0: nothing has moved yet")
lesson.number("first distance from SFT", first_kl, ".1e", exact=0, within=1e-6, why="0: policy = reference")
lesson.number("value loss - half mean square", value_loss - half_square, ".1e", exact=0, within=1e-5, why="0: V = 0")
lesson.number("last distance from SFT (k3)", last_kl, ".2f")
lesson.number("clip fraction", history["policy/clipfrac"].mean(), ".1%")
lesson.number("score of the SFT model, unseen", score_before, "+.2f")
lesson.number("score of PPO, unseen questions", score_after, "+.2f")
lesson.number("gold of the SFT model", before.gold.mean(), ".2f")
lesson.number("gold of PPO", after.gold.mean(), ".2f")
lesson.reveal()
tell_answers({"SFT": sft, "PPO": policy}, recipe.max_new_tokens)

# %% [markdown]
# ## 6. What there was to see
# %%
lesson.section("6. What there was to see")
lesson.claim(1, moved < 1e-12 and smaller < spread, f"variance {spread:.1f} -> {smaller:.2f}")
lesson.claim(2, sorted(no_push) == [(-1.0, "below"), (1.0, "above")])
lesson.claim(3, np.mean(k1 < 0) > 0.1 and not np.any(k3 < 0), f"k1 in {np.mean(k1 < 0):.0%} of the batches")
lesson.claim(4, first_ratio < 1e-3 and first_kl < 1e-6)
lesson.claim(5, abs(value_loss - half_square) < 1e-5)
lesson.claim(6, last_kl > 0.05, f"{first_kl:.2f} -> {last_kl:.2f} nats per answer")
lesson.claim(7, 0 < history["policy/clipfrac"].max() < 0.1, f"at most {history['policy/clipfrac'].max():.1%}")
lesson.claim(8, score_after > score_before, f"{score_before:+.2f} -> {score_after:+.2f}")
lesson.picture("six-cases", *lesson_plots.six_cases())
lesson.picture("dashboard", *plots.ppo_dashboard(history))
lesson.finish()
