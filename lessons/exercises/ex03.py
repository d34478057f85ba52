"""Exercise 3: learn the answer, not the question.  (15 minutes)

Write what is missing, and check it:  minialign check 3
Hints:                                 minialign check 3 --hint 1
"""

import numpy as np  # noqa: F401

PAD, EOS, USER, BOT = 0, 1, 2, 3


def answer_mask(ids):
    """Which tokens does SFT learn?  The answer and its end token (EOS); not the question, not BOT, not the padding.

    ids (T,): USER question BOT answer EOS PAD PAD ..., with the numbers above
    returns (T - 1,) of 1.0 and 0.0: column p belongs to the token at p + 1, for the first token is never predicted

    Example: ids [USER, 9, BOT, 7, EOS, PAD]  ->  [0, 0, 1, 1, 0].
    """
    raise NotImplementedError("answer_mask")


def sft_loss(logprobs, mask):
    """L = - sum of mask * logprobs / sum of mask.

    logprobs, mask (B, T - 1); returns a number

    Example: logprobs [[-1, -2, -9]], mask [[1, 1, 0]]  ->  1.5.
    """
    raise NotImplementedError("sft_loss")
