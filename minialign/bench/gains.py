"""The table of `minialign bench --ablate`: how much slower a step is with one optimisation undone."""

from dataclasses import replace

from tqdm import tqdm

from . import WORKLOADS, CannotMeasure, report
from .ablate import ROWS, Row
from .compare import AGREEMENT, largest_errors
from .driver import Task, numbers_of, take_turns
from .ratios import TOLERANCE, ratio, steady_faults
from .records import Gain, Gains, Turns
from .sizes import SIZES


def ablate(rounds: int, workloads: list[str], size: str, threads: int) -> tuple[dict[str, Gains], bool]:
    """Measure -> (workload -> gains, whether interrupted)."""
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
            interrupted = turns.interrupted
            if turns.times["minialign"]:
                found[workload] = gains(turns, rows, clock)
            if interrupted:
                break
    return found, interrupted


def gains(turns: Turns, rows: dict[str, Row], clock: str) -> Gains:
    """What take_turns found, as ratios to the code as it is."""
    return Gains(
        a_a=ratio(turns.times, "again", "minialign", clock),
        faults=steady_faults(turns.faults["minialign"]),
        rows={
            name: Gain(row.what, ratio(turns.times, name, "minialign", clock), steady_faults(turns.faults[name]))
            for name, row in rows.items()
        },
    )


def check(ours: Task, tasks: dict[str, Task]) -> None:
    """Raise CannotMeasure unless every variant computes what the code as it is computes."""
    expected, _ = numbers_of(ours, [ours.workload])
    for name, task in tasks.items():
        worst = largest_errors(expected, numbers_of(task, [ours.workload])[0])
        for dtype, (error, where) in worst.items():
            if not error <= AGREEMENT[dtype]:
                raise CannotMeasure(f"without {name!r} {where} is off by {error:.1e}; fix that row of bench/ablate.py")


def table(found: dict[str, Gains], size_name: str) -> str:
    """One line per optimisation, the most valuable first."""
    lines = ["One optimisation undone at a time", f"{size_name}: {SIZES[size_name]}", ""]
    for workload, result in found.items():
        lines.append(f"{WORKLOADS[workload]:<56}{'time without / with':<26}{'faults':>6}")
        for row in sorted(result.rows.values(), key=lambda row: -row.gain.median):
            noise = " (noise)" if abs(row.gain.median - 1) <= max(TOLERANCE, abs(result.a_a.median - 1)) else ""
            lines.append(f"  {row.what:<54}{report.with_range(row.gain) + noise:<26}{report.whole(row.faults):>6}")
        twice = f"(the same code twice; {result.a_a.rounds} rounds)"
        lines.append(f"  {twice:<54}{report.with_range(result.a_a):<26}{report.whole(result.faults):>6}")
    return "\n".join(lines)
