"""The same PPO on other leashes: what would have become of this run with another beta.

Only PPO itself is trained again; all that stands before it is found in the cache of the run.
"""

import json
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

from tqdm import tqdm

from .. import preferences
from ..pipeline import Journey, Recipe, UnreadableStage
from ..runs.errors import Problem

FACTORS = (0, 0.25, 4)  # of the run's own beta


def recipe_of(run):
    """The Recipe that run.json describes."""
    stored = run["recipe"]
    return Recipe(
        **{f.name: f.type(**stored[f.name]) if is_dataclass(f.type) else stored[f.name] for f in fields(Recipe)}
    )


def on_leash(run, folder, beta):
    """The run's journey with another beta."""
    recipe = recipe_of(run)
    own = preferences.load_jsonl(Path(folder) / "votes-train.jsonl") if run["votes"].get("own") else None
    return Journey(replace(recipe, ppo=replace(recipe.ppo, kl_coef=beta)), run["seed"], cache_of(folder), own_votes=own)


def cache_of(folder):
    return Path(folder).resolve().parent / "cache"


def kept_leashes(run, folder):
    """Every beta at which the cache holds a PPO run that shares all else with this one -> {beta: Stage}, ascending."""
    found = {}
    for path in sorted(cache_of(folder).glob("ppo-*.json")):
        try:
            beta = json.loads(path.read_text(encoding="utf-8"))["history"]["series"]["objective/kl_coef"][0][1]
            journey = on_leash(run, folder, beta)
            if journey.path("ppo", ".json").name == path.name:
                found[beta] = journey.stage("ppo")
        except (ValueError, LookupError, TypeError, OSError, UnreadableStage):
            continue  # a damaged stage is not worth a page
    return dict(sorted(found.items()))


def make_leashes(run, folder):
    """Train PPO at a few other betas and keep the runs in the cache, where the page finds them."""
    recipe = recipe_of(run)
    betas = [factor * recipe.ppo.kl_coef for factor in FACTORS]
    own = on_leash(run, folder, recipe.ppo.kl_coef)
    if not own.path("reward", ".json").exists():
        raise Problem(
            f"the stages of {folder} are not in {cache_of(folder)}, or other code made them; "
            "make the run again with: minialign tour, then minialign page --leashes"
        )
    for beta in tqdm(betas, desc="leashes", leave=False, disable=None):
        on_leash(run, folder, beta).stage("ppo")
