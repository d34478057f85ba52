"""Supervised fine-tuning: make the demonstrated answers more probable, character by character.

    L = - sum over b, p of  m[b, p] log pi(token p+1 | tokens up to p)  /  sum of m

m is 1 on the answer and its end token (EOS), 0 on the question and the padding: the model learns to answer, not to ask,
and learns to stop.  Pretraining is the same loss with nothing masked.

Differences from production: the mean is over all answer tokens of the minibatch (long answers weigh more); demonstrations
may be mixed with a little of the pretraining text ("replay"), because a tiny model forgets facts it does not rehearse.
"""

from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from .autograd import same_shape
from .batch import Batch, minibatches
from .checks import as_mask, check_betas, check_count, check_counts, check_number, check_numbers
from .divergence import check_step, quiet
from .functional import masked
from .history import History
from .likelihood import token_log_probs_of
from .optim import AdamW, Muon, Together, cosine_schedule


@dataclass(frozen=True)
class LMConfig:
    """How to train a language model, on documents or on demonstrations."""

    lr: float = 1e-3  # at its highest
    muon_lr: float | None = None  # of the trunk's matrices, which Muon then moves, and AdamW the rest
    batch_size: int = 32  # texts per step
    warmup_steps: int = 20
    final_fraction: float = 0.1  # of lr, at the end of the cosine
    betas: tuple = (0.9, 0.95)
    weight_decay: float = 0.01
    max_norm: float = 1.0
    replay_weight: float = 0.0  # of the pretraining loss beside the demonstrations'

    def __post_init__(self):
        check_counts(self, "batch_size")
        check_counts(self, "warmup_steps", at_least=0)
        check_numbers(self, "lr weight_decay replay_weight", at_least=0)
        check_number("final_fraction", self.final_fraction, at_least=0, at_most=1)
        check_number("max_norm", self.max_norm, above=0)
        if self.muon_lr is not None:
            check_number("muon_lr", self.muon_lr, at_least=0)
        check_betas(self.betas)


def sft_loss(logprobs, mask):
    """The loss above, from log-probabilities (B, T-1) and mask (B, T-1) -> (loss, metrics).  All masked: loss 0."""
    same_shape(logprobs=logprobs, mask=mask)
    mask = as_mask(mask)
    # eq: sft-loss
    n = float(np.sum(mask))
    loss = -masked(logprobs, mask).sum() * (1 / max(n, 1.0))
    # end eq
    return loss, {"loss": loss.item(), "num_tokens": n}


@quiet()
def train_language_model(model, batches, n_steps, config, desc="sft", replay=None, callback=None):
    """Train `model` in place on n_steps batches from an iterator, or as many as there are -> History.

    replay      another iterator of batches, not read if replay_weight is 0
    callback    function(step, model, history), called before the first and after every step
    Raises ValueError if there are no batches, or too few to replay; and Diverged if the loss or a parameter is no longer a
    finite number.
    """
    check_count("n_steps", n_steps)
    if replay is None and config.replay_weight > 0:
        raise ValueError("a replay_weight has no effect without batches to replay: pass replay, or replay_weight=0")
    optimizer = language_model_optimizer(model, config)
    highest, history = optimizer.lr, History()
    if callback:
        callback(0, model, history)
    for step, batch in zip(tqdm(range(n_steps), desc=desc, leave=False, disable=None), batches):
        optimizer.lr = cosine_schedule(step + 1, n_steps, highest, config.warmup_steps, config.final_fraction)
        loss, metrics = sft_loss(token_log_probs_of(model, batch.ids, batch.mask), batch.mask)
        if replay is not None and config.replay_weight:
            rehearsed = next(replay, None)
            if rehearsed is None:
                raise ValueError(f"the batches to replay end after {step} of {n_steps} steps")
            replayed = sft_loss(token_log_probs_of(model, rehearsed.ids, rehearsed.mask), rehearsed.mask)[0]
            loss = loss + config.replay_weight * replayed
        metrics["grad_norm"] = optimizer.minimise(loss, config.max_norm)
        history.log(step, metrics | {"lr": optimizer.lr})
        check_step(desc, step, n_steps, metrics, config, model)
        if callback:
            callback(step + 1, model, history)
    if "loss" not in history:
        raise ValueError("there are no batches to train on")
    check_step(desc, step, step + 1, metrics, config, model)  # the last step, where a lesson is cut short
    return history


def language_model_optimizer(model, config):
    """AdamW for all parameters; with a muon_lr, Muon for the matrices of the trunk's blocks."""
    if config.muon_lr is None:
        return AdamW(model.parameters(), config.lr, config.betas, weight_decay=config.weight_decay)
    named = model.named_parameters()
    matrices = [name for name, p in named.items() if name.startswith("trunk.blocks.") and p.data.ndim == 2]
    rest = [p for name, p in named.items() if name not in matrices]
    return Together(
        Muon([named[name] for name in matrices], config.muon_lr),
        AdamW(rest, config.lr, config.betas, weight_decay=config.weight_decay),
    )


def epochs(batch, n_epochs, size, rng):
    """The rows of a Batch in random minibatches of similar length, n_epochs times over."""
    check_count("n_epochs", n_epochs)
    for _ in range(n_epochs):
        for rows in minibatches(len(batch), size, rng, batch.lengths):
            yield batch[rows]


def windows(stream, starts, size, length, rng):
    """Endless minibatches of windows cut from one long stream of ids, each beginning at a document's start.

    Windows cut anywhere would hide how documents begin, and teach the model to answer a question that opens one.
    With the first minibatch: raises ValueError for a size below 1, a length below 2, a document that begins before 0, and if
    none begins at least `length` tokens before the stream ends.
    """
    check_count("the number of windows", size)
    check_count("the length of a window", length, at_least=2)
    starts = np.asarray([s for s in starts if s + length <= len(stream)])
    if len(starts) and starts.min() < 0:
        raise ValueError(f"a document must begin at 0 or later, not at {starts.min()}")
    if not len(starts):
        raise ValueError(f"no document begins {length} tokens before the end of a corpus of {len(stream)}: shorten the window")
    while True:
        begin = starts[rng.integers(len(starts), size=size)]
        ids = stream[begin[:, None] + np.arange(length)]
        yield Batch(ids, np.ones((size, length - 1), dtype=np.float32))
