"""The scenes of the journey page in a real browser: guess and reveal, one gesture each, on the wall."""

# ruff: noqa: F811  fixtures are imported, and then are parameters
import base64
import json
import re

import numpy as np
import pytest
from test_page_browser import (  # noqa: F401  fixtures, and the marks
    Keys,
    browser,
    data,
    js,
    page,
    press,
    pytestmark,
    run,
    scene,
    until,
    visit,
    waiting,
)

from minialign.exact import optimal_policy, total_variation

SCENES = range(1, 9)


# ------------------------------------------------------------------------------------------------ the protagonist
def test_one_question_is_on_top_of_every_scene(page):
    for i in SCENES[:-1]:
        asked = js(page, f"document.querySelector('#hero-{i} select').selectedOptions[0].textContent")
        assert asked == data(page, "questions[DATA.hero.index]")
        assert js(page, f"document.querySelector('#hero-{i} .hero-words').textContent.length") > 0
    page.execute_script("follow(3)")
    assert js(page, "[...document.querySelectorAll('.hero select')].every((select) => select.value === '3')")
    assert "prompt=3" in js(page, "location.hash")


def test_every_scene_changes_its_answer(page):
    """Not for every question, or a run would be lying: but from the first step of a scene to its last, for some."""
    words = "players[arguments[0]].section.querySelector('.hero-words').textContent"
    for i in (0, 1):
        changed = False
        for prompt in range(5):
            page.execute_script("follow(arguments[0]); players[arguments[1]].go(0)", prompt, i)
            first = js(page, words, i)
            page.execute_script("players[arguments[0]].go(1e9)", i)
            changed |= first != js(page, words, i)
        assert changed, i


# ------------------------------------------------------------------------------------------------ guess first
@pytest.mark.parametrize("address", ["", "#still"])
def test_while_it_waits_nothing_is_given_away(page, run, address):
    visit(page, run, address)
    for i, key in enumerate(js(page, "Object.keys(DATA.story)"), 1):
        if not waiting(page, i):
            continue
        seen = js(page, "document.getElementById(`scene-${arguments[0]}`).innerText", i)
        assert data(page, f"guesses.{key}.told") not in seen and "\u2026" in seen
        pictures = "[...document.querySelectorAll(`#scene-${arguments[0]} :is(.still-figure, .caption)`)]"
        assert not js(page, f"{pictures}.some((e) => e.checkVisibility())", i)
    assert "step=" not in js(page, "location.hash")


def test_a_step_opens_and_an_address_with_a_step_is_open(page, run):
    visit(page, run)
    page.execute_script("visit(0)")
    press(page, Keys.PAGE_DOWN)
    assert not waiting(page, 1) and "Nearest" in js(page, "document.querySelector('#scene-1 .told').textContent")
    visit(page, run, "#scene=2&step=1")
    assert not waiting(page, 2) and js(page, "players[1].at") == 1


def test_a_click_that_was_meant_for_the_scene_before_is_no_guess(page, run):
    visit(page, run, "#still")
    offer = "visit(1); players[1].guess.offer(0); const early = players[1].open; changed -= 400; players[1].guess.offer(0);"
    assert page.execute_script(f"if (!players[1].guess) return [false, true]; {offer} return [early, players[1].open]") == [
        False,
        True,
    ]


@pytest.mark.parametrize("i, key", [(6, "leash"), (7, "dpo")])
def test_a_guess_is_judged_when_the_scene_has_shown_it(page, run, i, key):
    """Not before the leash is loose or the race is over; then it stays."""
    visit(page, run, f"#scene={i}")
    press(page, "2")
    result, decides = data(page, f"guesses.{key}.told"), js(page, f"players[{i - 1}].scene.decides")
    for step, judged in ((0, False), (decides - 1, False), (decides, True), (0, True)):
        page.execute_script("players[arguments[0]].go(arguments[1])", i - 1, step)
        told = js(page, f"document.querySelector('#scene-{i} .told').textContent")
        assert (result in told) == judged and (told[0] in "\u2713\u2717") == judged, step
        why = f"document.querySelector('#scene-{i} .because').checkVisibility({{visibilityProperty: true}})"
        assert js(page, why) == judged
    assert 0 < decides < js(page, f"players[{i - 1}].scene.steps")


