"""What a benchmark finds, as records; its JSON file has them name by name.

Only the standard library here: a worker loads its own system and no other.
"""

from dataclasses import dataclass, field


# ------------------------------------------------------------------------------------------------ numbers
@dataclass(frozen=True)
class Spread:
    """median, and the quartiles low and high"""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Ratio(Spread):
    rounds: int  # how many ratios the median is of


@dataclass(frozen=True)
class Seconds:
    """The best cpu and wall seconds of one visit."""

    cpu: float
    wall: float

    def by(self, clock: str) -> float:
        return self.cpu if clock == "cpu" else self.wall

    def __add__(self, other: "Seconds") -> "Seconds":
        return Seconds(self.cpu + other.cpu, self.wall + other.wall)

    def __rmul__(self, times: float) -> "Seconds":
        return Seconds(times * self.cpu, times * self.wall)


@dataclass(frozen=True)
class Cost(Seconds):
    """What one step took."""

    faults: int | None  # minor page faults; None where the system does not count them


@dataclass
class Turns:
    """What driver.take_turns has found, by the name of the system."""

    times: dict[str, list[Seconds]]  # one per round
    faults: dict[str, list[int | None]]  # one per step that counted
    memory: dict[str, float | None] = field(default_factory=dict)  # peak MB; None if the operating system does not say
    versions: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False


# ------------------------------------------------------------------------------------------------ comparing systems
@dataclass(frozen=True)
class System:
    seconds: Spread
    faults: float | None  # median per step
    peak_mb: float | None
    ratios: dict[str, Ratio]  # to each other system


@dataclass(frozen=True)
class Summary:
    """One workload at one size."""

    systems: dict[str, System]
    rounds: int
    a_a: Ratio  # of two copies of the same code
    times: dict[str, list[Seconds]]
    multiplications: int | None = None


@dataclass(frozen=True)
class Verdict:
    what: str
    value: float
    target: float  # at most
    met: bool | None  # None: not judged


Errors = dict[str, tuple[float, str]]  # dtype -> the largest relative error, and where it is


@dataclass
class Comparison:
    """`minialign bench`."""

    agreement: dict[str, dict[str, Errors]] = field(default_factory=dict)  # size -> other system -> errors
    import_seconds: dict[str, Spread] = field(default_factory=dict)
    sizes: dict[str, dict[str, Summary]] = field(default_factory=dict)  # size -> workload -> summary
    verdicts: dict[str, list[Verdict]] = field(default_factory=dict)  # size, or "import"
    versions: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False


# ------------------------------------------------------------------------------------------------ undoing optimisations
@dataclass(frozen=True)
class Gain:
    """One optimisation undone."""

    what: str
    gain: Ratio  # time without it, as a ratio to the time with it
    faults: float | None


@dataclass(frozen=True)
class Gains:
    """One workload: the same code twice, its faults, and every optimisation of it by name."""

    a_a: Ratio
    faults: float | None
    rows: dict[str, Gain]


@dataclass
class Ablation:
    """`minialign bench --ablate`."""

    sizes: dict[str, dict[str, Gains]] = field(default_factory=dict)  # size -> workload -> gains
    interrupted: bool = False


# ------------------------------------------------------------------------------------------------ where and how
@dataclass(frozen=True)
class Machine:
    system: str
    processor: str
    cores: int


@dataclass(frozen=True)
class Setting:
    what: str  # "compare", "tour", "ablate", "scaling" or "plan"
    machine: Machine
    versions: dict[str, str]
    threads: int
    clock: str  # "cpu" or "wall"
