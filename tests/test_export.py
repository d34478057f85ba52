"""A run for transformers and TRL: what is written is what the model is, and it comes back; tests/hf_proof.py asks the libraries."""

import json
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small_models import make, talker, votes_of

from minialign.batch import Response, prompt_ids, render
from minialign.cli.command import main
from minialign.export import datasets, folder, reward, settings
from minialign.export.tokenizer import CHAT_TEMPLATE, alphabet_of, tokenizer_json
from minialign.interop import from_hugging_face
from minialign.model import RewardModel, ScalarModel
from minialign.pipeline import FAST
from minialign.preferences import Preferences
from minialign.reward import Scorer
from minialign.runs.errors import Problem
from minialign.tokenizer import ALPHABET, CHARACTERS, SPECIAL, Tokenizer

safetensors = pytest.importorskip("safetensors", reason="the extra `hf` is not installed")


@pytest.mark.parametrize("changes", [{}, {"activation": "relu2"}, {"positions": "learned", "tied": True}])
def test_a_model_goes_out_and_comes_back(tmp_path, changes):
    model = talker(dtype="float32", **changes)
    folder.write_model(tmp_path, model, 20)
    back = folder.read_model(tmp_path)
    for name, parameter in model.named_parameters().items():
        assert_array_equal(back.named_parameters()[name].data, parameter.data)
    assert back.config == replace(model.config, rotary_base=back.config.rotary_base)


def test_the_config_names_the_ends_and_no_dropout(tmp_path):
    folder.write_model(tmp_path, talker(dtype="float32"), 20)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert (config["eos_token_id"], config["pad_token_id"], config["bos_token_id"]) == (1, 0, None)
    assert config["hidden_dropout"] == config["attention_dropout"] == 0 and config["torch_dtype"] == "float32"
    sampling = json.loads((tmp_path / "generation_config.json").read_text(encoding="utf-8"))
    assert sampling["top_k"] == 0 and sampling["temperature"] == sampling["top_p"] == 1  # transformers' own default cuts at 50


def test_the_tokenizer_has_our_ids_and_no_others():
    content = tokenizer_json(CHARACTERS)
    vocabulary = content["model"]["vocab"]
    assert [vocabulary[c] for c in ALPHABET] == CHARACTERS.encode(ALPHABET) and len(vocabulary) == CHARACTERS.vocab_size
    assert [token["content"] for token in content["added_tokens"]] == list(SPECIAL)
    assert content["model"]["unk_token"] not in vocabulary  # so that a stranger is an error and not silence
    assert alphabet_of(content) == ALPHABET
    with pytest.raises(ValueError):
        alphabet_of({"model": {"vocab": {"a": 0}}})


@pytest.mark.parametrize("ended", [True, False])
def test_the_chat_template_writes_what_we_render(ended):
    jinja2 = pytest.importorskip("jinja2")
    text = CHAT_TEMPLATE.replace("{% generation %}", "").replace("{% endgeneration %}", "")  # transformers' own marks
    template = jinja2.Template(text)
    question, answer = "what does a cow say?", "it says moo."
    messages = datasets.asked(question) + datasets.answered(Response(answer, ended))
    assert template.render(messages=messages) == CHARACTERS.decode(render(question, answer, ended)[0])
    assert template.render(messages=messages[:1], add_generation_prompt=True) == CHARACTERS.decode(prompt_ids(question))


