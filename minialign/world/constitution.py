"""The written principles of an AI judge, and their reader.

A principle is one sentence for people and, for a judge that is a language model, pages that it can complete:
constitution.txt says what each of its lines means.  Edit that file, and training gives a different policy.
"""

import re
from configparser import ConfigParser, Error
from dataclasses import dataclass, fields
from pathlib import Path

from ..tokenizer import encode

CONSTITUTION = Path(__file__).with_name("constitution.txt")


@dataclass(frozen=True)
class Principle:
    """One entry of a constitution."""

    name: str
    principle: str
    about: str = "(.*)"
    when: tuple = ()
    share: float = 1.0
    like: str = ""
    unsure: str = ""
    avoid: str = ""
    say: tuple = ()
    short: float = 0.0

    def subject(self, question: str) -> str | None:
        """What the question is about; None if the principle does not apply to it."""
        found = re.search(self.about, question)
        return found and found[1]


def read_constitution(text: str) -> dict[str, Principle]:
    """The text of a constitution -> {name: Principle}, in order.  Raises ValueError with one line on what is wrong."""
    parser, read = ConfigParser(delimiters="=", interpolation=None), {}
    try:
        parser.read_string(text)
        for name in parser.sections():
            read[name] = _principle(name, dict(parser[name]))
    except (Error, re.error, ValueError) as problem:
        raise ValueError(f"the constitution cannot be read: {' '.join(str(problem).split())}") from None
    if not read:
        raise ValueError("the constitution has no principles: each begins with its name in [brackets]")
    return read


def _principle(name, lines):
    """The lines of one entry -> Principle."""
    unknown = set(lines) - {field.name for field in fields(Principle)[1:]}
    if unknown:
        raise ValueError(f"[{name}] has an unknown key, {min(unknown)}")
    if "principle" not in lines:
        raise ValueError(f"[{name}] has no principle")
    lists = {key: tuple(part.strip() for part in lines[key].split("|")) for key in ("when", "say") if key in lines}
    new = Principle(name, **lines | lists | {key: float(lines[key]) for key in ("share", "short") if key in lines})
    if re.compile(new.about).groups != 1:
        raise ValueError(f"[{name}] about needs exactly one group in (brackets): what it matches goes into the pages")
    if new.when and len(new.when) != 3:
        raise ValueError(f"[{name}] when needs a page and two continuations: page | yes | no")
    if not 0 <= new.share <= 1 or new.short < 0:
        raise ValueError(f"[{name}] share must be between 0 and 1, and short at least 0")
    if not (new.like or new.avoid or new.say or new.short):
        raise ValueError(f"[{name}] says nothing to judge by: like, avoid, say or short")
    encode("".join([new.like, new.avoid, *new.when]).replace("{}", ""))  # raises for characters that the judge cannot read
    return new
