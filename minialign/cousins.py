"""Cousins of DPO that need less: SimPO and ORPO use no reference model, KTO no pairs.  IPO, hinge and cDPO are in dpo.py.

    SimPO   L = -log sigma(beta (p_w - p_l) - gamma)                                  (Meng et al. 2024, equation 6)
    ORPO    L = SFT loss + beta L_OR,   L_OR = -log sigma(log odds_w - log odds_l)    (Hong et al. 2024, equations 6 and 7)
    KTO     L = mean of w_D (1 - sigma(beta (r - z))) and w_U (1 - sigma(beta (z - r)))   (Ethayarajh et al. 2024)

Here p is the mean log-probability of an answer's token, so that length alone earns nothing; odds = P / (1 - P), P = exp p;
r = log pi(y|x) - log ref(y|x), a sum over tokens; z is the KL from the reference, measured on answers to other questions.

Differences from the papers: none; z is, as in TRL, one number per batch, not below 0, and without a gradient.
"""

from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from .arrays import as_floats, pair_accuracy, same_shape
from .autograd import as_tensor, exp, log, no_grad
from .batch import Batch, conversations, minibatches
from .checks import as_mask, check_betas, check_count, check_counts, check_finite, check_number, check_numbers, check_reference
from .divergence import check_step, quiet
from .functional import log_sigmoid
from .history import History
from .likelihood import sequence_log_probs
from .optim import AdamW, cosine_schedule
from .tokenizer import CHARACTERS, Tokenizer


@dataclass(frozen=True)
class CousinConfig:
    beta: float = 2.0  # of SimPO; usual for ORPO and KTO: 0.1
    gamma_beta_ratio: float = 0.5  # of SimPO: the lead that is asked for, in units of beta
    desirable_weight: float = 1.0  # of KTO: what a good answer counts
    undesirable_weight: float = 1.0
    lr: float = 2e-4
    epochs: int = 1
    batch_size: int = 32  # pairs per step; of KTO: answers
    warmup_steps: int = 10
    final_fraction: float = 0.1
    betas: tuple = (0.9, 0.95)

    def __post_init__(self):
        check_counts(self, "epochs batch_size")
        check_counts(self, "warmup_steps", at_least=0)
        check_numbers(self, "gamma_beta_ratio desirable_weight undesirable_weight lr", at_least=0)
        check_number("beta", self.beta, above=0)
        check_number("final_fraction", self.final_fraction, at_least=0, at_most=1)
        check_betas(self.betas)


@dataclass
class Thumbs:
    """Answers that somebody found good or bad, one by one: answers[i] to prompts[i] is good[i]."""

    prompts: list  # of str
    answers: list  # of Response
    good: np.ndarray  # (N,) bool, or 0 and 1
    tokenizer: Tokenizer = CHARACTERS

    def __post_init__(self):
        self.good = as_mask(self.good, "thumbs")
        if not len(self.prompts) == len(self.answers) == len(self.good):
            numbers = len(self.prompts), len(self.answers), len(self.good)
            raise ValueError("{} prompts need as many answers and thumbs, not {} and {}".format(*numbers))

    def __len__(self):
        return len(self.prompts)


