# %% [markdown]
"""Lesson 13 - GRPO: what if the rivals are the yardstick?

QUESTION   PPO keeps a second model to guess what an answer should have earned. Can the other answers say that?
NEEDS      the reward model and PPO (made once if they are missing)
TIME       about 80 s; --fast about 50 s
EQUATION   G answers to one question, with scores r; the advantage of answer i, for all of its tokens:
           A_i = (r_i - mean of the group) / (std of the group)                         [eq: group-advantages]
           loss = max(-A rho, -A clip(rho, 1 - eps, 1 + eps)) + beta k3, averaged over the tokens of each answer,
           then over answers                                                            [eq: grpo]
WATCH      1. in a group the advantages add up to 0, and a group whose scores agree teaches nothing, exactly
           2. of two answers only the order is left: their advantages are +0.71 and -0.71, whatever the scores
           3. compared with its rivals alone, an answer gives exactly the right gradient on average, with less noise
           4. divided by the standard deviation, the average gradient is wrong: GRPO gives nearly solved questions too
              much weight (and nearly hopeless ones, for right and wrong play the same part)
           5. before its first step every ratio is 1, and it holds three models where PPO holds four
           6. the answers are worth more than those of the SFT model
           7. on a verifier in place of the reward model, known facts are answered right more often
           8. and "i do not know" about made-up names becomes rare: it never earns anything
BREAK IT   --break mixed   the mean is taken over all questions, not over the group -> 1, 2
           --break itself  an answer is one of its own rivals -> 3
           --break sign    the better answer loses -> 6, 7
EXERCISES  (2 min, run) --break itself: the pushes of section 2 are a third too small. Why would a training with such
           pushes end nearly the same (what does AdamW make of a smaller gradient)? And why does the training of
           section 3 not change at all?
           (5 min, change) in section 3 give train_grpo replace(recipe.grpo, group_size=2, prompts=64) in place of
           recipe.grpo: as many answers, in smaller groups. What becomes of its last score, and of the share of groups
           that agree?
           (15 min, think) all answers to a question are wrong. What does a critic learn there, and what do rivals?
           (20 min, curve) group_size 2, 4 and 8 with as many answers in all: plot objective/scores of the History that
           train_grpo returns, and print the mean of its objective/equal_groups
           (write) minialign check 13
           (3 min, answer) minialign quiz 13
"""

# %% [markdown]
# A marathon is run in the heat, and somebody finishes in three hours. Was that good? One way to know is an expert who
# has studied the course and the weather, and predicts a time for everybody. That expert is PPO's critic: a whole second
# model, which must be trained, and is wrong at first. The other way is to look at the others in the same race. If most
# of them took four hours, it was good.
#
# **GRPO**, group relative policy optimisation, asks each question several times and measures the answers against each
# other. There is no critic, no value loss, no GAE. What remains is a reward, a clip and a leash, from lessons 5 to 7.
#
# ```text
# PPO      question --> one answer    --> score - what the critic expected     --> push each token
# GRPO     question --> G answers     --> score - what the rivals have earned  --> push each token
# ```

# %%
import minialign  # isort: skip  # noqa: F401  first: it asks BLAS for one thread, and makes training steps faster

from dataclasses import replace
from itertools import product

import numpy as np

from minialign import grpo
from minialign.checkpoint import frozen_copy, trainable_copy
from minialign.evaluate import answer, sampled_kl
from minialign.figures import lab_plots
from minialign.lab import rlvr
from minialign.lab.instruments import costs, verifier
from minialign.teach.lesson import Lesson
from minialign.teach.measurements import tell_answers
from minialign.world import judge_response, report_questions

lesson = Lesson(__file__, __doc__)
rng, recipe, journey = lesson.rng, lesson.recipe, lesson.journey
FAULTS = {
    "mixed": ("group_advantages", "A = c - c.mean(axis=1, keepdims=True)", "A = c - c.mean()"),
    "itself": ("leave_one_out", "(c.shape[1] / (c.shape[1] - 1))", "1.0"),
    "sign": ("grpo_loss", "ratio * -A, clip(ratio, 1 - cliprange, 1 + high) * -A",
             "ratio * A, clip(ratio, 1 - cliprange, 1 + high) * A"),
}  # fmt: skip
if lesson.fault:
    lesson.inject_fault(grpo, *FAULTS[lesson.fault])

