"""A release: one version everywhere, a wheel with all that a learner needs, and equal bytes from equal sources."""

import os
import re
import shutil
import subprocess
import sys
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


def installed(wheel, folder):
    """A new environment with the wheel alone, and with the libraries of this one, for there may be no network -> its Python."""
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(pip, check=True)
    site = next(folder.rglob("site-packages"))
    (site / "libraries.pth").write_text(str(Path(np.__file__).parents[1]), encoding="utf-8")
    return python


@pytest.mark.whole
def test_the_wheel_carries_the_whole_package_and_works_without_the_clone(built, tmp_path):
    with zipfile.ZipFile(built[0]) as wheel:
        packed = set(wheel.namelist())
    package = {name for name in build.sources() if name.startswith("minialign/")}
    assert package <= packed, sorted(package - packed)
    fresh, empty = tmp_path / "fresh", tmp_path / "empty"
    empty.mkdir()
    python = installed(built[0], fresh)
    code = "import minialign.pretrained as p, minialign; from minialign.pipeline import FAST; p.load(FAST.model); print(minialign.__file__)"
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for command in (["-c", code], ["-m", "minialign", "lessons", "."], ["lessons/01_autograd.py", "--help"]):
        done = subprocess.run([python, *command], cwd=empty, env=outside, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert command[0] != "-c" or Path(done.stdout.strip()).is_relative_to(fresh)
    laid = {path.relative_to(empty).as_posix() for path in (empty / "lessons").rglob("*") if path.is_file()}
    here = {name for name in build.sources() if name.startswith("lessons/") and not name.startswith(("lessons/figures/", "lessons/solutions/"))}
    assert here <= laid, sorted(here - laid)
