"""What a run is worth: the scoreboard on the report questions, and what happened in each stage, measured -> records."""

import json
import math
import os
import platform
import time
from collections import Counter

import numpy as np
from tqdm.auto import tqdm

from .. import __version__, cache, pipeline
from ..batch import Response
from ..evaluate import Answers, answer, best_of_n, continue_bare, row, sampled_kl
from ..exact import best_of_n_kl_bound
from ..functional import log_sigmoid
from ..models import MODELS, POLICIES, SPEAKERS, STAGES
from ..pipeline import Journey
from ..preferences import Preferences, collect
from ..reward import Scorer, calibration, pair_accuracy, reward_model_from, score_gaps
from .records import (
    BaseReport,
    DpoReport,
    Measured,
    Memory,
    PolicyGradientReport,
    Questions,
    RewardReport,
    Sample,
    Scoreboard,
    ScoreboardRow,
    SftReport,
    Timings,
    VotesReport,
)

SURE = 0.85  # of the votes


def ask(journey: Journey, name: str, questions: list[str], temperature: float) -> Answers:
    """One of the run's models answers -> Answers.  The base model gets each question bare, and continues it."""
    rng, limit = journey.rng(f"report {name}"), journey.recipe.max_new_tokens
    judge, tokenizer = journey.world.judge, journey.tokenizer
    if name == "best_of_n":
        n = journey.recipe.best_of
        return best_of_n(journey.model("sft"), journey.scorer(), questions, judge, n, rng, limit, tokenizer=tokenizer)
    speak = continue_bare if name == "base" else answer
    return speak(journey.model(name), questions, judge, temperature, rng, limit, tokenizer)


def scoreboard(journey: Journey, questions: list[str]) -> Scoreboard:
    """Every model on the same questions -> {"sampled" | "greedy": {model: row}}.  Best-of-n is only sampled."""
    board: Scoreboard = {}
    for how, temperature in (("sampled", 1.0), ("greedy", 0.0)):
        names = [name for name in (*SPEAKERS, *journey.extras) if temperature or name != "best_of_n"]
        said = {
            name: ask(journey, name, questions, temperature)
            for name in tqdm(names, desc=f"scoreboard, {how}", leave=False, disable=None)
        }
        board[how] = {name: board_row(journey, name, said[name], said["sft"], bool(temperature)) for name in names}
    return board


def board_row(journey: Journey, name: str, said: Answers, sft: Answers, sampled: bool) -> ScoreboardRow:
    """One model's row; its KL can be estimated only from sampled answers."""
    scores = row(said, sft, distance(journey, name, said) if sampled else None)
    return ScoreboardRow(**vars(scores), **vars(memory(journey, name)), behaviour=behaviour(journey, said))


def distance(journey: Journey, name: str, answers: Answers) -> float | None:
    """KL from the SFT model in nats per answer; None for the base model, which speaks another format."""
    if name == "base":
        return None
    if name == "best_of_n":
        return float(best_of_n_kl_bound(journey.recipe.best_of))
    return sampled_kl(journey.model(name), journey.model("sft"), answers)


def memory(journey: Journey, name: str) -> Memory:
    """The models that it takes to have this one train or answer."""
    reward_model = journey.model("reward")
    own = {"reward model": reward_model, "critic": reward_model.trunk}  # the critic's head has one number per channel
    parts = MODELS[name].in_memory
    models = [own.get(part, journey.model("sft")) for part in parts]
    size = sum(p.data.nbytes for model in models for p in model.parameters())
    return Memory(len(parts), round(size / 1e6, 3))


def behaviour(journey: Journey, answers: Answers) -> dict[str, float]:
    """What people would notice, as shares of answers; empty where the world does not define them."""
    return journey.world.behaviour(answers.verdicts) if hasattr(journey.world, "behaviour") else {}


def five_answers(journey: Journey, name: str) -> list[Sample]:
    """The same five questions for every model."""
    questions = list(journey.world.showcase)
    sampled, greedy = (ask(journey, name, questions, temperature).responses for temperature in (1.0, 0.0))
    return [Sample(q, s.text, s.ended, g.text, g.ended) for q, s, g in zip(questions, sampled, greedy)]


