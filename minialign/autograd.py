"""A Tensor remembers how it was computed, so that the gradient of a loss can be traced back to every parameter.

The chain rule:  dL/dx = sum over the uses y of x of  dL/dy * dy/dx.

Each operation returns a Tensor with a closure `vjp(g)`, its vector-Jacobian product: given g = dL/dy (same shape as y), it
returns dL/dx for each parent x (None: not used).  It may return a gradient of the broadcast shape: the engine alone sums it
back to the parent's shape, orders the graph and adds up the contributions.  Only leaves keep their gradient in `.grad`.

Differences from PyTorch: no in-place operations, no second derivatives, `.grad` is a plain array.
"""

import contextlib
import contextvars

import numpy as np

from .arrays import as_floats, central_differences, matmul_vjp, may_repeat, same_shape, some, sum_to_shape  # noqa: F401

_recording = contextvars.ContextVar("recording", default=True)  # of each thread its own


@contextlib.contextmanager
def no_grad():
    """Inside this block this thread records nothing: results are constants, and cost no memory."""
    before = _recording.set(False)
    try:
        yield
    finally:
        _recording.reset(before)


class Tensor:
    """An array that can be differentiated through.

    data           the values, a NumPy array
    requires_grad  True for a leaf that is to get a gradient (a parameter)
    grad           dL/d(this), an array of the same shape, after `L.backward()`; None before, and None for results
    """

    __slots__ = ("data", "grad", "requires_grad", "parents", "vjp", "__weakref__")
    __array_ufunc__ = None  # `array * tensor` must ask the tensor, not the array

    def __init__(self, data, requires_grad=False):
        data = np.asarray(data)
        self.data = data if data.dtype.kind == "f" else as_floats(data)  # only real numbers have slopes
        self.requires_grad, self.grad, self.parents, self.vjp = requires_grad, None, (), None

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

        gradient: dL/d(this), needed if this is no scalar.  Raises ValueError without it, or if no leaf is to get a gradient.
        """
        if not self.requires_grad:
            raise ValueError("nothing that this was computed from requires a gradient")
        if gradient is None and self.size != 1:
            raise ValueError(f"backward() starts from one number, not from shape {self.shape}; pass a gradient")
        gradient = np.ones_like(self.data) if gradient is None else np.asarray(gradient, dtype=self.dtype)
        if gradient.shape != self.shape:
            raise ValueError(f"the gradient has shape {gradient.shape}, the tensor {self.shape}")
        in_flight = {id(self): gradient}  # gradients of results live here only, so a second backward starts afresh
        for tensor in _users_before_parents(self):
            g = in_flight.pop(id(tensor), None)
            if g is None:  # no user has blamed it
                continue
            if tensor.vjp is None:
                tensor.grad = g.copy() if tensor.grad is None else tensor.grad + g
                continue
            # eq: chain-rule
            for parent, dparent in zip(tensor.parents, tensor.vjp(g)):
                if parent.requires_grad and dparent is not None:
                    dparent = sum_to_shape(dparent, parent.shape)
                    arrived = in_flight.get(id(parent))
                    in_flight[id(parent)] = dparent if arrived is None else arrived + dparent
            # end eq

    # ------------------------------------------------------------------------------------------- arithmetic
    def __add__(self, other):
        a, b = self, _like(other, self)
        return make_node(a.data + b.data, (a, b), lambda g: (g, g))

    def __mul__(self, other):
        a, b = self, _like(other, self)
        return make_node(a.data * b.data, (a, b), lambda g: (g * b.data, g * a.data))

    def __truediv__(self, other):
        a, b = self, _like(other, self)
        return make_node(a.data / b.data, (a, b), lambda g: (g / b.data, -g * a.data / (b.data * b.data)))

    def __pow__(self, exponent):
        """x ** n for a plain number n.  Raises TypeError for a Tensor n, which would get no gradient."""
        if isinstance(exponent, Tensor):
            raise TypeError("the exponent of x ** n is a plain number; for a Tensor n write exp(n * log(x))")
        x, n = self, float(exponent)
        if n == 2:  # the usual case, and NumPy's power is much slower than a product
            return make_node(x.data * x.data, (x,), lambda g: (g * (2 * x.data),))
        return make_node(x.data**n, (x,), lambda g: (g * (n * x.data ** (n - 1)) if n else np.zeros_like(g),))

    def __matmul__(self, other):
        a, b = self, _like(other, self)
        return make_node(a.data @ b.data, (a, b), lambda g: matmul_vjp(g, a.data, b.data))

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        a, b = self, _like(other, self)
        return make_node(a.data - b.data, (a, b), lambda g: (g, -g))

    def __rsub__(self, other):
        return _like(other, self) - self

    def __rtruediv__(self, other):
        return _like(other, self) / self

    def __rmatmul__(self, other):
        return _like(other, self) @ self

    __radd__, __rmul__ = __add__, __mul__

    # ------------------------------------------------------------------------------------------- reductions
    def sum(self, axis=None, keepdims=False):
        x = self.data

        def vjp(g):
            if axis is not None and not keepdims:
                g = np.expand_dims(g, axis)
            return (np.broadcast_to(g, x.shape),)

        return make_node(x.sum(axis, keepdims=keepdims), (self,), vjp)

    def mean(self, axis=None, keepdims=False):
        total = self.sum(axis, keepdims)
        return total * (total.size / some(self.size))

    def max(self, axis=None, keepdims=False):
        """The largest value; equal winners share the gradient."""
        x = self.data
        y = x.max(axis, keepdims=True)

        def vjp(g):
            winners = (x == y).astype(x.dtype)
            if axis is not None and not keepdims:
                g = np.expand_dims(g, axis)
            return (winners / winners.sum(axis, keepdims=True) * g,)

        return make_node(y if keepdims else x.max(axis), (self,), vjp)

    # ------------------------------------------------------------------------------------------- shapes
    def reshape(self, *shape):
        x = self.data
        shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], (int, np.integer)) else shape
        return make_node(x.reshape(shape), (self,), lambda g: (g.reshape(x.shape),))

    def transpose(self, *axes):
        """Reorder the axes; without arguments, reverse them."""
        axes = axes[0] if len(axes) == 1 and not isinstance(axes[0], (int, np.integer)) else axes
        axes = tuple(a % self.ndim for a in axes) if axes else tuple(reversed(range(self.ndim)))
        return make_node(self.data.transpose(axes), (self,), lambda g: (g.transpose(np.argsort(axes)),))

    T = property(lambda self: self.transpose())

    def __getitem__(self, index):
        x = self.data

        def vjp(g):
            dx = np.zeros_like(x)
            np.add.at(dx, index, g) if may_repeat(index) else dx.__setitem__(index, g)
            return (dx,)

        return make_node(x[index], (self,), vjp)


# ----------------------------------------------------------------------------------------- elementwise
def exp(x):
    x = as_tensor(x)
    y = np.exp(x.data)
    return make_node(y, (x,), lambda g: (g * y,))


def expm1(x):
    """exp(x) - 1 without losing the digits of a small x."""
    x = as_tensor(x)
    y = np.expm1(x.data)
    return make_node(y, (x,), lambda g: (g * (y + 1),))


def log(x):
    x = as_tensor(x)
    return make_node(np.log(x.data), (x,), lambda g: (g / x.data,))


def tanh(x):
    x = as_tensor(x)
    y = np.tanh(x.data)
    return make_node(y, (x,), lambda g: (g * (1 - y * y),))


def minimum(a, b):
    """The smaller of two, elementwise; a tie sends half of the gradient to each.

    PPO needs the halves: on the first minibatch every element of min(ratio*A, clip(ratio)*A) is a tie.
    """
    a, b = _pair(a, b)
    share = ((a.data < b.data) + 0.5 * (a.data == b.data)).astype(a.dtype)  # of a: 1, 1/2 or 0
    return make_node(np.minimum(a.data, b.data), (a, b), lambda g: (g * share, g * (1 - share)))


def maximum(a, b):
    """The larger of two, elementwise; a tie sends half of the gradient to each."""
    return -minimum(-_pair(a, b)[0], -_pair(a, b)[1])


def clip(x, low, high):
    """x held between low and high (numbers or arrays; None: no limit); the gradient passes on the border and inside."""
    x = as_tensor(x)
    low, high = -np.inf if low is None else low, np.inf if high is None else high
    low, high = (np.asarray(limit, dtype=x.dtype) for limit in (low, high))
    inside = ((x.data >= low) & (x.data <= high)).astype(x.dtype)
    return make_node(np.minimum(np.maximum(x.data, low), high), (x,), lambda g: (g * inside,))


for _function in (exp, expm1, log, tanh, minimum, maximum, clip):  # x.exp() is exp(x)
    setattr(Tensor, _function.__name__, _function)


def where(condition, a, b):
    """a where the condition holds, b elsewhere; the gradient follows the choice."""
    a, b = _pair(a, b)
    condition, zero = np.asarray(condition, dtype=bool), np.zeros((), dtype=a.dtype)
    y = np.where(condition, a.data, b.data)
    return make_node(y, (a, b), lambda g: (np.where(condition, g, zero), np.where(condition, zero, g)))


# ----------------------------------------------------------------------------------------- the graph
def make_node(data, parents, vjp):
    """The result of an operation: its values, what it was made from, and vjp(g) -> one gradient, or None, per parent."""
    out = Tensor(data)
    if _recording.get() and any(parent.requires_grad for parent in parents):
        out.requires_grad, out.parents, out.vjp = True, parents, vjp
    return out


def _users_before_parents(root):
    """Every tensor that needs a gradient, each after all of its users.  A loop: deep graphs overflow a recursion."""
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        tensor, parents_done = stack.pop()
        if parents_done:
            order.append(tensor)
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            stack.append((tensor, True))
            stack.extend((p, False) for p in tensor.parents if p.requires_grad and id(p) not in seen)
    return reversed(order)


def as_tensor(x):
    """A Tensor as it is; anything else as a constant."""
    return x if isinstance(x, Tensor) else Tensor(x)


def _like(x, tensor):
    """A constant takes the dtype of the tensor it meets: one stray float64 would promote the whole graph."""
    return x if isinstance(x, Tensor) else Tensor(np.asarray(x, dtype=tensor.dtype))


def _pair(a, b):
    a = a if isinstance(a, Tensor) else _like(a, as_tensor(b))
    return a, _like(b, a)


# ----------------------------------------------------------------------------------------- is a gradient right?
def check_gradients(function, *arrays, eps=1e-6, tolerance=1e-6, rng=None):
    """Compare the gradient of `function(*tensors)` with central differences, entry by entry, in float64.

    Compared is the gradient of sum(w * f(x)), with w a random projection, so that functions of any shape are checked whole.
    Raises AssertionError naming the function, the argument, the index, and the two values.  Returns the largest
    relative error |got - expected| / (1 + |expected|).
    """
    tensors = [Tensor(np.array(a, dtype=np.float64), requires_grad=True) for a in arrays]
    out = function(*tensors)
    w = (rng or np.random.default_rng(0)).standard_normal(out.shape)
    out.backward(w)

    def projected():
        with no_grad():
            return float((w * function(*tensors).data).sum())

    worst = 0.0
    for k, tensor in enumerate(tensors):
        gradient = np.zeros_like(tensor.data) if tensor.grad is None else tensor.grad
        for i, expected in central_differences(projected, tensor.data, eps):
            error = abs(gradient[i] - expected) / (1 + abs(expected))
            worst = max(worst, error)
            if not error <= tolerance:
                name, got = getattr(function, "__name__", repr(function)), gradient[i]
                raise AssertionError(f"{name}: gradient of argument {k} at index {i}: got {got:.8g}, expected {expected:.8g}")
    return worst
