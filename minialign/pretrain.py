"""Make the base model that ships with the package: python -m minialign.pretrain [DIR], some minutes, once.

It is the full recipe's base model, trained for longer, in half precision: every number is written with 11 binary digits,
which moves its loss by less than a thousandth.  Beside the weights are the seed, the settings, a digest of the internet
that it has read, and its losses: enough to make it again, and to tell when that is due.
"""

import hashlib
import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from . import cache, checkpoint, pretrained
from .pipeline import FULL, Journey

SEED, STEPS = 0, 4000


def source(journey: Journey) -> dict:
    """What the model is made from: its settings, and the text."""
    r = journey.recipe
    stream, _ = journey.corpus()
    return {
        "seed": journey.seed,
        "steps": r.base_steps,
        "model": asdict(r.model),
        "training": json.loads(json.dumps(asdict(r.base))),
        "window": r.window,
        "corpus_characters": r.corpus_characters,
        "corpus": hashlib.sha256(stream.astype("<i8").tobytes()).hexdigest()[:16],
    }


def journey(folder: str | Path) -> Journey:
    """The run whose base stage is shipped."""
    return Journey(replace(FULL, base_steps=STEPS), SEED, folder)


def main(to: str | Path = pretrained.WEIGHTS.parent) -> None:
    """Write pretrained.npz and pretrained.json to a folder: the package's own, or another to compare with it."""
    weights, path = (Path(to) / path.name for path in (pretrained.WEIGHTS, pretrained.ABOUT))
    Path(to).mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        made = journey(folder)
        start, stage = time.process_time(), made.stage("base")
        losses = [round(float(loss), 3) for loss in stage.history["loss"]]
        about = {"source": source(made), "loss": sum(losses[-100:]) / 100, "seconds": round(time.process_time() - start)}
        checkpoint.save(stage.model, weights, dtype="float16")
    about |= {"losses": losses, "weights": cache.sha256(weights)}
    text = json.dumps(cache.seal(about))
    checkpoint.atomically(path, lambda file: file.write(text.encode("utf-8")))
    print(f"{weights}: loss {about['loss']:.3f} after {STEPS} steps, {weights.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main(*sys.argv[1:2])
