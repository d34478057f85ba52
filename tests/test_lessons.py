"""The lessons: each runs by itself, keeps what it promises, and shows code that is there; and the harness under them."""

import ast
import itertools
import json
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from forked import run_forked

from minialign.cli.command import main
from minialign.figures import lab_plots, lesson_plots
from minialign.history import History
from minialign.teach import calibrate, equations
from minialign.teach.lesson_doc import claims_of, faults_of, read_doc

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted((ROOT / "lessons").glob("[0-9][0-9]_*.py"))
PARTS = ("QUESTION", "NEEDS", "TIME", "EQUATION", "WATCH", "BREAK IT", "EXERCISES")

WITHOUT_A_NETWORK = """if True:
    import runpy, socket, sys

    class NoSocket(socket.socket):
        def __init__(self, *_, **__):
            raise OSError("a lesson needs no network")

    socket.socket = NoSocket
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(script, *arguments, **options):
    """A script in a process of its own: no network, no display, nobody at the keyboard."""
    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "MPLBACKEND")}
    command = [sys.executable, "-c", WITHOUT_A_NETWORK, str(script), *map(str, arguments)]
    settings = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": 1800, "env": env}
    return subprocess.run(command, **settings | options)


def result(folder):
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


# ------------------------------------------------------------------------------------------------ the lessons
@pytest.mark.lessons
@pytest.mark.parametrize("script", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_by_itself(script, lesson_runs):
    done = run(script, "--fast", "--out", lesson_runs)
    assert done.returncode == 0 and "Warning" not in done.stderr, done.stderr
    told = [line for line in done.stdout.splitlines() if str(lesson_runs) not in line]  # paths may be of any length
    assert done.stdout.isascii() and max(map(len, told)) <= 88, max(told, key=len)
    folder = lesson_runs / "lessons" / f"{script.stem}-fast"
    r = result(folder)
    unseen = [claim["sentence"] for claim in r["claims"].values() if not claim["seen"]]
    assert r["complete"] and len(unseen) <= 1, unseen  # a claim may fail with one seed in twenty
    assert not re.search(r"exact: .* OFF", done.stdout)
    assert r["pictures"]
    for name, words in r["pictures"].items():
        assert (folder / f"{name}.png").exists() and (folder / f"{name}.svg").exists()
        assert words.isascii() and (folder / f"{name}.txt").read_text(encoding="utf-8") == words + "\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "fault"),
    [(path, fault) for path in LESSONS for fault in faults_of(read_doc(path))],
    ids=lambda x: getattr(x, "stem", x),
)
def test_a_fault_shows_where_the_lesson_says_it_will(script, fault, lesson_runs):
    done = run(script, "--fast", "--out", lesson_runs, "--break", fault)
    assert done.returncode == 0, done.stderr
    r = result(lesson_runs / "lessons" / f"{script.stem}-fast-{fault}")
    assert not any(r["claims"][str(n)]["seen"] for n in r["expected_unseen"])


@pytest.mark.lessons
def test_lesson_3_says_of_its_mask_what_its_runs_print(lesson_runs):
    """Other machines round otherwise, and 60 samples tell: a tenth is allowed."""
    script = LESSONS[2]
    said = " ".join(script.read_text(encoding="utf-8").replace("\n#", "").split())
    said = said[said.index("What the mask is worth") :]
    ran = [run(script, "--fast", "--out", lesson_runs, *fault) for fault in ([], ["--break", "nomask"])]
    assert [done.returncode for done in ran] == [0, 0]
    found = [result(lesson_runs / "lessons" / name)["numbers"] for name in ("03_sft-fast", "03_sft-fast-nomask")]
    names = ("after a lone <user> it asks", "loss on their questions", "loss on unseen answers", "gold of its imitator")
    asks, questions, answers, gold = ([numbers[name] for numbers in found] for name in names)
    x = r"(-?\d+(?:\.\d+)?)"
    form = (
        rf"asks in {x}%.*?nomask` in {x}%.*?at {x} instead of {x};.*?at {x} instead of {x}\..*?: {x} with the mask, {x} without"
    )
    told = [float(number) for number in re.search(form, said).groups()]
    assert [told[0] / 100, told[1] / 100, *told[2:]] == pytest.approx([*asks, *questions[::-1], *answers[::-1], *gold], abs=0.1)


@pytest.mark.lessons
def test_lesson_12_takes_the_learners_own_run(toy_runs, tmp_path):
    script = next(path for path in LESSONS if path.stem == "12_graduate")
    assert "none yet: there is no finished run" in run(script, "--fast", "--out", tmp_path).stdout
    told = run(script, "--fast", "--out", toy_runs).stdout
    assert "its DPO model as gpt_neox" in told and "largest difference of the logits: 0.0e+00" in told
    assert f"minialign export {toy_runs / 'tour-fast-s0'} --to hf mine" in told


@pytest.mark.parametrize("script", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_has_the_form_of_a_lesson(script):
    text, doc = script.read_text(encoding="utf-8"), read_doc(script)
    lines = text.splitlines()
    code = [line for line in lines if line and not line.startswith("#")]  # its text: see test_lesson_text.py
    assert text.startswith("# %% [markdown]\n") and 60 <= len(code) <= 175 and len(lines) <= 320 and max(map(len, lines)) <= 120
    assert re.match(rf"Lesson {int(script.stem[:2])} - .*\?$", doc.splitlines()[0])
    parts = [name for name in PARTS if faults_of(doc) or name != "BREAK IT"]
    assert re.findall(r"^([A-Z]{4}[A-Z ]*?)  ", doc, re.M) == parts
    claims = claims_of(doc)
    assert list(claims) == list(range(1, len(claims) + 1)) and len(claims) >= 3
    assert all(set(fails) <= set(claims) and fails for _, fails in faults_of(doc).values())
    assert f"minialign check {int(script.stem[:2])}" in doc or "(write)" not in doc
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = [getattr(node, "module", None) or node.names[0].name for node in imports]
    assert names[0] == "minialign" and not any("pyplot" in name for name in names)


@pytest.mark.parametrize("script", LESSONS, ids=lambda path: path.stem)
def test_headings_have_the_numbers_that_the_terminal_prints(script):
    text = script.read_text(encoding="utf-8")
    headings = [int(n) for numbers in re.findall(r"^# ## (\d[^.]*)\.", text, re.M) for n in numbers.split(" and ")]
    assert headings == list(range(1, len(headings) + 1))
    printed = [int(n) for n in re.findall(r'section\(f?"(\d+)\. ', text)]
    assert printed[: len(headings)] == headings


def test_help_is_the_docstring(monkeypatch, capsys):
    for script in LESSONS:
        monkeypatch.setattr(sys, "argv", [str(script), "--help"])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(script), run_name="__main__")
        assert stop.value.code == 0 and read_doc(script).strip() in capsys.readouterr().out


# ------------------------------------------------------------------------------------------------ equations
def cited_by(script):
    return set(equations.cited(read_doc(script)))


def test_every_equation_that_is_cited_is_in_the_code_and_every_one_in_the_code_is_cited():
    cited = set().union(*map(cited_by, LESSONS))
    assert cited == set(equations.regions())


@pytest.mark.parametrize("script", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_shows_what_it_cites(script):
    calls = [node for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    shown = {c.args[0].value for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "show" and c.args
             and isinstance(c.args[0], ast.Constant)}  # fmt: skip
    assert shown == cited_by(script)


def test_regions_are_short_enough_to_be_read():
    assert all(len(region.code.splitlines()) <= 15 for region in equations.regions().values())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("# eq: a\nx\n# end eq\n# eq: a\ny\n# end eq\n", "begins twice"),
        ("# eq: a\n# eq: b\n# end eq\n", "inside a"),
        ("x\n# end eq\n", "never began"),
        ("# eq: a\nx\n", "never ends"),
    ],
)
def test_a_broken_index_is_found(text, complaint, tmp_path):
    (tmp_path / "code.py").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=complaint):
        equations.regions(tmp_path)


def test_a_region_is_shown_without_its_indentation(tmp_path):
    (tmp_path / "code.py").write_text("def f():\n    # eq: sum\n    if x:\n        return y\n    # end eq\n", encoding="utf-8")
    region = equations.regions(tmp_path)["sum"]
    assert region.code == "if x:\n    return y" and region.place.endswith("code.py:3-4")


# ------------------------------------------------------------------------------------------------ the harness
LONG = "the longest name that a lesson gives"
TOY = '''"""Lesson 3 - Toy: does the harness do what it says?