def test_a_text_of_ones_own_is_the_question_of_what_follows(page):
    js(page, "document.querySelector('#more-1 [name=text]').value = 'the sky is'")
    page.execute_script("document.querySelector('#more-1 form').requestSubmit()")
    assert js(page, "document.querySelector('#hero-1 .hero-question').innerText.includes('the sky is')")
    assert not js(page, "document.querySelector('#hero-1 select').checkVisibility()")
    page.execute_script("follow(0)")
    assert js(page, "document.querySelector('#hero-1 select').checkVisibility()")


def test_where_gold_is_hidden_no_guess_asks_for_it(page, run):
    visit(page, run, "#scene=6&hide=gold")
    assert not waiting(page, 6) and js(page, "document.getElementById('stage-6').checkVisibility()")


# ------------------------------------------------------------------------------------------------ 1: the tree
def test_the_tree_begins_where_the_model_hesitates_and_a_branch_can_be_picked(page):
    page.execute_script("players[0].refresh(players[0].scene.begins)")
    most = js(page, "Math.max(...softmax(players[0].scene.expected()[players[0].scene.begins]))")
    assert most < 0.6 or js(page, "players[0].scene.begins") == 0
    step, leaves = js(page, "players[0].at"), page.find_elements("css selector", "#stage-1 .leaf")
    name = leaves[1].find_element("css selector", "b").text
    page.execute_script("arguments[0].click()", leaves[1])
    assert js(page, "players[0].at") == step + 1 or name == "EOS"
    if name != "EOS":
        assert js(page, "players[0].scene.said[arguments[0]]", step) == name.replace("\u2423", " ")


def test_the_temperature_is_a_division_of_the_logits(page):
    warm, cold = (js(page, f"(players[0].scene.temperature = {t}, players[0].scene.shares(0))") for t in (1, 0.5))
    expected = np.array(warm) ** 2 / np.sum(np.array(warm) ** 2)
    assert np.allclose(cold, expected, atol=1e-9)


def test_the_temperature_moves_to_where_it_hesitates(page):
    scene = "players[0].scene"
    shares = js(page, f"{scene}.expected().map((logits) => Math.max(...softmax(logits)))")
    for step, most in enumerate(shares):
        moved = js(page, f"({scene}.at = {step}, {scene}.hesitation())")
        assert moved == (js(page, f"{scene}.undecided()") if most > 0.95 else None)


# ------------------------------------------------------------------------------------------------ 4: the last layer
def test_the_pairs_are_in_the_order_of_what_the_layer_ends_with(page):
    press(page, "4")
    page.execute_script("players[3].go(players[3].last)")
    words = js(page, "[...document.querySelectorAll('#stage-4 .duel-verdict')].map((verdict) => verdict.textContent)")
    right = [word[0] == "\u2713" for word in words]
    sure = [int(re.search(r"(\d+)% sure", word)[1]) * (1 if as_voted else -1) for word, as_voted in zip(words, right)]
    assert sure == sorted(sure, reverse=True) and all(50 <= abs(share) <= 100 for share in sure)


def test_the_viewers_votes_train_it_too(page):
    press(page, "3", "a")
    page.execute_script("players[3].draw(false)")
    press(page, "4")
    page.execute_script("[...document.querySelectorAll('#stage-4 button')].find((b) => b.textContent === 'yours alone').click()")
    assert js(page, "players[3].scene.rows().length") == 1
    before, after = (js(page, f"dot(players[3].scene.path.at({i}).w, players[3].scene.rows()[0])") for i in (0, -1))
    assert before == 0 < after  # the answer that was voted for has the higher score


