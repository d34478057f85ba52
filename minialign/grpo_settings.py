"""The settings of GRPO (grpo.py), and the family as settings: METHODS is the ladder, and says what each rung fixes."""

from dataclasses import dataclass

from .checks import check_betas, check_choice, check_count, check_counts, check_flags, check_number, check_numbers

SCALES, AVERAGES, RATIOS = ("group", "batch", "none"), ("sequence", "token", "constant"), ("token", "sequence", "answer")


@dataclass(frozen=True)
class GRPOConfig:
    iterations: int = 40
    prompts: int = 16  # N questions per rollout
    group_size: int = 8  # G answers to each
    max_new_tokens: int = 48
    epochs: int = 2  # passes over the same answers
    minibatch_size: int = 64
    advantage: str = "group"  # or "batch", "none": the scale of group_advantages; "leave_one_out"; "score": r itself
    average: str = "sequence"  # or "token", "constant"
    importance: str = "token"  # or "sequence", "answer"
    kl_coef: float = 0.2  # beta: what one nat of distance costs
    kl_in_reward: bool = False  # k1 of the answer, taken from its score, instead of k3 in the loss
    cliprange: float = 0.2  # eps
    cliprange_high: float | None = None  # eps_high; None: eps
    lr: float = 3e-4
    betas: tuple = (0.9, 0.95)
    lr_decay: bool = True  # linearly to zero
    max_norm: float = 1.0
    missing_eos_penalty: float = 1.0  # taken from the score of an answer that does not end

    def __post_init__(self):
        check_counts(self, "iterations prompts max_new_tokens epochs minibatch_size")
        check_count("group_size", self.group_size, at_least=1 if self.advantage == "score" else 2)
        check_numbers(self, "kl_coef lr missing_eos_penalty", at_least=0)
        check_numbers(self, "cliprange max_norm", above=0)
        if self.cliprange_high is not None:
            check_number("cliprange_high", self.cliprange_high, above=0)
        check_betas(self.betas)
        check_flags(self, "lr_decay kl_in_reward")
        check_choice("advantage", self.advantage, (*SCALES, "leave_one_out", "score"))
        check_choice("average", self.average, AVERAGES)
        check_choice("importance", self.importance, RATIOS)


METHODS = {  # the ladder, and what each rung fixes
    # Williams 1992: right on average, and very noisy.  Ahmadian et al. 2024: a baseline takes most of the noise away
    "REINFORCE": GRPOConfig(advantage="score", importance="answer", kl_in_reward=True),
    "RLOO": GRPOConfig(advantage="leave_one_out", importance="answer", kl_in_reward=True),
    "GRPO": GRPOConfig(),  # Shao et al. 2024: scores of every scale push alike; each token has its own ratio and leash
    "Dr. GRPO": GRPOConfig(advantage="none", average="constant"),  # Liu et al. 2025: no bias towards agreement or length
    "DAPO": GRPOConfig(average="token", cliprange_high=0.28, kl_coef=0.0),  # Yu et al. 2025: rare tokens can grow further
    "GSPO": GRPOConfig(importance="sequence", cliprange=3e-4, cliprange_high=4e-4),  # Zheng et al. 2025: answers are scored
}
