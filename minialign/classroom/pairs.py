"""Pairs for a class: five that everybody sees, and ten for each voter that nobody else sees.

The shared pairs show how far voters agree: of eight answers to each of 44 questions, those that tell most about what
voters like (telling.py).  The others make the votes say more, because no two voters say the same thing.
Of a voter's own ten questions, half get the two answers of four between which the reward model is least sure,

    argmin |r(a) - r(b)|,   where P(a beats b) = sigma(r(a) - r(b)) is nearest to 1/2        (uncertainty sampling)

and half, the control, get two answers at random.  So a class can see whether choosing helps; with simulated raters it did not
(lab/pairs.py).

A voter is a number, no name.  The questions of a sitting are one list that follows from the run's seed, and each voter has a
piece of it: nobody has to know what the others were shown.
"""

import zlib
from collections.abc import Callable
from itertools import combinations

import numpy as np

from ..batch import Response, conversations, prompt_ids
from ..generate import generate
from ..model import LanguageModel
from ..runs.errors import Problem
from ..runs.voting import JUDGEABLE, NEW, Pair, readable, with_repeats
from ..world import sample_prompts
from .telling import Score, most_telling

SHARED = 5  # pairs that every voter sees
OWN = NEW - SHARED
ASKED, SAID = 44, 8  # questions, and answers to each, of which the shared pairs are chosen
SPARE = 6  # further questions for a voter, because the model may always say the same to some
VOTERS = 200  # so many have questions of their own
DRAWS = 4  # answers to each of a voter's own questions

Screen = Callable[[Response], bool]  # whether an answer may be shown


def class_sitting(voter: int, sft: LanguageModel, score: Score, seed: int, number: int, max_new_tokens: int) -> list[Pair]:
    """The 20 pairs of one voter, 1 to 200: five shared and ten own ones, mixed, and five of these once more.

    Raises Problem if the model's answers do not differ.
    """
    rng = np.random.default_rng([seed, number, voter])
    own = own_pairs(voter, sft, score, seed, number, max_new_tokens)
    new = [*shared_pairs(sft, score, seed, number, max_new_tokens), *own]
    return with_repeats([new[i] for i in rng.permutation(NEW)], rng)


def shared_pairs(
    sft: LanguageModel, score: Score, seed: int, number: int, max_new_tokens: int, screen: Screen = readable
) -> list[Pair]:
    """The five pairs of a sitting that are the same for all voters, those that tell most about their tastes."""
    rng, questions = np.random.default_rng([seed, number]), class_questions(seed, number, ASKED)
    said = answers(sft, questions, max_new_tokens, rng, screen, SAID)
    return enough(most_telling(said, score, SHARED), SHARED, "shared")


def own_pairs(
    voter: int, sft: LanguageModel, score: Score, seed: int, number: int, max_new_tokens: int, screen: Screen = readable
) -> list[Pair]:
    """The ten pairs of a sitting that this voter alone sees, every second one chosen where the reward model is unsure."""
    piece, rng = OWN + SPARE, np.random.default_rng([seed, number, voter, zlib.crc32(b"own")])
    start = ASKED + (voter - 1) * piece
    said = answers(sft, class_questions(seed, number, start + piece)[start:], max_new_tokens, rng, screen)
    unsure = [unsure_pair(question, texts, score) for question, texts in said[0::2]]
    random = [random_pair(question, texts) for question, texts in said[1::2]]
    return enough(unsure, OWN // 2, "unsure") + enough(random, OWN - OWN // 2, "random")


def class_questions(seed: int, number: int, n: int) -> list[str]:
    """The first n different questions of a sitting; more of them begin with the same."""
    rng = np.random.default_rng([seed, number, zlib.crc32(b"questions")])
    questions: dict[str, None] = {}
    while len(questions) < n:
        questions.setdefault(sample_prompts(rng, 1, "train", JUDGEABLE)[0].text)
    return list(questions)


def answers(
    sft: LanguageModel,
    questions: list[str],
    max_new_tokens: int,
    rng: np.random.Generator,
    screen: Screen = readable,
    draws: int = DRAWS,
) -> list[tuple[str, list[Response]]]:
    """Some answers to each question -> (question, the different ones that pass the screen) where there are two."""
    prompts = [prompt_ids(question) for question in questions for _ in range(draws)]
    said = generate(sft, prompts, max_new_tokens, 1.0, rng).responses()
    pieces = [(question, said[i * draws : (i + 1) * draws]) for i, question in enumerate(questions)]
    different = [(question, [a for a in dict.fromkeys(piece) if screen(a)]) for question, piece in pieces]
    return [(question, texts) for question, texts in different if len(texts) >= 2]


def random_pair(question: str, texts: list[Response]) -> Pair:
    """Two answers at random: the first two, as they were drawn."""
    return Pair(question, texts[0], texts[1])


def unsure_pair(question: str, texts: list[Response], score: Score) -> Pair:
    """The two answers whose scores are nearest to each other."""
    r = score(conversations([(question, text) for text in texts]))
    i, j = min(combinations(range(len(texts)), 2), key=lambda pair: abs(r[pair[0]] - r[pair[1]]))
    return Pair(question, texts[i], texts[j])


def enough(pairs: list[Pair], n: int, part: str) -> list[Pair]:
    if len(pairs) < n:
        raise Problem("the SFT model of this run hardly ever gives two different answers; vote on another run")
    return [Pair(pair.question, pair.a, pair.b, None, part) for pair in pairs[:n]]
