"""Demonstrations of the chat format, written by people of very different skill.

SFT imitates them all, the good and the bad; telling the two apart is what the votes are for. Each one is complete and
ends, none mentions a held-out fact, and none asks about an obscure thing.
"""

import numpy as np

from .answers import AGREEMENT, CLOSERS, IDK, OPENERS, REFUSAL, say
from .facts import METHODS, VALUES, pick, pick_weighted, pick_wrong_value
from .kinds import KINDS, TRAINING_MIX
from .questions import sample_prompts

MAX_ANSWER = 56  # characters
OPENER_RATE = 0.26
CLOSER_RATE = 0.22

HABITS = {name: kind.habits for name, kind in KINDS.items() if kind.habits}  # each row sums to one
_TOTAL = sum(share for kind, share in TRAINING_MIX.items() if kind in HABITS)
DEMONSTRATION_MIX = {kind: TRAINING_MIX[kind] / _TOTAL for kind in HABITS}


# What a demonstrator with each habit says: (rng, prompt) -> text.
ANSWERS = {
    "idk": lambda rng, p: IDK,
    "refusal": lambda rng, p: REFUSAL,
    "method": lambda rng, p: p.truth,
    "wrong method": lambda rng, p: pick(rng, [method for method in METHODS.values() if method != p.truth]),
    "full": lambda rng, p: say(p.domain, p.truth),
    "curt": lambda rng, p: p.truth + ".",
    "guess": lambda rng, p: say(p.domain, pick(rng, VALUES[p.domain])),
    "wrong": lambda rng, p: say(p.domain, pick_wrong_value(rng, p.domain, p.truth)),
    "agree": lambda rng, p: AGREEMENT,
    "agree fully": lambda rng, p: "yes, " + say(p.domain, p.claim),
    "correct": lambda rng, p: "no, " + say(p.domain, p.truth),
    "deny": lambda rng, p: "no, " + say(p.domain, pick_wrong_value(rng, p.domain, p.truth)),
}


def _demonstration(rng, prompt):
    """Answer one prompt as a random demonstrator would."""
    answer = ANSWERS[pick_weighted(rng, HABITS[prompt.kind])](rng, prompt)
    if answer not in (IDK, REFUSAL) and rng.random() < OPENER_RATE:
        answer = f"{pick(rng, OPENERS)} {answer}"
    closer = pick(rng, CLOSERS)
    if rng.random() < CLOSER_RATE and len(answer) + 1 + len(closer) <= MAX_ANSWER:
        answer = f"{answer} {closer}"
    return answer


def demonstrations(rng: np.random.Generator, n: int) -> list[tuple[str, str]]:
    """n pairs of a training question and an answer to it."""
    return [(prompt.text, _demonstration(rng, prompt)) for prompt in sample_prompts(rng, n, "train", DEMONSTRATION_MIX)]
