"""The base model that comes with the package: few who align a model pretrain it, and the classroom cut begins here.

pretrained.npz holds its weights in half precision, pretrained.json what it was made from, the loss of every step and the
SHA-256 of both files; `python -m minialign.pretrain` makes them again.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import cache, checkpoint
from .history import History
from .model import LanguageModel, ModelConfig

WEIGHTS = Path(__file__).with_suffix(".npz")
ABOUT = WEIGHTS.with_suffix(".json")


class Damaged(ValueError):
    """A file of the package is missing or has been changed; the text says how to get it back."""


def load(config: ModelConfig) -> tuple[LanguageModel, History]:
    """The model, and the loss of every step of its training.

    Raises ValueError if a model of another configuration is wanted, and Damaged unless both files are as they were written.
    """
    model, history = _whole(checkpoint.load, WEIGHTS), History()
    if model.config != config:
        raise ValueError("the base model that comes with the package has another configuration; train one: shipped_base=False")
    for step, loss in enumerate(about()["losses"]):
        history.log(step, {"loss": loss})
    return model, history


def about() -> dict:
    """What the model was made from ("source"), its final loss, the seconds that took, and the loss of every step ("losses").

    Raises Damaged unless both files are as they were written.
    """
    return _whole(_about, ABOUT)


def _about(path: Path) -> dict[str, Any]:
    content = cache.unseal(json.loads(path.read_text(encoding="utf-8")))
    if content["weights"] != cache.sha256(WEIGHTS):
        raise ValueError(f"it belongs to another {WEIGHTS.name}")
    return content


def _whole(read: Callable[[Path], Any], path: Path) -> Any:
    """read(path); Damaged if that fails."""
    try:
        return read(path)
    except (OSError, ValueError, LookupError, RecursionError) as problem:
        way = "install minialign again, or make it: python -m minialign.pretrain"
        raise Damaged(f"the base model that comes with the package cannot be read ({path}: {problem}); {way}") from None
