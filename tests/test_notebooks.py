"""Notebooks in a real Jupyter kernel: pictures in place, figures that show themselves, and what is missing is said.

The kernel needs the extra: pip install -e '.[notebook]'; marimo is tried where it is installed.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from toy_book import LESSONS, toy_lessons

from minialign.cli.command import main
from minialign.runs.errors import Problem
from minialign.teach import layout, notebook
from minialign.teach.kit import execute, notebooks

needs_kernel = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in execute.EXTRA), reason="no extra: pip install -e '.[notebook]'"
)
needs_marimo = pytest.mark.skipif(importlib.util.find_spec("marimo") is None, reason="no marimo: pip install marimo")
IN_CI = 1, 4, 8  # with `-m lessons`, after the scripts, whose models they find; the other notebooks run with `-m slow`


def one_of(path):
    return pytest.mark.lessons if int(path.stem[:2]) in IN_CI else pytest.mark.slow


@pytest.fixture(autouse=True)
def package(monkeypatch):
    """The kernel imports the package that is tested."""
    monkeypatch.setenv("PYTHONPATH", str(LESSONS.parent))


@pytest.fixture
def toy(tmp_path):
    """A folder with a toy lesson in it -> its notebook's JSON, as a dict."""
    script = toy_lessons(tmp_path) / "03_toy.py"
    return json.loads(notebooks.notebook(script, "--fast"))


def run(document, folder):
    """The outputs of each code cell -> list of lists."""
    made = json.loads(execute.executed(json.dumps(document), folder))
    return [cell["outputs"] for cell in made["cells"] if cell["cell_type"] == "code"]


def cell(text):
    return {"cell_type": "code", "id": f"x{abs(hash(text))}", "metadata": {}, "source": text, "execution_count": None, "outputs": []}


def printed(outputs):
    return "".join("".join(output["text"]) for output in outputs if output["output_type"] == "stream")


def code_cells(document):
    return [cell for cell in document["cells"] if cell["cell_type"] == "code"]


# ------------------------------------------------------------------------------------------------ in a kernel
@needs_kernel
def test_numbers_and_pictures_are_in_the_cells_that_made_them(toy, tmp_path):
    *_, measured, last = run(toy, tmp_path)
    assert "number of a                         -1.50  exact: -1.50  ok" in printed(measured)
    assert "[seen] 1. it runs (1 < 2)" in printed(last) and "1 of 2 claims seen" in printed(last)
    pictures = [output for output in last if "image/png" in output.get("data", {})]
    assert len(pictures) == 1 and pictures[0]["metadata"]["image/png"]["alt"].startswith("A line rises")
    assert "".join(pictures[0]["data"]["text/plain"]).startswith("A line rises")
    kept = json.loads((tmp_path / "runs" / "lessons" / "03_toy-fast" / "run.json").read_text(encoding="utf-8"))
    assert kept["complete"] and kept["fast"]


@needs_kernel
@pytest.mark.whole
def test_a_figure_shows_itself_and_a_cell_run_again_says_so(toy, tmp_path):
    again = code_cells(toy)[2]["source"]
    toy["cells"] += [cell("figure"), cell("".join(again))]
    *_, figure, second = run(toy, tmp_path)
    assert "image/png" in figure[0]["data"]
    assert "this cell has run before" in printed(second) and "number of a" in printed(second)


@needs_kernel
@pytest.mark.whole
@pytest.mark.parametrize(
    ("left_out", "says"),
    [
        ([1], "lesson is made in the first cell; run that cell first, or all of them from the top"),
        ([2], "claims 1, 2 have not been checked; run the cells above, from the top"),
    ],
)
def test_what_is_missing_is_said_in_one_line(left_out, says, toy, tmp_path):
    first, *others = code_cells(toy)
    toy["cells"] = [first, *(c for n, c in enumerate(others, 1) if n not in left_out)]
    if left_out == [2]:
        toy["cells"][-1]["source"] = "lesson.finish()"
    with pytest.raises(Problem) as problem:
        run(toy, tmp_path)
    assert says in str(problem.value) and "\n" not in str(problem.value)


