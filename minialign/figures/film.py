"""The journey as a film of a minute: the seven scenes as they come about, the story's question and its answer above them.

A film is a series of (figure, seconds); ffmpeg makes an MP4 of it, and where there is none Pillow makes a GIF.
"""

import base64
import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from tqdm import tqdm

from ..models import NAMES
from . import page_plots
from .scenes import Absent, Answer, BaseScene, DpoScene, LeashScene, PpoScene, RewardScene, Scenes, SftScene, VotesScene
from .style import GREY

SIZE, DPI = (9.6, 5.4), 400 / 3  # 1280 x 720, in large letters
PICTURES = 9  # of a scene
SECONDS, LAST = 0.7, 2.6  # each is seen so long, and the last of a scene longer: a minute in all
RATE = 10  # frames per second of the MP4


Frames = Iterator[tuple[Figure, float]]


def film(scenes: Scenes, question: str, pictures: int = PICTURES) -> Frames:
    """The pictures of all scenes, drawn on one Figure in turn, and how long each is seen."""
    figure = Figure(figsize=SIZE, dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.06))
    for key, scene in tqdm(scenes.items(), desc="film", leave=False, disable=None):
        if isinstance(scene, (BaseScene, SftScene)):  # the drawings begin with the first row
            rows: Any = sorted(scene.rows, key=lambda row: row.question != question)
            scene = replace(scene, rows=rows)
        shown = 1 if isinstance(scene, Absent) else pictures
        for i in range(shown):
            progress = (i + 1) / shown
            figure.clear()
            parts: Any = figure.subfigures(2, 1, height_ratios=(1, 3.2))
            above, below = parts
            page_plots.draw(key, below, scene, progress)
            draw_hero(above, question, *ANSWER[key](scene, question, progress) if not isinstance(scene, Absent) else ("", None))
            yield figure, LAST if i == shown - 1 else SECONDS


def draw_hero(figure: Any, question: str, who: str, answer: Answer | None) -> None:
    """The question, small, and what is answered to it now, large."""
    ax = page_plots.blank(figure.subplots())
    ax.text(0.01, 0.75, page_plots.ascii_of(question), fontsize=13, color=GREY, **page_plots.MONO)
    if answer is not None:
        ax.text(0.01, 0.3, page_plots.words(answer)[:70], fontsize=17, weight="bold", **page_plots.MONO)
        ax.text(0.99, 0.75, who, fontsize=12, color=GREY, ha="right")


# ------------------------------------------------------------------------------------------------ what is answered, and when
Says = tuple[str, Answer | None]


def at(values: list, progress: float) -> Any:
    return values[min(len(values) - 1, int(progress * len(values)))]


def row_of(rows: list, question: str) -> Any:
    """The row of a question; of a run that was asked others, the first."""
    return next((row for row in rows if row.question == question), rows[0])


def base(s: BaseScene, question: str, progress: float) -> Says:
    said = row_of(s.rows, question).samples[0]
    return "the base model goes on", Answer(said.text[: round(progress * len(said.text))], said.ended and progress == 1)


def sft(s: SftScene, question: str, progress: float) -> Says:
    return f"SFT, after step {at(s.steps, progress)}", at(row_of(s.rows, question).greedy, progress)


def votes(s: VotesScene, question: str, progress: float) -> Says:
    pair = row_of(s.showcase or s.pairs, question)
    chosen, rejected = Answer(pair.chosen, pair.ended[0]), Answer(pair.rejected, pair.ended[1])
    return ("the raters prefer", chosen) if progress > 0.5 else ("this one?", rejected)


def reward(s: RewardScene, question: str, progress: float) -> Says:
    return "SFT, its most frequent answer", row_of(s.last_layer.candidates, question).answers[0]


def ppo(s: PpoScene, question: str, progress: float) -> Says:
    texts = [said for run in s.runs if run.own for said in run.texts if said.question == question]
    if not texts:
        return "", None
    said = at(texts, progress)
    return f"PPO, after {said.step} iteration{'s' * (said.step != 1)}", Answer(said.text, said.ended)


def leash(s: LeashScene, question: str, progress: float) -> Says:
    """The answer that has most weight at this beta: as on the page."""
    point, p, K = at(s.curve, progress), s.questions.index(question) if question in s.questions else 0, s.answers
    proxy, which = (
        np.frombuffer(base64.b64decode(text), kind).reshape(-1, K)[p] for text, kind in ((s.proxy, "<f4"), (s.index, "<u2"))
    )
    weights = np.bincount(which, np.exp((proxy.astype(float) - proxy.max()) / point.beta))
    text = s.texts[int(weights.argmax())]
    return f"on a leash of beta {point.beta:.2g}", Answer(text.removesuffix("..."), not text.endswith("..."))


def dpo(s: DpoScene, question: str, progress: float) -> Says:
    name = at([name for name in NAMES if name in s.samples], progress)
    said = row_of(s.samples[name], question)
    return NAMES[name], Answer(said.text, said.ended)


ANSWER: dict[str, Callable[[Any, str, float], Says]] = {
    "base": base,
    "sft": sft,
    "votes": votes,
    "reward": reward,
    "ppo": ppo,
    "leash": leash,
    "dpo": dpo,
}


# ------------------------------------------------------------------------------------------------ onto the disk
def save_film(scenes: Scenes, question: str, folder: Path, pictures: int = PICTURES) -> Path:
    """Write journey.mp4, or journey.gif where there is no ffmpeg -> its path."""
    program = shutil.which("ffmpeg")
    path = folder / ("journey.mp4" if program else "journey.gif")
    scratch = path.with_name(f".writing-{path.name}")
    try:
        frames = film(scenes, question, pictures)
        if program:
            write_mp4(program, frames, scratch)
        else:
            write_gif(frames, scratch)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    return path


def write_mp4(program: str, frames: Frames, path: Path) -> None:
    """Raw pictures to ffmpeg's standard input, each as often as it is to be seen."""
    width, height = (round(DPI * inches) for inches in SIZE)
    given = ["-f", "rawvideo", "-pix_fmt", "rgba", "-s", f"{width}x{height}", "-r", str(RATE), "-i", "-"]
    wanted = ["-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4", str(path)]
    process = subprocess.Popen([program, "-y", "-loglevel", "error", *given, *wanted], stdin=subprocess.PIPE)
    with contextlib.suppress(BrokenPipeError), process:  # it has ended early: its code says so below
        assert process.stdin is not None
        for figure, seconds in frames:
            canvas = FigureCanvasAgg(figure)
            canvas.draw()
            for _ in range(round(seconds * RATE)):
                process.stdin.write(canvas.buffer_rgba())
    if process.returncode:
        raise OSError(f"ffmpeg could not write {path}")


def write_gif(frames: Frames, path: Path) -> None:
    """One frame per SECONDS, at three quarters of the size."""
    rate: Any = 1 / SECONDS  # the stubs know whole numbers alone
    writer = PillowWriter(fps=rate)
    for i, (figure, seconds) in enumerate(frames):
        if i == 0:
            writer.setup(figure, path, dpi=0.75 * DPI)
        for _ in range(round(seconds / SECONDS)):
            writer.grab_frame(facecolor="white")
    writer.finish()
