"""Values that cannot be: refused by every config and every public function, in one sentence that says which may be."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small_models import make, ragged_numbers, talker, votes_of

from minialign import composed, functional
from minialign.autograd import Tensor
from minialign.batch import collate, minibatches
from minialign.checkpoint import frozen_copy, trainable_copy
from minialign.checks import as_ids, as_mask, check_count, check_number
from minialign.dpo import DPOConfig, dpo_loss, train_dpo
from minialign.evaluate import best_of_n
from minialign.exact import best_of_n as law_of_best_of_n
from minialign.exact import optimal_policy
from minialign.generate import generate
from minialign.grpo import GRPOConfig, train_grpo
from minialign.likelihood import sequence_log_probs, token_log_probs_of
from minialign.model import ModelConfig, ScalarModel
from minialign.optim import AdamW, clip_grad_norm
from minialign.policy_gradient import (
    AdaptiveKLController,
    FixedKLController,
    kl_estimates,
    kl_penalized_rewards,
    masked_mean,
    masked_whiten,
    ppo_policy_loss,
)
from minialign.ppo import PPOConfig, gae, ppo_value_loss, train_ppo
from minialign.preferences import Preferences, split
from minialign.reward import (
    RewardConfig,
    Scorer,
    bradley_terry_loss,
    calibration,
    sequence_scores,
    train_reward_model,
)
from minialign.sft import LMConfig, epochs, sft_loss, train_language_model, windows

RNG = np.random.default_rng
NO_NUMBERS = [math.nan, math.inf, "1", None]
NO_COUNTS = [0, -1, 1.5, True, "1", None]
IMPOSSIBLE = {
    LMConfig: {
        "batch_size": NO_COUNTS,
        "warmup_steps": [-1, 0.5],
        "final_fraction": [-0.1, 1.1],
        "betas": [(0.9,), (0.9, 1.0), (-0.1, 0.9), 0.9],
        "max_norm": [0.0, -1.0],
        **{name: [-1.0, *NO_NUMBERS] for name in ("lr", "weight_decay", "replay_weight")},
    },
    RewardConfig: {
        "epochs": NO_COUNTS,
        "batch_size": NO_COUNTS,
        "pooling": ["first", None],
        "betas": [(0.9, 1.0)],
        **{name: [-1.0, *NO_NUMBERS] for name in ("lr", "weight_decay", "center")},
    },
    DPOConfig: {
        "epochs": NO_COUNTS,
        "batch_size": NO_COUNTS,
        "beta": [0.0, -0.1, *NO_NUMBERS],
        "label_smoothing": [-0.1, 1.1, math.nan],
        "loss_type": ["slic", None],
        **{name: [-1.0, *NO_NUMBERS] for name in ("lr", "weight_decay")},
    },
    PPOConfig: {
        **{name: NO_COUNTS for name in ("iterations", "rollouts", "max_new_tokens", "epochs", "minibatch_size")},
        **{name: [0.0, -0.2, *NO_NUMBERS] for name in ("cliprange", "cliprange_value", "max_norm")},
        **{name: [-0.1, 1.1, *NO_NUMBERS] for name in ("gamma", "lam")},
        **{name: [-1.0, *NO_NUMBERS] for name in ("kl_coef", "lr", "critic_lr", "missing_eos_penalty")},
        "target_kl": [0.0, -1.0, math.nan],
        "kl_horizon": [0, -1],
    },
    GRPOConfig: {
        **{name: NO_COUNTS for name in ("iterations", "prompts", "max_new_tokens", "epochs", "minibatch_size")},
        **{name: [0.0, -0.2, *NO_NUMBERS] for name in ("cliprange", "max_norm")},
        **{name: [-1.0, *NO_NUMBERS] for name in ("kl_coef", "lr", "missing_eos_penalty")},
        **{name: ["other", None] for name in ("advantage", "average", "importance")},
        "group_size": [1, *NO_COUNTS],
        "cliprange_high": [0.0, -0.2, math.nan],
        "betas": [(0.9, 1.0)],
    },
    ModelConfig: {
        **{name: NO_COUNTS for name in ("vocab_size", "n_layer", "n_head", "d_model", "context_length")},
        "context_length": [0, 10**9],
        "dtype": ["float16", "int64"],
        "positions": ["absolute"],
        "rotary_base": [0.0, -1.0],
        "norm_eps": [0.0, -1e-5],
    },
}


@pytest.mark.parametrize(
    ("config", "field", "value"),
    [(config, field, value) for config, fields in IMPOSSIBLE.items() for field, values in fields.items() for value in values],
)
def test_a_config_refuses_what_cannot_be(config, field, value):
    needed = {"vocab_size": 11, "context_length": 12} if config is ModelConfig else {}
    with pytest.raises(ValueError) as refused:
        config(**{**needed, field: value})
    assert "\n" not in str(refused.value) and field in str(refused.value)


def test_the_message_says_what_the_value_must_be():
    for call, sentence in (
        (lambda: check_count("epochs", 0), "epochs must be a whole number of at least 1, not 0"),
        (lambda: check_number("lr", 10**400), f"lr must be a finite number, not {10**400}"),  # too large for a float
        (lambda: check_number("cliprange", -0.2, above=0), "cliprange must be a finite number above 0, not -0.2"),
        (lambda: check_number("x", 2, at_least=0, at_most=1), "x must be a finite number of at least 0 and at most 1, not 2"),
        (lambda: as_mask([0, 1, 0.5]), "a mask must hold only 0 and 1, not 0.5"),
        (lambda: as_mask([True, None]), "a mask must hold only 0 and 1, not None"),
        (lambda: as_ids([0, -1], 11), "ids must be whole numbers from 0 to 10, not -1"),
        (lambda: as_ids([0.0, 1.0], 11), "ids must be whole numbers from 0 to 10, not of type float64"),
    ):
        with pytest.raises(ValueError) as refused:
            call()
        assert str(refused.value) == sentence


def test_numbers_of_numpy_are_numbers():
    DPOConfig(lr=np.float32(1e-3), epochs=np.int64(2), beta=np.float64(0.1))


def test_a_kl_coefficient_of_zero_cannot_adapt():
    with pytest.raises(ValueError, match="adapt"):
        PPOConfig(kl_coef=0.0, target_kl=1.0)


# ==== masks ==========================================================================================================

LOGPROBS, OLD, REF, VALUES, ADVANTAGES, MASK = ragged_numbers(RNG(0))
SCORES = RNG(1).standard_normal(len(MASK))
MASKED = {  # every function that takes a mask: what it is called with before the mask, and its results as arrays
    gae: ((LOGPROBS, VALUES), lambda y: y),
    masked_whiten: ((VALUES,), lambda y: [y]),
    masked_mean: ((VALUES,), lambda y: [y]),
    sft_loss: ((LOGPROBS,), lambda y: [float(y[0])]),
    ppo_policy_loss: ((LOGPROBS, OLD, ADVANTAGES), lambda y: [float(y[0]), *y[1].values()]),
    ppo_value_loss: ((VALUES, OLD, REF), lambda y: [float(y[0]), *y[1].values()]),
}


def call(function, arrays, mask):
    arrays = [Tensor(arrays[0], requires_grad=True), *arrays[1:]] if "loss" in function.__name__ else arrays
    return function(*arrays, mask)


def penalized(logprobs, ref, mask):
    return kl_penalized_rewards(SCORES, logprobs, ref, mask, 0.3)


MASKED[penalized] = ((LOGPROBS, REF), lambda y: [y])


@pytest.mark.parametrize("strange", [math.nan, math.inf, -math.inf, 1e300])
@pytest.mark.parametrize("function", MASKED, ids=lambda f: f.__name__)
def test_what_is_outside_the_mask_reaches_no_result(function, strange):
    arrays, results = MASKED[function]
    expected = results(call(function, arrays, MASK))
    dirty = [np.where(MASK > 0, array, strange) for array in arrays]
    for found, right in zip(results(call(function, dirty, MASK)), expected):
        assert_array_equal(found, right)


@pytest.mark.parametrize("function", [sft_loss, ppo_policy_loss, ppo_value_loss, masked_mean], ids=lambda f: f.__name__)
def test_nor_any_gradient(function):
    gradients = []
    for dirt in (0.0, math.nan):
        first, *rest = (np.where(MASK > 0, array, dirt) for array in MASKED[function][0])
        x = Tensor(first, requires_grad=True)
        y = function(x, *rest, MASK)
        (y if isinstance(y, Tensor) else y[0]).backward()
        gradients.append(x.grad)
    assert_array_equal(*gradients)
    assert np.isfinite(gradients[0]).all() and (gradients[0][MASK == 0] == 0).all() and gradients[0].any()


@pytest.mark.parametrize("mask", [ADVANTAGES, 0.5 * MASK, -MASK, 2 * MASK, np.where(MASK, 1.0, np.nan)])
@pytest.mark.parametrize("function", MASKED, ids=lambda f: f.__name__)
def test_a_mask_is_zeros_and_ones(function, mask):
    """Advantages passed as the mask gave a loss of -2 without a word."""
    with pytest.raises(ValueError, match="a mask must hold only 0 and 1"):
        call(function, MASKED[function][0], mask)


def test_models_and_likelihoods_take_no_other_mask():
    model, ids = make(), np.ones((2, 5), int)
    for mask in (np.full((2, 4), 0.5), np.full((2, 4), -1)):
        with pytest.raises(ValueError, match="a mask must hold"):
            token_log_probs_of(model, ids, mask)
    with pytest.raises(ValueError, match="a mask must hold"):
        model(ids, np.full((2, 5), 0.5))
    with pytest.raises(ValueError, match="shapes differ"):
        token_log_probs_of(model, ids, np.ones((2, 5)))  # a mask of ones was not looked at


def test_a_gap_in_an_answer_is_skipped():
    """What comes behind masked columns inside an answer was lost: now it is as if those columns were not there."""
    rng = RNG(2)
    rewards, values = rng.standard_normal((2, 3, 8))
    mask = np.array([[0, 1, 1, 0, 0, 1, 1, 0], [1, 0, 1, 0, 1, 0, 1, 0], [0, 0, 1, 1, 1, 1, 0, 0]])
    advantages, returns = gae(rewards, values, mask, 0.9, 0.7)
    for b in range(3):
        t = np.flatnonzero(mask[b])
        dense = gae(rewards[b : b + 1, t], values[b : b + 1, t], np.ones((1, len(t))), 0.9, 0.7)
        assert_allclose(advantages[b, t], dense[0][0])
        assert_allclose(returns[b, t], dense[1][0])
    assert (advantages[mask == 0] == 0).all() and (returns[mask == 0] == 0).all()
    (rewards,) = kl_penalized_rewards([5.0], np.zeros((1, 8)), np.zeros((1, 8)), mask[:1], 0.1)
    assert rewards.tolist() == [0, 0, 0, 0, 0, 0, 5, 0]


def test_a_score_looks_at_the_answer_alone():
    class Dirty:
        def __call__(self, ids, judged):
            return np.where(judged > 0, 2.0, np.nan)

    batch = collate([(np.array([2, 5, 3, 6, 1]), np.array([0, 0, 1, 1.0]))])
    assert_array_equal(sequence_scores(Dirty(), batch), [2.0])


# ==== the engine =====================================================================================================

def test_an_exponent_that_would_get_no_gradient_is_refused():
    x, n = Tensor([2.0], requires_grad=True), Tensor([3.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"exp\(n \* log\(x\)\)"):
        x**n


def test_a_loss_of_constants_cannot_be_differentiated():
    """A model that is frozen by mistake would be "trained" without a word."""
    with pytest.raises(ValueError, match="requires a gradient"):
        Tensor(2.0).backward()
    frozen = frozen_copy(make())
    with pytest.raises(ValueError, match="requires a gradient"):
        token_log_probs_of(frozen, [[1, 2]]).sum().backward()


@pytest.mark.parametrize("ops", [functional, composed], ids=["functional", "composed"])
def test_targets_are_as_many_as_logits(ops):
    """One row of targets was taken for all rows of logits, or a corner of the logits was read."""
    with pytest.raises(ValueError, match="shapes differ"):
        ops.token_log_probs(np.zeros((2, 3, 4)), np.zeros((1, 3), int))
    with pytest.raises(ValueError, match="shapes differ"):
        kl_estimates(np.zeros(3), np.zeros((3, 1)))


@pytest.mark.parametrize("ops", [functional, composed], ids=["functional", "composed"])
@pytest.mark.parametrize("ids", [[-1, 0], [0, 4], [0.0, 1.0], [True, False]])
def test_ids_are_whole_numbers_from_zero(ops, ids):
    """-1 was the last row of the table, and [True, False] a choice of rows."""
    with pytest.raises(ValueError, match="ids must be whole numbers from 0 to 3"):
        ops.embedding(np.eye(4), ids)
    with pytest.raises(ValueError, match="ids must be whole numbers from 0 to 3"):
        ops.token_log_probs(np.eye(4)[:2], ids)


def test_a_model_reads_and_continues_ids_alone():
    model = make()
    for wrong in ([[1, -1]], [[1, 11]], [[1.0, 2.0]]):
        with pytest.raises(ValueError, match="ids must be whole numbers from 0 to 10"):
            model(wrong)
        with pytest.raises(ValueError, match="ids must be whole numbers from 0 to 10"):
            generate(model, wrong, 3, 0)


# ==== sampling =======================================================================================================

@pytest.mark.underflow
def test_a_temperature_that_underflows_is_refused():
    """At 1e-40 padding was written, with NaN as its log-probability."""
    model = make(dtype="float32")
    for wrong in (1e-40, 1e-7, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="temperature must be"):
            generate(model, [[1]], 3, wrong, RNG(0))
    cold, greedy = generate(model, [[1]] * 3, 5, 1e-6, RNG(0)), generate(model, [[1]] * 3, 5, 0)
    assert_array_equal(cold.ids, greedy.ids)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_model_of_nan_never_speaks(temperature):
    model = make()
    model.trunk.final_norm.gain.data[0] = np.nan
    with pytest.raises(ValueError, match="diverged"), np.errstate(invalid="ignore"):
        generate(model, [[1, 2]], 3, temperature, RNG(0))


def test_a_prompt_is_needed():
    with pytest.raises(ValueError, match="no prompts"):
        generate(make(), [], 3, 0)
    with pytest.raises(ValueError, match="max_new_tokens"):
        generate(make(), [[1]], -1, 0)
    with pytest.raises(ValueError, match="n must be a whole number"):
        best_of_n(make(), len, ["a"], None, 0, RNG(0))


# ==== losses and training ============================================================================================

def test_before_the_first_step_no_margin_is_rounding():
    """With a learning rate of 0 accuracies were .45 to .53, for the reference was read in other batches than the policy."""
    policy = talker(dtype="float32")
    config = DPOConfig(lr=0.0, batch_size=8, epochs=2)
    history = train_dpo(policy, frozen_copy(policy), votes_of(40), config, RNG(0))
    for name, value in (("rewards/margins", 0), ("rewards/chosen", 0), ("rewards/accuracies", 0.5), ("delta/chosen", 0)):
        assert_array_equal(history[name], value)
    assert_allclose(history["loss"], math.log(2), rtol=1e-6)


@pytest.mark.parametrize("loss_type", ["ipo", "hinge"])
def test_label_smoothing_that_has_no_effect_is_refused(loss_type):
    with pytest.raises(ValueError, match="label_smoothing"):
        DPOConfig(label_smoothing=0.1, loss_type=loss_type)
    with pytest.raises(ValueError, match="label_smoothing"):
        dpo_loss(*[np.zeros(2)] * 4, label_smoothing=0.1, loss_type=loss_type)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (dpo_loss, dict(zip("abcd", [np.zeros(1)] * 4)) | {"beta": 0.0, "loss_type": "ipo"}, "beta"),
        (dpo_loss, dict(zip("abcd", [np.zeros(1)] * 4)) | {"beta": -1.0}, "beta"),
        (bradley_terry_loss, {"a": np.zeros(1), "b": np.zeros(1), "label_smoothing": 1.5}, "label_smoothing"),
        (ppo_policy_loss, dict(zip("abcd", [np.ones((1, 1))] * 4)) | {"cliprange": -0.2}, "cliprange"),
        (ppo_value_loss, dict(zip("abcd", [np.ones((1, 1))] * 4)) | {"cliprange_value": 0.0}, "cliprange_value"),
        (gae, dict(zip("abc", [np.ones((1, 1))] * 3)) | {"gamma": 1.5}, "gamma"),
        (gae, dict(zip("abc", [np.ones((1, 1))] * 3)) | {"lam": -0.5}, "lam"),
        (AdaptiveKLController, {"a": 0.2, "target": 0.0, "horizon": 10}, "target"),
        (AdaptiveKLController, {"a": 0.2, "target": 1.0, "horizon": 0}, "horizon"),
        (FixedKLController, {"a": math.nan}, "kl_coef"),
        (AdamW, {"a": [Tensor(1.0, True)], "lr": -1.0}, "lr"),
        (AdamW, {"a": [Tensor(1.0, True)], "betas": (0.9, 1.0)}, "betas"),
        (clip_grad_norm, {"a": [], "max_norm": 0.0}, "max_norm"),
        (optimal_policy, {"a": np.ones(2) / 2, "b": np.zeros(2), "beta": 0.0}, "beta"),
        (law_of_best_of_n, {"a": np.ones(2) / 2, "b": np.zeros(2), "n": 0}, "n must be"),
        (calibration, {"a": np.zeros(0)}, "gaps"),
        (collate, {"a": []}, "no text"),
        (split, {"a": votes_of(2), "held_out": 1.0, "rng": None}, "held_out"),
        (sequence_scores, {"a": None, "b": None, "pooling": "first"}, "pooling"),
    ],
)
def test_a_function_refuses_what_cannot_be(function, arguments, message):
    unnamed = [value for name, value in arguments.items() if len(name) == 1 and name != "n"]
    named = {name: value for name, value in arguments.items() if len(name) > 1 or name == "n"}
    with pytest.raises(ValueError, match=message):
        function(*unnamed, **named)


def test_generators_refuse_too():
    for call, message in (
        (lambda: minibatches(4, 0, RNG(0)), "minibatch"),
        (lambda: epochs(None, 0, 2, RNG(0)), "n_epochs"),
        (lambda: windows(np.ones(10, int), [0, 5], 2, 11, RNG(0)), "11 tokens before the end of a corpus"),
    ):
        with pytest.raises(ValueError, match=message):
            next(call())
    with pytest.raises(ValueError, match="n_steps"):
        train_language_model(make(), iter([]), 0, LMConfig())


def test_a_reference_that_is_the_policy_is_refused():
    policy, critic = talker(), talker(ScalarModel)
    for reference in (policy, policy.shallow_clone().__class__(policy.config, RNG(0))):
        shared = reference is policy
        if not shared:
            reference.trunk = policy.trunk  # a part of it is enough
        with pytest.raises(ValueError, match="frozen_copy"):
            train_ppo(policy, reference, critic, len, ["a"], PPOConfig(), RNG(0))
        with pytest.raises(ValueError, match="frozen_copy"):
            train_grpo(policy, reference, len, ["a"], GRPOConfig(), RNG(0))
        with pytest.raises(ValueError, match="frozen_copy"):
            train_dpo(policy, reference, votes_of(2), DPOConfig(), RNG(0))


def test_without_votes_or_questions_there_is_nothing_to_train_on():
    none = Preferences([], [], [])
    policy = talker()
    with pytest.raises(ValueError, match="votes"):
        train_reward_model(talker(ScalarModel), none, RewardConfig(), RNG(0))
    with pytest.raises(ValueError, match="votes"):
        train_dpo(policy, frozen_copy(policy), none, DPOConfig(), RNG(0))
    with pytest.raises(ValueError, match="questions"):
        train_ppo(policy, frozen_copy(policy), talker(ScalarModel), len, [], PPOConfig(), RNG(0))


def test_scores_are_not_normalised_on_nan():
    judge, batch = talker(ScalarModel), votes_of(3).batch()
    judge.head.bias.data[...] = np.nan
    with pytest.raises(ValueError, match="the raw score of row 0 is nan"):
        Scorer(judge).normalised_on(batch)


def test_equal_scores_are_not_divided_by_their_rounding(monkeypatch):
    """A deviation of 6e-8 made millions of every later score."""
    scores = Tensor(np.float32([0.3, 0.3 + 1e-7]))
    monkeypatch.setattr("minialign.reward.sequence_scores", lambda *_: scores)
    scorer = Scorer(None).normalised_on(votes_of(1).batch())
    assert scores.data.std() > 0 and scorer.std == 1 and scorer.mean == pytest.approx(0.3)


def test_the_checks_change_no_result():
    """A sum of masked log-probabilities is the same number as without any check."""
    model, batch = talker(), votes_of(5).batch()
    plain = (token_log_probs_of(model, batch.ids).data * batch.mask).sum(1)
    assert_allclose(sequence_log_probs(trainable_copy(model), batch).data, plain)
