"""The token-level half of PPO against TRL and lm-human-preferences' formulas (files golden/g5_*)."""

import numpy as np
import pytest
from golden_values import cases, close, files, load, part

from minialign.autograd import Tensor, exp
from minialign.functional import log_softmax, token_log_probs
from minialign.policy_gradient import (
    AdaptiveKLController,
    kl_estimates,
    kl_penalized_rewards,
    masked_mean,
    masked_whiten,
    ppo_policy_loss,
)
from minialign.ppo import gae, ppo_value_loss

FILES = files("g5_ppo_*")


def every(prefix):
    """(file, case) for the sub-dictionaries whose name starts so."""
    return [(name, case) for name in FILES for case in cases(load(name)) if case.startswith(prefix)]


def bessel(mask):
    """TRL whitens with the unbiased variance: this factor on ours, which is the population's as in Ziegler et al."""
    M = mask.sum()
    return np.sqrt((M - 1) / M)


# ---- KL and entropy -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", FILES)
def test_kl_estimates(name):
    values = load(name)
    estimates = kl_estimates(values["old_logprobs"], values["ref_logprobs"])
    for k, ours in zip(("k1", "k2", "k3"), estimates):
        close(ours, values[f"kl_{k}_tokens"])
        close(masked_mean(ours, values["mask"]), float(values[f"kl_{k}_masked_mean"]))


@pytest.mark.parametrize("name", FILES)
def test_new_log_probs_and_entropy_from_logits(name):
    """Entropy out of primitives: the column that scores a token is the distribution the token was drawn from."""
    values = load(name)
    logits = Tensor(values["logits_new"].copy(), requires_grad=True)
    real = values["mask"].astype(bool)
    close(token_log_probs(logits, values["tokens"]).data[real], values["new_logprobs"][real])
    logp = log_softmax(logits)
    entropy = -(exp(logp) * logp).sum(-1)
    close(entropy, values["entropy_tokens"])
    mean = masked_mean(entropy, values["mask"])
    close(mean, values["entropy_masked_mean"])
    mean.backward()
    close(logits.grad, values["grad_entropy/logits_new"])


# ---- rewards --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", FILES)
def test_kl_penalized_rewards(name):
    """k1 in the reward, the score on the last response token.  TRL leaves numbers after the end; ours are 0 there."""
    values = load(name)
    stored = part(values, "rewards_kl")
    rest = values["old_logprobs"], values["ref_logprobs"], values["mask"], float(stored["kl_coef"])
    close(kl_penalized_rewards(values["scores"], *rest), stored["rewards"] * values["mask"])
    close(kl_penalized_rewards(np.zeros_like(values["scores"]), *rest), stored["non_score_rewards"] * values["mask"])


@pytest.mark.parametrize("name, case", every("rewards_"))
def test_other_penalties_are_other_functions_of_the_log_ratio(name, case):
    """TRL's kl_penalty = abs | mse | full; we ship k1 alone (kl_estimates has k2, its mse)."""
    values = load(name)
    stored = part(values, case)
    k1, k2, _ = kl_estimates(values["old_logprobs"], values["ref_logprobs"])
    if case == "rewards_full":
        p, q = stored["logp_full"], stored["ref_logp_full"]
        penalty = (np.exp(p) * (p - q)).sum(-1)  # the exact KL of each token's distribution, policy first
        assert (penalty >= 0).all()
    else:
        penalty = {"rewards_kl": k1, "rewards_abs": np.abs(k1), "rewards_mse": k2}[case]
    close(penalty, stored["kl"])


# ---- whitening ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", FILES)
def test_whitening_with_the_population_variance(name):
    """Ours divides by the variance of the response tokens (Ziegler et al.); TRL's by M/(M-1) times it.  Both are held."""
    values = load(name)
    stored, mask = part(values, "whiten"), values["mask"]
    real, x = mask.astype(bool), stored["x"]
    mean, variance = float(stored["masked_mean"]), float(stored["masked_var_biased"])
    close(masked_mean(x, mask), mean)

    ours = masked_whiten(x, mask)
    close(ours[real], ((x - mean) / np.sqrt(variance + 1e-8))[real])
    close(masked_whiten(x, mask, shift_mean=False)[real], (ours + mean)[real])
    if mask.sum() > 1:  # one token alone has no unbiased variance
        unbiased = float(stored["masked_var_unbiased"])
        close((x - mean)[real] / np.sqrt(unbiased + 1e-8), stored["shift_mean_true"][real])
        close(ours[real] * bessel(mask), stored["shift_mean_true"][real], 1e-6)  # up to the 1e-8 inside the root
        close(ours[real] * bessel(mask) + mean, stored["shift_mean_false"][real], 1e-6)
        assert np.abs(ours[real] - stored["shift_mean_true"][real]).max() > 1e-3  # they are not the same


