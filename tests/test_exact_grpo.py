"""GRPO and its family against exact answers: where they end, and which way they lean, in worlds that can be listed.

Every group, or every answer, is weighed with its probability, so that no number here is an estimate, but for the sampled
trainings at the top.
"""

from itertools import product

import numpy as np
import pytest
from enumerable import ANSWERS, LONGEST, PROMPT, descend, law, read_answers, speaker
from numpy.testing import assert_allclose

from minialign import exact, policy_gradient
from minialign.autograd import Tensor
from minialign.checkpoint import frozen_copy, trainable_copy
from minialign.functional import log_softmax
from minialign.grpo import METHODS, GRPOConfig, group_advantages, grpo_loss, leave_one_out, train_grpo

KL_IN_REWARD = {
    "REINFORCE": {"advantage": "score", "importance": "answer"},
    "RLOO": {"advantage": "leave_one_out", "importance": "answer"},
    "GRPO": {},
    "Dr. GRPO": {"advantage": "none", "average": "constant"},
}


def train(monkeypatch, reference, rewards, beta, iterations=200, **changes):
    """train_grpo itself, from groups of rollouts to clipped epochs; only the prompt is ours.  Returns the policy."""
    monkeypatch.setattr(policy_gradient, "prompt_ids", lambda question, tokenizer: PROMPT)
    policy = trainable_copy(reference)
    settings = {
        "iterations": iterations, "prompts": 16, "group_size": 8, "epochs": 4, "max_new_tokens": LONGEST, "kl_coef": beta,
        "lr": 0.015, "betas": (0.9, 0.999), "max_norm": 100.0, "missing_eos_penalty": 0.0, "kl_in_reward": True,
    }  # fmt: skip
    config = GRPOConfig(**{**settings, **changes})

    def score(batch):
        return rewards[read_answers(batch)]

    train_grpo(policy, frozen_copy(reference), score, ["?"], config, np.random.default_rng(5))
    return policy


# ---- where they end -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(
    "method, within",
    [("RLOO", 2e-4), *(pytest.param(*row, marks=pytest.mark.whole) for row in (("Dr. GRPO", 2e-4), ("GRPO", 5e-3), ("REINFORCE", 0.05)))],
)
def test_with_the_kl_in_the_reward_the_optimum_is_reached(monkeypatch, method, within):
    """At pi* every answer earns beta log Z: with a baseline no advantage is left, and the noise dies; without one it stays."""
    reference, rewards, beta = speaker(0), np.random.default_rng(1).standard_normal(len(ANSWERS)), 0.6
    optimum = exact.optimal_policy(law(reference), rewards, beta)
    assert exact.total_variation(optimum, law(reference)) > 0.15
    found = law(train(monkeypatch, reference, rewards, beta, **KL_IN_REWARD[method]))
    assert exact.total_variation(found, optimum) < within


def population(logits, rewards, reference, **options):
    """The loss of a policy over a list of answers, each one token, weighed with the probability that it is sampled."""
    logp = log_softmax(logits).reshape(-1, 1)
    pi = np.exp(logp.data[:, 0])
    advantages = rewards - pi @ rewards
    one, each = np.ones((1, 1)), [slice(i, i + 1) for i in range(len(pi))]
    rows = [grpo_loss(logp[i], logp.data[i], advantages[i], one, np.log(reference[i, None]), **options) for i in each]
    return sum((loss * p for (loss, _), p in zip(rows, pi)), Tensor(0.0))


def test_k3_in_the_loss_has_an_optimum_of_its_own():
    """Its gradient is that of KL(ref || pi), the other way round: pi = ref / (1 - (r - E r) / beta), and not pi*."""
    reference, rewards, beta = np.array([0.5, 0.3, 0.2]), np.array([0.0, 1.0, 2.0]), 2.0
    found = descend(lambda x: population(x, rewards, reference, kl_coef=beta), np.log(reference), steps=600, lr=0.1)
    pi = np.exp(found - np.log(np.exp(found).sum()))
    assert_allclose(pi, reference / (1 - (rewards - pi @ rewards) / beta), atol=1e-6)
    optimum = exact.optimal_policy(reference, rewards, beta)
    assert_allclose(exact.total_variation(pi, optimum), 0.0292, atol=1e-4)  # no small step from pi*, and more at a smaller beta


