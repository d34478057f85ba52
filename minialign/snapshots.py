"""Snapshots of a stage during training: what the model said or scored after some of the steps.

The journey page replays these.  Snapshots must not change training: each has random streams of its own.
"""

from collections.abc import Callable
from typing import Any

from .batch import prompt_ids
from .generate import generate
from .history import History
from .likelihood import log_probs_array
from .ppo import values_of
from .reward import Scorer

STEPS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500)  # after these a stage takes a snapshot, and after the last


def snapshots(n_steps: int, entries: Callable[[Any], list[dict]]) -> Callable[[int, Any, History], None]:
    """A training callback: after the steps of STEPS, and at the end, entries(model) are added to history.texts."""

    def callback(step, model, history):
        if step in STEPS or step == n_steps:
            history.texts += [{"step": step} | entry for entry in entries(model)]

    return callback


def answered(run: Any, model: Any, how: str) -> tuple[list[dict], Any]:
    """What a model says to the showcase questions, "greedy" or "sampled" (with the same seed each time) -> rows, Samples."""
    prompts = [prompt_ids(question, run.tokenizer) for question in run.world.showcase]
    samples = generate(model, prompts, run.recipe.max_new_tokens, 0.0 if how == "greedy" else 1.0, run.rng("words"))
    said = zip(run.world.showcase, samples.responses(run.tokenizer))
    return [{"question": q, "how": how, "text": r.text, "ended": bool(r.ended)} for q, r in said], samples


def words(run: Any) -> Callable[[Any], list[dict]]:
    """A function: model -> what it says to the showcase questions, greedily and sampled."""
    return lambda model: answered(run, model, "greedy")[0] + answered(run, model, "sampled")[0]


def rounds(run: Any, reference: Any, critic: Any) -> Callable[[Any], list[dict]]:
    """As words; and of each sampled answer what the critic expected before its first character, and its log pi - log ref."""

    def gone_round(policy):
        greedy, (sampled, samples) = answered(run, policy, "greedy")[0], answered(run, policy, "sampled")
        batch = samples.batch
        expected = values_of(critic, batch)[range(len(sampled)), batch.mask.argmax(1)]
        own, other = (log_probs_array(model, batch.ids, batch.mask).sum(1) for model in (policy, reference))
        for row, value, nats in zip(sampled, expected, own - other):
            row |= {"expected": round(float(value), 4), "distance": round(float(nats), 4)}
        return greedy + sampled

    return gone_round


def scores(run: Any, votes: Any) -> Callable[[Any], list[dict]]:
    """A function: reward model -> its raw scores of both sides of these votes."""
    batch, n = votes.batch(run.recipe.model.context_length), len(votes)

    def scored(model):
        raw = [round(float(score), 4) for score in Scorer(model, run.recipe.reward.pooling)(batch)]
        return [{"chosen": raw[:n], "rejected": raw[n:]}]

    return scored