# ---- advantages -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, case", [c for c in every("gae") if "whiten" not in c[1]])
def test_gae(name, case):
    values = load(name)
    stored, mask = part(values, case), values["mask"]
    rewards = values["rewards_kl/rewards"]
    advantages, returns = gae(rewards, values["values"], mask, float(stored["gamma"]), float(stored["lam"]))
    close(advantages, stored["advantages_raw"] * mask)
    close(returns, stored["returns"] * mask)
    if mask.sum() > 1:
        real = mask.astype(bool)
        close(masked_whiten(advantages, mask)[real] * bessel(mask), stored["advantages_whitened"][real], 1e-6)


@pytest.mark.parametrize("name", FILES)
def test_gae_on_whitened_rewards(name):
    """TRL's whiten_rewards: divided by their deviation, mean kept, before the advantages.

    It also moves the zeros behind the end away from zero, and lets them flow back into the answer (a mask of ones here
    gives its numbers).  With the true mask our gae ignores whatever is behind the end.
    """
    values = load(name)
    stored, mask = part(values, "gae0_whiten_rewards"), values["mask"]
    rewards = values["rewards_kl/rewards"] * mask
    mean, M = masked_mean(rewards, mask), mask.sum()
    unbiased = masked_mean((rewards - mean) ** 2, mask) * M / (M - 1)
    whitened = (rewards - mean) / np.sqrt(unbiased + 1e-8) + mean
    gamma, lam = float(stored["gamma"]), float(stored["lam"])
    advantages, returns = gae(whitened, values["values"] * mask, np.ones_like(mask), gamma, lam)
    close(advantages, stored["advantages_raw"])
    close(returns, stored["returns"])
    clean, _ = gae(whitened, values["values"], mask, gamma, lam)
    close(clean, gae(whitened * mask, values["values"], mask, gamma, lam)[0])


# ---- losses ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, case", every("loss"))
def test_clipped_losses_with_gradients(name, case):
    values = load(name)
    stored, advantages = part(values, case), part(values, "gae0")
    mask = values["mask"]
    new = Tensor(values["new_logprobs"].copy(), requires_grad=True)
    predicted = Tensor(values["vpreds"].copy(), requires_grad=True)
    policy_loss, policy = ppo_policy_loss(
        new, values["old_logprobs"], advantages["advantages_whitened"], mask, float(stored["cliprange"])
    )
    value_loss, critic = ppo_value_loss(
        predicted, values["values"] * mask, advantages["returns"], mask, float(stored["cliprange_value"])
    )
    close(policy_loss, stored["policy_loss"])
    close(value_loss, stored["value_loss_unweighted"])
    close(policy["policy/clipfrac"], float(stored["policy_clipfrac"]))
    close(policy["policy/approxkl"], float(stored["approxkl_k2"]))
    close(critic["val/clipfrac"], float(stored["value_clipfrac"]))
    k1, _, k3 = kl_estimates(values["old_logprobs"], values["new_logprobs"])
    close(masked_mean(k1, mask), float(stored["policykl_k1"]))
    close(masked_mean(kl_estimates(values["new_logprobs"], values["old_logprobs"])[0], mask), -float(stored["policykl_k1"]))
    close(masked_mean(k3, mask), float(stored["approxkl_k3"]))  # exp(new - old) - 1 - (new - old)

    (policy_loss + value_loss * float(stored["vf_coef"])).backward()
    close(new.grad, stored["grad/new_logprobs"])
    close(predicted.grad, stored["grad/vpreds"])