# ---------------------------------------------------------------------------------------- what happened in each stage
def base_report(journey: Journey) -> BaseReport:
    losses = journey.stage("base").history["loss"]
    return BaseReport(
        guessing=math.log(journey.recipe.model.vocab_size),
        first_loss=float(losses[0]),
        last_loss=float(losses[-20:].mean()),
        parameters=sum(p.data.size for p in journey.model("base").parameters()),
    )


def sft_report(journey: Journey) -> SftReport:
    losses = journey.stage("sft").history["loss"]
    return SftReport(float(losses[0]), float(losses[-20:].mean()))


def votes_report(journey: Journey, file: str | None = None, of_class: bool = False) -> VotesReport:
    """How many votes there are, and whose.

    file: where the user's own were read from, if they were.  of_class: what is_class says of it.
    """
    train, held_out = journey.votes()
    own = journey.own_votes is not None
    counts = journey.recipe.vote_prompts, len(train), len(held_out)
    return VotesReport(*counts, own, file, cache.digest(train), of_class) if own else VotesReport(*counts, own)


def is_class(file: str | None) -> bool:
    """Whether the votes of a file are of more than one voter (minialign votes merge, serve, vote --hands)."""
    if file is None:
        return False
    with open(file, encoding="utf-8-sig") as lines:
        voters = {number for line in lines if line.strip() and isinstance(number := json.loads(line).get("voter"), int)}
    return len(voters) > 1 or 0 in voters  # 0: a room's hands, which nobody tells apart


def ceiling(journey: Journey, votes: Preferences) -> float | None:
    """The best possible accuracy: even an oracle cannot predict the raters' noise.  None where the world does not define it."""
    if not hasattr(journey.world, "probability"):
        return None
    tastes = journey.recipe.tastes
    sides = zip(votes.prompts, votes.chosen, votes.rejected)
    p = np.array([journey.world.probability(question, c, r, tastes) for question, c, r in sides])
    return float(np.maximum(p, 1 - p).mean())


def sure_pairs(journey: Journey, questions: list[str], each: int = 4) -> Preferences | None:
    """Pairs of SFT answers in the order of nearly all raters: at least SURE of the votes would agree with it."""
    world, tastes = journey.world, journey.recipe.tastes
    if not hasattr(world, "probability"):
        return None

    def label(question: str, a: Response, b: Response, rng: np.random.Generator) -> int:
        p = world.probability(question, a, b, tastes)
        return int(p >= SURE) - int(p <= 1 - SURE)

    asked, limit = [question for question in questions for _ in range(each)], journey.recipe.max_new_tokens
    return collect(journey.model("sft"), asked, label, journey.rng("report sure"), limit, tokenizer=journey.tokenizer)


def contrast_report(journey: Journey, score: Scorer) -> dict[str, float]:
    """In how many of the pairs whose order is certain the better answer has the higher score, for each thing to know."""
    kinds = journey.world.contrasts() if hasattr(journey.world, "contrasts") else {}
    shares = {}
    for name, pairs in kinds.items():
        questions, *sides = ([pair[i] for pair in pairs] for i in range(3))
        better, worse = ([Response(text, True) for text in side] for side in sides)
        shares[name] = pair_accuracy(score_gaps(score, Preferences(questions, better, worse, journey.tokenizer)))
    return shares


