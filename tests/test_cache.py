"""What is kept on disk is named after all that it depends on, and after nothing else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from toy import TOY

from minialign import cache, source_patch
from minialign.pipeline import Journey
from minialign.teach.bands import run_key

ROOT = Path(cache.__file__).resolve().parents[1]
OF_STAGES = """
from minialign import cache, pipeline
run = pipeline.Journey(pipeline.FAST, 0)
print(*[run.key(name) for name in pipeline.MAKE])
"""
KEYS = f"""{OF_STAGES}
from pathlib import Path
from minialign.lab import EXPERIMENTS
from minialign.teach.bands import run_key
print(*[cache.key(name, code=[cache.ROOT / "lab" / f"{{name}}.py"]) for name in EXPERIMENTS])
print(*[run_key(path) for path in sorted(Path("lessons").glob("[01]*.py"))])
"""


@pytest.fixture()
def copy(tmp_path):
    """The package and the lessons, to be edited."""
    shutil.copytree(ROOT / "minialign", tmp_path / "minialign", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "lessons", tmp_path / "lessons", ignore=shutil.ignore_patterns("__pycache__", "figures"))
    return tmp_path


@pytest.fixture(scope="module")
def before():
    """The keys of the package and the lessons as they are: where they lie does not matter."""
    return keys(ROOT)


def keys(folder, code=KEYS, **environment):
    """(stages, experiments, lessons) of the package in a folder, each a list of keys; or the stages alone."""
    command, env = [sys.executable, "-c", code], os.environ | {"PYTHONPATH": str(folder)} | environment
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True, encoding="utf-8")
    return [line.split() for line in done.stdout.splitlines()]


def edit(path, change):
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def test_a_comment_or_a_docstring_in_any_file_makes_nothing_anew(copy, before):
    for path in (copy / "minialign").rglob("*.py"):
        edit(path, lambda text: text.replace('"""', '"""Edited: ', 1) + "\n# a comment at the end\n")
    assert keys(copy) == before


def test_code_that_a_stage_runs_makes_it_anew_and_code_that_it_does_not_run_leaves_it(copy, before):
    stages, experiments, _ = before
    edit(copy / "minialign" / "bench" / "run.py", lambda text: text + "\nUNUSED = 1\n")
    edit(copy / "minialign" / "evaluate.py", lambda text: text + "\nUNUSED = 1\n")  # measures; no stage is made by it
    after = keys(copy)
    assert after[0] == stages and not set(after[1]) & set(experiments)
    edit(copy / "minialign" / "dpo.py", lambda text: text + "\nUNUSED = 1\n")
    assert not set(keys(copy, OF_STAGES)[0]) & set(stages)


def test_a_change_of_the_constitution_reruns_lesson_11_and_the_experiment_on_principles(copy, before):
    stages, experiments, lessons = before
    edit(copy / "minialign" / "world" / "constitution.txt", lambda text: text + "\n")
    after = keys(copy)
    assert after[0] == stages
    changed = [k for k, (old, new) in enumerate(zip(lessons, after[2])) if old != new]
    assert changed == [10]
    assert sum(old != new for old, new in zip(experiments, after[1])) == 1


def test_threads_and_the_locale(before):
    assert keys(ROOT, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0") == before
    assert not set(keys(ROOT, OF_STAGES, MINIALIGN_THREADS="2")[0]) & set(before[0])  # sums are taken in another order


def test_an_edit_in_the_middle_of_a_run_changes_no_key(copy):
    code = f"{KEYS}\nfor p in Path('minialign').rglob('*.py'): p.write_text(p.read_text(encoding='utf-8') + '\\nNEW = 1\\n')\n{KEYS}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=copy, env=os.environ | {"PYTHONPATH": str(copy)}, capture_output=True, text=True, check=True, encoding="utf-8")
    lines = done.stdout.splitlines()
    assert lines[:3] == lines[3:]


def test_what_a_key_depends_on_is_told_whole():
    """A repr leaves out the middle of a long array, a set has another order in each process, and a NumPy number is a number."""
    array = np.arange(2000)
    changed = array.copy()
    changed[1000] = 0
    arrays = array, changed, array.astype(float), array.reshape(2, -1), array[:0]
    assert len({cache.as_text([a]) for a in arrays}) == len(arrays) and cache.as_text(array) == cache.as_text(array[::-1][::-1])
    assert cache.as_text({"a": [np.int64(0), np.bool_(1), np.float32(0.5)]}) == cache.as_text({"a": [0, True, 0.5]})
    assert cache.as_text({1, 2}) != cache.as_text({1, 3}) and cache.as_text({1}) != cache.as_text({"1"})
    code = "from minialign import cache; print(cache.as_text([{'ab', 'cd', 'ef', 'gh'}, frozenset({(1, 'x'), 'y', None})]))"
    assert len({keys(ROOT, code, PYTHONHASHSEED=seed)[0][0] for seed in "123"}) == 1
    with pytest.raises(ValueError, match="array of objects"):
        cache.as_text({"a": np.array([{}])})


def test_the_text_of_plain_values_stays():
    """Or all that is kept would be made again."""
    plain = {"b": [1, 0.5, None, True, "ä", np.float64(2)], "a": (TOY.tastes, b"y", int, 1j)}
    tastes = cache.json.dumps(cache.asdict(TOY.tastes), sort_keys=True)
    assert cache.as_text(plain) == f'{{"a": [{tastes}, "b\'y\'", "<class \'int\'>", "1j"], "b": [1, 0.5, null, true, "\\u00e4", 2.0]}}'


def test_a_fault_made_on_purpose_is_part_of_every_key():
    from minialign import dpo

    journey, lesson = Journey(TOY, 0), ROOT / "lessons" / "08_dpo.py"
    before = journey.key("base"), run_key(lesson)
    with source_patch.patch(dpo, "dpo_loss", "h = chosen_rewards - rejected_rewards", "h = rejected_rewards - chosen_rewards"):
        assert journey.key("base") != before[0] and run_key(lesson) != before[1]
    assert (journey.key("base"), run_key(lesson)) == before


def test_a_stream_belongs_to_its_name():
    """A new stage shifts no other's numbers; an unknown name is a stream of its own."""
    run = Journey(TOY, 0)
    names = ["base", "sft", "votes", "reward", "ppo", "dpo", "grpo", "report", "labels", "audit", "adit", ""]
    first = {name: run.rng(name).integers(2**62) for name in names}
    assert len(set(first.values())) == len(names)
    assert all(run.rng(name).integers(2**62) == first[name] for name in reversed(names))
    assert all(Journey(TOY, 1).rng(name).integers(2**62) != first[name] for name in names)
    expected = np.random.default_rng([0, 1501738109]).integers(2**62)  # crc32 of "ppo": the same on every machine
    assert first["ppo"] == expected


def test_the_package_is_found_one_folder_above_a_clone_of_its_name(tmp_path):
    """There an empty namespace package of the name used to win over an editable installation."""
    (tmp_path / "minialign").mkdir()
    code = "import minialign; print(minialign.__version__)"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr


def test_a_world_without_a_file_is_keyed_by_its_text_or_refused():
    """In a notebook there is no file; two versions of one class must not share their stages."""
    def world(text):
        made = {}
        exec(f"from minialign.world import ToyWorld\nclass Mine(ToyWorld):\n    {text}\n", made)
        made["Mine"].__module__ = "a_cell"
        return made["Mine"]()

    with pytest.raises(ValueError, match="write the class into a file"):
        Journey(TOY, 0, world=world("pass")).key("base")
