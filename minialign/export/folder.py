"""One model as a folder that transformers loads unmodified: config.json, model.safetensors, and its tokenizer; and back.

    AutoModelForCausalLM.from_pretrained(FOLDER), AutoTokenizer.from_pretrained(FOLDER)

interop.py has the names and layouts of the weights.  `safetensors` is the optional extra "hf".
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..checkpoint import atomically
from ..interop import from_hugging_face, to_hugging_face
from ..model import LanguageModel
from ..runs.errors import Problem
from ..runs.folder import write_text
from ..runs.text import safe
from ..tokenizer import CHARACTERS, EOS, PAD, Tokenizer
from .tokenizer import alphabet_of, tokenizer_config, tokenizer_json

WEIGHTS = "model.safetensors"
CAUSAL = {"gpt2": "GPT2LMHeadModel", "gpt_neox": "GPTNeoXForCausalLM"}
DROPOUT = {"gpt2": ("attn_pdrop", "embd_pdrop", "resid_pdrop"), "gpt_neox": ("attention_dropout", "hidden_dropout")}


def safetensors() -> Any:
    """The library.  Raises Problem where it is not installed."""
    try:
        import safetensors.numpy
    except ImportError:
        raise Problem("this needs the library safetensors; install it with: pip install 'minialign[hf]'") from None
    return safetensors


def write_json(path: Path, content: dict[str, Any]) -> None:
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def write_model(folder: Path, model: LanguageModel, max_new_tokens: int, tokenizer: Tokenizer = CHARACTERS) -> None:
    """A LanguageModel -> folder, for AutoModelForCausalLM, which samples as `generate` does: temperature 1, nothing cut off."""
    config, weights = to_hugging_face(model)
    write_folder(folder, config, CAUSAL[config["model_type"]], weights, tokenizer)
    sampling = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "max_new_tokens": max_new_tokens}
    write_json(folder / "generation_config.json", {"eos_token_id": EOS, "pad_token_id": PAD} | sampling)


def write_folder(folder: Path, config: dict, architecture: str, weights: dict[str, np.ndarray], tokenizer: Tokenizer) -> None:
    """What every exported model has: the config with our special tokens and without dropout, the weights, the tokenizer."""
    dtype = next(iter(weights.values())).dtype.name
    length = config.get("n_positions") or config["max_position_embeddings"]
    about = {
        "architectures": [architecture],
        "torch_dtype": dtype,
        "eos_token_id": EOS,
        "pad_token_id": PAD,
        "bos_token_id": None,
    }
    data = safetensors().numpy.save(weights, metadata={"format": "pt"})
    write_json(folder / "config.json", config | about | dict.fromkeys(DROPOUT[config["model_type"]], 0.0))
    write_json(folder / "tokenizer.json", tokenizer_json(tokenizer))
    write_json(folder / "tokenizer_config.json", tokenizer_config(length))
    atomically(folder / WEIGHTS, lambda file: file.write(data))


def read_model(folder: str | Path) -> LanguageModel:
    """A folder of transformers -> LanguageModel, such as TRL's trainers save it.

    Raises Problem if there is none, if our model cannot be what its config says, or if it reads other characters.
    """
    folder = Path(folder)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        alphabet = alphabet_of(json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")))
        if alphabet != CHARACTERS.alphabet:
            raise ValueError(f"its tokenizer has the alphabet {alphabet!r}")
        model = from_hugging_face(config, safetensors().numpy.load((folder / WEIGHTS).read_bytes()))
        if model.config.vocab_size != CHARACTERS.vocab_size:
            raise ValueError(f"its vocabulary is of {model.config.vocab_size} tokens, its tokenizer of {CHARACTERS.vocab_size}")
        return model
    except OSError as problem:
        raise Problem(f"{safe(problem.filename)}: {problem.strerror}; name a folder written by export or by TRL") from None
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as problem:
        raise Problem(f"{safe(folder)} holds no model that can be ours ({safe(problem)}); export writes such folders") from None
    except safetensors().SafetensorError as problem:
        raise Problem(f"{safe(folder / WEIGHTS)} is damaged ({safe(problem)}); write it again") from None
