"""Mistakes that real projects shipped, each with the test that would have caught it: the leash (KL penalty), advantages and PPO.

The same for tokens and masks is test_traps.py, for votes and DPO test_traps_preferences.py.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small_models import ragged_numbers, talker

from minialign import parallel, ppo
from minialign.autograd import Tensor, check_gradients, no_grad
from minialign.batch import minibatches
from minialign.checkpoint import frozen_copy
from minialign.exact import optimal_policy, sequence_kl
from minialign.likelihood import log_probs_array, token_log_probs_of
from minialign.model import ScalarModel
from minialign.optim import AdamW
from minialign.policy_gradient import (
    AdaptiveKLController,
    FixedKLController,
    kl_estimates,
    kl_penalized_rewards,
    masked_mean,
    masked_whiten,
    ppo_policy_loss,
    roll_out,
)
from minialign.ppo import PPOConfig, gae, ppo_update, ppo_value_loss, train_ppo, values_of
from minialign.sft import LMConfig, sft_loss
from minialign.tokenizer import EOS, VOCAB_SIZE, encode

RNG = np.random.default_rng


# ==== the leash ======================================================================================================

def test_the_score_stands_on_the_last_answer_token_alone():
    """TRL PR #5338 put it on PAD, microRLHF on a fixed column or on every token."""
    logprobs, _, ref, _, _, mask = ragged_numbers(RNG(3))
    scores, beta = np.array([1.0, -2.0, 3.0, 0.0]), 0.3
    rewards = kl_penalized_rewards(scores, logprobs, ref, mask, beta)
    k1 = (logprobs - ref) * mask
    assert_allclose(rewards.sum(1), scores - beta * k1.sum(1))
    for b in range(4):
        last = np.flatnonzero(mask[b])[-1]
        (different,) = np.nonzero(np.abs(rewards[b] + beta * k1[b]) > 1e-12)
        assert different.tolist() == ([last] if scores[b] else [])  # OpenRLHF #1219: a score of 0.0 is a score
        assert (rewards[b, mask[b] == 0] == 0).all()


def test_scoring_one_token_later_is_the_same_at_lambda_one_only():
    """TRL's later PPO scores the PAD after EOS.  r = (-.1, -.2, -.3), score 1, V = (.5, .6, .7), .65 after."""
    ours = np.array([[-0.1, -0.2, 0.7]]), np.array([[0.5, 0.6, 0.7]]), np.ones((1, 3))
    theirs = np.array([[-0.1, -0.2, -0.3, 1.0]]), np.array([[0.5, 0.6, 0.7, 0.65]]), np.ones((1, 4))
    assert_allclose(gae(*ours, lam=1.0)[0], gae(*theirs, lam=1.0)[0][:, :3], atol=1e-15)
    assert_allclose(gae(*ours)[0], [[-0.095, -0.1, 0.0]], atol=1e-12)
    assert_allclose(gae(*theirs)[0][:, :3], [[-0.1108, -0.1166, -0.0175]], atol=1e-4)


def test_the_controller_moves_as_the_paper_says():
    """beta = 0.2, target 6 nats per answer, horizon 10,000: one step from each KL; and 6 nats leave it alone."""
    for kl, n, expected in ((12, 64, 0.200256), (12, 256, 0.201024), (6, 64, 0.2), (3, 64, 0.199744), (7.2, 64, 0.200256)):
        controller = AdaptiveKLController(0.2, 6.0, 10_000)
        controller.update(kl, n)
        assert_allclose(controller.value, expected, atol=1e-7)
    fixed = FixedKLController(0.2)
    fixed.update(100.0, 64)
    assert fixed.value == 0.2


def test_the_controller_finds_its_target_in_a_closed_loop():
    """build-your-own-rlhf fed it the KL of a token against a target for answers, and beta hit its floor."""
    ref, r = np.array([0.5, 0.3, 0.2]), np.array([0.0, 1.0, 2.0])
    controller = AdaptiveKLController(5.0, target=0.5, horizon=10 * 64)
    for _ in range(400):
        controller.update(float(sequence_kl(optimal_policy(ref, r, controller.value), ref)), 64)
        assert controller.value > 0
    assert_allclose(sequence_kl(optimal_policy(ref, r, controller.value), ref), 0.5, atol=0.01)


