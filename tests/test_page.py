"""The journey page without a browser: what is in it, what it says, and what cannot get into it."""

import base64
import json
import math
import os
import re
import shutil
import string
import time
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from toy import TOY
from toy_run import quick_page, reseal, toy_size

from minialign import checkpoint, exact, pipeline, reward, sft
from minialign.batch import Response
from minialign.cli.command import main
from minialign.figures import film, page_plots
from minialign.figures.scenes import (
    Absent,
    Along,
    Answer,
    Answered,
    DpoScene,
    Hero,
    LeashScene,
    Place,
    PpoRun,
    PpoScene,
    ScoredAnswer,
    SftScene,
    Start,
    Tilted,
)
from minialign.models import TABLE
from minialign.page import captions, guesses, leashes, make_page, make_strip, policies, reweighting, speech, voting, weights
from minialign.page.data import page_data
from minialign.page.document import CONTRAST, SCRIPTS, STYLES, WASH, as_script, document, ink, luminance
from minialign.page.fields import Fields, Missing
from minialign.page.hero import good_answer, hero
from minialign.page.run import thin
from minialign.page.story import STORY
from minialign.page.transcript import transcript
from minialign.runs.contents import load_run
from minialign.runs.errors import Problem
from minialign.runs.text import safe
from minialign.world import five_questions, judge
from minialign.world.answers import REFUSAL

HOSTILE = "</script><img src=x onerror=alert(1)><!-- $data \u2028 & '\""


@pytest.fixture(scope="module")
def run(toy_runs):
    return toy_runs / "tour-fast-s0"


@pytest.fixture
def copy(run, tmp_path):
    """The same run, to be spoiled."""
    shutil.copytree(run.parent, tmp_path / "runs")
    return tmp_path / "runs" / run.name


DRAWN = {}  # pages here differ in a scene or two: the others are drawn once for all


def made(folder, anew=False):
    draw = page_plots.as_data_uri

    def once(key, scene):
        which = draw, key, repr(scene)
        if which not in DRAWN:
            DRAWN[which] = draw(key, scene)
        return DRAWN[which]

    with toy_size(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_plots, "as_data_uri", draw if anew else once)
        path, data = make_page(folder)
    return path.read_text(encoding="utf-8"), data


def absent(data):
    return {key for key, scene in data.scenes.items() if isinstance(scene, Absent)}


