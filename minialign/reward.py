"""The reward model: votes become a number for every answer.

    P(y_w beats y_l | x) = sigma(r(x, y_w) - r(x, y_l))                  (Bradley & Terry 1952)
    L = - log sigma(r(x, y_w) - r(x, y_l))                               (InstructGPT, Ouyang et al. 2022)

    r(x, y) = mean_t (w . h_t + b) + a mean_t log pi_SFT(y_t) + c min_t log pi_SFT(y_t)

The trunk reads how an answer is put.  Whether it is true it hardly learns from a few thousand votes, but the frozen SFT
model knows: what it finds improbable is often wrong, so its mean and its least log-probability of the answer's tokens count
too.  Their weights a and c are learned with the rest, and start strong, or the trunk would know the votes by heart first.

Only differences are learned, so afterwards the scores are shifted and scaled to mean 0 and standard deviation 1 on answers
of the reference model (Ziegler et al. 2019).  That scale is part of the leash: dividing r by s multiplies beta by s.

Differences from the papers: the two log-probabilities (a plain ScalarModel has none); the number may be read as the mean
over the answer's tokens ("mean") instead of at its last token ("last", the convention), which a small model learns faster;
one pass per pair instead of rankings of four to nine; scores are held near 0 by (r_w^2 + r_l^2) / 2, each on its own,
where Eisenstein et al. penalise (r_w + r_l)^2, the sum of a pair.
"""

from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from .arrays import EQUAL, pair_accuracy
from .autograd import as_tensor, no_grad, same_shape
from .batch import minibatches
from .checks import (
    check_betas,
    check_choice,
    check_count,
    check_counts,
    check_finite,
    check_number,
    check_numbers,
    check_pair,
)
from .divergence import check_step, quiet
from .functional import log_sigmoid, masked
from .history import History
from .likelihood import log_probs_array
from .model import RewardModel
from .optim import AdamW, cosine_schedule

POOLING = "mean", "last"


@dataclass(frozen=True)
class RewardConfig:
    lr: float = 1e-3
    epochs: int = 3
    batch_size: int = 16  # pairs per step
    warmup_steps: int = 30
    final_fraction: float = 0.1
    betas: tuple = (0.9, 0.99)
    weight_decay: float = 0.01
    center: float = 1e-3  # of the mean squared score: keeps scores near zero (Eisenstein et al. 2023)
    pooling: str = "mean"  # or "last"
    likelihood_weights: tuple = (2.0, 1.0)  # a, c at the start

    def __post_init__(self):
        check_counts(self, "epochs batch_size")
        check_counts(self, "warmup_steps", at_least=0)
        check_numbers(self, "lr weight_decay center", at_least=0)
        check_number("final_fraction", self.final_fraction, at_least=0, at_most=1)
        check_betas(self.betas)
        check_choice("pooling", self.pooling, POOLING)
        check_pair("likelihood_weights", self.likelihood_weights)


def bradley_terry_loss(chosen_rewards, rejected_rewards, margin=0.0, label_smoothing=0.0):
    """-[(1 - s) log sigma(d) + s log sigma(-d)],  d = r_w - r_l - margin, averaged over pairs -> (loss, metrics).

    chosen_rewards, rejected_rewards (N,), margin a number or (N,);  s = label_smoothing is the share of votes believed to
    be slips.

    >>> loss, metrics = bradley_terry_loss([1.0, 0.0], [1.0, 0.0])  # no opinion: log 2
    >>> round(loss.item(), 4), metrics["accuracy"]
    (0.6931, 0.5)
    >>> round(bradley_terry_loss([np.log(3.0)], [0.0])[0].item(), 4)  # sure of three quarters: -log 0.75
    0.2877
    """
    same_shape(chosen_rewards=chosen_rewards, rejected_rewards=rejected_rewards)
    check_number("label_smoothing", label_smoothing, at_least=0, at_most=1)
    if np.ndim(margin):
        same_shape(chosen_rewards=chosen_rewards, margin=margin)
    check_finite("the margin", np.atleast_1d(margin))
    chosen_rewards, rejected_rewards = as_tensor(chosen_rewards), as_tensor(rejected_rewards)
    # eq: bradley-terry
    d = chosen_rewards - rejected_rewards - margin
    losses = -log_sigmoid(d)
    if label_smoothing:
        losses = losses * (1 - label_smoothing) - log_sigmoid(-d) * label_smoothing
    loss = losses.mean()
    # end eq
    gap = chosen_rewards.data - rejected_rewards.data
    return loss, {"loss": loss.item(), "accuracy": pair_accuracy(gap), "margin": float(gap.mean())}


def reward_model_from(model, rng, likelihood_weights):
    """A RewardModel that grows from a language model, and keeps it as its reference."""
    new = RewardModel(model.config, rng, likelihood_weights)
    new.trunk.copy_from(model.trunk)
    new.reference.copy_from(model)
    return new


def sequence_scores(model, batch, pooling="last", likelihoods=None):
    """One score per row, Tensor (B,), from a ScalarModel's numbers (B, T) at the answer's tokens.

    pooling "last": at the last answer token (the EOS, if there is one); "mean": the mean over the answer's tokens.
    likelihoods (B, 2): `answer_likelihoods` of a RewardModel's reference, if they are known already.
    Raises ValueError for a row without an answer.
    """
    check_choice("pooling", pooling, POOLING)
    if not batch.mask.any(1).all():
        raise ValueError("a row without answer tokens has nothing to score")
    judged = np.zeros(batch.ids.shape, batch.mask.dtype)  # (B, T), 1 where the score is read
    if pooling == "last":
        judged[np.arange(len(batch)), batch.lengths - 1] = 1
    else:
        judged[:, 1:] = batch.mask
    scores = masked(model(batch.ids, judged), judged).sum(1) / judged.sum(1)
    if isinstance(model, RewardModel):
        known = answer_likelihoods(model.reference, batch) if likelihoods is None else likelihoods
        scores = scores + known @ model.likelihood_weights
    return scores