# ==== advantages =====================================================================================================

def test_gae_by_hand():
    """r = (-.1, -.2, 1), V = (.5, .6, .7)."""
    r, v, mask = np.array([[-0.1, -0.2, 1.0]]), np.array([[0.5, 0.6, 0.7]]), np.ones((1, 3))
    for lam, advantages in ((0.0, [0, -0.1, 0.3]), (0.95, [0.17575, 0.185, 0.3]), (1.0, [0.2, 0.2, 0.3])):
        a, g = gae(r, v, mask, 1.0, lam)
        assert_allclose(a, [advantages], atol=1e-12)
        assert_allclose(g, a + v)
    assert_allclose(gae(r, v, mask, 1.0, 1.0)[1], [[0.7, 0.8, 1.0]])  # at lambda = 1 the returns are rewards to go
    assert gae(*[np.zeros((2, 0))] * 3)[1].shape == (2, 0)  # of texts without a second token


def test_gae_as_a_sum_and_row_by_row():
    """A_t = sum_k (gamma lam)^k delta_{t+k}; a ragged batch is its rows, each without padding."""
    rng = RNG(0)
    r, v, _, _, _, mask = ragged_numbers(rng)
    gamma, lam = 0.9, 0.7
    together, _ = gae(r, v, mask, gamma, lam)
    for b in range(len(r)):
        (t,) = np.nonzero(mask[b])
        row_r, row_v = r[b, t], v[b, t]
        delta = row_r + gamma * np.append(row_v[1:], 0) - row_v
        power = (gamma * lam) ** np.subtract.outer(np.arange(len(t)), np.arange(len(t)))
        expected = (np.triu(power.T) * delta).sum(1)
        assert_allclose(together[b, t], expected)
        assert (np.delete(together[b], t) == 0).all()


def test_a_constant_error_of_the_critic():
    """V + c at lambda = 1 lowers every advantage by c, and whitened ones of equal-length answers not at all."""
    r, v = RNG(0).standard_normal((2, 5, 4))
    mask = np.ones((5, 4))
    plain, shifted = gae(r, v, mask, lam=1.0)[0], gae(r, v + 3, mask, lam=1.0)[0]
    assert_allclose(shifted, plain - 3)
    assert_allclose(masked_whiten(shifted, mask), masked_whiten(plain, mask), atol=1e-12)


def test_a_critic_that_starts_at_zero():
    """OpenRLHF #186: V = 0, so the first advantages at lambda = 1 are the rewards to go."""
    critic = talker(ScalarModel, lively=False)
    critic.head.weight.data[...] = 0
    fresh = ScalarModel(critic.config, RNG(0), head="zero")
    values = fresh(np.ones((2, 5), int)).data
    assert_array_equal(values, 0)
    r = RNG(0).standard_normal((2, 5))
    assert_allclose(gae(r, values, np.ones((2, 5)), lam=1.0)[0], r[:, ::-1].cumsum(1)[:, ::-1])


def test_whitening_counts_answer_tokens_alone():
    """trlx whitened over padding; all equal must give 0, since at the optimum that is the normal case."""
    x, mask = np.array([[1.0, 2.0, 99.0, -99.0], [3.0, 4.0, 5.0, 1e6]]), np.array([[1, 1, 0, 0], [1, 1, 1, 0.0]])
    white = masked_whiten(x, mask)
    assert_allclose(masked_mean(x, mask), 3)
    assert_allclose(white[mask > 0], (np.arange(1, 6) - 3) / np.sqrt(2), rtol=1e-7)
    assert (white[mask == 0] == 0).all()
    assert_allclose(masked_whiten(x, mask, shift_mean=False)[mask > 0], white[mask > 0] + 3)
    four = masked_whiten(np.array([[1.0, 2, 3, 4]]), np.ones((1, 4)))
    assert_allclose(four, [[-1.3416, -0.4472, 0.4472, 1.3416]], atol=1e-4)
    assert_array_equal(masked_whiten(np.full((2, 2), 7.0), np.ones((2, 2))), 0)
    assert_array_equal(masked_whiten(np.array([[7.0]]), np.ones((1, 1))), 0)  # an advantage alone: no NaN


