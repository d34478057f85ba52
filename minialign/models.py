"""One table of models: everything that the rest of the code wants to know about each of them, a row per model.

A row is a stage of the pipeline (base, SFT, votes, reward model, PPO, DPO), or something that answers without training of
its own (best of n).  To add a method: its own file, a row here, and a function in pipeline.py that trains it.
"""

from dataclasses import dataclass

# Okabe & Ito (2008): eight colours that colour-blind readers tell apart as well.
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILION, PURPLE, BLACK = "#0072B2", "#D55E00", "#CC79A7", "#000000"


@dataclass(frozen=True)
class Model:
    """One row: key in code, name in print, and what each part of the house asks."""

    key: str
    name: str
    upstream: str | None  # the stage that must be there before; None: it begins from nothing
    settings: tuple  # the fields of the Recipe that it reads
    in_memory: tuple = ()  # the models held at once while it trains (best of n: while it answers)
    trained: tuple = ()  # the stages whose seconds count, from the base model, or from the SFT model and its votes
    is_stage: bool = True  # has a function in pipeline.py, and files on disk
    speaks: bool = True  # answers questions, and has a row on the scoreboard
    optional: bool = False  # a policy that a plain tour does not make: minialign tour --with KEY does
    reads_votes: bool = False  # trains on the votes themselves: on one's own, if there are any
    colour: str = BLACK
    line: object = "-"  # Matplotlib's line style: no figure depends on colour alone
    marker: str = "o"  # Matplotlib's, where a model is a point
    ansi: int = 0  # the terminal's colour nearest to `colour`
    title: str = ""
    blurb: str = ""


TABLE = (
    Model(
        key="base",
        name="base",
        upstream=None,
        settings=("shipped_base", "model", "corpus_characters", "window", "base_steps", "base"),
        in_memory=("policy",),
        trained=("base",),
        colour=BLACK,
        line=":",
        title="The base model: a brilliant autocomplete",
        blurb="It reads a little internet and learns one thing only: which character comes next. Asked a question, it goes on "
        "as the internet does after a question: with more questions.",
    ),
    Model(
        key="sft",
        name="SFT",
        upstream="base",
        settings=("demonstrations", "sft_epochs", "sft", "replay_rows", "max_new_tokens"),  # the last for its snapshots
        in_memory=("policy",),
        trained=("sft",),
        colour=BLUE,
        marker="s",
        ansi=34,
        title="Supervised fine-tuning: answer, and stop",
        blurb="The same model imitates a few thousand demonstrations, good and bad ones, written by a mixed crowd. It is "
        "trained on the answers and on the end token (EOS) after them, not on the questions.",
    ),
    Model(
        key="votes",
        name="votes",
        upstream="sft",
        settings=("mix", "vote_prompts", "held_out_votes", "tastes", "max_new_tokens"),
        speaks=False,
        title="Votes: which of two answers is better?",
        blurb="The SFT model answers each prompt twice, and simulated raters choose: these are the preferences. Raters cannot "
        "check everything, they like friendly and long answers, and sometimes they slip.",
    ),
    Model(
        key="reward",
        name="reward model",
        upstream="votes",
        settings=("reward", "normalise_on", "max_new_tokens"),
        speaks=False,
        reads_votes=True,
        colour=PURPLE,
        title="The reward model: votes become a number",
        blurb="A copy of the SFT model learns to give every answer a score, so that the chosen answer of each pair has the "
        "higher one. Then it can judge answers nobody voted on.",
    ),
    Model(
        key="best_of_n",
        name="best of n",
        upstream="reward",
        settings=("best_of",),
        in_memory=("policy", "reward model"),
        trained=("reward",),
        is_stage=False,
        colour=ORANGE,
        line="-.",
        marker="P",
        ansi=33,
    ),
    Model(
        key="ppo",
        name="PPO",
        upstream="reward",
        settings=("critic_votes", "ppo"),
        in_memory=("policy", "reference", "reward model", "critic"),
        trained=("reward", "ppo"),
        colour=VERMILION,
        line="--",
        marker="^",
        ansi=31,
        title="PPO: try, score, improve, on a leash",
        blurb="The model answers, the reward model scores, and what scored above expectation becomes more probable. The leash "
        "is a KL penalty: every nat of distance from the SFT model costs beta.",
    ),
    Model(
        key="dpo",
        name="DPO",
        upstream="votes",
        settings=("dpo",),
        in_memory=("policy", "reference"),
        trained=("dpo",),
        reads_votes=True,
        colour=GREEN,
        line=(0, (6, 1, 1, 1, 1, 1)),
        marker="D",
        ansi=32,
        title="DPO: the shortcut",
        blurb="The same votes straight into the policy: no reward model, no sampling. The chosen answer of each pair is to "
        "gain on the rejected one, measured against the SFT model.",
    ),
    Model(
        key="grpo",
        name="GRPO",
        upstream="reward",
        settings=("grpo",),
        in_memory=("policy", "reference", "reward model"),
        trained=("reward", "grpo"),
        optional=True,
        colour=SKY,
        line=(0, (1, 1)),
        marker="v",
        ansi=36,
        title="GRPO: rivals instead of a critic",
        blurb="The model answers each question several times, and the reward model scores. What scored above its rivals, the "
        "other answers to the same question, becomes more probable: no critic has to say what was to be expected.",
    ),
)
MODELS = {model.key: model for model in TABLE}
STAGES = [row.key for row in TABLE if row.is_stage and not row.optional]  # in the order in which the tour makes them
SPEAKERS = [row.key for row in TABLE if row.speaks and not row.optional]  # the rows of the scoreboard
POLICIES = [name for name in SPEAKERS if MODELS[name].is_stage]  # those that have weights of their own
TRAINED = [name for name in STAGES if name != "votes"]  # the stages that leave a model behind
OPTIONAL = [row.key for row in TABLE if row.optional]  # in addition to all four lists, if they are asked for
NAMES = {row.key: row.name for row in TABLE if row.speaks}