def test_a_votes_features_are_those_that_the_run_has_stored(page):
    """What the page reads of an answer by itself is what Python has stored of it, up to float16."""
    layer = data(page, "scenes.reward.last_layer")
    first = layer["candidates"][0]
    stored = np.frombuffer(base64.b64decode(first["features"]), "<f2").reshape(-1, layer["width"])
    found = js(
        page,
        "(([q, {text, ended}]) => { const ids = [...encode(text), ...(ended ? [EOS] : [])];"
        " return model('reward').features([USER, ...encode(q), BOT, ...ids], ids.length, model('sft')); })(arguments[0])",
        [first["question"], first["answers"][0]],
    )
    assert np.abs(np.array(list(found.values()) if isinstance(found, dict) else found) - stored[0]).max() < 0.02


# ------------------------------------------------------------------------------------------------ 5: the loop
def test_the_loop_adds_up(page):
    """The push is score, less the leash, less what the critic expected."""
    press(page, "5")
    for step in range(js(page, "players[4].scene.steps")):
        page.execute_script("players[4].go(arguments[0])", step)
        answer, beta = js(page, "players[4].scene.at(players[4].at).answer"), js(page, "players[4].scene.run.beta")
        if step % 5 == 4 and answer["score"] is not None:  # a toy model may write what no reward model can read
            push = answer["score"] - beta * answer["distance"] - answer["expected"]
            assert js(page, "players[4].scene.sums(players[4].scene.at(players[4].at).answer).advantage") == pytest.approx(push)
            words = js(page, "document.querySelector('#stage-5 .verdict-line').textContent")
            assert ("pushed up" in words) == (push > 0) != ("pushed down" in words) and f"{abs(push):.2f}" in words
    assert "minialign page" not in js(page, "document.getElementById('stage-5').textContent")


def test_the_loop_closes_and_says_what_it_leaps_over(page):
    """After the push the answer goes back to the policy; iterations of which no answer was kept are announced."""
    back = "document.querySelector('#stage-5 .back').textContent"
    page.execute_script("players[4].scene.run.texts.forEach((t) => { if (t.step === 2) t.step = 5; }); players[4].go(4)")
    pushed = js(page, "players[4].scene.sums(players[4].scene.at(4).answer).advantage")
    words = "and back to the policy" if pushed is None else f"back to the policy: {'more' if pushed > 0 else 'less'} of it"
    assert js(page, back) == words
    rounds = js(page, "players[4].scene.rounds")
    assert rounds[:3] == [0, 1, 5]
    for k, told in ((1, "and back to the policy"), (2, "iterations 2 to 4 pass unseen, 16 answers each")):
        page.execute_script("players[4].go(arguments[0])", 5 * k)
        assert js(page, back) == told
    assert js(page, "[5, 10, 11].map((step) => players[4].scene.stays(step))") == [1, 4, 1]
    before, now = (js(page, f"spoken(players[4].scene.at({step}).answer.text) || '(nothing)'") for step in (9, 10))
    became = f"turned from \u201c{before}\u201d to \u201c{now}\u201d" if before != now else f"stayed \u201c{now}\u201d"
    scores = js(page, "players[4].scene.run.scores")
    ends = [f"{scores[min(i, len(scores) - 1)]:+.2f}".replace("-", "\u2212") for i in (1, 5)]
    page.execute_script("players[4].go(10)")
    told = js(page, "document.querySelector('#stage-5 .verdict-line').textContent")
    assert told == f"Meanwhile the mean score of all answers went from {ends[0]} to {ends[1]}; this answer {became}."


