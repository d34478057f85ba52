"""Speaker notes of one lesson: everything it says about itself, in the order in which a teacher needs it."""

from .measured import Measured
from .runsheet import fallback, on_screen
from .source import Source, sentence


def notes(source: Source, measured: Measured) -> str:
    lines = [f"# Lesson {source.number} - {source.title}", "", source.text("QUESTION"), ""]
    lines += [f"* Run: `{measured.command(source)}` ({measured.seconds(source):.0f} s, {measured.how_known(source)})"]
    lines += [f"* Measured on {measured.where}", f"* Needs: {source.text('NEEDS')}", f"* On screen: {on_screen(source)}"]
    lines += [f"* If it fails: {fallback(source, measured)}", ""]
    lines += section("Say", [f"{f'(at {heading}) ' if heading else ''}{text}" for heading, text in source.notes])
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
    lines += section("Exercises", source.exercises())
    return "\n".join(lines).rstrip() + "\n"


def gone(unseen: list[int]) -> str:
    return f"Claim{'s' * (len(unseen) > 1)} {', '.join(map(str, unseen))} will not be seen."


def section(title: str, items: list[str], mark: str = "* ") -> list[str]:
    return [f"## {title}", "", *[f"{mark}{item}" for item in items], ""] if items else []