def test_whitened_rewards_pay_for_length():
    """Two answers scored 1, of lengths 1 and 3, with beta = 0.  Taking the mean away makes their returns +1 and -1;

    putting it back, as Ziegler et al. do, still moves the zeros.  That is why train_ppo whitens advantages, not rewards.
    """
    mask = np.array([[1.0, 0, 0], [1, 1, 1]])
    rewards = kl_penalized_rewards(np.ones(2), np.zeros((2, 3)), np.zeros((2, 3)), mask, 0.0)
    assert_allclose(masked_whiten(rewards, mask).sum(1), [1, -1], rtol=1e-6)
    assert_allclose(masked_whiten(rewards, mask, shift_mean=False).sum(1), [1.5, 0.5], rtol=1e-6)


# ==== PPO's losses ===================================================================================================

@pytest.mark.parametrize(
    "A, rho, loss, slope",
    [
        (1, 0.7, -0.7, -1), (1, 0.9, -0.9, -1), (1, 1.1, -1.1, -1), (1, 1.3, -1.2, 0),
        (-1, 0.7, 0.8, 0), (-1, 0.9, 0.9, 1), (-1, 1.1, 1.1, 1), (-1, 1.3, 1.3, 1),
    ],
)  # fmt: skip
def test_where_the_clip_holds(A, rho, loss, slope):
    """The clip withholds what would be gained, never what would be lost."""
    old = np.array([[-1.5]])
    new = Tensor(old + np.log(rho), requires_grad=True)
    value, metrics = ppo_policy_loss(new, old, np.array([[float(A)]]), np.ones((1, 1)), cliprange=0.2)
    value.backward()
    assert_allclose(value.item(), loss)
    assert_allclose(new.grad / rho, [[slope]], atol=1e-12)  # d loss / d rho
    assert metrics["policy/clipfrac"] == (slope == 0)


def test_at_ratio_one_the_gradient_is_reinforces():
    """Every element of the max is a tie there; `>=` on both sides doubles the gradient, `>` on both zeroes it."""
    logprobs, _, _, values, advantages, mask = ragged_numbers(RNG(0))
    x = Tensor(logprobs, requires_grad=True)
    loss, metrics = ppo_policy_loss(x, logprobs.copy(), advantages, mask)
    loss.backward()
    assert_allclose(x.grad, -advantages * mask / mask.sum(), atol=1e-15)
    assert_allclose(loss.item(), -masked_mean(advantages, mask))
    assert metrics["policy/clipfrac"] == metrics["policy/approxkl"] == 0

    v = Tensor(values, requires_grad=True)
    value_loss, metrics = ppo_value_loss(v, values.copy(), advantages, mask)
    value_loss.backward()
    assert_allclose(v.grad, (values - advantages) * mask / mask.sum(), atol=1e-15)
    assert metrics["val/clipfrac"] == 0


def test_the_clipped_value_loss_is_the_pessimistic_one():
    """Never below the plain half mean square; without slope where the clipped error is the larger."""
    x, old, returns, _, _, mask = ragged_numbers(RNG(4))
    plain = 0.5 * masked_mean((x - returns) ** 2, mask)
    assert ppo_value_loss(Tensor(x), old, returns, mask)[0].item() >= plain
    assert_allclose(ppo_value_loss(Tensor(x), old, returns, mask, cliprange_value=1e9)[0].item(), plain)
    v = Tensor(np.array([[1.0]]), requires_grad=True)  # moved from 0 beyond 0.2, towards a return of 2: the clip says enough
    ppo_value_loss(v, np.zeros((1, 1)), np.array([[2.0]]), np.ones((1, 1)))[0].backward()
    assert v.grad == 0


def test_finite_differences_of_both_losses():
    x, old, returns, _, advantages, mask = ragged_numbers(RNG(5))
    check_gradients(lambda t: ppo_policy_loss(t, old, advantages, mask)[0], x)
    check_gradients(lambda t: ppo_value_loss(t, old, returns, mask)[0], x)


