"""The reward model for transformers: as much of it as a sequence-classification model can be, and the rest in a file beside it.

    r(x, y) = mean_t (w . h_t + b) + a mean_t log pi_SFT(y_t) + c min_t log pi_SFT(y_t),        score = (r - mean) / std

A GPTNeoXForSequenceClassification (or GPT2's) is w . h at the last token, and nothing else: it has no place for the mean over
the answer's tokens, none for b, and none for a second model, the frozen SFT model.  So its number is not ours, and the folder
reward/ holds two things:

    model.safetensors    trunk and w, which AutoModelForSequenceClassification loads, and RewardTrainer goes on with
    score.json           b, a, c, mean, std and how tokens are pooled: what reward_function.py, with sft/, makes the score of

A ScalarModel read at the last token (pooling "last", a = c = 0) is such a classifier, up to b, which no comparison sees.
"""

from pathlib import Path
from typing import Any

import numpy as np

from ..interop import PREFIX, to_hugging_face
from ..model import LanguageModel, RewardModel, ScalarModel
from ..reward import Scorer
from ..tokenizer import CHARACTERS, Tokenizer
from .folder import write_folder, write_json

CLASSIFIER = {"gpt2": "GPT2ForSequenceClassification", "gpt_neox": "GPTNeoXForSequenceClassification"}


def write_reward_model(folder: Path, scorer: Scorer, tokenizer: Tokenizer = CHARACTERS) -> None:
    """The Scorer of a run -> folder, for AutoModelForSequenceClassification and for reward_function.py."""
    model: Any = scorer.model
    config, weights = classifier(model)
    one_number = {"num_labels": 1, "id2label": {"0": "score"}, "label2id": {"score": 0}, "classifier_dropout": 0.0}
    write_folder(folder, config | one_number, CLASSIFIER[config["model_type"]], weights, tokenizer)
    a, c = model.likelihood_weights.data if isinstance(model, RewardModel) else (0.0, 0.0)
    about = {"pooling": scorer.pooling, "b": float(model.head.bias.data[0]), "a": float(a), "c": float(c)}
    write_json(folder / "score.json", about | {"mean": float(scorer.mean), "std": float(scorer.std)})


def classifier(model: ScalarModel) -> tuple[dict, dict[str, np.ndarray]]:
    """(config, weights) of a ScalarModel under the names of transformers' classifiers; b is left out: they have none."""
    shell = LanguageModel(model.config, np.random.default_rng(0))  # its head for words stays behind
    shell.trunk = model.trunk
    config, weights = to_hugging_face(shell)
    prefix = PREFIX[config["model_type"]]
    trunk = {prefix + name.removeprefix(prefix): array for name, array in weights.items() if name != "lm_head.weight"}
    return config, trunk | {"score.weight": model.head.weight.data[None].copy()}  # (1, C)