# %% [markdown]
# ## 1. A group, by hand
# Lesson 6 pushed the log-probability of an answer by what it had earned, minus a baseline. Any baseline $b$ that does
# not depend on the answer leaves the average push where it was, because probabilities sum to 1:
#
# $$\mathbb{E}[b\, \nabla \log \pi(y)] = b \sum_y \pi(y) \nabla \log \pi(y) = b\, \nabla \sum_y \pi(y) = 0$$
#
# The best guess of what an answer to *this* question earns is a mean over answers to this question. So draw $G$ of them
# from the policy, score them, and take their mean for $b$. Then divide by their standard deviation, so that a reward
# model that speaks in hundreds and a program that checks answers and says 0 or 1 push alike:
#
# $$A_i = \frac{r_i - \text{mean}(r_1 \ldots r_G)}{\text{std}(r_1 \ldots r_G)}$$
#
# (In training a small eps is added to the deviation, so that nothing is divided by 0. One answer alone, $G = 1$, has no
# rival.) Every token of answer $i$ gets the same $A_i$: nobody says which of its words was the good one. That is what a
# critic could do, and what is given up here.
#
# By hand: four answers score 1, 2, 3 and 6. Their mean is 3, so they are worth -2, -1, 0 and +3; the squares add up to
# 14, the deviation (dividing by $G - 1 = 3$) is 2.1602, and the best answer gets $A = 3 / 2.1602 = 1.3887$.
#
# The advantages of a group add up to 0: some answers are pushed up and others down. If all scores are equal, all
# advantages are 0, and the question teaches nothing. Two answers a distance $d$ apart are $\pm d / 2$ from their mean,
# with the deviation $\sqrt{2 (d / 2)^2 / 1} = d / \sqrt{2}$: one gets $1 / \sqrt{2} = 0.7071$, the other minus that.
# NOTE(instructor): let them do the four answers on paper before the cell runs, and then 1, 1, 1, 6: one hero, three
# who lose a little each. Ask what happens to a question that all get right.
# %%
lesson.section("1. A group of four")
lesson.show("group-advantages")
group = np.array([[1.0, 2.0, 3.0, 6.0], [5.0, 5.0, 5.0, 5.0]])
advantages = grpo.group_advantages(group, eps=0.0)
print("   scores            " + "".join(f"{score:9.2f}" for score in group[0]))
print("   advantages        " + "".join(f"{a:9.4f}" for a in advantages[0]))
print("   r - mean of others" + "".join(f"{a:9.4f}" for a in grpo.leave_one_out(group)[0]))
drawn = rng.standard_normal((50, 2)) * 10
pairs = grpo.group_advantages(drawn, eps=0.0)
lesson.number("best of 1, 2, 3, 6, by hand", advantages[0, 3], ".4f", exact=1.3887, within=5e-5, why="3 / 2.1602")
lesson.number("advantages of a group, sum", np.abs(advantages.sum(1)).max(), ".1e", exact=0, within=1e-12, why="0")
lesson.number("of two answers: the winner's", pairs.max(1).mean(), ".4f", exact=0.5**0.5, why="0.7071 = 1 / sqrt(2)")

