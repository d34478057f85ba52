"""A finished run's folder, as the page reads it: each file when it is first asked for, and nothing believed unseen.

What cannot be read raises Missing, which costs one scene; only a folder without a run raises Problem.
"""

import json
import math
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from ..batch import Response
from ..model import LanguageModel
from ..models import OPTIONAL, POLICIES
from ..pipeline import Stage
from ..reward import Scorer
from ..runs.contents import checked, is_sealed, load_model, load_run
from ..runs.errors import Problem
from ..runs.text import safe
from ..world import Tastes, ToyWorld, judge
from . import leashes, reweighting
from .fields import AGAIN, Fields, Missing

Vote = tuple[str, Response, Response]  # question, chosen, rejected


class Run:
    """What a run's folder holds.  Raises Problem if there is no finished run in it."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.json = load_run(folder, edited=True)
        self.numbers, self.edited = Fields("run.json", self.json), not is_sealed(self.json)
        self.world = ToyWorld()
        self.questions: list[str] = list(self.world.showcase)
        self._read: dict[str, Any] = {}

    def once(self, name: str, read: Callable[[], Any]) -> Any:
        if name not in self._read:
            self._read[name] = read()
        return self._read[name]

    # -------------------------------------------------------------------------------------------- what it was made with
    @property
    def limit(self) -> int:
        """The most characters of an answer."""
        return self.numbers.whole("recipe", "max_new_tokens")

    @property
    def kl_coef(self) -> float:
        """beta of PPO."""
        return self.numbers.number("recipe", "ppo", "kl_coef")

    @property
    def penalty(self) -> float:
        """What PPO takes off the score of an answer that does not end."""
        return self.numbers.number("recipe", "ppo", "missing_eos_penalty")

    def tastes(self) -> Tastes:
        """What the raters of this run like."""
        stored = self.numbers.at("recipe", "tastes")
        values: dict[str, Any] = {
            f.name: stored.flag(f.name) if f.name == "expert" else stored.number(f.name) for f in fields(Tastes)
        }
        return Tastes(**values)

    def rng(self, purpose: str) -> np.random.Generator:
        """Randomness for what is sampled while the page is made: equal runs give equal pages."""
        return np.random.default_rng((self.numbers.whole("seed"), *purpose.encode()))

    # -------------------------------------------------------------------------------------------- its models
    @property
    def policies(self) -> list[str]:
        """Those of every run, and the optional ones that this run has made (tour --with)."""
        return [*POLICIES, *(name for name in OPTIONAL if (self.folder / f"{name}.npz").exists())]

    def model(self, name: str) -> LanguageModel:
        """One of the policies of models.py."""
        try:
            return self.once(name, lambda: load_model(self.folder, name, self.json)[0])
        except Problem as problem:
            raise Missing(safe(problem)) from None

    def scorer(self) -> Scorer:
        """The reward model, with the scale of its scores."""
        pooling = self.numbers.text("recipe", "reward", "pooling")
        if pooling not in ("mean", "last"):
            raise Missing(f"in run.json, recipe.reward.pooling is neither mean nor last; {AGAIN}")

        def read():
            model, extra = load_model(self.folder, "reward", self.json)
            mean, std = float(extra["mean"]), float(extra["std"])
            if not (math.isfinite(mean) and 0 < std < math.inf):
                raise ValueError("it has no mean and deviation of its scores")
            return Scorer(model, pooling, mean, std)

        try:
            return self.once("reward", read)
        except Problem as problem:
            raise Missing(str(problem)) from None
        except (ValueError, KeyError, TypeError) as problem:
            raise Missing(f"the reward model cannot be read ({safe(problem)}); {AGAIN}") from None

    def proxy(self) -> reweighting.Proxy:
        return reweighting.Proxy(self.scorer(), self.penalty)

    @property
    def cache(self) -> Path:
        """Where the stages of the runs beside this one are kept."""
        return leashes.cache_of(self.folder)

    def questions_to_weigh(self) -> list[str]:
        """The questions of the slider: first those that the story may follow, then others of the report list, evenly."""
        others = [question for question in self.world.report_questions() if question not in self.questions]
        n = min(reweighting.PROMPTS - len(self.questions), len(others))
        return self.questions + [others[i * len(others) // n] for i in range(n)]

    def drawn(self) -> reweighting.Drawn:
        """The SFT model's own answers to them, with their scores."""
        questions, rng = self.questions_to_weigh(), self.rng("answers")
        args = questions, reweighting.ANSWERS, self.limit, rng
        return self.once("drawn", lambda: reweighting.draw(self.model("sft"), self.proxy(), *args))

    def leashes(self) -> dict[float, Stage]:
        """PPO at every beta that the cache holds for this run."""
        return self.once("leashes", lambda: leashes.kept_leashes(self.numbers.value, self.folder))

    # -------------------------------------------------------------------------------------------- its files
    def stage(self, name: str) -> Fields:
        """What curves.json has about a stage: its series, and the snapshots that training took."""

        def read():
            return Fields("curves.json", json.loads(self.file("curves.json").read_text(encoding="utf-8")))

        try:
            return self.once("curves", read).at(name)
        except (OSError, ValueError, RecursionError):
            raise Missing(f"curves.json is missing, or cannot be read; {AGAIN}") from None

    def file(self, name: str) -> Path:
        """One of the run's files, as the run wrote it."""
        try:
            return checked(self.folder, name, self.json)
        except Problem as problem:
            raise Missing(str(problem)) from None

    def votes(self, part: str) -> list[Vote]:
        """The votes of one file; lines that are no votes are passed over."""

        def read() -> list[Vote]:
            lines = self.file(f"votes-{part}.jsonl").read_text(encoding="utf-8").splitlines()
            return [vote for vote in map(read_vote, lines) if vote]

        try:
            return self.once(f"votes {part}", read)
        except (OSError, ValueError):
            raise Missing(f"there is no votes-{part}.jsonl in the run; {AGAIN}") from None


def read_vote(line: str) -> Vote | None:
    try:
        vote = json.loads(line)
        texts = [vote[name] for name in ("prompt", "chosen", "rejected")]
        ended = [vote.get(f"{side}_ended", True) for side in ("chosen", "rejected")]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(e, bool) for e in ended):  # "false" is no bool
        return None
    question, chosen, rejected = map(safe, texts)
    return question, Response(chosen, ended[0]), Response(rejected, ended[1])


def gold(question: str, text: str, ended: bool) -> float:
    """The judge's score of one answer."""
    return round(judge(question, text, ended).gold, 3)


def thin(series: list, points: int = 50) -> list[tuple[float, float]]:
    """At most so many (step, value): the first as it is, then means of blocks, each at the step where it ends."""
    width = -(-len(series) // points)
    first = (series[0][0], round(series[0][1], 5))
    blocks = [series[i : i + width] for i in range(1 if width > 1 else 0, len(series), width)]
    means = [(block[-1][0], round(float(np.mean([value for _, value in block])), 5)) for block in blocks]
    return [first, *means] if width > 1 else means
