"""The house is as drawn: imports run downward, the truth stays walled off, drawing stays outside."""

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import minialign

ROOT = Path(minialign.__file__).parent

# Rooms, from the ground floor up: each may import from those before it, and a folder's own files from each other.
ORDER = """
    checks divergence arrays autograd history functional composed optim tokenizer batch parallel model likelihood generate checkpoint
    sft preferences reward policy_gradient ppo grpo_settings grpo dpo cousins rlaif interop exact evaluate models source_patch cache stages
    world snapshots pretrained pipeline pretrain figures runs export classroom lab page teach book bench cli __main__
""".split()
BOOK = {"jinja2", "latex2mathml", "markdown_it", "mdit_py_plugins", "pygments"}  # the extra `book`, loaded by `minialign book` alone
KERNEL = {"nbclient", "nbformat"}  # the extra `notebook`, loaded when notebooks are executed
TORCH = {f"bench/torch_{name}.py" for name in ("model", "steps", "tour")}  # loaded by `minialign bench --against torch` alone
SCRIPTS = {path.relative_to(ROOT).as_posix() for path in (ROOT / "export" / "scripts").glob("[!_]*.py")}  # written into exported folders
EXTRAS = {"teach/kit/execute.py": KERNEL, "export/folder.py": {"safetensors"}, "classroom/qr.py": {"segno"}} | dict.fromkeys(TORCH, {"torch", "transformers"})
EXTRAS |= dict.fromkeys(SCRIPTS, {"torch", "transformers", "datasets", "trl", "reward_function"})
ALGORITHMS = {"sft", "reward", "policy_gradient", "ppo", "grpo", "dpo", "cousins", "rlaif"}
SIBLINGS = ALGORITHMS - {"policy_gradient"}
DRAWING = ("figures/", "lab/figures/")
FILES = {path.relative_to(ROOT).as_posix(): path for path in sorted(ROOT.rglob("*.py"))}


@cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module", autouse=True)
def trees_are_forgotten():
    """Half a million objects, through which the garbage collector would look in every later test."""
    yield
    tree_of.cache_clear()


@cache
def imports_of(path):
    """Every import in a file, wherever it is -> list of absolute dotted names."""
    package = ["minialign", *path.relative_to(ROOT).parts[:-1]]
    names = []
    for node in ast.walk(tree_of(path)):
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


def files_imported(name):
    """The files of the package that a file imports, a package's own __init__.py included."""
    found = set()
    for dotted in imports_of(FILES[name]):
        parts = dotted.split(".")[1:] if dotted.split(".")[0] == "minialign" else []
        for n in range(len(parts), 0, -1):  # minialign.world.gold.judge -> world/gold.py
            for candidate in ("/".join(parts[:n]) + ".py", "/".join(parts[:n]) + "/__init__.py"):
                if candidate in FILES:
                    found.add(candidate)
                    break
            else:
                continue
            break
    return found - {name}


def circles():
    """Groups of files that import each other, directly or by way of others (Tarjan 1972 would be quicker)."""
    reach = {name: files_imported(name) for name in FILES}
    grown = True
    while grown:
        grown = False
        for name, seen in reach.items():
            more = set().union(*(reach[other] for other in seen)) - seen if seen else set()
            if more:
                seen |= more
                grown = True
    return {frozenset(other for other in reach[name] if name in reach[other]) for name in FILES if name in reach[name]}


def test_no_files_import_each_other_in_a_circle():
    assert circles() == set()


def test_the_circle_test_sees_a_circle(monkeypatch, tmp_path):
    (tmp_path / "lab").mkdir()
    for name, other in (("one", "two"), ("two", "three"), ("three", "one")):
        (tmp_path / "lab" / f"{name}.py").write_text(f"def f():\n    from . import {other}", encoding="utf-8")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "FILES", {f"lab/{p.name}": p for p in (tmp_path / "lab").iterdir()})
    assert circles() == {frozenset(FILES)}


