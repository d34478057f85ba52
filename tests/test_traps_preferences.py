"""Mistakes that real projects shipped, each with the test that would have caught it: votes, reward models and DPO.

The same for tokens, masks and PPO is test_traps.py.
"""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small_models import talker

from minialign import functional, preferences
from minialign.autograd import Tensor, check_gradients
from minialign.batch import Response, collate, conversations, prompt_ids, render
from minialign.checkpoint import frozen_copy, trainable_copy
from minialign.dpo import DPOConfig, dpo_loss, train_dpo
from minialign.generate import generate
from minialign.likelihood import sequence_log_probs, token_log_probs_of
from minialign.model import ModelConfig, ScalarModel
from minialign.preferences import Preferences, collect, load_jsonl, save_jsonl, split
from minialign.reward import (
    RewardConfig,
    Scorer,
    bradley_terry_loss,
    calibration,
    pair_accuracy,
    score_gaps,
    sequence_scores,
    train_reward_model,
)  # fmt: skip
from minialign.tokenizer import EOS, VOCAB_SIZE, decode

RNG = np.random.default_rng
WORKED = [np.array([x]) for x in (-10.0, -12.0, -11.0, -11.5)]  # policy chosen, rejected, reference chosen, rejected


def votes_for(letter, rng, n=40):
    """Votes of a rater who counts one letter."""
    votes = Preferences([], [], [])
    for i in range(n):
        good, bad = ("".join(rng.choice(list("abcd"), size=4)) for _ in range(2))
        if good.count(letter) < bad.count(letter):
            good, bad = bad, good
        if good.count(letter) > bad.count(letter):
            votes.prompts.append("ab"[i % 2])
            votes.chosen.append(Response(good, True))
            votes.rejected.append(Response(bad, i % 3 > 0))
    return votes


# ==== where the reward is read =======================================================================================

def test_the_score_is_read_at_the_end_whatever_follows():
    """gpt-neox PR #1285, DeepSpeedExamples PR #672, trl #422 read the last column, or let neighbours matter."""
    judge = talker(ScalarModel)
    row = render("ab", "cde")
    alone = sequence_scores(judge, collate([row])).item()
    assert_allclose(alone, judge(collate([row]).ids).data[0, len(row[0]) - 1])
    for longer in (1, 5, 14):
        n = len(row[0]) + longer
        company = collate([row, (np.arange(n) % VOCAB_SIZE, np.ones(n - 1, np.float32))])
        assert_allclose(sequence_scores(judge, company).data[0], alone, atol=1e-12)


def test_the_score_of_an_unfinished_answer_is_read_at_its_last_token():
    """Without an EOS a search for the EOS finds the wrong place, or none."""
    judge = talker(ScalarModel)
    batch = collate([render("a", "bcd", ended=False), render("a", "bcdefg")])
    assert_allclose(sequence_scores(judge, batch).data[0], judge(batch.ids).data[0, 5])


def test_the_score_has_no_slope_behind_the_end():
    """The gradient of a row's score touches its own columns up to the end alone."""

    class Columns:
        """A scalar model that is a table of numbers, so that each column has a slope of its own."""

        def __init__(self, shape):
            self.values = Tensor(RNG(0).standard_normal(shape), requires_grad=True)

        def __call__(self, ids, loss_mask=None):
            return self.values

    batch = conversations([("a", "b"), ("a", "bcdef")])
    for pooling, touched in (("last", [0, 0, 0, 0, 1, 0, 0, 0, 0]), ("mean", [0, 0, 0, 1, 1, 0, 0, 0, 0])):
        model = Columns(batch.ids.shape)
        sequence_scores(model, batch, pooling)[0].backward()
        assert_array_equal(model.values.grad[0] != 0, np.array(touched, bool))
        assert (model.values.grad[1] == 0).all()


def test_a_row_without_an_answer_has_no_score():
    with pytest.raises(ValueError, match="answer"):
        sequence_scores(talker(ScalarModel), conversations([("a", Response("", False))]))


