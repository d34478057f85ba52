"""Every primitive and fused function against PyTorch's autograd: values and vector-Jacobian products (files golden/g2_*)."""

import numpy as np
import pytest
from golden_values import close, files, load, part

from minialign.autograd import Tensor, clip, exp, log, maximum, minimum, tanh, where
from minialign.functional import (
    causal_attention,
    embedding,
    gelu,
    layer_norm,
    log_sigmoid,
    log_softmax,
    softmax,
    token_log_probs,
)

FILES = files("g2_*")


def cross_entropy(a, case):
    """Ours is -token_log_probs; which tokens count, and whether to sum or average, is the caller's business."""
    counted = a["target"] != a["ignore_index"]
    losses = -token_log_probs(a["logits"], np.where(counted, a["target"], 0)) * counted
    if case.endswith("_none"):
        return losses
    return losses.sum() if case.endswith("_sum") else losses.sum() / counted.sum()


def logsumexp(a, case):
    x, axis = a["x"], int(a["dim"])
    largest = x.data.max(axis, keepdims=True)
    total = log(exp(x - largest).sum(axis, keepdims=bool(a["keepdim"])))
    return total + largest.reshape(total.shape)


def attention(a, case):
    """Without a key mask the fused function; with one, out of primitives (see test_padding_needs_no_key_mask)."""
    q, k, v = a["q"], a["k"], a["v"]
    if "key_mask" not in a:
        return causal_attention(q, k, v)
    T, D = q.shape[-2:]
    open_ = np.tril(np.ones((T, T), bool)) & a["key_mask"].astype(bool)[:, None, None, :]
    return softmax(where(open_, q @ k.transpose(0, 1, 3, 2) / np.sqrt(D), -1e30)) @ v


def gather(a, case):
    index = list(np.indices(a["index"].shape))
    index[int(a["dim"])] = a["index"]
    return a["x"][tuple(index)]


def clipped(a, case):
    if "lo" in a:
        return maximum(minimum(a["x"], a["hi"]), a["lo"])
    return clip(a["x"], a["min"], a.get("max", np.inf))


def variance(x, count):
    centred = x - x.mean(-1, keepdims=True)
    return (centred * centred).sum(-1) / count


def reduce(a, case):
    x = a["x"]
    n = x.shape[-1]
    return {
        "sum_all": lambda: x.sum(),
        "sum_1": lambda: x.sum(1),
        "sum_m1_keep": lambda: x.sum(-1, keepdims=True),
        "sum_02": lambda: x.sum((0, 2)),
        "mean_all": lambda: x.mean(),
        "mean_m1": lambda: x.mean(-1),
        "var_unbiased_m1": lambda: variance(x, n - 1),
        "var_biased_m1": lambda: variance(x, n),
        "max_m1": lambda: x.max(-1),
        "cumsum_m1": lambda: x @ np.triu(np.ones((n, n))),
        "amax_ties": lambda: x.max(-1),  # our max is torch's amax: equal winners share the gradient ...
        "max_dim_ties": lambda: x[np.arange(len(x.data)), x.data.argmax(-1)],  # ... not max(dim), where the first takes all
    }[case]()


def shape(a, case):
    x = a["x"]
    if case == "transpose":
        return x.transpose(*a["axes"])
    if case == "reshape":
        return x.reshape(*a["newshape"])
    if case == "expand":
        return x * np.ones(a["newshape"])
    if case == "concat_m1":
        n = x.shape[-1] + a["y"].shape[-1]
        return x @ np.eye(n)[: x.shape[-1]] + a["y"] @ np.eye(n)[x.shape[-1] :]
    return tanh(x * x + x.sum(-1, keepdims=True)) * x


