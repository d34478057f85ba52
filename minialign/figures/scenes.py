"""The shape of the seven scenes: what the page, its captions and its pictures are made from, one dataclass per scene.

A scene is plain data: numbers and texts that were measured in a run, or sampled from its models while the page is made.
The page's scripts get the same fields as JSON.  A series is a list of (step, value); a share is between 0 and 1; scores of
the reward model are in standard deviations of the SFT model's answers; KL is in nats per answer.
"""

from dataclasses import dataclass

Series = list[tuple[float, float]]


@dataclass(frozen=True)
class Absent:
    """Takes the place of a scene, or of the models: why there is nothing to show, and what to do about it."""

    missing: str


@dataclass(frozen=True)
class Answer:
    """What a model wrote; ended: with the end token (EOS), not because it reached the limit."""

    text: str
    ended: bool


@dataclass(frozen=True)
class Answered:
    question: str
    text: str
    ended: bool


# ------------------------------------------------------------------------------------------------ 1: the base model
@dataclass(frozen=True)
class Continued:
    question: str
    samples: list[Answer]


@dataclass(frozen=True)
class BaseScene:
    """asks: the share of the `asked` report questions that were continued with another question; losses in nats."""

    rows: list[Continued]
    asks: float
    asked: int
    first_loss: float
    last_loss: float
    guessing: float  # ln V, the loss of a uniform guess
    parameters: int


# ------------------------------------------------------------------------------------------------ 2: SFT
@dataclass(frozen=True)
class Along:
    """One question along the training: an answer of each kind after each of the scene's steps."""

    question: str
    greedy: list[Answer]
    sampled: list[Answer]
    gold: float  # of the last greedy answer


@dataclass(frozen=True)
class SftScene:
    """answers, asks: shares of the report questions that get an answer, or a question back, after the last step."""

    steps: list[int]
    rows: list[Along]
    loss: Series
    answers: float
    asks: float


# ------------------------------------------------------------------------------------------------ 3: votes
@dataclass(frozen=True)
class Pair:
    """ended, gold: of the chosen and of the rejected answer; swap: show the rejected one first."""

    question: str
    chosen: str
    rejected: str
    ended: tuple[bool, bool]
    gold: tuple[float, float]
    swap: bool


@dataclass(frozen=True)
class VotesScene:
    """raters_right: of the `decided` votes, those where gold differs, the share that went to the better answer."""

    pairs: list[Pair]
    showcase: list[Pair]  # two answers to a question that the story may follow, sampled and voted on when the page is made
    votes: int
    decided: int
    raters_right: float | None
    tastes: dict[str, float]  # warmth, length, confidence, agreement: what the simulated raters like
    own: bool  # the votes to train on are the user's own
    class_votes: int = 0  # so many of them, if they are a class's
    friendlier: tuple[int, int] = (0, 0)  # of the votes on answers that say the same, those that the friendlier won; how many


# ------------------------------------------------------------------------------------------------ 4: the reward model
@dataclass(frozen=True)
class ScoredPair:
    question: str
    chosen: str
    rejected: str
    scores: list[tuple[float, float]]  # of the chosen and the rejected answer, after each of the scene's steps


@dataclass(frozen=True)
class Candidates:
    """Answers that the SFT model often gives to one question, with what the reward model's trunk makes of each."""

    question: str
    answers: list[Answer]
    features: str  # float16 in base64, (answers, width)


@dataclass(frozen=True)
class LastLayer:
    """What the reward model's last layer reads (phi, of this width), from which the page trains that layer, w, anew.

    score = w . phi;  L = mean -log sigma(w . (phi_chosen - phi_rejected)) + l2 / 2 |w|^2  over the votes of `train`.
    All in base64, float16, row by row; a file of votes is thinned to what a page can carry.
    """

    width: int
    l2: float
    train: str  # differences, chosen minus rejected, (N, width)
    chosen: str  # of held-out votes, (M, width)
    rejected: str
    shown: list[int]  # which of the rows of held-out votes are RewardScene.pairs; -1: none, as it cannot be read
    candidates: list[Candidates]


@dataclass(frozen=True)
class RewardScene:
    """in_order: after each step, the share of the `watched` held-out pairs whose chosen answer has the higher score."""

    steps: list[int]
    pairs: list[ScoredPair]
    in_order: list[float]
    watched: int
    loss: Series
    accuracy: float  # share of all held-out votes that are predicted
    ceiling: float  # what it would be for an oracle that knows the raters, but not their noise
    held_out: int
    last_layer: LastLayer


