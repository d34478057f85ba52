"""A reward model without errors: the utility of experts without tastes, computed instead of learned.

One of the two places where a policy is shown the truth instead of votes (the other: verifier.py).  It is a control, not a
method: if a policy without a leash improves on this and gets worse on a learned reward, then the learning is to blame.
"""

from dataclasses import replace

import numpy as np

from ...batch import Batch, read_back
from ...checkpoint import frozen_copy, trainable_copy
from ...model import LanguageModel, scalar_model_from
from ...pipeline import Journey
from ...ppo import train_ppo
from ...world import UNBIASED, Raters, sample_prompts

EXPERTS = Raters(replace(UNBIASED, expert=True))


def feeling(batch: Batch) -> np.ndarray:
    """Batch -> the experts' utility of each answer, before any noise (B,)."""
    return np.array([EXPERTS.utility(question, *response) for question, response in read_back(batch)])


def train_policy(journey: Journey) -> LanguageModel:
    """PPO as in this pipeline, with another score -> the policy.  The critic starts from the SFT model."""
    rng, sft = journey.rng("ppo"), journey.model("sft")
    policy, critic = trainable_copy(sft), scalar_model_from(sft, rng, head="zero")
    questions = [prompt.text for prompt in sample_prompts(rng, 2000, "train", journey.recipe.mix)]
    train_ppo(policy, frozen_copy(sft), critic, feeling, questions, journey.recipe.ppo, rng, desc="ideal reward")
    return policy
