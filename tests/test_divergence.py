"""A run whose numbers leave all bounds ends with one sentence, and hands nothing back."""

import warnings

import numpy as np
import pytest
from small_models import talker, votes_of

from minialign.batch import conversations
from minialign.checkpoint import frozen_copy
from minialign.divergence import Diverged, check_step
from minialign.dpo import DPOConfig, train_dpo
from minialign.grpo import GRPOConfig, train_grpo
from minialign.model import ScalarModel
from minialign.ppo import PPOConfig, train_ppo
from minialign.reward import RewardConfig, train_reward_model
from minialign.sft import LMConfig, train_language_model

RNG = np.random.default_rng


def language_model(config, n_steps=4, **others):
    batch = conversations([("a", "b"), ("c", "d e")])
    train_language_model(talker(dtype="float32"), iter([batch] * n_steps), n_steps, config, "base model", **others)


def reward_model(config):
    train_reward_model(talker(ScalarModel, dtype="float32"), votes_of(8), config, RNG(0))


def dpo(config):
    policy = talker(dtype="float32")
    train_dpo(policy, frozen_copy(policy), votes_of(8), config, RNG(0))


def ppo(config, score=lambda batch: batch.mask.sum(1)):
    policy = talker(dtype="float32")
    train_ppo(policy, frozen_copy(policy), talker(ScalarModel, dtype="float32"), score, ["a"], config, RNG(0))


def grpo(config):
    policy = talker(dtype="float32")
    train_grpo(policy, frozen_copy(policy), lambda batch: batch.mask.sum(1), ["a"], config, RNG(0))


PPO = {"iterations": 3, "rollouts": 8, "max_new_tokens": 4, "minibatch_size": 4}


@pytest.mark.parametrize(
    ("train", "config", "beginning", "cause"),
    [
        (language_model, LMConfig(lr=1e30, warmup_steps=0), "base model diverged at step", "the learning rate (1e+30)"),
        (language_model, LMConfig(weight_decay=1e38), "base model diverged at step", "the weight decay (1e+38)"),
        (language_model, LMConfig(muon_lr=1e30), "base model diverged at step", "the learning rate (1e+30)"),
        (reward_model, RewardConfig(lr=1e30, batch_size=2), "the reward model diverged at step", "the learning rate (1e+30)"),
        (dpo, DPOConfig(lr=1e30, batch_size=2), "DPO diverged at step", "the learning rate (1e+30)"),
        (ppo, PPOConfig(lr=1e30, **PPO), "PPO diverged at iteration 1", "the learning rate (1e+30)"),
        (grpo, GRPOConfig(lr=1e30, prompts=4, group_size=4, max_new_tokens=4), "GRPO diverged at", "the learning rate (1e+30)"),
        (ppo, PPOConfig(critic_lr=1e30, **PPO), "PPO diverged at iteration 1", "the learning rate (1e+30)"),
    ],
)
def test_every_trainer_notices(train, config, beginning, cause):
    with np.errstate(all="warn"), warnings.catch_warnings():
        warnings.simplefilter("error")  # what the sentence says is not said in a dozen warnings, too
        with pytest.raises(Diverged) as told:
            train(config)
    sentence = str(told.value)
    assert sentence.startswith(beginning) and cause in sentence and sentence.endswith("nothing of it was kept")
    assert "\n" not in sentence and ("became NaN" in sentence or "became infinite" in sentence)


def test_the_last_step_is_looked_at_too():
    """A single step at 1e39 leaves a finite loss, and weights that are no numbers, behind."""
    with np.errstate(all="ignore"), pytest.raises(Diverged, match="step 1: the parameter .* became .*the learning rate"):
        language_model(LMConfig(lr=1e39, warmup_steps=0, final_fraction=1.0), n_steps=1)


def test_the_last_step_of_a_training_that_is_cut_short_is_looked_at():
    batch = conversations([("a", "b")])
    with np.errstate(all="ignore"), pytest.raises(Diverged, match="step 1: the parameter"):
        config = LMConfig(lr=1e39, warmup_steps=0)
        train_language_model(talker(dtype="float32"), iter([batch]), 7, config, "base model")


def test_callbacks_never_see_a_model_that_has_diverged():
    seen = []
    with np.errstate(all="ignore"), pytest.raises(Diverged):
        language_model(LMConfig(lr=1e30, warmup_steps=0), callback=lambda step, model, history: seen.append(step))
    assert len(seen) <= 2


def test_the_sentence():
    config = PPOConfig(lr=1e30)
    with pytest.raises(Diverged) as told:
        check_step("PPO", 11, 40, {"loss": float("nan")}, config, unit="iteration")
    assert str(told.value) == (
        "PPO diverged at iteration 12: the loss became NaN; likely cause: the learning rate (1e+30) is too high; "
        "nothing of it was kept"
    )
    with pytest.raises(Diverged, match=r"likely cause: the learning rate \(0.001\)"):  # the default decay moves nothing by itself
        check_step("base model", 0, 1, {"loss": float("nan")}, LMConfig(lr=1e-3, weight_decay=0.01))
    with pytest.raises(Diverged, match=r"likely cause: the learning rate \(10\)"):  # Muon's, which multiplies no decay
        check_step("base model", 0, 1, {"loss": float("nan")}, LMConfig(lr=1e-3, muon_lr=10.0, weight_decay=20.0))
    check_step("PPO", 11, 40, {"loss": 1.0}, config, talker(), unit="iteration")
    assert issubclass(Diverged, ValueError)


def test_parameters_are_looked_at_now_and_then():
    model = talker()
    model.trunk.final_norm.gain.data[0] = np.inf
    check_step("DPO", 3, 40, {}, DPOConfig(), model)  # not at every step: it would cost
    with pytest.raises(Diverged, match="the parameter trunk.final_norm.gain became infinite"):
        check_step("DPO", 9, 40, {}, DPOConfig(), model)


def test_one_nan_reward_names_its_row_before_the_first_step():

    def score(batch):
        scores = np.ones(len(batch))
        scores[5] = np.nan
        return scores

    with pytest.raises(ValueError, match="the score of row 5 is nan, not a finite number"):
        ppo(PPOConfig(**PPO), score)
    with pytest.raises(ValueError, match="shapes differ: scores"):
        ppo(PPOConfig(**PPO), lambda batch: np.ones((len(batch), 1)))
