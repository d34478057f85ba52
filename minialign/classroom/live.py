"""A reward model that learns while the class votes: the last layer alone, on the SFT model's frozen hidden states.

    r(x, y) = w . phi(x, y),   phi = (mean hidden state of the answer's tokens, mean and least log-probability)

All else of a reward model is learned after the class.  Its accuracy is measured on votes on pairs that nobody had voted on when
they came: each ten votes (later each tenth of them) are first predicted, if their pairs are new, and then learned from
(prequential, Dawid 1984).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..autograd import no_grad
from ..batch import conversations
from ..model import LanguageModel
from ..reward import answer_likelihoods
from ..runs.voting import Pair
from ..world import judge_response
from .logistic import fit

TOGETHER = 10  # votes that are learned from at once, at first
PRIOR = 4.0  # 1 / variance of a weight, of features that vary by 1
ROWS = 64


@dataclass(frozen=True)
class Progress:
    """After n votes: how many votes on new pairs were predicted so far, and on how many unseen pairs it sides with gold."""

    n: int
    predicted: float  # half of a point where it has no opinion
    of: int
    gold: float
    pairs: int


class Live:
    """phi(a) - phi(b) and gold(a) - gold(b) of every pair, computed once, before the class."""

    def __init__(self, sft: LanguageModel, pairs: Sequence[Pair]):
        self.gaps = phi(sft, [(p.question, p.a) for p in pairs]) - phi(sft, [(p.question, p.b) for p in pairs])  # (P, F)
        self.gaps = self.gaps / np.maximum(self.gaps.std(0), 1e-6)
        self.gold = np.array([judge_response(p.question, p.a).gold - judge_response(p.question, p.b).gold for p in pairs])
        self.first = [number if p.repeat_of is None else p.repeat_of for number, p in enumerate(pairs)]

    def learn(self, votes: Sequence[tuple[int, int, str, float]]) -> Progress:
        """votes: (voter, pair, vote, seconds), in order -> where it is after all of them."""
        voted = [(pair, 1.0 if vote == "a" else -1.0) for _, pair, vote, _ in votes if vote in "ab"]
        w, seen, right, of = np.zeros(self.gaps.shape[1]), set[int](), 0.0, 0
        d = np.array([self.gaps[pair] * side for pair, side in voted]).reshape(len(voted), self.gaps.shape[1])
        start = 0
        while start < len(voted):
            end = min(len(voted), start + max(TOGETHER, start // TOGETHER))
            for k in range(start, end):
                if start and self.first[voted[k][0]] not in seen:
                    margin = float(d[k] @ w)
                    right, of = right + (0.5 if margin == 0 else margin > 0), of + 1
            seen |= {self.first[pair] for pair, _ in voted[start:end]}
            w = fit(d[:end], np.full(d.shape[1], PRIOR))
            start = end
        unseen = [n for n, first in enumerate(self.first) if n == first and n not in seen and abs(self.gold[n]) > 1e-9]
        sides = self.gaps[unseen] @ w * self.gold[unseen]
        return Progress(len(voted), right, of, float(((sides > 0) + 0.5 * (sides == 0)).sum()), len(unseen))


def phi(sft: LanguageModel, said: Sequence[tuple], rows: int = ROWS) -> np.ndarray:
    """One row for each (question, answer): (N, C + 2)."""
    parts = []
    for i in range(0, len(said), rows):
        batch = conversations(said[i : i + rows], sft.config.context_length)
        with no_grad():
            hidden = sft.trunk(batch.ids).data[:, 1:]  # (B, T-1, C): each answer token's own column
        pooled = (hidden * batch.mask[:, :, None]).sum(1) / batch.mask.sum(1, keepdims=True)
        parts.append(np.concatenate([pooled, answer_likelihoods(sft, batch)], axis=1))
    return np.concatenate(parts).astype(float)
