"""Scenes 3 and 4, what people prefer: pairs with their votes (preferences), and the reward model that predicts them."""

from collections import Counter
from typing import Any

import numpy as np

from ..autograd import no_grad
from ..batch import Response, conversations, prompt_ids
from ..figures.scenes import Answer, Candidates, LastLayer, Pair, RewardScene, ScoredPair, VotesScene
from ..generate import generate
from ..model import RewardModel
from ..reward import answer_likelihoods
from ..tokenizer import ALPHABET
from ..world import parse
from ..world.answers import parse_answer
from . import weights
from .fields import AGAIN, Fields, Missing
from .run import Run, Vote, gold, thin

TASTES = ("warmth", "length", "confidence", "agreement")
PAIRS, LONGEST = 40, 62  # shown of the votes, of at most so many characters
DUELS = 4  # pairs whose scores are seen to move
TRAIN, HELD_OUT = 600, 300  # of the votes, those whose features travel: at most 200 kB of a page at full size
L2 = 0.01  # keeps the optimum finite, where votes could be predicted without a mistake
CANDIDATES = 12  # answers among which the last layer chooses


def votes_scene(run: Run) -> VotesScene:
    """Real pairs of the run, what the raters said of them, and what the judge says."""
    votes, numbers = run.votes("train") + run.votes("held-out"), run.numbers
    if not votes:
        raise Missing(f"the run's vote files hold no votes; {AGAIN}")
    judged = [golds(vote) for vote in votes if parse(vote[0]) is not None]
    decided = [(chosen, rejected) for chosen, rejected in judged if abs(chosen - rejected) > 1e-9]
    return VotesScene(
        pairs=shown_pairs(run, votes),
        showcase=showcase_pairs(run),
        votes=len(votes),
        decided=len(decided),
        raters_right=float(np.mean([chosen > rejected for chosen, rejected in decided])) if decided else None,
        tastes={name: numbers.number("recipe", "tastes", name) for name in TASTES},
        own=numbers.flag("votes", "own"),
        class_votes=numbers.whole("votes", "train") if numbers.at("votes").value.get("of_class") is True else 0,
        friendlier=friendlier(votes),
    )


def friendlier(votes: list[Vote]) -> tuple[int, int]:
    """Votes on two answers that say the same, one of them with more polite phrases -> (those that it won, all of them)."""
    seen = [more for vote in votes if (more := politer(vote))]
    return sum(more > 0 for more in seen), len(seen)


def politer(vote: Vote) -> int:
    """How many more polite phrases the chosen of two answers has that say the same; 0 if they do not."""
    a, b = (parse_answer(side.text) for side in vote[1:])
    return a.polite - b.polite if a.statements == b.statements else 0


def golds(vote: Vote) -> tuple[float, float]:
    question, *sides = vote
    chosen, rejected = (gold(question, side.text, side.ended) for side in sides)
    return chosen, rejected


def shown_pairs(run: Run, votes: list[Vote]) -> list[Pair]:
    """One pair for each of some questions: short ones, if there are any, of which both answers ended.

    The second is one on which manners alone decided, if there is any.
    """
    short = [v for v in votes if v[1].ended and v[2].ended and max(len(v[1].text), len(v[2].text)) <= LONGEST]
    readable = list({vote[0]: vote for vote in short or votes}.values())
    rng = run.rng("votes")
    pairs, order = [], rng.permutation(len(readable)).tolist()
    manners = [i for i in order[1:] if politer(readable[i]) > 0][:1]
    order = [*order[:1], *manners, *(i for i in order[1:] if i not in manners)]
    for i in order[:PAIRS]:
        question, chosen, rejected = vote = readable[i]
        ended = bool(chosen.ended), bool(rejected.ended)
        pairs.append(Pair(question, chosen.text, rejected.text, ended, golds(vote), bool(rng.random() < 0.5)))
    return pairs


def showcase_pairs(run: Run, tries: int = 16) -> list[Pair]:
    """For each question that the story may follow, the first two sampled answers between which a rater has a preference."""
    rng, tastes = run.rng("showcase"), run.tastes()
    asked = [question for question in run.questions for _ in range(2 * tries)]
    said = generate(run.model("sft"), [prompt_ids(question) for question in asked], run.limit, 1.0, rng).responses()
    pairs: dict[str, Pair] = {}
    for question, a, b in zip(asked[0::2], said[0::2], said[1::2]):
        readable = a.text.strip() and b.text.strip() and "<" not in a.text + b.text  # "<": a special token, by name
        vote = run.world.vote(question, a, b, rng, tastes) if readable and a != b and question not in pairs else 0
        if vote:
            chosen, rejected = (a, b) if vote > 0 else (b, a)
            sides = bool(chosen.ended), bool(rejected.ended)
            judged = golds((question, chosen, rejected))
            pairs[question] = Pair(question, chosen.text, rejected.text, sides, judged, bool(rng.random() < 0.5))
    return list(pairs.values())


