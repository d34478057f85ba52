"""`minialign import DIR FILE.npz`: a model that transformers or TRL has saved becomes a checkpoint of ours, and answers."""

import argparse
from pathlib import Path

from .. import checkpoint
from ..batch import prompt_ids
from ..divergence import quiet
from ..export.folder import read_model
from ..generate import generate
from ..pipeline import TOY_WORLD
from ..runs.errors import Problem
from ..runs.text import safe

MAX_NEW_TOKENS = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="a folder with config.json, model.safetensors and tokenizer.json")
    parser.add_argument("file", metavar="FILE.npz", help="where the checkpoint goes; minialign.checkpoint.load reads it")


def run(arguments: argparse.Namespace) -> None:
    if not arguments.file.endswith(".npz"):
        raise Problem(f"a checkpoint's name ends with .npz, unlike {safe(arguments.file)}")
    model = read_model(arguments.folder)
    questions = [question for question in TOY_WORLD.showcase if len(prompt_ids(question)) < model.config.context_length]
    if not questions:
        length = model.config.context_length
        what = f"its context of {length} tokens is too short for any question"
        raise Problem(f"{safe(arguments.folder)}: {what}; train a model with a longer one")
    try:  # before anything is written: a model that cannot answer is none of ours
        with quiet():
            said = generate(model, [prompt_ids(q) for q in questions], MAX_NEW_TOKENS, temperature=0).responses()
    except ValueError as problem:
        raise Problem(f"{safe(arguments.folder)} holds a model that cannot answer ({problem}); import another") from None
    checkpoint.save(model, Path(arguments.file))
    for question, response in zip(questions, said):
        print(f"   {question:<40}  {safe(response.text)}{'' if response.ended else '...'}")
    print(f"{arguments.folder} -> {arguments.file}")