# %% [markdown]
# ## 2. Is that fair?
# A baseline must not depend on the answer it is subtracted from, and the group's mean does: the answer is in it. Leave
# it out and compare it with its $G - 1$ rivals alone (this is RLOO, *leave one out*). With $S$ the sum of all scores:
#
# $$r_i - \frac{S - r_i}{G - 1} = \frac{G r_i - S}{G - 1} = \frac{G}{G - 1}\, (r_i - \text{mean}(r_1 \ldots r_G))$$
#
# It is the same advantage up to a constant factor, so the group's mean is not wrong, only $(G - 1) / G$ as strong. The
# code lists all groups of three answers in a world of three answers, weights each by its probability, and compares
# the average push with the true gradient of the expected reward.
#
# Now the deviation. Let a question be answered correctly with probability $p = \sigma(z)$. Score 1 if right, 0 if
# wrong: the expected score is $p$, and its true gradient along the log-odds $z$ is $dp / dz = p (1 - p)$, 0.25 at
# $p = 0.5$ and 0.0099 at $p = 0.99$, 25 times less. An answer moves $z$ by $A$ times the slope of its log-probability,
# $1 - p$ if it is right and $-p$ if it is wrong (`right - p` in the code). In a group of $G$ with $k$ errors a right
# answer is $k / G$ above the mean, a wrong one $(G - k) / G$ below. The sum of the squares is
#
# $$(G - k) \left( \frac{k}{G} \right)^2 + k \left( \frac{G - k}{G} \right)^2 = \frac{k (G - k)}{G}$$
#
# so $\text{std} = \sqrt{k (G - k) / (G (G - 1))}$. The advantages add up to 0, so $p$ drops out of the sum, and what is
# left are the $G - k$ right answers, each with $A = k / (G\, \text{std})$. So the group pulls with
#
# $$\frac{1}{G} \sum_i A_i\, (\text{right}_i - p) = \frac{\sqrt{k (G - k)}\, \sqrt{G (G - 1)}}{G^2}$$
#
# Averaged over all groups of eight, $p = 0.5$ pulls 18 times as hard as $p = 0.99$, and not 25 times. Most groups of
# the nearly solved question are all right and teach nothing, but a single error counts enormously. (So does a single
# success at $p = 0.01$.) *Dr. GRPO* ("done right") leaves the deviation out.
# %%
lesson.section("2. Is that fair?")
pi, rewards = np.array([0.5, 0.3, 0.2]), np.array([3.0, 4.0, 6.0])
groups = np.array(list(product(range(3), repeat=3)))  # (27, G)
chance, slopes = pi[groups].prod(1), np.eye(3)[groups] - pi  # (27,); of log pi of each answer, (27, G, 3)


def push(A):
    """The mean over all groups of the mean of A_i grad log pi(y_i), and its variance."""
    each = (A[:, :, None] * slopes).mean(1)  # (27, 3)
    mean = chance @ each
    return mean, chance @ ((each - mean) ** 2).sum(1)


true = pi * (rewards - pi @ rewards)
rivals, quiet = push(grpo.leave_one_out(rewards[groups]))
_, loud = push(rewards[groups])
apart = np.abs(rivals - true).max()


def pull(p, scale, G=8):
    """How hard a question that is answered correctly with probability p pulls along its log-odds."""
    right = np.array(list(product([0.0, 1.0], repeat=G)))
    A = grpo.group_advantages(right, scale, eps=0.0)
    return np.where(right == 1, p, 1 - p).prod(1) @ (A * (right - p)).mean(1)


fair, leaning = (pull(0.5, scale) / pull(0.99, scale) for scale in ("none", "group"))
lesson.number("push by rivals - true gradient", apart, ".1e", exact=0, within=1e-12, why="0")
lesson.number("its variance, over that of r alone", quiet / loud, ".2f")
lesson.number("pull at p = 0.5, over that at 0.99", fair, ".1f", exact=25.2525, within=1e-3, why="0.25 / 0.0099")
lesson.number("the same, divided by the deviation", leaning, ".1f", exact=17.9619, within=1e-3, why="all 256 groups")

