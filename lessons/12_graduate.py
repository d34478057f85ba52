# %% [markdown]
"""Lesson 12 - Graduating: is what you learned here what the real tools do?

QUESTION   A toy in NumPy, a factory in PyTorch: same weights, same texts. Do they find the same numbers?
NEEDS      nothing; if PyTorch is installed it computes its numbers now, else they are read from 12_graduate.json
TIME       about 2 s; --fast the same
EQUATION   the losses of this course, here and in PyTorch; DPO's: - log sigma(h)        [eq: dpo-loss]
           GRPO, without a critic:  A_i = (r_i - mean r) / (std r + eps)                [eq: group-advantages]
WATCH      1. SFT: the same loss, to 1e-5
           2. reward model: the same loss, to 1e-5
           3. PPO: the same losses of policy and critic, to 1e-5
           4. DPO: the same loss, to 1e-5
           5. of the gradients the norm: that of DPO's gradient over all parameters of the model
           6. the weights survive the conversion to Hugging Face's names and back, to the last bit
           7. GRPO's advantages of one group are its scores, whitened: they have mean 0 and standard deviation 1
BREAK IT   --break transposed   one square matrix is loaded transposed: the shapes agree -> 1, 2, 3, 4, 5, 6
           --break average      DPO takes the mean over tokens instead of the sum -> 4, 5
EXERCISES  (2 min, run) --break transposed: no error, no warning. What would you have noticed, and when?
           (5 min, read) the 20 lines of gpt2() in this lesson beside model.py: which line is where?
           (30 min, curve) GRPO with your own reward model, and no critic (train_grpo, as in section 3 of lesson 13):
           plot its scores beside those of PPO
           (3 min, answer) minialign quiz 12
"""

# %% [markdown]
# Whoever has learned to drive in a small car can drive a lorry the next day, after an hour of looking for the switches.
# What was learned is not the switches. But nobody should take that on trust: one sits in the lorry with a teacher, and
# sees whether it goes where one steers. This lesson is that hour. The same weights, the same texts, the same five
# losses, once in minialign and once in PyTorch. If the numbers agree to five digits and more, then what you have read
# in this course is what the real tools compute, and not a simplified version of it.
#
# ```text
#                    one set of weights, one batch of texts
#                         |                       |
#                    minialign                 PyTorch
#           autograd.py, model.py, dpo.py    torch.autograd, F.*, by Hugging Face's names
#                         |                       |
#               SFT, reward model, PPO, DPO, and a gradient: six numbers each
#                         `-------- differ by ----'
# ```

# %%
import minialign  # isort: skip  # noqa: F401  first: it asks BLAS for one thread, and makes training steps faster

import json
import math
from pathlib import Path

import numpy as np

from minialign import dpo, grpo, policy_gradient, ppo, reward, sft
from minialign.checkpoint import atomically
from minialign.figures import lesson_plots
from minialign.interop import from_hugging_face, to_hugging_face
from minialign.likelihood import token_log_probs_of
from minialign.model import LanguageModel, ModelConfig
from minialign.runs.contents import load_model, load_run
from minialign.runs.errors import Problem
from minialign.runs.folder import newest_run
from minialign.teach.lesson import Lesson

lesson = Lesson(__file__, __doc__, store="write what PyTorch says to 12_graduate.json (needs PyTorch)")
kept = Path(__file__).with_suffix(".json")
try:
    import torch
    import torch.nn.functional as F
except ImportError:
    torch = None

# %% [markdown]
# ## 1. One set of weights, one batch, for both
# A GPT-2 of two layers with random weights: what is compared is arithmetic, not wisdom. float64, so that rounding is no
# excuse.
#
# Why would a comparison of six numbers prove anything? Because each of them depends on every matrix, on every token up
# to the end of an answer, and on the whole mask. A transposed matrix, a mask shifted by one, a mean in place of a sum,
# another epsilon in the layer norm: each would change a digit long before the fifth. And the gradient's norm depends on
# every line of the backward pass.
# %%
lesson.section("1. The same weights, the same batch")
rng = np.random.default_rng(12)  # the same whatever the seed: PyTorch's words are kept for this batch
config = ModelConfig(31, 24, n_layer=2, n_head=2, d_model=16, positions="learned", tied=True, dtype="float64")
original = LanguageModel(config, rng)
for parameter in original.parameters():
    parameter.data = parameter.data + 0.1 * rng.standard_normal(parameter.shape)
