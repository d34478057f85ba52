"""Exercise 3: learn the answer, not the question.  One solution."""

import numpy as np

PAD, EOS, USER, BOT = 0, 1, 2, 3


def answer_mask(ids):
    ids = list(ids)
    token = np.arange(1, len(ids))
    return ((token > ids.index(BOT)) & (token <= ids.index(EOS))).astype(float)


def sft_loss(logprobs, mask):
    return -(logprobs * mask).sum() / mask.sum()
