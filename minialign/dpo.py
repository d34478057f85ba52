"""Direct preference optimisation: the shortcut from votes to policy, without a reward model and without sampling.

The leashed optimum pi* = ref exp(r / beta) / Z can be solved for r;  put into the Bradley-Terry loss, Z cancels:

    r_hat(x, y) = beta log [pi(y|x) / ref(y|x)]                     the implicit reward
    L = - log sigma(r_hat(x, y_w) - r_hat(x, y_l))                  (Rafailov et al. 2023, equation 7)

A larger beta keeps the optimum closer to the reference.  log pi(y|x) is a sum over tokens: a mean would change beta with
the length of the answer.  That the chosen answer's log-probability falls is normal: only the difference is trained.

Differences from the papers: none.
"""

from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from .arrays import pair_accuracy
from .autograd import as_tensor, maximum, no_grad, same_shape
from .batch import minibatches
from .checks import check_betas, check_choice, check_count, check_counts, check_number, check_numbers, check_reference
from .divergence import check_step, quiet
from .functional import log_sigmoid
from .history import History
from .likelihood import sequence_log_probs
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

    def __post_init__(self):
        check_counts(self, "epochs batch_size")
        check_counts(self, "warmup_steps", at_least=0)
        check_numbers(self, "lr weight_decay", at_least=0)
        check_number("final_fraction", self.final_fraction, at_least=0, at_most=1)
        check_betas(self.betas)
        check_number("beta", self.beta, above=0)
        _check_loss(self.beta, self.label_smoothing, self.loss_type)


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
    hinge    max(0, 1 - h)                              (Liu et al. 2023; without a reference Zhao et al. 2023)

    At policy = reference the sigmoid loss is log 2, all rewards are 0, and a tie counts as half an accuracy.
    Raises ValueError for another loss_type, a beta below 0 (of IPO: not above 0), and label smoothing without an effect.

    >>> loss, metrics = dpo_loss([-2.0], [-9.0], [-4.0], [-6.0], beta=0.1)  # Delta = 7 - 2
    >>> round(metrics["rewards/margins"], 6), round(loss.item(), 4)
    (0.5, 0.4741)
    """
    _check_loss(beta, label_smoothing, loss_type)
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
        if label_smoothing:
            losses = losses - log_sigmoid(-h) * label_smoothing
    # end eq
    elif loss_type == "ipo":
        losses = (h * (1 / beta) - 1 / (2 * beta)) ** 2
    else:
        losses = maximum(1.0 - h, 0.0)
    loss = losses.mean()
    return loss, {
        "loss": loss.item(),
        "rewards/chosen": float(chosen_rewards.data.mean()),
        "rewards/rejected": float(rejected_rewards.data.mean()),
        "rewards/accuracies": pair_accuracy(h.data),
        "rewards/margins": float(h.data.mean()),
    }


def _check_loss(beta, label_smoothing, loss_type):
    """Raise ValueError for settings of the loss that are invalid, or that would have no effect."""
    check_choice("loss_type", loss_type, ("sigmoid", "ipo", "hinge"))
    if loss_type == "ipo":
        check_number("beta", beta, above=0)
    check_number("beta", beta, at_least=0)  # 0 teaches nothing, which is a fact about the loss, not a mistake
    check_number("label_smoothing", label_smoothing, at_least=0, at_most=1)
    if label_smoothing and loss_type != "sigmoid":
        raise ValueError(f'label_smoothing must be 0 unless loss_type is "sigmoid": it has no effect on "{loss_type}"')


@quiet()
def train_dpo(policy, reference, votes, config, rng, desc="dpo"):
    """Fit `policy` in place to Preferences, held to the frozen `reference` -> History.

    Raises ValueError if there are no votes, or if the reference is the policy; Diverged if the loss or a parameter is no
    longer a finite number.
    """
    n = len(votes)
    check_count("the number of votes", n)
    check_reference(policy, reference)
    both = votes.batch(policy.config.context_length)  # (2n, T): chosen, then rejected
    longest = np.maximum(both.lengths[:n], both.lengths[n:])
    steps = [rows for _ in range(config.epochs) for rows in minibatches(n, config.batch_size, rng, longest)]
    optimizer = AdamW(policy.parameters(), config.lr, config.betas, weight_decay=config.weight_decay)
    history = History()

    def loss_of(rows):
        k, pairs = len(rows), both[np.concatenate([rows, rows + n])]
        with no_grad():  # in the policy's own minibatch, so that before the first step every margin is exactly 0
            ref = sequence_log_probs(reference, pairs).data  # (2k,)
        logps = sequence_log_probs(policy, pairs)  # (2k,)
        loss, metrics = dpo_loss(logps[:k], logps[k:], ref[:k], ref[k:], config.beta, config.label_smoothing, config.loss_type)
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
        check_step("DPO", step, len(steps), metrics, config, policy)
    return history