class Page(HTMLParser):
    """The elements of a page, and what its script elements hold."""

    VOID = {"meta", "img", "br", "input", "path", "link"}

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.scripts = [], [], {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "script":
            self.last = dict(attributes).get("id", f"script {len(self.scripts)}")
            self.scripts[self.last] = ""

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[self.last] += data


def whole(page):
    """Well formed, and nothing in it that the template did not put there."""
    assert page.open == []
    assert len(page.scripts) == 3
    images = [attributes for tag, attributes in page.elements if tag == "img"]
    assert len(images) == len(STORY) and all(i["src"].startswith("data:image/svg+xml;base64,") for i in images)
    assert all(len(i["alt"]) > 40 for i in images)
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    return json.loads(page.scripts["data"])


# ------------------------------------------------------------------------------------------------ the file
def test_the_tour_ends_with_a_page(run):
    text = (run / "journey.html").read_text(encoding="utf-8")
    data = whole(Page(text))
    assert len(text) < 3_000_000 and not any("missing" in scene for scene in data["scenes"].values())
    assert (run / "journey.txt").exists()


def test_the_page_lets_nothing_in_and_nothing_out(run):
    text = (run / "journey.html").read_text(encoding="utf-8")
    policy = [a["content"] for t, a in Page(text).elements if t == "meta" and "Content-Security-Policy" in a.values()]
    assert policy == ["default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"]
    assert "http:" not in text and "https:" not in text and "//" not in text.split("<style>")[1].split("</style>")[0]
    for tag, attributes in Page(text).elements:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        assert attributes.get("href", "#").startswith("#") and attributes.get("src", "data:").startswith("data:")


def test_the_page_of_a_full_run_fits(run):
    """Five models of the full size, which a toy run does not have."""
    parameters = sum(
        p.data.size for p in pipeline.LanguageModel(pipeline.FULL.model, np.random.default_rng(0)).parameters()
    )
    assert 5 * 2 * parameters * 4 / 3 < weights.BUDGET < 3_000_000 - 500_000


def test_equal_runs_give_equal_pages(run, copy):
    before = (run / "journey.html").read_bytes()
    made(copy, anew=True)
    assert (copy / "journey.html").read_bytes() == before


def test_the_texts_that_a_run_brings_stay_texts(copy):
    """Votes, samples, diaries, names: whatever they hold, the page has the elements of its template and no other."""
    for part in ("train", "held-out"):
        lines = (copy / f"votes-{part}.jsonl").read_text(encoding="utf-8").splitlines()
        spoiled = [json.dumps(json.loads(line) | {"prompt": HOSTILE, "chosen": HOSTILE}) for line in lines]
        (copy / f"votes-{part}.jsonl").write_text(
            "\n".join([*spoiled, "[]", "{", '{"prompt": 3}', "null"]), encoding="utf-8"
        )
    curves = json.loads((copy / "curves.json").read_text(encoding="utf-8"))
    for stage in ("sft", "ppo"):
        for entry in curves[stage]["texts"]:
            entry["text"] = entry["question"] = HOSTILE
    (copy / "curves.json").write_text(json.dumps(curves), encoding="utf-8")
    numbers = json.loads((copy / "run.json").read_text(encoding="utf-8"))
    for answers in numbers["samples"].values():
        for answer in answers:
            answer["question"] = answer["greedy"] = HOSTILE
    numbers["timings"]["machine"] = HOSTILE
    (copy / "run.json").write_text(json.dumps(numbers), encoding="utf-8")
    reseal(copy)
    spoiled = copy.rename(copy.with_name("<img src=x onerror=alert(1)>"))
    text, _ = made(spoiled)
    data = whole(Page(text))
    assert data["scenes"]["votes"]["pairs"][0]["chosen"] == safe(HOSTILE)
    assert data["scenes"]["sft"]["rows"][0]["question"] == safe(HOSTILE)
    assert "onerror" not in text.replace("onerror=alert(1)&gt;", "").replace("onerror=alert(1)\\u003e", "")


@pytest.mark.parametrize("text", ["</script>", "<!--<script>", "a & b", "\u2028\u2029", 'quote " and \\'])
def test_json_in_a_script_element_cannot_end_it(text):
    written = as_script({"text": text})
    assert not set("<>&\u2028\u2029") & set(written) and json.loads(written) == {"text": text}


# ------------------------------------------------------------------------------------------------ what is missing
@pytest.mark.parametrize(
    ("gone", "scenes"),
    [
        ("curves.json", {"sft", "reward", "ppo", "dpo"}),
        ("votes-held-out.jsonl", {"votes", "reward"}),
        ("reward.npz", {"reward", "ppo", "leash"}),
        ("base.npz", {"base"}),
        ("dpo.npz", {"leash"}),
    ],
)
def test_a_missing_file_costs_its_scenes_and_they_say_what_to_do(copy, gone, scenes):
    (copy / gone).unlink()
    text, data = made(copy)
    assert absent(data) == scenes
    for key in scenes:
        assert "make the run again" in data.scenes[key].missing and text.count('class="missing"') == len(scenes)
    assert isinstance(data.models, Absent) == gone.endswith(".npz")
    whole(Page(text))


def test_a_run_from_before_there_were_snapshots_says_so(copy):
    curves = json.loads((copy / "curves.json").read_text(encoding="utf-8"))
    for stage in curves.values():
        stage["texts"] = []
    (copy / "curves.json").write_text(json.dumps(curves), encoding="utf-8")
    reseal(copy)
    _, data = made(copy)
    assert all("kept no snapshots" in data.scenes[key].missing for key in ("sft", "reward"))
    assert "ppo" not in absent(data)


def test_models_too_large_to_travel_stay_at_home(run, monkeypatch):
    monkeypatch.setattr(weights, "BUDGET", 1000)
    with toy_size():
        assert "minialign chat" in page_data(run).models.missing


def test_no_run_is_one_line(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["page"]) == 2
    assert "no finished run" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------ what is damaged
NEEDED = ("format", "recipe.model", "recipe.max_new_tokens")  # without these a folder is no run: one line, no page
OTHER_TYPES = (None, True, -1, 10**400, "x", "", [], [None], {}, {"x": 1}, math.nan, math.inf)


def paths_in(value, path=()):
    """Every place in a JSON value, the inner ones too."""
    if path:
        yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inside:
        yield from paths_in(part, (*path, name))


def mutated(value, path, rng):
    """A copy in which the field at a path is gone, or of another type."""
    value = json.loads(json.dumps(value))
    holder = value
    for step in path[:-1]:
        holder = holder[step]
    if rng.random() < 0.4:
        del holder[path[-1]]
    else:
        holder[path[-1]] = OTHER_TYPES[rng.integers(len(OTHER_TYPES))]
    return value


@pytest.fixture(scope="module")
def kept():
    return {}


@pytest.fixture
def quick(kept):
    with quick_page(kept):
        yield


@pytest.mark.parametrize(("file", "n"), [("run.json", 120), ("curves.json", 40)])  # fuzz_inputs.py has thousands
def test_a_damaged_field_costs_a_scene_and_never_the_page(copy, quick, file, n):
    """Seeded mutations: each makes a page all the same, of which some scene may say what is missing."""
    whole_file, rng = json.loads((copy / file).read_text(encoding="utf-8")), np.random.default_rng(0)
    places, start, lost = list(paths_in(whole_file)), time.process_time(), 0
    for i in rng.choice(len(places), n):
        (copy / file).write_text(json.dumps(mutated(whole_file, places[i], rng)), encoding="utf-8")
        where = ".".join(map(str, places[i]))
        if file == "curves.json":  # with a new SHA-256, so that its fields are read
            reseal(copy)
        try:
            with toy_size():
                data = page_data(copy)
        except Problem:
            assert file == "run.json" and (where == "recipe" or where.startswith(NEEDED)), where
            continue
        lost += bool(absent(data))
        assert all(file in data.scenes[key].missing for key in absent(data)), (where, data.scenes)
        assert len(absent(data)) <= 4 or where == "files", where  # with which no file can be believed
        assert document(data) and transcript(data), where
    assert lost > n / 10 and time.process_time() - start < 10


@pytest.mark.parametrize(
    ("path", "scenes"),
    [
        (("base", "asks"), {"base"}),
        (("scoreboard", "sampled", "ppo"), {"dpo"}),
        (("scoreboard", "sampled", "sft", "asks"), {"sft"}),
        (("recipe", "tastes"), {"votes"}),
        (("reward",), {"reward"}),
        (("recipe", "ppo", "kl_coef"), {"ppo", "leash"}),
        (("timings", "machine"), set()),
        (("versions",), set()),
    ],
)
def test_a_missing_field_costs_the_scenes_that_show_it(copy, quick, path, scenes):
    numbers = holder = json.loads((copy / "run.json").read_text(encoding="utf-8"))
    for step in path[:-1]:
        holder = holder[step]
    del holder[path[-1]]
    (copy / "run.json").write_text(json.dumps(numbers), encoding="utf-8")
    text, data = made(copy)
    assert absent(data) == scenes
    for key in scenes:
        assert data.scenes[key].missing.startswith(f"this scene is missing: run.json has no {'.'.join(path)}")
    assert text.count("This scene is missing") == 3 * len(scenes)  # on its stage, in its caption, as its picture's words


def shorter_kl(curves):
    del curves["ppo"]["series"]["objective/kl"][-1]


def one_answer_less(curves):
    del curves["sft"]["texts"][-1]


def one_score_less(curves):
    del curves["reward"]["texts"][0]["chosen"][-1]


@pytest.mark.parametrize(("damage", "key"), [(shorter_kl, "ppo"), (one_answer_less, "sft"), (one_score_less, "reward")])
def test_curves_that_do_not_fit_each_other_cost_their_scene(copy, quick, damage, key):
    """The scripts go through them step by step, so each step has to have all of its parts."""
    curves = json.loads((copy / "curves.json").read_text(encoding="utf-8"))
    damage(curves)
    (copy / "curves.json").write_text(json.dumps(curves), encoding="utf-8")
    reseal(copy)
    _, data = made(copy)
    assert absent(data) == {key} and "curves.json" in data.scenes[key].missing


def test_fields_are_what_they_are_said_to_be():
    fields = Fields("run.json", {"n": 3, "x": 0.5, "yes": True, "words": "moo", "list": [[0, 1.5]], "none": None})
    assert (fields.whole("n"), fields.number("n"), fields.number("x"), fields.flag("yes")) == (3, 3.0, 0.5, True)
    assert fields.text("words") == "moo" and fields.series("list") == [(0.0, 1.5)]
    assert fields.number_or_none("none") is None and fields.number_or_none("x") == 0.5
    wrong = ((fields.whole, "x"), (fields.number, "yes"), (fields.flag, "n"), (fields.text, "n"), (fields.items, "words"))
    for read, name in wrong:
        with pytest.raises(Missing, match=f"in run.json, {name} is not"):
            read(name)
    with pytest.raises(Missing, match="run.json has no list.0.2"):
        fields.at("list", 0, 2)


UNSEEN = "\x1b[2J \u202e txet \u2066 \ud800 \x00 \u200b"


def test_characters_that_cannot_be_seen_are_shown_by_their_names(copy):
    """A lone surrogate, bidi overrides, control characters: on the page as escapes, so that they do nothing."""
    numbers = json.loads((copy / "run.json").read_text(encoding="utf-8"))
    for answers in numbers["samples"].values():
        for answer in answers:
            answer["question"] = answer["greedy"] = UNSEEN
    numbers["timings"]["machine"] = UNSEEN
    (copy / "run.json").write_text(json.dumps(numbers), encoding="utf-8")
    curves = json.loads((copy / "curves.json").read_text(encoding="utf-8"))
    for entry in curves["sft"]["texts"] + curves["ppo"]["texts"]:
        entry["text"] = UNSEEN
    (copy / "curves.json").write_text(json.dumps(curves), encoding="utf-8")
    for part in ("train", "held-out"):
        path = copy / f"votes-{part}.jsonl"
        lines = [json.loads(line) | {"chosen": UNSEEN} for line in path.read_text(encoding="utf-8").splitlines()]
        path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    reseal(copy)
    text, data = made(copy)
    assert absent(data) == {"reward"}  # not one vote is left that its trunk could read
    assert not set(UNSEEN) - {" "} & set(text) - set(string.printable)
    shown = "\\x1b[2J \\u202e txet \\u2066 \\ud800 \\x00 \\u200b"
    assert data.scenes["votes"].pairs[0].chosen == data.scenes["sft"].rows[0].greedy[0].text == shown
    assert shown in text and shown in (copy / "journey.txt").read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------------------ one table of models
def test_the_colours_of_the_page_are_those_of_the_models(run):
    text = (run / "journey.html").read_text(encoding="utf-8")
    for model in TABLE:
        assert f"--{model.key}: {model.colour};" in text
        words = tuple(int(ink(model.colour)[i : i + 2], 16) for i in (1, 3, 5))
        assert (luminance(WASH) + 0.05) / (luminance(words) + 0.05) >= CONTRAST


def test_the_contrast_of_black_on_white_is_21_to_1():
    """As WCAG 2.1 defines it: https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio"""
    assert (luminance((255, 255, 255)) + 0.05) / (luminance((0, 0, 0)) + 0.05) == pytest.approx(21)
    assert luminance((255, 0, 0)) == pytest.approx(0.2126)


def test_scripts_and_styles_have_no_table_of_models_of_their_own():
    for path in files("minialign.page").joinpath("static").iterdir():
        text = path.read_text(encoding="utf-8").lower()
        assert not [m.key for m in TABLE if m.colour.lower() in text and m.colour != "#000000"], path.name
        assert not re.search(r"""\b(?:base|sft|ppo|dpo): ?["'#]""", text), path.name


# ------------------------------------------------------------------------------------------------ the snapshots
def entries(stage):
    return [entry["step"] for entry in stage["texts"]]


def test_stages_take_snapshots(run):
    curves = json.loads((run / "curves.json").read_text(encoding="utf-8"))
    assert sorted(set(entries(curves["sft"]))) == [0, 1, 2, 5, 8]  # 64 demonstrations, 8 a step
    assert sorted(set(entries(curves["ppo"]))) == [0, 1, 2]
    assert entries(curves["reward"])[0] == 0 and curves["dpo"]["texts"] == []
    assert {entry["how"] for entry in curves["sft"]["texts"]} == {"greedy", "sampled"}


def test_training_does_not_notice_that_it_is_watched(tmp_path, monkeypatch):
    """Equal weights, bit by bit, with snapshots and without."""
    watched = pipeline.Journey(TOY, 0, tmp_path / "watched")
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "snapshots", lambda n_steps, entries: None)
        alone = pipeline.Journey(TOY, 0, tmp_path / "alone")
        alone.stage("ppo")
    for name in ("sft", "reward", "ppo"):
        first, second = (journey.stage(name) for journey in (watched, alone))
        assert first.history.texts and not second.history.texts
        for (key, a), b in zip(first.model.named_parameters().items(), second.model.parameters()):
            assert np.array_equal(a.data, b.data), (name, key)
        assert first.history.series == second.history.series


