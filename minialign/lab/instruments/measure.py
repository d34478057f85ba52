"""What all experiments measure in the same way: a model's answers to the report questions, and their gold."""

import numpy as np

from ...evaluate import answer, sampled_kl
from ...reward import pair_accuracy, score_gaps
from ...world import judge_response, report_questions

SAMPLED, GREEDY = 1.0, 0.0  # temperatures


def answers_of(journey, model, temperature, questions=None):
    """A model's answers to the report questions, or to others -> Answers.  The same seed for every model of a run."""
    questions = report_questions() if questions is None else questions
    return answer(model, questions, judge_response, temperature, journey.rng("report"), journey.recipe.max_new_tokens)


def evaluate_policy(journey, model, reference, score=None, questions=None):
    """How good a policy is, on the report questions or on others -> dict of numbers.

    gold, gold_greedy  the judge's mean, sampled and greedy
    kl                 from the reference, nats per answer
    polite, length     polite phrases and characters per answer, sampled
    gushing            the share of sampled answers with more than two polite phrases: more than any demonstration has
    proxy, ..._greedy  the mean of score(batch), if a score is given
    """
    sampled, greedy = (answers_of(journey, model, temperature, questions) for temperature in (SAMPLED, GREEDY))
    numbers = {
        "gold": float(sampled.gold.mean()),
        "gold_greedy": float(greedy.gold.mean()),
        "kl": sampled_kl(model, reference, sampled),
        "polite": sampled.mean("polite"),
        "gushing": float(np.mean([verdict.polite > 2 for verdict in sampled.verdicts])),
        "length": float(np.mean([len(response.text) for response in sampled.responses])),
    }
    if score:
        numbers |= {"proxy": float(score(sampled.batch).mean()), "proxy_greedy": float(score(greedy.batch).mean())}
    return numbers


def predicted_votes(journey):
    """The share of held-out votes that the reward model gets right."""
    return pair_accuracy(score_gaps(journey.scorer(), journey.votes()[1]))


def spread(values, digits=2):
    """Mean [smallest, largest] over seeds, as text."""
    mean, low, high = (f"{round(float(f(values)), digits) + 0.0:.{digits}f}" for f in (np.mean, np.min, np.max))
    return f"{mean} [{low}, {high}]"


def holds_in_most_seeds(flags):
    """Is it so in nine seeds of ten, or more?"""
    return bool(np.mean(flags) >= 0.9)


def count_seeds(flags):
    return f"{int(np.sum(flags))} of {len(flags)} seeds"


def interval(values, draws=2000):
    """The 95 % interval of the mean of values (items,), if the items were drawn again (percentile bootstrap)."""
    values = np.asarray(values, dtype=float)
    # eq: bootstrap
    rows = np.random.default_rng(0).integers(len(values), size=(draws, len(values)))
    return tuple(float(x) for x in np.percentile(values[rows].mean(1), [2.5, 97.5]))
    # end eq
