"""The base model that comes with the package: few who align a model pretrain it, and the classroom cut begins here.

pretrained.npz holds its weights in half precision, pretrained.json what it was made from and the loss of every step;
`python -m minialign.pretrain` makes both again.
"""

import json
from pathlib import Path

from . import checkpoint
from .history import History
from .model import LanguageModel, ModelConfig

WEIGHTS = Path(__file__).with_suffix(".npz")
ABOUT = WEIGHTS.with_suffix(".json")


def load(config: ModelConfig) -> tuple[LanguageModel, History]:
    """The model, and the loss of every step of its training.

    Raises ValueError if a model of another configuration is wanted.
    """
    model, history = checkpoint.load(WEIGHTS), History()
    if model.config != config:
        raise ValueError("the base model that comes with the package has another configuration; train one: shipped_base=False")
    for step, loss in enumerate(about()["losses"]):
        history.log(step, {"loss": loss})
    return model, history


def about() -> dict:
    """What the model was made from ("source"), its final loss, the seconds that took, and the loss of every step ("losses")."""
    return json.loads(ABOUT.read_text(encoding="utf-8"))
