"""One run on disk: runs/tour-s0/ with its numbers, models, votes and pictures.

Every file appears whole or not at all, and run.json last: a folder that has one is a finished run.
"""

import json
import tempfile
from pathlib import Path

from .. import checkpoint, preferences
from ..checkpoint import atomically
from ..model import LanguageModel, ModelConfig
from ..models import OPTIONAL, TRAINED
from ..pipeline import Journey
from .errors import Problem
from .text import safe, samples_text


def check_writable(folder: str | Path) -> None:
    """Find out now, not after minutes of training, that nothing can be written."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as problem:
        raise Problem(f"cannot write to {folder} ({problem.strerror}); choose another folder with --out DIR") from None


def run_name(fast: bool, seed: int, own_votes: bool = False) -> str:
    return f"tour-{'fast-' if fast else ''}s{seed}{'-own-votes' if own_votes else ''}"


def save_run(journey: Journey, results: dict, folder: str | Path) -> dict[str, str]:
    """Write everything about a finished journey."""
    from ..figures import plots, style  # matplotlib is slow to load: only when there is something to draw

    folder = Path(folder)
    (folder / "run.json").unlink(missing_ok=True)  # until all is there again
    scorer = journey.scorer()
    for name in OPTIONAL:
        (folder / f"{name}.npz").unlink(missing_ok=True)  # of an earlier run, which this one replaces
    for name in (*TRAINED, *journey.extras):  # the reward model with the scale of its scores
        extra = {"mean": scorer.mean, "std": scorer.std} if name == "reward" else {}
        checkpoint.save(journey.model(name), folder / f"{name}.npz", **extra)
    for votes, part in zip(journey.votes(), ("train", "held-out")):
        preferences.save_jsonl(votes, folder / f"votes-{part}.jsonl")
    write_text(folder / "samples.txt", samples_text(results["samples"]))
    curves = {name: journey.in_memory[name].history.to_dict() for name in (*TRAINED, *journey.extras)}
    write_text(folder / "curves.json", json.dumps(curves))
    base, sft = (journey.stage(name).history for name in ("base", "sft"))
    drawn = {
        "learning": plots.learning_curves(base, sft, results["base"]["guessing"]),
        "calibration": plots.reward_calibration(results["reward"]),
        "ppo": plots.ppo_dashboard(journey.stage("ppo").history),
        "dpo": plots.dpo_curves(journey.stage("dpo").history),
        "scoreboard": plots.scoreboard([results["scoreboard"]]),
    }
    for name, (figure, words) in drawn.items():
        style.save(figure, folder / name, words)
    write_text(folder / "run.json", json.dumps(results, indent=1, allow_nan=False))
    return {name: words for name, (_, words) in drawn.items()}


def load_run(folder: str | Path) -> dict:
    """The numbers of a finished run -> dict.  Raises Problem if there is none."""
    path = Path(folder) / "run.json"
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        if results["format"] != "minialign run 1":
            raise ValueError(results["format"])
        ModelConfig(**results["recipe"]["model"]), int(results["recipe"]["max_new_tokens"])  # what a talk needs
        return results
    except FileNotFoundError:
        raise Problem(f"there is no finished run in {folder}; make one with: minialign tour --fast") from None
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise Problem(f"{path} is not a run of minialign ({problem}); make one with: minialign tour --fast") from None


def load_model(folder: str | Path, name: str, recipe: dict) -> LanguageModel:
    """One language model of a run.  Raises Problem if its checkpoint is missing, or is not of the run's recipe."""
    path = Path(folder) / f"{name}.npz"
    try:
        model = checkpoint.load(path)
    except (FileNotFoundError, ValueError) as problem:
        raise Problem(f"{problem}; make the run again, or choose another") from None
    if not isinstance(model, LanguageModel) or model.config != ModelConfig(**recipe["model"]):
        raise Problem(f"{path} is not the language model that run.json describes; make the run again, or choose another")
    return model


def newest_run(folder: str | Path) -> Path:
    """The finished run in a folder of runs that was written last.  Raises Problem if there is none."""
    finished = sorted(Path(folder).glob("*/run.json"), key=lambda path: path.stat().st_mtime)
    if not finished:
        raise Problem(f"there is no finished run in {folder}; make one with: minialign tour --fast")
    return finished[-1].parent


def write_text(path: str | Path, text: str) -> None:
    atomically(path, lambda file: file.write(text.encode("utf-8")))


def find_run(run: str | None) -> Path:
    """A folder, or the name of a run in runs/, or the newest one."""
    if run is None:
        return newest_run("runs")
    path = Path(run)
    return path if path.exists() or not (Path("runs") / run).exists() else Path("runs") / run


def read_votes(path: str | Path, context_length: int) -> preferences.Preferences:
    """The votes of a file.  Raises Problem if it has none, or naming the line that is none."""
    try:
        votes = preferences.load_jsonl(path, context_length)
    except ValueError as problem:
        raise Problem(f"{safe(problem)}; fix or delete that line") from None
    except OSError as problem:
        raise Problem(f"{safe(path)}: {problem.strerror}; make votes with: minialign vote") from None
    if not len(votes):
        raise Problem(f"{safe(path)} holds no votes; make some with: minialign vote")
    return votes
