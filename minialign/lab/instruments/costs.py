"""What it costs to get from votes to each model: seconds, models in memory, and numbers that somebody has to choose."""

from dataclasses import fields

from ...dpo import DPOConfig
from ...ppo import PPOConfig
from ...reward import RewardConfig

TRAINED = {"sft": (), "best_of_n": ("reward",), "ppo": ("reward", "ppo"), "dpo": ("dpo",)}  # once there are votes
HELD = {  # in memory: language models, scalar models
    "sft": (1, 0),
    "best_of_n": (1, 1),  # to answer: it trains no policy
    "ppo": (2, 2),  # the policy and its reference, the reward model and the critic
    "dpo": (2, 0),  # the policy and its reference
}
KNOBS = {  # every field of the settings counts, whether anybody turns it or not
    "sft": 0,
    "best_of_n": len(fields(RewardConfig)) + 1,  # and n
    "ppo": len(fields(RewardConfig)) + len(fields(PPOConfig)),
    "dpo": len(fields(DPOConfig)),
}


def cost(journey, name):
    """Of one model -> dict of numbers.  The megabytes are those of the parameters alone."""
    language, scalar = HELD[name]
    size, scalar_size = (
        sum(p.data.nbytes for p in stage.model.parameters()) for stage in (journey.sft(), journey.reward())
    )
    return {
        "seconds": sum(getattr(journey, stage)().seconds for stage in TRAINED[name]),
        "models": language + scalar,
        "megabytes": (language * size + scalar * scalar_size) / 1e6,
        "knobs": KNOBS[name],
    }
