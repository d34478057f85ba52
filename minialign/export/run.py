"""A whole run for other people's tools: `minialign export RUN --to hf DIR`.

DIR/base/ sft/ ppo/ dpo/ (grpo/)   for AutoModelForCausalLM
DIR/reward/                        for AutoModelForSequenceClassification; reward.py says what it is and is not
DIR/*.jsonl                        votes, demonstrations, questions for TRL
DIR/*.yaml                         the run's hyperparameters under TRL's names
DIR/*.py                           the same training in TRL, on one machine or with `accelerate launch` on many
"""

from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from ..models import OPTIONAL, POLICIES
from ..pipeline import TOY_WORLD
from ..reward import Scorer
from ..runs.contents import checked, load_model, load_run
from ..runs.folder import check_writable, read_votes, write_text
from ..runs.recipe import recipe_of
from . import settings
from .datasets import write_demonstrations, write_questions, write_votes
from .folder import safetensors, write_model
from .reward import write_reward_model

SCRIPTS = Path(__file__).resolve().parent / "scripts"
QUESTIONS = 2000  # as many as PPO and GRPO draw from


def export_run(source: str | Path, target: str | Path) -> list[str]:
    """Write the run in `source` to `target` -> the names of what is there now.  Raises Problem for what cannot be."""
    source, target = Path(source), Path(target)
    safetensors()
    run = load_run(source)
    recipe = recipe_of(run)
    texts = {f"{name}.yaml": make(recipe).text() for name, make in settings.ALL.items()}
    check_writable(target, "folder with --to hf DIR")
    models = [*POLICIES, *(name for name in OPTIONAL if (source / f"{name}.npz").exists())]
    for name in tqdm(models, desc="models", leave=False, disable=None):
        write_model(target / name, load_model(source, name, run)[0], recipe.max_new_tokens)
    model, scale = load_model(source, "reward", run)
    scorer = Scorer(model, recipe.reward.pooling, float(scale["mean"]), float(scale["std"]))
    write_reward_model(target / "reward", scorer)

    for part in ("train", "held-out"):
        votes = read_votes(checked(source, f"votes-{part}.jsonl", run), recipe.model.context_length)
        write_votes(votes, target / f"votes-{part}.jsonl")
    rng = np.random.default_rng(run["seed"])  # drawn anew from the same crowd: a run does not keep its demonstrations
    write_demonstrations(TOY_WORLD.demonstrations(rng, recipe.demonstrations), target / "demonstrations.jsonl")
    write_questions(TOY_WORLD.prompts(rng, QUESTIONS, "train", recipe.mix), target / "questions.jsonl")

    texts |= {path.name: path.read_text(encoding="utf-8") for path in sorted(SCRIPTS.glob("[!_]*.py"))}
    for name, text in texts.items():
        write_text(target / name, text)
    return [*models, "reward", "votes-train.jsonl", "votes-held-out.jsonl", "demonstrations.jsonl", "questions.jsonl", *texts]
