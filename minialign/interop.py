"""Exchange models with Hugging Face transformers: their config and weights in, a LanguageModel out, and back.

    ours:    y = x W + b with W (C_in, C_out), and one matrix each for queries, keys and values
    gpt2     stores W as we do, the three side by side:           c_attn.weight            (C, 3 C)
    gpt_neox stores W transposed, the three woven head by head:   query_key_value.weight   (H * 3 * D, C)

Everything is a plain dict of arrays, so neither library is needed here: `torch.load` / `state_dict()` and back is up
to the caller.  A field that the config leaves out is taken to be what our model is; one that says otherwise is an error.
"""

import numpy as np

from .model import LanguageModel, ModelConfig

# our names -> theirs; the first table once per model, the second once per block
OUTSIDE = {
    "gpt2": {
        "trunk.token_embedding": "wte.weight",
        "trunk.position_embedding": "wpe.weight",
        "trunk.final_norm.gain": "ln_f.weight",
        "trunk.final_norm.bias": "ln_f.bias",
    },
    "gpt_neox": {
        "trunk.token_embedding": "embed_in.weight",
        "trunk.final_norm.gain": "final_layer_norm.weight",
        "trunk.final_norm.bias": "final_layer_norm.bias",
    },
}
BLOCK = {
    "gpt2": {
        "attention_norm.gain": "ln_1.weight",
        "attention_norm.bias": "ln_1.bias",
        "attention.output.weight": "attn.c_proj.weight",
        "attention.output.bias": "attn.c_proj.bias",
        "mlp_norm.gain": "ln_2.weight",
        "mlp_norm.bias": "ln_2.bias",
        "mlp.up.weight": "mlp.c_fc.weight",
        "mlp.up.bias": "mlp.c_fc.bias",
        "mlp.down.weight": "mlp.c_proj.weight",
        "mlp.down.bias": "mlp.c_proj.bias",
    },
    "gpt_neox": {
        "attention_norm.gain": "input_layernorm.weight",
        "attention_norm.bias": "input_layernorm.bias",
        "attention.output.weight": "attention.dense.weight",
        "attention.output.bias": "attention.dense.bias",
        "mlp_norm.gain": "post_attention_layernorm.weight",
        "mlp_norm.bias": "post_attention_layernorm.bias",
        "mlp.up.weight": "mlp.dense_h_to_4h.weight",
        "mlp.up.bias": "mlp.dense_h_to_4h.bias",
        "mlp.down.weight": "mlp.dense_4h_to_h.weight",
        "mlp.down.bias": "mlp.dense_4h_to_h.bias",
    },
}
QKV = {"gpt2": "attn.c_attn", "gpt_neox": "attention.query_key_value"}
BLOCKS = {"gpt2": "h", "gpt_neox": "layers"}
PREFIX = {"gpt2": "transformer.", "gpt_neox": "gpt_neox."}
BUFFERS = (".attn.bias", ".attn.masked_bias", ".attention.bias", ".attention.masked_bias", "inv_freq")  # masks, tables
ACTIVATIONS = {"relu2": "relu2", "gelu_pytorch_tanh": "gelu", "gelu_new": "gelu"}  # theirs -> ours
THEIR_ACTIVATION = {ours: theirs for theirs, ours in ACTIVATIONS.items()}


# ---- their model becomes ours ---------------------------------------------------------------------------------------


def from_hugging_face(config, weights):
    """The LanguageModel that computes what GPT2LMHeadModel or GPTNeoXForCausalLM computes.

    Its dtype is the weights' (of float16: float32).
    config: dict with `model_type` ("gpt2" or "gpt_neox") and the library's field names; weights: dict name -> array.
    Raises ValueError for another model_type, for a config that lacks a field or says what our model cannot be, and for weights
    that are missing, unknown, of another shape than the config says, or not finite, or a tied head unlike its embedding.
    """
    kind = config.get("model_type")
    if kind not in QKV:
        raise ValueError(f"model_type must be 'gpt2' or 'gpt_neox', not {kind!r}")
    theirs = {
        name.removeprefix(PREFIX[kind]).replace("embed_out.", "lm_head."): np.asarray(array)
        for name, array in weights.items()
        if not name.endswith(BUFFERS)
    }
    read_config = _gpt2_config if kind == "gpt2" else _gpt_neox_config
    dtype = np.result_type(np.float32, *theirs.values()).name
    ours = read_config(config, dtype)
    if ours.tied:
        head, embedding = theirs.pop("lm_head.weight", None), theirs.get("wte.weight")
        if head is not None and not np.array_equal(head, embedding):
            raise ValueError("lm_head.weight differs from wte.weight, but the config ties them")

    read = _read_weights(kind, ours, theirs)
    if theirs:
        raise ValueError(f"unknown weights: {', '.join(sorted(theirs))}")
    _check_weights("trunk.token_embedding", read, (ours.vocab_size, ours.d_model))  # before a vocabulary of 10^9 is made
    model = LanguageModel(ours, np.random.default_rng(0))
    for name, parameter in model.named_parameters().items():
        _check_weights(name, read, parameter.shape)
        parameter.data[...] = read[name]
    return model


