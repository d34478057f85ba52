"""`minialign reproduce`: published numbers are read where they are published, and each that has changed is told."""

import json
import os
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from minialign.cli.command import COMMANDS, main, parser
from minialign.teach.bands import read_bands
from minialign.teach.kit.source import read_lessons
from minialign.teach.reproduce import published, run
from minialign.teach.reproduce.published import Quantity, alone, lab_report, quantities, tables, verdict
from minialign.teach.reproduce.steps import band_steps, steps

ROOT = Path(__file__).parents[1]
REPORTS = sorted((ROOT / "docs" / "lab").glob("*.report.txt"))


@pytest.fixture(scope="module")
def real():
    found = steps(ROOT)
    assert len({step.name for step in found}) == len(found)
    return {step.name: step for step in found}


# ---- reading ----------------------------------------------------------------------------------------------------------
def test_numbers_are_read_with_their_spread_and_half_of_their_last_digit():
    assert quantities("-0.05 [-0.34, 0.08] and 85.9% [75.9%, 94.8%]", 5) == [
        Quantity(-0.05, -0.34, 0.08, 0.005, 5), Quantity(85.9, 75.9, 94.8, 0.05, 5),
    ]  # fmt: skip
    assert quantities("2,353 votes, 1.2e+18, 1.7e-06, x86_64, 34%, 3 of 5", 5) == [
        alone(2353), replace(alone(1.2e18), half=5e16), replace(alone(1.7e-6), half=pytest.approx(5e-8)), replace(alone(34), half=0.5), alone(3), alone(5),
    ]  # fmt: skip


def test_a_cell_is_named_after_its_row_and_its_column():
    text = "Over 5 seeds.\n\n| model | gold | wins |\n|---|---|---|\n| PPO | 0.6 [0.5, 0.7] | 2 of 3 |\n\n| | |\n|---|---|\n| votes | 4 |\n"
    assert tables(text) == {
        "PPO · gold": Quantity(0.6, 0.5, 0.7, 0.05, 5), "PPO · wins": alone(2), "PPO · wins (2)": alone(3), "votes": alone(4),
    }  # fmt: skip


def test_a_block_belongs_to_its_command_and_what_is_measured_on_a_machine_is_left_out():
    text = "".join(f"<!-- begin: {name} -->\n{n}\n<!-- end -->\n" for n, name in enumerate(("a b", "c, x", "c, measured", "c")))
    assert published.blocks(f"`<!-- begin: no -->` is no block\n{text}") == {"a b": "0\n", "c": "1\n3\n"}


def test_no_number_of_a_published_table_is_overlooked():
    text = published.blocks((ROOT / "docs" / "results.md").read_text(encoding="utf-8"))["minialign table"]
    found = tables(text)
    assert sum(x.seeds > 0 for x in found.values()) == text.count("[") - text.count("[smallest")
    assert all(x.low <= x.middle <= x.high for x in found.values())
    assert {name.partition(" · ")[0] for name in found} >= {"SFT", "PPO", "DPO", "best of n", "PPO, greedy"}


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.name)
def test_each_claim_of_an_experiment_and_each_spread_is_read(path):
    text = path.read_text(encoding="utf-8")
    found = lab_report(text)
    claims = [name for name in found if name.startswith("seen: ")]
    assert len(claims) == text.count("\nseen: ") + text.count("\nNOT SEEN: ") > 2
    assert sum(found[name].middle == 0 for name in claims) == text.count("\nNOT SEEN: ")
    forged = lab_report(text.replace("\nseen: ", "\nNOT SEEN: ", 1))
    assert [name for name in found if verdict(name, found[name], forged[name]) == "OUTSIDE"] == [
        next(name for name in claims if found[name].middle == 1)
    ]


def test_every_step_is_a_command_that_there_is(real):
    for step in real.values():
        program, *words = shlex.split(step.command)
        if program == "minialign":
            assert words[0] in COMMANDS
            assert parser(words[0]).parse_args(step.argv(Path("/out"), 1)[3:]).command == words[0]
        else:
            assert program == "python" and all((ROOT / word).exists() for word in words if word.startswith("tests/"))
    assert {"table", "bands-fast", "prepare-fast", "lab-leash", "mutants", "fuzz", "hf_proof", "proof-1", "pretrained"} <= set(real)


def test_every_published_band_of_the_classroom_cut_belongs_to_a_step(real):
    bands = sum(len(cuts.get("fast", {})) for cuts in read_bands(ROOT / "lessons").values())
    assert sum(len(step.published) for step in real.values() if step.name.startswith("bands-fast")) == bands > 0
    assert all(step.fast for step in real.values() if "-fast" in step.name)


def test_every_band_is_of_a_number_that_its_lesson_still_prints():
    bands = read_bands(ROOT / "lessons")
    for lesson in read_lessons(ROOT / "lessons").values():
        for cut in bands.get(lesson.name, {}).values():
            assert [name for name in cut if not lesson.prints(name)] == []


