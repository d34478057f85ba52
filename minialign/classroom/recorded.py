"""Make the recorded class that ships with the lessons: thirty simulated students, who vote on a run's pairs.

    python -m minialign.classroom.recorded RUN FILE        once; every line says that it is simulated

Nobody of them is a person.  Twenty-four have one crowd's tastes, politeness and length; three more like to hear yes as well,
and three toss a coin.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from ..reward import Scorer
from ..runs.contents import load_model, load_run
from ..runs.voting import Pair, fingerprint, line_of
from ..world import UNBIASED, Raters, Tastes
from .casts import save_lines
from .pairs import class_sitting

PLAIN = replace(UNBIASED, tie=0.1)
CROWD = replace(PLAIN, warmth=0.5, length=0.8)
STUDENTS: list[Tastes | None] = [CROWD] * 24 + [replace(CROWD, agreement=1.5)] * 3 + [None] * 3


def decide(pair: Pair, tastes: Tastes | None, rng: np.random.Generator) -> str:
    """a, b or tie; without tastes a coin."""
    if tastes is None:
        return "ab"[rng.integers(2)]
    return {1: "a", -1: "b", 0: "tie"}[Raters(tastes).vote(pair.question, *pair.a, *pair.b, rng)]


def main(run: str, file: str) -> None:
    results = load_run(run)
    sft, limit = load_model(run, "sft", results)[0], results["recipe"]["max_new_tokens"]
    score = Scorer(load_model(run, "reward", results)[0], results["recipe"]["reward"]["pooling"])
    lines, model = [], fingerprint(sft)
    for voter, tastes in enumerate(tqdm(STUDENTS, desc="students", leave=False, disable=None), 1):
        rng = np.random.default_rng([int(results["seed"]), voter])
        for n, pair in enumerate(class_sitting(voter, sft, score, int(results["seed"]), 0, limit)):
            line = line_of(pair, decide(pair, tastes, rng), n, round(rng.uniform(2, 9), 1), model, voter)
            lines.append(json.dumps(line | {"simulated": True}))
    save_lines(lines, Path(file))


if __name__ == "__main__":
    main(*sys.argv[1:])