def test_the_heads_scale_is_a_standard_deviation():
    """Stiennon et al. write N(0, 1/(d+1)) and mean the variance; OpenRLHF used it as the standard deviation."""
    config = ModelConfig(4, 4, n_layer=1, n_head=1, d_model=64)
    draws = np.concatenate([ScalarModel(config, RNG(seed)).head.weight.data for seed in range(60)])
    assert_allclose(draws.std(), 1 / math.sqrt(65), rtol=0.05)
    assert_array_equal(ScalarModel(config, RNG(0), head="zero").head.weight.data, 0)
    assert_array_equal(ScalarModel(config, RNG(0)).head.bias.data, 0)


# ==== the reward model's loss ========================================================================================

def test_only_differences_of_scores_matter():
    """Adding a constant changes nothing; all slopes add up to 0; exchanging the sides turns P to 1 - P."""
    c, r = (Tensor(x, requires_grad=True) for x in RNG(0).standard_normal((2, 5)))
    loss, metrics = bradley_terry_loss(c, r)
    loss.backward()
    assert_allclose(c.grad + r.grad, 0, atol=1e-16)
    moved, _ = bradley_terry_loss(c + 7.0, r + 7.0)
    assert_allclose(moved.item(), loss.item())
    for a, b in zip(c.data, r.data):
        p, q = (math.exp(-bradley_terry_loss(np.array([x]), np.array([y]))[0].item()) for x, y in ((a, b), (b, a)))
        assert_allclose(p + q, 1)
    assert_allclose(metrics["margin"], (c.data - r.data).mean())


def test_a_vote_between_two_is_a_choice_of_the_best_of_two():
    """-log softmax(r)[choice], Ziegler et al.'s loss for four, is Bradley and Terry's for two."""
    pairs = RNG(0).standard_normal((6, 2))
    choice = -functional.token_log_probs(Tensor(pairs), np.zeros(6, int)).data.mean()
    assert_allclose(bradley_terry_loss(pairs[:, 0], pairs[:, 1])[0].item(), choice)


@pytest.mark.parametrize("options", [{}, {"margin": 0.7}, {"label_smoothing": 0.2}, {"margin": 0.7, "label_smoothing": 0.2}])
def test_no_option_of_the_reward_loss_is_ignored(options):
    """OpenRLHF's LogExpLoss took a margin and did nothing with it."""
    c, r = RNG(0).standard_normal((2, 5))
    check_gradients(lambda c, r: bradley_terry_loss(c, r, **options)[0], c, r)
    s, d = options.get("label_smoothing", 0.0), c - r - options.get("margin", 0.0)
    by_hand = (1 - s) * np.log1p(np.exp(-d)) + s * np.log1p(np.exp(d))
    assert_allclose(bradley_terry_loss(c, r, **options)[0].item(), by_hand.mean())


@pytest.mark.underflow
def test_huge_gaps_stay_finite():
    """log(1 + exp(-d)) overflows at d = -800."""
    d = Tensor(np.array([800.0, -800.0, 0.0]), requires_grad=True)
    loss, _ = bradley_terry_loss(d, np.zeros(3))
    loss.backward()
    assert_allclose(loss.item(), (800 + np.log(2)) / 3)
    assert_allclose(d.grad, [0, -1 / 3, -1 / 6], atol=1e-15)
    zero = np.zeros(3)
    for loss_type in ("sigmoid", "ipo", "hinge"):
        h = Tensor(np.array([800.0, -800.0, 0.0]), requires_grad=True)
        loss, _ = dpo_loss(h, zero, zero, zero, beta=1.0, loss_type=loss_type)
        loss.backward()
        assert np.isfinite(loss.item()) and np.isfinite(h.grad).all()


def test_a_tie_is_half_right():
    """`>` gives a constant scorer 0 %, `>=` 100 %; it is right half of the time."""
    assert pair_accuracy(np.array([0.0, 0.0])) == 0.5
    assert pair_accuracy([1.0, -1.0, 0.0, 2.0]) == 0.625
    with pytest.raises(ValueError, match="no numbers"):
        pair_accuracy([])
    same = np.zeros(4)
    assert bradley_terry_loss(same, same)[1]["accuracy"] == 0.5
    assert dpo_loss(same, same, same, same)[1]["rewards/accuracies"] == 0.5