@needs_kernel
@pytest.mark.whole
def test_a_mistake_of_ones_own_still_shows_where_it_is(toy, tmp_path):
    toy["cells"].append(cell("x = 1\nnosuchname + x"))
    with pytest.raises(Problem, match="name 'nosuchname' is not defined"):
        run(toy, tmp_path)


@needs_kernel
@pytest.mark.whole
@pytest.mark.parametrize("command", ["notebooks", "kit"])
def test_executed_copies_are_made_on_demand(command, tmp_path, capsys):
    lessons = toy_lessons(tmp_path)
    (lessons / "05_other.py").unlink()
    out = tmp_path / "out"
    arguments = [str(out), "--fast"] if command == "notebooks" else ["--out", str(out), "--runs", "no-runs"]
    (lessons / "kit" / "plan.md").write_text("## 50 minutes\n\n- 5: lesson 3: all.\n", encoding="utf-8")
    assert main([command, *arguments, "--execute", "--lessons", str(lessons)]) == 0, capsys.readouterr().err
    copy = out / ("" if command == "notebooks" else "executed") / "03_toy.ipynb"
    text = copy.read_text(encoding="utf-8")
    assert "number of a" in text and "image/png" in text and str(tmp_path) not in text
    if command == "kit":
        assert "image/png" not in (out / "notebooks" / "03_toy.ipynb").read_text(encoding="utf-8")


def test_without_the_extra_there_is_one_line_with_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(execute.importlib.util, "find_spec", lambda name: None)
    for command in (["notebooks", str(tmp_path / "out")], ["kit", "--out", str(tmp_path / "out")]):
        assert main([*command, "--execute", "--lessons", str(LESSONS)]) == 2
        assert capsys.readouterr().err == (
            "minialign: running notebooks needs ipykernel, ipywidgets, nbclient; "
            "install: pip install ipykernel ipywidgets nbclient\n"
        )
    assert not (tmp_path / "out").exists()


@needs_kernel
@pytest.mark.parametrize(
    "path", [pytest.param(path, marks=one_of(path), id=path.stem) for path in sorted(LESSONS.glob("[0-9][0-9]_*.py"))]
)
def test_every_lesson_runs_as_a_notebook(path, lesson_runs, monkeypatch):
    monkeypatch.chdir(LESSONS.parent)
    document = json.loads(notebooks.notebook(path, "--fast", "--out", str(lesson_runs)))
    *_, last = run(document, LESSONS.parent)
    assert "claims seen" in printed(last)


