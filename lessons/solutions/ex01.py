"""Exercise 1: gradients by hand.  One solution."""

import numpy as np


def layer_norm_backward(g, x, gain, eps=1e-5):
    r = 1 / np.sqrt(x.var(-1, keepdims=True) + eps)
    x_hat = (x - x.mean(-1, keepdims=True)) * r
    h = g * gain
    dx = r * (h - h.mean(-1, keepdims=True) - x_hat * (h * x_hat).mean(-1, keepdims=True))
    return dx, (g * x_hat).sum(0), g.sum(0)


def softmax_loss_gradient(logits, targets):
    N = len(logits)
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    p[np.arange(N), targets] -= 1
    return p / N