def test_no_file_and_no_function_is_longer_than_a_reader_sits():
    for name, path in FILES.items():
        assert path.read_text(encoding="utf-8").count("\n") <= 320, name
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 60, f"{name}: {node.name}"
    for path in ROOT.rglob("*.[jc]*s"):
        assert path.read_text(encoding="utf-8").count("\n") <= 320, path


def test_no_folder_holds_more_than_a_fifth_of_the_lines():
    lines = {}
    for path in [*FILES.values(), *ROOT.rglob("*.[jc]*s"), *ROOT.rglob("*.html")]:
        top = path.relative_to(ROOT).parts[0]
        lines[top] = lines.get(top, 0) + path.read_text(encoding="utf-8").count("\n")
    folders = {name: n for name, n in lines.items() if (ROOT / name).is_dir()}
    assert max(folders.values()) <= 0.2 * sum(lines.values()), folders


def test_every_public_signature_above_the_core_is_typed():
    """Functions and methods; not the exercises, which are written in a learner's own notation."""
    core, untyped = ORDER[: ORDER.index("models")], []
    for name, path in FILES.items():
        if name.removesuffix(".py").split("/")[0] in core or name.startswith("teach/exercises/e"):
            continue
        tree = tree_of(path)
        bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
        for node in (node for body in bodies for node in body if isinstance(node, ast.FunctionDef)):
            given = [a for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs) if a.arg not in ("self", "cls")]
            own = node.name == "__init__" or not node.name.startswith("_")
            if own and (any(a.annotation is None for a in given) or (node.returns is None and node.name != "__init__")):
                untyped.append(f"{name}: {node.name}")
    assert untyped == []


def test_the_laboratory_does_not_know_its_figures():
    for name in FILES:
        if name.startswith("lab/") and not name.startswith("lab/figures/"):
            assert not any(other.startswith("lab/figures/") for other in files_imported(name)), name


@pytest.mark.parametrize("name", ["arrays.py", "checks.py", "history.py", "tokenizer.py"])
def test_the_ground_floor_imports_nothing_of_the_package(name):
    assert rooms_imported(FILES[name]) == set()


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_the_algorithms_know_neither_each_other_nor_the_truth(name):
    shared = {"policy_gradient"} if name in ("ppo", "grpo") else set()
    assert not rooms_imported(FILES[f"{name}.py"]) & ((ALGORITHMS | {"world"}) - shared)


def test_the_truth_is_met_above_the_algorithms_alone():
    met = {name for name, path in FILES.items() if "world" in rooms_imported(path) and not name.startswith("world/")}
    assert {name.split("/")[0] for name in met} <= {"pipeline.py", "lab", "runs", "classroom", "page", "teach", "cli"}


def test_the_judge_never_enters_the_pipeline():
    names = [name for name in imports_of(FILES["pipeline.py"]) if name.startswith("minialign.world")]
    assert names and not any("judge" in name or "gold" in name for name in names)


@pytest.mark.parametrize("name", ["pipeline.py", "snapshots.py", *(f"{name}.py" for name in sorted(ALGORITHMS))])
def test_whoever_trains_never_asks_the_judge(name):
    """The pipeline holds a world, and a world has a judge: it must not be asked, not by any other name either."""
    tree = tree_of(FILES[name])
    asked = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    by_name = {ast.unparse(node.args[1]) for node in calls if node.func.id == "getattr" and "world" in ast.unparse(node)}
    assert not {"judge", "gold", "report_questions"} & asked and by_name <= {"'mix'", "'tastes'"}
    assert "judge_response" not in {node.func.id for node in calls}


TRUTHFUL = {"lab/instruments/ideal.py", "lab/instruments/verifier.py"}  # the two declared exceptions; each says so


