"""Supervised fine-tuning in TRL, with the run's hyperparameters: python train_sft.py --config sft.yaml

On several GPUs or machines, with the batch size divided by their number:
    accelerate launch --num_processes 2 train_sft.py --config sft.yaml --per_device_train_batch_size 8
On two processors: the same with --multi_gpu, which starts two processes, before the script, and --use_cpu true behind it.
"""

from dataclasses import dataclass

from datasets import load_dataset
from trl import SFTConfig, SFTTrainer, TrlParser


@dataclass
class Where:
    model: str = "base"  # the model to begin with
    data: str = "demonstrations.jsonl"


where, config = TrlParser((Where, SFTConfig)).parse_args_and_config()
data = load_dataset("json", data_files=where.data, split="train")
trainer = SFTTrainer(where.model, args=config, train_dataset=data)
trainer.train()
trainer.save_model()
trainer.save_state()  # trainer_state.json: the loss at every step
