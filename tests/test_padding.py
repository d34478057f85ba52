"""Whole losses through whole models: padding, other texts behind the end, and other dtypes change no loss and no gradient.

Two of the traps (a row among longer rows, numbers in the padding), for every objective at once: SFT, reward model, PPO's two losses, DPO.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small_models import KINDS, talker

from minialign.autograd import Tensor, check_gradients
from minialign.batch import Batch, Response, conversations
from minialign.checkpoint import frozen_copy, trainable_copy
from minialign.dpo import DPOConfig, dpo_loss, train_dpo
from minialign.functional import token_log_probs
from minialign.generate import generate
from minialign.likelihood import log_probs_array, sequence_log_probs, token_log_probs_of
from minialign.model import ScalarModel
from minialign.policy_gradient import (  # fmt: skip
    kl_estimates,
    kl_penalized_rewards,
    masked_mean,
    masked_whiten,
    ppo_policy_loss,
)
from minialign.ppo import PPOConfig, gae, ppo_value_loss, train_ppo
from minialign.preferences import Preferences
from minialign.reward import RewardConfig, Scorer, bradley_terry_loss, sequence_scores, train_reward_model
from minialign.sft import LMConfig, sft_loss, train_language_model
from minialign.tokenizer import VOCAB_SIZE

RNG = np.random.default_rng
PAIRS = [("ab", "cd"), ("a", "bcdefgh"), ("abc", Response("dd", False)), ("b", "c")]  # of these, two are chosen


def column(array, batch):
    """A (B, T-1) array of fixed numbers as wide as the batch: the same in the columns that all widths share."""
    return array[:, : batch.mask.shape[1]].astype(batch.mask.dtype)


def fixed(seed):
    return RNG(seed).standard_normal((4, 40))


def sft(model, batch):
    return sft_loss(token_log_probs_of(model, batch.ids), batch.mask)


def reward_last(model, batch):
    scores = sequence_scores(model, batch, "last")
    return bradley_terry_loss(scores[:2], scores[2:])


def reward_mean(model, batch):
    scores = sequence_scores(model, batch, "mean")
    return bradley_terry_loss(scores[:2], scores[2:])


def ppo_policy(model, batch):
    """From scores to loss: the leash, the advantages and their whitening see the padding too."""
    old = log_probs_array(model, batch.ids) + 0.1 * column(fixed(1), batch)
    rewards = kl_penalized_rewards(np.array([1.0, -2, 0, 3]), old, column(fixed(2), batch), batch.mask, 0.3)
    advantages, _ = gae(rewards, column(fixed(3), batch), batch.mask)
    return ppo_policy_loss(token_log_probs_of(model, batch.ids), old, masked_whiten(advantages, batch.mask), batch.mask)


def ppo_value(model, batch):
    _, returns = gae(column(fixed(2), batch), column(fixed(3), batch), batch.mask)
    return ppo_value_loss(model(batch.ids[:, :-1]), column(fixed(3), batch), returns, batch.mask)


def dpo(model, batch):
    logps, reference = sequence_log_probs(model, batch), np.array([-9.0, -20, -8, -5])
    return dpo_loss(logps[:2], logps[2:], reference[:2], reference[2:])


OBJECTIVES = {f.__name__: f for f in (sft, reward_last, reward_mean, ppo_policy, ppo_value, dpo)}


def model_for(name, **options):
    scalar = name.startswith("reward") or name == "ppo_value"
    return talker(ScalarModel, seed=1, **options) if scalar else talker(seed=1, **options)


def loss_and_gradients(name, batch, **options):
    model = model_for(name, **options)
    loss, metrics = OBJECTIVES[name](model, batch)
    loss.backward()
    return loss.item(), metrics, {n: p.grad for n, p in model.named_parameters().items() if p.grad is not None}


def wider(batch, columns):
    return Batch(np.pad(batch.ids, ((0, 0), (0, columns))), np.pad(batch.mask, ((0, 0), (0, columns))))


def littered(batch):
    """Other tokens behind every end."""
    ids = batch.ids.copy()
    behind = np.arange(ids.shape[1]) >= batch.lengths[:, None]
    ids[behind] = RNG(5).integers(VOCAB_SIZE, size=behind.sum())
    return Batch(ids, batch.mask)


@pytest.mark.parametrize("positions, tied", KINDS)
@pytest.mark.parametrize("name", OBJECTIVES)
def test_padding_changes_no_loss_and_no_gradient(name, positions, tied):
    batch = conversations(PAIRS)
    loss, metrics, gradients = loss_and_gradients(name, batch, positions=positions, tied=tied)
    assert max(np.abs(g).max() for g in gradients.values()) > 1e-3  # there is something to compare
    for changed in (wider(batch, 6), littered(batch), littered(wider(batch, 3))):
        other_loss, other_metrics, other_gradients = loss_and_gradients(name, changed, positions=positions, tied=tied)
        assert_allclose(other_loss, loss, rtol=1e-12)
        for key in metrics:
            assert_allclose(other_metrics[key], metrics[key], rtol=1e-9, atol=1e-12, err_msg=key)
        assert set(other_gradients) == set(gradients)
        for key in gradients:
            assert_allclose(other_gradients[key], gradients[key], atol=1e-12, err_msg=key)


class Recorded:
    """A model whose outputs are leaves, so that the gradient at each of their columns can be seen."""

    def __init__(self, model):
        self.model, self.trunk, self.outputs = model, model.trunk, []

    def __call__(self, ids, loss_mask=None):
        self.outputs.append(Tensor(self.model(ids).data, requires_grad=True))
        scalars = self.outputs[-1].ndim == 2
        return self.outputs[-1] if loss_mask is None or scalars else self.outputs[-1][loss_mask]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_outputs_that_are_masked_have_no_slope(name):
    """Questions, and whatever comes after the end: exactly zero, not nearly."""
    batch = wider(conversations(PAIRS), 2)
    model = Recorded(model_for(name))
    OBJECTIVES[name](model, batch)[0].backward()
    [output] = [o for o in model.outputs if o.grad is not None]
    slope = np.abs(output.grad).reshape(*output.shape[:2], -1).sum(-1) > 0  # (B, T) or (B, T-1)
    expected = batch.mask > 0
    if name == "reward_mean":  # read at the tokens themselves, not one column before
        slope = slope[:, 1:]
    if name == "reward_last":
        expected = np.arange(batch.ids.shape[1]) == batch.lengths[:, None] - 1
    assert not slope[~expected].any()
    if name.startswith("ppo"):  # what the clip holds back has no slope either
        assert slope.sum() > expected.sum() / 2
    else:
        assert_array_equal(slope, expected)


# ---- finite differences for what is composed above the log-probabilities ---------------------------------------------

def test_finite_differences_above_the_log_probabilities():
    rng = RNG(0)
    x, ref = rng.standard_normal((2, 3, 5))
    mask = np.array([[0, 1, 1, 1, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 1]], float)
    check_gradients(lambda t: sft_loss(t, mask)[0], x)
    check_gradients(lambda t: masked_mean(t, mask), x)
    for k in range(3):
        check_gradients(lambda t: kl_estimates(t, ref)[k], x)  # noqa: B023
        check_gradients(lambda t: kl_estimates(ref, t)[k], x)  # noqa: B023
    batch = conversations(PAIRS)
    logits = rng.standard_normal((*batch.mask.shape, VOCAB_SIZE))
    for pairs in (slice(None, 1), slice(3, None)):  # two short rows: every logit of them
        width = batch[pairs].mask.shape[1]
        ids, m = batch.ids[pairs, : width + 1], batch.mask[pairs, :width]
        check_gradients(lambda t: (token_log_probs(t, ids[:, 1:]) * m).sum(1), logits[pairs, :width])  # noqa: B023


# ---- float32 stays float32, all the way -----------------------------------------------------------------------------

@pytest.mark.parametrize("mask_dtype", [np.float32, np.float64, np.int64, bool])
@pytest.mark.parametrize("name", ["sft", "dpo"])
def test_a_mask_of_another_dtype_does_not_promote(name, mask_dtype):
    batch = conversations(PAIRS)
    batch = Batch(batch.ids, batch.mask.astype(mask_dtype))
    model = talker(dtype="float32")
    loss, _ = OBJECTIVES[name](model, batch)
    loss.backward()
    assert loss.dtype == np.float32 and {p.grad.dtype for p in model.parameters()} == {np.dtype("float32")}


def test_no_trainer_promotes_a_model():
    """One NumPy float64 in a learning rate, a score or a coefficient would do it, and cost half of the speed."""
    policy, critic, judge = talker(dtype="float32"), talker(ScalarModel, dtype="float32"), talker(ScalarModel, dtype="float32")
    votes = Preferences(["a", "b"], [Response("cc", True)] * 2, [Response("d", False)] * 2)
    train_language_model(policy, iter([conversations(PAIRS)] * 2), 2, LMConfig(lr=np.float64(1e-3)))
    train_reward_model(judge, votes, RewardConfig(epochs=2, lr=np.float64(1e-3)), RNG(0))
    scorer = Scorer(judge).normalised_on(conversations(PAIRS))
    config = PPOConfig(
        iterations=2, rollouts=4, max_new_tokens=4, minibatch_size=2, lr=np.float64(1e-3), kl_coef=np.float64(0.1), target_kl=1.0
    )
    train_ppo(policy, frozen_copy(policy), critic, scorer, ["a", "b"], config, RNG(0))
    train_dpo(policy, frozen_copy(policy), votes, DPOConfig(beta=np.float64(0.1), epochs=2), RNG(0))
    for model in (policy, critic, judge):
        for parameter in model.parameters():
            assert parameter.dtype == np.float32 and parameter.grad.dtype == np.float32
    assert generate(policy, [[5, 6]], 3, 1.0, RNG(0)).logprobs.dtype == log_probs_array(policy, np.ones((1, 3), int)).dtype


# ---- where training starts ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("beta", [0.1, 1.0])
def test_at_step_0_dpo_is_log_two_and_the_kl_is_nothing(beta):
    """Policy = reference, through models, batches and the training loop: not nearly, but to the last bit of float64."""
    policy = talker()
    reference = frozen_copy(policy)
    votes = Preferences(["a", "bc"], [Response("cc", True)] * 2, [Response("d", False), Response("dede", True)])
    history = train_dpo(trainable_copy(policy), reference, votes, DPOConfig(beta=beta, batch_size=2), RNG(0))
    assert_allclose(history["loss"][0], np.log(2), rtol=1e-14)
    for name in ("rewards/chosen", "rewards/rejected", "rewards/margins", "delta/chosen", "delta/rejected"):
        assert abs(history[name][0]) < 1e-12
    config = PPOConfig(iterations=1, rollouts=8, max_new_tokens=5, minibatch_size=8)
    history = train_ppo(policy, reference, talker(ScalarModel), lambda b: np.ones(len(b)), ["a", "bc"], config, RNG(0))
    assert history["objective/kl"][0] == history["objective/kl_k3"][0] == history["objective/non_score_reward"][0] == 0
