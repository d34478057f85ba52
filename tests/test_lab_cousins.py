"""DPO's cousins: what spoils the votes is what it says, claims can fail, and the experiment runs at toy scale."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from toy import TOY

from minialign import lab
from minialign.batch import Response
from minialign.figures import style
from minialign.lab import cousins
from minialign.lab.figures.cousins import draw
from minialign.lab.instruments import measure
from minialign.pipeline import Journey
from minialign.preferences import Preferences
from minialign.world import prompt_lists, report_questions

RNG = np.random.default_rng


def votes(n=10):
    return Preferences(["a?"] * n, [Response("b" * (i + 1), True) for i in range(n)], [Response("c" * 4, True)] * n)


# ---------------------------------------------------------------------------------------- the votes
def test_a_fifth_is_flipped_and_nothing_else():
    before, after = votes(20), cousins.flipped(votes(20), RNG(0))
    turned = [i for i in range(20) if after.chosen[i] != before.chosen[i]]
    assert len(turned) == 4 and all(after.chosen[i] == before.rejected[i] for i in turned)
    assert all(after.rejected[i] == before.chosen[i] for i in turned) and after.prompts == before.prompts
    assert cousins.flipped(votes(20), RNG(1)).chosen != after.chosen  # by chance, not in turn


def test_unequal_votes_are_those_with_a_clearly_longer_chosen_answer():
    some = cousins.longer(votes(), by=4)
    assert [len(chosen.text) for chosen in some.chosen] == [8, 9, 10]


def test_of_each_vote_one_side_is_left_with_its_thumb():
    before, thumbs = votes(400), cousins.one_sided(votes(400), RNG(0))
    assert len(thumbs) == 400 and 150 < thumbs.good.sum() < 250
    for i, (answer, good) in enumerate(zip(thumbs.answers, thumbs.good)):
        assert answer == (before.chosen if good else before.rejected)[i]


def test_kto_hears_both_sides_of_every_vote(monkeypatch):
    heard = []
    monkeypatch.setattr(cousins, "fit_thumbs", lambda journey, policy, thumbs, beta: heard.append(thumbs))
    cousins.kto(None, None, votes(3), 1.0)
    assert heard[0].answers == votes(3).chosen + votes(3).rejected and heard[0].good.tolist() == [True] * 3 + [False] * 3


def test_the_best_beta_has_the_most_gold_on_tuning_questions_alone(monkeypatch):
    """The report's questions are asked once, of the chosen policy."""
    asked, gold = [], {0.3: 0.1, 1.0: 0.5, 3.0: 0.2}
    monkeypatch.setattr(cousins, "trainable_copy", lambda model: SimpleNamespace())
    monkeypatch.setattr(cousins, "answers_of", lambda journey, policy, t, questions: (
        asked.extend(questions), SimpleNamespace(gold=np.array([gold[policy.beta]])))[1])  # fmt: skip
    monkeypatch.setattr(cousins, "evaluate_policy", lambda journey, policy, reference: SimpleNamespace(
        gold=gold[policy.beta], gold_greedy=0.0, kl=0.0, length=1.0))  # fmt: skip
    method = cousins.Method("made up", (0.3, 1.0, 3.0), 2, lambda journey, policy, votes, beta: setattr(policy, "beta", beta))
    row = cousins.best(SimpleNamespace(model=lambda name: None), method, votes(), short=False)
    assert row.beta == 1.0 and row.gold == 0.5 and row.tried == {"0.3": 0.1, "1": 0.5, "3": 0.2}
    assert set(asked) == set(cousins.tuning_questions()) <= {p.text for p in prompt_lists()["tune"]}
    assert cousins.best(SimpleNamespace(model=lambda name: None), method, votes(), short=True).tried == {"1": 0.5}


