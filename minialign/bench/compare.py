"""`minialign bench`: the workloads of every system, checked for equal numbers first and then timed in turn."""

import importlib.util
import math
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from tqdm import tqdm

from . import STAGES, WORKLOADS, Arrays, CannotMeasure, ratios
from .driver import Task, numbers_of, take_turns
from .products import multiplications
from .records import Comparison, Errors, Spread

# How far two correct programs may differ, relative to the largest number of an array.
AGREEMENT = {"float64": 1e-9, "float32": 1e-2}


def compare(
    rounds: int, workloads: list[str], sizes: Mapping[str, Any], against: list[str], threads: int, clock: str
) -> Comparison:
    """Check, then measure.  Ctrl-C ends it early: what is kept are the rounds that are complete.

    sizes: name -> Size, or for the stages of a tour Excerpt
    """
    found, stages = Comparison(), set(workloads) <= set(STAGES)
    total = len(sizes) * len(workloads) * rounds
    with tqdm(total=total, desc="bench: same numbers?", unit="round", disable=None, leave=False) as bar:
        try:
            for name, size in sizes.items():
                found.agreement[name] = agree(size, workloads, against, threads, found.versions)
            if not stages:
                bar.set_description("bench: imports")
                found.import_seconds |= import_seconds(against)
            for name, size in sizes.items():
                for workload in workloads:
                    bar.set_description(f"{name}, {workload}")
                    turns = take_turns(systems(workload, size, against, threads), rounds, bar.update)
                    found.versions |= turns.versions
                    if stages:
                        summary = ratios.summary(ratios.longer(turns, size.share(workload)), clock)
                    else:
                        summary = ratios.summary(turns, clock, multiplications(workload, size))
                    if summary:
                        found.sizes.setdefault(name, {})[workload] = summary
                    if turns.interrupted:
                        raise KeyboardInterrupt
        except KeyboardInterrupt:
            found.interrupted = True
    for name, summaries in found.sizes.items():
        if set(summaries) == set(STAGES) and (tour := ratios.together(list(summaries.values()), clock)):
            summaries["tour"] = tour
        no_targets = threads == 1 and name == "large"  # those for one thread come from the small size
        found.verdicts[name] = [] if no_targets else ratios.verdicts(summaries, threads)
    if "torch" in found.import_seconds:
        found.verdicts["import"] = [ratios.import_verdict(found.import_seconds)]
    return found


def systems(workload: str, size: Any, against: list[str], threads: int) -> dict[str, Task]:
    """dict name -> Task: the systems that run a workload, in this order."""
    ours = Task("minialign", size, workload, threads, timed=1 if workload in STAGES else 3)  # an excerpt is many steps
    tasks = {"minialign": ours, "again": ours}
    if threads > 1:
        tasks["one thread"] = replace(ours, threads=1)
    if workload in WORKLOADS:
        tasks["products"] = replace(ours, system="products")
    for name in against:
        if name == "torch" or workload == "sample":
            tasks[name] = replace(ours, system=name, stock_allocator=True)
    return tasks


def libraries(against: str | None, sampling: bool = True) -> list[str]:
    """The libraries to compare with: torch if asked for, and for sampling transformers, if it is there as well."""
    if against is None:
        return []
    if importlib.util.find_spec("torch") is None:
        raise CannotMeasure("PyTorch is not installed here; pip install torch, or leave out --against torch")
    if not sampling:
        return ["torch"]
    if importlib.util.find_spec("transformers") is None:
        print("transformers is not installed: sampling is compared with PyTorch alone (pip install transformers)")
        return ["torch"]
    return ["torch", "transformers"]


def agree(size: Any, workloads: list[str], against: list[str], threads: int, versions: dict[str, str]) -> dict[str, Errors]:
    """How far the others' losses, gradients and greedy samples are from ours -> dict of the largest relative errors.

    Raises CannotMeasure if any is too far: the time of a different computation would mean nothing.
    """
    worst: dict[str, Errors] = {}
    if not against:
        return worst
    ours, about = numbers_of(Task("minialign", size, threads=threads), workloads)
    versions |= about
    for name in against:
        which = [w for w in workloads if name == "torch" or w == "sample"]
        if not which:
            continue
        theirs, about = numbers_of(Task(name, size, threads=threads, stock_allocator=True), which)
        versions |= about
        worst[name] = largest_errors({k: x for k, x in ours.items() if k.split("/")[0] in which}, theirs)
        for dtype, (error, where) in worst[name].items():
            if not error <= AGREEMENT[dtype]:
                raise CannotMeasure(f"{name} computes something else: {where} is off by {error:.1e}; nothing was timed")
    return worst


def largest_errors(ours: Arrays, theirs: Arrays) -> Errors:
    """dict dtype -> (largest relative error, its name).  Keys: workload/dtype/name.

    In float32 only losses are compared: a greedy choice may turn on the last digit, and Adam divides gradients that are
    zero in theory by their own size.
    """
    if set(ours) != set(theirs):
        raise CannotMeasure(f"these numbers have no partner: {', '.join(sorted(set(ours) ^ set(theirs)))}")
    worst = {"float64": (0.0, ""), "float32": (0.0, "")}
    for key, mine in ours.items():
        dtype = key.split("/")[1]
        if dtype == "float64" or "loss" in key:
            worst[dtype] = max(worst[dtype], (relative_error(mine, theirs[key]), key))
    return worst


def relative_error(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference, as a share of the largest number; infinite if shapes differ, or for NaN and infinity."""
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return math.inf
    return float(np.max(np.abs(a - b)) / max(float(np.max(np.abs(b))), 1e-3))


def import_seconds(against: list[str], repeats: int = 5) -> dict[str, Spread]:
    """How long imports take, each in fresh processes."""
    imports = {
        "numpy": "import numpy",
        "minialign and numpy": "import minialign, numpy",
        "minialign.sft, dpo, reward, ppo": "import minialign.sft, minialign.dpo, minialign.reward, minialign.ppo",
    }
    if "torch" in against:
        imports["torch"] = "import torch"
    timed: dict[str, list[float]] = {what: [] for what in imports}
    for repeat in range(repeats + 1):  # the first one warms the file cache
        for what, code in imports.items():
            code = f"import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8")
            timed[what] += [float(done.stdout)] if repeat else []
    return {what: ratios.spread(seconds) for what, seconds in timed.items()}
