"""The pipeline's run with the same settings and seed, made if missing; its page, and the scenes that belong to lessons."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .. import cache, pipeline
from ..figures.page_plots import as_svg
from ..models import NAMES, STAGES
from ..page import make_page
from ..page.captions import captions
from ..page.story import STORY
from ..runs import metrics
from ..runs.contents import damaged, load_run
from ..runs.errors import Problem
from ..runs.folder import run_name, save_run

SCENE_OF = {2: "base", 3: "sft", 4: "votes", 5: "reward", 6: "ppo", 7: "leash", 8: "dpo"}  # lesson -> scene


@dataclass(frozen=True)
class SceneFigure:
    number: int  # of the scene on the page
    key: str
    title: str
    lead: str
    words: str  # what it shows in this run
    svg: bytes

    @property
    def address(self) -> str:
        return f"figures/scene{self.number}-{self.key}.svg"


@dataclass(frozen=True)
class JourneyPage:
    page: Path  # journey.html
    voices: list[tuple[str, str]]  # who, and what they say to one question; the first is the reader
    scenes: dict[str, SceneFigure]


def prepare(fast: bool, seed: int, out: str | Path) -> Iterator[tuple[str, float]]:
    """Make what is missing of the run, and yield (the next step, its share of the work) before each step."""
    folder = Path(out) / run_name(fast, seed)
    if code_of(folder) == cache.fingerprint(pipeline.__file__):
        return
    journey = pipeline.Journey(pipeline.FAST if fast else pipeline.FULL, seed, Path(out) / "cache")
    for name in STAGES:
        yield name, 1.0
        journey.stage(name)
    yield "scoreboard", 1.0
    save_run(journey, metrics.measure(journey), folder)


def code_of(folder: Path) -> str:
    """The key of the code that made a run; "" if there is no finished run, or if it is damaged."""
    try:
        return "" if damaged(folder) else str(load_run(folder)["code"])
    except Problem:
        return ""


def journey_page(fast: bool, seed: int, out: str | Path) -> JourneyPage:
    """The page of a run that prepare() has completed."""
    page, data = make_page(Path(out) / run_name(fast, seed))
    said = captions(data.scenes)
    scenes = {
        key: SceneFigure(n, key, STORY[key].title, STORY[key].lead, said[key], as_svg(key, scene))
        for n, (key, scene) in enumerate(data.scenes.items(), 1)
    }
    return JourneyPage(page, voices(page.parent), scenes)


def voices(folder: Path) -> list[tuple[str, str]]:
    """The first of the five questions, and what each model says to it."""
    samples = load_run(folder)["samples"]
    question = next(iter(samples.values()))[0]["question"]
    return [("you", question), *((NAMES[name], answers[0]["greedy"] or "(nothing)") for name, answers in samples.items())]
