"""The results over several seeds: each a complete run, several at once where there are cores.

Prints the tables of docs/results.md, and writes them with their figure to runs/table/.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from .. import pipeline
from ..models import NAMES, SPEAKERS, STAGES
from ..runs import metrics
from ..runs.arguments import positive_number, whole_number
from ..runs.folder import check_writable, run_name, save_run, write_text
from ..runs.records import Measured, ScoreboardRow
from ..runs.seeds import cores, for_each
from ..runs.text import decimal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fast", action="store_true", help="the classroom cut: smaller, faster runs")
    parser.add_argument("--seeds", type=positive_number, default=5, help="how many (default 5)")
    parser.add_argument("--first", type=whole_number, default=0, metavar="SEED", help="the first seed (default 0)")
    parser.add_argument("--out", default="runs", metavar="DIR", help="where runs are kept (default runs)")
    parser.add_argument("--jobs", type=positive_number, help="seeds at once (default: one per core)")


def run(arguments: argparse.Namespace) -> None:
    table(arguments.fast, arguments.seeds, arguments.out, arguments.jobs, arguments.first)


def table(fast: bool, seeds: int, out: str | Path, jobs: int | None, first: int = 0) -> None:
    """Make or find the runs of as many seeds, from the first on, and print what they have in common."""
    out = Path(out)
    check_writable(out / "cache")
    recipe = pipeline.FAST if fast else pipeline.FULL
    tasks = [(recipe, seed, out, run_name(fast, seed)) for seed in range(first, first + seeds)]
    try:
        runs = for_each(one_run, tasks, min(seeds, jobs or cores()))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"finished stages are kept in {out / 'cache'}; run the same command again to resume") from None
    text = markdown(runs, first)
    print(text)
    from ..figures import plots, style  # matplotlib is slow to load: only when there is something to draw

    folder = out / f"table{'-fast' * fast}{f'-s{first}' * bool(first)}"
    figure, words = plots.scoreboard([run.scoreboard for run in runs])
    style.save(figure, folder / "scoreboard", words)
    write_text(folder / "table.md", text + "\n")
    print(f"\nKept in {folder}", file=sys.stderr)


def one_run(task: tuple[pipeline.Recipe, int, Path, str]) -> Measured:
    """The numbers of one seed; its folder is as complete as that of `minialign tour`."""
    recipe, seed, out, name = task
    journey = pipeline.Journey(recipe, seed, out / "cache")
    for stage in STAGES:
        journey.stage(stage)
    run = metrics.measure(journey)
    save_run(journey, run, out / name)
    return run


def markdown(runs: list[Measured], first: int = 0) -> str:
    """The runs as two tables: the scoreboard, and the numbers behind it.  Each cell: mean [smallest, largest]."""
    which = f"{len(runs)} seeds{f' from {first} on' * bool(first)}"
    lines = [
        f"Mean [smallest, largest] over {which}; {runs[0].questions.report} report questions, "
        f"sampled at temperature 1 unless it says greedy.",
        "",
        "| model | gold | gold, greedy | helpful | honest | harmless | wins | KL | answers | seconds | models in memory |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in SPEAKERS:
        rows = [run.scoreboard["sampled"][name] for run in runs]
        greedy = [run.scoreboard["greedy"][name] for run in runs if name in run.scoreboard["greedy"]]
        kl = [row.kl for row in rows if row.kl is not None]
        cells = [
            spread([row.gold for row in rows]),
            spread([row.gold for row in greedy]) if greedy else "-",
            *(spread([getattr(row, part) for row in rows]) for part in ("helpful", "honest", "harmless")),
            percent([row.win_rate for row in rows]),
            spread(kl) if kl else "-",
            percent([row.answers for row in rows]),
            f"{np.mean([run.timings.training_seconds[name] for run in runs]):.0f}",
            f"{rows[0].models_in_memory} ({rows[0].megabytes:.1f} MB)",
        ]
        lines.append(f"| {NAMES[name]} | " + " | ".join(cells) + " |")
    lines += ["", *behaviour_lines(runs)]
    lines += ["", "| | |", "|---|---|"] + [f"| {what} | {value} |" for what, value in facts(runs)]
    return "\n".join(lines)


def behaviour_lines(runs: list[Measured]) -> Iterator[str]:
    """What people would notice: a row per model and way of answering, a column per thing."""
    whats = list(runs[0].scoreboard["greedy"]["sft"].behaviour)
    yield "| model | " + " | ".join(whats) + " |"
    yield "|---|" + "---|" * len(whats)
    for how in ("greedy", "sampled"):
        for name in [name for name in SPEAKERS if name != "base" and name in runs[0].scoreboard[how]]:
            rows = [run.scoreboard[how][name].behaviour for run in runs]
            yield f"| {NAMES[name]}, {how} | " + " | ".join(percent([row[what] for row in rows]) for what in whats) + " |"


def facts(runs: list[Measured]) -> Iterator[tuple[str, str]]:
    """What the runs have to show, one (what, value) per line."""

    def column(stage: str, name: str) -> list[float]:
        return [getattr(getattr(run, stage), name) for run in runs]

    def sampled(name: str) -> list[ScoreboardRow]:
        return [run.scoreboard["sampled"][name] for run in runs]

    def better(name: str, how: str) -> str:
        boards = [run.scoreboard[how] for run in runs]
        return f"{sum(board[name].gold > board['sft'].gold for board in boards)} of {len(runs)} seeds"

    yield "the base model goes on from a question with a question", percent([row.asks for row in sampled("base")])
    yield "the SFT model answers and stops", percent([row.answers for row in sampled("sft")])
    yield "votes to train on", f"{np.mean(column('votes', 'train')):.0f}"
    yield "the reward model predicts held-out votes", percent(column("reward", "accuracy"))
    yield "the best accuracy possible (raters slip)", percent(column("reward", "ceiling"))
    yield "it predicts what at least 85% of raters would say", percent(column("reward", "sure_accuracy"))
    for name in runs[0].reward.contrasts:
        yield f"it prefers {name}", percent([run.reward.contrasts[name] for run in runs])
    yield "its calibration error", percent(column("reward", "ece"))
    for name in ("ppo", "dpo"):
        what = f"{NAMES[name]} above SFT in gold, sampled / greedy"
        yield what, f"{better(name, 'sampled')} / {better(name, 'greedy')}"
    yield "PPO's first ratio is 1, to within", f"{max(column('ppo', 'first_ratio_error')):.1e}"
    yield "PPO's clip fraction", percent(column("ppo", "clip_fraction"))
    for stage in runs[0].timings.seconds:
        yield f"seconds: {stage}", spread([run.timings.seconds[stage] for run in runs], 1)
    if runs[0].timings.peak_memory_mb:
        yield "peak memory", f"{max(column('timings', 'peak_memory_mb')):.0f} MB"
    yield "machine", runs[0].timings.machine


def spread(values: Sequence[float], digits: int = 2) -> str:
    return _with_range([decimal(x, digits) for x in (float(np.mean(values)), min(values), max(values))])


def percent(values: Sequence[float]) -> str:
    return _with_range([f"{x:.1%}" for x in (np.mean(values), min(values), max(values))])


def _with_range(shown):
    mean, low, high = shown
    return mean if low == high else f"{mean} [{low}, {high}]"