def reward_report(journey: Journey) -> RewardReport:
    """How well the reward model predicts votes it never saw, beside the best accuracy possible."""
    recipe, votes = journey.recipe.reward, journey.votes()[1]
    score = Scorer(journey.model("reward"), recipe.pooling)
    untrained = reward_model_from(journey.model("sft"), journey.rng("reward"), recipe.likelihood_weights)  # as it started
    before, gaps = score_gaps(Scorer(untrained, recipe.pooling), votes), score_gaps(score, votes)
    sure, bins = sure_pairs(journey, journey.world.report_questions()), calibration(gaps)
    return RewardReport(
        first_loss=float(-log_sigmoid(before).data.mean()),
        last_loss=float(-log_sigmoid(gaps).data.mean()),
        first_accuracy=pair_accuracy(before),
        accuracy=pair_accuracy(gaps),
        ceiling=ceiling(journey, votes),
        sure_accuracy=pair_accuracy(score_gaps(score, sure)) if sure else None,
        contrasts=contrast_report(journey, score),
        ece=bins.pop("ece"),
        calibration={name: values.tolist() for name, values in bins.items()},
    )


def policy_gradient_report(journey: Journey, name: str) -> PolicyGradientReport:
    """Of PPO or another policy-gradient method: all of them log the same series."""
    history = journey.stage(name).history
    clipped = history["policy/clipfrac"]
    return PolicyGradientReport(
        first_ratio_error=float(history["policy/first_ratio_error"][0]),
        largest_first_ratio_error=float(history["policy/first_ratio_error"].max()),
        clip_fraction=float(clipped.mean()),
        largest_clip_fraction=float(clipped.max()),
        first_score=float(history["objective/scores"][0]),
        last_score=history.last("objective/scores", 3),
        last_kl=history.last("objective/kl", 3),
        kl_coef=float(history["objective/kl_coef"][-1]),
    )


def dpo_report(journey: Journey) -> DpoReport:
    history = journey.stage("dpo").history
    return DpoReport(
        first_loss=float(history["loss"][0]),
        last_loss=history.last("loss", 20),
        accuracy=history.last("rewards/accuracies", 20),
        margin=history.last("rewards/margins", 20),
        moved_chosen=history.last("delta/chosen", 20),
        moved_rejected=history.last("delta/rejected", 20),
        beta=journey.recipe.dpo.beta,
    )


# ---------------------------------------------------------------------------------------- all of it
def kind_of(journey: Journey, question: str) -> str:
    return journey.world.judge(question, Response("", True)).kind


def measure(journey: Journey, votes_file: str | None = None, of_class: bool = False) -> Measured:
    """Everything worth knowing about a run, the content of run.json.  The last two are told as votes_report has them."""
    began = time.perf_counter()
    questions = journey.world.report_questions()
    return Measured(
        seed=journey.seed,
        recipe=journey.recipe,
        code=cache.fingerprint(pipeline.__file__),
        versions={"minialign": __version__, "python": platform.python_version(), "numpy": np.__version__},
        questions=Questions(len(questions), dict(Counter(kind_of(journey, question) for question in questions))),
        scoreboard=scoreboard(journey, questions),
        base=base_report(journey),
        sft=sft_report(journey),
        votes=votes_report(journey, votes_file, of_class),
        reward=reward_report(journey),
        ppo=policy_gradient_report(journey, "ppo"),
        dpo=dpo_report(journey),
        extras={name: policy_gradient_report(journey, name) for name in journey.extras},
        samples={name: five_answers(journey, name) for name in (*POLICIES, *journey.extras)},
        timings=timings(journey, began),  # the last, so that it counts all of the measuring
    )


def timings(journey: Journey, began: float) -> Timings:
    """began: when measuring did, by time.perf_counter."""
    stages = {name: journey.in_memory[name] for name in (*STAGES, *journey.extras)}
    seconds = {name: stage.seconds for name, stage in stages.items()}
    speakers = (*SPEAKERS, *journey.extras)
    return Timings(
        date=time.strftime("%Y-%m-%d"),
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        seconds=seconds | {"measuring": time.perf_counter() - began},
        cached=[name for name, stage in stages.items() if stage.cached],
        training_seconds={name: sum(seconds[stage] for stage in MODELS[name].trained) for name in speakers},
        peak_memory_mb=peak_memory(),
    )


def peak_memory() -> float | None:
    """The most memory that this process has held, in MB; None where the system does not report it."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if platform.system() == "Darwin" else 1024) / 1e6, 1)  # bytes on a Mac, KiB elsewhere
