"""Take a step downhill: AdamW, Muon for matrices, gradient clipping, and a schedule for the step size."""

import math
from itertools import groupby

import numpy as np

from .checks import check_betas, check_number, check_steps


class Optimizer:
    """Something that moves parameters against their gradients: a subclass says how, in `step`."""

    def hold(self, parameters):
        """Remember the parameters.  Raises ValueError if there are none, or if one is there twice: it would move twice."""
        self.parameters = list(parameters.values() if isinstance(parameters, dict) else parameters)
        if not self.parameters:
            raise ValueError("an optimiser needs parameters to move; there are none")
        if len({id(p) for p in self.parameters}) < len(self.parameters):
            raise ValueError("an optimiser would move a parameter twice that is there twice")

    def zero_grad(self):
        for p in self.parameters:
            p.grad = None

    def minimise(self, loss, max_norm=1.0):
        """One whole update: clear, backward, clip, step.  Returns the gradient's norm before clipping.

        The graph behind the loss is freed; otherwise it would stay in memory until the next one is complete.  So there is no
        second update from one loss: ValueError.
        """
        self.zero_grad()
        loss.backward()
        loss.requires_grad = loss.vjp is None  # what is no leaf is a constant now
        loss.parents, loss.vjp = (), None
        norm = clip_grad_norm(self.parameters, max_norm)
        self.step()
        return norm


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2), in the arithmetic of torch.optim.AdamW.

        m <- b1 m + (1 - b1) g          p <- p - lr wd p
        v <- b2 v + (1 - b2) g^2        p <- p - lr/(1 - b1^t) * m / (sqrt(v)/sqrt(1 - b2^t) + eps)

    parameters: Tensors, or a dict of them.  A parameter without a gradient is left alone, decay included.
    The learning rate may be changed between steps: `optimizer.lr = ...`.  Raises ValueError for invalid settings.
    """

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.hold(parameters)
        check_number("lr", lr, at_least=0)
        check_number("weight_decay", weight_decay, at_least=0)
        check_number("eps", eps, at_least=1e-30)  # a parameter whose gradient was always 0 would become 0 / 0
        check_betas(betas)
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.t = [0] * len(self.parameters)
        self.m = [np.zeros_like(p.data) for p in self.parameters]
        self.v = [np.zeros_like(p.data) for p in self.parameters]

    def step(self):
        b1, b2, lr, decay = map(float, (*self.betas, self.lr, self.weight_decay))  # NumPy's float64 would promote float32
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


class Muon(Optimizer):
    """Momentum, orthogonalised: a step in which every direction of a matrix moves equally far (Jordan et al. 2024).

        M <- mu M + G,   O = orthogonalised(G + mu M),   W <- W - lr sqrt(max(1, K/C)) O        W, G, M, O (C, K)

    A gradient's few large singular values drown the many small ones, which are learned late; O has the same singular
    vectors, and all values about 1.  K/C: a step changes outputs by as much whatever the shape.

    parameters: matrices (the trunk's, not embeddings or heads, whose rows are words); each must have a gradient.
    Raises ValueError for anything else, and for invalid settings.
    """

    def __init__(self, parameters, lr=0.02, momentum=0.95):
        check_number("lr", lr, at_least=0)
        check_number("momentum", momentum, at_least=0, below=1)
        self.hold(parameters)
        if any(p.ndim != 2 for p in self.parameters):
            raise ValueError("Muon moves matrices alone; give all else to AdamW")
        self.parameters.sort(key=lambda p: p.shape)  # those of one shape side by side
        self.lr, self.momentum = lr, momentum
        self.shapes = [list(group) for _, group in groupby(self.parameters, key=lambda p: p.shape)]
        self.M = [np.zeros((len(group), *group[0].shape), group[0].dtype) for group in self.shapes]

    def step(self):
        if any(p.grad is None for p in self.parameters):
            raise ValueError("Muon needs a gradient of each of its matrices")
        momentum = float(self.momentum)
        for group, M in zip(self.shapes, self.M):
            C, K = M.shape[1:]
            G = np.stack([p.grad for p in group])  # (n, C, K)
            M *= momentum
            M += G
            O = orthogonalised(G + momentum * M)
            O *= float(self.lr) * math.sqrt(max(1, K / C))
            for p, move in zip(group, O):
                p.data = p.data - move


def orthogonalised(G, steps=5):
    """G = U S V^T becomes about U V^T: each singular value s of G / |G| passes five times through

        s <- a s + b s^3 + c s^5,   as matrices  X <- a X + (b A + c A A) X,  A = X X^T        (Newton & Schulz)

    whose a, b, c blow small values up fast, and leave all between .7 and 1.2: near enough.  G (n, C, K): n at once.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = G if G.shape[1] <= G.shape[2] else G.swapaxes(1, 2)  # the smaller A
    X = wide / (np.sqrt((wide * wide).sum((1, 2), keepdims=True)) + 1e-7)
    for _ in range(steps):
        A = X @ X.swapaxes(1, 2)
        X = a * X + (b * A + c * (A @ A)) @ X
    return X if wide is G else X.swapaxes(1, 2)


class Together(Optimizer):
    """Several optimisers that share one model, and one schedule: `lr` is the share of each one's own rate."""

    def __init__(self, *optimizers):
        self.optimizers, self.rates = optimizers, [optimizer.lr for optimizer in optimizers]
        self.parameters = [p for optimizer in optimizers for p in optimizer.parameters]
        self.lr = 1.0

    def step(self):
        for optimizer, rate in zip(self.optimizers, self.rates):
            optimizer.lr = self.lr * rate
            optimizer.step()


def clip_grad_norm(parameters, max_norm):
    """Shrink all gradients together so that their common norm is at most max_norm; returns the norm before.

    The factor is min(1, max_norm / (norm + 1e-6)), as in torch.nn.utils.clip_grad_norm_.  Raises ValueError for a max_norm
    that is not above 0.

    >>> from minialign.autograd import Tensor
    >>> x = Tensor([0.0, 0.0], requires_grad=True)
    >>> x.grad = np.array([3.0, 4.0])
    >>> clip_grad_norm([x], max_norm=1.0), x.grad.round(3).tolist()
    (5.0, [0.6, 0.8])
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm must be above 0, not {max_norm!r}")
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

    After the last step the cosine goes on, as in other libraries.  Raises ValueError for a step below 0 or no steps at all.

    >>> [round(cosine_schedule(step, 10, 1.0, warmup_steps=2), 3) for step in (0, 1, 2, 6, 10)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    check_steps(step, total_steps)
    if step < warmup_steps:
        return base_lr * step / warmup_steps
    x = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return base_lr * (final_fraction + (1 - final_fraction) * 0.5 * (1 + math.cos(math.pi * x)))


def linear_schedule(step, total_steps, base_lr, warmup_steps=0):
    """Learning rate at a step: a straight climb over warmup_steps, then a straight line down to zero.

    Raises ValueError for a step below 0 or no steps at all.

    >>> [linear_schedule(step, 10, 1.0, warmup_steps=2) for step in (0, 1, 2, 6, 10)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    check_steps(step, total_steps)
    if step < warmup_steps:
        return base_lr * step / warmup_steps
    return base_lr * max(0.0, (total_steps - step) / max(1, total_steps - warmup_steps))
