"""One key press where the terminal allows it; else, and from a pipe, one line."""

import importlib
import os
import sys
from typing import Any


def read_key(prompt: str) -> str | None:
    """Ask, and wait -> one small letter; "" for a key that is no letter; None at the end of the input, or for Ctrl-D.

    What was typed before the question was on the screen does not count: nobody can vote on what they have not seen.
    """
    print(prompt, end="", flush=True)
    pressed = _press() if sys.stdin.isatty() else None
    if pressed is None:
        return _line()
    key = None if pressed in ("", "\x04") else pressed[0].lower()
    print("" if key is None or not key.isalpha() else key, flush=True)  # the terminal itself did not show it
    return key if key is None or key.isalpha() else ""  # an arrow key is ESC [ A: it must not count as an "a"


def _press() -> str | None:
    """What one key press sends, "" at the end of the input; None where keys cannot be read one by one."""
    try:
        import termios
        import tty
    except ImportError:
        return _press_on_windows()
    try:
        handle = sys.stdin.fileno()
        before = termios.tcgetattr(handle)
        try:
            tty.setcbreak(handle)  # Ctrl-C remains Ctrl-C; what has been typed so far is thrown away
            return os.read(handle, 32).decode(errors="replace")
        finally:
            termios.tcsetattr(handle, termios.TCSADRAIN, before)
    except (OSError, ValueError, termios.error):
        return None


def _press_on_windows() -> str | None:
    try:
        msvcrt: Any = importlib.import_module("msvcrt")  # elsewhere the type checker does not know its functions
    except ImportError:
        return None
    while msvcrt.kbhit():
        msvcrt.getwch()
    key = msvcrt.getwch()
    if key in "\x00\xe0":  # an arrow or a function key sends two
        msvcrt.getwch()
        return "\x1b"
    if key == "\x03":
        raise KeyboardInterrupt
    return "\x04" if key == "\x1a" else key  # Ctrl-Z ends the input here


def _line() -> str | None:
    try:
        line = input().strip().lower()
    except EOFError:
        print()
        return None
    if not sys.stdin.isatty():
        print(line[:1] if line[:1].isalpha() else "")
    return line[:1] if line[:1].isalpha() else ""