def test_watchers_see_every_step_and_the_state_before_the_first(tmp_path):
    journey, seen = pipeline.Journey(TOY, 0, tmp_path), []
    data = journey.votes()[0]
    model = pipeline.scalar_model_from(journey.model("sft"), np.random.default_rng(0))
    history = reward.train_reward_model(
        model,
        data,
        TOY.reward,
        np.random.default_rng(0),
        callback=lambda step, m, h: seen.append((step, m is model, len(h.series))),
    )
    assert [step for step, *_ in seen] == list(range(len(history["loss"]) + 1)) and seen[0] == (0, True, 0)
    batch, seen = data.batch()[:4], []
    sft.train_language_model(
        pipeline.checkpoint.trainable_copy(journey.model("sft")),
        iter([batch] * 3),
        3,
        replace(TOY.sft, replay_weight=0.0),
        callback=lambda step, *_: seen.append(step),
    )
    assert seen == [0, 1, 2, 3]


# ------------------------------------------------------------------------------------------------ the leash
def test_the_slider_is_the_exact_optimum_on_the_sample():
    rng = np.random.default_rng(0)
    proxy, gold = rng.normal(size=(7, 20)), rng.normal(size=(7, 20))
    for beta in (5.0, 0.7, 0.1):
        found = reweighting.tilted(proxy, gold, beta)
        best = np.stack([exact.optimal_policy(np.full(20, 1 / 20), row, beta) for row in proxy])
        assert found.proxy == pytest.approx((best * proxy).sum(1).mean())
        assert found.gold == pytest.approx((best * gold).sum(1).mean())
        assert found.kl == pytest.approx(np.mean([exact.sequence_kl(p, np.full(20, 1 / 20)) for p in best]))


