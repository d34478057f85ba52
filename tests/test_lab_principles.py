"""The experiment with written principles: at tiny scale, and its claims on numbers made up to be true or false."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from toy import TOY

from minialign.batch import Response
from minialign.lab import principles
from minialign.lab.figures.principles import draw
from minialign.lab.instruments.agreement import AUDITS, agreement, audit_curves, audited, for_refusing, right
from minialign.lab.instruments.feedback import voted
from minialign.preferences import Preferences
from minialign.rlaif import Labels
from minialign.world import KINDS


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with np.errstate(all="ignore"):
        return principles.one_seed(TOY, 0, tmp_path_factory.mktemp("cache"))


def policy(gold, danger=0.3, length=20, polite=0.2):
    return {
        "gold": gold,
        "gold_greedy": gold + 0.2,
        "kl": 0.3,
        "by_kind": {kind: gold for kind in KINDS},
        "refuses": {"dangerous": danger, "borderline": 0.1, "howto": 0.0},
        "polite": polite,
        "length": length,
    }


def made_up(good=True):
    """A run in which every claim is true, or every one is false."""
    yes = 1 if good else -1
    rates = {"ai_gold": 0.85 if good else 0.7, "people_gold": 0.95, "ai_people": 0.8}
    return {
        "pairs": 100,
        "cost": {"seconds": 0.004, "tokens": 300.0},
        "order": {"consistent": 0.8 + 0.15 * good, "first_wins": 0.52},
        "agreement": {who: {kind: rate for kind in ("all", *KINDS)} for who, rate in rates.items()}
        | {"people_gold": {"all": 0.95, **{kind: 0.9 for kind in KINDS}, "obscure": 0.4 if good else 0.9}},
        "for_refusing": {"dangerous": 0.6, "borderline": 0.2},
        "audit": {
            "least sure": [0.85, 0.88, 0.9 + 0.03 * yes, 0.93, 0.94, 0.95],
            "any": [0.85, 0.86, 0.9, 0.92, 0.94, 0.95],
        },
        "rounds": [0.1, 0.1 + 0.1 * yes],
        "revisions": [],
        "policies": {
            "sft": policy(0.0),
            "human": policy(0.3),
            "ai": policy(0.25 * yes, danger=0.3 + 0.1 * yes),
            "without": policy(0.1 * yes, danger=0.4 - 0.3 * yes),
            "brief": policy(0.1, length=20 - 3 * yes),
            "warm": policy(0.1, polite=0.2 + 0.3 * yes),
            "revised": policy(0.2 * yes),
        },
    }


@pytest.mark.parametrize("good", [True, False])
def test_claims_follow_the_numbers(good):
    claims = principles.claims([made_up(good)] * 3)
    assert {claim.sentence: claim.seen for claim in claims} == {claim.sentence: good for claim in claims}


def test_claims_can_be_made_where_a_kind_has_no_pairs():
    empty = made_up()
    for rates in empty["agreement"].values():
        del rates["obscure"]
    claim = next(c for c in principles.claims([empty]) if "errors are its own" in c.sentence)
    assert not claim.seen and claim.numbers == "no such pairs"
    assert not any(line.startswith("obscure") for line in principles.table([empty]))


def test_the_experiment_runs_and_reports(run):
    assert json.loads(json.dumps(run, allow_nan=False)) == run
    assert set(run["policies"]) == {"sft", "human", "ai", "without", "brief", "warm", "revised"}
    assert run["policies"]["sft"]["kl"] == pytest.approx(0, abs=1e-5)
    assert run["audit"]["any"][-1] == run["audit"]["least sure"][-1] == run["agreement"]["people_gold"]["all"]
    assert run["audit"]["any"][0] == run["audit"]["least sure"][0] == run["agreement"]["ai_gold"]["all"]
    assert len(run["rounds"]) == principles.ROUNDS + 1
    assert max(map(len, principles.table([run]))) <= 88
    principles.claims([run])


def test_the_figure_is_drawn_and_told():
    figure, words = draw([made_up(), made_up()])
    figure.draw_without_rendering()
    assert len(figure.axes) == 4 and words.startswith("Labels from written principles are right for 85% of pairs")


# ------------------------------------------------------------------------------------------------ labels
PAIRS = Preferences(
    ["what does a cat say?"] * 3,
    [Response(text, True) for text in ("it says meow.", "it says moo.", "it says meow.")],
    [Response(text, True) for text in ("it says moo.", "it says meow.", "it says meow.")],
)


def test_agreement_counts_on_pairs_that_gold_tells_apart():
    found = agreement(PAIRS, np.array([0.9, 0.2, 0.5]))
    assert found["ai_gold"] == {"all": 1.0, "known": 1.0}
    assert found["people_gold"]["all"] == 0.5  # one vote of the two was a slip
    assert found["ai_people"]["all"] == pytest.approx(0.5)  # yes, no, and undecided
    assert list(right(np.array([0.5]), np.array([1.0]))) == [0.5]


def test_how_much_the_labels_are_for_refusing_is_counted_where_one_side_alone_refuses():
    no, method = Response("i am sorry, i can not help with that.", True), Response("turn the key.", True)
    pairs = Preferences(["how do i steal a car?"] * 3, [no, method, no], [method, no, no])
    assert for_refusing(pairs, np.array([0.9, 0.4, 0.0]), "dangerous") == pytest.approx((0.9 + 0.6) / 2)
    assert for_refusing(pairs, np.array([0.9, 0.4, 0.0]), "borderline") is None


def test_what_the_judge_prefers_is_chosen_in_its_votes_whoever_chose_it_before(tmp_path, monkeypatch):
    class Trained(Exception):
        pass

    def labels(judge, questions, a, b):
        p = np.array([1.0 if text == "it says moo." else 0.0 for text in a])
        return Labels(p, np.array([p, p]))

    def dpo(journey, votes):
        raise Trained(votes)

    journey = SimpleNamespace(model=lambda name: None, votes=lambda: (PAIRS[[0, 1]], None), rng=lambda name: np.random.default_rng(0))
    monkeypatch.setattr(principles, "Journey", lambda *_: journey)
    monkeypatch.setattr(principles.Judge, "labels", labels)
    monkeypatch.setattr(principles.feedback, "dpo", dpo)
    with pytest.raises(Trained) as told:
        principles.one_seed(TOY, 0, tmp_path)
    (votes,) = told.value.args
    assert [r.text for r in votes.chosen] == ["it says moo."] * 2 and [r.text for r in votes.rejected] == ["it says meow."] * 2


def test_an_audit_puts_the_raters_choice_in_place_of_the_label():
    p = np.array([0.1, 0.45, 0.9, 0.6])
    assert list(audited(p, 0.5, unsure_first=True)) == [0.1, 1.0, 0.9, 1.0]
    assert list(audited(p, 0, unsure_first=True)) == list(p) and (audited(p, 1, unsure_first=True) == 1).all()
    assert (audited(p, 0.25, False, np.random.default_rng(0)) == 1).sum() == 1
    curves = audit_curves(PAIRS, np.array([0.9, 0.2, 0.5]), np.random.default_rng(0))
    assert all(len(curve) == len(AUDITS) and curve[0] == 1.0 and curve[-1] == 0.5 for curve in curves.values())


def test_labels_become_preferences():
    votes = voted(PAIRS, np.array([1.0, 0.0, 0.5]), np.random.default_rng(0))
    assert len(votes) == 2 and [r.text for r in votes.chosen] == ["it says meow."] * 2
