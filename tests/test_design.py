"""Section 3 of the design, line by line: the names, arguments and conventions that other people's code may rely on.

Written as a stranger would who has read the design alone: every function is called as it is written there, by position and by
keyword, and its values are held against numbers that were worked out by hand.
"""

import inspect
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minialign.autograd import Tensor, check_gradients, clip, exp, log, maximum, minimum, no_grad, tanh, where
from minialign.batch import Response, conversations
from minialign.checkpoint import load, save
from minialign.dpo import DPOConfig, dpo_loss, train_dpo
from minialign.exact import best_of_n, log_partition, optimal_policy, sequence_kl
from minialign.functional import causal_attention, gelu, layer_norm, log_sigmoid, log_softmax, softmax, token_log_probs
from minialign.generate import generate
from minialign.interop import from_hugging_face, to_hugging_face
from minialign.likelihood import sequence_log_probs, token_log_probs_of
from minialign.model import LanguageModel, ModelConfig, ScalarModel
from minialign.optim import AdamW, clip_grad_norm, cosine_schedule
from minialign.policy_gradient import (
    AdaptiveKLController,
    FixedKLController,
    kl_estimates,
    kl_penalized_rewards,
    masked_mean,
    masked_whiten,
    ppo_policy_loss,
)
from minialign.ppo import PPOConfig, gae, ppo_value_loss, train_ppo  # fmt: skip
from minialign.preferences import Preferences
from minialign.reward import bradley_terry_loss
from minialign.tokenizer import EOS, PAD, VOCAB_SIZE

RNG = np.random.default_rng
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


@pytest.mark.parametrize(
    "function, arguments",
    [
        (Tensor, "data requires_grad"),
        (layer_norm, "x gain bias eps"),
        (causal_attention, "q k v"),
        (token_log_probs, "logits targets"),
        (AdamW, "parameters lr betas eps weight_decay"),
        (ModelConfig, "vocab_size context_length n_layer n_head d_model positions tied dtype"),
        (LanguageModel, "config rng"),
        (ScalarModel, "config rng"),
        (token_log_probs_of, "model ids"),
        (sequence_log_probs, "model batch"),
        (generate, "model prompts max_new_tokens temperature rng"),
        (bradley_terry_loss, "chosen_rewards rejected_rewards margin label_smoothing"),
        (gae, "rewards values mask gamma lam"),
        (kl_penalized_rewards, "scores logprobs ref_logprobs mask kl_coef"),
        (masked_mean, "values mask"),
        (masked_whiten, "values mask shift_mean"),
        (kl_estimates, "logprobs ref_logprobs"),
        (ppo_policy_loss, "logprobs old_logprobs advantages mask cliprange"),
        (ppo_value_loss, "values old_values returns mask cliprange_value"),
        (AdaptiveKLController.update, "self current n_steps"),
        (FixedKLController.update, "self current n_steps"),
        (
            dpo_loss,
            "policy_chosen_logps policy_rejected_logps reference_chosen_logps reference_rejected_logps"
            " beta label_smoothing loss_type",
        ),
        (from_hugging_face, "config weights"),
    ],
)
def test_names_and_order_of_arguments(function, arguments):
    """More may follow, with defaults; none of these may be renamed or moved."""
    parameters = list(inspect.signature(function).parameters.values())
    expected = arguments.split()
    assert [p.name for p in parameters[: len(expected)]] == expected
    assert all(p.default is not p.empty for p in parameters[len(expected) :])


def test_defaults():
    def default(function, name):
        return inspect.signature(function).parameters[name].default

    assert default(layer_norm, "eps") == 1e-5
    assert (default(AdamW, "betas"), default(AdamW, "eps"), default(AdamW, "weight_decay")) == ((0.9, 0.999), 1e-8, 0.0)
    assert default(bradley_terry_loss, "margin") == default(bradley_terry_loss, "label_smoothing") == 0.0
    assert (default(gae, "gamma"), default(gae, "lam")) == (1.0, 0.95)
    assert default(masked_whiten, "shift_mean") is True
    assert default(ppo_policy_loss, "cliprange") == default(ppo_value_loss, "cliprange_value") == 0.2
    assert [default(dpo_loss, name) for name in ("beta", "label_smoothing", "loss_type")] == [0.1, 0.0, "sigmoid"]


# ---- Tensor ---------------------------------------------------------------------------------------------------------