names, weights = to_hugging_face(original)
ids, lengths = rng.integers(4, 31, size=(8, 20)), rng.integers(12, 21, size=8)
place = np.arange(1, 20)
mask = ((place >= 6) & (place < lengths[:, None])).astype(float)  # an answer behind a question of six tokens
v, advantages = rng.standard_normal(16) / 4, rng.standard_normal(mask.shape)
old, old_values = -3.5 + 0.5 * rng.standard_normal(mask.shape), 0.5 * rng.standard_normal(mask.shape)
if lesson.fault == "transposed":
    weights = weights | {"h.0.attn.c_proj.weight": weights["h.0.attn.c_proj.weight"].T}
model = from_hugging_face(names, weights)
both = zip(original.parameters(), model.parameters(), strict=True)
intact = all(np.array_equal(before.data, after.data) for before, after in both)
print(f"   {len(weights)} arrays by Hugging Face's names, for instance {sorted(weights)[2]}")

# %% [markdown]
# ## 2. Our numbers
# The first four answers are the chosen ones, the last four the rejected ones; what the old policy and the old critic
# said is made up. For DPO, for instance, the loss is again $-\log \sigma(h)$, with the $h$ of lesson 8:
#
# $$h = \beta \left[ \log \frac{\pi(y_w)}{\text{ref}(y_w)} - \log \frac{\pi(y_l)}{\text{ref}(y_l)} \right]$$
# %%
lesson.section("2. minialign")
lesson.show("dpo-loss")


def ours():
    logprobs = token_log_probs_of(model, ids)
    values = model.trunk(ids[:, :-1]) @ v
    scores = (values * mask).sum(1) / mask.sum(1)
    summed = (logprobs * mask).sum(1) * (1 / mask.sum(1) if lesson.fault == "average" else 1)
    ref = (old * mask).sum(1)
    found = {
        "SFT": sft.sft_loss(logprobs, mask)[0],
        "reward model": reward.bradley_terry_loss(scores[:4], scores[4:])[0],
        "PPO, policy": policy_gradient.ppo_policy_loss(logprobs, old, advantages, mask)[0],
        "PPO, critic": ppo.ppo_value_loss(values, old_values, advantages, mask)[0],  # as returns: any numbers will do
        "DPO": dpo.dpo_loss(summed[:4], summed[4:], ref[:4], ref[4:], beta=0.1)[0],
    }
    found["DPO"].backward()
    norm = math.sqrt(sum(float((p.grad**2).sum()) for p in model.parameters()))
    return {name: loss.item() for name, loss in found.items()} | {"DPO, gradient": norm}


