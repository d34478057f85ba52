"""What `minialign bench --scaling` finds and its figure shows, as records."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """What one token costs, where the thing that grows is `at`."""

    at: int
    seconds: float
    bytes: float


Slope = tuple[float, float]  # exponent of growth: over the whole sweep, and over its last step


@dataclass(frozen=True)
class Slopes:
    seconds: Slope
    bytes: Slope


@dataclass(frozen=True)
class Growth:
    """curves, slopes: workload -> what grows -> its points, its slopes"""

    base: dict[str, int]  # what it starts from: d_model, layers, context, batch
    curves: dict[str, dict[str, list[Point]]]
    slopes: dict[str, dict[str, Slopes]]
    attention: float  # its part of a training step's memory, in units of attention's own matrices
