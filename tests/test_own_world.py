"""A world of one's own goes through the whole pipeline: the pocket calculator of the package, and one in a user's file."""

import importlib.util
import json
import math
import os
import runpy
import subprocess
import sys
import textwrap
from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from toy import TOY

import minialign
from minialign import cache
from minialign.batch import Response
from minialign.dpo import DPOConfig
from minialign.models import POLICIES, SPEAKERS, STAGES
from minialign.pipeline import FAST, Journey
from minialign.ppo import PPOConfig
from minialign.reward import RewardConfig
from minialign.runs.metrics import measure
from minialign.sft import LMConfig
from minialign.world import TRAINING_MIX, Tastes, ToyWorld
from minialign.world.calculator import EVERY_QUESTION, HABITS, QUESTIONS, Calculator, result

SMALL = replace(
    TOY,
    window=32,
    base_steps=250,
    demonstrations=1200,
    sft=LMConfig(lr=3e-3, batch_size=16, warmup_steps=2),
    max_new_tokens=8,
    vote_prompts=600,
    reward=RewardConfig(epochs=2),
    ppo=PPOConfig(iterations=8, rollouts=64, minibatch_size=32, lr=1e-3, kl_coef=0.1, max_new_tokens=8),
    dpo=DPOConfig(epochs=2, batch_size=16, lr=5e-4),
)


@pytest.fixture(scope="module")
def journey(tmp_path_factory):
    journey = Journey(SMALL, 0, folder=tmp_path_factory.mktemp("calculator"), world=Calculator())
    for name in STAGES:
        journey.stage(name)
    return journey


@pytest.fixture(scope="module")
def results(journey):
    return measure(journey).to_json()


# ---- the calculator, from base model to scoreboard


def test_the_base_model_learns_to_read_sums(results):
    assert results["base"]["guessing"] == pytest.approx(math.log(4 + len(Calculator.alphabet)))
    assert results["base"]["last_loss"] < results["base"]["guessing"] / 2
    assert results["base"]["asks"] > 0.5  # asked a question, it goes on asking


def test_sft_learns_to_answer_and_to_stop(results):
    """Three tokens: a digit or e, the full stop, the end.  To know the form alone costs ln(11) / 3 nats per token."""
    assert results["sft"]["last_loss"] < 0.45 * results["base"]["guessing"]
    assert results["sft"]["answers"] > 0.8 and results["scoreboard"]["sampled"]["base"]["answers"] == 0


def test_the_reward_model_predicts_the_raters_whose_slips_set_the_ceiling(results):
    assert results["reward"]["ceiling"] == pytest.approx(0.9)
    assert results["reward"]["accuracy"] > 0.6


def test_ppo_raises_the_score_and_the_truth_with_it(results):
    assert results["ppo"]["last_score"] > results["ppo"]["first_score"] + 0.3
    board = results["scoreboard"]["sampled"]
    assert board["ppo"]["gold"] > board["sft"]["gold"] > board["base"]["gold"]


def test_a_run_in_another_world_is_measured_like_any_other(results):
    assert results["questions"] == {"report": 40, "kinds": Counter(sum=20, difference=11, error=9)}
    assert [*results["scoreboard"]["sampled"]] == SPEAKERS and [*results["samples"]] == POLICIES
    assert all(np.isfinite(value) for row in results["scoreboard"]["greedy"].values() for value in row.values() if isinstance(value, float))
    assert all(row["behaviour"] == {} for row in results["scoreboard"]["greedy"].values())  # this world does not tell
    assert [line["question"] for line in results["samples"]["dpo"]] == [*Calculator.showcase]


def test_its_stages_are_found_again_and_belong_to_their_world(journey):
    again = Journey(SMALL, 0, folder=journey.folder, world=Calculator())
    assert all(again.stage(name).cached for name in STAGES)
    slipping = Journey(SMALL, 0, folder=journey.folder, world=Calculator(slips=0.3))
    toy = Journey(SMALL, 0, folder=journey.folder)
    for name in STAGES:
        assert len({one.key(name) for one in (journey, slipping, toy)}) == 3


# ---- the calculator itself


