"""`minialign bench --tour`: an excerpt of each of the tour's five trainings, by the library's own trainers.

The settings are the full recipe's.  An excerpt begins with untrained models and is the same work every time; what is timed is
what was compared, losses step by step and the weights at the end.  Texts are the toy world's: documents, demonstrations, and as
votes the demonstrations of two people, whose answers are about as long as those of the SFT model that imitates them.  What PPO
samples is given, too: each token is drawn, and then replaced by the next one of a demonstration.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np

from .. import policy_gradient, sft
from ..batch import PAD, Batch, Response, conversations, prompt_ids
from ..checkpoint import frozen_copy
from ..dpo import train_dpo
from ..generate import generate
from ..model import ModelConfig, RewardModel
from ..pipeline import FULL, Journey, Recipe
from ..ppo import train_ppo
from ..preferences import Preferences
from ..reward import Scorer, reward_model_from, train_reward_model
from ..tokenizer import CHARACTERS, EOS
from . import STAGES, Workload, sizes

VOTES = 4716  # to train on, of the full recipe's 10,000 questions: docs/results.md
OF_PPO = "loss/policy", "loss/value", "policy/approxkl", "objective/kl", "objective/scores"


def steps(r: Recipe, votes: int) -> dict[str, int]:
    """How many steps each of a tour's trainings takes; of PPO, iterations."""
    sft_steps = r.sft_epochs * -(-r.demonstrations // r.sft.batch_size)
    reward, dpo = (c.epochs * -(-votes // c.batch_size) for c in (r.reward, r.dpo))
    return dict(zip(STAGES, (r.base_steps, sft_steps, reward, r.ppo.iterations, dpo)))


@dataclass(frozen=True)
class Excerpt:
    """The full recipe with less of everything: so many demonstrations, and as many votes."""

    texts: int = 256
    d_model: int = FULL.model.d_model
    n_layer: int = FULL.model.n_layer

    def __str__(self):
        shape = f"d_model {self.d_model}, {self.n_layer} layers, {FULL.model.n_head} heads"
        return f"{shape}; {' + '.join(map(str, steps(FULL, VOTES).values()))} steps"

    @property
    def recipe(self) -> Recipe:
        return replace(
            FULL,
            model=replace(FULL.model, d_model=self.d_model, n_layer=self.n_layer),
            corpus_characters=100 * self.texts,
            base_steps=self.texts // FULL.base.batch_size,
            demonstrations=self.texts,
            sft_epochs=1,
            ppo=replace(FULL.ppo, iterations=1),
        )

    def config(self, dtype: str) -> ModelConfig:
        return replace(self.recipe.model, dtype=dtype)

    def share(self, stage: str) -> float:
        """How many times as long the whole training is."""
        return steps(FULL, VOTES)[stage] / steps(self.recipe, self.texts)[stage]


class Texts(NamedTuple):
    corpus: tuple[np.ndarray, np.ndarray]
    conversations: Batch
    votes: Preferences
    questions: list[str]
    answers: dict[tuple, list[int]]  # to each prompt; padded to as many ids as an answer may have


@cache
def texts(e: Excerpt) -> Texts:
    run, new = Journey(e.recipe, seed=0), e.recipe.ppo.max_new_tokens
    told = run.world.demonstrations(random(), 2 * e.texts)
    pairs = [(q, Response(a, True), Response(b, True)) for (q, a), (_, b) in zip(told, told[1:]) if a != b]
    questions, chosen, rejected = map(list, zip(*pairs[: e.texts]))
    votes, told = Preferences(questions, chosen, rejected), told[: e.texts]
    answers = {tuple(prompt_ids(q)): ([*CHARACTERS.encode(a), EOS] + [PAD] * new)[:new] for q, a in told}
    return Texts(run.corpus(), conversations(told, e.recipe.model.context_length), votes, [q for q, _ in told], answers)


def random() -> np.random.Generator:
    """Minibatches are random, but the same every time, and for both systems."""
    return np.random.default_rng(0)


# ------------------------------------------------------------------------------------------------ the five trainings
# shallow_clone is copy enough: an optimiser puts new arrays in place of a parameter's, and changes none.
def base(e: Excerpt, dtype: str = "float32") -> Workload:
    start, r, t = sizes.language_model(e, dtype), e.recipe, texts(e)

    def train():
        model, batches = start.shallow_clone(), sft.windows(*t.corpus, r.base.batch_size, r.window, random())
        return sft.train_language_model(model, batches, r.base_steps, r.base), model

    return compared(train, "loss", "grad_norm")


def demonstrated(e: Excerpt, dtype: str = "float32") -> Workload:
    start, r, t = sizes.language_model(e, dtype), e.recipe, texts(e)

    def train():
        model, batches = start.shallow_clone(), sft.epochs(t.conversations, r.sft_epochs, r.sft.batch_size, random())
        replay = sft.windows(*t.corpus, r.replay_rows, r.window, random())
        return sft.train_language_model(model, batches, steps(r, e.texts)["tour-sft"], r.sft, replay=replay), model

    return compared(train, "loss", "grad_norm")


def reward_model(e: Excerpt, dtype: str) -> RewardModel:
    return reward_model_from(sizes.language_model(e, dtype, 1), random(), e.recipe.reward.likelihood_weights)


def reward(e: Excerpt, dtype: str = "float32") -> Workload:
    start = reward_model(e, dtype)

    def train():
        model = start.shallow_clone()
        return train_reward_model(model, texts(e).votes, e.recipe.reward, random()), model

    return compared(train, "loss", "margin")


def ppo(e: Excerpt, dtype: str = "float32") -> Workload:
    start, first_critic, t = sizes.language_model(e, dtype), sizes.scalar_model(e, dtype, 2), texts(e)
    reference = frozen_copy(sizes.language_model(e, dtype, 1))
    score = Scorer(frozen_copy(reward_model(e, dtype)), e.recipe.reward.pooling)

    def train():
        policy, critic = start.shallow_clone(), first_critic.shallow_clone()
        with dictated(t.answers):
            history = train_ppo(policy, reference, critic, score, t.questions, e.recipe.ppo, random())
        return history, policy, critic

    return compared(train, *OF_PPO)


def dpo(e: Excerpt, dtype: str = "float32") -> Workload:
    start, reference = sizes.language_model(e, dtype), frozen_copy(sizes.language_model(e, dtype, 1))

    def train():
        policy = start.shallow_clone()
        return train_dpo(policy, reference, texts(e).votes, e.recipe.dpo, random()), policy

    return compared(train, "loss", "rewards/margins")


STEPS = dict(zip(STAGES, (base, demonstrated, reward, ppo, dpo)))


def compared(train: Callable, *series: str, weights: Callable = sizes.named) -> Workload:
    """train() -> history, model, ...: (itself, its numbers: these series of the history, and the weights of its models)."""

    def numbers():
        history, *models = train()
        found = {name: np.array(history[name]) for name in series}
        return found | {f"{i} {name}": array for i, model in enumerate(models) for name, array in weights(model).items()}

    return train, numbers


@contextmanager
def dictated(answers: dict[tuple, list[int]]) -> Iterator[None]:
    """Inside, the sampler does all its work, and then the given answer's next token replaces the one that was drawn."""
    module = vars(sys.modules[generate.__module__])
    draw, own = module["_choose"], random()  # the trainer's is for both systems to draw minibatches from

    def sampler(model, prompts, *more):
        given = np.array([answers[tuple(prompt)] for prompt in prompts])  # (B, new)
        lengths, rows, t = (given != PAD).sum(1), np.arange(len(given)), -1

        def choose(logits, temperature, rng):
            nonlocal rows, t
            t += 1
            if len(logits) < len(rows):  # those that had ended were dropped
                rows = rows[lengths[rows] > t]
            return given[rows, t], draw(logits, temperature, own)[1]

        module["_choose"] = choose
        return generate(model, prompts, *more)

    policy_gradient.generate = sampler
    try:
        yield
    finally:
        policy_gradient.generate, module["_choose"] = generate, draw
