"""Training against the exact answer: in worlds that can be listed, what PPO, DPO and the others should find is known.

Numbers without a derivation beside them were computed independently of this project.
"""

import math

import numpy as np
import pytest
from enumerable import (
    ANSWERS,
    EOS,
    LONGEST,
    PROMPT,
    V,
    descend,
    every_answer,
    law,
    read_answers,
    speaker,
    three_roads,
    train_with_dpo,
    train_with_ppo,
    tree,
)  # fmt: skip
from numpy.testing import assert_allclose

from minialign import exact
from minialign.autograd import Tensor, exp, maximum
from minialign.dpo import dpo_loss
from minialign.functional import log_softmax
from minialign.generate import generate
from minialign.likelihood import token_log_probs_of
from minialign.policy_gradient import kl_estimates, kl_penalized_rewards, ppo_policy_loss
from minialign.ppo import gae
from minialign.reward import bradley_terry_loss
from minialign.sft import sft_loss

# ---- three roads ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("beta", [0.6, pytest.param(1.5, marks=pytest.mark.whole)])
def test_ppo_and_dpo_and_the_formula_agree(beta, monkeypatch):
    """One reference, one reward, a loose leash or a tight one: sampled PPO, DPO on the votes, and the formula end in one policy."""
    roads = three_roads(monkeypatch, betas=(beta,))
    assert (exact.total_variation(roads["formula"], roads["reference"]) > 0.05).all()  # there was a way to go
    assert (exact.total_variation(roads["ppo"], roads["formula"]) < 1e-3).all()
    assert (exact.total_variation(roads["dpo"], roads["formula"]) < 1e-4).all()
    assert (exact.total_variation(roads["ppo"], roads["dpo"]) < 1e-3).all()


@pytest.mark.whole
def test_without_a_reward_the_leash_brings_the_policy_home(monkeypatch):
    """A KL of the wrong sign, or to the wrong model (rlhf-book, PaLM-rlhf), would drift instead."""
    reference, elsewhere = speaker(0), speaker(5)
    away = exact.total_variation(law(elsewhere), law(reference))
    further = {"iterations": 150, "minibatch_size": 128, "lr": 0.02}
    policy, history = train_with_ppo(monkeypatch, reference, np.zeros(len(ANSWERS)), 1.0, start=elsewhere, **further)
    assert away > 0.2 and exact.total_variation(law(policy), law(reference)) < 1e-3
    assert history["objective/kl"][0] > 0.1 and abs(history["objective/kl"][-1]) < 0.01


def test_dpo_follows_a_flipped_reward_to_the_flipped_optimum():
    """Were a sign wrong somewhere, it would go to the other of these two."""
    reference = speaker(0)
    rewards = np.random.default_rng(1).standard_normal(len(ANSWERS))
    found = law(train_with_dpo(reference, -rewards, 1.5))
    assert exact.total_variation(found, exact.optimal_policy(law(reference), -rewards, 1.5)) < 1e-4
    assert exact.total_variation(found, exact.optimal_policy(law(reference), rewards, 1.5)) > 0.1


# ---- a model as a list of sequences ---------------------------------------------------------------------------------

def test_a_language_model_is_a_law_over_sequences():
    model = speaker(1)
    p = law(model)
    assert_allclose(p.sum(), 1)
    assert_allclose(p, exact.sequence_probabilities(tree(model), ANSWERS))


def test_the_sampler_follows_the_law():
    """rlhf-book, no-magic, TRL #262: 20,000 samples, each answer within five standard deviations of its share."""
    model, n = speaker(1), 20_000
    samples = generate(model, [PROMPT] * n, LONGEST, 1.0, np.random.default_rng(0))
    counts = np.bincount(read_answers(samples), minlength=len(ANSWERS))
    p = law(model)
    z = (counts - n * p) / np.sqrt(n * p * (1 - p))
    assert np.abs(z).max() < 5
    assert (z**2 * (1 - p)).sum() < 40  # chi-square with 12 degrees of freedom: 40 has a chance of 7e-5