def test_calibration_of_scorers_that_are_known():
    """Sure to 80 % and right in 80 %: no error; right in 60 %: an error of 0.2."""
    gap = math.log(0.8 / 0.2)
    signs = np.array([1] * 8 + [-1] * 2)
    assert_allclose(calibration(gap * signs)["ece"], 0, atol=1e-12)
    wrong = calibration(gap * np.array([1] * 6 + [-1] * 4))
    assert_allclose(wrong["ece"], 0.2)
    assert_allclose([wrong["predicted"].max(), wrong["observed"].max(), wrong["count"].sum()], [0.8, 0.6, 10])
    rng = RNG(0)
    gaps = rng.normal(0, 2, 50_000)
    truthful = np.abs(gaps) * np.where(rng.random(50_000) < 1 / (1 + np.exp(-np.abs(gaps))), 1, -1)
    assert calibration(truthful)["ece"] < 0.01 < 0.05 < calibration(3 * truthful)["ece"]


def test_normalising_moves_and_scales_but_keeps_the_order():
    """Mean 0 and deviation 1 on the answers it was fitted to; dividing twice (OpenRLHF's critic) would show."""
    judge = talker(ScalarModel)
    batch = conversations([("a", "b" * n) for n in range(1, 12)])
    raw = Scorer(judge)(batch)
    scorer = Scorer(judge).normalised_on(batch)
    scores = scorer(batch)
    assert_allclose([scores.mean(), scores.std()], [0, 1], atol=1e-12)
    assert_array_equal(np.argsort(scores), np.argsort(raw))
    assert_allclose(scorer.normalised_on(batch)(batch), scores, atol=1e-12)
    assert_allclose(Scorer(judge)(batch, rows_at_once=4), raw, atol=1e-12)
    assert all(p.grad is None for p in judge.parameters())
    last = Scorer(judge, "last").normalised_on(batch)(batch)  # the same promise for the other way of reading a score
    assert_allclose([last.mean(), last.std()], [0, 1], atol=1e-12)


def test_a_reward_model_learns_the_raters_taste():
    rng = RNG(0)
    votes, unseen = votes_for("d", rng, 160), votes_for("d", rng, 60)
    judge = ScalarModel(ModelConfig(VOCAB_SIZE, 12, 1, 2, 16), RNG(0), head="zero")
    history = train_reward_model(judge, votes, RewardConfig(epochs=6, lr=0.01, warmup_steps=5), RNG(0))
    assert_allclose(history["loss"][0], np.log(2), atol=1e-6)  # a head of zeros has no opinion; the model is float32
    gaps = score_gaps(Scorer(judge), unseen)
    assert pair_accuracy(gaps) > 0.9
    assert_allclose(score_gaps(Scorer(judge, mean=3.0, std=2.0), unseen), gaps / 2, rtol=1e-4)
    assert score_gaps(lambda batch: Scorer(judge)(batch).tolist(), unseen) == pytest.approx(gaps)
    assert calibration(gaps.tolist())["ece"] == pytest.approx(calibration(gaps)["ece"])


def test_centring_keeps_scores_near_zero():
    """The loss sees differences alone, so without a pull towards zero scores may drift anywhere."""
    votes = votes_for("d", RNG(0), 80)

    def mean_square(center):
        judge = talker(ScalarModel, dtype="float32")
        config = RewardConfig(epochs=3, lr=0.01, warmup_steps=1, center=center)
        history = train_reward_model(judge, votes, config, RNG(0))
        assert history["lr"][0] > 0
        return (Scorer(judge)(votes.batch()) ** 2).mean()

    assert mean_square(1.0) < 0.5 * mean_square(0.0)


# ==== votes ==========================================================================================================

