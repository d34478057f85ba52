"""The fused functions: equal to their composed versions, to finite differences, and calm at the extremes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minialign import composed, functional
from minialign.autograd import Tensor, check_gradients
from minialign.checkpoint import frozen_copy, trainable_copy
from minialign.model import LanguageModel, ModelConfig, rotary_angles, scalar_model_from


def angles(T, D):
    config = ModelConfig(vocab_size=2, context_length=T, n_head=1, d_model=D, dtype="float64")
    return rotary_angles(config)


def examples(rng):
    """name -> (function of (ops, *tensors), arrays), of random shapes with B, T, V, C all different."""
    B, T, C, V = rng.permutation([1, 2, 3, 5])[:4] + rng.integers(0, 2, size=4)
    H, D = rng.integers(1, 4), 2 * rng.integers(1, 4)

    def normal(*shape):
        return rng.standard_normal(shape)

    ids, targets, axis = rng.integers(V, size=(B, T)), rng.integers(V, size=(B, T)), int(rng.integers(-3, 3))
    return {
        "linear": (lambda ops, x, w, b: ops.linear(x, w, b), [normal(B, T, C), normal(C, V), normal(V)]),
        "linear_without_bias": (lambda ops, x, w: ops.linear(x, w), [normal(T, C), normal(C, V)]),
        "embedding": (lambda ops, table: ops.embedding(table, ids), [normal(V, C)]),
        "gelu": (lambda ops, x: ops.gelu(x), [3 * normal(B, T, C)]),
        "relu2": (lambda ops, x: ops.relu2(x), [3 * normal(B, T, C)]),
        "layer_norm": (lambda ops, x, g, b: ops.layer_norm(x, g, b), [normal(B, T, C + 1), normal(C + 1), normal(C + 1)]),
        "rotary": (lambda ops, x: ops.rotary(x, *angles(T, D)), [normal(B, T, H, D)]),
        "causal_attention": (lambda ops, q, k, v: ops.causal_attention(q, k, v), [normal(B, H, T, D) for _ in range(3)]),
        "token_log_probs": (lambda ops, x: ops.token_log_probs(x, targets), [3 * normal(B, T, V)]),
        "softmax": (lambda ops, x: ops.softmax(x, axis), [normal(B, T, V)]),
        "log_softmax": (lambda ops, x: ops.log_softmax(x, axis), [normal(B, T, V)]),
        "log_sigmoid": (lambda ops, x: ops.log_sigmoid(x), [5 * normal(B, T)]),
    }


NAMES = list(examples(np.random.default_rng(0)))


def value_and_gradients(function, ops, arrays, upstream_seed=0):
    tensors = [Tensor(a.copy(), requires_grad=True) for a in arrays]
    out = function(ops, *tensors)
    out.backward(np.random.default_rng(upstream_seed).standard_normal(out.shape))
    return [out.data, *(t.grad for t in tensors)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", NAMES)
def test_fused_equals_composed(name, seed):
    function, arrays = examples(np.random.default_rng(seed))[name]
    fused = value_and_gradients(function, functional, arrays)
    primitive = value_and_gradients(function, composed, arrays)
    for ours, oracle in zip(fused, primitive):
        assert_allclose(ours, oracle, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("ops", [functional, composed], ids=["functional", "composed"])
@pytest.mark.parametrize("name", NAMES)
def test_finite_differences(name, ops):
    for seed in (10, 11):
        function, arrays = examples(np.random.default_rng(seed))[name]
        check_gradients(lambda *tensors: function(ops, *tensors), *arrays)


@pytest.mark.parametrize("name", NAMES)
def test_float32_stays_float32(name):
    function, arrays = examples(np.random.default_rng(1))[name]
    if name == "rotary":
        cos, sin = (a.astype(np.float32) for a in angles(arrays[0].shape[1], arrays[0].shape[3]))
        function = lambda ops, x: ops.rotary(x, cos, sin)  # noqa: E731
    for ops in (functional, composed):
        for result in value_and_gradients(function, ops, [a.astype(np.float32) for a in arrays]):
            assert result.dtype == np.float32


def test_a_model_of_composed_functions_computes_the_same():
    """The switch of lesson 1: LanguageModel(config, rng, ops=composed)."""
    for positions, tied in (("learned", True), ("rotary", False)):
        config = ModelConfig(11, 7, n_layer=2, n_head=2, d_model=8, positions=positions, tied=tied, dtype="float64")
        fused = LanguageModel(config, np.random.default_rng(0))
        slow = LanguageModel(config, np.random.default_rng(0), ops=composed)
        for copied in (frozen_copy(slow), trainable_copy(slow), scalar_model_from(slow, np.random.default_rng(0))):
            assert copied.trunk.ops is composed
        ids = np.random.default_rng(1).integers(11, size=(3, 6))
        upstream = np.random.default_rng(2).standard_normal((3, 6, 11))
        for model in (fused, slow):
            model(ids).backward(upstream)
        assert_allclose(fused(ids).data, slow(ids).data, atol=1e-12)
        for a, b in zip(fused.parameters(), slow.parameters()):
            assert_allclose(a.grad, b.grad, atol=1e-12)


# ---- extremes -------------------------------------------------------------------------------------------------------

@pytest.mark.underflow
def test_log_sigmoid_is_finite_and_monotone_far_out():
    """log(1 / (1 + exp(-x))) overflows at -800; OpenRLHF's LogExpLoss did."""
    x = Tensor(np.array([-1e3, -800.0, -30.0, 0.0, 30.0, 800.0, 1e3]), requires_grad=True)
    y = functional.log_sigmoid(x)
    assert np.isfinite(y.data).all() and (np.diff(y.data) >= 0).all()
    assert_allclose(y.data[[0, 3]], [-1e3, -np.log(2)])
    y.sum().backward()
    assert_allclose(x.grad, [1, 1, 1, 0.5, np.exp(-30) / (1 + np.exp(-30)), 0, 0])


