"""A batch read by several threads is the batch read by one: values, gradients, and what is left of both."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minialign import parallel
from minialign.autograd import Tensor, no_grad
from minialign.checkpoint import frozen_copy
from minialign.generate import generate
from minialign.model import LanguageModel, ModelConfig, ScalarModel

IDS = np.random.default_rng(0).integers(11, size=(7, 12))
WANTED = np.random.default_rng(1).random((7, 12)) < 0.4


def model(kind=LanguageModel, **options):
    made = kind(ModelConfig(11, 12, n_layer=2, n_head=2, d_model=8, dtype="float64", **options), np.random.default_rng(0))
    rng = np.random.default_rng(1)
    for p in made.parameters():
        p.data += 0.3 * rng.standard_normal(p.shape)
    return made


def outputs_and_gradients(model, loss_mask, times=1):
    for p in model.parameters():
        p.grad = None
    out = model(IDS, loss_mask)
    for _ in range(times):
        out.backward(np.random.default_rng(2).standard_normal(out.shape))
    return [out.data, *(p.grad for p in model.parameters())]


@pytest.fixture
def threads(monkeypatch):
    def use(n):
        monkeypatch.setattr(parallel, "THREADS", n)
        monkeypatch.setattr(parallel, "FEWEST", 1)

    return use


@pytest.mark.parametrize("loss_mask", [None, WANTED], ids=["all", "some"])
@pytest.mark.parametrize("kind", [LanguageModel, ScalarModel])
@pytest.mark.parametrize("options", [{}, {"positions": "learned", "tied": True}], ids=["rotary", "learned"])
def test_threads_change_nothing(threads, kind, options, loss_mask):
    expected = outputs_and_gradients(model(kind, **options), loss_mask)
    for n in (2, 3):
        threads(n)
        for found, one in zip(outputs_and_gradients(model(kind, **options), loss_mask), expected):
            assert_allclose(found, one, atol=1e-12)


def test_the_texts_are_shared_out(threads, monkeypatch):
    """Each thread gets as many tokens as the others, and no part is larger than what is read at once."""
    parts = []
    read = parallel.forward
    monkeypatch.setattr(parallel, "forward", lambda trunk, some, *rest: parts.append(some) or read(trunk, some, *rest))
    for n, at_once, rows in ((1, 10**6, None), (2, 10**6, [4, 3]), (2, 36, [2, 2, 2, 1]), (3, 10**6, [3, 3, 1])):
        threads(n)
        monkeypatch.setattr("minialign.model.TOKENS_AT_ONCE", at_once)
        parts.clear()
        model()(IDS)
        assert [len(ids) for some in parts for ids, in some] == (rows or [])


def test_a_second_way_back_adds_as_much_again(threads):
    expected = outputs_and_gradients(model(), None, times=2)
    threads(2)
    for found, one in zip(outputs_and_gradients(model(), None, times=2), expected):
        assert_allclose(found, one, atol=1e-12)


def test_what_is_not_used_or_not_trained_has_no_gradient(threads):
    """As with one thread: a spare parameter, and one that is frozen, hold nobody up, and weight decay leaves them alone."""
    threads(2)
    one = model()
    one.trunk.spare = Tensor(np.ones(3), requires_grad=True)
    one.trunk.blocks[0].mlp.up.bias.requires_grad = False
    one(IDS).backward(np.ones((7, 12, 11)))
    assert one.trunk.spare.grad is None and one.trunk.blocks[0].mlp.up.bias.grad is None
    assert one.trunk.token_embedding.grad.any()


def test_errors_are_errors_in_every_thread(threads):
    threads(2)
    one = model()
    one.trunk.token_embedding.data[:] = np.inf
    with pytest.raises(FloatingPointError), np.errstate(all="raise"):
        one(IDS)


def test_nothing_is_recorded_where_nothing_is_learned(threads):
    threads(2)
    trained, frozen = model(), frozen_copy(model())
    with no_grad():
        assert not trained(IDS).requires_grad
    assert not frozen(IDS).requires_grad
    assert_array_equal(trained(IDS).data, frozen(IDS).data)
    x = Tensor([1.0], requires_grad=True)
    with no_grad():
        assert parallel.in_threads(lambda y: (x * y).requires_grad, (1.0, 2.0)) == [False, False]


@pytest.mark.parametrize("problem", [ValueError, KeyboardInterrupt])
def test_after_an_error_no_thread_goes_on(threads, problem):
    """The caller would go on with a critic that still moves.  What has not begun does not begin."""
    if problem is KeyboardInterrupt and not hasattr(signal, "pthread_kill"):
        pytest.skip("Windows cannot send Ctrl-C to one thread")
    threads(2)
    both, begun, done = threading.Barrier(2), [], []

    def work(number):
        begun.append(number)
        if number < 2:
            both.wait(60)  # the second call has begun, too, when the first one fails
        if number == 0:
            if problem is ValueError:
                raise ValueError
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.1)
        done.append(number)

    with pytest.raises(problem):
        parallel.in_threads(work, range(200))
    assert nothing_goes_on(begun, done) and {0, 1} <= set(begun) and len(begun) < 200


def test_an_error_while_work_is_handed_out_stops_it_too(threads):
    """Ctrl-C comes when it likes: here before the last calls are known to the pool."""
    threads(2)
    started, begun, done = threading.Event(), [], []

    def work(number):
        begun.append(number)
        started.set()
        time.sleep(0.1)
        done.append(number)

    def interrupted():
        yield from range(100)
        started.wait(60)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parallel.in_threads(lambda _, number: work(number), range(200), interrupted())
    assert nothing_goes_on(begun, done) and begun and len(begun) < 100


def nothing_goes_on(begun, done):
    """Calls that have begun have ended when the error arrives, and no other one begins after it."""
    then = sorted(begun), sorted(done)
    time.sleep(0.3)
    return then == (sorted(begun), sorted(done))


def test_a_thread_shares_nothing_out_again(threads):
    """Threads that waited for more threads of the same pool could wait for ever."""
    threads(6)

    def here(x):
        return x, threading.get_ident()

    def inner(x):
        return here(x), *parallel.in_threads(here, (x + 1, x + 2))

    for x, those in zip((10, 20), parallel.in_threads(inner, (10, 20))):
        assert [number for number, _ in those] == [x, x + 1, x + 2]
        assert {thread for _, thread in those} != {threading.get_ident()} and len({thread for _, thread in those}) == 1


def test_sampling_takes_one_thread(threads, monkeypatch):
    """bench/ratios.py relies on it: with more threads a sampler does nothing else, and so cannot be quicker or slower."""
    expected = generate(model(), IDS[:, :4], 8, 1.0, np.random.default_rng(0)).ids
    threads(2)
    monkeypatch.setattr(parallel, "_threads", None)
    assert_array_equal(generate(model(), IDS[:, :4], 8, 1.0, np.random.default_rng(0)).ids, expected)


def test_a_twin_shares_arrays_and_no_gradients():
    one = model()
    other = one.shallow_clone()
    for name, p in one.named_parameters().items():
        q = other.named_parameters()[name]
        assert q is not p and q.data is p.data and q.requires_grad
    other(IDS).backward(np.ones((7, 12, 11)))
    assert all(p.grad is None for p in one.parameters()) and all(p.grad is not None for p in other.parameters())


def test_the_environment_says_how_many():
    code = "from minialign import parallel; print(parallel.THREADS)"
    for said, expected in (({}, "1"), ({"MINIALIGN_THREADS": "3"}, "3")):
        env = {k: v for k, v in os.environ.items() if k != "MINIALIGN_THREADS"} | said
        assert subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, encoding="utf-8").stdout.strip() == expected
    for wrong in ("0", "two", "-1", ""):
        done = subprocess.run(
            [sys.executable, "-m", "minialign", "tour"],
            env=os.environ | {"MINIALIGN_THREADS": wrong}, capture_output=True, text=True, encoding="utf-8")  # fmt: skip
        assert done.returncode == 2 and "MINIALIGN_THREADS" in done.stderr and len(done.stderr.strip().splitlines()) == 1
