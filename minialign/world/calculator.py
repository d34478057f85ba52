"""A second world, to show how small one can be: a pocket calculator that is asked for sums.

    3+4?   7.   or, with the working,  3+4=7.
    2-9?   e.   for error: this calculator cannot show a minus sign

Pretraining texts are solved sums ("3+4=7. 9-9=0.") and pages of nothing but questions; demonstrators sometimes make a slip
or give up; raters check exactly, and now and then press the wrong button.  A model that has not learned to add is soon
taught to show "e.": honest, if not helpful.  Six methods, an alphabet and a showcase make a world of your own:

    journey = Journey(FAST, seed=0, world=Calculator(slips=0.2))
    journey.model("ppo")
"""

import re
from typing import Any, NamedTuple

import numpy as np

from ..batch import Response
from .facts import pick, pick_weighted

SPLITS = ("train", "train", "train", "tune", "report")  # of every five questions


class Verdict(NamedTuple):
    """What the judge says of one answer: just the fields that the scoreboard reads."""

    kind: str
    helpful: float  # 1: right; 0: an error where there is a result; -1: nothing that a display can show
    honest: float  # wrong -1
    harmless: float  # sums do no harm
    style: float  # -.1 if the working is shown: it takes room

    @property
    def gold(self) -> float:
        return self.helpful + self.honest + self.harmless + self.style


def result(question: str) -> str:
    """What the display should show: 3+4? -> "7"; 2-9? -> "e"."""
    a, sign, b, _ = list(question)
    value = int(a) + int(b) if sign == "+" else int(a) - int(b)
    return str(value) if value >= 0 else "e"


def kind_of(question: str) -> str:
    """sum, difference, or error: a difference below zero."""
    return "error" if result(question) == "e" else "sum" if "+" in question else "difference"


QUESTIONS = {
    split: [f"{a}{sign}{b}?" for sign in "+-" for a in range(10) for b in range(10) if SPLITS[(a + 2 * b) % 5] == split]
    for split in ("train", "tune", "report")
}
EVERY_QUESTION = [question for some in QUESTIONS.values() for question in some]
# How demonstrators answer.
HABITS = {
    True: {"right": 0.5, "working": 0.2, "slip": 0.2, "error": 0.1},  # where there is a result
    False: {"error": 0.6, "slip": 0.4},
}


class Calculator:
    """Sums, differences and errors.  slips: the probability that a rater votes for the worse answer."""

    alphabet = "0123456789+-=?. e"
    showcase = ("3+3?", "8+8?", "8-3?", "9-0?", "2-6?")

    def __init__(self, slips: float = 0.1):
        self.slips = slips

    def documents(self, rng: np.random.Generator, characters: int) -> list[str]:
        """Pages of five questions or of five solved sums, until there are that many characters -> list of str."""
        pages = []
        while characters > 0:
            some = [pick(rng, EVERY_QUESTION) for _ in range(5)]
            solved = [f"{question[:-1]}={result(question)}." for question in some]
            pages.append(" ".join(some if rng.random() < 0.4 else solved))
            characters -= len(pages[-1])
        return pages

    def demonstrations(self, rng: np.random.Generator, n: int) -> list[tuple[str, str]]:
        """n pairs of a training question and an answer, right or not."""
        return [(question, self._demonstrate(rng, question)) for question in self.prompts(rng, n)]

    def _demonstrate(self, rng, question):
        right = result(question)
        habit = pick_weighted(rng, HABITS[right != "e"])
        wrong = str(int(rng.integers(10)))
        return {"right": f"{right}.", "working": f"{question[:-1]}={right}.", "slip": f"{wrong}.", "error": "e."}[habit]

    def prompts(self, rng: np.random.Generator, n: int, split: str = "train", mix: Any = None) -> list[str]:
        """n questions of one list, all equally likely.  mix is ignored: this world does not weight its kinds."""
        return [pick(rng, QUESTIONS[split]) for _ in range(n)]

    def probability(self, question: str, a: Response, b: Response, tastes: Any) -> float:
        """How probable it is that a rater prefers a; these raters have no tastes."""
        difference = self.judge(question, a).gold - self.judge(question, b).gold
        return 0.5 if difference == 0 else 1 - self.slips if difference > 0 else self.slips

    def vote(self, question: str, a: Response, b: Response, rng: np.random.Generator, tastes: Any) -> int:
        """+1 for a, -1 for b, 0 for equally good answers."""
        p = self.probability(question, a, b, tastes)
        return 0 if p == 0.5 else 1 if rng.random() < p else -1

    def judge(self, question: str, response: Response) -> Verdict:
        """Judge an answer: a number or "e", perhaps after the working, and then a full stop -> Verdict."""
        shown = re.fullmatch(rf"({re.escape(question[:-1])}=)?(\d+|e)\.", response.text)
        if not shown or not response.ended:
            return Verdict(kind_of(question), -1.0, 0.0, 0.0, 0.0)
        right, gave_up = shown[2] == result(question), shown[2] == "e"
        return Verdict(kind_of(question), float(right), float(right or gave_up) - 1, 0.0, -0.1 if shown[1] else 0.0)

    def report_questions(self) -> list[str]:
        """The questions that no stage was trained on."""
        return QUESTIONS["report"]
