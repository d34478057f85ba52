"""The command line: `minialign tour`, `chat`, `vote`, `check`, `table`, `lab`.

exit code  0 done  ·  1 not all right (check)  ·  2 something the user can mend, told in one line  ·  130 interrupted
"""

import argparse
import errno
import os
import signal
import sys

from ..bench import SIZE_NAMES, WORKLOADS, CannotMeasure
from . import Problem

# The rest of the package is imported by the command that needs it, so that --help is quick.


EXPERIMENTS = ("leash", "length", "sycophancy", "refusal", "truth", "principles", "bakeoff")  # the files of minialign/lab


class Parser(argparse.ArgumentParser):
    """argparse, with one line instead of the whole usage when something is wrong, and options anywhere between names."""

    _mixing = False

    def parse_known_args(self, args=None, namespace=None):
        if self._mixing or self._subparsers:
            return super().parse_known_args(args, namespace)
        self._mixing = True  # argparse itself comes back here for each half of the work
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False

    def error(self, message):
        self.exit(2, f"minialign: {message}; see {self.prog} --help\n")


def parser():
    top = Parser(prog="minialign", description="How a language model is aligned, from scratch in NumPy.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    tour = commands.add_parser("tour", help="the whole journey: base -> SFT -> votes -> reward model -> PPO, DPO")
    tour.add_argument("--fast", action="store_true", help="the classroom cut: smaller, quicker, same direction")
    tour.add_argument("--seed", type=whole_number, default=0, help="all that is random comes from it (default 0)")
    tour.add_argument("--out", default="runs", metavar="DIR", help="where runs are kept (default runs)")
    tour.add_argument("--votes", metavar="FILE", help="train on these votes (minialign vote) instead of simulated ones")
    tour.set_defaults(run=run_tour)

    chat = commands.add_parser("chat", help="talk to the models of a run")
    chat.add_argument(
        "folder", nargs="?", metavar="RUN", help="a run's folder, or its name (default: the newest in runs)"
    )
    chat.add_argument(
        "--model", choices=("base", "sft", "ppo", "dpo", "all"), default="all", help="who answers (default all)"
    )
    chat.add_argument("--greedy", action="store_true", help="always the most probable character, no chance")
    chat.add_argument("--seed", type=whole_number, default=0, help="for sampling (default 0)")
    chat.set_defaults(run=run_chat)

    page = commands.add_parser("page", help="watch the journey of a run: one offline page for the browser, and a GIF")
    page.add_argument(
        "folder", nargs="?", metavar="RUN", help="a run's folder, or its name (default: the newest in runs)"
    )
    page.add_argument("--leashes", action="store_true", help="first train PPO on other leashes as well, and on none")
    page.set_defaults(run=run_page)

    vote = commands.add_parser("vote", help="you are the rater: choose between answers of a run's SFT model")
    vote.add_argument("folder", nargs="?", metavar="RUN", help="a run's folder, or its name (default: the newest in runs)")
    vote.add_argument("--to", metavar="FILE", help="where your votes are kept (default: my-votes.jsonl in the run's folder)")
    vote.set_defaults(run=run_vote)

    check = commands.add_parser("check", help="grade what you wrote for an exercise; or a hint")
    check.add_argument("lesson", type=lesson_number, metavar="N", help="the exercises of lesson N, 1 to 11")
    check.add_argument("files", nargs="*", default=[], metavar="FILE", help="what to grade (default: lessons/exercises/exNN.py)")
    check.add_argument("--hint", type=int, choices=(1, 2, 3), help="where to look; which term; what the missing line does")
    check.add_argument("--json", action="store_true", help="one line a file, for whoever grades a class")
    check.set_defaults(run=run_check)

    table = commands.add_parser("table", help="the results over several seeds, as the README shows them")
    table.add_argument("--fast", action="store_true", help="of the classroom cut")
    table.add_argument("--seeds", type=positive_number, default=5, help="how many: 0, 1, ... (default 5)")
    table.add_argument("--out", default="runs", metavar="DIR", help="where runs are kept (default runs)")
    table.add_argument("--jobs", type=positive_number, help="seeds at once (default: one a core)")
    table.set_defaults(run=run_table)

    lab = commands.add_parser("lab", help="what goes wrong, and how much: the failure laboratory")
    lab.add_argument("names", nargs="+", metavar="NAME", choices=(*EXPERIMENTS, "all"), help=", ".join((*EXPERIMENTS, "all")))
    lab.add_argument("--fast", action="store_true", help="smaller runs, and two seeds unless --seeds says otherwise")
    lab.add_argument("--seeds", type=positive_number, help="how many: 0, 1, ... (default 5)")
    lab.add_argument("--out", default="runs", metavar="DIR", help="where runs are kept (default runs)")
    lab.add_argument("--jobs", type=positive_number, help="seeds at once (default: one a core)")
    lab.set_defaults(run=run_lab)

    bands = commands.add_parser("calibrate", help="run the lessons over many seeds: which claims hold, where numbers lie")
    bands.add_argument("numbers", nargs="*", type=whole_number, metavar="N", help="only these lessons: 3 5 (default: all)")
    bands.add_argument("--fast", action="store_true", help="of the classroom cut")
    bands.add_argument("--seeds", type=positive_number, default=20, help="how many: 0, 1, ... (default 20)")
    bands.add_argument("--out", default="runs", metavar="DIR", help="where runs are kept (default runs)")
    bands.add_argument("--jobs", type=positive_number, help="seeds at once (default: one a core)")
    bands.add_argument("--lessons", default="lessons", metavar="DIR", help="where the lessons are (default lessons)")
    bands.set_defaults(run=run_calibrate)

    ready = commands.add_parser("prepare", help="for instructors: make all that the lessons need, and say how long they take")
    ready.add_argument("--fast", action="store_true", help="of the classroom cut")
    ready.add_argument("--seed", type=whole_number, default=0, help="all that is random comes from it (default 0)")
    ready.add_argument("--out", default="runs", metavar="DIR", help="where runs are kept (default runs)")
    ready.add_argument("--lessons", default="lessons", metavar="DIR", help="where the lessons are (default lessons)")
    ready.set_defaults(run=run_prepare)

    kit = commands.add_parser("kit", help="for instructors: run-sheets, notes, handouts, notebooks, glossary, FAQ")
    kit.add_argument("--out", default="runs/kit", metavar="DIR", help="where the kit goes (default runs/kit)")
    kit.add_argument("--runs", default="runs", metavar="DIR", help="where minialign prepare has measured (default runs)")
    kit.add_argument("--lessons", default="lessons", metavar="DIR", help="where the lessons are (default lessons)")
    kit.set_defaults(run=run_kit)

    notebooks = commands.add_parser("notebooks", help="the lessons as Jupyter notebooks")
    notebooks.add_argument("out", nargs="?", default="runs/notebooks", metavar="DIR", help="where to (default runs/notebooks)")
    notebooks.add_argument("--lessons", default="lessons", metavar="DIR", help="where the lessons are (default lessons)")
    notebooks.set_defaults(run=run_notebooks)

    bench = commands.add_parser("bench", help="how fast it is, beside the matrix products alone and beside PyTorch")
    bench.add_argument("--against", choices=("torch",), help="compare with PyTorch, if it is installed")
    bench.add_argument("--threads", type=positive_number, metavar="N", help="for each system (default: as you set, or 1)")
    bench.add_argument("--rounds", type=positive_number, metavar="N", help="visits to each system (default 9)")
    bench.add_argument("--workload", choices=WORKLOADS, action="append", help="only this one (may be repeated)")
    bench.add_argument("--size", choices=SIZE_NAMES, action="append", help="only this one (may be repeated)")
    bench.add_argument("--json", metavar="FILE", help="write all numbers there")
    bench.add_argument("--out", default="runs", metavar="DIR", help="where the figure of --scaling goes (default runs)")
    instead = bench.add_mutually_exclusive_group()
    instead.add_argument("--ablate", action="store_true", help="instead: what each optimisation is worth")
    instead.add_argument("--scaling", action="store_true", help="instead: cost as the work grows, with a figure")
    bench.set_defaults(run=run_bench)
    return top


def run_tour(arguments):
    from .tour import tour

    tour(arguments.fast, arguments.seed, arguments.out, arguments.votes)


def run_chat(arguments):
    from .chat import chat

    chat(arguments.folder, arguments.model, arguments.greedy, arguments.seed)


def run_page(arguments):
    from .page import page

    page(arguments.folder, arguments.leashes)


def run_vote(arguments):
    from .vote import vote

    vote(arguments.folder, arguments.to)


def run_check(arguments):
    from .check import check, hint

    if arguments.hint:
        return hint(arguments.lesson, arguments.hint)
    return check(arguments.lesson, arguments.files, arguments.json)


def run_table(arguments):
    from .table import table

    table(arguments.fast, arguments.seeds, arguments.out, arguments.jobs)


def run_lab(arguments):
    from .laboratory import laboratory

    laboratory(arguments.names, arguments.fast, arguments.seeds, arguments.out, arguments.jobs)


def run_bench(arguments):
    from ..bench.run import bench

    a, what = arguments, "ablate" if arguments.ablate else "scaling" if arguments.scaling else "compare"
    try:
        bench(what, a.threads, a.json, a.against, a.rounds, a.workload, a.size, a.out)
    except CannotMeasure as problem:
        raise Problem(str(problem)) from None


def run_calibrate(arguments):
    from .calibrate import calibrate

    a = arguments
    calibrate(a.numbers, a.fast, a.seeds, a.out, a.jobs, a.lessons)


def run_prepare(arguments):
    from .kit.prepare import prepare

    return prepare(arguments.fast, arguments.seed, arguments.out, arguments.lessons)


def run_kit(arguments):
    from .kit.make import make_kit

    files = make_kit(arguments.out, arguments.runs, arguments.lessons)
    print(f"{len(files)} files in {arguments.out}: " + ", ".join(sorted({f.relative_to(arguments.out).parts[0] for f in files})))


def run_notebooks(arguments):
    from .kit.make import make_notebooks

    print("\n".join(map(str, make_notebooks(arguments.out, arguments.lessons))))


def whole_number(text):
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def positive_number(text):
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def lesson_number(text):
    if not text.isdecimal() or not 1 <= int(text) <= 11:
        raise argparse.ArgumentTypeError(f"{text!r} is no lesson with exercises: 1 to 11")
    return int(text)


def main(argv=None):
    """Run one command -> exit code."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # no console is too narrow for a strange path
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill is a Ctrl-C
    arguments = parser().parse_args(argv)
    try:
        code = arguments.run(arguments) or 0
        sys.stdout.flush()
        return code
    except KeyboardInterrupt as stop:
        code, line = 130, "; ".join(["interrupted", *map(str, stop.args)])
    except BrokenPipeError:  # `minialign ... | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Problem as problem:
        code, line = 2, str(problem)
    except OSError as problem:
        code, line = 2, explain(problem)
    # Out here the frames of the stopped loop are gone, and with them its progress bar.
    print(f"minialign: {line}", file=sys.stderr)
    return code


def explain(problem):
    """An OSError as one line: what is wrong; what to do."""
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; free some space and run the same command again: finished stages are kept"
    where = f"{problem.filename}: " if problem.filename else ""
    return f"{where}{problem.strerror or problem}; mend that and run the same command again: finished stages are kept"
