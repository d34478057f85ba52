"""The (curve) exercises: each solution trains, and draws every training that its lesson names."""

import importlib.util
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from toy_run import toy_size

from minialign import lab, pipeline
from minialign.batch import Response
from minialign.figures import lesson_plots
from minialign.history import History
from minialign.preferences import Preferences

LESSONS = Path(__file__).resolve().parent.parent / "lessons"
NUMBERS = [int(path.name[:2]) for path in sorted(LESSONS.glob("[0-9][0-9]_*.py"))]


@pytest.fixture(scope="module")
def curves():
    spec = importlib.util.spec_from_file_location("curves", LESSONS / "solutions" / "curves.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("curves")


def test_every_lesson_has_a_solution(curves):
    assert sorted(curves.CURVES) == NUMBERS


def solved(curves, out, capsys, number):
    with toy_size(), pytest.MonkeyPatch.context() as patch:
        replays = replace(pipeline.FAST.sft, replay_weight=0.5)  # as the real one does
        patch.setattr(pipeline, "FAST", replace(pipeline.FAST, sft=replays))
        curves.main([str(number), "--fast", "--out", str(out)])
    told = capsys.readouterr().out
    assert (out / "curves" / f"{number:02d}.png").stat().st_size > 5000 and "picture: " in told
    lines = [line for line in told.splitlines() if re.search(r"\d:\s+-?\d+\.\d{3}", line)]
    assert len(lines) >= 2 and "nan" not in told
    return lines


def test_old_gradients_push_along(curves, out, capsys):
    ends = [float(line.split()[-1].split(":")[-1]) for line in solved(curves, out, capsys, 1)]
    assert ends[0] > ends[1] >= ends[2]  # cleared, momentum, never cleared: the fault has the smallest loss


def test_few_votes_take_as_many_steps_as_all(curves, monkeypatch):
    """They took one epoch each, so that 50 votes were two steps, and the number of votes was not what differed."""
    trained = []
    votes = Preferences(["q"] * 1000, [Response("a", True)] * 1000, [Response("b", True)] * 1000)
    monkeypatch.setattr(curves, "trained_with_dpo", lambda run, votes, epochs: trained.append((len(votes), epochs)) or [None])
    monkeypatch.setattr(curves.evaluate, "answer", lambda *_: SimpleNamespace(gold=np.zeros(4)))
    run = SimpleNamespace(votes=lambda: (votes, None), model=lambda name: None, seed=0, recipe=pipeline.FAST)
    curves.win_rate_by_votes(run)
    assert trained == [(50, 20), (200, 5), (1000, 1)]


@pytest.mark.parametrize("recipe", [pipeline.FAST, pipeline.FULL])
def test_critic_and_rivals_have_as_many_iterations(curves, recipe, monkeypatch):
    """Without --fast PPO had twice GRPO's."""
    of = []
    monkeypatch.setattr(curves.ppo, "train_ppo", lambda *args, **_: of.append(args[5].iterations))
    monkeypatch.setattr(curves.grpo, "train_grpo", lambda *args, **_: of.append(args[4].iterations))
    for name in ("trainable_copy", "frozen_copy"):
        monkeypatch.setattr(curves, name, lambda model: None)
    monkeypatch.setattr(curves, "scalar_model_from", lambda *_, **__: None)
    monkeypatch.setattr(curves, "sample_prompts", lambda *_: [])
    world = SimpleNamespace(prompts=lambda *_: [])
    curves.critic_or_rivals(SimpleNamespace(model=lambda name: None, scorer=lambda: None, seed=0, recipe=recipe, world=world))
    assert of[0] == of[1] > 1


@pytest.mark.parametrize(("recipe", "laboratory"), [(pipeline.FAST, lab.LAB_FAST), (pipeline.FULL, lab.LAB)])
def test_the_leash_is_let_go_in_the_laboratory_of_the_same_size(curves, recipe, laboratory, monkeypatch):
    """--fast trained the whole laboratory's PPO: a Journey's recipe has a mix, and so is never FAST itself."""
    trained = []
    monkeypatch.setattr(curves, "trained_with_ppo", lambda run, look, **settings: trained.append((run.recipe, settings)))
    curves.without_a_leash(pipeline.Journey(recipe, 0))
    [(used, settings)] = trained
    assert used.ppo == laboratory.ppo and used.vote_prompts == laboratory.vote_prompts and used.tastes == lab.HUMAN
    assert settings == {"kl_coef": 0.0, "iterations": 2 * laboratory.ppo.iterations}


@pytest.mark.slow
@pytest.mark.parametrize("number", NUMBERS[1:])
def test_a_solution_trains_and_draws(curves, out, capsys, number):
    solved(curves, out, capsys, number)


def test_trainings_are_drawn_apart_and_told_in_words():
    histories = {}
    for name, end in (("before", 0.3), ("after", 0.1)):
        histories[name] = History()
        for step in range(60):
            histories[name].log(step, {"loss": 0.7 + (end - 0.7) * step / 59})
    figure, words = lesson_plots.trainings("loss", histories)
    lines = [line for line in figure.axes[0].lines if line.get_label() in histories]
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 2  # told apart without colour as well
    assert words.startswith("loss at the end: before 0.31") and words.endswith("At the start: before 0.7, after 0.7.")
