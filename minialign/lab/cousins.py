"""DPO and its variants ("cousins") on the same votes: what does each need, and what does it do with damaged votes?

    a reference and pairs      DPO, IPO, hinge, cDPO (dpo.py)
    pairs alone                SimPO, ORPO (cousins.py)
    a reference, no pairs      KTO (cousins.py)
    a reward model too         online DPO: the policy's own fresh pairs, on which the reward model votes

Each starts from the same SFT model and learns from the same votes of raters without tastes, with the same learning rate
(online DPO begins its schedule anew in each of six rounds, and Adam with it) and the same number of epochs, at its own
best beta: the one with the most gold on the tuning questions (the classroom cut tries one alone).  Then the votes are
damaged, and beta stays: a fifth of them flipped; only pairs whose chosen answer is clearly the longer one; and no pairs at
all, only one side of each vote, which is a thumb up or a thumb down for KTO and useless to the others.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..batch import conversations
from ..checkpoint import frozen_copy, trainable_copy
from ..cousins import CousinConfig, Thumbs, train_kto, train_orpo, train_simpo
from ..dpo import train_dpo
from ..model import LanguageModel
from ..pipeline import Journey, Recipe
from ..preferences import Preferences, collect
from ..world import prompt_lists
from . import Claim, Run, control, quick
from .instruments.measure import SAMPLED, answers_of, count_seeds, evaluate_policy, holds_in_most_seeds, spread

QUESTION = "which of DPO's cousins, and with which votes?"
DOES_NOT_SHOW = (
    "which is best elsewhere: all have DPO's learning rate, epochs and batch size, and at most three values of beta to choose "
    "from; and online DPO begins its schedule and Adam anew in each of its rounds. And for some questions of this world "
    "longer is better, so writing more is not always length hacking."
)

FLIPPED, LONGER = 0.2, 8  # share of votes; characters
ROUNDS = 6  # of online DPO: the policy that its pairs are drawn from is at most a sixth of the training behind


Fit = Callable[[Journey, LanguageModel, Preferences, float], None]  # trains the policy in place


@dataclass(frozen=True)
class Method:
    """One row: how the method is trained, and what it needs."""

    name: str
    betas: tuple[float, ...]  # to choose from
    models: int  # in memory while it trains
    fit: Fit


@dataclass(frozen=True)
class Row:
    """One method at its best beta of those tried, on the report questions."""

    beta: float
    tried: dict[str, float]  # beta -> gold on the tuning questions
    gold: float
    gold_greedy: float
    kl: float
    length: float
    seconds: float  # of one training, without the reward model's
    models: int


# ---------------------------------------------------------------------------------------- how each is trained
def dpo(**changes: Any) -> Fit:
    """DPO with another loss."""

    def fit(journey, policy, votes, beta):
        config = replace(journey.recipe.dpo, beta=beta, **changes)
        train_dpo(policy, frozen_copy(journey.model("sft")), votes, config, journey.rng("dpo"))

    return fit


def cousin_config(journey: Journey, beta: float) -> CousinConfig:
    """The settings that a variant can take over from DPO."""
    config = journey.recipe.dpo
    return CousinConfig(beta=beta, lr=config.lr, epochs=config.epochs, batch_size=config.batch_size)


def simpo(journey: Journey, policy: LanguageModel, votes: Preferences, beta: float) -> None:
    train_simpo(policy, votes, cousin_config(journey, beta), journey.rng("dpo"))


def orpo(journey: Journey, policy: LanguageModel, votes: Preferences, beta: float) -> None:
    train_orpo(policy, votes, cousin_config(journey, beta), journey.rng("dpo"))


def kto(journey: Journey, policy: LanguageModel, votes: Preferences, beta: float) -> None:
    """Both sides of every vote, as a thumb up and a thumb down."""
    thumbs = Thumbs(votes.prompts * 2, votes.chosen + votes.rejected, np.repeat([True, False], len(votes)))
    fit_thumbs(journey, policy, thumbs, beta)


def fit_thumbs(journey: Journey, policy: LanguageModel, thumbs: Thumbs, beta: float) -> None:
    train_kto(policy, frozen_copy(journey.model("sft")), thumbs, cousin_config(journey, beta), journey.rng("dpo"))


def online(journey: Journey, policy: LanguageModel, votes: Preferences, beta: float) -> None:
    """The reward model votes on pairs that the policy has just written: as many prompts as there are votes."""
    rng, score, r = journey.rng("online"), journey.scorer(), journey.recipe
    reference, config = frozen_copy(journey.model("sft")), replace(r.dpo, beta=beta)

    def label(question, a, b, rng):
        first, second = score(conversations([(question, a), (question, b)]))
        return int(np.sign(first - second))

    for _ in range(ROUNDS):
        asked = journey.world.prompts(rng, -(-len(votes) // ROUNDS), "train", r.mix)
        fresh = collect(policy, asked, label, rng, r.max_new_tokens)
        if len(fresh):  # a policy that always says the same writes no pairs
            train_dpo(policy, reference, fresh, config, rng, desc="online dpo")


METHODS = (
    Method("DPO", (0.3, 1.0, 3.0), 2, dpo()),
    Method("IPO", (0.03, 0.1, 0.3), 2, dpo(loss_type="ipo")),
    Method("hinge", (0.3, 1.0, 3.0), 2, dpo(loss_type="hinge")),
    Method("cDPO", (0.1, 0.3, 1.0), 2, dpo(label_smoothing=0.1)),
    Method("SimPO", (8.0, 32.0, 128.0), 1, simpo),
    Method("ORPO", (0.5, 2.0, 8.0), 1, orpo),
    Method("KTO", (1.0, 3.0, 10.0), 2, kto),
    Method("online DPO", (0.3, 1.0, 3.0), 3, online),
)
ON_VOTES = tuple(method for method in METHODS if method.fit is not online)  # it does not read the votes
NAMES = [method.name for method in METHODS]


def one_seed(recipe: Recipe, seed: int, folder: Path) -> Run:
    """Every method at its best beta, on all votes and on damaged ones -> plain data."""
    journey = Journey(control(recipe), seed, folder)
    votes, rng = journey.votes()[0], journey.rng("cousins")
    rows = {method.name: best(journey, method, votes, short=quick(recipe)) for method in METHODS}
    wrong, unequal = flipped(votes, rng), longer(votes)
    equal = votes[rng.permutation(len(votes))[: len(unequal)]]  # as many, for comparison
    run: Run = {
        "sft": asdict(evaluate_policy(journey, journey.model("sft"), journey.model("sft"))),
        "methods": {name: asdict(row) for name, row in rows.items()},
        "votes": {"all": len(votes), "unequal": len(unequal)},
    }
    for name, some in (("flipped", wrong), ("unequal", unequal), ("equal", equal)):
        run[name] = {method.name: again(journey, method, some, rows[method.name].beta) for method in ON_VOTES}
    policy = trainable_copy(journey.model("sft"))
    fit_thumbs(journey, policy, one_sided(votes, rng), rows["KTO"].beta)
    return run | {"unpaired": scores(journey, policy)}


def best(journey: Journey, method: Method, votes: Preferences, short: bool) -> Row:
    """Train with every beta, and measure the one with the most gold on the tuning questions on the report questions."""
    policies, tried, seconds = {}, {}, {}
    for beta in method.betas[1:2] if short else method.betas:
        start = time.perf_counter()
        policies[beta] = trainable_copy(journey.model("sft"))
        method.fit(journey, policies[beta], votes, beta)
        seconds[beta] = time.perf_counter() - start
        tried[beta] = float(answers_of(journey, policies[beta], SAMPLED, tuning_questions()).gold.mean())
    beta = max(tried, key=lambda beta: tried[beta])
    s = evaluate_policy(journey, policies[beta], journey.model("sft"))
    by_beta = {f"{beta:g}": gold for beta, gold in tried.items()}
    return Row(beta, by_beta, s.gold, s.gold_greedy, s.kl, s.length, seconds[beta], method.models)


def tuning_questions(n: int = 200) -> list[str]:
    """About n questions of the tuning list, evenly spaced."""
    questions = [prompt.text for prompt in prompt_lists()["tune"]]
    return questions[:: max(1, len(questions) // n)]


def again(journey: Journey, method: Method, votes: Preferences, beta: float) -> dict[str, float]:
    """The same method on other votes -> gold, kl and length."""
    policy = trainable_copy(journey.model("sft"))
    if len(votes):
        method.fit(journey, policy, votes, beta)
    return scores(journey, policy)


def scores(journey: Journey, policy: LanguageModel) -> dict[str, float]:
    s = evaluate_policy(journey, policy, journey.model("sft"))
    return {"gold": s.gold, "kl": s.kl, "length": s.length}


# ---------------------------------------------------------------------------------------- damaged votes
def flipped(votes: Preferences, rng: np.random.Generator, share: float = FLIPPED) -> Preferences:
    """The same votes, with a share of them reversed."""
    turned = np.zeros(len(votes), bool)
    turned[rng.permutation(len(votes))[: round(share * len(votes))]] = True
    sides = [(r, c) if turn else (c, r) for c, r, turn in zip(votes.chosen, votes.rejected, turned)]
    return Preferences(votes.prompts, [c for c, _ in sides], [r for _, r in sides], votes.tokenizer)


def longer(votes: Preferences, by: int = LONGER) -> Preferences:
    """The votes whose chosen answer is longer by at least this many characters."""
    return votes[[i for i in range(len(votes)) if len(votes.chosen[i].text) - len(votes.rejected[i].text) >= by]]


def one_sided(votes: Preferences, rng: np.random.Generator) -> Thumbs:
    """One side of every vote, chosen by a coin toss: as many answers as votes, and no two of them a pair."""
    good = rng.random(len(votes)) < 0.5
    answers = [c if up else r for c, r, up in zip(votes.chosen, votes.rejected, good)]
    return Thumbs(votes.prompts, answers, good, votes.tokenizer)


# ---------------------------------------------------------------------------------------- what all seeds say
def per_seed(runs: list[Run], method: str, name: str, votes: str = "methods") -> np.ndarray:
    """One number of every seed; votes: "methods" (all of them), "flipped", "unequal" or "equal"."""
    return np.array([run[votes][method][name] for run in runs])


def sft(runs: list[Run], name: str) -> np.ndarray:
    return np.array([run["sft"][name] for run in runs])


def best_of_several(runs: list[Run]) -> str:
    """What a method's beta is called: "best " where it was chosen from several."""
    return "best " * (len(runs[0]["methods"]["DPO"]["tried"]) > 1)


