"""What a student types: lists, whole numbers, masks of any dtype, plain arrays.  Right, or refused; never quietly wrong."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small_models import make, talker

from minialign import composed, functional
from minialign.autograd import Tensor, as_floats, clip
from minialign.checkpoint import load, save
from minialign.dpo import dpo_loss
from minialign.likelihood import token_log_probs_of
from minialign.policy_gradient import (
    AdaptiveKLController,
    kl_estimates,
    kl_penalized_rewards,
    masked_mean,
    masked_whiten,
    ppo_policy_loss,
)
from minialign.ppo import gae, ppo_value_loss  # fmt: skip
from minialign.reward import bradley_terry_loss

ONES = [[1, 1, 1]]


def test_whole_numbers_are_not_cut_off():
    """np.zeros_like of whole numbers keeps whole numbers: advantages of 0.95 became 0."""
    assert_allclose(gae([[0, 0, 1]], [[0, 0, 0]], ONES)[0], [[0.9025, 0.95, 1]])
    assert_allclose(gae(np.array([[0, 0, 1]]), np.zeros((1, 3), int), np.array(ONES))[1], [[0.9025, 0.95, 1]])
    assert_allclose(masked_whiten(np.array([[1, 2, 3]]), ONES), [[-1.224745, 0, 1.224745]], atol=1e-6)
    assert_allclose(kl_penalized_rewards([0.5], [[0, 0, 1]], [[0, 0, 0]], ONES, 1), [[0, 0, -0.5]])


@pytest.mark.parametrize("mask_dtype", [bool, np.int64, np.float64, np.float32])
def test_no_mask_and_no_coefficient_promotes(mask_dtype):
    x, mask = np.array([[0.1, 0.2, 0.3]], np.float32), np.array(ONES).astype(mask_dtype)
    controller = AdaptiveKLController(0.2, 6.0, 100)
    controller.update(np.float64(12.0), np.int64(64))
    rewards = kl_penalized_rewards(np.ones(1), x, x, mask, controller.value)
    advantages, returns = gae(rewards, x.astype(np.float64), mask, np.float64(1), np.float64(0.95))
    for array in (rewards, advantages, returns, masked_whiten(x, mask), masked_mean(x, mask), masked_mean(Tensor(x), mask)):
        assert array.dtype == np.float32


def test_lists_and_tensors_are_numbers_too():
    a, b = [[0.1, 0.2, 0.3]], [[0.3, 0.2, 0.1]]
    for wrap in (list, np.array, Tensor):
        x, y, mask = wrap(a), wrap(b), wrap(ONES)
        assert_allclose(gae(x, y, mask)[0], gae(np.array(a), np.array(b), np.array(ONES))[0])
        assert_allclose(kl_penalized_rewards([1.0], x, y, mask, 0.1), [[0.02, 0, 0.98]], atol=1e-12)
        assert_allclose(masked_whiten(x, mask), [[-1.224745, 0, 1.224745]], atol=1e-5)
        assert_allclose(float(masked_mean(x, mask)), 0.2)
        assert_allclose(np.asarray(kl_estimates(x, y)[0]), [[-0.2, 0, 0.2]], atol=1e-12)
        assert_allclose(float(ppo_policy_loss(x, x, y, mask)[0]), -0.2)
        assert_allclose(float(ppo_value_loss(x, x, y, mask)[0]), 0.04 / 3)
        assert_allclose(float(bradley_terry_loss(wrap([1.0, 2.0]), wrap([1.0, 2.0]))[0]), np.log(2))
        assert_allclose(float(dpo_loss(*[wrap([1.0, 2.0])] * 4)[0]), np.log(2))


def test_no_gradient_flows_into_what_a_rollout_has_fixed():
    """Even if somebody passes Tensors that could take one."""
    mask = np.ones((1, 2))
    new, *fixed = (Tensor(np.full((1, 2), 0.1 * k), requires_grad=True) for k in range(1, 4))
    ppo_policy_loss(new, *fixed, mask)[0].backward()
    ppo_value_loss(new, *fixed, mask)[0].backward()
    assert new.grad is not None and all(x.grad is None for x in fixed)


@pytest.mark.parametrize("ops", [functional, composed], ids=["functional", "composed"])
def test_fused_functions_take_plain_arrays(ops):
    x = np.array([[1.0, 2.0], [3.0, 5.0]])
    assert_allclose(ops.layer_norm(x, [1, 1], [0, 0]).data, [[-1, 1], [-1, 1]], atol=1e-4)
    assert_array_equal(ops.linear(x, x, np.ones(2)).data, x @ x + 1)
    assert_array_equal(ops.linear(x, x).data, x @ x)
    assert_array_equal(ops.embedding(x, [1, 0]).data, x[[1, 0]])


def test_a_number_is_a_number_and_a_gradient_is_not_lost_unseen():
    x = Tensor([1.0, 3.0], requires_grad=True)
    assert float(x.sum()) == 4.0 and f"{float(x.mean()):.1f}" == "2.0"
    assert_array_equal(np.asarray(Tensor([1.0, 3.0])), [1, 3])
    with pytest.raises(TypeError, match="gradient"):
        np.mean([x, x])
    assert as_floats(x).tolist() == [1, 3] and as_floats([1, 2]).dtype == np.float64


def test_the_functions_of_two_as_methods_and_a_limit_on_one_side():
    x = Tensor([1.0, 3.0])
    assert [x.clip(2, 4).data.tolist(), x.minimum(2).data.tolist(), x.maximum(2).data.tolist()] == [[2, 3], [1, 2], [2, 3]]
    assert clip(x, None, 2).data.tolist() == [1, 2] and clip(x, 2, None).data.tolist() == [2, 3]  # not [nan, nan]


def test_ids_may_be_lists():
    model = talker()
    assert_array_equal(token_log_probs_of(model, [[1, 2, 3]]).data, token_log_probs_of(model, np.array([[1, 2, 3]])).data)


def test_no_bit_that_falls_over_escapes_as_another_error(tmp_path):
    """A zip file can be broken in ways that zipfile, NumPy and JSON report in a dozen different exceptions."""
    path, rng = tmp_path / "model.npz", np.random.default_rng(0)
    save(make(), path)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    for _ in range(300):
        broken = whole.copy()
        broken[rng.integers(len(whole) - 3500, len(whole), size=3)] = rng.integers(256, size=3)
        path.write_bytes(broken[: rng.integers(len(whole)) if rng.random() < 0.1 else None].tobytes())
        try:
            load(path)
        except ValueError as problem:
            assert str(path) in str(problem)
