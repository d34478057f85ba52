"""Mistakes that real projects shipped with GRPO, each with the test that would have caught it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small_models import ragged_numbers, talker

from minialign import grpo
from minialign.autograd import Tensor, check_gradients
from minialign.checkpoint import frozen_copy
from minialign.functional import log_softmax
from minialign.grpo import METHODS, GRPOConfig, group_advantages, grpo_loss, grpo_update, leave_one_out, train_grpo
from minialign.optim import AdamW
from minialign.policy_gradient import kl_estimates, kl_penalized_rewards, roll_out

RNG = np.random.default_rng
ONE = np.ones((1, 1))
AVERAGES, RATIOS = ("sequence", "token", "constant"), ("token", "sequence", "answer")


def numbers(seed=0, **changes):
    """Arguments of grpo_loss on ragged rows: (logprobs, old, advantages, mask, ref) and settings."""
    logprobs, old, ref, _, _, mask = ragged_numbers(RNG(seed))
    settings = {"kl_coef": 0.3, "cliprange_high": 0.28, "max_tokens": 9}
    return [logprobs, logprobs + 0.2 * old, np.array([1.0, -2.0, 0.5, -0.3]), mask, ref], {**settings, **changes}


def loss_and_gradient(logprobs, *rest, **settings):
    x = Tensor(np.array(logprobs, dtype=float), requires_grad=True)
    loss, metrics = grpo_loss(x, *rest, **settings)
    loss.backward()
    return loss.item(), x.grad, metrics


# ==== groups =========================================================================================================

def test_answers_to_one_question_are_neighbours(monkeypatch):
    """github.com/PrimeIntellect-ai/prime-rl/pull/600, StarsfieldAI/R1-V/issues/67: [a, b] * G put two questions in a group."""
    asked = []

    def watched(policy, reference, score, questions, *rest):
        asked.append(questions)
        return roll_out(policy, reference, score, questions, *rest)

    monkeypatch.setattr(grpo, "roll_out", watched)
    run(prompts=5, group_size=3)
    for questions in asked:
        assert len(questions) == 15 and all(len(set(questions[i : i + 3])) == 1 for i in range(0, 15, 3))
    assert len({questions[0] for questions in asked} | {questions[3] for questions in asked}) > 1


def test_scores_are_compared_within_a_question():
    """What another question's answers scored changes no advantage, unless the scale is the batch's."""
    scores = RNG(0).standard_normal((3, 4))
    other = np.concatenate([scores[:1], 5 * scores[1:] + 7])
    for scale in ("group", "none"):
        assert_allclose(group_advantages(other, scale)[0], group_advantages(scores, scale)[0])
    assert_allclose(leave_one_out(other)[0], leave_one_out(scores)[0])
    assert abs(group_advantages(other, "batch")[0] - group_advantages(scores, "batch")[0]).max() > 0.1


@pytest.mark.parametrize("scores", [np.zeros((3, 1)), np.zeros(4), np.zeros((2, 0)), [[1.0, np.nan]], [[1.0, np.inf]]])
def test_a_group_of_one_and_scores_that_are_none(scores):
    """github.com/OpenRLHF/OpenRLHF/issues/1250, huggingface/trl/pull/3199, trl/pull/5773: advantages all 0, or all NaN."""
    for function in (group_advantages, leave_one_out):
        with pytest.raises(ValueError):
            function(scores)


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
@pytest.mark.parametrize("eps", [1e-4, 0.0])
def test_a_group_that_agrees_teaches_nothing(scale, eps):
    """Seven times 0.1 has a mean that is not 0.1: the rounding, divided by its own deviation, would be a full-size lesson."""
    scores = np.array([[0.1] * 7, [1e6 + 0.1] * 7])
    assert_array_equal(group_advantages(scores, scale, eps), np.zeros((2, 7)))
    mixed = group_advantages(np.array([[0.1] * 3, [0.0, 1.0, 2.0]]), scale, eps)
    assert_array_equal(mixed[0], 0) and mixed[1].all()


def test_groups_that_agree_are_counted():
    """github.com/modelscope/ms-swift/issues/4570, huggingface/trl/issues/3857: loss and gradient 0 "for no reason"."""
    silent = run(score=lambda batch: np.full(len(batch), 0.1), missing_eos_penalty=0.0, kl_coef=0.0)[2]
    assert (silent["objective/equal_groups"] == 1).all() and (silent["loss/policy"] == 0).all()
    assert run(kl_coef=0.0)[2]["objective/equal_groups"].mean() < 1
    rounded = run(score=lambda batch: 0.1 + 1e-7 * np.arange(len(batch)), missing_eos_penalty=0.0, kl_coef=0.0)[2]
    assert (rounded["objective/equal_groups"] == 1).all()  # equal answers whose scores were computed in different rows


def test_advantages_by_hand():
    """r = (1, 2, 3, 6): the deviation with G - 1, not with G; and the baseline of RLOO without the answer itself."""
    r = np.array([[1, 2, 3, 6]])
    assert_allclose(group_advantages(r, eps=0.0), [[-0.9258, -0.4629, 0, 1.3887]], atol=1e-4)
    assert_allclose(group_advantages(r), (r - 3) / (np.std([1, 2, 3, 6], ddof=1) + 1e-4), atol=1e-12)
    assert_allclose(leave_one_out(r), [[-8 / 3, -4 / 3, 0, 4]], atol=1e-12)


def test_advantages_are_normalised_once(monkeypatch):
    """github.com/axon-rl/gem/pull/113 whitened them again over the batch: what the loss gets is what the group gives."""
    given = []
    monkeypatch.setattr(grpo, "grpo_loss", lambda *args: given.append(args) or grpo_loss(*args))
    rollout, _, _ = updated(minibatch_size=64, epochs=1)
    order = given[0][2].argsort()
    assert_allclose(given[0][2][order], np.sort(group_advantages(rollout.scores.reshape(-1, 4)).reshape(-1)))


# ==== the ratio ======================================================================================================

def test_at_ratio_one_the_loss_says_nothing_and_the_gradient_everything():
    """github.com/huggingface/open-r1/issues/239, trl/issues/2608: a loss of 0 is right; exp(x - detached x) has a gradient."""
    (logprobs, _, _, mask, _), _ = numbers()
    A = np.array([1.0, -1.0, 2.0, -2.0])
    loss, gradient, metrics = loss_and_gradient(logprobs, logprobs, A, mask)
    assert abs(loss) < 1e-15 and metrics["policy/ratio_error"] == metrics["policy/clipfrac"] == 0
    assert_allclose(gradient, -A[:, None] * mask / mask.sum(1, keepdims=True) / 4)


def test_the_gradient_points_towards_better_answers():
    """github.com/fla-org/flash-linear-attention/pull/1076 negated the loss twice."""
    for importance in RATIOS:
        same = np.zeros((2, 1))
        _, gradient, _ = loss_and_gradient(same, same, [1.0, -1.0], same + 1, importance=importance)
        assert gradient[0] < 0 < gradient[1]  # minimised: the better answer gains


def test_the_old_policy_is_the_one_that_wrote_the_answers():
    """github.com/xiaomi-research/time-r1/issues/20, trl/issues/2865: old = the policy itself, so nothing is ever clipped."""
    one, many = run(epochs=1, minibatch_size=16, lr=0.1)[2], run(epochs=4, lr=0.1)[2]
    assert (one["policy/ratio_error"] < 1e-12).all() and (one["policy/clipfrac"] == 0).all()
    assert (many["policy/first_ratio_error"] < 1e-12).all() and many["policy/clipfrac"].max() > 0.05


@pytest.mark.parametrize(
    "A, rho, slope", [(1, 1.25, -1.25), (1, 1.3, 0), (1, 0.5, -0.5), (-1, 0.75, 0), (-1, 0.85, 0.85), (-1, 3, 3)]
)
def test_where_an_uneven_clip_holds(A, rho, slope):
    """eps 0.2 below, 0.28 above, and not the other way round, nor the same on both sides."""
    for importance in RATIOS:
        _, gradient, metrics = loss_and_gradient(
            np.log([[rho]]), 0 * ONE, [A], ONE, cliprange=0.2, cliprange_high=0.28, importance=importance
        )
        assert_allclose(gradient, [[slope]])
        assert metrics["policy/clipfrac"] == (slope == 0) and metrics["policy/clipfrac_high"] == (slope == 0 and A > 0)


def test_a_ratio_per_token_is_not_the_answers():
    """github.com/rasbt/reasoning-from-scratch/issues/243: tokens at 2 and 1/2 are an answer at 1."""
    x, old = np.log([[2.0, 0.5]]), np.zeros((1, 2))
    assert_allclose(loss_and_gradient(x, old, [1.0], np.ones((1, 2)))[0], -(1.2 + 0.5) / 2)
    for importance in ("sequence", "answer"):
        assert_allclose(loss_and_gradient(x, old, [1.0], np.ones((1, 2)), importance=importance)[0], -1)


def test_the_sequence_ratio_counts_the_answers_tokens_alone():
    """github.com/MakazhanAlpamys/Soup/issues/723, agentscope-ai/Trinity-RFT/pull/154: padded width, or padding, in the mean."""
    x, mask = np.log([[1.2, 1.1, 9.0, 9.0]]), np.array([[1, 1, 0, 0]])
    loss, gradient, _ = loss_and_gradient(x, 0 * x, [1.0], mask, importance="sequence", cliprange=0.5)
    assert_allclose(loss, -np.sqrt(1.2 * 1.1))
    assert_allclose(gradient, -np.sqrt(1.2 * 1.1) / 2 * mask)  # through the mean, and in equal parts


@pytest.mark.parametrize("importance", RATIOS)
def test_a_ratio_gone_mad_stays_finite(importance):
    """github.com/OpenRLHF/OpenRLHF/pull/1293: held after the mean is taken, so that +100 and -100 are still a ratio of 1."""
    old, mask = np.zeros((1, 2)), np.ones((1, 2))
    for x in ([[1000.0, 1000.0]], [[-1000.0, -1000.0]]):
        for A in (1.0, -1.0):
            loss, gradient, _ = loss_and_gradient(x, old, [A], mask, importance=importance)
            assert np.isfinite(loss) and np.isfinite(gradient).all()
    if importance != "token":
        loss, gradient, _ = loss_and_gradient([[100.0, -100.0]], old, [1.0], mask, importance=importance)
        assert loss == -1 and (gradient < 0).all()


# ==== averages =======================================================================================================

def test_three_averages_by_hand():
    """Two answers of 1 and 3 tokens, every token's loss 1 and 2: (1 + 2) / 2, (1 + 6) / 4, (1 + 6) / (2 * 5)."""
    mask, zeros = np.array([[1, 0, 0, 0], [1, 1, 1, 0]]), np.zeros((2, 4))
    for average, expected in zip(AVERAGES, (1.5, 1.75, 0.7)):
        loss, gradient, _ = loss_and_gradient(zeros, zeros, [-1.0, -2.0], mask, average=average, max_tokens=5)
        assert_allclose(loss, expected)
        assert_allclose(gradient.sum(), expected)


