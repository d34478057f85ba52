"""Flags: argparse with one-line errors, and numbers that say what they may be."""

import argparse
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """argparse, with one line instead of the whole usage when something is wrong, and options anywhere between names."""

    _mixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._mixing or self._subparsers:
            return super().parse_known_args(args, namespace)
        self._mixing = True  # argparse itself comes back here for each half of the work
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"minialign: {message}; see {self.prog} --help\n")


def whole_number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def positive_number(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def lesson_number(text: str) -> int:
    if not text.isdecimal() or int(text) not in (*range(1, 12), 13):
        raise argparse.ArgumentTypeError(f"{text!r} is not a lesson with exercises; those are 1 to 11, and 13")
    return int(text)
