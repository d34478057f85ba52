"""A Tensor remembers how it was computed, so that an error can be traced back to whoever caused it.

The chain rule:  dL/dx = sum over the uses y of x of  dL/dy * dy/dx.

Each operation returns a Tensor together with a closure `backward(g)` which, given g = dL/dy (same shape as y), returns
one gradient per parent.  A rule may return a gradient of the broadcast shape: the engine alone sums it back to the
parent's shape, orders the graph and adds up the contributions.  Only leaves keep their gradient in `.grad`.

Differences from PyTorch: no in-place operations, no second derivatives, `.grad` is a plain array.
"""

import contextlib

import numpy as np

_recording = True


@contextlib.contextmanager
def no_grad():
    """Inside this block nothing is recorded: results are constants, and cost no memory."""
    global _recording
    before, _recording = _recording, False
    try:
        yield
    finally:
        _recording = before


class Tensor:
    """An array that can be differentiated through.

    data           the values, a NumPy array
    requires_grad  True for a leaf whose gradient is wanted (a parameter)
    grad           dL/d(this), an array of the same shape, after `L.backward()`; None before, and None for results
    """

    __slots__ = ("data", "grad", "requires_grad", "parents", "rule", "__weakref__")
    __array_ufunc__ = None  # `array * tensor` must ask the tensor, not the array

    def __init__(self, data, requires_grad=False):
        data = np.asarray(data)
        self.data = data if data.dtype.kind == "f" else data.astype(np.float64)  # only real numbers have slopes
        self.requires_grad = requires_grad
        self.grad, self.parents, self.rule = None, (), None

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)

    def item(self):
        return self.data.item()

    __float__ = item

    def __array__(self, dtype=None, copy=None):
        """np.asarray(tensor): the values of a constant.  Raises TypeError where a gradient would be lost unseen."""
        if self.requires_grad:
            raise TypeError("NumPy would lose the gradient of this Tensor: take its .data, or compute with Tensors")
        return np.array(self.data, dtype=dtype)

    def __len__(self):
        return len(self.data)

    def __repr__(self):
        return f"Tensor({self.data!r}{', requires_grad=True' if self.requires_grad else ''})"

    def backward(self, gradient=None):
        """Add dL/dleaf to the `.grad` of every leaf that L (this tensor) was computed from.

        gradient: dL/d(this), needed only if this is not a scalar.  Raises ValueError if it is missing or misshapen.
        """
        if gradient is None:
            if self.size != 1:
                raise ValueError(f"backward() starts from one number, not from shape {self.shape}; pass a gradient")
            gradient = np.ones_like(self.data)
        gradient = np.asarray(gradient, dtype=self.dtype)
        if gradient.shape != self.shape:
            raise ValueError(f"the gradient has shape {gradient.shape}, the tensor {self.shape}")
        in_flight = {id(self): gradient}  # gradients of results live here only, so a second backward starts afresh
        for tensor in _users_before_parents(self):
            g = in_flight.pop(id(tensor))
            if tensor.rule is None:
                tensor.grad = g.copy() if tensor.grad is None else tensor.grad + g
                continue
            # eq: chain-rule
            for parent, dparent in zip(tensor.parents, tensor.rule(g)):
                if not parent.requires_grad:
                    continue
                dparent = _sum_to_shape(dparent, parent.shape)
                arrived = in_flight.get(id(parent))
                in_flight[id(parent)] = dparent if arrived is None else arrived + dparent
            # end eq

    # ------------------------------------------------------------------------------------------- arithmetic
    def __add__(self, other):
        a, b = self, _like(other, self)
        return record(a.data + b.data, (a, b), lambda g: (g, g))

    def __mul__(self, other):
        a, b = self, _like(other, self)
        return record(a.data * b.data, (a, b), lambda g: (g * b.data, g * a.data))

    def __truediv__(self, other):
        a, b = self, _like(other, self)
        return record(a.data / b.data, (a, b), lambda g: (g / b.data, -g * a.data / (b.data * b.data)))

    def __pow__(self, exponent):
        """x ** n for a plain number n."""
        x, n = self, float(exponent)
        if n == 2:  # the usual case, and NumPy's power is much slower than a product
            return record(x.data * x.data, (x,), lambda g: (g * (2 * x.data),))
        return record(x.data**n, (x,), lambda g: (g * (n * x.data ** (n - 1)),))

    def __matmul__(self, other):
        a, b = self, _like(other, self)
        return record(a.data @ b.data, (a, b), lambda g: _matmul_rule(g, a.data, b.data))

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        a, b = self, _like(other, self)
        return record(a.data - b.data, (a, b), lambda g: (g, -g))

    def __rsub__(self, other):
        return _like(other, self) - self

    def __rtruediv__(self, other):
        return _like(other, self) / self

    def __rmatmul__(self, other):
        return _like(other, self) @ self

    __radd__, __rmul__ = __add__, __mul__

    # ------------------------------------------------------------------------------------------- elementwise
    def exp(self):
        y = np.exp(self.data)
        return record(y, (self,), lambda g: (g * y,))

    def expm1(self):
        """exp(x) - 1 without losing the digits of a small x."""
        y = np.expm1(self.data)
        return record(y, (self,), lambda g: (g * (y + 1),))

    def log(self):
        return record(np.log(self.data), (self,), lambda g: (g / self.data,))

    def tanh(self):
        y = np.tanh(self.data)
        return record(y, (self,), lambda g: (g * (1 - y * y),))

    def clip(self, low, high):
        return clip(self, low, high)

    def minimum(self, other):
        return minimum(self, other)

    def maximum(self, other):
        return maximum(self, other)

    # ------------------------------------------------------------------------------------------- reductions
    def sum(self, axis=None, keepdims=False):
        x = self.data

        def rule(g):
            if axis is not None and not keepdims:
                g = np.expand_dims(g, axis)
            return (np.broadcast_to(g, x.shape),)

        return record(x.sum(axis, keepdims=keepdims), (self,), rule)

    def mean(self, axis=None, keepdims=False):
        total = self.sum(axis, keepdims)
        return total * (total.size / self.size)

    def max(self, axis=None, keepdims=False):
        """The largest value; equal winners share the gradient."""
        x = self.data
        y = x.max(axis, keepdims=True)

        def rule(g):
            winners = (x == y).astype(x.dtype)
            if axis is not None and not keepdims:
                g = np.expand_dims(g, axis)
            return (winners / winners.sum(axis, keepdims=True) * g,)

        return record(y if keepdims else x.max(axis), (self,), rule)

    # ------------------------------------------------------------------------------------------- shapes
    def reshape(self, *shape):
        x = self.data
        shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], (int, np.integer)) else shape
        return record(x.reshape(shape), (self,), lambda g: (g.reshape(x.shape),))

    def transpose(self, *axes):
        """Reorder the axes; without arguments, reverse them."""
        axes = axes[0] if len(axes) == 1 and not isinstance(axes[0], (int, np.integer)) else axes
        axes = tuple(a % self.ndim for a in axes) if axes else tuple(reversed(range(self.ndim)))
        return record(self.data.transpose(axes), (self,), lambda g: (g.transpose(np.argsort(axes)),))

    T = property(lambda self: self.transpose())

    def __getitem__(self, index):
        x = self.data

        def rule(g):
            dx = np.zeros_like(x)
            np.add.at(dx, index, g) if _may_repeat(index) else dx.__setitem__(index, g)
            return (dx,)

        return record(x[index], (self,), rule)