def test_of_many_seeds_the_first_few_are_made_again_and_judged_by_the_band_of_all(tmp_path):
    (tmp_path / "lessons").mkdir()
    cuts = {"fast": {"gold": [0.2, 0.6, 20]}, "full": {"gold": [0.4, 0.7, 20]}}
    (tmp_path / "lessons" / "bands.json").write_text(json.dumps({"06_ppo": cuts}), encoding="utf-8")
    fast, full = band_steps(tmp_path)
    assert "--fast --seeds 3 " in fast.command and "calibrate --seeds 5 " in full.command
    assert fast.published["06_ppo · gold"] == Quantity(0.4, 0.2, 0.6, seeds=20)


def test_the_minutes_in_contributing_are_those_of_steps(real):
    timed = run.Clock(ROOT, [], ROOT / "nowhere").published
    assert timed and set(timed) <= set(real) and all(minutes > 0 for minutes in timed.values())


# ---- judging ----------------------------------------------------------------------------------------------------------
def test_a_number_that_is_made_again_is_inside_and_one_that_left_its_spread_is_not(real):
    for step in real.values():
        for name, value in step.published.items():
            far = value.high - value.low + 0.02 * abs(value.middle) + 3 * value.half + 1e-4
            forged = replace(value, middle=value.high + far, low=value.high + far, high=value.high + 2 * far)
            judged = {verdict(name, value, each) for each in (value, forged, None)}
            machine = any(word in name for word in ("seconds", "peak memory", "megabytes", "machine"))
            assert judged == ({"not judged"} if machine else {"inside", "OUTSIDE", "MISSING"}), (name, value)


def test_few_seeds_leave_room_where_spreads_overlap():
    for seeds, word in ((5, "near"), (20, "OUTSIDE")):
        assert verdict("gold", Quantity(0.5, 0.4, 0.6, 0.005, seeds), Quantity(0.62, 0.55, 0.7, 0.005, seeds)) == word
    assert verdict("gold", Quantity(0.5, 0.4, 0.6, 0.005, 5), Quantity(0.8, 0.7, 0.9, 0.005, 5)) == "OUTSIDE"


def test_tolerances_are_those_that_the_report_tells():
    assert verdict("ratio - 1", Quantity(0, 0, 0, seeds=20), Quantity(9e-6, 0, 9e-6, seeds=20)) == "inside"
    assert verdict("ratio - 1", Quantity(0, 0, 0, seeds=20), Quantity(2e-5, 0, 2e-5, seeds=20)) == "OUTSIDE"
    assert verdict("votes", alone(2353), alone(2370)) == "inside" and verdict("votes", alone(2353), alone(2390)) == "OUTSIDE"
    assert verdict("seconds: ppo", alone(10), alone(99)) == verdict("DPO · seconds", alone(10), None) == "not judged"
    five, four = (quantities(f"{n} of 5 seeds")[0] for n in (5, 4))
    assert verdict("PPO above SFT", five, four) == "OUTSIDE"  # a count is not rounded
    assert verdict("gold", alone(1), None) == "MISSING"


# ---- the command ------------------------------------------------------------------------------------------------------
TOY = """
open("times.txt", "a").write("x")
print("Mean [smallest, largest] over 5 seeds")
print("| model | gold | seconds |")
print("|---|---|---|")
print("| PPO | GOLD [0.50, 0.70] | 12 |")
"""


@pytest.fixture()
def tree(tmp_path):
    """A source tree that publishes one table, made by a script, and one proof."""
    for folder in ("docs", "lessons/kit", "tests"):
        (tmp_path / folder).mkdir(parents=True)
    block = "Over 5 seeds.\n\n| model | gold | seconds |\n|---|---|---|\n| PPO | 0.60 [0.50, 0.70] | 3 |\n"
    (tmp_path / "docs" / "results.md").write_text(
        f"<!-- begin: python toy.py -->\n{block}<!-- end: python toy.py -->\n", encoding="utf-8"
    )
    (tmp_path / "docs" / "proof.md").write_text("# Proof\n\n## 1. One\n\n    .venv/bin/python tests/prove.py   (all)\n", encoding="utf-8")
    (tmp_path / "tests" / "prove.py").write_text("print('proved')\n", encoding="utf-8")
    write_toy(tmp_path, "0.61")
    return tmp_path


def write_toy(tree, gold):
    (tree / "toy.py").write_text(TOY.replace("GOLD", gold), encoding="utf-8")


def again(tree, *flags):
    return main(["reproduce", "--source", str(tree), "--out", str(tree / "out"), *flags])


def times(tree):
    return len((tree / "times.txt").read_text(encoding="utf-8"))


def test_numbers_inside_their_spread_pass_and_every_one_is_in_the_report(tree, capsys):
    assert again(tree, "--only", "python-toy-py", "--only", "prove") == 0
    said, report = capsys.readouterr().out, (tree / "out" / "report.md").read_text(encoding="utf-8")
    assert "None of 3 published numbers has changed" in said
    assert "| PPO · gold | 0.6 [0.5, 0.7] | 5 | 0.61 [0.5, 0.7] | inside |" in report
    assert "| PPO · seconds | 3 | - | 12 | not judged |" in report and published.TOLERANCE in report