# ---- which way they lean: all groups of G answers, each with its probability ------------------------------------------

def expected_push(theta, rewards, G, advantages_of):
    """E over all groups of minus the gradient of grpo_loss, for a softmax policy over a list of answers; and the variance."""
    logp = theta - np.log(np.exp(theta).sum())
    groups = np.array(list(product(range(len(theta)), repeat=G)))  # (groups, G)
    chance = np.exp(logp[groups].sum(1))
    A = advantages_of(np.asarray(rewards, dtype=float)[groups])
    pushes = []
    for group, a in zip(groups, A):
        x = Tensor(theta.copy(), requires_grad=True)
        chosen = log_softmax(x)[group].reshape(-1, 1)
        grpo_loss(chosen, chosen.data, a, np.ones((G, 1)))[0].backward()
        pushes.append(-x.grad)
    mean = chance @ np.array(pushes)
    return mean, chance @ ((np.array(pushes) - mean) ** 2).sum(1)


def test_leave_one_out_is_unbiased_and_quieter_than_no_baseline():
    """E push = gradient of E r for RLOO and REINFORCE; a mean that includes the answer itself gives (G - 1) / G of it."""
    theta, rewards, G = np.array([0.3, -0.2, 0.1]), np.array([3.0, 4.0, 6.0]), 3
    pi = np.exp(theta) / np.exp(theta).sum()
    true = pi * (rewards - pi @ rewards)
    rloo, quiet = expected_push(theta, rewards, G, leave_one_out)
    reinforce, noisy = expected_push(theta, rewards, G, lambda r: r)
    dr_grpo, _ = expected_push(theta, rewards, G, lambda r: group_advantages(r, "none"))
    assert_allclose(rloo, true, atol=1e-12)
    assert_allclose(reinforce, true, atol=1e-12)
    assert_allclose(dr_grpo, true * (G - 1) / G, atol=1e-12)
    assert_allclose([quiet, noisy], [0.4285, 4.2876], atol=1e-4)  # a tenth of the variance


def push_towards_right(p, scale, G=8):
    """How hard a question that is answered rightly with probability p pulls: d/dt of the log-odds, per question asked."""
    groups = np.array(list(product([0.0, 1.0], repeat=G)))  # score 1: a right answer
    chance = np.prod(np.where(groups == 1, p, 1 - p), axis=1)
    slope = np.where(groups == 1, 1 - p, -p)  # of log pi(answer) along the log-odds
    A = group_advantages(groups, scale, eps=0.0)
    logprobs = Tensor(np.zeros((groups.size, 1)), requires_grad=True)
    weighed = (A * chance[:, None] * len(groups)).reshape(-1)  # at ratio 1 the loss is linear in the advantages
    grpo_loss(logprobs, np.zeros((groups.size, 1)), weighed, np.ones((groups.size, 1)))[0].backward()
    return float((-logprobs.grad[:, 0] * slope.reshape(-1)).sum())


@pytest.mark.parametrize("p", [0.5, 0.9, 0.99])
def test_a_deviation_per_group_weighs_questions_by_how_much_answers_agree(p):
    """Liu et al. 2025, section 3.1.  The gradient of the mean score is p (1 - p) (G - 1) / G; divided by the deviation it

    is E sqrt(q (1 - q)) sqrt((G - 1) / G), with q the share of right answers in a group.
    """
    G = 8
    k = np.arange(G + 1)
    binomial = np.array([np.prod([(G - i) / (i + 1) for i in range(j)]) for j in k]) * p**k * (1 - p) ** (G - k)
    assert_allclose(push_towards_right(p, "none"), p * (1 - p) * (G - 1) / G, atol=1e-12)
    expected = binomial @ np.sqrt(k / G * (1 - k / G)) * np.sqrt((G - 1) / G)
    assert_allclose(push_towards_right(p, "group"), expected, atol=1e-12)