@pytest.mark.underflow
@pytest.mark.parametrize("ops", [functional, composed], ids=["functional", "composed"])
def test_softmax_of_huge_logits(ops):
    logits = np.array([[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4]])
    assert_allclose(ops.softmax(logits).data, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]])
    assert_allclose(ops.token_log_probs(logits, [2, 1]).data, [-2e4, -np.log(3)])


def test_a_constant_row_has_a_norm():
    """Variance 0: eps under the root keeps the slope finite."""
    x = Tensor(np.full((2, 4), 7.0), requires_grad=True)
    gain, bias = Tensor(np.ones(4)), Tensor(np.full(4, 0.5))
    y = functional.layer_norm(x, gain, bias)
    assert_allclose(y.data, 0.5)
    y.backward(np.random.default_rng(0).standard_normal((2, 4)))
    assert np.isfinite(x.grad).all()


# ---- what each function promises ------------------------------------------------------------------------------------

def test_softmax_sums_to_one_and_its_gradient_to_zero():
    """Adding a constant to all logits changes nothing, so slopes along a row cancel; ML-From-Scratch #71 did not."""
    rng = np.random.default_rng(0)
    for function in (functional.softmax, lambda x: functional.token_log_probs(x, [1, 0, 4])):
        x = Tensor(rng.standard_normal((3, 5)), requires_grad=True)
        y = function(x)
        y.backward(rng.standard_normal(y.shape))
        assert_allclose(x.grad.sum(-1), 0, atol=1e-15)
    assert_allclose(functional.softmax(x).data.sum(-1), 1)


