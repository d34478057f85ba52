"""What is stored is believed only as it was written: a run's files, cached stages, results of experiments and of lessons."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from toy import TOY
from toy_command import quick_pictures
from toy_run import reseal, toy_size

from minialign import cache, checkpoint, lab, pipeline
from minialign.cli import lab as lab_command
from minialign.cli.command import main
from minialign.model import LanguageModel, RewardModel, ScalarModel
from minialign.page import leashes
from minialign.page.data import EDITED, page_data
from minialign.page.document import document
from minialign.page.transcript import transcript
from minialign.pipeline import Journey, UnreadableStage
from minialign.preferences import Preferences, load_jsonl, save_jsonl
from minialign.runs.contents import checked, damaged, load_model, load_run
from minialign.runs.errors import Problem
from minialign.runs.folder import votes_name
from minialign.teach.calibrate import kept_run

MODELS = ("base", "sft", "reward", "ppo", "dpo")


@pytest.fixture(scope="module")
def made(toy_runs):
    return toy_runs / "tour-fast-s0"


@pytest.fixture(autouse=True)
def pictures_are_not_drawn():
    with quick_pictures():
        yield


@pytest.fixture
def run(made, tmp_path):
    """A copy of a finished toy run, to be changed."""
    return shutil.copytree(made, tmp_path / made.name)


@pytest.fixture
def folder(made, tmp_path):
    """A copy of its cache."""
    return shutil.copytree(made.parent / "cache", tmp_path / "cache")


def refused(capsys, arguments, *needles):
    capsys.readouterr()
    assert main([str(a) for a in arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("minialign: ") and all(needle in line for needle in needles), line


def missing(run):
    """Scene -> why it is missing."""
    with toy_size():
        return {key: scene.missing for key, scene in page_data(run).scenes.items() if hasattr(scene, "missing")}


# ------------------------------------------------------------------------------------------------ a run's folder
def test_every_file_that_is_read_again_is_known_and_a_whole_run_is_believed(made):
    run = load_run(made)
    assert set(run["files"]) == {*(f"{name}.npz" for name in MODELS), "curves.json", "samples.txt",
                                 "votes-train.jsonl", "votes-held-out.jsonl"}  # fmt: skip
    assert damaged(made) == []
    for name in MODELS:
        model, extra = load_model(made, name, run)
        assert type(model) is (RewardModel if name == "reward" else LanguageModel) and set(extra) <= {"mean", "std"}


def test_one_changed_bit_in_any_file_is_noticed_and_the_file_is_named(made, run):
    rng, numbers = np.random.default_rng(0), load_run(made)
    for name in numbers["files"]:
        whole = (run / name).read_bytes()
        for place in rng.integers(len(whole), size=20):
            changed = bytearray(whole)
            changed[place] ^= 1 << rng.integers(8)
            (run / name).write_bytes(changed)
            with pytest.raises(Problem, match=f"{name} is not the file that the run wrote.*put it back, or make the run again"):
                checked(run, name, numbers)
        (run / name).write_bytes(whole)


def test_a_copy_of_another_model_is_called_by_its_name(run, capsys):
    shutil.copy(run / "dpo.npz", run / "ppo.npz")
    refused(capsys, ["chat", run], "ppo.npz is not the file that the run wrote", "a copy of dpo.npz", "make the run again")
    assert set(missing(run)) == {"leash"} and "a copy of dpo.npz" in missing(run)["leash"]


def wider(run):
    checkpoint.save(LanguageModel(replace(TOY.model, d_model=64), np.random.default_rng(0)), run / "sft.npz")


def of_nan(run):
    model = checkpoint.load(run / "sft.npz")
    model.trunk.final_norm.gain.data[0] = np.nan
    arrays = {f"parameter/{name}": p.data for name, p in model.named_parameters().items()}
    about = {"format": checkpoint.FORMAT, **checkpoint.described(model)}
    about["sha256"] = checkpoint._digest(about, arrays)
    np.savez(run / "sft.npz", about=json.dumps(about), **arrays)


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (wider, "its d_model is 64, not 32"),
        (of_nan, "holds numbers that are not finite"),
        (lambda run: shutil.copy(run / "reward.npz", run / "sft.npz"), "it holds a RewardModel, not a LanguageModel"),
    ],
    ids=["another width", "NaN", "a reward model"],
)
def test_another_kind_of_model_is_refused_whatever_its_sha_256(run, capsys, monkeypatch, damage, reason, sealed):
    damage(run)
    if sealed:
        reseal(run)
    for command in ("chat", "vote"):
        refused(capsys, [command, run], "sft.npz", reason)


def test_a_language_model_is_no_reward_model(run):
    shutil.copy(run / "sft.npz", run / "reward.npz")
    reseal(run)
    assert "it holds a LanguageModel, not a RewardModel" in missing(run)["reward"]


def test_a_letter_in_the_votes_costs_the_scenes_that_show_them(run):
    text = (run / "votes-held-out.jsonl").read_text(encoding="utf-8")
    (run / "votes-held-out.jsonl").write_text(text.replace("e", "a", 1), encoding="utf-8")
    found = missing(run)
    assert set(found) == {"votes", "reward"}
    assert all("votes-held-out.jsonl is not the file that the run wrote" in why for why in found.values())
    text = (run / "votes-train.jsonl").read_text(encoding="utf-8")
    (run / "votes-train.jsonl").write_text(text.replace("e", "a", 1), encoding="utf-8")
    own = load_run(run) | {"votes": {"own": True}}
    with pytest.raises(Problem, match="votes-train.jsonl is not the file"):
        leashes.on_leash(own, run, 0.1)


@pytest.mark.parametrize("path", [("seed",), ("scoreboard", "sampled", "ppo", "gold"), ("timings", "seconds", "ppo"), ("code",)])
def test_a_changed_number_is_refused_in_a_talk_and_told_on_the_page(run, capsys, path):
    numbers = holder = json.loads((run / "run.json").read_text(encoding="utf-8"))
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = "0123" if path == ("code",) else holder[path[-1]] + 1
    (run / "run.json").write_text(json.dumps(numbers), encoding="utf-8")
    for command in ("chat", "vote"):
        refused(capsys, [command, run], "run.json is not as the run wrote it", "make the run again")
    assert ["run.json is not as the run wrote it" in line for _, line in damaged(run)] == [True]
    with toy_size():
        data = page_data(run)
    assert data.run.remark == EDITED
    assert EDITED[10:] in document(data) and EDITED[10:] in transcript(data)


def test_the_form_of_run_json_is_free(run):
    """Who lets an editor indent it anew has changed nothing."""
    numbers = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (run / "run.json").write_text(json.dumps(dict(reversed(numbers.items())), indent=8), encoding="utf-8")
    assert load_run(run) and damaged(run) == []


def test_a_run_from_before_files_were_sealed_is_one_line(run, capsys):
    numbers = json.loads((run / "run.json").read_text(encoding="utf-8"))
    del numbers["files"], numbers["sha256"], numbers["timings"]["sha256"]
    (run / "run.json").write_text(json.dumps(numbers), encoding="utf-8")
    refused(capsys, ["chat", run], "run.json is not as the run wrote it", "make the run again")
    assert len(missing(run)) == 7


@pytest.mark.whole
def test_the_same_tour_mends_a_damaged_run(made, run, folder):
    for name in ("ppo.npz", "run.json", "curves.json"):
        (run / name).write_bytes(b"damaged")
    with toy_size():
        assert main(["tour", "--fast", "--out", str(run.parent)]) == 0
    assert damaged(run) == [] and (run / "ppo.npz").read_bytes() == (made / "ppo.npz").read_bytes()


# ------------------------------------------------------------------------------------------------ cached stages
def test_a_stage_of_another_seed_is_not_believed_under_this_ones_name(made, folder):
    mine, other = Journey(TOY, 0, folder), Journey(TOY, 1, folder)
    for ending in (".npz", ".json"):
        shutil.copy(mine.path("base", ending), other.path("base", ending))
    with pytest.raises(UnreadableStage, match="it is the base stage of another run"):
        other.stage("base")


@pytest.mark.parametrize(
    ("name", "model", "reason"),
    [
        ("base", ScalarModel(TOY.model, np.random.default_rng(0)), "it holds a ScalarModel, not a LanguageModel"),
        ("reward", LanguageModel(TOY.model, np.random.default_rng(0)), "it holds a LanguageModel, not a RewardModel"),
        ("base", LanguageModel(replace(TOY.model, n_head=4), np.random.default_rng(0)), "its n_head is 4, not 2"),
    ],
)
def test_a_stage_of_another_kind_or_configuration_is_refused_even_if_its_sha_256_is_right(made, folder, name, model, reason):
    journey = Journey(TOY, 0, folder)
    journey.store(name, replace(journey.stage(name), model=model))
    with pytest.raises(UnreadableStage, match=reason):
        Journey(TOY, 0, folder).stage(name)


def test_a_stage_says_what_it_is(folder):
    journey = Journey(TOY, 0, folder)
    about = json.loads(journey.path("reward", ".json").read_text(encoding="utf-8"))
    assert about["model"] == {"kind": "RewardModel", "config": json.loads(cache.as_text(TOY.model))}
    assert about["key"] == journey.key("reward") and about["code"] == cache.fingerprint(pipeline.__file__)


# ------------------------------------------------------------------------------------------------ experiments, lessons
def test_what_an_experiment_has_kept_is_believed_as_it_was_written(tmp_path, monkeypatch):
    class Experiment:
        __file__ = lab.__file__

        def one_seed(recipe, seed, folder):
            return {"n": 3, "x": [0.5, 1.25]}

    monkeypatch.setattr(lab_command, "experiment", lambda name: Experiment)
    task = ("leash", TOY, 0, tmp_path)
    assert lab_command.one_result(task) == {"n": 3, "x": [0.5, 1.25]} == lab_command.one_result(task)
    [path] = tmp_path.glob("lab-leash-*.json")
    whole = path.read_text(encoding="utf-8")
    for changed in (whole.replace("1.25", "1.26"), whole[:-9], "{}", "[" * 100_000, '{"n": 3, "x": [0.5, 1.25]}'):
        path.write_text(changed, encoding="utf-8")
        with pytest.raises(Problem, match="cannot be read.*delete that file and run again"):
            lab_command.one_result(task)
    path.write_text(whole, encoding="utf-8")
    shutil.copy(path, tmp_path / path.name.replace(lab_command.result_key("leash", TOY, 0), lab_command.result_key("leash", TOY, 1)))
    with pytest.raises(Problem, match="it is of another experiment"):
        lab_command.one_result(("leash", TOY, 1, tmp_path))


def test_a_lessons_numbers_are_believed_as_they_were_written(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(cache.seal({"complete": True, "key": "k", "numbers": {"loss": 0.693}, "claims": {1: "x"}})), encoding="utf-8")
    assert kept_run(path)["numbers"] == {"loss": 0.693}
    path.write_text(path.read_text(encoding="utf-8").replace("0.693", "0.593"), encoding="utf-8")
    assert kept_run(path) == {}  # so the lesson is run again


# ------------------------------------------------------------------------------------------------ votes of one's own
@pytest.mark.whole
def test_two_files_of_votes_make_two_runs(made, folder, tmp_path):
    votes = load_jsonl(made / "votes-train.jsonl")
    n = len(votes) // 2
    (tmp_path / "x").mkdir()
    files = [(tmp_path / "a.jsonl", votes[range(n)]), (tmp_path / "b.jsonl", votes[range(n)]),
             (tmp_path / "x" / "a.jsonl", votes[range(n, 2 * n)])]  # fmt: skip
    with toy_size():
        for path, some in files:
            save_jsonl(some, path)
            assert main(["tour", "--fast", "--out", str(tmp_path), "--votes", str(path)]) == 0
    runs = {load_run(path)["votes"]["file"]: load_run(path)["votes"] for path in tmp_path.glob("tour-fast-s0-votes-*")}
    assert set(runs) == {str(path) for path, _ in files}
    assert all(runs[str(path)]["train"] == len(some) for path, some in files)
    assert runs[str(files[0][0])]["digest"] == runs[str(files[1][0])]["digest"] != runs[str(files[2][0])]["digest"]


def test_votes_have_the_same_name_and_key_in_every_process(made):
    """The tokenizer's address in memory used to be part of the key, so no second tour found its own stages."""
    votes = load_jsonl(made / "votes-train.jsonl")
    code = f"""if True:
        from toy import TOY
        from minialign.pipeline import Journey
        from minialign.preferences import load_jsonl
        from minialign.runs.folder import votes_name
        votes = load_jsonl({str(made / "votes-train.jsonl")!r})
        print(votes_name("a.jsonl", votes), Journey(TOY, 0, own_votes=votes).key("dpo"))
    """
    path = os.pathsep.join([os.path.dirname(__file__), os.path.dirname(os.path.dirname(cache.__file__))])
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=True, encoding="utf-8")
    assert done.stdout.split() == [votes_name("a.jsonl", votes), Journey(TOY, 0, own_votes=votes).key("dpo")]


@pytest.mark.parametrize("path", ["../../etc/x.jsonl", "a b\n.jsonl", ".jsonl", "-", "x" * 300 + ".jsonl", "\u00e9\u202e.jsonl"])
def test_the_name_of_a_file_makes_a_plain_name_of_a_folder(path):
    name = votes_name(path, Preferences([], [], []))
    assert name.isascii() and name.startswith("-votes-") and len(name) <= 60 and not set(name) & set("/\\. \n")
