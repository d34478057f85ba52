"""The whole recipe at a size that takes two seconds: for tests that care about the plumbing, not about the numbers."""

from dataclasses import replace

from minialign.dpo import DPOConfig
from minialign.grpo import GRPOConfig
from minialign.model import ModelConfig
from minialign.pipeline import FULL
from minialign.ppo import PPOConfig
from minialign.reward import RewardConfig
from minialign.sft import LMConfig
from minialign.world import PROMPT_MIX, Tastes

TOY = replace(
    FULL,
    model=ModelConfig(FULL.model.vocab_size, context_length=112, n_layer=1, n_head=2, d_model=32),
    corpus_characters=20_000,
    window=48,
    base_steps=60,  # enough to learn that <pad>, <user> and <bot> never come next: a vote needs readable answers
    base=LMConfig(lr=1e-2, batch_size=8, warmup_steps=5),
    demonstrations=64,
    sft_epochs=1,
    sft=LMConfig(lr=3e-3, batch_size=8, warmup_steps=2),
    max_new_tokens=48,
    vote_prompts=64,
    mix=PROMPT_MIX,
    tastes=Tastes(tie=0.0),  # so that babble gets votes as well
    held_out_votes=0.3,
    reward=RewardConfig(epochs=1),
    normalise_on=16,
    ppo=PPOConfig(iterations=2, rollouts=16, minibatch_size=8),
    dpo=DPOConfig(epochs=1, batch_size=8),
    grpo=GRPOConfig(iterations=2, prompts=4, group_size=4, minibatch_size=8),
    best_of=2,
)
