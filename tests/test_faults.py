"""A lesson's fault harms nobody but this lesson: not the models that are stored, not the cell or the lesson that comes next."""

import contextlib
import io
import json
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy import TOY

from minialign import cache, dpo, lab, pipeline, source_patch
from minialign.cli import lab as lab_command
from minialign.lab import length
from minialign.teach import faults
from minialign.teach.lesson import Lesson
from minialign.teach.lesson_doc import faults_of, read_doc

LESSONS = sorted((Path(__file__).resolve().parent.parent / "lessons").glob("[0-9][0-9]_*.py"))
ALL = [(script, fault) for script in LESSONS for fault in faults_of(read_doc(script))]
STORING = [("02_base_model", "shift"), ("07_leash", "wrongway")]  # what the whole-system tests try
FLIP = "chosen_rewards - rejected_rewards", "rejected_rewards - chosen_rewards"


@pytest.fixture(autouse=True)
def toy_size(monkeypatch):
    monkeypatch.setattr(pipeline, "FAST", TOY)
    monkeypatch.setattr(lab, "LAB_FAST", replace(TOY, ppo=replace(TOY.ppo, iterations=1)))
    monkeypatch.setattr(lab, "HUMAN", replace(lab.HUMAN, tie=0.0))  # so that babble gets votes as well
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    yield
    faults.undo_faults()


def run(script, out, *flags):
    """A lesson in this very process, as a notebook runs it -> its run.json."""
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        patch.setattr(sys, "argv", [str(script), "--fast", "--no-predict", "--out", str(out), *flags])
        runpy.run_path(str(script), run_name="__main__")
    ending = f"-{flags[1]}" if flags else ""
    return json.loads((out / "lessons" / f"{script.stem}-fast{ending}" / "run.json").read_text(encoding="utf-8"))


def stored(out):
    """Every file of the shared cache, without how long it took to make."""
    contents = {}
    for path in out.glob("cache/*"):
        contents[path.name] = path.read_bytes()
        if path.suffix == ".json":
            about = json.loads(contents[path.name])
            contents[path.name] = {name: about[name] for name in about if name not in ("seconds", "sha256")}
    return contents


def timeless(run):
    """Without the seconds, and without the seal that covers them."""
    return {name: run[name] for name in run if "seconds" not in name and name != "sha256"}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A function: script -> (its run.json, the cache) of a run on an empty cache that nobody has disturbed."""
    known = {}

    def of(script):
        if script not in known:
            out = tmp_path_factory.mktemp(script.stem)
            known[script] = timeless(run(script, out)), stored(out)
        return known[script]

    return of


@pytest.mark.parametrize(
    ("script", "fault"),
    [pytest.param(*case, marks=pytest.mark.whole if (case[0].stem, case[1]) in STORING else pytest.mark.slow) for case in ALL],
    ids=lambda x: getattr(x, "stem", x),
)
@pytest.mark.filterwarnings("ignore")
def test_after_a_fault_on_an_empty_cache_a_clean_run_is_as_if_nothing_had_been(script, fault, tmp_path, undisturbed):
    result, files = undisturbed(script)
    run(script, tmp_path, "--break", fault)
    assert not source_patch.ACTIVE
    for name, content in stored(tmp_path).items():
        assert name not in files or content == files[name]
    assert timeless(run(script, tmp_path)) == result
    after = stored(tmp_path)
    assert {name: after[name] for name in files} == files


# ------------------------------------------------------------------------------------------------ what is stored
def margin():
    """The chosen answer is ahead, so its margin is beta; with the sign flipped, -beta."""
    return dpo.dpo_loss([1.0], [0.0], [0.0], [0.0])[1]["rewards/margins"]


def test_a_stage_made_under_a_fault_is_not_stored_and_not_found_later(tmp_path):
    faulty, clean = (pipeline.Journey(TOY, 0, tmp_path) for _ in range(2))
    faulty.stage("votes")
    before = stored_names(tmp_path)
    with source_patch.patch(dpo, "dpo_loss", *FLIP):
        wrong = faulty.model("dpo")
        assert faulty.model("dpo") is wrong  # from memory
        assert len(faulty.votes()[1]) > 0  # made before the fault: still there
    assert stored_names(tmp_path) == before
    right = clean.stage("dpo")
    assert not right.cached and not np.array_equal(right.model.unembedding.data, wrong.unembedding.data)


def stored_names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_fault_changes_the_keys_of_what_it_can_reach_and_no_others(tmp_path):
    journey = pipeline.Journey(TOY, 0, tmp_path)
    clean, of_lab = journey.key("base"), cache.key(code=[length.__file__])
    with source_patch.patch(dpo, "dpo_loss", *FLIP):
        assert journey.key("base") != clean and cache.key(code=[length.__file__]) != of_lab
    with source_patch.patch(length, "compare", "def compare", "def compare"):
        assert journey.key("base") == clean and cache.key(code=[length.__file__]) != of_lab
    assert journey.key("base") == clean and cache.key(code=[length.__file__]) == of_lab


def test_an_experiment_measured_under_a_fault_is_not_stored(tmp_path, monkeypatch):
    monkeypatch.setattr(length, "one_seed", lambda recipe, seed, folder: {"seed": seed, "pair": (1, 2)})
    with source_patch.patch(dpo, "dpo_loss", *FLIP):
        assert lab_command.one_result(("length", TOY, 0, tmp_path)) == {"seed": 0, "pair": [1, 2]}
    assert stored_names(tmp_path) == []
    assert lab_command.one_result(("length", TOY, 0, tmp_path)) == {"seed": 0, "pair": [1, 2]}
    assert len(stored_names(tmp_path)) == 1


# ------------------------------------------------------------------------------------------------ how long it lasts
DOC = """Lesson 3 - Toy: how long does a fault last?

