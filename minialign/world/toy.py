"""The toy world as one object: what the pipeline asks of a world, in six methods.

To align a model on a corpus of your own, write a class with these methods and pass it on: Journey(recipe, seed, world=Mine()).
world/calculator.py is a second, smaller example.
"""

from ..tokenizer import ALPHABET
from .corpus import pretraining_documents
from .demonstrations import demonstrations
from .gold import judge_response
from .kinds import PROMPT_MIX
from .questions import FIVE_QUESTIONS, report_questions, sample_prompts
from .raters import Raters


class ToyWorld:
    """Animals, capitals, colours and how-tos, with raters who cannot check everything and a judge who knows."""

    alphabet = ALPHABET  # every character that a text of this world may hold
    showcase = FIVE_QUESTIONS  # of the report list: put to every model, and shown

    def documents(self, rng, characters):
        """Texts for pretraining, about so many characters in all -> list of str."""
        return pretraining_documents(rng, characters)

    def demonstrations(self, rng, n):
        """What SFT imitates -> list of n (question, answer)."""
        return demonstrations(rng, n)

    def prompts(self, rng, n, split="train", mix=PROMPT_MIX):
        """Questions of the list "train", "tune" or "report" -> list of n str.  mix: {kind: share}."""
        return [prompt.text for prompt in sample_prompts(rng, n, split, mix)]

    def vote(self, question, a, b, rng, tastes):
        """A rater compares two Responses: +1 for a, -1 for b, 0 for about the same.  tastes: what the raters like."""
        return Raters(tastes).vote(question, a.text, a.ended, b.text, b.ended, rng)

    def judge(self, question, response):
        """The truth about a Response -> Verdict.  For measuring alone: no training function may call it."""
        return judge_response(question, response)

    def report_questions(self):
        """The questions on which every published number is measured -> list of str; training never sees them."""
        return report_questions()

    def probability(self, question, a, b, tastes):
        """Optional: how probable it is that a rater prefers a, if there is a vote; from it the best possible accuracy."""
        return Raters(tastes).probability(question, a.text, a.ended, b.text, b.ended)
