"""The hyperparameters of a run under TRL's names: each line of a settings file says which of ours it is.

TRL's trainers (1.16) and ours differ in a few places that no name covers; each is said in the file where it matters.
"""

import json
from dataclasses import dataclass
from typing import Any

from ..dpo import DPOConfig
from ..pipeline import Recipe
from ..reward import RewardConfig
from ..runs.errors import Problem
from ..sft import LMConfig

LOSS_TYPE = {"sequence": "grpo", "token": "bnpo", "constant": "dr_grpo"}  # GRPOConfig.average -> GRPOConfig.loss_type of TRL


@dataclass(frozen=True)
class Setting:
    """One line: TRL's name, the value, and what it is here."""

    name: str
    value: Any
    ours: str


@dataclass(frozen=True)
class Settings:
    """A file for `--config`: what it is for, the lines, and what is different all the same."""

    about: str
    lines: list[Setting]
    differences: list[str]

    def text(self) -> str:
        """YAML with a comment on every line; every value is JSON, which YAML reads."""
        head = [f"# {self.about}", *(f"# Different: {words}" for words in self.differences)]
        return "\n".join([*head, *(f"{s.name}: {json.dumps(s.value)}  # {s.ours}" for s in self.lines)]) + "\n"

    def values(self) -> dict[str, Any]:
        return {line.name: line.value for line in self.lines}


EVERYWHERE = [
    Setting("bf16", False, "everything in float32"),
    Setting("gradient_checkpointing", False, "activations are kept, not computed again"),
    Setting("logging_steps", 1, "history.log at every step"),
    Setting("save_strategy", "no", "the script saves the model at the end"),
    Setting("report_to", "none", "no account, no network"),
]


def optimiser(config: LMConfig | RewardConfig | DPOConfig) -> list[Setting]:
    """AdamW and its schedule: a straight climb, then half a cosine; theirs begins at the first step, as ours does."""
    return [
        Setting("learning_rate", config.lr, "lr"),
        Setting("lr_scheduler_type", "cosine_warmup_with_min_lr", "optim.cosine_schedule"),
        Setting("lr_scheduler_kwargs", {"min_lr_rate": config.final_fraction}, "final_fraction"),
        Setting("warmup_steps", config.warmup_steps, "warmup_steps"),
        Setting("adam_beta1", config.betas[0], "betas[0]"),
        Setting("adam_beta2", config.betas[1], "betas[1]"),
        Setting("weight_decay", config.weight_decay, "weight_decay"),
        Setting("max_grad_norm", getattr(config, "max_norm", 1.0), "max_norm"),
        Setting("per_device_train_batch_size", config.batch_size, "batch_size; divide it by the number of processes"),
    ]


def file(name: str, lines: list[Setting], differences: list[str]) -> Settings:
    """The settings of one script, with what all of them have."""
    where = Setting("output_dir", f"trained/{name}", "where the model goes; bring it back with: minialign import")
    return Settings(f"python train_{name}.py --config {name}.yaml", [where, *lines, *EVERYWHERE], differences)


DECAY = "weight_decay leaves out biases and LayerNorm there; here it is for every parameter"
BATCHES = "rows are shuffled there; here texts of similar length also share a minibatch"


def sft(recipe: Recipe) -> Settings:
    """Supervised fine-tuning of base/ on demonstrations.jsonl."""
    config = recipe.sft
    lines = [
        Setting("num_train_epochs", recipe.sft_epochs, "sft_epochs"),
        *optimiser(config),
        Setting("max_length", recipe.model.context_length, "context_length"),
        Setting("completion_only_loss", True, "the answer mask of batch.render"),
        Setting("packing", False, "one text a row"),
    ]
    differences = [DECAY, BATCHES]
    if weight := config.replay_weight:
        differences.append(f"no replay: here {weight} of the pretraining loss is added, so that facts are not forgotten")
    if config.muon_lr is not None:
        differences.append(f"no Muon: here it moves the trunk's matrices, with muon_lr {config.muon_lr}")
    return file("sft", lines, differences)