def test_the_label_of_a_bar_says_which_way_it_goes(page):
    """What is taken off is drawn to the right where it is negative; the number after the colon is the bar's own."""
    press(page, "5")
    page.execute_script("const me = players[4].scene; me.push.replaceChildren(pushPicture({score: -0.17, expected: -0.68, cost: 0.06, advantage: 0.45}, 4, 1000))")
    labels = js(page, "[...document.querySelectorAll('#stage-5 .push-picture text')].map((e) => e.textContent)")
    assert labels == ["score \u22120.17", "minus expected \u22120.68: +0.68", "leash \u22120.06"]
    crossed = """[...document.querySelectorAll('#stage-5 .push-picture text')].some((text) => { const t = text.getBBox();
      return [...document.querySelectorAll('#stage-5 .push-picture line')].some((line) => { const l = line.getBBox();
        return l.x > t.x && l.x < t.x + t.width && l.y < t.y + t.height && l.y + l.height > t.y; }); })"""
    assert not js(page, crossed)


def test_at_the_start_the_policy_is_the_reference(page):
    first = js(page, "players[4].scene.run.texts.filter((t) => t.step === 0)")
    assert first and all(abs(t["distance"]) < 1e-3 for t in first)


def test_the_loop_says_how_probable_its_answer_has_become(page):
    """exp of the log-ratio: 0.27 times as probable as under SFT is what -1.3 nats mean."""
    sums = "{score: 1, expected: 0, distance: %s, cost: %s, advantage: 1}"
    said = [js(page, f"players[4].scene.inWords(3, 3, {sums % nats})") for nats in ((-1.3, -0.13), (0.4, 0.04), (0.0, 0.0))]
    assert said == [
        "0.27 times as probable as under the SFT model: the leash gives back 0.13.",
        "1.49 times as probable as under the SFT model: the leash charges 0.04.",
        "As probable as under the SFT model: the leash charges 0.00.",
    ]


def test_an_answer_that_is_rewarded_though_it_is_bad_is_called_bad(page):
    said = [js(page, f"(players[4].scene.mistaken({phase}, {gold}, {{advantage: {push}}}).textContent ?? '')")
            for phase, gold, push in ((4, -0.9, 0.5), (4, 0.9, -0.5), (4, 0.9, 0.5), (4, -0.9, -0.5), (3, -0.9, 0.5), (4, -0.9, "null"))]  # fmt: skip
    assert said == [" But it is bad: truth \u22120.9.", " But it is good: truth +0.9.", "", "", "", ""]


def test_only_the_last_answer_of_sft_is_judged(page):
    told = "[...document.querySelectorAll('#stage-2 .ladder li')].map((rung) => rung.querySelectorAll('[data-part=gold]').length)"
    page.execute_script("players[1].open = true; players[1].go(0)")
    assert set(js(page, told)) == {0}
    page.execute_script("players[1].go(players[1].last)")
    assert js(page, told) == [0] * js(page, "players[1].last") + [1]


# ------------------------------------------------------------------------------------------------ 6: the leash
def test_the_needles_begin_with_the_question_where_the_truth_falls_most(page):
    page.execute_script("players[5].go(players[5].last)")
    if not data(page, "scenes.leash.falls"):
        assert js(page, "players[5].scene.seen === players[5].scene.mean")
        pytest.skip("in the toy run there is no such question")
    last = "players[5].scene.seen.curve.at(-1)"
    alone = js(page, "[DATA.scenes.leash.worst].map((i) => { const me = players[5].scene, K = me.data.answers, part = (values) => "
               "values.subarray(i * K, (i + 1) * K); return tilted(part(me.proxy), part(me.gold), K, me.data.betas.at(-1)); })[0]")  # fmt: skip
    assert js(page, last) == alone
    assert js(page, "document.querySelector('#hero-6 .asked').textContent") == js(page, "DATA.scenes.leash.questions[DATA.scenes.leash.worst]")
    assert js(page, "document.querySelectorAll('#stage-6 .rope svg').length") == 1
    ends, scale = "document.querySelector('#stage-6 .whose').textContent", "[...document.querySelectorAll('.dial-row .small')].map((e) => e.textContent)"
    falls, n, one = data(page, "scenes.leash.falls"), len(data(page, "scenes.leash.questions")), js(page, scale)
    assert js(page, ends).startswith(f"One question: of {n}, the one where the truth falls most. It falls on {falls};")
    press(page, "6")
    page.execute_script("document.querySelectorAll('#stage-6 .choice button')[1].click()")
    assert js(page, "players[5].scene.seen === players[5].scene.mean") and js(page, scale) == one
    assert js(page, ends).endswith((f"It falls on {falls} of them.", f"a loose leash pays; on {falls} they part."))


