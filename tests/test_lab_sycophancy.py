"""The forecast of sycophancy is exact where it can be, and the claims say what the numbers say."""

import json
from dataclasses import astuple, replace
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from toy import TOY

from minialign.batch import Response
from minialign.exact import optimal_policy
from minialign.figures import style
from minialign.lab import LAB, LAB_FAST, sycophancy
from minialign.lab.figures.sycophancy import draw
from minialign.lab.instruments import crowds
from minialign.lab.instruments.crowds import asking, crowd, trainers
from minialign.preferences import Preferences
from minialign.world import PROMPT_MIX, Tastes

RNG, TRAINERS = np.random.default_rng, ("ppo", "dpo")


# ---------------------------------------------------------------------------------------- the forecast
def every_answer_once(seed=0, prompts=5, n=8):
    """Samples that hold each of n equally likely answers once: there the re-weighting has nothing left to chance."""
    rng = RNG(seed)
    return (rng.random((prompts, n)) < 0.4).astype(float), rng.standard_normal((prompts, n))


def drift(agrees, rewards, beta):
    """The exact change of E[a] by enumeration, prompt by prompt."""
    reference = np.full(agrees.shape[1], 1 / agrees.shape[1])
    return np.mean([optimal_policy(reference, r, beta) @ a - a.mean() for a, r in zip(agrees, rewards)])


@pytest.mark.parametrize("beta", [0.2, 1.0, 7.0])
def test_the_tilted_forecast_is_the_exact_optimum_of_a_listed_world(beta):
    agrees, rewards = every_answer_once()
    predicted = sycophancy.tilt(agrees, rewards, beta).tilted - agrees.mean()
    assert_allclose(predicted, drift(agrees, rewards, beta), atol=1e-12)


def test_the_covariance_is_the_slope_of_the_exact_drift_and_its_error_dies_with_the_square_of_beta():
    agrees, rewards = every_answer_once()
    n = agrees.shape[1]
    errors = []
    for beta in (10, 20, 40, 80):
        slope = sycophancy.tilt(agrees, rewards, beta).linear - agrees.mean()
        errors.append(abs(slope * (n - 1) / n - drift(agrees, rewards, beta)))  # here the samples are the population
    assert_allclose(np.array(errors[:-1]) / errors[1:], 4, rtol=0.1)
    assert errors[-1] < 1e-4


def test_the_covariance_of_few_samples_is_right_on_average():
    agrees, rewards = every_answer_once(prompts=1)
    population = np.mean(agrees * rewards) - agrees.mean() * rewards.mean()
    rng, found = RNG(1), []
    for _ in range(2000):
        rows = rng.integers(agrees.shape[1], size=(1, 4))
        some = agrees[0, rows], rewards[0, rows]
        found.append(sycophancy.tilt(*some, 1.0).linear - some[0].mean())
    assert abs(np.mean(found) - population) < 5 * np.std(found) / np.sqrt(len(found))


def test_what_no_reward_distinguishes_does_not_drift():
    agrees, rewards = every_answer_once()
    flat = sycophancy.tilt(agrees, np.repeat(rewards[:, :1], 8, axis=1), 0.5)
    assert_allclose(astuple(flat), (agrees.mean(), agrees.mean(), 0), atol=1e-12)
    moved = sycophancy.tilt(agrees, rewards + np.arange(5)[:, None], 0.5)  # a constant a prompt is no reason to change
    assert_allclose(astuple(moved), astuple(sycophancy.tilt(agrees, rewards, 0.5)), atol=1e-12)


def test_samples_see_no_further_than_log_n():
    agrees, rewards = every_answer_once()
    assert sycophancy.tilt(agrees, rewards, 1e-3).kl == pytest.approx(np.log(8))


def test_ppos_beta_is_in_the_units_of_its_scores_and_dpos_is_its_own(monkeypatch):
    agrees, rewards = every_answer_once()
    answers = SimpleNamespace(verdicts=[SimpleNamespace(agrees=a) for a in agrees.ravel() > 0], batch=None)
    monkeypatch.setattr(sycophancy, "raw_scorer", lambda journey: lambda batch: rewards.ravel())
    monkeypatch.setattr(sycophancy, "DRAWS", agrees.shape[1])

    def foretold(kl_coef, std):
        recipe = replace(TOY, ppo=replace(TOY.ppo, kl_coef=kl_coef))
        return sycophancy.forecasts(SimpleNamespace(recipe=recipe, scorer=lambda: SimpleNamespace(std=std)), answers)

    dpo = sycophancy.tilt(agrees, rewards, TOY.dpo.beta)
    assert foretold(0.3, 2.0) == foretold(0.6, 1.0) == {"ppo": sycophancy.tilt(agrees, rewards, 0.6), "dpo": dpo}


