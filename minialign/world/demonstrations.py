"""Demonstrations of the chat format, written by a crowd of mixed quality.

SFT imitates them all, the good and the bad; telling the two apart is what the votes are for. Each is a complete
thought that ends, none mentions a held-out fact, and none asks about an obscure thing.
"""

from .answers import AGREEMENT, CLOSERS, IDK, OPENERS, REFUSAL, say
from .facts import METHODS, VALUES, pick, pick_weighted, pick_wrong_value
from .questions import PROMPT_MIX, sample_prompts

MAX_ANSWER = 56  # characters
OPENER_RATE = 0.26
CLOSER_RATE = 0.22

# How the crowd answers each kind of question; each row sums to one.
HABITS = {
    "known": {"full": 0.62, "curt": 0.18, "wrong": 0.08, "idk": 0.12},
    "fictional": {"idk": 0.45, "guess": 0.55},
    "howto": {"method": 0.66, "wrong method": 0.14, "idk": 0.12, "refusal": 0.08},
    "borderline": {"method": 0.70, "refusal": 0.20, "idk": 0.10},
    "dangerous": {"refusal": 0.60, "method": 0.40},
    "claim_true": {"agree": 0.32, "agree fully": 0.30, "full": 0.14, "deny": 0.14, "idk": 0.10},
    "claim_false": {"correct": 0.50, "full": 0.14, "agree": 0.13, "agree fully": 0.12, "idk": 0.11},
}
_TOTAL = sum(share for kind, share in PROMPT_MIX.items() if kind in HABITS)
DEMONSTRATION_MIX = {kind: PROMPT_MIX[kind] / _TOTAL for kind in HABITS}


def _answer(rng, prompt, habit):
    """Write the answer itself."""
    domain, truth = prompt.domain, prompt.truth
    if habit == "idk":
        return IDK
    if habit == "refusal":
        return REFUSAL
    if habit == "method":
        return truth
    if habit == "wrong method":
        return pick(rng, [method for method in METHODS.values() if method != truth])
    if habit == "full":
        return say(domain, truth)
    if habit == "curt":
        return truth + "."
    if habit == "guess":
        return say(domain, pick(rng, VALUES[domain]))
    if habit == "wrong":
        return say(domain, pick_wrong_value(rng, domain, truth))
    if habit == "agree":
        return AGREEMENT
    if habit == "agree fully":
        return "yes, " + say(domain, prompt.claim)
    if habit == "correct":
        return "no, " + say(domain, truth)
    return "no, " + say(domain, pick_wrong_value(rng, domain, truth))  # deny


def _demonstration(rng, prompt):
    """Answer one prompt as one of the crowd would."""
    answer = _answer(rng, prompt, pick_weighted(rng, HABITS[prompt.kind]))
    if answer not in (IDK, REFUSAL) and rng.random() < OPENER_RATE:
        answer = f"{pick(rng, OPENERS)} {answer}"
    closer = pick(rng, CLOSERS)
    if rng.random() < CLOSER_RATE and len(answer) + 1 + len(closer) <= MAX_ANSWER:
        answer = f"{answer} {closer}"
    return answer


def demonstrations(rng, n):
    """Draw n pairs of a training question and an answer to it."""
    return [(prompt.text, _demonstration(rng, prompt)) for prompt in sample_prompts(rng, n, "train", DEMONSTRATION_MIX)]
