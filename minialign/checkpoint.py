"""Save and load a model: its parameters and its configuration, in one .npz file.

The file appears whole or not at all: it is written under another name first and then renamed.  A file that
parses is not trusted yet: kind, sizes, names, shapes and dtypes must match the configuration, and every number must be
finite and as it was written (SHA-256); sizes are checked before anything is built.
"""

import copy
import hashlib
import json
import os
import re
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from .autograd import Tensor
from .model import LanguageModel, ModelConfig, RewardModel, ScalarModel

_KINDS = {"LanguageModel": LanguageModel, "ScalarModel": ScalarModel, "RewardModel": RewardModel}
FORMAT = "minialign"
UNFINISHED = ".writing-"  # how the name of a file begins that is being written
ABANDONED = 3600  # seconds after which such a file was left behind by a kill


def save(model, path, dtype=None, **extra):
    """Write a model, and further arrays or numbers by name, to `path`.

    dtype: how to store the parameters, if not as they are; read back, they have the model's own again.
    Raises OSError if the folder cannot be written, and ValueError for what `load` would refuse: a parameter that is not finite,
    a dtype that is neither the model's own nor float16, another kind of model, and an extra that is no array of plain values.
    """
    about = {"format": FORMAT, **described(model)}
    if about["kind"] not in _KINDS:
        raise ValueError(f"a checkpoint holds one of {', '.join(_KINDS)}, not a {about['kind']}")
    with np.errstate(over="ignore"):  # what is too large for a float16 becomes infinite, and is refused
        arrays = {f"parameter/{name}": p.data.astype(dtype or p.dtype) for name, p in model.named_parameters().items()}
    for name, values in arrays.items():
        if values.dtype not in (model.config.dtype, np.float16):
            raise ValueError(f"dtype must be float16 or the model's own, {model.config.dtype}, not {values.dtype}")
        _check_finite(name.removeprefix("parameter/"), values)
    for name, value in extra.items():
        arrays[f"extra/{name}"] = np.asarray(value)
        if arrays[f"extra/{name}"].dtype.hasobject:
            raise ValueError(f"the extra {name} must be an array, a number or a text, not {value!r}")
    about["sha256"] = _digest(about, arrays)
    atomically(path, lambda file: np.savez(file, about=json.dumps(about), **arrays))


def described(model):
    """What a model is, as plain data: its kind and its configuration; of anything else (votes) None -> dict or None."""
    return {"kind": type(model).__name__, "config": asdict(model.config)} if hasattr(model, "config") else None


def load(path, with_extra=False, kind=None, config=None):
    """Read a model back; with_extra also returns the dict of further arrays.

    kind, config: LanguageModel or ScalarModel, and its ModelConfig, where the caller knows what it has to be.
    Raises FileNotFoundError, or ValueError if the file is not a whole checkpoint of this project, or another model's.
    """
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no checkpoint at {path}")
    try:
        if not os.path.isfile(path):  # to open a pipe would wait for ever
            raise ValueError("it is not a regular file")
        with open(path, "rb") as file, np.load(file) as stored:
            about = json.loads(str(stored["about"]))
            stored_kind, stored_config = _about(about)
            _check_wanted(stored_kind, stored_config, kind, config)
            arrays = {name: stored[name] for name in stored.files if name != "about"}
        parameters = {name[10:]: values for name, values in arrays.items() if name.startswith("parameter/")}
        extra = {name[6:]: values for name, values in arrays.items() if name.startswith("extra/")}
        if len(parameters) + len(extra) != len(arrays):
            raise ValueError("it holds arrays that are neither parameters nor extras")
        _check_sizes(stored_config, parameters)
        model = stored_kind(stored_config, np.random.default_rng(0))
        _fill(model, parameters)
        if about["sha256"] != _digest(about, arrays):
            raise ValueError("it is not what was written: its SHA-256 differs")
    except Exception as problem:  # zip, NumPy and JSON each have ways of their own to refuse a stranger's file
        raise ValueError(f"{path} is not a whole minialign checkpoint ({problem})") from None
    return (model, extra) if with_extra else model


