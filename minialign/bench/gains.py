"""The table of `minialign bench --ablate`: how much slower a step is with one optimisation undone."""

from dataclasses import replace
from typing import Any

from tqdm import tqdm

from . import WORKLOADS, CannotMeasure, Turns, report
from .ablate import ROWS, Row
from .compare import AGREEMENT, largest_errors
from .driver import Task, numbers_of, take_turns
from .ratios import TOLERANCE, ratio, steady_faults
from .sizes import SIZES


def ablate(rounds: int, workloads: list[str], size: str, threads: int) -> tuple[dict[str, Any], bool]:
    """Measure -> plain data: workload -> a_a, faults, and for each row what, gain, faults; and whether interrupted."""
    found, interrupted = {}, False
    workloads = [w for w in workloads if any(row.workload == w for row in ROWS.values())]
    if not workloads:
        raise CannotMeasure(f"no optimisation is measured there; use {', '.join({r.workload for r in ROWS.values()})}")
    clock = "cpu" if threads == 1 else "wall"
    with tqdm(total=rounds * len(workloads), desc="bench", unit="round", disable=None, leave=False) as bar:
        for workload in workloads:
            ours = Task("minialign", SIZES[size], workload, threads)
            rows = {name: row for name, row in ROWS.items() if row.workload == workload}
            tasks = {
                name: replace(ours, without=name, stock_allocator=not row.file, timed=row.timed) for name, row in rows.items()
            }
            bar.set_description(f"{size}, {workload}")
            # Checked before anything is timed: the time of a different computation would mean nothing.
            check(ours, tasks)
            turns = take_turns({"minialign": ours, "again": ours} | tasks, rounds, bar.update)
            interrupted = turns["interrupted"]
            if turns["times"]["minialign"]:
                found[workload] = gains(turns, rows, clock)
            if interrupted:
                break
    return found, interrupted


def gains(turns: Turns, rows: dict[str, Row], clock: str) -> dict[str, Any]:
    """What take_turns found, as ratios to the code as it is."""
    return {
        "a_a": ratio(turns["times"], "again", "minialign", clock),
        "faults": steady_faults(turns["faults"]["minialign"]),
        "rows": {
            name: {
                "what": row.what,
                "gain": ratio(turns["times"], name, "minialign", clock),
                "faults": steady_faults(turns["faults"][name]),
            }
            for name, row in rows.items()
        },
    }


def check(ours: Task, tasks: dict[str, Task]) -> None:
    """Raise CannotMeasure unless every variant computes what the code as it is computes."""
    expected, _ = numbers_of(ours, [ours.workload])
    for name, task in tasks.items():
        worst = largest_errors(expected, numbers_of(task, [ours.workload])[0])
        for dtype, (error, where) in worst.items():
            if not error <= AGREEMENT[dtype]:
                raise CannotMeasure(f"without {name!r} {where} is off by {error:.1e}; fix that row of bench/ablate.py")


def table(found: dict[str, Any], size_name: str) -> str:
    """One line per optimisation, the most valuable first."""
    lines = ["One optimisation undone at a time", f"{size_name}: {SIZES[size_name]}", ""]
    for workload, result in found.items():
        a_a, rows = result["a_a"], result["rows"].values()
        lines.append(f"{WORKLOADS[workload]:<56}{'time without / with':<26}{'faults':>6}")
        for row in sorted(rows, key=lambda row: -row["gain"]["median"]):
            noise = " (noise)" if abs(row["gain"]["median"] - 1) <= max(TOLERANCE, abs(a_a["median"] - 1)) else ""
            lines.append(f"  {row['what']:<54}{report.with_range(row['gain']) + noise:<26}{faults(row):>6}")
        twice = f"(the same code twice; {a_a['rounds']} rounds)"
        lines.append(f"  {twice:<54}{report.with_range(a_a):<26}{faults(result):>6}")
    return "\n".join(lines)


def faults(row: dict[str, Any]) -> str:
    return "-" if row["faults"] is None else f"{row['faults']:.0f}"
