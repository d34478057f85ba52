"""GRPO, Dr. GRPO, DAPO, GSPO and RLOO against TRL: advantages, losses with their gradients, and trainings of ten steps."""

import numpy as np
import pytest
from golden_values import cases, close, files, gpt2, load, outside_names, part

from minialign.autograd import Tensor, exp
from minialign.functional import log_softmax
from minialign.grpo import group_advantages, grpo_loss, leave_one_out
from minialign.likelihood import token_log_probs_of
from minialign.optim import AdamW
from minialign.policy_gradient import kl_estimates, kl_penalized_rewards, masked_mean

FILES = files("g10_*")
MICRO = [name for name in FILES if any(key.startswith("micro/") for key in load(name))]
AVERAGE = {"grpo": "sequence", "bnpo": "token", "dapo": "token", "dr_grpo": "constant"}  # loss_type: bnpo is dapo undivided
FLOAT32 = 1e-6  # TRL's metrics, and the accuracy in which they are kept


def every(prefix):
    """(file, case) for the sub-dictionaries whose name starts so."""
    return [(name, case) for name in FILES for case in cases(load(name)) if case.startswith(prefix + "/")]


def differentiate(stored, loss_of):
    """A loss of per_token_logps as stored, and its gradient."""
    logps = Tensor(stored["per_token_logps"].copy(), requires_grad=True)
    loss = loss_of(logps)
    loss.backward()
    return loss, logps.grad


# ---- advantages -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, case", every("advantages"))
def test_advantages(name, case):
    stored = part(load(name), case)
    scores = stored["scores"]
    for scale in ("group", "batch", "none"):
        close(group_advantages(scores, scale), stored[scale])
    close(leave_one_out(scores), stored["leave_one_out"])
    whole = leave_one_out(scores).reshape(1, -1)  # RLOO's normalize_advantages: the batch as one group
    close(group_advantages(whole).reshape(scores.shape), stored["leave_one_out_normalized"])
    if "frac_reward_zero_std" in stored:
        close(np.mean(np.ptp(scores, axis=1) == 0), float(stored["frac_reward_zero_std"]), FLOAT32)


# ---- losses ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, case", every("loss"))
def test_losses_and_gradients(name, case):
    """`_corrected`, TRL's default, multiplies k3 by the ratio; the papers and we do not: there it is built from parts."""
    stored, own = part(load(name), "loss"), part(load(name), case)
    kind, importance = case.removeprefix("loss/").removeprefix("dr_").split("_")[:2]
    average = AVERAGE["dr_grpo" if "/dr_" in case else kind]
    beta, low, high = own["hyper"]
    old, ref, mask = stored["old_per_token_logps"], stored["ref_per_token_logps"], stored["completion_mask"]
    rest = {"average": average, "importance": importance, "max_tokens": int(stored["max_completion_length"])}

    def loss_of(logps):
        kl = 0.0 if "_corrected" in case else beta
        loss, _ = grpo_loss(logps, old, stored["advantages"], mask, ref, kl, low, high, **rest)
        if "_corrected" in case:
            log_ratio = (logps - old) * mask
            n = np.maximum(mask.sum(1, keepdims=True), 1)
            ratio = exp(log_ratio if importance == "token" else log_ratio.sum(1, keepdims=True) / n)
            k3 = kl_estimates(logps, ref)[2] * mask
            divisor = {"sequence": n * len(mask), "token": mask.sum(), "constant": len(mask) * rest["max_tokens"]}[average]
            loss = loss + (ratio * k3 / divisor).sum() * beta
        return loss

    loss, gradient = differentiate(stored, loss_of)
    close(loss, own["loss"])
    close(gradient, own["grad/per_token_logps"])
    if not beta:
        without, _ = grpo_loss(stored["per_token_logps"], old, stored["advantages"], mask, None, 0.0, low, high, **rest)
        close(without, own["loss"])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("importance", ["token", "sequence"])
@pytest.mark.parametrize("low, high", [(0.2, 0.2), (0.2, 0.28)])
def test_clip_fractions(name, importance, low, high):
    stored = part(load(name), "loss")
    args = (stored[key] for key in ("per_token_logps", "old_per_token_logps", "advantages", "completion_mask"))
    _, metrics = grpo_loss(*args, cliprange=low, cliprange_high=high, importance=importance)
    low_mean, high_mean, region = stored[f"clip_{importance}_eps{low}_{high}"][:3]
    close(metrics["policy/clipfrac"], region, FLOAT32)
    close(metrics["policy/clipfrac_high"], high_mean, FLOAT32)
    close(metrics["policy/clipfrac"] - metrics["policy/clipfrac_high"], low_mean, FLOAT32)


@pytest.mark.parametrize("name, case", every("accumulate"))
def test_halves_of_a_batch(name, case):
    """Two micro-batches: a mean over all tokens is not the mean of the halves' means, so dapo weighs by tokens."""
    stored, own, kind = part(load(name), "loss"), part(load(name), case), case.split("/")[1]
    logps, half = Tensor(stored["per_token_logps"].copy(), requires_grad=True), len(stored["advantages"]) // 2
    mask, losses = stored["completion_mask"], []
    for rows in (slice(None, half), slice(half, None)):
        weight = mask[rows].sum() / mask.sum() if kind == "dapo" else 0.5
        loss, _ = grpo_loss(
            logps[rows], stored["old_per_token_logps"][rows], stored["advantages"][rows], mask[rows],
            stored["ref_per_token_logps"][rows], 0.04, 0.2, 0.28, AVERAGE[kind], "token", int(stored["max_completion_length"]),
        )  # fmt: skip
        losses.append(loss * weight)
        losses[-1].backward()
    close([loss.item() for loss in losses], own["losses"])
    close(logps.grad, own["grad/per_token_logps"])


