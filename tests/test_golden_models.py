"""GPT-2 and GPT-NeoX from Hugging Face transformers: logits, losses, every gradient, greedy texts (files golden/g1_*, g9_*, g4_*)."""

import numpy as np
import pytest
from golden_values import close, files, gpt2, gpt2_weights, load, outside_names, part, scalar_model

from minialign import composed, functional
from minialign.autograd import Tensor
from minialign.batch import Batch
from minialign.generate import generate
from minialign.interop import from_hugging_face
from minialign.likelihood import token_log_probs_of
from minialign.reward import bradley_terry_loss, sequence_scores
from minialign.sft import sft_loss

GPT2, NEOX, REWARD = files("g1_*"), files("g9_*"), files("g4_reward_model_*")


def neox(values, dtype=np.float64, **changes):
    """A LanguageModel with the weights of a stored GPT-NeoX."""
    config = {"model_type": "gpt_neox", "use_parallel_residual": False, "hidden_act": "gelu_new", **part(values, "config")}
    return from_hugging_face({**config, **changes}, {name: a.astype(dtype) for name, a in part(values, "weight").items()})


def read(name, dtype=np.float64):
    values = load(name)
    return (gpt2(part(values, "config"), gpt2_weights(values), dtype) if name in GPT2 else neox(values, dtype)), values


def loss_of(model, values):
    """Mean cross-entropy over the labelled tokens; for texts of one token, which have none, a fixed mixture of logits."""
    if "logits_cotangent" in values:
        return (model(values["input_ids"]) * values["logits_cotangent"]).sum(), None
    labelled = values["labels"][:, 1:] != -100
    assert (values["labels"][:, 1:] == values["input_ids"][:, 1:])[labelled].all()
    logprobs = token_log_probs_of(model, values["input_ids"])
    return sft_loss(logprobs, labelled.astype(float))[0], np.where(labelled, logprobs.data, 0.0)


@pytest.mark.parametrize("name", GPT2 + NEOX)
def test_logits(name):
    model, values = read(name)
    real = values["attention_mask"].astype(bool)
    close(model(values["input_ids"]).data[real], values["logits"][real])


@pytest.mark.parametrize("ops", [functional, composed], ids=["functional", "composed"])
@pytest.mark.parametrize("name", GPT2 + NEOX)
def test_loss_and_the_gradient_of_every_parameter(name, ops):
    model, values = read(name)
    model.trunk.ops = ops
    loss, logprobs = loss_of(model, values)
    close(loss, values["loss"])
    if logprobs is not None:
        close(logprobs, values["token_logps"])
        assert (values["labels"][:, 1:] != -100).sum() == values["n_targets"]

    loss.backward()
    ours, theirs = outside_names(model), part(values, "grad")
    assert set(ours) == set(theirs)
    for weight in theirs:
        close(ours[weight], theirs[weight])


@pytest.mark.parametrize("name", GPT2 + NEOX)
def test_greedy_continuations(name):
    model, values = read(name)
    prompts = [values[f"gen{k}/prompt"] for k in range(len([key for key in values if key.endswith("/prompt")]))]
    assert min(values[f"gen{k}/min_top2_gap"] for k in range(len(prompts))) > 1e-9  # no winner by rounding alone
    together = generate(model, prompts, max_new_tokens=12, temperature=0, eos_id=None)
    for k, prompt in enumerate(prompts):
        written = together.ids[k, len(prompt) : len(prompt) + 12]
        assert written.tolist() == values[f"gen{k}/new_tokens"].tolist()


@pytest.mark.parametrize("name", [n for n in GPT2 + NEOX if "f32/logits" in load(n)])
def test_float32(name):
    """The same weights in float32 give a float32 model, within float32's accuracy of theirs."""
    model, values = read(name, np.float32)
    real = values["attention_mask"].astype(bool)
    logits = model(values["input_ids"])
    assert logits.dtype == np.float32 and model.config.dtype == "float32"
    close(logits.data[real], values["f32/logits"][real], 1e-4)


