"""The toy world as one object, with the six methods that the pipeline needs (protocol.py says what they are for)."""

import numpy as np

from ..batch import Response
from ..tokenizer import ALPHABET
from .behaviour import behaviour
from .contrasts import contrasts
from .corpus import pretraining_documents
from .demonstrations import demonstrations
from .gold import Verdict, judge_response
from .kinds import PROMPT_MIX, TRAINING_MIX
from .questions import FIVE_QUESTIONS, report_questions, sample_prompts
from .raters import Raters, Tastes


class ToyWorld:
    """Animals, capitals, colours and how-tos, with raters who cannot check everything and a judge who knows."""

    alphabet = ALPHABET  # every character that a text of this world may contain
    showcase = FIVE_QUESTIONS  # of the report list: every model is asked them, and the answers are shown
    mix = TRAINING_MIX  # {kind of question: share}, of the prompts in training
    tastes = Tastes()

    def documents(self, rng: np.random.Generator, characters: int) -> list[str]:
        """Texts for pretraining, about `characters` characters in all."""
        return pretraining_documents(rng, characters)

    def demonstrations(self, rng: np.random.Generator, n: int) -> list[tuple[str, str]]:
        """What SFT imitates: n pairs of a question and an answer."""
        return demonstrations(rng, n)

    def prompts(self, rng: np.random.Generator, n: int, split: str = "train", mix: dict = PROMPT_MIX) -> list[str]:
        """n questions of the list "train", "tune" or "report".  mix: {kind: share}."""
        return [prompt.text for prompt in sample_prompts(rng, n, split, mix)]

    def vote(self, question: str, a: Response, b: Response, rng: np.random.Generator, tastes: Tastes) -> int:
        """A rater compares two Responses: +1 for a, -1 for b, 0 for about the same.  tastes: what the raters like."""
        return Raters(tastes).vote(question, a.text, a.ended, b.text, b.ended, rng)

    def judge(self, question: str, response: Response) -> Verdict:
        """The truth about an answer, with kind, helpful, honest, harmless, style and gold.

        For measuring only: no training function may call it.
        """
        return judge_response(question, response)

    def report_questions(self) -> list[str]:
        """The questions on which every published number is measured; training never sees them."""
        return report_questions()

    def probability(self, question: str, a: Response, b: Response, tastes: Tastes) -> float:
        """Optional: the probability that a rater prefers a, given that there is a vote: it sets the best possible accuracy."""
        return Raters(tastes).probability(question, a.text, a.ended, b.text, b.ended)

    def behaviour(self, verdicts: list[Verdict]) -> dict[str, float]:
        """Optional: what people would count when they compare two assistants, as {name: share of answers}."""
        return behaviour(verdicts)

    def contrasts(self) -> dict[str, list[tuple[str, str, str]]]:
        """Optional: {what a reward model should know: pairs (question, better, worse) that show whether it does}."""
        return contrasts()