def reward(recipe: Recipe) -> Settings:
    """A reward model from sft/ and the votes."""
    config = recipe.reward
    lines = [
        Setting("num_train_epochs", config.epochs, "epochs"),
        *optimiser(config),
        Setting("center_rewards_coefficient", config.center / 4, "center / 4"),
        Setting("max_length", recipe.model.context_length, "context_length"),
    ]
    gap = "(r_w + r_l)^2 is held near 0 there; here (r_w^2 + r_l^2) / 2, which is [(r_w + r_l)^2 + (r_w - r_l)^2] / 4"
    one_number = "the score is read at the last token, without the SFT model's log-probabilities (reward/score.json has both)"
    return file("reward", lines, [one_number, gap, DECAY, BATCHES])


def dpo(recipe: Recipe) -> Settings:
    """DPO from sft/ and the votes."""
    config = recipe.dpo
    lines = [
        Setting("beta", config.beta, "beta"),
        Setting("loss_type", [config.loss_type], "loss_type"),
        Setting("label_smoothing", config.label_smoothing, "label_smoothing"),
        Setting("num_train_epochs", config.epochs, "epochs"),
        *optimiser(config),
        Setting("max_length", recipe.model.context_length, "context_length"),
    ]
    smoothed = ["label smoothing is not that of the sigmoid loss there"] if config.label_smoothing else []
    ipo = ["IPO takes means over tokens there, and sums here"] if config.loss_type == "ipo" else []
    decay = [DECAY] if config.weight_decay else []
    return file("dpo", lines, [*smoothed, *ipo, *decay, BATCHES])


def grpo(recipe: Recipe) -> Settings:
    """GRPO from sft/ on the scores of reward_function.py.  Raises Problem for a method that TRL's GRPOTrainer is not."""
    config, answers = recipe.grpo, recipe.grpo.prompts * recipe.grpo.group_size
    other = config.advantage not in ("group", "batch", "none") or config.importance == "answer"
    if other or (config.kl_in_reward and config.kl_coef) or answers % config.minibatch_size:
        raise Problem("TRL's GRPOTrainer is not this method (RLOO has a trainer of its own); export a run with GRPO's settings")
    steps = answers // config.minibatch_size  # per pass over a rollout
    lines = [
        Setting("max_steps", config.iterations * steps * config.epochs, "iterations x minibatches x epochs"),
        Setting("num_generations", config.group_size, "group_size"),
        Setting("per_device_train_batch_size", config.minibatch_size, "minibatch_size; divide it by the number of processes"),
        Setting("steps_per_generation", steps, "prompts x group_size / minibatch_size"),
        Setting("num_iterations", config.epochs, "epochs"),
        Setting("max_completion_length", config.max_new_tokens, "max_new_tokens"),
        Setting("beta", config.kl_coef, "kl_coef"),
        Setting("use_bias_correction_kl", False, "k3 is not multiplied by rho"),
        Setting("epsilon", config.cliprange, "cliprange"),
        Setting("epsilon_high", config.cliprange_high, "cliprange_high"),
        Setting("scale_rewards", config.advantage, "advantage"),
        Setting("loss_type", LOSS_TYPE[config.average], "average"),
        Setting("importance_sampling_level", config.importance, "importance"),
        Setting("missing_eos_penalty", config.missing_eos_penalty, "missing_eos_penalty, in reward_function.py"),
        Setting("temperature", 1.0, "sampling as generate does it"),
        Setting("learning_rate", config.lr, "lr"),
        Setting("lr_scheduler_type", "linear" if config.lr_decay else "constant", "lr_decay"),
        Setting("adam_beta1", config.betas[0], "betas[0]"),
        Setting("adam_beta2", config.betas[1], "betas[1]"),
        Setting("max_grad_norm", config.max_norm, "max_norm"),
    ]
    decay = ["the learning rate falls at every step there, and here at every rollout"] if config.lr_decay else []
    return file("grpo", lines, decay)


ALL = {"sft": sft, "reward": reward, "dpo": dpo, "grpo": grpo}
