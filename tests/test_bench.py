"""The benchmark measures what it says, compares like with like, and computes its ratios rightly.  Nothing is timed."""

import importlib.util
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy import TOY

from minialign.bench import (
    STAGES,
    WORKLOADS,
    CannotMeasure,
    ablate,
    compare,
    driver,
    gains,
    products,
    ratios,
    report,
    run,
    sizes,
    tour,
)
from minialign.bench import scaling as growth
from minialign.bench.records import Ratio, Seconds, Turns
from minialign.bench.sizes import SIZES, Size
from minialign.cli.command import main
from minialign.figures import style
from minialign.figures.bench_plots import draw
from minialign.figures.growth import Point
from minialign.pipeline import FULL, Journey
from minialign.tokenizer import EOS

ROOT = Path(__file__).resolve().parent.parent
ODD = Size(12, 3, 2, 20, 32, train=(3, 7), sample=(3, 5, 4), dpo=(2, 9), ppo=(6, 5, 4), epochs=2, minibatches=3)


def installed(*names):
    return all(importlib.util.find_spec(name) for name in names)


def one_line(capsys, *needles):
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("minialign: ") and all(needle in line for needle in needles), line


# ------------------------------------------------------------------------------------------------ like with like
@pytest.mark.parametrize("name", ["torch", "transformers"])
def test_the_pytorch_version_computes_what_we_do(name):
    if not installed("torch", name):
        pytest.skip(f"{name} is not installed")
    errors = compare.agree(SIZES["tiny"], list(WORKLOADS), [name], 1, {})[name]
    assert errors["float64"][0] < 1e-11 and errors["float32"][0] < 1e-4
    if name == "torch":
        ours, _ = driver.numbers_of(driver.Task("minialign", SIZES["tiny"]), list(WORKLOADS))
        assert {"train/float64/loss after two steps", "ppo/float64/critic head.weight"} < set(ours)
        assert all(np.abs(g).max() > 0 for key, g in ours.items() if key.endswith(".weight"))


def test_another_computation_is_not_timed(monkeypatch):
    def numbers_of(task, workloads):
        off = 1e-6 if task.system == "torch" else 0.0
        return {"train/float64/loss": np.array(1 + off), "train/float32/loss": np.array(1.0)}, {}

    monkeypatch.setattr(compare, "numbers_of", numbers_of)
    with pytest.raises(CannotMeasure, match="train/float64/loss is off by 1.0e-06; nothing was timed"):
        compare.agree(SIZES["tiny"], ["train"], ["torch"], 1, {})


def test_numbers_without_a_partner_are_an_error():
    with pytest.raises(CannotMeasure, match="no partner: dpo/float64/loss"):
        compare.largest_errors({"dpo/float64/loss": np.ones(1)}, {})
    nan = compare.largest_errors({"dpo/float64/loss": np.ones(1)}, {"dpo/float64/loss": np.full(1, np.nan)})
    assert not nan["float64"][0] <= compare.AGREEMENT["float64"]


# ------------------------------------------------------------------------------------------------ the tour
SMALL = tour.Excerpt(texts=32, d_model=16, n_layer=2)


def test_the_tour_in_pytorch_learns_what_ours_does():
    if not installed("torch"):
        pytest.skip("torch is not installed")
    errors = compare.agree(SMALL, list(STAGES), ["torch"], 1, {})["torch"]
    assert errors["float64"][0] < 1e-10 and errors["float32"][0] < 1e-3


def test_the_numbers_of_the_tour_are_all_that_was_learned():
    for stage, workload in tour.STEPS.items():
        (train, numbers), (_, again) = workload(SMALL, "float64"), workload(SMALL, "float64")
        history, *models = train()
        found, names = numbers(), {name for model in models for name in sizes.named(model)}
        assert {name.partition(" ")[2] for name in found} - {""} == names and "h.1.attn.c_attn.weight" in names
        assert all(np.array_equal(a, b) for a, b in zip(found.values(), again().values())), "a second time differs"
        start = [sizes.language_model(SMALL, "float64"), sizes.scalar_model(SMALL, "float64", 2)]
        if stage != "tour-reward":
            for i, model in enumerate(start[: len(models)]):
                assert not any(np.array_equal(a, found[f"{i} {name}"]) for name, a in sizes.named(model).items() if "weight" in name)


