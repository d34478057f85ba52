"""GRPO in TRL on the run's reward model, with the run's hyperparameters: python train_grpo.py --config grpo.yaml

On several GPUs or machines, with the batch size divided by their number:
    accelerate launch --num_processes 2 train_grpo.py --config grpo.yaml --per_device_train_batch_size 16
On two processors: the same with --multi_gpu, which starts two processes, before the script, and --use_cpu true behind it.
"""

from dataclasses import dataclass

from datasets import load_dataset
from reward_function import reward_function
from trl import GRPOConfig, GRPOTrainer, TrlParser


@dataclass
class Where:
    model: str = "sft"  # the model to begin with, and the reference
    data: str = "questions.jsonl"
    missing_eos_penalty: float = 1.0  # taken from the score of an answer that does not end


where, config = TrlParser((Where, GRPOConfig)).parse_args_and_config()
data = load_dataset("json", data_files=where.data, split="train")
score = reward_function(missing_eos_penalty=where.missing_eos_penalty)
trainer = GRPOTrainer(where.model, reward_funcs=score, args=config, train_dataset=data)
trainer.train()
trainer.save_model()
trainer.save_state()
