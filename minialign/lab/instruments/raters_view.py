"""What raters saw, and how they would rate other answers."""

import numpy as np

from ...evaluate import Answers
from ...preferences import Preferences
from ...world import Raters, Tastes, judge


def manners(votes: Preferences) -> dict[str, float]:
    """The polite phrases in the answers that raters saw -> dict of numbers.

    chosen, rejected   phrases per answer, on either side
    gushing            the share of answers with more than two
    """
    sides = {"chosen": votes.chosen, "rejected": votes.rejected}
    polite = {side: [judge(q, a.text).polite for q, a in zip(votes.prompts, said)] for side, said in sides.items()}
    numbers = {side: float(np.mean(counts)) for side, counts in polite.items()}
    return numbers | {"gushing": float(np.mean([count > 2 for counts in polite.values() for count in counts]))}


def liking(tastes: Tastes, answers: Answers) -> float:
    """The mean utility of these answers to raters with these tastes, before any noise."""
    felt = [Raters(tastes).utility(q, a.text, a.ended) for q, a in zip(answers.questions, answers.responses)]
    return float(np.mean(felt))


def preferred(tastes: Tastes, pairs: list[tuple[str, str, str]]) -> float:
    """Pairs (question, answer, another) -> the share of votes for the first, from raters with these tastes."""
    raters = Raters(tastes)
    return float(np.mean([raters.probability(question, a, True, b, True) for question, a, b in pairs]))