def test_the_constant_is_constant():
    """github.com/verl-project/verl/issues/3741 divided by the longest answer there was, and did not divide by B."""
    (logprobs, old, A, mask, ref), settings = numbers(average="constant")
    loss = grpo_loss(logprobs, old, A, mask, ref, **settings)[0].item()
    wider = [np.pad(x, ((0, 0), (0, 3))) for x in (logprobs, old, mask, ref)]
    assert_allclose(grpo_loss(wider[0], wider[1], A, wider[2], wider[3], **settings)[0].item(), loss)
    doubled = [np.concatenate([x, x]) for x in (logprobs, old, A, mask, ref)]
    for average in AVERAGES:
        settings["average"] = average
        assert_allclose(grpo_loss(*doubled, **settings)[0].item(), grpo_loss(logprobs, old, A, mask, ref, **settings)[0].item())
    with pytest.raises(ValueError, match="max_tokens"):
        grpo_loss(logprobs, old, A, mask, average="constant")


def test_pieces_of_a_batch_add_up():
    """github.com/huggingface/trl/issues/3021, modelscope/ms-swift/issues/10117: a mean over tokens is not a mean of means."""
    args, settings = numbers()
    halves = [[x[rows] for x in args] for rows in (slice(0, 2), slice(2, 4))]
    tokens = [half[3].sum() / args[3].sum() for half in halves]
    for average in AVERAGES:
        settings["average"], weights = average, tokens if average == "token" else (0.5, 0.5)
        pieces = [grpo_loss(*half, **settings)[0].item() for half in halves]
        assert_allclose(np.dot(weights, pieces), grpo_loss(*args, **settings)[0].item())
        if average == "token":
            assert abs(np.mean(pieces) - grpo_loss(*args, **settings)[0].item()) > 1e-3