def test_a_ratio_gone_mad_stays_finite():
    """TRL #454: old log-probabilities off by 30 nats, or by 1000, must not end in infinities."""
    for distance in (30.0, 1000.0):
        x = Tensor(np.zeros((1, 2)), requires_grad=True)
        loss, metrics = ppo_policy_loss(x, np.array([[-distance, distance]]), np.array([[-1.0, 1.0]]), np.ones((1, 2)))
        loss.backward()
        assert np.isfinite(loss.item()) and np.isfinite(x.grad).all()
        assert metrics["policy/ratio_error"] > 1


def test_no_loss_of_ppo_changes_the_dtype():
    """Float32 in, float32 out, whatever the mask is made of."""
    x = RNG(0).standard_normal((2, 3)).astype(np.float32)
    mask = np.ones((2, 3))
    assert gae(x, x, mask.astype(np.float32))[0].dtype == np.float32
    assert masked_whiten(x, mask).dtype == np.float32
    assert ppo_policy_loss(Tensor(x), x, x, mask)[0].dtype == np.float32
    assert ppo_value_loss(Tensor(x), x, x, mask)[0].dtype == sft_loss(Tensor(x), mask)[0].dtype == np.float32


# ==== PPO's loop =====================================================================================================

def run_ppo(score=lambda batch: batch.mask.sum(1), seed=0, iterations=2, **changes):
    """The whole trainer on two questions, small.  Returns (policy, reference, history)."""
    policy, critic = talker(seed=0), talker(ScalarModel, seed=1)
    reference = frozen_copy(policy)
    settings = {"rollouts": 16, "max_new_tokens": 5, "minibatch_size": 8, "lr": 0.01, "critic_lr": 0.01, **changes}
    config = PPOConfig(iterations=iterations, **settings)
    history = train_ppo(policy, reference, critic, score, ["a", "bcd"], config, RNG(seed))
    return policy, reference, history


def test_the_first_ratio_is_one_and_stays_so_without_a_step():
    """trlx #107, TRL #744: dropout, positions, temperature or padding that differ between rollout and update."""
    _, _, history = run_ppo()
    assert (history["policy/first_ratio_error"] < 1e-12).all()
    assert (history["policy/ratio_error"] > 1e-3).all()  # and it does move afterwards: the clip has work to do
    _, _, still = run_ppo(lr=0.0, epochs=3)
    assert (still["policy/ratio_error"] < 1e-12).all() and (still["policy/clipfrac"] == 0).all()
    assert (still["policy/approxkl"] < 1e-24).all()


def test_the_clip_can_act():
    """no-magic: with one step a rollout the ratio is 1 and the clip never holds; with several it does."""
    one = run_ppo(epochs=1, minibatch_size=16, lr=0.1)[2]
    many = run_ppo(epochs=4, lr=0.1)[2]
    assert (one["policy/clipfrac"] == 0).all() and many["policy/clipfrac"].max() > 0.05


def test_the_reference_is_not_trained():
    """TRL #3397, #1534: its parameters are the same arrays of the same numbers after training as before."""
    policy, reference, _ = run_ppo()
    start = talker(seed=0)
    for name, parameter in reference.named_parameters().items():
        assert_array_equal(parameter.data, start.named_parameters()[name].data)
        assert not parameter.data.flags.writeable and parameter.grad is None
    assert any((p.data != q.data).any() for p, q in zip(policy.parameters(), start.parameters()))


def test_at_the_start_the_leash_is_slack():
    """policy == reference, so the first measured KL is zero; a reference made too late would show here."""
    assert abs(run_ppo()[2]["objective/kl"][0]) < 1e-12


def test_what_is_logged_adds_up():
    """lm-human-preferences logged its first beta for ever: rlhf_reward = scores - beta kl, with today's beta."""
    _, _, history = run_ppo(iterations=4, kl_coef=0.3, target_kl=0.001, lr=0.05)
    beta, kl = history["objective/kl_coef"], history["objective/kl"]
    assert beta[0] == 0.3 and (np.diff(beta[1:]) > 0).all()
    assert_allclose(history["objective/non_score_reward"], -beta * kl, atol=1e-12)
    assert_allclose(history["objective/rlhf_reward"], history["objective/scores"] - beta * kl, atol=1e-12)
    assert (history["objective/kl_k3"] >= -1e-12).all()