def _check_weights(name, read, shape):
    if read[name].shape != shape:
        raise ValueError(f"the weights of {name} have shape {read[name].shape}, the config says {shape}")
    if not np.isfinite(read[name]).all():
        raise ValueError(f"the weights of {name} hold numbers that are not finite")


def _field(config, name):
    if name not in config:
        raise ValueError(f"the config has no {name}")
    return config[name]


def _gpt2_config(config, dtype):
    """ModelConfig from GPT2Config's fields."""
    C = int(_field(config, "n_embd"))
    _require(config, "activation_function", *ACTIVATIONS)
    _require(config, "n_inner", None, 4 * C)
    _require(config, "scale_attn_weights", True)
    _require(config, "scale_attn_by_inverse_layer_idx", False)
    _require(config, "add_cross_attention", False)
    return ModelConfig(
        vocab_size=int(_field(config, "vocab_size")),
        context_length=int(_field(config, "n_positions")),
        n_layer=int(_field(config, "n_layer")),
        n_head=int(_field(config, "n_head")),
        d_model=C,
        positions="learned",
        activation=ACTIVATIONS[config.get("activation_function", "gelu_new")],
        tied=config.get("tie_word_embeddings", True),
        dtype=dtype,
        norm_eps=float(config.get("layer_norm_epsilon", 1e-5)),
    )


def _gpt_neox_config(config, dtype):
    """ModelConfig from GPTNeoXConfig's fields; the rotary ones moved into `rope_parameters` in version 5."""
    config = {**config, **(config.get("rope_parameters") or {})}
    C = int(_field(config, "hidden_size"))
    _require(config, "use_parallel_residual", False)
    _require(config, "hidden_act", *ACTIVATIONS)
    _require(config, "intermediate_size", 4 * C)
    _require(config, "attention_bias", True)
    _require(config, "tie_word_embeddings", False)
    _require(config, "rotary_pct", 1)
    _require(config, "partial_rotary_factor", 1)
    _require(config, "rope_scaling", None)
    _require(config, "rope_type", "default")
    return ModelConfig(
        vocab_size=int(_field(config, "vocab_size")),
        context_length=int(_field(config, "max_position_embeddings")),
        n_layer=int(_field(config, "num_hidden_layers")),
        n_head=int(_field(config, "num_attention_heads")),
        d_model=C,
        positions="rotary",
        activation=ACTIVATIONS[config.get("hidden_act", "gelu_new")],
        tied=False,
        dtype=dtype,
        rotary_base=float(config.get("rope_theta", config.get("rotary_emb_base", 10000.0))),
        norm_eps=float(config.get("layer_norm_eps", 1e-5)),
    )


def _require(config, field, *allowed):
    """Our model is one point of their space of options; say which field is off it."""
    if field in config and config[field] not in allowed:
        raise ValueError(f"{field}={config[field]!r} is not something this model can be; it needs {allowed[-1]!r}")


def _read_weights(kind, ours, theirs):
    """Our parameters by name, each taken out of the dict `theirs`, so that what stays behind is unknown."""

    def take(name):
        if name not in theirs:
            raise ValueError(f"missing weight: {name}")
        return theirs.pop(name)

    read = {our: take(their) for our, their in OUTSIDE[kind].items()}
    for layer in range(ours.n_layer):
        here, there = f"trunk.blocks.{layer}.", f"{BLOCKS[kind]}.{layer}."
        for our, their in BLOCK[kind].items():
            read[here + our] = _turn(kind, our, take(there + their))
        for leaf in ("weight", "bias"):
            merged = take(there + QKV[kind] + "." + leaf)
            for which, part in zip(("query", "key", "value"), _split_qkv(kind, merged, ours.n_head)):
                read[here + f"attention.{which}.{leaf}"] = part
    if not ours.tied:
        read["unembedding"] = take("lm_head.weight").T  # (C, V)
    return read


