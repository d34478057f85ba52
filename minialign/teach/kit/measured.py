"""How long does it take?  What `minialign prepare` has measured or, failing that, the measurement stored with the lessons."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...checks import check_number
from ...runs.errors import Problem
from ...runs.text import quoted
from ..bands import read_bands
from .source import Number, Source


@dataclass(frozen=True)
class Measured:
    lessons: dict[str, dict]  # name of a lesson -> {"seconds": ..., ...}
    fast: bool
    seed: int
    where: str  # the machine and the day
    total: str  # what prepare has taken, and left
    runs: str  # the folder of runs, as commands and paths have it
    bands: dict[str, dict]
    pairs: list[dict[str, str]] = field(default_factory=list)  # to vote on in class: question, a, b

    def seconds(self, source: Source) -> float:
        """The seconds of one lesson if everything it needs is there: measured, or else what its header says."""
        if source.name in self.lessons:
            return self.lessons[source.name]["seconds"]
        full, _, fast = source.text("TIME").partition("--fast")
        said = re.findall(r"(\d+) (s|min)\b", (self.fast and fast) or full)
        if not said:
            raise Problem(f'the TIME of {source.path.name} says no seconds; write: "about 40 s; --fast about 15 s"')
        amount, unit = said[-1]  # "2 min the first time, 30 s after it"
        return float(amount) * (60 if unit == "min" else 1)

    def how_known(self, source: Source) -> str:
        return "measured" if source.name in self.lessons else "its header says so; not measured yet"

    def minutes(self, source: Source) -> int:
        return math.ceil(self.seconds(source) / 60)

    def command(self, source: Source, *flags: str) -> str:
        return self.with_flags("python", f"lessons/{source.path.name}", flags)

    def prepare(self) -> str:
        return self.with_flags("minialign", "prepare")

    def tour(self) -> str:
        return self.with_flags("minialign", "tour")

    def with_flags(self, program: str, what: str, further: Sequence[str] = ()) -> str:
        return " ".join(map(quoted, [program, what, *self.flags(), *further]))

    def flags(self) -> list[str]:
        """Those with which a lesson finds all that was prepared: the same cut, seed and folder."""
        seed = ["--seed", str(self.seed)] if self.seed else []
        out = ["--out", self.runs] if self.runs != "runs" else []
        return [*(["--fast"] if self.fast else []), *seed, *out]

    def folder(self, source: Source) -> Path:
        """Where the lesson keeps its pictures."""
        return lesson_folder(self.runs, source.path, self.fast, self.seed)

    def expected(self, source: Source, number: Number) -> str:
        """What a number is compared with, in words; "" if nothing is known yet."""
        if number.exact is not None:
            plain = re.fullmatch(r"-?[\d.]+", number.exact)
            why = number.why.removeprefix(number.exact).lstrip(":, ") if plain else number.why
            if "..." in why:
                return ""  # only the run knows
            return f"exactly {number.exact}" + (f" ({why})" if why else "") if plain else f"exactly {why or number.exact}"
        band = self.bands.get(source.name, {}).get("fast" if self.fast else "full", {}).get(number.name)
        return f"{band[0]:{number.form}} .. {band[1]:{number.form}}, over {band[2]} seeds" if band else ""


def lesson_folder(runs: str | Path, script: str | Path, fast: bool, seed: int) -> Path:
    """Where teach/lesson.py keeps what a run without a fault leaves behind."""
    return Path(runs) / "lessons" / f"{Path(script).stem}{'-fast' * fast}{f'-s{seed}' if seed else ''}"


def measured_file(runs: str | Path, fast: bool, seed: int) -> Path:
    return Path(runs) / f"prepared{'-fast' * fast}{f'-s{seed}' if seed else ''}.json"


def read_measured(runs: str | Path, lessons: str | Path) -> Measured:
    """The newest measurement in a folder of runs, or the one that came with the lessons."""
    # The newest, fast or not: an instructor prepares what the class will run, and then makes the kit.
    found = sorted(Path(runs).glob("prepared*.json"), key=lambda path: path.stat().st_mtime)
    path = found[-1] if found else Path(lessons) / "kit" / "measured.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        where = f"{kept['machine']}, on {kept['date']}, with seed {kept['seed']}"
        total = f"{kept['seconds'] / 60:.0f} minutes and {kept['megabytes']:.0f} MB the first time"
        for name, row in kept["lessons"].items():
            check_number(f"the seconds of {name}", row["seconds"], at_least=0)
        runs, bands = Path(runs).as_posix(), read_bands(lessons)
        pairs = [{name: str(pair[name]) for name in ("question", "a", "b")} for pair in kept.get("pairs", [])]
        return Measured(kept["lessons"], kept["fast"], kept["seed"], where, total, runs, bands, pairs)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as problem:
        raise Problem(f"{path} holds no measured seconds ({problem}); make them with: minialign prepare --fast") from None
