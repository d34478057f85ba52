"""What people touch: the whole tour at toy size, the table, the chat, and one clear line for whatever goes wrong."""

import contextlib
import errno
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from toy import TOY
from toy_command import quick_pictures
from toy_run import toy_size

from minialign import checkpoint, pipeline
from minialign.batch import Response
from minialign.cli import chat
from minialign.cli.command import main
from minialign.figures import page_plots
from minialign.models import NAMES, SPEAKERS, STAGES
from minialign.reward import Scorer, pair_accuracy, reward_model_from, score_gaps
from minialign.runs import metrics
from minialign.world import ToyWorld, five_questions

FILES = {
    "run.json", "curves.json", "samples.txt", "journey.html", "journey.txt", "votes-train.jsonl", "votes-held-out.jsonl",
    *(f"{name}.npz" for name in ("base", "sft", "reward", "ppo", "dpo")),
    *(f"{name}.{end}" for name in ("learning", "calibration", "ppo", "dpo", "scoreboard") for end in ("png", "svg", "txt")),
}  # fmt: skip
STAGE_TITLES = [
    "1. The base",
    "2. Superv",
    "3. Votes",
    "4. The reward",
    "5. PPO",
    "6. DPO",
    "7. The scoreboard",
    "Kept",
]


@pytest.fixture(scope="module", autouse=True)
def small_runs():
    with toy_size(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_plots, "as_data_uri", lambda number, scene: "data:,")  # test_page.py looks at the page
        yield


@pytest.fixture(scope="module")
def out(toy_runs):
    """A folder with one finished toy run."""
    return toy_runs


@pytest.fixture
def run(out):
    return out / "tour-fast-s0"


@pytest.fixture(scope="module")
def second(out):
    """The same command once more -> (what it prints, the run's files before)."""
    before = {path.name: path.read_bytes() for path in (out / "tour-fast-s0").iterdir()}
    with contextlib.redirect_stdout(io.StringIO()) as told:
        assert main(["tour", "--fast", "--out", str(out)]) == 0
    return told.getvalue(), before


def numbers(folder):
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


def one_line(capsys, *needles):
    """The one line on standard error, which says all of `needles`."""
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("minialign: ") and lines[0].isascii(), lines
    assert all(needle in lines[0] for needle in needles), lines[0]


def left_over(folder):
    """Files that were begun and not finished."""
    return [path for path in folder.rglob("*") if path.name.startswith(".")]


# ------------------------------------------------------------------------------------------------ the tour
def test_a_tour_tells_its_story_in_plain_narrow_text(second):
    text, _ = second
    places = [text.index(f"== {title}") for title in STAGE_TITLES]
    assert places == sorted(places)
    assert text.isascii()
    told = text[: text.index("== Kept")].splitlines()[1:]  # around it are paths, of any length
    assert max(map(len, told)) <= 88
    assert text.count("found in the cache") == len(STAGES)
    for prompt in five_questions():
        assert text.count(f"   {prompt.text}\n") == 4  # base, SFT, PPO and DPO


def test_a_run_folder_is_complete(run):
    assert {path.name for path in run.iterdir()} == FILES
    for words in run.glob("*.txt"):
        assert words.read_text(encoding="utf-8").strip().isascii()


def test_run_json_says_what_was_run_and_what_came_out(run):
    r = numbers(run)
    assert set(r) == {
        "format", "seed", "recipe", "code", "versions", "questions", "scoreboard",
        "base", "sft", "votes", "reward", "ppo", "dpo", "samples", "timings", "files", "sha256",
    }  # fmt: skip
    assert (
        r["seed"] == 0
        and r["recipe"]["base_steps"] == TOY.base_steps
        and sum(r["questions"]["kinds"].values()) == len(ToyWorld().report_questions())
    )
    assert list(r["scoreboard"]["sampled"]) == SPEAKERS
    assert list(r["scoreboard"]["greedy"]) == [name for name in SPEAKERS if name != "best_of_n"]
    for row in r["scoreboard"]["sampled"].values():
        assert {
            "helpful",
            "honest",
            "harmless",
            "gold",
            "win_rate",
            "kl",
            "answers",
            "asks",
            "models_in_memory",
            "megabytes",
        } < set(row)
    assert set(r["timings"]["seconds"]) == {*STAGES, "measuring"}
    assert {"date", "machine", "cached", "training_seconds", "peak_memory_mb"} < set(r["timings"])
    for stage, names in {
        "base": {"guessing", "first_loss", "last_loss", "asks", "parameters"},
        "sft": {"first_loss", "last_loss", "answers"},
        "votes": {"train", "held_out", "pairs_shown"},
        "reward": {"accuracy", "ceiling", "ece", "calibration", "first_loss", "last_loss"},
        "ppo": {"first_ratio_error", "clip_fraction", "last_kl", "kl_coef", "first_score", "last_score"},
        "dpo": {"first_loss", "last_loss", "margin", "moved_chosen", "moved_rejected", "beta"},
    }.items():
        assert names <= set(r[stage]), stage