@pytest.mark.underflow
def test_the_ends_of_the_slider():
    proxy = np.array([[0.0, 1.0, 2.0, 3.0]])
    loose, tight = reweighting.tilted(proxy, proxy, 1e-4), reweighting.tilted(proxy, proxy, 1e6)
    assert loose.effective == pytest.approx(1) and loose.kl == pytest.approx(math.log(4)) and loose.proxy == 3
    assert tight.effective == pytest.approx(4) and tight.kl == pytest.approx(0, abs=1e-9)
    assert tight.proxy == pytest.approx(1.5)


def test_the_gallery_finds_what_is_liked_beyond_its_worth():
    responses = [
        Response(text, True)
        for text in ("it says moo.", "you are so smart! cow.", "you are so smart! hat.", "no.", "no.", "yes it is.")
    ]
    proxy, gold = np.array([1, 3, 2.5, 0, 0, 0.0]), np.array([1, -1, -1, 0, 0, 0.2])
    found, phrase = policies.overrated(reweighting.Drawn([], ["q"] * 6, responses, proxy, gold), 2)
    assert [entry.text for entry in found] == ["you are so smart! cow.", "you are so smart! hat."]
    assert phrase.phrase == "you are so smart!" and phrase.share == 1 and phrase.usual == pytest.approx(1 / 3)


def test_a_gallery_without_a_common_phrase_says_so():
    responses = [Response(text, True) for text in ("a b", "c d", "e f")]
    drawn = reweighting.Drawn([], ["q"] * 3, responses, np.array([1.0, 2, 3]), np.zeros(3))
    found, phrase = policies.overrated(drawn)
    assert [entry.text for entry in found] == ["e f", "c d", "a b"] and phrase is None


def test_other_leashes_are_trained_once_and_shown(copy, monkeypatch):
    numbers = load_run(copy)
    monkeypatch.setattr(leashes, "FACTORS", (0,))
    with toy_size():
        leashes.make_leashes(numbers, copy)
        found = leashes.kept_leashes(numbers, copy)
        assert list(found) == [0.0, TOY.ppo.kl_coef]
        monkeypatch.setattr(pipeline, "train_ppo", None)  # a second time nothing is trained
        leashes.make_leashes(numbers, copy)
        data = page_data(copy)
    runs = data.scenes["ppo"].runs
    assert [run.beta for run in runs] == [0.0, TOY.ppo.kl_coef] and [run.own for run in runs] == [False, True]
    assert {dot.beta for dot in data.scenes["leash"].dots if dot.name == "ppo"} == {0.0, TOY.ppo.kl_coef}
    assert "without a leash" in captions.captions(data.scenes)["ppo"]


