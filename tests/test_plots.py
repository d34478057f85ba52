"""Every figure can be read without colour and without eyes, and equal numbers give equal files."""

import html
import itertools
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.text import Text

import minialign
from minialign.evaluate import Row
from minialign.figures import lab_plots, lesson_plots, plots, style
from minialign.history import History
from minialign.lab import refusal, sycophancy, truth
from minialign.models import NAMES

PALETTE = {
    colour.lower()
    for colour in (
        style.ORANGE, style.SKY, style.GREEN, style.YELLOW, style.BLUE,
        style.VERMILION, style.PURPLE, style.BLACK, style.GREY, style.LIGHT_GREY, style.PALE_GREY, style.WHITE,
    )
}  # fmt: skip


def curves(n=60, **ends):
    """A History whose series run straight from one value to another."""
    history = History()
    for step in range(n):
        history.log(step, {name: a + (b - a) * step / (n - 1) for name, (a, b) in ends.items()})
    return history


def ppo_history():
    ends = {
        "objective/scores": (0, 1.5),
        "objective/rlhf_reward": (0, 1),
        "objective/kl": (0, 3),
        "objective/kl_k3": (0, 3),
    }
    return curves(20, **ends, **{"policy/clipfrac": (0.1, 0.02), "objective/entropy": (20, 8)})


def dpo_history():
    return curves(
        60, **{"delta/chosen": (0, -1), "delta/rejected": (0, -4), "rewards/margins": (0, 0.3), "loss": (0.693, 0.6)}
    )


def board(shift=0.0):
    rows = {
        name: Row(-0.2, 0.1, 0.2, gold=0.1 * i + shift, win_rate=0.5, kl=None, answers=1.0, asks=0.0, length=20.0)
        for i, name in enumerate(NAMES)
    }
    return {"sampled": rows, "greedy": {name: row for name, row in rows.items() if name != "best_of_n"}}


BINS = {"predicted": [0.55, 0.0, 0.95], "observed": [0.5, 0.0, 0.96], "count": [10, 0, 90]}


# ------------------------------------------------------------------------------------------------ made-up experiments
def points(key, *rows):
    """(value of the key, KL, proxy, gold) of each -> what lesson 7 measures."""
    names = (key, "kl", "proxy", "gold", "gold_greedy")
    return [dict(zip(names, (*row, row[-1] + 0.1))) for row in rows]


def leash_curves():
    sft, *_ = points("beta", (None, 0.0, 0.0, 0.0))
    ppo = points("beta", (1.0, 0.2, 0.3, 0.12), (0.3, 0.9, 0.8, 0.34), (0.1, 2.5, 1.2, 0.2), (0.0, 12.0, 1.9, -0.8))
    best_of_n = points("n", (1, 0, 0, 0), (2, 0.19, 0.3, 0.1), (4, 0.64, 0.6, 0.2), (16, 1.84, 1.1, 0.3))
    tilted = points("beta", (8, 0.01, 0.1, 0.03), (1, 0.3, 0.6, 0.2), (0.3, 1.6, 1.2, 0.35))
    return lab_plots.leash_curves(sft, ppo, best_of_n, tilted)


def win_rates(best="dpo"):
    def around(share):
        return share, (share - 0.05, share + 0.05)

    shares = {"base": 0.1, "best_of_n": 0.625, "ppo": 0.575, "dpo": 0.525}
    rows = {name: {"proxy": 0.3 * i, "gold": 0.1 * i + (name == best)} for i, name in enumerate(("base", "sft", "ppo", "dpo"))}
    placebo = [around(0.45 + 0.005 * i) for i in range(20)]
    return lab_plots.win_rates({name: around(share) for name, share in shares.items()}, rows, placebo)


def habits():
    yes = {"SFT": (0.3, 0.5), "ordinary": (0.5, 0.6), "yes-men": (0.7, 0.72)}
    stances = {"SFT": (0.1, 0.7), "none safe": (0.3, 0.5), "half safe": (0.5, 0.3), "deaf": (0.7, 0.1)}
    known = {"SFT": (0.1, 0.6, 0.2), "ordinary": (0.1, 0.8, 0.1), "experts": (0.1, 0.2, 0.7)}
    return lab_plots.habits(
        {name: sycophancy.ByClaim(*shares) for name, shares in yes.items()},
        {"ordinary": 0.55, "yes-men": 0.8},
        {name: both_sides(*shares) for name, shares in stances.items()},
        {name: truth.Knowledge(None, truth.Said(*shares, liked=0.0), None) for name, shares in known.items()},
    )


