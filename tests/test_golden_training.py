"""Whole small trainings, step by step: SFT, reward model and DPO (files golden/g7_*), PPO with its minibatches (golden/g8_*).

The forward pass, the losses, the backward pass, clipping and AdamW together, for up to 20 steps: an error anywhere grows.
"""

import numpy as np
import pytest
from golden_values import close, files, gpt2, load, outside_names, part, scalar_model

from minialign.batch import Batch
from minialign.dpo import dpo_loss
from minialign.functional import log_softmax
from minialign.likelihood import sequence_log_probs, token_log_probs_of
from minialign.optim import AdamW, clip_grad_norm
from minialign.policy_gradient import kl_estimates, kl_penalized_rewards, masked_mean, masked_whiten, ppo_policy_loss
from minialign.ppo import gae, ppo_value_loss
from minialign.reward import bradley_terry_loss, sequence_scores
from minialign.sft import sft_loss

MICRO, PPO = files("g7_*"), files("g8_*")
CURVE = 1e-8  # relative, for what has been through many steps


def language_model(values):
    init = part(values, "init")
    return gpt2(part(values, "config"), {k: a for k, a in init.items() if not k.startswith(("score", "v_head"))})


def batch(values, which, mask="completion_mask"):
    return Batch(values[f"{which}_ids"], values[f"{which}_{mask}"][:, 1:].astype(float))


def trained(model):
    """Its parameters, but the bias of a ScalarModel's head, which the stored reward models do not have."""
    return [p for name, p in model.named_parameters().items() if name != "head.bias"]


def optimizer_for(parameters, values, lr):
    betas = (float(values["beta1"]), float(values["beta2"]))
    return AdamW(parameters, float(lr), betas, float(values["eps"]), float(values["weight_decay"]))


def norm_of(arrays):
    return np.sqrt(sum((a**2).sum() for a in arrays))


def train(model, values, run, loss_and_records):
    """20 full-batch steps; everything recorded before each and after the last is compared with the stored curves."""
    stored = part(values, run)
    optimizer = optimizer_for(trained(model), values, stored["lr"])
    for step in range(21):
        loss, records = loss_and_records()
        optimizer.zero_grad()
        loss.backward()
        close(loss, stored["loss"][step], CURVE)
        close(norm_of(p.grad for p in optimizer.parameters), stored["grad_norm"][step], CURVE)
        for key, value in records.items():
            if (key, step) != ("reward_accuracy", 0):  # all margins are zero there, up to their rounding
                close(value, stored[key][step], 1e-7 if "accuracy" in key else CURVE)
        if step == 0:
            for weight, gradient in part(stored, "grad_step0").items():
                close(weights_of(model, "grad")[weight], gradient)
        if step < 20:
            optimizer.step()
    for weight, final in part(stored, "final").items():
        close(weights_of(model, "data")[weight], final, CURVE)
    close(norm_of(p.data for p in optimizer.parameters), stored["final_weight_global_norm"], CURVE)


def weights_of(model, of):
    named = outside_names(model, of)
    return named if not hasattr(model, "head") else {**named, "score.weight": getattr(model.head.weight, of)[None]}


# ---- 20 steps each --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", MICRO)
def test_sft(name):
    values = load(name)
    model, chosen = language_model(values), batch(values, "chosen")
    train(model, values, "sft", lambda: (sft_loss(token_log_probs_of(model, chosen.ids), chosen.mask)[0], {}))


@pytest.mark.parametrize("name", MICRO)
def test_reward_model(name):
    values = load(name)
    model = scalar_model(language_model(values), values["init/score.weight"])
    sides = [batch(values, which, "attention_mask") for which in ("chosen", "rejected")]

    def loss_and_records():
        chosen, rejected = (sequence_scores(model, side) for side in sides)
        loss, metrics = bradley_terry_loss(chosen, rejected)
        return loss, {
            "rewards_chosen": chosen.data,
            "rewards_rejected": rejected.data,
            "accuracy": metrics["accuracy"],
            "margin": metrics["margin"],
        }

    train(model, values, "rm", loss_and_records)


@pytest.mark.parametrize("name", MICRO)
def test_dpo(name):
    """The reference is the model before the first step."""
    values = load(name)
    model = language_model(values)
    sides = [batch(values, which) for which in ("chosen", "rejected")]
    reference = [sequence_log_probs(model, side).data for side in sides]
    close(reference[0], values["dpo/ref_chosen_logps"])
    close(reference[1], values["dpo/ref_rejected_logps"])

    def loss_and_records():
        chosen, rejected = (sequence_log_probs(model, side) for side in sides)
        loss, metrics = dpo_loss(chosen, rejected, *reference, beta=float(values["dpo/beta"]))
        return loss, {
            "chosen_logps": chosen.data,
            "rejected_logps": rejected.data,
            "chosen_reward": metrics["rewards/chosen"],
            "rejected_reward": metrics["rewards/rejected"],
            "reward_margin": metrics["rewards/margins"],
            "reward_accuracy": metrics["rewards/accuracies"],
        }

    train(model, values, "dpo", loss_and_records)


