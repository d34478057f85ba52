"""From seconds to verdicts: the median of per-round ratios, its spread, and whether this run may be believed.

ratio of A to B = median over rounds of (best of A's visit / best of B's visit in the same round)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import Spread, Times, Turns, Verdict

TOLERANCE = 0.03  # two identical copies may differ by this much; if they differ by more, nothing is judged

# workload, other system, at most, and what a prototype without autograd reached
TARGETS = [
    ("train", "torch", 0.90, 0.81),
    ("train", "products", 1.40, None),
    ("sample", "torch", 0.55, 0.46),
    ("sample", "transformers", 0.30, None),
    ("dpo", "torch", 0.85, 0.74),
    ("ppo", "torch", 0.75, 0.67),
]
# Sampling always uses one thread (test_parallel.py checks it), so both would time the same code.
SAME_CODE = [("sample", "one thread")]
MEMORY_TARGET, FAULTS_TARGET, IMPORT_TARGET = 0.35, 100, 0.10


def ratio(times: Times, a: str, b: str, clock: str) -> Spread | None:
    """The ratio of system a to system b -> dict: median, low, high (quartiles), rounds; None without both."""
    each = [x[clock] / y[clock] for x, y in zip(times.get(a, []), times.get(b, []))]
    return spread(each) | {"rounds": len(each)} if each else None


def spread(values: Sequence[float]) -> Spread:
    """dict: median, and the quartiles low and high."""
    low, median, high = np.percentile(values, [25, 50, 75])
    return {"median": float(median), "low": float(low), "high": float(high)}


def seconds(times: Times, name: str, clock: str) -> Spread:
    return spread([visit[clock] for visit in times[name]])


def steady_faults(faults: list) -> float | None:
    """Median of the minor page faults per step; None where the system does not count them."""
    return None if not faults or faults[0] is None else float(np.median(faults))


def summary(found: Turns, clock: str) -> dict[str, Any] | None:
    """What take_turns found, as plain data: per system seconds, faults, memory, and its ratio to the others."""
    times = found["times"]
    if not times["minialign"]:
        return None
    others, systems = [o for o in ("torch", "transformers", "products", "minialign", "one thread") if o in times], {}
    for name in times:
        systems[name] = {
            "seconds": seconds(times, name, clock),
            "faults": steady_faults(found["faults"][name]),
            "peak_mb": found["memory"].get(name),
            "ratios": {other: ratio(times, name, other, clock) for other in others if other != name},
        }
    return {
        "systems": systems,
        "rounds": len(times["minialign"]),
        "a_a": ratio(times, "again", "minialign", clock),
        "times": times,
    }


def believable(result: dict[str, Any]) -> bool:
    """Do two copies of the same code agree?"""
    return abs(result["a_a"]["median"] - 1) <= TOLERANCE


def verdicts(results: dict[str, dict], threads: int) -> list[Verdict]:
    """The targets and the measured values: list of dicts what, value, target, stretch, met (None: not judged).

    results: dict workload -> summary.  With more threads there is a different question: are they worth it?
    """
    found = []

    def judge(what, value, target, result=None, stretch=None):
        met = value <= target if result is None or believable(result) else None
        found.append({"what": what, "value": value, "target": target, "stretch": stretch, "met": met})

    if threads > 1:
        for workload, result in results.items():
            for other, words in (("one thread", "one thread"), ("torch", f"torch with {threads}")):
                compared = ratio(result["times"], "minialign", other, "wall")
                if compared:
                    judge(f"{workload}: time / {words}", compared["median"], 1.0, result)
                    if (workload, other) in SAME_CODE:
                        found[-1]["met"] = None
        return found
    for workload, other, target, stretch in TARGETS:
        if workload not in results:
            continue
        result = results[workload]
        compared = result["systems"]["minialign"]["ratios"].get(other)
        if compared:
            judge(f"{workload}: time / {other}", compared["median"], target, result, stretch)
    if "train" in results:
        ours, theirs = (results["train"]["systems"].get(name, {}) for name in ("minialign", "torch"))
        if ours.get("peak_mb") and theirs.get("peak_mb"):
            judge("train: peak memory / torch", ours["peak_mb"] / theirs["peak_mb"], MEMORY_TARGET)
        if ours["faults"] is not None:
            judge("train: minor page faults per step", ours["faults"], FAULTS_TARGET)
    return found


def import_verdict(seconds: dict[str, Spread]) -> Verdict:
    """The target for the import time; seconds: dict of imports."""
    value = seconds["minialign and numpy"]["median"] / seconds["torch"]["median"]
    return {"what": "import / import torch", "value": value, "target": IMPORT_TARGET, "stretch": None,
            "met": value <= IMPORT_TARGET}  # fmt: skip
