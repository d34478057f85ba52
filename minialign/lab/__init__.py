"""The failure laboratory: what goes wrong when a model is tuned to please, one experiment per file.

    leash.py         without a leash the policy finds what the reward model loves and people would hate
    length.py        better, or only longer?
    sycophancy.py    raters who like to hear yes
    refusal.py       the price of harmlessness: refusing what is harmless
    truth.py         what raters cannot check, tuning cannot fix
    principles.py    feedback from written principles instead of people
    bakeoff.py       RLHF against DPO, on the same votes
    cousins.py       DPO and its cousins: which, and with which votes?
    rlvr.py          a reward that can be verified, and what nobody verifies
    sums.py          more thinking characters, better sums?

What they share is in instruments/.  Every file of this folder is an experiment: a new one appears in `minialign lab --help`,
and if figures/ has a file of the same name with draw(runs) -> (Figure, its words), its figure is drawn.  An experiment has

    QUESTION                            what it asks, in one line
    DOES_NOT_SHOW                       what its result must not be taken for
    one_seed(recipe, seed, folder)      plain data (dict of numbers, lists, strings: JSON), from one complete run
    claims(runs)                        list of Claim, from the results of several seeds
    table(runs)                         the numbers as lines of text

`recipe` is LAB or LAB_FAST, and the variations of an experiment are recipes with a few fields changed: stages that do
not depend on a changed field are found in the cache, and shared by all experiments.  The judge is asked here, to
measure; nothing here hands its scores to a training function, with two exceptions that say so: instruments/ideal.py, a control
that trains on what experts feel, and instruments/verifier.py, where right answers are known.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..pipeline import FAST, FULL, Recipe
from ..world import UNBIASED, Tastes, ToyWorld

# Fewer votes than the tour's, because the laboratory runs them some twenty times per seed.  PPO gets a higher rate: what
# goes wrong without a leash has to go wrong soon.  Many small rollouts cost no more than few large ones.
# Its experiments change the toy world's mix and tastes, so these are written out.
WORLD: dict[str, Any] = {"mix": ToyWorld.mix, "tastes": ToyWorld.tastes}
LAB = replace(FULL, **WORLD, vote_prompts=4000, ppo=replace(FULL.ppo, iterations=24, rollouts=64, lr=1e-3))
LAB_FAST = replace(FAST, **WORLD, vote_prompts=2000, ppo=replace(LAB.ppo, iterations=20))

HUMAN = Tastes(warmth=0.6, length=0.3)  # raters with strong tastes: something to be hacked

EXPERIMENTS = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))  # a new file is a new experiment


Run = dict[str, Any]  # what one_seed measured with one seed: plain data, as it is in the JSON file


def control(recipe: Recipe) -> Recipe:
    """The same with raters without tastes.  They find more answers alike, so for as many votes they see more pairs."""
    return replace(recipe, tastes=UNBIASED, vote_prompts=recipe.vote_prompts * 7 // 4)


def quick(recipe: Recipe) -> bool:
    """Is this less than the whole laboratory?  Then an experiment may leave out points in between."""
    return recipe.vote_prompts < LAB.vote_prompts


@dataclass(frozen=True)
class Claim:
    """A sentence about all runs, whether they bear it out, the numbers behind that, and, if not, what explains that."""

    sentence: str
    seen: bool
    numbers: str
    why_not: str = ""  # told where the claim is not seen
