"""The length experiment: the two parts of a gain are its parts, and each is what it says."""

import json
from dataclasses import replace

import numpy as np
import pytest
from toy import TOY

from minialign import lab
from minialign.lab import length
from minialign.lab.figures.length import draw
from minialign.world import report_questions

N = 400


def synthetic(rng, taste, grow):
    """Answers of two kinds of questions whose reward is quality + taste * length; the new ones are longer by `grow`."""
    kinds = np.repeat(["short", "long"], N // 2)
    old = rng.integers(5, 20, N) + 25 * (kinds == "long")
    new = old + grow
    return old, taste * old, new, taste * new, kinds


@pytest.mark.parametrize("seed", range(5))
def test_the_two_parts_add_up_to_the_gain(seed):
    rng = np.random.default_rng(seed)
    old, new = rng.integers(0, 64, (2, N))
    reward, new_reward = rng.normal(size=(2, N))
    kinds = rng.choice(["a", "b", "c"], N)
    parts = length.decompose(old, reward, new, new_reward, kinds)
    assert sum(parts) == pytest.approx(new_reward.mean() - reward.mean(), abs=1e-12)


def test_a_gain_at_equal_length_is_no_shift():
    old, reward, _, _, kinds = synthetic(np.random.default_rng(0), taste=0.1, grow=0)
    assert length.decompose(old, reward, old, reward + 1.0, kinds) == pytest.approx((1.0, 0.0))


def test_a_gain_by_length_alone_is_all_shift():
    old, reward, new, new_reward, kinds = synthetic(np.random.default_rng(0), taste=0.1, grow=8)
    equal, shift = length.decompose(old, reward, new, new_reward, kinds, width=1)  # in bins of one length
    assert equal == pytest.approx(0.0, abs=1e-12) and shift == pytest.approx(0.8)


def test_more_of_a_long_kind_of_right_answer_is_taken_apart_by_kind():
    """The kinds are asked equally often before and after: what differs between them alone earns nothing."""
    kinds = np.repeat(["fact", "danger"], 50)
    lengths = np.where(kinds == "fact", 12, 38)
    reward = np.where(kinds == "fact", 0.0, 2.0)
    assert length.decompose(lengths, reward, lengths, reward, kinds) == (0.0, 0.0)


def test_where_the_tuned_model_says_nothing_it_gains_nothing_at_equal_length():
    kinds = np.array(["a"] * 4)
    old, new = np.array([1, 1, 40, 40]), np.array([1, 1, 1, 1])
    equal, shift = length.decompose(old, np.array([0.0, 0.0, 1.0, 1.0]), new, np.full(4, 0.5), kinds)
    assert (equal, shift) == pytest.approx((0.25, -0.25))


def run(longer=12.0, usual=1.0, shift=0.5, usual_shift=0.1, gold=-0.1):
    def side(more, by_shift):
        return {"longer": more, "reward": [0.4, by_shift], "gold": [0.2, gold]}

    return {
        "lengthy": {method: side(longer, shift) for method in length.METHODS},
        "control": {method: side(usual, usual_shift) for method in length.METHODS},
    }


def seen(**numbers):
    return [claim.seen for claim in length.claims([run(**numbers)] * 5)]


def test_claims_are_seen_where_the_runs_bear_them_out():
    assert all(seen())


@pytest.mark.parametrize(
    ("numbers", "which"),
    [
        ({"longer": -2.0}, 0),
        ({"usual": 20.0}, 0),
        ({"usual_shift": 0.6}, 1),
        ({"gold": 0.4}, 2),
        ({"shift": -0.02, "usual_shift": -0.1}, 2),  # nothing is earned, and so nothing less from the judge
    ],
)
def test_each_claim_can_fail(numbers, which):
    assert [k % 3 for k, flag in enumerate(seen(**numbers)) if not flag] == [which, which]  # of PPO, and of DPO


@pytest.mark.whole
def test_from_nothing_to_the_figure_at_toy_scale(tmp_path, monkeypatch):
    monkeypatch.setattr(length, "LENGTHY", replace(length.LENGTHY, tie=0.0))  # so that babble gets votes as well
    monkeypatch.setattr(lab, "UNBIASED", replace(lab.UNBIASED, tie=0.0))
    monkeypatch.setattr(length, "TIMES", 2)
    monkeypatch.setattr(length, "report_questions", lambda: report_questions(80))
    data = json.loads(json.dumps(length.one_seed(TOY, 0, tmp_path), allow_nan=False))
    assert len(length.claims([data])) == 6 and all(len(line) <= 88 for line in length.table([data]))
    figure, words = draw([data])
    assert words.startswith(figure._suptitle.get_text()) and len(figure.axes) == 2
