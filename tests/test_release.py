"""A release: one version everywhere, a wheel with all that a learner needs, and equal bytes from equal sources."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import build
import house_picture
import numpy as np
import pytest

import minialign
from minialign.cli.command import main

ROOT = Path(minialign.__file__).parents[1]


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_there_is_one_version(capsys):
    version = minialign.__version__
    assert f"\nversion: {version}\n" in text("CITATION.cff")
    assert re.search(r"^## (\S+)", text("docs/changelog.md"), re.M)[1] == version  # the newest comes first
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0 and capsys.readouterr().out == f"minialign {version}\n"


def test_the_workflow_tries_the_lower_bounds_that_setup_cfg_promises():
    lowest = dict(re.findall(r"^    (numpy|matplotlib|tqdm|pytest)>=([\d.]+)$", text("setup.cfg").replace("test = pytest", "\n    pytest"), re.M))
    tried = dict(re.findall(r"(numpy|matplotlib|tqdm|pytest)==(\d+\.\d+)", text(".github/workflows/ci.yml")))
    assert len(lowest) == 4 and {name: bound if "." in bound else f"{bound}.0" for name, bound in lowest.items()} == tried
    python = re.search(r"python_requires = >=(\S+)", text("setup.cfg"))[1]
    assert f'python: ["{python}", "3.x"]' in text(".github/workflows/ci.yml")


def test_the_picture_of_the_house_is_that_of_the_house():
    """`python tests/house_map.py` draws it anew."""
    assert text("docs/house.svg") == house_picture.picture()
    floors = house_picture.layers(house_picture.imports())
    assert floors[0] == ["mathematics"] and floors[-1] == ["cli"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    pytest.importorskip("setuptools", minversion="70.1")  # the first that builds wheels by itself; the extra `dev`
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("a release is built from a clone")
    return build.build(tmp_path_factory.mktemp("dist"))


@pytest.mark.whole
def test_equal_sources_give_equal_bytes(built, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(build.epoch()))
    umask = os.umask(0o077)  # another builder, with other habits
    try:
        again = build.build(tmp_path)
    finally:
        os.umask(umask)
    for first, second in zip(built, again):
        assert first.name == second.name and first.read_bytes() == second.read_bytes()


def without_the_clone():
    """The environment of a process that must not find the clone: to pip it would be minialign, installed already."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def installed(wheel, folder):
    """A new environment with the wheel alone, and with the libraries of this one, for there may be no network -> its Python."""
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(pip, check=True, env=without_the_clone())
    site = next(folder.rglob("site-packages"))
    (site / "libraries.pth").write_text(str(Path(np.__file__).parents[1]), encoding="utf-8")
    return python


def outside(python, folder, *command, code=0):
    """Run a command of an installed wheel in a folder that is no clone -> its output."""
    options = {"cwd": folder, "env": without_the_clone(), "stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "encoding": "utf-8"}
    done = subprocess.run([python, *map(str, command)], **options)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel_python(built, tmp_path_factory):
    return installed(built[0], tmp_path_factory.mktemp("fresh") / "venv")


@pytest.mark.whole
def test_the_wheel_carries_the_whole_package_and_works_without_the_clone(built, wheel_python, tmp_path):
    with zipfile.ZipFile(built[0]) as wheel:
        packed = set(wheel.namelist())
    package = {name for name in build.sources() if name.startswith("minialign/")}
    assert package <= packed, sorted(package - packed)
    code = "import minialign.pretrained as p, minialign; from minialign.pipeline import FAST; p.load(FAST.model); print(minialign.__file__)"
    where = outside(wheel_python, tmp_path, "-c", code)
    assert Path(where.strip()).is_relative_to(wheel_python.parents[1])
    outside(wheel_python, tmp_path, "-m", "minialign", "lessons", ".")
    outside(wheel_python, tmp_path, "lessons/01_autograd.py", "--help")
    laid = {path.relative_to(tmp_path).as_posix() for path in (tmp_path / "lessons").rglob("*") if path.is_file()}
    here = {name for name in build.sources() if name.startswith("lessons/") and not name.startswith(("lessons/figures/", "lessons/solutions/"))}
    assert here <= laid, sorted(here - laid)


@pytest.mark.whole
def test_a_learner_gets_along_with_the_wheel_alone(wheel_python, tmp_path):
    """Lessons, an exercise, a lesson, a tour at toy size, its page: in an empty folder, without the clone."""
    outside(wheel_python, tmp_path, "-m", "minialign", "lessons", ".")
    assert "not written yet" in outside(wheel_python, tmp_path, "-m", "minialign", "check", "1", code=1)
    assert "7 of 7 claims seen" in outside(wheel_python, tmp_path, "lessons/12_graduate.py", "--fast")
    toys = f"import sys; sys.path.append({str(ROOT / 'tests')!r}); from pathlib import Path; from toy_run import toy_tour"
    tour = outside(wheel_python, tmp_path, "-c", f"import minialign; print(minialign.__file__); {toys}; toy_tour(Path('runs'))")
    assert Path(tour.splitlines()[0]).is_relative_to(wheel_python.parents[1])
    assert "</html>" in (tmp_path / "runs" / "tour-fast-s0" / "journey.html").read_text(encoding="utf-8")
    assert "all is well" in outside(wheel_python, tmp_path, "-m", "minialign", "doctor")


@pytest.mark.whole
def test_the_sdist_is_the_whole_project_and_makes_the_same_wheel(built, tmp_path, monkeypatch):
    from setuptools import build_meta

    with tarfile.open(built[1]) as packed:
        packed.extractall(tmp_path, filter="data")
    [project] = [path for path in tmp_path.iterdir() if path.is_dir()]
    missing = [name for name in build.sources() if not (project / name).is_file()]
    different = [name for name in build.sources() if name not in missing and (project / name).read_bytes() != (ROOT / name).read_bytes()]
    assert missing == [] and different == ["setup.cfg"] * (different != [])  # setuptools adds its [egg_info]
    monkeypatch.chdir(project)
    again = tmp_path / build_meta.build_wheel(str(tmp_path))
    with zipfile.ZipFile(built[0]) as one, zipfile.ZipFile(again) as two:
        assert one.namelist() == two.namelist() and all(one.read(name) == two.read(name) for name in one.namelist())
    collect = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_checks.py", "tests/test_golden_optim.py"]
    subprocess.run(collect, cwd=project, env=os.environ | {"PYTHONPATH": str(project)}, check=True, capture_output=True)
