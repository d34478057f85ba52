"""The same PPO on other leashes (KL penalties): what would have become of this run with another beta.

Only PPO itself is trained again; every stage before it is found in the cache of the run.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from .. import preferences
from ..pipeline import Journey, Stage, UnreadableStage
from ..runs.contents import checked
from ..runs.errors import Problem
from ..runs.recipe import recipe_of

FACTORS = (0, 0.25, 4)  # of the run's own beta


def on_leash(run: dict[str, Any], folder: str | Path, beta: float) -> Journey:
    """The run's journey with another beta."""
    recipe = recipe_of(run)
    own = preferences.load_jsonl(checked(folder, "votes-train.jsonl", run)) if run["votes"].get("own") else None
    return Journey(replace(recipe, ppo=replace(recipe.ppo, kl_coef=beta)), run["seed"], cache_of(folder), own_votes=own)


def cache_of(folder: str | Path) -> Path:
    return Path(folder).resolve().parent / "cache"


def kept_leashes(run: dict[str, Any], folder: str | Path) -> dict[float, Stage]:
    """Every beta at which the cache holds a PPO run that shares all else with this one -> beta: Stage, ascending."""
    found = {}
    for path in sorted(cache_of(folder).glob("ppo-*.json")):
        try:
            beta = json.loads(path.read_text(encoding="utf-8"))["history"]["series"]["objective/kl_coef"][0][1]
            journey = on_leash(run, folder, beta)
            if journey.path("ppo", ".json").name == path.name:
                found[beta] = journey.stage("ppo")
        except (ValueError, LookupError, TypeError, AttributeError, OSError, RecursionError, UnreadableStage, Problem):
            continue  # a damaged stage costs its own curve, and not the page
    return dict(sorted(found.items()))


def make_leashes(run: dict[str, Any], folder: str | Path) -> None:
    """Train PPO at a few other betas and keep the runs in the cache, where the page finds them."""
    recipe = recipe_of(run)
    betas = [factor * recipe.ppo.kl_coef for factor in FACTORS]
    own = on_leash(run, folder, recipe.ppo.kl_coef)
    if not own.path("reward", ".json").exists():
        raise Problem(
            f"the stages of {folder} are not in {cache_of(folder)}, or other code made them; "
            "make the run again with: minialign tour (with its flags), then minialign page --leashes"
        )
    for beta in tqdm(betas, desc="leashes", leave=False, disable=None):
        on_leash(run, folder, beta).stage("ppo")
