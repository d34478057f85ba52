"""The command line: `minialign tour`, `chat`, `page`, `vote`, `check`, `table`, `lab`, ...; one file here per command.

A command is a file with add_arguments(parser) and run(arguments) -> exit code, or None for 0.

exit code  0 done  ·  1 not all right (check, doctor)  ·  2 something the user can fix, told in one line  ·  130 interrupted
"""

import argparse
import importlib
import os
import signal
import sys
import threading
from collections.abc import Sequence

from .. import __version__
from ..runs.arguments import Parser
from ..runs.errors import Problem, explain, in_one_line
from ..runs.streams import let_go, prepare_streams, tell

COMMANDS = {
    "tour": "the whole journey: base -> SFT -> votes -> reward model -> PPO, DPO",
    "chat": "talk to the models of a run",
    "page": "watch the journey of a run: one offline page for the browser; --film: a film",
    "vote": "you are the rater: choose between answers of a run's SFT model",
    "votes": "the votes of a class: merge files, who agrees with whom, what the crowd likes",
    "serve": "a class votes on phones; its reward model learns live, its own models answer on the wall",
    "quiz": "questions on a lesson, every answer explained; or all of them for a learning platform",
    "check": "grade what you wrote for an exercise; or a hint",
    "table": "the results over several seeds: the tables of docs/results.md",
    "lab": "what goes wrong, and how much: the failure laboratory",
    "calibrate": "run the lessons over many seeds: which claims hold, and each number's range",
    "reproduce": "every published number made again: what has changed beyond its spread?",
    "prepare": "for instructors: make all that the lessons need, and say how long they take",
    "kit": "for instructors: run-sheets, notes, handouts, notebooks, glossary, FAQ",
    "book": "the lessons as a site of pages, from their own runs: to read without Python",
    "notebooks": "the lessons as Jupyter notebooks",
    "lessons": "lay out the lessons and their exercises in a folder of your own",
    "export": "a run for Hugging Face transformers and TRL",
    "import": "a model that transformers or TRL has saved, as a checkpoint of ours",
    "doctor": "is everything in order here? one fix for each thing that is not",
    "bench": "how fast it is, beside the matrix products alone and beside PyTorch",
}


def parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """The parser of the command line.  Only the chosen command's file is loaded, so that --help is quick."""
    top = Parser(prog="minialign", description="How a language model is aligned, from scratch in NumPy.")
    top.add_argument("--version", action="version", version=f"minialign {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, words in COMMANDS.items():
        command = commands.add_parser(name, help=words)
        if name == chosen:
            module = importlib.import_module(f"{__package__}.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command -> exit code."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        prepare_streams()
        os.environ["MPLBACKEND"] = "agg"  # no window is opened here, so the user's own setting must not matter
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM ends a command as Ctrl-C does
        arguments = parser(argv[0] if argv else None).parse_args(argv)
        with in_one_line():
            code = arguments.run(arguments) or 0
        sys.stdout.flush()
        return code
    except KeyboardInterrupt as stop:
        code, line = 130, "; ".join(["interrupted", *map(str, stop.args)])
    except BrokenPipeError:  # `minialign ... | head`: the reader has stopped
        return 0
    except Problem as problem:
        code, line = 2, str(problem)
    except OSError as problem:
        code, line = 2, explain(problem)
    except ValueError as problem:
        if "null byte" not in str(problem) and not isinstance(problem, UnicodeEncodeError):
            raise
        code, line = 2, "a path cannot hold a NUL character or half a surrogate pair; check the command's arguments"
    finally:
        let_go()
    # Out here the frames of the stopped loop are gone, and with them its progress bar.
    tell(line)
    return code