def test_prompts_are_on_one_side_of_the_split_only():
    """InstructGPT, section 3.5: comparisons of one prompt in both halves make the held-out accuracy a lie."""
    votes = Preferences(list("aabbccddee"), [Response(str(i), True) for i in range(10)], [Response("", True)] * 10)
    train, held_out = split(votes, 0.3, RNG(0))
    assert set(train.prompts) & set(held_out.prompts) == set() and len(train) + len(held_out) == 10
    assert set(train.prompts) | set(held_out.prompts) == set("abcde") and len(set(held_out.prompts)) == 2
    assert sorted(r.text for r in train.chosen + held_out.chosen) == [str(i) for i in range(10)]
    assert [len(side) for side in split(votes, 0.95, RNG(0))] == [2, 8] and [len(side) for side in split(votes, 0, RNG(0))] == [8, 2]


def test_identical_answers_are_not_a_pair():
    """rlhf-book #503: chosen == rejected has loss log 2 and no gradient, but counts in every metric."""
    expected = []

    def label(question, first, second, rng):
        assert first != second
        assert "<" not in first.text + second.text  # a special token, by name: nobody can vote on that
        vote = (len(expected) % 3) - 1  # -1, 0, 1 in turn
        expected.append({1: (first, second), -1: (second, first), 0: None}[vote])
        return vote

    votes = collect(talker(), ["a"] * 60, label, RNG(0), max_new_tokens=1)
    assert 0 < len(expected) < 60  # of sixty pairs of single letters some were identical
    assert list(zip(votes.chosen, votes.rejected)) == [pair for pair in expected if pair]


def test_two_answers_to_one_question_are_compared(monkeypatch):
    """Pairs are formed within a question, in whatever portions the answers are written."""

    class Echo:
        """Answers that repeat their question, and count."""

        def __init__(self, model, prompts, *_):
            self.prompts = prompts

        def responses(self, tokenizer):
            return [Response(decode(ids[1:-1]) + "ab"[i % 2], True) for i, ids in enumerate(self.prompts)]

    monkeypatch.setattr(preferences, "generate", Echo)
    label = lambda question, first, second, rng: 1 if first.text < second.text else -1  # noqa: E731
    votes = collect(None, ["x", "y", "z"], label, RNG(0), questions_at_once=2)
    assert votes.prompts == ["x", "y", "z"]
    assert [v.text for v in votes.chosen] == ["xa", "ya", "za"] and [v.text for v in votes.rejected] == ["xb", "yb", "zb"]


def test_votes_survive_the_trip_through_a_file(tmp_path):
    """Texts, sides, and which answer was cut off; a line by hand needs no such fields; a bad line is named."""
    path = tmp_path / "votes.jsonl"
    votes = votes_for("a", RNG(0))
    votes.chosen[0] = votes.chosen[0]._replace(ended=False)
    assert {(c.ended, r.ended) for c, r in zip(votes.chosen, votes.rejected)} >= {(True, False), (False, False), (True, True)}
    save_jsonl(votes, path)
    assert load_jsonl(path) == votes
    path.write_text('{"prompt": "a", "chosen": "b", "rejected": "c", "chosen_ended": false}\n\n'
                    '{"prompt": "a", "chosen": "b", "rejected": "c"}\n', encoding="utf-8")
    by_hand = load_jsonl(path)
    assert [c.ended for c in by_hand.chosen] == [False, True] and [r.ended for r in by_hand.rejected] == [True, True]
    path.write_text('{"prompt": "a", "chosen": "b", "rejected": "c"}\n{"prompt": "a"}\n', encoding="utf-8")
    with pytest.raises(ValueError, match="line 2: not a vote"):
        load_jsonl(path)