def test_kl_is_summed_over_an_answer():
    """trlx #438 and others logged the mean over tokens, and compared it with a target for answers."""
    policy, reference = talker(seed=0), frozen_copy(talker(seed=3))
    config = PPOConfig(rollouts=8, max_new_tokens=5, minibatch_size=8, lr=0.0, critic_lr=0.0)
    rollout = roll_out(policy, reference, lambda b: np.zeros(len(b)), ["a"] * 8, config, RNG(0))
    optimizer = AdamW(policy.parameters(), 0.0)
    critic = talker(ScalarModel)
    metrics = ppo_update(policy, critic, optimizer, AdamW(critic.parameters(), 0.0), rollout, 0.1, config, RNG(0))
    assert set(optimizer.t) == {config.epochs}  # all rows are one minibatch
    answers = rollout.batch.mask.astype(bool)
    by_hand = [(rollout.logprobs[b] - rollout.ref_logprobs[b])[answers[b]].sum() for b in range(8)]
    assert_allclose(metrics["objective/kl"], np.mean(by_hand))
    surprise = [-rollout.logprobs[b][answers[b]].sum() for b in range(8)]
    assert_allclose(metrics["objective/entropy"], np.mean(surprise))
    assert np.mean(surprise) > 0


@pytest.mark.parametrize("whiten", [True, False])
def test_what_the_two_losses_are_given(monkeypatch, whiten):
    """KL-penalised rewards -> gae -> returns, and only then whitening; the critic is trained where it is read."""
    given = {}

    def spy(name):
        loss = getattr(ppo, name)

        def spied(*arguments):
            given[name] = arguments
            return loss(*arguments)

        monkeypatch.setattr(ppo, name, spied)

    spy("ppo_policy_loss")
    spy("ppo_value_loss")
    policy, critic, reference = talker(seed=0), talker(ScalarModel, seed=1), frozen_copy(talker(seed=3))
    config = PPOConfig(max_new_tokens=5, minibatch_size=8, epochs=1, gamma=0.9, lam=0.5, whiten=whiten)
    rollout = roll_out(policy, reference, lambda b: b.mask.sum(1), ["a", "bcd"] * 4, config, RNG(0))
    optimizers, expected = (AdamW(policy.parameters(), 0.0), AdamW(critic.parameters(), 0.0)), values_of(critic, rollout.batch)
    ppo_update(policy, critic, *optimizers, rollout, 0.3, config, RNG(0))

    (rows,) = minibatches(8, 8, RNG(0))
    mask = rollout.batch.mask
    rewards = kl_penalized_rewards(rollout.scores, rollout.logprobs, rollout.ref_logprobs, mask, 0.3)
    advantages, returns = gae(rewards, expected, mask, gamma=0.9, lam=0.5)
    logprobs, old, A, m, eps = given["ppo_policy_loss"]
    assert_allclose(logprobs.data * m, rollout.logprobs[rows] * m, atol=1e-12)
    assert_allclose(old, rollout.logprobs[rows])
    assert_allclose(A, (masked_whiten(advantages, mask) if whiten else advantages)[rows])
    values, old_values, G, m, eps_v = given["ppo_value_loss"]
    assert_allclose(values.data, expected[rows], atol=1e-12)
    assert_allclose(old_values, expected[rows])
    assert_allclose(G, returns[rows])
    assert_array_equal(m, mask[rows])
    assert (eps, eps_v) == (config.cliprange, config.cliprange_value)


def test_the_critic_has_not_seen_the_action():
    """Other last tokens leave every value alone, because the value of column p is read before the token at p + 1."""
    critic, policy = talker(ScalarModel, seed=1), talker()
    config = PPOConfig(max_new_tokens=5)
    rollout = roll_out(policy, policy, lambda b: np.ones(len(b)), ["a"] * 4, config, RNG(0))
    other = rollout.batch.ids.copy()
    other[:, -1] = (other[:, -1] + 1) % VOCAB_SIZE
    assert_allclose(values_of(critic, rollout.batch), critic(other[:, :-1]).data * rollout.batch.mask, atol=1e-12)