@pytest.mark.parametrize("name", MICRO)
def test_dpo_as_trls_whole_trainer_runs_it(name):
    """TRL's trainer decays neither biases nor norms (its own curve is float32); ours decays everything, as torch does."""
    values = load(name)
    model = language_model(values)
    sides = [batch(values, which) for which in ("chosen", "rejected")]
    reference = [sequence_log_probs(model, side).data for side in sides]
    decayed = optimizer_for([p for p in model.parameters() if p.data.ndim == 2], values, values["dpo/lr"])
    undecayed = optimizer_for([p for p in model.parameters() if p.data.ndim == 1], values, values["dpo/lr"])
    undecayed.weight_decay = 0.0
    for step in range(20):
        chosen, rejected = (sequence_log_probs(model, side) for side in sides)
        loss, metrics = dpo_loss(chosen, rejected, *reference, beta=float(values["dpo/beta"]))
        close(loss, values["dpo/loss_hf_decay_groups"][step], CURVE)
        close(loss, float(values["dpo/trl_trainer_float32_loss"][step]), 1e-4)
        close(metrics["rewards/margins"], float(values["dpo/trl_trainer_float32_margin"][step]), 1e-4)
        decayed.zero_grad()
        undecayed.zero_grad()
        loss.backward()
        decayed.step()
        undecayed.step()


# ---- PPO ------------------------------------------------------------------------------------------------------------

def shared_trunk(values):
    """Golden PPO has one trunk with two heads; a LanguageModel and a ScalarModel that hold the same Tensors."""
    model = language_model(values)
    critic = scalar_model(model, values["init/v_head.weight"], values["init/v_head.bias"])
    critic.trunk = model.trunk
    return model, critic


def parameters_of(model, critic):
    return {**model.named_parameters(), **critic.named_parameters()}  # the trunk's names, and Tensors, are the same


@pytest.mark.parametrize("name", PPO)
def test_ppo_two_epochs_of_two_minibatches(name):
    values = load(name)
    model, critic = shared_trunk(values)
    ids, mask = values["input_ids"], values["response_mask"]
    real = mask.astype(bool)

    old = token_log_probs_of(model, ids).data
    old_values = critic(ids[:, :-1]).data
    close(old[real], values["old_logprobs"][real])
    close(old_values[real], values["values"][real])

    rewards = kl_penalized_rewards(values["scores"], old, values["ref_logprobs"], mask, float(values["kl_coef"]))
    close(rewards, values["rewards"] * mask)
    advantages, returns = gae(rewards, old_values, mask, float(values["gamma"]), float(values["lam"]))
    close(returns, values["returns"] * mask)
    M = mask.sum()
    whitened = masked_whiten(advantages, mask)
    close((whitened * np.sqrt((M - 1) / M))[real], values["advantages_whitened"][real], 1e-6)  # TRL divides by M - 1
    advantages = values["advantages_whitened"] * mask

    parameters = parameters_of(model, critic)
    optimizer = AdamW(
        parameters, float(values["lr"]), (float(values["beta1"]), float(values["beta2"])), float(values["eps"]),
        float(values["weight_decay"]),
    )
    halves = [half for order in values["permutations"] for half in np.split(order, int(values["config/minibatches"]))]
    for step, rows in enumerate(halves):
        m = mask[rows]
        logprobs = token_log_probs_of(model, ids[rows])
        policy_loss, policy = ppo_policy_loss(logprobs, old[rows], advantages[rows], m, float(values["cliprange"]))
        value_loss, value = ppo_value_loss(
            critic(ids[rows, :-1]), (old_values * mask)[rows], returns[rows], m, float(values["cliprange_value"])
        )
        total = policy_loss + value_loss * float(values["vf_coef"])
        optimizer.zero_grad()
        total.backward()
        close(policy_loss, values["policy_loss"][step], CURVE)
        close(value_loss, values["value_loss_unweighted"][step], CURVE)
        close(total, values["total_loss"][step], CURVE)
        close(policy["policy/clipfrac"], values["policy_clipfrac"][step], CURVE)
        close(value["val/clipfrac"], values["value_clipfrac"][step], CURVE)
        close(policy["policy/approxkl"], values["approxkl_k2"][step], CURVE)
        close(masked_mean(kl_estimates(old[rows], logprobs.data)[0], m), values["policykl_k1"][step], CURVE)
        logp = log_softmax(model(ids[rows, :-1])).data
        close(masked_mean(-(np.exp(logp) * logp).sum(-1), m), values["entropy"][step], CURVE)
        close(clip_grad_norm(parameters, float(values["max_grad_norm"])), values["grad_norm_before_clip"][step], CURVE)
        if step == 0:
            for weight, gradient in part(values, "grad_minibatch0_clipped").items():
                close(with_value_head(model, critic, "grad")[weight], gradient)
        optimizer.step()

    final = with_value_head(model, critic, "data")
    for weight, array in part(values, "final").items():
        close(final[weight], array, CURVE)
    close(token_log_probs_of(model, ids).data[real], values["final_logprobs"][real], CURVE)
    close(critic(ids[:, :-1]).data[real], values["final_values"][real], CURVE)


def with_value_head(model, critic, of):
    return {
        **outside_names(model, of),
        "v_head.weight": getattr(critic.head.weight, of)[None],
        "v_head.bias": getattr(critic.head.bias, of),
    }


@pytest.mark.parametrize("name", PPO)
def test_the_ppo_comparison_notices_a_wrong_sign(name):
    """With the leash's sign flipped the rewards are no longer the stored ones: the comparison above can fail."""
    values = load(name)
    flipped = kl_penalized_rewards(
        values["scores"], values["ref_logprobs"], values["old_logprobs"], values["response_mask"], float(values["kl_coef"])
    )
    with pytest.raises(AssertionError):
        close(flipped, values["rewards"] * values["response_mask"])