def test_a_forged_number_is_named_and_the_exit_code_is_1(tree, capsys):
    assert again(tree, "--only", "python-toy-py") == 0
    text = (tree / "docs" / "results.md").read_text(encoding="utf-8")
    (tree / "docs" / "results.md").write_text(text.replace("0.60 [0.50, 0.70]", "0.90 [0.80, 0.95]"), encoding="utf-8")
    assert again(tree, "--only", "python-toy-py") == 1  # what was made is judged anew, not made anew
    said = " ".join(capsys.readouterr().out.split())
    assert "OUTSIDE: PPO · gold: published 0.9 [0.8, 0.95], now 0.61 [0.5, 0.7]" in said and "1 of 2 published numbers" in said
    assert times(tree) == 1


def test_what_is_done_is_made_again_only_if_its_code_has_changed(tree, capsys):
    for gold, runs in (("0.61", 1), ("0.61", 1), ("0.62", 2)):
        write_toy(tree, gold)
        assert again(tree, "--only", "python-toy-py") == 0 and times(tree) == runs
    capsys.readouterr()
    assert again(tree, "--list") == 0
    listed = capsys.readouterr().out
    assert "| python-toy-py | `python toy.py` | 0.0 | 2 | yes |" in listed and "| prove | `python tests/prove.py` | - | 1 | no |" in listed


def test_ctrl_c_ends_the_step_and_keeps_those_before_it(tree, monkeypatch, capsys):
    slow = "import os, time\nopen('pid.txt', 'w').write(str(os.getpid()))\ntime.sleep(60)\n"
    (tree / "tests" / "prove.py").write_text(slow, encoding="utf-8")

    def left(clock, name, seconds):
        if name == "prove" and (tree / "pid.txt").exists():
            raise KeyboardInterrupt
        return ""

    with monkeypatch.context() as patch:
        patch.setattr(run.Clock, "left", left)
        assert again(tree, "--only", "python-toy-py", "--only", "prove") == 130
    assert "run the same command again to resume" in capsys.readouterr().err
    with pytest.raises(ProcessLookupError):
        os.kill(int((tree / "pid.txt").read_text(encoding="utf-8")), 0)
    capsys.readouterr()
    assert again(tree, "--list") == 0 and capsys.readouterr().out.count("| yes |") == 1


def test_a_step_that_fails_is_told_with_its_last_line_and_the_others_go_on(tree, capsys):
    (tree / "tests" / "prove.py").write_text("raise SystemExit('the proof is wrong')\n", encoding="utf-8")
    assert again(tree, "--only", "prove", "--only", "python-toy-py") == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "FAILED, exit code 1: the proof is wrong" in said and times(tree) == 1
    assert "None of 2 published numbers has changed beyond its spread; 1 of 2 steps failed" in said


def test_what_cannot_be_had_here_is_skipped_with_the_reason(tree, real, monkeypatch, capsys):
    assert real["hf_proof"].needs == ("torch", "transformers", "trl") and real["fuzz"].needs == ()
    monkeypatch.setattr(run, "steps", lambda source: [replace(step, needs=("no_such_package",)) for step in steps(source)])
    assert again(tree, "--only", "prove") == 0
    assert "skipped: it needs no_such_package" in capsys.readouterr().out and not (tree / "out" / "steps" / "prove.json").exists()


def test_the_time_that_is_left_is_the_published_one_scaled_by_the_steps_that_are_done(tree):
    clock = run.Clock(tree, [], tree / "out")
    clock.published, clock.here, clock.todo = {"a": 2.0, "b": 10.0}, {"a": 4.0}, ["b", "c"]
    assert clock.minutes("a") == 4 and clock.minutes("b") == 20 and clock.minutes("c") is None
    assert clock.left("b", 300) == "about 15 min left, without 1 not timed yet"


def damaged(tree, path, text):
    (tree / path).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "flags, damage, word",
    [
        (["--only", "dance"], None, "there is no step dance"),
        (["--source", "/nowhere"], None, "--source DIR"),
        ([], ("lessons/kit/measured.json", "[1]"), "measured.json cannot be read"),
        ([], ("lessons/bands.json", "{"), "bands.json cannot be read"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tree, capsys, flags, damage, word):
    if damage:
        damaged(tree, *damage)
    assert again(tree, "--list", *flags) == 2
    said = capsys.readouterr().err.strip()
    assert word in said and "Traceback" not in said


def test_a_damaged_result_is_made_again(tree):
    assert again(tree, "--only", "python-toy-py") == 0
    path = tree / "out" / "steps" / "python-toy-py.json"
    path.write_text(path.read_text(encoding="utf-8").replace("0.61", "0.69"), encoding="utf-8")
    assert again(tree, "--only", "python-toy-py") == 0 and times(tree) == 2
    assert json.loads(path.read_text(encoding="utf-8"))["numbers"]["PPO · gold"][0] == 0.61
