"""Scenes 3 and 4, what people prefer: pairs with their votes (preferences), and the reward model that predicts them."""

import numpy as np

from ..figures.scenes import Pair, RewardScene, ScoredPair, VotesScene
from ..world import parse
from .fields import AGAIN, Fields, Missing
from .run import Run, Vote, gold, thin

TASTES = ("warmth", "length", "confidence", "agreement")
PAIRS, LONGEST = 40, 62  # shown of the votes, of at most so many characters
DUELS = 7  # pairs whose scores are seen to move


def votes_scene(run: Run) -> VotesScene:
    """Real pairs of the run, what the raters said of them, and what the judge says."""
    votes, numbers = run.votes("train") + run.votes("held-out"), run.numbers
    if not votes:
        raise Missing(f"the run's vote files hold no votes; {AGAIN}")
    judged = [golds(vote) for vote in votes if parse(vote[0]) is not None]
    decided = [(chosen, rejected) for chosen, rejected in judged if abs(chosen - rejected) > 1e-9]
    return VotesScene(
        pairs=shown_pairs(run, votes),
        votes=len(votes),
        decided=len(decided),
        raters_right=float(np.mean([chosen > rejected for chosen, rejected in decided])) if decided else None,
        tastes={name: numbers.number("recipe", "tastes", name) for name in TASTES},
        own=numbers.flag("votes", "own"),
    )


def golds(vote: Vote) -> tuple[float, float]:
    question, *sides = vote
    chosen, rejected = (gold(question, side.text, side.ended) for side in sides)
    return chosen, rejected


def shown_pairs(run: Run, votes: list[Vote]) -> list[Pair]:
    """One pair for each of some questions: short ones, if there are any, of which both answers ended."""
    short = [v for v in votes if v[1].ended and v[2].ended and max(len(v[1].text), len(v[2].text)) <= LONGEST]
    readable = list({vote[0]: vote for vote in short or votes}.values())
    rng = run.rng("votes")
    pairs = []
    for i in rng.permutation(len(readable))[:PAIRS]:
        question, chosen, rejected = vote = readable[i]
        ended = bool(chosen.ended), bool(rejected.ended)
        pairs.append(Pair(question, chosen.text, rejected.text, ended, golds(vote), bool(rng.random() < 0.5)))
    return pairs


def reward_scene(run: Run) -> RewardScene:
    """How the scores of held-out pairs slide apart, from the snapshots of the reward model's training."""
    stage, votes, numbers = run.stage("reward"), run.votes("held-out"), run.numbers
    steps, chosen, rejected = scores_along(run, stage)
    watched = chosen.shape[1]
    if len(votes) < watched:
        raise Missing(f"votes-held-out.jsonl is not the file that the reward model was watched on; {AGAIN}")
    by_length = sorted(range(watched), key=lambda i: len(votes[i][1].text) + len(votes[i][2].text))
    return RewardScene(
        steps=steps,
        pairs=[
            ScoredPair(votes[i][0], votes[i][1].text, votes[i][2].text, rounded(chosen[:, i], rejected[:, i]))
            for i in sorted(by_length[: 2 * DUELS][::2] if watched >= 2 * DUELS else by_length[:DUELS])
        ],
        in_order=[round(float(np.mean((c > r) + 0.5 * (c == r))), 4) for c, r in zip(chosen, rejected)],
        watched=watched,
        loss=thin(stage.series("series", "loss")),
        accuracy=numbers.number("reward", "accuracy"),
        ceiling=numbers.number("reward", "ceiling"),
        held_out=numbers.whole("votes", "held_out"),
    )


def scores_along(run: Run, stage: Fields) -> tuple[list[int], np.ndarray, np.ndarray]:
    """The steps of the snapshots; scores of the chosen and of the rejected answers, (steps, watched)."""
    if stage.at("texts").value == []:
        raise Missing(f"this run is older than snapshots, and the reward model took none; {AGAIN}")
    scorer, entries = run.scorer(), list(stage.items("texts"))
    sides = [[entry.numbers(side) for entry in entries] for side in ("chosen", "rejected")]
    if len({len(scores) for side in sides for scores in side}) > 1:
        raise Missing(f"curves.json lacks some of the scores that the reward model gave along the way; {AGAIN}")
    chosen, rejected = ((np.array(side) - scorer.mean) / scorer.std for side in sides)
    return [entry.whole("step") for entry in entries], chosen, rejected


def rounded(chosen: np.ndarray, rejected: np.ndarray) -> list[tuple[float, float]]:
    return [(round(float(c), 3), round(float(r), 3)) for c, r in zip(chosen, rejected)]