def test_policy_and_critic_learn_at_rates_of_their_own():
    def moved(lr, critic_lr):
        policy, critic = talker(seed=0), talker(ScalarModel, seed=1)
        before = [[p.data.copy() for p in model.parameters()] for model in (policy, critic)]
        config = PPOConfig(iterations=1, rollouts=8, max_new_tokens=4, minibatch_size=8, lr=lr, critic_lr=critic_lr)
        train_ppo(policy, frozen_copy(policy), critic, lambda batch: batch.mask.sum(1), ["a"], config, RNG(0))
        return [
            any((p.data != q).any() for p, q in zip(model.parameters(), old)) for model, old in zip((policy, critic), before)
        ]

    assert moved(0.01, 0.0) == [True, False] and moved(0.0, 0.01) == [False, True]


def test_the_controller_is_shown_the_distance_to_the_reference(monkeypatch):
    """trlx #361 showed it the distance between two updates: nats per answer, and how many answers."""
    shown = []

    class Watched(AdaptiveKLController):
        def update(self, current, n_steps):
            shown.append((current, n_steps))
            super().update(current, n_steps)

    monkeypatch.setattr(ppo, "AdaptiveKLController", Watched)
    history = run_ppo(iterations=3, target_kl=1.0)[2]
    assert [kl for kl, _ in shown] == history["objective/kl"].tolist() and {n for _, n in shown} == {16}


@pytest.mark.parametrize(("settings", "answers"), [({}, 10 * 16), ({"kl_horizon": 24}, 24), ({"kl_horizon": 400}, 400)])
def test_beta_moves_by_a_fifth_within_the_horizon_that_is_set(settings, answers):
    """The horizon is counted in answers; ten rollouts unless it is set.  Far beyond the target beta moves at full speed."""
    history = run_ppo(iterations=3, kl_coef=0.3, target_kl=1e-9, lr=0.05, **settings)[2]
    assert (history["objective/kl"][1:] > 1e-8).all()
    assert_allclose(history["objective/kl_coef"][2] / history["objective/kl_coef"][1], 1 + 0.2 * 16 / answers)


def test_a_rollout_is_frozen():
    """Rewards, advantages and old values are plain arrays; no gradient can flow into or out of them."""
    policy, critic = talker(), talker(ScalarModel)
    config = PPOConfig(rollouts=4, max_new_tokens=4)
    rollout = roll_out(policy, frozen_copy(policy), lambda b: np.ones(len(b)), ["a"] * 4, config, RNG(0))
    values = values_of(critic, rollout.batch)
    for array in (rollout.logprobs, rollout.ref_logprobs, values, rollout.scores):
        assert type(array) is np.ndarray
    assert all(p.grad is None for p in policy.parameters() + critic.parameters())
    # the policy's loss has no slope in the critic
    mask = rollout.batch.mask
    rewards = kl_penalized_rewards(rollout.scores, rollout.logprobs, rollout.ref_logprobs, mask, 0.1)
    advantages, _ = gae(rewards, values, mask)
    ppo_policy_loss(token_log_probs_of(policy, rollout.batch.ids), rollout.logprobs, advantages, mask)[0].backward()
    assert all(p.grad is None for p in critic.parameters()) and all(p.grad is not None for p in policy.parameters())


def test_an_answer_without_an_end_pays():
    """TRL #1893, #3750: the penalty is subtracted, once, from the score of answers that were cut off alone."""
    policy = talker()
    policy.trunk.final_norm.gain.data *= 0
    policy.trunk.final_norm.bias.data[...] = policy.unembedding.data[:, EOS] * 2  # ends often, but not always
    config = PPOConfig(max_new_tokens=2, missing_eos_penalty=0.7)
    score = lambda batch: np.zeros(len(batch))  # noqa: E731
    rollout = roll_out(policy, frozen_copy(policy), score, ["a"] * 32, config, RNG(0))
    ended = (rollout.batch.ids[:, 3:] == EOS).any(1)
    assert ended.any() and not ended.all()
    assert_allclose(rollout.scores, np.where(ended, 0.0, -0.7))
    assert_array_equal(rollout.ended, ended)


def test_every_epoch_sees_every_answer_once():
    """trlx #522 trained all epochs on the first minibatch, then all on the second."""
    for n, size in ((10, 3), (8, 8), (5, 20)):
        pieces = list(minibatches(n, size, RNG(0)))
        assert sorted(np.concatenate(pieces)) == list(range(n))
        assert [len(p) for p in pieces[:-1]] == [size] * (len(pieces) - 1)
        by_length = list(minibatches(n, size, RNG(0), RNG(1).integers(1, 9, size=n)))
        assert sorted(np.concatenate(by_length)) == list(range(n))
    assert any((a != b).any() for a, b in zip(minibatches(10, 10, RNG(0)), minibatches(10, 10, RNG(1))))


