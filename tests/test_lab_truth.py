"""Calibration and its error bars are right where the answer is known, and the claims say what the numbers say."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose
from small_models import make
from toy import TOY

from minialign.batch import conversations
from minialign.figures import style
from minialign.lab import truth
from minialign.lab.figures.truth import draw
from minialign.lab.instruments import crowds
from minialign.lab.instruments.measure import interval
from minialign.likelihood import sequence_log_probs
from minialign.tokenizer import VOCAB_SIZE
from minialign.world import Raters, Tastes
from minialign.world.facts import VALUES

RNG, TRAINERS = np.random.default_rng, ("ppo", "dpo")


# ---------------------------------------------------------------------------------------- the questions
def test_there_are_a_hundred_questions_that_only_experts_can_check():
    assert len(truth.obscure()) >= 100
    crowd, experts = (Raters(tastes) for tastes in truth.CROWDS.values())
    for prompt in truth.obscure()[:20]:
        right = f"it is {prompt.truth}."
        wrong = f"it is {'blue' if prompt.truth != 'blue' else 'pink'}."
        assert crowd.probability(prompt.text, right, True, wrong, True) == pytest.approx(0.5, abs=0.1)  # but for length
        assert experts.probability(prompt.text, right, True, wrong, True) > 0.99


# ---------------------------------------------------------------------------------------- calibration
def test_calibration_error_by_hand():
    assert truth.calibration_error([0.8] * 10, [1] * 8 + [0] * 2) == pytest.approx(0.0)
    assert truth.calibration_error([0.8] * 10, [1] * 6 + [0] * 4) == pytest.approx(0.2)
    # .1 in one bin and .9 in another: |.5 - .1| of half the answers and |.5 - .9| of the other half
    assert truth.calibration_error([0.1, 0.1, 0.9, 0.9], [0, 1, 0, 1]) == pytest.approx(0.4)
    assert truth.calibration_error([0.0, 1.0], [0, 1]) == pytest.approx(0.0)  # both ends have a bin


def test_calibration_error_of_many_honest_answers_is_small_and_of_boasters_is_their_boast():
    confidence = RNG(0).uniform(0.1, 0.8, 20_000)
    correct = (RNG(1).random(20_000) < confidence).astype(int)
    assert truth.calibration_error(confidence, correct) < 0.02
    assert truth.calibration_error(confidence + 0.2, correct) == pytest.approx(0.2, abs=0.02)


def test_an_interval_covers_the_mean_nineteen_times_in_twenty():
    rng, covered = RNG(0), 0
    for _ in range(300):
        low, high = interval(rng.random(100) < 0.3, draws=400)
        covered += low <= 0.3 <= high
    assert 0.90 <= covered / 300 <= 0.985


def test_an_interval_shrinks_with_the_root_of_the_number_of_questions():
    low, high = interval(np.arange(100) % 2)
    assert high - low == pytest.approx(4 * 0.5 / 10, rel=0.15)
    assert interval(np.ones(50)) == (1.0, 1.0)


# ---------------------------------------------------------------------------------------- the forced choice
def test_the_forced_choice_is_the_normalised_probability_of_ten_answers():
    model = make(vocab_size=VOCAB_SIZE, context_length=80)
    prompts = truth.obscure()[:3]
    found = truth.forced_choice(model, prompts)
    for k, prompt in enumerate(prompts):
        pairs = [(prompt.text, f"it is {color}.") for color in VALUES["thing"]]
        p = np.exp(sequence_log_probs(model, conversations(pairs)).data.astype(float))
        p = p / p.sum()
        assert found.confidence[k] == pytest.approx(p.max(), abs=1e-4)
        assert found.correct[k] == (VALUES["thing"][p.argmax()] == prompt.truth)


def test_who_knows_everything_is_right_and_sure(monkeypatch):
    """Stand in for the model: each answer's probability is given by whether it is true."""
    prompts = truth.obscure()[:8]
    colors = VALUES["thing"]

    def knows(model, ids, mask):
        logps = np.full((len(ids), 1), -7.0)
        logps[[k * len(colors) + colors.index(prompt.truth) for k, prompt in enumerate(prompts)]] = -1.0
        return np.repeat(logps / ids.shape[1], ids.shape[1] - 1, axis=1)

    monkeypatch.setattr(truth, "log_probs_array", knows)
    found = truth.forced_choice(None, prompts)
    assert found.correct == [1] * 8 and min(found.confidence) > 0.3