# %% [markdown]
# ## The same in PyTorch
# Read this cell beside `model.py` and `dpo.py`. Nearly every line has a twin. What PyTorch spares you is
# `functional.py`, the derivatives by hand; what it costs you is that you no longer see them.
# NOTE(instructor): project this cell beside model.py and dpo.py, and let the class find the pairs of lines.
# %%
def gpt2(w, ids):
    """Hidden states and log-probabilities of GPT-2, by Hugging Face's names."""
    B, T = ids.shape
    C, H = config.d_model, config.n_head

    def linear(x, name):
        return x @ w[f"{name}.weight"] + w[f"{name}.bias"]

    def norm(x, name):
        return F.layer_norm(x, (C,), w[f"{name}.weight"], w[f"{name}.bias"])

    x = w["wte.weight"][ids] + w["wpe.weight"][:T]
    for layer in range(config.n_layer):
        block = f"h.{layer}"
        q, k, v = linear(norm(x, f"{block}.ln_1"), f"{block}.attn.c_attn").split(C, dim=2)
        q, k, v = (z.view(B, T, H, C // H).transpose(1, 2) for z in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, C)
        x = x + linear(y, f"{block}.attn.c_proj")
        up = linear(norm(x, f"{block}.ln_2"), f"{block}.mlp.c_fc")
        x = x + linear(F.gelu(up, approximate="tanh"), f"{block}.mlp.c_proj")
    hidden = norm(x, "ln_f")
    return hidden, F.log_softmax(hidden @ w["wte.weight"].T, -1)


def theirs():
    w = {name: torch.tensor(array, requires_grad=True) for name, array in to_hugging_face(original)[1].items()}
    tokens, m, A, old_pi, old_v = (torch.tensor(array) for array in (ids, mask, advantages, old, old_values))
    hidden, everything = gpt2(w, tokens[:, :-1])
    logprobs = everything.gather(-1, tokens[:, 1:, None])[..., 0]
    values = hidden @ torch.tensor(v)
    scores, summed, ref = (values * m).sum(1) / m.sum(1), (logprobs * m).sum(1), (old_pi * m).sum(1)
    ratio, near = (logprobs - old_pi).exp(), torch.clamp(values, old_v - 0.2, old_v + 0.2)
    found = {
        "SFT": F.cross_entropy(everything.transpose(1, 2), torch.where(m > 0, tokens[:, 1:], -100), ignore_index=-100),
        "reward model": -F.logsigmoid(scores[:4] - scores[4:]).mean(),
        "PPO, policy": (torch.max(-A * ratio, -A * ratio.clamp(0.8, 1.2)) * m).sum() / m.sum(),
        "PPO, critic": 0.5 * (torch.max((values - A) ** 2, (near - A) ** 2) * m).sum() / m.sum(),
        "DPO": -F.logsigmoid(0.1 * ((summed - ref)[:4] - (summed - ref)[4:])).mean(),
    }
    found["DPO"].backward()
    norm = math.sqrt(sum(float((p.grad**2).sum()) for p in w.values() if p.grad is not None))
    return {name: loss.item() for name, loss in found.items()} | {"DPO, gradient": norm}


if lesson.switches["store"]:
    text = json.dumps({"by": f"PyTorch {torch.__version__}", "numbers": theirs()}, indent=1)
    atomically(kept, lambda file: file.write((text + "\n").encode()))
stored = json.loads(kept.read_text(encoding="utf-8"))
there, by = (theirs(), f"PyTorch {torch.__version__}") if torch else (stored["numbers"], f"{stored['by']} (stored)")
here = ours()

# %% [markdown]
# ## 3. Side by side, and GRPO: PPO without its critic
# One algorithm is missing so far, and it is the one that you will meet first in a real tool. PPO's critic is a second
# large model, to be trained, stored and mistrusted. It has one purpose, to say what was to be expected. **GRPO**
# (group relative policy optimisation) asks somebody else: *the other answers to the same question*. Let the policy
# answer each question $G$ times, with scores $r_1, \ldots, r_G$.
#
# Lesson 6 says that a baseline may be anything that does not depend on the answer it is subtracted from. The mean of
# the *other* scores is such a thing. With $\bar{r}$ for the mean of all, "better than the others" is
#
# $$r_i - \text{mean of the others} = \frac{G}{G - 1} (r_i - \bar{r})$$
#
# (lesson 13 derives it): "better than the mean of all", but for a constant factor. This is the advantage of **RLOO**
# (leave one out), and its gradient is right on average. GRPO goes one step further and divides by the group's own
# standard deviation, plus a tiny $\epsilon$ (not the 0.2 of the clip), so that equal scores give 0 and not 0/0:
#
# $$A_i = \frac{r_i - \bar{r}}{\text{std}(r) + \epsilon}$$
#
# Now questions whose scores lie far apart and questions whose scores lie close together push alike. There is a price: a
# question on which all answers are nearly equal has its tiny differences blown up, and one on which they are exactly
# equal teaches nothing, $A = 0$. Every token of an answer gets the answer's $A_i$; there is no $\lambda$, for there is
# no $V_t$ to look ahead with. The ratio, the clip and the leash are those of lesson 6, except that the leash is usually
# a $k_3$ in the loss.
#
# By hand: four answers with scores 1, 2, 3 and 6. The mean is 3, the differences from it are -2, -1, 0, 3; their
# squares sum to 14, and divided by $G - 1 = 3$ that gives $\text{std} = \sqrt{14 / 3}$ = 2.160. So $A$ = -0.926,
# -0.463, 0, 1.389. RLOO multiplies the differences by 4/3 instead. The code prints both; lesson 13 compares them, and
# trains with GRPO's.
# %%
lesson.section(f"3. minialign beside {by}")
for name, value in here.items():
    print(f"   {name:<16}{value:16.10f}{there[name]:16.10f}")
apart = {name: abs(value - there[name]) for name, value in here.items()}
lesson.number("largest difference", max(apart.values()), ".1e", exact=0, within=1e-5, why="0")

lesson.show("group-advantages")
group = np.array([[1.0, 2.0, 3.0, 6.0]])  # the scores of four answers to one question
by_hand, rloo = grpo.group_advantages(group)[0], grpo.leave_one_out(group)[0]
print("\n   four answers, scores  " + "".join(f"{x:8.3f}" for x in group[0]))
print("   GRPO's advantages     " + "".join(f"{x:8.3f}" for x in by_hand) + "   (score - mean) / deviation")
print("   RLOO's advantages     " + "".join(f"{x:8.3f}" for x in rloo) + "   score - mean of the others")
lesson.number("GRPO, the first of four by hand", by_hand[0], exact=-0.926, within=5e-4, why="(1 - 3) / 2.160")

# %% [markdown]
# ## 4. Your own run
# So far the weights were random. If you have made a run (`minialign tour --fast`), here is your own DPO model: under
# Hugging Face's names, and back. The logits must be the same, to the last bit. Then take it with you: `minialign
# export` writes your models, your votes and your hyperparameters for transformers and TRL, with scripts that go on from
# there, and `minialign import` brings back what they have trained.
# %%
lesson.section("4. Your own run")
runs = lesson.journey.folder.parent
try:
    mine = newest_run(runs)
    policy = load_model(mine, "dpo", load_run(mine))[0]
except Problem as why:
    print(f"   none yet: {why}\n   Then run this lesson again.")
else:
    names, weights = to_hugging_face(policy)
    logits, again = policy(ids).data, from_hugging_face(names, weights)(ids).data
    size = sum(array.size for array in weights.values())
    print(f"   {mine}: its DPO model as {names['model_type']}, {len(weights)} arrays, {size:,} numbers")
    print(f"   there and back, largest difference of the logits: {abs(logits - again).max():.1e}")
    print(f"   minialign export {mine} --to hf mine")
    print("      models, votes, hyperparameters and scripts for transformers and TRL, in the folder mine")
    print("   cd mine; pip install trl; python train_dpo.py --config dpo.yaml")
    print("      and TRL goes on from there")
lesson.say("What each name of ours is called in PyTorch, transformers and TRL: docs/names.md in the project.")

# %% [markdown]
# ## 5. Where it lives today
# %%
lesson.section("5. Where it lives today")
print(Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").rstrip())

# %% [markdown]
# ## 6. What was seen
# %%
lesson.section("6. What was seen")
lesson.claim(1, apart["SFT"] < 1e-5)
lesson.claim(2, apart["reward model"] < 1e-5)
lesson.claim(3, max(apart["PPO, policy"], apart["PPO, critic"]) < 1e-5)
lesson.claim(4, apart["DPO"] < 1e-5)
lesson.claim(5, apart["DPO, gradient"] < 1e-5)
lesson.claim(6, intact)
alike = np.corrcoef(by_hand, group[0])[0, 1]
lesson.claim(7, alike > 1 - 1e-9 and abs(by_hand.mean()) < 1e-12 and abs(by_hand.std(ddof=1) - 1) < 1e-4)
lesson.picture("parity", *lesson_plots.parity(apart, by))
lesson.finish()

# %% [markdown]
# ## What the field calls it, and what goes wrong
# Two programs that give the same numbers on the same input have *numerical parity*; the test is a *parity* or *golden*
# test. A GRPO answer is a *completion* or *rollout*, $G$ the *group size* (`num_generations`); a score that can be
# checked by a program (a sum, a unit test) is a *verifiable reward*.
#
# What goes wrong on the way to a large model is seldom the formula. The weights are loaded with one matrix transposed;
# as it is square, nothing complains. Generation and training compute log-probabilities with different code or in
# different precision, so the first ratio is not 1. All answers of a group have the same score, for the task is too easy
# or too hard, and half of the compute teaches nothing. A mean over tokens favours short answers, or long ones,
# depending on how it is taken. Therefore take your exact anchors with you: ln 2, ln V, ratio 1, KL 0 hold for a model
# of any size, and they are the first things to look at in any new run.
#
# ## In TRL today
# The table below the heading "Where it lives today" says what lives where, with a date. In short: `SFTTrainer`,
# `RewardTrainer`, `DPOTrainer`, `GRPOTrainer`, `RLOOTrainer`; PPO is gone. For every public name of ours, the page
# `docs/names.md` of the project says what PyTorch, transformers and TRL call it.
#
# ## Further reading
# * Shao et al., *DeepSeekMath*, 2024 (arXiv 2402.03300), section 4: GRPO.
# * Ahmadian et al., *Back to Basics: Revisiting REINFORCE Style Optimization for Learning from Human Feedback in LLMs*,
#   2024 (arXiv 2402.14740): RLOO.
# * Liu et al., *Understanding R1-Zero-Like Training*, 2025 (arXiv 2503.20783): what dividing by the deviation and by
#   the length does.
# * Huang et al., *The N Implementation Details of RLHF with PPO*, 2023 (a blog post), and Lambert, *Reinforcement
#   Learning from Human Feedback*, 2025 (a book, free online): for the road from here.
