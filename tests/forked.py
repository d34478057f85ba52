"""A script in a process of its own that costs no imports: forked from this one, which has made them already."""

import atexit
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import warnings
from functools import partial

import numpy as np

from minialign import cache
from minialign.teach import lesson

HANGS = 600  # seconds


def run_forked(script, *arguments, typed=""):
    """As `python script arguments`, with no display, and `typed` at the keyboard -> subprocess.CompletedProcess.

    Where processes cannot be forked, it is started anew.
    """
    if not hasattr(os, "fork"):
        command = [sys.executable, str(script), *map(str, arguments)]
        return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=HANGS, encoding="utf-8")
    cache.fingerprint(lesson.__file__)  # reads most of the package: once here, and not again in every child
    file = partial(tempfile.TemporaryFile, "w+", encoding="utf-8")
    with file() as keys, file() as out, file() as err:
        keys.write(typed), keys.seek(0)
        child = os.fork()
        if not child:
            _become([str(script), *map(str, arguments)], keys.fileno(), out.fileno(), err.fileno())
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0), err.seek(0)
        return subprocess.CompletedProcess(script, code, out.read(), err.read())


def _become(argv, keys, out, err):
    """Be the interpreter that runs this script, from its streams and settings to its exit code; does not return."""
    code = 1
    try:
        for number, handle in ((0, keys), (1, out), (2, err)):
            os.dup2(handle, number)
        sys.stdin, sys.stdout, sys.stderr = open(0, encoding="utf-8"), open(1, "w", encoding="utf-8"), open(2, "w", encoding="utf-8")
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        signal.alarm(HANGS)
        atexit._clear()  # what pytest has planned for its own end
        warnings.resetwarnings()
        np.seterr(all="warn", under="ignore")
        for name in ("DISPLAY", "MPLBACKEND"):
            os.environ.pop(name, None)
        sys.argv, sys.excepthook = argv, sys.__excepthook__
        sys.path.insert(0, os.path.dirname(argv[0]))
        code = _ended(lambda: runpy.run_path(argv[0], run_name="__main__"))
        atexit._run_exitfuncs()
        sys.stdout.flush()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _ended(act, otherwise=0):
    """Do it -> the exit code with which Python would end; what is raised goes to the script's own excepthook."""
    try:
        act()
    except SystemExit as stop:
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        problem = sys.exc_info()
        return _ended(lambda: sys.excepthook(*problem), otherwise=1)
    return otherwise
