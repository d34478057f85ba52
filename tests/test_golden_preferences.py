"""DPO and its relatives, and the Bradley-Terry loss, against TRL: losses, gradients, implicit rewards (files golden/g3_*, g4_*).

minialign ships DPO (also conservative), IPO and hinge.  The relatives it does not ship are one line each in terms of its
primitives, and their stored gradients then check those primitives; the lines double as a dictionary of the field.
"""

import numpy as np
import pytest
from golden_values import cases, close, files, load, part

from minialign.autograd import Tensor, exp
from minialign.cousins import kto_loss, odds_ratio_loss, simpo_loss
from minialign.dpo import dpo_loss
from minialign.functional import log_sigmoid, token_log_probs
from minialign.reward import bradley_terry_loss

FILES = files("g3_*")
POLICY = ("policy_chosen_logps", "policy_rejected_logps")
REFERENCE = ("reference_chosen_logps", "reference_rejected_logps")


def under(family):
    """Every (file, case) of a family, but the family's own inputs."""
    return [(name, case) for name in FILES for case in cases(part(load(name), family)) if case]


def sigmoid(x):
    return exp(log_sigmoid(x))


def compare_gradients(loss, stored, tensors):
    close(loss, stored["loss"], 1e-10)
    loss.backward()
    for name, gradient in part(stored, "grad").items():
        close(tensors[name].grad, gradient, 1e-10)


# ---- log-probabilities of sequences ---------------------------------------------------------------------------------

@pytest.mark.parametrize("name", FILES)
def test_sequence_log_probs_are_sums_over_the_labelled_tokens(name):
    stored = part(load(name), "batch_logps")
    logits = Tensor(stored["logits"].copy(), requires_grad=True)
    labels = stored["labels"][:, 1:]
    mask = labels != -100
    sums = (token_log_probs(logits[:, :-1], np.where(mask, labels, 0)) * mask).sum(1)
    close(sums, stored["sum_logps"])
    assert mask.sum(1).tolist() == stored["n_tokens"].tolist()
    close(sums.data / mask.sum(1), stored["avg_logps"])  # the averages that IPO, SimPO and ORPO take in TRL
    sums.backward(stored["cotangent"])
    close(logits.grad, stored["grad/logits"])


# ---- the losses we ship ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, case", [c for c in under("dpo_loss") if not c[1].startswith("robust")])
def test_dpo_ipo_and_hinge(name, case):
    """Conservative DPO for label_smoothing > 0; IPO takes the log-probabilities as passed, as in the paper: sums."""
    family = part(load(name), "dpo_loss")
    stored = part(family, case)
    policy = {key: Tensor(family[key].copy(), requires_grad=True) for key in POLICY}
    reference = [family[key] for key in REFERENCE]
    reference_free = case.endswith("_reffree")
    loss, metrics = dpo_loss(
        *policy.values(),
        *([np.zeros_like(r) for r in reference] if reference_free else reference),
        beta=float(stored["beta"]),
        label_smoothing=float(stored["label_smoothing"]),
        loss_type=case.split("_")[0],
    )
    compare_gradients(loss, stored, policy)
    if reference_free:
        return  # TRL leaves the reference out of the loss but not of the rewards it reports; ours are of the loss
    close(metrics["rewards/chosen"], stored["chosen_rewards"].mean(), 1e-10)
    close(metrics["rewards/rejected"], stored["rejected_rewards"].mean(), 1e-10)
    close(metrics["rewards/margins"], float(stored["reward_margin"]), 1e-10)
    ties = (stored["chosen_rewards"] == stored["rejected_rewards"]).mean()  # TRL counts a tie as wrong, we as one half
    close(metrics["rewards/accuracies"], float(stored["reward_accuracy"] + 0.5 * ties), 1e-6)


@pytest.mark.parametrize("name, case", [c for c in under("dpo_loss") if c[1].startswith("robust")])
def test_robust_dpo_is_a_mixture_of_two_dpo_losses(name, case):
    """[(1 - s) loss(h) - s loss(-h)] / (1 - 2 s), the second with chosen and rejected exchanged."""
    family = part(load(name), "dpo_loss")
    stored = part(family, case)
    policy = {key: Tensor(family[key].copy(), requires_grad=True) for key in POLICY}
    (pc, pr), (rc, rr) = policy.values(), [family[key] for key in REFERENCE]
    beta, s = float(stored["beta"]), float(stored["label_smoothing"])
    right, wrong = dpo_loss(pc, pr, rc, rr, beta=beta)[0], dpo_loss(pr, pc, rr, rc, beta=beta)[0]
    compare_gradients((right * (1 - s) - wrong * s) / (1 - 2 * s), stored, policy)


