"""Random and damaged inputs, kills and signals: a short slice here, the whole with `python -m pytest -m fuzz`."""

import os
import shutil

import fuzz_inputs
import numpy as np
import pytest
from fuzz import harness
from fuzz_inputs import TARGETS, fuzz
from fuzz_kills import kill_tours, kill_voters
from toy_command import quick_pictures, toy_command

from minialign import checkpoint
from minialign.runs.voting import Ballots

pytestmark = [
    pytest.mark.underflow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the kills need fork"),
]


@pytest.fixture
def run(one_tour, tmp_path):
    """A finished toy run, to be spoiled."""
    return shutil.copytree(one_tour, tmp_path / "runs") / "tour-fast-s0"


def test_a_short_slice_of_the_inputs(run, tmp_path):
    rows = fuzz(run, tmp_path, seed=1, share=0.004)
    assert [fell for _, _, fell in rows if fell] == []
    assert len(rows) == len(TARGETS) and sum(n for _, n, _ in rows) > 400


def test_a_few_kills_of_a_voter(tmp_path):
    assert kill_voters(np.random.default_rng(1), 20, tmp_path) == []


@pytest.mark.whole
def test_a_few_kills_of_a_tour(tmp_path):
    with toy_command(), quick_pictures():
        assert kill_tours(np.random.default_rng(1), 2, tmp_path) == []


def test_the_harness_sees_what_falls(run, tmp_path, monkeypatch):
    """A reader that believes what it finds, a voter that forgets, and an error of another kind all fall."""
    rng = np.random.default_rng(0)
    with monkeypatch.context() as patch:
        patch.setattr(fuzz_inputs, "checked", lambda folder, name, run: folder / name)
        assert len(fuzz_inputs.run_files(rng, 9, run)) == 9
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_digest", lambda about, arrays: about.get("sha256", "same"))
        assert fuzz_inputs.checkpoints(rng, 600, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(fuzz_inputs, "encode", lambda text: [1 // len(text)])
        assert any("ZeroDivisionError" in line for line in fuzz_inputs.tokenizer(rng, 200, tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(Ballots, "_write", lambda ballots, raw: ballots.ends.append(0))
        assert kill_voters(rng, 2, tmp_path)


@pytest.mark.fuzz
def test_the_whole_harness(tmp_path):
    rows = harness(tmp_path)
    assert [fell for _, _, fell in rows if fell] == []
    how_many = {what: n for what, n, _ in rows}
    assert how_many["kills of a tour"] >= 200 and sum(n for what, n in how_many.items() if "signals" in what) >= 200
    assert sum(whole for _, _, whole, _ in TARGETS) >= 100_000
