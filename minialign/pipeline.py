"""The whole recipe on one page: base model -> SFT -> votes -> reward model -> PPO (or GRPO), and votes -> DPO.

A Journey is one run of the pipeline.  Each stage is made when it is first asked for, and cached on disk under a key of
everything it depends on (cache.py): a stage whose key has changed is made again, so a stale one is never used.
"""

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from . import cache, checkpoint, preferences, pretrained, reward, sft, source_patch, stages
from .batch import conversations, prompt_ids, render_document
from .checks import check_count, check_counts, check_flags, check_number
from .dpo import DPOConfig, train_dpo
from .generate import generate
from .grpo import GRPOConfig, train_grpo
from .history import History
from .model import LanguageModel, ModelConfig, scalar_model_from
from .models import MODELS
from .ppo import PPOConfig, fit_critic, train_ppo
from .reward import RewardConfig, Scorer, reward_model_from
from .sft import LMConfig
from .snapshots import rounds, scores, snapshots, words
from .stages import Stage, UnreadableStage  # noqa: F401  who catches the second knows it from here
from .tokenizer import BOT, USER, VOCAB_SIZE, Tokenizer
from .world import ToyWorld, World


@dataclass(frozen=True)
class Recipe:
    """The run configuration: every number that a run depends on, besides its seed and its world."""

    model: ModelConfig = ModelConfig(VOCAB_SIZE, context_length=128, n_layer=3, n_head=4, d_model=64, activation="relu2")
    corpus_characters: int = 1_500_000
    window: int = 96  # tokens of the corpus read at once
    shipped_base: bool = False  # begin with the base model that comes with the package (pretrain.py)
    base_steps: int = 3000
    base: LMConfig = LMConfig(lr=2e-2, muon_lr=1.2e-2, batch_size=16, warmup_steps=50, final_fraction=0.0)
    demonstrations: int = 4000
    sft_epochs: int = 2
    sft: LMConfig = LMConfig(lr=2e-3, batch_size=16, replay_weight=0.5)
    replay_rows: int = 2
    max_new_tokens: int = 64
    mix: Any = None  # how often each kind of question is asked, from the votes on; None: the world's default
    vote_prompts: int = 10_000  # with half as many PPO gains .05 less gold (docs/trials.md)
    held_out_votes: float = 0.1  # of the prompts
    tastes: Any = None  # what the raters like; None: the world's default
    reward: RewardConfig = RewardConfig(epochs=3)
    normalise_on: int = 256  # answers of the SFT model on which scores have mean 0 and deviation 1
    critic_votes: int = 1000  # on whose answers the critic learns its first values
    # lam 1: a critic taught by so few answers would bias the gradient (docs/trials.md)
    # GRPO, which is optional, has half of PPO's iterations: lesson 13 trains one while people wait.
    ppo: PPOConfig = PPOConfig(iterations=60, minibatch_size=32, lr=5e-4, kl_coef=0.1, lam=1.0, max_new_tokens=64)
    dpo: DPOConfig = DPOConfig(beta=1.0, lr=4e-4)
    grpo: GRPOConfig = GRPOConfig(iterations=30, minibatch_size=32, lr=5e-4, kl_coef=0.1, max_new_tokens=64)
    best_of: int = 16

    def __post_init__(self):
        check_counts(self, "corpus_characters base_steps demonstrations sft_epochs replay_rows max_new_tokens vote_prompts")
        check_flags(self, "shipped_base")
        check_counts(self, "normalise_on critic_votes best_of")
        check_count("window", self.window, at_least=2, at_most=self.model.context_length)
        check_number("held_out_votes", self.held_out_votes, at_least=0, below=1)


FULL = Recipe()
FAST = replace(  # the classroom cut: begins with the base model that comes with the package, and has less of everything
    FULL,
    shipped_base=True,
    demonstrations=3500,
    vote_prompts=3600,
    critic_votes=500,
    ppo=replace(FULL.ppo, iterations=18, kl_coef=0.05),
    dpo=replace(FULL.dpo, beta=0.5),  # with so few votes, beta 1 refuses less of what is dangerous (docs/trials.md)
    grpo=replace(FULL.grpo, iterations=18, kl_coef=0.05),
    best_of=4,
)
LEAST_STEPS = 20  # of training on own votes
TOY_WORLD = ToyWorld()


Made = tuple[Any, History]
OnVotes = TypeVar("OnVotes", RewardConfig, DPOConfig)


# -------------------------------------------------------------------------------- how each stage is made
def make_base(run: "Journey", rng: np.random.Generator) -> Made:
    """Learn to continue the internet, or take the model that has."""
    r = run.recipe
    if r.shipped_base:
        return pretrained.load(r.model)
    stream, starts = run.corpus()
    model = LanguageModel(r.model, rng)
    batches = sft.windows(stream, starts, r.base.batch_size, r.window, rng)
    return model, sft.train_language_model(model, batches, r.base_steps, r.base, "base model")