@pytest.mark.underflow
@pytest.mark.parametrize("far, future", [(0, 0), (60, 2000), (900, 2000), (-900, 2000), (900, 0), (-900, 0)])
def test_attention_of_scores_of_any_size(far, future):
    """The quick way of masked_exp and the careful one: equal weights wherever the scores are, also with a huge future."""
    rng = np.random.default_rng(0)
    x, seen = rng.standard_normal((2, 5, 5)), np.tril(np.ones((5, 5)))
    shifted = x + far
    shifted[..., -1] += future  # seen by the last row alone
    E = functional.masked_exp(shifted.copy(), seen)
    expected = np.exp(x) * seen
    expected /= expected.sum(-1, keepdims=True)
    assert_allclose((E / E.sum(-1, keepdims=True))[:, :-1], expected[:, :-1], atol=1e-12)
    assert np.isfinite(E).all() and (E[:, seen == 0] == 0).all() and (E.sum(-1) > 0).all()
    wide = np.concatenate([shifted[..., :2], shifted], axis=-1)  # two columns more, which all may see
    told = np.concatenate([np.ones((5, 2)), seen], axis=-1)
    assert_array_equal(functional.masked_exp(wide.copy(), seen), functional.masked_exp(wide.copy(), told))


@pytest.mark.parametrize("T", [1, functional.BLOCK, functional.BLOCK + 1, 2 * functional.BLOCK + 5])
def test_attention_in_blocks_of_queries_is_the_same(T):
    """Values and gradients, also for arrays whose heads lie side by side, as the model's do."""
    rng = np.random.default_rng(T)
    arrays = [rng.standard_normal((2, T, 3, 4)).transpose(0, 2, 1, 3) for _ in range(3)]
    results = [value_and_gradients(lambda o, *qkv: o.causal_attention(*qkv), ops, arrays) for ops in (functional, composed)]
    for ours, oracle in zip(*results):
        assert_allclose(ours, oracle, rtol=1e-11, atol=1e-11)
    contiguous = value_and_gradients(
        lambda o, *qkv: o.causal_attention(*qkv), functional, [np.ascontiguousarray(a) for a in arrays]
    )
    for ours, other in zip(results[0], contiguous):
        assert_allclose(ours, other, rtol=1e-12, atol=1e-12)


def test_attention_never_looks_ahead():
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((2, 3, 6, 4)) for _ in range(3))
    before = functional.causal_attention(q, k, v).data
    k2, v2 = k.copy(), v.copy()
    k2[:, :, 4:], v2[:, :, 4:] = rng.standard_normal((2, 2, 3, 2, 4))
    after = functional.causal_attention(q, k2, v2).data
    assert_array_equal(after[:, :, :4], before[:, :, :4])
    assert (after[:, :, 4:] != before[:, :, 4:]).all()
    assert_allclose(before[:, :, 0], v[:, :, 0])  # the first token sees itself alone


def test_rotation_keeps_lengths_and_scores_depend_on_distance_alone():
    """(R_s q) . (R_t k) is a function of t - s: why a rotation can say where a token is."""
    rng = np.random.default_rng(0)
    T, D = 9, 6
    cos, sin = angles(T, D)
    q, k = rng.standard_normal((2, D))
    turned_q, turned_k = (functional.rotary(Tensor(np.tile(z, (1, T, 1, 1))), cos, sin).data[0, :, 0] for z in (q, k))
    assert_allclose((turned_q**2).sum(-1), (q**2).sum())
    scores = turned_q @ turned_k.T  # (T, T)
    for distance in range(-T + 1, T):
        assert_allclose(np.diagonal(scores, distance), np.diagonal(scores, distance)[0])
    assert len(np.unique(scores[0].round(6))) == T


def test_embedding_adds_up_what_is_said_about_one_token():
    table = Tensor(np.zeros((3, 2)), requires_grad=True)
    functional.embedding(table, [[1, 1, 2]]).backward(np.array([[[1.0, 2], [3, 4], [5, 6]]]))
    assert_array_equal(table.grad, [[0, 0], [4, 6], [5, 6]])