def both_sides(refused, answered):
    safe = refusal.Stances(full=refused, partial=0.0, answered=1 - refused, other=0.0)
    return refusal.BothSides(safe, refusal.Stances(full=1 - answered, partial=0.0, answered=answered, other=0.0))


def constitution():
    kinds = ("all", "known", "obscure", "fictional", "howto", "dangerous", "borderline", "claim_true", "claim_false")
    audit = {"least sure": (0.8, 0.85, 0.9, 0.92, 0.93, 0.95), "any": (0.8, 0.81, 0.84, 0.87, 0.9, 0.95)}
    policies = {
        name: {"length": 30.0 + 4 * i, "polite": 0.2 + 0.3 * i, "refuses": 0.1 * i}
        for i, name in enumerate(("SFT", "ai", "without", "brief", "warm"))
    }
    return lab_plots.constitution({kind: (1.0, 0.9) for kind in kinds}, (0.0, 0.1, 0.25, 0.5, 0.75, 1.0), audit, policies)


def attention_of_one_head(T=12):
    return [np.tril(np.ones((2, T, T))) / np.arange(1, T + 1)[:, None]]


LESSON_FIGURES = {
    "gradient check": lambda: lesson_plots.gradient_check({"exp": 1e-9, "x * x + x": 0.5}, 10.0 ** np.arange(-14, 0.01, 0.5), np.geomspace(1e-2, 1, 29)),
    "autocomplete": lambda: lesson_plots.autocomplete(
        curves(loss=(3.6, 0.6)), {"guessing: ln V": 3.58, "counting letters": 2.8, "counting triples": 1.2},
        attention_of_one_head(), list("a cow says m")),
    "answering": lambda: lesson_plots.learning_to_answer(
        {"step": [0, 5, 20, 170], "answers": [0, 0.2, 0.6, 0.9], "ends": [0, 0.3, 0.8, 0.99], "asks": [0.9, 0.5, 0.1, 0.0]}, 0.8),
    "votes": lambda: lesson_plots.votes_matrix(
        {"you": [(1, "a"), (1, "b"), (2, "tie")], "crowd": [(1, "b"), (1, "b"), (2, "a")]},
        (("gold", "you", "crowd"), np.array([[1, 0.8, 0.7], [0.8, 1, 0.6], [0.7, 0.6, 0.9]]))),
    "votes needed": lambda: lesson_plots.votes_needed(
        [30, 120, 480, 3000], [1.0, 0.98, 0.96, 0.95], [0.7, 0.8, 0.85, 0.9], 0.97, 0.86,
        {"predicted": np.array([0.55, 0.95]), "observed": np.array([0.5, 0.96]), "count": np.array([10, 90])}),
    "six cases": lesson_plots.six_cases,
    "shortcut": lambda: lesson_plots.shortcut(
        ["refuse", "right", "wrong"], np.array([0.2, 0.3, 0.5]),
        {road: np.array([0.1, 0.8, 0.1]) for road in ("the formula", "DPO", "policy gradient")}, 0.5, dpo_history()),
    "parity": lambda: lesson_plots.parity({"SFT": 1e-16, "DPO": 1e-9}, "PyTorch"),
    "rivals": lambda: lab_plots.rivals(
        np.array([1.0, 2, 3, 6]), np.array([-0.93, -0.46, 0, 1.39]), curves(24, **{"objective/scores": (0.4, 0.8)}),
        {f"{what},\n{who}": (0.4, 0.3, 0.2) for what in ("known facts", "made-up names") for who in ("SFT", "verified")}),
    "trainings": lambda: lesson_plots.trainings("loss", {"before": curves(loss=(0.69, 0.3)), "after": curves(30, loss=(0.69, 0.5))}),
}  # fmt: skip
FIGURES = LESSON_FIGURES | {
    "leash": leash_curves,
    "win rates": win_rates,
    "habits": habits,
    "constitution": constitution,
    "learning": lambda: plots.learning_curves(curves(loss=(3.6, 0.3)), curves(loss=(1.0, 0.2)), 3.58),
    "calibration": lambda: plots.reward_calibration(0.87, 0.91, 0.02, BINS),
    "calibration, ceiling unknown": lambda: plots.reward_calibration(0.87, None, 0.02, BINS),
    "ppo": lambda: plots.ppo_dashboard(ppo_history()),
    "dpo": lambda: plots.dpo_curves(dpo_history()),
    "scoreboard": lambda: plots.scoreboard([board()]),
    "scoreboard of three seeds": lambda: plots.scoreboard([board(), board(0.1), board(-0.1)]),
}


