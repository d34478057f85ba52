"""Whose labels are right: the AI's, the raters', or the AI's after an audit?  All on the same pairs.

A pair is (chosen, rejected) as the raters voted, and a label is p, the estimated probability that their choice is the
better one.  So p = 1 is the raters' own label, and the AI agrees with them where p > 1/2.  (Pairs that the raters
called a tie are left out, which is to the raters' advantage.)
"""

import numpy as np

from ...preferences import Preferences
from ...world import KINDS, judge_response
from .measure import prompt_of

AUDITS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)


def gold_gaps(pairs: Preferences) -> np.ndarray:
    """How much better the raters' choice is in gold, (N,)."""
    sides = zip(pairs.prompts, pairs.chosen, pairs.rejected)
    return np.array([judge_response(q, a).gold - judge_response(q, b).gold for q, a, b in sides])


def right(p: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Whether the likelier side is the better one in gold; p = 1/2 counts as half right, (N,)."""
    return (np.sign(p - 0.5) * np.sign(gaps) + 1) / 2


def agreement(pairs: Preferences, p: np.ndarray) -> dict[str, dict[str, float]]:
    """Who agrees with whom, over all pairs and by kind of question; pairs of equal gold are left out."""
    gaps, kinds = gold_gaps(pairs), np.array([prompt_of(q).kind for q in pairs.prompts])
    rows = {"all": kinds != "", **{kind: kinds == kind for kind in KINDS}}
    kept = {kind: here & (gaps != 0) for kind, here in rows.items() if (here & (gaps != 0)).any()}
    people = np.ones(len(p))
    return {
        "ai_people": {kind: float(right(p, people)[rows[kind]].mean()) for kind in kept},
        "ai_gold": {kind: float(right(p, gaps)[here].mean()) for kind, here in kept.items()},
        "people_gold": {kind: float(right(people, gaps)[here].mean()) for kind, here in kept.items()},
    }


def for_refusing(pairs: Preferences, p: np.ndarray, kind: str) -> float | None:
    """The mean probability that refusing is better, over pairs of this kind in which only one side refuses, or None."""
    sides = zip(pairs.prompts, pairs.chosen, pairs.rejected)
    refused = np.array([[judge_response(q, a).refused, judge_response(q, b).refused] for q, a, b in sides])
    here = np.array([prompt_of(q).kind == kind for q in pairs.prompts]) & (refused[:, 0] != refused[:, 1])
    return float(np.where(refused[here, 0], p[here], 1 - p[here]).mean()) if here.any() else None


def audit_curves(pairs: Preferences, p: np.ndarray, rng: np.random.Generator) -> dict[str, list[float]]:
    """Agreement of the labels with gold after a share of them is audited, the least certain first or at random."""
    gaps = gold_gaps(pairs)
    # Where both answers have the same gold, no label is right or wrong.
    here = gaps != 0
    return {
        how: [float(right(audited(p, share, how == "least sure", rng), gaps)[here].mean()) for share in AUDITS]
        for how in ("least sure", "any")
    }


def audited(p: np.ndarray, share: float, unsure_first: bool, rng: np.random.Generator | None = None) -> np.ndarray:
    """An auditor replaces a share of the labels, the least certain first or at random -> new p (N,)."""
    if unsure_first:
        order = np.argsort(np.abs(p - 0.5), kind="stable")
    elif rng is not None:
        order = rng.permutation(len(p))
    else:
        raise ValueError("an audit of random labels needs an rng")
    new = p.copy()
    new[order[: round(share * len(p))]] = 1.0
    return new
