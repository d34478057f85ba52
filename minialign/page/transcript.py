"""The seven scenes as plain text, for a terminal or a screen reader: journey.txt."""

from collections.abc import Callable, Iterator
from typing import Any

from ..figures.page_plots import ascii_line, words
from ..figures.scenes import Absent, Answer, BaseScene, DpoScene, LeashScene, PpoScene, RewardScene, SftScene, VotesScene
from .captions import captions, closing, sentence
from .data import PageData
from .story import STORY


def transcript(data: PageData) -> str:
    said = captions(data.scenes)
    lines = [ascii_line(f"From autocomplete to assistant: {data.run.name}, seed {data.run.seed}"), ""]
    lines += [ascii_line(sentence(data.run.remark)), ""] if data.run.remark else []
    for number, (key, scene) in enumerate(data.scenes.items(), 1):
        telling = STORY[key]
        lines += [f"Scene {number}, {telling.stage}: {telling.title}", "", telling.lead, ""]
        if not isinstance(scene, Absent):
            lines += [f"   {line}" for line in map(ascii_line, SHOWN[key](scene))] + [""]
        lines += [ascii_line(f"In this run. {said[key]}"), "", ""]
    lines += [ascii_line(" ".join(told.text for told in closing(data.scenes))), ""]
    return "\n".join(lines)


def samples(s: BaseScene) -> Iterator[str]:
    for row in s.rows:
        yield row.question
        yield f"   -> {words(row.samples[0])}"


def ladder(s: SftScene) -> Iterator[str]:
    row = s.rows[0]
    yield row.question
    for step, answer in zip(s.steps, row.greedy):
        yield f"   step {step:>4}  {words(answer)}"


def pairs(s: VotesScene) -> Iterator[str]:
    for pair in s.pairs[:3]:
        yield pair.question
        yield f"   voted for  {pair.chosen}   (truth {pair.gold[0]:+.1f})"
        yield f"   against    {pair.rejected}   (truth {pair.gold[1]:+.1f})"


def scores(s: RewardScene) -> Iterator[str]:
    for pair in s.pairs[:4]:
        (c0, r0), (c1, r1) = pair.scores[0], pair.scores[-1]
        yield pair.question
        yield f"   {c0:+.2f} -> {c1:+.2f}  chosen    {pair.chosen}"
        yield f"   {r0:+.2f} -> {r1:+.2f}  rejected  {pair.rejected}"


def leashes(s: PpoScene) -> Iterator[str]:
    for run in s.runs:
        yield f"beta {run.beta:g}{' (this run)' if run.own else ''}: score and KL by iteration"
        yield "   " + "  ".join(f"{score:+.2f}/{kl:.2f}" for score, kl in zip(run.scores, run.kl))


def slider(s: LeashScene) -> Iterator[str]:
    yield "beta    proxy    gold      KL  effective answers"
    for point in s.curve[::4]:
        yield f"{point.beta:<7.3g} {point.proxy:+.2f}   {point.gold:+.2f}   {point.kl:.2f}  {point.effective:.1f}"
    yield "the largest gaps between the score and the truth:"
    for entry in s.gallery[:5]:
        yield f"   {entry.question} -> {entry.text}   (score {entry.proxy:+.1f}, truth {entry.gold:+.1f})"


def everybody(s: DpoScene) -> Iterator[str]:
    for name, answers in s.samples.items():
        for a in answers[:2]:
            yield f"{name:<5} {a.question} -> {words(Answer(a.text, a.ended))}"


SHOWN: dict[str, Callable[[Any], Iterator[str]]] = {
    "base": samples,
    "sft": ladder,
    "votes": pairs,
    "reward": scores,
    "ppo": leashes,
    "leash": slider,
    "dpo": everybody,
}
