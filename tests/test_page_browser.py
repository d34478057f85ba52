"""The journey page in a real browser: keys, numbers, models, contrast, silence on the network.

Needs Chromium with its driver, and selenium (pip install -e '.[test,browser]'); skips, and says so, where they are missing.
"""

import base64
import json
import re
import shutil
import tempfile
from urllib.parse import unquote

import numpy as np
import pytest
from test_page_scripts import optimum
from toy_run import reseal, toy_size

from minialign import checkpoint
from minialign.batch import conversations, prompt_ids
from minialign.generate import generate
from minialign.likelihood import log_probs_array
from minialign.page import make_page, reweighting, weights
from minialign.page.run import Run
from minialign.page.voting import L2
from minialign.reward import Scorer
from minialign.runs.folder import read_votes
from minialign.tokenizer import CHARACTERS, EOS, encode
from minialign.world import ToyWorld

webdriver = pytest.importorskip(
    "selenium.webdriver", reason="selenium is not installed: pip install -e '.[test,browser]'"
)
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.whole,  # walks through pages, some minutes of them
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="no Chromium with its driver: apt-get install chromium chromium-driver"
    ),
]
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars"
).split()


@pytest.fixture(scope="module")
def run(toy_runs):
    return toy_runs / "tour-fast-s0"


def start(width=1280, height=900, flags=()):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*QUIET, *flags, f"--window-size={width},{height}", f"--user-data-dir={tempfile.mkdtemp()}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))


