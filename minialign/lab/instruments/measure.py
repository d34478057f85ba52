"""What all experiments measure in the same way: a model's answers to the report questions, and their gold."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...evaluate import Answers, answer, sampled_kl
from ...model import LanguageModel
from ...pipeline import Journey
from ...reward import pair_accuracy, score_gaps
from ...world import Prompt, judge_response, parse, report_questions

SAMPLED, GREEDY = 1.0, 0.0  # temperatures


@dataclass(frozen=True)
class PolicyScores:
    """How good a policy is: means over its answers to the same questions."""

    gold: float  # the judge's, sampled
    gold_greedy: float
    kl: float  # from the reference, nats per answer
    polite: float  # polite phrases per answer, sampled
    gushing: float  # share of sampled answers with more than two polite phrases: more than any demonstration has
    length: float  # characters per answer, sampled
    proxy: float | None = None  # the mean of score(batch), sampled; None without a score
    proxy_greedy: float | None = None


def answers_of(journey: Journey, model: LanguageModel, temperature: float, questions: list[str] | None = None) -> Answers:
    """A model's answers to the report questions, or to others -> Answers.  The same seed for every model of a run."""
    questions = report_questions() if questions is None else questions
    return answer(model, questions, judge_response, temperature, journey.rng("report"), journey.recipe.max_new_tokens)


def evaluate_policy(
    journey: Journey,
    model: LanguageModel,
    reference: LanguageModel,
    score: Callable[..., np.ndarray] | None = None,
    questions: list[str] | None = None,
) -> PolicyScores:
    """How good a policy is, on the report questions or on others.  score: Batch -> (B,)."""
    sampled, greedy = (answers_of(journey, model, temperature, questions) for temperature in (SAMPLED, GREEDY))
    return PolicyScores(
        gold=float(sampled.gold.mean()),
        gold_greedy=float(greedy.gold.mean()),
        kl=sampled_kl(model, reference, sampled),
        polite=sampled.mean("polite"),
        gushing=float(np.mean([verdict.polite > 2 for verdict in sampled.verdicts])),
        length=float(np.mean([len(response.text) for response in sampled.responses])),
        proxy=float(score(sampled.batch).mean()) if score else None,
        proxy_greedy=float(score(greedy.batch).mean()) if score else None,
    )


def prompt_of(question: str) -> Prompt:
    """A question of the toy world, with its kind and its true answer.  Raises ValueError for any other text."""
    prompt = parse(question)
    if prompt is None:
        raise ValueError(f"the toy world has no question {question!r}; measure with its own report questions")
    return prompt


def predicted_votes(journey: Journey) -> float:
    """The share of held-out votes that the reward model gets right."""
    return pair_accuracy(score_gaps(journey.scorer(), journey.votes()[1]))


def spread(values: np.ndarray, digits: int = 2) -> str:
    """Mean [smallest, largest] over seeds, as text."""
    mean, low, high = (f"{round(float(f(values)), digits) + 0.0:.{digits}f}" for f in (np.mean, np.min, np.max))
    return f"{mean} [{low}, {high}]"


def holds_in_most_seeds(flags: np.ndarray) -> bool:
    """Whether it is so in at least nine seeds out of ten."""
    return bool(np.mean(flags) >= 0.9)


def count_seeds(flags: np.ndarray) -> str:
    return f"{int(np.sum(flags))} of {len(flags)} seeds"


def interval(values: np.ndarray, draws: int = 2000) -> tuple[float, float]:
    """The 95 % interval of the mean of values (items,), if the items were drawn again (percentile bootstrap)."""
    values = np.asarray(values, dtype=float)
    # eq: bootstrap
    rows = np.random.default_rng(0).integers(len(values), size=(draws, len(values)))
    low, high = np.percentile(values[rows].mean(1), [2.5, 97.5])
    # end eq
    return float(low), float(high)