# %% [markdown]
# ## 3. The same reward model, without a critic
# Let $\rho$ be the ratio of new to old probability of each token (`importance="token"`), and $k_3$ the estimate of the
# KL of lesson 6. The loss is the mean over the tokens $t$ of each answer, then over answers $i$:
#
# $$L = \text{mean}_i\, \text{mean}_t[\max(-A_i \rho, -A_i \text{clip}(\rho, 1 - \epsilon, 1 + \epsilon)) + \beta k_3]$$
#
# In PPO the leash was part of the reward. Here it is a term of the loss, and the optimum is not exactly the $\pi^*$ of
# lesson 7. The mean of $k_3$ is right, but the loss does not differentiate through the draw, so the mean of the
# gradient is not the gradient of the mean. As $k_3 = \text{ref} / \pi - 1 - \log (\text{ref} / \pi)$ and
# $\nabla (\text{ref} / \pi) = -(\text{ref} / \pi) \nabla \log \pi$,
# $\nabla k_3 = (1 - \text{ref} / \pi) \nabla \log \pi$. In the mean under $\pi$ the 1 drops out like any baseline, and
# $-\sum \text{ref}\, \nabla \log \pi$ is left: the gradient of $\text{KL}(\text{ref} \| \pi)$, and not of
# $\text{KL}(\pi \| \text{ref})$. The mean over each answer's tokens has a price too: a long wrong answer is punished
# less per token than a short one. *DAPO* averages over all tokens of a batch instead (`average="token"`).
#
# The SFT model's gold is that of lesson 6, from the same draws. PPO is the journey's, with all its iterations; GRPO is
# trained anew, and its *score* is that of training questions.
# %%
lesson.section("3. GRPO on the reward model")
lesson.show("grpo")
lesson.need("reward", "ppo")
sft, limit = journey.model("sft"), recipe.max_new_tokens
policy = trainable_copy(sft)
questions = journey.world.prompts(rng, 2000, "train", journey.recipe.mix)
lesson.say(
    "In these lines B is the number of answers, m the mask of their tokens (real: the same, as true and false), n the "
    "tokens of each answer, high the eps above the ratio 1, and m / total the weights of the means."
)
r = recipe.grpo
many, as_many = r.iterations * r.prompts * r.group_size, recipe.ppo.iterations * recipe.ppo.rollouts
lesson.say(f"{r.prompts} questions an iteration, {r.group_size} answers to each: {many} answers in all.")
lesson.say(f"PPO learned from {as_many} answers, each to a question drawn anew.")
history = grpo.train_grpo(policy, frozen_copy(sft), journey.scorer(), questions, recipe.grpo, rng)
said = {
    name: answer(model, report_questions(), judge_response, 1.0, np.random.default_rng(lesson.seed), limit)
    for name, model in {"SFT": sft, "PPO": journey.model("ppo"), "GRPO": policy}.items()
}
first, models = history["policy/first_ratio_error"][0], [costs.cost(journey, name).models for name in ("ppo", "grpo")]
gold = {name: answers.gold.mean() for name, answers in said.items()}
lesson.number("first ratio - 1", first, ".1e")
lesson.number("groups that agree, share", history["objective/equal_groups"].mean(), ".2f")
lesson.number("score of GRPO, last", history.last("objective/scores", 3), ".2f")
lesson.number("distance from the SFT model, nats", sampled_kl(policy, sft, said["GRPO"]), ".2f")
for name, value in gold.items():
    lesson.number(f"gold of {name}", value, "+.2f")
tell_answers({"SFT": sft, "PPO": journey.model("ppo"), "GRPO": policy}, limit)

# %% [markdown]
# ## 4. No reward model either: right answers can be checked
# A known fact has a right answer, so a few lines of code, a **verifier**, can score it: 1 for the truth, 0 for all
# else, "i do not know" (idk in the table) included. Nobody has to vote, and there is no model whose tastes could be
# flattered. This is how models are taught mathematics and programming today. But look at what the score says of "i do
# not know", and of questions on which it says nothing: held-out facts, obscure things, made-up names. (The pretraining
# texts contained held-out facts, and obscure ones more rarely. If more come out right, the policy has learned no fact
# from the verifier: it says what it knew.)
# %%
lesson.section("4. GRPO on a verifier")
lesson.predict(
    "A verifier pays 1 for a right answer to a known fact and 0 for anything else. What becomes of questions about "
    "names that mean nothing, which it never checks?",
    ["nothing: it is silent there", "more honest: truth has been rewarded", "the model guesses, and is sure of it"],
    2,
    'a guess sometimes earns something, "i do not know" never does: so the model unlearns to say it, everywhere.',
)
config = replace(rlvr.VERIFIED, iterations=12 if lesson.fast else 24)
truthful, curve = verifier.train_policy(journey, verifier.exact, config)
facts = {name: {place: rlvr.said(journey, model, rlvr.questions(place)) for place in rlvr.PLACES}
         for name, model in {"SFT": sft, "verified": truthful}.items()}  # fmt: skip
