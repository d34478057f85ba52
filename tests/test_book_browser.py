"""The book in a real browser: every page, light and dark, from a phone to a wall; keys, search, words, scenes, paper.

Needs the extras: pip install -e '.[book,browser]', and Chromium with its driver; skips, and says so, where they are missing.
"""

import importlib.util
import json

import pytest
from test_page_browser import LUMINANCE, js, press, pytestmark, start, tab_stops, until  # noqa: F401  it skips without a browser

from minialign.book import make

if any(importlib.util.find_spec(name) is None for name in make.EXTRA):
    pytest.skip("no extra: pip install -e '.[book]'", allow_module_level=True)

from selenium.webdriver.common.keys import Keys  # noqa: E402

PAGES = ["index.html", "03_toy.html", "05_other.html", "questions.html", "glossary.html", "references.html"]


@pytest.fixture
def book(one_book):
    return one_book


@pytest.fixture(scope="module")
def browser():
    driver = start()
    driver.get("about:blank")
    driver.get_log("performance")  # of the browser's own first page
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, book):
    """A function that opens a page; when the test is over, the console must be empty and no request may have left."""

    def visit(address, width=1280, theme=""):
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 700}
        )
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"media": "", "features": [{"name": "prefers-color-scheme", "value": theme or "light"},
                                       {"name": "prefers-reduced-motion", "value": "reduce"}]},
        )  # fmt: skip
        browser.get("about:blank")
        browser.get(f"{book.as_uri()}/{address}")
        assert js(browser, "document.documentElement.classList.contains('ready')")
        return browser

    yield visit
    assert [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"] == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert urls and all(url.startswith(("file:", "data:", "about:", "chrome:")) for url in urls), urls
    failed = [m["params"] for m in messages if m["method"] == "Network.loadingFailed" and not m["params"].get("canceled")]
    assert failed == []


# ------------------------------------------------------------------------------------------------ eyes
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("address", PAGES)
def test_every_word_has_contrast_and_size(page, address, theme):
    browser = page(address, theme=theme)
    browser.execute_script("document.querySelectorAll('details').forEach((details) => (details.open = true))")
    browser.execute_script("document.querySelectorAll('[popover]').forEach((meaning) => meaning.setAttribute('style', 'display: block'))")
    found = browser.execute_script(LUMINANCE)
    assert len(found) > 20
    assert [item for item in found if item[0] < 4.5] == []
    assert [item for item in found if item[1] < 9 or (item[1] < 13 and not in_mathematics(item))] == []
    dark = js(browser, "getComputedStyle(document.documentElement).backgroundColor")
    assert (dark == "rgb(23, 24, 27)") == (theme == "dark")


def in_mathematics(item):
    return item[2] in ("mi", "mn", "mo", "mtext")  # an exponent is small


@pytest.mark.parametrize("width", [360, 768, 1100, 1280, 1920])
@pytest.mark.parametrize("address", PAGES)
def test_no_page_is_wider_than_its_window(page, address, width):
    browser = page(address, width)
    browser.execute_script("document.querySelectorAll('main details').forEach((details) => (details.open = true))")
    assert js(browser, "document.documentElement.scrollWidth") == width
    outside = """[...document.querySelectorAll('main *, header *')].filter((e) => {
      const box = e.getBoundingClientRect();
      const scrolled = e.closest('pre, .wide, .math, .visually-hidden, .skip');
      return box.width && box.right > innerWidth + 1 && (!scrolled || scrolled === e);
    }).map((e) => e.outerHTML.slice(0, 80))"""
    assert js(browser, outside) == []
    assert js(browser, "document.querySelector('.contents').open") == (width >= 1100)


def test_a_phone_shows_the_panels_of_a_figure_one_under_the_other(page):
    shown = "[...document.querySelectorAll('.split img')].map((i) => [i.className, i.offsetWidth, i.offsetHeight]).filter((i) => i[1])"
    assert [name for name, _, _ in js(page("03_toy.html", 1280), shown)] == [""]
    phone = js(page("03_toy.html", 360), shown)
    assert [name for name, _, _ in phone] == ["panel", "panel"]
    assert all(width > 300 and 0.5 < height / width < 1.5 for _, width, height in phone)


def test_the_button_turns_the_light_off_and_the_next_page_knows(page):
    browser = page("index.html")
    browser.find_element("id", "theme").click()
    assert js(browser, "getComputedStyle(document.documentElement).backgroundColor") == "rgb(23, 24, 27)"
    assert browser.find_element("id", "theme").text == "Light"
    browser = page("03_toy.html")
    assert js(browser, "document.documentElement.dataset.theme") == "dark"
    browser.find_element("id", "theme").click()
    assert js(browser, "getComputedStyle(document.documentElement).backgroundColor") == "rgb(251, 250, 247)"
    browser.execute_script("localStorage.clear()")


def test_mathematics_is_set_as_mathematics(page):
    browser = page("03_toy.html")
    fraction = "document.querySelector('mfrac').getBoundingClientRect()"
    assert js(browser, f"{fraction}.height") > 1.3 * js(browser, "document.querySelector('math mi').getBoundingClientRect().height")
    rows = js(browser, "[...document.querySelectorAll('mtr')].map((row) => row.getBoundingClientRect().top)")
    assert len(rows) == 2 and rows[1] > rows[0] + 10
    assert not js(browser, "document.querySelector('annotation').checkVisibility()")


# ------------------------------------------------------------------------------------------------ hands
@pytest.mark.parametrize("address", PAGES)
def test_everything_is_reached_by_tab_in_order_and_says_what_it_is(page, address):
    browser = page(address)
    places = tab_stops(browser, 600)
    reachable = (
        "[...document.querySelectorAll('a[href], button, input, summary')]"
        ".filter((e) => e.checkVisibility() && e.type !== 'radio').length"
    )
    assert len(places) >= js(browser, reachable) > 10


def test_a_word_opens_its_meaning_and_escape_closes_it(page):
    browser = page("03_toy.html")
    term = browser.find_element("css selector", "button.term")
    assert term.text == "attention"
    term.send_keys(Keys.ENTER)
    meaning = "document.getElementById('term-attention')"
    assert js(browser, f"{meaning}.matches(':popover-open')")
    box = js(browser, f"(({{left, right, top, bottom}}) => [left, right, top, bottom])({meaning}.getBoundingClientRect())")
    assert box[0] >= 0 and box[1] <= 1280 and box[2] >= 0 and box[3] <= 800
    press(browser, Keys.ESCAPE)
    assert not js(browser, f"{meaning}.matches(':popover-open')")


def test_the_search_finds_a_section_and_goes_there(page):
    browser = page("index.html")
    press(browser, "/", "atten", Keys.SPACE, "another")
    until(browser, "document.querySelectorAll('#results a').length > 0")
    found = js(browser, "[...document.querySelectorAll('#results a b')].map((e) => e.textContent)")
    assert found == ["Toy: 2. What there was to see", "Other: 2. What there was to see"]
    press(browser, Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    assert "Other" in js(browser, "document.activeElement.textContent")
    press(browser, Keys.ENTER)
    until(browser, "location.href.endsWith('05_other.html#2-what-there-was-to-see')")
    press(browser, "/", "zzz")
    until(browser, "document.querySelector('#results').textContent === 'Nothing found.'")
    press(browser, Keys.ESCAPE)
    assert js(browser, "document.querySelector('#results').hidden")


def test_a_guess_is_remembered_until_the_answer(page):
    browser = page("03_toy.html")
    answer = browser.find_element("css selector", "details.answer")
    answer.find_element("tag name", "summary").click()
    until(browser, "document.querySelector('details.answer').open")
    assert not answer.find_element("class name", "guess").is_displayed()
    for option, said in ((0, "You said: this <i>. It is not so."), (1, "You said: that. So it is.")):
        browser.find_elements("css selector", ".question input")[option].click()
        answer.find_element("tag name", "summary").click()
        answer.find_element("tag name", "summary").click()
        until(browser, f"document.querySelector('.guess').textContent === {json.dumps(said)}")


def test_a_scene_plays_in_the_page(page):
    browser = page("03_toy.html")
    assert js(browser, "document.querySelectorAll('iframe').length") == 0  # until somebody asks for it
    browser.find_element("css selector", ".scene button").click()
    until(browser, "document.querySelector('iframe') !== null")
    browser.switch_to.frame(browser.find_element("tag name", "iframe"))
    until(browser, "document.documentElement.classList.contains('ready') && document.body.dataset.scene === '2'")
    browser.switch_to.default_content()


def test_from_page_to_page_forward_and_back(page):
    browser = page("index.html")
    for address in ("03_toy.html", "05_other.html", "journey.html"):
        link = browser.find_element("css selector", ".onward a[rel=next]")
        browser.execute_script("arguments[0].click()", link)
        until(browser, f"location.pathname.endsWith('{address}') && document.documentElement.classList.contains('ready')")


def test_paper_has_everything_open_and_no_controls(page):
    browser = page("03_toy.html")
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert js(browser, "[...document.querySelectorAll('main details')].every((details) => details.open)")
    shown = "[...document.querySelectorAll('.top, .contents, .onward, .scene button')].filter((e) => e.checkVisibility()).length"
    assert js(browser, shown) == 0 and js(browser, "document.querySelector('.answer p:last-child').checkVisibility()")


def test_without_scripts_the_page_is_whole(book):
    driver = start(flags=["--blink-settings=scriptEnabled=false"])
    try:
        driver.get(f"{book.as_uri()}/03_toy.html")
        text = driver.find_element("tag name", "main").text
        assert "A heading" in text and "number of a" in text and "seen" in text
        assert not driver.find_element("id", "search").is_displayed()
        driver.find_element("css selector", "details.answer summary").send_keys(Keys.ENTER)
        assert "because." in driver.find_element("css selector", "details.answer").text
    finally:
        driver.quit()