def test_every_vote_is_a_row_in_the_same_order(tmp_path):
    votes = Preferences(["a?", "b?"], [Response("yes.", True), Response("n", False)], [Response("no.", True), Response("x.", True)])
    datasets.write_votes(votes, tmp_path / "votes.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "votes.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows[1]["prompt"] == [{"role": "user", "content": "b?"}]
    assert rows[1]["chosen"] == [{"role": "assistant", "content": "n", "ended": False}]
    assert rows[0]["rejected"] == [{"role": "assistant", "content": "no.", "ended": True}] and len(rows) == 2


@pytest.mark.parametrize("kind, pooling", [(RewardModel, "mean"), (RewardModel, "last"), (ScalarModel, "last")])
def test_the_exported_reward_model_has_everything_that_the_score_is_made_of(tmp_path, kind, pooling):
    """The formula of reward_function.py, in NumPy, from the files alone (and the SFT model, which is exported as sft/)."""
    model, votes = talker(kind, seed=3, dtype="float32"), votes_of(5)
    scorer = Scorer(model, pooling, mean=0.3, std=1.7)
    reward.write_reward_model(tmp_path, scorer)
    weights = safetensors.numpy.load_file(tmp_path / "model.safetensors")
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    about = json.loads((tmp_path / "score.json").read_text(encoding="utf-8"))
    w = weights.pop("score.weight")[0]
    unread = np.zeros((config["vocab_size"], config["hidden_size"]), "float32")
    trunk = from_hugging_face(config, {**weights, "lm_head.weight": unread}).trunk

    batch = votes.batch()
    h = trunk(batch.ids).data  # (B, T, C)
    answer = np.pad(batch.mask, ((0, 0), (1, 0)))  # (B, T)
    judged = answer if about["pooling"] == "mean" else np.eye(batch.ids.shape[1])[batch.lengths - 1]
    raw = ((h @ w + about["b"]) * judged).sum(1) / judged.sum(1)
    if kind is RewardModel:
        known = reward_likelihoods(model.reference, batch)
        raw = raw + about["a"] * known[0] + about["c"] * known[1]
    else:
        assert about["a"] == about["c"] == 0
    assert_allclose((raw - about["mean"]) / about["std"], scorer(batch), atol=2e-5)
    assert config["num_labels"] == 1 and config["architectures"] == ["GPTNeoXForSequenceClassification"]


def reward_likelihoods(reference, batch):
    """Mean and least log-probability of the answer's tokens, from the logits."""
    logits = reference(batch.ids[:, :-1]).data.astype(float)
    logp = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    rows = [logp[b, m > 0, batch.ids[b, 1:][m > 0]] for b, m in enumerate(batch.mask)]
    return np.array([row.mean() for row in rows]), np.array([row.min() for row in rows])


def test_every_hyperparameter_is_exported_or_named():
    """A new field of a config must get TRL's name, or be listed here as one that has none."""
    without = {
        "sft": {"muon_lr", "replay_weight"}, "reward": {"pooling", "likelihood_weights"}, "dpo": set(),
        "grpo": {"kl_in_reward"},  # RLOO's, and refused
    }
    for name, config in (("sft", FAST.sft), ("reward", FAST.reward), ("dpo", FAST.dpo), ("grpo", FAST.grpo)):
        told = " ".join(line.ours for line in settings.ALL[name](FAST).lines)
        missing = {f.name for f in fields(config) if f.name not in told} - {"prompts", "iterations"}
        assert missing == without[name], name


def test_the_numbers_are_those_of_the_recipe():
    dpo, grpo = settings.dpo(FAST).values(), settings.grpo(FAST).values()
    assert (dpo["beta"], dpo["learning_rate"], dpo["adam_beta2"]) == (FAST.dpo.beta, FAST.dpo.lr, FAST.dpo.betas[1])
    answers = grpo["per_device_train_batch_size"] * grpo["steps_per_generation"]
    assert answers == FAST.grpo.prompts * FAST.grpo.group_size and grpo["loss_type"] == "grpo"
    assert grpo["max_steps"] == FAST.grpo.iterations * FAST.grpo.epochs * grpo["steps_per_generation"]
    text = settings.grpo(FAST).text()
    assert f"beta: {FAST.grpo.kl_coef}  # kl_coef\n" in text and text.startswith("# python train_grpo.py --config grpo.yaml\n# Different: ")


@pytest.mark.parametrize("changes", [{"advantage": "leave_one_out", "importance": "answer"}, {"kl_in_reward": True}])
def test_a_method_that_trl_has_under_another_name_is_not_exported_as_grpo(changes):
    with pytest.raises(Problem, match="RLOO"):
        settings.grpo(replace(FAST, grpo=replace(FAST.grpo, **changes)))


def test_a_setting_that_trl_has_not_is_said_to_be_different():
    for changes, words in (({"muon_lr": 0.01}, "no Muon: "), ({"replay_weight": 0.7}, "no replay: here 0.7")):
        assert f"# Different: {words}" in settings.sft(replace(FAST, sft=replace(FAST.sft, **changes))).text()
    assert "Muon" not in settings.sft(FAST).text()


def break_nothing(path):
    (path / "config.json").unlink()


def break_weights(path):
    (path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")


def break_alphabet(path):
    (path / "tokenizer.json").write_text(json.dumps(tokenizer_json(Tokenizer("ab"))), encoding="utf-8")


def break_config(path, **changes):
    config = json.loads((path / "config.json").read_text(encoding="utf-8")) | (changes or {"use_parallel_residual": True})
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")


def grow_without_end(path):
    break_config(path, hidden_size=float("inf"))


def pad_vocabulary(path):
    folder.write_model(path, make(vocab_size=40, context_length=24, dtype="float32"), 20)


def shorten_context(path):
    folder.write_model(path, make(vocab_size=CHARACTERS.vocab_size, context_length=12, dtype="float32"), 20)


def blow_up(path):
    model = talker(dtype="float32")
    model.unembedding.data[:] = 3e38
    folder.write_model(path, model, 20)


def cut_weights(path):
    (path / "model.safetensors").write_bytes((path / "model.safetensors").read_bytes()[:-9])


BREAKS = [break_nothing, break_weights, break_alphabet, break_config, cut_weights, grow_without_end, pad_vocabulary, shorten_context, blow_up]


@pytest.mark.parametrize("break_it", BREAKS)
def test_what_cannot_come_back_is_refused_in_one_line(tmp_path, capsys, break_it):
    folder.write_model(tmp_path, talker(dtype="float32"), 20)
    break_it(tmp_path)
    with np.errstate(over="warn", invalid="warn"):  # as for a user
        assert main(["import", str(tmp_path), str(tmp_path / "back.npz")]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "back.npz").exists()


def test_a_model_of_a_short_context_answers_what_it_can_read(tmp_path, capsys):
    folder.write_model(tmp_path, talker(dtype="float32"), 20)
    assert main(["import", str(tmp_path), str(tmp_path / "back.npz")]) == 0
    assert "what does a cow say?" in capsys.readouterr().out and (tmp_path / "back.npz").exists()


def test_without_the_library_one_line_says_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    assert main(["export", str(tmp_path), "--to", "hf", str(tmp_path / "out")]) == 2
    assert "pip install 'minialign[hf]'" in capsys.readouterr().err


def test_only_hf_is_known(tmp_path, capsys):
    assert main(["export", str(tmp_path), "--to", "onnx", str(tmp_path)]) == 2
    assert "not to onnx" in capsys.readouterr().err
