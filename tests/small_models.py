"""Models and numbers small enough for a test, and lively enough that an error in them shows."""

import numpy as np

from minialign.batch import Response
from minialign.model import LanguageModel, ModelConfig
from minialign.preferences import Preferences
from minialign.tokenizer import VOCAB_SIZE

KINDS = [(positions, tied) for positions in ("rotary", "learned") for tied in (False, True)]


def make(positions="rotary", tied=False, kind=LanguageModel, seed=0, lively=True, **changes):
    """A small float64 model; `lively` scales the weights up so that its opinions are strong enough to compare."""
    sizes = {"vocab_size": 11, "context_length": 12, "n_layer": 2, "n_head": 2, "d_model": 8, "dtype": "float64"}
    model = kind(ModelConfig(positions=positions, tied=tied, **{**sizes, **changes}), np.random.default_rng(seed))
    if lively:
        rng = np.random.default_rng(seed + 100)
        for parameter in model.parameters():
            parameter.data = parameter.data + 0.3 * rng.standard_normal(parameter.shape).astype(parameter.dtype)
    return model


def talker(kind=LanguageModel, seed=0, **changes):
    """A small model of the project's own language."""
    return make(kind=kind, vocab_size=VOCAB_SIZE, context_length=24, seed=seed, **changes)


def ragged_numbers(rng, B=4, T=7):
    """(logprobs, old, ref, values, advantages) (B, T) and a mask with rows that start and end differently."""
    mask = np.zeros((B, T))
    for b in range(B):
        start = rng.integers(0, 3)
        mask[b, start : start + rng.integers(1, T - 2)] = 1
    return [*(rng.standard_normal((B, T)) for _ in range(5)), mask]


def votes_of(n):
    """n votes between random texts."""
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefgh "))
    texts = ["".join(rng.choice(letters, size=rng.integers(1, 12))) for _ in range(2 * n)]
    return Preferences(["a"] * n, [Response(t + "x", True) for t in texts[:n]], [Response(t + "y", True) for t in texts[n:]])
