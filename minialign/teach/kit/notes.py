"""Speaker notes of one lesson: the hour by the minute, what to ask, and the answers, in a teacher's order."""

import math
import re
from collections.abc import Iterator

from ..lesson_text import count_words, text_of
from ..quiz import Question
from .measured import Measured
from .runsheet import fallback, mark, on_screen
from .source import Source, sentence
from .teaching import Teaching, kind_of

SPOKEN = 100  # words of the text per minute, with a pause to write on the board


def notes(source: Source, measured: Measured, teaching: Teaching, quiz: list[Question]) -> str:
    lines = [f"# Lesson {source.number} - {source.title}", "", source.text("QUESTION"), ""]
    lines += [f"* Run: `{measured.command(source)}` ({measured.seconds(source):.0f} s, {measured.how_known(source)})"]
    lines += [f"* Measured on {measured.where}", f"* Needs: {source.text('NEEDS')}", f"* On screen: {on_screen(source)}"]
    lines += [f"* If it fails: {fallback(source, measured)}", ""]
    lines += by_the_minute(source, measured, quiz)
    for p in source.predictions:
        options = [f"{letter}) {option}" for letter, option in zip("abcdef", p.options)]
        right = [f"**The answer is {options[p.right]}.** {sentence(p.because)}"] if p.right is not None else []
        lines += section(f"Ask: {p.question}", options + right)
    lines += section("Misconceptions", source.misconceptions)
    lines += ["## The equation", "", *[f"    {line}" for line in source.lines("EQUATION")], ""]
    lines += section("What the run checks", [f"{n}. {text}" for n, text in source.claims.items()], "")
    held = [(number.name, measured.expected(source, number)) for number in source.numbers]
    lines += section("The numbers", [f"{name}: {expected}" for name, expected in held if expected])
    broken = [f"`--break {name}`: {what}. {gone(unseen)}" for name, (what, unseen) in source.faults.items()]
    if broken:
        broken.append("`--break mystery`: one of these, with `--seed` another; let them guess from the numbers")
    lines += section("Break it", broken)
    lines += section("Exercises, with model answers", [answered(exercise, source, teaching) for exercise in source.exercises()])
    return "\n".join(lines).rstrip() + "\n"


def answered(exercise: str, source: Source, teaching: Teaching) -> str:
    """An exercise and, below it, its answer."""
    others = {
        "write": f"`minialign check {source.number}` grades it and names common mistakes.",
        "answer": f"`minialign quiz {source.number} --answers` explains every option.",
    }
    kind = kind_of(exercise)
    return f"{exercise}\n  **Answer.** {teaching.answers.get(kind) or others.get(kind, '')}"


def by_the_minute(source: Source, measured: Measured, quiz: list[Question]) -> list[str]:
    """The lesson alone, from its question to its exercises: when to begin what, and what to say there."""
    lines, clock = ["## By the minute", "", "The lesson by itself; a run-sheet shares its time with others.", ""], 0
    for minutes, what in parts(source, measured, quiz):
        lines.append(f"* {mark(clock)}  {what} ({minutes} min)")
        clock += minutes
    return [*lines, f"* {mark(clock)}  the end", ""]


def parts(source: Source, measured: Measured, quiz: list[Question]) -> Iterator[tuple[int, str]]:
    """-> (minutes, what to do).  Text is spoken at SPOKEN words per minute; a run takes as long as it was measured."""
    yield 3, "**The question**, and the everyday example"
    if source.predictions:
        yield 2, "**The guess**: everybody writes one down before anything runs"
    yield measured.minutes(source), "**The run**: start it, and leave it on the screen"
    for heading, text in headings("\n\n".join(text_of(source.path))):
        minutes = math.ceil(count_words([text]) / SPOKEN)
        if minutes:
            said = "".join(f" Say: {note}" for where, note in source.notes if where == heading)
            yield minutes, f"**{heading}**{said}"
    yield 3, f"**The claims**: {len(source.claims)}, seen or NOT SEEN; which of them did the class expect?"
    if quiz:
        yield len(quiz), f"**The quiz**: {len(quiz)} questions, by show of hands"
    for exercise in source.exercises():
        if found := re.match(r"\((\d+) min, (run|change|read)\) (.+)", exercise):
            yield int(found[1]), f"**Exercise**, in pairs: {found[3]}"


def headings(markdown: str) -> list[tuple[str, str]]:
    """Markdown -> (heading, the text below it), without what comes before the first heading."""
    pieces = re.split(r"^## (.+)$", markdown, flags=re.M)
    return [pair for pair in zip(pieces[1::2], pieces[2::2]) if pair[0] not in ("Further reading", "In TRL today")]


def gone(unseen: list[int]) -> str:
    return f"Claim{'s' * (len(unseen) > 1)} {', '.join(map(str, unseen))} will not be seen."


def section(title: str, items: list[str], mark: str = "* ") -> list[str]:
    return [f"## {title}", "", *[f"{mark}{item}" for item in items], ""] if items else []
