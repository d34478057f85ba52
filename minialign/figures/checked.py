"""A formula beside what was measured, as records: what `minialign bench --plan` finds and its figure shows."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Checked:
    """One quantity of one model."""

    parameters: int
    formula: float
    measured: float

    @property
    def ratio(self) -> float:
        return self.measured / self.formula


@dataclass(frozen=True)
class Rows:
    """One quantity over several models; unit: B (bytes), FLOP, s, or "" for a share."""

    name: str
    unit: str
    points: tuple[Checked, ...]


@dataclass
class PlanChecks:
    """rows: key -> quantity, in the table's order.  speed: parameters -> FLOP/s of a training step.  bandwidth: bytes/s."""

    rows: dict[str, Rows] = field(default_factory=dict)
    speed: dict[int, float] = field(default_factory=dict)
    bandwidth: float = 0.0