def reward_scene(run: Run) -> RewardScene:
    """How the scores of held-out pairs slide apart, from the snapshots of the reward model's training."""
    stage, votes, numbers = run.stage("reward"), run.votes("held-out"), run.numbers
    steps, chosen, rejected = scores_along(run, stage)
    watched = chosen.shape[1]
    if len(votes) < watched:
        raise Missing(f"votes-held-out.jsonl is not the file that the reward model was watched on; {AGAIN}")
    by_length = sorted(range(watched), key=lambda i: len(votes[i][1].text) + len(votes[i][2].text))
    pairs = duels(by_length, chosen[-1] < rejected[-1])
    return RewardScene(
        steps=steps,
        pairs=[
            ScoredPair(votes[i][0], votes[i][1].text, votes[i][2].text, rounded(chosen[:, i], rejected[:, i])) for i in pairs
        ],
        in_order=[round(float(np.mean((c > r) + 0.5 * (c == r))), 4) for c, r in zip(chosen, rejected)],
        watched=watched,
        loss=thin(stage.series("series", "loss")),
        accuracy=numbers.number("reward", "accuracy"),
        ceiling=numbers.number("reward", "ceiling"),
        held_out=numbers.whole("votes", "held_out"),
        last_layer=last_layer(run, pairs),
    )


def duels(by_length: list[int], wrong: np.ndarray) -> list[int]:
    """The pairs whose scores are seen to move: short ones, and among them one that is wrong at the end, if there is any."""
    short = by_length[: 2 * DUELS][::2] if len(by_length) >= 2 * DUELS else by_length[:DUELS]
    mistakes = [i for i in by_length if wrong[i]]
    return sorted(short if not mistakes or wrong[short].any() else [*short[:-1], mistakes[0]])


def last_layer(run: Run, shown: list[int]) -> LastLayer:
    """What the page needs to train the reward model's last layer anew, by itself."""
    held = run.votes("held-out")
    train, held_out = (
        [vote for vote in votes if readable(run, vote)][:most]
        for votes, most in ((run.votes("train"), TRAIN), (held, HELD_OUT))
    )
    if not train or not held_out:
        raise Missing(f"the run's files hold no votes that its reward model can read; {AGAIN}")
    chosen = features(run, [(question, a) for question, a, _ in train])
    rejected = features(run, [(question, b) for question, _, b in train])
    return LastLayer(
        width=chosen.shape[1],
        l2=L2,
        train=weights.as_text(chosen - rejected, np.float16),
        chosen=weights.as_text(features(run, [(question, a) for question, a, _ in held_out]), np.float16),
        rejected=weights.as_text(features(run, [(question, b) for question, _, b in held_out]), np.float16),
        shown=[held_out.index(held[i]) if held[i] in held_out else -1 for i in shown],
        candidates=[candidates(run, question) for question in run.questions],
    )


def readable(run: Run, vote: Vote) -> bool:
    """Has the reward model learned every character of a vote, and is it no longer than its context?"""
    question, *sides = vote
    model: Any = run.scorer().model
    room = model.config.context_length - len(question) - 3  # <user> question <bot> answer <eos>
    return all(set(question + side.text) <= set(ALPHABET) and 0 < len(side.text) <= room for side in sides)


def candidates(run: Run, question: str) -> Candidates:
    """The answers that the SFT model gives most often to a question, the most frequent first."""
    drawn = run.drawn()
    said = Counter(response for asked, response in zip(drawn.questions, drawn.responses) if asked == question)
    common = [response for response, _ in said.most_common() if response.text and "<" not in response.text][:CANDIDATES]
    if not common:
        raise Missing(f"the SFT model has no readable answer to {question!r}; {AGAIN}")
    found = weights.as_text(features(run, [(question, response) for response in common]), np.float16)
    return Candidates(question, [Answer(response.text, bool(response.ended)) for response in common], found)


def features(run: Run, pairs: list[tuple[str, Response]], rows_at_once: int = 64) -> np.ndarray:
    """phi, one row per pair: the hidden states of the reward model's trunk, pooled over the answer as its score is (C), and the
    mean and the least log-probability that its reference gives to the answer's tokens.
    """
    scorer, parts = run.scorer(), []
    model: Any = scorer.model
    for i in range(0, len(pairs), rows_at_once):
        batch = conversations(pairs[i : i + rows_at_once], model.config.context_length)
        with no_grad():
            hidden = model.trunk(batch.ids).data[:, 1:]  # (B, T-1, C): each answer token's own column, as the mask counts
        read = batch.mask if scorer.pooling == "mean" else batch.mask * (batch.mask[:, ::-1].cumsum(1)[:, ::-1] == 1)
        pooled = (hidden * read[:, :, None]).sum(1) / read.sum(1, keepdims=True)
        likely = [answer_likelihoods(model.reference, batch)] if isinstance(model, RewardModel) else []
        parts.append(np.concatenate([pooled, *likely], axis=1))
    return np.concatenate(parts)


def scores_along(run: Run, stage: Fields) -> tuple[list[int], np.ndarray, np.ndarray]:
    """The steps of the snapshots; scores of the chosen and of the rejected answers, (steps, watched)."""
    if stage.at("texts").value == []:
        raise Missing(f"this run kept no snapshots of the reward model's training; {AGAIN}")
    scorer, entries = run.scorer(), list(stage.items("texts"))
    sides = [[entry.numbers(side) for entry in entries] for side in ("chosen", "rejected")]
    if len({len(scores) for side in sides for scores in side}) > 1:
        raise Missing(f"curves.json lacks some of the scores that the reward model gave along the way; {AGAIN}")
    chosen, rejected = ((np.array(side) - scorer.mean) / scorer.std for side in sides)
    return [entry.whole("step") for entry in entries], chosen, rejected


def rounded(chosen: np.ndarray, rejected: np.ndarray) -> list[tuple[float, float]]:
    return [(round(float(c), 3), round(float(r), 3)) for c, r in zip(chosen, rejected)]
