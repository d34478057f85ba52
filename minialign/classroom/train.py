"""Train on a class's votes in a process of its own: DPO at once, then PPO, and what the class's own models answer.

    python -m minialign.classroom.train RUN VOTES ANSWERS     writes ANSWERS: {"votes": n, "models": {"dpo": [[asked, said]]}}

Only answers that pass the screen are written; the wall shows nothing that is no sentence of the world.
"""

import json
import sys
from pathlib import Path

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


def main(run: str, votes: str, out: str) -> None:
    results = load_run(run)
    recipe = recipe_of(results)
    assert recipe is not None, "the server has looked"
    own = read_votes(votes, recipe.model.context_length)
    journey = Journey(recipe, int(results["seed"]), Path(run).resolve().parent / "cache", own_votes=own)
    told: dict[str, list] = {}
    for name in ("sft", "dpo", "ppo"):  # DPO needs no reward model, so it comes first
        told[name] = answers(journey, name)
        atomically(out, lambda file: file.write(json.dumps({"votes": len(own), "models": told}).encode("utf-8")))


if __name__ == "__main__":
    main(*sys.argv[1:])
