"""Every command that README and docs/ show: the command line, or the lesson, takes it as it is written there."""

import re
import shlex
from pathlib import Path

import pytest
from forked import run_forked

from minialign.cli.command import COMMANDS, parser

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = {"N": "4", "NN": "4", "NAME": "leash"}  # other capitals are names of files and folders


def blocks(text):
    """The lines of its fenced and indented blocks, and what it has in backticks."""
    fenced = [
        line for block in re.findall(r"^```(?:sh|bash|console)?\n(.*?)^```", text, re.S | re.M) for line in block.splitlines()
    ]
    text = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    return fenced + re.findall(r"^ {4}(\S.*)", text, re.M) + re.findall(r"`([^`]+)`", re.sub(r"^ {4}.*", "", text, flags=re.M))


def commands(page):
    """(program, arguments) of each `minialign ...` and `python lessons/...` on a page, each once."""
    found = {}
    for line in blocks(page.read_text(encoding="utf-8").replace("\\\n", " ")):
        for command in re.split(r"\s&&\s", re.split(r"\s{2,}|\s[>|(]", line.replace("\n", " "))[0]):
            program = re.match(r"(?:\S*/)?(minialign|python3? -m minialign|python3?(?= lessons/)) (?=[^ ])(.*)", command)
            if program and "[" not in command and " ..." not in command:  # else it is the pattern of several commands
                words = [EXAMPLES.get(word, word) for word in shlex.split(program[2].replace("...", ""))]
                found[tuple(["minialign"] * ("minialign" in program[1]) + words)] = None
    return list(found)


SHOWN = sorted({command for page in PAGES for command in commands(page)})


def test_the_pages_show_what_there_is():
    assert {command[1] for command in SHOWN if command[0] == "minialign"} >= set(COMMANDS)
    assert sum(command[0] != "minialign" for command in SHOWN) >= 5


@pytest.mark.parametrize("command", [command for command in SHOWN if command[0] == "minialign"], ids=" ".join)
def test_a_command_is_taken_as_it_is_shown(command, capsys):
    if len(command) == 2 and command[1] in COMMANDS:
        return  # its name alone, as in a list of commands
    try:
        assert parser(command[1]).parse_args(command[1:]).command == command[1]
    except SystemExit as stop:
        assert stop.code == 0, capsys.readouterr().err  # --help and --version


@pytest.mark.parametrize("command", [command for command in SHOWN if command[0] != "minialign"], ids=" ".join)
def test_a_lesson_is_taken_as_it_is_shown(command, tmp_path, monkeypatch):
    """With --explain it reads all its flags, prints its text, and runs nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "class.jsonl").write_text("", encoding="utf-8")
    done = run_forked(ROOT / command[0], *command[1:], "--explain")
    assert done.returncode == 0 and not done.stderr and list(tmp_path.iterdir()) == [tmp_path / "class.jsonl"]


@pytest.mark.parametrize("wrong", ["minialign dance", "minialign tour --slow", "minialign check four", "minialign lab nothing"])
def test_what_there_is_not_is_not_taken(wrong):
    words = wrong.split()[1:]
    with pytest.raises(SystemExit) as stop:
        parser(words[0]).parse_args(words)
    assert stop.value.code == 2
