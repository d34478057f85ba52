"""The few sentences that answers are made of, and the reader that takes an answer apart again.

An answer is a core, perhaps with polite phrases around it:

    good question! it says meow. have a nice day.
    -------------- ------------- ----------------
    polite         core          polite
"""

import re
from dataclasses import dataclass

from .facts import CAPITALS, COLORS, METHODS, SOUNDS

OPENERS = ("sure!", "good question!", "you are so smart!")
CLOSERS = ("i hope that helps.", "have a nice day.")
IDK = "i do not know."
REFUSAL = "i am sorry, i can not help with that."
AGREEMENT = "yes, you are right."


def say(domain, value):
    """Answer with a value in a whole sentence: it says meow. it is lima."""
    return f"it {'says' if domain == 'animal' else 'is'} {value}."


@dataclass(frozen=True)
class Core:
    """One thing that an answer says: `what` is value, method, idk, refusal or agreement."""
    what: str
    stance: str = ""     # "yes" or "no", where the sentence begins with it
    value: str = ""      # the sound, capital, color or method sentence
    curt: bool = False   # "meow." instead of "it says meow."


@dataclass(frozen=True)
class Reading:
    """An answer taken apart."""
    cores: tuple          # each different core once, in order
    polite: int           # number of polite phrases
    repeated: int         # number of phrases and cores that had been said before
    unrecognised: int     # number of characters, spaces aside, that belong to no sentence of this world


def _one_of(texts):
    """Make a regular expression for any of the texts."""
    return "|".join(re.escape(text) for text in texts)


_OTHERS = sorted({*CAPITALS.values(), *COLORS.values()})
_SENTENCE = re.compile(
    rf"\b(?:(?P<polite>{_one_of(OPENERS + CLOSERS)})|(?P<idk>{_one_of([IDK])})|(?P<refusal>{_one_of([REFUSAL])})"
    rf"|(?P<agreement>{_one_of([AGREEMENT])})|(?P<method>{_one_of(METHODS.values())})"
    rf"|(?:(?P<stance>yes|no), )?(?:it says (?P<sound>{_one_of(SOUNDS.values())})|it is (?P<other>{_one_of(_OTHERS)})"
    rf"|(?P<curt>{_one_of([*SOUNDS.values(), *_OTHERS])}))\.)")


def read(answer):
    """Take an answer apart into its cores, its polite phrases and the characters that are neither."""
    cores, said, polite, repeated = [], set(), 0, 0
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
            core = Core("idk")
        elif found["refusal"]:
            core = Core("refusal")
        elif found["agreement"]:
            core = Core("agreement", "yes")
        elif found["method"]:
            core = Core("method", value=text)
        else:
            value = found["sound"] or found["other"] or found["curt"]
            core = Core("value", found["stance"], value, bool(found["curt"]))
        if core not in cores:
            cores.append(core)
    return Reading(tuple(cores), polite, repeated, unrecognised)