def test_the_scoreboards_fixed_points(run):
    board = numbers(run)["scoreboard"]
    assert board["sampled"]["sft"]["kl"] == 0 and board["sampled"]["sft"]["win_rate"] == 0.5
    assert board["sampled"]["base"]["kl"] is None and board["greedy"]["ppo"]["kl"] is None
    assert board["sampled"]["best_of_n"]["kl"] == pytest.approx(np.log(2) - 0.5)
    assert [row["models_in_memory"] for row in board["sampled"].values()] == [1, 1, 2, 4, 2]


def test_the_samples_are_the_five_questions_to_every_model(run):
    samples = numbers(run)["samples"]
    assert list(samples) == ["base", "sft", "ppo", "dpo"]
    for answers in samples.values():
        assert [a["question"] for a in answers] == [p.text for p in five_questions()]


def test_a_second_run_finds_its_stages_and_writes_the_same(run, second):
    _, before = second
    first, again = json.loads(before["run.json"]), numbers(run)
    assert again["timings"]["cached"] == STAGES
    assert json.dumps(first | {"timings": 0}) == json.dumps(again | {"timings": 0})
    before["journey.html"] = re.sub(rb'"data:image/svg[^"]+"', b'"data:,"', before["journey.html"])  # here they are not drawn
    assert [name for name, content in before.items() if (run / name).read_bytes() != content] in ([], ["run.json"])


@pytest.mark.whole
def test_equal_seeds_give_equal_runs_and_others_do_not(run, tmp_path):
    assert main(["tour", "--fast", "--out", str(tmp_path)]) == 0
    other = tmp_path / "tour-fast-s0"
    assert json.dumps(numbers(other) | {"timings": 0}) == json.dumps(numbers(run) | {"timings": 0})
    differ = {name for name in FILES if (other / name).read_bytes() != (run / name).read_bytes()}
    assert differ <= {"run.json", "journey.html", "journey.txt"}  # they tell the seconds
    assert main(["tour", "--fast", "--seed", "1", "--out", str(tmp_path)]) == 0
    assert numbers(tmp_path / "tour-fast-s1")["scoreboard"] != numbers(run)["scoreboard"]


def test_a_changed_recipe_is_not_taken_from_the_cache(run, out, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "FAST", replace(TOY, ppo=replace(TOY.ppo, kl_coef=0.7)))
    (tmp_path / "cache").symlink_to(out / "cache")
    with quick_pictures():
        assert main(["tour", "--fast", "--out", str(tmp_path)]) == 0
    changed = numbers(tmp_path / "tour-fast-s0")
    assert changed["timings"]["cached"] == ["base", "sft", "votes", "reward", "dpo"]
    assert changed["ppo"]["kl_coef"] == 0.7 and changed["dpo"] == numbers(run)["dpo"]


def test_the_kept_reward_model_carries_the_scale_of_its_scores(run):
    _, extra = checkpoint.load(run / "reward.npz", with_extra=True)
    assert extra["std"] > 0 and np.isfinite(extra["mean"])