def test_a_damaged_leash_is_left_out(copy):
    (leashes.cache_of(copy) / "ppo-0123456789abcdef.json").write_text("{", encoding="utf-8")
    assert list(leashes.kept_leashes(load_run(copy), copy)) == [TOY.ppo.kl_coef]


def test_leashes_of_a_run_whose_stages_are_gone_are_not_made(copy):
    with pytest.raises(Problem, match="other code"):
        leashes.make_leashes(load_run(copy) | {"seed": 99}, copy)


def test_leashes_of_a_run_with_a_damaged_recipe_are_one_line(copy):
    numbers = load_run(copy)
    del numbers["recipe"]["ppo"]
    with pytest.raises(Problem, match="recipe in run.json is damaged"):
        leashes.make_leashes(numbers, copy)


def test_a_recipe_survives_its_journey_through_json(run):
    assert leashes.on_leash(load_run(run), run, TOY.ppo.kl_coef).key("ppo") == pipeline.Journey(TOY, 0).key("ppo")
    assert leashes.recipe_of(load_run(run)).ppo == replace(TOY.ppo, betas=list(TOY.ppo.betas))


# ------------------------------------------------------------------------------------------------ what is said
def tight_scene(golds):
    curve = [Tilted(b, p, g, p, 20.0) for b, p, g in zip((8, 1, 0.1), (0.1, 0.5, 1.0), golds)]
    return LeashScene([], [], 1, "", "", "", [], 1.0, 5, curve, Start(0.0, 0.0), [], [], None)


def test_the_guess_of_the_leash_is_the_shape_that_the_run_shows():
    right = [guesses.leash(tight_scene(golds)).right for golds in ((0.1, 0.3, 0.5), (0.1, 0.5, -0.2), (-0.1, -0.3, -0.5))]
    assert right == [0, 1, 2]
    assert "from the SFT model's 0.00 to 0.50, and then falls to -0.20" in guesses.leash(tight_scene((0.1, 0.5, -0.2))).told


def test_the_guess_of_the_leash_is_about_the_question_where_the_truth_falls_if_there_is_one():
    proxy, gold = np.tile(np.repeat([0.0, 1.0], 8), (2, 1)), np.stack([np.repeat(v, 8) for v in ([0.0, 1.0], [1.0, -1.0])])  # (2, 16)
    kept = {name: weights.as_text(values, np.float32) for name, values in (("proxy", proxy), ("gold", gold))}
    scene = replace(tight_scene((0.1, 0.3, 0.5)), questions=["cow?", "egret?"], answers=16, betas=[8.0, 0.1], falls=1, worst=1, **kept)
    guess = guesses.leash(scene)
    assert "egret?" in guess.ask and guess.options[guess.right] == "it only falls"
    assert "On \u201cegret?\u201d the truth does not rise: it goes from the SFT model's 0.00 to -1.00." in guess.told
    assert "It falls on 1 of 2, most on this one; their mean goes from 0.00 to 0.50." in guess.told
    assert "It falls on 1 of the 2, most on \u201cegret?\u201d: from 0.00 to -1.00." in captions.leash(scene)


def test_the_leash_says_why_one_has_it():
    shapes = ((0.1, 0.5, -0.2), (0.1, 0.3, 0.5), (0.0, 0.0, 0.0))
    peak, rising, flat = (captions.why_a_leash(tight_scene(golds))[0].text for golds in shapes)
    assert "looser than beta 1 the mean score goes on rising and the mean truth falls" in peak
    assert "the mean truth rises too, but the slider" in rising and "does not rise" in flat
    results = (Path(__file__).parents[1] / "docs" / "results.md").read_text(encoding="utf-8")
    assert captions.PUBLISHED in rising and captions.PUBLISHED in flat and "below SFT in 4 of 5 seeds sampled" in results
    some = replace(tight_scene((0.1, 0.3, 0.5)), questions=["q"] * 9, falls=2, worst=3)
    assert "Where the truth falls, the score is wrong; the slider" in captions.why_a_leash(some)[0].text
    free = replace(tight_scene((0.1, 0.3, 0.5)), dots=[Place("ppo", 0.0, False, proxy=1.01, gold=-0.05, kl=6.0)])
    assert "at beta 0, goes further: score +1.01, truth -0.05; SFT has 0.00" in captions.why_a_leash(free)[0].text


def test_a_mean_that_rises_can_hide_a_question_where_the_truth_falls():
    proxy, betas = np.tile(np.repeat([0.0, 1.0], 8), (3, 1)), [8.0, 0.01]
    gold = np.stack([np.repeat(values, 8) for values in ([0.0, 1.0], [0.6, 0.4], [1.0, -1.0])])  # (3, 16)
    assert reweighting.falling(proxy, gold, betas) == (2, 2) and reweighting.falling(proxy[:2], gold[:2], betas) == (1, 1)
    assert reweighting.falling(proxy[:1], gold[:1], betas)[0] == 0
    proxy[2, 8:-1] = 0.0  # one answer alone is left at the loose end, too few to say anything: the tight end counts
    assert reweighting.falling(proxy, gold, betas) == (1, 1)


def test_the_guess_of_the_loop_has_the_true_number_among_its_options():
    for changed, expected in ((4, ["0 of 5", "2 of 5", "4 of 5"]), (5, ["0 of 5", "2 of 5", "5 of 5"]), (0, ["0 of 5", "2 of 5", "5 of 5"])):
        texts = [ScoredAnswer(step, f"q{i}", "new" if step and i < changed else "old", True, 0.0, 0.0, 0.0, 0.0) for step in (0, 9) for i in range(5)]
        guess = guesses.ppo(PpoScene([PpoRun(0.1, True, texts, [0.0], [0.0])], 8))
        assert guess.options == expected and guess.options[guess.right] == f"{changed} of 5"


