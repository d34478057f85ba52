"""Mistakes that real projects shipped, each with the test that would have caught it: columns, masks, padding, means.

Every test is named after what it guards and says where it happened ("TRL #454" is github.com/huggingface/trl/issues/454, or
a pull request).  The leash and PPO are in test_traps_ppo.py, votes and DPO in test_traps_preferences.py, the model and the sampler
in test_model.py, estimates of the KL in test_exact.py.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small_models import ragged_numbers, talker

from minialign import functional
from minialign.autograd import Tensor
from minialign.batch import Batch, collate, conversations, prompt_ids, render, render_document, show
from minialign.dpo import dpo_loss
from minialign.functional import log_softmax, token_log_probs
from minialign.generate import generate
from minialign.likelihood import sequence_log_probs, token_log_probs_of
from minialign.model import LanguageModel, ModelConfig, ScalarModel
from minialign.policy_gradient import kl_penalized_rewards, masked_mean, masked_whiten, ppo_policy_loss
from minialign.ppo import gae, ppo_value_loss
from minialign.reward import bradley_terry_loss, sequence_scores
from minialign.sft import LMConfig, epochs, sft_loss, train_language_model, windows
from minialign.tokenizer import ALPHABET, BOT, EOS, PAD, USER, VOCAB_SIZE, Tokenizer, decode, encode

RNG = np.random.default_rng


# ==== columns, masks, padding, EOS ===================================================================================

class Bigram:
    """A language model that is a table: the next token depends on the present one alone."""

    def __init__(self, logits):
        self.table, self.trunk = logits, type("Trunk", (), {"ops": functional})

    def __call__(self, ids, loss_mask=None):
        return self.table[np.asarray(ids) if loss_mask is None else np.asarray(ids)[loss_mask]]


def test_column_p_is_the_token_at_p_plus_1():
    """trlx #508 shifted the mask, open-instruct #1549 shifted the labels twice."""
    rng = RNG(0)
    logits = Tensor(rng.standard_normal((5, 5)), requires_grad=True)
    known = np.exp(logits.data) / np.exp(logits.data).sum(1, keepdims=True)
    ids = rng.integers(5, size=(3, 7))
    logprobs = token_log_probs_of(Bigram(logits), ids)
    for b in range(3):
        for p in range(6):
            assert_allclose(np.exp(logprobs.data[b, p]), known[ids[b, p], ids[b, p + 1]])
    logprobs[0, 2].backward()  # and its slope touches the row of the token before it, nothing else
    assert set(np.flatnonzero(np.abs(logits.grad).sum(1))) == {ids[0, 2]}


def test_the_mask_covers_the_answer_and_its_end_and_nothing_else():
    """OpenRLHF #181, trlx #401: EOS left out, or the first PAD let in."""
    a = encode("a")[0]
    batch = collate([render("a", "aa"), render("aaaa", "a"), render("a", "aaaa", ended=False)])
    assert batch.ids.tolist() == [
        [USER, a, BOT, a, a, EOS, PAD, PAD],
        [USER, a, a, a, a, BOT, a, EOS],
        [USER, a, BOT, a, a, a, a, PAD],
    ]
    assert batch.mask.tolist() == [
        [0, 0, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 1, 1],
        [0, 0, 1, 1, 1, 1, 0],
    ]
    assert batch.lengths.tolist() == [6, 8, 7]
    assert show(batch, 0, colour=False) == "<user>a<bot>[aa<eos>]<pad><pad>"
    own = Tokenizer("xyz")
    assert show(conversations([("x", "yz")], tokenizer=own), colour=False, tokenizer=own) == "<user>x<bot>[yz<eos>]"


def test_a_document_is_learned_from_end_to_end():
    """<eos> text <eos>: the first says that a text begins, the last that it is over; no column is masked out."""
    ids, mask = render_document("ab")
    assert ids.tolist() == [EOS, *encode("ab"), EOS] and mask.tolist() == [1, 1, 1]


