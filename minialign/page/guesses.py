"""Guess first: before a scene shows what it has, it asks; options, answer and what is said afterwards come from the run.

A scene of which the run does not say enough has no guess, and opens at once.  Scene 3 has none of its own: there every
vote is one.
"""

from collections.abc import Callable
from typing import Any

from ..figures import scenes as shown
from ..models import NAMES
from ..runs.text import decimal
from .loosened import hardest, loosened
from .race import NEAR, way_gone


def guesses(scenes: shown.Scenes) -> dict[str, shown.Guess | None]:
    """For each scene its question, or None."""
    return {key: ASK[key](s) if key in ASK and not isinstance(s, shown.Absent) else None for key, s in scenes.items()}


def among(options: list[float], truth: float) -> int:
    """Which of the options is nearest to what was measured."""
    return min(range(len(options)), key=lambda i: abs(options[i] - truth))


def base(s: shown.BaseScene) -> shown.Guess:
    told = f"It was {round(s.asks * s.asked)} of the {s.asked} questions that it was asked: {100 * s.asks:.0f} of 100."
    ask = "The base model has only read texts. How many of 100 questions will it continue with another question, not an answer?"
    options = [0.1, 0.5, 0.9]
    return shown.Guess(ask, ["about 10", "about 50", "about 90"], among(options, s.asks), told, nearest=True)


def sft(s: shown.SftScene) -> shown.Guess | None:
    ended = [all(row.greedy[i].ended for row in s.rows) for i in range(len(s.steps))]
    first = next((i for i in range(len(s.steps)) if all(ended[i:])), None)
    if first is None or len(s.steps) < 4:
        return None
    others = [i for i in (1, len(s.steps) // 2, len(s.steps) - 2, len(s.steps) - 1) if i != first]
    options = sorted([first, others[0], others[-1]])
    n = len(s.rows)
    ask = f"Now the model imitates answers. After how many steps does each of its {n} answers, to {n} questions, end by itself?"
    told = f"From step {s.steps[first]} on all {n} end by themselves."
    names = [f"{s.steps[i]} step{'' if s.steps[i] == 1 else 's'}" if i else "from the start" for i in options]
    return shown.Guess(ask, names, options.index(first), told)


def reward(s: shown.RewardScene) -> shown.Guess:
    options = [0.55, 0.75, 0.95]
    told = (
        f"It was {100 * s.accuracy:.0f} of 100: the whole reward model, on {s.held_out} held-out votes. Nobody can "
        f"get more than about {100 * s.ceiling:.0f}: raters slip."
    )
    ask = "Of 100 votes that it has never seen, how many will the reward model predict?"
    names = [f"about {100 * option:.0f}" for option in options]
    return shown.Guess(ask, names, among(options, s.accuracy), told, nearest=True)


def ppo(s: shown.PpoScene) -> shown.Guess | None:
    own = next((run for run in s.runs if run.own and len(run.texts) > 1), None)
    if own is None:
        return None
    first, last = min(t.step for t in own.texts), max(t.step for t in own.texts)
    before, after = ({t.question: t.text for t in own.texts if t.step == step} for step in (first, last))
    changed = sum(before[question] != after.get(question) for question in before)
    n = len(before)
    others = sorted({0, n // 2, n} - {changed}, key=lambda other: -abs(other - changed))
    options = sorted([changed, *others[:2]])
    told = "Sampled both times, with the same random numbers."
    ask = f"PPO (proximal policy optimization) now raises the reward model's score. Of {n} answers, how many will change?"
    return shown.Guess(ask, [f"{option} of {n}" for option in options], options.index(changed), told)


def leash(s: shown.LeashScene) -> shown.Guess:
    """About what the needles show first: the question where the truth falls most, if there is one; else the mean."""
    mean, one = loosened(s), hardest(s)
    found, n = one or mean, len(s.questions)
    about = f" for \u201c{s.questions[s.worst]}\u201d" if one else ""
    whose = f"On \u201c{s.questions[s.worst]}\u201d the truth" if one else f"The mean truth over {n} questions"
    start, peak, end = found.start, found.best.gold, found.loosest.gold
    if not found.gains:
        right, told = 2, f"{whose} does not rise: it goes from the SFT model's {decimal(start)} to {decimal(end)}."
    elif found.drops:
        right, told = (
            1,
            f"{whose} rises from the SFT model's {decimal(start)} to {decimal(peak)}, and then falls to {decimal(end)}.",
        )
    else:
        right, told = 0, f"{whose} rises from the SFT model's {decimal(start)} to {decimal(end)}."
    if one:
        rise = f"from {decimal(mean.start)} to {decimal(mean.loosest.gold)}"
        told += f" It falls on {s.falls} of {n}, most on this one; their mean goes {rise}."
    ask = (
        f"Loosen the leash on this run's SFT model{about}, and the score rises. What about the truth, which it only estimates?"
    )
    return shown.Guess(ask, ["it rises too", "it rises, then falls", "it only falls"], right, told)


def dpo(s: shown.DpoScene) -> shown.Guess:
    gone = way_gone(s.race)
    there = sum(share >= NEAR for share in gone.values())
    went = ", ".join(f"{NAMES.get(name, name.upper())} {share:.0%}" for name, share in gone.items())
    ask = (
        "PPO and GRPO learn from a reward model, DPO from votes alone. In a world so small that the best policy is known, "
        f"how many of the three go at least {NEAR:.0%} of the way to it?"
    )
    told = f"Of the way: {went}." + " They differ in what they need, and hardly in where they end." * (there == 3)
    return shown.Guess(ask, ["all three", "two of them", "one or none"], min(3 - there, 2), told)


ASK: dict[str, Callable[[Any], shown.Guess | None]] = {
    "base": base,
    "sft": sft,
    "reward": reward,
    "ppo": ppo,
    "leash": leash,
    "dpo": dpo,
}
