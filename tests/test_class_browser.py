"""A class's pages in a real browser, at the size of a phone: join, vote, see the result, lose the connection, come back."""

import time

import pytest
from toy_room import TOKEN, ask, serving

from minialign.classroom.room import Refused

pytest.importorskip("selenium", reason="no selenium: pip install -e '.[test,browser]'")

from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402
from test_page_browser import pytestmark, start  # noqa: E402, F401  skips where there is no browser


@pytest.fixture(scope="module")
def phone():
    driver = start(390, 844)
    size = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield driver
    driver.quit()


def until(driver, id, text):
    WebDriverWait(driver, 20).until(lambda d: text in d.find_element(By.ID, id).text, f"{text!r} did not come")


def press(driver, selector):
    driver.find_element(By.CSS_SELECTOR, selector).click()


def act(port, action):
    assert ask(port, "POST", "/act", {"action": action}, TOKEN)[0] == 200


def fits(driver):
    wide, seen = driver.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    small = "return [...document.querySelectorAll('button, input')].filter(e => e.offsetParent && e.offsetHeight < 44).length"
    return wide <= seen and driver.execute_script(small) == 0


def test_a_phone_joins_votes_sees_the_result_loses_the_connection_and_comes_back(phone, tmp_path):
    path = tmp_path / "class.sqlite3"
    with serving(path) as first:
        port = first.server_port
        phone.get(f"http://127.0.0.1:{port}/")
        until(phone, "said", "Welcome")
        phone.find_element(By.ID, "code").send_keys("wrong\n")
        until(phone, "said", "not the room's code")
        assert fits(phone)
        phone.find_element(By.ID, "code").clear()
        phone.find_element(By.ID, "code").send_keys("abcde\n")
        until(phone, "said", "You are in, number 1")
        act(port, "next")
        until(phone, "question", "shared a?")
        assert fits(phone) and phone.find_element(By.ID, "a").text == "it says moo."
        press(phone, "#b")
        until(phone, "said", "Kept.")
        assert first.room.of_voter == {1: {0: "b"}} and first.room.votes[0][3] >= 0
        act(port, "close")
        until(phone, "textb", "it says baa. (yours)")
        assert phone.find_element(By.ID, "countb").text == "1" and fits(phone)
        act(port, "next")
        until(phone, "question", "shared b?")
    press(phone, "[data-vote=tie]")  # the server is gone
    until(phone, "said", "Your vote is kept here")
    phone.get("about:blank")  # and so is the page
    with serving(path, port=port) as second:
        phone.get(f"http://127.0.0.1:{port}/")
        until(phone, "said", "Kept.")
        assert second.room.of_voter == {1: {0: "b", 1: "tie"}} and len(second.room.votes) == 2
        act(port, "close"), act(port, "own")
        for left in ("4", "3", "2", "1"):
            until(phone, "said", f"{left} pairs are left")
            press(phone, "#a")
        until(phone, "said", "All your pairs are done")
        assert second.room.of_voter[1] == {0: "b", 1: "tie", 2: "a", 3: "a", 4: "a", 5: "a"}
        assert [e for e in phone.get_log("browser") if "Content Security" in e["message"] or "Uncaught" in e["message"]] == []


def test_a_vote_that_is_refused_says_so_long_enough_to_be_read(phone, tmp_path, monkeypatch):
    def refuse(*_):
        raise Refused(409, "this pair is not open to you")

    with serving(tmp_path / "c") as served:
        monkeypatch.setattr(served.room, "vote", refuse)
        phone.get(f"http://127.0.0.1:{served.server_port}/#abcde")
        until(phone, "said", "You are in")
        act(served.server_port, "next")
        until(phone, "question", "shared a?")
        press(phone, "#a")
        time.sleep(0.7)
        assert phone.find_element(By.ID, "said").text == "Sorry: this pair is not open to you."
        until(phone, "said", "You are number 1.")


def test_the_wall_is_led_by_its_buttons_and_hides_what_is_voted(phone, tmp_path):
    with serving(tmp_path / "c", extra=lambda: {"address": "http://somewhere/", "learned": {"n": 30, "predicted": 12.0, "of": 20, "gold": 3.0, "pairs": 4},
                                                "taste": "This class likes <b>length</b>.", "models": {"sft": [["q?", "a."]], "dpo": [["q?", "b."]]}, "trained_on": 30}) as running:  # fmt: skip
        port = running.server_port
        for n in (1, 2):
            ask(port, "POST", "/join", {"code": "ABCDE", "token": f"{n:032x}"})
        phone.get(f"http://127.0.0.1:{port}/wall#{TOKEN}")
        until(phone, "said", "2 of 3 are in")
        assert TOKEN not in phone.current_url  # whoever sees the wall sees its address
        phone.refresh()
        until(phone, "said", "2 of 3 are in")
        assert phone.find_element(By.ID, "address").text == "http://somewhere/" and phone.find_element(By.ID, "code").text == "ABCDE"
        press(phone, "[data-action=next]")
        until(phone, "question", "shared a?")
        ask(port, "POST", "/vote", {"pair": 0, "vote": "a"}, f"{1:032x}")
        until(phone, "said", "1 of 2 have voted")
        assert phone.find_element(By.ID, "counta").text == ""
        press(phone, "[data-action=close]")
        until(phone, "counta", "1")
        until(phone, "numbers", "60% of 20")
        assert "75% of 4" in phone.find_element(By.ID, "numbers").text and "likes <b>length</b>." in phone.find_element(By.ID, "taste").text
        assert "b." in phone.find_element(By.ID, "answers").text and "30 votes of this class" in phone.find_element(By.ID, "trained").text
        phone.get("about:blank")
        phone.get(f"http://127.0.0.1:{port}/wall#{'f' * 22}")
        until(phone, "said", "this is for the presenter")