@pytest.mark.parametrize("name", FILES)
def test_both_losses_and_an_entropy_bonus_through_the_logits(name):
    values = load(name)
    stored, setting, advantages = part(values, "joint"), part(values, "loss0"), part(values, "gae0")
    mask = values["mask"]
    logits = Tensor(values["logits_new"].copy(), requires_grad=True)
    predicted = Tensor(values["vpreds"].copy(), requires_grad=True)
    logp = log_softmax(logits)
    entropy = masked_mean(-(exp(logp) * logp).sum(-1), mask)
    policy_loss, _ = ppo_policy_loss(
        token_log_probs(logits, values["tokens"]), values["old_logprobs"], advantages["advantages_whitened"], mask,
        float(setting["cliprange"]),
    )
    value_loss, _ = ppo_value_loss(
        predicted, values["values"] * mask, advantages["returns"], mask, float(setting["cliprange_value"])
    )
    total = policy_loss + value_loss * float(setting["vf_coef"]) - entropy * float(stored["ent_coef"])
    close(total, stored["total_loss"])
    total.backward()
    close(logits.grad, stored["grad/logits_new"])
    close(predicted.grad, stored["grad/vpreds"])


# ---- TRL's later PPO ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, case", every("v2_"))
def test_trls_later_convention_of_scoring_one_past_the_end(name, case):
    """TRL 0.29 puts the score one column after the last response token if there is room, and lets the critic see it.

    We score the last response token (the EOS).  Told of the longer mask, our functions give TRL's numbers, and with
    lambda = 1 and a critic that is silent there the two conventions agree: see test_traps.py.
    """
    values = load(name)
    stored, mask = part(values, case), values["mask"]
    B, T = mask.shape
    longer = np.maximum(mask, np.roll(mask, 1, axis=1) * (np.arange(T) > 0))
    assert (stored["score_index"] == np.minimum(values["response_lengths"], T - 1)).all()

    if case != "v2_k1_whiten_rewards":
        k1, _, k3 = kl_estimates(values["old_logprobs"], values["ref_logprobs"])
        rewards = -float(stored["kl_coef"]) * (k3 if case == "v2_k3" else k1) * mask
        rewards[np.arange(B), stored["score_index"]] += values["scores"]
        close(rewards, stored["rewards"])
        if (longer == mask).all() and case == "v2_k1":
            ours = kl_penalized_rewards(
                values["scores"], values["old_logprobs"], values["ref_logprobs"], mask, float(stored["kl_coef"])
            )
            close(ours, stored["rewards"])  # without room for one more column the conventions are the same

    # behind the longer mask its rewards and values are zero, so a mask of ones gives what its own loop gives
    advantages, returns = gae(
        stored["rewards"], values["values"] * longer, np.ones_like(mask), float(stored["gamma"]), float(stored["lam"])
    )
    close(returns, stored["returns"])
    if mask.sum() > 1:
        real = mask.astype(bool)
        close(masked_whiten(advantages, mask)[real] * bessel(mask), stored["advantages_whitened"][real], 1e-6)

    if case == "v2_k1":
        new = Tensor(values["new_logprobs"].copy(), requires_grad=True)
        predicted = Tensor(values["vpreds"].copy(), requires_grad=True)
        policy_loss, _ = ppo_policy_loss(
            new, values["old_logprobs"], stored["advantages_whitened"], mask, float(stored["cliprange"])
        )
        value_loss, _ = ppo_value_loss(
            predicted, values["values"] * longer, stored["returns"], longer, float(stored["cliprange_value"])
        )
        close(policy_loss, stored["policy_loss"])
        close(value_loss, stored["value_loss_unweighted"])
        (policy_loss + value_loss * float(stored["vf_coef"])).backward()
        close(new.grad, stored["grad/new_logprobs"])
        close(predicted.grad, stored["grad/vpreds"])


# ---- the controller -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", files("g5_adaptive_kl_*"))
def test_adaptive_kl_controller(name):
    values = load(name)
    controller = AdaptiveKLController(float(values["init_kl_coef"]), float(values["target"]), float(values["horizon"]))
    for current, n_steps, expected in zip(values["current_kl"], values["n_steps"], values["values"]):
        controller.update(float(current), int(n_steps))
        close(controller.value, float(expected), 1e-12)
