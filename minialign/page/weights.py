"""Models small enough to travel inside the page: their parameters as float16, in base64."""

import base64
from dataclasses import asdict
from typing import Any

import numpy as np

from ..model import LanguageModel, ScalarModel

BUDGET = 2_400_000  # characters; the page itself needs the rest of its 3 MB
TINY = np.errstate(under="ignore")  # a weight too small for float16 is 0 there, and that is right


def packed(model: LanguageModel | ScalarModel, **extra: Any) -> dict[str, Any]:
    """A model as plain data: its config, the name and shape of every parameter in order, and all values in one string.

    A reward model's reference is left out: it is the SFT model, which travels anyway.
    """
    parameters = {name: p for name, p in model.named_parameters().items() if not name.startswith("reference.")}
    values = np.concatenate([p.data.ravel() for p in parameters.values()])
    return {
        "config": asdict(model.config),
        "parameters": [[name, list(p.shape)] for name, p in parameters.items()],
        "weights": as_text(values, np.float16),
        **extra,
    }


@TINY
def rounded(model: LanguageModel | ScalarModel) -> LanguageModel | ScalarModel:
    """The same model with the values that the page has, to compare the page's numbers with."""
    for p in model.parameters():
        p.data = p.data.astype(np.float16).astype(p.data.dtype)
    return model


@TINY
def as_text(values: Any, dtype: type) -> str:
    """An array as base64, little-endian whatever the machine."""
    return base64.b64encode(np.asarray(values).astype(np.dtype(dtype).newbyteorder("<")).tobytes()).decode("ascii")


def size(models: dict[str, dict[str, Any]]) -> int:
    """Characters of all weights together."""
    return sum(len(model["weights"]) for model in models.values())
