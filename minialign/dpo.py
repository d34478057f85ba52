"""Direct preference optimisation: the shortcut from votes to policy, without reward model and without sampling.

The leashed optimum pi* = ref exp(r / beta) / Z can be solved for r;  put into the Bradley-Terry loss, Z cancels:

    r_hat(x, y) = beta log [pi(y|x) / ref(y|x)]                     the implicit reward
    L = - log sigma(r_hat(x, y_w) - r_hat(x, y_l))                  (Rafailov et al. 2023, equation 7)

A larger beta keeps the optimum closer to the reference.  log pi(y|x) is a sum over tokens: a mean would change beta with
the length of the answer.  That the chosen answer's log-probability falls is normal: only the difference is trained.

Differences from the papers: none in the loss; the reference's log-probabilities are computed once, before training.
"""

from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from .autograd import as_tensor, maximum, same_shape
from .batch import minibatches
from .functional import log_sigmoid
from .history import History
from .likelihood import log_probs_array, sequence_log_probs
from .optim import AdamW, cosine_schedule


@dataclass(frozen=True)
class DPOConfig:
    beta: float = 0.1  # how strongly the policy is held to the reference
    lr: float = 2e-4
    epochs: int = 1
    batch_size: int = 32  # pairs per step
    warmup_steps: int = 10
    final_fraction: float = 0.1
    betas: tuple = (0.9, 0.95)
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    loss_type: str = "sigmoid"  # or "ipo", "hinge"


def dpo_loss(
    policy_chosen_logps,
    policy_rejected_logps,
    reference_chosen_logps,
    reference_rejected_logps,
    beta=0.1,
    label_smoothing=0.0,
    loss_type="sigmoid",
):
    """Four vectors (N,) of summed log-probabilities -> (loss, metrics).  With h = beta * Delta,

        Delta = (log pi(y_w) - log pi(y_l)) - (log ref(y_w) - log ref(y_l)),

    sigmoid  -(1 - s) log sigma(h) - s log sigma(-h)    s = label_smoothing; s > 0 is cDPO (Mitchell 2023)
    ipo      (Delta - 1 / (2 beta))^2                   (Azar et al. 2023, equation 17; sums, as in the paper)
    hinge    max(0, 1 - h)                              (Zhao et al. 2023)

    At policy = reference the sigmoid loss is log 2, all rewards are 0, and a tie counts as half an accuracy.
    Raises ValueError for another loss_type.
    """
    same_shape(
        policy_chosen_logps=policy_chosen_logps,
        policy_rejected_logps=policy_rejected_logps,
        reference_chosen_logps=reference_chosen_logps,
        reference_rejected_logps=reference_rejected_logps,
    )
    # eq: dpo-loss
    chosen_rewards = (as_tensor(policy_chosen_logps) - reference_chosen_logps) * beta
    rejected_rewards = (as_tensor(policy_rejected_logps) - reference_rejected_logps) * beta
    h = chosen_rewards - rejected_rewards
    if loss_type == "sigmoid":
        losses = -log_sigmoid(h) * (1 - label_smoothing)
    # end eq
        if label_smoothing:
            losses = losses - log_sigmoid(-h) * label_smoothing
    elif loss_type == "ipo":
        losses = (h * (1 / beta) - 1 / (2 * beta)) ** 2
    elif loss_type == "hinge":
        losses = maximum(1.0 - h, 0.0)
    else:
        raise ValueError(f'loss_type is "sigmoid", "ipo" or "hinge", not {loss_type!r}')
    loss = losses.mean()
    return loss, {
        "loss": loss.item(),
        "rewards/chosen": float(chosen_rewards.data.mean()),
        "rewards/rejected": float(rejected_rewards.data.mean()),
        "rewards/accuracies": float(np.mean((h.data > 0) + 0.5 * (h.data == 0))),
        "rewards/margins": float(h.data.mean()),
    }


def train_dpo(policy, reference, votes, config, rng, desc="dpo"):
    """Fit `policy` in place to Preferences, held to the frozen `reference` -> History."""
    n = len(votes)
    both = votes.batch(policy.config.context_length)  # (2n, T): chosen, then rejected
    reference_logps = log_probs_array(reference, both.ids, both.mask).sum(1)  # (2n,)
    longest = np.maximum(both.lengths[:n], both.lengths[n:])
    steps = [rows for _ in range(config.epochs) for rows in minibatches(n, config.batch_size, rng, longest)]
    optimizer = AdamW(policy.parameters(), config.lr, config.betas, weight_decay=config.weight_decay)
    history = History()

    def loss_of(rows):
        k, pair = len(rows), np.concatenate([rows, rows + n])
        logps, ref = sequence_log_probs(policy, both[pair]), reference_logps[pair]  # (2k,)
        loss, metrics = dpo_loss(
            logps[:k], logps[k:], ref[:k], ref[k:], config.beta, config.label_smoothing, config.loss_type
        )
        moved = logps.data - ref  # log pi - log ref: how far each side has moved
        return loss, metrics | {
            "logps/chosen": float(logps.data[:k].mean()),
            "logps/rejected": float(logps.data[k:].mean()),
            "delta/chosen": float(moved[:k].mean()),
            "delta/rejected": float(moved[k:].mean()),
        }

    for step, rows in enumerate(tqdm(steps, desc=desc, leave=False, disable=None)):
        optimizer.lr = cosine_schedule(step + 1, len(steps), config.lr, config.warmup_steps, config.final_fraction)
        loss, metrics = loss_of(rows)
        optimizer.minimise(loss)
        history.log(step, metrics | {"lr": optimizer.lr})
    return history