def test_a_tensor_is_made_of_anything_that_is_numbers():
    for data in ([1, 2, 3], (1, 2, 3), np.array([1, 2, 3]), np.array([1.0, 2.0, 3.0])):
        assert Tensor(data).shape == (3,) and Tensor(data).dtype == np.float64
    assert Tensor(3).shape == () and Tensor(np.float32(3)).dtype == np.float32
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert x.grad is None and type(x.data) is np.ndarray


@DTYPES
def test_operators_with_lists_numbers_and_arrays_on_either_side(dtype):
    a = np.array([[1.0, 2.0], [3.0, 4.0]], dtype=dtype)
    x = Tensor(a, requires_grad=True)
    two = np.float64(2)
    for ours, expected in (
        (x + 2, a + 2), (2 + x, a + 2), (x - 2, a - 2), (2 - x, 2 - a), (x * two, 2 * a), (two * x, 2 * a),
        (x / 2, a / 2), (two / x, 2 / a), (-x, -a), (x**2, a**2), (x**-1, 1 / a), (x**0.5, a**0.5),
        (x + [1, 2], a + [1, 2]), ([1, 2] * x, a * [1, 2]), (np.array([1, 2]) - x, [1, 2] - a),
        (x @ a, a @ a), (a @ x, a @ a), ([[1, 0], [0, 1]] @ x, a), (x @ [1, 1], a.sum(1)),
        (x.exp(), np.exp(a)), (x.log(), np.log(a)), (x.tanh(), np.tanh(a)),
        (exp(x), np.exp(a)), (log(a), np.log(a)), (tanh([1.0]), np.tanh([1.0])),
        (x.sum(), a.sum()), (x.sum(0), a.sum(0)), (x.sum(axis=-1, keepdims=True), a.sum(-1, keepdims=True)),
        (x.mean(), a.mean()), (x.mean(1), a.mean(1)), (x.max(), 4), (x.max(axis=0), [3, 4]), (x.sum((0, 1)), a.sum()),
        (x.reshape(4), a.reshape(4)), (x.reshape(-1, 1), a.reshape(-1, 1)), (x.reshape((1, 4)), a.reshape(1, 4)),
        (x.transpose(), a.T), (x.transpose(1, 0), a.T), (x.transpose((1, 0)), a.T),
        (x[0], a[0]), (x[:, 1:], a[:, 1:]), (x[..., None], a[..., None]), (x[[1, 1]], a[[1, 1]]), (x[a > 2], a[a > 2]),
        (minimum(x, 2), np.minimum(a, 2)), (maximum(2.5, x), np.maximum(a, 2.5)), (minimum([1, 5], [4, 2]), [1, 2]),
        (clip(x, 1.5, 3), a.clip(1.5, 3)), (clip([0, 9], low=1, high=3), [1, 3]),
        (where(a > 2, x, 0.0), np.where(a > 2, a, 0)), (where([True, False], [1, 2], [3, 4]), [1, 4]),
    ):  # fmt: skip
        assert isinstance(ours, Tensor)
        assert_allclose(ours.data, expected, rtol=1e-6)
        if ours.requires_grad:
            assert ours.dtype == dtype


def test_ties_and_borders():
    a, b = Tensor([1.0, 2.0, 3.0], requires_grad=True), Tensor([1.0, 3.0, 2.0], requires_grad=True)
    minimum(a, b).sum().backward()
    assert_array_equal([a.grad, b.grad], [[0.5, 1, 0], [0.5, 0, 1]])
    a.grad = b.grad = None
    maximum(a, b).sum().backward()
    assert_array_equal([a.grad, b.grad], [[0.5, 0, 1], [0.5, 1, 0]])
    a.grad = None
    clip(a, 1.0, 2.0).sum().backward()
    assert_array_equal(a.grad, [1, 1, 0])


def test_backward_adds_up_and_no_grad_records_nothing():
    x = Tensor([3.0], requires_grad=True)
    for expected in (6.0, 12.0):
        (x * x).sum().backward()
        assert_array_equal(x.grad, [expected])
    with no_grad():
        assert not (x * x).requires_grad
    assert check_gradients(lambda a, b: (a * b).sum(), [1.0, 2.0], np.array([3, 4])) < 1e-6
    with pytest.raises(AssertionError, match="argument 0"):
        check_gradients(lambda a: Tensor(2 * a.data) + 0.0 * a, [1.0])


# ---- fused functions, on plain arrays and on Tensors ----------------------------------------------------------------