# ---- our model becomes theirs ---------------------------------------------------------------------------------------


def to_hugging_face(model):
    """(config, weights) under Hugging Face's names: gpt2 for learned positions, gpt_neox for rotary ones.

    Raises ValueError for rotary positions with a tied head, which none of their models has.
    """
    ours = model.config
    kind = "gpt2" if ours.positions == "learned" else "gpt_neox"
    if kind == "gpt_neox" and ours.tied:
        raise ValueError("no Hugging Face model has rotary positions, sequential blocks and a tied head")
    config = _gpt2_fields(ours) if kind == "gpt2" else _gpt_neox_fields(ours)
    parameters = {name: parameter.data for name, parameter in model.named_parameters().items()}

    weights = {their: parameters[our] for our, their in OUTSIDE[kind].items()}
    for layer in range(ours.n_layer):
        here, there = f"trunk.blocks.{layer}.", f"{BLOCKS[kind]}.{layer}."
        for our, their in BLOCK[kind].items():
            weights[there + their] = _turn(kind, our, parameters[here + our])
        for leaf in ("weight", "bias"):
            parts = [parameters[here + f"attention.{which}.{leaf}"] for which in ("query", "key", "value")]
            weights[there + QKV[kind] + "." + leaf] = _merge_qkv(kind, parts, ours.n_head)
    if kind == "gpt2" and ours.tied:
        return config, _copies(weights)  # the published GPT-2 has no prefix and no second copy of its embedding
    weights = {PREFIX[kind] + name: array for name, array in weights.items()}
    return config, _copies({**weights, "lm_head.weight": parameters["unembedding"].T})


def _gpt2_fields(ours):
    """GPT2Config's fields from our ModelConfig."""
    return {
        "model_type": "gpt2",
        "vocab_size": ours.vocab_size,
        "n_positions": ours.context_length,
        "n_layer": ours.n_layer,
        "n_head": ours.n_head,
        "n_embd": ours.d_model,
        "n_inner": 4 * ours.d_model,
        "activation_function": THEIR_ACTIVATION[ours.activation],
        "layer_norm_epsilon": ours.norm_eps,
        "tie_word_embeddings": ours.tied,
    }


def _gpt_neox_fields(ours):
    """GPTNeoXConfig's fields from our ModelConfig, the rotary ones under their old and their new names."""
    return {
        "model_type": "gpt_neox",
        "vocab_size": ours.vocab_size,
        "max_position_embeddings": ours.context_length,
        "num_hidden_layers": ours.n_layer,
        "num_attention_heads": ours.n_head,
        "hidden_size": ours.d_model,
        "intermediate_size": 4 * ours.d_model,
        "hidden_act": THEIR_ACTIVATION[ours.activation],
        "rotary_emb_base": ours.rotary_base,
        "rotary_pct": 1.0,
        "rope_parameters": {"rope_type": "default", "rope_theta": ours.rotary_base, "partial_rotary_factor": 1.0},
        "layer_norm_eps": ours.norm_eps,
        "use_parallel_residual": False,
        "attention_bias": True,
        "tie_word_embeddings": False,
    }


def _copies(weights):
    """The exported arrays are the caller's own: changing them does not change the model."""
    return {name: np.array(array, order="C") for name, array in weights.items()}


# ---- the two layouts ------------------------------------------------------------------------------------------------


def _turn(kind, name, array):
    """GPT-NeoX keeps the matrices of its linear layers as (C_out, C_in); its own inverse."""
    return array.T if kind == "gpt_neox" and array.ndim == 2 else array


def _split_qkv(kind, merged, n_head):
    """Queries, keys and values out of one array whose output axis is (3, H, D) in gpt2, first (H, 3, D) in gpt_neox."""
    if kind == "gpt2":
        return np.split(merged, 3, axis=-1)
    woven = merged.reshape(n_head, 3, -1, *merged.shape[1:])  # (H, 3, D, C), or (H, 3, D) for a bias
    return [_turn(kind, "", woven[:, i].reshape(-1, *merged.shape[1:])) for i in range(3)]


def _merge_qkv(kind, parts, n_head):
    """The inverse of _split_qkv."""
    if kind == "gpt2":
        return np.concatenate(parts, axis=-1)
    parts = [_turn(kind, "", part) for part in parts]
    woven = np.stack([part.reshape(n_head, -1, *part.shape[1:]) for part in parts], axis=1)  # (H, 3, D, C)
    return woven.reshape(-1, *parts[0].shape[1:])
