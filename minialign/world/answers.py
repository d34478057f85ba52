"""The few sentences that answers are made of, and a parser that recognises them in an answer.

An answer is a statement, perhaps with polite phrases around it:

    good question! it says meow. have a nice day.
    -------------- ------------- ----------------
    polite         statement     polite
"""

import re
from dataclasses import dataclass

from .facts import CAPITALS, COLORS, METHODS, SOUNDS

OPENERS = ("sure!", "good question!", "you are so smart!")
CLOSERS = ("i hope that helps.", "have a nice day.")
IDK = "i do not know."
REFUSAL = "i am sorry, i can not help with that."
AGREEMENT = "yes, you are right."


def say(domain: str, value: str) -> str:
    """A value as a whole sentence: it says meow. it is lima."""
    return f"it {'says' if domain == 'animal' else 'is'} {value}."


@dataclass(frozen=True)
class Statement:
    """One thing that an answer says: `what` is value, method, idk, refusal or agreement."""

    what: str
    stance: str = ""  # "yes" or "no", if the sentence begins with it
    value: str = ""  # the sound, capital, color or method sentence
    curt: bool = False  # "meow." instead of "it says meow."


@dataclass(frozen=True)
class ParsedAnswer:
    """What an answer consists of."""

    statements: tuple  # each different statement once, in order
    polite: int  # number of polite phrases
    repeated: int  # number of phrases and statements that the answer had already said
    unrecognised: int  # number of characters, spaces aside, that belong to no sentence of this world


def _one_of(texts):
    """Make a regular expression for any of the texts."""
    return "|".join(re.escape(text) for text in texts)


_OTHERS = sorted({*CAPITALS.values(), *COLORS.values()})
_SENTENCE = re.compile(
    rf"\b(?:(?P<polite>{_one_of(OPENERS + CLOSERS)})|(?P<idk>{_one_of([IDK])})|(?P<refusal>{_one_of([REFUSAL])})"
    rf"|(?P<agreement>{_one_of([AGREEMENT])})|(?P<method>{_one_of(METHODS.values())})"
    rf"|(?:(?P<stance>yes|no), )?(?:it says (?P<sound>{_one_of(SOUNDS.values())})|it is (?P<other>{_one_of(_OTHERS)})"
    rf"|(?P<curt>{_one_of([*SOUNDS.values(), *_OTHERS])}))\.)"
)


def parse_answer(answer: str) -> ParsedAnswer:
    """Divide an answer into its statements, its polite phrases and the characters that belong to neither."""
    statements, said, polite, repeated = [], set(), 0, 0
    unrecognised = len(answer) - answer.count(" ")
    for match in _SENTENCE.finditer(answer):
        text = match.group()
        unrecognised -= len(text) - text.count(" ")
        if text in said:
            repeated += 1
        said.add(text)
        found = match.groupdict(default="")
        if found["polite"]:
            polite += 1
            continue
        if found["idk"]:
            statement = Statement("idk")
        elif found["refusal"]:
            statement = Statement("refusal")
        elif found["agreement"]:
            statement = Statement("agreement", "yes")
        elif found["method"]:
            statement = Statement("method", value=text)
        else:
            value = found["sound"] or found["other"] or found["curt"]
            statement = Statement("value", found["stance"], value, bool(found["curt"]))
        if statement not in statements:
            statements.append(statement)
    return ParsedAnswer(tuple(statements), polite, repeated, unrecognised)
