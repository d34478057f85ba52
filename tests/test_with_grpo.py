"""An optional model through the whole house: a tour that makes GRPO too, and one that does not."""

import io
import json

import pytest
from toy import TOY
from toy_run import toy_size, toy_tour

from minialign import pipeline
from minialign.cli.command import main
from minialign.lab.instruments import costs
from minialign.models import MODELS, OPTIONAL, POLICIES, SPEAKERS, STAGES, TRAINED
from minialign.page.data import page_data

pytestmark = pytest.mark.whole  # three toy tours


@pytest.fixture(scope="module")
def runs(toy_runs):
    return toy_runs


@pytest.fixture(scope="module")
def run(runs):
    """The folder of a toy tour with GRPO, after one without."""
    with toy_size():
        assert main(["tour", "--fast", "--with", "grpo", "--with", "grpo", "--out", str(runs)]) == 0
    return runs / "tour-fast-s0"


def numbers(run):
    return json.loads((run / "run.json").read_text(encoding="utf-8"))


def test_the_lists_of_a_plain_tour_do_not_know_it():
    assert OPTIONAL == ["grpo"] and "grpo" in MODELS and "grpo" in pipeline.MAKE
    assert not any("grpo" in names for names in (STAGES, SPEAKERS, POLICIES, TRAINED))
    assert all(row.is_stage and row.speaks for row in MODELS.values() if row.optional)  # the four lists plus the extras


def test_it_is_trained_measured_and_kept(run):
    r = numbers(run)
    for how in ("sampled", "greedy"):
        assert list(r["scoreboard"][how])[-1] == "grpo" and r["scoreboard"][how]["grpo"]["models_in_memory"] == 3
    assert set(r["grpo"]) == set(r["ppo"]) and r["grpo"]["first_ratio_error"] < 1e-4
    assert list(r["samples"]) == [*POLICIES, "grpo"] and len(r["samples"]["grpo"]) == len(r["samples"]["ppo"])
    assert set(r["timings"]["seconds"]) == {*STAGES, "grpo", "measuring"}
    seconds = r["timings"]["seconds"]
    assert r["timings"]["training_seconds"]["grpo"] == seconds["reward"] + seconds["grpo"]
    assert (run / "grpo.npz").exists() and "objective/equal_groups" in (run / "curves.json").read_text(encoding="utf-8")
    assert "\nGRPO\n" in (run / "samples.txt").read_text(encoding="utf-8")


def test_it_is_told(run, runs, capsys):
    with toy_size():
        assert main(["tour", "--fast", "--with", "grpo", "--out", str(runs)]) == 0
    text = capsys.readouterr().out
    assert text.isascii() and text.index("== 7. GRPO") < text.index("== 8. The scoreboard") and text.count("== ") == 9
    assert text.count("found in the cache") == 7 and text.count("clip fraction") == 2
    assert sum(line.startswith("  GRPO ") for line in text.splitlines()) == 2


def test_one_can_talk_to_it(run, capsys, monkeypatch):
    for which, speakers in (("all", [*POLICIES, "grpo"]), ("grpo", ["grpo"])):
        monkeypatch.setattr("sys.stdin", io.StringIO("what does a cow say?\nquit\n"))
        assert main(["chat", str(run), "--model", which]) == 0
        said = capsys.readouterr().out
        assert [line.split()[0] for line in said.splitlines()] == ["you", *(MODELS[name].name for name in speakers)]


def test_it_answers_in_the_page_and_has_a_row_there(run):
    data = page_data(run)
    assert list(data.policies) == [*POLICIES, "grpo"] == [name for name in data.models.weights if name != "reward"]
    scene = data.scenes["dpo"]
    assert scene.board["greedy"]["grpo"].gold == numbers(run)["scoreboard"]["greedy"]["grpo"]["gold"]
    assert len(scene.samples["grpo"]) == len(data.questions)


def test_what_it_costs_can_be_counted(run, runs):
    with toy_size():
        journey = pipeline.Journey(TOY, 0, runs / "cache")
        cost = costs.cost(journey, "grpo")
    assert cost.models == 3 and costs.after_the_votes("grpo") == ["reward", "grpo"]
    assert cost.seconds == journey.stage("reward").seconds + journey.stage("grpo").seconds
    assert costs.after_the_votes("dpo") == ["dpo"] and costs.after_the_votes("sft") == []


def test_a_plain_tour_after_it_is_a_plain_one(run, runs, capsys):
    """Last, for it takes GRPO out of the folder; the cache keeps it."""
    before = numbers(run)
    toy_tour(runs)
    r = numbers(run)
    assert "grpo" not in page_data(run).policies
    assert not (run / "grpo.npz").exists() and "grpo" not in r and list(r["scoreboard"]["sampled"]) == SPEAKERS
    for how, rows in r["scoreboard"].items():
        assert all(row == before["scoreboard"][how][name] for name, row in rows.items())  # GRPO has shifted no number
    assert list((runs / "cache").glob("grpo-*.npz"))
    capsys.readouterr()
    assert main(["chat", str(run), "--model", "grpo"]) == 2 and "grpo.npz" in capsys.readouterr().err


def test_a_model_that_there_is_not(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["tour", "--with", "kto"])
    assert "grpo" in capsys.readouterr().err