def test_the_guess_of_the_leash_is_about_what_its_needles_show_first(page, run):
    visit(page, run, "#scene=6")
    guess, first = data(page, "guesses.leash"), js(page, "players[5].scene.seen.curve.map(({gold}) => gold)")
    start, end = js(page, "players[5].scene.seen.start.gold"), js(page, "players[5].scene.decides")
    shown = first[: end + 1]
    shape = 2 if max(shown) - start < 0.02 else 1 if max(shown) - shown[-1] > 0.02 else 0
    assert guess["right"] == shape and f"{start:.2f}" in guess["told"] and f"{shown[-1]:.2f}" in guess["told"]


def test_where_gold_is_hidden_the_needles_are_means(page, run):
    visit(page, run, "#scene=6&hide=gold")
    assert js(page, "players[5].scene.seen === players[5].scene.mean")
    assert "means over" in js(page, "document.getElementById('stage-6').innerText")


def test_no_line_calls_an_answer_the_models_that_it_did_not_change(page):
    """Votes, the last layer and the leash choose among the SFT model's answers; the model itself is as it was."""
    press(page, "3", "a")
    who = "document.querySelector(`#hero-${arguments[0]} .hero-answer .who`).textContent"
    assert js(page, who, 3).startswith("the answer you chose") or data(page, "scenes.votes.pairs[0].question") != data(page, "questions[STATE.prompt]")
    for i in (4, 6):
        page.execute_script("players[arguments[0] - 1].go(3)", i)
        assert "SFT\u2019s" in js(page, who, i) and not js(page, who, i).startswith("SFT,")


def test_the_leash_is_dragged_with_a_pointer(page):
    press(page, "6")
    drag = """
      const box = document.querySelector('#stage-6 .rope').getBoundingClientRect();
      const at = (share) => ({ clientX: box.left + share * box.width, clientY: box.top + 5, buttons: 1, bubbles: true });
      const tug = document.querySelector('#stage-6 .tug');
      tug.dispatchEvent(new PointerEvent('pointerdown', at(0.05)));
      const first = players[5].at;
      for (const share of [0.3, 0.6, 0.99]) tug.dispatchEvent(new PointerEvent('pointermove', at(share)));
      return [first, players[5].at, document.querySelector('#hero-6 .hero-words').textContent];
    """
    first, last, words = page.execute_script(drag)
    assert first == 0 and last == js(page, "players[5].last")
    heaviest = js(page, "players[5].scene.grouped(DATA.scenes.leash.betas.at(-1))[0]")
    assert words.startswith(heaviest["text"].removesuffix("...").split("<")[0].strip() or "(nothing)")
    shown = js(page, "document.querySelector('.dial.proxy .dial-value').textContent")
    assert shown.replace("\u2212", "-").replace("+", "") == f"{js(page, 'players[5].scene.seen.curve.at(-1).proxy'):.2f}"


# ------------------------------------------------------------------------------------------------ 7: the race
def test_the_race_has_numpys_distances(page):
    race = data(page, "scenes.dpo.race")
    best = optimal_policy(np.array(race["start"]) / np.sum(race["start"]), np.array(race["rewards"]), race["beta"])
    assert total_variation(best, np.array(race["best"])) < 1e-3 and len(race["answers"]) == 13
    for name, laws in race["runners"].items():
        assert len(laws) == len(race["steps"]) == len(race["distances"][name])
        for law, distance in zip(laws, race["distances"][name]):
            assert sum(law) == pytest.approx(1, abs=2e-3)
            assert total_variation(np.array(law), np.array(race["best"])) == pytest.approx(distance, abs=1e-3)
        assert np.allclose(laws[0], race["start"], atol=2e-4)
    press(page, "7")
    page.execute_script("players[6].go(1)")
    for name, distances in race["distances"].items():
        assert page.find_element("css selector", f"#stage-7 .lane.{name} .lane-left").text.startswith(f"{100 * distances[1]:.1f}%")


