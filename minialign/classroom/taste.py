"""What a crowd likes beyond good answers: a logistic regression on what can be counted in two answers.

    P(a beats b) = sigma(w . (f(a) - f(b))),    f = (gold, polite, long, yes, refusing)      (Bradley & Terry 1952)

gold, the judge's score, is in it so that the other weights are what is liked beyond the truth: raters without tastes have none
of them.  exp(w) says by how much one more of a thing multiplies the odds of winning.  A prior N(0, 1) on each weight keeps it
finite where votes are few (on gold N(0, 10^2), or what it may not explain would pass for a taste).

Intervals: 95 % for all four tastes together (Bonferroni).  n times one voter's votes are left out (jackknife):

    w +- t sd,    sd^2 = (n - 1)/n sum_k (w without k - their mean)^2,    t: Student's quantile for n - 1 degrees of freedom

Questions, not voters, are left out of fewer than ten voters, of a show of hands, or where there are fewer questions than
voters: thirty people who voted on five pairs have said something about five pairs.  Drawing voters with replacement (bootstrap)
makes sd too small where there are few: of classes of twelve one in nine was told of a taste that it did not have.

For showing only: the judge takes part, so nothing may be trained on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..batch import Response
from ..world import judge_response
from .casts import HANDS, Cast
from .logistic import fit

FEATURES = ("gold", "polite", "long", "yes", "refusing")
WORDS = {
    "polite": ("likes politeness", "dislikes politeness", "a polite phrase"),
    "long": ("likes length", "dislikes length", "being 20 characters longer"),
    "yes": ("likes to hear yes", "dislikes a yes", "a yes at the start"),
    "refusing": ("likes refusals", "dislikes refusals", "a refusal"),
}
SILENT = {"polite": "politeness", "long": "length", "yes": "saying yes", "refusing": "refusing"}
MOST = 200  # times that something is left out: where there is more, some go together
Z = 2.4977  # a normal variable is above it with probability 5 % / 4 intervals / 2 ends
PEOPLE = 10  # voters, below whom leaving voters out says nothing
PRIOR = np.array([0.01, 1.0, 1.0, 1.0, 1.0])  # 1 / variance of each weight
LEAST, LEAST_QUESTIONS = 20, 10  # votes, and questions they are about, below which nothing is said


@dataclass(frozen=True)
class Taste:
    """Each weight w (5,), the ends of its interval (5,) each, every vote's probability by its place; and how many questions."""

    w: np.ndarray
    low: np.ndarray
    high: np.ndarray
    probability: dict[int, float]
    questions: int


@cache
def features(question: str, answer: Response) -> np.ndarray:
    """f of one answer, (5,)."""
    seen = judge_response(question, answer)
    return np.array([seen.gold, seen.polite, len(answer.text) / 20, seen.agrees, seen.refused], float)


def taste_of(casts: Sequence[Cast]) -> Taste:
    """Fit the crowd's first votes on every pair; repeats and ties are left out."""
    voted = [i for i, cast in enumerate(casts) if cast.chosen and cast.repeat_of is None]
    d = np.array([gap(casts[i]) for i in voted]).reshape(len(voted), len(FEATURES))
    w = fit(d, PRIOR)
    questions = len({casts[i].question for i in voted})
    people = PEOPLE <= len({casts[i].voter for i in voted} - {HANDS}) <= questions
    clusters = [str(casts[i].voter) if people and casts[i].voter != HANDS else casts[i].question for i in voted]
    groups = np.unique(clusters, return_inverse=True)[1] % MOST
    n = len(set(groups.tolist()))
    without = [fit(d, PRIOR, (groups != k).astype(float)) for k in range(n)] if n > 1 else [w]
    half = quantile(max(n - 1, 1)) * np.sqrt(max(n - 1, 0)) * np.std(without, axis=0)
    return Taste(w, w - half, w + half, dict(zip(voted, (1 / (1 + np.exp(-d @ w))).tolist())), questions)


def quantile(v: int, z: float = Z) -> float:
    """Student's quantile for v degrees of freedom where the normal one is z (Abramowitz & Stegun 1964, equation 26.7.5)."""
    return z + (z**3 + z) / (4 * v) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v * v)


def gap(cast: Cast) -> np.ndarray:
    """f(chosen) - f(rejected), (5,)."""
    sign = 1 if cast.vote == "a" else -1
    return sign * (features(cast.question, cast.a) - features(cast.question, cast.b))


def sentence(taste: Taste, who: str = "This crowd") -> str:
    """What the crowd likes, in one sentence, each with the odds and their interval."""
    if len(taste.probability) < LEAST:
        return f"{who} has cast {len(taste.probability)} votes: too few to say what it likes."
    if taste.questions < LEAST_QUESTIONS:
        return f"{who} has voted on {taste.questions} question{'s' * (taste.questions > 1)}: too few to say what it likes."
    found, silent = [], []
    for name, (liked, disliked, what) in WORDS.items():
        w, low, high = (float(values[FEATURES.index(name)]) for values in (taste.w, taste.low, taste.high))
        if low > 0 or high < 0:
            odds = f"{np.exp(w):.1f} [{np.exp(low):.1f}, {np.exp(high):.1f}]"
            found.append(f"{liked if w > 0 else disliked} ({what} multiplies the odds of winning by {odds})")
        else:
            silent.append(SILENT[name])
    said = f"{who} {', and '.join(found)}" if found else f"{who} shows no taste beyond good answers"
    if not silent:
        return f"{said}."
    *most, last = silent
    return f"{said}; about {', '.join(most) + ' and ' * bool(most) + last} nothing can be said with 95% confidence."
