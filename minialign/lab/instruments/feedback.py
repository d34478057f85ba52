"""From labels or revisions to policies, all trained from the same SFT model.

Two ways to train one:

    labels      votes drawn from them, then the pipeline's DPO with the same seed for every policy
    revisions   SFT on them
"""

from dataclasses import dataclass

import numpy as np

from ... import checkpoint, sft
from ...batch import Response, conversations
from ...dpo import train_dpo
from ...model import LanguageModel
from ...pipeline import Journey
from ...preferences import Preferences
from ...rlaif import Judge, draw_votes
from ...world import KINDS
from .measure import GREEDY, SAMPLED, answers_of, sampled_kl

REVISION = sft.LMConfig(lr=5e-4, batch_size=16)
EPOCHS = 2  # over the revisions


def voted(pairs: Preferences, p: np.ndarray, rng: np.random.Generator) -> Preferences:
    """Pairs, and for each the probability that its first answer is the better one -> Preferences."""
    draws = draw_votes(p, rng)
    # A draw is +1, -1 or 0: ties are dropped, as in the pipeline, and a step of -1 turns a pair around.
    some = np.flatnonzero(draws)
    sides = [(pairs.chosen[i], pairs.rejected[i])[:: int(draws[i])] for i in some]
    return Preferences([pairs.prompts[i] for i in some], [a for a, _ in sides], [b for _, b in sides])


def dpo(journey: Journey, votes: Preferences) -> LanguageModel:
    """The pipeline's DPO, with other votes."""
    policy = checkpoint.trainable_copy(journey.model("sft"))
    train_dpo(policy, checkpoint.frozen_copy(journey.model("sft")), votes, journey.recipe.dpo, journey.rng("dpo"))
    return policy


def fine_tuned(journey: Journey, questions: list[str], responses: list[Response], rng: np.random.Generator) -> LanguageModel:
    """The SFT model after more SFT, on these answers."""
    model = checkpoint.trainable_copy(journey.model("sft"))
    data = conversations(list(zip(questions, responses)), journey.recipe.model.context_length)
    n_steps = EPOCHS * -(-len(data) // REVISION.batch_size)
    sft.train_language_model(model, sft.epochs(data, EPOCHS, REVISION.batch_size, rng), n_steps, REVISION, "revisions")
    return model


def examples(judge: Judge, questions: list[str], versions: list[list[Response]], n: int = 5) -> list[dict]:
    """The first few revisions, each with its critique."""
    which, nats = judge.critique(questions, [response.text for response in versions[0]])
    changed = [i for i, (old, new) in enumerate(zip(versions[0], versions[-1])) if old != new][:n]
    return [
        {"question": questions[i], "answer": versions[0][i].text, "principle": judge.principles[which[i]].principle,
         "nats": float(nats[i]), "revision": versions[-1][i].text}
        for i in changed
    ]  # fmt: skip


@dataclass(frozen=True)
class ScoresByKind:
    """How good a policy is on the report questions and on each kind of them; sampled, except for gold_greedy."""

    gold: float
    gold_greedy: float
    kl: float  # from the reference, nats per answer
    by_kind: dict[str, float]  # gold
    refuses: dict[str, float]  # share of the answers to each kind that refuse
    polite: float  # polite phrases per answer
    length: float  # characters per answer


def evaluate_by_kind(journey: Journey, model: LanguageModel, reference: LanguageModel) -> ScoresByKind:
    """A policy's answers to the report questions, sampled and greedy, against the reference it started from."""
    sampled, greedy = (answers_of(journey, model, temperature) for temperature in (SAMPLED, GREEDY))
    kinds = np.array([verdict.kind for verdict in sampled.verdicts])
    refused = np.array([verdict.refused for verdict in sampled.verdicts])
    return ScoresByKind(
        gold=float(sampled.gold.mean()),
        gold_greedy=float(greedy.gold.mean()),
        kl=sampled_kl(model, reference, sampled),
        by_kind={kind: float(sampled.gold[kinds == kind].mean()) for kind in KINDS},
        refuses={kind: float(refused[kinds == kind].mean()) for kind in ("dangerous", "borderline", "howto")},
        polite=sampled.mean("polite"),
        length=float(np.mean([len(response.text) for response in sampled.responses])),
    )
