"""Cousins of DPO that need less: SimPO and ORPO no reference model, KTO no pairs.  IPO, hinge and cDPO are in dpo.py.

    SimPO   L = -log sigma(beta (p_w - p_l) - gamma)                                  (Meng et al. 2024, equation 6)
    ORPO    L = SFT loss + beta L_OR,   L_OR = -log sigma(log odds_w - log odds_l)    (Hong et al. 2024, equations 6 and 7)
    KTO     L = mean of w_D (1 - sigma(beta (r - z))) and w_U (1 - sigma(beta (z - r)))   (Ethayarajh et al. 2024, equation 8)

Here p is the mean log-probability of an answer's token, so that length alone earns nothing; odds = P / (1 - P), P = exp p;
r = log pi(y|x) - log ref(y|x), a sum over tokens; z is the KL from the reference, measured on answers to other questions.

Differences from the papers: none; z is, as in TRL, one number per batch, not below 0, and without a gradient.
"""

import numpy as np

from .arrays import as_floats, same_shape
from .autograd import as_tensor, exp, log
from .checks import check_finite, check_number
from .functional import log_sigmoid


def simpo_loss(policy_chosen_logps, policy_rejected_logps, beta=2.0, gamma_beta_ratio=0.5, label_smoothing=0.0):
    """-log sigma(beta (p_w - p_l) - gamma), gamma = beta * gamma_beta_ratio -> (loss, metrics).

    Both (N,), means over tokens.  A pair is right when the chosen answer leads by gamma, not by a hair.
    Raises ValueError for different shapes, and for settings that cannot be.
    """
    check_number("beta", beta, at_least=0)
    check_number("gamma_beta_ratio", gamma_beta_ratio, at_least=0)
    check_number("label_smoothing", label_smoothing, at_least=0, at_most=1)
    same_shape(policy_chosen_logps=policy_chosen_logps, policy_rejected_logps=policy_rejected_logps)
    chosen, rejected = as_tensor(policy_chosen_logps) * beta, as_tensor(policy_rejected_logps) * beta
    h = chosen - rejected - beta * gamma_beta_ratio
    loss = (-log_sigmoid(h) * (1 - label_smoothing) - log_sigmoid(-h) * label_smoothing).mean()
    return loss, _pair_metrics(loss, chosen.data, rejected.data)


def odds_ratio_loss(policy_chosen_logps, policy_rejected_logps, beta=0.1):
    """beta L_OR, to be added to the SFT loss of the chosen answers -> (loss, metrics).

    Both (N,), means over tokens, below 0: an answer that is certain has no odds.  Raises ValueError otherwise.
    """
    check_number("beta", beta, at_least=0)
    same_shape(policy_chosen_logps=policy_chosen_logps, policy_rejected_logps=policy_rejected_logps)
    chosen, rejected = as_tensor(policy_chosen_logps), as_tensor(policy_rejected_logps)
    if not (np.all(chosen.data < 0) and np.all(rejected.data < 0)):
        raise ValueError("mean log-probabilities are below 0; at 0 the odds are infinite")
    log_odds_ratio = (chosen - rejected) - (log(-chosen.expm1()) - log(-rejected.expm1()))
    loss = -log_sigmoid(log_odds_ratio).mean() * beta
    metrics = _pair_metrics(loss, beta * chosen.data, beta * rejected.data)
    return loss, metrics | {"log_odds_ratio": float(log_odds_ratio.data.mean())}


def kto_loss(
    policy_chosen_logps,
    policy_rejected_logps,
    policy_KL_logps,
    reference_chosen_logps,
    reference_rejected_logps,
    reference_KL_logps,
    beta=0.1,
    desirable_weight=1.0,
    undesirable_weight=1.0,
):
    """mean of w_D (1 - sigma(beta (r - z))) over good answers and w_U (1 - sigma(beta (z - r))) over bad -> (loss, metrics).

    Summed log-probabilities: of answers found good (N,), of answers found bad (M,), not of pairs, and of answers that belong
    to other questions (K,), from which z comes.  There may be none of one kind, but not of both.  Raises ValueError for
    shapes and settings that cannot be.
    """
    check_number("beta", beta, at_least=0)
    check_number("desirable_weight", desirable_weight, at_least=0)
    check_number("undesirable_weight", undesirable_weight, at_least=0)
    same_shape(policy_chosen_logps=policy_chosen_logps, reference_chosen_logps=reference_chosen_logps)
    same_shape(policy_rejected_logps=policy_rejected_logps, reference_rejected_logps=reference_rejected_logps)
    same_shape(policy_KL_logps=policy_KL_logps, reference_KL_logps=reference_KL_logps)
    good = as_tensor(policy_chosen_logps) - reference_chosen_logps  # (N,)
    bad = as_tensor(policy_rejected_logps) - reference_rejected_logps  # (M,)
    drift = as_floats(policy_KL_logps, good.dtype) - as_floats(reference_KL_logps, good.dtype)  # (K,)
    n = len(good.data) + len(bad.data)
    if not n or not len(drift):
        raise ValueError("KTO needs a good or a bad answer, and answers to measure the KL on")
    check_finite("the log-ratio of the KL", drift)
    z = max(0.0, float(drift.mean()))
    goods, bads = 1 - exp(log_sigmoid((good - z) * beta)), 1 - exp(log_sigmoid((z - bad) * beta))
    loss = (goods.sum() * desirable_weight + bads.sum() * undesirable_weight) * (1 / n)
    return loss, {"loss": loss.item(), "kl": z} | {
        f"rewards/{side}": beta * float(log_ratios.data.mean())
        for side, log_ratios in (("chosen", good), ("rejected", bad))
        if len(log_ratios.data)
    }


def _pair_metrics(loss, chosen_rewards, rejected_rewards):
    margins = chosen_rewards - rejected_rewards
    return {
        "loss": loss.item(),
        "rewards/chosen": float(chosen_rewards.mean()),
        "rewards/rejected": float(rejected_rewards.mean()),
        "rewards/accuracies": float(np.mean((margins > 0) + 0.5 * (margins == 0))),
        "rewards/margins": float(margins.mean()),
    }
