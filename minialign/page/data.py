"""A finished run folder -> everything that the page shows, as plain data.

Nothing here is made up or smoothed over: what a scene shows was measured in this run, or is sampled from its models while
the page is made.  A scene of which something is missing is Absent, and says why; the others are not touched by it.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..figures.scenes import Absent, Guess, Hero, Scene, Scenes
from ..models import MODELS, STAGES
from ..runs.text import safe
from ..tokenizer import ALPHABET, CHARACTERS, SPECIAL
from . import weights
from .fields import Missing
from .guesses import guesses
from .hero import good_answer, hero
from .policies import dpo_scene, leash_scene, ppo_scene
from .run import Run
from .speech import base_scene, sft_scene
from .story import STORY
from .voting import reward_scene, votes_scene

SCENES: dict[str, Callable[[Run], Scene]] = {
    "base": base_scene,
    "sft": sft_scene,
    "votes": votes_scene,
    "reward": reward_scene,
    "ppo": ppo_scene,
    "leash": leash_scene,
    "dpo": dpo_scene,
}
UNKNOWN = "unknown"
EDITED = "run.json has been changed since the run wrote it: the numbers here need not be what was measured"


@dataclass(frozen=True)
class About:
    """Where the page comes from, in words: what run.json does not say is "unknown"."""

    name: str
    seed: str
    code: str
    version: str
    date: str
    machine: str
    seconds: dict[str, float]  # of each stage
    raters: str
    remark: str  # what a reader has to know before believing any number, or ""


@dataclass(frozen=True)
class Living:
    """The models that run in the page: packed weights by name, and what their answers are limited and charged by."""

    weights: dict[str, dict[str, Any]]
    limit: int  # characters of an answer
    penalty: float  # off the score of an answer that does not end


@dataclass(frozen=True)
class PageData:
    run: About
    policies: dict[str, dict[str, str]]  # models.py, as far as the scripts need it: name and marker of each policy
    alphabet: str
    letters: str  # the alphabet in words
    special: list[str]
    questions: list[str]
    hero: Hero
    good: list[str]  # of each question, what a good answer is
    story: dict[str, dict[str, str]]  # story.py, as far as the scripts need it
    guesses: dict[str, Guess | None]
    scenes: Scenes
    models: Living | Absent


def page_data(folder: str | Path) -> PageData:
    """All of it.  Raises Problem if there is no finished run in the folder."""
    run = Run(folder)
    scenes = {key: present(scene, run, "this scene is missing: ") for key, scene in SCENES.items()}
    return PageData(
        run=about(run),
        policies={name: {"name": MODELS[name].name, "marker": MODELS[name].marker} for name in run.policies},
        alphabet=ALPHABET,
        letters=CHARACTERS.words(),
        special=list(SPECIAL),
        questions=run.questions,
        hero=hero(scenes["dpo"], run.questions),
        good=[good_answer(question) for question in run.questions],
        story={key: asdict(telling) for key, telling in STORY.items()},
        guesses=guesses(scenes),
        scenes=scenes,
        models=present(living_models, run),
    )


def present(make: Callable[[Run], Any], run: Run, before: str = "") -> Any:
    """What `make` makes of a run, or Absent with the reason."""
    try:
        return make(run)
    except Missing as reason:
        return Absent(f"{before}{reason}")


def living_models(run: Run) -> Living | Absent:
    """Every policy and the reward model, small enough to travel."""
    scorer = run.scorer()
    scored: Any = scorer.model
    models = {name: weights.packed(run.model(name)) for name in run.policies}
    models["reward"] = weights.packed(scored, mean=scorer.mean, std=scorer.std, pooling=scorer.pooling)
    if weights.size(models) > weights.BUDGET:
        return Absent("the models of this run are too large to travel in a page; talk to them with: minialign chat")
    return Living(models, run.limit, run.penalty)


def about(run: Run) -> About:
    def known(read: Callable[..., Any], *path: str) -> Any:
        try:
            return read(*path)
        except Missing:
            return UNKNOWN

    numbers = run.numbers
    seconds = {name: known(numbers.number, "timings", "seconds", name) for name in STAGES}
    return About(
        name=safe(run.folder.resolve().name),
        seed=str(known(numbers.whole, "seed")),
        code=known(numbers.text, "code"),
        version=known(numbers.text, "versions", "minialign"),
        date=known(numbers.text, "timings", "date"),
        machine=known(numbers.text, "timings", "machine"),
        seconds={name: value for name, value in seconds.items() if value != UNKNOWN},
        raters=known(lambda: raters(run)),
        remark=EDITED if run.edited else "",
    )


def raters(run: Run) -> str:
    """Who voted."""
    votes, held_out = (run.numbers.whole("votes", part) for part in ("train", "held_out"))
    if run.numbers.flag("votes", "own"):
        return f"people ({votes} votes of your own, the held-out ones by simulated raters)"
    return f"simulated raters ({votes} votes, {held_out} more held out)"