def test_the_loss_reaches_the_end_token_but_neither_prompt_nor_padding():
    """OpenRLHF #235, nanochat #582: prompt trained on.  TRL #3200: EOS not trained on."""
    batch = collate([render("ab", "cd"), render("a", "bcdef")])
    logits = Tensor(RNG(0).standard_normal((*batch.ids[:, :-1].shape, VOCAB_SIZE)), requires_grad=True)
    loss, metrics = sft_loss(token_log_probs(logits, batch.ids[:, 1:]), batch.mask)
    loss.backward()
    touched = np.abs(logits.grad).sum(-1) > 0
    assert_array_equal(touched, batch.mask > 0)
    assert metrics["num_tokens"] == 3 + 6  # letters and ends: tokens in == tokens supervised
    ends = np.argwhere(batch.ids[:, 1:] == EOS)
    assert all(logits.grad[b, p, EOS] < 0 for b, p in ends)
    # softmax minus one-hot, over the number of answer tokens
    P = np.exp(log_softmax(logits).data)
    expected = (P - np.eye(VOCAB_SIZE)[batch.ids[:, 1:]]) * batch.mask[..., None] / 9
    assert_allclose(logits.grad, expected, atol=1e-15)


def test_pad_is_not_eos():
    """TRL #1623, transformers #35352: masking the padding masked the end as well, and the model never stopped."""
    assert len({PAD, EOS, USER, BOT}) == 4
    assert all(len(set(encode(c)) & {PAD, EOS, USER, BOT}) == 0 for c in ALPHABET)


def test_a_model_taught_to_stop_stops():
    """After fine-tuning on a handful of demonstrations greedy answers equal them and all end by themselves."""
    pairs = [("a", "xy"), ("b", "yyx"), ("c", "x"), ("d", "zyx")]
    batch = conversations(pairs)
    model = LanguageModel(ModelConfig(VOCAB_SIZE, 12, 1, 2, 16), RNG(0))
    config = LMConfig(lr=0.03, warmup_steps=5, weight_decay=0.0)
    history = train_language_model(model, iter(lambda: batch, None), 120, config)
    assert history["loss"][0] > 3 and history["loss"][-1] < 0.02
    assert_allclose(history["lr"][[0, 4, -1]], [0.03 / 5, 0.03, 0.003])  # no step is wasted on a rate of zero
    answers = generate(model, [prompt_ids(q) for q, _ in pairs], 6, temperature=0).responses()
    assert [a.text for a in answers] == [answer for _, answer in pairs]
    assert all(a.ended for a in answers)


def test_what_is_rehearsed_is_not_forgotten():
    """Replay: the second stream's loss is added with its weight, and at weight zero the stream is not even read."""
    lesson, rehearsed = conversations([("a", "xy")]), conversations([("b", "zzz")])

    def likelihood_after(weight, replay):
        model = talker(dtype="float32")
        config = LMConfig(lr=0.01, warmup_steps=1, replay_weight=weight)
        train_language_model(model, iter(lambda: lesson, None), 20, config, replay=replay)
        return sequence_log_probs(model, rehearsed).item()

    without = likelihood_after(0.0, iter([]))
    assert likelihood_after(0.5, iter(lambda: rehearsed, None)) > without + 1


def test_windows_begin_where_documents_begin():
    """Any other beginning hides how texts begin; and the last window that still fits is a window too."""
    stream, starts = np.arange(100, 110), [0, 4, 7, 8]
    batch = next(windows(stream, starts, 200, 3, RNG(0)))
    assert {tuple(row) for row in batch.ids.tolist()} == {(100, 101, 102), (104, 105, 106), (107, 108, 109)}
    assert batch.mask.shape == (200, 2) and (batch.mask == 1).all()


def test_epochs_show_every_text_equally_often():
    batch = conversations([("a", "b" * n) for n in range(1, 8)])
    shown = [ids[ids != PAD].tolist() for part in epochs(batch, 2, 3, RNG(0)) for ids in part.ids]
    once = [ids[ids != PAD].tolist() for ids in batch.ids]
    assert sorted(shown[:7]) == sorted(shown[7:]) == sorted(once)


