"""The tiny GPT, its likelihoods and its sampler: causal, blind to padding, and the same with and without a cache."""

import dataclasses
import tracemalloc
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small_models import KINDS, make

from minialign.autograd import check_gradients
from minialign.batch import Batch
from minialign.checkpoint import frozen_copy, trainable_copy
from minialign.generate import generate
from minialign.likelihood import log_probs_array, sequence_log_probs, token_log_probs_of
from minialign.model import LanguageModel, ModelConfig, ScalarModel, rows_of_similar_length, scalar_model_from
from minialign.tokenizer import EOS, PAD

ACTIVATIONS = ("gelu", "relu2")


@pytest.fixture(params=product(KINDS, ACTIVATIONS), ids=lambda of: f"{of[0][0]}-{'tied' if of[0][1] else 'untied'}-{of[1]}")
def model(request):
    kind, activation = request.param
    return make(*kind, activation=activation)


# ---- shape and start ------------------------------------------------------------------------------------------------

def test_parameters_have_names_and_shapes():
    names = {name: p.shape for name, p in make("learned", True).named_parameters().items()}
    assert names["trunk.token_embedding"] == (11, 8) and names["trunk.position_embedding"] == (12, 8)
    assert names["trunk.blocks.1.attention.query.weight"] == (8, 8) and names["trunk.blocks.0.mlp.up.weight"] == (8, 32)
    assert names["trunk.blocks.1.mlp_norm.gain"] == (8,) and names["trunk.final_norm.bias"] == (8,)
    assert "unembedding" not in names and len(names) == 2 + 2 * 16 + 2
    assert make("rotary", False).named_parameters()["unembedding"].shape == (8, 11)
    heads = make(kind=ScalarModel).named_parameters()
    assert heads["head.weight"].shape == (8,) and heads["head.bias"].shape == (1,)


def test_every_parameter_matters(model):
    """A parameter without a gradient is a parameter that was forgotten in the forward pass."""
    ids = np.random.default_rng(1).integers(11, size=(2, 12))
    model(ids).backward(np.random.default_rng(2).standard_normal((2, 12, 11)))
    for name, parameter in model.named_parameters().items():
        assert parameter.grad is not None and np.abs(parameter.grad).max() > 0, name


def test_a_fresh_model_knows_nothing():
    """Small weights mean nearly equal logits: a loss of log V and, for logits that spread by 1/2, an eighth of a nat more."""
    ids = np.random.default_rng(1).integers(11, size=(8, 12))
    assert_allclose(-token_log_probs_of(make(lively=False), ids).data.mean(), np.log(11) + 0.5**2 / 2, atol=0.05)


def test_one_seed_one_model():
    """TRL #4887: nothing random may happen outside the generator that was passed."""
    one, two, other = make(seed=3, lively=False), make(seed=3, lively=False), make(seed=4, lively=False)
    for a, b in zip(one.parameters(), two.parameters()):
        assert_array_equal(a.data, b.data)
    assert (one.trunk.token_embedding.data != other.trunk.token_embedding.data).all()


