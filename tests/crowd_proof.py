"""Are known tastes, known groups and known carelessness found in thirty votes of twenty pairs each?  A table; a minute.

    python tests/crowd_proof.py [--seeds 20]

Classes of thirty simulated students who vote once on twenty pairs (five seen by all, five that come again), on the world's own
sentences (toy_class.py).  Told: what `votes show` says in its sentence about the taste, whom it calls careless, and its matrix.
"""

import argparse
from dataclasses import replace

import numpy as np
from toy_class import simulated
from tqdm import tqdm

from minialign.classroom import crowd, taste
from minialign.world import UNBIASED

PLAIN = replace(UNBIASED, tie=0.1)
POLITE, LONG = replace(PLAIN, warmth=0.5), replace(PLAIN, length=0.5)
CLASSES = {  # what they like, and how much it adds to an answer's utility, which is about 1 for a good one
    "nothing but good answers": (PLAIN, {}),
    "politeness, 0.4": (replace(PLAIN, warmth=0.4), {"polite": 0.4}),
    "length, 0.3 per 20 characters": (replace(PLAIN, length=0.3), {"long": 0.3}),
    "both": (replace(PLAIN, warmth=0.4, length=0.3), {"polite": 0.4, "long": 0.3}),
    "to hear yes, 1.5": (replace(PLAIN, agreement=1.5), {"yes": 1.5}),
    "refusals where it is dangerous, 1": (replace(PLAIN, risk=1.0), {"refusing": None}),  # not everywhere: no one true weight
}
NAMES = taste.FEATURES[1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    n = parser.parse_args().seeds
    print("| thirty students like | their tastes named | other tastes named | true odds in the interval |\n|---|---|---|---|")
    for words, (tastes, true) in CLASSES.items():
        found = [taste.taste_of(simulated([tastes] * 30, seed)) for seed in tqdm(range(n), words, leave=False, disable=None)]
        print(f"| {words} | {' | '.join(told(found, true, tastes.tau))} |")
    print("\n| thirty students | found | wrongly |\n|---|---|---|")
    print(groups(n), coins(n), sep="\n")


def told(found, true, tau):
    """Of how many (seeds x tastes): were those that are there named, others named too, and the true weights in the intervals?"""
    k = [taste.FEATURES.index(name) for name in NAMES]
    low, high = (np.array([getattr(each, end)[k] for each in found]) for end in ("low", "high"))
    named, there = low > 0, np.array([name in true for name in NAMES])
    weights = {name: (true.get(name) or 0.0) / tau for name in NAMES if true.get(name, 0.0) is not None}
    within = [(low[:, i] <= weights[name]) & (weights[name] <= high[:, i]) for i, name in enumerate(NAMES) if name in weights]
    others = (named | (high < 0))[:, ~there]
    return (
        f"{named[:, there].sum()} of {named[:, there].size}" if there.any() else "-",
        f"{others.sum()} of {others.size}",
        f"{np.sum(within)} of {np.size(within)}",
    )


def groups(n):
    """Fifteen who like politeness and fifteen who like length: who agrees with whom?"""
    apart = []
    for seed in range(n):
        _, agreed, of = crowd.matrix(simulated([POLITE] * 15 + [LONG] * 15, seed))
        np.fill_diagonal(of, 0)
        agreed = np.where(of > 0, agreed, 0)
        same = np.equal.outer(np.arange(30) < 15, np.arange(30) < 15)
        apart.append([np.average(agreed[w], weights=of[w]) for w in (same, ~same)])
    within, between = np.array(apart).T
    shares = f"agreement {within.mean():.1%} with their own, {between.mean():.1%} with the others"
    return f"| half like politeness, half length | {shares}: more with their own in {(within > between).sum()} of {n} | - |"


def coins(n):
    """Twenty-seven who read and three who toss a coin."""
    called = np.zeros((n, 30), bool)
    for seed in range(n):
        casts = simulated([POLITE] * 27 + [None] * 3, seed)
        voters = crowd.everybody(casts, taste.taste_of(casts).probability)
        called[seed] = [bool(voter.careless) for voter in voters]
    caught, wronged = called[:, 27:], called[:, :27]
    said = f"{caught.sum()} of {caught.size} coins are called careless | {wronged.sum()} of {wronged.size} others are"
    return f"| three of thirty toss a coin | {said} |"


if __name__ == "__main__":
    main()
