"""`minialign doctor`: what is damaged is named, each with one fix, on one screen; what is whole is left alone."""

import json
import os
import re
import shutil
import tempfile
import time
import webbrowser
from pathlib import Path

import pytest

from minialign import cache, checkpoint, pretrained
from minialign.checkpoint import ABANDONED, UNFINISHED
from minialign.cli.command import main
from minialign.figures import style
from minialign.runs import health


@pytest.fixture
def out(toy_runs):
    """A folder of runs with one run and its cache, to be damaged.  Its path is short: what is said must fit on a screen."""
    with tempfile.TemporaryDirectory() as folder:
        yield shutil.copytree(toy_runs, Path(folder) / "runs")


def doctor(out, capsys, *arguments):
    """-> (exit code, what was said, the fixes)."""
    capsys.readouterr()
    code = main(["doctor", "--out", str(out), *arguments])
    said = capsys.readouterr().out
    aside = said.replace(str(out), "runs")
    assert len(aside.splitlines()) <= 24 and max(map(len, aside.splitlines())) <= 88 + 60
    return code, said, re.findall(r"^ +fix: (.*)$", said, re.M)


def the(out, pattern):
    [path] = (out / "cache").glob(pattern)
    return path


def test_a_healthy_place_is_one_screen_and_exit_0(out, capsys):
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    code, said, fixes = doctor(out, capsys, "--clean")
    assert (code, fixes) == (0, []) and said.endswith("all is well\n") and "0 files" in said
    for what in ("Python", "NumPy", "matplotlib", "browser", "base model", "folder", "cache", "runs"):
        assert re.search(rf"^{what} ", said, re.M), what
    assert re.search(r"blas.*, kernel \w+.*, (\d+|threads unknown)", said.replace("\n", " "), re.I) and "backend agg" in said
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_damaged_base_model_is_named_by_doctor_and_tour_with_the_way_out(out, capsys, monkeypatch, tmp_path):
    """The checkpoint that comes with the package is trusted no more than others."""
    monkeypatch.setattr(pretrained, "WEIGHTS", Path(shutil.copy(pretrained.WEIGHTS, tmp_path)))
    flip(pretrained.WEIGHTS)
    code, said, fixes = doctor(out, capsys)
    assert code == 1 and fixes == ["install minialign again, or make it: python -m minialign.pretrain"]
    assert "is not a whole minialign checkpoint" in re.sub(r"\s+", " ", said)
    assert main(["tour", "--fast", "--out", str(tmp_path / "new")]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].startswith("minialign: the base model that comes with the package") and said[-1].endswith(fixes[0])


def flip(path):
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda out: flip(the(out, "ppo-*.npz")), r"ppo-\w+\.json: ppo-\w+\.npz is not what was written"),
        (lambda out: flip(the(out, "votes-*-train.jsonl")), r"votes-\w+-train\.jsonl is not what was written"),
        (lambda out: the(out, "sft-*.npz").unlink(), r"sft-\w+\.npz is gone"),
        (lambda out: the(out, "dpo-*.json").write_text("{", encoding="utf-8"), r"dpo-\w+\.json: "),
        (lambda out: the(out, "dpo-*.json").write_text("[]", encoding="utf-8"), r"dpo-\w+\.json: it has no SHA-256"),
        (lambda out: the(out, "base-*.json").rename(out / "cache" / "base-0123456789abcdef.json"), r"under another name"),
        (lambda out: (out / "cache" / "lab-leash-0123456789abcdef.json").write_text('{"n": 1}', encoding="utf-8"), r"lab-leash-\w+\.json: it has"),
    ],
)
def test_a_damaged_cache_is_named_and_cleaned_and_then_a_tour_goes_on(out, capsys, damage, named):
    damage(out)
    code, said, fixes = doctor(out, capsys)
    assert code == 1 and "  damaged" in said and re.search(named, re.sub(r"\s+", " ", said)), said
    assert len(fixes) == 1 and "1 to fix" in said and "doctor --clean" in fixes[0]
    whole = len(list((out / "cache").iterdir()))
    code, said, fixes = doctor(out, capsys, "--clean")
    assert (code, fixes) == (0, []) and 0 < whole - len(list((out / "cache").iterdir())) <= 3