def test_yes_in_votes_is_counted_on_both_sides_and_in_claims_of_one_kind_alone():
    question = {kind: sycophancy.questions(kind)[0] for kind in sycophancy.KINDS}
    yes, no = Response("yes, you are right.", True), Response("i do not know.", True)
    votes = Preferences([question["claim_false"]] * 2 + [question["claim_true"]], [yes, no, yes], [no, no, yes])
    journey = SimpleNamespace(votes=lambda: (votes, None))
    assert sycophancy.yes_in_votes(journey, "claim_false") == (2, 0.5, 0.0)
    assert sycophancy.yes_in_votes(journey, "claim_true") == (1, 1.0, 1.0)


# ---------------------------------------------------------------------------------------- the crowds
def test_asking_more_of_some_leaves_the_others_their_proportions():
    mix = asking(LAB, claim_false=0.2, obscure=0.0).mix
    assert sum(mix.values()) == pytest.approx(1) and (mix["claim_false"], mix["obscure"]) == (0.2, 0.0)
    assert mix["known"] / mix["howto"] == pytest.approx(LAB.mix["known"] / LAB.mix["howto"])
    assert list(mix) == list(PROMPT_MIX)


def test_the_crowds_differ_in_their_liking_alone():
    control, yes = (crowd(LAB, tastes) for tastes in sycophancy.CROWDS.values())
    assert replace(yes, tastes=Tastes()) == control
    assert replace(sycophancy.CROWDS["yes-men"], agreement=0.0) == sycophancy.CROWDS["control"] == Tastes()


# ---------------------------------------------------------------------------------------- the claims
def a_run(yes=0.9, control=0.3, true_rise=0.5, off=0.0):
    """What one_seed would return: SFT says yes to .3 of false and .4 of true claims."""

    def model(false, true):
        shares = {"claim_false": false, "claim_true": true}
        return {"sampled": shares, "greedy": shares, "plain": 0.9, "kl": dict.fromkeys(shares, 1.0)}

    def one_crowd(false, true):
        predicted = {
            kind: {trainer: {"tilted": value + off, "linear": value, "kl": 1.0} for trainer in TRAINERS}
            for kind, value in (("claim_false", false), ("claim_true", true))
        }
        models = {trainer: model(false, true) for trainer in TRAINERS}
        return models | {"forecast": predicted, "claim_votes": {kind: [3, 5] for kind in sycophancy.KINDS}}

    both = {"yes-men": one_crowd(yes, 0.4 + true_rise), "control": one_crowd(control, 0.4)}
    return {"sft": model(0.3, 0.4), "trainers": TRAINERS} | both


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({}, [True, True, True, True]),
        ({"yes": 0.25}, [False, False, False, True]),  # nobody was swayed, and that was predicted
        ({"control": 0.95}, [False, True, False, True]),  # the control says yes as often: it is not the liking
        ({"true_rise": 0.0}, [True, False, True, True]),  # it learned to check
        ({"off": 0.2}, [True, True, True, False]),  # the forecast misses
    ],
)
def test_claims_are_seen_where_the_numbers_bear_them_out_and_only_there(change, seen):
    assert [claim.seen for claim in sycophancy.claims([a_run(**change)] * 5)] == seen * 2


def test_the_classroom_cut_makes_do_without_ppo():
    assert (trainers(LAB), trainers(LAB_FAST)) == (TRAINERS, ("dpo",))
    runs = [a_run() | {"trainers": ["dpo"]}] * 2
    assert len(sycophancy.claims(runs)) == 4 and "PPO" not in "\n".join(sycophancy.table(runs))
    assert "PPO" not in draw(runs)[1]


def test_one_seed_in_five_that_does_not_show_it_is_too_many():
    assert not sycophancy.claims([a_run()] * 4 + [a_run(yes=0.2)])[0].seen


@pytest.mark.whole
def test_a_seed_from_nothing_to_the_figure(tmp_path, monkeypatch):
    monkeypatch.setattr(sycophancy, "DRAWS", 2)
    monkeypatch.setattr(crowds, "quick", lambda recipe: False)
    run = json.loads(json.dumps(sycophancy.one_seed(TOY, 0, tmp_path), allow_nan=False))
    runs = [run, a_run()]
    assert max(map(len, sycophancy.table(runs))) <= 88
    assert len(sycophancy.claims(runs)) == 8
    figure, words = draw(runs)
    style.save(figure, tmp_path / "figure", words)
    assert "nan" not in words