def test_the_leash_measured_on_samples_is_the_exact_kl():
    """objective/kl, the mean over answers of summed k1, within five standard errors; k3 is never negative."""
    policy, reference, n = speaker(1), speaker(2), 20_000
    samples = generate(policy, [PROMPT] * n, LONGEST, 1.0, np.random.default_rng(0))
    k1, _, k3 = kl_estimates(samples.logprobs, token_log_probs_of(reference, samples.ids).data * samples.mask)
    per_answer = [(k * samples.mask).sum(1) for k in (k1, k3)]
    kl = exact.sequence_kl(law(policy), law(reference))
    assert_allclose(exact.chain_rule_kl(tree(policy), tree(reference)), kl)
    for estimate in per_answer:
        assert abs(estimate.mean() - kl) < 5 * estimate.std() / np.sqrt(n)
    assert k3.min() >= 0 and k1.min() < 0


def test_ppos_first_gradient_is_the_policy_gradient():
    """Every answer in proportion to its probability (sixteenths): PPO at ratio 1 == REINFORCE == the exact gradient."""
    sequences = exact.enumerate_sequences(3, 2, 0)
    z0 = np.log([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.5, 0.25, 0.25]])  # one row a prefix: (), (1,), (2,)
    row = {(): 0, (1,): 1, (2,): 2}
    r = np.random.default_rng(0).standard_normal(len(sequences))
    z = Tensor(z0.copy(), requires_grad=True)

    def logp_of(y, z):
        logp = log_softmax(z)
        return [logp[row[y[:t]], y[t]] for t in range(len(y))]

    value = Tensor(0.0)
    for y, score in zip(sequences, r):
        steps = logp_of(y, z)
        value = value + exp(sum(steps[1:], steps[0])) * score
    value.backward()
    exact_gradient = z.grad

    p = np.array([np.exp(sum(s.data for s in logp_of(y, z))) for y in sequences])
    copies = [y for y, share in zip(sequences, p) for _ in range(round(16 * float(share)))]
    assert len(copies) == 16
    z = Tensor(z0.copy(), requires_grad=True)
    mask = np.array([[1.0, len(y) > 1] for y in copies])
    ids = np.array([[y[0], y[-1]] for y in copies])
    second_row = np.array([row.get(y[:1], 0) for y in copies])
    new = log_softmax(z)[np.stack([np.zeros(16, int), second_row], 1), ids]  # (16, 2)
    scores = np.array([r[sequences.index(y)] for y in copies])
    rewards = kl_penalized_rewards(scores, new.data, new.data, mask, 0.0)
    advantages, _ = gae(rewards, np.zeros_like(rewards), mask, lam=1.0)
    loss, _ = ppo_policy_loss(new, new.data.copy(), advantages, mask)
    loss.backward()
    assert_allclose(-z.grad * mask.sum() / 16, exact_gradient, atol=1e-14)  # a mean over tokens, not over answers


# ---- Bradley and Terry ----------------------------------------------------------------------------------------------

TRUE = np.array([0.0, 0.5, 1.5])


def fit(P, loss_of_gap, lr=0.1):
    """Scores that minimise sum_ij P[i, j] loss(s_i - s_j), measured from the first; and the loss a pair."""
    pairs = [(i, j) for i in range(len(P)) for j in range(len(P)) if i != j]

    def loss_of(s):
        total = Tensor(0.0)
        for i, j in pairs:
            total = total + loss_of_gap(s[i : i + 1], s[j : j + 1]) * P[i, j]
        return total

    found = descend(loss_of, np.zeros(len(P)), lr=lr)
    return found[1:] - found[0], loss_of(Tensor(found)).item() / (len(pairs) / 2)


def bt(winner, loser):
    return bradley_terry_loss(winner, loser)[0]


