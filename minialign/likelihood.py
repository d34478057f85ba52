"""How probable is a text?  The one place where logits are shifted against their targets.

    log pi(y | x) = sum over the answer's tokens of log pi(token | all before it)
"""

import numpy as np

from .autograd import no_grad


def token_log_probs_of(model, ids, lengths=None):
    """ids (B, T) -> log-probability of each token given those before it, Tensor (B, T-1).

    Column p is log pi(ids[p+1] | ids[:p+1]).  The first token has nothing before it and so no column.
    lengths (B,): the tokens of each row that matter, if known: what stands behind them has no meaning, and costs no time.
    """
    ids = np.asarray(ids)
    # eq: next-token
    read = ids[:, :-1]  # the last token is foretold, not read
    logits = model(read) if lengths is None else model(read, lengths - 1)
    return model.trunk.ops.token_log_probs(logits, ids[:, 1:])
    # end eq


def sequence_log_probs(model, batch):
    """log pi(answer | prompt), summed over the masked tokens, Tensor (B,).  A sum, not a mean: see dpo.py."""
    return (token_log_probs_of(model, batch.ids, batch.lengths) * batch.mask).sum(1)


def log_probs_array(model, ids, lengths=None, rows_at_once=64):
    """`token_log_probs_of` as a plain array (B, T-1), without gradients, in pieces that keep memory small."""
    with no_grad():
        some = [slice(i, i + rows_at_once) for i in range(0, len(ids), rows_at_once)]
        pieces = [token_log_probs_of(model, ids[i], None if lengths is None else lengths[i]).data for i in some]
    return np.concatenate(pieces)
