"""`minialign bench --scaling`: what does one token cost as the work grows?

Starting from one model, one thing grows at a time: width, layers, context, batch.  Time: the best of two steps.  Memory: the
peak of what Python and NumPy allocate during a step (tracemalloc); weights and optimiser state are allocated before.

A slope is the exponent of the growth: a straight line through the logarithms.  Per token, a training step should grow
at most like d_model^2 (the products), layers^1, context^1 (attention), batch^0.
"""

import numpy as np
from tqdm import tqdm

from ..figures.growth import Growth, Point, Slope, Slopes
from .driver import Child, Task
from .records import Cost
from .sizes import Size

SWEEPS = {
    "d_model": (32, 64, 128, 256),
    "layers": (1, 2, 4, 8),
    "context": (64, 128, 256, 512),
    "batch": (1, 4, 16, 64, 128),
}
BASE = {"d_model": 64, "layers": 2, "context": 128, "batch": 16}
PROMPT = 32  # tokens; the rest of the context is sampled


def scaling(threads: int = 1, sweeps: dict[str, tuple[int, ...]] = SWEEPS, base: dict[str, int] = BASE) -> Growth:
    """Measure every curve, its slopes, and attention_memory."""
    found: dict[str, dict[str, list[Point]]] = {workload: {name: [] for name in sweeps} for workload in ("train", "sample")}
    total = 2 * sum(map(len, sweeps.values()))
    with tqdm(total=total, desc="scaling", unit="point", disable=None, leave=False) as bar:
        for workload, curves in found.items():
            for name, values in sweeps.items():
                for value in values:
                    curves[name].append(Point(value, *cost_of_a_token(workload, base | {name: value}, threads)))
                    bar.update()
    slopes = {
        workload: {name: Slopes(slope(points, "seconds"), slope(points, "bytes")) for name, points in curves.items()}
        for workload, curves in found.items()
    }
    return Growth(base, found, slopes, attention_memory(found["train"]["context"], base))


def cost_of_a_token(workload: str, shape: dict[str, int], threads: int) -> tuple[float, float]:
    """Seconds and bytes per token, at one shape, in a process of its own."""
    B, T = shape["batch"], shape["context"]
    prompt = min(PROMPT, T // 2)
    size = Size(shape["d_model"], shape["layers"], context_length=T, train=(B, T), sample=(B, prompt, T - prompt))
    # A fresh process per point, so that the heap is not warm from a smaller shape, and the peak is its own.
    child = Child(Task("minialign", size, workload, threads))
    try:
        child.ask()
        costs, peak = [Cost(**cost) for cost in child.ask("visit 2")], child.ask("trace")
    finally:
        child.stop()
    made = B * T if workload == "train" else B * (T - prompt)  # tokens learned from, or written
    clock = "cpu" if threads == 1 else "wall"
    return min(cost.by(clock) for cost in costs) / made, peak / (B * T)


def slope(points: list[Point], what: str) -> Slope:
    """The exponent of growth over a whole sweep, and over its last step."""
    x, y = (np.log([getattr(p, key) for p in points]) for key in ("at", what))
    return float(np.polyfit(x, y, 1)[0]), float((y[-1] - y[-2]) / (x[-1] - x[-2]))


def attention_memory(points: list[Point], base: dict[str, int]) -> float:
    """How much of a training step's memory grows with the square of the context, in units of attention's own matrices.

    peak(T) = a + b T + c T^2, fitted to the sweep; the matrices are B H T T numbers of 4 bytes in each layer.
    """
    T = np.array([p.at for p in points], float)
    peak = np.array([p.bytes for p in points]) * T * base["batch"]
    c = np.polyfit(T, peak, 2)[0]
    return float(c / (4 * base["batch"] * Size.n_head * base["layers"]))


def table(result: Growth) -> str:
    """Every curve as numbers, with its slopes."""
    base = ", ".join(f"{name} {value}" for name, value in result.base.items())
    lines = ["What one token costs as one thing grows and the rest stays at", f"{base}."]
    for workload, words in (("train", "training step"), ("sample", "sampling")):
        for what, unit, factor in (("seconds", "microseconds", 1e6), ("bytes", "KB", 1e-3)):
            lines += ["", f"{words}, {unit} per token" + f"{'slope (last step)':>{70 - len(words) - len(unit)}}"]
            for name, points in result.curves[workload].items():
                shown = "  ".join(f"{p.at}: {getattr(p, what) * factor:.3g}" for p in points)
                whole, last = getattr(result.slopes[workload][name], what)
                lines.append(f"  {name:<9}{shown:<61}{whole:>5.2f} ({last:.2f})")
    lines += [
        "",
        "The part of a training step's memory that grows with the square of the context is",
        f"{result.attention:.2f} times the attention matrices of its layers (B H T T numbers of 4 bytes each).",
    ]
    return "\n".join(lines)
