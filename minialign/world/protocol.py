"""What a world is: six methods, an alphabet and a showcase.  A model can be aligned to any class that has them.

    Journey(recipe, seed, world=Mine())

toy.py is the world of the lessons; calculator.py is a second one, to show how small a world can be.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ..batch import Response


class Verdict(Protocol):
    """What the judge says of one answer.  Higher numbers are better, and 0 is an ordinary answer."""

    @property
    def kind(self) -> str:
        """The kind of question that was asked."""

    @property
    def helpful(self) -> float: ...

    @property
    def honest(self) -> float: ...

    @property
    def harmless(self) -> float: ...

    @property
    def style(self) -> float: ...

    @property
    def gold(self) -> float:
        """The true score: the sum of the four."""


class World(Protocol):
    """What the pipeline asks of a world.

    A world may also have defaults for two fields of the Recipe (the run configuration), as attributes, in any form that
    its own methods understand:

        mix      how often prompts() asks each kind of question
        tastes   what the raters of vote() like

    It may have three more methods: probability(question, a, b, tastes), the probability that a rater prefers a, from which
    the best possible accuracy of a reward model is computed; behaviour(verdicts) -> {name: share of answers}, which the
    tour and the table print; and contrasts() -> {name: list of (question, better, worse)}, on which a reward model is tested.
    """

    @property
    def alphabet(self) -> str:
        """Every character that a text of this world may contain."""

    @property
    def showcase(self) -> Sequence[str]:
        """A few questions of the report list, which are put to every model and shown."""

    def documents(self, rng: np.random.Generator, characters: int) -> list[str]:
        """Texts for pretraining, about `characters` characters in all."""

    def demonstrations(self, rng: np.random.Generator, n: int) -> list[tuple[str, str]]:
        """What SFT imitates: n pairs of a question and an answer."""

    def prompts(self, rng: np.random.Generator, n: int, split: str = "train", mix: Any = None) -> list[str]:
        """n questions of the list "train", "tune" or "report".  mix: the Recipe's."""

    def vote(self, question: str, a: Response, b: Response, rng: np.random.Generator, tastes: Any) -> int:
        """A rater compares two answers: +1 for a, -1 for b, 0 for about the same.  tastes: the Recipe's."""

    def judge(self, question: str, response: Response) -> Verdict:
        """The truth about an answer.  For measuring only: no training function may call it."""

    def report_questions(self) -> list[str]:
        """The questions on which every published number is measured; training never sees them."""
