"""The same pairs or own ones: the arms are what they say, claims can fail, and the experiment runs at toy scale."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from toy import TOY

from minialign.batch import Response
from minialign.figures import style
from minialign.lab import pairs
from minialign.lab.figures.pairs import draw
from minialign.pipeline import Journey
from minialign.preferences import Preferences
from minialign.runs.voting import Pair
from minialign.world.questions import GREETINGS


def made_up(same=0.7, distinct=0.8, unsure=0.85, loss=0.6):
    arm = {"decisions": 600, "pairs": 600, "votes": 400, "loss": 0.5}
    return {"same": arm | {"accuracy": same, "loss": loss}, "distinct": arm | {"accuracy": distinct}, "unsure": arm | {"accuracy": unsure}}


@pytest.mark.parametrize("changes, gone", [({}, []), ({"same": 0.9}, [0]), ({"loss": 0.4}, [1]), ({"unsure": 0.7}, [2])])
def test_each_claim_can_fail(changes, gone):
    assert [k for k, claim in enumerate(pairs.claims([made_up(**changes)] * 5)) if not claim.seen] == gone


TEXTS = [Response(text, True) for text in "abcd"]


def test_the_arms_are_the_first_two_answers_and_the_two_that_score_alike(monkeypatch):
    monkeypatch.setattr(pairs, "VOTERS", 2)
    monkeypatch.setattr(pairs, "EACH", 2)
    monkeypatch.setattr(pairs, "class_questions", lambda seed, number, n: list("opqrstuvwxyz")[:n])
    monkeypatch.setattr(pairs, "answers", lambda sft, asked, limit, rng: [(question, TEXTS) for question in asked])
    journey = SimpleNamespace(
        seed=0, recipe=TOY, model=lambda name: None, rng=lambda name: None,
        scorer=lambda: lambda batch: np.array([0.0, 3.0, 9.0, 3.1]),
    )  # fmt: skip
    arms = pairs.arms(journey)
    assert arms["distinct"] == [Pair(question, TEXTS[0], TEXTS[1]) for question in "opqr"]
    assert arms["unsure"] == [Pair(question, TEXTS[1], TEXTS[3]) for question in "opqr"]
    assert arms["same"] == arms["distinct"][:2] * 2


def test_what_the_voter_prefers_is_chosen_and_unseen_votes_are_predicted(monkeypatch):
    a, b, c, _ = TEXTS
    learned = []
    monkeypatch.setattr(pairs, "train_reward_model", lambda model, votes, *_: learned.append(votes))
    monkeypatch.setattr(pairs, "reward_model_from", lambda *_: None)
    monkeypatch.setattr(pairs, "score_gaps", lambda scorer, votes: np.array([np.log(3), -np.log(3), np.log(3), np.log(3)]))
    prefers_b = SimpleNamespace(vote=lambda question, one, other, rng, tastes: (one == b) - (other == b))
    journey = SimpleNamespace(recipe=TOY, world=prefers_b, rng=lambda n: None, model=lambda n: None)
    found = pairs.judged(journey, "same", [Pair("p", a, b), Pair("q", b, c), Pair("q", b, c), Pair("r", a, c)], None)
    assert learned == [Preferences(["p", "q", "q"], [b, b, b], [a, c, c])]
    loss = (3 * np.log(4 / 3) + np.log(4)) / 4  # sigma(log 3) is 3/4
    assert found == {"decisions": 4, "pairs": 3, "votes": 3, "accuracy": 0.75, "loss": pytest.approx(loss)}


def test_every_arm_has_the_same_budget_at_toy_scale_and_no_arm_asks_what_is_predicted(toy_runs, tmp_path, monkeypatch):
    monkeypatch.setattr(pairs, "VOTERS", 5)
    monkeypatch.setattr(pairs, "EACH", 4)
    monkeypatch.setattr(pairs, "STEPS", 8)
    journey = Journey(TOY, 0, toy_runs / "cache")
    arms = pairs.arms(journey)
    assert {name: (len(arm), len(set(arm))) for name, arm in arms.items()} == {"same": (20, 4), "distinct": (20, 20), "unsure": (20, 20)}
    asked = [{pair.question for pair in arms[name]} for name in pairs.ARMS]
    bare = {question.removeprefix(greeting) for question in asked[1] for greeting in GREETINGS}
    unseen = pairs.unseen_votes(journey)
    assert asked[1] == asked[2] and asked[0] < asked[1] and len(unseen) > 20 and not bare & set(unseen.prompts)
    run = json.loads(json.dumps(pairs.one_seed(TOY, 0, toy_runs / "cache"), allow_nan=False))
    assert run["same"]["decisions"] == 20 and 0 <= run["unsure"]["accuracy"] <= 1
    for runs in ([run], [made_up(), made_up()]):
        assert max(map(len, pairs.table(runs))) <= 88
        figure, words = draw(runs)
        style.save(figure, tmp_path / "figure", words)
        assert "nan" not in words
