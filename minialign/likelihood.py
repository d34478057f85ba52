"""How probable is a text?  The one place where logits are shifted against their targets.

log pi(y | x) = sum over the answer's tokens of log pi(token | all before it)
"""

import numpy as np

from .autograd import no_grad, same_shape
from .checks import as_mask, check_count
from .functional import scatter


def token_log_probs_of(model, ids, mask=None):
    """ids (B, T) -> log-probability of each token given those before it, Tensor (B, T-1).

    Column p is log pi(ids[p+1] | ids[:p+1]).  The first token has nothing before it and so no column.
    mask (B, T-1), 0 or 1: the columns that matter, if not all; the others cost little time, and hold 0.
    Raises ValueError for no texts, an invalid mask and invalid ids.
    """
    ids, loss_mask = np.asarray(ids), None
    if mask is not None:
        same_shape(ids_after_the_first=ids[:, 1:], mask=mask)
        mask = as_mask(mask)
        loss_mask = None if mask.all() else mask  # None: all of them
    # eq: next-token
    inputs, targets = ids[:, :-1], ids[:, 1:]  # the last token is predicted, not read
    logits = model(inputs, loss_mask)
    logprobs = model.trunk.ops.token_log_probs(logits, targets if loss_mask is None else targets[loss_mask])
    # end eq
    return logprobs if loss_mask is None else scatter([logprobs], [loss_mask], loss_mask.shape)


def sequence_log_probs(model, batch):
    """log pi(answer | prompt), summed over the masked tokens, Tensor (B,).  A sum, not a mean: see dpo.py."""
    return token_log_probs_of(model, batch.ids, batch.mask).sum(1)


def log_probs_array(model, ids, mask=None, rows_at_once=64):
    """`token_log_probs_of` as a plain array (B, T-1), without gradients, in pieces that keep memory small."""
    check_count("the number of texts", len(ids))
    with no_grad():
        some = [slice(i, i + rows_at_once) for i in range(0, len(ids), rows_at_once)]
        pieces = [token_log_probs_of(model, ids[i], None if mask is None else mask[i]).data for i in some]
    return np.concatenate(pieces)
