"""A shell in which the commands that README and docs/ show are typed: what takes minutes runs at toy size, in this process.

It knows one command with its words, NAME=VALUE before it, * in names of files, and > FILE after it, and refuses all else.
"""

import contextlib
import glob
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import types
import urllib.request
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from forked import run_forked
from toy import TOY
from toy_book import toy_lessons
from toy_command import quick_pictures, toy_command
from toy_lab import toy_lab

from minialign import lab as experiments
from minialign import pipeline
from minialign.bench import ablate, gains, plan_measure
from minialign.bench import run as bench
from minialign.bench import scaling as growth
from minialign.classroom import prepare as classroom
from minialign.classroom.server import Server
from minialign.cli import command, lab, serve, table
from minialign.runs.voting import readable
from minialign.teach import calibrate
from minialign.teach.reproduce import steps

ROOT = Path(__file__).resolve().parent.parent
RUN = Path("runs/tour-fast-s0")
DIRS = {"import": "mine/dpo", "check": "handins"}  # DIR is a new folder, but for these
CAPITALS = {"RUN": RUN.as_posix(), "HANDINS": "handins", "FILE": "voter-7.jsonl", "FILE.npz": "dpo.npz", "NN": "3", "N": "4", "NAME": "length"}
TYPED = {"chat": "what does a cow say?\n", "quiz": "1\n2\n3\n1\n", "vote --hands": "7 23\n" * 20, "vote": "a\n" * 20}
BEFORE = {"book --check": "minialign book", "import": "minialign export --to hf mine", "hands.jsonl": "minialign vote RUN --hands"}
TOY_LESSONS = ("book", "prepare", "calibrate")  # these run lessons in processes of their own


@dataclass
class Done:
    code: int
    out: str
    err: str


@contextlib.contextmanager
def everything_small():
    """Both recipes are the toy one; as few seeds, points and rounds as will do; processes of seeds are this one."""
    scaling, plan, compare, ablation, serving = growth.scaling, plan_measure.measure, bench._compare, bench._ablate, serve.serve
    sweeps = {"d_model": (8, 16), "context": (8, 12, 16)}
    with toy_command(), toy_lab("LAB"), quick_pictures(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "FULL", TOY)
        patch.setattr(lab, "FULL_SEEDS", 1)
        patch.setattr(experiments, "EXPERIMENTS", ["leash", "length", "pairs"])  # test_lab_command.py has them all
        for name in ("leash", "length"):
            patch.setattr(lab.experiment(name), "quick", lambda recipe: True)  # as with --fast: fewer settings
        patch.setattr(lab, "cores", lambda: 1)
        for module in (table, calibrate):
            patch.setattr(module, "for_each", lambda function, tasks, jobs: list(map(function, tasks[:2])))  # two seeds
        # A process of its own would be a lesson of the usual size; a forked one has all of this.
        forked = types.SimpleNamespace(run=lambda words, **_: run_forked(*words[1:]), DEVNULL=subprocess.DEVNULL)
        patch.setattr(calibrate, "subprocess", forked)
        patch.setattr(classroom.prepare, "__defaults__", (readable,))  # a toy model's sentences are none
        patch.setattr(steps, "figure_steps", lambda source: ())
        patch.setattr(gains, "ROWS", {"float64": ablate.ROWS["float64"]})
        patch.setattr(bench, "_compare", lambda setting, rounds, workloads, sizes, against: compare(setting, 1, ["train"], ["tiny"], against))
        patch.setattr(bench, "_ablate", lambda setting, rounds, workloads, sizes: ablation(setting, 1, ["train"], ["tiny"]))
        patch.setattr(growth, "scaling", partial(scaling, sweeps=sweeps, base={"d_model": 8, "layers": 1, "context": 8, "batch": 2}))
        patch.setattr(plan_measure, "in_a_process", partial(plan, widths=(32, 64), wide=()))
        patch.setattr(plan_measure, "bandwidth", lambda: 1e10)  # it multiplies with a matrix of 256 MB
        patch.setattr(serve, "own_address", lambda: "127.0.0.1")  # a test opens nothing to the network
        patch.setattr(serve, "serve", lambda room, backstage, host, port: serving(room, backstage, host, 0))  # 8020 may be taken
        patch.setattr(Server, "serve_forever", until_ctrl_c)
        yield


def until_ctrl_c(server, poll_interval):
    """One page is asked for, then somebody types Ctrl-C."""
    def visitor():
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/", timeout=20) as page:
            got.append(page.read())

    got, caller = [], threading.Thread(target=visitor)
    caller.start()
    server.handle_request()
    caller.join()
    assert b"</html>" in got[0]
    raise KeyboardInterrupt