def test_the_lists_are_disjoint_and_hold_every_question():
    assert not any(set(a) & set(b) for a, b in combinations(QUESTIONS.values(), 2))
    assert len(set(EVERY_QUESTION)) == 200 and set(Calculator.showcase) <= set(QUESTIONS["report"])
    assert {name: len(some) for name, some in QUESTIONS.items()} == {"train": 120, "tune": 40, "report": 40}


def test_every_text_keeps_to_the_alphabet_and_training_to_its_list():
    world, rng = Calculator(), np.random.default_rng(0)
    pairs = world.demonstrations(rng, 500)
    texts = [*world.documents(rng, 20_000), *(text for pair in pairs for text in pair)]
    assert all(set(text) <= set(Calculator.alphabet) for text in texts)
    assert {question for question, _ in pairs} | set(world.prompts(rng, 500)) <= set(QUESTIONS["train"])
    assert set(world.prompts(rng, 500, "tune")) <= set(QUESTIONS["tune"])
    assert all(sum(habits.values()) == pytest.approx(1) for habits in HABITS.values())


def test_the_documents_state_no_wrong_sum():
    pages = Calculator().documents(np.random.default_rng(0), 30_000)
    sums = [one for page in pages if "=" in page for one in page.rstrip(".").split(". ")]
    assert len(sums) > 1000 and all(value == result(f"{asked}?") for asked, value in (one.split("=") for one in sums))
    assert {one.split("=")[0] + "?" for one in sums} == set(EVERY_QUESTION)


@pytest.mark.parametrize("question, text, gold", [
    ("3+4?", "7.", 1.0), ("3+4?", "3+4=7.", 0.9), ("3+4?", "3+5=7.", -1.0), ("3+4?", "8.", -1.0), ("3+4?", "e.", 0.0),
    ("9+9?", "18.", 1.0), ("9-2?", "7.", 1.0), ("2-9?", "e.", 1.0), ("2-9?", "7.", -1.0), ("2-9?", "2-9=e.", 0.9),
    ("3+4?", "", -1.0), ("3+4?", "7", -1.0), ("3+4?", "7. 7.", -1.0), ("3+4?", "1+1?", -1.0),
])
def test_the_judge_knows_every_result(question, text, gold):
    assert Calculator().judge(question, Response(text, True)).gold == pytest.approx(gold)
    assert Calculator().judge(question, Response(text, False)).gold == -1


def test_raters_check_exactly_and_slip_as_often_as_promised():
    world, rng, n = Calculator(slips=0.2), np.random.default_rng(0), 4000
    right, wrong = Response("7.", True), Response("8.", True)
    votes = [world.vote("3+4?", right, wrong, rng, None) for _ in range(n)]
    assert set(votes) == {1, -1} and abs(np.mean(np.array(votes) == -1) - 0.2) < 5 * math.sqrt(0.2 * 0.8 / n)
    assert world.vote("3+4?", right, right, rng, None) == 0
    assert world.probability("3+4?", wrong, right, None) == pytest.approx(0.2)


def test_who_does_not_use_the_calculator_does_not_load_it():
    code = "import sys, minialign.world, minialign.pipeline; sys.exit('minialign.world.calculator' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- a world in a file of one's own

MINE = '''
from collections import namedtuple
from words import GREETING

Verdict = namedtuple("Verdict", "kind helpful honest harmless style gold")


class Echo:
    """Say it back."""
    alphabet = "ab!? "
    showcase = ("ab?",)

    def documents(self, rng, characters):
        return ["ab? ba? " + GREETING] * (characters // 10)

    def demonstrations(self, rng, n):
        return [("ab?", "ab!"), ("ba?", "ba!")] * (n // 2)

    def prompts(self, rng, n, split="train", mix=None):
        return [("ab?", "ba?")[int(rng.integers(2))] for _ in range(n)]

    def judge(self, question, response):
        right = float(response.text == question[:2] + "!")
        return Verdict("echo", right, 0.0, 0.0, 0.0, right)

    def vote(self, question, a, b, rng, tastes):
        return int(self.judge(question, a).gold > self.judge(question, b).gold) or -1

    def report_questions(self):
        return ["aa?", "bb?"]
'''


