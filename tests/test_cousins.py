"""SimPO, ORPO and KTO: values by hand, where their optimum is, and what cannot be.  TRL's numbers: test_golden_preferences.py."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minialign.autograd import Tensor, check_gradients
from minialign.cousins import kto_loss, odds_ratio_loss, simpo_loss
from minialign.dpo import dpo_loss

W, L = np.array([-0.5, -1.0]), np.array([-1.5, -0.7])  # means over tokens


def test_simpo_is_dpo_against_a_reference_that_wants_a_lead():
    zero = np.zeros(2)
    expected = dpo_loss(W, L, zero + 0.5, zero, beta=2.0)[0].item()
    assert_allclose(simpo_loss(W, L)[0].item(), expected)
    assert simpo_loss(W, L)[0].item() > simpo_loss(W, L, gamma_beta_ratio=0.0)[0].item()
    assert_allclose(simpo_loss(W, W, gamma_beta_ratio=0.0)[0].item(), np.log(2))
    assert simpo_loss(W, L)[1]["rewards/accuracies"] == 0.5 and simpo_loss(W, W)[1]["rewards/accuracies"] == 0.5


def test_simpo_does_not_pay_for_length():
    """Twice as long an answer with the same probability per token has the same mean, and so the same loss."""
    tokens = [-0.3, -0.7]
    assert np.mean(tokens * 2) == np.mean(tokens)  # whereas DPO's sums double
    assert_allclose(simpo_loss([np.mean(tokens)], [-1.0])[0].item(), simpo_loss([np.mean(tokens * 2)], [-1.0])[0].item())


def test_odds_by_hand_and_where_they_end():
    """P = 0.8 against 0.5: odds 4 and 1, so -0.1 log(4 / 5); and a nearly certain answer keeps its digits."""
    assert_allclose(odds_ratio_loss(np.log([0.8]), np.log([0.5]))[0].item(), -0.1 * np.log(4 / 5))
    _, metrics = odds_ratio_loss([-1e-20], np.log([0.5]), beta=1.0)
    assert_allclose(metrics["log_odds_ratio"], -np.log(1e-20))
    with pytest.raises(ValueError, match="odds"):
        odds_ratio_loss([0.0], [-1.0])


def test_kto_by_hand():
    """z = 0.2 from drifts of 0.1 and 0.3; good: log-ratio 1, bad: log-ratio 0.5; beta 2, weights 1 and 3."""
    loss, metrics = kto_loss([-1.0], [-2.0], [-1.0, -1.0], [-2.0], [-2.5], [-1.1, -1.3], 2.0, 1.0, 3.0)
    sigma = [1 / (1 + np.exp(-2 * x)) for x in (1 - 0.2, 0.2 - 0.5)]
    assert_allclose(loss.item(), ((1 - sigma[0]) + 3 * (1 - sigma[1])) / 2)
    assert_allclose([metrics["kl"], metrics["rewards/chosen"], metrics["rewards/rejected"]], [0.2, 2.0, 1.0])


def test_kto_needs_no_pairs_but_some_answer():
    """Thumbs up alone, or down alone: each pushes its own way; and the KL, never below 0, pushes nowhere."""
    none = np.zeros(0)
    for good, bad, sign in (([-1.0], none, -1), (none, [-1.0], 1)):
        x = Tensor(np.array([-1.0]), requires_grad=True)
        sides = (x, none) if len(good) else (none, x)
        drift = Tensor(np.array([-9.0]), requires_grad=True)
        loss, metrics = kto_loss(*sides, drift, good, bad, [-1.0])
        loss.backward()
        assert np.sign(x.grad) == sign and metrics["kl"] == 0 and drift.grad is None
        assert_allclose(loss.item(), 0.5)
    with pytest.raises(ValueError):
        kto_loss(none, none, [0.0], none, none, [0.0])
    with pytest.raises(ValueError):
        kto_loss([0.0], none, none, [0.0], none, none)


def test_finite_differences():
    check_gradients(lambda w, l: simpo_loss(w, l, label_smoothing=0.1)[0], W, L)
    check_gradients(lambda w, l: odds_ratio_loss(w, l)[0], W, L)
    check_gradients(lambda w, l: kto_loss(w, l, W, L, W, L, 0.5, 2.0, 0.5)[0], W, L)


@pytest.mark.parametrize("loss", [simpo_loss, odds_ratio_loss])
def test_what_cannot_be_is_refused(loss):
    for arguments, settings in (((W, L[:1]), {}), ((W[:, None], L), {}), ((W, L), {"beta": -1}), ((W, L), {"beta": np.nan})):
        with pytest.raises(ValueError):
            loss(*arguments, **settings)
    for settings in ({"gamma_beta_ratio": -1}, {"label_smoothing": 1.5}):
        with pytest.raises(ValueError):
            simpo_loss(W, L, **settings)
    for settings in ({"beta": -1}, {"desirable_weight": -1}, {"undesirable_weight": np.inf}):
        with pytest.raises(ValueError):
            kto_loss(W, L, W, W, L, W, **settings)
    for bad in ((W[:1], L, W, W, L, W), (W, L[:1], W, W, L, W), (W, L, W[:1], W, L, W), (W, L, W * np.nan, W, L, W)):
        with pytest.raises(ValueError):
            kto_loss(*bad)
