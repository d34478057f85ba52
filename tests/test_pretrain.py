"""The base model that ships with the package is what the recipe in the tree would make, whole, and small."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minialign import checkpoint, pretrained, sft
from minialign.likelihood import token_log_probs_of
from minialign.pipeline import FAST, FULL, Journey
from minialign.pretrain import journey, source


@pytest.fixture(scope="module")
def about():
    return pretrained.about()


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    return Journey(replace(FULL, shipped_base=True), 5, tmp_path_factory.mktemp("cache")).stage("base")


def test_it_is_made_from_what_is_in_the_tree(about, tmp_path):
    """Made again (python -m minialign.pretrain) whenever its settings or the internet have changed."""
    assert about["source"] == source(journey(tmp_path))


def test_it_is_small():
    assert pretrained.WEIGHTS.stat().st_size <= 400_000 and pretrained.ABOUT.stat().st_size <= 50_000


def test_it_is_the_models_of_the_recipe(stage):
    assert stage.model.config == FULL.model == FAST.model
    assert {p.dtype for p in stage.model.parameters()} == {np.dtype("float32")}


def test_its_losses_come_with_it(stage, about):
    losses = stage.history["loss"]
    assert len(losses) == about["source"]["steps"] and losses[0] > 3 and losses[-100:].mean() == pytest.approx(about["loss"])


def test_it_reads_as_well_as_is_said_and_an_internet_it_has_never_seen_nearly_so(stage, about, tmp_path):
    for seed, margin in ((about["source"]["seed"], 0.01), (99, 0.03)):
        stream, starts = Journey(replace(FULL, corpus_characters=200_000), seed, tmp_path).corpus()
        batch = next(sft.windows(stream, starts, 128, FULL.window, np.random.default_rng(0)))
        loss = -token_log_probs_of(stage.model, batch.ids).data.mean()
        assert about["loss"] - 0.02 < loss < about["loss"] + margin, seed


def unsigned(weights, about):
    with np.load(weights) as file:
        arrays = dict(file)
    arrays["about"] = str(arrays["about"]).replace("sha256", "signature")
    np.savez(weights, **arrays)


def swapped(weights, about):
    model = checkpoint.load(weights)
    model.trunk.final_norm.gain.data[0] += 1
    checkpoint.save(model, weights)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda weights, about: weights.unlink(), "there is no checkpoint"),
        (unsigned, "it has no SHA-256, .*checkpoint.save"),
        (lambda weights, about: about.write_text(about.read_text("utf-8").replace("3.711", "3.712"), "utf-8"), "SHA-256 differs"),
        (lambda weights, about: about.write_text("{}", "utf-8"), "no SHA-256 of itself"),
        (lambda weights, about: about.write_text("[" * 100_000, "utf-8"), "pretrained.json"),
        (swapped, "it belongs to another pretrained.npz"),
    ],
    ids=["no weights", "no SHA-256", "a changed loss", "no losses", "no JSON", "another model"],
)
def test_a_damaged_one_is_refused_and_how_to_get_it_back_is_said(tmp_path, monkeypatch, damage, reason):
    for name in ("WEIGHTS", "ABOUT"):
        monkeypatch.setattr(pretrained, name, Path(shutil.copy(getattr(pretrained, name), tmp_path)))
    assert pretrained.load(FAST.model)[0].config == FAST.model
    damage(pretrained.WEIGHTS, pretrained.ABOUT)
    with pytest.raises(ValueError, match=f"{reason}.*install minialign again, or make it: python -m minialign.pretrain") as said:
        pretrained.load(FAST.model)
    assert "\n" not in str(said.value)


def test_another_configuration_is_refused(tmp_path):
    recipe = replace(FULL, shipped_base=True, model=replace(FULL.model, n_layer=2))
    with pytest.raises(ValueError, match="another configuration; train one: shipped_base=False"):
        Journey(recipe, 0, tmp_path).stage("base")
