"""What the engine needs of plain NumPy: broadcasting and indexing undone, a product's gradients, finite differences.

Nothing here knows of Tensors, except that one has its values in `.data`.
"""

import numpy as np

EQUAL = 1e-5  # scores nearer than this are the same: some processors round equal answers differently in different rows


def sum_to_shape(g, shape):
    """Undo broadcasting: an input that was used many times is blamed for the sum."""
    if g.shape == shape:
        return g
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
    return g.sum(axis=stretched, keepdims=True) if stretched else g


def matmul_vjp(g, a, b):
    """y = a @ b:  da = g @ b.T,  db = a.T @ g, over the last two axes, with NumPy's rules for vectors."""
    a_matrix = a[None, :] if a.ndim == 1 else a
    b_matrix = b[:, None] if b.ndim == 1 else b
    g = g if a.ndim > 1 else np.expand_dims(g, -1 if b.ndim == 1 else -2)
    g = g if b.ndim > 1 else np.expand_dims(g, -1)
    da = g @ b_matrix.swapaxes(-1, -2)
    db = a_matrix.swapaxes(-1, -2) @ g
    if a.ndim == 1:
        da = da.reshape(-1, a.size).sum(0)
    if b.ndim == 1:
        db = db.reshape(-1, b.size).sum(0)
    return da, db


def may_repeat(index):
    """Can this index name one element twice?  Only index arrays can; in x[(0, 0), range(2)] there are two."""
    parts = index if isinstance(index, tuple) else (index,)
    single = (int, np.integer, slice, type(None), type(...))
    return any(not isinstance(p, single) and np.asarray(p).dtype != bool for p in parts)


def central_differences(function, x, eps):
    """df/dx_i ~ [f(x + eps e_i) - f(x - eps e_i)] / (2 eps)  for every index i of x -> pairs (i, slope).

    function() reads the array x, which is changed in place and back.
    """
    for i in np.ndindex(x.shape):
        # eq: finite-difference
        value = x[i]
        x[i] = value + eps
        above = function()
        x[i] = value - eps
        below = function()
        x[i] = value
        slope = (above - below) / (2 * eps)
        # end eq
        yield i, slope


def as_floats(x, dtype=None):
    """x as a plain array of real numbers, in `dtype` or its own; of a Tensor the values, without their gradient.

    np.zeros_like(rewards) of whole numbers would cut off every fraction, and a float64 mask would promote all it meets.
    Raises ValueError for texts and complex numbers.
    """
    x = np.asarray(x.data if hasattr(x, "requires_grad") else x)
    if x.dtype.kind not in "biuf":
        raise ValueError(f"real numbers are needed, not {x.dtype}")
    return x.astype(dtype or (x.dtype if x.dtype.kind == "f" else np.float64), copy=False)


def some(n):
    """n, if there is anything to average: else ValueError."""
    if n == 0:
        raise ValueError("the mean of no numbers: there is nothing to average")
    return n


def pair_accuracy(gaps):
    """Share of pairs whose chosen answer scores higher; a tie counts one half, so that a constant scores 0.5.

    >>> pair_accuracy([2.0, -1.0, 0.0, 0.5])
    0.625
    """
    gaps = np.asarray(gaps)
    return float(((gaps > 0) + 0.5 * (gaps == 0)).sum() / some(gaps.size))


def same_shape(**arrays):
    """Raise ValueError unless all have one shape: NumPy would stretch (B,) against (B, 1) into (B, B) without a word."""
    shapes = {name: np.shape(array) for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError("shapes differ: " + ", ".join(f"{name} {shape}" for name, shape in shapes.items()))
