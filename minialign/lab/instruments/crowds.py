"""Crowds of raters: the same journey once for each, so that what differs between their models was in the votes."""

from dataclasses import replace

from ...pipeline import Journey
from .. import quick


def asking(recipe, **shares):
    """The recipe with these kinds of question asked so often from the votes on; the others keep their proportions."""
    others = sum(share for kind, share in recipe.mix.items() if kind not in shares)
    scale = (1 - sum(shares.values())) / others
    return replace(recipe, mix={kind: shares.get(kind, share * scale) for kind, share in recipe.mix.items()})


def crowd(recipe, tastes):
    """A smaller run on the votes of raters with these tastes, often asked what people believe and what is obscure.

    Fewer votes make a weaker judge, so PPO gets a tighter leash and small steps.
    """
    ppo = replace(recipe.ppo, kl_coef=0.5, lr=6e-4, iterations=min(20, recipe.ppo.iterations))
    smaller = replace(recipe, tastes=tastes, vote_prompts=recipe.vote_prompts * 3 // 4, ppo=ppo)
    return asking(smaller, claim_true=0.1, claim_false=0.15, obscure=0.2)


def journeys(recipe, crowds, seed, folder):
    """crowds: {name: Tastes} -> {name: Journey}.  They share the SFT model."""
    return {name: Journey(crowd(recipe, tastes), seed, folder) for name, tastes in crowds.items()}


def trainers(recipe):
    """The classroom cut makes do without PPO, which would need a reward model for every crowd as well."""
    return ("dpo",) if quick(recipe) else ("ppo", "dpo")


def models(runs, crowds):
    """What the runs compare: "sft", and (crowd, trainer) for each."""
    return ("sft", *((name, trainer) for name in crowds for trainer in runs[0]["trainers"]))


def of(run, model):
    """A model's part of what one_seed returned."""
    return run["sft"] if model == "sft" else run[model[0]][model[1]]


def name_of(model):
    return "SFT" if model == "sft" else f"{model[1].upper()}, {model[0]}"


def style_of(model):
    """The key of its look in style.MODEL_STYLE."""
    return "sft" if model == "sft" else model[1]
