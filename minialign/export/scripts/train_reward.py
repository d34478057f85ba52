"""A reward model in TRL, with the run's hyperparameters: python train_reward.py --config reward.yaml

From sft/ it gets a fresh head; `--model reward` goes on with the run's own trunk and head.  It scores the last token alone:
reward/score.json and reward_function.py are what the run's own reward model is besides.
"""

from dataclasses import dataclass

from datasets import load_dataset
from trl import RewardConfig, RewardTrainer, TrlParser


@dataclass
class Where:
    model: str = "sft"  # the model to begin with
    data: str = "votes-train.jsonl"


where, config = TrlParser((Where, RewardConfig)).parse_args_and_config()
data = load_dataset("json", data_files=where.data, split="train")
trainer = RewardTrainer(where.model, args=config, train_dataset=data)
trainer.train()
trainer.save_model()
trainer.save_state()
