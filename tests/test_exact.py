"""The exact answers themselves: the formula, sequences, estimates of the KL, best of n, and how far to go.

Numbers without a derivation beside them were computed independently of this project.
"""

import numpy as np
import pytest
from enumerable import descend
from numpy.testing import assert_allclose, assert_array_equal

from minialign import exact
from minialign.autograd import Tensor, exp
from minialign.functional import log_softmax
from minialign.policy_gradient import kl_estimates, kl_penalized_rewards, ppo_policy_loss
from minialign.ppo import gae

REF, R = np.array([0.5, 0.3, 0.2]), np.array([0.0, 1.0, 2.0])


def random_world(seed, n=6):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(n)), rng.standard_normal(n), float(rng.uniform(0.2, 3))


# ---- the formula ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(
    "beta, policy, value, kl, reward",
    [
        (0.1, (5.152e-9, 6.8095e-5, 0.999932), 1.83906, 1.6087, 1.99993),
        (0.5, (0.036667, 0.162559, 0.800774), 1.30637, 0.91548, 1.76411),
        (1.0, (0.179000, 0.291944, 0.529056), 1.02722, 0.32283, 1.35006),
        (5.0, (0.429263, 0.314582, 0.256154), 0.76269, 0.01284, 0.82689),
    ],
)
def test_three_answers(beta, policy, value, kl, reward):
    best = exact.optimal_policy(REF, R, beta)
    assert_allclose(best, policy, atol=1e-6)
    assert_allclose(beta * exact.log_partition(REF, R, beta), value, atol=1e-5)
    assert_allclose(exact.sequence_kl(best, REF), kl, atol=1e-4)
    assert_allclose(best @ R, reward, atol=1e-5)


def test_the_optimum_is_worth_beta_log_z_and_nothing_is_worth_more():
    """J(pi) = beta log Z - beta KL(pi || pi*) for every pi."""
    for seed in range(100):
        ref, r, beta = random_world(seed)
        best, top = exact.optimal_policy(ref, r, beta), beta * exact.log_partition(ref, r, beta)
        assert_allclose(exact.objective(best, ref, r, beta), top, atol=1e-12)
        other = np.random.default_rng(seed + 1000).dirichlet(np.ones(6))
        gap = top - exact.objective(other, ref, r, beta)
        assert_allclose(gap, beta * exact.sequence_kl(other, best), atol=1e-12)
        assert gap > 0


def test_at_the_optimum_every_answer_earns_the_same():
    """r - beta log(pi*/ref) = beta log Z for each y: no variance, so sampled training can settle exactly."""
    for seed in range(20):
        ref, r, beta = random_world(seed)
        shaped = r - beta * np.log(exact.optimal_policy(ref, r, beta) / ref)
        assert_allclose(shaped, beta * exact.log_partition(ref, r, beta), atol=1e-12)


def test_gradient_ascent_finds_it_too():
    """The engine on the objective itself: its gradient vanishes at pi*, and climbing leads there."""

    def loss_of(z):
        logp = log_softmax(z)
        return -(exp(logp) * (R - (logp - np.log(REF)))).sum()

    best = exact.optimal_policy(REF, R, 1.0)
    z = Tensor(np.log(best), requires_grad=True)
    loss_of(z).backward()
    assert_allclose(z.grad, 0, atol=1e-15)
    found = descend(loss_of, np.zeros(3), steps=250)
    assert_allclose(np.exp(found) / np.exp(found).sum(), best, atol=1e-8)


def test_shifts_scales_and_extremes():
    """r + c changes nothing, nor does s r with s beta; huge rewards overflow nothing; ref's zeros stay zeros."""
    ref, r, beta = random_world(0)
    best = exact.optimal_policy(ref, r, beta)
    assert_allclose(exact.optimal_policy(ref, r + 7, beta), best)
    assert_allclose(exact.optimal_policy(ref, 10 * r, 10 * beta), best)
    assert_allclose(exact.optimal_policy(REF, 1e6 * R, 0.1), [0, 0, 1])
    assert_allclose(exact.log_partition(REF, 1e6 * R, 0.1), 2e7 + np.log(0.2))
    assert_allclose(exact.optimal_policy([0.5, 0.5, 0.0], [0.0, 0.0, 1e6], 1.0), [0.5, 0.5, 0])
    assert exact.sequence_kl([1.0, 0.0], [0.5, 0.5]) == np.log(2) and exact.sequence_kl([0.5, 0.5], [1.0, 0.0]) == np.inf
    with pytest.raises(ValueError, match="beta"):
        exact.optimal_policy(REF, R, 0.0)


