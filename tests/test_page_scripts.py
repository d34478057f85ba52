"""The page's scripts without a browser: their mathematics beside NumPy's, their types beside the dataclasses of the data.

Needs Node.js, and TypeScript's tsc (npm install --global typescript); what is missing is skipped, and says so.
"""

import json
import re
import shutil
import subprocess
from importlib.resources import files

import numpy as np
import pytest
from page_types import TSC, declarations

from minialign import exact
from minialign.page import reweighting
from minialign.page.document import SCRIPTS

STATIC = files("minialign.page").joinpath("static")
LOAD = "const vm = require('vm'), fs = require('fs'); "
LOAD += "for (const file of process.argv.slice(1)) vm.runInThisContext(fs.readFileSync(file, 'utf8'));"


@pytest.fixture(scope="module")
def node():
    """A function: JavaScript expression -> its value, with maths.js and loop.js loaded."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("there is no Node.js to run the page's mathematics with")

    def value_of(expression):
        scripts = [str(STATIC / f"{name}.js") for name in ("maths", "loop")]  # what needs no page
        command = [program, "-e", f"{LOAD} console.log(JSON.stringify({expression}));", *scripts]
        found = subprocess.run(command, capture_output=True, text=True, timeout=60, encoding="utf-8")
        assert found.returncode == 0, found.stderr
        return json.loads(found.stdout)

    return value_of


def test_softmax_and_its_friends(node):
    assert node("softmax([0, Math.log(3)])") == pytest.approx([0.25, 0.75])
    assert node("softmax([1000, 1000])") == [0.5, 0.5]
    assert node("[softplus(0), softplus(800), softplus(-800)]") == [pytest.approx(np.log(2)), 800, 0]
    assert node("[sigmoid(0), sigmoid(-800), sigmoid(800)]") == [0.5, 0, 1]
    assert node("entropyOf([0.5, 0.5, 0])") == pytest.approx(np.log(2))
    assert node("[1, 2, 3].map((seed) => randomFrom(seed)())") == node("[1, 2, 3].map((seed) => randomFrom(seed)())")
    assert node("choose([0, 3, 1], 0)") == 1


def test_neighbouring_seeds_draw_evenly(node):
    """The second number of seed 0, the page's first, once was 0.0003: a character that hardly ever comes."""
    second = node("Array.from({length: 1000}, (_, seed) => { const draw = randomFrom(seed); draw(); return draw(); })")
    assert 0.01 < second[0] < 0.99
    assert np.histogram(second, bins=10, range=(0, 1))[0] == pytest.approx(100, abs=40)


def test_the_iterations_between_two_rounds_are_told(node):
    shown = [0, 1, 2, 5, 10, 12]
    told = [node(f"passedUnseen({a + 1}, {b - 1})") for a, b in zip(shown, shown[1:])]
    assert told[:2] == ["", ""] and told[2:] == [
        "iterations 3 and 4 pass unseen", "iterations 6 to 9 pass unseen", "iteration 11 passes unseen",
    ]  # fmt: skip


def test_the_leash_is_numpys(node):
    rng = np.random.default_rng(0)
    proxy, gold = rng.normal(size=(3, 7)), rng.normal(size=(3, 7))
    typed = [f"Float64Array.from({json.dumps(values.ravel().tolist())})" for values in (proxy, gold)]
    for beta in (3.0, 0.4):
        found, expected = node(f"tilted({', '.join(typed)}, 7, {beta})"), reweighting.tilted(proxy, gold, beta)
        assert found == pytest.approx(vars(expected), abs=1e-12)
        best = exact.optimal_policy(np.full(7, 1 / 7), proxy[1], beta)
        assert node(f"tiltedWeights({typed[0]}, 7, 1, {beta})") == pytest.approx(best, abs=1e-12)


def test_a_linear_system_is_solved(node):
    root = np.random.default_rng(1).normal(size=(6, 6))
    A, b = root @ root.T + np.eye(6), np.arange(6.0)
    found = node(f"Array.from(solved(Float64Array.from({json.dumps(A.ravel().tolist())}), {json.dumps(b.tolist())}))")
    assert found == pytest.approx(np.linalg.solve(A, b), abs=1e-9)


def optimum(rows, l2, steps=20_000):
    """The minimum of mean -log sigma(w . d) + l2/2 |w|^2, by plain gradient descent: slow, and without a Hessian."""
    w, rate = np.zeros(rows.shape[1]), 1 / (0.25 * np.linalg.eigvalsh(rows.T @ rows / len(rows)).max() + l2)
    for _ in range(steps):
        w -= rate * (l2 * w - (rows / (1 + np.exp(np.clip(rows @ w, -500, 500)))[:, None]).mean(0))
    return w


def test_the_last_layer_ends_at_the_only_minimum(node):
    rows = np.random.default_rng(2).normal(size=(40, 5)) + 0.3
    typed = f"{json.dumps(rows.tolist())}.map((row) => Float64Array.from(row))"
    path = node(f"trainedOnVotes({typed}, 5, 0.01).map((w) => Array.from(w))")
    assert path[0] == [0] * 5 and path[-1] == pytest.approx(optimum(rows, 0.01), abs=1e-6)
    losses = node(f"trainedOnVotes({typed}, 5, 0.01).map((w) => voteLoss(w, {typed}, 0.01))")
    assert losses[0] == pytest.approx(np.log(2)) and all(b <= a + 1e-12 for a, b in zip(losses, losses[1:]))


def test_the_scripts_use_the_fields_that_the_data_has(tmp_path):
    tsc = shutil.which("tsc")
    if tsc is None:
        pytest.skip("there is no tsc to check the scripts' types with: npm install --global typescript")
    (tmp_path / "shown.d.ts").write_text(declarations(), encoding="utf-8")
    scripts = [str(STATIC / f"{name}.js") for name in SCRIPTS]
    found = subprocess.run([tsc, *TSC, str(tmp_path / "shown.d.ts"), *scripts], capture_output=True, text=True, timeout=120, encoding="utf-8")
    assert found.returncode == 0, found.stdout


def test_every_field_has_a_type_in_the_scripts():
    found = declarations()
    assert "  interface Race {" in found and "    runners: Record<string, Array<Array<number>>>;" in found
    assert "    score: number | null;" in found and "    ended: [boolean, boolean];" in found


def test_no_script_asks_for_a_scene_by_its_number():
    for name in ("player", "address", "hands", "speaker"):
        text = STATIC.joinpath(f"{name}.js").read_text(encoding="utf-8")
        assert not re.search(r"(?:\bi|index|current) === \d", text), name
