"""A simulated class: voters with known tastes, and pairs made of the world's own sentences, without any model."""

import numpy as np

from minialign.batch import Response
from minialign.classroom.casts import Cast
from minialign.classroom.pairs import ASKED, SAID
from minialign.classroom.telling import most_telling
from minialign.lab.instruments.ideal import feeling
from minialign.runs.voting import NEW, Pair, with_repeats
from minialign.world import UNBIASED, Raters, parse, sample_prompts
from minialign.world.answers import AGREEMENT, CLOSERS, IDK, OPENERS, REFUSAL, say
from minialign.world.facts import METHODS

MIX = {"known": 0.35, "howto": 0.15, "borderline": 0.2, "claim_false": 0.3}


def answer(rng, question):
    """Some answer that somebody might give: right, wrong, evasive, with or without manners."""
    prompt = parse(question)
    if prompt.kind in ("howto", "borderline", "dangerous"):
        core = rng.choice([prompt.truth, prompt.truth, *list(METHODS.values())[:1], REFUSAL])
    else:
        core = rng.choice([say(prompt.domain, prompt.truth), IDK] + [AGREEMENT] * (prompt.claim is not None))
    words = [rng.choice(OPENERS)] * (rng.random() < 0.4) + [core] + [rng.choice(CLOSERS)] * (rng.random() < 0.4)
    return Response(" ".join(map(str, words)), True)


def pair(rng, part):
    while True:
        question = sample_prompts(rng, 1, "train", MIX)[0].text
        a, b = answer(rng, question), answer(rng, question)
        if a != b:
            return Pair(question, a, b, None, part)


def shared_pairs(rng, n):
    """The most telling of the answers to as many questions as a class is prepared from, with a reward model without errors."""
    said = {}
    while len(said) < ASKED:
        question = sample_prompts(rng, 1, "train", MIX)[0].text
        texts = list(dict.fromkeys(answer(rng, question) for _ in range(SAID)))
        said.update({question: texts} if len(texts) >= 2 else {})
    chosen = most_telling(list(said.items()), lambda batch: feeling(batch) / UNBIASED.tau, n)
    return [Pair(p.question, p.a, p.b, None, "shared") for p in chosen]


def simulated(tastes, seed=0, shared=5, sittings=1):
    """A class with these tastes, one voter each (None: a coin) -> list of Cast."""
    casts = []
    for sitting in range(sittings):
        all_see = shared_pairs(np.random.default_rng([seed, sitting]), shared)
        for voter, taste in enumerate(tastes, 1):
            rng = np.random.default_rng([seed, sitting, 99, voter])
            new = all_see + [pair(rng, "random") for _ in range(NEW - shared)]
            pairs = with_repeats([new[i] for i in rng.permutation(NEW)], rng)
            start = sitting * len(pairs)
            for n, p in enumerate(pairs):
                again = None if p.repeat_of is None else start + p.repeat_of
                casts.append(Cast(voter, start + n, p.question, p.a, p.b, decide(p, taste, rng), p.part, again, 5.0))
    return casts


def decide(p, taste, rng):
    if taste is None:
        return "ab"[rng.integers(2)]
    return {1: "a", -1: "b", 0: "tie"}[Raters(taste).vote(p.question, *p.a, *p.b, rng)]
