"""The three streams that a command talks through: closed, too narrow, or without a reader, each is no error."""

import os
import sys


def prepare_streams() -> None:
    """Call this before anything is read or printed: a closed stream becomes an empty one, and any character can be printed."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:  # as after <&- or >&-: the next file to be opened would get its number
            setattr(sys, name, open(_empty(number), mode, encoding="utf-8"))
        stream = getattr(sys, name)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # no console is too narrow for a strange path, or for what a model writes


def _empty(number: int) -> int:
    """The null device, under this file number if it is free -> its file number."""
    handle = os.open(os.devnull, os.O_RDWR)
    try:
        os.fstat(number)
        taken = handle != number
    except OSError:
        os.dup2(handle, number)
        taken = False
    if not taken:
        os.set_inheritable(number, True)  # the processes that this one starts need it too
    return handle if taken else number


def tell(line: str) -> None:
    """One line on standard error, if somebody still reads it."""
    try:
        print(f"minialign: {line}", file=sys.stderr, flush=True)
    except OSError:
        pass


def let_go() -> None:
    """Write out what is left; a stream whose reader has gone (`| head`) is let go, or Python would complain at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            except (OSError, ValueError):
                pass