def test_the_same_question_gets_the_same_answer(model):
    """TRL #3337: no dropout, no mode: two forward passes are equal to the last bit."""
    ids = np.arange(10).reshape(2, 5)
    assert_array_equal(model(ids).data, model(ids).data)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"d_model": 9}, "does not divide"),
        ({"positions": "absolute"}, "positions"),
        ({"activation": "relu"}, "activation"),
        ({"d_model": 6, "n_head": 2}, "even"),
    ],
)
def test_impossible_shapes_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_config_is_frozen_and_refuses_misspelt_fields():
    """lm-human-preferences' launch.py: a typo in a setting must not be ignored."""
    with pytest.raises(TypeError):
        ModelConfig(11, 12, n_layers=2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        make().config.n_layer = 3


def test_a_text_too_long_is_refused(model):
    with pytest.raises(ValueError, match="context"):
        model(np.zeros((1, 13), int))


def test_float32_models_stay_float32():
    model, critic = make(dtype="float32"), make(kind=ScalarModel, dtype="float32")
    ids = np.ones((2, 5), int)
    for out, parameters in ((model(ids), model.parameters()), (critic(ids), critic.parameters())):
        out.backward(np.ones(out.shape))
        assert out.dtype == np.float32 and {p.grad.dtype for p in parameters} == {np.dtype("float32")}


# ---- gradients ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", [LanguageModel, ScalarModel])
@pytest.mark.parametrize("positions, tied", KINDS)
def test_finite_differences_through_the_whole_model(positions, tied, kind, activation):
    model = make(positions, tied, kind, activation=activation, vocab_size=5, context_length=4, d_model=4, n_layer=1)
    ids = np.array([[0, 3, 3], [4, 1, 2]])
    parameters = model.named_parameters()

    def output(*tensors):
        for (name, parameter), tensor in zip(parameters.items(), tensors):
            replace(model, name, tensor)
        return model(ids)

    assert check_gradients(output, *(p.data for p in parameters.values()), tolerance=1e-6) < 1e-6


def replace(model, name, tensor):
    *path, last = name.split(".")
    for step in path:
        model = model[int(step)] if step.isdigit() else getattr(model, step)
    setattr(model, last, tensor)


# ---- causality and padding ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", [LanguageModel, ScalarModel])
def test_the_future_does_not_reach_the_past(kind):
    """no-magic's PPO, whose critic read the finished answer: output at p must not know tokens after p."""
    for positions, tied in KINDS:
        model = make(positions, tied, kind)
        ids = np.random.default_rng(1).integers(11, size=(3, 9))
        changed = ids.copy()
        changed[:, 5:] = (ids[:, 5:] + 1) % 11
        before, after = model(ids).data, model(changed).data
        assert_array_equal(before[:, :5], after[:, :5])
        assert (before[:, 5:] != after[:, 5:]).all()


def test_order_matters(model):
    """A model that could not tell positions apart would see a bag of words."""
    forwards, swapped = model([[1, 2, 3, 4]]).data[0, -1], model([[2, 1, 3, 4]]).data[0, -1]
    assert np.abs(forwards - swapped).max() > 1e-3


@pytest.mark.parametrize("kind", [LanguageModel, ScalarModel])
def test_padding_and_neighbours_change_nothing(kind):
    """trlx #474, TRL #235, OpenRLHF a32a732: a row means the same alone and among longer rows."""
    for positions, tied in KINDS:
        model = make(positions, tied, kind)
        rng = np.random.default_rng(1)
        row = rng.integers(2, 11, size=5)
        together = np.full((3, 12), PAD)
        together[0, :5] = row
        together[1:] = rng.integers(2, 11, size=(2, 12))
        assert_allclose(model(together).data[0, :5], model(row[None]).data[0], atol=1e-12)


def test_a_batch_read_in_pieces_is_the_same(model, monkeypatch):
    """The trunk reads rows of similar length together, and at the end goes on with the loss_mask tokens alone."""
    rng = np.random.default_rng(1)
    ids, loss_mask = rng.integers(11, size=(7, 12)), rng.random((7, 12)) < 0.4
    loss_mask &= np.arange(12) < np.array([12, 3, 7, 1, 7, 12, 0])[:, None]  # of the last row nothing is
    g = rng.standard_normal((7, 12, 11)) * loss_mask[:, :, None]
    results = []
    for tokens in (1, 20, 10**6):
        monkeypatch.setattr("minialign.model.TOKENS_AT_ONCE", tokens)
        for some in (None, loss_mask, loss_mask.astype(np.float32)):
            for p in model.parameters():
                p.grad = None
            logits = model(ids, some)
            logits.backward(g if some is None else g[loss_mask])
            results.append([logits.data[loss_mask] if some is None else logits.data] + [p.grad for p in model.parameters()])
    for other in results[1:]:
        for a, b in zip(results[0], other):
            assert_allclose(b, a, atol=1e-12)


def test_pieces_cover_every_row_once_and_none_is_wider_than_its_longest_row(monkeypatch):
    monkeypatch.setattr("minialign.model.TOKENS_AT_ONCE", 30)
    lengths = np.random.default_rng(0).integers(1, 13, size=50)
    pieces = list(rows_of_similar_length(lengths))
    assert sorted(np.concatenate([rows for rows, _ in pieces])) == list(range(50))
    for rows, columns in pieces:
        assert columns.stop == lengths[rows].max() and (len(rows) == 1 or len(rows) * columns.stop <= 30)
    assert len(pieces) < 16


def test_likelihood_in_pieces_is_the_same(model):
    ids = np.random.default_rng(1).integers(11, size=(7, 9))
    whole = token_log_probs_of(model, ids)
    assert whole.shape == (7, 8)
    assert_allclose(log_probs_array(model, ids, rows_at_once=3), whole.data, atol=1e-13)
    for mask in (np.zeros((7, 8)), np.eye(7, 8), np.ones((7, 8))):
        assert_allclose(token_log_probs_of(model, ids, mask).data, whole.data * mask, atol=1e-13)
        assert_allclose(log_probs_array(model, ids, mask, rows_at_once=3), whole.data * mask, atol=1e-13)
    mask = (np.arange(8) >= 3).astype(float) * np.ones((7, 1))
    assert_allclose(sequence_log_probs(model, Batch(ids, mask)).data, whole.data[:, 3:].sum(1))


def test_a_probability_for_every_next_token(model):
    ids = np.random.default_rng(1).integers(11, size=(1, 4))
    every = np.concatenate([np.repeat(ids, 11, axis=0), np.arange(11)[:, None]], axis=1)
    assert_allclose(np.exp(token_log_probs_of(model, every).data[:, -1]).sum(), 1)


# ---- sampling -------------------------------------------------------------------------------------------------------

PROMPTS = [[5], [3, 4, 5], [9, 8, 7, 6, 5, 4], [2, 2]]


def without_cache(model, prompts, max_new_tokens):
    """Greedy decoding that reads everything again for each token: slow, and obviously right."""
    texts = []
    for prompt in prompts:
        text = list(prompt)
        for _ in range(min(model.config.context_length - len(prompt), max_new_tokens)):
            text.append(int(model(np.array([text])).data[0, -1].argmax()))
            if text[-1] == EOS:
                break
        texts.append(text)
    return texts


@pytest.mark.parametrize("max_new_tokens", [1, 4, 50])
def test_with_a_cache_and_without(model, max_new_tokens):
    model.trunk.token_embedding.data[EOS] *= 1.5  # so that some rows do end
    expected = without_cache(model, PROMPTS, max_new_tokens)
    samples = generate(model, PROMPTS, max_new_tokens, temperature=0)
    for row, prompt, text in zip(range(len(PROMPTS)), PROMPTS, expected):
        T = samples.ids.shape[1]
        assert samples.ids[row].tolist() == text + [PAD] * (T - len(text))
        mask = [0] * (len(prompt) - 1) + [1] * (len(text) - len(prompt)) + [0] * (T - len(text))
        assert samples.mask[row].tolist() == mask
        assert samples.ended[row] == (text[-1] == EOS and len(text) > len(prompt))


@pytest.mark.parametrize("temperature", [1.0, 0.0])
def test_the_sampler_and_the_likelihood_agree(model, temperature):
    """trlx #107, TRL #454: if these differ, PPO's first ratio is not 1 and every update starts with a lie."""
    samples = generate(model, PROMPTS * 20, 8, temperature, np.random.default_rng(0))
    likelihood = token_log_probs_of(model, samples.ids).data
    assert_allclose(samples.logprobs, likelihood * samples.mask, atol=1e-12)
    assert (samples.logprobs[samples.mask == 0] == 0).all()
    ends = samples.ids == EOS
    assert samples.ended.any() or temperature == 0
    for row in np.flatnonzero(samples.ended):  # exactly one end, at the last masked token
        assert (ends[row, samples.prompt_lengths[row] :]).sum() == 1
        assert samples.ids[row, samples.lengths[row] - 1] == EOS


def test_what_was_cut_off_has_not_ended():
    """A finished row is computed along with the others for a while; what it draws meanwhile is nobody's."""
    for seed in range(20):
        samples = generate(make(), [[5] * 11] + [[5]] * 9, 11, 1.0, np.random.default_rng(seed))
        assert_array_equal(samples.ended, samples.ids[np.arange(10), samples.lengths - 1] == EOS)


def test_temperature_divides_the_logits():
    """What was sampled at a temperature is scored at it; at 0.7 and 1 the probabilities differ."""
    model = make()
    samples = generate(model, [[5]] * 10, 3, 0.7, np.random.default_rng(0), eos_id=None)
    logits = model(samples.ids[:, :-1]).data / 0.7
    logp = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    picked = np.take_along_axis(logp, samples.ids[:, 1:, None], -1)[..., 0]
    assert_allclose(samples.logprobs, picked, atol=1e-12)
    assert np.abs(samples.logprobs - token_log_probs_of(model, samples.ids).data).max() > 0.01


@pytest.mark.underflow
def test_a_temperature_near_zero_is_greedy():
    """Logits of thousands: exp of them as they are would overflow."""
    model = make()
    cold = generate(model, PROMPTS, 4, 1e-4, np.random.default_rng(0))
    assert_array_equal(cold.ids, generate(model, PROMPTS, 4, 0).ids)
    assert_allclose(cold.logprobs, 0, atol=1e-6)


def test_a_temperature_of_numpy_s_keeps_float32():
    model = make(dtype="float32")
    one, other = (generate(model, PROMPTS, 6, t, np.random.default_rng(0)).logprobs for t in (0.7, np.float64(0.7)))
    assert_array_equal(one, other)


def test_the_sampler_reaches_as_far_as_the_likelihood():
    """Scores of 79.5 and values of 4000: their product with exp(scores) overflowed before it was divided by the sum."""
    model = make("learned", dtype="float32")
    attention = model.trunk.blocks[0].attention
    for part, bias in ((attention.query, 6.305), (attention.key, 6.305), (attention.value, 4000)):
        part.weight.data[:], part.bias.data[:] = 0, bias
    samples = generate(model, PROMPTS, 6, 1.0, np.random.default_rng(0))
    assert_allclose(samples.logprobs, log_probs_array(model, samples.ids, samples.mask), atol=1e-2)


def test_a_large_vocabulary_needs_no_square_of_itself(monkeypatch):
    """GPT-2's took 20 GB.  The two ways to add up draw the same."""
    tracemalloc.start()
    generate(make(vocab_size=2000), [[1]], 2, 0)
    assert tracemalloc.get_traced_memory()[1] < 8 * 2000**2 / 4
    tracemalloc.stop()
    product, sums = (
        monkeypatch.setattr("minialign.generate.FEW", few) or generate(make(), PROMPTS * 20, 8, 1.0, np.random.default_rng(0))
        for few in (64, 0)
    )
    assert_array_equal(product.ids, sums.ids)
    assert_allclose(product.logprobs, sums.logprobs, atol=1e-12)


def test_sampling_needs_a_generator_and_room():
    model = make()
    with pytest.raises(ValueError, match="generator"):
        generate(model, [[1]], 3)
    with pytest.raises(ValueError, match="prompts"):
        generate(model, [[1], []], 3, 0)
    with pytest.raises(ValueError, match="prompts"):
        generate(model, [[1] * 12], 3, 0)


def test_equal_seeds_write_equal_texts():
    model = make()
    one, two = (generate(model, PROMPTS * 5, 6, 1.0, np.random.default_rng(8)) for _ in range(2))
    assert_array_equal(one.ids, two.ids)
    other = generate(model, PROMPTS * 5, 6, 1.0, np.random.default_rng(9))
    assert one.ids.shape != other.ids.shape or (one.ids != other.ids).any()


# ---- copies ---------------------------------------------------------------------------------------------------------

def test_a_frozen_copy_cannot_be_changed():
    """TRL #3397: the reference is a copy, keeps no gradients, and NumPy refuses to write to it."""
    model = make()
    reference = frozen_copy(model)
    assert_array_equal(reference([[1, 2, 3]]).data, model([[1, 2, 3]]).data)
    assert not reference([[1, 2, 3]]).requires_grad
    for parameter in reference.parameters():
        with pytest.raises(ValueError):
            parameter.data[...] = 0
    model.trunk.token_embedding.data[...] = 0
    model.trunk.blocks[0].mlp.up.weight.data[...] = 0
    assert np.abs(reference.trunk.token_embedding.data).max() > 0
    assert np.abs(reference.trunk.blocks[0].mlp.up.weight.data).max() > 0
    assert model([[1, 2, 3]]).requires_grad  # freezing the copy did not freeze the original


def test_a_trainable_copy_is_a_separate_model():
    model = make()
    copy = trainable_copy(model)
    assert_array_equal(copy([[1, 2, 3]]).data, model([[1, 2, 3]]).data)
    for parameter in copy.parameters():
        parameter.data[...] = 0
    assert all(np.abs(p.data).max() > 0 for p in model.parameters() if p.data.ndim > 1)


def test_a_critic_starts_from_another_models_trunk():
    model = make()
    critic = scalar_model_from(model, np.random.default_rng(0), head="zero")
    assert_array_equal(critic([[1, 2, 3]]).data, 0.0)
    assert_array_equal(critic.trunk([[1, 2, 3]]).data, model.trunk([[1, 2, 3]]).data)
    critic.trunk.token_embedding.data[...] = 0
    assert np.abs(model.trunk.token_embedding.data).max() > 0