OURS = {
    "layer_norm": lambda a, case: layer_norm(a["x"], a["weight"], a["bias"], float(a["eps"])),
    "gelu_tanh": lambda a, case: gelu(a["x"]),
    "softmax": lambda a, case: softmax(a["x"], int(a["dim"])),
    "log_softmax": lambda a, case: log_softmax(a["x"], int(a["dim"])),
    "logsumexp": logsumexp,
    "cross_entropy": cross_entropy,
    "embedding": lambda a, case: embedding(a["weight"], a["ids"]),
    "gather": gather,
    "index_select": lambda a, case: a["x"][:, :-1, 1:] if case == "c1_slice" else a["x"][a["index"]],
    "causal_attention": attention,
    "matmul": lambda a, case: a["input"] @ a["other"],
    "broadcast_add": lambda a, case: a["input"] + a["other"],
    "broadcast_sub": lambda a, case: a["input"] - a["other"],
    "broadcast_mul": lambda a, case: a["input"] * a["other"],
    "broadcast_div": lambda a, case: a["input"] / a["other"],
    "exp": lambda a, case: exp(a["x"]),
    "log": lambda a, case: log(a["x"]),
    "sqrt": lambda a, case: a["x"] ** 0.5,
    "rsqrt": lambda a, case: a["x"] ** -0.5,
    "abs": lambda a, case: maximum(a["x"], -a["x"]),
    "relu": lambda a, case: where(a["x"].data > 0, a["x"], 0.0),
    "square": lambda a, case: a["x"] ** 2,
    "tanh": lambda a, case: tanh(a["x"]),
    "sigmoid": lambda a, case: exp(log_sigmoid(a["x"])),
    "logsigmoid": lambda a, case: log_sigmoid(a["x"]),
    "softplus": lambda a, case: -log_sigmoid(-a["x"]),
    "pow": lambda a, case: a["x"] ** float(a["exponent"]),
    "clip": clipped,
    "minimum": lambda a, case: minimum(a["input"], a["other"]),
    "maximum": lambda a, case: maximum(a["input"], a["other"]),
    "where": lambda a, case: where(a["cond"], a["input"], a["other"]),
    "masked_fill": lambda a, case: where(a["mask"], float(a["value"]), a["x"]),
    "reduce": reduce,
    "shape": shape,
}
NOT_OURS = {"gelu_erf"}  # we follow GPT-2, whose GELU is the tanh form; see test_gelu_is_the_tanh_form


def every_case():
    for name in FILES:
        for op_and_case in sorted({"/".join(key.split("/")[:2]) for key in load(name)}):
            if op_and_case.split("/")[0] not in NOT_OURS:
                yield name, op_and_case


def test_every_operation_of_the_files_is_compared():
    for name in FILES:
        assert {key.split("/")[0] for key in load(name)} == set(OURS) | NOT_OURS


@pytest.mark.underflow
@pytest.mark.parametrize("name, op_and_case", list(every_case()))
def test_values_and_gradients_equal_pytorch(name, op_and_case):
    op, case = op_and_case.split("/")
    stored = part(load(name), op_and_case)
    inputs = {key: Tensor(stored[key].copy(), requires_grad=True) for key in part(stored, "grad")}

    out = OURS[op]({**stored, **inputs}, case)
    close(out, stored["out"], 1e-10)

    out.backward(stored["dout"])
    for key, tensor in inputs.items():
        close(np.zeros(tensor.shape) if tensor.grad is None else tensor.grad, stored[f"grad/{key}"], 1e-10)


@pytest.mark.parametrize("name", FILES)
def test_gelu_is_the_tanh_form(name):
    """GPT-2 uses the tanh approximation of Phi; the exact one differs from it by up to 5e-4, and we must not."""
    exact = part(load(name), "gelu_erf/c0")
    difference = np.abs(gelu(exact["x"]).data - exact["out"])
    assert 1e-5 < difference.max() < 1e-3


@pytest.mark.parametrize("name", FILES)
def test_padding_needs_no_key_mask(name):
    """Padding is on the right, where causal attention never looks: real positions agree with the masked version."""
    stored = part(load(name), "causal_attention/c4_key_padding")
    real = stored["key_mask"].astype(bool)
    out = causal_attention(stored["q"], stored["k"], stored["v"]).data
    close(out.transpose(0, 2, 1, 3)[real], stored["out"].transpose(0, 2, 1, 3)[real], 1e-10)