WATCH      1. two and two
              are four
           2. the sign is right
BREAK IT   --break sign   a sign is flipped -> 2
           --break sum    sums are wrong -> 1
"""

import minialign

import time
from minialign import dpo
from minialign.teach.lesson import Lesson

lesson = Lesson(__file__, __doc__)
lesson.predict("Is it?", ["no", "yes"], 1, "because")
if lesson.fault == "sign":
    lesson.inject_fault(dpo, "dpo_loss", "h = chosen_rewards - rejected_rewards", "h = rejected_rewards - chosen_rewards")
done = 0
for step in lesson.steps(range(LENGTH), "steps"):
    done += 1
    if LENGTH > 2:
        print("step", flush=True)
        time.sleep(0.2)
_, metrics = dpo.dpo_loss([1.0], [0.0], [0.0], [0.0])
lesson.number("free", 0.25, ".2f")
lesson.number("ln", metrics["rewards/margins"], ".2f", exact=0.1)
lesson.number("steps", done, ".0f")
lesson.number("LONG", 0.5, ".2f")
lesson.reveal()
lesson.claim(1, lesson.fault != "sum", "4")
LAST
lesson.claim(2, metrics["rewards/margins"] > 0)
lesson.finish()
'''


@pytest.fixture
def toy(tmp_path):
    def write(length=2, last="", name="03_toy.py"):
        script = tmp_path / name
        script.write_text(TOY.replace("LENGTH", str(length)).replace("LAST", last).replace("LONG", LONG), encoding="utf-8")
        return script

    return write


def test_the_docstring_is_the_list_of_claims_and_faults():
    doc = TOY.split('"""')[1]
    assert claims_of(doc) == {1: "two and two are four", 2: "the sign is right"}
    assert faults_of(doc) == {"sign": ("a sign is flipped", [2]), "sum": ("sums are wrong", [1])}


