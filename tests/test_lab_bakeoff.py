"""The bake-off: costs are counted, not guessed; a model against itself is a coin toss; claims can fail."""

import json
from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest
from toy import TOY

from minialign import lab
from minialign.batch import Response
from minialign.dpo import DPOConfig
from minialign.lab import bakeoff
from minialign.lab.figures.bakeoff import draw
from minialign.lab.instruments import costs
from minialign.lab.instruments.measure import prompt_of
from minialign.pipeline import FAST, FULL, Journey
from minialign.ppo import PPOConfig
from minialign.preferences import Preferences
from minialign.reward import RewardConfig
from minialign.world import report_questions


def answers(gold):
    return SimpleNamespace(gold=np.array(gold))


def test_a_tie_is_half_a_win():
    won = bakeoff.wins(answers([1.0, 0.0, 0.5, 0.5]), answers([0.0, 1.0, 0.5, 0.5]))
    assert won["rate"] == 0.5
    assert won["margin"] == pytest.approx(1.96 * np.sqrt(1 / 8) / 2)  # the deviation of 1, 0, 1/2, 1/2


def test_of_two_equals_the_interval_holds_one_half_in_nineteen_of_twenty():
    rng = np.random.default_rng(0)
    won = [bakeoff.wins(*(answers(rng.normal(size=200)) for _ in range(2))) for _ in range(400)]
    assert 0.92 <= np.mean([abs(w["rate"] - 0.5) <= w["margin"] for w in won]) <= 0.98


def test_held_out_items_are_asked_several_times_and_judged_without_their_greeting(tmp_path, monkeypatch):
    asked = []

    def answer(model, questions, judge, *_):
        asked.append(questions)
        return SimpleNamespace(gold=np.array([judge(q, "said") for q in questions]))

    monkeypatch.setattr(bakeoff, "answer", answer)
    monkeypatch.setattr(bakeoff, "judge_response", lambda question, response: len(question))
    journey = SimpleNamespace(
        model=lambda name: None, rng=lambda name: None, recipe=SimpleNamespace(max_new_tokens=8)
    )
    found = bakeoff.ask(journey, "sft", 1.0, ["moo?", "baa, you say?"] * 2, ("good day! ", "now, "))
    assert asked == [["good day! moo?", "now, baa, you say?"] * 2] and found.gold.tolist() == [4, 13] * 2
    assert len(bakeoff.ask(journey, "sft", 1.0, ["moo?"] * bakeoff.TIMES).gold) == bakeoff.TIMES > 1


def test_golds_are_of_the_questions_that_they_are_said_to_be_of(monkeypatch):
    every = report_questions()
    out, seen = ([q for q in every if prompt_of(q).held_out is flag][:2] for flag in (True, False))
    questions = [seen[0], out[0], seen[1], out[1]]

    def ask(journey, name, temperature, asked):  # the gold of draw k of question i is 10 i + k
        draws = [asked[:row].count(question) for row, question in enumerate(asked)]
        return answers([10 * questions.index(question) + k for question, k in zip(asked, draws)])

    monkeypatch.setattr(bakeoff, "ask", ask)
    said = SimpleNamespace(questions=questions, gold=np.array([1.0, 2.0, 3.0, 4.0]))
    found = bakeoff.gold_by_place(None, "sft", said, answers([5.0, 6.0, 7.0, 8.0]))
    assert bakeoff.TIMES == 4 and {place: golds.tolist() for place, golds in found.items()} == {
        "seen": [1, 3], "held_out": [11.5, 31.5], "greeted": [5, 6, 7, 8],
    }  # fmt: skip


def test_an_answer_that_became_more_probable_moved_up(monkeypatch):
    votes = Preferences(["a"] * 2, [Response("b", True)] * 2, [Response("c", True)] * 2)
    nats = {"sft": [-5, -5, -5, -5], "tuned": [-4, -4, -7, -9]}  # chosen, chosen, rejected, rejected
    monkeypatch.setattr(bakeoff, "log_probs_array", lambda model, ids, mask: np.array(nats[model])[:, None] / 2 * [1, 1])
    journey = SimpleNamespace(votes=lambda: (None, votes), model=lambda name: name)
    assert bakeoff.moved(journey, "tuned") == {"chosen": 1, "rejected": -3}


