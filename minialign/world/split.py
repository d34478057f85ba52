"""Divide the questions among three lists, which keep training, tuning and reporting apart.

An item is one thing to ask about: the tuple of its four phrasings.  Two ways to deal:

    by_phrasing  the lists ask about the same things in different words
    by_name      each list asks about things that the others never mention
"""

from collections.abc import Callable, Sequence

from .prompts import PHRASINGS, Prompt

SPLITS = ("train", "tune", "report")
Items = list[Sequence[Prompt]]
Lists = dict[str, list[Prompt]]  # one for each of SPLITS


def by_phrasing(items: Items) -> Lists:
    """Two phrasings go to training and one to the report; every third time the last goes to tuning, else to the report.

    Held-out items never reach the training list.
    """
    lists: Lists = {split: [] for split in SPLITS}
    turns = {True: 0, False: 0}
    for item in items:
        held_out = item[0].held_out
        turn = turns[held_out]
        turns[held_out] += 1
        other = "tune" if turn % 3 == 0 else "report"
        goes_to = [other] * 4 if held_out else ["train", "train", "report", other]
        for k, split in enumerate(goes_to):
            lists[split].append(item[(turn + k) % PHRASINGS])
    return lists


def by_name(*turns: str) -> Callable[[Items], Lists]:
    """A function that deals items, each in one phrasing: the first goes to the list turns[0], the next to turns[1], ..."""

    def deal(items: Items) -> Lists:
        lists: Lists = {split: [] for split in SPLITS}
        for i, item in enumerate(items):
            lists[turns[i % len(turns)]].append(item[i % PHRASINGS])
        return lists

    return deal
