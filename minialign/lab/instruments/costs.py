"""What it costs to get from votes to each model: seconds, models in memory, and the number of hyperparameters."""

from dataclasses import dataclass, fields, is_dataclass

from ...models import MODELS
from ...pipeline import Journey, Recipe
from ...runs.metrics import memory


@dataclass(frozen=True)
class Cost:
    seconds: float  # of training, all stages after the votes
    models: int  # in memory at once
    megabytes: float  # of their parameters alone
    hyperparameters: int


def cost(journey: Journey, name: str) -> Cost:
    """What it takes to get from votes to this model, in one run."""
    held = memory(journey, name)
    return Cost(
        seconds=sum(journey.stage(stage).seconds for stage in after_the_votes(name)),
        models=held.models_in_memory,
        megabytes=held.megabytes,
        hyperparameters=hyperparameters(journey.recipe, name),
    )


def after_the_votes(name: str) -> list[str]:
    """The stages that have to be trained once there are votes."""
    return [stage for stage in MODELS[name].trained if stage not in ("base", "sft", "votes")]


def hyperparameters(recipe: Recipe, name: str) -> int:
    """The number of hyperparameters: every field of the configurations counts, and so does the n of best of n."""
    configs = [getattr(recipe, field) for stage in after_the_votes(name) for field in MODELS[stage].settings]
    own = 0 if MODELS[name].is_stage else len(MODELS[name].settings)
    return own + sum(len(fields(config)) for config in configs if is_dataclass(config))
