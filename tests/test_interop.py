"""Between our names and Hugging Face's: there and back, and a clear refusal of what our model cannot be."""

import numpy as np
import pytest
from golden_values import files, load, part
from numpy.testing import assert_array_equal
from small_models import KINDS, make

from minialign.interop import from_hugging_face, to_hugging_face
from minialign.model import LanguageModel, ModelConfig

GPT2, NEOX = make("learned", True), make("rotary", False)


def exported(model, **changes):
    config, weights = to_hugging_face(model)
    return {**config, **changes}, weights


@pytest.mark.parametrize("positions, tied", [kind for kind in KINDS if kind != ("rotary", True)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_there_and_back(positions, tied, dtype):
    model = make(positions, tied, dtype=dtype, rotary_base=77.0, norm_eps=1e-6)
    returned = from_hugging_face(*to_hugging_face(model))
    expected = model.config if positions == "rotary" else ModelConfig(**{**vars(model.config), "rotary_base": 1000.0})
    assert returned.config == expected
    for name, parameter in model.named_parameters().items():
        assert_array_equal(returned.named_parameters()[name].data, parameter.data)
        assert returned.named_parameters()[name].dtype == dtype
    assert_array_equal(returned([[1, 2, 3]]).data, model([[1, 2, 3]]).data)


@pytest.mark.underflow
def test_half_precision_becomes_single():
    config, weights = exported(make("rotary", False))
    halves = {name: array.astype(np.float16) for name, array in weights.items()}
    returned = from_hugging_face(config, halves)
    assert returned.config.dtype == "float32"
    assert_array_equal(to_hugging_face(returned)[1]["lm_head.weight"], halves["lm_head.weight"])


@pytest.mark.parametrize("positions, field", [("learned", "activation_function"), ("rotary", "hidden_act")])
@pytest.mark.parametrize("ours, theirs", [("gelu", "gelu_new"), ("relu2", "relu2")])
def test_the_activation_goes_by_their_name(positions, field, ours, theirs):
    model = make(positions, positions == "learned", activation=ours)
    config, weights = to_hugging_face(model)
    assert config[field] == theirs and from_hugging_face(config, weights).config.activation == ours
    same(config, weights, model)


@pytest.mark.parametrize("name", files("g9_*"))
def test_stored_names_and_arrays_come_back_unchanged(name):
    values = load(name)
    weights = part(values, "weight")
    config, ours = to_hugging_face(from_hugging_face({"model_type": "gpt_neox", **part(values, "config")}, weights))
    assert set(ours) == set(weights) and all(np.array_equal(ours[k], weights[k]) for k in weights)
    assert all(array.flags.c_contiguous for array in ours.values())
    for field, value in part(values, "config").items():
        assert config[field] == value


def test_exported_arrays_are_copies():
    model = make("rotary", False)
    _, weights = to_hugging_face(model)
    for array in weights.values():
        array[...] = 0
    assert np.abs(model.unembedding.data).max() > 0 and np.abs(model.trunk.token_embedding.data).max() > 0


def same(config, weights, model):
    assert_array_equal(from_hugging_face(config, weights)([[1, 2, 3]]).data, model([[1, 2, 3]]).data)


def test_the_names_that_other_versions_use():
    """Prefixes or none, embed_out or lm_head, buffers of old checkpoints, a second copy of a tied head."""
    config, weights = exported(GPT2)
    prefixed = {f"transformer.{name}": array for name, array in weights.items()}
    buffers = {"transformer.h.0.attn.bias": np.ones((1, 1, 12, 12)), "transformer.h.1.attn.masked_bias": np.array(-1e4)}
    same(config, {**prefixed, **buffers, "lm_head.weight": weights["wte.weight"]}, GPT2)

    config, weights = exported(NEOX)
    bare = {name.removeprefix("gpt_neox."): array for name, array in weights.items()}
    bare["embed_out.weight"] = bare.pop("lm_head.weight")
    bare["layers.0.attention.rotary_emb.inv_freq"] = np.ones(2)
    bare["layers.0.attention.bias"] = np.ones((1, 1, 12, 12), dtype=bool)
    same(config, bare, NEOX)


@pytest.mark.parametrize(
    "rope",
    [
        {"rotary_emb_base": 50.0, "rotary_pct": 1.0},
        {"rope_theta": 50.0},
        {"rope_parameters": {"rope_theta": 50.0, "rope_type": "default", "partial_rotary_factor": 1.0}},
        {"rope_parameters": None, "rotary_emb_base": 50},
    ],
)
def test_the_rotary_base_is_found_wherever_a_version_keeps_it(rope):
    model = make("rotary", False, rotary_base=50.0)
    config, weights = exported(model)
    for field in ("rotary_emb_base", "rotary_pct", "rope_parameters"):
        del config[field]
    same({**config, **rope}, weights, model)
    assert from_hugging_face(config, weights).config.rotary_base == 10000.0  # the library's own default


@pytest.mark.parametrize(
    "model, changes, message",
    [
        (NEOX, {"model_type": "llama"}, "model_type"),
        (NEOX, {"use_parallel_residual": True}, "use_parallel_residual=True"),
        (NEOX, {"rotary_pct": 0.25}, "rotary_pct=0.25"),
        (NEOX, {"rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 0.25}}, "partial_rotary_factor"),
        (NEOX, {"rope_parameters": {"rope_theta": 1e4, "rope_type": "linear"}}, "rope_type"),
        (NEOX, {"hidden_act": "gelu"}, "hidden_act='gelu'"),
        (NEOX, {"intermediate_size": 24}, "intermediate_size"),
        (NEOX, {"attention_bias": False}, "attention_bias"),
        (NEOX, {"tie_word_embeddings": True}, "tie_word_embeddings"),
        (GPT2, {"activation_function": "relu"}, "activation_function"),
        (GPT2, {"n_inner": 24}, "n_inner"),
        (GPT2, {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx"),
        (GPT2, {"n_layer": 3}, "missing weight: h.2"),
        (GPT2, {"n_layer": 1}, "unknown weights: h.1"),
        (GPT2, {"vocab_size": 12}, r"token_embedding have shape \(11, 8\), the config says \(12, 8\)"),
        (GPT2, {"tie_word_embeddings": False}, "missing weight: lm_head.weight"),
    ],
)
def test_what_we_cannot_be_is_refused_in_one_line(model, changes, message):
    config, weights = exported(model, **changes)
    with pytest.raises(ValueError, match=message) as error:
        from_hugging_face(config, weights)
    assert "\n" not in str(error.value)


def test_weights_that_do_not_fit_are_refused():
    config, weights = exported(GPT2)
    with pytest.raises(ValueError, match="unknown weights: h.0.attn.extra"):
        from_hugging_face(config, {**weights, "h.0.attn.extra": np.ones(1)})
    with pytest.raises(ValueError, match="missing weight: wte.weight"):
        from_hugging_face(config, {name: array for name, array in weights.items() if name != "wte.weight"})
    with pytest.raises(ValueError, match="lm_head.weight differs"):
        from_hugging_face(config, {**weights, "lm_head.weight": weights["wte.weight"] + 1})
    with pytest.raises(ValueError, match="missing weight"):
        from_hugging_face(config, {})


def test_a_model_nobody_else_has_is_not_exported():
    with pytest.raises(ValueError, match="rotary positions"):
        to_hugging_face(make("rotary", True))


def test_the_result_can_be_trained():
    model = from_hugging_face(*exported(NEOX))
    assert isinstance(model, LanguageModel)
    model([[1, 2, 3]]).sum().backward()
    assert all(p.requires_grad and p.grad is not None for p in model.parameters())
