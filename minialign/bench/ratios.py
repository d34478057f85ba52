"""From seconds to verdicts: the median of per-round ratios, its spread, and whether this run may be believed.

ratio of A to B = median over rounds of (best of A's visit / best of B's visit in the same round)
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .records import Ratio, Seconds, Spread, Summary, System, Turns, Verdict

TOLERANCE = 0.03  # two identical copies may differ by this much; if they differ by more, nothing is judged

# workload, other system, at most
TARGETS = [
    ("train", "torch", 0.80),
    ("train", "products", 1.40),
    ("sample", "torch", 0.50),
    ("sample", "transformers", 0.30),
    ("dpo", "torch", 0.72),
    ("ppo", "torch", 0.65),
    ("tour", "torch", 0.70),
]
# Sampling always uses one thread (test_parallel.py checks it), so both would time the same code.
SAME_CODE = [("sample", "one thread")]
MEMORY_TARGET, FAULTS_TARGET, IMPORT_TARGET = 0.35, 100, 0.10


def ratio(times: dict[str, list[Seconds]], a: str, b: str, clock: str) -> Ratio:
    """The ratio of system a to system b.  Raises LookupError unless both have been visited."""
    each = [x.by(clock) / y.by(clock) for x, y in zip(times[a], times[b])]
    if not each:
        raise LookupError(f"no round has both {a} and {b}")
    return Ratio(**vars(spread(each)), rounds=len(each))


def spread(values: Sequence[float]) -> Spread:
    low, median, high = np.percentile(values, [25, 50, 75])
    return Spread(float(median), float(low), float(high))


def steady_faults(faults: Sequence[int | None]) -> float | None:
    """Median of the minor page faults per step; None where the system does not count them."""
    counted = [n for n in faults if n is not None]
    return float(np.median(counted)) if counted else None


def summary(found: Turns, clock: str, multiplications: int | None = None) -> Summary | None:
    """What take_turns found about one workload; None if no round is complete."""
    times = found.times
    if not times["minialign"]:
        return None
    others = [o for o in ("torch", "transformers", "products", "minialign", "one thread") if o in times]
    systems = {
        name: System(
            seconds=spread([visit.by(clock) for visit in visits]),
            faults=steady_faults(found.faults[name]),
            peak_mb=found.memory.get(name),
            ratios={other: ratio(times, name, other, clock) for other in others if other != name},
        )
        for name, visits in times.items()
    }
    a_a = ratio(times, "again", "minialign", clock)
    return Summary(systems, len(times["minialign"]), a_a, times, multiplications)


def longer(found: Turns, share: float) -> Turns:
    """The same with each time multiplied: those of an excerpt become those of the whole."""
    return replace(found, times={name: [share * visit for visit in visits] for name, visits in found.times.items()})


def together(results: Sequence[Summary], clock: str) -> Summary | None:
    """Several workloads as one: a system's times of the same round are added up, and then compared."""
    each = [result.times for result in results]
    times = {name: [sum(visits, Seconds(0, 0)) for visits in zip(*(t[name] for t in each))] for name in each[0]}
    return summary(Turns(times, faults={name: [] for name in times}), clock)


def believable(result: Summary) -> bool:
    """Do two copies of the same code agree?"""
    return abs(result.a_a.median - 1) <= TOLERANCE


def verdicts(results: dict[str, Summary], threads: int) -> list[Verdict]:
    """The targets and the measured values.  results: workload -> summary.

    With more threads there is a different question: are they worth it?
    """
    found = []

    def judge(what, value, target, result=None, judged=True):
        met = value <= target if judged and (result is None or believable(result)) else None
        found.append(Verdict(what, value, target, met))

    if threads > 1:
        for workload, result in results.items():
            for other, words in (("one thread", "one thread"), ("torch", f"torch with {threads}")):
                if other in result.times:
                    compared = ratio(result.times, "minialign", other, "wall").median
                    judge(f"{workload}: time / {words}", compared, 1.0, result, judged=(workload, other) not in SAME_CODE)
        return found
    for workload, other, target in TARGETS:
        if workload not in results:
            continue
        result = results[workload]
        ours = result.systems["minialign"]
        if other in ours.ratios:
            judge(f"{workload}: time / {other}", ours.ratios[other].median, target, result)
    if "train" in results:
        ours, theirs = results["train"].systems["minialign"], results["train"].systems.get("torch")
        if theirs and ours.peak_mb and theirs.peak_mb:
            judge("train: peak memory / torch", ours.peak_mb / theirs.peak_mb, MEMORY_TARGET)
        if ours.faults is not None:
            judge("train: minor page faults per step", ours.faults, FAULTS_TARGET)
    return found


def import_verdict(seconds: dict[str, Spread]) -> Verdict:
    """The target for the import time; seconds: dict of imports."""
    value = seconds["minialign and numpy"].median / seconds["torch"].median
    return Verdict("import / import torch", value, IMPORT_TARGET, value <= IMPORT_TARGET)
