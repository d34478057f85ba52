"""AdamW, clipping and the schedules, in what can be seen by hand (their parity with PyTorch is in test_golden_optim)."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minialign.autograd import Tensor
from minialign.optim import AdamW, Muon, Together, clip_grad_norm, cosine_schedule, linear_schedule, orthogonalised


def parameter(values, grad=None):
    p = Tensor(np.array(values, dtype=float), requires_grad=True)
    p.grad = None if grad is None else np.array(grad, dtype=float)
    return p


def test_the_first_step_is_the_learning_rate_whatever_the_gradient():
    """m and v are corrected for their start at zero: the step is lr g / (|g| + eps), so lr against the gradient.

    TensorFlow's Adam keeps eps outside that correction, which is why reproductions of early RLHF differ in their first steps.
    """
    p = parameter([1.0, 1.0, 1.0], [1e-3, -5.0, 1e4])
    AdamW([p], lr=0.1, eps=1e-8).step()
    assert_allclose(p.data, 1 - 0.1 * np.sign([1, -1, 1]), atol=1e-5)


def test_weight_decay_is_decoupled_from_the_gradient():
    """A zero gradient decays by lr * wd and by nothing else; Adam with an L2 penalty would take a whole step of lr."""
    p = parameter([2.0], [0.0])
    AdamW([p], lr=0.1, weight_decay=0.5).step()
    assert_allclose(p.data, 2 * (1 - 0.1 * 0.5))


def test_a_parameter_without_a_gradient_is_left_alone():
    p, q = parameter([2.0]), parameter([2.0], [1.0])
    optimizer = AdamW({"p": p, "q": q}, lr=0.1, weight_decay=0.5)
    optimizer.step()
    assert p.data[0] == 2.0 and q.data[0] < 2.0
    p.grad = np.array([1.0])
    optimizer.step()
    assert_allclose(p.data, 2 * 0.95 - 0.1)  # its own first step, bias-corrected as such


def test_zero_grad_and_a_changed_learning_rate():
    p = parameter([1.0], [1.0])
    optimizer = AdamW([p], lr=0.1)
    optimizer.zero_grad()
    assert p.grad is None
    p.grad = np.array([1.0])
    optimizer.lr = 0.0
    optimizer.step()
    assert p.data[0] == 1.0


def test_it_finds_the_bottom_of_a_bowl():
    target = np.array([3.0, -2.0])
    p = parameter([0.0, 0.0])
    optimizer = AdamW([p], lr=0.3)
    for step in range(200):
        optimizer.lr = cosine_schedule(step, 200, 0.3)
        norm = optimizer.minimise(((p - target) ** 2 * np.array([1.0, 100.0])).sum(), max_norm=10.0)
    assert_allclose(p.data, target, atol=1e-3)
    assert norm < 0.1


def test_float32_parameters_stay_float32():
    p = Tensor(np.ones(3, dtype=np.float32), requires_grad=True)
    p.grad = np.ones(3, dtype=np.float32)
    half = np.float64(0.5)
    optimizer = AdamW([p], lr=np.float64(0.1), betas=(half, half), eps=np.float64(1e-8), weight_decay=np.float64(0.1))
    clip_grad_norm([p], np.float64(0.5))
    optimizer.step()
    assert {p.data.dtype, p.grad.dtype, optimizer.m[0].dtype, optimizer.v[0].dtype} == {np.dtype("float32")}


def test_clipping_keeps_the_direction_and_returns_the_norm_before():
    a, b, c = parameter([0.0], [3.0]), parameter([0.0], [4.0]), parameter([0.0])
    assert clip_grad_norm([a, b, c], 1.0) == 5.0
    assert_allclose([a.grad[0], b.grad[0]], [0.6, 0.8], rtol=1e-6)
    assert c.grad is None
    assert_allclose(clip_grad_norm([a, b], 10.0), 1.0, rtol=1e-6)
    assert_allclose([a.grad[0], b.grad[0]], [0.6, 0.8], rtol=1e-6)


def test_minimise_clips_before_it_steps():
    p = parameter([0.0])
    optimizer = AdamW([p], lr=0.1, betas=(0.0, 0.0), eps=1.0)
    assert_allclose(optimizer.minimise(p.sum() * 100.0, max_norm=1.0), 100.0)
    assert_allclose(p.data, -0.1 * 1 / (1 + 1), rtol=1e-5)  # with m = g and v = g^2 the clipped g = 1 is visible


def test_a_loss_serves_one_update():
    """Its graph is gone after it; a second update would do nothing, and say nothing.  A leaf has no graph to lose."""
    p = parameter([3.0])
    optimizer = AdamW([p], lr=0.1)
    optimizer.minimise(loss := (p * p).sum())
    moved = p.data
    with pytest.raises(ValueError, match="nothing that this was computed from requires a gradient"):
        optimizer.minimise(loss)
    assert p.data is moved
    for times in (1, 2):
        optimizer.minimise(p)
        assert p.data < moved - 0.05 * times


@pytest.mark.parametrize("schedule", [cosine_schedule, linear_schedule])
def test_schedules_climb_and_fall(schedule):
    rates = np.array([schedule(k, 100, 2.0, warmup_steps=10) for k in range(101)])
    assert rates[0] == 0 and rates[5] == 1.0 and rates[10] == 2.0
    assert (np.diff(rates[:11]) > 0).all() and (np.diff(rates[10:]) < 0).all()
    assert_allclose(rates[[55, 100]], [1.0, 0.0], atol=1e-12)


def test_the_cosine_may_end_above_zero():
    assert_allclose(cosine_schedule(100, 100, 2.0, 0, final_fraction=0.1), 0.2)
    assert_array_equal(cosine_schedule(0, 100, 2.0), 2.0)


# ---- Muon

def matrices(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [parameter(rng.standard_normal(shape), rng.standard_normal(shape)) for shape in shapes]


@pytest.mark.parametrize("shape", [(2, 5, 5), (1, 4, 9), (3, 9, 4), (1, 1, 6)])
def test_orthogonalised_keeps_the_singular_vectors_and_levels_the_values(shape):
    """In the basis of G = U S V^T the result is diagonal, and its entries are near 1, though those of S are not."""
    G = np.random.default_rng(1).standard_normal(shape)
    U, S, Vt = np.linalg.svd(G, full_matrices=False)
    levelled = U.swapaxes(1, 2) @ orthogonalised(G) @ Vt.swapaxes(1, 2)
    values = np.diagonal(levelled, axis1=1, axis2=2)
    assert_allclose(levelled, values[:, :, None] * np.eye(S.shape[1]), atol=1e-9)
    assert values[S > 0.02 * np.linalg.norm(S, axis=1, keepdims=True)].min() > 0.5 and values.max() < 1.25


def test_orthogonalised_is_the_written_polynomial_on_one_number():
    """A matrix of one singular value s / |s| = 1: five times s <- a s + b s^3 + c s^5."""
    s = 1 / (1 + 1e-7 / 3)
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    assert_allclose(orthogonalised(np.array([[[3.0]]])), [[[s]]], rtol=1e-12)
    assert_allclose(orthogonalised(np.array([[[3.0, 4.0]]])), [[[0.6 * s, 0.8 * s]]], rtol=1e-6)


def test_muon_takes_the_same_step_whatever_the_scale_of_the_gradient():
    small, large = matrices((4, 6)), matrices((4, 6))
    large[0].grad = 1e4 * large[0].grad
    for p in (small, large):
        Muon(p, lr=0.1).step()
    assert_allclose(small[0].data, large[0].data, rtol=1e-6)


def test_muon_moves_by_lr_times_the_orthogonalised_nesterov_momentum():
    """Two steps by hand, on matrices of two shapes at once; a wide one, with more outputs than inputs, moves further."""
    square, wide = matrices((3, 3), (3, 12))
    expected, momentum = [square.data.copy(), wide.data.copy()], [0, 0]
    optimizer = Muon([wide, square], lr=0.1, momentum=0.9)
    rng = np.random.default_rng(5)
    for _ in range(2):
        for i, p in enumerate((square, wide)):
            p.grad = rng.standard_normal(p.shape)  # another one each time: along one line Nesterov's look ahead shows nothing
            momentum[i] = 0.9 * momentum[i] + p.grad
            expected[i] -= 0.1 * (1, 2)[i] * orthogonalised((p.grad + 0.9 * momentum[i])[None])[0]
        optimizer.step()
    assert_allclose(square.data, expected[0])
    assert_allclose(wide.data, expected[1])


def test_muon_keeps_float32():
    p = Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    p.grad = np.ones((2, 3), np.float32)
    Muon([p], lr=np.float64(0.1), momentum=np.float64(0.9)).step()
    assert p.dtype == np.float32


def test_together_each_keeps_its_own_rate():
    """At a share of one half, each moves as it would alone at half its rate."""
    (m, m_alone), (v, v_alone) = matrices((3, 3)) + matrices((3, 3)), matrices((4,)) + matrices((4,))
    both = Together(Muon([m], lr=0.2), AdamW([v], lr=0.02))
    assert both.lr == 1 and both.parameters == [m, v]
    both.lr = 0.5
    both.step()
    Muon([m_alone], lr=0.1).step()
    AdamW([v_alone], lr=0.01).step()
    assert_allclose(m.data, m_alone.data)
    assert_allclose(v.data, v_alone.data)
