"""Which pairs tell most about what voters like: a D-optimal design, one pair of a question.

    argmax det(M),    M = I + 30 sum over the chosen pairs of h p (1 - p) d d^T

    d    what is seen in answer a, less what is seen in b: polite phrases, length, yes, refusal               (4,)
    p    sigma(r(a) - r(b)), how often a wins in the reward model's opinion
    h    how far that opinion is believed: 1 if both answers say the same in other words, .15 if not

p (1 - p) d d^T is the Fisher information of one vote on the weights of d in a logistic regression, and I the precision of a
prior N(0, 1) on them, as in taste.py; thirty people vote.  Two answers that look alike tell nothing about tastes, nor do two of
which one is clearly better: all would choose it, whatever they like.  The reward model sees which is better, but not always; so
pairs that differ in manners alone are the safer ones.

The pairs are chosen one by one, each for the largest gain, det(M + w d d^T) = det(M) (1 + w d^T M^-1 d).

What is seen is read from the words alone: no truth takes part, for a reward model learns from these votes.
Source: Wald (1943), D-optimality; for logistic regression and with a prior, Chaloner & Verdinelli (1995).
"""

import math
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from ..batch import Batch, Response, conversations
from ..runs.voting import Pair
from ..world.answers import parse_answer

CLASS = 30  # voters, all of whom vote on each of them
OTHERWISE = 0.15  # h, of answers that say different things

Score = Callable[[Batch], np.ndarray]  # the reward model


def most_telling(said: Sequence[tuple[str, list[Response]]], score: Score, n: int) -> list[Pair]:
    """Of the answers to each question, n pairs, each of another question; fewer if there are fewer questions.

    said   (question, its different answers)
    score  Batch (B, T) -> (B,), the reward model
    """
    chosen: list[Pair] = []
    pairs = [pair for question, texts in said for pair in all_pairs(question, texts, score)]
    precision = np.eye(4)  # M
    while pairs and len(chosen) < n:
        gains = [w * d @ np.linalg.solve(precision, d) for _, d, w in pairs]
        best, d, w = pairs[int(np.argmax(gains))]
        precision += w * np.outer(d, d)
        chosen.append(best)
        pairs = [pair for pair in pairs if pair[0].question != best.question]
    return chosen


def all_pairs(question: str, texts: list[Response], score: Score) -> list[tuple[Pair, np.ndarray, float]]:
    """Every two answers to one question -> list of (pair, d (4,), w = 30 h p (1 - p))."""
    r, seen = score(conversations([(question, text) for text in texts])), [looks(text) for text in texts]
    says = [parse_answer(text.text).statements for text in texts]
    found = []
    for i, j in combinations(range(len(texts)), 2):
        odds = math.exp(-abs(r[i] - r[j]))  # of the one that the reward model likes less
        w = CLASS * (1.0 if says[i] == says[j] else OTHERWISE) * odds / (1 + odds) ** 2
        found.append((Pair(question, texts[i], texts[j]), seen[i] - seen[j], w))
    return found


def looks(answer: Response) -> np.ndarray:
    """Polite phrases, length in 20 characters, whether it begins with yes, whether it refuses -> (4,)."""
    seen = parse_answer(answer.text)
    yes = any(statement.stance == "yes" for statement in seen.statements[:1])
    refusal = any(statement.what == "refusal" for statement in seen.statements)
    return np.array([seen.polite, len(answer.text) / 20, yes, refusal], float)
