"""The same pairs or own ones: the arms are what they say, claims can fail, and the experiment runs at toy scale."""

import json

import pytest
from toy import TOY

from minialign.figures import style
from minialign.lab import pairs
from minialign.lab.figures.pairs import draw
from minialign.pipeline import Journey


def made_up(same=0.7, distinct=0.8, unsure=0.85, loss=0.6):
    arm = {"decisions": 600, "pairs": 600, "votes": 400, "loss": 0.5}
    return {"same": arm | {"accuracy": same, "loss": loss}, "distinct": arm | {"accuracy": distinct}, "unsure": arm | {"accuracy": unsure}}


@pytest.mark.parametrize("changes, gone", [({}, []), ({"same": 0.9}, [0]), ({"loss": 0.4}, [1]), ({"unsure": 0.7}, [2])])
def test_each_claim_can_fail(changes, gone):
    assert [k for k, claim in enumerate(pairs.claims([made_up(**changes)] * 5)) if not claim.seen] == gone


def test_every_arm_has_the_same_budget_at_toy_scale_and_the_held_out_questions_are_not_in_it(toy_runs, tmp_path, monkeypatch):
    monkeypatch.setattr(pairs, "VOTERS", 5)
    monkeypatch.setattr(pairs, "EACH", 4)
    monkeypatch.setattr(pairs, "STEPS", 8)
    journey = Journey(TOY, 0, toy_runs / "cache")
    arms = pairs.arms(journey)
    assert {name: (len(arm), len(set(arm))) for name, arm in arms.items()} == {"same": (20, 4), "distinct": (20, 20), "unsure": (20, 20)}
    asked = [{pair.question for pair in arms[name]} for name in pairs.ARMS]
    assert asked[1] == asked[2] and asked[0] < asked[1] and not asked[1] & set(journey.votes()[1].prompts)
    run = json.loads(json.dumps(pairs.one_seed(TOY, 0, toy_runs / "cache"), allow_nan=False))
    assert run["same"]["decisions"] == 20 and 0 <= run["unsure"]["accuracy"] <= 1
    for runs in ([run], [made_up(), made_up()]):
        assert max(map(len, pairs.table(runs))) <= 88
        figure, words = draw(runs)
        style.save(figure, tmp_path / "figure", words)
        assert "nan" not in words