def test_an_excerpt_is_multiplied_by_the_steps_that_the_pipeline_takes(tmp_path):
    more = {name: replace(getattr(TOY, name), epochs=2) for name in ("reward", "dpo")}
    run = Journey(replace(TOY, sft_epochs=3, **more), 0, tmp_path)
    taken = {f"tour-{name}": len(run.stage(name).history["lr"]) for name in ("base", "sft", "reward", "ppo", "dpo")}
    assert taken == tour.steps(run.recipe, len(run.votes()[0]))
    whole = tour.steps(FULL, tour.VOTES)
    for stage, workload in tour.STEPS.items():
        of_excerpt = len(workload(SMALL)[0]()[0]["lr"])
        assert SMALL.share(stage) * of_excerpt == whole[stage], stage
    assert f"| votes to train on | {tour.VOTES} |" in (ROOT / "docs" / "results.md").read_text(encoding="utf-8")


def test_the_sampler_is_dictated_to_and_then_free_again():
    model, new = sizes.language_model(SMALL, "float32"), np.random.default_rng
    answers = tour.texts(SMALL).answers
    prompts = list(answers)
    with tour.dictated(answers):
        samples = tour.policy_gradient.generate(model, prompts, 64, 1.0, new(0))
    assert samples.ended.all() and len({int(n) for n in samples.lengths - samples.prompt_lengths}) > 5
    for row, prompt, n in zip(samples.ids, prompts, samples.lengths):
        assert row[:n].tolist() == [*prompt, *answers[prompt]][:n] and row[n - 1] == EOS
    assert not np.array_equal(tour.policy_gradient.generate(model, prompts, 64, 1.0, new(0)).ids, samples.ids)


def test_the_tours_ratio_is_that_of_the_sums_of_each_round():
    stages = [({"minialign": [1, 2], "torch": [2, 2]}, 10), ({"minialign": [3, 1], "torch": [1, 4]}, 2)]
    results = []
    for seconds, share in stages:
        turns = found(seconds["minialign"], seconds["minialign"], torch=seconds["torch"])
        results.append(ratios.summary(ratios.longer(turns, share), "cpu"))
    whole = ratios.together(results, "cpu")
    assert whole.times["minialign"] == rounds_of(16, 22) and whole.times["torch"] == rounds_of(22, 28)
    assert whole.systems["minialign"].ratios["torch"].median == pytest.approx((16 / 22 + 22 / 28) / 2)
    assert [(v.what, v.target) for v in ratios.verdicts({"tour": whole}, 1)] == [("tour: time / torch", 0.7)]


