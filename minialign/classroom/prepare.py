"""All pairs of a class, made before it begins and screened: nothing that a model writes during the class is voted on.

Screened means that every sentence of an answer is one of the world's own (answers.py): what a character model may stumble into
is not shown on a wall.
"""

from dataclasses import replace

import numpy as np
from tqdm.auto import tqdm

from ..batch import Response
from ..model import LanguageModel
from ..runs.voting import Pair
from ..world.answers import parse_answer
from .pairs import Score, Screen, own_pairs, shared_pairs
from .room import Pairs

AGAIN = 2  # of a voter's own pairs come a second time, with the sides exchanged


def screened(answer: Response) -> bool:
    """Whether an answer ended, and consists of sentences of the world alone."""
    return answer.ended and bool(answer.text.strip()) and parse_answer(answer.text).unrecognised == 0


def prepare(sft: LanguageModel, score: Score, seed: int, seats: int, max_new_tokens: int, screen: Screen = screened) -> Pairs:
    """Five pairs for the wall, and ten for each seat, two of which come again."""
    shared = shared_pairs(sft, score, seed, 0, max_new_tokens, screen)
    own: list[list[Pair]] = []
    for seat in tqdm(range(1, seats + 1), desc="pairs", unit=" seats", leave=False, disable=None):
        rng, start = np.random.default_rng([seed, seat]), len(shared) + sum(map(len, own))
        made = own_pairs(seat, sft, score, seed, 0, max_new_tokens, screen)
        mixed = [made[i] for i in rng.permutation(len(made))]
        again = [replace(pair, a=pair.b, b=pair.a, repeat_of=start + k) for k, pair in enumerate(mixed[:AGAIN])]
        own.append(mixed + again)
    return Pairs(shared, own)