# ------------------------------------------------------------------------------------------------ the table
@pytest.mark.whole
def test_the_table_has_every_model_and_the_runs_it_is_made_of(out, capsys):
    assert main(["table", "--fast", "--seeds", "2", "--jobs", "1", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert (out / "table-fast" / "table.md").read_text(encoding="utf-8") == text and text.isascii()
    lines = text.splitlines()
    assert [line.split(" | ")[0] for line in lines[4:9]] == [f"| {NAMES[name]}" for name in SPEAKERS]
    assert len({line.count("|") for line in lines[2:9]}) == 1
    gold = [numbers(out / f"tour-fast-s{seed}")["scoreboard"]["sampled"]["ppo"]["gold"] for seed in (0, 1)]
    assert f"| PPO | {np.mean(gold):.2f} [{min(gold):.2f}, {max(gold):.2f}] |" in text
    assert "PPO above SFT in gold, sampled / greedy" in text and "2 seeds" in text
    assert "2 seeds" in (out / "table-fast" / "scoreboard.txt").read_text(encoding="utf-8")

    assert main(["table", "--fast", "--seeds", "1", "--first", "1", "--out", str(out)]) == 0  # its run is there
    text = capsys.readouterr().out
    assert (out / "table-fast-s1" / "table.md").read_text(encoding="utf-8") == text
    assert "over 1 seeds from 1 on;" in text and f"| PPO | {gold[1]:.2f} |" in text


@pytest.mark.whole
def test_seeds_side_by_side_give_the_same_numbers(tmp_path, monkeypatch, capsys):
    small = replace(TOY, max_new_tokens=12)  # the new processes know nothing of our few report questions
    monkeypatch.setattr(pipeline, "FAST", small)
    assert main(["table", "--fast", "--seeds", "2", "--jobs", "2", "--out", str(tmp_path / "together")]) == 0
    text = capsys.readouterr().out
    for seed in (0, 1):
        journey = pipeline.Journey(small, seed, tmp_path / "alone")
        together = numbers(tmp_path / "together" / f"tour-fast-s{seed}")
        n = together["questions"]["report"]
        assert n > len(ToyWorld().report_questions())
        assert text.startswith(f"Mean [smallest, largest] over 2 seeds; {n} report questions")
        assert together["ppo"] == asdict(metrics.policy_gradient_report(journey, "ppo"))
        assert together["dpo"] == asdict(metrics.dpo_report(journey))


# ------------------------------------------------------------------------------------------------ the chat
def talk(monkeypatch, text, *arguments, keyboard=False):
    stdin = io.StringIO(text)
    stdin.isatty = lambda: keyboard
    monkeypatch.setattr(sys, "stdin", stdin)
    return main(["chat", *arguments])


def test_all_models_answer_in_turn(run, monkeypatch, capsys):
    assert talk(monkeypatch, "what does a cow say?\n", str(run)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:4].strip() for line in lines] == ["you", "base", "SFT", "PPO", "DPO"]
    assert lines[0] == "you   what does a cow say?"  # what is piped in is echoed, as nobody has typed it


def test_at_the_keyboard_nothing_is_echoed(run, monkeypatch, capsys):
    assert talk(monkeypatch, "what does a cow say?\n", str(run), "--model", "sft", keyboard=True) == 0
    assert "you   what does a cow say?" not in capsys.readouterr().out


def test_a_special_token_is_no_word(run, monkeypatch, capsys):
    """A model that writes <user> by mistake is cut off there."""
    answers = type("Samples", (), {"responses": lambda self: [Response("it says moo.<user>what", True)]})()
    monkeypatch.setattr(chat, "generate", lambda *arguments: answers)
    assert talk(monkeypatch, "what does a cow say?\n", str(run), "--model", "sft") == 0
    assert capsys.readouterr().out.splitlines()[1] == "SFT   it says moo...."


def test_one_model_greedily_as_in_the_tour_whatever_the_case(run, monkeypatch, capsys):
    question = five_questions()[0].text.upper()
    assert talk(monkeypatch, f"\n  \n{question}\nquit\nwhat?\n", str(run), "--model", "dpo", "--greedy") == 0
    [_, line] = capsys.readouterr().out.splitlines()
    assert line.startswith("DPO   " + numbers(run)["samples"]["dpo"][0]["greedy"].strip())


def test_a_seed_gives_the_same_talk(run, monkeypatch, capsys):
    said = []
    for seed in ("3", "3", "4"):
        assert talk(monkeypatch, "what does a cow say?\n", str(run), "--seed", seed) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] != said[2]


@pytest.mark.parametrize("keyboard", [True, False])
def test_characters_that_the_models_do_not_know_are_dropped_and_the_talk_goes_on(run, monkeypatch, capsys, keyboard):
    text = "what is 2 + 2?\ncaf\xe9\x1b?\n" + 70 * "a" + "\n123\nwhat does a cow say?\n"
    assert talk(monkeypatch, text, str(run), "--model", "dpo", keyboard=keyboard) == 0
    said = capsys.readouterr()
    assert said.out.count("DPO   ") == 4
    assert said.err.splitlines() == [
        "dropped: 2 + (the models know only a-z, space and . , ? ! ')",
        "dropped: \xe9 \\x1b (the models know only a-z, space and . , ? ! ')",
        "cut to its first 62 characters",
        "dropped: 1 2 3 (the models know only a-z, space and . , ? ! '); nothing is left to ask",
    ]