def test_bradley_terry_recovers_the_true_gaps_and_hinge_does_not():
    """A margin-1 hinge (no-magic's reward model) finds gaps 1 and 2 where 0.5 and 1.5 are true: over-confident."""
    gaps, loss = fit(exact.bradley_terry(TRUE), bt)
    assert_allclose(gaps, [0.5, 1.5], atol=1e-6)
    P = exact.bradley_terry(TRUE)
    entropy = -(P * np.log(P))[~np.eye(3, dtype=bool)].sum() / 3
    assert_allclose(loss, entropy)  # the Bayes loss: no scorer does better on these votes
    assert_allclose(entropy, 0.57337, atol=1e-5)
    assert_allclose(np.maximum(P, P.T)[np.triu_indices(3, 1)].mean(), 0.72370, atol=1e-5)  # nor beats this accuracy

    def hinge(winner, loser):
        return maximum(1.0 - (winner - loser), 0.0).sum()

    def hinge_loss_at(gaps):
        s = Tensor(np.array([0, *gaps]))
        return sum(hinge(s[i : i + 1], s[j : j + 1]).item() * P[i, j] for i in range(3) for j in range(3) if i != j)

    grid = [(a / 10, b / 10) for a in range(0, 31) for b in range(0, 31)]
    assert_allclose(min(grid, key=hinge_loss_at), [1.0, 2.0])


def test_preferences_that_go_round_in_a_circle_cannot_be_scored():
    """Rock, paper, scissors at 0.8: the best fit is all equal and loses log 2, although the votes' entropy is 0.5004."""
    P = np.array([[0.5, 0.8, 0.2], [0.2, 0.5, 0.8], [0.8, 0.2, 0.5]])
    gaps, loss = fit(P, bt)
    assert_allclose(gaps, 0, atol=1e-6)
    assert_allclose(loss, np.log(2))
    assert_allclose(-(0.8 * np.log(0.8) + 0.2 * np.log(0.2)), 0.5004, atol=1e-4)


@pytest.mark.parametrize(
    "win_rate, options, gap",
    [
        (0.75, {}, math.log(3)),
        (0.9, {}, 2.197),
        (0.9 * 0.75 + 0.1 * 0.25, {}, 0.847),  # a quarter of the votes flipped: the gap shrinks
        (0.75, {"margin": 0.4}, math.log(3) + 0.4),
        (1.0, {"label_smoothing": 0.1}, math.log(9)),
    ],
)
def test_the_gap_that_a_win_rate_means(win_rate, options, gap):
    """The minimiser is logit(win rate), moved by the margin, capped by the smoothing."""

    def loss_of(d):
        zero = Tensor(np.zeros(1))
        right, wrong = (bradley_terry_loss(*pair, **options)[0] for pair in ((d, zero), (zero, d)))
        return right * win_rate + wrong * (1 - win_rate)

    if "margin" in options:  # the margin belongs to the direction of each vote; look at the winning side alone
        d = Tensor(np.array([gap]), requires_grad=True)
        bradley_terry_loss(d, Tensor(np.zeros(1)), **options)[0].backward()
        assert_allclose(d.grad, -0.25, atol=1e-3)  # -(1 - sigma(ln 3))
    else:
        assert_allclose(descend(loss_of, np.zeros(1)), gap, atol=1e-3)


# ---- DPO and its cousins --------------------------------------------------------------------------------------------

def dpo_gap(beta, **options):
    """Delta that minimises the loss when one answer always wins."""
    zero = np.zeros(1)
    return descend(lambda d: dpo_loss(d, Tensor(zero), zero, zero, beta, **options)[0], zero, steps=800, lr=0.5)[0]


def test_closed_form_minimisers_of_the_cousins():
    """cDPO stops at logit(1 - eps)/beta, IPO at 1/(2 beta), hinge at 1/beta at the latest; DPO itself never stops."""
    assert_allclose(dpo_gap(0.1, label_smoothing=0.1), math.log(9) / 0.1, rtol=1e-3)
    assert_allclose(dpo_gap(0.1, loss_type="ipo"), 5.0, rtol=1e-6)
    h = Tensor(np.array([9.99, 10.01]), requires_grad=True)
    dpo_loss(h, np.zeros(2), np.zeros(2), np.zeros(2), 0.1, loss_type="hinge")[0].backward()
    assert_allclose(h.grad, [-0.05, 0])
    losses = [dpo_loss(np.array([d]), np.zeros(1), np.zeros(1), np.zeros(1), 0.1)[0].item() for d in (10.0, 100.0, 1000.0)]
    assert losses[0] > losses[1] > losses[2] > 0


