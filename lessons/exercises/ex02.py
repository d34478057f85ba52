"""Exercise 2: predict the future without seeing it.  (15 minutes)

Write what is missing, and check it:  minialign check 2
Hints:                                 minialign check 2 --hint 1
"""

import numpy as np  # noqa: F401


def causal_attention_weights(scores):
    """softmax over each row of scores (T, T), in which token t sees only the tokens s <= t.

    returns weights (T, T): rows sum to 1, weights[t, s] = 0 for s > t

    Example: scores [[0, 9], [0, 0]]  ->  [[1, 0], [0.5, 0.5]].  Scores of 1000 must not give nan: subtract the largest
    score of a row after hiding the future, not before.
    """
    raise NotImplementedError("causal_attention_weights")


def next_token_loss(logits, ids):
    """How badly are the tokens predicted?  The mean of -log p(ids[t + 1]), p = softmax(logits[t]).

    logits (T, V): logits[t] were computed from ids[0] ... ids[t];  ids (T,) whole numbers
    returns a number: the mean over T - 1 predictions, as nothing is known of what follows the last row of logits

    Example: equal logits for V characters cost ln V, whatever the ids, and also if all logits are 1000.
    """
    raise NotImplementedError("next_token_loss")