def test_texts_of_similar_length_learn_together_but_not_the_short_ones_first():
    lengths = np.arange(64)
    pieces = list(minibatches(64, 8, RNG(0), lengths))
    assert all(np.ptp(lengths[piece]) == 7 for piece in pieces)
    assert [lengths[piece].min() for piece in pieces] != sorted(lengths[piece].min() for piece in pieces)


def test_training_raises_what_it_is_paid_for():
    """Ziegler et al. 2019, section 4.4: a flipped sign trained the worst possible model overnight."""

    def letter_share(batch):
        return ((batch.ids[:, 1:] == encode("e")[0]) * batch.mask).sum(1) / batch.mask.sum(1)

    def shares(sign):
        history = run_ppo(
            lambda batch: sign * letter_share(batch), iterations=20, lr=0.02, kl_coef=0.0, missing_eos_penalty=0.0
        )[2]
        return sign * history["objective/scores"]

    liked, disliked = shares(+1), shares(-1)
    assert liked[-3:].mean() > 0.9 and disliked[-3:].mean() < 0.01 < disliked[:3].mean()


def test_equal_seeds_train_equal_models():
    """The same generator, the same bytes."""
    one, two, other = run_ppo(seed=4)[0], run_ppo(seed=4)[0], run_ppo(seed=5)[0]
    for a, b in zip(one.parameters(), two.parameters()):
        assert_array_equal(a.data, b.data)
    assert any((a.data != b.data).any() for a, b in zip(one.parameters(), other.parameters()))


def test_two_threads_train_equal_models(monkeypatch):
    """The policy learns in one thread and the critic in another: from the same rollouts, in the same order."""
    one, _, alone = run_ppo(epochs=2)
    monkeypatch.setattr(parallel, "THREADS", 2)
    two, _, together = run_ppo(epochs=2)
    for a, b in zip(one.parameters(), two.parameters()):
        assert_array_equal(a.data, b.data)
    for name in ("loss/policy", "loss/value", "val/clipfrac"):
        assert_array_equal(alone[name], together[name])


def test_settings_that_do_not_exist_are_refused():
    """lm-human-preferences set rewards.whiten where ppo.whiten_rewards was read, and nobody noticed."""
    with pytest.raises(TypeError):
        PPOConfig(whiten_rewards=True)
    with pytest.raises(TypeError):
        LMConfig(learning_rate=1.0)


def test_float32_measures_the_leash_well_enough():
    """OpenRLHF #620: rounding noise in log-probabilities is far below what one answer's KL means."""
    ids = RNG(0).integers(VOCAB_SIZE, size=(16, 20))
    kl = {}
    for dtype in ("float32", "float64"):
        policy, reference = talker(dtype=dtype, seed=0), talker(dtype=dtype, seed=1)
        for name, p in policy.named_parameters().items():  # nearby policies, where the noise would matter most
            p.data = reference.named_parameters()[name].data + np.asarray(0.01, dtype) * p.data
        kl[dtype] = (log_probs_array(policy, ids) - log_probs_array(reference, ids)).sum(1)
    assert kl["float32"].dtype == np.float32
    assert np.abs(kl["float32"] - kl["float64"]).max() < 1e-4 < 1e-2 < np.abs(kl["float64"]).max()


def test_looking_is_not_learning():
    """Scores and likelihoods computed for the record leave no graph and no gradients behind."""
    model = talker()
    with no_grad():
        assert not token_log_probs_of(model, np.ones((2, 4), int)).requires_grad
    recorded = []

    class Watched:
        trunk = model.trunk

        def __call__(self, ids, loss_mask=None):
            logits = model(ids, loss_mask)
            recorded.append(logits.requires_grad)
            return logits

    log_probs_array(Watched(), np.ones((2, 4), int))
    assert recorded == [False] and all(p.grad is None for p in model.parameters())
    assert kl_estimates(np.zeros(2), np.ones(2))[0].tolist() == [-1, -1]
