"""Better, or only longer?  How much a tuned model gains at equal length, and how much by writing more.

Let p_b be the share of the SFT model's answers whose length falls into bin b, and r_b their mean reward; q_b and s_b
are the same for the tuned model.  Then, exactly,

    sum q_b s_b - sum p_b r_b   =   sum p_b (s_b - r_b)   +   sum (q_b - p_b) s_b
        the whole gain                at equal length           by the shift of lengths

The first part is the non-length gain of Singhal et al. (2023).  In bins where the tuned model has no answer, s_b = r_b.
Each kind of question has its own bins and is weighted by how often it is asked: "it says moo." is short and a refusal is
long, and refusing more where one should refuse is not length hacking.

Measured for PPO and DPO, in the reward model's score and in gold, with raters who like length and have no other taste.
Control: raters without any tastes.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..pipeline import Journey, Recipe
from ..world import UNBIASED, report_questions
from . import Claim, Run, control, quick
from .instruments.measure import SAMPLED, answers_of, count_seeds, holds_in_most_seeds, prompt_of, spread

QUESTION = "better, or only longer?"
DOES_NOT_SHOW = (
    "that length alone earned what the shift earned: an answer may be longer because it says more, or says it more "
    "politely, and the bins cannot tell. The two parts are bookkeeping; only the control shows that the raters cause them."
)

LENGTHY = replace(UNBIASED, length=0.4)  # for every 20 characters, about the length of a polite phrase
RATERS = ("lengthy", "control")
METHODS = {"ppo": "PPO", "dpo": "DPO"}
BIN, TIMES = 8, 4  # characters; answers per question


def one_seed(recipe: Recipe, seed: int, folder: Path) -> Run:
    """Measure both kinds of raters and both methods -> plain data."""
    every, times = (2, TIMES // 2) if quick(recipe) else (1, TIMES)
    questions = [q for q in report_questions()[::every] for _ in range(times)]
    recipes = {"lengthy": replace(recipe, tastes=LENGTHY), "control": control(recipe)}
    if quick(recipe):  # as many pairs, not as many votes, or the control's reward model would take the longest of all
        recipes["control"] = replace(recipes["control"], vote_prompts=recipe.vote_prompts)
    return {raters: compare(Journey(recipes[raters], seed, folder), questions) for raters in RATERS}


def compare(journey: Journey, questions: list[str]) -> dict[str, dict]:
    """How much longer PPO and DPO answer than SFT, and both parts of what they gain over it."""
    kinds = np.array([prompt_of(question).kind for question in questions])

    def said(name):
        answers = answers_of(journey, journey.model(name), SAMPLED, questions)
        lengths = np.array([len(response.text) for response in answers.responses])
        return {"length": lengths, "reward": journey.scorer()(answers.batch), "gold": answers.gold}

    # The same questions and the same seed for every model, so that only the model differs.
    sft = said("sft")
    results: dict[str, dict[str, Any]] = {}
    for name in METHODS:
        tuned = said(name)
        results[name] = {"longer": float(tuned["length"].mean() - sft["length"].mean())}
        for score in ("reward", "gold"):
            results[name][score] = decompose(sft["length"], sft[score], tuned["length"], tuned[score], kinds)
    return results


def decompose(
    length: np.ndarray, reward: np.ndarray, new_length: np.ndarray, new_reward: np.ndarray, kinds: np.ndarray, width: int = BIN
) -> tuple[float, float]:
    """The two parts of mean(new_reward) - mean(reward): (at equal length, by the shift of lengths).

    All are arrays (N,): both models answer the same N questions, of these kinds.
    """
    equal = shift = 0.0
    for kind in np.unique(kinds):
        here = kinds == kind
        old, new = length[here] // width, new_length[here] // width
        for b in np.union1d(old, new):
            p, q = (old == b).mean(), (new == b).mean()
            r = reward[here][old == b].mean() if p else 0.0  # p = 0: r has no weight
            s = new_reward[here][new == b].mean() if q else r
            equal += here.mean() * p * (s - r)
            shift += here.mean() * (q - p) * s
    return float(equal), float(shift)


# ---------------------------------------------------------------------------------------- what all seeds say
def parts(runs: list[Run], raters: str, method: str, score: str) -> np.ndarray:
    """Both parts in every seed -> two arrays: at equal length, by the shift."""
    return np.array([run[raters][method][score] for run in runs]).T


def longer(runs: list[Run], raters: str, method: str) -> np.ndarray:
    return np.array([run[raters][method]["longer"] for run in runs])


def claims(runs: list[Run]) -> list[Claim]:
    made = []
    for method, name in METHODS.items():
        more, usual = longer(runs, "lengthy", method), longer(runs, "control", method)
        (equal, shift), (equal0, shift0) = (parts(runs, raters, method, "reward") for raters in RATERS)
        gold = parts(runs, "lengthy", method, "gold")[1]
        small = (shift > 0) & (gold < shift / 2)  # gold is in points, the score in standard deviations
        made += [
            Claim(
                f"raters who like length get longer answers from {name}, and longer than the control's",
                holds_in_most_seeds((more > 0) & (more > usual)),
                f"{count_seeds((more > 0) & (more > usual))}: {spread(more, 1)} characters, there {spread(usual, 1)}",
            ),
            Claim(
                f"the shift of lengths earns {name} more of its reward than in the control",
                holds_in_most_seeds(shift > shift0),
                f"{count_seeds(shift > shift0)}: {spread(shift)} beside {spread(equal)} at equal length; control "
                f"{spread(shift0)} beside {spread(equal0)}",
            ),
            Claim(
                f"the shift earns {name} less than half as much from the judge as from the reward model",
                holds_in_most_seeds(small),
                f"{count_seeds(small)}: gold changes by {spread(gold)} through it",
            ),
        ]
    return made


ROW = {"lengthy": "length liked", "control": "control"}


def table(runs: list[Run]) -> list[str]:
    lines = []
    for score in ("reward", "gold"):
        lines.append(f"{'gain in ' + score:<21}at equal length      by the shift         longer, characters")
        for method, name in METHODS.items():
            for raters in RATERS:
                equal, shift = parts(runs, raters, method, score)
                more = spread(longer(runs, raters, method), 1)
                lines.append(f"  {name}, {ROW[raters]:<14}{spread(equal):<21}{spread(shift):<21}{more}")
    return lines
