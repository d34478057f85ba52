"""A stage of the pipeline on disk: its model or its votes, and a JSON that says what they are and seals them.

The JSON is written last and holds the stage's key, the fingerprint of the code, kind and configuration of the model, and the
SHA-256 of each file and of itself.  What is read has to be, byte for byte, what was written, and of the kind that is wanted.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import cache, checkpoint, preferences
from .history import History
from .model import LanguageModel, ModelConfig, RewardModel
from .tokenizer import Tokenizer

KINDS: dict[str, type] = {"reward": RewardModel}  # of model; all other stages make a LanguageModel


@dataclass
class Stage:
    """What a stage leaves behind."""

    model: Any  # of the votes: (votes to train on, held-out votes)
    history: History
    seconds: float
    cached: bool = False


class UnreadableStage(ValueError):
    """A cached stage is damaged, or is none of ours."""


def kind_of(name: str) -> type:
    return KINDS.get(name, LanguageModel)


def endings(name: str) -> list[str]:
    """How the files of a stage end, besides its description."""
    return [".npz"] if name != "votes" else ["-train.jsonl", "-held_out.jsonl"]


def store(stem: Path, stage: Stage, code: str) -> None:
    """Write a stage to disk as FOLDER/NAME-KEY.*; its JSON is written last, so that all else is there."""
    name, key = stem.name.rsplit("-", 1)
    files = [Path(f"{stem}{ending}") for ending in endings(name)]
    for path, content in zip(files, [stage.model] if name != "votes" else stage.model):
        write = checkpoint.save if name != "votes" else preferences.save_jsonl
        write(content, path)
    about = {
        "stage": name,
        "key": key,
        "code": code,
        "model": checkpoint.described(stage.model),
        "seconds": stage.seconds,
        "history": stage.history.to_dict(),
        "files": {ending: cache.sha256(path) for ending, path in zip(endings(name), files)},
    }
    text = json.dumps(cache.seal(about), allow_nan=False)
    checkpoint.atomically(f"{stem}.json", lambda file: file.write(text.encode("utf-8")))


def read(stem: Path, config: ModelConfig, tokenizer: Tokenizer) -> Stage:
    """A stage from disk.  Raises UnreadableStage, with the reason, unless all of it is as it was written."""
    name, key = stem.name.rsplit("-", 1)
    try:
        about = cache.unseal(json.loads(Path(f"{stem}.json").read_text(encoding="utf-8")))
        if about["key"] != key:
            raise ValueError(f"it is the {about['stage']} stage of another run")
        files = [Path(f"{stem}{ending}") for ending in endings(name)]
        for ending, path in zip(endings(name), files):
            if about["files"][ending] != cache.sha256(path):
                raise ValueError(f"{path.name} has been changed")
        if name != "votes":
            model = checkpoint.load(files[0], kind=kind_of(name), config=config)
        else:
            model = tuple(preferences.load_jsonl(path, tokenizer=tokenizer) for path in files)
        return Stage(model, History.from_dict(about["history"]), about["seconds"], cached=True)
    except (ValueError, LookupError, TypeError, AttributeError, FileNotFoundError, RecursionError) as problem:
        raise UnreadableStage(f"the {name} stage in {stem.parent} cannot be read ({problem})") from problem
