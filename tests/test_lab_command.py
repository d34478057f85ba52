"""`minialign lab`: every experiment by name, at toy size; what is reported, what is kept, and what a class is told."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from toy_lab import toy_lab

from minialign import lab
from minialign.cli import lab as lab_command
from minialign.cli.command import main
from minialign.lab import EXPERIMENTS, Claim
from minialign.lab.instruments.measure import count_seeds, holds_in_most_seeds


@pytest.fixture()
def small_lab():
    with toy_lab():
        yield


def run(folder, *arguments):
    return main(["lab", *arguments, "--fast", "--jobs", "1", "--out", str(folder)])


def test_the_command_knows_every_experiment():
    assert set(EXPERIMENTS) == {
        "leash", "length", "sycophancy", "refusal", "truth", "principles", "bakeoff", "rlvr", "sums", "cousins", "pairs",
    }  # fmt: skip


@pytest.mark.whole
@pytest.mark.underflow  # babble: exp(proxy / beta) may vanish
def test_the_classroom_cut_of_every_experiment_reports_and_is_found_again(tmp_path, small_lab, monkeypatch, capsys):
    assert run(tmp_path, "all", "--seeds", "1") == 0
    said = capsys.readouterr().out
    for name in lab.EXPERIMENTS:
        this = lab_command.experiment(name)
        report = (tmp_path / "lab-fast" / f"{name}.report.txt").read_text(encoding="utf-8")
        assert this.QUESTION in report and "What this does not show: " in report and report in said
        claims = report.count("\nseen: ") + report.count("\nNOT SEEN: ")
        [data] = json.loads((tmp_path / "lab-fast" / f"{name}.json").read_text(encoding="utf-8"))
        assert claims == len(this.claims([data])) > 2
        assert ("This is the classroom cut" in report) == ("NOT SEEN: " in report)
        for ending in ("png", "svg"):
            assert (tmp_path / "lab-fast" / f"{name}.{ending}").stat().st_size > 1000
        monkeypatch.setattr(this, "one_seed", None)  # a second time nothing is measured
    assert run(tmp_path, "all", "--seeds", "1") == 0
    assert capsys.readouterr().out == said


class Made:
    """An experiment that is made at once; the third seed is not to its taste."""

    __file__ = lab.__file__
    QUESTION, DOES_NOT_SHOW = "does it?", "that it does."

    @staticmethod
    def one_seed(recipe, seed, folder):
        if seed == 2:
            raise KeyboardInterrupt
        return {"seed": seed}

    @staticmethod
    def claims(runs):
        return [Claim("it does", False, f"{len(runs)} seeds", "it is made up"), Claim("it is", True, "always", "no")]

    @staticmethod
    def table(runs):
        return []

    @staticmethod
    def draw(runs):
        from minialign.figures import style

        return style.panels(4, 3, 1, 1)[0], "a figure."


def test_what_is_not_seen_is_explained_and_the_classroom_cut_says_that_it_is_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lab_command, "experiment", lambda name: Made)
    monkeypatch.setattr(lab_command, "figure_of", lambda name: Made)
    lab_command.laboratory(["leash"], True, 2, tmp_path, 1)
    fast = capsys.readouterr().out
    assert "NOT SEEN: it does (2 seeds)\nWhy not: it is made up." in fast and "seen: it is (always)" in fast
    assert "Why not: no" not in fast and "This is the classroom cut" in fast
    lab_command.laboratory(["leash"], False, 2, tmp_path, 1)
    assert "This is the classroom cut" not in capsys.readouterr().out


def test_ctrl_c_keeps_the_seeds_that_are_done_and_the_reports_of_whole_experiments(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lab_command, "experiment", lambda name: Made)
    monkeypatch.setattr(lab_command, "figure_of", lambda name: Made)
    monkeypatch.setattr(lab_command, "result_key", lambda name, recipe, seed: f"{seed}")
    with pytest.raises(KeyboardInterrupt, match="run the same command again to resume"):
        lab_command.laboratory(["leash"], True, 3, tmp_path, 1)
    kept = sorted(path.name for path in (tmp_path / "cache").glob("lab-leash-*.json"))
    assert kept == ["lab-leash-0.json", "lab-leash-1.json"] and capsys.readouterr().out == ""
    lab_command.laboratory(["leash"], True, 2, tmp_path, 1)
    assert "does it?" in capsys.readouterr().out


def test_an_experiment_is_reported_before_the_next_one_begins(tmp_path, monkeypatch, capsys):
    seen = []

    class Second(Made):
        @staticmethod
        def one_seed(recipe, seed, folder):
            seen.append(capsys.readouterr().out)
            return {"seed": seed}

    monkeypatch.setattr(lab_command, "experiment", lambda name: Made if name == "leash" else Second)
    monkeypatch.setattr(lab_command, "figure_of", lambda name: Made)
    lab_command.laboratory(["leash", "truth"], True, 1, tmp_path, 1)
    assert "leash: does it?" in seen[0]


def test_ten_seeds_are_counted_as_ten():
    flags = np.array([True] * 9 + [False])
    assert count_seeds(flags) == "9 of 10 seeds" and holds_in_most_seeds(flags) and not holds_in_most_seeds(flags[1:])


def test_what_lessons_take_from_the_laboratory_is_there():
    """The lessons themselves are run behind a marker of their own: a name that goes is noticed here at once."""
    taken = set()
    for lesson in Path(__file__).parents[1].glob("lessons/[01]*.py"):
        tree = ast.parse(lesson.read_text(encoding="utf-8"))
        modules = {
            alias.asname or alias.name: alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "minialign.lab"
            for alias in node.names
        }
        taken |= {
            (modules[node.value.id], node.attr)
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules
        }
    modules = {module for module, _ in taken if module.islower()}
    assert {"leash", "bakeoff"} <= modules
    assert not [(m, name) for m, name in taken if m in modules and not hasattr(lab_command.experiment(m), name)]


NEW = '''"""A new experiment."""
from . import Claim
QUESTION, DOES_NOT_SHOW = "is it found?", "anything else."
def one_seed(recipe, seed, folder):
    return {"seed": seed}
def claims(runs):
    return [Claim("it is found by its name", True, f"{len(runs)} seeds")]
def table(runs):
    return ["one row"]
'''


def test_a_new_file_is_a_new_experiment(tmp_path):
    """In a copy of the package: one file, nothing listed anywhere, no figure."""
    shutil.copytree(Path(lab.__file__).parents[1], tmp_path / "minialign", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "minialign" / "lab" / "newcomer.py").write_text(NEW, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}

    def minialign(*arguments):
        command = [sys.executable, "-m", "minialign", "lab", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, encoding="utf-8")
        return done.stdout

    assert "newcomer" in minialign("--help")
    said = minialign("newcomer", "--seeds", "1", "--jobs", "1")
    assert "newcomer: is it found?" in said and "one row" in said and "seen: it is found by its name (1 seeds)" in said


@pytest.mark.parametrize("room", ["lab", "figures", "bench"])
def test_public_functions_have_types(room):
    for path in (Path(lab.__file__).parents[1] / room).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        public = [node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
        for node in public:
            arguments = [*node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
            assert node.returns and all(a.annotation for a in arguments if a), f"{path.name}: {node.name}"
