"""What all experiments measure in the same way: a model's answers to the report questions, and their gold."""

import numpy as np

from ..evaluate import answer, sampled_kl
from ..world import report_questions, truth

SAMPLED, GREEDY = 1.0, 0.0  # temperatures


def answers_of(journey, model, temperature, questions=None):
    """A model's answers to the report questions, or to others -> Answers.  The same luck for every model of a run."""
    questions = report_questions() if questions is None else questions
    return answer(model, questions, truth, temperature, journey.rng("report"), journey.recipe.max_new_tokens)


def standing(journey, model, reference, score=None):
    """Where a policy stands, on the report questions -> dict of numbers.

    gold, gold_greedy  the judge's mean, sampled and greedy
    kl                 from the reference, nats an answer
    polite, length     polite phrases and characters an answer, sampled
    proxy              the mean of score(batch), if a score is given
    """
    sampled, greedy = (answers_of(journey, model, temperature) for temperature in (SAMPLED, GREEDY))
    numbers = {
        "gold": float(sampled.gold.mean()),
        "gold_greedy": float(greedy.gold.mean()),
        "kl": sampled_kl(model, reference, sampled),
        "polite": sampled.mean("polite"),
        "length": float(np.mean([len(response.text) for response in sampled.responses])),
    }
    return numbers | ({"proxy": float(score(sampled.batch).mean())} if score else {})