def test_an_agreed_question_counts_too_much():
    """Right in 99 of 100 against right in half: 1 to 25 in what can be gained, but 1 to 18 in the push of groups of eight.

    Larger groups lean more, towards sqrt(p (1 - p)): 1 to 5.
    """
    none = push_towards_right(0.99, "none") / push_towards_right(0.5, "none")
    group = push_towards_right(0.99, "group") / push_towards_right(0.5, "group")
    pairs = push_towards_right(0.99, "group", G=2) / push_towards_right(0.5, "group", G=2)
    assert_allclose([1 / none, 1 / group, 1 / pairs], [25.2525, 17.9619, 25.2525], atol=1e-4)  # of two, all deviate alike


def test_the_deviation_can_turn_a_step_round():
    """What makes an agreed question better, and an open one worse at a twentieth of the rate: GRPO takes it, at a loss."""
    true, grpo = (push_towards_right(0.99, scale) - 0.05 * push_towards_right(0.5, scale) for scale in ("none", "group"))
    assert true < 0 < grpo


# ---- lengths --------------------------------------------------------------------------------------------------------

LENGTHS, RIGHT = np.array([1, 4, 1, 4]), np.array([1.0, 1.0, 0.0, 0.0])  # right short, right long, wrong short, wrong long


def flow(average, start, steps=100, rate=0.5):
    """Follow the expected push of a policy over four answers, all its tokens equally probable -> pi (4,)."""
    theta, mask = np.log(np.array(start)), (np.arange(4) < LENGTHS[:, None]).astype(float)
    for _ in range(steps):
        x = Tensor(theta.copy(), requires_grad=True)
        logp = log_softmax(x)
        pi = np.exp(logp.data)
        tokens = logp.reshape(-1, 1) * (mask / LENGTHS[:, None])
        weighed = 4 * pi * (RIGHT - pi @ RIGHT)
        grpo_loss(tokens, tokens.data, weighed, mask, average=average, max_tokens=4)[0].backward()
        theta = theta - rate * x.grad
    return np.exp(theta) / np.exp(theta).sum()


def test_a_mean_per_answer_prefers_short_right_and_long_wrong_answers():
    """Liu et al. 2025, section 3.1: equally right or wrong answers should keep their shares, and with sums they do."""
    fair, leaning = flow("constant", [0.25] * 4, steps=160), flow("sequence", [0.25] * 4)
    assert_allclose([fair[0] / fair[1], fair[2] / fair[3]], 1, atol=1e-12)
    assert_allclose([leaning[0] / leaning[1], leaning[3] / leaning[2]], [13.0223, 2.5755], atol=1e-3)


def test_on_a_hard_question_wrong_answers_grow_longer():
    """Right once in a hundred: before it has learned much, the mean length of its wrong answers grows from 2.5 tokens."""
    means = []
    for average in ("constant", "sequence"):
        pi = flow(average, [0.005, 0.005, 0.495, 0.495])
        means.append((pi * LENGTHS)[2:].sum() / pi[2:].sum())
        assert pi[:2].sum() < 0.02
    assert_allclose(means, [2.5, 2.6503], atol=1e-4)


# ---- the ladder -----------------------------------------------------------------------------------------------------

def test_every_rung_of_the_ladder_trains(monkeypatch):
    reference, rewards = speaker(0), np.random.default_rng(1).standard_normal(len(ANSWERS))
    for name, method in METHODS.items():
        settings = vars(method)
        changes = {key: settings[key] for key in ("advantage", "average", "importance", "kl_in_reward", "cliprange_high")}
        policy = train(monkeypatch, reference, rewards, settings["kl_coef"], 20, cliprange=settings["cliprange"], **changes)
        assert law(policy) @ rewards > law(reference) @ rewards, name
