# %% [markdown]
"""Lesson 6 - PPO: how does a model learn from a score that nobody can differentiate?

QUESTION   A score says how good an answer was, and not what to change. How do trial, score and nudge become a gradient?
NEEDS      the SFT model and the reward model (made once if they are missing); with --votes FILE your own votes judge
TIME       about 30 s; --fast about 20 s
EQUATION   KL penalty  R = -beta (log pi - log ref), and the score on the last token   [eq: kl-penalized-reward]
           credit      A_t = delta_t + gamma lambda A_(t+1)                            [eq: gae]
           the step    mean max(-A rho, -A clip(rho, 1 - eps, 1 + eps))                [eq: ppo-clip]
           the critic  1/2 mean (V - G)^2, clipped                                     [eq: ppo-value]
           distance    k1 = log pi - log ref,  k3 = exp(-k1) - 1 + k1                  [eq: kl-estimates]
WATCH      1. a baseline leaves the mean of the gradient as it is, and makes it steadier
           2. of the six cases of the clip, exactly two have no gradient
           3. k1 of a small batch is often negative, although no true KL is; k3 never is
           4. before the first update the ratio is 1, and the distance from the SFT model is 0
           5. a critic that always says 0 has a loss of half the mean squared return
           6. the policy leaves the SFT model: by more than a twentieth of a nat
           7. the clip holds back a few tokens, and fewer than one in ten: the steps are small
           8. on unseen questions the score rises
BREAK IT   --break flipadv    the sign of the advantages is flipped -> 8
           --break staleref   the reference is not frozen, it is the policy itself -> 6
           --break eosoff     the score lands one token too late, outside the mask -> 6
           --break noclip     no clip, ten times the learning rate, eight passes over the same answers -> 7, 8
EXERCISES  (2 min, run) --break mystery --seed 5, beside --seed 5: which fault is it? (score, KL, clip, entropy)
           (5 min, change) in section 5, in settings = replace(...), add kl_coef=0.0: what do score and answers do?
           (15 min, think) "my KL is negative, so the policy came closer" (trl #925): what was measured?
           (20 min, curve) PPO with kl_coef 0, as it is, and ten times that (new policy and critic): plot objective/kl
           (write) minialign check 6
           (3 min, answer) minialign quiz 6
"""

# %% [markdown]
# You have a reward model: a function that takes an answer and returns one number. You want a model, the **policy**,
# whose answers get higher numbers. Gradient ascent on the number fails at once: between the policy's parameters
# and the number stands a *draw*. The policy samples an answer, and nobody can differentiate a roll of the dice.
#
# Think of learning to cook for a guest who only ever says "7 out of 10". You vary: a little more salt today, less
# tomorrow. What you did on the evenings that went better than usual, you do more often. That is the whole of
# reinforcement learning, and "than usual" matters most.
#
# ```text
# question --> policy pi samples an answer y --> reward model: a score r
#                 ^                                    |
#                 |                      minus beta * distance from SFT (the leash)
#                 |                                    v
#                 +-- make y likelier, or less so <-- better than expected? (the advantage A)
# ```

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
from minialign.teach.measurements import six_pushes, tell_answers, tell_iteration, zero_critic
from minialign.world import judge_response, report_questions, sample_prompts

lesson = Lesson(__file__, __doc__)
rng, recipe = lesson.rng, lesson.recipe