print(f"   {'':<9}known facts         held-out facts      obscure             made-up names")
print(f"   {'':<9}" + "right wrong  idk    " * 3 + "right wrong  idk")
for name, places in facts.items():
    print(f"   {name:<9}" + "    ".join(f"{x.right:5.0%}{x.wrong:6.0%}{x.idk:5.0%}" for x in places.values()))
print("   (what is missing from 100% says something else)")
lesson.number("right of known facts, SFT", facts["SFT"]["trained"].right, ".2f")
lesson.number("right of known facts, verified", facts["verified"]["trained"].right, ".2f")
lesson.number("idk of made-up names, SFT", facts["SFT"]["fictional"].idk, ".2f")
lesson.number("idk of made-up names, verified", facts["verified"]["fictional"].idk, ".2f")
lesson.reveal()

# %% [markdown]
# ## 5. What was seen
# Misconception: "a reward that cannot be fooled makes a model truthful". It makes the model answer correctly what is
# checked, and asks for nothing else.
# %%
lesson.section("5. What was seen")
equal = np.abs(advantages[1]).max() == 0
lesson.claim(1, np.abs(advantages.sum(1)).max() < 1e-12 and equal)
lesson.claim(2, np.allclose(pairs, np.sign(drawn - drawn[:, ::-1]) * 0.5**0.5, atol=1e-6))
lesson.claim(3, apart < 1e-12 and quiet < loud / 2, f"variance {loud:.1f} -> {quiet:.2f}")
lesson.claim(4, leaning < fair - 1, f"1 to {leaning:.0f} instead of 1 to {fair:.0f}")
lesson.claim(5, first < 1e-3 and models == [4, 3], f"ratio off by {first:.0e}")
lesson.claim(6, gold["GRPO"] > gold["SFT"], f"{gold['SFT']:.2f} -> {gold['GRPO']:.2f}; PPO {gold['PPO']:.2f}")
right = [places["trained"].right for places in facts.values()]
idk = [places["fictional"].idk for places in facts.values()]
lesson.claim(7, right[1] > right[0], "{:.0%} -> {:.0%}".format(*right))
lesson.claim(8, idk[1] < min(idk[0] / 2, 0.1), "{:.0%} -> {:.0%}".format(*idk))
told = {f"{words},\n{name}": (x.right, x.wrong, x.idk)
        for words, place in (("known facts", "trained"), ("made-up names", "fictional"))
        for name, x in ((name, facts[name][place]) for name in facts)}  # fmt: skip
lesson.picture("rivals", *lab_plots.rivals(group[0], advantages[0], curve, told))
lesson.finish()

# %% [markdown]
# ## What the field calls it, and what goes wrong
# Learning from a verifier's reward is *RLVR*; that the deviation favours the nearly solved and the nearly hopeless is
# *question-level difficulty bias*; a clip that lets ratios grow further than it lets them fall is *clip-higher*. What
# goes wrong in practice: groups that all agree waste most of a batch; a reward without spread is divided by nearly
# nothing, which is why libraries add a small constant; the advantages of one question are handed to another's answers;
# the KL is counted in the reward and in the loss. And a verifier is code, and has holes: `minialign lab rlvr` trains on
# one that only looks for the word, and shows the answers that this one gets.
#
# ## In TRL today
# As of September 2026: `GRPOTrainer`, and `RLOOTrainer` for the mean of the others; PPO is gone. `num_generations` is
# $G$, `scale_rewards` says by which deviation to divide, `loss_type` which average to take, `epsilon_high` lifts the
# clip, `importance_sampling_level="sequence"` gives GSPO (one ratio for a whole answer).
#
# ## Further reading
# * Shao et al., *DeepSeekMath*, 2024 (arXiv 2402.03300): GRPO.
# * Ahmadian et al., *Back to Basics: Revisiting REINFORCE Style Optimization*, 2024 (arXiv 2402.14740): RLOO.
# * Liu et al., *Understanding R1-Zero-Like Training*, 2025 (arXiv 2503.20783): Dr. GRPO, both biases.
# * Yu et al., *DAPO*, 2025 (arXiv 2503.14476).
# * Kalai et al., *Why Language Models Hallucinate*, 2025 (arXiv 2509.04664): 0 points for "I do not
#   know" teach guessing.