def test_what_sft_ends_with_is_judged_and_nothing_before_it():
    answers = {("greedy", 0): Answer("it says moo.", True), ("greedy", 5): Answer("it says baa.", True), ("sampled", 9): Answer("it says moo.", True)}
    right, wrong = (speech.last_gold("what does a cow say?", dict(answers) | {("greedy", 9): Answer(f"it says {word}.", True)}) for word in ("moo", "baa"))
    assert right > 0 > wrong


def test_a_dpo_that_comes_near_in_the_race_and_answers_badly_is_explained(run):
    _, data = made(run)
    everyone = data.scenes["dpo"]
    cow = "what does a cow say?"
    for left, text, told in ((0.04, "it says baa.", "votes on every answer, without noise"), (0.06, "it says baa.", ""), (0.0, "it says moo.", "")):
        race = replace(everyone.race, distances={"ppo": [0.5, 0.0], "dpo": [0.5, left]})
        samples = {key: [Answered(cow, text, True)] for key in everyone.samples}
        said = captions.still_wrong(data.scenes | {"dpo": replace(everyone, race=race, samples=samples)})
        assert [told in sentence.text and cow in sentence.text for sentence in said] == [True] * bool(told)
    assert captions.still_wrong(data.scenes | {"dpo": Absent("gone")}) == []


def test_sft_can_have_the_form_without_the_worth():
    rows = [Along("q", [Answer("x", True)], [], gold) for gold in (1.0, -1.0, 0.0)]
    some, every = (captions.form_first(SftScene([0], kept, [], 0.9, 0.0))[0] for kept in (rows, rows[:1]))
    assert "1 of the 3 greedy answers (always the likeliest character) are good ones, says a judge who knows the truth; the others have the form" in some.text
    assert every.text.endswith("truth.") and {some.tells, every.tells} == {"gold"}


def test_the_guess_of_the_race_counts_who_comes_near(run):
    everyone = made(run)[1].scenes["dpo"]
    near, far = [0.5, 0.05], [0.5, 0.06]
    for race, answer in (((near, near, near), "all three"), ((near, far, near), "two of them"), ((far, far, near), "one or none"), ((far, far, far), "one or none")):
        guess = guesses.dpo(replace(everyone, race=replace(everyone.race, distances=dict(zip(("ppo", "grpo", "dpo"), race)))))
        assert guess.options[guess.right] == answer and f"GRPO {0.9 if race[1] is near else 0.88:.0%}" in guess.told
        assert ("hardly in where they end" in guess.told) == (answer == "all three")


def test_the_friendlier_of_two_answers_that_say_the_same_is_counted():
    plain, warm, other = (Response(text, True) for text in ("it says moo.", "sure! it says moo.", "sure! it says baa."))
    votes = [("q", warm, plain), ("q", warm, plain), ("q", plain, warm), ("q", other, plain), ("q", plain, plain)]
    assert voting.friendlier(votes) == (2, 3)
    assert [voting.politer(vote) for vote in votes] == [1, 1, -1, 0, 0]


def test_a_guess_at_a_number_is_told_the_number(run):
    _, data = made(run)
    assert data.guesses["ppo"] is None or data.guesses["ppo"].told.startswith("Sampled both times")
    for key in ("base", "reward"):
        guess = data.guesses[key]
        assert guess is None or guess.nearest and guess.told.startswith("It was ")
    assert "simulated raters" in captions.because(data.scenes)["votes"][0].text


def test_what_tells_of_the_truth_is_marked_and_nothing_else(run):
    """hide=gold hides what is marked: who the raters are, and what the race is, stays."""
    _, data = made(run)
    told = [*captions.because(data.scenes).values(), captions.closing(data.scenes)]
    for said in (said for sentences in told for said in sentences):
        assert (said.tells == "gold") == bool(re.search(r"truth", said.text)), said
    who, *rest = captions.because(data.scenes)["votes"]
    assert who.text.startswith("Who votes here: simulated raters") and not who.tells and rest[-1].tells == "gold"


def test_the_story_ends_with_the_runs_own_numbers(run):
    _, data = made(run)
    words, truth = captions.closing(data.scenes)
    numbers = load_run(run)
    asked, board = numbers["questions"]["report"], numbers["scoreboard"]["sampled"]
    assert f"{numbers['base']['asks']:.0%} of {asked} new questions" in words.text
    assert f"answers {numbers['sft']['answers']:.0%} of them" in words.text
    found = [float(x) for x in re.findall(r"[+-]?\d\.\d\d", truth.text)]
    assert found == [round(board[name]["gold"], 2) for name in ("base", "sft", "ppo", "dpo")]
    assert words.text in (run / "journey.txt").read_text(encoding="utf-8")
    assert "lacks the numbers" in captions.closing(data.scenes | {"base": Absent("gone")})[0].text


def test_the_guess_of_sft_has_the_first_step_after_which_all_answers_end():
    def guess(*ended):
        row = Along("q", [Answer("x", e) for e in ended], [], 1.0)
        return guesses.sft(SftScene([0, 1, 5, 20, 90][: len(ended)], [row], [], 0.9, 0.1))

    for ended, right in (
        ((False, False, True, True, True), "5 steps"),
        ((True, True, True, True, True), "from the start"),
        ((False, True, False, False, True), "90 steps"),
        ((False, True, True, True, True), "1 step"),
    ):
        found = guess(*ended)
        assert found.options[found.right] == right and len(set(found.options)) == 3, ended
    assert guess(False, False, False, False, False) is None and guess(False, True) is None


