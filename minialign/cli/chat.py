"""Talk to the models of a run, side by side: the same question to base, SFT, PPO and DPO."""

import argparse
import os
import sys

import numpy as np

from ..batch import prompt_ids
from ..generate import generate
from ..model import LanguageModel
from ..models import MODELS, NAMES, OPTIONAL, POLICIES
from ..runs.arguments import whole_number
from ..runs.contents import load_model, load_run
from ..runs.folder import find_run
from ..runs.text import safe
from ..tokenizer import ALPHABET, CHARACTERS, EOS, encode

RESET = "\x1b[0m"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", metavar="RUN", help="a run's folder, or its name (default: the newest in runs)")
    parser.add_argument("--model", choices=(*POLICIES, *OPTIONAL, "all"), default="all", help="who answers (default all)")
    parser.add_argument("--greedy", action="store_true", help="always the most probable character: no sampling")
    parser.add_argument("--seed", type=whole_number, default=0, help="for sampling (default 0)")


def run(arguments: argparse.Namespace) -> None:
    chat(arguments.folder, arguments.model, arguments.greedy, arguments.seed)


def chat(run: str | None, which: str, greedy: bool, seed: int) -> None:
    """Read questions until the end of input or "quit", and let the models answer."""
    folder = find_run(run)
    made_by = load_run(folder)
    made = [name for name in OPTIONAL if (folder / f"{name}.npz").exists()]
    names = [*POLICIES, *made] if which == "all" else [which]
    models = {name: load_model(folder, name, made_by)[0] for name in names}
    max_new_tokens = made_by["recipe"]["max_new_tokens"]
    longest = min(model.config.context_length for model in models.values()) - max_new_tokens - 2
    temperature, rng = (0.0 if greedy else 1.0), np.random.default_rng(seed)
    at_keyboard = sys.stdin.isatty()
    if at_keyboard:
        print(f"The models of {folder}. They know {CHARACTERS.words()}, and a small world: what does a cow say?")
        print("quit, or the end of the input, ends the talk.")
    try:
        while True:
            question = read_question("you   " if at_keyboard else "")
            if question is None or question == "quit":
                return
            if not question:
                continue
            question, remark = readable(question, longest)
            if remark:
                print(remark, file=sys.stderr, flush=True)  # the talk alone is on stdout
            if not question.strip():
                continue
            if not at_keyboard:
                print(f"you   {question}")  # or nobody could tell which answer belongs to which line of a file
            for name, model in models.items():
                say(name, reply(name, model, question, max_new_tokens, temperature, rng))
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the run is unchanged; start again with the same command") from None


def read_question(prompt: str) -> str | None:
    """One line in small letters, or None at the end of the input."""
    try:
        return input(prompt).strip().lower()
    except EOFError:
        print(end="\n" if prompt else "")  # leave the line of the prompt
        return None


def readable(question: str, longest: int) -> tuple[str, str]:
    """What of a question the models can read, and what to say about the rest (the page says the same; model.js)."""
    kept = "".join(character for character in question if character in ALPHABET)
    dropped = " ".join(dict.fromkeys(character for character in question if character not in ALPHABET))
    remarks = [f"dropped: {safe(dropped)} (the models know only {CHARACTERS.words()})"] if dropped else []
    remarks += [f"cut to its first {longest} characters"] if len(kept) > longest else []
    remarks += [] if kept.strip() else ["nothing is left to ask"]
    return kept[:longest], "; ".join(remarks)


def reply(
    name: str, model: LanguageModel, question: str, max_new_tokens: int, temperature: float, rng: np.random.Generator
) -> str:
    """The model's own words; the base model gets the question as the beginning of a document, and goes on."""
    prompt = [EOS, *encode(question)] if name == "base" else prompt_ids(question)
    response = generate(model, [prompt], max_new_tokens, temperature, rng).responses()[0]
    text, special, _ = response.text.partition("<")  # a special token by its name, written by mistake: cut off there
    return text.strip() + ("" if response.ended and not special else "...")


def say(name: str, text: str) -> None:
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    line = f"{NAMES[name]:<4}  {text}"
    print(f"\x1b[{MODELS[name].ansi}m{line}{RESET}" if colour else line, flush=True)
