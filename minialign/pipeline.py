"""The whole recipe on one page: base model -> SFT -> votes -> reward model -> PPO, and votes -> DPO.

Each stage is made when it is first asked for, and kept on disk under a key of everything it depends on: its settings,
those of the stages before it, the seed, and the code.  A stage whose key has changed is made again, so a stale one is
never used.
"""

import json
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from . import checkpoint, preferences, reward, sft
from .batch import conversations, prompt_ids, render_document
from .cache import UnreadableStage, code_key, digest
from .dpo import DPOConfig, train_dpo
from .generate import generate
from .history import History
from .model import LanguageModel, ModelConfig, scalar_model_from
from .ppo import PPOConfig, train_ppo
from .reward import RewardConfig, Scorer
from .sft import LMConfig
from .tokenizer import BOT, USER, VOCAB_SIZE, encode
from .world import PROMPT_MIX, Raters, Tastes, demonstrations, five_questions, pretraining_documents, sample_prompts


@dataclass(frozen=True)
class Recipe:
    """Every number that a run depends on, besides its seed."""

    model: ModelConfig = ModelConfig(VOCAB_SIZE, context_length=128, n_layer=3, n_head=4, d_model=64)
    corpus_characters: int = 1_500_000
    window: int = 96  # tokens of the corpus read at once
    base_steps: int = 1000
    base: LMConfig = LMConfig(lr=6e-3, batch_size=32, warmup_steps=50)
    demonstrations: int = 5000
    sft_epochs: int = 3
    sft: LMConfig = LMConfig(lr=2e-3, batch_size=16, replay_weight=0.5)
    replay_rows: int = 2
    max_new_tokens: int = 64
    mix: dict = field(default_factory=PROMPT_MIX.copy)  # how often each kind of question is asked, from the votes on
    vote_prompts: int = 7000
    held_out_votes: float = 0.1  # of the prompts
    tastes: Tastes = Tastes()
    reward: RewardConfig = RewardConfig(epochs=4)
    normalise_on: int = 256  # answers of the SFT model on which scores have mean 0 and deviation 1
    ppo: PPOConfig = PPOConfig(iterations=30, lr=6e-4, max_new_tokens=64)
    dpo: DPOConfig = DPOConfig(beta=1.0, lr=2e-4)
    best_of: int = 16


FULL = Recipe()
FAST = replace(  # the classroom cut: two layers instead of three, and less of everything
    FULL,
    model=replace(FULL.model, n_layer=2),
    base_steps=350,
    demonstrations=2800,
    sft_epochs=2,
    vote_prompts=3200,
    reward=replace(FULL.reward, epochs=3),
    ppo=replace(FULL.ppo, iterations=6, rollouts=96, minibatch_size=48, lr=3e-4, kl_coef=0.6),  # a weaker judge: a tighter leash
    best_of=4,
)

UPSTREAM = {"base": None, "sft": "base", "votes": "sft", "reward": "votes", "ppo": "reward", "dpo": "votes"}
STAGES = list(UPSTREAM)
LEAST_STEPS = 20  # of training on own votes
READ_VOTES = ("reward", "dpo")  # the stages that train on votes; PPO meets them through the reward model
SETTINGS = {  # the fields of the recipe that each stage reads
    "base": ("model", "corpus_characters", "window", "base_steps", "base"),
    "sft": ("demonstrations", "sft_epochs", "sft", "replay_rows"),
    "votes": ("mix", "vote_prompts", "held_out_votes", "tastes", "max_new_tokens"),
    "reward": ("reward", "normalise_on", "max_new_tokens"),
    "ppo": ("ppo",),
    "dpo": ("dpo",),
}


@dataclass
class Stage:
    """What a stage leaves behind."""

    model: object  # None for the votes
    history: History
    seconds: float
    cached: bool = False