def test_what_is_never_said_counts_nothing():
    """0 times -inf is 0 here, and so is a leash of 0 times an infinite distance."""
    assert exact.objective([0.5, 0.5], [1.0, 0.0], [0.0, 1.0], 0.0) == 0.5
    assert exact.objective([0.5, 0.5], [1.0, 0.0], [0.0, 1.0], 0.1) == -np.inf
    assert_allclose(exact.objective([0.0, 1.0], [0.5, 0.5], [-np.inf, 0.0], 1.0), -np.log(2))
    policies, kl, reward = exact.tilted_curve([0.5, 0.5], [-np.inf, 0.0], [1.0, 2.0])
    assert_array_equal(policies, [[0, 1]] * 2)
    assert_allclose([kl, reward], [[np.log(2)] * 2, [0, 0]])


def test_many_prompts_at_once():
    settings = np.geterr()
    worlds = [random_world(seed) for seed in range(3)]
    refs, rs = np.stack([w[0] for w in worlds]), np.stack([w[1] for w in worlds])
    together = exact.optimal_policy(refs, rs, 0.7)
    for i in range(3):
        assert_allclose(together[i], exact.optimal_policy(refs[i], rs[i], 0.7))
        assert_allclose(exact.log_partition(refs, rs, 0.7)[i], exact.log_partition(refs[i], rs[i], 0.7))
        assert_allclose(exact.sequence_kl(together, refs)[i], exact.sequence_kl(together[i], refs[i]))
        assert_allclose(exact.best_of_n(refs, rs, 4)[i], exact.best_of_n(refs[i], rs[i], 4))
    assert np.geterr() == settings


def test_the_leash_in_one_direction_only():
    """A larger beta keeps closer to the reference; no-magic and illustrated-rlhf say the reverse.  dJ*/dbeta = -KL."""
    betas = np.geomspace(0.05, 20, 30)
    _, kl, reward = exact.tilted_curve(REF, R, betas)
    assert (np.diff(kl) < 0).all() and (np.diff(reward) < 0).all()
    for beta, distance in zip(betas, kl):
        sides = [b * exact.log_partition(REF, R, b) for b in (beta + 1e-6, beta - 1e-6)]
        assert_allclose((sides[0] - sides[1]) / 2e-6, -distance, atol=1e-6)


def test_what_covaries_with_reward_grows():
    """d E[a] / d eta = Cov(a, r) along ref exp(eta r): why agreement grows if raters like it (Shapira et al. 2026)."""
    a = np.array([1.0, 0.0, 0.3])

    def expected(eta):
        return exact.optimal_policy(REF, R, 1 / eta) @ a

    slope = (expected(1e-4) - REF @ a) / 1e-4
    assert_allclose(slope, REF @ (a * R) - (REF @ a) * (REF @ R), atol=1e-3)


# ---- sequences ------------------------------------------------------------------------------------------------------

def random_tree(rng, sequences, vocab):
    return {prefix: rng.dirichlet(np.ones(vocab)) for prefix in exact.prefixes(sequences)}


def test_every_sequence_is_listed_once():
    sequences = exact.enumerate_sequences(3, 3, 0)
    assert len(sequences) == len(set(sequences)) == 15 == 1 + 2 + 4 + 8
    assert all((y[-1] == 0 or len(y) == 3) and 0 not in y[:-1] for y in sequences)
    assert len(exact.prefixes(sequences)) == 1 + 2 + 4
    rng = np.random.default_rng(0)
    assert_allclose(exact.sequence_probabilities(random_tree(rng, sequences, 3), sequences).sum(), 1)