def test_what_other_code_has_made_is_stale(out, capsys):
    path = the(out, "ppo-*.json")
    about = cache.unseal(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(cache.seal(about | {"code": "0123456789abcdef"})), encoding="utf-8")
    code, said, fixes = doctor(out, capsys)
    assert code == 1 and "  stale" in said and "made by another version of the code" in said and len(fixes) == 1
    doctor(out, capsys, "--clean")
    assert not list((out / "cache").glob("ppo-*")) and list((out / "cache").glob("dpo-*"))


def test_what_a_kill_has_left_is_removed_once_it_is_old(out, capsys):
    for name in (f"{UNFINISHED}abc", "ppo-0123456789abcdef.npz"):
        (out / "cache" / name).write_bytes(b"half")
    assert doctor(out, capsys)[0] == 0  # another tour may be writing it now
    for name in (f"{UNFINISHED}abc", "ppo-0123456789abcdef.npz"):
        os.utime(out / "cache" / name, (time.time() - 2 * ABANDONED,) * 2)
    assert "left unfinished by a killed process" in doctor(out, capsys)[1]
    assert doctor(out, capsys, "--clean")[0] == 0 and not list((out / "cache").glob("ppo-0123*"))


def test_a_strangers_file_is_left_alone_and_takes_none_of_ours_with_it(out, capsys):
    for name in ("notes.txt", "p.json", "ppo.json"):
        (out / "cache" / name).write_text("mine", encoding="utf-8")
        os.utime(out / "cache" / name, (0, 0))
    before = sorted((out / "cache").iterdir())
    assert doctor(out, capsys, "--clean")[0] == 0 and sorted((out / "cache").iterdir()) == before


def test_each_damaged_file_of_a_run_is_named_and_none_is_removed(out, capsys):
    run = out / "tour-fast-s0"
    shutil.copy(run / "dpo.npz", run / "ppo.npz")
    (run / "curves.json").unlink()
    code, said, fixes = doctor(out, capsys, "--clean")
    flat = re.sub(r"\s+", " ", said)
    assert code == 1 and "curves.json cannot be read" in flat and "; and ppo.npz" in flat and "1 to fix" in flat
    assert len(fixes) == 1 and "make the run again with: minialign tour" in flat
    (run / "run.json").write_text("[]", encoding="utf-8")
    assert "is not a run of minialign" in re.sub(r"\s+", " ", doctor(out, capsys)[1]) and (run / "ppo.npz").exists()


def test_much_damage_still_fits_on_a_screen(out, capsys):
    run = out / "tour-fast-s0"
    for name in json.loads((run / "run.json").read_text(encoding="utf-8"))["files"]:
        (run / name).unlink()
    for number in range(8):
        shutil.copytree(run, out / f"tour-fast-s{number + 1}")
    code, said, _ = doctor(out, capsys)
    assert code == 1 and "and 7 more damaged runs" in said and "9 to fix" in said


def test_a_place_that_cannot_be_written_has_a_fix(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    code, said, fixes = doctor(tmp_path / "file" / "runs", capsys)
    assert code == 1 and "cannot be written" in said and fixes == ["choose another folder with --out DIR"]


def test_nothing_is_made_by_looking(tmp_path, capsys):
    assert doctor(tmp_path / "runs", capsys)[0] == 0 and not list(tmp_path.iterdir())


def broken(*_, **__):
    raise RuntimeError("no fonts")


def test_broken_programs_have_a_fix(monkeypatch):
    monkeypatch.setattr(style, "panels", broken)
    assert "no fonts" in health.matplotlib().says and health.matplotlib().fix.startswith("pip install")
    monkeypatch.setattr(health.np, "__version__", "1.24.0")
    monkeypatch.setattr(health.np, "show_config", lambda: None)  # so it was before 1.25
    assert health.numpy().fix == "pip install -U numpy" and "BLAS unknown" in health.numpy().says
    monkeypatch.setattr(health.sys, "version_info", (3, 9))
    assert health.python().fix == "install Python 3.10 or newer"
    monkeypatch.setattr(health, "ROOM", 1e18)
    assert health.room(".").fix.startswith("free some space")


def test_no_browser_is_said_and_is_no_fault(monkeypatch):
    def none():
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    assert "any other computer" in health.browser().says and not health.browser().fix


def test_a_healthy_cache_is_the_one_that_a_journey_reads(out):
    """The doctor and the pipeline agree on what is damaged."""
    found = health.look_through(out / "cache")
    assert found.trouble() == [] and found.files == len(list((out / "cache").iterdir())) and found.size > 0
    assert all(checkpoint.load(path) for path in (out / "cache").glob("*.npz"))