# ------------------------------------------------------------------------------------------------ 5: PPO
@dataclass(frozen=True)
class ScoredAnswer:
    step: int
    question: str
    text: str
    ended: bool
    score: float | None  # None: a text that the reward model cannot read
    gold: float
    expected: float | None  # what the critic expected before the first character; None: an older run did not note it
    distance: float | None  # log pi - log ref of the answer, in nats


@dataclass(frozen=True)
class PpoRun:
    """One beta.  scores, kl: means over the answers of each iteration; own: the beta of this run."""

    beta: float
    own: bool
    texts: list[ScoredAnswer]
    scores: list[float]
    kl: list[float]


@dataclass(frozen=True)
class PpoScene:
    runs: list[PpoRun]
    rollouts: int


# ------------------------------------------------------------------------------------------------ 6: the leash
@dataclass(frozen=True)
class Tilted:
    """The best policy at one beta, means over the questions; effective = exp(entropy of the weights)."""

    beta: float
    proxy: float
    gold: float
    kl: float
    effective: float


@dataclass(frozen=True)
class Start:
    """The SFT model itself."""

    proxy: float
    gold: float


@dataclass(frozen=True)
class Place:
    """Where a trained model is in the same picture, on answers of its own."""

    name: str
    beta: float
    own: bool
    proxy: float
    gold: float
    kl: float


@dataclass(frozen=True)
class Overrated(Answered):
    """An answer that the reward model likes far beyond its worth."""

    proxy: float
    gold: float


@dataclass(frozen=True)
class Phrase:
    """Words that many overrated answers have (share), and few of all answers (usual)."""

    phrase: str
    share: float
    usual: float


@dataclass(frozen=True)
class LeashScene:
    """P questions with K answers each; index, proxy and gold hold P K values in base64, question by question."""

    questions: list[str]
    texts: list[str]
    answers: int  # K
    index: str  # uint16: which of the texts an answer is
    proxy: str  # float32
    gold: str  # float32
    betas: list[float]
    own: float  # the beta of this run
    few: int  # with fewer answers still in play than this the numbers mean little
    curve: list[Tilted]
    start: Start
    dots: list[Place]
    gallery: list[Overrated]
    phrase: Phrase | None
    falls: int = 0  # so many questions end with less truth than the SFT model's;
    worst: int = 0  # on this one it falls most,
    good: str = ""  # and this would be a good answer to it


# ------------------------------------------------------------------------------------------------ 7: DPO and everybody
@dataclass(frozen=True)
class BoardRow:
    """win_rate: against the SFT model; kl: None where there is none to measure."""

    gold: float
    win_rate: float
    kl: float | None


@dataclass(frozen=True)
class Race:
    """Where PPO, GRPO and DPO are after each of `steps`, in a world of a few answers, of which the best policy is known.

    start, best, rewards: per answer, the reference's probability, that of pi*, and the reward; runners: model -> per step ->
    per answer, a probability; distances: model -> per step, the total variation distance from pi*.
    """

    answers: list[str]
    beta: float
    steps: list[int]
    start: list[float]
    best: list[float]
    rewards: list[float]
    runners: dict[str, list[list[float]]]
    distances: dict[str, list[float]]


@dataclass(frozen=True)
class DpoScene:
    """chosen, rejected: log-probability against the SFT model, in nats; moved_...: its last value over all votes."""

    chosen: Series
    rejected: Series
    moved_chosen: float
    moved_rejected: float
    board: dict[str, dict[str, BoardRow]]  # "sampled" or "greedy" -> model -> row
    samples: dict[str, list[Answered]]  # model -> its most probable answers to the same few questions
    seconds: dict[str, float]  # model -> of training, with all that it needs after SFT and the votes
    race: Race


# ------------------------------------------------------------------------------------------------ around the scenes
@dataclass(frozen=True)
class Hero:
    """The question that the story follows: its place in the list of questions, and why this one."""

    index: int
    why: str


@dataclass(frozen=True)
class Guess:
    """Asked before a scene shows what it has; right: which option it is, or the nearest; told: what was measured."""

    ask: str
    options: list[str]
    right: int
    told: str
    nearest: bool = False


Scene = BaseScene | SftScene | VotesScene | RewardScene | PpoScene | LeashScene | DpoScene
Scenes = dict[str, Scene | Absent]  # in the order of the story