@pytest.fixture(scope="module", params=FIGURES)
def drawn(request):
    return FIGURES[request.param]()


def test_a_figure_has_words_with_its_numbers_and_a_sentence_for_a_title(drawn):
    figure, words = drawn
    assert words.isascii() and words.endswith(".") and re.search(r"\d", words)
    title = figure._suptitle.get_text()  # get_suptitle() came with matplotlib 3.8
    assert len(title) > 30 and words.startswith(title)
    assert all(ax.get_title(loc="left") for ax in figure.axes)


def test_only_the_palette_is_used(drawn):
    figure, _ = drawn
    colours = set()
    for artist in figure.findobj(lambda artist: artist.get_visible()):
        if isinstance(artist, Line2D):
            colours.add(artist.get_color())
        if hasattr(artist, "get_facecolor"):
            colours |= {tuple(c) for c in np.atleast_2d(artist.get_facecolor()) if len(c) == 4 and c[3] > 0}
    assert {to_hex(colour) for colour in colours} <= PALETTE


def test_each_model_has_a_colour_a_kind_of_line_and_a_marker_of_its_own():
    assert set(style.MODEL_STYLE) == set(style.MARKER) == set(NAMES) and len(set(style.MARKER.values())) == len(NAMES)
    for part in ("color", "linestyle"):
        assert len({str(style[part]) for style in style.MODEL_STYLE.values()}) == len(NAMES)


def test_colours_are_written_in_one_place():
    package = Path(minialign.__file__).parent
    written = {path.name for path in package.rglob("*.py") if re.search("[\"']#[0-9a-fA-F]{3,8}[\"']", path.read_text(encoding="utf-8"))}
    assert written <= {"models.py", "style.py"}


def test_no_words_lie_on_others_or_are_cut_off(drawn):
    figure, words = drawn
    figure.draw_without_rendering()
    for ax in figure.axes:
        ticks = []
        for axis, (low, high) in ((ax.xaxis, sorted(ax.get_xlim())), (ax.yaxis, sorted(ax.get_ylim()))):
            places = zip(axis.get_ticklocs(), axis.get_ticklabels())
            ticks += [label for place, label in places if low <= place <= high]  # the others are not drawn
        shown = [text for text in (*ax.texts, *ticks) if text.get_visible() and text.get_text()]
        boxes = [text.get_window_extent() for text in shown]
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2)), words
        names = (ax._left_title, ax.xaxis.label, *(ax.get_legend().get_texts() if ax.get_legend() else ()))
        for box in (text.get_window_extent() for text in names if text.get_text()):
            assert 0 <= box.x0 and box.x1 <= figure.bbox.x1 and 0 <= box.y0 and box.y1 <= figure.bbox.y1, words
    titles = [ax._left_title.get_window_extent() for ax in figure.axes]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(titles, 2)), words


def test_words_can_be_read_from_the_last_row(drawn):
    """At least 14 pixels on a projector of 1920 x 1080, where a figure fills 96% of the width or 44% of it in height."""
    figure, words = drawn
    width, height = figure.get_size_inches()
    pixels = min(0.96 * 1920 / width, 0.44 * 1920 / height)  # per inch: teach/kit/slides.py shows them so
    smallest = min(text.get_fontsize() for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip())
    assert smallest / 72 * pixels >= 14, words


def test_colours_have_one_place():
    """Two colours of the page's own figures are excepted: style.py does not have them yet."""
    for folder in ("figures", "lab", "bench"):
        for path in Path(style.__file__).parents[1].joinpath(folder).rglob("*.py"):
            literals = re.findall(r"[\"']#[0-9a-fA-F]{6}[\"']", path.read_text(encoding="utf-8"))
            assert not literals or path.name in ("style.py", "page_plots.py"), (path, literals)


