"""Read the stored values of other people's programs (tests/golden/README.md says which) and compare with them."""

import functools
import gzip
import io
from pathlib import Path

import numpy as np
from numpy.testing import assert_allclose

from minialign.interop import from_hugging_face, to_hugging_face
from minialign.model import LanguageModel, scalar_model_from

FOLDER = Path(__file__).parent / "golden"


def files(pattern):
    """The stored files of a group, by name without ending; there must be at least one, or a test would test nothing."""
    names = sorted(path.name.removesuffix(".npz.gz") for path in FOLDER.glob(pattern + ".npz.gz"))
    assert names, f"no golden file matches {pattern}"
    return names


@functools.cache
def load(name):
    """dict: path of names -> array."""
    with np.load(io.BytesIO(gzip.decompress((FOLDER / f"{name}.npz.gz").read_bytes()))) as stored:
        return {key: stored[key] for key in stored.files}


def part(values, prefix):
    """The sub-dictionary under "<prefix>/", names shortened."""
    return {key[len(prefix) + 1 :]: array for key, array in values.items() if key.startswith(prefix + "/")}


def cases(values):
    """The names of the sub-dictionaries that hold arrays of their own: "a/b" for a/b/x and a/b/grad/x."""
    return sorted({key.split("/grad/")[0] if "/grad/" in key else key.rpartition("/")[0] for key in values})


def close(got, expected, tolerance=1e-9):
    """|got - expected| <= tolerance (1 + |expected|), and the same shape: no silent broadcasting."""
    got, expected = np.asarray(getattr(got, "data", got)), np.asarray(expected)
    assert got.shape == expected.shape, f"shape {got.shape} instead of {expected.shape}"
    assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


# ---- models ---------------------------------------------------------------------------------------------------------

def gpt2(config, weights, dtype=np.float64):
    """A LanguageModel with the weights of a stored GPT-2."""
    weights = {name: array.astype(dtype) for name, array in weights.items()}
    return from_hugging_face({"model_type": "gpt2", **config}, weights)


def gpt2_weights(values):
    """Those of a dictionary's entries that are weights of the language model."""
    return {name: array for name, array in values.items() if name.startswith(("wte.", "wpe.", "h.", "ln_f."))}


def scalar_model(language_model, weight, bias=None):
    """Its trunk under a head that gives one number a token."""
    model = scalar_model_from(language_model, np.random.default_rng(0))
    model.head.weight.data = weight.reshape(-1).astype(np.float64)
    model.head.bias.data = np.zeros(1) if bias is None else bias.astype(np.float64)
    return model


def outside_names(model, of="grad"):
    """The gradients (or `of="data"`: the weights) of a model, or of a ScalarModel's trunk, under Hugging Face's names.

    Renaming, splitting and turning weights is linear, so a model that holds gradients in their place exports those.
    """
    holder = LanguageModel(model.config, np.random.default_rng(0))
    held = model.named_parameters()
    for name, parameter in holder.named_parameters().items():
        if name in held:
            array = getattr(held[name], of)
            parameter.data = np.zeros_like(parameter.data) if array is None else array
    return to_hugging_face(holder)[1]