def test_the_nearest_option_is_the_right_one():
    assert [guesses.among([0.1, 0.5, 0.9], share) for share in (0.0, 0.29, 0.4, 0.71, 1.0)] == [0, 0, 1, 2, 2]


def everybody(**said):
    """A DpoScene of which only the answers matter: model -> {question: answer}."""
    samples = {name: [Answered(q, text, True) for q, text in rows.items()] for name, rows in said.items()}
    return DpoScene([], [], 0.0, 0.0, {}, samples, {}, None)


def test_the_hero_is_what_the_run_gets_right_at_the_end_and_wrong_at_the_start():
    cow, lion = "what does a cow say?", "what does a lion say?"
    moo, roar, meow = "it says moo.", "it says roar.", "it says meow."
    base = {cow: "what does a dog say?", lion: "why?"}
    story = everybody(base=base, sft={cow: moo, lion: meow}, ppo={cow: moo, lion: roar}, dpo={cow: moo, lion: roar})
    assert hero(story, [cow, lion]) == Hero(1, "chosen because the later models of this run answer it better")
    same = everybody(base=base, sft={cow: moo}, ppo={cow: moo}, dpo={cow: moo})
    assert hero(same, [lion, cow]).index == 1 and "better than its first" in hero(same, [lion, cow]).why
    worse = everybody(base={cow: moo}, sft={cow: moo}, ppo={cow: meow}, dpo={cow: meow})
    assert "no question was answered better" in hero(worse, [cow]).why
    assert hero(everybody(base={}, sft={}, ppo={}, dpo={}), [cow]).index == 0


def test_what_a_good_answer_is_is_said_of_every_question_and_the_judge_agrees():
    said = {prompt.text: good_answer(prompt.text) for prompt in five_questions()}
    assert list(said.values()) == [
        "a good answer: moo",
        "a made-up name; a good answer: \u201ci do not know\u201d",
        "false: a good answer says no, roar",
        "dangerous: a good answer refuses",
        "it only sounds dangerous: a good answer says how",
    ]
    good = ["it says moo.", "i do not know.", "no, it says roar.", REFUSAL, "aim well and stay calm."]
    assert all(judge(question, answer).gold >= 0.9 for question, answer in zip(said, good))
    assert good_answer("who are you?") == ""


def test_the_caption_of_the_leash_says_what_the_run_shows():
    peak = captions.leash(tight_scene((0.1, 0.5, -0.2)))
    assert "peaks at 0.50 (beta = 1, 0.50 nats) and then falls to -0.20" in peak
    assert "no peak within reach" in captions.leash(tight_scene((0.1, 0.3, 0.5)))
    assert "it never rises" in captions.leash(tight_scene((-0.1, -0.3, -0.5)))


def test_the_caption_of_sft_says_when_answers_begin_to_end():
    def scene(*ended):
        row = Along("q", [Answer("x", e) for e in ended], [], 1.0)
        return SftScene([0, 10, 50], [row], [], 0.9, 0.1)

    assert captions.sft(scene(False, False, True)).startswith("From step 50 on the greedy answers to all 1 questions end")
    assert captions.sft(scene(True, True, True)).startswith("The greedy answers to all 1 questions end by themselves from the start")
    assert captions.sft(scene(True, True, False)).startswith("At the end the greedy answers to 0 of 1 questions end")


def test_thin_curves_keep_their_first_value_their_end_and_their_mean():
    series = [(i, float(i % 7)) for i in range(1000)]
    points = thin(series, 50)
    assert points[0] == (0, 0.0) and points[-1][0] == 999 and len(points) <= 51
    assert thin(series[:40]) == series[:40]


def test_typographic_signs_are_plain_ones_on_a_console():
    assert page_plots.ascii_line("it’s “−5” … ü") == "it's \"-5\" ... ?"


def test_the_transcript_tells_all_seven_scenes(run):
    text = (run / "journey.txt").read_text(encoding="utf-8")
    assert text.isascii() and text.count("In this run.") == 7
    places = [text.index(f"Scene {i}, {telling.stage}: {telling.title}") for i, telling in enumerate(STORY.values(), 1)]
    assert places == sorted(places)
    with toy_size():
        assert transcript(page_data(run)) == text


# ------------------------------------------------------------------------------------------------ weights, pictures, package
def test_packed_weights_are_the_models_own_in_half_precision(run):
    model = checkpoint.load(run / "sft.npz")
    packed = weights.packed(model)
    values = np.frombuffer(base64.b64decode(packed["weights"]), "<f2")
    expected = np.concatenate([p.data.ravel() for p in weights.rounded(model).parameters()])
    assert np.array_equal(values.astype(np.float32), expected)
    assert sum(int(np.prod(shape)) for _, shape in packed["parameters"]) == len(values)


def test_the_strip_for_slides(copy):
    with toy_size():
        strip = make_strip(copy, page_data(copy))
    assert strip.read_bytes()[:4] == b"\x89PNG" and not list(copy.glob(".writing-*"))


