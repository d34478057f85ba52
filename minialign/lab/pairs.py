"""Thirty voters, twenty pairs each: is it better if all see the same pairs, or if everybody has pairs of their own?

    same       the same 20 pairs for all: 600 decisions on 20 pairs
    distinct   600 pairs, each seen once, of two answers at random
    unsure     600 pairs, each seen once: of four answers the two between which the reward model is least sure

The budget is 600 decisions each; those that feel about the same are no votes.  From the votes of each a reward model is trained
in the same way, and predicts votes on the report questions.  No pair asks one of them, though most are about things that pairs
ask about in other words.  (The run's held-out votes are on other prompts, but mostly a question of the pairs after another
greeting.)

Many votes on one pair wash out slips, and few pairs leave most of the language unseen: the second matters more here if the
first arm is the worst.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..batch import Response
from ..classroom.pairs import answers, class_questions, random_pair, unsure_pair
from ..functional import log_sigmoid
from ..pipeline import Journey, Recipe
from ..preferences import Preferences, collect
from ..reward import Scorer, pair_accuracy, reward_model_from, score_gaps, train_reward_model
from ..runs.voting import Pair
from ..world import report_questions
from . import Claim, Run
from .instruments.measure import count_seeds, holds_in_most_seeds, spread

QUESTION = "should all voters see the same pairs, or everybody pairs of their own?"
DOES_NOT_SHOW = (
    "that pairs in common are useless: without any, nobody knows how far voters agree. And people are not simulated raters, "
    "who all have the same tastes: of people who differ, many votes on one pair say more."
)

VOTERS, EACH = 30, 20
STEPS = 240  # of training, the same for every arm
UNSEEN = 3  # pairs of answers to each report question
ARMS = ("same", "distinct", "unsure")
NAMES = {"same": "the same 20 pairs", "distinct": "600 pairs, at random", "unsure": "600 pairs, unsure ones"}


def one_seed(recipe: Recipe, seed: int, folder: Path) -> Run:
    """Votes, accuracy and loss on unseen votes of every arm -> plain data."""
    journey = Journey(recipe, seed, folder)
    pairs, unseen = arms(journey), unseen_votes(journey)
    return {name: judged(journey, name, pairs[name], unseen) for name in ARMS}


def arms(journey: Journey) -> dict[str, list[Pair]]:
    """The pairs of every arm: 600 decisions each."""
    n, sft, score = VOTERS * EACH, journey.model("sft"), journey.scorer()
    asked = class_questions(journey.seed, 0, 2 * n)
    said: list[tuple[str, list[Response]]] = []
    for i in range(0, len(asked), 100):
        if len(said) < n:
            said += answers(sft, asked[i : i + 100], journey.recipe.max_new_tokens, journey.rng(f"pairs {i}"))
    distinct = [random_pair(question, texts) for question, texts in said[:n]]
    unsure = [unsure_pair(question, texts, score) for question, texts in said[:n]]
    return {"same": distinct[:EACH] * VOTERS, "distinct": distinct, "unsure": unsure}


def unseen_votes(journey: Journey) -> Preferences:
    """Votes of the same raters on answers to questions that no pair asks; the same for every arm."""
    rng, recipe = journey.rng("unseen votes"), journey.recipe

    def label(question, a, b, rng):
        return journey.world.vote(question, a, b, rng, recipe.tastes)

    return collect(journey.model("sft"), report_questions() * UNSEEN, label, rng, recipe.max_new_tokens)


def judged(journey: Journey, name: str, pairs: list[Pair], unseen: Preferences) -> dict[str, float]:
    """Ask a rater about every pair, train a reward model on the votes, and let it predict the unseen ones."""
    rng, recipe = journey.rng(f"voters {name}"), journey.recipe
    ask: Callable[..., int] = journey.world.vote
    votes = Preferences([], [], [])
    for pair in pairs:
        vote = ask(pair.question, pair.a, pair.b, rng, recipe.tastes)
        if vote:
            votes.prompts.append(pair.question)
            votes.chosen.append(pair.a if vote > 0 else pair.b)
            votes.rejected.append(pair.b if vote > 0 else pair.a)
    epochs = max(1, round(STEPS * recipe.reward.batch_size / max(len(votes), 1)))
    model = reward_model_from(journey.model("sft"), rng, recipe.reward.likelihood_weights)
    train_reward_model(model, votes, replace(recipe.reward, epochs=epochs), rng, f"reward model, {name}")
    gaps = score_gaps(Scorer(model, recipe.reward.pooling), unseen)
    return {
        "decisions": len(pairs),
        "pairs": len(set(pairs)),
        "votes": len(votes),
        "accuracy": pair_accuracy(gaps),
        "loss": float(-log_sigmoid(gaps).data.mean()),
    }


# ---------------------------------------------------------------------------------------- what all seeds say
def per_seed(runs: list[Run], name: str, what: str) -> np.ndarray:
    return np.array([run[name][what] for run in runs])


def claims(runs: list[Run]) -> list[Claim]:
    same, distinct, unsure = (per_seed(runs, name, "accuracy") for name in ARMS)
    loss, less = (per_seed(runs, name, "loss") for name in ("same", "distinct"))
    ties = {name: 1 - per_seed(runs, name, "votes") / per_seed(runs, name, "decisions") for name in ARMS}
    return [
        Claim(
            "everybody's own pairs teach a reward model more than the same pairs for all: it predicts more unseen votes",
            holds_in_most_seeds(distinct > same),
            f"{count_seeds(distinct > same)}: {spread(distinct, 3)}, on the same pairs {spread(same, 3)}",
        ),
        Claim(
            "and its loss on unseen votes is lower",
            holds_in_most_seeds(less < loss),
            f"{count_seeds(less < loss)}: {spread(less, 3)}, on the same pairs {spread(loss, 3)}",
        ),
        Claim(
            "pairs where the reward model is unsure teach more than pairs at random",
            holds_in_most_seeds(unsure > distinct),
            f"{count_seeds(unsure > distinct)}: {spread(unsure, 3)}, at random {spread(distinct, 3)}; about the same: "
            f"{spread(ties['unsure'])} of them, at random {spread(ties['distinct'])}",
            "perhaps because more of these decisions are no votes, perhaps because pairs chosen like this are unlike those "
            "that are predicted: the experiment does not tell these apart",
        ),
    ]


def table(runs: list[Run]) -> list[str]:
    lines = [f"{'600 decisions on':<25}{'votes':<18}{'unseen accuracy':<22}loss there"]
    for name in ARMS:
        votes, accuracy, loss = (per_seed(runs, name, what) for what in ("votes", "accuracy", "loss"))
        lines.append(f"{NAMES[name]:<25}{spread(votes, 0):<18}{spread(accuracy, 3):<22}{spread(loss, 3)}")
    return lines
