"""The gallery of hacks: answers that the reward model loves and the judge does not, and what they have in common.

    hack(x, y) = (proxy(x, y) - mean) / deviation  -  (gold(x, y) - mean) / deviation

with means and deviations over the SFT model's answers, so that both are in its units.  What the worst have in common is
looked for, not known: of all runs of words, the one that is in many of them and in few of the SFT model's answers.
"""

from collections import Counter

import numpy as np

SIZE = 10  # answers in a gallery
WORDS = range(2, 7)  # how long a shared phrase may be


def harvest(answers, proxy, sft_answers, sft_proxy, size=SIZE):
    """The answers that are furthest from what they seem, each text once -> list of dicts, the worst first."""

    def surplus(scores, reference):
        return (scores - reference.mean()) / (reference.std() or 1.0)

    hack = surplus(proxy, sft_proxy) - surplus(answers.gold, sft_answers.gold)
    found = {}
    for i in np.argsort(-hack, kind="stable"):
        text = answers.responses[i].text
        if text not in found:
            numbers = {"proxy": float(proxy[i]), "gold": float(answers.gold[i]), "hack": float(hack[i])}
            found[text] = {"question": answers.questions[i], "answer": text} | numbers
        if len(found) == size:
            break
    return list(found.values())


def shared_phrase(texts, usual):
    """The run of words that most sets `texts` apart from the `usual` ones -> dict: phrase, and how often it is said.

    here, there    in which share of the texts, and of the usual ones
    times          how often in one text, on average over those that say it
    Of phrases that are equally telling the longest is taken.
    """
    said, before = (Counter(p for text in some for p in set(phrases(text))) for some in (texts, usual))

    def telling(phrase):
        return said[phrase] / len(texts) - before[phrase] / len(usual), len(phrase), phrase

    best = max(said, key=telling, default=())
    times = [phrases(text).count(best) for text in texts if best in phrases(text)]
    return {
        "phrase": " ".join(best),
        "here": said[best] / len(texts),
        "there": before[best] / len(usual),
        "times": float(np.mean(times)) if times else 0.0,
    }


def phrases(text):
    """Every run of two to six words, as tuples; punctuation belongs to its word."""
    words = text.split()
    return [tuple(words[i : i + n]) for n in WORDS for i in range(len(words) - n + 1)]


def lines(runs):
    """Of each seed the worst answer, and what its ten worst share, as text."""
    made = ["The gallery: what PPO wrote without a leash, where proxy and gold are furthest apart"]
    for run in runs:
        worst, shared = run["gallery"][0], run["shared"]
        made += [
            f"  {worst['question']}  (proxy {worst['proxy']:+.1f}, gold {worst['gold']:+.1f})",
            f"     {worst['answer']}",
            f"  in {shared['here']:.0%} of the ten worst of this seed, in {shared['there']:.0%} of SFT's answers:",
            f'     "{shared["phrase"]}"',
        ]
    return made