def test_online_dpo_asks_the_reward_model_and_no_rater(monkeypatch, tmp_path):
    """Its pairs are fresh: each round's come from the policy as it then is; the better of two by score is chosen."""
    journey, rounds = Journey(TOY, 0, tmp_path), []
    monkeypatch.setattr(journey, "scorer", lambda: lambda batch: batch.mask.sum(1))  # the longer, the better
    monkeypatch.setattr(cousins, "train_dpo", lambda policy, reference, fresh, *a, **k: rounds.append(fresh))
    cousins.online(journey, journey.model("sft"), votes(48), 1.0)
    assert len(rounds) == cousins.ROUNDS and all(len(fresh) <= 8 for fresh in rounds)
    said = [(len(c.text) + c.ended, len(r.text) + r.ended) for fresh in rounds for c, r in zip(fresh.chosen, fresh.rejected)]
    assert said and all(chosen > rejected for chosen, rejected in said)


# ---------------------------------------------------------------------------------------- the claims
def made_up(gold=0.3, unpaired=0.2, online=0.5, flipped=-0.1, sums=4.0, means=2.0):
    def method(name):
        own = {"DPO": 0.3, "online DPO": online, "ORPO": gold}.get(name, 0.3)
        return {"beta": 1.0, "tried": {"1": own}, "gold": own, "gold_greedy": 0.4, "kl": 1.0, "length": 20.0, "seconds": 9.0,
                "models": 2}  # fmt: skip

    def other(change, stretch=0.0):
        return {m.name: {"gold": method(m.name)["gold"] + change, "kl": 1.0, "length": 20.0 + stretch * (
            means if m.name in ("SimPO", "ORPO") else sums)} for m in cousins.ON_VOTES}  # fmt: skip

    return {
        "sft": {"gold": 0.0, "gold_greedy": 0.1, "kl": 0.0, "length": 18.0},
        "methods": {name: method(name) for name in cousins.NAMES},
        "votes": {"all": 4000, "unequal": 900},
        "flipped": other(flipped), "unequal": other(-0.1, 1.0), "equal": other(-0.05), "unpaired": {"gold": unpaired},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({}, []),
        ({"gold": -0.1}, [0]),
        ({"unpaired": -0.1}, [1]),
        ({"online": 0.2}, [2]),
        ({"flipped": 0.1}, [3]),
        ({"sums": 1.0}, [4]),
        ({"means": -1.0}, [4]),
    ],
)
def test_each_claim_can_fail(changes, gone):
    claims = cousins.claims([made_up(**changes)] * 5)
    assert [k for k, claim in enumerate(claims) if not claim.seen] == gone


def test_a_beta_is_called_the_best_only_if_others_were_tried():
    one, several = made_up(), made_up()
    several["methods"]["DPO"]["tried"]["3"] = 0.1
    assert [cousins.claims([run])[0].sentence.partition(", ")[2] for run in (one, several)] == ["at its own beta", "at its own best beta"]
    assert [draw([run])[0].axes[0].get_title(loc="left") for run in (one, several)] == [f"gold and distance, each at its {best}beta" for best in ("", "best ")]


@pytest.mark.whole
def test_from_nothing_to_the_figure_at_toy_scale(tmp_path, monkeypatch):
    monkeypatch.setattr(lab, "UNBIASED", replace(lab.UNBIASED, tie=0.0))  # so that babble gets votes as well
    monkeypatch.setattr(measure, "report_questions", lambda: report_questions(30))
    monkeypatch.setattr(cousins, "tuning_questions", lambda: [p.text for p in prompt_lists()["tune"]][::40])
    monkeypatch.setattr(cousins, "ROUNDS", 2)
    run = json.loads(json.dumps(cousins.one_seed(TOY, 0, tmp_path), allow_nan=False))
    assert set(run["methods"]) == set(cousins.NAMES) and run["sft"]["kl"] == 0
    assert len({run["methods"][name]["kl"] for name in cousins.NAMES}) == len(cousins.NAMES)  # no two are the same training
    for runs in ([run], [made_up(), made_up(online=0.2)]):
        assert max(map(len, cousins.table(runs))) <= 88 and len(cousins.claims(runs)) == 5
        figure, words = draw(runs)
        style.save(figure, tmp_path / "figure", words)
        assert "nan" not in words
