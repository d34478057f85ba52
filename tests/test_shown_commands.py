"""Every command that README, CONTRIBUTING and docs/ show runs in a test, or is on the list of those that run elsewhere."""

import re
import shlex

import pytest
import shown
from forked import run_forked
from shown import ROOT
from toy_shell import BEFORE, CAPITALS, Shell

from minialign.cli.command import COMMANDS, parser
from minialign.teach.reproduce.steps import steps

SHOWN = shown.shown()

CI = "installs, and takes minutes: .ci/run"
WHOLE_SUITE = "is this test suite: .ci/run"
LONG = "takes minutes, and fails if it is not right: reproduce"
TORCH = "needs PyTorch: reproduce"
AT_TOY_SIZE = ("runs at toy size with every experiment: tests/test_lab_command.py", "lab.EXPERIMENTS")
ELSEWHERE = {  # command -> why it is not typed here: where it runs; and there, the words that say so
    "python3 -m venv .venv": (CI, '-m venv "$work/venv"'),
    ".venv/bin/pip install -q -e .": (CI, "install --quiet --editable"),
    ".venv/bin/pip install -q -e '.[test]'": (CI, "extras=test"),
    "pip install -e '.[book]'": (CI, ",book"),
    "pip install -e '.[test,dev]'": (CI, "[dev]"),
    "pip install -e '.[test,browser]'": (CI, ",browser"),
    "pip install -e '.[trl]'": (CI, '--editable ".[trl]"'),
    "pip install -e '.[class]'": (CI, ",class"),
    ". .venv/bin/activate": ("changes the terminal that it is typed in; programs are called by their path: .ci/run", "venv/bin/"),
    "bash .ci/run": ("runs this test: .github/workflows/ci.yml", "bash .ci/run"),
    "ruff check .": ("is a linter: .ci/run", "ruff\" check ."),
    "ruff format .": ("changes the tree; with --check: .ci/run", "ruff\" format --check ."),
    "mypy": ("takes a minute: .ci/run", "/mypy"),
    "python -m pytest": (WHOLE_SUITE, "-m pytest\n"),
    ".venv/bin/python -m pytest": (WHOLE_SUITE, "-m pytest\n"),
    "python -m pytest -m whole": (WHOLE_SUITE, "-m pytest -m whole"),
    ".venv/bin/python -m pytest -m slow": (LONG, "mutants"),
    ".venv/bin/python tests/mutants.py": (LONG, "mutants"),
    ".venv/bin/python tests/fuzz.py": (LONG, "fuzz"),
    ".venv/bin/python tests/serve_proof.py": (LONG, "serve_proof"),
    "python tests/serve_proof.py": (LONG, "serve_proof"),
    ".venv/bin/python tests/cost_of_checks.py": (LONG, "cost_of_checks"),
    "python tests/crowd_proof.py": (LONG, "python-tests-crowd_proof-py"),
    ".venv/bin/python tests/enumerable.py lessons/figures/three_roads": (LONG, "figure-three_roads"),
    "python -m minialign.pretrain": (LONG, "pretrained"),
    "python tests/build.py dist": ("needs a newer setuptools than some have, so it may skip: tests/test_release.py", "build.build("),
    "python tests/hf_proof.py runs/tour-fast-s0": ("needs PyTorch and TRL: .ci/run", "tests/hf_proof.py"),
    "python train_dpo.py --config dpo.yaml": ("needs PyTorch and TRL: tests/hf_proof.py", '"dpo.yaml"'),
    "accelerate launch --num_processes 8 train_dpo.py": ("needs PyTorch and TRL; with two processes: tests/hf_proof.py", "accelerate"),
    **dict.fromkeys((f"minialign lab {name}" for name in ("bakeoff", "cousins", "principles", "refusal", "rlvr", "sums", "sycophancy", "truth")), AT_TOY_SIZE),
    "minialign bench --against torch": (TORCH, "bench-against-torch-size-small"),
    "minialign bench --tour --against torch": (TORCH, "bench-tour-against-torch"),
}
ENDS = {"minialign serve": 130}  # with Ctrl-C
EXTRAS = {"book": "latex2mathml", "export": "safetensors", "import": "safetensors"}  # without the extra a command says so, and ends


QUICK = ("house_map.py", "enumerable.py", "cost_of_checks.py")  # scripts of tests/ that are typed here: they take seconds


def in_this_suite(command):
    """`python -m pytest FILES`: these files run with the others."""
    return re.fullmatch(r"\S*python -m pytest( tests/test_\w+\.py)+", command)


RUN_HERE = [command for command in SHOWN if command not in ELSEWHERE and not in_this_suite(command)]
OURS = [command for command in SHOWN if "minialign" in command.split() or command.startswith(".venv/bin/minialign")]