@pytest.mark.parametrize("loss_name", ["sft", "policy", "value"])
def test_what_stands_behind_the_end_does_not_matter(loss_name):
    """TRL #2708, #3715, trlx: other numbers in the padding leave loss, gradient and metrics alone."""

    def run(garbage):
        logprobs, old, ref, values, advantages, mask = ragged_numbers(RNG(1))
        for array in (logprobs, old, values, advantages):
            array[mask == 0] = garbage * RNG(2).standard_normal((mask == 0).sum())
        x = Tensor(logprobs, requires_grad=True)
        if loss_name == "sft":
            loss, metrics = sft_loss(x, mask)
        elif loss_name == "policy":
            loss, metrics = ppo_policy_loss(x, old, advantages, mask)
        else:
            loss, metrics = ppo_value_loss(x, old, values, mask)
        loss.backward()
        return loss.item(), metrics, x.grad * mask, np.abs(x.grad * (1 - mask)).max()

    for one, two in zip(run(0.0), run(5.0)):
        if isinstance(one, np.ndarray):
            assert_array_equal(one, two)
        else:
            assert one == two
    assert run(5.0)[3] == 0


def test_tokens_behind_the_end_do_not_matter():
    """Through a whole model: other ids after EOS, and more padding, change no score and no likelihood."""
    model, judge = talker(), talker(ScalarModel)
    batch = conversations([("ab", "cd"), ("a", "bcdefgh")])
    other = Batch(batch.ids.copy(), batch.mask)
    other.ids[0, batch.lengths[0] :] = RNG(0).integers(4, VOCAB_SIZE, size=batch.ids.shape[1] - batch.lengths[0])
    longer = Batch(np.pad(batch.ids, ((0, 0), (0, 7))), np.pad(batch.mask, ((0, 0), (0, 7))))
    for changed in (other, longer):
        assert_allclose(sequence_log_probs(model, changed).data, sequence_log_probs(model, batch).data, atol=1e-12)
        for pooling in ("last", "mean"):
            before, after = sequence_scores(judge, batch, pooling).data, sequence_scores(judge, changed, pooling).data
            assert_allclose(after, before, atol=1e-12)


def test_prompt_and_answer_are_encoded_apart_as_together():
    """TRL #1153, #2054: a token that straddles the boundary moves the mask.  One character, one token."""
    rng = RNG(0)
    for _ in range(50):
        p, r = ("".join(rng.choice(list(ALPHABET), size=rng.integers(0, 9))) for _ in range(2))
        assert encode(p) + encode(r) == encode(p + r) and decode(encode(p + r)) == p + r
    with pytest.raises(ValueError, match="'B'"):
        encode("aBc")


def test_too_long_is_an_error_not_a_cut():
    """TRL #3398, #2332: samples or their last column dropped without a word."""
    with pytest.raises(ValueError, match="8 tokens"):
        conversations([("ab", "cde")], context_length=7)
    assert conversations([("ab", "cde")], context_length=8).ids.shape == (1, 8)


def test_a_piece_of_a_batch_keeps_what_it_needs():
    """Rows taken out lose the columns that are padding in all of them, and no others."""
    batch = conversations([("a", "b"), ("abc", "defgh")])
    piece = batch[np.array([0])]
    assert piece.ids.tolist() == [[USER, *encode("a"), BOT, *encode("b"), EOS]]
    assert piece.mask.shape == (1, 4) and piece.mask.sum() == 2
    assert_array_equal(batch[np.array([1, 0])].ids, batch.ids[::-1])


def test_padding_that_a_model_wrote_is_an_answer_too():
    """A young model can sample the PAD id: such a column is masked in, and must not be trimmed away with the padding."""
    batch = Batch(np.array([[5, 6, PAD], [5, PAD, PAD]]), np.array([[0.0, 1.0], [1.0, 1.0]]))
    piece = batch[np.array([0, 1])]
    assert piece.mask.sum() == 3 and piece.ids.shape == (2, 3)


# ==== means ==========================================================================================================

def test_a_mean_over_tokens_is_not_a_mean_of_means():
    """TRL #2615, torchtune #1875: lengths 2 and 8 with losses 1 and 3 average to 2.6, not 2.0."""
    logprobs, mask = np.zeros((2, 8)), np.zeros((2, 8))
    logprobs[0, :2], mask[0, :2] = -1.0, 1
    logprobs[1], mask[1] = -3.0, 1
    assert_allclose(sft_loss(Tensor(logprobs), mask)[0].item(), 2.6)