# ----------------------------------------------------------------------------------------- functions of tensors
def exp(x):
    return as_tensor(x).exp()


def log(x):
    return as_tensor(x).log()


def tanh(x):
    return as_tensor(x).tanh()


def minimum(a, b):
    """The smaller of two, elementwise; a tie sends half of the gradient to each.

    PPO needs that rule: on the first minibatch every element of min(ratio*A, clip(ratio)*A) is a tie.
    """
    a, b = _pair(a, b)
    share = (a.data < b.data) + 0.5 * (a.data == b.data)  # of a: 1, 1/2 or 0
    share = share.astype(a.dtype)
    return record(np.minimum(a.data, b.data), (a, b), lambda g: (g * share, g * (1 - share)))


def maximum(a, b):
    """The larger of two, elementwise; a tie sends half of the gradient to each."""
    return -minimum(-_pair(a, b)[0], -_pair(a, b)[1])


def clip(x, low, high):
    """x held between low and high (numbers or arrays; None: no limit); the gradient passes on the border and inside."""
    x = as_tensor(x)
    low, high = -np.inf if low is None else low, np.inf if high is None else high
    low, high = (np.asarray(limit, dtype=x.dtype) for limit in (low, high))
    inside = ((x.data >= low) & (x.data <= high)).astype(x.dtype)
    return record(np.minimum(np.maximum(x.data, low), high), (x,), lambda g: (g * inside,))


def where(condition, a, b):
    """a where the condition holds, b elsewhere; the gradient follows the choice."""
    a, b = _pair(a, b)
    condition = np.asarray(condition, dtype=bool)
    zero = np.zeros((), dtype=a.dtype)
    return record(
        np.where(condition, a.data, b.data),
        (a, b),
        lambda g: (np.where(condition, g, zero), np.where(condition, zero, g)),
    )


