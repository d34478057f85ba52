"""The lower limit: only the matrix products of each workload, into arrays that already exist.

This is the time of a step if everything but its products cost nothing.  They are those of the whole computation, as in
PyTorch: attention is dense (T x T, the masked half included), every token passes every layer, also where minialign skips
the question, and queries, keys and values are one product.  For N = B T tokens a forward pass multiplies

    12 N L C^2  +  2 L B T^2 C  +  N C V      times

3 C^2 (q, k, v) + C^2 + 8 C^2 (the MLP) per layer and token; q k^T and A v; and the head (V = 1 for a scalar one).

A backward pass has twice as many: from g = dL/dy of y = x W follow dx = g W^T and dW = x^T g.
"""

import math

import numpy as np

from . import Step
from .sizes import Size

Product = tuple[tuple[int, ...], tuple[int, ...]]  # the shapes of both factors


def products_of(workload: str, size: Size) -> list[Product]:
    """Every product of a workload, in order: a list of (shape of a, shape of b), shape (..., m, k) and (..., k, n)."""
    L, V = size.n_layer, size.vocab_size

    def pass_(rows, tokens, n_out, backward=False):
        body = _layer(size, rows, tokens, tokens) * L + [((rows * tokens, size.d_model), (size.d_model, n_out))]
        return body + [product for one in reversed(body) for product in _backward(*one)] if backward else body

    def sampling(rows, prompt, new):
        head = [((rows, size.d_model), (size.d_model, V))]
        found = _layer(size, rows, prompt, prompt) * L + head
        for seen in range(prompt + 1, prompt + new):  # the last token is written, but not read
            found += _layer(size, rows, 1, seen) * L + head
        return found

    if workload == "train":
        return pass_(size.train[0], size.train[1], V, backward=True)
    if workload == "sample":
        return sampling(*size.sample)
    if workload == "dpo":
        pairs, tokens = size.dpo
        return pass_(2 * pairs, tokens, V) + pass_(2 * pairs, tokens, V, backward=True)
    rows, prompt, new = size.ppo
    tokens = prompt + new - 1  # the last one predicts nothing
    seen = pass_(rows, tokens + 1, 1) + pass_(rows, tokens, 1) + 2 * pass_(rows, tokens, V)  # reward, critic, pi, ref
    some = rows // size.minibatches
    update = pass_(some, tokens, V, backward=True) + pass_(some, tokens, 1, backward=True)
    return sampling(*size.ppo) + seen + update * (size.epochs * size.minibatches)


def _layer(size, rows, tokens, seen):
    """The products of one layer reading `tokens` new tokens per row, each of which may look at `seen`."""
    N, C, H = rows * tokens, size.d_model, size.n_head
    scores = (rows, H, tokens, C // H), (rows, H, C // H, seen)
    mixed = (rows, H, tokens, seen), (rows, H, seen, C // H)
    up, down = ((N, C), (C, 4 * C)), ((N, 4 * C), (4 * C, C))
    return [((N, C), (C, 3 * C)), scores, mixed, ((N, C), (C, C)), up, down]


def _backward(a, b):
    """y = a b:  da = g b^T,  db = a^T g."""
    *stack, m, k = a
    n = b[-1]
    return [((*stack, m, n), (*stack, n, k)), ((*stack, k, m), (*stack, m, n))]


def multiplications(workload: str, size: Size) -> int:
    """The formula above, summed over the passes of a workload."""
    L, C, V = size.n_layer, size.d_model, size.vocab_size

    def forward(rows, tokens, n_out=V):
        return rows * tokens * (12 * L * C * C + n_out * C) + 2 * L * rows * tokens**2 * C

    def sampling(rows, prompt, new):
        read = rows * (prompt + new - 1) * 12 * L * C * C + rows * new * C * V
        looked = prompt**2 + sum(range(prompt + 1, prompt + new))
        return read + 2 * L * rows * looked * C

    if workload == "train":
        return 3 * forward(*size.train)
    if workload == "sample":
        return sampling(*size.sample)
    if workload == "dpo":
        return 4 * forward(2 * size.dpo[0], size.dpo[1])
    rows, prompt, new = size.ppo
    T = prompt + new - 1
    seen = forward(rows, T + 1, 1) + forward(rows, T, 1) + 2 * forward(rows, T)
    return sampling(*size.ppo) + seen + 3 * size.epochs * (forward(rows, T) + forward(rows, T, 1))


def step_of(workload: str, size: Size, dtype: str = "float32") -> Step:
    """A function that does all the products of a workload once."""
    triples = [(a, b, (*a[:-1], b[-1])) for a, b in products_of(workload, size)]
    largest: dict[tuple, int] = {}  # place -> numbers
    for triple in triples:
        for role, shape in enumerate(triple):
            place = _place(role, shape, triple)
            largest[place] = max(largest.get(place, 0), math.prod(shape))
    rng = np.random.default_rng(0)
    memory = {place: rng.standard_normal(n).astype(dtype) for place, n in largest.items()}

    def array(role, shape, triple):
        return memory[_place(role, shape, triple)][: math.prod(shape)].reshape(shape)

    # Prepared before the clock starts: allocating arrays and making views are not matrix products.
    ready = [[array(role, shape, triple) for role, shape in enumerate(triple)] for triple in triples]

    def step():
        for a, b, out in ready:
            np.matmul(a, b, out=out)

    return step


def _place(role, shape, triple):
    """The memory of a factor or result: one array per shape, except that what grows while sampling grows in place."""
    return role, shape if triple[0][-2] > 1 else "growing"


STEPS = {
    name: lambda size, dtype="float32", name=name: (step_of(name, size, dtype), dict)
    for name in ("train", "sample", "dpo", "ppo")
}
