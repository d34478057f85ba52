"""docs/names.md names what there is, and leaves no public name of an algorithm out."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
from names import is_there, rows

ROOT = Path(__file__).parents[1]
ALGORITHMS = "sft preferences reward policy_gradient ppo grpo dpo interop".split()
INNER = {  # public, but of no interest to somebody who looks for the same thing elsewhere
    "sft": {"language_model_optimizer", "epochs", "windows"},
    "preferences": {"save_jsonl", "load_jsonl"},
    "reward": {"reward_model_from", "sequence_scores", "answer_likelihoods", "score_gaps", "calibration"},
    "policy_gradient": {"Rollout", "rollout_metrics"},
    "ppo": {"values_of"},
}


def test_our_names_are_there():
    assert [name for ours, _ in rows() for name in ours if not is_there(name)] == []
    assert not is_there("minialign.dpo.train_dppo") and not is_there("minialign.dpo.DPOConfig.betta") and not is_there("nowhere.at.all")


@pytest.mark.parametrize("room", ALGORITHMS)
def test_every_public_name_of_an_algorithm_has_its_row(room):
    module = importlib.import_module(f"minialign.{room}")
    public = {
        name for name, thing in vars(module).items()
        if not name.startswith("_") and (inspect.isfunction(thing) or inspect.isclass(thing)) and thing.__module__ == module.__name__
    }
    told = {name for ours, _ in rows() for name in ours}
    assert {name for name in public if f"minialign.{room}.{name}" not in told} == INNER.get(room, set())


@pytest.mark.parametrize("library", ["torch", "transformers", "trl"])
def test_their_names_are_theirs(library):
    """tests/hf_proof.py looks them up in the environment that has the libraries; here they are only counted."""
    named = [name for _, theirs in rows() for name in theirs if name.split(".")[0] == library]
    assert len(named) >= 10


def test_one_place_says_when_ppo_left_trl():
    """It would be forgotten in the others when it is told anew; they say where to look."""
    texts = [path for folder, endings in (("docs", ("md",)), ("lessons", ("py", "txt", "md", "json"))) for e in endings for path in (ROOT / folder).rglob(f"*.{e}")]
    told = [path.name for path in [*texts, ROOT / "README.md"] if re.search(r"#?7020|20\d\d-09-02|removed in [A-Z]", path.read_text(encoding="utf-8"))]
    assert told == ["12_graduate.txt"]