class Journey:
    """One recipe, one seed: `journey.ppo()` makes, or finds, everything that PPO needs, and then PPO.

    folder: where stages are kept.  say(text): called before a stage that takes time is made.
    own_votes: Preferences to train on instead of the simulated raters', of which the held-out ones still measure.
    """

    def __init__(self, recipe, seed, folder="runs/cache", say=lambda text: None, own_votes=None):
        self.recipe, self.seed, self.folder, self.say = recipe, seed, Path(folder), say
        self.own_votes = own_votes
        self.in_memory = {}

    # -------------------------------------------------------------------------------------------- the six stages
    def base(self):
        """Learn to continue the internet."""

        def make(rng):
            r = self.recipe
            stream, starts = self.corpus()
            model = LanguageModel(r.model, rng)
            batches = sft.windows(stream, starts, r.base.batch_size, r.window, rng)
            return model, sft.train_language_model(model, batches, r.base_steps, r.base, "base model")

        return self.kept("base", make)

    def sft(self):
        """Imitate demonstrations, in the chat format."""

        def make(rng):
            r = self.recipe
            model = checkpoint.trainable_copy(self.base().model)
            embedding = model.trunk.token_embedding.data
            for token in (USER, BOT):  # never seen in pretraining: start them as a kind of space
                embedding[token] = embedding[encode(" ")[0]] + 0.01 * rng.standard_normal(embedding.shape[1])
            data = conversations(demonstrations(rng, r.demonstrations), r.model.context_length)
            stream, starts = self.corpus()
            replay = sft.windows(stream, starts, r.replay_rows, r.window, rng)
            n_steps = r.sft_epochs * -(-len(data) // r.sft.batch_size)
            batches = sft.epochs(data, r.sft_epochs, r.sft.batch_size, rng)
            watch = diary(n_steps, self.words)
            return model, sft.train_language_model(model, batches, n_steps, r.sft, "sft", replay, watch)

        return self.kept("sft", make)

    def votes(self):
        """The SFT model answers each prompt twice; simulated raters choose -> (training votes, held-out votes)."""

        def make(rng):
            r = self.recipe
            raters = Raters(r.tastes)
            questions = [p.text for p in sample_prompts(rng, r.vote_prompts, "train", r.mix)]

            def label(question, a, b, rng):
                return raters.vote(question, a.text, a.ended, b.text, b.ended, rng)

            votes = preferences.collect(self.sft().model, questions, label, rng, r.max_new_tokens)
            for part, name in zip(preferences.split(votes, r.held_out_votes, rng), ("train", "held_out")):
                preferences.save_jsonl(part, self.path("votes", f"-{name}.jsonl"))
            return None, History()

        self.kept("votes", make)
        with self.reading("votes"):
            parts = [preferences.load_jsonl(self.path("votes", f"-{name}.jsonl")) for name in ("train", "held_out")]
        return (parts[0] if self.own_votes is None else self.own_votes), parts[1]

    def reward(self):
        """Learn to predict the votes; then measure the scores of fresh SFT answers."""

        def make(rng):
            r = self.recipe
            model = scalar_model_from(self.sft().model, rng)
            train, held_out = self.votes()
            config = self.enough(r.reward)
            n_steps = config.epochs * -(-len(train) // config.batch_size)
            watch = diary(n_steps, self.scores_of(held_out[range(min(32, len(held_out)))]))
            history = reward.train_reward_model(model, train, config, rng, watch=watch)
            prompts = [prompt_ids(p.text) for p in sample_prompts(rng, r.normalise_on, "train", r.mix)]
            answers = generate(self.sft().model, prompts, r.max_new_tokens, 1.0, rng).batch
            scorer = Scorer(model, r.reward.pooling).normalised_on(answers)
            history.log(0, {"normalise/mean": scorer.mean, "normalise/std": scorer.std})
            return model, history

        return self.kept("reward", make)

    def scorer(self):
        """The reward model as a function Batch -> scores, with mean 0 and deviation 1 on the SFT model's answers."""
        stage = self.reward()
        mean, std = stage.history["normalise/mean"][0], stage.history["normalise/std"][0]
        return Scorer(stage.model, self.recipe.reward.pooling, float(mean), float(std))

    def enough(self, config):
        """How to train on the votes: a handful of one's own is gone through again and again, or nothing would be learned."""
        if self.own_votes is None:
            return config
        steps_a_pass = -(-len(self.own_votes) // config.batch_size)
        return replace(config, epochs=max(config.epochs, -(-LEAST_STEPS // steps_a_pass)))

    def ppo(self):
        """Chase the reward model's score, on the leash."""

        def make(rng):
            policy = checkpoint.trainable_copy(self.sft().model)
            critic = scalar_model_from(self.reward().model, rng, head="zero")
            questions = [p.text for p in sample_prompts(rng, 2000, "train", self.recipe.mix)]
            return policy, train_ppo(
                policy, checkpoint.frozen_copy(self.sft().model), critic, self.scorer(), questions, self.recipe.ppo, rng,
                watch=diary(self.recipe.ppo.iterations, self.words),
            )  # fmt: skip

        return self.kept("ppo", make)

    def dpo(self):
        """The same votes, straight into the policy."""

        def make(rng):
            policy = checkpoint.trainable_copy(self.sft().model)
            reference = checkpoint.frozen_copy(self.sft().model)
            return policy, train_dpo(policy, reference, self.votes()[0], self.enough(self.recipe.dpo), rng)

        return self.kept("dpo", make)

    # -------------------------------------------------------------------------------------------- what diaries hold
    def words(self, model):
        """What a model says to the five questions: greedily, and sampled with the same dice at every visit."""
        questions = [p.text for p in five_questions()]
        said = {}
        for how, temperature in (("greedy", 0.0), ("sampled", 1.0)):
            dice = np.random.default_rng(self.seed)  # its own: training must not notice that it is watched
            limit = self.recipe.max_new_tokens
            said[how] = generate(model, [prompt_ids(q) for q in questions], limit, temperature, dice).responses()
        return [
            {"question": q, "how": how, "text": response.text, "ended": bool(response.ended)}
            for how, responses in said.items()
            for q, response in zip(questions, responses)
        ]

    def scores_of(self, votes):
        """A function: reward model -> its raw scores of both sides of these votes."""
        batch, n = votes.batch(self.recipe.model.context_length), len(votes)

        def scores(model):
            raw = [round(float(score), 4) for score in Scorer(model, self.recipe.reward.pooling)(batch)]
            return [{"chosen": raw[:n], "rejected": raw[n:]}]

        return scores

    # -------------------------------------------------------------------------------------------- plumbing
    def corpus(self):
        """The internet as one stream of ids, and where each document starts."""
        if "corpus" not in self.in_memory:
            rng = np.random.default_rng(self.seed)
            rows = [render_document(text)[0][:-1] for text in pretraining_documents(rng, self.recipe.corpus_characters)]
            self.in_memory["corpus"] = np.concatenate(rows), np.cumsum([0] + [len(row) for row in rows[:-1]])
        return self.in_memory["corpus"]

    def rng(self, name):
        """The generator of one stage: a child of the run's, so that a cached stage does not shift the next one's luck."""
        children = np.random.default_rng(self.seed).spawn(len(STAGES) + 1)
        return children[STAGES.index(name) if name in STAGES else len(STAGES)]

    def key(self, name):
        if name is None:
            return code_key()
        settings = {field: getattr(self.recipe, field) for field in SETTINGS[name]}
        own = [repr(self.own_votes)] if self.own_votes is not None and name in READ_VOTES else []
        return digest(self.key(UPSTREAM[name]), self.seed, name, json.dumps(settings, default=asdict, sort_keys=True), *own)

    def path(self, name, ending):
        return self.folder / f"{name}-{self.key(name)}{ending}"

    def kept(self, name, make):
        """A stage from memory, from disk, or made now and kept."""
        if name in self.in_memory:
            return self.in_memory[name]
        path, about = self.path(name, ".npz"), self.path(name, ".json")
        if about.exists():  # written last, so all else is there
            with self.reading(name):
                stored = json.loads(about.read_text())
                model = None if name == "votes" else checkpoint.load(path)
                stage = Stage(model, History.from_dict(stored["history"]), stored["seconds"], cached=True)
        else:
            if UPSTREAM[name]:
                getattr(self, UPSTREAM[name])()  # so that its time is not counted here
            self.say(name)
            start = time.perf_counter()
            model, history = make(self.rng(name))
            stage = Stage(model, history, time.perf_counter() - start)
            if model is not None:
                checkpoint.save(model, path)
            stored = {"seconds": stage.seconds, "history": history.to_dict()}
            checkpoint.atomically(about, lambda file: file.write(json.dumps(stored).encode()))
        self.in_memory[name] = stage
        return stage

    @contextmanager
    def reading(self, name):
        try:
            yield
        except (ValueError, LookupError, TypeError, AttributeError, FileNotFoundError) as problem:
            raise UnreadableStage(f"the {name} stage in {self.folder} cannot be read ({problem})") from problem


WATCHED = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500)  # the steps after which a stage writes its diary, besides the last


def diary(n_steps, entries):
    """A `watch` for training: now and then, and at the end, entries(model) are kept in history.texts."""

    def watch(step, model, history):
        if step in WATCHED or step == n_steps:
            history.texts += [{"step": step} | entry for entry in entries(model)]

    return watch