@pytest.mark.parametrize("name, case", every("rloo"))
def test_rloo(name, case):
    """The KL in the reward, the answer as one action: the ratio of its whole probability, once per answer."""
    stored, own = part(load(name), "rloo"), part(load(name), case)
    old, mask, scores = stored["old_per_token_logps"], stored["completion_mask"], stored["scores"]
    beta, normalized = float(case.split("beta")[1].split("_")[0]), "_normalized" in case
    clipped = np.clip(scores, -0.5, 0.5) if "_clip0.5" in case else scores
    rewards = kl_penalized_rewards(clipped.reshape(-1), old, stored["ref_per_token_logps"], mask, beta).sum(1)
    advantages = leave_one_out(rewards.reshape(scores.shape))
    if normalized:
        advantages = group_advantages(advantages.reshape(1, -1))
    close(advantages.reshape(-1), own["advantages"])
    if "loss" not in own:
        return
    beta, low, high = own["hyper"]

    def loss_of(logps):
        loss, metrics = grpo_loss(logps, old, own["advantages"], mask, None, 0.0, low, high, importance="answer")
        low_mean, high_mean, region = own["clip"][:3]
        close(metrics["policy/clipfrac"], region, FLOAT32)
        close(metrics["policy/clipfrac_high"], high_mean, FLOAT32)
        return loss

    loss, gradient = differentiate(stored, loss_of)
    close(loss, own["loss"])
    close(gradient, own["grad/per_token_logps"])
    one_action = [(x * mask).sum(1, keepdims=True) for x in (stored["per_token_logps"], old)]
    loss, _ = grpo_loss(*one_action, own["advantages"], np.ones((len(mask), 1)), cliprange=low, cliprange_high=high)
    close(loss, own["loss"])


@pytest.mark.parametrize("name", FILES)
def test_kl(name):
    stored, rloo = part(load(name), "loss"), part(load(name), "rloo")
    k3 = kl_estimates(stored["per_token_logps"], stored["ref_per_token_logps"])[2]
    close(masked_mean(k3, stored["completion_mask"]), float(stored["kl_plain"]))
    k1 = kl_estimates(rloo["old_per_token_logps"], rloo["ref_per_token_logps"])[0]
    close(masked_mean(k1, rloo["completion_mask"]), float(rloo["kl"]))


# ---- ten steps ------------------------------------------------------------------------------------------------------

def entropy_of(model, ids, mask):
    logp = log_softmax(model(ids[:, :-1]))
    return masked_mean(-(exp(logp) * logp).sum(-1).data, mask)


def settings(run, values, old, ref, mask):
    """(advantages (B,), what grpo_loss is told) for the answers as they were, under the policy that wrote them."""
    scores = values["scores"]
    if run == "rloo":
        rewards = kl_penalized_rewards(scores.reshape(-1), old, ref, mask, 0.05).sum(1)
        return leave_one_out(rewards.reshape(scores.shape)).reshape(-1), {"importance": "answer"}
    told = {"ref_logprobs": ref, "kl_coef": 0.04} if run == "grpo" else {"average": "token"}
    return group_advantages(scores).reshape(-1), {"cliprange_high": 0.28} | told


@pytest.mark.parametrize("name", MICRO)
@pytest.mark.parametrize("run", ["grpo", "dapo", "rloo"])
def test_ten_steps(name, run):
    """Forward, loss, backward and AdamW, the old log-probabilities renewed every other step."""
    values = part(load(name), "micro")
    stored, ids, first = part(values, run), values["input_ids"], int(values["prompt_length"]) - 1
    model, mask = gpt2(part(values, "config"), part(values, "init")), values["completion_mask"][:, 1:]
    betas = float(values["beta1"]), float(values["beta2"])
    optimizer = AdamW(model.parameters(), float(values["lr"]), betas, float(values["eps"]), float(values["weight_decay"]))
    ref = token_log_probs_of(model, ids).data
    close((ref * mask)[:, first:], values["ref_per_token_logps"] * mask[:, first:])
    for step in range(10):
        logprobs = token_log_probs_of(model, ids)
        if step % 2 == 0:
            old = logprobs.data.copy()
            A, told = settings(run, values, old, ref, mask)
            close(A, stored["advantages"][step // 2] if run == "rloo" else stored["advantages"])
        loss, metrics = grpo_loss(logprobs, old, A, mask, **told)
        optimizer.zero_grad()
        loss.backward()
        close(loss, stored["loss"][step])
        close(np.sqrt(sum((p.grad**2).sum() for p in optimizer.parameters)), stored["grad_norm"][step])
        close(metrics["policy/clipfrac"], stored["clip_region_mean"][step], FLOAT32)
        close(entropy_of(model, ids, mask), stored["entropy"][step], FLOAT32)
        if step == 1:
            for weight, gradient in part(stored, "grad_step1").items():
                close(outside_names(model)[weight], gradient)
        optimizer.step()
    for weight, final in part(stored, "final").items():
        close(outside_names(model, "data")[weight], final)
    final = token_log_probs_of(model, ids).data * mask
    if run == "rloo":
        close(final.sum(1), stored["final_logps"])
    else:
        close(final[:, first:], stored["final_per_token_logps"] * mask[:, first:])