def test_an_answer_without_tokens():
    """It is one of B, with loss 0; and a batch of nothing but such answers has loss 0, not 0 / 0."""
    mask = np.array([[1, 1], [0, 0]])
    for importance in RATIOS:
        for average, expected in zip(AVERAGES, (-0.5, -1, -2 / (2 * 4))):
            settings = {"average": average, "importance": importance, "max_tokens": 4}
            assert_allclose(loss_and_gradient(np.zeros((2, 2)), np.zeros((2, 2)), [1.0, 5.0], mask, **settings)[0], expected)
            loss, gradient, _ = loss_and_gradient(np.zeros((2, 2)), np.zeros((2, 2)), [1.0, 5.0], 0 * mask, **settings)
            assert loss == 0 and not gradient.any()


# ==== the KL =========================================================================================================

def test_the_loss_has_k3_and_its_gradient():
    """github.com/NVIDIA-NeMo/RL/pull/2506: k1 in a loss pulls nowhere.  k3 = exp(r) - r - 1 with r = log ref - log pi."""
    x, ref = np.array([[-1.0]]), np.array([[-0.5]])
    loss, gradient, _ = loss_and_gradient(x, x, [0.0], ONE, ref, kl_coef=2.0)
    assert_allclose(loss, 2 * (np.exp(0.5) - 0.5 - 1))
    assert_allclose(gradient, [[2 * (1 - np.exp(0.5))]])  # towards the reference, which likes this token better
    (logprobs, old, A, mask, ref), settings = numbers(kl_coef=0.0)
    bare = grpo_loss(logprobs, old, A, mask, **settings)[0].item()
    assert bare == grpo_loss(logprobs, old, A, mask, ref, **settings)[0].item()
    settings["kl_coef"] = 0.3
    k3 = kl_estimates(logprobs, ref)[2]
    added = grpo_loss(logprobs, old, A, mask, ref, **settings)[0].item() - bare
    assert_allclose(added, 0.3 * ((k3 * mask).sum(1) / mask.sum(1)).mean())


