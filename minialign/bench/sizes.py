"""What is measured: the shapes of the workloads, the weights they start from, and the texts they work on.

Every system starts from the same numbers.  The model has GPT-2's form (learned positions, tied head), so that every
library can run it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..autograd import Tensor
from ..batch import prompt_ids
from ..interop import to_hugging_face
from ..model import LanguageModel, ModelConfig, ScalarModel


@dataclass(frozen=True)
class Size:
    d_model: int = 64
    n_layer: int = 2
    n_head: int = 4
    vocab_size: int = 48
    context_length: int = 96
    train: tuple = (32, 96)  # texts, tokens
    sample: tuple = (64, 32, 48)  # texts, tokens of the prompt, new tokens
    dpo: tuple = (32, 80)  # pairs, tokens
    ppo: tuple = (64, 32, 40)  # answers, tokens of the prompt, new tokens
    epochs: int = 4  # of PPO, over the same answers
    minibatches: int = 4  # an epoch

    def __str__(self):
        shape = f"d_model {self.d_model}, {self.n_layer} layers, {self.n_head} heads"
        return f"{shape}, vocabulary {self.vocab_size}, context {self.context_length}"

    def config(self, dtype: str) -> ModelConfig:
        shape = self.vocab_size, self.context_length, self.n_layer, self.n_head, self.d_model
        return ModelConfig(*shape, positions="learned", activation="relu2", tied=True, dtype=dtype)


SIZES = {
    "small": Size(),
    "large": Size(d_model=128, n_layer=4),
    "tiny": Size(8, 1, 2, 48, 16, train=(4, 12), sample=(4, 4, 6), dpo=(4, 10), ppo=(8, 4, 5)),
}
LEARNING_RATE = 1e-4  # so small that the last round does the same work as the first


def language_model(size: Any, dtype: str, seed: int = 0) -> LanguageModel:
    return LanguageModel(size.config(dtype), np.random.default_rng(seed))


def scalar_model(size: Any, dtype: str, seed: int) -> ScalarModel:
    return ScalarModel(size.config(dtype), np.random.default_rng(seed))


def named(model: LanguageModel | ScalarModel, of: Callable = lambda p: p.data) -> dict[str, np.ndarray]:
    """dict GPT-2's name -> array: the weights, or what else `of` says of a parameter, and those of a head of its own."""
    found = {name: of(p) for name, p in model.named_parameters().items()}
    heads = {name: array for name, array in found.items() if name.startswith("head.") or "." not in name}
    if "unembedding" in heads:
        heads["head.weight"] = heads.pop("unembedding").T
    config = replace(model.config, positions="learned", tied=True)  # rotary ones have no parameters
    arrays = {name: Tensor(array) for name, array in ({"trunk.position_embedding": np.zeros(0)} | found).items()}
    weights = to_hugging_face(SimpleNamespace(config=config, named_parameters=lambda: arrays))[1]
    return {name: array for name, array in weights.items() if array.size} | heads


def texts(size: Size, rows: int, tokens: int) -> np.ndarray:
    """ids (rows, tokens), drawn at random: the content of a text does not change how long a step takes."""
    return np.random.default_rng(rows).integers(4, size.vocab_size, size=(rows, tokens))


def second_half(rows: int, tokens: int) -> np.ndarray:
    """The mask (rows, tokens - 1) of an answer that fills the second half of its text."""
    mask = np.zeros((rows, tokens - 1), np.float32)
    mask[:, tokens // 2 :] = 1
    return mask


def questions(size: Size) -> list[str]:
    """The questions of the PPO iteration, of one length: list of str."""
    rows, prompt, _ = size.ppo
    letters = np.random.default_rng(1).integers(0, 26, size=(rows, prompt - 2))
    return ["".join(chr(ord("a") + i) for i in row) for row in letters]


def answered(size: Size) -> tuple[np.ndarray, np.ndarray]:
    """The questions with made-up answers, to compare systems on: ids (rows, prompt + new), and mask."""
    rows, prompt, new = size.ppo
    ids = np.hstack([[prompt_ids(q) for q in questions(size)], texts(size, rows, new)])
    mask = np.zeros((rows, prompt + new - 1), np.float32)
    mask[:, prompt - 1 :] = 1
    return ids, mask
