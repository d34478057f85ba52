"""Crowds of raters: the same pipeline for each, so that any difference between the models comes from the votes."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ...pipeline import Journey, Recipe
from ...world import Tastes
from .. import Run, quick

Compared = str | tuple[str, str]  # a model that is compared: "sft", or (crowd, trainer)


def asking(recipe: Recipe, **shares: float) -> Recipe:
    """The recipe with these shares for these kinds of questions, from the votes on; the others keep their proportions."""
    others = sum(share for kind, share in recipe.mix.items() if kind not in shares)
    scale = (1 - sum(shares.values())) / others
    return replace(recipe, mix={kind: shares.get(kind, share * scale) for kind, share in recipe.mix.items()})


def crowd(recipe: Recipe, tastes: Tastes) -> Recipe:
    """A smaller run on the votes of raters with these tastes, with more questions about beliefs and obscure things.

    Fewer votes make a weaker reward model, so PPO gets a tighter leash (KL penalty) and small steps.
    """
    ppo = replace(recipe.ppo, kl_coef=0.5, lr=6e-4, iterations=min(20, recipe.ppo.iterations))
    smaller = replace(recipe, tastes=tastes, vote_prompts=recipe.vote_prompts * 3 // 4, ppo=ppo)
    return asking(smaller, claim_true=0.1, claim_false=0.15, obscure=0.2)


def journeys(recipe: Recipe, crowds: dict[str, Tastes], seed: int, folder: Path) -> dict[str, Journey]:
    """crowds: {name: Tastes} -> {name: Journey}.  They share the SFT model."""
    return {name: Journey(crowd(recipe, tastes), seed, folder) for name, tastes in crowds.items()}


def trainers(recipe: Recipe) -> tuple[str, ...]:
    """The fast laboratory leaves out PPO, which would need a reward model for every crowd as well."""
    return ("dpo",) if quick(recipe) else ("ppo", "dpo")


def models(runs: list[Run], crowds: Iterable[str]) -> tuple[Compared, ...]:
    """What the runs compare: "sft", and (crowd, trainer) for each."""
    return ("sft", *((name, trainer) for name in crowds for trainer in runs[0]["trainers"]))


def part_of(run: Run, model: Compared) -> Run:
    """A model's part of what one_seed returned."""
    return run["sft"] if model == "sft" else run[model[0]][model[1]]


def name_of(model: Compared) -> str:
    return "SFT" if model == "sft" else f"{model[1].upper()}, {model[0]}"


def style_of(model: Compared) -> str:
    """The key of its look in style.MODEL_STYLE."""
    return "sft" if model == "sft" else model[1]
