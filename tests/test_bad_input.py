"""Files that are not what they should be, as a user meets them: one clear line, exit 2, and nothing half-written."""

import json
import shutil
import sys

import numpy as np
import pytest
from toy import TOY
from toy_run import toy_size

from minialign.checkpoint import save
from minialign.cli.command import main
from minialign.model import LanguageModel, ModelConfig, ScalarModel

RNG = np.random.default_rng


@pytest.fixture(scope="module")
def out(toy_runs):
    """A folder with one finished toy run."""
    with toy_size():
        yield toy_runs


@pytest.fixture
def run(out, tmp_path):
    """A copy of the run, to be spoilt."""
    return shutil.copytree(out / "tour-fast-s0", tmp_path / "run")


def refused(capsys, arguments, *needles):
    """The command ends with exit 2 and one line that says all of `needles`."""
    capsys.readouterr()
    assert main([str(a) for a in arguments]) == 2
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("minialign: ") and all(n in lines[0] for n in needles), said.err
    return said.out


def model(kind=LanguageModel, **changes):
    return kind(ModelConfig(**{**vars(TOY.model), **changes}), RNG(0))


FOREIGN = {
    "a reward model": lambda path: save(model(ScalarModel), path),
    "fewer characters": lambda path: save(model(vocab_size=11), path),
    "more characters": lambda path: save(model(vocab_size=100), path),
    "a shorter context": lambda path: save(model(context_length=20), path),
    "another width": lambda path: save(model(d_model=16), path),
    "other arrays": lambda path: np.savez(path, a=np.arange(3)),
    "pickled arrays": lambda path: np.savez(path, about=np.array([{}], dtype=object)),
    "another description": lambda path: np.savez(path, about="5"),
    "no kind": lambda path: np.savez(path, about='{"config": {"vocab_size": 3, "context_length": 3}}'),
    "a directory": lambda path: path.mkdir(),
    "nothing": lambda path: None,
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_foreign_checkpoint_in_a_run(what, run, capsys):
    (run / "ppo.npz").unlink()
    FOREIGN[what](run / "ppo.npz")
    assert refused(capsys, ["chat", run, "--model", "ppo"], "ppo.npz") == ""


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\xfe", b"[]", b"null", b'{"format": "minialign run 1"}', b'{"format": "minialign run 2"}',
        b'{"format": "minialign run 1", "recipe": {"model": {}, "max_new_tokens": 3}}',
        b'{"format": "minialign run 1", "recipe": {"model": {"vocab_size": 36, "context_length": 9}}}',
        b'{"format": "minialign run 1", "recipe": {"model": {"vocab_size": 36, "context_length": 9}, "max_new_tokens": null}}',
    ],
)  # fmt: skip
def test_a_foreign_run_json(content, run, capsys):
    (run / "run.json").write_bytes(content)
    refused(capsys, ["chat", run], "run.json", "not a run of minialign")


@pytest.mark.parametrize("question", ["caf\xe9?", "2 + 2?", "a\tb", "<eos>", "a" * 200])
def test_what_no_model_can_read_is_dropped_with_a_remark_and_the_talk_goes_on(question, run, capsys, monkeypatch):
    lines = iter([question, "what does a cow say?", "quit"])
    monkeypatch.setattr("builtins.input", lambda _: next(lines))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert main(["chat", str(run)]) == 0
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 1 and len(said.out.splitlines()) >= 4


@pytest.mark.parametrize("stage", ["base", "sft", "reward", "ppo", "dpo", "votes"])
def test_a_kept_stage_that_was_cut_short(stage, out, tmp_path, capsys):
    """What a crash of the whole machine may leave."""
    shutil.copytree(out / "cache", tmp_path / "cache")
    [about] = (tmp_path / "cache").glob(f"{stage}-*.json")
    about.write_bytes(about.read_bytes()[:40])
    refused(capsys, ["tour", "--fast", "--out", tmp_path], f"the {stage} stage", "delete that folder and run again")
    assert not list(tmp_path.rglob("run.json")) and not list(tmp_path.rglob(".writing-*"))


@pytest.mark.parametrize("command", ["tour", "table"])
def test_a_file_where_the_cache_should_be_is_found_before_anything_is_trained(command, tmp_path, capsys):
    (tmp_path / "cache").write_text("in the way", encoding="utf-8")
    assert "base model" not in refused(capsys, [command, "--fast", "--out", tmp_path], "cannot write", "--out")
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_a_file_where_the_run_should_be(out, tmp_path, capsys):
    shutil.copytree(out / "cache", tmp_path / "cache")
    (tmp_path / "tour-fast-s0").write_text("in the way", encoding="utf-8")
    refused(capsys, ["tour", "--fast", "--out", tmp_path], "tour-fast-s0", "ot a directory")
    assert (tmp_path / "tour-fast-s0").read_text(encoding="utf-8") == "in the way"


def test_a_whole_run_is_not_refused(run, capsys, monkeypatch):
    """So that the checks above do not simply refuse everything."""
    questions = iter(["what does a cow say?", "quit"])
    monkeypatch.setattr("builtins.input", lambda _: next(questions))
    assert main(["chat", str(run)]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 4
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))["recipe"]["model"]["vocab_size"] == TOY.model.vocab_size


@pytest.mark.parametrize("path", ["a\x00b", "\ud800"], ids=["NUL", "half a surrogate pair"])
@pytest.mark.parametrize("command", [["doctor", "--out"], ["lessons"], ["chat"], ["page"]], ids=lambda words: words[0])
def test_a_path_that_no_system_can_hold_is_one_line(command, path, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*command, path]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("minialign: ")