def claims(runs: list[Run]) -> list[Claim]:
    gains = {name: per_seed(runs, name, "gold") - sft(runs, "gold") for name in NAMES}
    losses = {m.name: per_seed(runs, m.name, "gold", "flipped") - per_seed(runs, m.name, "gold") for m in ON_VOTES}
    unpaired = np.array([run["unpaired"]["gold"] for run in runs]) - sft(runs, "gold")
    kinds = {"sums": ("DPO", "IPO", "hinge", "cDPO", "KTO"), "means": ("SimPO", "ORPO")}
    stretch = {
        kind: np.mean([per_seed(runs, n, "length", "unequal") - per_seed(runs, n, "length", "equal") for n in names], axis=0)
        for kind, names in kinds.items()
    }
    fresh = gains["online DPO"] > gains["DPO"]
    raised = np.all([gains[name] > 0 for name in NAMES], axis=0)
    return [
        Claim(
            f"each method raises gold above the SFT model's, at its own {best_of_several(runs)}beta",
            holds_in_most_seeds(raised),
            ", ".join(f"{name} {spread(gain)}" for name, gain in gains.items()),
            "SimPO has neither a reference nor an SFT loss: at DPO's learning rate it ends several nats away from the SFT "
            "model, and with fewer votes, so after fewer steps, it has more gold",
        ),
        Claim(
            "KTO does so without a single pair, from half as many answers",
            holds_in_most_seeds(unpaired > 0),
            f"{count_seeds(unpaired > 0)}: by {spread(unpaired)}, from both sides by {spread(gains['KTO'])}",
        ),
        Claim(
            "fresh pairs are worth more than old ones: online DPO ends above DPO",
            holds_in_most_seeds(fresh),
            f"{count_seeds(fresh)}: {spread(gains['online DPO'])} against {spread(gains['DPO'])}",
            "its pairs are labelled by a reward model, which makes errors; DPO's by the raters themselves",
        ),
        Claim(
            f"flipping a fifth of the votes costs every method gold, on average over the {len(runs)} seeds",
            all(loss.mean() < 0 for loss in losses.values()),
            ", ".join(f"{name} {spread(loss)}" for name, loss in losses.items()),
            "votes that contradict each other slow SimPO down, which otherwise goes too far",
        ),
        Claim(
            "if the chosen answer is always the longer one, all write more, most of all the methods without a mean over tokens",
            holds_in_most_seeds((stretch["means"] > 0) & (stretch["sums"] > stretch["means"])),
            f"more characters than from as many votes of any length: sums {spread(stretch['sums'], 1)}, "
            f"means {spread(stretch['means'], 1)}",
            "a mean over tokens keeps length out of SimPO's and ORPO's rewards, but the chosen answers are still the long ones",
        ),
    ]