def test_every_setting_is_a_hyperparameter():
    assert costs.hyperparameters(TOY, "sft") == 0
    assert costs.hyperparameters(TOY, "dpo") == len(fields(DPOConfig))
    assert costs.hyperparameters(TOY, "ppo") == len(fields(PPOConfig)) + len(fields(RewardConfig))
    assert costs.hyperparameters(TOY, "best_of_n") == len(fields(RewardConfig)) + 1


def run(ppo=0.4, dpo=0.3, grpo=0.38, off=0.2, greeted=0.2, seconds=15.0, rivals=55.0, rejected=-3.0, itself=0.51):
    def model(gold, **more):
        places = {"gold_seen": gold, "gold_held_out": off if gold else 0.0, "gold_greeted": greeted if gold else 0.0}
        return {"gold": gold, "gold_greedy": gold, "stops_greeted": 1.0, "wins": 0.6, "kl": gold} | places | more

    return {
        "sft": model(0.0, seconds=0.0, models=1, megabytes=0.6, hyperparameters=0),
        "best_of_n": model(0.5, seconds=20.0, models=2, megabytes=1.2, hyperparameters=10),
        "ppo": model(ppo, seconds=60.0, models=4, megabytes=2.4, hyperparameters=27, chosen=-1.0, rejected=-2.0),
        "grpo": model(grpo, seconds=rivals, models=3, megabytes=1.8, hyperparameters=25, chosen=-1.0, rejected=-2.0),
        "dpo": model(dpo, seconds=seconds, models=2, megabytes=1.2, hyperparameters=10, chosen=-0.5, rejected=rejected),
        "itself": {"rate": itself, "margin": 0.04},
    }


def seen(**numbers):
    return [claim.seen for claim in bakeoff.claims([run(**numbers)] * 5)]


def test_claims_are_seen_where_the_runs_bear_them_out():
    assert all(seen())


@pytest.mark.parametrize(
    ("numbers", "which"),
    [
        ({"dpo": -0.1}, 0),
        ({"dpo": 0.45}, 1),
        ({"seconds": 50.0}, 2),
        ({"grpo": -0.1}, 3),
        ({"rivals": 90.0}, 3),
        ({"greeted": -0.1}, 4),
        ({"off": -0.1}, 5),
        ({"rejected": 0.2}, 6),
        ({"rejected": -0.4}, 6),  # the chosen ones sink further
        ({"itself": 0.56}, 7),
    ],
)
def test_each_claim_can_fail(numbers, which):
    assert [k for k, flag in enumerate(seen(**numbers)) if not flag] == [which]


@pytest.mark.whole
def test_from_nothing_to_the_figure_at_toy_scale(tmp_path, monkeypatch):
    monkeypatch.setattr(lab, "UNBIASED", replace(lab.UNBIASED, tie=0.0))  # so that babble gets votes as well
    monkeypatch.setattr(bakeoff, "FAST", TOY)
    monkeypatch.setattr(bakeoff, "report_questions", lambda: report_questions(80))
    data = json.loads(json.dumps(bakeoff.one_seed(TOY, 0, tmp_path), allow_nan=False))
    assert len(bakeoff.claims([data])) == 8 and all(len(line) <= 88 for line in bakeoff.table([data]))
    figure, words = draw([data])
    assert words.startswith(figure._suptitle.get_text()) and len(figure.axes) == 3

    journey = Journey(lab.control(TOY), 0, tmp_path)
    size = sum(p.data.nbytes for p in journey.model("sft").parameters()) / 1e6
    assert data["sft"]["megabytes"] == pytest.approx(size, abs=6e-4) and data["dpo"]["megabytes"] == pytest.approx(2 * size, abs=6e-4)
    assert data["grpo"]["models"] == 3 and data["ppo"]["models"] == 4 and data["ppo"]["seconds"] > data["best_of_n"]["seconds"] > 0
    assert data["sft"]["wins"] == 0.5 and data["sft"]["kl"] == 0


@pytest.mark.parametrize("laboratory, tour", [(lab.LAB, FULL), (lab.LAB_FAST, FAST)])
def test_ppo_and_dpo_have_the_settings_of_the_tour(laboratory, tour, monkeypatch, tmp_path):
    class Asked(Exception):
        pass

    def journey(recipe, seed, folder):
        assert (recipe.ppo, recipe.dpo) == (tour.ppo, tour.dpo)
        raise Asked

    monkeypatch.setattr(bakeoff, "Journey", journey)
    with pytest.raises(Asked):
        bakeoff.one_seed(laboratory, 0, tmp_path)
