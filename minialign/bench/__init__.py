"""How fast is it?  Whole steps of minialign beside the matrix products alone and beside PyTorch, in turn, in one run.

What is measured:

    sizes      the shapes, the starting weights, the inputs
    workloads  four steps of training and sampling, by the library's own functions
    products   the matrix products of those steps and nothing else: the lower limit
    torch_*    the same steps as a good PyTorch programmer would write them
    ablate     the same steps with one optimisation undone at a time
    scaling    how the cost grows with the work

How it is measured:

    worker     one process, one system
    driver     visits the processes in turn
    ratios     medians and their spread
    records    what was found
    report     the tables
"""

from collections.abc import Callable
from typing import Any

# Only the standard library here: a worker loads its own system and no other.
Arrays = dict[str, Any]  # name -> array: losses, gradients, samples
Step = Callable[[], object]  # does the work once, to be timed
Workload = tuple[Step, Callable[[], Arrays]]  # and its numbers on fixed inputs, to be compared with other systems'

WORKLOADS = {
    "train": "training step",
    "sample": "sampling with cache",
    "dpo": "DPO step",
    "ppo": "PPO iteration",
}
STAGES = {
    "tour-base": "base model",
    "tour-sft": "SFT",
    "tour-reward": "reward model",
    "tour-ppo": "PPO",
    "tour-dpo": "DPO",
}
SIZE_NAMES = ("small", "large", "tiny")  # tiny is too small to measure: it only shows that everything works


class CannotMeasure(Exception):
    """An error that the user can fix; its text is one line: what is wrong; what to do."""
