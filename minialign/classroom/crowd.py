"""Who agrees with whom, and who may have voted without looking.

    A[i, j] = share of the pairs that i and j both decided on which they chose the same      A[i, i]: pairs that came twice

Whether voter i tossed a coin is a question of likelihoods: with p_n the crowd's probability of the n-th vote, and q the
crowd's own share of repeated pairs that are decided alike,

    log-odds(i) = sum_n log(p_n / (1/2)) + sum over repeats of log(q / (1/2)) if decided alike, else log((1 - q) / (1/2))

Below 0 a coin explains the votes better than the crowd does.  Who has a mind of their own is not careless: their repeats agree.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .casts import HANDS, Cast


@dataclass(frozen=True)
class Voter:
    """How one voter has voted."""

    number: int
    votes: int  # for one of the two answers
    itself: tuple[int, int]  # (decided alike, of the pairs that came twice)
    left: tuple[int, int]  # (votes for the left answer, of those whose sides are known)
    log_odds: float  # of the crowd against a coin; below 0: a coin is likelier
    seconds: float  # the median of a decision

    @property
    def careless(self) -> str:
        """Why this voter may not have looked; "" if nothing says so."""
        left, sided = self.left
        if sided >= 10 and left in (0, sided):
            return "always the same side"
        if self.votes >= 10 and 0 < self.seconds < 1:
            return f"{self.seconds:.1f} s per pair: too fast to read"
        same, of = self.itself
        if self.log_odds < 0 and of and same / of <= 0.6:
            return f"a coin explains the votes better; repeats decided alike: {same} of {of}"
        return ""


def by_voter(casts: Sequence[Cast]) -> dict[int, list[Cast]]:
    """Everybody's decisions, those of a show of hands aside: nobody tells hands apart."""
    voters = sorted({cast.voter for cast in casts} - {HANDS})
    return {voter: [cast for cast in casts if cast.voter == voter] for voter in voters}


def repeats(casts: Sequence[Cast]) -> list[bool]:
    """Of the pairs that one voter decided twice, which in the same way, sides apart?"""
    first = {cast.number: cast for cast in casts}
    twice = [(cast, first[cast.repeat_of]) for cast in casts if cast.repeat_of in first]
    return [again.choice == before.choice for again, before in twice if "skip" not in (again.vote, before.vote)]


def matrix(casts: Sequence[Cast]) -> tuple[list[int], np.ndarray, np.ndarray]:
    """(voters, the agreement of each two (n, n), nan without a pair in common, and in how many pairs (n, n))."""
    people = by_voter(casts)
    chose = [{c.pair: c.choice for c in own if c.repeat_of is None and c.vote != "skip"} for own in people.values()]
    agreed, of = np.zeros((2, len(people), len(people)))
    for i, mine in enumerate(chose):
        for j, theirs in enumerate(chose):
            both = mine.keys() & theirs.keys()
            agreed[i, j], of[i, j] = sum(mine[pair] == theirs[pair] for pair in both), len(both)
    for i, own in enumerate(people.values()):
        again = repeats(own)
        agreed[i, i], of[i, i] = sum(again), len(again)
    return list(people), np.divide(agreed, of, out=np.full_like(of, np.nan), where=of > 0), of


def everybody(casts: Sequence[Cast], probability: dict[int, float]) -> list[Voter]:
    """Each voter's numbers.  probability: {place in casts: how probable the crowd finds that vote}, of the votes for a side."""
    people = by_voter(casts)
    alike = [same for own in people.values() for same in repeats(own)]
    q = (sum(alike) + 1) / (len(alike) + 2)  # Laplace's rule: never 0 or 1
    place = {id(cast): i for i, cast in enumerate(casts)}
    voters = []
    for number, own in people.items():
        again, voted = repeats(own), [cast for cast in own if cast.chosen]
        p = [probability[place[id(cast)]] for cast in voted if cast.repeat_of is None]
        log_odds = sum(math.log(2 * x) for x in p) + sum(math.log(2 * (q if same else 1 - q)) for same in again)
        sides = [cast.vote for cast in voted if cast.sided]
        left, seconds = (sides.count("a"), len(sides)), float(np.median([cast.seconds for cast in own]))
        voters.append(Voter(number, len(voted), (sum(again), len(again)), left, log_odds, seconds))
    return voters