def test_the_kl_is_taken_once(monkeypatch):
    """In the score or in the loss, never both: the answer's whole k1 leaves its score before it is compared."""
    given = []
    monkeypatch.setattr(grpo, "grpo_loss", lambda *args: given.append(args) or grpo_loss(*args))
    for in_reward in (True, False):
        config = {"kl_in_reward": in_reward, "kl_coef": 0.5, "advantage": "leave_one_out", "minibatch_size": 64, "epochs": 1}
        rollout, reference, _ = updated(reference=talker(seed=7), **config)
        penalty = 0.5 if in_reward else 0.0
        mask = rollout.batch.mask
        rewards = kl_penalized_rewards(rollout.scores, rollout.logprobs, rollout.ref_logprobs, mask, penalty).sum(1)
        assert_allclose(np.sort(given[-1][2]), np.sort(leave_one_out(rewards.reshape(-1, 4)).reshape(-1)))
        assert given[-1][5] == 0.5 - penalty
        assert_allclose(np.sort(given[-1][4].sum(1)), np.sort(rollout.ref_logprobs.sum(1)))  # the leash is the reference's


# ==== what is outside the mask, and what cannot be ======================================================================

@pytest.mark.parametrize("importance", RATIOS)
@pytest.mark.parametrize("average", AVERAGES)
def test_nothing_outside_the_mask_is_read(importance, average):
    """github.com/huggingface/trl/issues/2708 trained on what follows the EOS.  Not even a NaN there reaches a result."""
    (logprobs, old, A, mask, ref), settings = numbers(importance=importance, average=average)
    clean = loss_and_gradient(logprobs, old, A, mask, ref, **settings)
    assert not clean[1][mask == 0].any()
    for rubbish in (np.nan, np.inf, -np.inf, 1e300):
        dirty = [np.where(mask > 0, x, rubbish) for x in (logprobs, old, ref)]
        loss, gradient, metrics = loss_and_gradient(dirty[0], dirty[1], A, mask, dirty[2], **settings)
        assert loss == clean[0] and metrics == clean[2]
        assert_array_equal(gradient, clean[1])