def test_a_lesson_tells_and_keeps_its_numbers_and_claims(toy, tmp_path):
    done = run(toy(), "--out", tmp_path, "--seed", 3)
    assert done.returncode == 0 and done.stderr == ""
    assert "[seen] 1. two and two are four (4)" in done.stdout and "[seen] 2." in done.stdout
    assert re.search(r"free +0.25  not calibrated yet", done.stdout)
    assert f"   {LONG} 0.50  not" in done.stdout  # a name as long as they come is set apart from its number
    assert re.search(r"ln +0.10  exact: 0.10  ok", done.stdout)
    assert "PREDICT Is it?" in done.stdout and "REVEAL  b) yes: because" in done.stdout
    r = result(tmp_path / "lessons" / "03_toy-s3")
    assert r["complete"] and r["numbers"] == {"free": 0.25, "ln": pytest.approx(0.1), "steps": 2, LONG: 0.5}
    assert r["claims"]["2"] == {"sentence": "the sign is right", "seen": True} and r["fault"] is None


def test_a_run_with_a_human_rater_is_kept_apart(toy, tmp_path):
    script = toy()
    script.write_text(
        script.read_text(encoding="utf-8").replace("WATCH ", "NEEDS      you, with --rate terminal\nWATCH ", 1),
        encoding="utf-8",
    )
    done = run_forked(script, "--out", tmp_path, "--rate", "terminal", "--seed", 3)
    assert done.returncode == 0 and result(tmp_path / "lessons" / "03_toy-rated-s3")["complete"], done.stderr


