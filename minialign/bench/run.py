"""`minialign bench`: what to measure, and where the numbers go."""

import json
import os
from pathlib import Path

from ..checkpoint import atomically
from . import WORKLOADS, CannotMeasure, report
from .driver import threads_wanted

ROUNDS = 9  # enough for a median and its quartiles


def bench(
    what: str = "compare",
    threads: int | None = None,
    json_file: str | None = None,
    against: str | None = None,
    rounds: int | None = None,
    workloads: list[str] | None = None,
    sizes: list[str] | None = None,
    out: str = "runs",
) -> None:
    """Measure, print the tables, and write all numbers to json_file, if there is one.

    what: "compare" (with the matrix products, and with PyTorch if against="torch"), "ablate" or "scaling"
    """
    threads = threads_wanted(threads)
    check_json(json_file)
    if what == "scaling" and (against or sizes or workloads or rounds):
        raise CannotMeasure(
            "--scaling measures only minialign, with its own shapes; leave out --against, --size, --workload and --rounds"
        )
    if what == "ablate" and against:
        raise CannotMeasure("--ablate compares minialign with itself; leave out --against")
    result = {
        "format": "minialign-bench-1",
        "what": what,
        "machine": report.machine(),
        "versions": report.versions(),
        "threads": threads,
        "clock": "cpu" if threads == 1 else "wall",
        "interrupted": False,
    }
    measure = {"compare": _compare, "ablate": _ablate, "scaling": _scaling}[what]
    text = measure(result, rounds or ROUNDS, workloads or list(WORKLOADS), sizes, against, out)
    print(report.heading(result) + "\n\n" + text)
    if json_file:
        text = json.dumps(result, indent=1, allow_nan=False) + "\n"
        atomically(json_file, lambda file: file.write(text.encode()))
        print(f"\nAll numbers: {json_file}")
    if result["interrupted"]:
        raise KeyboardInterrupt("the rounds that were complete are above")


# Each of these puts what it finds into `result`, and returns its tables as text.
def _compare(result, rounds, workloads, sizes, against, out):
    from .compare import compare, libraries

    compare(result, rounds, workloads, sizes or ["small", "large"], libraries(against))
    return report.tables(result)


def _ablate(result, rounds, workloads, sizes, against, out):
    from .gains import ablate, table

    result["sizes"], texts = {}, []
    for size in sizes or ["small"]:
        result["sizes"][size], result["interrupted"] = ablate(rounds, workloads, size, result["threads"])
        texts.append(table(result["sizes"][size], size))
        if result["interrupted"]:
            break
    return "\n\n".join(texts)


def _scaling(result, rounds, workloads, sizes, against, out):
    from .scaling import scaling, table

    path = Path(out) / "bench" / "scaling"
    path.parent.mkdir(parents=True, exist_ok=True)  # find out now whether it can be written
    result |= scaling(result["threads"])
    from ..figures.bench_plots import draw  # matplotlib is slow to load: only when there is something to draw

    draw(result, path)
    return f"{table(result)}\n\nThe figure: {path}.png"


def check_json(path: str | None) -> None:
    """Find out now, not after minutes, whether the file can be written."""
    folder = Path(path).absolute().parent if path else Path(".")
    if path and (Path(path).is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK)):
        raise CannotMeasure(f"cannot write {path}; give --json a file in a folder that exists")