def table(runs: list[Run]) -> list[str]:
    lines = ["            beta         gold               greedy    KL  chars  seconds  models"]
    for method in METHODS:
        betas = "/".join(f"{beta:g}" for beta in sorted({run["methods"][method.name]["beta"] for run in runs}))
        line = f"{method.name:<12}{betas:<11}{spread(per_seed(runs, method.name, 'gold')):<21}"
        cells = [per_seed(runs, method.name, name).mean() for name in ("gold_greedy", "kl", "length")]
        cells.append(np.median(per_seed(runs, method.name, "seconds")))  # other work on the machine spoils a mean
        lines.append(line + "{:7.2f}{:6.2f}{:7.1f}{:9.1f}".format(*cells) + f"{method.models:8d}")
    lines.append(f"{'SFT':<23}{spread(sft(runs, 'gold')):<21}{sft(runs, 'gold_greedy').mean():7.2f}")
    n = "{all} votes, {unequal} of them with a clearly longer chosen answer".format(**runs[0]["votes"])
    lines += ["", "gold         a fifth flipped      chosen longer        as many of any       chars"]
    for method in ON_VOTES:
        golds = [spread(per_seed(runs, method.name, "gold", votes)) for votes in ("flipped", "unequal", "equal")]
        lengths = [per_seed(runs, method.name, "length", votes).mean() for votes in ("unequal", "equal")]
        lines.append(f"{method.name:<13}" + "".join(f"{gold:<21}" for gold in golds) + "{:.1f}, {:.1f}".format(*lengths))
    unpaired = np.array([run["unpaired"]["gold"] for run in runs])
    return [*lines, f"KTO, no pairs, half as many answers: gold {spread(unpaired)}", f"(seed 0: {n})"]