def test_a_fault_changes_one_line_in_memory_and_shows_it(toy, tmp_path):
    done = run_forked(toy(), "--out", tmp_path, "--break", "sign")
    assert done.returncode == 0 and "BROKEN ON PURPOSE, sign: a sign is flipped." in done.stdout
    assert "[NOT SEEN] 2." in done.stdout and re.search(r"ln +-0.10  exact: 0.10  OFF", done.stdout)
    assert "h = chosen_rewards - rejected_rewards  ->" in done.stdout
    assert "Expected to go unseen: claims 2. Went unseen: 2." in done.stdout


def test_a_mystery_is_told_at_the_end_only_and_depends_on_the_seed(toy, tmp_path):
    found = set()
    for seed in range(6):
        done = run_forked(toy(), "--out", tmp_path, "--break", "mystery", "--seed", seed)
        before, after = done.stdout.split("WHAT WAS BROKEN?")
        assert "flipped" not in before and "wrong" not in before
        found.add(re.search(r"It was (\w+)", after)[1])
        if len(found) > 1:
            break
    assert found == {"sign", "sum"}


def test_a_fault_that_finds_no_line_is_an_error(toy, tmp_path):
    done = run_forked(toy(last="lesson.inject_fault(dpo, 'train_dpo', 'no such line', '')"), "--out", tmp_path)
    assert done.returncode == 1 and "occurs 0 times" in done.stderr


def test_a_promise_that_is_never_checked_is_an_error(toy, tmp_path):
    script = toy()
    script.write_text(script.read_text(encoding="utf-8").replace("lesson.claim(1", "(1"), encoding="utf-8")
    done = run_forked(script, "--out", tmp_path)
    assert done.returncode == 1 and "never checked: claims [1]" in done.stderr


@pytest.mark.parametrize("arguments", [["--quick"], ["--break", "leg"], ["--seed", "-1"], ["--votes", "x"]])
def test_a_wrong_flag_is_one_line(toy, tmp_path, arguments):
    done = run_forked(toy(), "--out", tmp_path / "new", *arguments)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and not (tmp_path / "new").exists()


def test_an_unwritable_folder_is_one_line(toy, tmp_path):
    script = toy()
    done = run_forked(script, "--out", script)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("minialign: cannot write")


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C in another way")
@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_in_a_loop_goes_on_with_what_there_is_and_a_second_one_ends_it(toy, tmp_path, presses):
    command = [sys.executable, str(toy(length=100)), "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8") as process:
        while process.stdout.readline() != "step\n":
            pass
        for _ in range(presses):
            process.send_signal(signal.SIGINT)
            while presses == 2 and "stopping" not in process.stderr.readline():
                pass
            presses -= 1
        out, err = process.communicate(timeout=60)
    r = result(tmp_path / "lessons" / "03_toy")
    assert process.returncode == 130 and "interrupted" in err and "Traceback" not in err and not r["complete"]
    assert ("[seen] 2." in out and r["numbers"]["steps"] < 100) or r["claims"] == {}


def test_a_stage_that_cannot_be_read_is_one_line(toy, tmp_path):
    script = toy(last='from minialign.pipeline import UnreadableStage; raise UnreadableStage("the base stage")')
    done = run_forked(script, "--out", tmp_path)
    assert done.returncode == 2 and done.stderr == "minialign: the base stage; delete that folder and run again\n"


