"""Processes that are killed or interrupted at random moments: nothing is lost, nothing damaged, nothing half told.

Each is forked from this warm process, so that it costs no imports, and carries its own clock: after a random time of its
own work (not of the wall) it is killed, or gets the signal that Ctrl-C or a polite kill would send.
"""

import json
import os
import runpy
import shutil
import signal
import sys
import time
import traceback

import numpy as np
from toy import TOY
from toy_command import quick_pictures, toy_command

from minialign import pipeline
from minialign.batch import Response
from minialign.cli.command import main
from minialign.models import STAGES
from minialign.runs.contents import damaged, load_run
from minialign.runs.voting import Ballots, Pair

HANGS = 300  # seconds of the wall
LESSON = '''"""Lesson 3 - Toy: does it end well?

WATCH  1. it runs
"""

import minialign

from minialign.teach.lesson import Lesson

lesson = Lesson(__file__, __doc__)
lesson.need("base", "sft")
for step in lesson.steps(range(40), "steps"):
    sum(range(200_000))
lesson.number("steps", step + 1, ".0f")
lesson.claim(1, step == 39)
lesson.finish()
'''


def tour(out):
    return main(["tour", "--fast", "--out", str(out)])


def lesson(out):
    script = out / "03_toy.py"
    script.write_text(LESSON, encoding="utf-8")
    sys.argv = [str(script), "--fast", "--out", str(out), "--no-predict"]
    usual = sys.excepthook
    try:
        runpy.run_path(str(script), run_name="__main__")
    except BaseException:
        if sys.excepthook is usual:
            raise  # it has not begun
        sys.excepthook(*sys.exc_info())
    return 0


def lab(out):
    return main(["lab", "length", "--fast", "--seeds", "1", "--jobs", "1", "--out", str(out)])


def page(out):
    return main(["page", str(out / "tour-fast-s0")])


# ------------------------------------------------------------------------------------------------ one process
def start(task, out, errors, seconds=None, how=None, wall=False):
    """Fork; the child does task(out) and ends.

    seconds: of its own work, or of the wall, until it is killed (how None) or gets a signal.
    """
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        quiet, told = os.open(os.devnull, os.O_RDWR), os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number, handle in ((0, quiet), (1, quiet), (2, told)):
            os.dup2(handle, number)
        sys.stdin, sys.stdout, sys.stderr = open(0, encoding="utf-8"), open(1, "w", encoding="utf-8"), open(2, "w", encoding="utf-8")
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        timer, rings = (signal.ITIMER_REAL, signal.SIGALRM) if wall else (signal.ITIMER_PROF, signal.SIGPROF)
        signal.signal(rings, signal.SIG_DFL if how is None else lambda *_: signal.raise_signal(how))
        signal.setitimer(timer, seconds or 0)
        code = task(out)
    except SystemExit as stop:
        code = stop.code
    except KeyboardInterrupt as stop:
        inside = any("minialign" in frame.filename for frame in traceback.extract_tb(stop.__traceback__)[1:])
        code = 130 if not inside or traceback.extract_tb(stop.__traceback__)[-1].name == "main" else 1
        if code == 1:
            traceback.print_exc()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)
    return None


def end_of(child):
    """Wait -> exit code, minus the signal that killed it, or None for one that hangs."""
    deadline = time.monotonic() + HANGS
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def work_of(task, out, errors):
    """Seconds of its own work that a task takes."""
    before = os.times()
    code = end_of(start(task, out, errors))
    after = os.times()
    assert code == 0, errors.read_text(encoding="utf-8")
    return after.children_user + after.children_system - before.children_user - before.children_system


# ------------------------------------------------------------------------------------------------ kills
def unsound(out):
    """What in a folder of runs claims to be whole and is not -> list."""
    journey, wrong = pipeline.Journey(TOY, 0, out / "cache"), []
    for name in STAGES:
        if journey.path(name, ".json").exists():
            try:
                journey.read(name)
            except pipeline.UnreadableStage as problem:
                wrong.append(str(problem))
    for about in out.glob("*/run.json"):
        wrong += damaged(about.parent)
    return wrong