def test_sequence_kl_is_the_sum_of_token_kls_not_their_mean():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        sequences = exact.enumerate_sequences(3, 3, 0)
        pi, ref = random_tree(rng, sequences, 3), random_tree(rng, sequences, 3)
        by_list = exact.sequence_kl(*(exact.sequence_probabilities(p, sequences) for p in (pi, ref)))
        assert_allclose(exact.chain_rule_kl(pi, ref), by_list, rtol=1e-12)
        mean_length = exact.sequence_probabilities(pi, sequences) @ [len(y) for y in sequences]
        assert exact.chain_rule_kl(pi, ref) > 1.2 * by_list / mean_length
    with pytest.raises(AssertionError):  # and the two directions differ: KL(ref || pi) is another number
        assert_allclose(exact.chain_rule_kl(ref, pi), by_list)
    pi, ref = {(): [1.0, 0.0], (1,): [0.5, 0.5]}, {(): [0.5, 0.5], (1,): [1.0, 0.0]}  # pi never gets where they never meet
    assert_allclose(exact.chain_rule_kl(pi, ref), np.log(2))


def test_a_kl_is_never_negative_and_has_a_direction():
    """TRL #235, #351, OpenRLHF #238 logged negative ones; swapped arguments give another positive number."""
    for seed in range(50):
        p, q = np.random.default_rng(seed).dirichlet(np.ones(5), size=2)
        assert exact.sequence_kl(p, q) > 0 and exact.sequence_kl(p, p) == 0
        assert abs(exact.sequence_kl(p, q) - exact.sequence_kl(q, p)) > 1e-6
    assert_allclose(exact.sequence_kl([0.7, 0.2, 0.1], [0.4, 0.4, 0.2]), 0.18379, atol=1e-5)


def test_the_distance_between_two_laws():
    """1/2 sum |p - q|: 0 for equal laws, 1 for laws that share no answer."""
    assert exact.total_variation([1.0, 0.0], [0.0, 1.0]) == 1 and exact.total_variation(REF, REF) == 0
    assert_allclose(exact.total_variation([0.5, 0.5, 0.0], [0.25, 0.5, 0.25]), 0.25)


def test_soft_values_lead_to_the_same_optimum_as_the_list():
    """V*(root) = beta log Z, the product of pi*(a|s) is ref exp(r/beta)/Z, and every token's soft advantage is zero."""
    rng = np.random.default_rng(1)
    sequences, beta = exact.enumerate_sequences(3, 3, 0), 0.7
    ref, r = random_tree(rng, sequences, 3), rng.standard_normal(15)
    values, star = exact.soft_values(ref, dict(zip(sequences, r)), beta)
    p = exact.sequence_probabilities(ref, sequences)
    assert_allclose(values[()], beta * exact.log_partition(p, r, beta))
    assert_allclose(exact.sequence_probabilities(star, sequences), exact.optimal_policy(p, r, beta))
    for y in sequences:
        for t in range(len(y)):
            s, a = y[:t], y[t]
            assert_allclose(values[s + (a,)] - values[s] - beta * np.log(star[s][a] / ref[s][a]), 0, atol=1e-14)


def columns_of(policy, sequences, longest):
    """log policy of each token of each sequence, (A, longest), and the mask."""
    logp, mask = np.zeros((len(sequences), longest)), np.zeros((len(sequences), longest))
    for i, y in enumerate(sequences):
        logp[i, : len(y)] = [np.log(policy[y[:t]][y[t]]) for t in range(len(y))]
        mask[i, : len(y)] = 1
    return logp, mask


