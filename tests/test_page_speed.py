"""How soon the journey page is painted, and how smoothly the leash is dragged: both beside an empty page, in one browser.

python -m pytest -m whole -s tests/test_page_speed.py      prints the times of this machine
"""

import pytest
from test_page_browser import browser, pytestmark, run, visit  # noqa: F401

FIRST_PAINT = """
  const paint = performance.getEntriesByName('first-contentful-paint')[0];
  return paint ? paint.startTime : null;
"""
# The time between two frames; before each frame the pointer moves on along the rope, to and fro, if there is one.
FRAMES = """
  const done = arguments[0], tug = document.querySelector('#stage-6 .tug'), times = [];
  const box = tug && tug.querySelector('.rope').getBoundingClientRect();
  const move = (kind, share) => tug.dispatchEvent(new PointerEvent(kind, {
    clientX: box.left + share * box.width, clientY: box.top + 5, buttons: 1, bubbles: true, cancelable: true,
  }));
  if (tug) move('pointerdown', 0);
  let last = performance.now();
  requestAnimationFrame(function frame(now) {
    times.push(now - last);
    last = now;
    if (tug) move('pointermove', 0.5 + 0.5 * Math.sin(times.length / 12));
    if (times.length < 150) requestAnimationFrame(frame);
    else done(times.slice(10).sort((a, b) => a - b));
  });
"""


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    path = tmp_path_factory.mktemp("empty") / "empty.html"
    path.write_text("<!doctype html><title>empty</title><p>empty</p>", encoding="utf-8")
    return path.as_uri()


def first_paint(browser, address):  # noqa: F811
    """Milliseconds from the request to the first picture."""
    browser.get("about:blank")
    browser.get(address)
    for _ in range(100):
        paint = browser.execute_script(FIRST_PAINT)
        if paint is not None:
            return paint
    raise AssertionError("nothing was painted")


def test_it_is_painted_at_once(browser, run, empty):  # noqa: F811
    """Within a second of an empty page's first picture: the best of five, in turns."""
    page = (run / "journey.html").as_uri()
    paint = [[first_paint(browser, address) for address in (empty, page)] for _ in range(5)]
    blank, full = (min(times) for times in zip(*paint))
    print(f"first paint: empty page {blank:.0f} ms, journey page {full:.0f} ms")
    assert full - blank <= 1000


@pytest.mark.parametrize("address", ["#scene=6&hide=guess", "#scene=6&present&hide=guess"])
def test_the_leash_is_dragged_as_smoothly_as_an_empty_page_moves(browser, run, empty, address):  # noqa: F811
    """The median frame of a drag takes at most a quarter longer than an empty page's, and nine in ten at most twice as long."""
    browser.set_script_timeout(120)
    browser.get(empty)
    idle = browser.execute_async_script(FRAMES)
    visit(browser, run, address)
    drag = browser.execute_async_script(FRAMES)
    (m0, t0), (m, t) = ((times[len(times) // 2], times[9 * len(times) // 10]) for times in (idle, drag))
    print(f"{address}: a frame takes {m0:.1f} ms ({t0:.1f} in one of ten) on an empty page, {m:.1f} ({t:.1f}) while dragging")
    assert m <= 1.25 * m0 and t <= 2 * t0
