"""The command line: `minialign tour`, `minialign chat`, `minialign table`.

exit code  0 done  ·  2 something the user can mend, told in one line  ·  130 interrupted
"""

import argparse
import errno
import os
import signal
import sys

from . import Problem

# The rest of the package is imported by the command that needs it, so that --help is quick.


EXPERIMENTS = ("leash", "length", "sycophancy", "refusal", "truth", "principles", "bakeoff")  # the files of minialign/lab


class Parser(argparse.ArgumentParser):
    """argparse, with one line instead of the whole usage when something is wrong."""

    def error(self, message):
        self.exit(2, f"minialign: {message}; see {self.prog} --help\n")


def parser():
    top = Parser(prog="minialign", description="How a language model is aligned, from scratch in NumPy.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    tour = commands.add_parser("tour", help="the whole journey: base -> SFT -> votes -> reward model -> PPO, DPO")
    tour.add_argument("--fast", action="store_true", help="the classroom cut: smaller, quicker, same direction")
    tour.add_argument("--seed", type=whole_number, default=0, help="all that is random comes from it (default 0)")
    tour.add_argument("--out", default="runs", metavar="DIR", help="where runs are kept (default runs)")
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
    return top


def run_tour(arguments):
    from .tour import tour

    tour(arguments.fast, arguments.seed, arguments.out)


def run_chat(arguments):
    from .chat import chat

    chat(arguments.folder, arguments.model, arguments.greedy, arguments.seed)


def run_table(arguments):
    from .table import table

    table(arguments.fast, arguments.seeds, arguments.out, arguments.jobs)


def run_lab(arguments):
    from .laboratory import laboratory

    laboratory(arguments.names, arguments.fast, arguments.seeds, arguments.out, arguments.jobs)


def whole_number(text):
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def positive_number(text):
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def main(argv=None):
    """Run one command -> exit code."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # no console is too narrow for a strange path
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill is a Ctrl-C
    arguments = parser().parse_args(argv)
    try:
        arguments.run(arguments)
        sys.stdout.flush()
        return 0
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
