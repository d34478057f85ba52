"""The race: PPO, GRPO and DPO in a world so small that the best policy is known, recorded step by step.

    pi*(y) = ref(y) exp(r(y) / beta) / Z     over all 13 answers y of at most two tokens

The training code is that of the project (train_ppo, train_grpo, dpo_loss) on a real, random language model; after every
step the policy's probability of all 13 answers is written down.  How far a policy is from pi* is the total variation
distance, 1/2 sum |pi - pi*|.  DPO sees votes alone: the probability with which a Bradley-Terry rater prefers each answer
to its neighbour in the list.  The world is the same for every run, as it needs nothing of it.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import cache
from ..batch import Batch, collate
from ..checkpoint import atomically, frozen_copy, trainable_copy
from ..dpo import dpo_loss
from ..exact import bradley_terry, enumerate_sequences, optimal_policy, total_variation
from ..figures.scenes import Race
from ..grpo import GRPOConfig, train_grpo
from ..likelihood import sequence_log_probs
from ..model import LanguageModel, ModelConfig, ScalarModel
from ..optim import AdamW, cosine_schedule
from ..ppo import PPOConfig, train_ppo
from ..tokenizer import BOT, EOS, USER

TOKENS, LONGEST, BETA = 4, 2, 0.6  # the tokens are <pad>, <eos>, <user> and <bot>, here as plain letters without a meaning
PROMPT = [USER, BOT]  # an empty question
ANSWERS = enumerate_sequences(TOKENS, LONGEST, EOS)
NAMES = ["".join("a.bc"[token] for token in answer if token != EOS) or "(end)" for answer in ANSWERS]
ITERATIONS, FRAMES = 60, 31  # steps of training, and how many of them are kept
NEAR = 0.9  # of the way to the best policy: there (as in race.js)
DPO_UPDATES = 5  # in one step; a step of PPO or GRPO is eight, on 128 fresh answers
SHARED: dict[str, Any] = {
    "epochs": 4,
    "max_new_tokens": LONGEST,
    "kl_coef": BETA,
    "lr": 0.04,
    "max_norm": 100.0,
}
Score = Callable[[Batch], np.ndarray]
Recorder = Callable[[int, LanguageModel, Any], None]  # a trainer's callback: step, policy, history
STEADY: dict[str, Any] = {"betas": (0.9, 0.999), "missing_eos_penalty": 0.0}


def reference_model(seed: int = 0) -> LanguageModel:
    """A random model with opinions, which all three start from and are kept near to."""
    rng = np.random.default_rng(seed)
    shape: dict[str, Any] = {"n_layer": 1, "n_head": 1, "d_model": 8, "positions": "learned", "dtype": "float64"}
    config = ModelConfig(TOKENS, len(PROMPT) + LONGEST, **shape)
    model = LanguageModel(config, rng)
    model.trunk.token_embedding.data = rng.standard_normal((TOKENS, 8))
    model.trunk.position_embedding.data = rng.standard_normal((config.context_length, 8))
    model.unembedding.data = 0.5 * rng.standard_normal((8, TOKENS)) / np.sqrt(8)
    return model


def every_answer() -> Batch:
    """All answers as one Batch, in the order of ANSWERS."""
    before = [0.0] * (len(PROMPT) - 1)
    return collate([(np.array([*PROMPT, *answer]), np.array(before + [1.0] * len(answer))) for answer in ANSWERS])


def probabilities(model: LanguageModel) -> np.ndarray:
    """The model's probability of each answer, (13,)."""
    return np.exp(sequence_log_probs(model, every_answer()).data)


def by_ppo(reference: LanguageModel, score: Score, recorder: Recorder) -> None:
    critic = ScalarModel(reference.config, np.random.default_rng(1), head="zero")
    settings: dict[str, Any] = {"rollouts": 128, "minibatch_size": 64, "lam": 1.0, "critic_lr": 0.06, "whiten": False}
    config = PPOConfig(iterations=ITERATIONS, **SHARED, **STEADY, **settings)
    policy = trainable_copy(reference)
    train_ppo(policy, frozen_copy(reference), critic, score, [""], config, np.random.default_rng(5), "race: ppo", recorder)


