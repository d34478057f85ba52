"""The failure laboratory: what goes wrong when a model is tuned to please, one experiment a file.

    leash.py         without a leash the policy finds what the reward model loves and people would hate
    length.py        better, or only longer?
    sycophancy.py    raters who like to hear yes
    refusal.py       the price of harmlessness: refusing what is harmless
    truth.py         what raters cannot check, tuning cannot mend
    principles.py    feedback from written principles instead of people
    bakeoff.py       RLHF against DPO, on the same votes

An experiment is a file with

    QUESTION                            what it asks, in one line
    DOES_NOT_SHOW                       what its result must not be taken for
    one_seed(recipe, seed, folder)      plain data (dict of numbers, lists, strings: JSON), from one complete run
    claims(runs)                        list of Claim, from the results of several seeds
    table(runs)                         the numbers as lines of text
    figure(runs)                        (Figure, its words)

`recipe` is LAB or LAB_FAST, and the variations of an experiment are recipes with a few fields changed: stages that do
not depend on a changed field are found in the cache, and shared by all experiments.  The judge is asked here, to
measure; nothing here hands its scores to a training function.
"""

from dataclasses import dataclass, replace

from ..pipeline import FAST, FULL

LAB = replace(FULL, vote_prompts=5000, ppo=replace(FULL.ppo, iterations=24))
LAB_FAST = FAST

EXPERIMENTS = ("leash", "length", "sycophancy", "refusal", "truth", "principles", "bakeoff")


@dataclass(frozen=True)
class Claim:
    """A sentence about all runs, whether they bear it out, and the numbers behind that."""

    sentence: str
    seen: bool
    numbers: str