@pytest.mark.parametrize("ends", [(0.42, 0.51), (0, 1), (0, 1.2), (0.96, 0.999), (0.001, 0.02), (-0.1, 0.1)])
def test_ticks_in_percent_are_exact_and_end_at_a_hundred(ends):
    _, [(ax,)] = style.panels(4, 3, 1, 1)
    ax.set_xlim(ends)
    style.percent(ax.xaxis)
    ax.figure.draw_without_rendering()
    ticks = [(tick, label.get_text()) for tick, label in zip(ax.get_xticks(), ax.get_xticklabels())]
    assert all(float(text.rstrip("%")) / 100 == pytest.approx(tick, abs=1e-9) for tick, text in ticks if text)
    assert all((text == "") == (tick > 1 + 1e-9) for tick, text in ticks)
    assert sum(ends[0] <= tick <= min(ends[1], 1) for tick, _ in ticks) >= 3


def test_stacked_shares_add_up_to_a_hundred_percent():
    figure, _ = habits()
    ends = {}
    for bar in figure.axes[2].patches:
        ends[bar.get_y()] = max(ends.get(bar.get_y(), 0), bar.get_x() + bar.get_width())
    assert list(ends.values()) == pytest.approx([1, 1, 1])


def test_who_wins_on_both_counts_is_named_once():
    assert win_rates("ppo")[1].startswith("PPO wins on the truth, DPO on the score")
    assert win_rates("dpo")[1].startswith("DPO wins on the truth and on the score")


def test_who_are_level_in_gold_are_both_named():
    rows = {name: {"proxy": proxy, "gold": gold} for name, proxy, gold in (("ppo", 0.2, 0.571), ("dpo", 0.3, 0.574))}
    words = lab_plots.win_rates({name: (0.6, (0.5, 0.7)) for name in rows}, rows, [(0.5, (0.4, 0.6))])[1]
    assert words.startswith("DPO and PPO are level in gold, DPO leads in score: gold 0.57, score 0.30")


def test_anchors_are_drawn():
    texts = {
        text.get_text() for name in ("learning", "ppo", "dpo") for ax in FIGURES[name]()[0].axes for text in ax.texts
    }
    assert {"guessing: ln V = 3.58", "SFT model: 0", "coin toss: ln 2 = 0.693"} <= texts


def test_the_title_says_what_the_numbers_say():
    _, words = FIGURES["scoreboard of three seeds"]()
    assert words.startswith("PPO takes gold from 0.10 to 0.30") and "3 seeds" in words


def test_save_writes_picture_drawing_and_words_the_same_every_time(tmp_path):
    for folder in ("first", "second", "third"):
        figure, words = plots.scoreboard([board()])
        style.save(figure, tmp_path / folder / "board", words)
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == ["board.png", "board.svg", "board.txt"]
    for name in names:
        assert len({(tmp_path / folder / name).read_bytes() for folder in ("first", "second", "third")}) == 1, name
    assert (tmp_path / "first" / "board.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "first" / "board.svg").read_text(encoding="utf-8")
    assert "PPO takes gold from 0.10 to 0.30" in svg and "<dc:date>" not in svg


def test_each_panel_of_a_drawing_has_a_view_that_holds_its_words_and_no_other_panels_title(drawn):
    figure, words = drawn
    figure.draw_without_rendering()
    found = [re.search(r'viewBox="(.*)"><title>(.*)</title>', view).groups() for view in style.views(figure)]
    assert len(found) != 1 and {html.unescape(title) for _, title in found} <= {ax.get_title(loc="left") for ax in figure.axes}
    windows = [[float(length) * figure.dpi / 72 for length in box.split()] for box, _ in found]
    inside = [
        [x <= t.x0 and t.x1 <= x + w and y <= figure.bbox.height - t.y1 <= y + h for x, y, w, h in windows]
        for t in (ax._left_title.get_window_extent() for ax in figure.axes)
    ]
    assert not windows or all(sum(panels) == 1 for panels in inside), words


def test_panels_that_share_an_axis_are_one_view():
    figure, [(left, right)] = style.panels(8, 3, 1, 2)
    assert len(list(style.views(figure))) == 2
    figure, [(left, right)] = style.panels(8, 3, 1, 2, sharey=True)
    assert list(style.views(figure)) == []
    figure, [(left, right)] = style.panels(8, 3, 1, 2)
    left.set_title("a < b & c", loc="left")
    assert "<title>a &lt; b &amp; c</title>" in next(style.views(figure))


def test_no_screen_is_needed(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    code = "import minialign.figures.plots, sys; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