def by_grpo(reference: LanguageModel, score: Score, recorder: Recorder) -> None:
    config = GRPOConfig(iterations=ITERATIONS, **SHARED, **STEADY, prompts=16, group_size=8, kl_in_reward=True)
    policy = trainable_copy(reference)
    train_grpo(policy, frozen_copy(reference), score, [""], config, np.random.default_rng(5), "race: grpo", recorder)


def by_dpo(reference: LanguageModel, rewards: np.ndarray, recorder: Recorder) -> None:
    """A pair that is won with probability p, judged once, is a pair with label_smoothing 1 - p."""
    policy, ref, p = trainable_copy(reference), np.log(probabilities(reference)), bradley_terry(rewards)
    optimizer = AdamW(policy.parameters(), lr=0.02, betas=(0.9, 0.99))
    recorder(0, policy, None)
    for step in range(ITERATIONS * DPO_UPDATES):
        optimizer.lr = cosine_schedule(step, ITERATIONS * DPO_UPDATES, 0.02)
        logps = sequence_log_probs(policy, every_answer())
        rows = [(slice(i, i + 1), slice(i + 1, i + 2)) for i in range(len(ANSWERS) - 1)]
        losses = [
            dpo_loss(logps[a], logps[b], ref[a], ref[b], BETA, label_smoothing=1 - p[a.start, b.start])[0] for a, b in rows
        ]
        optimizer.minimise(sum(losses[1:], losses[0]), max_norm=100.0)
        if (step + 1) % DPO_UPDATES == 0:
            recorder((step + 1) // DPO_UPDATES, policy, None)


def run_race() -> Race:
    """Train all three, and write down where each is after every step."""
    reference = reference_model()
    rewards = np.random.default_rng(1).standard_normal(len(ANSWERS))
    start = probabilities(reference)
    best = optimal_policy(start, rewards, BETA)
    kept = sorted({round(i * ITERATIONS / (FRAMES - 1)) for i in range(FRAMES)})
    runners, distances = {}, {}

    def score(batch: Batch) -> np.ndarray:
        said = [tuple(row[len(PROMPT) : n].tolist()) for row, n in zip(batch.ids, batch.lengths)]
        return rewards[[ANSWERS.index(answer) for answer in said]]

    trainers = {
        "ppo": partial(by_ppo, reference, score),
        "grpo": partial(by_grpo, reference, score),
        "dpo": partial(by_dpo, reference, rewards),
    }
    for name, train in trainers.items():
        seen: list[np.ndarray] = []
        train(lambda step, policy, history: seen.append(probabilities(policy)))
        runners[name] = [[round(float(p), 4) for p in seen[step]] for step in kept]
        distances[name] = [round(float(total_variation(seen[step], best)), 5) for step in kept]
    first, exact, worth = ([round(float(x), 4) for x in values] for values in (start, best, rewards))
    return Race(NAMES, BETA, kept, first, exact, worth, runners, distances)


def race(folder: str | Path) -> Race:
    """The race from a folder of cached stages, run and written there first if need be."""
    key, code = cache.key("race", code=[__file__]), cache.fingerprint(__file__)
    path = Path(folder) / f"race-{key}.json"
    try:
        return Race(**cache.unseal(json.loads(path.read_text(encoding="utf-8")))["data"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        found = run_race()
    text = json.dumps(cache.seal({"key": key, "code": code, "data": vars(found)}))
    path.parent.mkdir(parents=True, exist_ok=True)
    atomically(path, lambda file: file.write(text.encode("utf-8")))
    return found


def way_gone(race: Race) -> dict[str, float]:
    """Of the distance to the best policy at the start, the share that each has left behind it at the end."""
    return {name: 1 - distances[-1] / distances[0] for name, distances in race.distances.items()}