@pytest.mark.parametrize("width", [360, 1280])
def test_every_bar_of_the_race_has_its_name_below_it(page, run, width):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        visit(page, run, "#scene=7&step=1")
        race, place = data(page, "scenes.dpo.race"), "(e) => { const b = e.getBoundingClientRect(); return b.left + b.width / 2; }"
        names = js(page, "[...document.querySelectorAll('.race-names span')].map((e) => e.textContent)")
        best = sorted(range(13), key=lambda i: -race["best"][i])
        assert names == [race["answers"][i].replace("(end)", "\u2013") for i in best] and len(set(names)) == 13
        middle = js(page, f"[...document.querySelectorAll('.race-names span')].map({place})")
        for name in race["runners"]:
            bars = js(page, f"[...document.querySelectorAll('.lane.{name} .race-target')].map({place})")
            assert np.allclose(bars, middle, atol=2)
            label = js(page, f"document.querySelector('.lane.{name} svg').getAttribute('aria-label')")
            law = race["runners"][name][1]
            assert f"Most probable: {race['answers'][int(np.argmax(law))]} {round(100 * max(law))}%" in label
        assert js(page, "[...document.querySelectorAll('.race-names span')].every((e) => e.scrollWidth <= e.clientWidth)")
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


# ------------------------------------------------------------------------------------------------ on the wall
BELOW = """
const stage = document.querySelector('.scene.here'), found = [];
for (const e of stage.querySelectorAll('*')) {
  if (!e.checkVisibility() || e.closest('details.more') || e.closest('svg') !== null && e.tagName !== 'svg') continue;
  const box = e.getBoundingClientRect();
  if (box.height && (box.bottom > innerHeight + 1 || box.right > innerWidth + 1)) found.push(`${e.tagName} ${e.className} ${box.bottom}`);
}
const box = stage.querySelector('.stage');
if (box.checkVisibility() && box.scrollHeight > box.clientHeight + 2) found.push(`stage ${box.scrollHeight} in ${box.clientHeight}`);
return found;
"""
SMALL = """
const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement;
  if (!walker.currentNode.textContent.trim() || !e.checkVisibility() || ['STYLE', 'SCRIPT'].includes(e.tagName)) continue;
  const size = parseFloat(getComputedStyle(e).fontSize);
  if (size < arguments[0] - 0.6) found.push(`${e.className} ${size} ${walker.currentNode.textContent.slice(0, 30)}`);
}
return found;
"""


STATE = """
const [i, state] = arguments, me = players[i];
if (!me) return state === 'asked' && document.querySelector('.chat').requestSubmit();
if (state === 'guessed' && me.waiting) me.guess.make(1);
if (me.waiting) return;
if (state === 'half') me.scene.vote ? me.scene.vote('a') : me.go(Math.floor(me.last / 2));
if (state === 'end') { if (me.scene.vote) { me.go(1); me.scene.vote('b'); } me.go(me.last); }
"""