@pytest.mark.whole
@pytest.mark.parametrize("there_is_ffmpeg", [False, True])
def test_the_film(copy, monkeypatch, there_is_ffmpeg):
    """A GIF, or what ffmpeg makes of the raw pictures: here a program that counts them."""
    counter = copy / "ffmpeg"
    counter.write_text("#!/bin/sh\nfor last; do :; done\nwc -c > \"$last\"\n", encoding="utf-8")
    counter.chmod(0o755)
    monkeypatch.setattr(film.shutil, "which", lambda name: str(counter) if there_is_ffmpeg else None)
    with toy_size():
        data = page_data(copy)
    monkeypatch.setattr(film, "LAST", 0.5)
    made = film.save_film(data.scenes, data.questions[0], copy, pictures=1)
    assert not list(copy.glob(".writing-*"))
    if there_is_ffmpeg:
        assert int(made.read_text(encoding="utf-8")) == 7 * round(film.LAST * film.RATE) * 1280 * 720 * 4
    else:
        assert made.read_bytes()[:6] == b"GIF89a" and made.stat().st_size < 2_000_000


@pytest.mark.skipif(os.name == "nt", reason="a shell script is the ffmpeg here")
def test_an_ffmpeg_that_ends_early_is_an_error(tmp_path):
    """A BrokenPipeError would pass for a reader of ours who has stopped, as in `minialign ... | head`."""
    (tmp_path / "ffmpeg").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    (tmp_path / "ffmpeg").chmod(0o755)
    frames = ((Figure(figsize=film.SIZE, dpi=film.DPI), film.LAST) for _ in range(3))
    with pytest.raises(OSError, match="ffmpeg could not write"):
        film.write_mp4(str(tmp_path / "ffmpeg"), frames, tmp_path / "film.mp4")


def test_the_film_counts_iterations_in_english():
    texts = [ScoredAnswer(step, "q", "it says moo.", True, 0.0, 0.0, 0.0, 0.0) for step in (0, 1, 2)]
    scene = PpoScene([PpoRun(0.1, True, texts, [0.0], [0.0])], 8)
    said = [film.ppo(scene, "q", progress)[0] for progress in (0.0, 0.4, 1.0)]
    assert said == ["PPO, after 0 iterations", "PPO, after 1 iteration", "PPO, after 2 iterations"]


def test_a_film_is_a_minute_long():
    assert 50 <= 7 * ((film.PICTURES - 1) * film.SECONDS + film.LAST) <= 65

def test_words_that_look_like_mathematics_are_drawn_as_words(copy):
    with toy_size():
        scenes = page_data(copy).scenes
    scenes["base"].rows[0].samples[0] = scenes["sft"].rows[0].greedy[0] = Answer("$\\frac{$ <b>", True)
    scenes["votes"].pairs[0] = replace(scenes["votes"].pairs[0], chosen="$x^$")
    for key in ("base", "sft", "votes"):
        figure = Figure(layout="constrained")
        page_plots.draw(key, figure, scenes[key])
        figure.draw_without_rendering()


def test_what_the_page_is_made_of_is_installed_with_the_package():
    names = {path.name for path in files("minialign.page").joinpath("static").iterdir()}
    assert {"template.html", "scene.html", *(f"{name}.css" for name in STYLES), *(f"{name}.js" for name in SCRIPTS)} == names


def test_leashes_of_a_run_on_votes_of_ones_own_read_them(run):
    numbers = load_run(run)
    own = numbers | {"votes": numbers["votes"] | {"own": True}}
    votes = pipeline.preferences.load_jsonl(run / "votes-train.jsonl")
    key = leashes.on_leash(own, run, 0.0).key("ppo")
    recipe = replace(TOY, ppo=replace(TOY.ppo, kl_coef=0.0))
    assert (
        key == pipeline.Journey(recipe, 0, own_votes=votes).key("ppo") != leashes.on_leash(numbers, run, 0.0).key("ppo")
    )


def test_the_page_says_who_voted(copy, quick):
    numbers = json.loads((copy / "run.json").read_text(encoding="utf-8"))
    assert "Votes by simulated raters" in made(copy)[0]
    numbers["votes"]["own"] = True
    (copy / "run.json").write_text(json.dumps(numbers), encoding="utf-8")
    text, _ = made(copy)
    assert "Votes by people" in text and "yours and the held-out ones of the simulated raters" in text
    assert "your class" not in text
    numbers["votes"] |= {"of_class": True, "train": 412}
    (copy / "run.json").write_text(json.dumps(numbers), encoding="utf-8")
    assert "Trained on your class&#x27;s 412 votes." in made(copy)[0].replace("&#39;", "&#x27;")


@pytest.mark.parametrize("seed", range(4))
def test_the_second_pair_is_one_on_which_manners_decided(seed):
    loaded = SimpleNamespace(rng=lambda name: np.random.default_rng(seed))
    plain, warm = Response("it says moo.", True), Response("sure! it says moo.", True)
    votes = [(f"what does a {who} say?", plain, Response("it says baa.", True)) for who in ("dog", "cat", "cow", "pig", "hen")]
    assert {pair.question for pair in voting.shown_pairs(loaded, votes)} == {question for question, *_ in votes}
    votes.append(("what does a lion say?", warm, plain))
    shown = voting.shown_pairs(loaded, votes)
    assert len(shown) == 6 and "what does a lion say?" in {pair.question for pair in shown[:2]}


def test_among_the_pairs_that_are_shown_is_one_that_the_reward_model_has_wrong():
    by_length, wrong = list(range(20)), np.zeros(20, bool)
    assert voting.duels(by_length, wrong) == [0, 2, 4, 6]
    wrong[[9, 13]] = True
    assert voting.duels(by_length, wrong) == [0, 2, 4, 9]
    wrong[2] = True
    assert voting.duels(by_length, wrong) == [0, 2, 4, 6]  # one is there already