# %% [markdown]
# ## 1. The simplest case: one question, five answers
# The policy $\pi$ gives each answer $y$ a probability, and the answer earns a score $r(y)$. What we want to raise is
# the mean score over the policy's own answers, $J = \mathbb{E}[r] = \sum_y \pi(y)\, r(y)$. In its gradient only $\pi$
# depends on the parameters: $\nabla J = \sum_y r(y)\, \nabla \pi(y)$. This is a sum over *all* answers, and we can only
# afford to sample some. To get a mean over samples, each term needs the factor $\pi(y)$. An identity supplies it:
# $\nabla \log \pi = \nabla \pi / \pi$, so $\nabla \pi = \pi\, \nabla \log \pi$. This is the **log-derivative trick**:
#
# $$\nabla J = \sum_y \pi(y)\, r(y)\, \nabla \log \pi(y) = \mathbb{E}[\, r(y)\, \nabla \log \pi(y)\,]$$
#
# Sample $y$, push $\log \pi(y)$ up in proportion to $r(y)$: that is REINFORCE. The score is never differentiated.
#
# It is right on average and terribly noisy. With scores around 10, *every* sampled answer is pushed up; only the
# differences teach. So subtract a **baseline** $b$, what was to be expected. It costs nothing, because the pushes
# average to zero: $\mathbb{E}[\nabla \log \pi] = \sum_y \pi \nabla \pi / \pi = \nabla \sum_y \pi = \nabla 1 = 0$.
# Hence, for any $b$ that does not depend on $y$,
#
# $$\nabla J = \mathbb{E}[\, (r(y) - b)\, \nabla \log \pi(y)\,]$$
#
# What is left, $A = r - b$, is called the **advantage**. By hand, for a softmax policy: lesson 1 has
# $\text{onehot} - \pi$ for $\nabla \log \pi$, and its mean weighted by $r$ is, for the logit of answer $y$,
# $\sum_a \pi(a)\, r(a)\, (\text{onehot}(a)_y - \pi(y)) = \pi(y)\, r(y) - \pi(y)\, \mathbb{E}[r]$. The mean score of the
# five answers below is 9.755. The third has probability 0.2 and score 11, so its logit is pushed by 0.2 times
# (11 - 9.755) = 0.249. The code prints it, and the share of the variance that is left.
# NOTE(instructor): if time is short, stop here: it is the whole idea; the rest is engineering.
# %%
lesson.section("1. One question, five answers")
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
lesson.number("push on the third logit", with_baseline[2], ".3f", exact=0.249, why="0.2 * (11 - 9.755)")

# %% [markdown]
# ## 2. The clip: six cases
# Sampling is expensive, so we want several steps from the same answers. After the first step, though, the policy $\pi$
# is no longer the policy $\pi_{old}$ that wrote them. Weighting each token by the **ratio** $\rho = \pi / \pi_{old}$
# repairs the mean: $\mathbb{E}_{old}[\rho A] = \sum \pi_{old} (\pi / \pi_{old}) A = \mathbb{E}_\pi[A]$. As
# $\nabla \rho = \rho \nabla \log \pi$, the push on $\log \pi$ is $A \rho$; at $\rho = 1$ that is exactly REINFORCE's.
#
# Far from $\rho = 1$ a few tokens with huge ratios decide everything. **PPO**, proximal policy optimisation, takes away
# the reason to go there. With $\epsilon$ (`eps`) = 0.2 the loss of a token is
#
# $$L = \max(-A \rho,\; -A\, \text{clip}(\rho, 1 - \epsilon, 1 + \epsilon))$$
#
# A good token ($A > 0$) that is over 20% likelier: the clipped term is the larger one and constant, so its gradient
# is 0. A good token that has become *less* likely: the unclipped term is larger, and the full gradient brings it back.
# For bad tokens it is the same, mirrored. Six cases, two without a gradient; the code prints all six pushes, at
# $\rho$ = 0.7, 1.1 and 1.3: $A \rho$, or 0 where the clipped term wins. (Token by token, as PPO uses it, $\rho$ leaves
# out the tokens before it, so it repairs the mean only nearly.)
#
# Misconception: "the clip holds the ratio within 1 +- eps". The clip only removes the reward for going further. Where
# going back would pay, the gradient is whole.
# %%
lesson.section("2. The clip")
lesson.show("ppo-clip")
pushes = six_pushes(policy_gradient.ppo_policy_loss)
print("   push on log pi     ratio below 0.8   between   above 1.2")
for advantage in (1.0, -1.0):
    row = [pushes[advantage, where] for where in ("below", "between", "above")]
    print("   advantage {:+.0f}       {:15.2f}{:10.2f}{:12.2f}".format(advantage, *row))
no_push = [case for case, push in pushes.items() if push == 0]
lesson.number("cases without a gradient", len(no_push), ".0f", exact=2, why="A > 0 above 1.2, A < 0 below 0.8")

