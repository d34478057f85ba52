"""How much reward each KL can buy, without training: the SFT model's own answers, drawn once and reweighted.

Ask the SFT model each question K times.  Take it for the empirical distribution of these draws: A different answers with
shares ref(y) = (times drawn) / K.  For that distribution the formulas of exact.py hold exactly:

    best of n      of n of these draws keep the one with the highest proxy:  pi(y) = share of y  (F(r)^n - F(<r)^n)
    tilted         pi*(y) = ref(y) exp(r(y) / beta) / Z: no policy at the same KL has more proxy

Both reweight the same draws, so a KL is at most ln K, and long before that a single draw dominates.  How many
draws still count is the effective sample size of Kish (1965),  1 / sum over draws of weight^2.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ... import exact
from ...batch import Response, prompt_ids
from ...generate import generate
from ...pipeline import Journey
from ...world import judge_response

QUESTIONS_AT_ONCE = 16
FEWEST = 8  # the tilted curve ends where fewer draws than this still count on the median question


class StoredAnswers(NamedTuple):
    """The A different answers that the SFT model gave to one question; each (A,)."""

    shares: np.ndarray  # of the draws
    proxy: np.ndarray
    gold: np.ndarray


@dataclass(frozen=True)
class BestOfN:
    """What the best of n draws reaches, averaged over the questions."""

    n: int
    kl: float  # nats per answer
    proxy: float
    gold: float


@dataclass(frozen=True)
class Tilted:
    """What pi* reaches under one beta, averaged over the questions."""

    beta: float
    draws_left: float  # how many draws still count, on the median question
    kl: float  # nats per answer
    proxy: float
    gold: float


def draw(journey: Journey, questions: list[str], draws: int) -> list[StoredAnswers]:
    """The SFT model answers each question `draws` times -> its answers to each question."""
    rng, stored = journey.rng("report"), []
    for i in range(0, len(questions), QUESTIONS_AT_ONCE):
        some = questions[i : i + QUESTIONS_AT_ONCE]
        prompts = [prompt_ids(q) for q in some for _ in range(draws)]
        samples = generate(journey.model("sft"), prompts, journey.recipe.max_new_tokens, 1.0, rng)
        # of each question: answer -> the rows in which it was drawn
        rows_of: list[dict[Response, list[int]]] = [{} for _ in some]
        for row, answer in enumerate(samples.responses()):
            rows_of[row // draws].setdefault(answer, []).append(row)
        for question, rows in zip(some, rows_of):
            proxy = journey.scorer()(samples.batch[[where[0] for where in rows.values()]])  # equal answers score equal
            gold = np.array([judge_response(question, answer).gold for answer in rows])
            shares = np.array([len(where) for where in rows.values()]) / draws
            stored.append(StoredAnswers(shares, proxy, gold))
    return stored


def best_of(stored: list[StoredAnswers], n: int) -> BestOfN:
    """What the best of n draws reaches."""
    return BestOfN(n, *averages(stored, [exact.best_of_n(shares, proxy, n) for shares, proxy, _ in stored]))


def tilted(stored: list[StoredAnswers], betas: Iterable[float], draws: int) -> list[Tilted]:
    """What pi* reaches for each beta, from the tightest leash (largest beta) to where too few draws still count."""
    points = []
    for beta in sorted(betas, reverse=True):
        policies = [exact.optimal_policy(shares, proxy, beta) for shares, proxy, _ in stored]
        left = [effective_draws(policy, shares, draws) for policy, (shares, _, _) in zip(policies, stored)]
        if np.median(left) < FEWEST:
            break
        points.append(Tilted(float(beta), float(np.median(left)), *averages(stored, policies)))
    return points


def effective_draws(policy: np.ndarray, shares: np.ndarray, draws: int) -> float:
    """1 / sum over draws of weight^2; the draws of one answer share its probability: each weighs pi(y) / (K ref(y))."""
    return float(1 / (policy**2 / (shares * draws)).sum())


def averages(stored: list[StoredAnswers], policies: list[np.ndarray]) -> tuple[float, float, float]:
    """KL, proxy and gold of one policy per question, averaged over the questions."""
    rows = [
        (exact.sequence_kl(policy, shares), policy @ proxy, policy @ gold)
        for policy, (shares, proxy, gold) in zip(policies, stored)
    ]
    kl, proxy, gold = np.mean(rows, axis=0).tolist()
    return kl, proxy, gold
