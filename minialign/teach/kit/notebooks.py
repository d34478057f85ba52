"""`minialign notebooks`: the lessons as Jupyter notebooks, made from the scripts and never the other way round.

A notebook is the script, cell by cell, without the notes for the instructor, and the lesson's quiz.  In front is one cell
that tells it where it is, because a notebook has no __file__ and no docstring.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from ...runs.errors import Problem
from ..layout import packaged_lessons
from ..lesson_doc import part, read_doc
from ..lesson_text import cells, markdown_of, without_notes
from ..notebook import settle_in
from ..quiz import markdown, read_quiz

BEGIN = """\
# Flags as on the command line, for instance begin({name!r}, "--fast", "--seed", "1")
from minialign.teach.kit.notebooks import begin

__file__, __doc__ = begin({arguments})"""


def notebook(path: str | Path, *flags: str) -> str:
    """A lesson's script -> the text of its notebook (nbformat 4.5)."""
    path = Path(path)
    arguments = ", ".join(repr(text) for text in (path.name, *flags) if text)
    made: list[tuple[str, str]] = []
    for kind, lines in cells(path.read_text(encoding="utf-8-sig")):
        if kind == "markdown" and not made:  # the docstring; then the cell that every notebook begins with
            made += [("markdown", header(read_doc(path))), ("code", BEGIN.format(name=path.name, arguments=arguments))]
            continue
        text = markdown_of(lines) if kind == "markdown" else "\n".join(without_notes(lines)).strip("\n")
        if text:
            made.append((kind, text))
    if (path.parent / "quizzes" / f"{path.stem[:2]}.json").exists():
        made.append(("markdown", markdown(read_quiz(path.parent, int(path.stem[:2])))))
    cell_list = [cell(f"{path.stem}-{n}", kind, text) for n, (kind, text) in enumerate(made)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    document = {"cells": cell_list, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def header(doc: str) -> str:
    """A lesson's docstring without its claims, which would answer its questions: a notebook prints them at its end."""
    told = "WATCH      the claims, whose numbers stand below, are printed at the end\n"
    title, _, rest = doc.replace("WATCH" + part(doc, "WATCH"), told).strip().partition("\n")
    return f"# {title}\n\n```text\n{rest.strip()}\n```"


def cell(name: str, kind: str, text: str) -> dict[str, Any]:
    made = {"cell_type": kind, "id": name, "metadata": {}, "source": text.splitlines(keepends=True)}
    return made if kind == "markdown" else made | {"execution_count": None, "outputs": []}


def begin(name: str, *flags: str) -> tuple[str, str]:
    """Make this notebook's process what a run of the script would be -> (path of the script, its docstring).

    The script is looked for in lessons/ of this folder and of those above it, then where the package was installed from.
    """
    # A notebook is started wherever Jupyter was; its lesson and its runs/ are in the project, if there is one.
    here = Path.cwd()
    project = next((folder for folder in (here, *here.parents) if (folder / "lessons" / name).exists()), None)
    script = (project or here) / "lessons" / name
    if project:
        os.chdir(project)  # so that runs/ is where the command line has it
    elif (packaged := packaged_lessons()) and (packaged / name).exists():
        script = packaged / name
    else:
        raise Problem(f"lessons/{name} is nowhere above {here}; put the notebook into the project's folder")
    sys.argv = [str(script), *flags]
    settle_in(script)
    return str(script), read_doc(script)