def answer_likelihoods(reference, batch):
    """The mean and the least of log pi(token | all before it) over each answer's tokens, array (B, 2)."""
    logprobs, inside = log_probs_array(reference, batch.ids, batch.mask), batch.mask > 0
    mean = (logprobs * inside).sum(1) / inside.sum(1)
    return np.stack([mean, np.where(inside, logprobs, 0).min(1)], axis=1)


@quiet()
def train_reward_model(model, votes, config, rng, desc="reward model", callback=None):
    """Fit a ScalarModel in place to Preferences -> History.

    callback: function(step, model, history), called before the first and after every step
    Raises ValueError if there are no votes, and Diverged if the loss or a parameter is no longer a finite number.
    """
    n = len(votes)
    check_count("the number of votes", n)
    both = votes.batch(model.config.context_length)  # (2n, T): chosen, then rejected
    longest = np.maximum(both.lengths[:n], both.lengths[n:])
    steps = [rows for _ in range(config.epochs) for rows in minibatches(n, config.batch_size, rng, longest)]
    likelihoods = answer_likelihoods(model.reference, both) if isinstance(model, RewardModel) else np.zeros((2 * n, 2))
    optimizer = AdamW(model.parameters(), config.lr, config.betas, weight_decay=config.weight_decay)
    history = History()

    def loss_of(rows):
        pair = np.concatenate([rows, rows + n])
        scores = sequence_scores(model, both[pair], config.pooling, likelihoods[pair])
        loss, metrics = bradley_terry_loss(scores[: len(rows)], scores[len(rows) :])
        return loss + (scores * scores).mean() * config.center, metrics

    if callback:
        callback(0, model, history)
    for step, rows in enumerate(tqdm(steps, desc=desc, leave=False, disable=None)):
        optimizer.lr = cosine_schedule(step + 1, len(steps), config.lr, config.warmup_steps, config.final_fraction)
        loss, metrics = loss_of(rows)
        optimizer.minimise(loss)
        history.log(step, metrics | {"lr": optimizer.lr})
        check_step("the reward model", step, len(steps), metrics, config, model)
        if callback:
            callback(step + 1, model, history)
    return history


@dataclass
class Scorer:
    """A trained reward model as a function: Batch -> normalised scores (B,), no gradients."""

    model: object
    pooling: str = "mean"
    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self):
        check_choice("pooling", self.pooling, POOLING)
        check_number("mean", self.mean)
        check_number("std", self.std, above=0)

    def __call__(self, batch, rows_at_once=64):
        check_count("the number of texts", len(batch))
        pieces = []
        with no_grad():
            for i in range(0, len(batch), rows_at_once):
                pieces.append(sequence_scores(self.model, batch[i : i + rows_at_once], self.pooling).data)
        return (np.concatenate(pieces) - self.mean) / self.std

    def normalised_on(self, batch):
        """The same scorer with mean 0 and standard deviation 1 on these answers.  The order of answers is unchanged.

        Where all have the same score, there is nothing to divide by, and only the mean becomes 0.
        """
        raw = Scorer(self.model, self.pooling)(batch)
        check_finite("the raw score", raw)
        mean, std = float(raw.mean()), float(raw.std())
        return Scorer(self.model, self.pooling, mean, std if std > EQUAL else 1.0)


def score_gaps(score, votes, context_length=None):
    """r(chosen) - r(rejected) for each vote, (N,)."""
    scores = np.asarray(score(votes.batch(context_length)))
    return scores[: len(votes)] - scores[len(votes) :]


def calibration(gaps, bins=5):
    """When the model says 80 %, is it right 80 % of the time?

    gaps: raw (not normalised) r_w - r_l of held-out votes, (N,).  With p = sigma(|gap|), correct = gap > 0, over equal-width
    bins of p in [1/2, 1]:  ECE = sum of n_bin/N |accuracy - mean p|  (Guo et al. 2017).
    -> dict: ece, and per bin predicted, observed, count.

    >>> gaps = np.log(3.0) * np.array([1, 1, 1, -1])  # sure of 75%, and right in three of four
    >>> round(calibration(gaps)["ece"], 6), round(calibration(np.abs(gaps))["ece"], 6)
    (0.0, 0.25)
    """
    gaps = np.asarray(gaps)
    check_count("the number of gaps", len(gaps))
    check_finite("the gap", gaps)
    check_count("the number of bins", bins)
    # eq: calibration-error
    p, correct = 1 / (1 + np.exp(-np.abs(gaps))), (gaps > 0) + 0.5 * (gaps == 0)
    which = np.minimum(((p - 0.5) * 2 * bins).astype(int), bins - 1)
    count = np.bincount(which, minlength=bins)
    safe = np.maximum(count, 1)
    predicted = np.bincount(which, p, bins) / safe
    observed = np.bincount(which, correct, bins) / safe
    ece = float((count / len(gaps) * np.abs(observed - predicted)).sum())
    # end eq
    return {"ece": ece, "predicted": predicted, "observed": observed, "count": count}
