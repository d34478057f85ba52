"""The engine: every primitive against finite differences, over random shapes, and the ways engines have gone wrong."""

import gc
import threading
import time
import tracemalloc
import weakref

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minialign.autograd import Tensor, check_gradients, clip, exp, log, make_node, maximum, minimum, no_grad, tanh, where


def leaf(values):
    return Tensor(np.array(values, dtype=float), requires_grad=True)


def random_shape(rng, most=4):
    return tuple(rng.integers(1, 4, size=rng.integers(0, most)))


def broadcastable(rng, shape):
    """A shape that broadcasts to `shape`: leading axes dropped, some others of length one."""
    kept = shape[rng.integers(0, len(shape) + 1) :]
    return tuple(1 if rng.random() < 0.4 else n for n in kept)


def every_other(shape):
    return np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2 == 0


# ---- finite differences ---------------------------------------------------------------------------------------------

UNARY = {
    "negate": lambda x: -x,
    "exp": exp,
    "log": lambda x: log(x * x + 0.5),
    "tanh": tanh,
    "square": lambda x: x**2,
    "cube": lambda x: x**3,
    "root": lambda x: (x * x + 0.5) ** 0.5,
    "inverse": lambda x: 1.0 / (x * x + 0.5),
    "from_a_constant": lambda x: 2.0 - x,
    "clip": lambda x: clip(x, -0.7, 0.8),
    "expm1": lambda x: x.expm1(),
}
BINARY = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / (b * b + 0.5),
    "minimum": minimum,
    "maximum": maximum,
    "where": lambda a, b: where(every_other(np.broadcast(a.data, b.data).shape), a, b),
}


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    rng = np.random.default_rng(0)
    for _ in range(10):
        check_gradients(UNARY[name], rng.standard_normal(random_shape(rng)))


@pytest.mark.parametrize("name", BINARY)
def test_binary_with_every_kind_of_broadcasting(name):
    rng = np.random.default_rng(1)
    for _ in range(30):
        shape = random_shape(rng)
        a, b = rng.standard_normal(shape), rng.standard_normal(broadcastable(rng, shape))
        check_gradients(BINARY[name], a, b)
        check_gradients(BINARY[name], b, a)


def test_matrix_products_of_vectors_matrices_and_stacks():
    rng = np.random.default_rng(2)
    for _ in range(40):
        n, k, m = rng.integers(1, 4, size=3)
        stack = random_shape(rng, most=3)
        a = rng.standard_normal((*broadcastable(rng, stack), n, k) if rng.random() < 0.8 else k)
        b = rng.standard_normal((*broadcastable(rng, stack), k, m) if rng.random() < 0.8 else k)
        check_gradients(lambda a, b: a @ b, a, b)


@pytest.mark.parametrize("reduce", ["sum", "mean", "max"])
def test_reductions_over_every_axis(reduce):
    rng = np.random.default_rng(3)
    for _ in range(30):
        x = rng.standard_normal(random_shape(rng))
        axes = tuple(np.flatnonzero(rng.random(x.ndim) < 0.5) - x.ndim * (rng.random() < 0.5))
        for axis in [None, axes] if reduce != "max" or axes else [None]:
            for keepdims in (False, True):
                check_gradients(lambda x: getattr(x, reduce)(axis=axis, keepdims=keepdims), x)
        if x.ndim:
            axis = int(rng.integers(-x.ndim, x.ndim))
            check_gradients(lambda x: getattr(x, reduce)(axis), x)
            assert_allclose(getattr(Tensor(x), reduce)(axis).data, getattr(x, reduce)(axis))


