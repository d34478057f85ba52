"""What becomes of the truth as the leash loosens: the numbers and the shape that captions and guesses speak of."""

from dataclasses import dataclass

from ..figures import scenes as shown

STEP = 0.02  # a difference of gold below this is none


@dataclass(frozen=True)
class Loosened:
    """The scene's curve as far as enough answers are in play: where gold is highest, and its loosest end."""

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
    trusted = [point for point in s.curve if point.effective >= s.few] or s.curve[:1]
    return Loosened(s.start.gold, max(trusted, key=lambda point: point.gold), trusted[-1])
