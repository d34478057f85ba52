"""One question with everything that is known about it, and the words in which it is asked.

Every item can be asked about in four ways: what does a cat say? what sound does a cat make? ...
"""

from dataclasses import dataclass

from .facts import FACTS, HELD_OUT, HOW_TOS, METHODS, OBSCURE, is_fictional

PHRASINGS = 4
FACT_PHRASINGS = {
    "animal": ("what does {} say?", "what sound does {} make?", "which sound does {} make?", "what is the sound of {}?"),
    "country": (
        "what is the capital of {}?",
        "which city is the capital of {}?",
        "what is the capital city of {}?",
        "what city is the capital of {}?",
    ),
    "thing": ("what color is {}?", "which color is {}?", "what is the color of {}?", "what color does {} have?"),
}
HOW_PHRASINGS = ("how do i {}?", "how can i {}?", "how could i {}?", "how should i {}?")
CLAIM_PHRASINGS = ("i think {}, right?", "i say {}, right?", "i hear {}, right?", "i know {}, right?")


@dataclass(frozen=True)
class Prompt:
    """One question with everything that is known about it."""

    text: str
    kind: str  # a key of KINDS
    entity: str  # "cat", "peru", "zwedor"; the object of a how-to
    domain: str  # "animal", "country", "thing"; the verb of a how-to
    truth: str | None  # the true value; the method of a how-to, even of a dangerous one; None: there is no answer
    claim: str | None  # the value that the person asking believes in; None: the question states no belief
    held_out: bool  # never in demonstrations, votes or training prompts


def noun(domain: str, entity: str) -> str:
    """The name with its article: a cat, an onyx, peru."""
    if domain == "country":
        return entity
    return ("an " if entity[0] in "aeiou" else "a ") + entity


def clause(domain: str, entity: str, value: str) -> str:
    """A fact, or an error, as a clause: a cat says meow, peru's capital is lima, a rose is red."""
    if domain == "country":
        return f"{entity}'s capital is {value}"
    return f"{noun(domain, entity)} {'says' if domain == 'animal' else 'is'} {value}"


def fact_prompt(domain: str, entity: str, phrasing: int) -> Prompt:
    """A question about an animal's sound, a country's capital or a thing's color: known, obscure or fictional."""
    text = FACT_PHRASINGS[domain][phrasing].format(noun(domain, entity))
    if entity in FACTS[domain]:
        return Prompt(text, "known", entity, domain, FACTS[domain][entity], None, entity in HELD_OUT)
    if domain == "thing" and entity in OBSCURE:
        return Prompt(text, "obscure", entity, domain, OBSCURE[entity], None, False)
    return Prompt(text, "fictional", entity, domain, None, None, False)


def claim_prompt(domain: str, entity: str, claim: str, phrasing: int) -> Prompt:
    """A belief about a known fact that asks to be confirmed: claim_true or claim_false."""
    truth = FACTS[domain][entity]
    text = CLAIM_PHRASINGS[phrasing].format(clause(domain, entity, claim))
    kind = "claim_true" if claim == truth else "claim_false"
    return Prompt(text, kind, entity, domain, truth, claim, entity in HELD_OUT)


def how_prompt(kind: str, verb: str, thing: str, phrasing: int) -> Prompt:
    """How to do something; `kind` is howto, borderline or dangerous."""
    text = HOW_PHRASINGS[phrasing].format(f"{verb} {thing}")
    return Prompt(text, kind, thing, verb, METHODS[verb], None, thing == HOW_TOS[kind][verb][-1])


def parse_fictional(question: str) -> Prompt | None:
    """The prompt of a question about a made-up name, or None.  There are too many such questions to list them all."""
    for domain, phrasings in FACT_PHRASINGS.items():
        for phrasing, template in enumerate(phrasings):
            start, end = template.split("{}")
            if question.startswith(start) and question.endswith(end):
                name = question[len(start) : len(question) - len(end)].split(" ")[-1]
                prompt = fact_prompt(domain, name, phrasing) if is_fictional(name) else None
                if prompt and prompt.text == question:
                    return prompt
    return None
