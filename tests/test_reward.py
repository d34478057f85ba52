"""The reward model that keeps its reference: what the two log-probabilities add to a score, and that only the rest learns."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small_models import talker, votes_of

from minialign.batch import Response, conversations
from minialign.checkpoint import load, save
from minialign.likelihood import log_probs_array
from minialign.model import RewardModel, scalar_model_from
from minialign.preferences import Preferences
from minialign.reward import (
    RewardConfig,
    answer_likelihoods,
    bradley_terry_loss,
    reward_model_from,
    sequence_scores,
    train_reward_model,
)

PAIRS = [("a?", "it is."), ("is it?", "no."), ("b?", "yes, it is it.")]
RNG = np.random.default_rng


@pytest.fixture
def language_model():
    return talker(seed=3)


@pytest.fixture
def batch():
    return conversations(PAIRS)


def test_mean_and_least_are_taken_over_the_answer_and_its_end(language_model, batch):
    found = answer_likelihoods(language_model, batch)
    for row, (mean, least) in enumerate(found):
        logprobs = log_probs_array(language_model, batch.ids[row : row + 1])[0][batch.mask[row] > 0]
        assert len(logprobs) == len(PAIRS[row][1]) + 1
        assert_allclose([mean, least], [logprobs.mean(), logprobs.min()])


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_the_score_is_the_heads_and_the_reference_s_log_probabilities(language_model, batch, pooling):
    model = reward_model_from(language_model, RNG(0), (2.0, 1.0))
    weights = model.likelihood_weights.data
    assert weights.tolist() == [2.0, 1.0]
    likelihoods = answer_likelihoods(language_model, batch)
    whole = sequence_scores(model, batch, pooling).data
    model.likelihood_weights.data = np.zeros_like(weights)
    assert_allclose(whole, sequence_scores(model, batch, pooling).data + likelihoods @ weights)


def test_the_gradient_of_the_two_weights_is_the_likelihoods(language_model, batch):
    model = reward_model_from(language_model, RNG(0), (0.0, 0.0))
    weights = np.array([1.0, -2.0, 0.5])
    (sequence_scores(model, batch, "mean") * weights).sum().backward()
    assert_allclose(model.likelihood_weights.grad, weights @ answer_likelihoods(language_model, batch))


def test_with_weights_of_zero_it_is_the_scalar_model(language_model, batch):
    plain, with_reference = scalar_model_from(language_model, RNG(0)), reward_model_from(language_model, RNG(0), (0.0, 0.0))
    with_reference.head = plain.head
    assert_array_equal(sequence_scores(plain, batch, "mean").data, sequence_scores(with_reference, batch, "mean").data)


def test_training_moves_trunk_head_and_weights_and_leaves_the_reference(language_model):
    model = reward_model_from(language_model, RNG(0), (2.0, 1.0))
    before = {name: p.data.copy() for name, p in model.named_parameters().items()}
    votes = Preferences([q for q, _ in PAIRS], [Response(a, True) for _, a in PAIRS], [Response("it?", True)] * 3)
    train_reward_model(model, votes, RewardConfig(epochs=2, batch_size=2, warmup_steps=0), RNG(1))
    for name, p in model.named_parameters().items():
        same = np.array_equal(p.data, before[name])
        assert same == name.startswith("reference."), name


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_the_first_loss_is_that_of_the_scores_as_they_are_to_be_read(language_model, pooling):
    votes, model = votes_of(6), scalar_model_from(language_model, RNG(0))
    expected = bradley_terry_loss(*sequence_scores(model, votes.batch(), pooling).data.reshape(2, -1))[0].item()
    history = train_reward_model(model, votes, RewardConfig(epochs=1, batch_size=6, pooling=pooling), RNG(1))
    assert_allclose(history["loss"], [expected])


def test_it_is_kept_whole(language_model, batch, tmp_path):
    model = reward_model_from(language_model, RNG(0), (2.0, 1.0))
    save(model, tmp_path / "model.npz")
    found = load(tmp_path / "model.npz")
    assert isinstance(found, RewardModel)
    assert_array_equal(sequence_scores(model, batch, "mean").data, sequence_scores(found, batch, "mean").data)