# ---------------------------------------------------------------------------------------- the claims
def a_run(gain=0.0, sure=0.7, liked=0.5, crowd_wrong=0.8, experts_wrong=0.3, n=100):
    """What one_seed would return: SFT is sure to .4 and right in 20 of n."""

    def model(confidence, right, wrong, liking):
        free = {"right": 0.15, "wrong": wrong, "idk": 0.85 - wrong, "liked": liking}
        correct = [int(i < round(right * n)) for i in range(n)]
        return {"forced": {"confidence": [confidence] * n, "correct": correct}, "sampled": free, "greedy": free}

    crowd = {trainer: model(sure, 0.2 + gain, crowd_wrong, liked) for trainer in TRAINERS}
    experts = {trainer: model(0.4, 0.2, experts_wrong, 0.2) for trainer in TRAINERS}
    return {"sft": model(0.4, 0.2, 0.7, 0.3), "trainers": TRAINERS, "crowd": crowd, "experts": experts}


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({}, [True, True, True, True]),
        ({"gain": 0.2}, [False, True, True, True]),  # it did learn something
        ({"sure": 0.3}, [True, False, True, True]),
        ({"sure": 0.42, "gain": 0.03}, [True, False, True, True]),  # surer, but right more often as well
        ({"liked": 0.1}, [True, True, False, True]),
        ({"crowd_wrong": 0.5}, [True, True, False, True]),  # wrong less often: no reason to complain
        ({"crowd_wrong": 0.66}, [True, True, False, True]),
        ({"experts_wrong": 0.82}, [True, True, True, False]),
    ],
)
def test_claims_are_seen_where_the_numbers_bear_them_out_and_only_there(changes, seen):
    assert [claim.seen for claim in truth.claims([a_run(**changes)] * 5)] == seen * 2


def test_seeds_do_not_stand_in_for_questions():
    """Five seeds that agree are no five times as many questions: the interval stays as wide."""
    run = a_run()
    run["crowd"]["ppo"]["forced"]["correct"] = [1 - c for c in run["crowd"]["ppo"]["forced"]["correct"]]
    one, five = (truth.change([run] * seeds, ("crowd", "ppo")) for seeds in (1, 5))
    assert_allclose(one[1], five[1])
    assert one[0] == five[0] == pytest.approx(0.6)


def test_the_classroom_cut_makes_do_without_ppo():
    runs = [a_run() | {"trainers": ["dpo"]}] * 2
    assert len(truth.claims(runs)) == 4 and "PPO" not in "\n".join(truth.table(runs))
    assert "PPO" not in draw(runs)[1]


@pytest.mark.whole
def test_a_seed_from_nothing_to_the_figure(tmp_path, monkeypatch):
    monkeypatch.setattr(crowds, "quick", lambda recipe: False)
    run = json.loads(json.dumps(truth.one_seed(TOY, 0, tmp_path), allow_nan=False))
    assert len(run["sft"]["forced"]["correct"]) == len(truth.obscure())
    for runs in ([run], [a_run(), a_run(gain=0.05)]):
        assert max(map(len, truth.table(runs))) <= 88
        assert len(truth.claims(runs)) == 8
        figure, words = draw(runs)
        style.save(figure, tmp_path / "figure", words)
        assert "nan" not in words


def test_expert_raters_differ_in_what_they_can_check_alone():
    assert truth.CROWDS == {"crowd": Tastes(), "experts": Tastes(expert=True)}