def test_ppos_own_rewards_and_advantages_at_the_optimum():
    """kl_penalized_rewards and gae on pi*: every return from the start is beta log Z, every advantage 0, whatever lambda."""
    rng = np.random.default_rng(2)
    sequences, beta = exact.enumerate_sequences(3, 3, 0), 0.7
    ref, r = random_tree(rng, sequences, 3), rng.standard_normal(15)
    values, star = exact.soft_values(ref, dict(zip(sequences, r)), beta)
    logp, mask = columns_of(star, sequences, 3)
    ref_logp, _ = columns_of(ref, sequences, 3)
    V_star = np.zeros_like(logp)
    for i, y in enumerate(sequences):
        V_star[i, : len(y)] = [values[y[:t]] for t in range(len(y))]

    rewards = kl_penalized_rewards(r, logp, ref_logp, mask, beta)
    assert_allclose(rewards.sum(1), values[()])
    for lam in (0.0, 0.5, 0.95, 1.0):
        advantages, returns = gae(rewards, V_star, mask, gamma=1.0, lam=lam)
        assert_allclose(advantages, 0, atol=1e-13)
        assert_allclose(returns, V_star * mask, atol=1e-13)
    # the same fact read the other way: DPO's implicit reward of the optimum is r - V*(root)
    assert_allclose(beta * (logp - ref_logp).sum(1), r - values[()])


# ---- three estimates of one KL --------------------------------------------------------------------------------------

PI, FAR = np.array([0.7, 0.2, 0.1]), np.array([0.4, 0.4, 0.2])


def test_what_the_three_estimates_estimate():
    k1, k2, k3 = kl_estimates(np.log(PI), np.log(FAR))
    kl = exact.sequence_kl(PI, FAR)
    assert_allclose([kl, exact.sequence_kl(FAR, PI)], [0.18379, 0.19204], atol=1e-5)
    assert_allclose([PI @ k1, PI @ k3], kl, atol=1e-15)
    assert_allclose(PI @ k2, 0.18168, atol=1e-5)  # biased, but with a fifteenth of k1's noise
    assert_allclose([np.sqrt(PI @ (k - PI @ k) ** 2) for k in (k1, k2, k3)], [0.574, 0.038, 0.081], atol=1e-3)


def test_k3_turned_round_is_another_quantity():
    """trlx, rlhf-book: exp(delta) - 1 - delta is positive and plausible, and estimates chi^2 - KL."""
    wrong = kl_estimates(np.log(FAR), np.log(PI))[2]
    assert_allclose(PI @ wrong, 0.19121, atol=1e-5)
    assert_allclose(PI @ wrong, (PI**2 / FAR).sum() - 1 - exact.sequence_kl(PI, FAR))


def test_as_losses_only_k2_pulls_towards_the_reference():
    """OpenRLHF #1101, open-instruct #534: E grad k1 = 0, E grad k2 = grad KL, E grad k3 = grad KL(ref || pi)."""

    def gradient(function):
        z = Tensor(np.log(PI), requires_grad=True)
        function(log_softmax(z)).backward()
        return z.grad

    of = [gradient(lambda logp, i=i: (kl_estimates(logp, np.log(FAR))[i] * PI).sum()) for i in range(3)]
    true = gradient(lambda logp: (exp(logp) * (logp - np.log(FAR))).sum())
    forward = gradient(lambda logp: -(logp * FAR).sum())
    assert_allclose(of[0], 0, atol=1e-15)
    assert_allclose(of[1], true, atol=1e-15)
    assert_allclose(true, [0.26308, -0.17539, -0.08769], atol=1e-5)
    assert_allclose(of[2], forward, atol=1e-15)
    assert_allclose(forward, PI - FAR, atol=1e-15)


def test_k1_as_a_reward_has_the_right_gradient():
    """Why PPO's leash works although k1 in the loss would not: E[k1 grad log pi] = grad KL."""
    z = Tensor(np.log(PI), requires_grad=True)
    loss, _ = ppo_policy_loss(
        log_softmax(z)[np.repeat([0, 1, 2], [7, 2, 1])][:, None],  # ten samples, in proportion to PI
        np.log(np.repeat(PI, [7, 2, 1]))[:, None],
        -kl_estimates(np.log(PI), np.log(FAR))[0].repeat([7, 2, 1])[:, None],
        np.ones((10, 1)),
    )
    loss.backward()
    assert_allclose(z.grad, [0.26308, -0.17539, -0.08769], atol=1e-5)


