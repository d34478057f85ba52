"""What becomes of the truth as the leash loosens: the numbers and the shape that captions and guesses speak of."""

import base64
from dataclasses import dataclass

import numpy as np

from ..figures import scenes as shown
from .reweighting import tilted

STEP = 0.02  # a difference of gold below this is none


@dataclass(frozen=True)
class Loosened:
    """A curve as far as enough answers are in play: where gold is highest, and its loosest end."""

    start: float  # the SFT model's gold
    best: shown.Tilted
    loosest: shown.Tilted

    @property
    def gains(self) -> bool:
        return self.best.gold - self.start >= STEP

    @property
    def drops(self) -> bool:
        return self.best.gold - self.loosest.gold > STEP


def loosened(s: shown.LeashScene) -> Loosened:
    """The mean over all questions of the scene."""
    return along(s.curve, s.start.gold, s.few)


def hardest(s: shown.LeashScene) -> Loosened | None:
    """The one question on which the truth falls most, which the page shows first; None if it falls on none."""
    if not s.falls:
        return None
    proxy, gold = (
        np.frombuffer(base64.b64decode(text), "<f4").reshape(-1, s.answers)[s.worst : s.worst + 1] for text in (s.proxy, s.gold)
    )  # (1, K) each
    return along([tilted(proxy, gold, beta) for beta in s.betas], float(gold.mean(dtype=float)), s.few)


def along(curve: list[shown.Tilted], start: float, few: int) -> Loosened:
    """A curve from its start, as far as at least `few` answers are in play."""
    trusted = [point for point in curve if point.effective >= few] or curve[:1]
    return Loosened(start, max(trusted, key=lambda point: point.gold), trusted[-1])