def test_a_tour_of_one_round_and_its_file(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(tour, "Excerpt", lambda: SMALL)
    monkeypatch.setattr(compare, "take_turns", lambda tasks, rounds, bar: found([1], [1]))
    assert main(["bench", "--tour", "--rounds", "1", "--threads", "1", "--json", str(tmp_path / "t.json")]) == 0
    result, shown = json.loads((tmp_path / "t.json").read_text(encoding="utf-8")), capsys.readouterr().out
    assert list(result["sizes"]["tour"]) == [*STAGES, "tour"] and not result["import_seconds"]
    seconds = [result["sizes"]["tour"][stage]["systems"]["minialign"]["seconds"]["median"] for stage in STAGES]
    assert seconds == [SMALL.share(stage) for stage in STAGES]
    assert result["sizes"]["tour"]["tour"]["systems"]["minialign"]["seconds"]["median"] == pytest.approx(sum(seconds))
    assert "the five together, 1 rounds" in shown and "3000 + 500 + 885 + 60 + 148 steps" in shown
    assert max(len(line) for line in shown.splitlines() if "t.json" not in line) <= 88


# ------------------------------------------------------------------------------------------------ the yardstick
@pytest.mark.parametrize("size", [*SIZES.values(), ODD], ids=[*SIZES, "odd"])
@pytest.mark.parametrize("workload", list(WORKLOADS))
def test_the_products_are_as_many_as_the_formula_says(workload, size, monkeypatch):
    count = 0

    def matmul(a, b, out):
        nonlocal count
        assert out.shape == (*a.shape[:-1], b.shape[-1]) and a.shape[:-2] == b.shape[:-2]
        count += out.size * a.shape[-1]

    step = products.step_of(workload, size)
    monkeypatch.setattr(np, "matmul", matmul)
    step()
    assert count == products.multiplications(workload, size)


def test_the_formula_by_hand():
    size = Size(2, 1, 1, vocab_size=3, train=(1, 2))
    # two tokens: q, k, v 24, output 8, up 32, down 32, head 12; q k^T and A v 8 each; thrice, with the backward pass
    assert products.multiplications("train", size) == 3 * (24 + 8 + 32 + 32 + 12 + 8 + 8)


# ------------------------------------------------------------------------------------------------ the ratios
def rounds_of(*seconds):
    return [Seconds(cpu=s, wall=2 * s) for s in seconds]


def test_a_ratio_is_the_median_of_the_ratios_of_each_round():
    times = {"minialign": rounds_of(1, 10, 3), "torch": rounds_of(2, 5, 4)}
    r = ratios.ratio(times, "minialign", "torch", "cpu")  # 0.5, 2, 0.75: not the ratio of the medians, 3 / 4
    assert r == Ratio(0.75, 0.625, 1.375, rounds=3)


def found(ours, again, **others):
    times = {"minialign": rounds_of(*ours), "again": rounds_of(*again)} | {k: rounds_of(*v) for k, v in others.items()}
    memory = {name: 100.0 if name == "minialign" else 300.0 for name in times}
    return Turns(times, {name: [3, 5, 400] for name in times}, memory)


def test_verdicts_stand_beside_the_targets():
    result = ratios.summary(found([1, 1], [1.01, 1.01], torch=[2, 2], products=[0.5, 0.5]), "cpu")
    verdicts = {v.what: (v.value, v.met) for v in ratios.verdicts({"train": result}, 1)}
    assert verdicts == {
        "train: time / torch": (0.5, True),
        "train: time / products": (2.0, False),
        "train: peak memory / torch": (pytest.approx(1 / 3), True),
        "train: minor page faults per step": (5.0, True),
    }


def test_nothing_is_judged_when_two_copies_of_the_same_code_differ():
    result = ratios.summary(found([1, 1], [1.05, 1.05], torch=[2, 2]), "cpu")
    assert [v.met for v in ratios.verdicts({"dpo": result}, 1)] == [None]
    assert "NOT JUDGED" in report.table("small", {"dpo": result})
    assert "not judged" in report.targets(ratios.verdicts({"dpo": result}, 1))


def test_with_more_threads_the_question_is_whether_they_are_worth_it():
    times = {"torch": [2, 2], "one thread": [0.9, 0.9]}
    verdicts = ratios.verdicts({"train": ratios.summary(found([1, 1], [1, 1], **times), "wall")}, 2)
    assert [(v.what, v.met) for v in verdicts] == [
        ("train: time / one thread", False),
        ("train: time / torch with 2", True),
    ]
    verdicts = ratios.verdicts({"sample": ratios.summary(found([1, 1], [1, 1], **times), "wall")}, 2)
    assert [v.met for v in verdicts] == [None, True]  # sampling takes one thread: the same code twice


def test_a_page_is_88_columns_wide():
    wide = {"torch": [200, 1], "products": [3, 1], "transformers": [1, 1], "one thread": [1, 1]}
    text = report.table("small", {name: ratios.summary(found([123, 456], [1, 9], **wide), "cpu") for name in WORKLOADS})
    assert max(map(len, text.splitlines())) <= 88 and text.isascii()


# ------------------------------------------------------------------------------------------------ the processes
class FakeChild:
    """Takes visits in a list; at the seventh somebody presses Ctrl-C."""

    visits, stopped = [], []

    def __init__(self, task):
        self.task = task

    def ask(self, request=""):
        if not request:
            return {"versions": {}}
        self.visits.append(self.task.system)
        if len(self.visits) == 7:
            raise KeyboardInterrupt
        return [{"cpu": s, "wall": s, "faults": 0} for s in (3.0, 1.0, 2.0)]

    def stop(self):
        self.stopped.append(self.task.system)


def test_systems_are_visited_in_turn_and_ctrl_c_keeps_the_complete_rounds(monkeypatch):
    monkeypatch.setattr(driver, "Child", FakeChild)
    FakeChild.visits, FakeChild.stopped = [], []
    turns = driver.take_turns({name: driver.Task(name, None) for name in "ABC"}, rounds=9)
    assert FakeChild.visits == [*"ABCABCA"] and FakeChild.stopped == [*"ABC"]
    assert turns.interrupted
    assert turns.times == {name: [Seconds(cpu=1.0, wall=1.0)] * 2 for name in "ABC"}


def test_ctrl_c_prints_what_is_complete_and_ends_with_130(monkeypatch, capsys, tmp_path):
    def take_turns(tasks, rounds, bar):
        return replace(found([1, 1], [1, 1], products=[1, 1]), interrupted=True)

    monkeypatch.setattr(compare, "take_turns", take_turns)
    monkeypatch.setattr(compare, "import_seconds", lambda against: {})
    assert main(["bench", "--size", "tiny", "--json", str(tmp_path / "b.json")]) == 130
    shown = capsys.readouterr()
    assert "training step, 2 rounds" in shown.out and "sampling" not in shown.out
    assert shown.err == "minialign: interrupted; the rounds that were complete are above\n"
    assert json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))["interrupted"]