def test_the_newest_run_is_the_default_and_a_name_is_enough(out, monkeypatch, capsys, tmp_path):
    (tmp_path / "runs").symlink_to(out)
    monkeypatch.chdir(tmp_path)
    assert talk(monkeypatch, "hello?\n", "--model", "sft") == 0
    assert talk(monkeypatch, "hello?\n", "tour-fast-s0", "--model", "sft") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("arguments", [[], ["nowhere"]])
def test_no_run_is_one_line_that_says_how_to_make_one(arguments, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert talk(monkeypatch, "hello?\n", *arguments) == 2
    one_line(capsys, "no finished run", "minialign tour")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"not ours", b"PK\x03\x04"])
def test_a_foreign_checkpoint_in_a_run_is_one_line(run, monkeypatch, capsys, tmp_path, content):
    for name in ("run.json", "base.npz", "ppo.npz", "dpo.npz"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    (tmp_path / "sft.npz").write_bytes(content)
    assert talk(monkeypatch, "hello?\n", str(tmp_path)) == 2
    one_line(capsys, "sft.npz", "not a whole minialign checkpoint")


def test_a_foreign_run_json_is_one_line(monkeypatch, capsys, tmp_path):
    (tmp_path / "run.json").write_text("[]", encoding="utf-8")
    assert talk(monkeypatch, "hello?\n", str(tmp_path)) == 2
    one_line(capsys, "run.json", "not a run")


def test_colour_only_in_a_terminal_that_wants_it(run, monkeypatch, capsys):
    plain, dumb, loud = {"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": "xterm"}
    for is_terminal, wishes, coloured in ((1, loud, True), (1, plain, False), (1, dumb, False), (0, loud, False)):
        monkeypatch.setattr(sys.stdout, "isatty", lambda yes=is_terminal: yes)
        for name in ("NO_COLOR", "TERM"):
            (monkeypatch.setenv(name, wishes[name]) if name in wishes else monkeypatch.delenv(name, raising=False))
        assert talk(monkeypatch, "hello?\n", str(run), "--model", "ppo") == 0
        assert ("\x1b[" in capsys.readouterr().out) == coloured


def test_ctrl_c_ends_the_talk(run, monkeypatch, capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupted)
    assert main(["chat", str(run)]) == 130
    one_line(capsys, "interrupted", "unchanged")


# ------------------------------------------------------------------------------------------------ what can go wrong
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["tour", "--quick"],
        ["tour", "extra"],
        ["tour", "--seed", "-1"],
        ["tour", "--seed", "one"],
        ["chat", "--model", "gpt"],
        ["table", "--seeds", "0"],
        ["table", "--first", "-1"],
        ["table", "--jobs", "none"],
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_2(arguments, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    one_line(capsys, "--help")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["tour", "table"])
def test_an_unwritable_folder_is_found_before_anything_is_trained(command, capsys, tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    assert main([command, "--fast", "--out", str(tmp_path / "file" / "runs")]) == 2
    one_line(capsys, "cannot write", "--out")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def others_stages(out, folder, *, but):
    """The stages of the finished run, all but one, as if this folder had them: they need not be trained again."""
    shutil.copytree(out / "cache", folder / "cache", dirs_exist_ok=True, ignore=lambda _, names: [n for n in names if n.startswith(but)])


def full_disk(file):
    file.write(b"the first half")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_the_reward_model_is_measured_on_held_out_votes_untrained_and_trained(out):
    with toy_size():
        journey = pipeline.Journey(TOY, 0, out / "cache")
        r, votes, config = metrics.reward_report(journey), journey.votes()[1], TOY.reward
        untrained = reward_model_from(journey.model("sft"), journey.rng("reward"), config.likelihood_weights)
        for model, loss, accuracy in ((untrained, r.first_loss, r.first_accuracy), (journey.model("reward"), r.last_loss, r.accuracy)):
            gaps = score_gaps(Scorer(model, config.pooling), votes)
            assert loss == pytest.approx(np.log1p(np.exp(-gaps)).mean(), rel=1e-5) and accuracy == pair_accuracy(gaps)
        assert r.first_loss != r.last_loss


def test_a_full_disk_while_training_is_one_line_and_the_same_command_goes_on(out, capsys, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", lambda file, **_: full_disk(file))
        assert main(["tour", "--fast", "--out", str(tmp_path)]) == 2
    one_line(capsys, "disk is full", "free some space")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    others_stages(out, tmp_path, but="base")  # it was the base model that could not be stored
    with quick_pictures():
        assert main(["tour", "--fast", "--out", str(tmp_path)]) == 0
    assert "base" not in numbers(tmp_path / "tour-fast-s0")["timings"]["cached"]


def test_a_full_disk_while_drawing_leaves_no_half_picture_and_no_old_run_json(out, capsys, monkeypatch, tmp_path):
    (tmp_path / "cache").symlink_to(out / "cache")
    folder = tmp_path / "tour-fast-s0"
    folder.mkdir()
    (folder / "run.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(Figure, "savefig", lambda self, file, **_: full_disk(file))
    assert main(["tour", "--fast", "--out", str(tmp_path)]) == 2
    one_line(capsys, "disk is full", "free some space")
    kept = {path.name for path in folder.iterdir()}
    assert kept < FILES - {"run.json"} and not any(name.endswith((".png", ".svg")) for name in kept)


def test_a_foreign_checkpoint_in_the_cache_is_one_line(out, capsys, tmp_path):
    (tmp_path / "cache").mkdir()
    for path in (out / "cache").glob("base-*"):
        (tmp_path / "cache" / path.name).write_bytes(b"not ours" if path.suffix == ".npz" else path.read_bytes())
    assert main(["tour", "--fast", "--out", str(tmp_path)]) == 2
    one_line(capsys, "the base stage", "delete that folder and run again")


def test_ctrl_c_keeps_the_finished_stages_and_says_so(out, capsys, monkeypatch, tmp_path):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    others_stages(out, tmp_path, but=("reward", "ppo", "dpo"))
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "train_ppo", interrupted)
        assert main(["tour", "--fast", "--out", str(tmp_path)]) == 130
    one_line(capsys, "interrupted", "base, sft, votes, reward;", "same command")
    assert not left_over(tmp_path) and not list(tmp_path.rglob("run.json"))
    with quick_pictures():
        assert main(["tour", "--fast", "--out", str(tmp_path)]) == 0
    assert numbers(tmp_path / "tour-fast-s0")["timings"]["cached"] == ["base", "sft", "votes", "reward"]
    assert numbers(tmp_path / "tour-fast-s0")["scoreboard"] == numbers(out / "tour-fast-s0")["scoreboard"]


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C in another way")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_real_signal_ends_a_real_process(how, tmp_path):
    code = f"""if True:
        import numpy.random  # first: while its compiled parts load, Python itself may lose an interrupt
        import sys
        from dataclasses import asdict, replace
        from minialign import pipeline
        from minialign.cli.command import main

        pipeline.FAST = replace(pipeline.FULL, corpus_characters=20_000)
        sys.exit(main(["tour", "--fast", "--out", {str(tmp_path)!r}]))
    """
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8") as process:
        while "with more questions" not in process.stdout.readline():
            pass  # the base model's training comes next
        process.send_signal(how)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert len(err.splitlines()) == 1 and err.startswith("minialign: interrupted; kept in") and "no stage yet" in err
    assert not left_over(tmp_path)


def run_module(*arguments, **options):
    command = [sys.executable, "-m", "minialign", *arguments]
    return subprocess.run(command, capture_output=True, timeout=60, **options)


def test_python_dash_m_is_the_same_command():
    done = run_module("--help", text=True)
    assert done.returncode == 0 and all(command in done.stdout for command in ("tour", "chat", "table"))


def test_an_old_console_gets_through(run):
    done = run_module(
        "chat", str(run), input="caf\xe9 \u03b2?\n".encode(), env=os.environ | {"PYTHONIOENCODING": "cp1252"}
    )
    assert done.returncode == 0 and done.stderr.startswith(b"dropped: ") and b"Traceback" not in done.stderr


def test_a_reader_who_leaves_early_is_no_error(run):
    command = [sys.executable, "-m", "minialign", "chat", str(run)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        process.stdin.write(b"hello?\n")
        process.stdin.close()
        assert process.stderr.read() == b"" and process.wait(timeout=60) == 0