def world_in(folder, code=MINE, words="GREETING = 'a b!'", name="mine"):
    """The Echo of a module that lies in this folder, loaded as a user's program loads it."""
    folder.mkdir(exist_ok=True)
    (folder / "mine.py").write_text(code, encoding="utf-8")
    (folder / "words.py").write_text(words, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.delitem(sys.modules, "words", raising=False)
        spec = importlib.util.spec_from_file_location(name, folder / "mine.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        sys.modules.pop("words")
    return module.Echo()


def test_a_world_of_six_methods_in_ones_own_file_is_all_that_a_journey_needs(tmp_path):
    """And NumPy's numbers in a recipe are numbers, in run.json too."""
    ppo = replace(SMALL.ppo, iterations=1, lr=np.float32(1e-3))
    recipe = replace(SMALL, base_steps=np.int64(40), corpus_characters=3000, vote_prompts=96, ppo=ppo)
    journey = Journey(recipe, 0, folder=tmp_path / "cache", world=world_in(tmp_path / "here", name="mine_whole"))
    results = measure(journey).to_json()
    assert json.loads(json.dumps(results))["recipe"]["base_steps"] == 40 and results["recipe"]["ppo"]["lr"] == np.float32(1e-3)
    assert results["sft"]["last_loss"] < math.log(4 + 5) / 2
    assert results["reward"]["ceiling"] is None  # it has no method `probability`
    assert results["questions"]["kinds"] == {"echo": 2}


def test_the_code_of_ones_own_world_is_in_the_keys_and_its_comments_and_its_place_are_not(tmp_path):
    def keys(folder, *texts):
        world = world_in(tmp_path / folder, *texts, name=f"mine_{folder}")
        assert cache.source_of(world) == ([str(tmp_path / folder / "mine.py")], "")
        return [Journey(SMALL, 0, folder=tmp_path, world=world).key(name) for name in STAGES]

    before = keys("before")
    assert keys("moved") == before
    assert keys("commented", "# mine, all mine\n" + MINE.replace("Say it back.", "An echo.")) == before
    edited = keys("edited", MINE.replace("float(response.text ==", "float(response.text !="))
    imported = keys("imported", MINE, "GREETING = 'b a!'")
    assert all(len(set(some)) == 3 for some in zip(before, edited, imported))


def test_a_script_that_holds_its_world_finds_its_stages_again_until_the_code_changes(tmp_path, monkeypatch):
    """A program with the world in itself: made by one process, found by another, and made again after an edit."""
    program = textwrap.dedent("""
        from dataclasses import replace
        import sys
        sys.path.insert(0, {tests!r})
        from toy import TOY
        from minialign.pipeline import Journey
        recipe = replace(TOY, base_steps=1, corpus_characters=500)
        found = Journey(recipe, 0, folder="cache", world=Echo()).stage("base").cached
        print(found)
    """).format(tests=os.path.dirname(__file__))
    for folder, code in (("as it is", MINE), ("edited", MINE.replace('"ab? ba? "', '"ba? ab? "'))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "words.py").write_text("GREETING = 'a b!'", encoding="utf-8")
        (tmp_path / folder / "program.py").write_text(code + program, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": os.path.dirname(os.path.dirname(minialign.__file__))}
    run = [sys.executable, "-B", "as it is/program.py"]
    assert subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, encoding="utf-8").stdout == "False\n"
    monkeypatch.chdir(tmp_path)

    def found_by(folder):
        """The same program in this process, which has imported the package already."""
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(tmp_path / folder))
            try:
                return runpy.run_path(str(tmp_path / folder / "program.py"), run_name="__main__")["found"]
            finally:
                sys.modules.pop("words")

    assert found_by("as it is") and not found_by("edited")


def test_a_recipe_without_mix_and_tastes_takes_those_of_the_world(tmp_path):
    class Moody(Calculator):
        mix, tastes = {"sum": 1.0}, "moody"

    def of(recipe, world):
        journey = Journey(recipe, 0, folder=tmp_path, world=world)
        return journey.recipe.mix, journey.recipe.tastes

    silent = replace(SMALL, mix=None, tastes=None)
    assert of(silent, Moody()) == ({"sum": 1.0}, "moody")
    assert of(silent, Calculator()) == (None, None)
    assert of(replace(silent, tastes="calm"), Moody()) == ({"sum": 1.0}, "calm")
    assert of(FAST, ToyWorld()) == (TRAINING_MIX, Tastes())
