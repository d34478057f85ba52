"""Train on a class's votes in a process of its own: DPO at once, then PPO, and what the class's own models answer.

    python -m minialign.classroom.train RUN VOTES ANSWERS     writes ANSWERS, again after everything that is new:

    {"votes": n, "models": {"dpo": [[asked, said]]}, "doing": {"name": "ppo", "began": time, "of": seconds it may take}}

Only answers that pass the screen are written; the wall shows nothing that is no sentence of the world.  The process ends when
its standard input does, which the server holds open: it cannot outlive a server that was killed.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from ..batch import Response
from ..checkpoint import atomically
from ..pipeline import Journey
from ..runs.contents import load_run
from ..runs.folder import read_votes, recipe_of
from ..runs.metrics import five_answers
from .prepare import screened

UNSHOWN = "(no sentence of this world: not shown)"


def answers(journey: Journey, name: str) -> list[tuple[str, str]]:
    """What one model says to the five questions, most probably."""
    said = five_answers(journey, name)
    rows = [(a.question, Response(a.greedy, a.greedy_ended)) for a in said]
    return [(question, response.text if screened(response) else UNSHOWN) for question, response in rows]


def expected(journey: Journey, results: dict[str, Any], name: str) -> float:
    """Seconds that a stage may take: what it took in the run, and fewer for as many fewer steps on the class's votes."""
    seconds = float(results["timings"]["seconds"].get(name, 0.0))
    if name not in ("reward", "dpo"):
        return seconds
    usual, config = getattr(journey.recipe, name), journey.enough(getattr(journey.recipe, name))
    n, of = len(journey.votes()[0]), int(results["votes"]["train"])
    return seconds * config.epochs * -(-n // config.batch_size) / (usual.epochs * -(-of // usual.batch_size))


def main(run: str, votes: str, out: str) -> None:
    results = load_run(run)
    recipe = recipe_of(results)
    assert recipe is not None, "the server has looked"
    own = read_votes(votes, recipe.model.context_length)
    models: dict[str, list] = {}

    def write(**doing: Any) -> None:
        told = {"votes": len(own), "models": models, "doing": doing}
        atomically(out, lambda file: file.write(json.dumps(told).encode("utf-8")))

    def say(name: str) -> None:
        write(name=name, began=time.time(), of=expected(journey, results, name))

    journey = Journey(recipe, int(results["seed"]), Path(run).resolve().parent / "cache", say, own)
    for name in ("sft", "dpo", "ppo"):  # DPO needs no reward model, so it comes first
        models[name] = answers(journey, name)
        write()


if __name__ == "__main__":
    threading.Thread(target=lambda: os.read(0, 1) or os._exit(1), daemon=True).start()
    main(*sys.argv[1:])