# %% [markdown]
# ## 3. "Why is my KL negative?"
# Often asked (trl #925, #1005, #1161). The distance from the SFT model is
# $\text{KL} = \mathbb{E}_\pi[\log \pi - \log \text{ref}]$, in nats, never negative (lesson 3). But nobody can sum over
# all answers, so it is *estimated* from samples.
#
# * $k_1 = \log \pi - \log \text{ref}$ of one sample (`delta` in this code) has the right mean by definition. One
#   sample, or the mean of a small batch, can be negative all the same.
# * $k_3 = e^{-k_1} - 1 + k_1$ has the right mean too: $\mathbb{E}_\pi[e^{-k_1}] = \sum \pi\, \text{ref} / \pi = 1$, so
#   $\mathbb{E}[k_3] = 1 - 1 + \text{KL}$. And it is never negative: $e^{-k_1} \ge 1 - k_1$, as a curve bent upwards
#   lies above its tangent, here the one at 0.
#
# The code draws 16 answers at a time, and counts how often an estimate is below 0.
# %%
lesson.section("3. Why is my KL negative?")
lesson.show("kl-estimates")
ref = pi  # the policy of section 1 is the reference; the policy here has moved a little
pi = ref * np.exp(0.15 * rng.standard_normal(5))
pi /= pi.sum()
true_kl = float((pi * np.log(pi / ref)).sum())
drawn = rng.choice(5, size=(2000, 16), p=pi)
k1, _, k3 = (k.mean(1) for k in policy_gradient.kl_estimates(np.log(pi)[drawn], np.log(ref)[drawn]))
lesson.number("true KL, nats", true_kl, ".4f")
lesson.number("k1 below 0, share of batches", np.mean(k1 < 0), ".0%")
lesson.number("k3 below 0, share of batches", np.mean(k3 < 0), ".0%", exact=0, why="0")

# %% [markdown]
# ## 4. Credit to single tokens
# An answer is a row of tokens, and $\log \pi(y) = \sum_t \log \pi(y_t)$: each token is an action. Each earns a reward
# $R_t$: the leash, $-\beta (\log \pi - \log \text{ref})$, at every token, and the score on top of it at the last. $R_t$
# contains $\pi$, but is treated as a fixed number; the gradient left out, $-\beta\, \mathbb{E}[\nabla \log \pi]$, is 0
# by the baseline's argument.
#
# Let a second model, the **critic**, learn the **value** $V_t$: the sum of rewards still to come, as expected before
# token $t$ is written. It is a baseline that knows the text so far. One token's surprise is what came, plus what is
# expected next, minus what was expected before:
#
# $$\delta_t = R_t + \gamma V_{t+1} - V_t$$
#
# ($\gamma$, the discount of later rewards, is 1 throughout.) How far ahead should we look before we trust the critic?
# One step: $A^{(1)} = \delta_t$. Two steps:
# $A^{(2)} = \delta_t + \gamma \delta_{t+1} = R_t + \gamma R_{t+1} + \gamma^2 V_{t+2} - V_t$, for $V_{t+1}$ cancels. And
# so on; looking to the end gives all the rewards that really came, minus $V_t$ (nothing follows the last token: its
# $V_{t+1}$ is 0). **GAE** mixes all of them, giving the look over $n$ steps the weight $(1 - \lambda) \lambda^{n-1}$.
# The term $\gamma^k \delta_{t+k}$ appears in every look over $n > k$ steps; add their weights:
# $(1 - \lambda)(\lambda^k + \lambda^{k+1} + \ldots) = (1 - \lambda)\, \lambda^k / (1 - \lambda) = \lambda^k$. So
#
# $$A_t = \sum_k (\gamma \lambda)^k \delta_{t+k} = \delta_t + \gamma \lambda A_{t+1}$$
#
# The right-hand form is the loop in the code, run backwards. $\lambda = 0$ trusts the critic: little noise, but wrong
# as far as the critic is wrong. $\lambda = 1$ (in the limit) trusts only what came: right on average, and noisy. 0.95
# is usual; this run takes 1, for its critic sees few answers. By hand, for rewards (-0.1, -0.2, 1) and values (0.5,
# 0.6, 0.7): the surprises are 0, -0.1 and 0.3, and with $\lambda = 0.95$ the first advantage is 0 + 0.95 (-0.1) +
# 0.9025 (0.3) = 0.17575.
#
# The critic is fitted to the returns $G = A + V_{old}$, fixed numbers (with $\lambda = 1$ the rewards to come, summed),
# with half the mean of $(V - G)^2$, or of the same with $V$ clipped to $V_{old} \pm \epsilon_V$ (also 0.2) where that
# is larger. It starts as the reward model with a head of zeros: its first loss is half the mean squared return.
# %%
lesson.section("4. Credit to single tokens")
lesson.show("kl-penalized-reward")
lesson.show("gae")
three = np.array([[-0.1, -0.2, 1.0]]), np.array([[0.5, 0.6, 0.7]]), np.ones((1, 3))  # rewards, values, mask
for lam in (0.0, 0.95, 1.0):
    print(f"   lambda = {lam:<5g} advantages" + "".join(f"{A:9.5f}" for A in ppo.gae(*three, lam=lam)[0][0]))
