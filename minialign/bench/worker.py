"""One process, one system, one workload: run steps on request, and report what each cost.

Started by driver.py with its task as JSON on the command line; requests are lines on stdin, replies are lines on stdout:

    "visit 3"  ->  one step that does not count, then three that do:  [{"cpu": s, "wall": s, "faults": n}, ...]
    "memory"   ->  the most memory this process ever had, MB
    "trace"    ->  the most that Python and NumPy allocated during one step, bytes

Only the standard library is imported before the task is known, so that each process loads its own system and no other.
"""

import importlib
import json
import os
import platform
import signal
import sys
import time
import tracemalloc
from dataclasses import asdict
from typing import Any

from . import STAGES, Arrays, Step, Workload
from .records import Cost

try:
    import resource
except ImportError:  # Windows: no page faults, no peak memory
    resource = None  # type: ignore[assignment]

MODULES = {
    "minialign": "workloads",
    "products": "products",
    "torch": "torch_steps",
    "transformers": "torch_steps",
}
OF_THE_TOUR = {"minialign": "tour", "torch": "torch_tour"}


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver handles Ctrl-C
    task = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not be taken for a reply

    def say(answer):
        print(json.dumps(answer), file=answers, flush=True)

    if task.get("core") is not None:
        os.sched_setaffinity(0, {task["core"]})
    if task.get("without"):
        from .ablate import undo

        undo(task["without"])
    if "numbers" in task:
        say(write_numbers(task))
        return
    step, _ = prepare(task, task["workload"])
    say({"versions": versions()})
    for line in sys.stdin:
        request, *arguments = line.split()
        if request == "visit":
            say([asdict(cost) for cost in visit(step, int(*arguments))])
        else:
            say(traced(step) if request == "trace" else peak_memory())


def prepare(task: dict[str, Any], workload: str, dtype: str = "float32") -> Workload:
    """(step, numbers) of a system's workload, from the module that is this system."""
    modules = OF_THE_TOUR if workload in STAGES else MODULES
    module = importlib.import_module(f".{modules[task['system']]}", __package__)
    if "torch" in module.__name__:
        module.use_threads(task["threads"])
    steps = {"sample": module.hugging_face_sample} if task["system"] == "transformers" else module.STEPS
    size = module.Excerpt if workload in STAGES else module.Size
    return steps[workload](size(**task["size"]), dtype)


def write_numbers(task: dict[str, Any]) -> dict[str, dict]:
    """All losses, gradients and greedy samples of a system, in float64 and in float32, into an .npz file."""
    found: Arrays = {}
    for workload in task["workloads"]:
        for dtype in ("float64", "float32"):
            found |= {f"{workload}/{dtype}/{k}": x for k, x in prepare(task, workload, dtype)[1]().items()}
    import numpy as np

    np.savez(task["numbers"], **found)
    return {"versions": versions()}


def visit(step: Step, timed: int) -> list[Cost]:
    """One step to warm up, then `timed` steps that count."""
    step()
    return [measured(step) for _ in range(timed)]


def measured(step: Step) -> Cost:
    before, wall, cpu = minor_faults(), time.perf_counter(), time.process_time()
    step()
    cpu, wall, after = time.process_time() - cpu, time.perf_counter() - wall, minor_faults()
    return Cost(cpu, wall, None if before is None or after is None else after - before)


def traced(step: Step) -> int:
    """Peak of the bytes allocated during a step; it runs slower meanwhile, so it is not timed."""
    tracemalloc.start()
    try:
        step()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def minor_faults() -> int | None:
    return None if resource is None else resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def peak_memory() -> float | None:
    """MB.  Linux: from /proc, because getrusage counts the parent's memory from before the process began."""
    try:
        with open("/proc/self/status", encoding="utf-8") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        if resource is None:
            return None
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def versions() -> dict[str, str]:
    """Of Python and of the libraries this process has loaded."""
    found = {"python": platform.python_version()}
    for name in ("minialign", "numpy", "torch", "transformers"):
        if name in sys.modules:
            found[name] = str(sys.modules[name].__version__)
    return found
