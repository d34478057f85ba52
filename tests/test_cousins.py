"""SimPO, ORPO and KTO: values by hand, where their optimum is, and what cannot be.  TRL's numbers: test_golden_preferences.py."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from small_models import talker, votes_of

from minialign.autograd import Tensor, check_gradients
from minialign.batch import Response, conversations
from minialign.checkpoint import frozen_copy, trainable_copy
from minialign.cousins import CousinConfig, Thumbs, kto_loss, odds_ratio_loss, simpo_loss, train_kto, train_orpo, train_simpo
from minialign.dpo import dpo_loss
from minialign.likelihood import sequence_log_probs
from minialign.preferences import Preferences

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


# ---------------------------------------------------------------------------------------- the loops
def config(**changes):
    return CousinConfig(**{"lr": 3e-3, "batch_size": 4, "warmup_steps": 0, "beta": 0.5} | changes)


def thumbs_of(votes):
    return Thumbs(votes.prompts * 2, votes.chosen + votes.rejected, [True] * len(votes) + [False] * len(votes))


def logps(model, votes):
    return sequence_log_probs(model, votes.batch()).data.reshape(2, -1)


def test_the_first_losses_are_those_of_the_formulas():
    """In one minibatch of all votes: means over tokens for SimPO and ORPO, the tokens of all chosen answers for its SFT loss."""
    votes, model = votes_of(6), talker(seed=1)
    sums, tokens = logps(model, votes), votes.batch().mask.sum(1).reshape(2, -1)
    assert len(set(tokens.ravel())) > 3  # answers of unequal length, or sums and means would be alike
    whole = config(batch_size=6, gamma_beta_ratio=1.5, warmup_steps=2)
    expected = simpo_loss(*(sums / tokens), 0.5, 1.5)[0].item()
    history = train_simpo(trainable_copy(model), votes, whole, np.random.default_rng(0))
    assert_allclose([history["loss"][0], history["lr"][0]], [expected, 1.5e-3])  # half of the way up in the first of two steps
    history = train_orpo(trainable_copy(model), votes, whole, np.random.default_rng(0))
    sft = -sums[0].sum() / tokens[0].sum()
    assert_allclose(history["loss/sft"][0], sft)
    assert_allclose(history["loss"][0], sft + odds_ratio_loss(*(sums / tokens), 0.5)[0].item())


def test_kto_starts_at_one_half_whatever_the_answers():
    """Policy = reference: every log-ratio is 0, z too, and 1 - sigma(0) = 1/2; after a step z is measured."""
    votes, model = votes_of(8), talker(seed=1)
    history = train_kto(trainable_copy(model), frozen_copy(model), thumbs_of(votes), config(), np.random.default_rng(0))
    assert history["loss"][0] == pytest.approx(0.5, abs=1e-12) and history["kl"][0] == 0 and history["kl"][1:].max() > 0


def test_each_thumb_has_its_own_weight():
    """Five up and one down, each 1/2 at the start: (5 + 3) / 2 of six, and not (15 + 1) / 2."""
    votes, model, weights = votes_of(6), talker(seed=1), {"desirable_weight": 1.0, "undesirable_weight": 3.0}
    thumbs = Thumbs(votes.prompts, votes.chosen, [True] * 5 + [False])
    settings = config(batch_size=6, **weights)
    history = train_kto(trainable_copy(model), frozen_copy(model), thumbs, settings, np.random.default_rng(0))
    assert_allclose(history["loss"], [4 / 6])


def test_z_is_measured_on_answers_to_other_questions():
    """Two questions in one minibatch: each answer behind the other's question; at the second step the policy has moved."""
    prompts, answers = ["a", "bb"], [Response("cc", True), Response("d", True)]
    model, thumbs = talker(seed=1), Thumbs(["a", "bb"], answers, [True, False])
    policy, reference = trainable_copy(model), frozen_copy(model)
    history = train_kto(policy, reference, thumbs, config(epochs=2, final_fraction=1.0), np.random.default_rng(0))
    astray = conversations([(prompts[0], answers[1]), (prompts[1], answers[0])])
    # With a constant rate the only step of one epoch is the first step of two.
    train_kto(first := trainable_copy(model), reference, thumbs, config(final_fraction=1.0), np.random.default_rng(0))
    drift = sequence_log_probs(first, astray).data - sequence_log_probs(reference, astray).data
    assert_allclose(history["kl"][1], max(0.0, drift.mean()), atol=1e-9)
    other = sequence_log_probs(first, conversations(list(zip(prompts, answers)))).data
    assert abs(other.mean() - sequence_log_probs(first, astray).data.mean()) > 1e-3


