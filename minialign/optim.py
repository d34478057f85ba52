"""Take a step downhill: AdamW, gradient clipping, and a schedule for the step size."""

import math

import numpy as np

from .checks import check_betas, check_number


class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2), in the arithmetic of torch.optim.AdamW.

        m <- b1 m + (1 - b1) g          p <- p - lr wd p
        v <- b2 v + (1 - b2) g^2        p <- p - lr/(1 - b1^t) * m / (sqrt(v)/sqrt(1 - b2^t) + eps)

    parameters: Tensors, or a dict of them.  A parameter without a gradient is left alone, decay included.
    The learning rate may be changed between steps: `optimizer.lr = ...`.  Raises ValueError for settings that cannot be.
    """

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.parameters = list(parameters.values() if isinstance(parameters, dict) else parameters)
        for name, value in (("lr", lr), ("eps", eps), ("weight_decay", weight_decay)):
            check_number(name, value, at_least=0)
        check_betas(betas)
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.t = [0] * len(self.parameters)
        self.m = [np.zeros_like(p.data) for p in self.parameters]
        self.v = [np.zeros_like(p.data) for p in self.parameters]

    def step(self):
        b1, b2 = self.betas
        lr, decay = float(self.lr), float(self.weight_decay)  # a NumPy float64 would promote float32 parameters
        for i, (p, m, v) in enumerate(zip(self.parameters, self.m, self.v)):
            if p.grad is None:
                continue
            self.t[i] += 1
            g = p.grad
            m *= b1
            m += (1 - b1) * g
            v *= b2
            v += (1 - b2) * g * g
            step_size = lr / (1 - b1 ** self.t[i])
            denominator = np.sqrt(v)
            denominator /= math.sqrt(1 - b2 ** self.t[i])
            denominator += self.eps
            p.data = p.data * (1 - lr * decay) - step_size * m / denominator

    def zero_grad(self):
        for p in self.parameters:
            p.grad = None

    def minimise(self, loss, max_norm=1.0):
        """One whole update: clear, backward, clip, step.  Returns the gradient's norm before clipping.

        The graph behind the loss is let go: else it would stay in memory until the next one is complete.
        """
        self.zero_grad()
        loss.backward()
        loss.parents, loss.vjp = (), None
        norm = clip_grad_norm(self.parameters, max_norm)
        self.step()
        return norm


def clip_grad_norm(parameters, max_norm):
    """Shrink all gradients together so that their common norm is at most max_norm; returns the norm before.

    The factor is min(1, max_norm / (norm + 1e-6)), as in torch.nn.utils.clip_grad_norm_.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm is above 0, not {max_norm!r}")
    parameters = [p for p in (parameters.values() if isinstance(parameters, dict) else parameters) if p.grad is not None]
    norm = math.sqrt(sum(float(np.vdot(p.grad, p.grad)) for p in parameters))
    factor = float(max_norm) / (norm + 1e-6)
    if factor < 1:
        for p in parameters:
            p.grad = p.grad * factor
    return norm


def cosine_schedule(step, total_steps, base_lr, warmup_steps=0, final_fraction=0.0):
    """Learning rate at a step: a straight climb over warmup_steps, then half a cosine down to final_fraction * base_lr.

    x = (step - warmup) / (total - warmup),    lr = base_lr [f + (1 - f) (1 + cos(pi x)) / 2]
    """
    if step < warmup_steps:
        return base_lr * step / warmup_steps
    x = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return base_lr * (final_fraction + (1 - final_fraction) * 0.5 * (1 + math.cos(math.pi * x)))


def linear_schedule(step, total_steps, base_lr, warmup_steps=0):
    """Learning rate at a step: a straight climb over warmup_steps, then a straight line down to zero."""
    if step < warmup_steps:
        return base_lr * step / warmup_steps
    return base_lr * max(0.0, (total_steps - step) / max(1, total_steps - warmup_steps))