first_advantage = ppo.gae(*three, lam=0.95)[0][0, 0]
lesson.number("lambda = 0.95: the first", first_advantage, ".5f", exact=0.17575, why="0 - 0.95 * 0.1 + 0.9025 * 0.3")
lesson.show("ppo-value")

# %% [markdown]
# ## 5. The loop
# The run prints what an **iteration** does. The advantages are shifted to mean 0, so the loss, $-\text{mean}(A)$
# at $\rho = 1$, is 0 whatever happens.
# %%
lesson.section("5. The loop")
lesson.predict(
    "One fault flips the sign of every advantage. Which curve shows it first?",
    ["the loss: it rises", "the score: it falls", "the clip fraction: it jumps"],
    1,
    "the loss is near 0 at every step, whatever the sign, and the clip cuts as many tokens as before.",
)
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


value_loss, half_square = zero_critic(policy, reference, critic, score, training[:16], settings, rng)
before, score_before = ask(sft)
S = settings
lesson.say(
    f"One iteration: {S.rollouts} answers from pi_old, the current policy, are scored; R_t with beta = {S.kl_coef:g} "
    "(a score's deviation is 1); A_t by GAE; G = A + V_old; A is whitened to mean 0, deviation 1. Then "
    f"{S.epochs} passes in minibatches of {S.minibatch_size}: a step of AdamW on L (lr {S.lr:g}, falling to 0), one on "
    f"the critic's loss (lr {S.critic_lr:g}). AdamW divides each gradient by its usual size, so what counts is lr. "
    f"{S.iterations} iterations here, {recipe.ppo.iterations} in the journey."
)
history = ppo.train_ppo(policy, reference, critic, score, training, settings, rng, callback=tell_iteration)
lesson.say("KL (k1) and k3 have equal means; but one token that is now far less likely makes k3 large and k1 negative.")
after, score_after = ask(policy)

# %% [markdown]
# ## 6. The numbers
# %%
lesson.section("6. The numbers")
lesson.say("Above, each row is of 128 new training questions, so the score jumps; below, of 321 unseen questions.")
lesson.say("Score 0 is the SFT model's mean on a third set.")
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
# ## 7. What was seen
# %%
lesson.section("7. What was seen")
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

# %% [markdown]
# ## What the field calls it, and what goes wrong
# The answers of one round are a *rollout*; $\pi$ is the *policy* or *actor*, ref the *reference model*, the leash the
# *KL penalty* and $\beta$ its coefficient (`kl_coef`). The clipped loss is a *surrogate objective*.
#
# Most failures are silent. The ratio is not 1 at the first step: the log-probabilities were computed in two ways
# (temperature, padding, precision). The KL does not start at 0: the reference is not the SFT model. The score rises and
# the answers get worse: the reward model is being fooled, which is lesson 7. Watch the score, the KL, the clip fraction
# (the share of tokens held back) and, above all, the answers.
#
# ## In TRL today
# As of September 2026, TRL has no PPO (lesson 12 says since when). `GRPOTrainer` and `RLOOTrainer` keep the clip and
# the leash and drop the critic. PPO with a critic lives on in OpenRLHF and verl.
#
# ## Further reading
# * Sutton and Barto, *Reinforcement Learning*, 2nd edition, 2018, chapter 13: policy gradients, REINFORCE, the
#   baseline.
# * Williams, *Simple Statistical Gradient-Following Algorithms*, 1992: REINFORCE.
# * Schulman et al., *High-Dimensional Continuous Control Using Generalized Advantage Estimation*, 2016 (arXiv
#   1506.02438), section 3.
# * Schulman et al., *Proximal Policy Optimization Algorithms*, 2017 (arXiv 1707.06347), section 3: the clip.
# * Ziegler et al., *Fine-Tuning Language Models from Human Preferences*, 2019 (arXiv 1909.08593), section 2: the leash.
# * Schulman, *Approximating KL Divergence*, 2020 (a blog post): k1, k2, k3.
