"""Exercise 2: predict the future without seeing it.  One solution."""

import numpy as np


def causal_attention_weights(scores):
    T = len(scores)
    scores = scores + np.triu(np.full((T, T), -np.inf), 1)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def next_token_loss(logits, ids):
    logits, targets = logits[:-1], ids[1:]
    logits = logits - logits.max(-1, keepdims=True)
    logprobs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -logprobs[np.arange(len(targets)), targets].mean()