def test_in_the_laboratory_two_files_alone_train_on_the_truth():
    """Whoever trains on a score gets it from a reward model, or is one of the two that say what they are."""
    trainers = {f"minialign.{room}.train_{room}" for room in ("ppo", "grpo")}
    scored = {name for name in FILES if name.startswith(("lab/", "teach/")) and trainers & set(imports_of(FILES[name]))}
    judged = {name for name in scored if "world" in rooms_imported(FILES[name])}
    assert judged == TRUTHFUL
    assert all("shown the truth instead of votes" in " ".join(FILES[name].read_text(encoding="utf-8").split()) for name in TRUTHFUL)


def test_only_the_figures_draw_and_never_with_pyplot():
    users = {name for name, path in FILES.items() if any(i.split(".")[0] == "matplotlib" for i in imports_of(path))}
    assert "figures/style.py" in users
    assert all(name.startswith(DRAWING) for name in users)
    assert not any("pyplot" in i or "pylab" in i for path in FILES.values() for i in imports_of(path))


def test_figures_neither_train_nor_sample():
    for name in FILES:
        if name.startswith("figures/"):
            assert not rooms_imported(FILES[name]) & {"generate", "pipeline", "optim", "sft", "ppo", "dpo", "lab", "runs", "page"}, name


def test_the_package_needs_nothing_but_numpy_matplotlib_and_tqdm():
    for name, path in FILES.items():
        tops = {i.split(".")[0] for i in imports_of(path)} - set(sys.stdlib_module_names)
        extra = BOOK if name.startswith("book/") else EXTRAS.get(name, set())
        assert tops <= {"minialign", "numpy", "matplotlib", "tqdm"} | extra, name


def test_nothing_imports_what_is_written_into_exported_folders():
    assert SCRIPTS and not any(".export.scripts" in i for path in FILES.values() for i in imports_of(path))


def test_the_command_line_knows_the_book_without_its_libraries():
    assert not (BOOK | KERNEL) & loaded_by("import minialign.cli.book, minialign.cli.kit, minialign.cli.notebooks")


@pytest.mark.parametrize("name", sorted(TORCH))
def test_only_its_own_files_know_torch_and_only_their_own_process_loads_them(name):
    tops = {i.split(".")[0] for i in imports_of(FILES[name])}
    assert "torch" in tops and tops - set(sys.stdlib_module_names) <= {"minialign", "numpy", "torch", "transformers"}
    module = name.removesuffix(".py").split("/")[1]
    importers = [n for n, path in FILES.items() if any(i.endswith(module) for i in imports_of(path))]
    assert set(importers) <= TORCH


def loaded_by(code):
    """The modules that a fresh interpreter has loaded after running `code`."""
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT.parent, encoding="utf-8")
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
            [sys.executable, "-c", f"import sys; {code}"], capture_output=True, text=True, env=environment, cwd=ROOT.parent, encoding="utf-8")
        assert done.stdout.strip() == f"{expected} False"  # before NumPy, or it would be too late


def test_help_loads_nothing_slow():
    code = "from minialign.cli.command import parser; parser().format_help()"
    assert not {"numpy", "matplotlib", "tqdm"} & loaded_by(code)


def test_a_tour_does_not_load_matplotlib_before_there_is_something_to_draw():
    assert "matplotlib" not in loaded_by(
        "import minialign.cli.tour, minialign.cli.table, minialign.cli.chat"
    )


def test_nothing_uses_the_global_generator():
    for name, path in FILES.items():
        for node in ast.walk(tree_of(path)):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Attribute)
                and node.value.attr == "random"
            ):
                assert node.attr in ("default_rng", "Generator"), f"{name}: np.random.{node.attr}"


def test_the_map_of_the_house_has_a_line_for_every_file():
    house = (ROOT.parent / "docs" / "house.md").read_text(encoding="utf-8")
    names = {path.name for path in FILES.values()} - {"__init__.py", "__main__.py"}
    assert {name for name in names if f"`{name}`" not in house} == set()