def make_sft(run: "Journey", rng: np.random.Generator) -> Made:
    """Imitate demonstrations, in the chat format."""
    r = run.recipe
    model = checkpoint.trainable_copy(run.model("base"))
    embedding = model.trunk.token_embedding.data
    space = run.tokenizer.encode(" ")[0]
    for token in (USER, BOT):  # never seen in pretraining: start them as a kind of space
        embedding[token] = embedding[space] + 0.01 * rng.standard_normal(embedding.shape[1])
    data = conversations(run.world.demonstrations(rng, r.demonstrations), r.model.context_length, run.tokenizer)
    stream, starts = run.corpus()
    replay = sft.windows(stream, starts, r.replay_rows, r.window, rng)
    n_steps = r.sft_epochs * -(-len(data) // r.sft.batch_size)
    batches = sft.epochs(data, r.sft_epochs, r.sft.batch_size, rng)
    return model, sft.train_language_model(model, batches, n_steps, r.sft, "sft", replay, snapshots(n_steps, words(run)))


def make_votes(run: "Journey", rng: np.random.Generator) -> Made:
    """The SFT model answers each prompt twice; raters choose -> (votes to train on, held-out votes) in place of a model."""
    r = run.recipe
    questions = run.world.prompts(rng, r.vote_prompts, "train", r.mix)

    def label(question, a, b, rng):
        return run.world.vote(question, a, b, rng, r.tastes)

    votes = preferences.collect(run.model("sft"), questions, label, rng, r.max_new_tokens, tokenizer=run.tokenizer)
    return preferences.split(votes, r.held_out_votes, rng), History()


def make_reward(run: "Journey", rng: np.random.Generator) -> Made:
    """Learn to predict the votes; then measure the scores of fresh SFT answers."""
    r = run.recipe
    model = reward_model_from(run.model("sft"), rng, r.reward.likelihood_weights)
    train, held_out = run.votes()
    config = run.enough(r.reward)
    n_steps = config.epochs * -(-len(train) // config.batch_size)
    callback = snapshots(n_steps, scores(run, held_out[range(min(32, len(held_out)))]))
    history = reward.train_reward_model(model, train, config, rng, callback=callback)
    prompts = [prompt_ids(question, run.tokenizer) for question in run.world.prompts(rng, r.normalise_on, "train", r.mix)]
    answers = generate(run.model("sft"), prompts, r.max_new_tokens, 1.0, rng).batch
    scorer = Scorer(model, r.reward.pooling).normalised_on(answers)
    history.log(0, {"normalise/mean": scorer.mean, "normalise/std": scorer.std})
    return model, history


def make_ppo(run: "Journey", rng: np.random.Generator) -> Made:
    """Raise the reward model's score, on the leash."""
    policy, reference = checkpoint.trainable_copy(run.model("sft")), checkpoint.frozen_copy(run.model("sft"))
    critic = scalar_model_from(run.model("reward"), rng, head="zero")
    config, scorer = run.recipe.ppo, run.scorer()
    voted = run.votes()[0]
    answers = voted[range(min(len(voted), run.recipe.critic_votes))].batch(policy.config.context_length)
    fit_critic(critic, answers, scorer(answers), config, rng)
    questions = run.world.prompts(rng, 2000, "train", run.recipe.mix)
    callback = snapshots(config.iterations, rounds(run, reference, critic))
    return policy, train_ppo(policy, reference, critic, scorer, questions, config, rng, "ppo", callback, run.tokenizer)


def make_dpo(run: "Journey", rng: np.random.Generator) -> Made:
    """The same votes, straight into the policy."""
    policy, reference = checkpoint.trainable_copy(run.model("sft")), checkpoint.frozen_copy(run.model("sft"))
    return policy, train_dpo(policy, reference, run.votes()[0], run.enough(run.recipe.dpo), rng)


def make_grpo(run: "Journey", rng: np.random.Generator) -> Made:
    """Raise the reward model's score above that of other answers to the same question, on the leash."""
    policy, reference = checkpoint.trainable_copy(run.model("sft")), checkpoint.frozen_copy(run.model("sft"))
    questions, config = run.world.prompts(rng, 2000, "train", run.recipe.mix), run.recipe.grpo
    callback = snapshots(config.iterations, words(run))
    return policy, train_grpo(policy, reference, run.scorer(), questions, config, rng, "grpo", callback, run.tokenizer)


MAKE = {
    "base": make_base,
    "sft": make_sft,
    "votes": make_votes,
    "reward": make_reward,
    "ppo": make_ppo,
    "dpo": make_dpo,
    "grpo": make_grpo,
}


class Journey:
    """One recipe, one seed, one world: `journey.stage("ppo")` makes, or finds, everything that PPO needs, and then PPO.

    folder: where stages are cached.  say(text): called before a stage that takes time is made.
    own_votes: Preferences to train on instead of the simulated raters', of which the held-out ones still measure.
    world: what models read, are asked and are judged by (world/protocol.py).
    extras: the optional models that are measured and kept with the others (models.py).
    """

    def __init__(
        self,
        recipe: Recipe,
        seed: int,
        folder: str | Path = "runs/cache",
        say: Callable[[str], None] = lambda text: None,
        own_votes: preferences.Preferences | None = None,
        world: World = TOY_WORLD,
        extras: Sequence[str] = (),
    ):
        self.world, self.tokenizer = world, Tokenizer(world.alphabet)
        model = replace(recipe.model, vocab_size=self.tokenizer.vocab_size)
        mix = getattr(world, "mix", None) if recipe.mix is None else recipe.mix
        tastes = getattr(world, "tastes", None) if recipe.tastes is None else recipe.tastes
        self.recipe = replace(recipe, model=model, mix=mix, tastes=tastes)
        self.seed, self.folder, self.say = seed, Path(folder), say
        self.own_votes, self.extras = own_votes, extras
        self.in_memory: dict[str, Any] = {}

    # -------------------------------------------------------------------------------------------- what people ask for
    def stage(self, name: str) -> Stage:
        """A stage from memory, from disk, or made now and cached."""
        if name not in self.in_memory:
            self.in_memory[name] = self.read(name) if self.path(name, ".json").exists() else self.make(name)
        return self.in_memory[name]

    def model(self, name: str) -> Any:
        """The model that a stage has trained."""
        return self.stage(name).model

    def votes(self) -> tuple[preferences.Preferences, preferences.Preferences]:
        """(votes to train on, held-out votes to measure with)."""
        train, held_out = self.stage("votes").model
        return (train if self.own_votes is None else self.own_votes), held_out

    def scorer(self) -> Scorer:
        """The reward model as a function Batch -> scores, with mean 0 and deviation 1 on the SFT model's answers."""
        stage = self.stage("reward")
        mean, std = stage.history["normalise/mean"][0], stage.history["normalise/std"][0]
        return Scorer(stage.model, self.recipe.reward.pooling, float(mean), float(std))

    def rng(self, name: str) -> np.random.Generator:
        """The random stream of one name: from the seed and the name alone, so that a new stage shifts no other's numbers."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode("utf-8"))])

    # -------------------------------------------------------------------------------------------- for the stages
    def corpus(self) -> tuple[np.ndarray, np.ndarray]:
        """The internet as one stream of ids, and where each document starts."""
        if "corpus" not in self.in_memory:
            documents = self.world.documents(self.rng("corpus"), self.recipe.corpus_characters)
            rows = [render_document(text, self.tokenizer)[0][:-1] for text in documents]
            self.in_memory["corpus"] = np.concatenate(rows), np.cumsum([0] + [len(row) for row in rows[:-1]])
        return self.in_memory["corpus"]

    def enough(self, config: OnVotes) -> OnVotes:
        """How to train on the votes: with few of one's own, for more epochs, or nothing would be learned."""
        if self.own_votes is None:
            return config
        check_count("the number of votes", len(self.own_votes))
        steps_per_epoch = -(-len(self.own_votes) // config.batch_size)
        return replace(config, epochs=max(config.epochs, -(-LEAST_STEPS // steps_per_epoch)))

    # -------------------------------------------------------------------------------------------- on disk
    def key(self, name: str) -> str:
        """What a stage depends on, as 16 digits: see cache.py."""
        row = MODELS[name]
        files, text = cache.source_of(self.world)
        shipped = cache.sha256(pretrained.WEIGHTS) if self.recipe.shipped_base else ""
        before = self.key(row.upstream) if row.upstream else shipped
        settings = {field: getattr(self.recipe, field) for field in row.settings}
        own = repr(self.own_votes) if self.own_votes is not None and row.reads_votes else ""
        return cache.key(name, self.seed, settings, before, own, vars(self.world), text, code=[__file__, *files])

    def path(self, name: str, ending: str) -> Path:
        return self.folder / f"{name}-{self.key(name)}{ending}"

    def make(self, name: str) -> Stage:
        """Make a stage now, and store it, unless a line of the package is changed on purpose."""
        before = MODELS[name].upstream
        if before is not None:
            self.stage(before)  # so that its time is not counted here
        self.say(name)
        start = time.perf_counter()
        model, history = MAKE[name](self, self.rng(name))
        stage = Stage(model, history, time.perf_counter() - start)
        if not source_patch.ACTIVE:  # a model trained by faulty code lives in memory only
            self.store(name, stage)
        return stage

    def store(self, name: str, stage: Stage) -> None:
        """Write a stage to disk."""
        stages.store(self.path(name, ""), stage, cache.fingerprint(__file__))

    def read(self, name: str) -> Stage:
        """A stage from disk, if it is as it was written; else UnreadableStage."""
        return stages.read(self.path(name, ""), self.recipe.model, self.tokenizer)
