"""A lesson in a notebook: its pictures appear in place, figures show themselves, and trouble is told in one line.

    NameError: name 'stage' is not defined      ->      stage is made under "2. What it computes"; run that cell first

Outside a notebook nothing here does anything.  Jupyter is met through IPython, and marimo through its own module.
"""

import ast
import base64
import io
import sys
from pathlib import Path
from typing import Any

from ..divergence import Diverged
from ..pipeline import UnreadableStage
from ..runs.errors import Problem
from .lesson_text import cells, comment

TOLD = (Problem, Diverged, UnreadableStage)  # errors that the reader can fix; all others show where they happened


def ipython() -> Any:
    """The IPython that runs this process; None outside it."""
    return sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None


def marimo() -> Any:
    """The module marimo, if it runs this process; else None."""
    module = sys.modules.get("marimo")
    return module if module is not None and module.running_in_notebook() else None


def settle_in(script: str | Path) -> None:
    """Show figures, and tell trouble as the lessons do.  script: the lesson's, for what is made in which cell."""
    shell = ipython()
    if shell is None or not hasattr(shell, "set_custom_exc"):
        return
    # By name, so that matplotlib is loaded when there is something to draw; pyplot would have done this for its figures.
    png = shell.display_formatter.formatters["image/png"]
    png.for_type_by_name("matplotlib.figure", "Figure", drawn)

    def told(shell: Any, kind: type, problem: BaseException, trace: Any, tb_offset: int | None = None) -> list[str]:
        name = getattr(problem, "name", None) or ""
        place = made_under(name, Path(script)) if isinstance(problem, NameError) else ""
        if place:
            lines = [f"minialign: {name} is made {place}; run that cell first, or all of them from the top"]
        elif isinstance(problem, TOLD):
            way_out = "; delete that folder and run again" if isinstance(problem, UnreadableStage) else ""
            lines = [f"minialign: {problem}{way_out}"]
        else:
            lines = shell.InteractiveTB.structured_traceback(kind, problem, trace, tb_offset=tb_offset)
        shell._showtraceback(kind, problem, lines)  # IPython leaves it to this handler
        return lines

    shell.set_custom_exc((NameError, *TOLD), told)


def drawn(figure: Any) -> bytes:
    """A figure as PNG."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()


def show(picture: Path, words: str) -> None:
    """A picture, with its words, in the cell's output."""
    shell = ipython()
    if shell is not None and hasattr(shell, "display_pub"):
        data = {"image/png": base64.b64encode(picture.read_bytes()).decode("ascii"), "text/plain": words}
        shell.display_pub.publish(data, metadata={"image/png": {"alt": words}})
    elif marimo() is not None:
        marimo().output.append(marimo().image(picture.read_bytes(), alt=words))


def made_under(name: str, script: Path) -> str:
    """Where a lesson's script first makes a name, in words; "" if it never does at the top of a cell."""
    place = "in the first cell"
    for kind, lines in cells(script.read_text(encoding="utf-8-sig")):
        if kind == "markdown":
            headings = [said[3:] for said in map(comment, lines) if said and said.startswith("## ")]
            place = f'under "{headings[-1]}"' if headings else place
        elif name in names_made("\n".join(lines)):
            return place
    return "in the first cell" if name in ("__file__", "__doc__") else ""


def names_made(code: str) -> set[str]:
    """The names that the top level of some code assigns, imports or defines."""
    made: set[str] = set()
    todo: list[ast.AST] = list(ast.parse(code).body)
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            made.add(node.name)
        elif isinstance(node, ast.alias):
            made.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            made.add(node.id)
        elif not isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            todo += ast.iter_child_nodes(node)
    return made
