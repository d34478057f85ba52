"""Slides in a real browser: nothing is cut off, one slide is one printed page, and the arrow keys turn them."""

import base64
import re

import pytest
from test_kit import PAIRS, SOURCES, timed
from test_page_browser import js, press, pytestmark, start, until  # noqa: F401  it skips without a browser

from minialign.teach.kit import make, slides


@pytest.fixture(scope="module")
def browser():
    driver = start()
    yield driver
    driver.quit()


def test_slides_fit_print_one_to_a_page_and_turn(browser, tmp_path):
    lessons = next(iter(SOURCES.values())).path.parent
    for number, source in SOURCES.items():
        times = timed()
        times.pairs.extend(PAIRS)
        path = tmp_path / f"{number}.html"
        path.write_text(slides.deck(source, times, make.quiz_of(lessons, number)), encoding="utf-8")
        browser.get(path.as_uri())
        cut = "(s) => s.scrollHeight > s.clientHeight + 2 || s.scrollWidth > s.clientWidth + 2"
        assert js(browser, f"[...document.querySelectorAll('section')].filter({cut}).map((s) => s.textContent.slice(0, 60))") == []
        if number in (4, 13):  # a printed deck takes a second
            paper = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True, "printBackground": True})["data"]
            count = js(browser, "document.querySelectorAll('section').length")
            assert len(re.findall(rb"/Type\s*/Page\b(?!s)", base64.b64decode(paper))) == count
    first = js(browser, "scrollY")
    press(browser, "\ue014")  # right
    until(browser, f"scrollY > {first} + 100")
    press(browser, "\ue012")  # left
    until(browser, f"scrollY <= {first} + 5")
