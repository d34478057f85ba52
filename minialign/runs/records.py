"""What a run has shown, as records: the scoreboard, what happened in each stage, answers, and timings.

run.json is these records as JSON, name by name.  Losses are nats per character, of SFT and DPO those of the answers.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from ..evaluate import Row
from ..pipeline import Recipe

FORMAT = "minialign run 1"


@dataclass(frozen=True)
class Memory:
    """How many models are in memory at once, and how large they are together (parameters only)."""

    models_in_memory: int
    megabytes: float


@dataclass(frozen=True)
class ScoreboardRow(Row):
    models_in_memory: int
    megabytes: float
    behaviour: dict[str, float]  # what people would notice, as shares of answers; empty where the world does not define them


Scoreboard = dict[str, dict[str, ScoreboardRow]]  # "sampled" or "greedy" -> model -> row


@dataclass(frozen=True)
class Sample:
    """A model's two answers to one question, and whether each ended."""

    question: str
    sampled: str
    sampled_ended: bool
    greedy: str
    greedy_ended: bool


@dataclass(frozen=True)
class BaseReport:
    guessing: float  # ln V: the loss of a uniform guess
    first_loss: float
    last_loss: float
    parameters: int


@dataclass(frozen=True)
class SftReport:
    first_loss: float
    last_loss: float


@dataclass(frozen=True)
class VotesReport:
    """How many votes there are, and whose."""

    pairs_shown: int
    train: int
    held_out: int
    own: bool  # read from a file, not cast by simulated raters
    file: str | None = None  # which
    digest: str | None = None
    of_class: bool = False  # more than one voter's


@dataclass(frozen=True)
class RewardReport:
    """How well the reward model predicts votes it never saw, untrained and trained, beside the best accuracy possible."""

    first_loss: float
    last_loss: float
    first_accuracy: float
    accuracy: float
    ceiling: float | None  # even an oracle cannot predict the raters' noise; None where the world does not define it
    sure_accuracy: float | None  # of the pairs in the order of nearly all raters
    contrasts: dict[str, float]  # thing to know -> share of pairs, whose order is certain, in that order
    ece: float
    calibration: dict[str, list[float]]  # reward.calibration: per bin predicted, observed, count


@dataclass(frozen=True)
class PolicyGradientReport:
    first_ratio_error: float
    largest_first_ratio_error: float  # over all rollouts
    clip_fraction: float
    largest_clip_fraction: float
    first_score: float
    last_score: float
    last_kl: float
    kl_coef: float


@dataclass(frozen=True)
class DpoReport:
    first_loss: float
    last_loss: float
    accuracy: float
    margin: float
    moved_chosen: float
    moved_rejected: float
    beta: float


@dataclass(frozen=True)
class Questions:
    report: int
    kinds: dict[str, int]  # kind -> how many


@dataclass(frozen=True)
class Timings:
    """What differs from run to run and from machine to machine."""

    date: str
    machine: str
    seconds: dict[str, float]  # of each stage, and of measuring
    cached: list[str]  # stages that were found, not made
    training_seconds: dict[str, float]  # model -> of all stages between the row it starts from and itself
    peak_memory_mb: float | None


@dataclass(frozen=True)
class Measured:
    """Everything worth knowing about a run.

    Everything but `timings` is a function of the recipe, the seed, the machine and its threads.
    """

    seed: int
    recipe: Recipe
    code: str  # the fingerprint of the pipeline's code
    versions: dict[str, str]
    questions: Questions
    scoreboard: Scoreboard
    base: BaseReport
    sft: SftReport
    votes: VotesReport
    reward: RewardReport
    ppo: PolicyGradientReport
    dpo: DpoReport
    extras: dict[str, PolicyGradientReport]  # the optional models of the run
    samples: dict[str, list[Sample]]  # model -> the same five questions
    timings: Timings

    def to_json(self) -> dict[str, Any]:
        """The content of run.json, before it is sealed: plain data."""
        plain = asdict(self)
        plain["recipe"] = json.loads(json.dumps(plain["recipe"], default=lambda x: x.item()))  # it may hold NumPy's numbers
        extras, samples, timings = plain.pop("extras"), plain.pop("samples"), plain.pop("timings")
        plain["base"]["asks"] = self.scoreboard["sampled"]["base"].asks
        plain["sft"]["answers"] = self.scoreboard["sampled"]["sft"].answers
        if not self.votes.own:
            del plain["votes"]["file"], plain["votes"]["digest"], plain["votes"]["of_class"]
        return {"format": FORMAT} | plain | extras | {"samples": samples, "timings": timings}