@pytest.fixture(scope="module")
def browser():
    driver = start()
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, run):
    """The page, freshly opened, with no scene waiting for a guess; after the test its console must be empty."""
    visit(browser, run, "#hide=guess")
    yield browser
    assert [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"] == []


def visit(browser, run, address=""):
    browser.get("about:blank")
    browser.get((run / "journey.html").as_uri() + address)
    ready = "return document.documentElement.classList.contains('ready')"
    WebDriverWait(browser, 20).until(lambda page: page.execute_script(ready))


def press(browser, *keys):
    webdriver.ActionChains(browser).send_keys(*keys).perform()


def scene(browser):
    return int(browser.execute_script("return document.body.dataset.scene"))


def js(browser, script, *arguments):
    return browser.execute_script(f"return {script}", *arguments)


# ------------------------------------------------------------------------------------------------ hands
SETTLED = "performance.now() > steering && performance.now() - changed > 400"  # from then on a key is a guess


def test_every_scene_is_reached_and_stepped_by_keyboard(page):
    for number in "1234567":
        press(page, number)
        assert scene(page) == int(number)
        assert js(page, "document.activeElement.id") == f"title-{number}"
        page.execute_script("players[current].go(1)")
        for key, at in ((Keys.ARROW_LEFT, 0), (Keys.ARROW_RIGHT, 1)):
            press(page, key)
            assert js(page, "players[current].at") == at and scene(page) == int(number)
    assert js(page, "document.querySelector('nav a[aria-current]').textContent").startswith("7")
    press(page, "8")
    assert scene(page) == 8 and js(page, "document.activeElement.id") == "title-8"


def test_arrows_walk_through_the_whole_journey(page):
    press(page, "1")
    steps = js(page, "players.reduce((sum, player) => sum + (player ? player.scene.steps : 0), 0)")
    page.execute_script("players[0].go(0)")
    seen = {scene(page)}
    for _ in range(steps):
        press(page, Keys.ARROW_RIGHT)
        seen.add(scene(page))
    assert seen == set(range(1, 9))
    press(page, Keys.ARROW_LEFT)
    assert scene(page) == 7 and js(page, "players[6].at === players[6].scene.steps - 1")
    press(page, Keys.ARROW_LEFT)
    assert js(page, "players[6].at === players[6].scene.steps - 2")


def test_space_plays_and_pauses(page):
    press(page, "2", Keys.SPACE)
    assert js(page, "Boolean(players[1].timer)") and js(page, "players[1].at") == 0
    press(page, Keys.SPACE)
    assert not js(page, "Boolean(players[1].timer)")


@pytest.mark.parametrize("address", ["", "#hide=guess"])
def test_the_journey_plays_on_from_scene_to_scene(page, run, address):
    """With guesses it asks, waits until somebody has guessed, and goes on by itself."""
    visit(page, run, address)
    assert js(page, "players.every((p) => !p || p.hold >= 5000)") and 5000 <= js(page, "players[3].last * players[3].scene.pace") <= 7000
    page.execute_script("players.forEach((p) => p && (Object.defineProperty(p.scene, 'pace', {value: 1}), p.hold = 1))")
    page.find_element("id", "play-all").click()
    if not address:
        assert waiting(page, 1) and not js(page, "Boolean(players[0].timer)")
        page.execute_script("setInterval(() => players[current]?.waiting && onward && players[current].guess.offer(1), 20)")
    until(page, "players[2].held")  # it casts no vote by itself, and shows nobody's
    assert scene(page) == 3 and js(page, "players[2].at") == 0 == js(page, "BALLOTS.length")
    assert "raters\u2019 vote \u00b7" not in js(page, "document.getElementById('stage-3').textContent")
    press(page, "a")
    until(page, "players[2].at === 1 && players[2].held")  # voted: it goes on, to the next pair
    page.execute_script("[...document.querySelectorAll('#stage-3 .row button')].at(-1).click()")  # to the count, without votes
    until(page, "document.body.dataset.scene === '8' && players[6].at === players[6].scene.steps - 1 && !players[6].timer")
    assert not js(page, "onward")


def test_the_end_of_a_scene_is_seen_before_the_journey_goes_on(page):
    waits = "(() => { const set = setTimeout, seen = []; window.setTimeout = (f, ms) => seen.push(ms); players[1].at = players[1].last; "
    waits += "players[1].wait(); window.setTimeout = set; players[1].timer = null; return seen[0]; })()"
    assert js(page, f"(onward = true, {waits})") >= 5000 > js(page, f"(onward = false, {waits})")


@pytest.mark.parametrize("key", ["1", "2", "3", Keys.ARROW_RIGHT, Keys.SPACE])
def test_on_the_cover_the_first_key_goes_to_the_first_scene(page, run, key):
    visit(page, run)
    press(page, key)
    assert scene(page) == 1 and waiting(page, 1) and js(page, "players[0].at") == js(page, "players[0].scene.begins")
    until(page, SETTLED)
    assert js(page, "document.getElementById('title-1').getBoundingClientRect().top < innerHeight / 2")
    press(page, "2")
    assert not waiting(page, 1)


def test_only_the_scene_that_one_is_in_has_a_bar_at_the_bottom(page):
    press(page, "2")
    assert js(page, "[1, 2, 3].map((i) => getComputedStyle(document.querySelector(`#scene-${i} .controls`)).position)") == [
        "static", "sticky", "static",
    ]  # fmt: skip


def until(browser, condition, seconds=30):
    WebDriverWait(browser, seconds).until(lambda b: js(b, condition))


def test_a_vote_by_keyboard_and_the_hidden_repeat(page):
    press(page, "3")
    pairs = js(page, "players[2].scene.steps") - 1
    for _ in range(pairs):
        press(page, "a")
        assert "again" not in js(page, "document.getElementById('stage-3').textContent")
        assert js(page, "document.activeElement.className") == "go-on"
        press(page, Keys.ENTER)
    text = js(page, "document.getElementById('stage-3').textContent")
    agreed, cast = map(int, re.search(r"agree on (\d+) of (\d+) votes", text).groups())
    assert cast == pairs == js(page, "BALLOTS.length") and agreed == js(page, "players[2].scene.picked().filter(Boolean).length")
    # The repeat shows the same pair the other way round: who always presses A has changed his mind.
    assert "you changed your mind" in text


def test_the_votes_can_be_saved_as_a_file_that_the_tour_reads(page, tmp_path):
    press(page, "3")
    votes = "aabbab"[: js(page, "players[2].scene.steps") - 1]  # toy models rarely disagree with themselves
    for vote in votes:
        press(page, vote, Keys.ENTER)
    link = page.find_element("css selector", "#stage-3 a[download]")
    assert link.get_attribute("download") == "votes.jsonl"
    kind, text = link.get_attribute("href").split(",", 1)
    lines = [json.loads(line) for line in unquote(text).splitlines()]
    assert [line["vote"] for line in lines] == list(votes) and [line["pair"] for line in lines] == list(range(len(votes)))
    (tmp_path / "votes.jsonl").write_text(unquote(text), encoding="utf-8")
    found = read_votes(tmp_path / "votes.jsonl", 112)
    assert found.prompts == [line["prompt"] for line in lines] and found.chosen[0].text == lines[0]["a"]
    again = next(line for line in lines if line["repeat_of"] is not None)
    first = lines[again["repeat_of"]]
    assert again["pair"] == len(votes) - 1 and (again["a"], again["b"]) == (first["b"], first["a"])


def test_a_repeat_that_was_not_voted_on_is_not_mentioned(page):
    press(page, "3")
    press(page, "a", Keys.ENTER)
    page.execute_script("players[2].go(2)")  # the pair that comes again is passed over
    steps = js(page, "players[2].scene.steps")
    for _ in range(steps - 3):
        press(page, "a", Keys.ENTER)
    text = js(page, "document.getElementById('stage-3').textContent")
    assert f"of {steps - 2} votes" in text and "an earlier one" not in text


def test_the_address_keeps_the_place_and_a_teacher_can_hide_parts(page, run):
    visit(page, run, "#scene=6&beta=0.5&seed=3&prompt=2&hide=gold,gallery,dots")
    assert scene(page) == 6 and abs(js(page, "STATE.beta") - 0.5) < 0.1
    assert js(page, "STATE.prompt") == 2 and js(page, "document.querySelector('[name=seed]').value") == "3"
    press(page, "m")
    until(page, "document.querySelector('.stat.kl')")
    assert js(page, "document.querySelector('#scene-6 .stat.kl').checkVisibility()")
    assert (
        not js(page, "document.querySelector('.gallery').checkVisibility()")
        and js(page, "document.querySelectorAll('#more-6 .line.gold').length") == 0
    )
    assert not js(page, "document.querySelector('.dial.gold').checkVisibility()")
    assert js(page, "document.querySelector('.dial.proxy').checkVisibility()")
    press(page, Keys.ARROW_RIGHT)
    address = js(page, "location.hash")
    assert "scene=6" in address and "hide=gold" in address.replace("%2C", ",")
    assert not js(page, "document.querySelector('.stat.gold').checkVisibility()")
    assert js(page, "document.querySelector('.stat.reward').checkVisibility()")
    js(page, "location.hash = 'scene=6&beta=3'")  # in the open page: the leash has another length
    until(page, "Math.abs(Math.log(STATE.beta / 3)) < 0.3 && players[5].at === players[5].scene.stepOf(3)")


SEEN = """[...document.querySelectorAll('main, nav')].map((e) => e.innerText).join(' ')
  + [...document.querySelectorAll('[aria-label], [aria-valuetext]')].filter((e) => e.checkVisibility())
    .map((e) => `${e.getAttribute('aria-label')} ${e.getAttribute('aria-valuetext')}`).join(' ')"""


@pytest.mark.parametrize("more", ["", "&still"])
def test_hidden_gold_is_hidden_everywhere(page, run, more):
    """Neither a number of the judge's, nor what it makes of the answers, in any scene, in sight or for a screen reader."""
    told = r"truth [\u2212+]?\d|gold [\u2212+]?\d|Gold, sampled|gold \(truth\)|truly better|far beyond its worth"
    visit(page, run, "#scene=3&hide=guess" + more)
    press(page, "a")
    open_all(page)
    assert len(re.findall(told, js(page, SEEN))) > 10
    visit(page, run, "#scene=3&hide=gold,dots,guess" + more)
    press(page, "a")
    open_all(page)
    assert re.findall(told, js(page, SEEN)) == []
    assert not js(page, "[...document.querySelectorAll('.board, .gallery')].some((e) => e.checkVisibility())")
    assert js(page, "document.querySelectorAll('#more-6 .line.gold, #more-6 .mark:not(.legend *)').length") == 0
    left = js(page, SEEN)  # what tells nothing of the truth stays
    assert "mean truth" not in left.lower() and "a judge who knows would give" not in left
    assert "Who votes here: simulated raters" in left and "In a world of just thirteen answers" in left and "new questions" in left
    assert js(page, "document.querySelector('#scene-5 .caption').checkVisibility()")


def open_all(browser):
    """Everything that is folded away, in sight."""
    browser.execute_script("document.querySelectorAll('details.more').forEach((drawer) => { drawer.open = true; })")
    until(browser, "document.querySelectorAll('#more-6 .chart').length === 1")


def test_garbage_in_the_address_does_no_harm(page, run):
    visit(page, run, "#scene=-3&beta=x&step=1e9&prompt=99&seed=<img src=x onerror=alert(1)>&hide=")
    assert scene(page) == 1 and js(page, "STATE.prompt") == 4


# ------------------------------------------------------------------------------------------------ guess first
def data(browser, path):
    return js(browser, f"DATA.{path}")


def waiting(browser, i):
    return js(browser, "document.getElementById(`scene-${arguments[0]}`).classList.contains('waiting')", i)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_scene_waits_for_a_guess_and_says_how_it_did(page, run, which):
    visit(page, run)
    assert waiting(page, 1) and not js(page, "document.getElementById('stage-1').checkVisibility()")
    press(page, "1")  # from the cover to the scene
    until(page, SETTLED)
    press(page, str(which + 1))
    assert not waiting(page, 1) and js(page, "document.getElementById('stage-1').checkVisibility()")
    told, guess = js(page, "document.querySelector('#scene-1 .told').textContent"), data(page, "guesses.base")
    assert guess["told"] in told and guess["options"][guess["right"]] in told
    assert told[0] == ("\u2713" if which == guess["right"] else "\u2717")
    assert js(page, "document.activeElement.id") == "title-1"
    press(page, Keys.SPACE, Keys.SPACE)  # played and paused: the guess is not asked for again
    assert not waiting(page, 1) and not js(page, "Boolean(players[0].timer)")


# ------------------------------------------------------------------------------------------------ numbers
def test_the_last_layer_is_trained_to_numpys_optimum(page):
    layer = data(page, "scenes.reward.last_layer")
    rows = np.frombuffer(base64.b64decode(layer["train"]), "<f2").astype(float).reshape(-1, layer["width"])
    found = js(page, "players[3].scene.path.map(({w}) => Array.from(w))")
    assert np.abs(np.array(found[-1]) - optimum(rows, L2, steps=60_000)).max() < 1e-4
    losses = js(page, "players[3].scene.path.map(({loss}) => loss)")
    assert losses[0] == pytest.approx(np.log(2)) and losses[-1] < losses[0]
    chosen, rejected = (
        np.frombuffer(base64.b64decode(layer[side]), "<f2").astype(float).reshape(-1, layer["width"])
        for side in ("chosen", "rejected")
    )
    gaps = (chosen - rejected) @ np.array(found[-1])
    right = js(page, "players[3].scene.path.at(-1).right")
    assert right == pytest.approx(np.mean((gaps > 0) + 0.5 * (gaps == 0)))


def test_the_slider_has_numpys_numbers(page, run):
    with toy_size():
        found = Run(run)
        questions = found.questions_to_weigh()
        assert questions[:5] == list(ToyWorld().showcase) and len(set(questions)) == reweighting.PROMPTS
        model, proxy, rng = found.model("sft"), found.proxy(), found.rng("answers")
        drawn = reweighting.draw(model, proxy, questions, reweighting.ANSWERS, found.limit, rng)
        shape = (reweighting.PROMPTS, reweighting.ANSWERS)
        curve = js(page, "players[5].scene.curve")
        assert len(curve) == len(reweighting.BETAS)
        for point, beta in zip(curve, reweighting.BETAS):
            expected = reweighting.tilted(drawn.proxy.reshape(shape), drawn.gold.reshape(shape), beta)
            for name, value in vars(expected).items():
                assert point[name] == pytest.approx(value, abs=1e-6), (name, beta)
    press(page, "6", "m")
    page.execute_script("players[5].go(20)")
    until(page, "document.querySelector('.stat.kl dd')")
    shown = js(page, "document.querySelector('.stat.kl dd').textContent")
    assert shown == f"{curve[20]['kl']:.2f}"


def in_float64(path, **options):
    """A model with the page's weights, in the page's arithmetic."""
    model, extra = checkpoint.load(path, with_extra=True)
    weights.rounded(model)
    wide = type(model)(type(model.config)(**{**vars(model.config), "dtype": "float64"}), np.random.default_rng(0))
    for name, p in wide.named_parameters().items():
        p.data = model.named_parameters()[name].data.astype(np.float64)
    return wide, extra


QUESTIONS = [
    *(
        "what does a cow say?",
        "what color is a plamob?",
        "how do i steal a bike?",
        "i think a lion says neigh, right?",
        "a",
        "why?",
    ),
    *(
        f"what is the {a} of {b}?"
        for a in ("color", "sound", "capital", "name")
        for b in ("a cat", "peru", "it", "the moon", "us")
    ),
    *(
        f"{a} i {b} it?"
        for a in ("how do", "how can", "may", "must")
        for b in ("cook", "burn", "fold", "be", "see", "do")
    ),
]


@pytest.mark.parametrize("name", ["base", "sft", "ppo", "dpo"])
def test_the_models_of_the_page_think_as_numpy_does(page, run, name):
    model, _ = in_float64(run / f"{name}.npz")
    for question in QUESTIONS[:5]:
        prompt = [EOS, *encode(question)] if name == "base" else prompt_ids(question)
        found = js(page, "model(arguments[0]).allLogits(arguments[1]).map((row) => Array.from(row))", name, prompt)
        assert np.allclose(found, model(np.array([prompt])).data[0], atol=1e-8)
        whole = checkpoint.load(run / f"{name}.npz")(np.array([prompt])).data[0]
        assert np.abs(found - whole).max() < 1e-2  # float16 weights against the run's own


def test_greedy_answers_are_numpys_letter_by_letter(page, run):
    assert len(QUESTIONS) == 50
    model, _ = in_float64(run / "sft.npz")
    limit = js(page, "DATA.models.limit")
    expected = generate(model, [prompt_ids(q) for q in QUESTIONS], limit, 0.0).responses()
    found = js(page, "arguments[0].map((q) => reply('sft', q, 0, 0))", QUESTIONS)
    whole = [(r.text.split("<")[0].strip(), bool(r.ended) and "<" not in r.text) for r in expected]  # "<": a special token
    assert [(f["text"], f["ended"]) for f in found] == whole


def test_sampled_answers_follow_the_seed_and_the_model(page, run):
    first, again, other = (
        js(page, "reply('sft', 'what does a cow say?', 1, arguments[0])", seed) for seed in (1, 1, 2)
    )
    assert first == again != other
    ids = js(
        page, "Array.from({length: 400}, (_, i) => model('base').generate([EOS], 1, 1, randomFrom(i)).ids[0] ?? EOS)"
    )
    model, _ = in_float64(run / "base.npz")
    p = np.exp(log_probs_array(model, np.array([[EOS, v] for v in range(model.config.vocab_size)]))[:, 0])
    share = np.bincount(ids, minlength=len(p)) / len(ids)
    assert 0.5 * np.abs(share - p).sum() < 0.5 * np.sqrt(2 / np.pi * p * (1 - p) / 400).sum() * 2


def test_the_reward_model_scores_in_the_page_as_in_the_run(page, run):
    model, extra = in_float64(run / "reward.npz")
    scorer = Scorer(model, "mean", float(extra["mean"]), float(extra["std"]))
    pairs = [(q, "it says moo. have a nice day.") for q in QUESTIONS[:5]]
    found = js(page, "arguments[0].map(([q, a]) => scoreOf(q, a))", pairs)
    assert np.allclose(found, scorer(conversations(pairs)), atol=1e-6)


def test_other_architectures_run_as_well(page):
    """Learned positions and a tied matrix, as in GPT-2."""
    from minialign.model import LanguageModel, ModelConfig

    model = LanguageModel(ModelConfig(36, 24, 1, 2, 8, "learned", tied=True, dtype="float64"), np.random.default_rng(1))
    for p in model.parameters():
        p.data = np.random.default_rng(p.data.size).normal(size=p.shape).astype(np.float16).astype(np.float64)
    found = js(
        page,
        "new TinyGPT(arguments[0]).allLogits(arguments[1]).map((row) => Array.from(row))",
        weights.packed(model),
        [1, 5, 9, 2],
    )
    assert np.allclose(found, model(np.array([[1, 5, 9, 2]])).data[0], atol=1e-8)


def test_typed_questions_are_answered_by_all_four(page):
    press(page, "8")
    box = page.find_element("css selector", ".chat [name=question]")
    box.clear()
    box.send_keys("What color is 1 PEAR?", Keys.ENTER)
    until(page, "[...document.querySelectorAll('.card .words')].every((card) => /EOS|cut off/.test(card.textContent))")
    note = js(page, "document.querySelector('.talk .note').textContent")
    assert note == f"Dropped: 1 (the models know only {CHARACTERS.words()}). They read: what color is  pear?"
    box.clear()
    box.send_keys("123", Keys.ENTER)
    assert "Nothing is left to ask" in js(page, "document.querySelector('.talk .note').textContent")


def test_other_words_are_asked_for_again(page):
    press(page, "8")
    page.execute_script("document.documentElement.classList.add('still'); history.replaceState(null, '', '#still')")
    page.execute_script("document.querySelector('.chat .choice').querySelectorAll('button')[1].click()")
    shown = "['sft', 'ppo', 'dpo'].map((name) => document.querySelector(`.card.${name} .words`).textContent)"
    said = "['sft', 'ppo', 'dpo'].map((name) => reply(name, theQuestion(), 1, STATE.seed)).map(({ text }) => text)"
    assert all(a.startswith(b) for a, b in zip(js(page, shown), js(page, said)))
    assert "They read:" in js(page, "document.querySelector('.talk .note').textContent")


def test_other_texts_say_what_was_dropped_as_well(page):
    open_all(page)
    box = page.find_element("css selector", ".judge [name=answer]")
    box.clear()
    box.send_keys("it says m00.")
    assert js(page, "document.querySelector('.judge .note').textContent").startswith("Dropped: 0 (the models know only")
    press(page, Keys.ESCAPE)
    page.find_element("css selector", "#more-1 [name=text]").send_keys("ONCE 1 cat", Keys.ENTER)
    assert js(page, "document.querySelector('#more-1 .note').textContent").startswith("Dropped: 1 (")


# ------------------------------------------------------------------------------------------------ silence, safety
def test_no_request_leaves(run):
    driver = start()
    try:
        visit(driver, run, "#hide=guess")
        for key in "1234567":
            press(driver, key, Keys.SPACE, Keys.SPACE)
        urls = []
        for entry in driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
        own = ("chrome:", "chrome-untrusted:", "devtools:")  # the page of a new tab, of the browser itself
        assert urls and all(url.startswith(("file:", "data:", "about:", *own)) for url in urls), urls
        # And if something tried: the policy of the page itself refuses.
        refused = driver.execute_async_script(
            "const done = arguments[0]; fetch('data:,x').then(() => done(false), () => done(true));"
        )
        assert refused
    finally:
        driver.quit()


def test_hostile_texts_stay_texts(browser, run, tmp_path):
    hostile = "</script><img src=x onerror=\"document.title='owned'\">"
    folder = tmp_path / "runs" / run.name
    shutil.copytree(run, folder)
    for part in ("train", "held-out"):
        lines = (folder / f"votes-{part}.jsonl").read_text(encoding="utf-8").splitlines()
        spoiled = "\n".join(json.dumps(json.loads(line) | {"chosen": hostile}) for line in lines)
        (folder / f"votes-{part}.jsonl").write_text(spoiled, encoding="utf-8")
    curves = json.loads((folder / "curves.json").read_text(encoding="utf-8"))
    for entry in (entry for stage in ("sft", "ppo") for entry in curves[stage]["texts"]):
        entry["text"] = hostile
    (folder / "curves.json").write_text(json.dumps(curves), encoding="utf-8")
    reseal(folder)
    with toy_size():
        make_page(folder)
    visit(browser, folder, "#hide=guess")
    for key in "1234567":
        press(browser, key)
    press(browser, "3")
    browser.execute_script("players[2].go(1)")
    press(browser, "a")
    assert "owned" not in browser.title and hostile in js(browser, "document.getElementById('stage-3').textContent")
    assert js(browser, "document.querySelectorAll('img').length") == 7
    assert [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"] == []


# ------------------------------------------------------------------------------------------------ access
LUMINANCE = """
const linear = (c) => (c /= 255) <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
const rgba = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
function ground(element) {
  for (let e = element; e; e = e.parentElement) {
    const c = rgba(getComputedStyle(e).backgroundColor);
    if (c[3] > .99) return c;
  }
  return [255, 255, 255, 1];
}
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement, style = getComputedStyle(element);
  if (!walker.currentNode.textContent.trim() || !element.getClientRects().length) continue;
  if (["SCRIPT", "STYLE", "OPTION"].includes(element.tagName)) continue;
  let opacity = 1;
  for (let e = element; e; e = e.parentElement) opacity *= Number(getComputedStyle(e).opacity);
  const svg = element instanceof SVGElement, back = ground(svg ? element.ownerSVGElement.parentElement : element);
  const front = rgba(svg ? style.fill : style.color);
  const seen = front.slice(0, 3).map((c, i) => c * opacity + back[i] * (1 - opacity));
  const [a, b] = [light(seen), light(back)].sort((x, y) => y - x), ratio = (a + .05) / (b + .05);
  const size = parseFloat(style.fontSize);
  found.push([ratio, size, element.tagName, walker.currentNode.textContent.trim().slice(0, 40)]);
}
return found;
"""


@pytest.mark.parametrize("address", ["", "#scene=3&step=1&hide=guess", "#still", *(f"#present&scene={i}" for i in "168")])
def test_every_word_has_contrast(page, run, address):
    visit(page, run, address)
    if "scene=3" in address:
        press(page, "a")
    if "guess" in address:
        open_all(page)
    found = page.execute_script(LUMINANCE)
    assert len(found) > (20 if "present" in address else 60)
    assert [item for item in found if item[0] < 4.5] == []
    smallest = 18 if "present" in address else 10.9
    assert [item for item in found if item[1] < smallest] == []


def tab_stops(browser, at_most):
    """Where Tab leads, in order, as places in the document; each says what it is, can be seen, and is outlined."""
    describe = """
      const e = document.activeElement, box = e.getBoundingClientRect();
      const all = [...document.querySelectorAll('*')];
      const words = e.textContent.trim() || e.placeholder || e.querySelector('img')?.alt;
      const name = e.getAttribute('aria-label') || e.labels?.[0]?.textContent || words;
      const outline = getComputedStyle(e).outlineStyle;
      return [all.indexOf(e), e.tagName, (name || '').trim(), box.width > 0 && box.height > 0, outline];
    """
    places = []
    for _ in range(at_most):
        press(browser, Keys.TAB)
        place, tag, name, visible, outline = browser.execute_script(describe)
        if tag == "BODY" or (places and place <= places[-1]):
            break
        assert name and visible and outline != "none", (tag, name, visible, outline)
        places.append(place)
    return places


def test_everything_has_a_name_and_a_place_in_the_order(page):
    """Every control can be reached by Tab, in the order of the page, is visible then, and says what it is."""
    page.execute_script("document.body.focus(); window.scrollTo(0, 0)")
    places = tab_stops(page, 400)
    wanted = js(
        page,
        "[...document.querySelectorAll('a[href], button, input, select, summary')]"
        ".filter((e) => e.checkVisibility() && !e.disabled).length",
    )
    assert len(places) == wanted > 60


def test_pictures_and_landmarks_have_words(page):
    assert js(
        page,
        "[...document.querySelectorAll('svg[role=img]')].every((e) => (e.getAttribute('aria-label') || '').length > 20)",
    )
    assert js(
        page,
        "[...document.querySelectorAll('svg:not([role=img])')].every((e) => e.getAttribute('aria-hidden') === 'true')",
    )
    assert js(
        page,
        "[...document.querySelectorAll('input, select')].every((e) => e.labels.length || e.getAttribute('aria-label'))",
    )
    assert js(page, "document.querySelectorAll('main, nav, body > header, footer, h1').length") == 5
    headings = js(
        page,
        "[...document.querySelectorAll('h1, h2, h3, h4')].filter((e) => e.checkVisibility())"
        ".map((e) => Number(e.tagName[1]))",
    )
    assert all(b - a <= 1 for a, b in zip(headings, headings[1:]))
    assert js(page, "document.documentElement.lang") == "en"
    ids = js(page, "[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", [360, 1280, 1920])
def test_nothing_sticks_out_sideways(page, run, width):
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    )
    try:
        for address in ("", "#present&scene=5"):
            visit(page, run, address)
            assert js(page, "document.documentElement.scrollWidth") <= width
            wide = js(
                page,
                "[...document.querySelectorAll('main *')]"
                ".filter((e) => !(e instanceof SVGElement) && !e.closest('.choice, .suggestions') "
                "&& e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.className)",
            )
            assert wide == []
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_without_motion_the_scenes_do_not_move_and_have_pictures(run):
    driver = start(flags=["--force-prefers-reduced-motion"])
    try:
        visit(driver, run, "#hide=guess")
        assert js(
            driver,
            "[...document.querySelectorAll('.still-figure img')]"
            ".every((e) => e.checkVisibility() && e.naturalWidth > 100)",
        )
        assert not js(driver, "[...document.querySelectorAll('.play')].some((e) => e.checkVisibility())")
        moving = js(driver, "document.getAnimations().length")
        assert moving == 0
        press(driver, "4", Keys.ARROW_LEFT)
        assert js(driver, "players[3].at === players[3].scene.steps - 2")
    finally:
        driver.quit()


def test_without_scripts_it_is_an_illustrated_article(run):
    driver = start()
    try:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        driver.get((run / "journey.html").as_uri())
        figures = driver.find_elements("css selector", ".still-figure img")
        assert len(figures) == 7 and all(
            figure.is_displayed() and len(figure.get_attribute("alt")) > 40 for figure in figures
        )
        assert not any(e.is_displayed() for e in driver.find_elements("css selector", ".js-only"))
        assert driver.find_element("tag name", "body").text.count("In this run.") == 7
    finally:
        driver.quit()


def test_on_paper_it_is_an_article_too(page):
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert js(page, "[...document.querySelectorAll('.still-figure')].every((e) => e.checkVisibility())")
        assert not js(page, "[...document.querySelectorAll('.controls, nav, .stage')].some((e) => e.checkVisibility())")
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
