"""The recipe keeps what it has made, remakes what has changed, and gives the same models for the same seed."""

from dataclasses import replace

import numpy as np
import pytest
from toy import TOY

from minialign import pipeline
from minialign.dpo import DPOConfig
from minialign.models import MODELS, OPTIONAL, STAGES
from minialign.pipeline import MAKE, Journey, UnreadableStage
from minialign.reward import Scorer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def made(folder):
    """A toy journey with every stage made."""
    return complete(Journey(TOY, 0, folder))


def complete(journey):
    for stage in STAGES:
        journey.stage(stage)
    return journey


def weights(model):
    return {name: p.data.tobytes() for name, p in model.named_parameters().items()}


def remade(recipe, seed, folder):
    """The stages that this journey would have to make."""
    names = []
    journey = Journey(recipe, seed, folder, say=names.append)
    complete(journey)
    return names


def test_a_second_journey_finds_everything(made, folder):
    again = complete(Journey(TOY, 0, folder))
    assert not any(stage.cached for stage in made.in_memory.values() if hasattr(stage, "cached"))
    for name in STAGES:
        first, second = made.in_memory[name], again.in_memory[name]
        assert second.cached and second.seconds == first.seconds
        assert second.history.to_dict() == first.history.to_dict()
        if name != "votes":
            assert weights(second.model) == weights(first.model)
    assert again.votes() == made.votes()


def test_equal_seeds_give_equal_bytes_and_others_do_not(made, tmp_path):
    again, other = complete(Journey(TOY, 0, tmp_path)), Journey(TOY, 1, tmp_path)
    for name in ("base", "sft", "reward", "ppo", "dpo"):
        assert weights(again.model(name)) == weights(made.model(name)), name
    assert again.votes() == made.votes()
    assert weights(other.model("base")) != weights(made.model("base"))


def test_a_stage_has_the_same_random_numbers_whether_the_ones_before_it_were_found_or_made(made, folder, tmp_path):
    some = Journey(TOY, 0, tmp_path)
    for name in ("base", "sft", "votes"):
        for file in folder.glob(f"{name}-*"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    assert weights(some.model("dpo")) == weights(made.model("dpo"))
    assert some.stage("base").cached and not some.stage("dpo").cached


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"best_of": 3}, []),  # only the scoreboard reads it
        ({"dpo": DPOConfig(epochs=1, batch_size=8, beta=0.5)}, ["dpo"]),
        ({"ppo": replace(TOY.ppo, kl_coef=0.5)}, ["ppo"]),
        ({"reward": replace(TOY.reward, lr=2e-3)}, ["reward", "ppo"]),
        ({"vote_prompts": 60}, ["votes", "reward", "ppo", "dpo"]),
        ({"demonstrations": 72}, ["sft", "votes", "reward", "ppo", "dpo"]),
        ({"max_new_tokens": 40}, ["sft", "votes", "reward", "ppo", "dpo"]),  # its snapshots are as long
        ({"base_steps": 61}, STAGES),
    ],
)
def test_what_changed_is_made_again_and_all_that_hangs_on_it(made, folder, change, expected):
    assert remade(replace(TOY, **change), 0, folder) == expected


def test_changed_code_makes_everything_stale(made, monkeypatch):
    keys = [made.key(name) for name in STAGES]
    monkeypatch.setattr(pipeline.cache, "fingerprint", lambda path: "other code")
    assert not set(keys) & {made.key(name) for name in STAGES}


def test_every_setting_is_read_by_some_stage_or_by_the_scoreboard_alone():
    read = {field for name in [*STAGES, *OPTIONAL] for field in MODELS[name].settings}
    assert set(vars(TOY)) - read == {"best_of"}


class Recording:
    """Stands in for a recipe, and remembers which of its fields were read."""

    def __init__(self, recipe):
        self.recipe, self.read = recipe, set()

    def __getattr__(self, field):
        self.read.add(field)
        return getattr(self.recipe, field)


@pytest.mark.parametrize("name", MAKE)
def test_a_stage_reads_no_setting_that_its_key_does_not_hold(made, folder, name):
    journey, row, keyed = Journey(TOY, 0, folder), MODELS[name], set()
    journey.recipe = Recording(journey.recipe)
    MAKE[name](journey, journey.rng(name))
    while row:
        keyed, row = keyed | set(row.settings), MODELS.get(row.upstream)
    assert journey.recipe.read <= keyed


def test_an_interrupted_journey_goes_on_where_it_stopped(made, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as m:
        m.setattr(pipeline.reward, "train_reward_model", interrupted)
        with pytest.raises(KeyboardInterrupt):
            complete(Journey(TOY, 0, tmp_path))
    assert remade(TOY, 0, tmp_path) == ["reward", "ppo", "dpo"]
    assert weights(Journey(TOY, 0, tmp_path).model("ppo")) == weights(made.model("ppo"))


@pytest.mark.parametrize("ending", [".npz", ".json", "-train.jsonl"])
@pytest.mark.parametrize("damage", [b"", b"not one of ours", b"PK\x03\x04"])
def test_a_damaged_stage_is_named(made, folder, tmp_path, ending, damage):
    stage = "votes" if ending == "-train.jsonl" else "base"
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(
            damage if file.name == f"{stage}-{made.key(stage)}{ending}" else file.read_bytes()
        )
    if stage == "votes" and not damage:
        return  # no votes at all: a readable file
    with pytest.raises(UnreadableStage, match=f"the {stage} stage in"):
        complete(Journey(TOY, 0, tmp_path))


def test_a_stage_whose_checkpoint_is_gone_is_named(made, folder, tmp_path):
    for file in folder.glob("base-*.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(UnreadableStage, match="the base stage in"):
        Journey(TOY, 0, tmp_path).stage("base")


def test_held_out_votes_are_on_prompts_of_their_own(made):
    train, held_out = made.votes()
    assert len(train) and len(held_out) and not set(train.prompts) & set(held_out.prompts)


def test_scores_are_shifted_and_scaled_and_nothing_else(made):
    batch, score = made.votes()[0].batch(), made.scorer()
    raw = Scorer(made.model("reward"), TOY.reward.pooling)(batch)
    assert score.std > 0 and np.allclose(score(batch), (raw - score.mean) / score.std, atol=1e-5)


def test_training_starts_where_the_theory_says(made):
    assert made.stage("base").history["loss"][0] == pytest.approx(np.log(TOY.model.vocab_size), abs=0.2)  # small random weights already lean somewhere
    assert made.stage("dpo").history["loss"][0] == pytest.approx(np.log(2), abs=1e-6)
    assert made.stage("ppo").history["policy/first_ratio_error"].max() < 1e-5
    assert made.stage("ppo").history["objective/kl"][0] == 0


def test_earlier_models_are_left_alone_by_later_stages(made, folder):
    kept = {name: weights(Journey(TOY, 0, folder).model(name)) for name in ("base", "sft", "reward")}
    assert all(weights(made.model(name)) == kept[name] for name in kept)