def test_the_robust_loss_undoes_flipped_votes_exactly():
    """(1 - e) rob(h) + e rob(-h) = loss(h) identically: Chowdhury's mixture of two dpo_losses is unbiased."""
    e, zero = 0.2, np.zeros(1)

    def loss(h):
        return dpo_loss(np.array([h]), zero, zero, zero, 1.0)[0].item()

    def robust(h):
        return ((1 - e) * loss(h) - e * loss(-h)) / (1 - 2 * e)

    for h in np.linspace(-5, 5, 11):
        assert_allclose((1 - e) * robust(h) + e * robust(-h), loss(h))


def displace(features, nll=0.0):
    """Gradient descent on DPO for one vote w > l among three outputs whose logits are base + features * theta."""
    ref = np.array([0.3, 0.2, 0.5])
    theta = Tensor(np.zeros(features.shape[1]), requires_grad=True)
    path = []
    for _ in range(201):
        logp = log_softmax((features @ theta.reshape(-1, 1)).reshape(3) + np.log(ref))
        loss, metrics = dpo_loss(logp[0:1], logp[1:2], np.log(ref[0:1]), np.log(ref[1:2]), beta=1.0)
        path.append((np.exp(logp.data), loss.item(), metrics["rewards/margins"]))
        theta.grad = None
        (loss - logp[0] * nll).backward()
        theta.data = theta.data - 0.1 * theta.grad
    return path


def test_likelihood_displacement():
    """With a feature shared by w and an unseen u, DPO's margin rises while the chosen answer all but dies."""
    path = displace(np.array([[1.0], [0.0], [3.0]]))
    first, last = path[0], path[200]
    assert_allclose(first[1], np.log(2))
    assert_allclose(last[0], [0.0018, 0.0001, 0.998], atol=2e-4)
    assert_allclose(last[1:], [0.053, 2.90], atol=5e-3)
    assert (np.diff([step[1] for step in path]) < 0).all() and (np.diff([step[0][0] for step in path]) < 0)[5:].all()


def test_displacement_comes_from_shared_features_not_from_the_loss_alone():
    """With a logit of its own for each output the chosen one always rises; so it does with its likelihood added."""
    tabular = [step[0][0] for step in displace(np.eye(3))]
    assert (np.diff(tabular) > 0).all()
    rescued = displace(np.array([[1.0, 0.0], [0.0, 0.0], [3.0, 1.0]]), nll=1.0)[-1][0]
    assert rescued[0] > 0.3 > displace(np.array([[1.0, 0.0], [0.0, 0.0], [3.0, 1.0]]))[-1][0][0]


def test_dpo_cannot_see_what_no_vote_mentions():
    """Xu et al. 2024: with votes about y1 > y2 alone, 999:1 on the unseen y3 costs a tenth of a nat."""
    ref = np.array([0.4, 0.4, 0.2])
    losses = []
    for share in (0.8, 0.1, 0.001):
        logp = np.log([share, 1e-9, 1 - share])
        losses.append(dpo_loss(logp[:1], logp[1:2], np.log(ref[:1]), np.log(ref[1:2]), 0.1)[0].item())
    assert_allclose(losses, [0.121, 0.147, 0.224], atol=1e-3)


# ---- SFT ------------------------------------------------------------------------------------------------------------

def test_imitation_ends_at_the_frequencies_of_the_demonstrations():
    """Answers seen 3:1 leave a loss of 0.5623 nats, the entropy of the corpus, and no model does better."""

    def loss_of(z):
        return sft_loss(log_softmax(z)[np.array([[0], [0], [0], [1]])], np.ones((4, 1)))[0]

    z = descend(loss_of, np.zeros(2))
    assert_allclose(np.exp(log_softmax(z).data), [0.75, 0.25], atol=1e-8)
    assert_allclose(loss_of(z).item(), 0.56234, atol=1e-5)


def test_the_tiny_world_is_what_it_says():
    """Four tokens, one of them EOS, answers of at most two: 1 + 3 * 4 of them."""
    assert len(ANSWERS) == 1 + (V - 1) * V and (EOS,) in ANSWERS and every_answer().ids.shape == (13, 3)
