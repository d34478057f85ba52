"""Against over-optimisation: the lowest score of three reward models, and a second round of votes on the policy's own answers.

    r(x, y) = min over k of r_k(x, y)     r_k: the same votes in another order, and another initial head
                                          (Coste et al. 2023, worst-case optimisation)

What one reward model overrates by accident, another may not; what the raters themselves overrate, all three overrate.  A
second round asks the raters about answers of the tuned policy, on which the first reward model had to guess.
"""

import copy
from collections.abc import Callable, Sequence

import numpy as np

from ...batch import Batch
from ...model import LanguageModel
from ...pipeline import Journey, make_ppo, make_reward
from ...preferences import Preferences, collect
from ...reward import Scorer

Score = Callable[[Batch], np.ndarray]


def scorers(journey: Journey, n: int = 3) -> list[Scorer]:
    """This journey's reward model, and n - 1 others that differ from it by their random numbers alone."""
    found = [journey.scorer()]
    for k in range(1, n):
        model, history = make_reward(journey, journey.rng(f"reward {k}"))
        mean, std = (float(history[f"normalise/{name}"][0]) for name in ("mean", "std"))
        found.append(Scorer(model, journey.recipe.reward.pooling, mean, std))
    return found


def worst(members: Sequence[Score]) -> Score:
    """Batch -> for each answer the lowest of the members' scores, (B,)."""
    return lambda batch: np.min([member(batch) for member in members], axis=0)


def train_policy(journey: Journey, score: Score) -> LanguageModel:
    """PPO as in this journey, with the same random numbers, on another score -> the policy."""
    other = copy.copy(journey)
    other.scorer = lambda: score  # type: ignore
    return make_ppo(other, journey.rng("ppo"))[0]


def second_round(journey: Journey) -> Journey:
    """The same raters vote on pairs of this journey's PPO too, half as many prompts: a journey that learns from both."""
    rng, r, world = journey.rng("second round"), journey.recipe, journey.world
    asked = world.prompts(rng, r.vote_prompts // 2, "train", r.mix)

    def label(question, a, b, rng):
        return world.vote(question, a, b, rng, r.tastes)

    fresh, first = collect(journey.model("ppo"), asked, label, rng, r.max_new_tokens), journey.votes()[0]
    prompts, chosen = first.prompts + fresh.prompts, first.chosen + fresh.chosen
    both = Preferences(prompts, chosen, first.rejected + fresh.rejected)
    return Journey(r, journey.seed, journey.folder, own_votes=both, world=world)