@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080), (3840, 2160)], ids="{0[0]}".format)
def test_every_scene_fits_one_screen(page, run, size):
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        for guess in ("", "&hide=guess"):
            visit(page, run, "#present" + guess)
            for i in SCENES:
                page.execute_script("visit(arguments[0] - 1); if (players[current]) players[current].draw(false)", i)
                for state in ("", "guessed", "half", "end", "asked"):
                    page.execute_script(STATE, i - 1, state)
                    assert js(page, "document.documentElement.scrollHeight") <= height, (i, state)
                    assert page.execute_script(BELOW) == [], (i, state)
                    assert page.execute_script(SMALL, 28 * min(height / 1080, width / 1920)) == [], (i, state)
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("width", [360, 1366])
def test_the_projectors_view_has_a_way_out_that_covers_nothing(page, run, width):
    metrics = {"width": width, "height": 768, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        visit(page, run, "#hide=guess")
        assert not js(page, "$('leave').checkVisibility()")
        visit(page, run, "#hide=guess&present&scene=5")
        assert js(page, "document.querySelectorAll('section.scene').values().filter((e) => e.checkVisibility()).toArray().length") == 1
        under = """(() => { const b = $('leave').getBoundingClientRect(), clear = (e) => { const o = e.getBoundingClientRect();
            return o.right <= b.left || o.left >= b.right || o.bottom <= b.top || o.top >= b.bottom; };
            return b.top >= 0 && b.right <= innerWidth && [...document.querySelectorAll('main, nav a')].every(clear); })()"""
        assert js(page, under)
        for _ in range(30):  # by keyboard, wherever the browser begins
            press(page, Keys.TAB)
            if js(page, "document.activeElement.id") == "leave":
                break
        press(page, Keys.ENTER)
        until(page, "!document.documentElement.classList.contains('present')")
        assert js(page, "document.body.dataset.scene") == "5" and not js(page, "$('leave').checkVisibility()")
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_clicker_walks_and_darkens(page):
    press(page, "2")
    page.execute_script("players[1].go(0)")
    press(page, Keys.PAGE_DOWN)
    assert js(page, "players[1].at") == 1
    press(page, Keys.PAGE_UP)
    assert js(page, "players[1].at") == 0
    press(page, ".")
    assert js(page, "document.body.classList.contains('curtain')")
    press(page, "b")
    assert not js(page, "document.body.classList.contains('curtain')")


def test_the_speaker_has_notes_and_the_next_step_in_a_second_window(page, run):
    visit(page, run, "#scene=2&step=0")
    wall = page.current_window_handle
    press(page, "s")
    until(page, "Boolean(speaker && speaker.document.body.textContent)")
    notes = data(page, "story.sft.notes")
    try:
        other = next(handle for handle in page.window_handles if handle != wall)
        page.switch_to.window(other)
        seen = js(page, "document.body.textContent")
        assert notes in seen and "Now: before the first step" in seen and "Next: after step 1" in seen
        press(page, Keys.ARROW_RIGHT)
        until(page, "document.body.textContent.includes('Now: after step 1')")
        page.close()
    finally:
        page.switch_to.window(wall)
    assert js(page, "players[1].at") == 1


def test_nothing_lies_under_the_controls(page, run):
    """A heading that is gone to is below the bar of scenes, and no focus ring is drawn around it."""
    visit(page, run, "#still&hide=guess")
    for i in SCENES[:-1]:
        press(page, str(i))
        top = js(page, f"document.getElementById('title-{i}').getBoundingClientRect().top")
        assert top >= js(page, "document.querySelector('nav').getBoundingClientRect().bottom")
        assert js(page, "getComputedStyle(document.activeElement).outlineStyle") == "none"


# ------------------------------------------------------------------------------------------------ access, by an engine
@pytest.mark.parametrize("address", ["", "#hide=guess", "#present&scene=6&step=40"])
def test_an_accessibility_engine_finds_nothing(page, run, address):
    axe = pytest.importorskip("axe_selenium_python", reason="axe is not installed: pip install -e '.[test,browser]'")
    visit(page, run, address)
    page.execute_script("document.querySelectorAll('details').forEach((drawer) => (drawer.open = true))")
    page.set_script_timeout(120)  # a busy machine
    engine = axe.Axe(page)
    engine.inject()
    found = engine.run(options='{rules: {dlitem: {enabled: false}}}')["violations"]  # an old axe knows no div in a dl
    assert [(v["id"], [node["html"][:160] for node in v["nodes"][:3]]) for v in found] == [], json.dumps(found)[:300]