def test_one_end_an_answer():
    """TRL #4908 had two, LLMs-from-scratch none: a finished answer has one EOS, an unfinished one has none."""
    votes = votes_for("a", RNG(0))
    batch = votes.batch()
    ends = ((batch.ids[:, 1:] == EOS) * batch.mask).sum(1)
    assert_array_equal(ends, [answer.ended for answer in votes.chosen + votes.rejected])
    written = generate(talker(), [prompt_ids("a")] * 50, 4, 1.0, RNG(0))
    for row, response in enumerate(written.responses()):
        if "<" in response.text:  # a young model writes special tokens too; as text they have names
            continue
        again, n = conversations([("a", response)]), written.lengths[row]  # what was sampled survives a trip through text
        assert_array_equal(again.ids[0], written.ids[row, :n])
        assert_array_equal(again.mask[0], written.mask[row, : n - 1])


# ==== DPO ============================================================================================================

def test_the_worked_example():
    """LLMs-from-scratch logged margins without beta: h = 0.15 and everything that follows from it."""
    pc = Tensor(WORKED[0], requires_grad=True)
    loss, metrics = dpo_loss(pc, *WORKED[1:], beta=0.1)
    loss.backward()
    assert_allclose(loss.item(), 0.620957, atol=1e-6)
    assert_allclose(pc.grad, -0.046257, atol=1e-6)
    expected = {"rewards/chosen": 0.1, "rewards/rejected": -0.05, "rewards/margins": 0.15, "rewards/accuracies": 1.0}
    assert_allclose([metrics[name] for name in expected], list(expected.values()))
    assert_allclose(dpo_loss(*WORKED, beta=0.1, loss_type="hinge")[0].item(), 0.85)
    assert_allclose(dpo_loss(*WORKED, beta=0.1, loss_type="ipo")[0].item(), (1.5 - 5) ** 2)


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.2}, {"loss_type": "ipo"}, {"loss_type": "hinge"}])
def test_gradients_of_dpo_and_its_cousins(options):
    """TRL ignores label_smoothing for sigmoid since 1.0, and once had SPPO's beta and RPO's sign wrong."""
    four = RNG(0).standard_normal((4, 5))
    check_gradients(lambda pc, pr: dpo_loss(pc, pr, four[2], four[3], beta=0.3, **options)[0], four[0], four[1])
    if options:
        assert dpo_loss(*four, beta=0.3, **options)[0].item() != dpo_loss(*four, beta=0.3)[0].item()


def test_only_differences_of_log_probabilities_matter():
    """Adding c to both policy or both reference terms changes nothing; exchanging the sides turns h to -h."""
    pc, pr, rc, rr = RNG(0).standard_normal((4, 5))
    loss, metrics = dpo_loss(pc, pr, rc, rr)
    assert_allclose(dpo_loss(pc + 3, pr + 3, rc, rr)[0].item(), loss.item())
    assert_allclose(dpo_loss(pc, pr, rc - 4, rr - 4)[0].item(), loss.item())
    turned = dpo_loss(pr, pc, rr, rc)
    assert_allclose(turned[1]["rewards/margins"], -metrics["rewards/margins"])
    assert_allclose(dpo_loss(pc, pr, rc, rr, label_smoothing=1.0)[0].item(), turned[0].item())
    with pytest.raises(ValueError, match="loss_type"):
        dpo_loss(pc, pr, rc, rr, loss_type="kto")


def test_the_first_loss_is_log_two():
    """DPO-reference #46, TRL #789: a reference that is not the policy, dropout, another truncation: all show here."""
    policy, votes = talker(), votes_for("a", RNG(0))
    n, both = len(votes), votes.batch()
    logps, ref = sequence_log_probs(policy, both), sequence_log_probs(frozen_copy(policy), both)
    for beta in (0.1, 1.0, 5.0):
        loss, metrics = dpo_loss(logps[:n], logps[n:], ref.data[:n], ref.data[n:], beta=beta)
        assert_allclose(loss.item(), math.log(2), atol=1e-12)
        assert metrics["rewards/chosen"] == metrics["rewards/rejected"] == metrics["rewards/margins"] == 0
        assert metrics["rewards/accuracies"] == 0.5


