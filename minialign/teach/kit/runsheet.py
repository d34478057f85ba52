"""A run-sheet: times, what to type, what appears on screen, what to ask, the likely answers, and what to do if it fails.

Which lessons, and how many minutes of talk, is a human's decision (lessons/kit/plan.md):

    ## 50 minutes
    - 3: Hello. Ask who has ...             minutes, and what to do
    - 9: lesson 4 --rate terminal: ...      talk; the measured running time is added.  Flags and words are optional

All else comes from the lesson.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from ...runs.errors import Problem
from .measured import Measured
from .source import Source, sentence

BLOCK = re.compile(r"- (\d+): (?:lesson (\d+)((?: --[\w-]+(?: \w+)?)*)(?:: (.+))?|(?!lesson )(.+))")

TROUBLE = """\
* **It takes too long**: Ctrl-C. In its own loops a lesson continues with the results so far, and stops at a second Ctrl-C;
  elsewhere, for instance while PPO or DPO train, it stops at once. What is finished is kept.
* **It says NOT SEEN**: of twenty seeds with `--fast`, lesson 10 misses a claim on two and lesson 11 on three. Say so, ask for
  possible causes, and go on; or try another `--seed`.
* **It does not start**: show the picture that `{prepare}` has left; each block below names it, and the words beside it.
* **Nothing works**: the handouts need no computer, and the page is one file that any browser opens."""


@dataclass(frozen=True)
class Block:
    minutes: int  # without the running time
    lesson: int | None
    flags: list[str]
    text: str


@dataclass(frozen=True)
class Plan:
    minutes: int
    about: str
    blocks: list[Block]


Mark = tuple[int, int, Block]  # first minute, minutes, what is done


def read_plan(path: Path) -> list[Plan]:
    """plan.md -> list of Plan.  A block may go on in the next line, indented."""
    plans = []
    for part in re.split(r"^## ", path.read_text(encoding="utf-8-sig"), flags=re.M)[1:]:
        title, _, rest = part.partition("\n")
        about, *items = re.split(r"^(?=- )", rest, flags=re.M)
        found = [f for f in (BLOCK.fullmatch(" ".join(item.split())) for item in items) if f]
        if not title.endswith(" minutes") or not title.split()[0].isdecimal() or len(found) < len(items):
            raise Problem(f'"{title}" in {path.name} cannot be read; a block is: "- 8: lesson 5: what to stress"')
        blocks = [Block(int(f[1]), int(f[2]) if f[2] else None, (f[3] or "").split(), f[4] or f[5] or "") for f in found]
        plans.append(Plan(int(title.split()[0]), " ".join(about.split()), blocks))
    return plans


def schedule(plan: Plan, sources: dict[int, Source], measured: Measured) -> tuple[list[Mark], int]:
    """-> list of (first minute, minutes, block), and the minutes that are left.  Raises Problem if it takes too long.

    A lesson that is not there yet is left out.
    """
    # Minutes are whole, and a lesson's running time is rounded up: a class is more often late than early.
    clock, marks = 0, []
    for block in plan.blocks:
        if block.lesson is None or block.lesson in sources:
            minutes = block.minutes + (measured.minutes(sources[block.lesson]) if block.lesson else 0)
            marks.append((clock, minutes, block))
            clock += minutes
    if clock > plan.minutes:
        raise Problem(
            f"the run-sheet of {plan.minutes} minutes would take {clock} with the seconds measured here; "
            "measure the classroom cut (minialign prepare --fast), or plan less in lessons/kit/plan.md"
        )
    return marks, plan.minutes - clock


def runsheet(plan: Plan, sources: dict[int, Source], measured: Measured) -> str:
    marks, left = schedule(plan, sources, measured)
    lines = [f"# minialign in {plan.minutes} minutes", "", plan.about, "", *before(marks, sources, measured)]
    lines += ["## If something fails", "", TROUBLE.format(prepare=measured.prepare()), "", "## By the clock", ""]
    for start, minutes, block in marks:
        source = sources.get(block.lesson) if block.lesson else None
        lines += lesson_block(start, minutes, block, source, measured) if source else other_block(start, minutes, block)
    lines += [f"### {mark(plan.minutes - left)}  {left} minute{'s' * (left > 1)} to spare, for questions" if left else ""]
    taught = {block.lesson for _, _, block in marks}
    homework = [f"* Lesson {n} - {s.title} `{measured.command(s)}`" for n, s in sources.items() if n not in taught]
    if homework:
        lines += ["", "## Not in this class, and good as homework", "", *homework]
    return "\n".join(lines).rstrip() + "\n"


def mark(minutes: int) -> str:
    return f"{minutes // 60}:{minutes % 60:02d}"


def before(marks: list[Mark], sources: dict[int, Source], measured: Measured) -> list[str]:
    pages = ", ".join(sources[block.lesson].name for _, _, block in marks if block.lesson)
    tour = f"tour-{'fast-' * measured.fast}s{measured.seed}"
    return [
        f"Seconds are those of `{measured.prepare()}` on {measured.where}.",
        "With yours: run it, and then `minialign kit` again.",
        "", "## Before the class", "",
        f"* `{measured.prepare()}` ({measured.total}): makes everything that the lessons need; Ctrl-C is safe.",
        f"* `{measured.tour()}`: makes the page, `{measured.runs}/{tour}/journey.html`.",
        "  Open it once; for a projector add `#present` to its address.",
        f"* Print the handouts of {pages}: one page each.",
        "",
    ]  # fmt: skip


def other_block(start: int, minutes: int, block: Block) -> list[str]:
    title, _, text = block.text.partition(". ")
    return [f"### {mark(start)}  {title.rstrip('.')} ({minutes} min)", "", *([text, ""] if text else [])]


def lesson_block(start: int, minutes: int, block: Block, source: Source, measured: Measured) -> list[str]:
    seconds = f"{measured.seconds(source):.0f} s, {measured.how_known(source)}"
    lines = [f"### {mark(start)}  Lesson {source.number} - {source.title} ({minutes} min)", ""]
    lines += [sentence(block.text), ""] if block.text else []
    lines += five_pairs(measured) if "five pairs" in block.text else []
    lines += [f"* **Run** `{measured.command(source, *block.flags)}` ({seconds})"]
    lines += [f"* **On screen** {on_screen(source)}"]
    lines += question(source)
    lines += [f"* **Say** {text}" for _, text in source.notes]
    lines += [f"* **If it fails** {fallback(source, measured)}", ""]
    return lines


def five_pairs(measured: Measured) -> list[str]:
    """The pairs that the class votes on by show of hands: answers of the SFT model, drawn when the class was prepared."""
    lines = []
    for n, pair in enumerate(measured.pairs, 1):
        lines += [f"{n}. {pair['question']}", f"   * a) {pair['a'].strip()}", f"   * b) {pair['b'].strip()}"]
    again = "Later, show the second once more, with its sides exchanged."
    return [*lines, "", again, ""] if lines else [f"(`{measured.prepare()}` prints them here.)", ""]


def on_screen(source: Source) -> str:
    pictures = ", ".join(f"`{name}`" for name in source.pictures)
    return f"{' / '.join(source.sections)}; {len(source.claims)} claims, seen or NOT SEEN; the picture {pictures}"


def question(source: Source) -> list[str]:
    """One question to ask, and what there is to answer."""
    if not source.predictions:
        return [f"* **Ask** {source.text('QUESTION')}", f"* **Expect** {sentence(next(iter(source.claims.values())))}"]
    p = source.predictions[0]
    options = [f"{letter}) {option}" for letter, option in zip("abcdef", p.options)]
    right = f"votes for all of them. The answer is {options[p.right]}. " if p.right is not None else ""
    choices = [f"  * {option}" for option in options]
    return [f"* **Ask** {p.question}", *choices, f"* **Expect** {right}{sentence(p.because)}"]


def fallback(source: Source, measured: Measured) -> str:
    pictures = [f"`{(measured.folder(source) / name).as_posix()}.png`" for name in source.pictures]
    return f"show {' and '.join(pictures)}"
