"""Sums: both forced choices are right where the answer is known, claims can fail, and the experiment runs at toy scale."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from toy import TOY

from minialign.batch import Response, conversations
from minialign.evaluate import Answers
from minialign.figures import style
from minialign.lab import sums
from minialign.lab.figures.sums import draw
from minialign.pipeline import Journey
from minialign.tokenizer import Tokenizer
from minialign.world.calculator import result


class Knows:
    """Stands in for a model: it knows the results, but only behind the working, or only straight away."""

    def __init__(self, way):
        self.way = way

    def log_probs(self, model, ids, mask):
        tokenizer = Tokenizer(sums.WORLD.alphabet)
        texts = [tokenizer.decode([i for i in row if i > 3]) for row in ids]
        questions = [text.split("?")[0] for text in texts]
        answers = [text.split("?")[1] for text in texts]
        wanted = [(q + "=" if self.way == "working" else "") + result(q + "?") + "." for q in questions]
        return np.array([[-1.0 if said == best else -2.0] for said, best in zip(answers, wanted)])


@pytest.mark.parametrize("knows", sums.WAYS)
def test_a_forced_choice_asks_in_one_way_alone(knows, monkeypatch):
    monkeypatch.setattr(sums, "log_probs_array", Knows(knows).log_probs)
    journey = Journey(TOY, 0, world=sums.WORLD)
    for way in sums.WAYS:
        found = sums.forced_choice(journey, None, way)
        assert found == 1.0 if way == knows else found < 0.2


def test_right_and_shown_are_counted_as_by_hand(monkeypatch):
    said = {"3+4?": ("3+4=7.", "3+4=8.", "7."), "9-2?": ("9-2=7.", "7.", "7.")}
    pairs = [(question, Response(text, True)) for question, texts in said.items() for text in texts]

    def answer(model, asked, judge, *_):
        assert asked == sums.WORLD.report_questions() * sums.TIMES
        return Answers([q for q, _ in pairs], [r for _, r in pairs], [judge(*pair) for pair in pairs], None)

    monkeypatch.setattr(sums, "answer", answer)
    monkeypatch.setattr(sums, "forced_choice", lambda journey, model, way: {"straight": 0.1, "working": 0.2}[way])
    journey = SimpleNamespace(rng=lambda name: None, tokenizer=None)
    found = sums.measure(journey, None)
    assert found == sums.Sums(5 / 6, 3 / 6, right_shown=2 / 3, right_straight=1, length=24 / 6, straight=0.1, working=0.2)


def test_there_is_a_display_for_every_result():
    every = {
        result(question)
        for split in ("train", "tune", "report")
        for question in sums.WORLD.prompts(np.random.default_rng(0), 500, split)
    }
    assert every <= set(sums.DISPLAYS)
    longest = max(len(f"{question}{display}") for question in sums.WORLD.report_questions() for display in sums.DISPLAYS)
    assert longest < sums.VERIFIED.max_new_tokens  # working, result, full stop and EOS
    conversations([("9+9?", "9+9=18.")], 16, Tokenizer(sums.WORLD.alphabet))


def made_up(right=0.8, shown=0.0, pays=False, behind=0.9, shown0=0.1):
    sft = {"right": 0.3, "shown": shown0, "right_shown": 0.6 if pays else 0.1, "right_straight": 0.3, "length": 2.6}
    sft |= {"straight": 0.6, "working": behind}
    return {"sft": sft, "grpo": sft | {"right": right, "shown": shown}, "training": {"reward": [0.3], "length": [3.0]}}


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({}, []),
        ({"pays": True, "shown": 0.5}, []),
        ({"right": 0.2}, [0]),
        ({"behind": 0.5}, [1]),
        ({"shown": 0.5}, [2]),
        ({"pays": True}, [2]),
        ({"shown": 0.1}, [2]),  # nothing happens
        ({"shown": 0.0, "shown0": 0.0}, [2]),
    ],
)
def test_each_claim_can_fail(changes, gone):
    claims = sums.claims([made_up(**changes)] * 5)
    assert [k for k, claim in enumerate(claims) if not claim.seen] == gone


def test_from_nothing_to_the_table_at_toy_scale(tmp_path, monkeypatch):
    small = replace(sums.VERIFIED, iterations=2, prompts=4, group_size=4, minibatch_size=8)
    monkeypatch.setattr(sums, "VERIFIED", small)
    monkeypatch.setattr(sums, "TIMES", 1)
    run = json.loads(json.dumps(sums.one_seed(TOY, 0, tmp_path), allow_nan=False))
    assert len(run["training"]["reward"]) == 1 and 0 <= run["sft"]["shown"] <= 1  # the classroom cut: half the iterations
    for runs in ([run], [made_up(), made_up()]):
        assert max(map(len, sums.table(runs))) <= 88 and len(sums.claims(runs)) == 3
        figure, words = draw(runs)
        style.save(figure, tmp_path / "figure", words)
        assert "nan" not in words
