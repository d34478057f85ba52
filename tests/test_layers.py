"""The house stands as drawn: imports run downward, the truth stays walled off, drawing stays outside."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import minialign

ROOT = Path(minialign.__file__).parent

# Each may import from what stands before it.  history stands above where DESIGN lists it: it needs nothing.
ORDER = """
    autograd history functional composed optim tokenizer batch parallel model likelihood generate checkpoint
    sft preferences reward ppo dpo rlaif interop exact evaluate plots world pipeline lab bench classroom __main__
""".split()
TWINS = {"bench/torch_model.py", "bench/torch_twin.py"}  # loaded by `minialign bench --against torch` alone
ALGORITHMS = {"sft", "reward", "ppo", "dpo", "rlaif"}
FILES = {path.relative_to(ROOT).as_posix(): path for path in sorted(ROOT.rglob("*.py"))}


def imports_of(path):
    """Every import in a file, wherever it stands -> list of absolute dotted names."""
    package = ["minialign", *path.relative_to(ROOT).parts[:-1]]
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*base, *([node.module] if node.module else [])])
            names += [f"{base}.{alias.name}" for alias in node.names]
    return names


def room_of(name):
    """minialign.world.gold.judge -> world; None for what is not of the package, or of its __init__."""
    parts = name.split(".")
    return parts[1] if parts[0] == "minialign" and len(parts) > 1 and parts[1] in ORDER else None


def rooms_imported(path):
    return {room_of(name) for name in imports_of(path)} - {None}


def test_every_file_has_its_place():
    rooms = {name.removesuffix(".py").split("/")[0] for name in FILES} - {"__init__"}
    assert rooms <= set(ORDER), f"not in ORDER: {rooms - set(ORDER)}"


@pytest.mark.parametrize("name", FILES)
def test_imports_run_downward(name):
    room = name.removesuffix(".py").split("/")[0]
    below = set(ORDER[: ORDER.index(room)]) if room in ORDER else set()
    own = {room} if "/" in name else set()  # the files of a folder know each other
    assert rooms_imported(FILES[name]) <= below | own


@pytest.mark.parametrize("name", ["autograd.py", "history.py", "tokenizer.py"])
def test_the_ground_floor_imports_nothing_of_the_package(name):
    assert rooms_imported(FILES[name]) == set()


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_the_algorithms_know_neither_each_other_nor_the_truth(name):
    assert not rooms_imported(FILES[f"{name}.py"]) & (ALGORITHMS | {"world"})


def test_the_truth_is_met_in_the_pipeline_and_in_the_classroom_alone():
    met = {name for name, path in FILES.items() if "world" in rooms_imported(path) and not name.startswith("world/")}
    assert {name.split("/")[0] for name in met} <= {"pipeline.py", "lab", "classroom"}


def test_the_judge_never_enters_the_pipeline():
    names = [name for name in imports_of(FILES["pipeline.py"]) if name.startswith("minialign.world")]
    assert names and not any("judge" in name or "gold" in name for name in names)


def test_only_plots_and_the_classroom_draw_and_never_with_pyplot():
    users = {name for name, path in FILES.items() if any(i.split(".")[0] == "matplotlib" for i in imports_of(path))}
    assert "plots.py" in users
    assert all(name in ("plots.py", "bench/figure.py") or name.startswith("classroom/") for name in users)
    assert not any("pyplot" in i or "pylab" in i for path in FILES.values() for i in imports_of(path))


def test_the_package_needs_nothing_but_numpy_matplotlib_and_tqdm():
    ours = [path for name, path in FILES.items() if name not in TWINS]
    tops = {name.split(".")[0] for path in ours for name in imports_of(path)}
    assert tops - set(sys.stdlib_module_names) <= {"minialign", "numpy", "matplotlib", "tqdm"}


@pytest.mark.parametrize("name", sorted(TWINS))
def test_only_the_twin_knows_torch_and_only_its_own_process_loads_it(name):
    tops = {i.split(".")[0] for i in imports_of(FILES[name])}
    assert "torch" in tops and tops - set(sys.stdlib_module_names) <= {"minialign", "numpy", "torch", "transformers"}
    module = name.removesuffix(".py").split("/")[1]
    importers = [n for n, path in FILES.items() if any(i.endswith(module) for i in imports_of(path))]
    assert set(importers) <= TWINS


def loaded_by(code):
    """The modules that a fresh interpreter has loaded after running `code`."""
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT.parent)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_the_package_is_light():
    assert not {"matplotlib", "tqdm", "multiprocessing"} & loaded_by("import minialign")


def test_blas_gets_one_thread_unless_the_user_says_otherwise():
    """Two threads add up in another order: a spawned process and its parent would not find the same numbers."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    code = f"import minialign, os; print(*[os.environ.get(name) for name in {names}], 'numpy' in sys.modules)"
    for wish, expected in (({}, "1 1 1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3 None None"), ({"OMP_NUM_THREADS": "2"}, "None 2 None")):
        environment = {k: v for k, v in os.environ.items() if k not in names} | wish
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; {code}"], capture_output=True, text=True, env=environment, cwd=ROOT.parent
        )
        assert done.stdout.strip() == f"{expected} False"  # before NumPy, or it would be too late


def test_help_loads_nothing_slow():
    code = "from minialign.classroom.command import parser; parser().format_help()"
    assert not {"numpy", "matplotlib", "tqdm"} & loaded_by(code)


def test_a_tour_does_not_load_matplotlib_before_there_is_something_to_draw():
    assert "matplotlib" not in loaded_by(
        "import minialign.classroom.tour, minialign.classroom.table, minialign.classroom.chat"
    )


def test_nothing_uses_the_global_generator():
    for name, path in FILES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Attribute)
                and node.value.attr == "random"
            ):
                assert node.attr in ("default_rng", "Generator"), f"{name}: np.random.{node.attr}"


def test_the_readme_has_a_line_for_every_file():
    readme = (ROOT.parent / "README.md").read_text(encoding="utf-8")
    names = {path.name for path in FILES.values()} - {"__init__.py", "__main__.py"}
    assert {name for name in names if f" {name} " not in readme} == set()