class Shell:
    """A folder that looks like a clone after a fast tour and a class, and what is typed in it."""

    def __init__(self, folder, runs, patch):
        self.folder, self.patch = Path(folder), patch
        shutil.copytree(runs, self.folder / "runs")
        shutil.copytree(ROOT / "lessons", self.folder / "lessons", ignore=shutil.ignore_patterns("figures", "__pycache__"))
        of_class = (self.folder / "lessons" / "class.jsonl").read_text(encoding="utf-8")
        (self.folder / "class.jsonl").write_text(of_class, encoding="utf-8")
        for voter in (7, 8):
            lines = [line for line in of_class.splitlines(keepends=True) if json.loads(line)["voter"] == voter]
            (self.folder / f"voter-{voter}.jsonl").write_text("".join(lines), encoding="utf-8")
        solution = self.folder / "lessons" / "solutions" / "ex04.py"
        shutil.copyfile(solution, self.folder / "lessons" / "exercises" / "ex04.py")  # "what you wrote"
        (self.folder / "handins").mkdir()
        for student in ("ada", "bob"):
            shutil.copyfile(solution, self.folder / "handins" / f"{student}.py")
        patch.chdir(self.folder)

    def type(self, line):
        """Run a line -> Done."""
        for part, before in BEFORE.items():
            if all(word in line for word in part.split()):
                assert self.type(before).code == 0
        words = shlex.split(line, posix=True)
        while re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            self.patch.setenv(*words.pop(0).split("="))
        to = words.pop() if words[-2:-1] == [">"] else None
        words = words[:-1] if to else words
        assert not re.search(r"[|;<>$&`~]", "".join(words)), f"this shell does not know all of: {line}"
        words = [name for word in words for name in sorted(glob.glob(word)) or [word]]
        done = self.run(Path(words[0]).name, words[1:])
        if to:
            Path(to).write_text(done.out, encoding="utf-8")
        return done

    def run(self, program, words):
        if program.startswith("python"):
            if words[0] == "-m":
                assert words[1] == "minialign"
                return self.minialign(words[2:])
            if words[0].startswith("lessons/"):
                return self.lesson(words)
            return in_a_copy(self.folder / "copy", words)
        assert program == "minialign", f"{program} is not run here: say where it is, in ELSEWHERE"
        return self.minialign(words)

    def minialign(self, words):
        if words[0] in TOY_LESSONS:
            shutil.rmtree("lessons")
            toy_lessons(".")
        if words[0] == "reproduce":
            toy_pages(self.folder)
        words = [filled(word, words[0]) for word in words]
        typed = next((keys for what, keys in TYPED.items() if set(what.split()) <= set(words)), "")
        self.patch.setattr(sys, "stdin", io.StringIO(typed))
        small = everything_small() if words[0] != "doctor" else contextlib.nullcontext()  # it looks at the shipped base model
        with small, contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            try:
                code = command.main(words)
            except SystemExit as stop:
                code = stop.code
        return Done(code, out.getvalue(), err.getvalue())

    def lesson(self, words):
        with everything_small():
            done = run_forked(self.folder / words[0], *words[1:], typed="7 23\n" * 20)
        return Done(done.returncode, done.stdout, done.stderr)


def filled(word, chosen):
    """A word of a shown command, with what its capitals may be."""
    parts = [CAPITALS.get(part, part) for part in word.split("/")]
    return DIRS.get(chosen, "new") if word == "DIR" else "/".join(parts)


def toy_pages(folder):
    """What `minialign reproduce` reads, with little in it: one table, one proof."""
    (folder / "lessons" / "kit" / "measured.json").unlink()
    (folder / "lessons" / "bands.json").write_text("{}", encoding="utf-8")
    for name in ("docs", "tests", ".github"):
        (folder / name).mkdir()
    (folder / "docs" / "results.md").write_text(
        "<!-- begin: python toy.py -->\n| model | gold |\n|---|---|\n| PPO | 0.60 |\n<!-- end -->\n", encoding="utf-8"
    )
    (folder / "toy.py").write_text("print('| model | gold |\\n|---|---|\\n| PPO | 0.60 |')\n", encoding="utf-8")
    (folder / "docs" / "proof.md").write_text("## 1. One\n\n    .venv/bin/python tests/prove.py\n", encoding="utf-8")
    (folder / "tests" / "prove.py").write_text("print('proved')\n", encoding="utf-8")


def in_a_copy(folder, words):
    """A script of tests/ that writes into the tree, on a copy of it."""
    for name in ("minialign", "docs", "tests", "lessons"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "golden"))
    env = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run([sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True, encoding="utf-8", stdin=subprocess.DEVNULL)
    return Done(done.returncode, done.stdout, done.stderr)
