"""Snapshots of a stage during training: what the model said or scored after some of the steps.

The journey page replays these.  Snapshots must not change training: each has random streams of its own.
"""

from collections.abc import Callable
from typing import Any

from .batch import prompt_ids
from .generate import generate
from .history import History
from .reward import Scorer

STEPS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500)  # after these a stage takes a snapshot, and after the last


def snapshots(n_steps: int, entries: Callable[[Any], list[dict]]) -> Callable[[int, Any, History], None]:
    """A training callback: after the steps of STEPS, and at the end, entries(model) are added to history.texts."""

    def callback(step, model, history):
        if step in STEPS or step == n_steps:
            history.texts += [{"step": step} | entry for entry in entries(model)]

    return callback


def words(run: Any) -> Callable[[Any], list[dict]]:
    """A function: model -> what it says to the showcase questions, greedily, and sampled with the same seed each time."""
    prompts = [prompt_ids(question, run.tokenizer) for question in run.world.showcase]

    def said(model):
        rows = []
        for how, temperature in (("greedy", 0.0), ("sampled", 1.0)):
            samples = generate(model, prompts, run.recipe.max_new_tokens, temperature, run.rng("words"))
            rows += [
                {"question": question, "how": how, "text": response.text, "ended": bool(response.ended)}
                for question, response in zip(run.world.showcase, samples.responses(run.tokenizer))
            ]
        return rows

    return said


def scores(run: Any, votes: Any) -> Callable[[Any], list[dict]]:
    """A function: reward model -> its raw scores of both sides of these votes."""
    batch, n = votes.batch(run.recipe.model.context_length), len(votes)

    def scored(model):
        raw = [round(float(score), 4) for score in Scorer(model, run.recipe.reward.pooling)(batch)]
        return [{"chosen": raw[:n], "rejected": raw[n:]}]

    return scored
