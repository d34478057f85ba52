"""More thinking characters, better sums?  GRPO on a verifier in the pocket calculator's world.

    3+4?   7.         straight away
    3+4?   3+4=7.     with the working: four more characters before the result must be said

    maximise  E[r] - beta KL(pi || SFT)     r = 1 if the display ends with the right result, with the working or without

The verifier neither asks for the working nor rewards it.  Measured on sums of the report list, which neither SFT nor GRPO
was trained on: the share of right answers; how many show some working, and how often these are right; and two forced
choices among all displays, one made straight away and one after the working, which show what the model knows either way.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ..batch import conversations
from ..evaluate import answer
from ..grpo import GRPOConfig
from ..likelihood import log_probs_array
from ..model import LanguageModel
from ..pipeline import Journey, Recipe
from ..world.calculator import Calculator, result
from . import Claim, Run, quick
from .instruments import verifier
from .instruments.measure import SAMPLED, count_seeds, holds_in_most_seeds, spread

QUESTION = "more thinking characters, better sums?"
DOES_NOT_SHOW = (
    "that it reasons, or that it cannot: the working only repeats the question, and every sum was in the pretraining texts in "
    "that form. And demonstrators who show their working make no slips: that was put into this world."
)

WORLD = Calculator()
DISPLAYS = [*map(str, range(19)), "e"]
VERIFIED = GRPOConfig(iterations=30, max_new_tokens=12, lr=6e-4, kl_coef=0.02)
TIMES = 8  # draws per sum
WAYS = ("straight", "working")


@dataclass(frozen=True)
class Sums:
    """A model on the report questions: shares of its answers, and the two forced choices."""

    right: float
    shown: float  # with some working
    right_shown: float  # of those with working; 0 if there are none
    right_straight: float  # of those without
    length: float  # characters
    straight: float  # forced choice right, straight away
    working: float  # forced choice right, after the working


def one_seed(recipe: Recipe, seed: int, folder: Path) -> Run:
    """SFT and GRPO of one seed -> plain data."""
    smaller = replace(
        recipe,
        shipped_base=False,  # that one has never read a sum
        base_steps=recipe.base_steps // 4,
        corpus_characters=recipe.corpus_characters // 4,
        max_new_tokens=VERIFIED.max_new_tokens,
    )
    journey = Journey(smaller, seed, folder, world=WORLD)
    config = replace(VERIFIED, iterations=VERIFIED.iterations // (2 if quick(recipe) else 1))
    policy, history = verifier.train_policy(journey, verifier.sums, config)
    lengths = history["response/length"]
    curve = {"reward": history["objective/scores"].tolist(), "length": lengths.tolist()}
    models = {"sft": journey.model("sft"), "grpo": policy}
    return {name: asdict(measure(journey, model)) for name, model in models.items()} | {"training": curve}


def measure(journey: Journey, model: LanguageModel) -> Sums:
    """How often sums are right, sampled; how many are shown with their working; and what is known either way."""
    asked = WORLD.report_questions() * TIMES
    said = answer(model, asked, WORLD.judge, SAMPLED, journey.rng("report"), VERIFIED.max_new_tokens, journey.tokenizer)
    right = np.array([verdict.helpful > 0 for verdict in said.verdicts])
    shown = np.array(["=" in response.text for response in said.responses])
    return Sums(
        right=float(right.mean()),
        shown=float(shown.mean()),
        right_shown=float((right & shown).sum() / max(shown.sum(), 1)),
        right_straight=float((right & ~shown).sum() / max((~shown).sum(), 1)),
        length=float(np.mean([len(response.text) for response in said.responses])),
        **{way: forced_choice(journey, model, way) for way in WAYS},
    )


def forced_choice(journey: Journey, model: LanguageModel, way: str) -> float:
    """The share of report questions whose most probable display, said in this way, is right."""
    asked = WORLD.report_questions()
    heads = [question[:-1] + "=" if way == "working" else "" for question in asked]
    pairs = [(question, f"{head}{shown}.") for question, head in zip(asked, heads) for shown in DISPLAYS]
    batch = conversations(pairs, tokenizer=journey.tokenizer)
    logps = log_probs_array(model, batch.ids, batch.mask).sum(1).reshape(len(asked), len(DISPLAYS))
    return float(np.mean([DISPLAYS[best] == result(question) for best, question in zip(logps.argmax(1), asked)]))


# ---------------------------------------------------------------------------------------- what all seeds say
def per_seed(runs: list[Run], model: str, name: str) -> np.ndarray:
    return np.array([run[model][name] for run in runs])


def claims(runs: list[Run]) -> list[Claim]:
    right, right0 = (per_seed(runs, model, "right") for model in ("grpo", "sft"))
    shown, shown0 = (per_seed(runs, model, "shown") for model in ("grpo", "sft"))
    straight, behind = (per_seed(runs, "sft", way) for way in WAYS)
    pays = per_seed(runs, "sft", "right_shown") > per_seed(runs, "sft", "right_straight")
    followed = (shown0 > 0) & np.where(pays, shown > shown0, shown < shown0)  # to stay as it is follows nothing
    return [
        Claim(
            "GRPO on the verifier gets more sums right, among sums that it was not trained on",
            holds_in_most_seeds(right > right0),
            f"{count_seeds(right > right0)}: {spread(right0)} -> {spread(right)}",
        ),
        Claim(
            "after working that somebody else wrote, the SFT model knows more results than straight away",
            holds_in_most_seeds(behind > straight),
            f"{count_seeds(behind > straight)}: forced choice {spread(straight)} straight away, {spread(behind)} after it",
        ),
        Claim(
            "GRPO shows its working more often if SFT's answers with working were right more often, and less often if not",
            holds_in_most_seeds(followed),
            f"{count_seeds(followed)}: SFT with working {spread(per_seed(runs, 'sft', 'right_shown'))} right, without "
            f"{spread(per_seed(runs, 'sft', 'right_straight'))}; shown {spread(shown0)} -> {spread(shown)}, length "
            f"{spread(per_seed(runs, 'sft', 'length'), 1)} -> {spread(per_seed(runs, 'grpo', 'length'), 1)}",
        ),
    ]


def table(runs: list[Run]) -> list[str]:
    lines = ["        right               working: shown  right    chars   forced: straight   after"]
    for model, name in (("sft", "SFT"), ("grpo", "GRPO")):
        shown, right, *forced = (per_seed(runs, model, what).mean() for what in ("shown", "right_shown", *WAYS))
        line = f"{name:<8}{spread(per_seed(runs, model, 'right')):<20}{shown:>14.0%}{right:>7.0%}"
        lines.append(line + f"{per_seed(runs, model, 'length').mean():>9.1f}{forced[0]:>19.0%}{forced[1]:>8.0%}")
    return lines