def simpo_loss(policy_chosen_logps, policy_rejected_logps, beta=2.0, gamma_beta_ratio=0.5, label_smoothing=0.0):
    """-log sigma(beta (p_w - p_l) - gamma), gamma = beta * gamma_beta_ratio -> (loss, metrics).

    Both (N,), means over tokens.  A pair is right when the chosen answer leads by gamma, not by a hair.
    Raises ValueError for different shapes, and for invalid settings.
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
        raise ValueError("mean log-probabilities must be below 0; at 0 the odds are infinite")
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
    invalid shapes and settings.
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
        "rewards/accuracies": pair_accuracy(margins),
        "rewards/margins": float(margins.mean()),
    }


# ------------------------------------------------------------------------------------------------ the loops
def train_simpo(policy, votes, config, rng, desc="simpo"):
    """Fit `policy` in place to Preferences, without a reference -> History.  Raises as train_dpo does."""

    def loss_of(sums, tokens):
        chosen, rejected = _halves(sums / tokens)
        return simpo_loss(chosen, rejected, config.beta, config.gamma_beta_ratio)

    return _train_on_pairs(policy, votes, loss_of, config, rng, desc)


def train_orpo(policy, votes, config, rng, desc="orpo"):
    """The same with ORPO: imitate the chosen answers, and let their odds grow against the rejected ones -> History."""

    def loss_of(sums, tokens):
        odds, metrics = odds_ratio_loss(*_halves(sums / tokens), config.beta)
        sft = -_halves(sums)[0].sum() * (1 / float(_halves(tokens)[0].sum()))
        return sft + odds, metrics | {"loss": sft.item() + odds.item(), "loss/sft": sft.item()}

    return _train_on_pairs(policy, votes, loss_of, config, rng, desc)


def train_kto(policy, reference, thumbs, config, rng, desc="kto"):
    """Fit `policy` in place to Thumbs, held to the frozen `reference` -> History.

    z is measured on each answer of a minibatch, put behind the question of the one before it; a minibatch of one takes the next
    answer of the data.  Where the two do not fit the context, the answer is cut off.  Raises as train_dpo does, and ValueError
    for fewer than two thumbs and for an answer without a token.
    """
    check_reference(policy, reference)
    check_count("the number of thumbs", len(thumbs), at_least=2)
    said, context = list(zip(thumbs.prompts, thumbs.answers)), policy.config.context_length
    batch = conversations(said, context, thumbs.tokenizer)
    if not batch.mask.any(1).all():
        raise ValueError("an answer is empty, and has no end; leave its thumb out")

    def loss_of(rows):
        others = np.roll(rows, -1) if len(rows) > 1 else (rows + 1) % len(said)
        strays = [(said[i][0], said[j][1]) for i, j in zip(rows, others)]
        astray, sides = conversations(strays, None, thumbs.tokenizer), (thumbs.good[rows], ~thumbs.good[rows])
        astray = Batch(astray.ids[:, :context], astray.mask[:, : context - 1])  # a long answer to a long question is cut off
        with no_grad():
            ref, *drift = (
                sequence_log_probs(model, texts).data
                for model, texts in ((reference, batch[rows]), (policy, astray), (reference, astray))
            )
        logps = sequence_log_probs(policy, batch[rows])
        (good, bad), (ref_good, ref_bad) = ([x[np.flatnonzero(side)] for side in sides] for x in (logps, ref))
        weights = config.desirable_weight, config.undesirable_weight
        return kto_loss(good, bad, drift[0], ref_good, ref_bad, drift[1], config.beta, *weights)

    return _train(policy, loss_of, batch.lengths, config, rng, desc)


def _halves(x):
    """The chosen answers' part, and the rejected ones'."""
    return x[: x.shape[0] // 2], x[x.shape[0] // 2 :]


def _train_on_pairs(policy, votes, loss_of, config, rng, desc):
    """loss_of(log pi of each answer, chosen and then rejected, Tensor (2N,); their numbers of tokens) -> (loss, metrics)."""
    n = len(votes)
    check_count("the number of votes", n)
    both = votes.batch(policy.config.context_length)  # (2n, T): chosen, then rejected

    def loss_of_rows(rows):
        pairs = both[np.concatenate([rows, rows + n])]
        return loss_of(sequence_log_probs(policy, pairs), pairs.mask.sum(1))

    return _train(policy, loss_of_rows, np.maximum(*_halves(both.lengths)), config, rng, desc)


@quiet()
def _train(policy, loss_of, lengths, config, rng, desc):
    """Steps over minibatches of rows of similar length, under a cosine schedule -> History."""
    steps = [rows for _ in range(config.epochs) for rows in minibatches(len(lengths), config.batch_size, rng, lengths)]
    optimizer, history = AdamW(policy.parameters(), config.lr, config.betas), History()
    for step, rows in enumerate(tqdm(steps, desc=desc, leave=False, disable=None)):
        optimizer.lr = cosine_schedule(step + 1, len(steps), config.lr, config.warmup_steps, config.final_fraction)
        loss, metrics = loss_of(rows)
        optimizer.minimise(loss)
        history.log(step, metrics | {"lr": optimizer.lr})
        check_step(desc, step, len(steps), metrics, config, policy)
    return history