@pytest.mark.whole
def test_a_real_ctrl_c_leaves_no_process_behind(tmp_path):
    if not Path("/proc/self/task").exists():
        pytest.skip("needs Linux's list of processes")
    command = [sys.executable, "-m", "minialign", "bench", "--size", "tiny", "--workload", "train", "--rounds", "99999"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, encoding="utf-8")
    children, give_up = [], time.monotonic() + 120
    while len(children) < 3 and process.poll() is None and time.monotonic() < give_up:
        time.sleep(0.1)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="utf-8").split()
    process.send_signal(signal.SIGINT)
    try:
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()  # if it has not heard
    assert process.returncode == 130 and err.splitlines()[-1].startswith("minialign: interrupted")
    assert "Traceback" not in err
    give_up = time.monotonic() + 20  # on a busy machine a process that has been killed is still listed for a moment
    while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < give_up:
        time.sleep(0.1)
    assert len(children) == 3 and not any(Path(f"/proc/{child}").exists() for child in children)


def test_a_process_that_stops_is_one_line(capsys):
    child = driver.Child(driver.Task("abacus", SIZES["tiny"], "train"))
    try:
        with pytest.raises(CannotMeasure, match="measures abacus stopped: KeyError"):
            child.ask()
    finally:
        child.stop()


def test_the_allocator_of_the_others_is_left_as_it_comes():
    code = "import ctypes\nctypes.CDLL = lambda name: print('asked for', name) or 1 / 0\n"
    for preamble, expected in (("", "asked for"), (driver.STOCK_ALLOCATOR, "")):
        script = code * (not preamble) + preamble + "\nimport minialign"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, encoding="utf-8")
        assert done.stdout.startswith(expected) and (done.returncode == 0) == bool(preamble)


# ------------------------------------------------------------------------------------------------ threads
def test_threads_are_what_was_asked_or_what_the_user_has_set(monkeypatch):
    monkeypatch.setattr(driver, "cores", lambda: [0, 1, 2, 3])
    for name in (*driver.THREAD_VARIABLES, "MINIALIGN_THREADS"):
        monkeypatch.setenv(name, "1")
    assert driver.threads_wanted() == 1 and driver.threads_wanted(4) == 4
    monkeypatch.setenv("MINIALIGN_THREADS", "3")
    assert driver.threads_wanted() == 3
    monkeypatch.delenv("MINIALIGN_THREADS")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert driver.threads_wanted() == 2 and driver.threads_wanted(1) == 1
    for wish in (5, None):
        monkeypatch.setenv("OMP_NUM_THREADS", "8")
        with pytest.raises(CannotMeasure, match="use --threads 4 or fewer"):
            driver.threads_wanted(wish)
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    with pytest.raises(CannotMeasure, match="'many'"):
        driver.threads_wanted()