WATCH      1. it runs
BREAK IT   --break flip   a sign is flipped -> 1
"""


@pytest.fixture
def begin(tmp_path, monkeypatch, capsys):
    """A function: flags -> a lesson, as the first cell of a notebook begins it."""

    def first_cell(*flags):
        monkeypatch.setattr(sys, "argv", ["03_toy.py", "--fast", "--out", str(tmp_path), *flags])
        (tmp_path / "03_toy.py").write_text(f'"""{DOC}"""\n', encoding="utf-8")
        return Lesson(tmp_path / "03_toy.py", DOC)

    return first_cell


def second_cell(lesson):
    if lesson.fault:
        lesson.inject_fault(dpo, "dpo_loss", *FLIP)


def test_a_fault_is_gone_when_the_lesson_ends_or_begins_again(begin, capsys):
    lesson = begin("--break", "flip")
    assert "BROKEN ON PURPOSE, flip" in capsys.readouterr().out
    second_cell(lesson)
    second_cell(lesson)  # a cell that is run twice breaks the line once
    assert margin() < 0 and len(lesson.changes) == 1
    again = begin()  # without --break
    assert margin() > 0 and "BROKEN" not in capsys.readouterr().out
    second_cell(again)
    assert margin() > 0
    lesson = begin("--break", "flip")
    second_cell(lesson)
    lesson.claim(1, True)
    lesson.finish()
    assert margin() > 0 and not source_patch.ACTIVE
    capsys.readouterr()
    second_cell(lesson)  # the old lesson's cell once more: broken again, and it says so
    assert margin() < 0 and "BROKEN ON PURPOSE, flip" in capsys.readouterr().out


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_in_a_notebook_a_cell_that_fails_or_is_interrupted_takes_the_fault_back(kind, begin, monkeypatch, capsys):
    shell = Shell()
    monkeypatch.setitem(sys.modules, "IPython", shell)
    lesson = begin("--break", "flip")
    shell.run_cell(lambda: second_cell(lesson))
    assert margin() < 0 and not capsys.readouterr().err

    def fails():
        raise kind

    shell.run_cell(fails)
    assert margin() > 0 and "the fault has been undone" in capsys.readouterr().err
    shell.run_cell(fails)
    assert capsys.readouterr().err == ""  # said once
    shell.run_cell(lambda: second_cell(lesson))
    assert margin() < 0 and "BROKEN ON PURPOSE, flip" in capsys.readouterr().out


class Shell:
    """What IPython offers, as far as it is used here: get_ipython(), events.register(), and success of a cell's result."""

    def __init__(self):
        self.events, self.callbacks = self, []

    def get_ipython(self):
        return self

    def register(self, event, function):
        assert event == "post_run_cell"
        self.callbacks += [function] if function not in self.callbacks else []

    def run_cell(self, cell):
        self.success = True
        try:
            cell()
        except BaseException:
            self.success = False
        for function in self.callbacks:
            function(self)
