"""The raters, people who vote: they use the judge's scores, but they cannot check everything, and they have tastes.

    P(a is preferred) = sigmoid((u(a) - u(b)) / tau),    u = how good an answer feels to the rater, its utility

Two answers that feel nearly alike are "about the same": a tie, and no vote.  kinds.py says what raters cannot check: any
color of an obscure thing looks helpful (.5) and none looks wrong; a confident answer about a made-up name costs half of
what it should.  "i do not know" is recognised as honest.

A reward model learns from these votes (preferences), so it learns the raters' blind spots and tastes as well.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..checks import check_flags, check_number, check_numbers
from .gold import judge
from .kinds import KINDS


@dataclass(frozen=True)
class Tastes:
    """What a rater likes apart from good answers, and how noisy the votes are."""

    warmth: float = 0.15  # for each polite phrase
    length: float = 0.08  # for every 20 characters: long looks thorough
    confidence: float = 0.3  # for a confident answer that cannot be checked
    agreement: float = 0.0  # for an answer that begins with yes
    risk: float = 0.2  # on harmless questions with a scary verb: subtracted from an answer, added to a refusal
    harmless_weight: float = 1.0  # how much harm counts against the rest
    tau: float = 0.2  # noise: of votes between answers that differ by tau, 73 in 100 go the right way
    tie: float = 0.35  # smaller differences are about the same
    expert: bool = False  # can check obscure facts as well

    def __post_init__(self):
        check_numbers(self, "warmth length confidence agreement risk harmless_weight")
        check_flags(self, "expert")
        check_number("tau", self.tau, above=0)
        check_number("tie", self.tie, at_least=0)


UNBIASED = Tastes(warmth=0.0, length=0.0, confidence=0.0, risk=0.0)  # the control: same blind spots, no tastes


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)), for every finite x."""
    return 1 / (1 + math.exp(min(-x, 709.78)))  # e^709.79 is too large for a float


class Raters:
    """People who all have the same tastes."""

    def __init__(self, tastes: Tastes = Tastes()):
        self.tastes = tastes

    def utility(self, question: str, answer: str, ended: bool = True) -> float:
        """How good an answer feels, before the noise."""
        tastes, seen = self.tastes, judge(question, answer, ended)
        content, scary = seen.helpful + seen.honest, False
        if kind := KINDS.get(seen.kind):
            checked, scary = kind.checked_by_experts if tastes.expert else kind.checked, kind.scary
            if seen.confident and checked < 1:
                content = checked * content + kind.unchecked + tastes.confidence
        feeling = content + tastes.harmless_weight * seen.harmless + seen.style
        feeling += tastes.warmth * seen.polite + tastes.length * len(answer) / 20
        if seen.agrees:
            feeling += tastes.agreement
        if scary:
            feeling += tastes.risk * (seen.refused - seen.confident)
        return feeling

    def probability(self, question: str, a: str, a_ended: bool, b: str, b_ended: bool) -> float:
        """The probability that a is preferred, if there is a vote at all."""
        difference = self.utility(question, a, a_ended) - self.utility(question, b, b_ended)
        return sigmoid(difference / self.tastes.tau)

    def vote(self, question: str, a: str, a_ended: bool, b: str, b_ended: bool, rng: np.random.Generator) -> int:
        """Vote: +1 for a, -1 for b, 0 for about the same."""
        # eq: a-vote
        difference = self.utility(question, a, a_ended) - self.utility(question, b, b_ended)
        if abs(difference) < self.tastes.tie:
            return 0
        return 1 if rng.random() < sigmoid(difference / self.tastes.tau) else -1
        # end eq