def test_log_probabilities_are_summed_not_averaged():
    """DPO-reference #8, #32, #40, LLMs-from-scratch: answers of 2 and 6 tokens at -1 each are -2 and -6."""

    class Even:
        """A model for which every next token has log-probability -1."""

        trunk = type("Trunk", (), {"ops": functional})

        def __init__(self, ids):
            others = math.log((math.e - 1) / (VOCAB_SIZE - 1))  # e^0 / (e^0 + 35 e^others) = 1/e
            self.logits = np.where(np.eye(VOCAB_SIZE)[ids[:, 1:]] > 0, 0.0, others)

        def __call__(self, ids, loss_mask=None):
            return Tensor(self.logits if loss_mask is None else self.logits[loss_mask])

    batch = conversations([("a", "b"), ("a", "bcdef")])
    model = Even(batch.ids)
    assert_allclose(token_log_probs_of(model, batch.ids).data, -1)
    assert_allclose(sequence_log_probs(model, batch).data, [-2, -6])


def test_the_prompt_is_not_part_of_the_answer():
    """no-magic sums over the prompt too.  In the loss equal prompts cancel, so it is the log-probabilities that tell."""
    model = talker()
    for question in ("a", "abc abc"):
        batch = conversations([(question, "dd")])
        columns = token_log_probs_of(model, batch.ids).data[0]
        assert_allclose(sequence_log_probs(model, batch).data[0], columns[-3:].sum())
        assert len(columns) == len(question) + 2 + 3 - 1


def test_both_sides_in_one_pass_or_in_two():
    """chosen and rejected padded to one width, against each alone."""
    model, votes = talker(), votes_for("a", RNG(0), 12)
    together = sequence_log_probs(model, votes.batch()).data
    pairs = [*zip(votes.prompts, votes.chosen), *zip(votes.prompts, votes.rejected)]
    apart = [sequence_log_probs(model, conversations([pair])).data[0] for pair in pairs]
    assert_allclose(together, apart, atol=1e-12)


def test_dpo_is_held_to_the_reference_that_it_is_given():
    """Also if that is not the policy it starts from: the first loss is then not log 2 but what the formula says."""
    policy, reference, votes = talker(seed=0), frozen_copy(talker(seed=1)), votes_for("d", RNG(0), 16)
    n, both = len(votes), votes.batch()
    logps, ref = sequence_log_probs(policy, both).data, sequence_log_probs(reference, both).data
    by_hand, _ = dpo_loss(logps[:n], logps[n:], ref[:n], ref[n:])
    history = train_dpo(policy, reference, votes, DPOConfig(batch_size=n), RNG(0))
    assert_allclose(history["loss"][0], by_hand.item(), rtol=1e-5)
    assert abs(by_hand.item() - math.log(2)) > 0.1 and history["lr"][0] > 0


def test_training_with_dpo():
    """Starts at log 2, learns the taste, logs what it should, and does not touch the reference."""
    reference = frozen_copy(talker())
    policy = trainable_copy(talker())
    before = {name: p.data.copy() for name, p in reference.named_parameters().items()}
    votes = votes_for("d", RNG(0), 80)
    history = train_dpo(policy, reference, votes, DPOConfig(lr=0.01, epochs=8, batch_size=16, warmup_steps=3), RNG(0))
    assert_allclose(history["loss"][0], math.log(2), atol=1e-6)  # votes.batch's mask is float32
    assert history["loss"][-5:].mean() < 0.5 and history["rewards/accuracies"][-5:].mean() > 0.9
    assert_allclose(history["rewards/margins"], history["rewards/chosen"] - history["rewards/rejected"], atol=1e-12)
    assert_allclose(history["rewards/chosen"], 0.1 * history["delta/chosen"], atol=1e-12)  # the drift is on record
    assert_allclose(history["rewards/rejected"], 0.1 * history["delta/rejected"], atol=1e-12)
    for name, parameter in reference.named_parameters().items():
        assert_array_equal(parameter.data, before[name])
    liked, disliked = (sequence_log_probs(policy, conversations([("a", text)])).data for text in ("dddd", "abca"))
    was_liked, was_disliked = (sequence_log_probs(reference, conversations([("a", text)])).data for text in ("dddd", "abca"))
    assert liked - was_liked > disliked - was_disliked