@pytest.mark.parametrize(
    "changes",
    [
        {"advantages": np.zeros((4, 1))}, {"advantages": np.zeros(1)}, {"advantages": [0, 0, 0, np.nan]},
        {"old_logprobs": np.zeros((4, 1))}, {"mask": np.ones(4)}, {"mask": np.full((4, 7), 0.5)},
        {"mask": np.full((4, 7), np.nan)},
        {"ref_logprobs": np.zeros((4, 6))}, {"ref_logprobs": None}, {"kl_coef": -0.1}, {"cliprange": -0.1},
        {"cliprange_high": -0.1}, {"cliprange_high": np.nan}, {"average": "mean"}, {"importance": "group"},
        {"average": "constant", "max_tokens": 0},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(changes):
    """A shape that NumPy would stretch, a name that is none, a number of no meaning: one ValueError, and no result."""
    values, settings = numbers()
    names = ("logprobs", "old_logprobs", "advantages", "mask", "ref_logprobs")
    for importance in RATIOS:
        with pytest.raises(ValueError):
            grpo_loss(**{**dict(zip(names, values)), **settings, "importance": importance, **changes})
    with pytest.raises(ValueError, match="scale"):
        group_advantages(np.ones((2, 2)), "std")
    with pytest.raises(ValueError):
        group_advantages(np.ones((2, 2)), eps=-1)


@pytest.mark.parametrize("importance", RATIOS)
@pytest.mark.parametrize("average", AVERAGES)
def test_finite_differences(importance, average):
    (logprobs, *rest), settings = numbers(importance=importance, average=average)
    check_gradients(lambda x: grpo_loss(x, *rest, **settings)[0], logprobs)


def test_no_dtype_changes_and_lists_are_numbers():
    (logprobs, *rest), settings = numbers()
    assert grpo_loss(Tensor(logprobs.astype(np.float32)), *rest, **settings)[0].dtype == np.float32
    assert group_advantages(np.ones((2, 3), np.float32)).dtype == leave_one_out(np.ones((2, 3), np.float32)).dtype == np.float32
    assert_allclose(group_advantages([[0, 1]], "none"), [[-0.5, 0.5]])
    assert_allclose(grpo_loss([[0.0]], [[0.0]], [2], [[True]])[0].item(), -2)


# ==== the loop =======================================================================================================

def run(score=lambda batch: batch.mask.sum(1), seed=0, iterations=3, **changes):
    """The whole trainer on two questions, small.  Returns (policy, reference, history)."""
    policy = talker(seed=0)
    reference = frozen_copy(policy)
    settings = {"prompts": 4, "group_size": 4, "max_new_tokens": 5, "minibatch_size": 8, "lr": 0.01, **changes}
    history = train_grpo(policy, reference, score, ["a", "bcd"], GRPOConfig(iterations=iterations, **settings), RNG(seed))
    return policy, reference, history


def updated(reference=None, **changes):
    """One update on one rollout of 16 answers -> (rollout, reference, metrics)."""
    policy = talker(seed=0)
    reference = frozen_copy(reference or policy)
    config = GRPOConfig(**{"max_new_tokens": 5, "group_size": 4, "missing_eos_penalty": 0.0, **changes})
    rollout = roll_out(policy, reference, lambda batch: batch.mask.sum(1), ["a"] * 8 + ["bcd"] * 8, config, RNG(0))
    return rollout, reference, grpo_update(policy, AdamW(policy.parameters(), 0.0), rollout, config, RNG(0))


def test_training_raises_what_it_is_paid_for():
    def score(batch):
        return (batch.ids == 40).sum(1)

    for advantage in ("group", "leave_one_out"):
        _, _, history = run(score, iterations=30, epochs=2, lr=0.02, kl_coef=0.0, advantage=advantage)
        assert history["objective/scores"][-5:].mean() > history["objective/scores"][:5].mean() + 0.5


def test_the_reference_is_not_trained_and_the_leash_starts_slack():
    policy, reference, history = run()
    start = talker(seed=0)
    for name, parameter in reference.named_parameters().items():
        assert_array_equal(parameter.data, start.named_parameters()[name].data)
    assert any((p.data != q.data).any() for p, q in zip(policy.parameters(), start.parameters()))
    assert abs(history["objective/kl"][0]) < 1e-12 and history["objective/kl"][-1] != 0


def test_rates_fall_to_zero_if_they_are_to():
    assert_allclose(run()[2]["lr"], [0.01, 0.02 / 3, 0.01 / 3])
    assert_allclose(run(lr_decay=False)[2]["lr"], 0.01)


def test_every_epoch_sees_every_answer_once(monkeypatch):
    seen = []
    monkeypatch.setattr(grpo, "grpo_loss", lambda *args: seen.append(len(args[2])) or grpo_loss(*args))
    updated(minibatch_size=6, epochs=3)
    assert seen == [6, 6, 4] * 3


def test_the_settings_reach_the_loss(monkeypatch):
    given = []
    monkeypatch.setattr(grpo, "grpo_loss", lambda *args: given.append(args) or grpo_loss(*args))
    updated(cliprange=0.1, cliprange_high=0.3, average="constant", importance="sequence")
    assert given[0][6:] == (0.1, 0.3, "constant", "sequence", 5)
    _, _, metrics = updated(advantage="score", kl_coef=0.0, minibatch_size=64, epochs=1)
    assert metrics["loss/policy"] < -1  # minus the mean score itself, no baseline


def test_each_rung_of_the_ladder_fixes_what_its_paper_does():
    """And nothing else: all other settings are those of GRPO."""
    fixed = {name: {key: x for key, x in vars(rung).items() if x != vars(GRPOConfig())[key]} for name, rung in METHODS.items()}
    assert fixed == {
        "REINFORCE": {"advantage": "score", "importance": "answer", "kl_in_reward": True},
        "RLOO": {"advantage": "leave_one_out", "importance": "answer", "kl_in_reward": True},
        "GRPO": {},
        "Dr. GRPO": {"advantage": "none", "average": "constant"},
        "DAPO": {"average": "token", "cliprange_high": 0.28, "kl_coef": 0.0},
        "GSPO": {"importance": "sequence", "cliprange": 3e-4, "cliprange_high": 4e-4},
    }


def test_what_is_logged_of_the_leash_by_hand():
    """A reference far from the policy: k1 and k3 in nats per answer, and the score less what the distance costs."""
    rollout, _, logged = updated(reference=talker(seed=1), kl_coef=0.3)
    delta = (rollout.logprobs - rollout.ref_logprobs) * rollout.batch.mask
    kl, k3 = delta.sum(1).mean(), (np.exp(-delta) - 1 + delta).sum(1).mean()
    assert_allclose([logged["objective/kl"], logged["objective/kl_k3"]], [kl, k3])
    assert_allclose(logged["objective/rlhf_reward"], rollout.scores.mean() - 0.3 * kl)
    assert_allclose(logged["objective/non_score_reward"], -0.3 * kl)


def test_equal_seeds_train_equal_models_and_callbacks_change_nothing():
    steps = []
    policy, again = run()[0], talker(seed=0)
    config = GRPOConfig(iterations=3, prompts=4, group_size=4, max_new_tokens=5, minibatch_size=8, lr=0.01)
    train_grpo(
        again, frozen_copy(again), lambda batch: batch.mask.sum(1), ["a", "bcd"], config, RNG(0),
        callback=lambda step, model, history: steps.append(step),
    )  # fmt: skip
    assert steps == [0, 1, 2, 3]
    for p, q in zip(policy.parameters(), again.parameters()):
        assert_array_equal(p.data, q.data)


def test_rare_tokens_can_grow_further_under_a_higher_clip():
    """Yu et al. 2025: one rollout lets a token of probability 0.01 reach 0.012 at most; clip-higher lets it reach 0.0128."""
    reached = []
    for high in (0.2, 0.28):
        logits = Tensor(np.log([0.01, 0.99]), requires_grad=True)
        for _ in range(200):
            logp = log_softmax(logits)[:1].reshape(1, 1)
            logits.grad = None
            grpo_loss(logp, np.log([[0.01]]), [1.0], ONE, cliprange_high=high)[0].backward()
            logits.data = logits.data - 0.002 * logits.grad
        reached.append(float(np.exp(log_softmax(logits).data[0])))
    assert_allclose(reached, [0.012, 0.0128], rtol=5e-3)