def test_with_two_threads_one_is_measured_beside_them():
    tasks = compare.systems("sample", SIZES["tiny"], ["torch", "transformers"], 2)
    assert [(name, task.threads) for name, task in tasks.items()] == [
        ("minialign", 2), ("again", 2), ("one thread", 1), ("products", 2), ("torch", 2), ("transformers", 2),
    ]  # fmt: skip
    assert [task.stock_allocator for task in tasks.values()] == [False] * 4 + [True] * 2
    assert "transformers" not in compare.systems("train", SIZES["tiny"], ["torch", "transformers"], 1)


# ------------------------------------------------------------------------------------------------ the ablation
AS_IT_IS = {}  # workload -> the numbers of the code with every optimisation, the same for all rows


def remembered(task, workloads):
    if task.without:
        return driver.numbers_of(task, workloads)
    if task.workload not in AS_IT_IS:
        AS_IT_IS[task.workload] = driver.numbers_of(task, workloads)
    return AS_IT_IS[task.workload]


@pytest.mark.whole
@pytest.mark.parametrize("name", list(ablate.ROWS))
def test_every_row_still_finds_its_lines_and_changes_no_number(name, monkeypatch):
    monkeypatch.setattr(gains, "numbers_of", remembered)
    row = ablate.ROWS[name]
    assert len(row.what) <= 53 and row.workload in WORKLOADS
    ours = driver.Task("minialign", SIZES["tiny"], row.workload)
    undone = driver.Task("minialign", SIZES["tiny"], row.workload, without=name, stock_allocator=not row.file)
    gains.check(ours, {name: undone})


def test_a_row_without_its_lines_says_so():
    with pytest.raises(ValueError, match="'no such line' occurs 0 times"):
        ablate.without("some text", ablate.Row("", "train", "functional", (("no such line", ""),)))


def test_a_variant_that_computes_something_else_is_not_timed(monkeypatch):
    changed = ablate.Row("", "train", "functional", (("scale = 1 / math.sqrt(D)", "scale = 2 / math.sqrt(D)"),))
    source = (importlib.util.find_spec("minialign.functional").loader.get_source("minialign.functional"))
    assert ablate.without(source, changed) != source
    values = iter([1.0, 2.0])
    monkeypatch.setattr(gains, "numbers_of", lambda *_: ({"train/float64/loss": np.array(next(values))}, {}))
    task = driver.Task("minialign", SIZES["tiny"], "train")
    with pytest.raises(CannotMeasure, match="without 'it'"):
        gains.check(task, {"it": task})


# ------------------------------------------------------------------------------------------------ growth
def test_a_slope_is_the_exponent_of_growth():
    points = [Point(x, seconds=3.0 * x**2, bytes=0.0) for x in (1, 2, 4)]
    assert growth.slope(points, "seconds") == (pytest.approx(2), pytest.approx(2))


def test_attentions_memory_is_measured_in_its_own_matrices():
    base = {"batch": 2, "layers": 3}
    matrices = 4 * 2 * Size.n_head * 3
    points = [Point(T, seconds=0.0, bytes=(1000 + 500 * T + 1.5 * matrices * T**2) / (2 * T)) for T in (8, 16, 32, 64)]
    assert growth.attention_memory(points, base) == pytest.approx(1.5)


@pytest.mark.whole
def test_growth_is_measured_and_drawn(tmp_path):
    sweeps = {"d_model": (8, 16), "context": (8, 12, 16)}
    result = growth.scaling(sweeps=sweeps, base={"d_model": 8, "layers": 1, "context": 8, "batch": 2})
    assert [p.at for p in result.curves["train"]["context"]] == [8, 12, 16]
    assert all(p.bytes > 0 for curves in result.curves.values() for points in curves.values() for p in points)
    text = growth.table(result)
    assert max(map(len, text.splitlines())) <= 88 and text.isascii()
    draw(result, tmp_path / "scaling")
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".svg", ".txt"}
    assert (tmp_path / "scaling.txt").read_text(encoding="utf-8").startswith("A token of a training step costs time like d_model^")
    assert style.BLUE == "#0072B2"


