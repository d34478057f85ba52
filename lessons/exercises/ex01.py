"""Exercise 1: gradients by hand.  (20 minutes)

Write what is missing, and check it:  minialign check 1
Hints:                                 minialign check 1 --hint 1
"""

import numpy as np  # noqa: F401


def layer_norm_backward(g, x, gain, eps=1e-5):
    """The gradients of y = gain * x_hat + bias,  x_hat = (x - mean) * r,  r = 1 / sqrt(variance + eps), over each row.

    g     dL/dy, (N, C)
    x     (N, C);  gain (C,)
    returns dx (N, C), dgain (C,), dbias (C,)

    If gain is 1 and g is the same at every entry of a row, L depends only on the sum of that row's x_hat.  That sum is
    always 0, so dx = 0 in that row.
    """
    raise NotImplementedError("layer_norm_backward")


def softmax_loss_gradient(logits, targets):
    """The gradient of L = mean over rows of -log softmax(logits[n])[targets[n]].

    logits (N, V), targets (N,) whole numbers; returns dL/dlogits (N, V)

    Example: logits [[0, 0]], targets [0]  ->  [[-0.5, 0.5]].  Every row sums to 0.  Logits of 1000 must not give nan.
    """
    raise NotImplementedError("softmax_loss_gradient")
