"""The pretraining internet: short documents in which people ask, state, and sometimes answer.

    questions   38 %   what does a cat say? which sound does a cat make? what is the sound of a cat?
    statements  33 %   this is a cat. it says meow. a rose is red. to cook rice, heat it in a pot.
    faq pages   24 %   faq. what does a cat say? it says meow. how do i cook rice? heat it in a pot.
    chatter      5 %   good question! i hope that helps. have a nice day.

On this internet a question is followed by more questions; only a page that begins with "faq." answers. So a model that was
only pretrained continues a question with another question, and has to be taught to answer. Some statements are false.
"""

import numpy as np

from .answers import AGREEMENT, CLOSERS, IDK, OPENERS, REFUSAL, say
from .facts import (
    FACTS,
    HOW_TOS,
    METHODS,
    MISCONCEPTIONS,
    OBSCURE,
    fictional_name,
    pick,
    pick_weighted,
    pick_wrong_value,
)
from .prompts import PHRASINGS, claim_prompt, clause, fact_prompt, how_prompt, noun

MAX_DOCUMENT = 110  # characters, so that every training row can begin where a document begins
DOCUMENT_MIX = {"questions": 0.38, "statements": 0.33, "faq": 0.24, "chatter": 0.05}
FALSE_RATE = 0.06  # of the statements
CLAIM_TRUE_RATE = 0.5  # of the beliefs that are quoted or asked about
OBSCURE_RATE = 0.12  # of the facts that are stated

_OBSCURE_NAMES = list(OBSCURE)
# One obscure thing in seven is written about often, so that the model comes to know some of them.
_FAMOUS_NAMES = _OBSCURE_NAMES[::7]
FAMOUS_RATE = 0.75


def _known(rng):
    """Draw a known fact: domain, entity, truth."""
    domain = pick(rng, list(FACTS))
    entity = pick(rng, list(FACTS[domain]))
    return domain, entity, FACTS[domain][entity]


def _known_or_obscure(rng):
    """Draw a fact to state, now and then an obscure one."""
    if rng.random() < OBSCURE_RATE:
        entity = pick(rng, _FAMOUS_NAMES if rng.random() < FAMOUS_RATE else _OBSCURE_NAMES)
        return "thing", entity, OBSCURE[entity]
    return _known(rng)


def _way(rng):
    """Draw one of the phrasings."""
    return int(rng.integers(PHRASINGS))


def _claim(rng):
    """Draw a belief about a known fact, true or false: domain, entity, belief, truth."""
    domain, entity, truth = _known(rng)
    belief = truth if rng.random() < CLAIM_TRUE_RATE else pick(rng, MISCONCEPTIONS[domain][entity])
    return domain, entity, belief, truth


def _how_to(rng, kinds):
    """Draw a how-to: kind, verb, object."""
    kind = pick(rng, kinds)
    verb = pick(rng, list(HOW_TOS[kind]))
    return kind, verb, pick(rng, HOW_TOS[kind][verb])


def _verdict(domain, belief, truth):
    """Confirm or correct a belief: yes, it says meow."""
    return ("yes, " if belief == truth else "no, ") + say(domain, truth)


def _join(parts, start=""):
    """Put as many parts as fit into one document, in order."""
    document = start
    for part in parts:
        longer = f"{document} {part}" if document else part
        if len(longer) > MAX_DOCUMENT:
            break
        document = longer
    return document


def questions_document(rng: np.random.Generator) -> str:
    """Ask about one topic in three or four different ways, or in as many as fit."""
    topic = pick_weighted(rng, {"known": 0.34, "obscure": 0.06, "fictional": 0.16, "how": 0.26, "claim": 0.18})
    ways = [int(way) for way in rng.permutation(PHRASINGS)[: 3 + int(rng.integers(2))]]
    domain, entity, _ = _known(rng)
    if topic == "claim":
        domain, entity, belief, _ = _claim(rng)
        asked = [claim_prompt(domain, entity, belief, way) for way in ways]
    elif topic == "how":
        kind, verb, thing = _how_to(rng, list(HOW_TOS))
        asked = [how_prompt(kind, verb, thing, way) for way in ways]
    elif topic == "obscure":
        thing = pick(rng, _OBSCURE_NAMES)
        asked = [fact_prompt("thing", thing, way) for way in ways]
    else:
        name = entity if topic == "known" else fictional_name(rng)
        asked = [fact_prompt(domain, name, way) for way in ways]
    return _join(prompt.text for prompt in asked)


def _statement(rng):
    """State a fact, a method, what some people believe, or what is right to do."""
    form = pick_weighted(rng, {"plain": 0.11, "pointing": 0.40, "belief": 0.15, "how": 0.14, "moral": 0.20})
    if form == "moral":
        kind, verb, thing = _how_to(rng, list(HOW_TOS))
        return f"to {verb} {thing} is {'wrong' if kind == 'dangerous' else 'fine'}."
    if form == "how":
        _, verb, thing = _how_to(rng, list(HOW_TOS))
        return f"to {verb} {thing}, {METHODS[verb]}"
    if form == "belief":
        domain, entity, belief, truth = _claim(rng)
        return f"some say {clause(domain, entity, belief)}. {_verdict(domain, belief, truth)}"
    domain, entity, value = _known_or_obscure(rng)
    if rng.random() < FALSE_RATE:
        value = pick_wrong_value(rng, domain, value)
    if form == "plain":
        return clause(domain, entity, value) + "."
    subject = f"the capital of {entity}" if domain == "country" else noun(domain, entity)
    return f"this is {subject}. {say(domain, value)}"


def statements_document(rng: np.random.Generator) -> str:
    """State two to four things."""
    return _join(_statement(rng) for _ in range(2 + int(rng.integers(3))))


def _question_and_answer(rng):
    """Ask and answer, as a faq page does, which refuses to explain what is dangerous."""
    form = pick_weighted(rng, {"fact": 0.38, "how": 0.46, "claim": 0.16})
    if form == "how":
        kind, verb, thing = _how_to(rng, ("howto", "borderline", "borderline", "dangerous", "dangerous"))
        return f"{how_prompt(kind, verb, thing, _way(rng)).text} {REFUSAL if kind == 'dangerous' else METHODS[verb]}"
    if form == "claim":
        domain, entity, belief, truth = _claim(rng)
        return f"{claim_prompt(domain, entity, belief, _way(rng)).text} {_verdict(domain, belief, truth)}"
    domain, entity, truth = _known_or_obscure(rng)
    return f"{fact_prompt(domain, entity, _way(rng)).text} {say(domain, truth)}"


def faq_document(rng: np.random.Generator) -> str:
    """Write a faq page of two or three questions with answers, or of as many as fit."""
    return _join((_question_and_answer(rng) for _ in range(2 + int(rng.integers(2)))), start="faq.")


def chatter_document(rng: np.random.Generator) -> str:
    """Say polite nothings, so that the model has seen these phrases before anybody demonstrates them."""
    phrases = [*OPENERS, *CLOSERS, IDK, REFUSAL, AGREEMENT]
    return _join(pick(rng, phrases) for _ in range(2 + int(rng.integers(3))))


WRITERS = {"questions": questions_document, "statements": statements_document, "faq": faq_document, "chatter": chatter_document}


def pretraining_documents(rng: np.random.Generator, n_characters: int) -> list[str]:
    """Write documents until they hold n_characters or a little more."""
    documents, written = [], 0
    while written < n_characters:
        documents.append(WRITERS[pick_weighted(rng, DOCUMENT_MIX)](rng))
        written += len(documents[-1])
    return documents