# ------------------------------------------------------------------------------------------------ the command
@pytest.mark.whole
def test_a_whole_small_run_and_its_file(tmp_path):
    command = [sys.executable, "-m", "minialign", *"bench --size tiny --rounds 1 --threads 1 --json b.json".split()]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))
    assert set(result) == {
        "format", "what", "machine", "versions", "threads", "clock", "interrupted",
        "agreement", "import_seconds", "sizes", "verdicts",
    }  # fmt: skip
    assert set(result["machine"]) == {"system", "processor", "cores"}
    assert {"python", "minialign", "numpy"} <= set(result["versions"])
    assert list(result["sizes"]) == ["tiny"] and list(result["sizes"]["tiny"]) == list(WORKLOADS)
    for workload, summary in result["sizes"]["tiny"].items():
        assert set(summary) == {"systems", "rounds", "a_a", "times", "multiplications"}
        assert list(summary["systems"]) == ["minialign", "again", "products"]
        for system in summary["systems"].values():
            assert set(system) == {"seconds", "faults", "peak_mb", "ratios"}
        assert set(summary["a_a"]) == {"median", "low", "high", "rounds"} and summary["rounds"] == 1
        assert WORKLOADS[workload] in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 88


@pytest.mark.whole
def test_the_ablation_and_its_file(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(gains, "ROWS", {"float64": ablate.ROWS["float64"]})
    path = tmp_path / "a.json"
    assert main(["bench", "--ablate", "--size", "tiny", "--rounds", "1", "--json", str(path)]) == 0
    result = json.loads(path.read_text(encoding="utf-8"))
    assert set(result["sizes"]["tiny"]["train"]["rows"]["float64"]) == {"what", "gain", "faults"}
    text = capsys.readouterr().out
    assert ablate.ROWS["float64"].what in text and "the same code twice" in text
    assert max(len(line) for line in text.splitlines() if str(path) not in line) <= 88


@pytest.mark.parametrize(
    "arguments",
    [
        ["--threads", "0"],
        ["--rounds", "none"],
        ["--against", "jax"],
        ["--size", "huge"],
        ["--workload", "nothing"],
        ["--ablate", "--scaling"],
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["bench", *arguments])
    assert stop.value.code == 2
    one_line(capsys, "--help")


@pytest.mark.parametrize(
    "arguments, needles",
    [
        (["--threads", "10000"], ["10000 threads", "or fewer"]),
        (["--json", "nowhere/b.json"], ["nowhere/b.json", "folder that exists"]),
        (["--json", "."], ["cannot write ."]),
        (["--scaling", "--size", "small"], ["leave out"]),
        (["--ablate", "--against", "torch"], ["leave out --against"]),
        (["--tour", "--size", "small"], ["leave out --size"]),
        (["--tour", "--workload", "ppo"], ["leave out --size and --workload"]),
        (["--ablate", "--workload", "ppo"], ["train"]),
    ],
)
def test_what_cannot_be_measured_is_one_line_and_exit_2(arguments, needles, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *arguments]) == 2
    one_line(capsys, *needles)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", [[], ["--tour"]])
def test_without_torch_there_is_a_way_out(what, monkeypatch, capsys):
    monkeypatch.setattr(compare.importlib.util, "find_spec", lambda name: None)
    assert main(["bench", *what, "--against", "torch"]) == 2
    one_line(capsys, "pip install torch")


def test_without_transformers_there_is_a_note(monkeypatch, capsys):
    monkeypatch.setattr(compare.importlib.util, "find_spec", lambda name: name == "torch" or None)
    assert compare.libraries("torch") == ["torch"]
    assert "pip install transformers" in capsys.readouterr().out
    assert compare.libraries("torch", sampling=False) == ["torch"] and not capsys.readouterr().out


def test_nine_rounds_unless_told_otherwise():
    assert run.ROUNDS == 9
