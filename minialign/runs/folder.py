"""One run on disk: runs/tour-s0/ with its numbers, models, votes and pictures.

Every file appears whole or not at all, and run.json last: a folder that has one is a finished run.
"""

import io
import json
import re
import tempfile
from dataclasses import asdict
from pathlib import Path

from .. import cache, checkpoint, pipeline, preferences
from ..checkpoint import atomically
from ..models import OPTIONAL, TRAINED
from ..pipeline import Journey, Recipe
from . import contents
from .errors import Problem
from .records import Measured
from .text import quoted, safe, samples_text

OWN_VOTES = "-votes-"


def check_writable(folder: str | Path, another: str = "folder with --out DIR") -> None:
    """Find out now, not after minutes of training, that nothing can be written.  another: what the command takes instead."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as problem:
        raise Problem(f"cannot write to {folder} ({problem.strerror}); choose another {another}") from None


def run_name(fast: bool, seed: int, votes: str = "") -> str:
    """The folder of a tour.  votes: what `votes_name` says of one's own."""
    return f"tour-{'fast-' if fast else ''}s{seed}{votes}"


def votes_name(path: str | Path, votes: preferences.Preferences) -> str:
    """How the folder of a run on these votes ends: -votes-FILE-DIGEST, so that no two sets of votes share one."""
    stem = re.sub(r"[^A-Za-z0-9_]+", "-", Path(path).stem)[:40].strip("-")
    return f"{OWN_VOTES}{stem or 'file'}-{cache.digest(votes)[:6]}"


def cast_on(name: str) -> str:
    """The name of the run on whose answers votes were cast, from that of a run on them: they share their SFT model."""
    return name.split(OWN_VOTES)[0]


def save_run(journey: Journey, measured: Measured, folder: str | Path) -> dict[str, str]:
    """Write everything about a finished journey -> what each figure shows, in words, by its name."""
    from ..figures import plots, style  # matplotlib is slow to load: only when there is something to draw

    folder, files = Path(folder), []
    (folder / "run.json").unlink(missing_ok=True)  # until all is there again
    scorer = journey.scorer()
    for name in OPTIONAL:
        (folder / f"{name}.npz").unlink(missing_ok=True)  # of an earlier run, which this one replaces
    for name in (*TRAINED, *journey.extras):  # the reward model with the scale of its scores
        extra = {"mean": scorer.mean, "std": scorer.std} if name == "reward" else {}
        checkpoint.save(journey.model(name), folder / f"{name}.npz", **extra)
        files.append(f"{name}.npz")
    for votes, part in zip(journey.votes(), ("train", "held-out")):
        preferences.save_jsonl(votes, folder / f"votes-{part}.jsonl")
        files.append(f"votes-{part}.jsonl")
    write_text(folder / "samples.txt", samples_text(measured.samples))
    curves = {name: journey.in_memory[name].history.to_dict() for name in (*TRAINED, *journey.extras)}
    write_text(folder / "curves.json", json.dumps(curves))
    base, sft = (journey.stage(name).history for name in ("base", "sft"))
    calibrated = measured.reward.accuracy, measured.reward.ceiling, measured.reward.ece, measured.reward.calibration
    drawn = {
        "learning": plots.learning_curves(base, sft, measured.base.guessing),
        "calibration": plots.reward_calibration(*calibrated),
        "ppo": plots.ppo_dashboard(journey.stage("ppo").history),
        "dpo": plots.dpo_curves(journey.stage("dpo").history),
        "scoreboard": plots.scoreboard([measured.scoreboard]),
    }
    for name, (figure, words) in drawn.items():
        style.save(figure, folder / name, words)
    sealed = contents.seal(folder, measured.to_json(), [*files, "samples.txt", "curves.json"])
    write_text(folder / "run.json", json.dumps(sealed, indent=1, allow_nan=False))
    return {name: words for name, (_, words) in drawn.items()}


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


def recipe_of(results: dict) -> Recipe | None:
    """The tour's recipe that a run was made with; None if it was made with one of its own."""
    for recipe in (pipeline.FULL, pipeline.FAST):
        if json.loads(json.dumps(asdict(Journey(recipe, 0).recipe))) == results["recipe"]:
            return recipe
    return None


def tour_command(results: dict, out: Path) -> str:
    """The tour that made a run, into the same folder of runs: there its stages are kept."""
    fast = recipe_of(results) == pipeline.FAST
    where = "" if out == Path("runs").resolve() else f" --out {quoted(out)}"
    return f"minialign tour{' --fast' if fast else ''} --seed {results['seed']}{where}"


def read_votes(path: str | Path, context_length: int, least: int = 1) -> preferences.Preferences:
    """The votes of a file.  Raises Problem if it has fewer than `least`, or naming the line that is none."""
    try:
        votes = preferences.load_jsonl(path, context_length)
    except io.UnsupportedOperation:  # which is a ValueError as well
        raise Problem(f"{safe(path)} is a pipe, which cannot be read twice; save what comes out of it as a file") from None
    except OSError as problem:
        raise Problem(f"{safe(path)}: {problem.strerror}; make votes with: minialign vote") from None
    except ValueError as problem:
        raise Problem(f"{safe(problem)}; fix or delete that line") from None
    if len(votes) < least:
        raise Problem(f"{safe(path)} holds no votes; make some with: minialign vote")
    return votes
