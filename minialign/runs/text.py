"""Numbers and answers as lines of plain ASCII, at most 88 columns wide."""

import math
import os
import shlex
import subprocess
import textwrap

from ..models import NAMES
from ..world import WANTED
from .records import Sample, ScoreboardRow

WIDTH = 88


def heading(text: str) -> str:
    return f"\n== {text} ".ljust(WIDTH + 1, "=")


def paragraph(text: str, indent: str = "", hanging: str = "", width: int = WIDTH) -> str:
    return textwrap.fill(
        text, width, initial_indent=indent, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
    )


def number_line(name: str, value: str, remark: str = "") -> str:
    """One number with its name, and beside it what it can be compared with."""
    return paragraph(f"{value}  {remark}".rstrip(), f"   {name:<18}", " " * 21)


def safe(text: object) -> str:
    """Text from a file or a model as it may be printed: a control character by its name, so that it cannot act."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def quoted(text: object) -> str:
    """A path as it is typed into a command line: cmd.exe takes no single quotes."""
    return subprocess.list2cmdline([safe(text)]) if os.name == "nt" else shlex.quote(safe(text))


def flags(fast: bool, seed: int) -> str:
    """Those of a cut and a seed, as they are typed behind a command."""
    return " --fast" * fast + f" --seed {seed}" * (seed != 0)


def decimal(x: float, digits: int = 2) -> str:
    """0.00, never -0.00."""
    return f"{round(x, digits) + 0.0:.{digits}f}"


def interval(k: int, n: int, z: float = 1.96) -> str:
    """A share of k in n with Wilson's 95 % interval, as text; "" of none."""
    if not n:
        return ""
    middle, half = (k + z * z / 2) / (n + z * z), z * math.sqrt(k * (n - k) / n + z * z / 4) / (n + z * z)
    return f"{k / n:4.0%} [{max(0, middle - half):.0%}, {min(1, middle + half):.0%}]"


def answers_table(answers: list[Sample]) -> str:
    """The five questions, each with the sampled and the greedy answer; "..." where the model did not end."""
    lines = []
    for a in answers:
        lines += [f"   {a.question}", f"      sampled  {shown(a.sampled, a.sampled_ended)}"]
        lines += [f"      greedy   {shown(a.greedy, a.greedy_ended)}"]
    return "\n".join(lines)


def shown(text: str, ended: bool, width: int = WIDTH - 15) -> str:
    """An answer in one line; special tokens, called by their names, may make it longer than it is."""
    text = text if ended else text + "..."
    return text if len(text) <= width else text[: width - 3] + "..."


def scoreboard_table(rows: dict[str, ScoreboardRow], training_seconds: dict[str, float]) -> str:
    """One row per model.  rows: one half of the scoreboard; training_seconds: model -> seconds."""
    lines = ["           helpful  honest harmless   gold   wins     KL answers seconds    models"]
    for name, row in rows.items():
        kl = "-" if row.kl is None else decimal(row.kl)
        scores = "".join(f"{decimal(part):>8}" for part in (row.helpful, row.honest, row.harmless, row.gold))
        lines.append(
            f"  {NAMES[name]:<9}{scores}{row.win_rate:7.0%}{kl:>7}{row.answers:8.0%}"
            f"{training_seconds[name]:8.1f}{row.models_in_memory:4d} ({row.megabytes:.1f} MB)"
        )
    return "\n".join(lines)


def behaviour_table(rows: dict[str, ScoreboardRow]) -> str:
    """One line for each thing that people would notice, one column per model: ^ more and v less than the SFT model.

    Below it, what got worse.  rows: one half of the scoreboard; "" where the world does not define them.
    """
    names = [name for name in rows if name != "base"]
    before = rows["sft"].behaviour
    if not before:
        return ""
    lines = [" " * 38 + "".join(f"{NAMES[name]:>11}" for name in names)]
    for what, share in before.items():
        cells = "".join(f"{rows[name].behaviour[what]:>9.0%} {_arrow(rows[name].behaviour[what] - share)}" for name in names)
        lines.append(f"  {what:<36}{cells}")
    return "\n".join(lines) + "\n" + paragraph(worse(rows))


def _arrow(difference: float) -> str:
    return " " if abs(difference) < 0.005 else "^" if difference > 0 else "v"


def worse(rows: dict[str, ScoreboardRow]) -> str:
    """What each tuned model does worse than the SFT model, in one sentence."""
    before, found = rows["sft"].behaviour, []
    for name in (name for name in rows if name not in ("base", "sft")):
        gains = {what: rows[name].behaviour[what] - share for what, share in before.items()}
        lost = [what for what, gain in gains.items() if (gain if WANTED.get(what, True) else -gain) < -0.005]
        found.append(f"{NAMES[name]}: {', '.join(lost) or 'none of these'}")
    return f"Worse than SFT: {'; '.join(found)}."


def samples_text(samples: dict[str, list[Sample]]) -> str:
    """Every model's answers to the five questions, one below the other."""
    return "\n".join(f"{NAMES[name]}\n{answers_table(answers)}\n" for name, answers in samples.items())
