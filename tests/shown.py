"""The commands that README, CONTRIBUTING and docs/ show, each as somebody would type it."""

import re
from pathlib import Path

from minialign.cli.command import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / ".github" / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = "minialign python python3 pip pipx pytest bash sh ruff mypy git npm accelerate torchrun".split()
COMMAND = re.compile(rf"(?:[A-Z_]+=\S+ )*(?:\S*/)?(?:{'|'.join(PROGRAMS)})(?: \S|$)|\. \S")


def pieces(text):
    """(what may be a command, whether it is a line of its own) from a page's blocks, and from what it has in backticks."""
    text = re.sub(r" *\\\n\s*", " ", text)  # a line that goes on
    for block in re.findall(r"^```(?!python)\w*\n(.*?)^```", text, re.S | re.M):
        yield from ((line, True) for line in block.splitlines())
    text = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    for line in re.findall(r"^ {4}(\S.*)", text, re.M):
        yield re.split(r"\s{2,}", line)[0], True  # after it comes what it does
        yield from ((piece, False) for piece in re.findall(r"`([^`]+)`", line))
    for piece in re.findall(r"`([^`]+)`", re.sub(r"^ {4}.*", "", text, flags=re.M)):
        yield " ".join(piece.split()), False


def commands(page):
    """The commands of a page in order, each once.  Of A && B each is one: a page promises that all of them succeed."""
    found = {}
    for piece, is_line in pieces(page.read_text(encoding="utf-8")):
        for command in piece.split(" && "):
            command = command.replace("...", "").strip()
            pattern = " [" in command  # of several commands
            name = not is_line and re.fullmatch(rf"minialign (?:{'|'.join(COMMANDS)})|\w+(?: -m)?(?: \w+)?", command)  # in a sentence
            if COMMAND.match(command) and not pattern and not name:
                found[command] = None
    return list(found)


def shown():
    """Every shown command -> the pages that show it."""
    found = {}
    for page in PAGES:
        for command in commands(page):
            found.setdefault(command, []).append(page.name)
    return found