def test_indexing_in_every_way():
    """Slices, integers, repeated index arrays, boolean masks; an entry taken twice is blamed twice."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal((4, 5, 3))
    indices = [
        2, -1, slice(1, 3), (slice(None), 0), (slice(None, -1), slice(1, None)), (Ellipsis, 1), (0, slice(None), -1),
        slice(None, None, 2), slice(None, None, -1), None, np.array([0, 0, 3, 0]), [1, 1],
        (np.array([0, 2]), np.array([1, 1])), ((0, 0), (1, 1)), (range(2), (1, 1)), ((0, 0), slice(None)), range(1, 3), True,
        [True, False, True, True], ([True, False, True, True], (1, 1, 1)), (slice(None), (2, 2)), [], np.array(2),
        (np.array([[0, 0], [0, 3]]), slice(None), 2), x[:, :, 0] > 0, np.array([True, False, True, True]), (1, 2, 0),
    ]  # fmt: skip
    for index in indices:
        assert_array_equal(Tensor(x)[index].data, x[index])
        check_gradients(lambda x: x[index], x)
    repeated = leaf(np.zeros(3))
    repeated[np.array([1, 1, 1, 2])].sum().backward()
    assert_array_equal(repeated.grad, [0, 3, 1])


def test_reshape_and_transpose():
    rng = np.random.default_rng(5)
    for _ in range(20):
        x = rng.standard_normal(random_shape(rng))
        axes = tuple(int(a) for a in rng.permutation(x.ndim))
        check_gradients(lambda x: x.reshape(-1), x)
        check_gradients(lambda x: x.reshape(*x.shape[::-1], 1), x)
        check_gradients(lambda x: x.transpose(), x)
        if axes:
            check_gradients(lambda x: x.transpose(*axes), x)
            assert_array_equal(Tensor(x).transpose(*axes).data, x.transpose(axes))


def test_random_expressions_that_use_their_inputs_again_and_again():
    """Graphs of random shape, with re-used nodes and broadcasting in the middle."""
    for seed in range(20):

        def expression(*inputs):
            rng = np.random.default_rng(seed)
            nodes = list(inputs)
            for _ in range(8):
                a, b = (nodes[i] for i in rng.integers(len(nodes), size=2))
                choice = rng.integers(4)
                nodes.append([tanh(a + b), a * b * 0.5, tanh(a) - b, exp(tanh(a) * -0.3) * b][choice])
            return sum((node.sum() for node in nodes), Tensor(0.0))

        rng = np.random.default_rng(100 + seed)
        check_gradients(expression, rng.standard_normal((2, 3)), rng.standard_normal(3), rng.standard_normal((2, 1)))


def test_the_checker_names_what_is_wrong():
    """A rule that forgets the factor 2: the check must fail, and say where, what it got and what it expected."""
    def half_blind_square(x):
        return make_node(x.data * x.data, (x,), lambda g: (g * x.data,))

    with pytest.raises(AssertionError, match=r"half_blind_square: gradient of argument 0 at index .*got .*expected"):
        check_gradients(half_blind_square, np.array([1.0, 2.0]))
    assert check_gradients(lambda x: x * x, np.array([1.0, 2.0])) < 1e-8


def test_the_checker_does_not_take_nonsense_for_an_answer():
    """nan > tolerance is False: a check written that way lets everything pass that is not a number."""
    def nowhere(x):
        return make_node(x.data, (x,), lambda g: (g * np.nan,))

    with pytest.raises(AssertionError, match="nowhere: .*got nan"):
        check_gradients(nowhere, np.array([1.0]))


# ---- ties and borders -----------------------------------------------------------------------------------------------

def test_ties_share_and_borders_pass():
    a, b = leaf([1.0, 2.0, 3.0]), leaf([1.0, 5.0, 0.0])
    minimum(a, b).sum().backward()
    assert_array_equal(a.grad, [0.5, 1, 0])
    assert_array_equal(b.grad, [0.5, 0, 1])
    a, b = leaf([1.0, 2.0, 3.0]), leaf([1.0, 5.0, 0.0])
    maximum(a, b).sum().backward()
    assert_array_equal(a.grad, [0.5, 0, 1])
    assert_array_equal(b.grad, [0.5, 1, 0])
    x = leaf([-2.0, -1.0, 0.0, 1.0, 2.0])
    clip(x, -1.0, 1.0).sum().backward()
    assert_array_equal(x.grad, [0, 1, 1, 1, 0])
    x = leaf([[3.0, 3.0, 1.0]])
    x.max(-1).sum().backward()
    assert_array_equal(x.grad, [[0.5, 0.5, 0]])


def test_where_does_not_multiply_by_zero():
    """0 * inf is not a number: the branch that was not chosen must not be computed into the gradient."""
    a, b = leaf([1.0, 2.0]), leaf([np.inf, 4.0])
    where([True, False], a, b).sum().backward()
    assert_array_equal(a.grad, [1, 0])
    assert_array_equal(b.grad, [0, 1])


# ---- the engine -----------------------------------------------------------------------------------------------------

def test_a_second_backward_doubles_leaf_gradients():
    """micrograd keeps gradients on results and gives 3 where 2 is right (its issues 53, 63, 102)."""
    x = leaf(3.0)
    y = x * x + x
    y.backward()
    first = x.grad.copy()
    y.backward()
    assert_array_equal(x.grad, 2 * first)


def test_a_node_that_is_used_twice_gets_both_contributions():
    x = leaf([2.0])
    y = x * 3.0
    (y * y + y).sum().backward()
    assert_array_equal(x.grad, [3 * (2 * 6 + 1)])


def test_a_deep_graph_needs_no_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(5000):
        y = y * 1.0001 + 0.0
    y.backward()
    assert_allclose(x.grad, 1.0001**5000)


def test_a_diamond_of_depth_forty_is_instant():
    """Without a topological order its 2^40 paths would be walked one by one."""
    x = leaf(1.0)
    y = x
    for _ in range(40):
        y = (y + y) * 0.5
    start = time.process_time()
    y.backward()
    assert time.process_time() - start < 1.0
    assert x.grad == 1.0


def test_gradients_do_not_share_memory():
    """Clipping one gradient in place must not change another: add passes the same g to both of its parents."""
    a, b = leaf([1.0, 1.0]), leaf([1.0, 1.0])
    upstream = np.array([1.0, 2.0])
    (a + b).backward(upstream)
    a.grad *= 0.0
    assert_array_equal(b.grad, [1, 2])
    assert_array_equal(upstream, [1, 2])
    c = leaf(np.ones((2, 2)))
    c.sum().backward()
    c.grad[0, 0] = 5.0  # a read-only view of a broadcast scalar would refuse
    assert c.grad[1, 1] == 1.0


def test_constants_get_no_gradient_and_keep_no_graph():
    x, constant = leaf([1.0]), Tensor([2.0])
    y = x * constant
    y.sum().backward()
    assert constant.grad is None and y.grad is None
    with no_grad():
        silent = x * 2.0
    assert not silent.requires_grad and not silent.parents
    assert (x * 2.0).requires_grad  # and recording is on again


def test_no_grad_inside_no_grad():
    """The end of the inner block is not the end of the outer one."""
    x = leaf([1.0])
    with no_grad():
        with no_grad():
            pass
        assert not (x * 2.0).requires_grad
    assert (x * 2.0).requires_grad


def test_no_grad_is_left_by_an_exception_too():
    with pytest.raises(RuntimeError):
        with no_grad():
            raise RuntimeError
    assert (leaf([1.0]) * 2.0).requires_grad


def test_no_grad_is_of_one_thread():
    """A enters, B enters, A leaves, B leaves: with one flag for all, B put back what A had set."""
    x, recorded, (a_in, b_in, a_out) = leaf([1.0]), [], (threading.Event() for _ in range(3))

    def a():
        with no_grad():
            a_in.set()
            b_in.wait(5)
        a_out.set()

    def b():
        a_in.wait(5)
        with no_grad():
            b_in.set()
            a_out.wait(5)
            recorded.append((x * 2.0).requires_grad)

    both = [threading.Thread(target=work) for work in (a, b)]
    for work in ("start", "join"):
        for thread in both:
            getattr(thread, work)()
    assert recorded == [False] and (x * 2.0).requires_grad


def test_backward_says_what_it_needs():
    x = leaf([1.0, 2.0])
    with pytest.raises(ValueError, match="shape"):
        (x * 2.0).backward()
    with pytest.raises(ValueError, match="shape"):
        (x * 2.0).backward(np.ones(3))


def test_constants_on_either_side():
    """array * tensor must ask the tensor: NumPy alone would build an array of tensors."""
    x = leaf([[1.0, 2.0]])
    ones = np.ones((2, 2))
    for y in (ones @ x.transpose(), ones * x, np.float64(2) * x, 1.0 + x, 3 / x, ones - x):
        assert isinstance(y, Tensor) and y.requires_grad
    assert_array_equal((np.array([[2.0, 3.0]]) - x).data, [[1, 1]])


def test_no_operation_changes_the_dtype():
    """One stray float64, a scalar or a mask, would promote the whole graph and cost half the speed."""
    x = Tensor(np.full((2, 3), 0.5, dtype=np.float32), requires_grad=True)
    mask, scalar = np.ones((2, 3)), np.float64(0.3)
    results = [
        x + scalar, scalar * x, x / scalar, x - mask, mask / x, x**2, x**0.5, x @ np.ones((3, 2)),
        exp(x), log(x), tanh(x), x.expm1(),
        x.sum(), x.mean(), x.mean(0), x.max(1), x[0], x[np.array([0, 0])], x.reshape(3, 2), x.transpose(), -x,
        minimum(x, scalar), maximum(mask, x), clip(x, scalar, 1.0), where(mask > 0, x, scalar), where(mask > 0, scalar, x),
    ]  # fmt: skip
    for result in results:
        assert result.dtype == np.float32
        x.grad = None
        result.backward(np.ones(result.shape))
        assert x.grad.dtype == np.float32


def test_to_the_power_of_zero_is_flat_at_zero_too():
    x = leaf([0.0, 2.0])
    y = x**0
    y.backward(np.ones(2))
    assert y.data.tolist() == [1, 1] and x.grad.tolist() == [0, 0]


def test_whole_numbers_become_real_ones():
    assert Tensor([1, 2]).dtype == np.float64
    assert Tensor(np.float32([1, 2])).dtype == np.float32


# ---- memory ---------------------------------------------------------------------------------------------------------

def small_step(weight):
    x = np.ones((20, 20))
    h = Tensor(x)
    for _ in range(5):
        h = tanh(h @ weight) + h
    loss = (h * h).mean()
    loss.backward()
    return loss


def test_graphs_are_freed_as_soon_as_they_are_let_go():
    """No reference cycles: without the garbage collector's help the last name's end is the graph's end."""
    weight = leaf(np.full((20, 20), 0.01))
    gc.disable()
    try:
        loss = small_step(weight)
        inner = weakref.ref(loss.parents[0])
        assert inner() is not None
        del loss
        assert inner() is None
    finally:
        gc.enable()


def test_a_thousand_steps_take_no_more_memory_than_a_hundred():
    weight = leaf(np.full((20, 20), 0.01))

    def run(n):
        for _ in range(n):
            weight.grad = None
            small_step(weight)
        return tracemalloc.get_traced_memory()[0]

    gc.disable()
    tracemalloc.start()
    try:
        before, after = run(100), run(1000)
    finally:
        tracemalloc.stop()
        gc.enable()
    assert after - before < 10_000  # bytes; one leaked graph alone holds 70,000