@pytest.mark.parametrize("batch_size", [1, 2])
def test_z_of_a_lone_answer_is_measured_on_another_s(batch_size, monkeypatch):
    """Three answers by twos leave one over.  On its own answer z is its own log-ratio, and KTO compares it with itself."""
    made = []
    monkeypatch.setattr("minialign.cousins.conversations", lambda pairs, *rest: made.append(pairs) or conversations(pairs, *rest))
    thumbs = Thumbs(["a", "bb", "c"], [Response(text, True) for text in ("cc", "d", "e")], [1, 0, 1])
    train_kto(trainable_copy(model := talker(seed=1)), frozen_copy(model), thumbs, config(batch_size=batch_size), np.random.default_rng(0))
    said, *strays = made
    assert min(map(len, strays)) == 1 and not any(pair in said for some in strays for pair in some)


def test_a_pair_of_a_long_question_and_a_long_answer_is_cut_off():
    """Each thumb fits the context exactly; a question with the other's answer does not, and z is of as much as fits."""
    model, answers = talker(seed=1), [Response("b", True), Response("c" * 12, True)]
    context = model.config.context_length
    prompts = ["a" * (context - 4), "a" * (context - 15)]
    policy, reference = trainable_copy(model), frozen_copy(model)
    settings = config(epochs=2, final_fraction=1.0)
    history = train_kto(policy, reference, Thumbs(prompts, answers, [1, 0]), settings, np.random.default_rng(0))
    train_kto(first := trainable_copy(model), reference, Thumbs(prompts, answers, [1, 0]), config(final_fraction=1.0), np.random.default_rng(0))
    astray = conversations([(prompts[0], Response("cc", False)), (prompts[1], answers[0])], context)
    drift = sequence_log_probs(first, astray).data - sequence_log_probs(reference, astray).data
    assert_allclose(history["kl"][1], max(0.0, drift.mean()), atol=1e-9)


@pytest.mark.parametrize("method", ["simpo", "orpo", "kto"])
def test_chosen_answers_gain_on_rejected_ones(method):
    votes, model = votes_of(16), talker(seed=1)
    policy, rng, settings = trainable_copy(model), np.random.default_rng(0), config(epochs=4)
    if method == "kto":
        train_kto(policy, frozen_copy(model), thumbs_of(votes), settings, rng)
    else:
        {"simpo": train_simpo, "orpo": train_orpo}[method](policy, votes, settings, rng)
    before, after = (sums[0] - sums[1] for sums in (logps(model, votes), logps(policy, votes)))
    assert (after - before).mean() > 0.5
    if method == "orpo":  # it imitates as well
        assert (logps(policy, votes)[0] - logps(model, votes)[0]).mean() > 0


def test_kto_learns_from_answers_of_which_no_two_are_a_pair():
    votes, model = votes_of(16), talker(seed=1)
    apart = thumbs_of(votes)
    rows = [i if i % 2 else i + 16 for i in range(16)]  # of every vote one side
    some = Thumbs([apart.prompts[i] for i in rows], [apart.answers[i] for i in rows], apart.good[rows])
    train_kto(policy := trainable_copy(model), frozen_copy(model), some, config(epochs=4), np.random.default_rng(0))
    moved = logps(policy, votes) - logps(model, votes)
    assert moved[0, 1::2].mean() > moved[1, 0::2].mean() + 0.5


def test_loops_refuse_what_cannot_be_learned_from():
    model, none, rng = talker(), Preferences([], [], []), np.random.default_rng(0)
    for train in (train_simpo, train_orpo):
        with pytest.raises(ValueError, match="number of votes"):
            train(trainable_copy(model), none, config(), rng)
    one, empty = Thumbs(["a"], [Response("b", True)], [1]), Thumbs(["a"] * 2, [Response("", True), Response("", False)], [1, 0])
    for thumbs, message in ((thumbs_of(none), "number of thumbs"), (one, "number of thumbs"), (empty, "an answer is empty")):
        with pytest.raises(ValueError, match=message):
            train_kto(trainable_copy(model), frozen_copy(model), thumbs, config(), rng)
    for good, strange in (([1, -1], "-1"), (["false", "true"], "'false'"), ([1, np.nan], "nan")):
        with pytest.raises(ValueError, match=f"thumbs must hold only 0 and 1, not {strange}"):
            Thumbs(["a", "b"], [Response("c", True)] * 2, good)
    policy = trainable_copy(model)
    with pytest.raises(ValueError, match="the reference is the policy itself"):
        train_kto(policy, policy, thumbs_of(votes_of(2)), config(), rng)
    with pytest.raises(ValueError, match="2 prompts need as many"):
        Thumbs(["a", "b"], [Response("c", True)], [True])
    for bad in ({"beta": 0}, {"epochs": 0}, {"desirable_weight": -1}, {"lr": np.nan}, {"final_fraction": 2}):
        with pytest.raises(ValueError):
            config(**bad)