def _digest(about, arrays):
    """The SHA-256 of a model: its kind, its configuration and every number."""
    digest = hashlib.sha256(json.dumps([about["kind"], about["config"]], sort_keys=True).encode("utf-8"))
    for name, values in sorted(arrays.items()):
        digest.update(f"{name} {values.dtype} {values.shape}".encode() + values.tobytes())
    return digest.hexdigest()


def _about(about):
    """(class of the model, ModelConfig) as the file has them."""
    if about["format"] != FORMAT:
        raise ValueError(f"its format is {about['format']!r}, not {FORMAT!r}")
    if about["kind"] not in _KINDS:
        raise ValueError(f"its kind is {about['kind']!r}, not one of {', '.join(_KINDS)}")
    if "sha256" not in about:
        raise ValueError("it has no SHA-256, so damage would go unseen; make the model again and save it with checkpoint.save")
    return _KINDS[about["kind"]], ModelConfig(**about["config"])


def _check_wanted(stored_kind, stored_config, kind, config):
    """Raise ValueError if this is a model, but not the one that is wanted."""
    if kind not in (None, stored_kind):
        raise ValueError(f"it holds a {stored_kind.__name__}, not a {kind.__name__}")
    for name, wanted in asdict(config).items() if config else ():
        if (stored := getattr(stored_config, name)) != wanted:
            raise ValueError(f"its {name} is {stored!r}, not {wanted!r}")


def _check_sizes(config, parameters):
    """Raise ValueError if the model would be larger than what is stored, before a million layers are built."""
    _check_shape("trunk.token_embedding", parameters, (config.vocab_size, config.d_model))
    if config.positions == "learned":
        _check_shape("trunk.position_embedding", parameters, (config.context_length, config.d_model))
    blocks = {match[0] for name in parameters if (match := re.match(r"trunk\.blocks\.\d+\.", name))}
    if len(blocks) != config.n_layer:
        raise ValueError(f"it holds {len(blocks)} layers, and its configuration says {config.n_layer}")


def _check_shape(name, parameters, shape):
    if name not in parameters:
        raise ValueError(f"the parameter {name} is missing")
    if parameters[name].shape != shape:
        raise ValueError(f"{name} has shape {parameters[name].shape}, not {shape}")


def _check_finite(name, values):
    if not np.isfinite(values).all():
        raise ValueError(f"the parameter {name} holds numbers that are not finite")


def _fill(model, parameters):
    """Give a fresh model the stored parameters: all of them, of its own shapes and dtype, and no others."""
    fresh = model.named_parameters()
    for name, p in fresh.items():
        _check_shape(name, parameters, p.shape)
        if parameters[name].dtype not in (p.dtype, np.float16):
            raise ValueError(f"{name} has dtype {parameters[name].dtype}, not {p.dtype}")
        _check_finite(name, parameters[name])
        p.data = parameters[name].astype(p.dtype, copy=False)  # a file of half its size holds float16
    if unknown := parameters.keys() - fresh.keys():
        raise ValueError(f"it holds unknown parameters: {', '.join(sorted(unknown))}")


def frozen_copy(model):
    """The same model as a constant: no gradients, and NumPy refuses to write to its parameters."""
    frozen = copy.copy(model)
    _freeze(frozen)
    return frozen


def trainable_copy(model):
    """A copy that can be trained without touching the original."""
    new = type(model)(model.config, np.random.default_rng(0))
    new.copy_from(model)
    new.trunk.ops = model.trunk.ops
    return new


def atomically(path, write):
    """Call write(file) on a temporary file beside `path`, then give it its name in one step."""
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    _sweep(folder)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=UNFINISHED)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
        os.chmod(temporary, 0o644)
        _replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _replace(temporary, path):
    """os.replace; on Windows a virus scanner or an indexer may hold the file for a moment, so try for a second."""
    for seconds in (0.01, 0.04, 0.15, 0.3, 0.5):
        try:
            return os.replace(temporary, path)
        except PermissionError:
            time.sleep(seconds)
    os.replace(temporary, path)


def _sweep(folder):
    """Remove what a killed process left half written, long ago."""
    for left in Path(folder).glob(UNFINISHED + "*"):
        try:
            if time.time() - left.stat().st_mtime > ABANDONED:
                left.unlink()
        except OSError:  # another process has swept it, or it is not ours to remove
            pass


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