@DTYPES
@pytest.mark.parametrize("wrap", [np.asarray, Tensor], ids=["array", "Tensor"])
def test_functions_of_arrays_and_of_tensors(dtype, wrap):
    rng = RNG(0)
    x = rng.standard_normal((2, 3, 4, 6)).astype(dtype)
    for function, expected in (
        (gelu, x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
        (softmax, np.exp(x) / np.exp(x).sum(-1, keepdims=True)),
        (log_softmax, x - np.log(np.exp(x).sum(-1, keepdims=True))),
        (log_sigmoid, -np.log1p(np.exp(-x))),
    ):
        y = function(wrap(x))
        assert y.dtype == dtype
        assert_allclose(y.data, expected, rtol=1e-4, atol=1e-6)
    q, k, v = (wrap(rng.standard_normal((2, 3, 4, 6)).astype(dtype)) for _ in range(3))  # (B, H, T, D)
    y = causal_attention(q, k, v)
    scores = np.asarray(q.data) @ np.asarray(k.data).swapaxes(-1, -2) / np.sqrt(6)
    weights = np.exp(scores) * np.tril(np.ones((4, 4)))
    assert y.dtype == dtype
    assert_allclose(y.data, weights / weights.sum(-1, keepdims=True) @ np.asarray(v.data), rtol=1e-4, atol=1e-6)
    targets = rng.integers(6, size=(2, 3, 4))
    y = token_log_probs(wrap(x), targets)
    assert y.shape == (2, 3, 4) and y.dtype == dtype
    assert_allclose(y.data, np.take_along_axis(log_softmax(x).data, targets[..., None], -1)[..., 0], atol=1e-6)
    assert_array_equal(token_log_probs(logits=x.tolist(), targets=targets.tolist()).shape, (2, 3, 4))


@DTYPES
def test_layer_norm(dtype):
    x, gain, bias = (RNG(0).standard_normal(shape).astype(dtype) for shape in ((2, 3, 5), 5, 5))
    y = layer_norm(Tensor(x), Tensor(gain), Tensor(bias))
    expected = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * gain + bias
    assert y.dtype == dtype
    assert_allclose(y.data, expected, rtol=1e-4, atol=1e-5)


# ---- optimiser ------------------------------------------------------------------------------------------------------

@DTYPES
def test_adamw_as_in_pytorch(dtype):
    """First step: m / sqrt(v) is the sign of the gradient; weight decay is taken off before, and not from the gradient."""
    p = Tensor(np.array([1.0, -2.0], dtype=dtype), requires_grad=True)
    optimizer = AdamW([p], 0.1, weight_decay=0.5)
    p.grad = np.array([0.3, -4.0], dtype=dtype)
    optimizer.step()
    assert p.dtype == dtype
    assert_allclose(p.data, [0.95 - 0.1, -1.9 + 0.1], rtol=1e-6)
    AdamW({"p": p}, lr=1e-3, betas=(0.9, 0.99), eps=1e-6, weight_decay=0.0).step()  # a dict is a set of parameters too


def test_clipping_and_the_cosine():
    p, q = Tensor([0.0], requires_grad=True), Tensor([0.0], requires_grad=True)
    p.grad, q.grad = np.array([3.0]), np.array([4.0])
    assert clip_grad_norm([p, q], 1.0) == 5
    assert_allclose([p.grad[0], q.grad[0]], [0.6, 0.8], rtol=1e-6)
    assert [round(cosine_schedule(step, 10, 2.0), 12) for step in (0, 5, 10)] == [2, 1, 0]


# ---- models ---------------------------------------------------------------------------------------------------------

KINDS = [("learned", True), ("learned", False), ("rotary", True), ("rotary", False)]


@DTYPES
@pytest.mark.parametrize("positions, tied", KINDS)
def test_models(positions, tied, dtype):
    config = ModelConfig(11, 12, 1, 2, 8, positions, tied, dtype)
    assert config == ModelConfig(
        vocab_size=11, context_length=12, n_layer=1, n_head=2, d_model=8, positions=positions, tied=tied, dtype=np.dtype(dtype)
    )
    ids = [[1, 2, 3], [4, 5, 6]]
    model, scalar = LanguageModel(config, RNG(0)), ScalarModel(config, RNG(0))
    for m, shape in ((model, (2, 3, 11)), (scalar, (2, 3))):
        assert m(ids).shape == m(np.array(ids)).shape == shape and m(ids).dtype == dtype
        parameters = dict(m.named_parameters())
        assert all(isinstance(name, str) and p.requires_grad and p.dtype == dtype for name, p in parameters.items())
    logprobs = token_log_probs_of(model, np.array(ids))
    assert logprobs.shape == (2, 2)
    assert_allclose(logprobs.data, token_log_probs(model(ids)[:, :-1], np.array(ids)[:, 1:]).data, atol=1e-6)


def test_sequence_log_probs_are_sums_over_the_answer_and_its_end():
    model = LanguageModel(ModelConfig(VOCAB_SIZE, 24, 1, 2, 8, dtype="float64"), RNG(0))
    batch = conversations([("ab", "cd"), ("a", "bcdef")])
    logprobs = token_log_probs_of(model, batch.ids).data
    assert batch.mask.shape == logprobs.shape == (2, batch.ids.shape[1] - 1)
    assert batch.mask.sum(1).tolist() == [3, 6] and PAD != EOS
    last = [np.flatnonzero(row)[-1] for row in batch.mask]
    assert [batch.ids[b, p + 1] for b, p in enumerate(last)] == [EOS, EOS]  # column p is the token at p + 1
    assert_allclose(sequence_log_probs(model, batch).data, (logprobs * batch.mask).sum(1))


@pytest.mark.parametrize("prompts", [np.array([[2, 3, 4], [5, 6, 7]]), [[2, 3, 4], [5, 6, 7]], [(2, 3), (5,)]])
def test_generate(prompts):
    model = LanguageModel(ModelConfig(11, 12, 1, 2, 8), RNG(0))
    samples = generate(model, prompts, 4, 1.0, RNG(0))
    again = generate(model=model, prompts=prompts, max_new_tokens=4, temperature=1.0, rng=RNG(0))
    assert_array_equal(samples.ids, again.ids)
    for row, prompt in enumerate(prompts):
        assert samples.ids[row, : len(prompt)].tolist() == list(prompt)
        assert 1 <= samples.mask[row].sum() <= 4 and samples.mask[row, : len(prompt) - 1].sum() == 0
    logprobs = token_log_probs_of(model, samples.ids).data
    assert_allclose(samples.logprobs, logprobs * samples.mask, atol=1e-5)
    assert_array_equal(generate(model, prompts, 4, 0).ids, generate(model, prompts, 4, temperature=0.0).ids)


@pytest.mark.parametrize("kind", [LanguageModel, ScalarModel])
@pytest.mark.parametrize("name", ["model.npz", "model", "new folder/model.npz"])
def test_save_and_load(tmp_path, kind, name):
    model = kind(ModelConfig(11, 12, 1, 2, 8), RNG(0))
    for path in (tmp_path / name, str(tmp_path / name)):
        save(model, path)
        assert_array_equal(load(path)([[1, 2]]).data, model([[1, 2]]).data)


@DTYPES
@pytest.mark.parametrize("positions, tied, model_type", [("learned", True, "gpt2"), ("rotary", False, "gpt_neox")])
def test_to_hugging_face_and_back(positions, tied, model_type, dtype):
    model = LanguageModel(ModelConfig(11, 12, 2, 2, 8, positions, tied, dtype), RNG(0))
    config, weights = to_hugging_face(model)
    assert config["model_type"] == model_type and all(type(array) is np.ndarray for array in weights.values())
    back = from_hugging_face(config, weights)
    assert back.config.dtype == dtype
    assert_array_equal(back([[1, 2, 3]]).data, model([[1, 2, 3]]).data)


# ---- losses ---------------------------------------------------------------------------------------------------------

def as_promised(result, names=()):
    """(loss: Tensor, metrics: dict[str, float])"""
    loss, metrics = result
    assert isinstance(loss, Tensor) and loss.shape == ()
    assert all(type(name) is str and type(value) is float for name, value in metrics.items()), metrics
    assert set(names) <= set(metrics)
    return loss.item(), metrics


REWARDS = ("rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins")


@DTYPES
@pytest.mark.parametrize("wrap", [np.asarray, Tensor], ids=["array", "Tensor"])
def test_preference_losses_by_hand(wrap, dtype):
    pc, pr, rc, rr = (np.array([x, x], dtype=dtype) for x in (-10.0, -12.0, -11.0, -11.5))

    def dpo(*arguments, **keywords):
        return as_promised(dpo_loss(wrap(pc), wrap(pr), rc, rr, *arguments, **keywords), REWARDS)

    loss, metrics = dpo()
    assert_allclose([loss, *(metrics[name] for name in REWARDS)], [0.620957, 0.1, -0.05, 1, 0.15], atol=1e-5)
    assert_allclose(dpo(0.1, 0.2)[0], 0.8 * np.log1p(np.exp(-0.15)) + 0.2 * np.log1p(np.exp(0.15)), rtol=1e-5)
    assert_allclose(dpo(beta=0.1, loss_type="ipo")[0], (1.5 - 5) ** 2, rtol=1e-5)
    assert_allclose(dpo(0.1, 0.0, "hinge")[0], 0.85, rtol=1e-5)
    with pytest.raises(ValueError, match="loss_type"):
        dpo(loss_type="kto")
    by_name = dict(zip(inspect.signature(dpo_loss).parameters, (pc, pr, rc, rr)))
    assert dpo_loss(**by_name)[0].item() == loss
    at_start = as_promised(dpo_loss(wrap(rc), wrap(rr), rc, rr))[0]
    assert_allclose(at_start, math.log(2), rtol=1e-6)

    loss, _ = as_promised(bradley_terry_loss(wrap(pc), wrap(pr)))
    assert_allclose(loss, np.log1p(np.exp(-2.0)), rtol=1e-5)
    loss, _ = as_promised(bradley_terry_loss(chosen_rewards=pc, rejected_rewards=pr, margin=0.5, label_smoothing=0.1))
    assert_allclose(loss, 0.9 * np.log1p(np.exp(-1.5)) + 0.1 * np.log1p(np.exp(1.5)), rtol=1e-5)
    assert bradley_terry_loss(wrap(pc), wrap(pr))[0].dtype == dpo_loss(wrap(pc), wrap(pr), rc, rr)[0].dtype == dtype


@DTYPES
@pytest.mark.parametrize("wrap", [np.asarray, Tensor], ids=["array", "Tensor"])
@pytest.mark.parametrize("mask_dtype", [bool, int, float, np.float32])
def test_clipped_losses_by_hand(wrap, mask_dtype, dtype):
    mask = np.array([[1, 1, 0]]).astype(mask_dtype)
    old = np.zeros((1, 3), dtype)
    new = wrap(np.log(np.array([[1.5, 0.5, 9.0]])).astype(dtype))
    advantages = np.array([[1.0, 1.0, 7.0]], dtype)
    loss, metrics = as_promised(
        ppo_policy_loss(new, old, advantages, mask), ("loss/policy", "policy/approxkl", "policy/clipfrac")
    )
    assert_allclose(loss, -(1.2 + 0.5) / 2, rtol=1e-5)
    assert_allclose(metrics["policy/clipfrac"], 0.5, rtol=1e-6)
    assert_allclose(metrics["policy/approxkl"], (np.log(1.5) ** 2 + np.log(0.5) ** 2) / 4, rtol=1e-5)
    assert metrics["loss/policy"] == loss
    assert_allclose(ppo_policy_loss(new, old, advantages, mask, cliprange=0.6)[0].item(), -1.0, rtol=1e-5)

    values = wrap(np.array([[1.0, 0.1, 9.0]], dtype))
    returns = np.array([[2.0, 0.5, 0.0]], dtype)
    loss, metrics = as_promised(ppo_value_loss(values, old, returns, mask), ("loss/value", "val/clipfrac"))
    assert_allclose(loss, 0.5 * ((0.2 - 2) ** 2 + 0.4**2) / 2, rtol=1e-5)  # the 1/2 is inside
    assert_allclose(metrics["val/clipfrac"], 0.5, rtol=1e-6)
    assert_allclose(ppo_value_loss(values, old, returns, mask, 9.0)[0].item(), 0.5 * (1 + 0.16) / 2, rtol=1e-5)
    assert ppo_policy_loss(new, old, advantages, mask)[0].dtype == dtype
    assert ppo_value_loss(values, old, returns, mask)[0].dtype == dtype


# ---- rewards and advantages -----------------------------------------------------------------------------------------

@DTYPES
@pytest.mark.parametrize("mask_dtype", [bool, int, float, np.float32])
def test_the_token_level_numbers_by_hand(mask_dtype, dtype):
    mask = np.array([[0, 1, 1, 1, 0]]).astype(mask_dtype)
    new, ref = np.array([[5.0, -1, -1, -1, 5]], dtype), np.array([[1.0, -2, -3, -4, 1]], dtype)
    rewards = kl_penalized_rewards(np.array([1.3], dtype), new, ref, mask, 0.1)
    assert_allclose(rewards, [[0, -0.1, -0.2, 1.0, 0]], atol=1e-6)
    values = np.array([[9.0, 0.5, 0.6, 0.7, 9]], dtype)
    advantages, returns = gae(rewards, values, mask)
    assert_allclose(advantages, [[0, 0.17575, 0.185, 0.3, 0]], atol=1e-6)
    assert_allclose(returns, [[0, 0.67575, 0.785, 1.0, 0]], atol=1e-6)
    assert_allclose(gae(rewards, values, mask, 1.0, 1.0)[1], [[0, 0.7, 0.8, 1.0, 0]], atol=1e-6)
    assert_allclose(gae(rewards, values, mask, gamma=0.5, lam=0.0)[0], [[0, -0.3, -0.45, 0.3, 0]], atol=1e-6)
    assert_allclose(masked_mean(rewards, mask), 0.7 / 3, rtol=1e-5)
    assert_allclose(masked_mean(Tensor(rewards), mask).item(), 0.7 / 3, rtol=1e-5)
    x = np.array([[9.0, 1, 2, 3, 9]], dtype)
    white = masked_whiten(x, mask)
    assert_allclose(white, [[0, -1.224745, 0, 1.224745, 0]], atol=1e-5)  # the population's deviation, sqrt(2/3)
    assert_allclose(masked_whiten(x, mask, shift_mean=False)[0, 1:4], white[0, 1:4] + 2, atol=1e-5)
    assert white.dtype == dtype


@DTYPES
def test_three_estimates(dtype):
    new, ref = np.array([0.0, -1.0], dtype), np.array([-0.5, 0.0], dtype)
    for wrap in (np.asarray, Tensor):
        k1, k2, k3 = kl_estimates(wrap(new), ref)
        assert_allclose(k1.data if wrap is Tensor else k1, [0.5, -1])
        assert_allclose(k2.data if wrap is Tensor else k2, [0.125, 0.5])
        assert_allclose(k3.data if wrap is Tensor else k3, [np.exp(-0.5) - 0.5, np.exp(1) - 2], rtol=1e-5)
        assert k1.dtype == k2.dtype == k3.dtype == dtype


def test_controllers():
    fixed, adaptive = FixedKLController(0.2), AdaptiveKLController(0.2, 6.0, 100)
    for current in (12.0, 6.0, 0.0):
        fixed.update(current=current, n_steps=10)
        adaptive.update(current, 10)
    assert fixed.value == 0.2
    assert_allclose(adaptive.value, 0.2 * 1.02 * 1.0 * 0.98)


# ---- exact answers --------------------------------------------------------------------------------------------------

def test_exact_answers_for_one_list_of_answers():
    reference, rewards = np.array([0.5, 0.3, 0.2]), np.array([0.0, 1.0, 2.0])
    tilted = reference * np.exp(rewards / 0.5)
    for r, s in ((reference, rewards), (reference.tolist(), [0, 1, 2])):
        assert_allclose(optimal_policy(r, s, 0.5), tilted / tilted.sum())
        assert_allclose(log_partition(reference=r, rewards=s, beta=0.5), np.log(tilted.sum()))
        assert_allclose(best_of_n(r, s, 2), [0.25, 0.64 - 0.25, 1 - 0.64])
        assert_allclose(sequence_kl(policy=[0.2, 0.3, 0.5], reference=r), 0.3 * np.log(2.5))
    assert_allclose(best_of_n(reference, np.zeros(3), 4), reference)  # all equal: no choice


# ---- the names of what is logged ------------------------------------------------------------------------------------

def test_what_training_logs():
    config = ModelConfig(VOCAB_SIZE, 24, 1, 2, 8)
    policy, critic = LanguageModel(config, RNG(0)), ScalarModel(config, RNG(0))
    small = PPOConfig(iterations=1, rollouts=4, max_new_tokens=3, minibatch_size=4)
    history = train_ppo(policy, LanguageModel(config, RNG(1)), critic, lambda batch: batch.mask.sum(1), ["a", "b"], small, RNG(0))
    for name in (
        *(f"objective/{x}" for x in ("kl", "scores", "non_score_reward", "rlhf_reward", "entropy", "kl_coef")),
        "policy/approxkl", "policy/clipfrac", "loss/policy", "loss/value", "val/clipfrac", "lr",
    ):  # fmt: skip
        assert len(history[name]) == 1, name
    votes = Preferences(["a", "b"], [Response("c", True)] * 2, [Response("d", True)] * 2)
    history = train_dpo(policy, LanguageModel(config, RNG(1)), votes, DPOConfig(), RNG(0))
    assert all(name in history for name in (*REWARDS, "loss", "lr"))