def test_k3_keeps_its_digits_when_the_policies_are_close():
    """exp(-d) - 1 + d computed naively is wrong by a factor of 165 at d = 1e-9; rlhf-book tests for it too."""
    assert_allclose(kl_estimates(np.array(1e-9), np.array(0.0))[2], 5e-19, rtol=0.5)
    assert_allclose(kl_estimates(np.array(1e-5), np.array(0.0))[2], 5e-11, rtol=1e-4)


def test_gaussians_as_in_schulmans_note():
    """N(0,1) against N(0.1,1) and N(1,1): relative bias and spread, by quadrature."""
    x = np.linspace(-12, 12, 200_001)
    p = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) * (x[1] - x[0])
    for shift, bias, spread in ((0.1, (0, 0.0025, 0), (20, 1.42, 1.42)), (1.0, (0, 0.25, 0), (2, 1.73, 1.70))):
        kl = shift**2 / 2
        for k, b, s in zip(kl_estimates(-(x**2) / 2, -((x - shift) ** 2) / 2), bias, spread):
            assert_allclose(p @ k / kl - 1, b, atol=1e-4)
            assert_allclose(np.sqrt(p @ (k - p @ k) ** 2) / kl, s, rtol=0.005)


def test_a_baseline_may_know_the_state_but_not_the_action():
    """E[(R - b) grad log pi] is the same for every constant b, and zero for b(y) = r(y) (no-magic's critic)."""

    def gradient(advantages):
        z = Tensor(np.log(REF), requires_grad=True)
        (log_softmax(z) * (REF * advantages)).sum().backward()
        return z.grad

    for b in (0.0, 1.0, -3.0):
        assert_allclose(gradient(R - b), [-0.35, 0.09, 0.26])
    assert_allclose(gradient(R - R), 0)


# ---- best of n, and how far to go -----------------------------------------------------------------------------------

def test_best_of_n():
    for n, true, bound in ((2, 0.1406, 0.1931), (4, 0.5598, 0.6363), (16, 1.4696, 1.8351)):
        best = exact.best_of_n(REF, R, n)
        assert_allclose(best.sum(), 1)
        assert_allclose(exact.sequence_kl(best, REF), true, atol=1e-4)
        assert_allclose(exact.best_of_n_kl_bound(n), bound, atol=1e-4)
    assert_allclose(exact.best_of_n(REF, R, 1), REF)
    assert_allclose(exact.sequence_kl(exact.best_of_n(REF, R, 100_000), REF), -np.log(0.2))
    assert_allclose(exact.best_of_n(REF, [1.0, 1.0, 0.0], 2), [0.96 * 5 / 8, 0.96 * 3 / 8, 0.04])  # ties share as ref does
    assert_array_equal(exact.best_of_n(REF, [1.0, 1.0, 1.0], 7), REF)
    assert_allclose(exact.best_of_n([1, 1], [0.0, 1.0], 2), exact.best_of_n([0.5, 0.5], [0.0, 1.0], 2))
    assert_allclose(exact.best_of_n_kl_bound([2, 4]), [0.1931, 0.6363], atol=1e-4)


def test_best_of_n_by_drawing():
    rng = np.random.default_rng(0)
    rewards = np.array([1.0, 0.0, 1.0, -1.0])
    ref = np.array([0.2, 0.4, 0.1, 0.3])
    draws = rng.choice(4, p=ref, size=(100_000, 3))
    first_best = draws[np.arange(100_000), rewards[draws].argmax(1)]
    p = exact.best_of_n(ref, rewards, 3)
    z = (np.bincount(first_best, minlength=4) - 1e5 * p) / np.sqrt(1e5 * p * (1 - p))
    assert np.abs(z).max() < 5


