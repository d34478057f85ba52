"""`minialign bench`: what to measure, and where the numbers go."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

from ..checkpoint import atomically
from ..figures.checked import PlanChecks
from ..figures.growth import Growth
from . import STAGES, WORKLOADS, CannotMeasure, report
from .driver import threads_wanted
from .records import Ablation, Comparison, Setting

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

    what: "compare" (with the matrix products, and with PyTorch if against="torch"), "tour", "ablate", "scaling" or "plan"
    """
    threads = threads_wanted(threads)
    check_json(json_file)
    if what in ("scaling", "plan") and (against or sizes or workloads or rounds):
        raise CannotMeasure(
            f"--{what} measures only minialign, with its own shapes; leave out --against, --size, --workload and --rounds"
        )
    if what == "tour" and (sizes or workloads):
        raise CannotMeasure("--tour measures all trainings of the full recipe, at its size; leave out --size and --workload")
    if what == "plan" and threads > 1:
        raise CannotMeasure("--plan measures with one thread; leave out --threads")
    if what == "ablate" and against:
        raise CannotMeasure("--ablate compares minialign with itself; leave out --against")
    setting = Setting(what, report.machine(), report.versions(), threads, clock="cpu" if threads == 1 else "wall")
    rounds, workloads = rounds or ROUNDS, workloads or list(WORKLOADS)
    found: Comparison | Ablation | Growth | PlanChecks
    if what == "compare":
        found, text = _compare(setting, rounds, workloads, sizes or ["small", "large"], against)
    elif what == "tour":
        found, text = _tour(setting, rounds, against)
    elif what == "ablate":
        found, text = _ablate(setting, rounds, workloads, sizes or ["small"])
    elif what == "scaling":
        found, text = _scaling(setting, out)
    else:
        found, text = _plan(setting, out)
    if isinstance(found, Comparison):
        setting = replace(setting, versions=setting.versions | found.versions)
    print(report.heading(setting) + "\n\n" + text)
    result = {"format": "minialign-bench-1", **asdict(setting), "interrupted": False}
    result |= asdict(found) | {"versions": setting.versions}
    if json_file:
        content = json.dumps(result, indent=1, allow_nan=False) + "\n"
        atomically(json_file, lambda file: file.write(content.encode()))
        print(f"\nAll numbers: {json_file}")
    if result["interrupted"]:
        raise KeyboardInterrupt("the rounds that were complete are above")


# Each of these returns what it finds, and its tables as text.
def _compare(
    setting: Setting, rounds: int, workloads: list[str], sizes: list[str], against: str | None
) -> tuple[Comparison, str]:
    from .compare import compare, libraries
    from .sizes import SIZES

    chosen = {name: SIZES[name] for name in sizes}
    found = compare(rounds, workloads, chosen, libraries(against), setting.threads, setting.clock)
    return found, report.tables(found, chosen)


def _tour(setting: Setting, rounds: int, against: str | None) -> tuple[Comparison, str]:
    from .compare import compare, libraries
    from .tour import Excerpt

    chosen = {"tour": Excerpt()}
    found = compare(rounds, list(STAGES), chosen, libraries(against, sampling=False), setting.threads, setting.clock)
    return found, report.tables(found, chosen)


def _ablate(setting: Setting, rounds: int, workloads: list[str], sizes: list[str]) -> tuple[Ablation, str]:
    from .gains import ablate, table

    found = Ablation()
    for size in sizes:
        found.sizes[size], found.interrupted = ablate(rounds, workloads, size, setting.threads)
        if found.interrupted:
            break
    return found, "\n\n".join(table(gains, size) for size, gains in found.sizes.items())


def _scaling(setting: Setting, out: str) -> tuple[Growth, str]:
    from .scaling import scaling, table

    path = Path(out) / "bench" / "scaling"
    path.parent.mkdir(parents=True, exist_ok=True)  # find out now whether it can be written
    found = scaling(setting.threads)
    from ..figures.bench_plots import draw  # matplotlib is slow to load: only when there is something to draw

    draw(found, path)
    return found, f"{table(found)}\n\nThe figure: {path}.png"


def _plan(setting: Setting, out: str) -> tuple[PlanChecks, str]:
    from .plan_measure import in_a_process
    from .plan_report import checks_table, page_table

    path = Path(out) / "bench" / "plan"
    path.parent.mkdir(parents=True, exist_ok=True)
    found = in_a_process()
    from ..figures.plan_plots import draw

    draw(found, path)
    return found, f"{page_table()}\n\n{checks_table(found)}\n\nThe figure: {path}.png"


def check_json(path: str | None) -> None:
    """Find out now, not after minutes, whether the file can be written."""
    folder = Path(path).absolute().parent if path else Path(".")
    if path and (Path(path).is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK)):
        raise CannotMeasure(f"cannot write {path}; give --json a file in a folder that exists")