def words_of(command):
    """The words after the program's name."""
    words = [CAPITALS.get(word, word) for word in shlex.split(command.partition(" > ")[0])]
    while re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words = words[1:]
    return words[1:]


# ------------------------------------------------------------------------------------------------ what there is
def test_the_pages_show_every_command_and_some_lessons():
    assert {words_of(command)[0] for command in OURS if words_of(command)} >= set(COMMANDS)
    assert sum(" lessons/" in command for command in RUN_HERE) >= 5 and len(RUN_HERE) >= 50


def test_a_page_is_read_as_somebody_types_it(tmp_path):
    """Lines that go on, && between commands, what follows two spaces, variables and redirections; names and patterns are none."""
    (tmp_path / "page.md").write_text("""
`A=1 minialign tour > f`, `minialign tour` is a name, so is `python -m minialign`; `minialign check N [FILE ...]` is a pattern.

    ruff check . && mypy      style
    python a.py b \\
        c
    base     what does a cow say?

```sh
minialign vote FILE...
```

```python
pip = 1
```
""", encoding="utf-8")  # fmt: skip
    assert sorted(shown.commands(tmp_path / "page.md")) == [
        "A=1 minialign tour > f", "minialign vote FILE", "mypy", "python a.py b c", "ruff check .",
    ]  # fmt: skip


@pytest.mark.parametrize("command", ELSEWHERE)
def test_what_runs_elsewhere_is_shown_and_does_run_there(command):
    (why, words), known = ELSEWHERE[command], {step.name for step in steps(ROOT)}
    where = why.rpartition(": ")[2]
    assert command in SHOWN, "no page shows it any more: take it off the list"
    assert words in known if where == "reproduce" else words in (ROOT / where).read_text(encoding="utf-8")


@pytest.mark.parametrize("command", filter(in_this_suite, SHOWN))
def test_files_of_this_suite_are_there(command):
    assert all((ROOT / word).exists() for word in command.split()[3:])


@pytest.mark.parametrize("command", RUN_HERE)
def test_the_shell_of_this_suite_knows_what_is_shown(command):
    """Else it fails only where it is typed, in the whole-system tests: it goes on the list above, or is shown in other words."""
    program, *words = shlex.split(command)
    if "python" in program:
        assert "-m" not in words and words[0].startswith(("lessons/", *(f"tests/{name}" for name in QUICK)))
    else:
        assert program.endswith("minialign") or "=" in program
        assert "torch" not in words and not any(word.startswith("OUT/") for word in words)


# ------------------------------------------------------------------------------------------------ as it is written
@pytest.mark.parametrize("command", OURS)
def test_a_command_is_taken_as_it_is_shown(command, capsys):
    words = words_of(command)
    try:
        assert parser(words[0]).parse_args(words).command == words[0]
    except SystemExit as stop:
        assert stop.code == 0, capsys.readouterr().err  # --help and --version


@pytest.mark.parametrize("wrong", ["minialign dance", "minialign tour --slow", "minialign check four", "minialign lab nothing"])
def test_what_there_is_not_is_not_taken(wrong):
    words = wrong.split()[1:]
    with pytest.raises(SystemExit) as stop:
        parser(words[0]).parse_args(words)
    assert stop.value.code == 2


@pytest.mark.parametrize("command", [command for command in RUN_HERE if " lessons/" in command and command.startswith("python")])
def test_a_lesson_is_taken_as_it_is_shown(command, tmp_path, monkeypatch):
    """With --explain it reads all its flags, prints its text, and runs nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "class.jsonl").write_text("", encoding="utf-8")
    done = run_forked(*[ROOT / word if word.endswith(".py") else word for word in words_of(command)], "--explain")
    assert done.returncode == 0 and not done.stderr and list(tmp_path.iterdir()) == [tmp_path / "class.jsonl"]


# ------------------------------------------------------------------------------------------------ as it runs
@pytest.mark.whole
@pytest.mark.underflow  # babble: exp(proxy / beta) may vanish
@pytest.mark.parametrize("command", [command for command in RUN_HERE if command not in BEFORE.values()])  # those are typed before others
def test_a_shown_command_runs(command, one_tour, tmp_path, monkeypatch):
    for name, library in EXTRAS.items():
        if command.startswith(f"minialign {name}"):
            pytest.importorskip(library, reason=f"the extra of minialign {name} is not installed")
    done = Shell(tmp_path, one_tour, monkeypatch).type(command)
    assert done.code == next((code for start, code in ENDS.items() if command.startswith(start)), 0), done.out + done.err
    assert "Traceback" not in done.err and (done.out or done.err or "house_map" in command)
