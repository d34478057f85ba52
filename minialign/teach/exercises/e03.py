"""Lesson 3: which tokens does supervised fine-tuning learn, and over what is its loss averaged?"""

import numpy as np

from . import Exercise, ragged_mask

PAD, EOS, USER, BOT = 0, 1, 2, 3


def mask_cases(rng):
    def ids(n_question, n_answer, n_pad):
        letters = rng.integers(4, 30, size=n_question + n_answer).tolist()
        return np.array([USER, *letters[:n_question], BOT, *letters[n_question:], EOS, *[PAD] * n_pad])

    return [(ids(2, 3, 2),), (ids(4, 1, 0),), (ids(1, 5, 4),)]


def mask_answer(ids):
    ids = list(ids)
    first, last = ids.index(BOT) + 1, ids.index(EOS)
    return np.array([1.0 if first <= p + 1 <= last else 0.0 for p in range(len(ids) - 1)])


def _mask_of(first, last, shift=1):
    """The mask of the tokens first(ids) ... last(ids), with column p for token p + shift."""

    def wrong(ids):
        ids = list(ids)
        return np.array([float(first(ids) <= p + shift <= last(ids)) for p in range(len(ids) - 1)])

    return wrong


def _bot(ids):
    return ids.index(BOT)


def _eos(ids):
    return ids.index(EOS)


def loss_cases(rng):
    return [(-rng.exponential(size=(B, T)), ragged_mask(rng, B, T)) for B, T in ((1, 4), (2, 6), (4, 7))]


def loss_answer(logprobs, mask):
    trained = [logprobs[b, p] for b, p in np.ndindex(*mask.shape) if mask[b, p]]
    return -sum(trained) / len(trained)


EXERCISES = [
    Exercise(
        "answer_mask",
        mask_cases,
        mask_answer,
        [
            ("you left the end token (EOS) out: the model would never learn to stop",
             _mask_of(lambda i: _bot(i) + 1, lambda i: _eos(i) - 1)),
            ("your mask is shifted by one: column p belongs to the token at p + 1",
             _mask_of(lambda i: _bot(i) + 1, _eos, shift=0)),
            ("you train the question too: the model would learn to ask", _mask_of(lambda i: 0, _eos)),
            ("you train the padding: after the EOS there is nothing to learn",
             _mask_of(lambda i: _bot(i) + 1, lambda i: len(i))),
            ("you train the BOT token: the program writes it, not the model", _mask_of(_bot, _eos)),
        ],
        (
            "Write the tokens in a row, and below each one the column that predicts it, as minialign/batch.py does.",
            "Three things: the answer begins after BOT, it ends with the EOS, and a column is one to the left.",
            "t = np.arange(1, len(ids)) are the tokens with a column: those after BOT, up to and with EOS.",
        ),
    ),
    Exercise(
        "sft_loss",
        loss_cases,
        loss_answer,
        [
            ("you averaged over padding: divide by the number of ones in the mask, not by B * T",
             lambda logprobs, mask: -np.mean(logprobs * mask)),
            ("you forgot the mask: question and padding are learned too", lambda logprobs, mask: -np.mean(logprobs)),
            ("you averaged each row first: here every token weighs the same, not every answer",
             lambda logprobs, mask: -np.mean([row[m > 0].mean() for row, m in zip(logprobs, mask)])),
            ("you summed: divide by the number of ones in the mask", lambda logprobs, mask: -np.sum(logprobs * mask)),
            ("the minus is missing: a loss is minus a log-probability",
             lambda logprobs, mask: np.sum(logprobs * mask) / np.sum(mask)),
        ],
        (
            "The equation is at the top of minialign/sft.py. Which sum is above the line, which below?",
            "Below the line is the sum of the mask, over all rows together.",
            "-(logprobs * mask).sum() over what?",
        ),
    ),
]  # fmt: skip
