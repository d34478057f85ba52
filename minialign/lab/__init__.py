"""The failure laboratory: what goes wrong when a model is tuned to please, one experiment per file.

    leash.py         without a leash (KL penalty) the policy finds what the reward model loves and people would hate
    length.py        are the answers better, or only longer?
    sycophancy.py    raters who like to hear yes
    refusal.py       the price of harmlessness: refusing what is harmless
    truth.py         what raters cannot check, tuning cannot fix
    principles.py    feedback from written principles instead of people (RLAIF)
    bakeoff.py       RLHF against DPO, on the same votes
    cousins.py       DPO and its variants (IPO, KTO, SimPO, ORPO, ...), on good votes and on damaged ones
    rlvr.py          a verifiable reward (RLVR), and what becomes of everything that it does not check
    pairs.py         thirty voters: the same pairs for all, or everybody pairs of their own?
    sums.py          do longer answers, with the working shown, give better sums?

What they share is in instruments/.  Every file of this folder is an experiment: a new one appears in `minialign lab --help`,
and if figures/ has a file of the same name with draw(runs) -> (Figure, caption), its figure is drawn.  An experiment has

    QUESTION                            what it asks, in one line
    DOES_NOT_SHOW                       what must not be concluded from its result
    one_seed(recipe, seed, folder)      plain data (dict of numbers, lists, strings: JSON), from one complete run
    claims(runs)                        list of Claim, from the results of several seeds
    table(runs)                         the numbers as lines of text

`recipe` is LAB or LAB_FAST, and the variations of an experiment are recipes with a few fields changed: stages that do
not depend on a changed field are taken from the cache, and shared by all experiments.  The judge is used here only to
measure: its scores never reach a training function, with two exceptions that say so: instruments/ideal.py, a control
that trains on the utility of experts, and instruments/verifier.py, where right answers are known.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..pipeline import FAST, FULL, Recipe
from ..world import UNBIASED, Tastes, ToyWorld

# Fewer votes than in the tour, because the laboratory runs the pipeline some twenty times per seed.  PPO gets a higher
# learning rate: what goes wrong without a leash must go wrong soon.  Many small rollouts cost no more than a few large ones.
# DPO has the beta of the classroom cut, whose votes are as few.
# The experiments change the toy world's mix and tastes, so these are written out.
WORLD: dict[str, Any] = {"mix": ToyWorld.mix, "tastes": ToyWorld.tastes}
LAB = replace(
    FULL,
    **WORLD,
    vote_prompts=4000,
    ppo=replace(FULL.ppo, iterations=24, rollouts=64, lr=1e-3, lam=0.95),
    dpo=FAST.dpo,
)
# With 20 iterations four of twenty seeds did not show in lesson 7 what an absent leash does (docs/trials.md).
LAB_FAST = replace(FAST, **WORLD, vote_prompts=2000, ppo=replace(LAB.ppo, iterations=40))

HUMAN = Tastes(warmth=0.6, length=0.3)  # raters with strong tastes, which a policy can exploit

EXPERIMENTS = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))  # a new file is a new experiment


Run = dict[str, Any]  # what one_seed measured: plain data, as in the JSON file


def control(recipe: Recipe) -> Recipe:
    """The same with raters without tastes.  They call more pairs ties, so they are shown more pairs for as many votes."""
    return replace(recipe, tastes=UNBIASED, vote_prompts=recipe.vote_prompts * 7 // 4)


def quick(recipe: Recipe) -> bool:
    """Whether this is the fast laboratory, in which an experiment may leave out some of its settings."""
    return recipe.vote_prompts < LAB.vote_prompts


@dataclass(frozen=True)
class Claim:
    """A sentence about all runs, whether the runs confirm it, the numbers behind that, and an explanation if they do not."""

    sentence: str
    seen: bool
    numbers: str
    why_not: str = ""  # shown if the claim is not confirmed
