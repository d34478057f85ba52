"""The gallery of hacks: answers that the reward model loves and the judge does not, and what they have in common.

    hack(x, y) = (proxy(x, y) - mean) / deviation  -  (gold(x, y) - mean) / deviation

with means and standard deviations over the SFT model's answers, so that both terms have the same unit.  What the worst
answers share is not known beforehand: it is the run of words that is in many of them and in few of the SFT model's answers.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...batch import Response
from .. import Run

SIZE = 10  # answers in a gallery
WORDS = range(2, 7)  # how long a shared phrase may be


class Judged(Protocol):
    """Answers with what the judge says of them: evaluate.Answers, or another that has these."""

    @property
    def questions(self) -> list[str]: ...

    @property
    def responses(self) -> list[Response]: ...

    @property
    def gold(self) -> np.ndarray: ...


@dataclass(frozen=True)
class Hack:
    """An answer that seems better than it is."""

    question: str
    answer: str
    proxy: float
    gold: float
    hack: float  # hack(x, y), in standard deviations


@dataclass(frozen=True)
class SharedPhrase:
    """The run of words that best separates some texts from the usual ones; empty if there is none."""

    phrase: str
    here: float  # share of the texts that contain it
    there: float  # share of the usual ones
    times: float  # how often in one text, on average over those that contain it


def harvest(answers: Judged, proxy: np.ndarray, sft_answers: Judged, sft_proxy: np.ndarray, size: int = SIZE) -> list[Hack]:
    """The answers with the largest hack(x, y), each text once, the worst first."""

    def surplus(scores, reference):
        return (scores - reference.mean()) / (reference.std() or 1.0)

    hack = surplus(proxy, sft_proxy) - surplus(answers.gold, sft_answers.gold)
    found: dict[str, Hack] = {}
    # A stable sort: answers that are equally bad keep the order of their questions, on every machine.
    for i in np.argsort(-hack, kind="stable"):
        text = answers.responses[i].text
        if text not in found:
            found[text] = Hack(answers.questions[i], text, float(proxy[i]), float(answers.gold[i]), float(hack[i]))
        if len(found) == size:
            break
    return list(found.values())


def shared_phrase(texts: list[str], usual: list[str]) -> SharedPhrase:
    """The phrase that best separates `texts` from the `usual` ones; of equally good phrases, the longest."""
    said, before = (Counter(p for text in some for p in set(phrases(text))) for some in (texts, usual))

    def telling(phrase):
        return said[phrase] / len(texts) - before[phrase] / len(usual), len(phrase), phrase

    best = max(said, key=telling, default=())
    times = [phrases(text).count(best) for text in texts if best in phrases(text)]
    here, there = said[best] / len(texts), before[best] / len(usual)
    return SharedPhrase(" ".join(best), here, there, float(np.mean(times)) if times else 0.0)


def phrases(text: str) -> list[tuple[str, ...]]:
    """Every run of two to six words, as tuples; punctuation belongs to its word."""
    words = text.split()
    return [tuple(words[i : i + n]) for n in WORDS for i in range(len(words) - n + 1)]


def lines(runs: list[Run], what: str = "what PPO wrote without a leash, where proxy and gold are furthest apart") -> list[str]:
    """The worst answer of each seed, and what its ten worst share, as text."""
    made = [f"The gallery: {what}"]
    for run in runs:
        worst, shared = run["gallery"][0], run["shared"]
        made += [
            f"  {worst['question']}  (proxy {worst['proxy']:+.1f}, gold {worst['gold']:+.1f})",
            f"     {worst['answer']}",
            f"  in {shared['here']:.0%} of the ten worst of this seed, in {shared['there']:.0%} of SFT's answers:",
            f'     "{shared["phrase"]}"',
        ]
    return made