@pytest.mark.parametrize("name", [n for n in GPT2 if "f32/grad_global_norm" in load(n)])
def test_float32_gradients(name):
    model, values = read(name, np.float32)
    loss, _ = loss_of(model, values)
    close(loss.data, values["f32/loss"], 1e-4)
    loss.backward()
    assert {p.grad.dtype for p in model.parameters()} == {np.dtype("float32")}
    norm = np.sqrt(sum((p.grad.astype(float) ** 2).sum() for p in model.parameters()))
    close(norm, float(values["f32/grad_global_norm"]), 1e-4)


@pytest.mark.parametrize("name", [n for n in GPT2 if "hidden_embed" in load(n)])
def test_hidden_states(name):
    """What enters the first block and what leaves the last norm."""
    model, values = read(name)
    real = values["attention_mask"].astype(bool)
    ids = values["input_ids"]
    x = model.trunk.token_embedding.data[ids] + model.trunk.position_embedding.data[: ids.shape[1]]
    close(x, values["hidden_embed"])
    close(model.trunk(ids).data[real], values["hidden_ln_f"][real])


# ---- rotary positions: two precisions -------------------------------------------------------------------------------

def test_rotary_tables_are_the_float64_formula():
    """transformers computes cos and sin in float32 even inside a float64 model; we compute them in the model's dtype."""
    model, values = read(NEOX[0])
    half = values["rope_cos"].shape[1] // 2  # theirs repeat the D/2 columns
    P = len(values["rope_cos"])
    close(model.trunk.cos[:P], values["rope_cos"][:, :half], 1e-13)
    close(model.trunk.sin[:P], values["rope_sin"][:, half:], 1e-13)


def test_fed_with_the_librarys_float32_tables_we_equal_the_unmodified_library():
    model, values = read(NEOX[0])
    half = values["rope_cos"].shape[1] // 2
    model.trunk.cos, model.trunk.sin = values["hf/rope_cos"][:, :half], values["hf/rope_sin"][:, :half]
    real = values["attention_mask"].astype(bool)
    close(model(values["input_ids"]).data[real], values["hf/logits"][real])
    loss, _ = loss_of(model, values)
    close(loss, values["hf/loss"])
    loss.backward()
    close(np.sqrt(sum((p.grad**2).sum() for p in model.parameters())), values["hf/grad_global_norm"])


# ---- the reward model -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", REWARD)
def test_reward_model_end_to_end(name):
    """Scores at the last token, Bradley-Terry with margin plus TRL's centring term, and the gradients of the weights."""
    values = load(name)
    language_model = gpt2(part(values, "config"), gpt2_weights(values))
    model = scalar_model(language_model, values["score.weight"])
    ids, mask = values["input_ids"], values["attention_mask"]
    last = mask.sum(1) - 1
    scores = model(ids)[np.arange(len(ids)), last]
    close(scores, values["rewards"])
    answered = last > 0  # one stored text is a single token; a Batch needs something to answer to
    batch = Batch(ids[answered], mask[answered, 1:].astype(float))
    close(sequence_scores(model, batch), values["rewards"][answered])

    n = len(values["rewards"]) // 2
    chosen, rejected = scores[:n], scores[n:]
    loss, _ = bradley_terry_loss(chosen, rejected, margin=values["margin"])
    centring = ((chosen + rejected) ** 2).mean() * float(values["center_rewards_coefficient"])  # TRL's option, not ours
    loss = loss + centring
    close(loss, values["loss"])

    loss.backward()
    ours = outside_names(model)
    ours["score.weight"] = model.head.weight.grad[None]
    for weight, gradient in part(values, "grad").items():
        close(ours[weight], gradient)
    ours_without_head_bias = [p.grad for p in model.parameters() if p is not model.head.bias]
    close(np.sqrt(sum((g**2).sum() for g in ours_without_head_bias)), values["grad_global_norm"])


def test_a_gradient_that_is_off_by_a_millionth_is_noticed():
    """The comparison itself must be able to fail."""
    with pytest.raises(AssertionError):
        close(Tensor(np.array([1.0 + 1e-6])), np.array([1.0]))
    with pytest.raises(AssertionError):
        close(np.ones((1, 3)), np.ones(3))
