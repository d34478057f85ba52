"""Odd values in every configuration: each is refused in one line, or trains to finite numbers, or is said to diverge."""

import math
import warnings
from dataclasses import fields

import numpy as np
from small_models import talker, votes_of

from minialign.batch import conversations
from minialign.checkpoint import frozen_copy
from minialign.cousins import CousinConfig, Thumbs, train_kto, train_orpo, train_simpo
from minialign.dpo import DPOConfig, train_dpo
from minialign.generate import generate
from minialign.grpo import GRPOConfig, train_grpo
from minialign.model import LanguageModel, ModelConfig, ScalarModel
from minialign.ppo import PPOConfig, train_ppo
from minialign.reward import RewardConfig, train_reward_model
from minialign.sft import LMConfig, train_language_model

RNG = np.random.default_rng
NUMBERS = [0, 0.0, 1, 1.0, -1, -0.0, 1e-300, 5e-324, 1e-40, 1e-20, 1e20, 1e38, 1e39, 1e300, 1.7e308, 2, 3, 7, 0.5, 0.1]
OTHERS = [
    *(
        10**6,
        10**400,
        math.nan,
        math.inf,
        True,
        None,
        "1",
        "",
        "false",
        (0.9, 0.95),
        (0, 0),
        (0.0, 1 - 1e-16),
        (1, math.nan),
        [],
    ),
    *(np.float64(0.1), np.float32(1e-3), np.int64(2), np.array(0.1), np.array([0.1, 0.2]), 1j),
    *("none", "score", "leave_one_out", "answer", "constant", "token", "ipo", "hinge", "sigmoid", "mean", "last", "float16"),
]
LARGE = "iterations rollouts prompts group_size max_new_tokens epochs n_layer vocab_size context_length d_model n_head".split()
VOTES = votes_of(6)
TEXTS = conversations([("a", "b"), ("c", "d e")])


def policy(kind=LanguageModel):
    return talker(kind, dtype="float32")


def length(batch):
    return batch.mask.sum(1)


def language_model(config):
    return train_language_model(policy(), iter([TEXTS] * 4), 4, config, replay=iter([TEXTS] * 4))


def reward_model(config):
    return train_reward_model(policy(ScalarModel), VOTES, config, RNG(0))


def dpo(config):
    return train_dpo(policy(), policy(), VOTES, config, RNG(0))


def ppo(config):
    return train_ppo(policy(), frozen_copy(policy()), policy(ScalarModel), length, ["a", "b"], config, RNG(0))


def grpo(config):
    return train_grpo(policy(), frozen_copy(policy()), length, ["a", "b"], config, RNG(0))


def kto(config):
    return train_kto(policy(), policy(), Thumbs(VOTES.prompts, VOTES.chosen, [True, False] * 3), config, RNG(0))


def model(config):
    """Builds it, reads, learns and writes with it."""
    new = LanguageModel(config, RNG(0))
    logits = new([[1, 2, 3]])
    logits.sum().backward()
    generate(new, [[1, 2]], 3, 1.0, RNG(0))
    if not all(np.isfinite(x).all() for x in (logits.data, *(p.grad for p in new.parameters() if p.grad is not None))):
        raise ArithmeticError("numbers that are not finite")


SMALL_PPO = {"iterations": 2, "rollouts": 4, "max_new_tokens": 3, "epochs": 1, "minibatch_size": 2}
SMALL_GRPO = {"iterations": 2, "prompts": 2, "group_size": 2, "max_new_tokens": 3, "epochs": 1, "minibatch_size": 2}
ONCE = {"epochs": 1, "batch_size": 2}
TRAINED = [  # what a configuration is for, and the rest of a small one
    (language_model, LMConfig, {}),
    (reward_model, RewardConfig, ONCE),
    (dpo, DPOConfig, ONCE),
    (ppo, PPOConfig, SMALL_PPO),
    (grpo, GRPOConfig, SMALL_GRPO),
    (lambda config: train_simpo(policy(), VOTES, config, RNG(0)), CousinConfig, ONCE),
    (lambda config: train_orpo(policy(), VOTES, config, RNG(0)), CousinConfig, ONCE),
    (kto, CousinConfig, ONCE),
    (model, ModelConfig, {"vocab_size": 11, "context_length": 12, "n_layer": 1, "n_head": 2, "d_model": 8}),
]


def too_long(settings):
    """Whether this is possible, but takes minutes."""
    return any(isinstance(settings.get(name), int) and 1000 < settings[name] < 10**9 for name in LARGE)


def configs(rng, n, folder):
    fell = []
    for i in range(n):
        use, kind, rest = TRAINED[i % len(TRAINED)]
        names = [field.name for field in fields(kind)]
        values = NUMBERS if rng.random() < 0.7 else OTHERS
        changes = {names[rng.integers(len(names))]: values[rng.integers(len(values))] for _ in range(rng.integers(1, 3))}
        if too_long(changes):
            continue
        try:
            with warnings.catch_warnings(), np.errstate(all="warn", under="ignore"):
                warnings.simplefilter("error")
                history = use(kind(**(rest | changes)))
            strange = [name for name in history.series if not np.isfinite(history[name]).all()] if history else []
            if strange:
                fell.append(f"{kind.__name__} {changes}: {strange} are not finite"[:300])
        except ValueError as refused:
            if "\n" in str(refused) or not str(refused):
                fell.append(f"{kind.__name__} {changes}: {refused}"[:300])
        except Exception as problem:
            fell.append(f"{kind.__name__} {changes}: {type(problem).__name__}: {problem}"[:300])
    return fell