def numbers(out):
    run = load_run(out / "tour-fast-s0")
    return json.dumps(run | {"timings": 0})


def kill_tours(rng, n, folder):
    """n kills: after each, the same command goes on; whenever a tour ends, it is what an undisturbed one is."""
    errors, fell, kills = folder / "errors", [], 0
    seconds = work_of(tour, folder / "undisturbed", errors)
    expected = numbers(folder / "undisturbed")
    while kills < n:
        out = folder / "killed"
        shutil.rmtree(out, ignore_errors=True)
        while True:
            code = end_of(start(tour, out, errors, rng.uniform(0.01, seconds) if kills < n else None))
            if code == -signal.SIGPROF:
                kills += 1
                fell += unsound(out)
                continue
            if code != 0:
                fell.append(f"exit {code}: {errors.read_text(encoding='utf-8')[-500:]}")
            elif numbers(out) != expected or unsound(out):
                fell.append("a tour that was killed and went on has other numbers")
            break
    return fell


def kill_voters(rng, n, folder):
    """A voter is killed: every vote that was acknowledged is in the file, and the next voter goes on."""
    path, fell, acknowledged = folder / "kills.jsonl", [], 0
    path.unlink(missing_ok=True)
    pair = Pair("a?", Response("yes.", True), Response("no.", False))
    for _ in range(n):
        reading, writing = os.pipe()

        def vote(out, writing=writing):
            ballots = Ballots(path, "model")
            while True:
                ballots.add(pair, "a", 1.0)
                os.write(writing, b".")

        child = start(vote, folder, folder / "errors", rng.uniform(0.002, 0.05), wall=True)  # it mostly waits for the disk
        os.close(writing)
        code = end_of(child)
        acknowledged += len(os.read(reading, 1 << 20))
        os.close(reading)
        kept = len(Ballots(path, "model").lines)
        if code != -signal.SIGALRM or kept < acknowledged:
            fell.append(f"exit {code}, {acknowledged} votes were acknowledged, {kept} are kept")
        acknowledged = kept  # one may be on disk that nobody was told of
        if kept > 200:
            path.unlink()
            acknowledged = 0
    return fell


# ------------------------------------------------------------------------------------------------ signals
def interrupt(task, made, empty):
    """A function that interrupts a task n times.  empty: each time from nothing; else on a finished run."""

    def interrupted(rng, n, folder):
        errors, fell = folder / "errors", []
        out = folder / task.__name__

        def again():
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            if not empty:
                shutil.copytree(made, out / made.name)

        again()
        seconds = work_of(task, out, errors)
        for i in range(n):
            if empty and i % 4 == 0:
                again()
            code = end_of(start(task, out, errors, rng.uniform(0.005, seconds), (signal.SIGINT, signal.SIGTERM)[i % 2]))
            told = errors.read_text(encoding="utf-8").splitlines()
            late = [line for line in told if line and "stopping after this step" not in line]
            one_line = len(late) <= 1 and all(line.startswith("minialign: interrupted") for line in late)
            if code not in (0, 130) or (code == 130 and not one_line) or unsound(out):
                fell.append(f"{task.__name__}, exit {code}: {told[-8:]}")
        return fell

    return interrupted


def kills_and_signals(made, folder, seed=0, kills=200, signals=50, say=lambda row: None, only=""):
    """All of it, or what has `only` in its name -> list of (what, how many, what fell).  made: a finished toy run."""
    with toy_command(), quick_pictures():
        targets = [
            ("kills of a tour", kill_tours, kills),
            ("kills of a voter", kill_voters, kills),
            ("signals to a tour", interrupt(tour, made, True), signals),
            ("signals to a lesson", interrupt(lesson, made, True), signals),
            ("signals to an experiment of the laboratory", interrupt(lab, made, True), signals),
            ("signals to the page", interrupt(page, made, False), signals),
        ]
        rows = []
        for number, (what, target, n) in enumerate(targets):
            if only not in what:
                continue
            rows.append((what, n, target(np.random.default_rng([seed, 100 + number]), n, folder)))
            say(rows[-1])
    return rows