def assemble(pieces, places, shape):
    """zeros(shape) with each piece at its place, an index; no two places overlap.  The gradient is cut up the same way."""
    y = np.zeros(shape, dtype=pieces[0].dtype)
    for piece, place in zip(pieces, places):
        y[place] = piece.data
    return record(y, tuple(pieces), lambda g: [g[place] for place in places])


# ----------------------------------------------------------------------------------------- the engine
def record(data, parents, rule):
    """The result of an operation: its values, what it was made from, and rule(g) -> one gradient per parent."""
    out = Tensor(data)
    if _recording and any(parent.requires_grad for parent in parents):
        out.requires_grad, out.parents, out.rule = True, parents, rule
    return out


def _users_before_parents(root):
    """Every tensor that needs a gradient, each after all of its users.  A loop: deep graphs overflow a recursion."""
    order, seen, stack = [], set(), [(root, False)] if root.requires_grad else []
    while stack:
        tensor, parents_done = stack.pop()
        if parents_done:
            order.append(tensor)
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            stack.append((tensor, True))
            stack.extend((p, False) for p in tensor.parents if p.requires_grad and id(p) not in seen)
    return reversed(order)


def _sum_to_shape(g, shape):
    """Undo broadcasting: an input that was used many times is blamed for the sum."""
    if g.shape == shape:
        return g
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
    return g.sum(axis=stretched, keepdims=True) if stretched else g


def _matmul_rule(g, a, b):
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


def _may_repeat(index):
    """Can this index name one element twice?  Only index arrays can."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(p, (list, np.ndarray)) and np.asarray(p).dtype != bool for p in parts)


def as_tensor(x):
    """A Tensor as it is; anything else as a constant."""
    return x if isinstance(x, Tensor) else Tensor(x)


def as_floats(x, dtype=None):
    """x as a plain array of real numbers, in `dtype` or its own; of a Tensor the values, without their gradient.

    np.zeros_like(rewards) of whole numbers would cut off every fraction, and a float64 mask would promote all it meets.
    """
    x = np.asarray(x.data if isinstance(x, Tensor) else x)
    return x.astype(dtype or (x.dtype if x.dtype.kind == "f" else np.float64), copy=False)


def same_shape(**arrays):
    """Raise ValueError unless all have one shape: NumPy would stretch (B,) against (B, 1) into (B, B) without a word."""
    shapes = {name: np.shape(array) for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError("shapes differ: " + ", ".join(f"{name} {shape}" for name, shape in shapes.items()))


def _like(x, tensor):
    """A constant takes the dtype of the tensor it meets: one stray float64 would promote the whole graph."""
    return x if isinstance(x, Tensor) else Tensor(np.asarray(x, dtype=tensor.dtype))


def _pair(a, b):
    a = a if isinstance(a, Tensor) else _like(a, as_tensor(b))
    return a, _like(b, a)


# ----------------------------------------------------------------------------------------- is a gradient right?
def check_gradients(function, *arrays, eps=1e-6, tolerance=1e-6, rng=None):
    """Compare the gradient of `function(*tensors)` with central differences, entry by entry, in float64.

        d/dx_i sum(w * f(x))  ~  [sum(w * f(x + eps e_i)) - sum(w * f(x - eps e_i))] / (2 eps)

    w is a fixed random projection, so that functions of any shape are checked as a whole.
    Raises AssertionError naming the function, the argument, the index, and the two values.  Returns the largest
    relative error |got - expected| / (1 + |expected|).
    """
    rng = rng or np.random.default_rng(0)
    tensors = [Tensor(np.array(a, dtype=np.float64), requires_grad=True) for a in arrays]
    out = function(*tensors)
    w = rng.standard_normal(out.shape)
    out.backward(w)
    worst = 0.0
    for k, tensor in enumerate(tensors):
        x = tensor.data
        got_all = np.zeros_like(x) if tensor.grad is None else tensor.grad
        for i in np.ndindex(x.shape):
            # eq: finite-difference
            value = x[i]
            sides = []
            for step in (eps, -eps):
                x[i] = value + step
                with no_grad():
                    sides.append(float((w * function(*tensors).data).sum()))
            x[i] = value
            got, expected = float(got_all[i]), (sides[0] - sides[1]) / (2 * eps)
            # end eq
            error = abs(got - expected) / (1 + abs(expected))
            worst = max(worst, error)
            if not error <= tolerance:
                name = getattr(function, "__name__", repr(function))
                raise AssertionError(f"{name}: gradient of argument {k} at index {i}: got {got:.8g}, expected {expected:.8g}")
    return worst