def test_gradients_of_pieces_add_up_to_the_gradient_of_the_whole():
    """Pieces weighted by their number of tokens, to 1e-12."""
    model = talker()
    batch = conversations([("a", "b" * n) for n in range(1, 9)])

    def gradients(pieces):
        for p in model.parameters():
            p.grad = None
        for rows in pieces:
            piece = batch[rows]
            loss = sft_loss(token_log_probs_of(model, piece.ids), piece.mask)[0]
            (loss * (float(piece.mask.sum()) / float(batch.mask.sum()))).backward()
        return [p.grad for p in model.parameters()]

    whole, accumulated = gradients([np.arange(8)]), gradients(np.split(np.arange(8), 4))
    for a, b in zip(whole, accumulated):
        assert_allclose(a, b, atol=1e-12)


def test_nothing_masked_in_is_zero_not_nan():
    """open-instruct #1685, nanochat #590: 0/0.  Any warning would be an error here, see conftest.py."""
    nothing, x = np.zeros((2, 3)), RNG(0).standard_normal((2, 3))
    assert masked_mean(x, nothing) == 0
    assert_array_equal(masked_whiten(x, nothing), 0)
    for loss in (
        sft_loss(Tensor(x, requires_grad=True), nothing)[0],
        ppo_policy_loss(Tensor(x, requires_grad=True), x, x, nothing)[0],
        ppo_value_loss(Tensor(x, requires_grad=True), x, x, nothing)[0],
    ):
        loss.backward()
        assert loss.item() == 0
    assert_array_equal(kl_penalized_rewards(np.ones(2), x, x, nothing, 0.1), 0)
    assert_array_equal(gae(x, x, nothing)[0], 0)


def test_shapes_that_would_be_stretched_are_refused():
    """(B,) against (B, 1) becomes (B, B) without a word (microRLHF, OpenRLHF #1250)."""
    row, column, grid, mask = np.zeros(3), np.zeros((3, 1)), np.zeros((3, 4)), np.ones((3, 4))
    for arguments in ((column, row), (row, column), (row, np.zeros(1)), (row, row, column), (row, row, np.zeros(2))):
        with pytest.raises(ValueError, match="shapes differ: .*_rewards .*3"):
            bradley_terry_loss(*arguments)
    bradley_terry_loss(row, row, 0.5), bradley_terry_loss(row, row, np.full(3, 0.5))  # a margin for all, or one for each
    for i in range(4):
        for other in (column, np.zeros(1), 0.0):
            with pytest.raises(ValueError, match="shapes differ: policy_chosen_logps .*reference_rejected_logps"):
                dpo_loss(*[other if k == i else row for k in range(4)])
    for function, n in ((ppo_policy_loss, 4), (ppo_value_loss, 4), (gae, 3), (sft_loss, 2)):
        for i in range(n):
            for other in (column, np.zeros(4), mask[None]):
                with pytest.raises(ValueError, match=r"shapes differ: .*\(3, 4\)"):
                    function(*[other if k == i else grid for k in range(n)])
    for arguments in (
        (column, grid, grid, mask), (np.zeros(4), grid, grid, mask), (0.0, grid, grid, mask),
        (row, column, grid, mask), (row, grid, column, mask), (row, grid, grid, column),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="shapes differ"):
            kl_penalized_rewards(*arguments, 0.1)
    with pytest.raises(ValueError, match=r"shapes differ: logprobs \(3, 4\), mask \(3, 1\)$"):
        sft_loss(Tensor(grid), column)


def test_one_row_and_one_column_are_enough():
    """B = 1 and T = 1 must not be squeezed or broadcast into something else."""
    for B, T in ((1, 1), (1, 4), (4, 1)):
        x, mask = RNG(0).standard_normal((B, T)), np.ones((B, T))
        advantages, returns = gae(x, x, mask)
        rewards = kl_penalized_rewards(np.ones(B), x, x, mask, 0.1)
        assert advantages.shape == returns.shape == rewards.shape == masked_whiten(x, mask).shape == (B, T)
        assert_allclose(rewards.sum(), B)
        assert ppo_policy_loss(Tensor(x), x, x, mask)[0].shape == ppo_value_loss(Tensor(x), x, x, mask)[0].shape == ()
        assert sft_loss(Tensor(x), mask)[0].shape == ()
