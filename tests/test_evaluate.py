"""What is measured of a model: the scoreboard, and the snapshots that are taken during training.  All by hand, on tiny inputs."""

from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
from small_models import talker

from minialign import evaluate
from minialign.batch import Response, conversations, prompt_ids, render
from minialign.evaluate import Answers, best_of_n, row, sampled_kl, win_rate
from minialign.generate import generate
from minialign.likelihood import log_probs_array
from minialign.model import ScalarModel
from minialign.preferences import Preferences
from minialign.reward import Scorer
from minialign.snapshots import rounds, scores
from minialign.tokenizer import CHARACTERS

RNG = np.random.default_rng
SAID = [("a?", Response("it is.", True)), ("is it?", Response("no", False)), ("b?", Response("yes, it is it.", True))]


def judged(golds, texts=None):
    """Answers of which only gold, and the texts if they are given, are known."""
    verdicts = [SimpleNamespace(gold=g, helpful=g / 2, honest=g / 4, harmless=g / 8) for g in golds]
    return Answers([], [Response(text, True) for text in texts or []], verdicts, None)


def nats(model, question, response):
    """log pi(answer | question) of one conversation alone, without padding."""
    ids, mask = render(question, *response)
    return log_probs_array(model, ids[None])[0][mask > 0].sum()


# ------------------------------------------------------------------------------------------------ the scoreboard
def test_of_n_answers_the_one_with_the_highest_score_is_kept(monkeypatch):
    drawn = []
    monkeypatch.setattr(evaluate, "generate", lambda *args: drawn.append(generate(*args)) or drawn[-1])
    arguments = ["a", "bcd", "ef"], lambda question, response: response, 5, RNG(0), 8
    best = best_of_n(talker(), lambda batch: batch.mask.sum(1).tolist(), *arguments, questions_at_once=2)
    written = [(n, response) for samples in drawn for n, response in zip(samples.mask.sum(1), samples.responses())]
    longest = [max(written[i : i + 5], key=lambda one: one[0])[1] for i in (0, 5, 10)]
    assert best.responses == best.verdicts == longest and len({n for n, _ in written}) > 2


def test_a_tie_is_half_a_win():
    assert win_rate(judged([1, 0, 0.5]), judged([0, 0, 1])) == 0.5
    assert win_rate(judged([1, 1]), judged([0, 0])) == 1


def test_the_kl_is_the_models_log_ratio_summed_over_each_answer():
    model, reference = talker(seed=1), talker(seed=2)
    by_hand = [nats(model, *said) - nats(reference, *said) for said in SAID]
    answers = Answers([], [], [], conversations(SAID))
    assert sampled_kl(model, reference, answers) == pytest.approx(np.mean(by_hand)) and abs(np.mean(by_hand)) > 0.1


def test_a_row_by_hand():
    found = row(judged([1, 0, 0.5, 0.5], ["moo.", "why? no.", "so", ""]), judged([0, 0, 1, 1]), 1.5)
    means = {"helpful": 0.25, "honest": 0.125, "harmless": 0.0625, "gold": 0.5, "win_rate": 0.375, "kl": 1.5}
    assert asdict(found) == means | {"answers": 0.25, "asks": 0.25, "length": 3.5}


# ------------------------------------------------------------------------------------------------ the snapshots
def test_a_round_is_what_the_critic_expects_of_the_question_and_how_far_the_answer_is_from_the_reference():
    run = SimpleNamespace(
        world=SimpleNamespace(showcase=["a", "bcd", "ef"]),
        tokenizer=CHARACTERS,
        recipe=SimpleNamespace(max_new_tokens=8),
        rng=lambda name: RNG(0),
    )
    policy, reference, critic = talker(seed=1), talker(seed=2), talker(ScalarModel, seed=3)
    sampled = [entry for entry in rounds(run, reference, critic)(policy) if entry["how"] == "sampled"]
    prompts = [prompt_ids(question) for question in run.world.showcase]
    samples = generate(policy, prompts, 8, 1.0, RNG(0))
    for entry, prompt, ids, n in zip(sampled, prompts, samples.ids, samples.lengths, strict=True):
        logps = [log_probs_array(model, ids[None, :n])[0, len(prompt) - 1 :].sum() for model in (policy, reference)]
        assert entry["expected"] == pytest.approx(critic(np.array([prompt])).data[0, -1], abs=1e-4)
        assert entry["distance"] == pytest.approx(logps[0] - logps[1], abs=1e-4) and abs(entry["distance"]) > 0.1


def test_scores_are_of_the_side_they_are_named_after():
    run = SimpleNamespace(recipe=SimpleNamespace(model=SimpleNamespace(context_length=24), reward=SimpleNamespace(pooling="last")))
    (prompts, chosen), rejected, model = zip(*SAID), [Response("so.", True)] * 3, talker(ScalarModel)
    (entry,) = scores(run, Preferences(prompts, chosen, rejected))(model)
    for side, answers in (("chosen", chosen), ("rejected", rejected)):
        assert entry[side] == pytest.approx(Scorer(model, "last")(conversations(list(zip(prompts, answers)))), abs=1e-4)
