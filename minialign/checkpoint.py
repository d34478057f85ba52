"""Keep a model: its parameters in an .npz, its configuration beside them in the same file.

The file appears whole or not at all: it is written under another name first and then renamed.
"""

import copy
import json
import os
import tempfile
from dataclasses import asdict

import numpy as np

from .autograd import Tensor
from .model import LanguageModel, ModelConfig, ScalarModel

_KINDS = {"LanguageModel": LanguageModel, "ScalarModel": ScalarModel}


def save(model, path, **extra):
    """Write a model, and further arrays or numbers by name, to `path`.  Raises OSError if the folder cannot be written."""
    about = {"format": "minialign", "kind": type(model).__name__, "config": asdict(model.config)}
    arrays = {f"parameter/{name}": p.data for name, p in model.named_parameters().items()}
    arrays.update({f"extra/{name}": np.asarray(value) for name, value in extra.items()})
    atomically(path, lambda file: np.savez(file, about=json.dumps(about), **arrays))


def load(path, with_extra=False):
    """Read a model back; with_extra also returns the dict of further arrays.

    Raises FileNotFoundError, or ValueError if the file is not a whole checkpoint of this project.
    """
    try:
        with open(path, "rb") as file, np.load(file) as stored:
            about = json.loads(str(stored["about"]))
            config = ModelConfig(**about["config"])
            model = _KINDS[about["kind"]](config, np.random.default_rng(0))
            for name, p in model.named_parameters().items():
                values = stored[f"parameter/{name}"]
                if values.shape != p.shape:
                    raise ValueError(f"{name} has shape {values.shape}, not {p.shape}")
                p.data = values.astype(config.dtype)
            extra = {k[6:]: stored[k] for k in stored.files if k.startswith("extra/")}
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no checkpoint at {path}") from None
    except Exception as problem:  # zip, NumPy and JSON each have ways of their own to refuse a stranger's file
        raise ValueError(f"{path} is not a whole minialign checkpoint ({problem})") from None
    return (model, extra) if with_extra else model


def frozen_copy(model):
    """The same model as a constant: no gradients, and NumPy refuses to write to its parameters."""
    frozen = copy.copy(model)
    _freeze(frozen)
    return frozen


def trainable_copy(model):
    """A copy that can be trained without touching the original."""
    new = type(model)(model.config, np.random.default_rng(0))
    for name, p in new.named_parameters().items():
        p.data = model.named_parameters()[name].data.copy()
    return new


def atomically(path, write):
    """Call write(file) on a temporary file beside `path`, then give it its name in one step."""
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _freeze(module):
    for name, value in vars(module).items():
        if isinstance(value, Tensor):
            data = value.data.copy()
            data.flags.writeable = False
            setattr(module, name, Tensor(data))
        elif isinstance(value, list):
            items = [copy.copy(item) for item in value]
            setattr(module, name, items)
            for item in items:
                _freeze(item)
        elif hasattr(value, "named_parameters"):
            part = copy.copy(value)
            setattr(module, name, part)
            _freeze(part)
