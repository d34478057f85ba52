"""Streams that are closed, and readers who have left: of every command, and of a lesson, in a process of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_kit import TOY_LESSON

from minialign.cli.command import COMMANDS

TOY_COMMAND = [Path(__file__).with_name("toy_command.py")]
COMMAND = ["-m", "minialign"]  # of what trains and samples nothing: it starts in a tenth of the time
SHARED = ["--out", "OUT", "--lessons", "LESSONS"]
ARGUMENTS = {  # of all other commands: --help
    "tour": ["--fast", "--out", "OUT"],
    "chat": ["OUT/tour-fast-s0"],
    "page": ["OUT/tour-fast-s0"],
    "vote": ["OUT/tour-fast-s0", "--to", "OUT/votes.jsonl"],
    "check": ["1", "--hint", "1"],
    "table": ["--fast", "--seeds", "1", "--jobs", "1", "--out", "OUT"],
    "lab": ["length", "--fast", "--seeds", "1", "--jobs", "1", "--out", "OUT"],
    "calibrate": ["3", "--fast", "--seeds", "1", "--jobs", "1", *SHARED],
    "prepare": ["--fast", *SHARED],
    "notebooks": ["OUT/notebooks", "--lessons", "LESSONS"],
    "doctor": ["--out", "OUT"],
}
UNTRAINED = ("check", "doctor")
IN_SHORT = ("check", "doctor", "vote")  # a process each takes its time: the other commands are whole-system tests
posix = pytest.mark.skipif(os.name == "nt", reason="streams are closed with sh")


@pytest.fixture(scope="module")
def out(one_tour, tmp_path_factory):
    """A folder of runs with a finished toy run, and a folder of lessons with a toy lesson beside it."""
    folder = tmp_path_factory.mktemp("streams")
    (folder / "lessons").mkdir()
    (folder / "lessons" / "03_toy.py").write_text(TOY_LESSON, encoding="utf-8")
    shutil.copytree(one_tour, folder / "runs")
    return folder


def filled(name, out):
    """A command that does something, and does it with toys -> what to start Python with."""
    arguments = ARGUMENTS.get(name, ["--help"])
    program = COMMAND if name in UNTRAINED or arguments == ["--help"] else TOY_COMMAND
    return [*program, name] + [a.replace("OUT", str(out / "runs")).replace("LESSONS", str(out / "lessons")) for a in arguments]


def run(command, redirection, out):
    """A command under `sh`, with streams redirected -> (exit code, what went to standard error)."""
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, *map(str, command)],
        cwd=out, capture_output=True, text=True, timeout=300, errors="replace", encoding="utf-8")  # fmt: skip
    return done.returncode, done.stderr


def unread(command, out):
    """A command of which nobody reads what it prints, as in `minialign tour | head` -> (exit code, standard error)."""
    with subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=out, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8") as process:  # fmt: skip
        process.stdout.close()
        told = process.stderr.read()
        return process.wait(timeout=300), told


@posix
@pytest.mark.whole
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_whose_streams_are_closed_does_its_work(name, out):
    code, told = run(filled(name, out), "<&- >&-", out)
    assert "Traceback" not in told and len(told.strip().splitlines()) == (name == "table") and code == 0


@posix
@pytest.mark.parametrize("name", [name if name in IN_SHORT else pytest.param(name, marks=pytest.mark.whole) for name in COMMANDS])
def test_a_command_whose_reader_leaves_says_nothing(name, out):
    code, told = unread(filled(name, out), out)
    assert told == "" and code == 0


@posix
@pytest.mark.whole
def test_a_lesson_whose_streams_are_closed_does_its_work_and_whose_reader_leaves_says_nothing(out):
    lesson = [out / "lessons" / "03_toy.py", "--fast", "--out", out / "runs"]
    assert run(lesson, "<&- >&-", out) == (0, "")
    assert (out / "runs" / "lessons" / "03_toy-fast" / "run.json").exists()
    assert run(lesson, "<&- >&- 2>&-", out) == (0, "")
    assert unread(lesson, out) == (0, "")
    assert unread([lesson[0], "--help"], out) == (0, "")
    assert run([lesson[0], "--nonsense"], "<&- >&- 2>&-", out) == (2, "")


@posix
@pytest.mark.parametrize(
    "redirection",
    ["<&- >&- 2>&-", ">/dev/full", *(pytest.param(one, marks=pytest.mark.whole) for one in ("<&-", ">&-", "2>&-", "2>/dev/full"))],
)
def test_one_closed_or_full_stream_is_no_traceback(redirection, out):
    code, told = run([*COMMAND, "check", "1", "--hint", "1"], redirection, out)
    full = redirection == ">/dev/full"
    assert code == (2 if full else 0) and ("disk is full" in told) == full and len(told.splitlines()) == full
    code, told = run([*COMMAND, "chat", out / "nowhere"], redirection, out)
    assert code == 2 and len(told.splitlines()) <= 1 and "Traceback" not in told


@posix
@pytest.mark.parametrize("arguments", [["--help"], ["tour", "--help"], ["dance"]])
def test_help_that_nobody_reads(arguments, out):
    code, told = unread([*COMMAND, *arguments], out)
    assert code == (2 if arguments == ["dance"] else 0) and len(told.splitlines()) == (arguments == ["dance"])