def test_the_famous_formula_is_an_upper_bound():
    """log n - (n - 1)/n holds with equality only if no two scores tie: 100,000 distinct ones come close."""
    n_answers = 100_000
    uniform = np.full(n_answers, 1 / n_answers)
    for n, expected in ((2, 0.193147), (4, 0.636294), (16, 1.835089)):
        assert_allclose(exact.sequence_kl(exact.best_of_n(uniform, np.arange(n_answers), n), uniform), expected, atol=1e-6)
    for seed in range(20):
        ref, r, _ = random_world(seed)
        for n in (2, 5, 30):
            best = exact.best_of_n(ref, np.round(r), n)
            assert exact.sequence_kl(best, ref) <= exact.best_of_n_kl_bound(n) + 1e-12
    assert exact.best_of_n_kl_bound(1000) > 3.6 * exact.sequence_kl(exact.best_of_n(REF, R, 1000), REF)


def test_nothing_beats_the_frontier():
    """At its own KL, best of n earns no more than pi*: 1.1100 <= 1.1279 and so on."""
    betas = np.geomspace(0.05, 50, 4000)
    _, kl, reward = exact.tilted_curve(REF, R, betas)
    for n, of_best, of_tilt in ((2, 1.1100, 1.1279), (4, 1.5279, 1.5502), (8, 1.8283, 1.8351), (16, 1.9718, 1.9720)):
        best = exact.best_of_n(REF, R, n)
        at_equal_kl = np.interp(exact.sequence_kl(best, REF), kl[::-1], reward[::-1])
        assert_allclose([best @ R, at_equal_kl], [of_best, of_tilt], atol=1e-4)


def goodhart():
    """A response is correct or not and carries k phrases of padding; the proxy likes padding without end."""
    correct, k = (grid.ravel() for grid in np.meshgrid([0, 1], np.arange(7), indexing="ij"))
    geometric = 0.5 ** np.arange(7) / (0.5 ** np.arange(7)).sum()
    ref = np.outer([0.6, 0.4], geometric).ravel()
    gold = 2 * correct + 0.5 * np.minimum(k, 2) - 0.6 * np.maximum(k - 2, 0)
    return ref, gold, 2 * correct + 0.5 * k, correct, k


def test_a_learned_proxy_pursued_too_far_in_exact_numbers():
    """Gao, Schulman & Hilton's hump without training: the proxy rises; gold rises, peaks, falls below its start."""
    ref, gold, proxy, correct, k = goodhart()
    assert_allclose([ref @ proxy, ref @ gold], [1.272, 1.047], atol=1e-3)
    betas = [2.0, 1.0, 0.5, 0.25, 0.05]
    policies, kl, reward = exact.tilted_curve(ref, proxy, betas)
    assert_allclose(kl, [0.191, 0.765, 2.56, 4.70, 5.76], rtol=5e-3)
    assert_allclose(reward, [2.021, 2.788, 4.017, 4.814, 5.000], atol=1e-3)
    assert_allclose(policies @ gold, [1.521, 1.776, 1.487, 0.819, 0.600], atol=1e-3)
    assert_allclose(policies @ correct, [0.64, 0.83, 0.97, 0.999, 1.0], atol=5e-3)
    fine = np.linspace(0.7, 1.1, 401)
    peak = exact.tilted_curve(ref, proxy, fine)[0] @ gold
    assert_allclose([fine[peak.argmax()], peak.max()], [0.873, 1.790], atol=2e-3)
    for n, expected in ((8, 2.151), (64, 1.571), (1024, 0.624)):
        assert_allclose(exact.best_of_n(ref, proxy, n) @ gold, expected, atol=1e-3)


def test_a_proxy_that_is_monotone_in_gold_cannot_be_pursued_too_far():
    """The negative control: order-preserving errors never make gold fall, under tilting or best of n."""
    for seed in range(10):
        ref, gold, _ = random_world(seed)
        proxy = np.exp(2 * gold)
        by_tilt = exact.tilted_curve(ref, proxy, np.geomspace(20, 0.05, 30))[0] @ gold
        by_n = [exact.best_of_n(ref, proxy, n) @ gold for n in (1, 2, 4, 16, 256)]
        assert (np.diff(by_tilt) > -1e-12).all() and (np.diff(by_n) > -1e-12).all()