@pytest.mark.parametrize("name, case", under("cpo_simpo"))
def test_cpo_and_simpo_are_dpo_without_a_reference(name, case):
    """SimPO's margin gamma acts as a reference that prefers the chosen answer by gamma/beta."""
    family = part(load(name), "cpo_simpo")
    stored = part(family, case)
    policy = {key: Tensor(family[key].copy(), requires_grad=True) for key in POLICY}
    beta, nothing = float(stored["beta"]), np.zeros_like(family[POLICY[0]])
    kind = case.split("_")[0]
    head_start = float(stored["simpo_gamma"]) / beta if kind == "simpo" else 0.0
    loss, _ = dpo_loss(
        *policy.values(),
        nothing + head_start,
        nothing,
        beta=beta,
        label_smoothing=float(stored["label_smoothing"]),
        loss_type="sigmoid" if kind == "simpo" else kind,
    )
    compare_gradients(loss, stored, policy)
    close(beta * family[POLICY[0]], stored["chosen_rewards"])
    close(beta * family[POLICY[1]], stored["rejected_rewards"])


# ---- TRL 1.x, which computes from the tokens ------------------------------------------------------------------------

def trl1_relative(kind, b, s, a, q, na, nq):
    """The losses of DPO's family as functions of a and q, the log-ratios of chosen and rejected, with lengths na, nq."""
    u = (a - q) * b
    return {
        "sigmoid_norm": lambda: -log_sigmoid((a / na - q / nq) * b),
        "apo_zero": lambda: 1 - sigmoid(a * b) + sigmoid(q * b),
        "apo_down": lambda: sigmoid(a * b) + 1 - sigmoid(u),
        "nca_pair": lambda: -log_sigmoid(a * b) - 0.5 * log_sigmoid(-a * b) - 0.5 * log_sigmoid(-q * b),
        "sppo_hard": lambda: (a - 0.5 / b) ** 2 + (q + 0.5 / b) ** 2,
        "exo_pair": lambda: sigmoid(u) * (log_sigmoid(u) - np.log(1 - s)) + sigmoid(-u) * (log_sigmoid(-u) - np.log(s)),
        "forward_kl": lambda: -log_sigmoid((exp(-q) - exp(-a)) * b),
        "js_divergence": lambda: -log_sigmoid((log_sigmoid(a) - log_sigmoid(q)) * b),
    }[kind]().mean()


@pytest.mark.parametrize("name, case", under("dpo_trl1"))
def test_trl1_dpo_from_token_log_probs(name, case):
    """Where TRL 1.x leaves the papers we follow the papers, and reach its values by saying so:

    sigmoid  it ignores label_smoothing (its ls0.1 equals its ls0); ours is conservative DPO, Mitchell's equation 3
    ipo      it divides the log-ratios by the answers' lengths; ours takes sums, as in Azar et al. 2023, equation 17
    """
    family = part(load(name), "dpo_trl1")
    stored = part(family, case)
    tokens = Tensor(family["per_token_logps"].copy(), requires_grad=True)
    n = len(tokens.data) // 2
    lengths = family["completion_mask"][:, 1:].sum(1)
    na, nq = lengths[:n], lengths[n:]
    sums = tokens.sum(1)  # stored tokens outside the completion are zero already, and their gradients counted along
    policy = (sums[:n], sums[n:])
    reference = (family["ref_chosen_logps"], family["ref_rejected_logps"])
    b, s = float(stored["beta"]), float(stored["label_smoothing"])

    kind = case.split("_beta")[0]
    metrics = None
    if case.endswith(("_forward_kl", "_js_divergence")):
        kind = case.split("_", 2)[2].split("_", 1)[1]
    if kind in ("sigmoid", "hinge"):
        loss, metrics = dpo_loss(*policy, *reference, beta=b, loss_type=kind)
    elif kind == "ipo":
        averages = [p / length for p, length in zip(policy, (na, nq))]
        loss, _ = dpo_loss(*averages, reference[0] / na, reference[1] / nq, beta=b, loss_type="ipo")
    elif kind == "robust":
        right = dpo_loss(*policy, *reference, beta=b)[0]
        wrong = dpo_loss(*policy[::-1], *reference[::-1], beta=b)[0]
        loss = (right * (1 - s) - wrong * s) / (1 - 2 * s)
    else:
        a, q = policy[0] - reference[0], policy[1] - reference[1]
        loss = trl1_relative(kind, b, s, a, q, na, nq)
    compare_gradients(loss, stored, {"per_token_logps": tokens})

    if "metrics" in stored:
        ours = [metrics[f"rewards/{which}"] for which in ("chosen", "rejected", "accuracies", "margins")]
        close(ours, stored["metrics"][:4], 1e-6)  # its accuracy is float32
        close([sums.data[:n].mean(), sums.data[n:].mean()], stored["metrics"][4:])