@pytest.mark.whole
@pytest.mark.skipif(os.name == "nt", reason="there is no pty on Windows")
def test_on_a_terminal_it_asks_and_enter_skips(toy, tmp_path):
    import pty

    guessed, skipped, unasked = ([], b"b\n", b"and so it is"), ([], b"\n", b"guess"), (["--no-predict"], b"", b"REVEAL")
    for flags, typed, needle in (guessed, skipped, unasked):
        keyboard, terminal = pty.openpty()
        command = [sys.executable, str(toy()), "--out", str(tmp_path), *flags]
        process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal)
        os.close(terminal)
        shown, began = b"", time.perf_counter()
        try:
            while piece := os.read(keyboard, 10_000):
                shown += piece
                if typed and b"skip)?" in shown:
                    time.sleep(1)
                    typed = os.write(keyboard, typed) and b""
        except OSError:
            pass  # Linux: the other end is closed
        assert process.wait(timeout=60) == 0 and needle in shown
        thinking = 0 if flags else 1  # is not the lesson's time
        assert result(tmp_path / "lessons" / "03_toy")["seconds"] <= time.perf_counter() - began - thinking + 0.05
        os.close(keyboard)


# ------------------------------------------------------------------------------------------------ the pictures
NEARLY_EQUAL = {"step": [0, 5, 170], "answers": [0.1, 0.5, 0.99], "ends": [0.6, 0.8, 1.0], "asks": [0.9, 0.5, 0.0]}
BINS = {"count": np.array([3, 9]), "predicted": np.array([0.6, 0.97]), "observed": np.array([0.5, 0.4])}
VOTERS = ("one rater", "careful", "crowd", "length", "polite", "yes-man", "careless")
CHOICES = {name: [(n // 2, "a") for n in range(20)] for name in VOTERS}


def duel(chosen, rejected):
    """Lesson 8's picture, with curves that end here."""
    history, even = History(), np.full(5, 0.2)
    for step in range(3):
        history.log(step, {"loss": 0.7, "delta/chosen": chosen, "delta/rejected": rejected})
    roads = dict.fromkeys(("the formula", "DPO", "policy gradient"), even)
    return lesson_plots.shortcut(["refuse", "i do not know", "right", "polite, right", "wrong"], even, roads, 0.5, history)


def rivals():
    """Lesson 13's picture."""
    history = History()
    for step in range(3):
        history.log(step, {"objective/scores": 0.2 * step})
    known = {
        "known,\nSFT": (0.1, 0.5, 0.2),
        "known,\nafter": (0.9, 0.1, 0.0),
        "made up,\nSFT": (0.0, 0.5, 0.4),
        "made up,\nafter": (0.0, 0.94, 0.01),
    }
    figure, words = lab_plots.rivals(np.array([1.0, 2.0, 3.0, 6.0]), np.array([-0.93, -0.46, 0.0, 1.39]), history, known)
    assert words.startswith(
        "Right answers on verified facts go from 10% to 90%, and 'i do not know' about made-up names from 40% to 1%."
    )
    return figure, words


@pytest.mark.parametrize(
    "draw",
    [
        lambda: lesson_plots.learning_to_answer(NEARLY_EQUAL, 0.99),
        lambda: lesson_plots.votes_needed([19], [0.9], [0.37], 0.98, 0.85, BINS),
        lambda: lesson_plots.votes_matrix(CHOICES, (VOTERS, np.ones((7, 7)))),
        lambda: duel(0.02, -2.0),
        lambda: duel(-0.02, -2.0),
        lambda: lesson_plots.six_cases(),
        lambda: rivals(),
    ],
)
def test_no_words_of_a_picture_are_cut_off_or_lie_on_others(draw):
    figure, words = draw()
    figure.draw_without_rendering()
    for ax in figure.axes:
        boxes = [text.get_window_extent() for text in ax.texts if text.get_text()]
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2)), words
        for box in (*boxes, ax._left_title.get_window_extent()):
            assert 0 <= box.x0 and box.x1 <= figure.bbox.x1 and 0 <= box.y0 and box.y1 <= figure.bbox.y1, words


def test_one_size_of_votes_is_told_once():
    words = lesson_plots.votes_needed([19], [0.9], [0.37], 0.98, 0.85, BINS)[1]
    assert words.count("19 votes") == 1 and "no vote 85%" in words and "right less often than it says, by 45.2 points" in words


# ------------------------------------------------------------------------------------------------ calibration
@pytest.mark.whole
def test_calibration_counts_the_claims_writes_the_bands_and_goes_on_where_it_stopped(toy, tmp_path, capsys):
    toy(), toy(name="05_other.py", last="assert lesson.seed != 1, 'a lesson that fails'")
    where = ["--out", str(tmp_path / "runs"), "--lessons", str(tmp_path)]
    arguments = ["calibrate", "--seeds", "2", "--jobs", "1", *where]
    kept = {"05_other": {"full": {"free": [0.2, 0.3, 20]}}}
    (tmp_path / "bands.json").write_text(json.dumps(kept), encoding="utf-8")
    assert main(arguments) == 1
    text = capsys.readouterr().out
    assert "== 03_toy, full, 2 of 2 seeds" in text and "2 of 2   1. two and two are four" in text
    assert "seed 1 failed: AssertionError: a lesson that fails" in text
    bands = json.loads((tmp_path / "bands.json").read_text(encoding="utf-8"))
    assert bands["03_toy"]["full"]["free"] == [0.25, 0.25, 2] and bands["05_other"] == kept["05_other"]
    assert text.splitlines()[-1].startswith("No new bands of 05_other: ")
    kept = tmp_path / "runs" / "lessons" / "03_toy" / "run.json"
    before = kept.stat().st_mtime_ns
    assert main([*arguments[:1], "3", *arguments[1:]]) == 0
    capsys.readouterr()
    assert main([*arguments[:1], "03", "4", *arguments[1:]]) == 2
    assert f"there is no lesson 4 in {tmp_path}" in capsys.readouterr().err
    assert kept.stat().st_mtime_ns == before and json.loads((tmp_path / "bands.json").read_text(encoding="utf-8")) == bands
    done = run(tmp_path / "03_toy.py", "--out", tmp_path)
    assert re.search(r"free +0.25  2 seeds: 0.25 .. 0.25  ok", done.stdout)


@pytest.mark.parametrize("x", [0.0, 1.0, 0.123456, -0.123456, 1234567.0, 1e-9])
def test_bands_are_rounded_outwards(x):
    low, high = calibrate.rounded(x, -1), calibrate.rounded(x, 1)
    assert low <= x <= high and np.isclose(low, high, rtol=1e-3)


def test_no_lessons_is_one_line(tmp_path, capsys):
    assert main(["calibrate", "--lessons", str(tmp_path)]) == 2
    assert "there is no lesson in" in capsys.readouterr().err


@pytest.mark.parametrize(("gold", "falls"), [(0.0, True), (0.35, False), (0.8, False)])
def test_lesson_7_measures_the_fall_from_the_best_leash(gold, falls):
    """Sampled and greedy together: .4 on the best leash, so .35 is no fall of a tenth, and more than .4 none at all."""
    text = LESSONS[6].read_text(encoding="utf-8")
    points = [(0.1, 0.5), (0.2, 0.6), (gold - 0.1, gold + 0.1)]  # the last one has no leash
    scope = {"ppo": [{"proxy": 1.0, "gold": sampled, "gold_greedy": greedy} for sampled, greedy in points], "sft": {"proxy": 0.0}}
    exec(text[text.index("def level(point)") : text.index("# %% [markdown]\n# ## 4.")], scope)
    assert scope["fall"] == pytest.approx(gold - 0.4)
    [claim] = re.findall(r"lesson\.claim\(5, (.*), goes\)", text)
    assert eval(claim, scope) is falls