# ------------------------------------------------------------------------------------------------ in marimo
def in_marimo(lesson, folder, monkeypatch, *flags):
    """Convert a notebook, run it as marimo does -> what it printed."""
    source, script = folder / f"{lesson.stem}.ipynb", folder / f"{lesson.stem}.py"
    source.write_text(notebooks.notebook(lesson, *flags), encoding="utf-8")
    marimo = [sys.executable, "-m", "marimo", "-q", "-y"]
    subprocess.run([*marimo, "convert", str(source), "-o", str(script)], check=True, capture_output=True)
    done = subprocess.run([sys.executable, str(script)], cwd=folder, capture_output=True, text=True, env=os.environ | {"TQDM_DISABLE": "1"}, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@needs_marimo
@needs_kernel
@pytest.mark.whole
def test_a_notebook_runs_in_marimo(tmp_path, monkeypatch):
    told = in_marimo(toy_lessons(tmp_path) / "03_toy.py", tmp_path, monkeypatch, "--fast")
    assert "number of a" in told and "1 of 2 claims seen" in told


@needs_marimo
@needs_kernel
@pytest.mark.lessons
@pytest.mark.parametrize("number", IN_CI)
def test_lessons_run_in_marimo(number, lesson_runs, tmp_path, monkeypatch):
    (lesson,) = LESSONS.glob(f"{number:02d}_*.py")
    (tmp_path / "lessons").symlink_to(LESSONS)
    assert "claims seen" in in_marimo(lesson, tmp_path, monkeypatch, "--fast", "--out", str(lesson_runs))


# ------------------------------------------------------------------------------------------------ without any of them
def test_names_and_where_they_are_made(tmp_path):
    code = "import a.b, c as d\nfrom e import f\nx, (y, *z) = 1, (2,)\nfor i in z:\n    w = [k for k in z]\ndef g(p):\n    q = 1\n"
    assert notebook.names_made(code) == {"a", "d", "f", "x", "y", "z", "i", "w", "g"}
    script = toy_lessons(tmp_path) / "03_toy.py"
    assert notebook.made_under("figure", script) == 'under "2. What there was to see"'
    assert notebook.made_under("lesson", script) == "in the first cell" == notebook.made_under("__file__", script)
    assert notebook.made_under("nosuchname", script) == ""


def test_fast_notebooks(tmp_path):
    for flags, begins in (([], "begin('03_toy.py')"), (["--fast"], "begin('03_toy.py', '--fast')")):
        lessons = toy_lessons(tmp_path / ("fast" if flags else "full"))
        assert main(["notebooks", str(tmp_path / "out"), *flags, "--lessons", str(lessons)]) == 0
        assert begins in (tmp_path / "out" / "03_toy.ipynb").read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------------------ from a wheel
def test_lessons_are_laid_out_and_nobodys_work_is_overwritten(tmp_path, capsys):
    assert main(["lessons", str(tmp_path)]) == 0
    laid = {path.relative_to(tmp_path / "lessons").as_posix() for path in (tmp_path / "lessons").rglob("*") if path.is_file()}
    here = {path.relative_to(LESSONS).as_posix() for path in LESSONS.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert laid == {name for name in here if not name.startswith(("figures/", "solutions/"))}
    assert f"{len(laid)} new files" in capsys.readouterr().out
    mine = tmp_path / "lessons" / "exercises" / "ex04.py"
    mine.write_text("solved", encoding="utf-8")
    (tmp_path / "lessons" / "bands.json").unlink()
    assert main(["lessons", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("1 new files") and f"{mine} differs and stays" in told and mine.read_text(encoding='utf-8') == "solved"


def test_installed_lessons_are_found_through_the_installation(tmp_path, monkeypatch):
    lessons = toy_lessons(tmp_path / "share" / "minialign")
    monkeypatch.setattr(layout, "PACKAGE", tmp_path / "site-packages" / "minialign")
    monkeypatch.setattr(layout.importlib.metadata, "files", lambda name: [Installed(lessons / "03_toy.py")])
    assert layout.packaged_lessons() == lessons.resolve()
    monkeypatch.chdir(tmp_path)
    script, doc = notebooks.begin("03_toy.py")
    assert Path(script) == lessons.resolve() / "03_toy.py" and doc.startswith("Lesson 3") and Path.cwd() == tmp_path
    monkeypatch.setattr(layout.importlib.metadata, "files", lambda name: None)
    with pytest.raises(Problem, match="clone the project, or install its wheel"):
        layout.lay_out(tmp_path)


@pytest.mark.parametrize("command", ["notebooks", "lessons", "book"])
def test_a_folder_that_cannot_be_written_is_named_with_what_the_command_takes(command, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("minialign.book.make.require_extra", lambda: None)
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    where = ["--lessons", str(toy_lessons(tmp_path / "toy"))] * (command != "lessons")
    monkeypatch.chdir(tmp_path)
    assert main([command, str(tmp_path / "file" / "x"), *where]) == 2
    assert capsys.readouterr().err.endswith("choose another DIR\n")


class Installed(type(Path())):
    """What importlib.metadata has for an installed file."""

    def locate(self):
        return self


def test_the_wheel_carries_every_lesson(tmp_path):
    """setup.cfg's list is that of layout.CARRIED."""
    import configparser

    setup = configparser.ConfigParser()
    setup.read(LESSONS.parent / "setup.cfg", encoding="utf-8")
    root = LESSONS.parent
    packed = {path for patterns in setup["options.data_files"].values() for pattern in patterns.split() for path in root.glob(pattern)}
    carried = {path for pattern in layout.CARRIED for path in LESSONS.glob(pattern)}
    assert {path for path in packed if path.is_file()} == {path for path in carried if path.is_file()}
    for folder, patterns in setup["options.data_files"].items():
        for pattern in patterns.split():
            assert folder == f"share/minialign/{Path(pattern).parent.as_posix()}"
