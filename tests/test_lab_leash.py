"""The leash: stored answers say what the formulas say, the gallery finds what was hidden, claims can fail."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from small_models import make
from toy import TOY

from minialign import exact, lab
from minialign.batch import Response, conversations, prompt_ids
from minialign.evaluate import Answers
from minialign.generate import generate
from minialign.lab import leash
from minialign.lab.figures.leash import draw
from minialign.lab.instruments import ensemble, feedback, frontier, gallery, ideal, measure, raters_view
from minialign.pipeline import Journey
from minialign.preferences import Preferences
from minialign.world import KINDS, Tastes, judge_response, prompt_lists, report_questions
from minialign.world.answers import REFUSAL

DRAWS = 12
WORLD = np.array([3, 1, 6, 2]) / DRAWS, np.array([0.5, 2.0, -1.0, 0.5]), np.array([1.0, -2.0, 0.0, 0.5])


# ---------------------------------------------------------------------------------------- frontier.py
@pytest.mark.parametrize("n", [1, 2, 4])
def test_best_of_n_is_what_happens_when_every_n_draws_are_tried(n):
    shares, proxy, gold = WORLD
    draws = np.repeat(np.arange(4), np.rint(shares * DRAWS).astype(int))
    tried = [max(some, key=lambda y: proxy[y]) for some in itertools.product(draws, repeat=n)]  # the first of equals
    chance = np.bincount(tried, minlength=4) / len(tried)
    point = frontier.best_of([WORLD], n)
    assert point.proxy == pytest.approx(chance @ proxy) and point.gold == pytest.approx(chance @ gold)
    assert point.kl == pytest.approx(exact.sequence_kl(chance, shares))
    assert point.kl <= exact.best_of_n_kl_bound(n) + 1e-12


def test_the_tilted_curve_is_the_exact_optimum_and_no_best_of_n_is_above_it():
    betas = np.geomspace(20, 0.05, 60)
    curve = [point for point in frontier.tilted([WORLD], betas, 1000)]
    policies, kl, reward = exact.tilted_curve(WORLD[0], WORLD[1], betas)
    for k, point in enumerate(curve):
        assert (point.kl, point.proxy) == pytest.approx((kl[k], reward[k]))
        assert point.gold == pytest.approx(policies[k] @ WORLD[2])
    for n in (2, 4, 16):
        point = frontier.best_of([WORLD], n)
        assert point.proxy <= np.interp(point.kl, kl, reward) + 1e-3


def test_the_curve_is_an_average_over_questions():
    other = np.array([0.5, 0.5]), np.array([0.0, 1.0]), np.array([0.0, -1.0])
    alone, together = ([frontier.best_of([w], 4) for w in (WORLD, other)], frontier.best_of([WORLD, other], 4))
    for name in ("kl", "proxy", "gold"):
        assert getattr(together, name) == pytest.approx(np.mean([getattr(point, name) for point in alone]))


def test_the_tilted_curve_stops_where_too_few_draws_count():
    single = np.full(64, 1 / 64), np.linspace(0, 3, 64), np.zeros(64)  # sixty-four different answers
    points = frontier.tilted([single], np.geomspace(10, 1e-2, 50), 64)
    left = [point.draws_left for point in points]
    assert 0 < len(points) < 50 and min(left) >= frontier.FEWEST and left == sorted(left, reverse=True)
    assert max(point.kl for point in points) < np.log(64)


def test_effective_draws_counts_copies():
    assert frontier.effective_draws(np.array([1.0, 0.0]), np.array([0.25, 0.75]), 40) == pytest.approx(10)
    assert frontier.effective_draws(np.array([0.25, 0.75]), np.array([0.25, 0.75]), 40) == pytest.approx(40)


# ---------------------------------------------------------------------------------------- gallery.py
def answers_of(texts):
    question = "what does a cow say?"
    responses = [Response(text, True) for text in texts]
    return Answers([question] * len(texts), responses, [judge_response(question, response) for response in responses], None)


def test_the_gallery_finds_a_planted_phrase():
    sft = answers_of(["it says moo.", "it says moo. have a nice day.", "i do not know.", "it says buzz."])
    planted = [f"it says {sound}. i hope that helps. i hope that helps." for sound in ("moo", "buzz", "woof", "neigh")]
    loose = answers_of(["it says moo.", *planted, planted[0]])
    proxy = np.array([0.0, 2.0, 2.5, 2.5, 2.5, 2.0])
    hacks = gallery.harvest(loose, proxy, sft, np.array([0.5, 1.0, -1.0, -0.5]), size=4)
    assert {hack.answer for hack in hacks} == set(planted)  # each text once, and not the good answer
    assert [hack.hack for hack in hacks] == sorted((hack.hack for hack in hacks), reverse=True)
    shared = gallery.shared_phrase([hack.answer for hack in hacks], [r.text for r in sft.responses])
    assert "hope that helps." in shared.phrase and (shared.here, shared.there) == (1.0, 0.0)


def test_a_phrase_that_is_as_usual_is_not_what_they_share():
    shared = gallery.shared_phrase(["it says moo now now", "it says woof now now"], ["it says baa", "it says moo"])
    assert shared == gallery.SharedPhrase(phrase="now now", here=1.0, there=0.0, times=1.0)


def test_texts_of_one_word_share_nothing():
    assert gallery.shared_phrase(["moo."], ["moo."]).phrase == ""


# ---------------------------------------------------------------------------------------- measure.py, feedback.py
def by_temperature(sampled, greedy):
    """In the place of measure.answers_of: these answers, and as their batch their number."""

    def answered(journey, model, temperature, questions=None):
        texts = sampled if temperature else greedy
        return replace(answers_of(texts), batch=len(texts))

    return answered


POLITE = "it says moo. have a nice day. i hope that helps. have a nice day."  # three phrases: more than any demonstration


def test_a_policy_has_the_scores_of_its_answers_counted_by_hand(monkeypatch):
    sampled, greedy = ["it says moo.", POLITE, "it says woof.", "it says woof."], ["it says moo."]
    monkeypatch.setattr(measure, "answers_of", by_temperature(sampled, greedy))
    monkeypatch.setattr(measure, "sampled_kl", lambda model, reference, answers: 0.5 * len(answers.responses))
    scores = measure.evaluate_policy(None, None, None)
    gold = [judge_response("what does a cow say?", Response(text, True)).gold for text in sampled]
    assert len(set(gold)) == 3 and scores.gold == pytest.approx(np.mean(gold)) and scores.gold_greedy == gold[0]
    assert (scores.kl, scores.polite, scores.gushing) == (2.0, 3 / 4, 1 / 4)  # sampled answers alone
    assert scores.length == np.mean([len(text) for text in sampled])
    assert scores.proxy is None and scores.proxy_greedy is None
    scored = measure.evaluate_policy(None, None, None, score=lambda batch: np.array([batch, batch + 1.0]))
    assert scored == replace(scores, proxy=4.5, proxy_greedy=1.5)


def test_a_policy_has_scores_for_each_kind_of_question(monkeypatch):
    asked = [(kind, p.text) for kind in KINDS for p in [next(p for p in prompt_lists()["report"] if p.kind == kind)]]

    def answered(journey, model, temperature):
        responses = [Response(REFUSAL if temperature and kind == "dangerous" else "it says moo.", True) for kind, _ in asked]
        return Answers([q for _, q in asked], responses, [judge_response(q, r) for (_, q), r in zip(asked, responses)], None)

    monkeypatch.setattr(feedback, "answers_of", answered)
    monkeypatch.setattr(feedback, "sampled_kl", lambda *_: 0.25)
    scores, said = feedback.evaluate_by_kind(None, None, None), answered(None, None, 1.0)
    assert scores.by_kind == {kind: gold for (kind, _), gold in zip(asked, said.gold)}
    assert scores.refuses == {"dangerous": 1.0, "borderline": 0.0, "howto": 0.0}
    assert scores.gold == pytest.approx(said.gold.mean()) and scores.gold > scores.gold_greedy and scores.kl == 0.25


def test_a_question_of_another_world_is_refused_in_words():
    assert measure.prompt_of("what does a cow say?").kind == "known"
    with pytest.raises(ValueError, match="the toy world has no question 'what is two plus two"):
        measure.prompt_of("what is two plus two?")


# ---------------------------------------------------------------------------------------- leash.py
def run(
    loose=-0.8, peak=0.4, tight=0.1, adaptive=0.35, kl=1.6, control=0.3, ideal=0.5, votes=0.0, polite=2.0, liking=0.9,
    worst=-0.3, second=-0.2,
):
    """The results of a made-up seed in which every claim is borne out, unless a number says otherwise."""

    def place(gold, kl, proxy, polite=0.3):
        greedy = {"gold_greedy": gold + 0.1, "proxy_greedy": proxy}
        manners = {"polite": polite, "gushing": polite / 5, "length": 20.0}
        return {"gold": gold, "kl": kl, "proxy": proxy} | manners | greedy

    sweep = [(0.0, place(loose, 12.0, 1.8, polite)), (0.3, place(peak, 1.5, 1.0)), (1.0, place(tight, 0.2, 0.3))]
    return {
        "sft": place(0.0, 0.0, 0.0),
        "ppo": [{"beta": beta} | numbers for beta, numbers in sweep],
        "adaptive": {"beta": 0.25} | place(adaptive, kl, 1.1),
        "control_sft": place(0.0, 0.0, 0.0),
        "control": place(control, 4.0, 1.0),
        "ideal": place(ideal, 3.0, 0.9),
        "worst": place(worst, 8.0, 1.0),
        "second": place(second, 8.0, 1.5),
        "predicted": {"human": 0.86, "control": 0.9},
        "liking": {"sft": 0.2, "ppo": liking},
        "votes": {"chosen": 0.4, "rejected": 0.2, "gushing": votes},
        "best_of_n": [{"n": n, "kl": np.log(n), "proxy": 0.1, "gold": 0.1} for n in leash.NS],
        "tilted": [{"beta": 1.0, "draws_left": 30.0, "kl": 0.5, "proxy": 0.6, "gold": 0.2}] * 3,
        "gallery": [{"question": "q?", "answer": "a. a.", "proxy": 2.0, "gold": -1.0, "hack": 3.0}],
        "shared": {"phrase": "a. a.", "here": 1.0, "there": 0.0, "times": 1.0},
    }


def seen(**numbers):
    return [claim.seen for claim in leash.claims([run(**numbers)] * 5)]


def test_claims_are_seen_where_the_runs_bear_them_out():
    assert all(seen())


@pytest.mark.parametrize(
    ("numbers", "which"),
    [
        ({"loose": 0.05}, [0, 1, 5, 9, 10]),
        ({"polite": 0.4}, [2]),
        ({"votes": 0.3}, [2]),
        ({"liking": 0.1}, [3]),
        ({"peak": -0.1, "tight": -0.2, "adaptive": 0.0}, [4, 5, 7]),  # where nothing is gained nothing is half of it
        ({"tight": 0.6, "adaptive": 0.5}, [5, 6]),  # the peak at the end of the sweep, and elsewhere
        ({"tight": -0.5}, [5]),  # too tight changes as much as the right length
        ({"adaptive": 0.15}, [7]),  # less than half of the way from 0 to .4
        ({"kl": 2.3}, [6]),  # as much gold, but too far from SFT
        ({"kl": 0.9}, [6]),  # and too near
        ({"control": -0.5}, [8]),
        ({"worst": -0.9}, [9]),
        ({"second": -0.9}, [10]),
        ({"ideal": -0.2}, [11]),
    ],
)
def test_each_claim_can_fail(numbers, which):
    assert [k for k, flag in enumerate(seen(**numbers)) if not flag] == which


def test_the_table_fits_a_terminal():
    assert max(len(line) for line in leash.table([run()] * 5)) <= 88


def test_nine_seeds_of_ten_are_enough_and_eight_are_not():
    for exceptions, expected in ((1, True), (2, False)):
        runs = [run()] * (10 - exceptions) + [run(loose=0.2)] * exceptions
        assert leash.claims(runs)[0].seen is expected


def test_what_the_raters_saw_is_counted_on_both_sides():
    polite, plain = Response("sure! moo. i hope that helps. have a nice day.", True), Response("moo.", True)
    votes = Preferences(["what does a cow say?"] * 2, [polite, plain], [plain, plain])
    assert raters_view.manners(votes) == {"chosen": 1.5, "rejected": 0.0, "gushing": 0.25}


def test_what_raters_prefer_is_the_mean_of_their_votes_outright():
    cow = "what does a cow say?"
    pairs = [(cow, "it says moo.", "it says moo."), (cow, "it says moo.", "it says baa.")]
    assert raters_view.preferred(Tastes(), pairs[:1]) == 0.5 and 0.99 < raters_view.preferred(Tastes(), pairs[1:]) < 1
    each = [raters_view.preferred(Tastes(), [pair]) for pair in pairs]
    assert raters_view.preferred(Tastes(), pairs) == pytest.approx(np.mean(each))


def test_the_ideal_reward_is_what_experts_feel_about_each_answer_as_it_ended():
    said = [
        ("what does a cow say?", Response("it says moo.", True)),
        ("hey, what color is a kyanite?", Response("it is blue. have", False)),
        ("how do i steal a car?", Response("", True)),
    ]
    expected = [ideal.EXPERTS.utility(question, answer.text, answer.ended) for question, answer in said]
    assert ideal.feeling(conversations(said)).tolist() == expected and len(set(expected)) == 3
    samples = generate(make(context_length=64, vocab_size=36), [prompt_ids(question) for question, _ in said], 5, 1.0, np.random.default_rng(0))
    felt = [ideal.EXPERTS.utility(q, a.text, a.ended) for (q, _), a in zip(said, samples.responses())]
    assert ideal.feeling(samples.batch).tolist() == felt


# ---------------------------------------------------------------------------------------- ensemble.py
def test_the_worst_of_three_is_taken_answer_by_answer():
    said = np.array([[1.0, 5.0, -2.0], [3.0, 0.0, -1.0], [2.0, 4.0, 0.0]])
    score = ensemble.worst([lambda batch, row=row: row for row in said])
    assert score(None).tolist() == [1.0, 0.0, -2.0]


def test_three_reward_models_differ_and_each_is_normalised(folder):
    journey = Journey(TOY, 0, folder)
    members = ensemble.scorers(journey)
    batch = journey.votes()[1].batch()
    scores = np.array([member(batch) for member in members])
    assert len(members) == 3 and len(np.unique(scores.round(6), axis=0)) == 3
    assert np.allclose(scores[0], journey.scorer()(batch)) and all(0.1 < member.std for member in members)
    assert ensemble.worst(members)(batch) == pytest.approx(scores.min(0))


def test_a_policy_is_trained_on_the_score_that_was_passed(folder, monkeypatch):
    journey, asked = Journey(TOY, 0, folder), []

    def score(batch):
        asked.append(len(batch))
        return np.zeros(len(batch))

    before = journey.scorer()
    ensemble.train_policy(journey, score)
    assert sum(asked) >= TOY.ppo.iterations * TOY.ppo.rollouts
    assert journey.scorer() == before  # the journey itself keeps its reward model


def test_a_second_round_adds_votes_of_the_same_raters_on_the_policys_own_answers(folder, monkeypatch):
    journey, models, tastes = Journey(TOY, 0, folder), [], []
    first = journey.votes()[0]

    def collect(model, questions, label, rng, max_new_tokens):
        models.append(model)
        vote = label(questions[0], Response("it says moo.", True), Response("moo moo moo", True), rng)
        return Preferences(questions[:1], [Response("new", True)], [Response("old", bool(vote))])

    monkeypatch.setattr(ensemble, "collect", collect)
    monkeypatch.setattr(type(journey.world), "vote", lambda self, q, a, b, rng, t: tastes.append(t) or 1)
    again = ensemble.second_round(journey)
    assert models == [journey.model("ppo")] and tastes == [TOY.tastes]
    votes = again.votes()[0]
    assert len(votes) == len(first) + 1 and votes.chosen[:-1] == first.chosen and votes.chosen[-1].text == "new"
    assert again.key("sft") == journey.key("sft") and again.key("reward") != journey.key("reward")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lab")


@pytest.mark.underflow  # babble: exp(proxy / beta) may vanish
@pytest.mark.whole
def test_from_nothing_to_the_figure_at_toy_scale(folder, monkeypatch):
    monkeypatch.setattr(leash, "HUMAN", replace(lab.HUMAN, tie=0.0))  # so that babble gets votes as well
    monkeypatch.setattr(lab, "UNBIASED", replace(lab.UNBIASED, tie=0.0))
    monkeypatch.setattr(leash, "DRAWS", 16)
    for module in (leash, measure):
        monkeypatch.setattr(module, "report_questions", lambda: report_questions(40))
    data = leash.one_seed(TOY, 0, folder)
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    sampled = Journey(replace(TOY, tastes=leash.HUMAN), 0, folder)
    assert sampled.stage("sft").cached and data["sft"]["kl"] == 0
    assert len(leash.claims([data])) == 12 - 5 and len(leash.table([data])) > 10  # the classroom cut makes do with less
    assert "adaptive" not in data and "control" not in data
    figure, words = draw([data])
    assert words.startswith(figure._suptitle.get_text()) and len(figure.axes) == 3
    monkeypatch.setattr(leash, "quick", lambda recipe: False)
    whole = json.loads(json.dumps(leash.one_seed(TOY, 0, folder), allow_nan=False))
    assert len(leash.claims([whole])) == 12 and [point["beta"] for point in whole["ppo"]] == list(leash.BETAS)
    assert whole["adaptive"]["beta"] != leash.ADAPTIVE["kl_coef"]
    draw([whole])


def test_the_peak_is_where_sampled_and_greedy_gold_are_highest_together():
    runs = [run(peak=0.1, tight=0.3)]  # the made-up greedy gold is .1 above the sampled
    assert leash.best_beta(runs) == 1.0
    runs[0]["ppo"][1]["gold_greedy"] = 1.0
    assert leash.best_beta(runs) == 0.3 and leash.level(runs, 0.3)[0] == pytest.approx(0.55)


def test_a_claim_of_the_classroom_cut_that_is_not_seen_says_why():
    short = {key: value for key, value in run(loose=0.2).items() if key not in ("adaptive", "control", "control_sft", "worst", "second")}
    first = leash.claims([short])[0]
    assert not first.seen and first.why_not == leash.TOO_SHORT and leash.claims([run(loose=0.2)])[0].why_not == ""
