"""How fast is it?  Whole steps of minialign beside the matrix products alone and beside PyTorch, in turn, in one run.

sizes      what is measured: the shapes, the starting weights, the inputs      worker   one process, one system
workloads  four steps of training and sampling, by the library's own functions driver   visits the processes in turn
products   the matrix products of those steps, and nothing else: the yardstick ratios   medians and their spread
torch_*    the same steps as a good PyTorch programmer would write them        report   the tables
ablate     the same steps with one optimisation undone at a time               scaling  cost as the work grows
"""

WORKLOADS = {
    "train": "training step",
    "sample": "sampling with cache",
    "dpo": "DPO step",
    "ppo": "PPO iteration",
}
SIZE_NAMES = ("small", "large", "tiny")  # tiny measures nothing worth knowing: it shows that everything works


class CannotMeasure(Exception):
    """Something that the person at the keyboard can put right; its text is one line: what is wrong; what to do."""
