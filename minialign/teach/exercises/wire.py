"""Arguments and results as JSON, between the grader and the process that runs a learner's file.

JSON and not pickle: reading what a learner's process sends never runs its code.
"""

from typing import Any

import numpy as np


class Judge:
    """The judge of lesson 11 as data that can be sent: how much it likes each answer, and its bias for the first one."""

    def __init__(self, liking: dict[str, float], bias: float):
        self.liking, self.bias = liking, bias

    def __call__(self, question: str, first: str, second: str) -> float:
        """The probability that the first answer is the better one."""
        return float(1 / (1 + np.exp(self.liking[second] - self.liking[first] - self.bias)))


def encode(x: Any) -> Any:
    """A number, text, array, Tensor, Judge, or a list or tuple of those, in a form that json can write; else its type."""
    x = x.data if type(x).__name__ == "Tensor" else x
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "biuf":
        return {"array": x.tolist(), "dtype": x.dtype.name}
    if isinstance(x, (list, tuple)):
        return [encode(part) for part in x]
    if isinstance(x, Judge):
        return {"liking": x.liking, "bias": x.bias}
    return x if x is None or isinstance(x, (bool, int, float, str)) else {"type": type(x).__name__}


def decode(x: Any) -> Any:
    """The inverse of `encode`.  Raises ValueError, TypeError, KeyError or OverflowError for anything else."""
    if isinstance(x, list):
        return [decode(part) for part in x]
    if not isinstance(x, dict):
        return x
    if "array" in x:
        if np.dtype(x["dtype"]).kind not in "biuf":
            raise ValueError("no array of numbers")
        return np.array(x["array"], dtype=x["dtype"])
    return Judge(x["liking"], x["bias"]) if "liking" in x else Unknown(str(x["type"])[:40])


class Unknown:
    """Something that is neither a number nor an array: only the name of its type is sent."""

    def __init__(self, name: str):
        self.name = name
