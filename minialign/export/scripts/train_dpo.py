"""DPO in TRL, with the run's hyperparameters: python train_dpo.py --config dpo.yaml

On several GPUs or machines, with the batch size divided by their number:
    accelerate launch --num_processes 2 train_dpo.py --config dpo.yaml --per_device_train_batch_size 16
On two processors: the same with --multi_gpu, which starts two processes, before the script, and --use_cpu true behind it.
"""

from dataclasses import dataclass

from datasets import load_dataset
from trl import DPOConfig, DPOTrainer, TrlParser


@dataclass
class Where:
    model: str = "sft"  # the model to begin with, and the reference
    data: str = "votes-train.jsonl"


where, config = TrlParser((Where, DPOConfig)).parse_args_and_config()
data = load_dataset("json", data_files=where.data, split="train")
trainer = DPOTrainer(where.model, args=config, train_dataset=data)
trainer.train()
trainer.save_model()
trainer.save_state()