@pytest.mark.parametrize("name", FILES)
def test_ipo_of_sums_and_of_averages_are_different_losses(name):
    """Had we averaged as TRL 1.x does, the loss would not be the paper's: the two conventions must not be confused."""
    family = part(load(name), "dpo_trl1")
    case = next(c for c in cases(family) if c.startswith("ipo"))
    n = len(family["ref_chosen_logps"])
    sums = (family["per_token_logps"] * family["completion_mask"][:, 1:]).sum(1)
    ours, _ = dpo_loss(
        sums[:n], sums[n:], family["ref_chosen_logps"], family["ref_rejected_logps"],
        beta=float(family[f"{case}/beta"]), loss_type="ipo",
    )
    D = (sums[:n] - sums[n:]) - (family["ref_chosen_logps"] - family["ref_rejected_logps"])
    close(ours, ((D - 1 / (2 * float(family[f"{case}/beta"]))) ** 2).mean())
    assert abs(ours.data - family[f"{case}/loss"]) > 1e-3


# ---- cousins --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, case", [(name, case) for name, case in under("cpo_simpo") if case.startswith("simpo")])
def test_simpo_loss(name, case):
    family = part(load(name), "cpo_simpo")
    stored = part(family, case)
    policy = {key: Tensor(family[key].copy(), requires_grad=True) for key in POLICY}
    beta, gamma, smoothing = (float(stored[key]) for key in ("beta", "simpo_gamma", "label_smoothing"))
    loss, metrics = simpo_loss(*policy.values(), beta, gamma / beta, smoothing)
    compare_gradients(loss, stored, policy)
    close(metrics["rewards/chosen"], stored["chosen_rewards"].mean())
    close(metrics["rewards/rejected"], stored["rejected_rewards"].mean())


@pytest.mark.parametrize("name, case", under("orpo"))
def test_odds_ratio_loss(name, case):
    family = part(load(name), "orpo")
    stored = part(family, case)
    policy = {key: Tensor(family[key].copy(), requires_grad=True) for key in POLICY}
    loss, metrics = odds_ratio_loss(*policy.values(), float(stored["beta"]))
    close(metrics["log_odds_ratio"], float(stored["log_odds_mean"]))
    compare_gradients(loss, {"loss": stored["or_loss"], **stored}, policy)


@pytest.mark.parametrize("name, case", under("kto"))
def test_kto_loss(name, case):
    family = part(load(name), "kto")
    stored = part(family, case)
    policy = {key: Tensor(family[key].copy(), requires_grad=True) for key in POLICY}
    settings = (float(stored[key]) for key in ("beta", "desirable_weight", "undesirable_weight"))
    reference = (family[key] for key in REFERENCE)
    drift = stored["policy_KL_logps"], stored["reference_KL_logps"]
    loss, metrics = kto_loss(*policy.values(), drift[0], *reference, drift[1], *settings)
    close(metrics["kl"], float(stored["kl"]))
    compare_gradients(loss, stored, policy)


# ---- the reward model's loss ----------------------------------------------------------------------------------------

def reward_cases():
    return [(name, case) for name in files("g4_reward_loss_*") for case in cases(load(name))]


@pytest.mark.underflow
@pytest.mark.parametrize("name, case", reward_cases())
def test_bradley_terry_loss(name, case):
    """-log sigma(r_c - r_r - margin); TRL's optional centring term c (r_c + r_r)^2 is added by the test, not shipped."""
    stored = part(load(name), case)
    chosen, rejected = (Tensor(stored[f"rewards_{which}"].copy(), requires_grad=True) for which in ("chosen", "rejected"))
    loss, metrics = bradley_terry_loss(chosen, rejected, margin=stored.get("margin", 0.0))
    if "center_rewards_coefficient" in stored:
        loss = loss + ((chosen + rejected) ** 2).mean() * float(stored["center_rewards_coefficient"])
    compare_gradients(loss, stored, {"rewards_chosen": chosen, "rewards_rejected": rejected})
    ties = (stored["rewards_chosen"] == stored["rewards_rejected"]).mean()
    (accuracy,) = [value for key, value in metrics.items() if "accurac" in key]
    close(accuracy, float(stored["accuracy"] + 0.5 * ties), 1e-6)  # TRL counts a tie as wrong, we as one half
    (margin,) = [value for key, value in metrics.items() if "margin" in key]
    close(margin, float(stored["mean_margin"]))
