"""A verifier (RLVR): if a question has a right answer, a program can score it, without votes and without a reward model.

    r(x, y) = 1 if y ends and states what is true and nothing else, 0 if not;  0 wherever the verifier is silent

It checks known facts and sums, and is silent on all else: obscure and made-up names, how-tos, beliefs.  Polite phrases
are neither rewarded nor punished.  One of the two places where a policy is shown the truth instead of votes (the other:
ideal.py), which is what makes it RLVR (Lambert et al. 2024); all other training never asks the judge.

    exact       as above: "i do not know" earns the same as an error, 0
    penalising  the same, but -1 for a wrong answer: being wrong is worse than not knowing
    with_a_hole 1 if the true word occurs anywhere in the answer: what a hurried programmer writes
"""

from collections.abc import Callable

import numpy as np

from ...batch import Batch, Response, read_back
from ...checkpoint import frozen_copy, trainable_copy
from ...grpo import GRPOConfig, train_grpo
from ...history import History
from ...model import LanguageModel
from ...pipeline import Journey
from ...tokenizer import Tokenizer
from ...world import parse
from ...world.answers import parse_answer
from ...world.calculator import Calculator

CHECKED = ("known",)  # the kinds of question whose answers it can check
Score = Callable[[Batch], np.ndarray]


def states_the_truth(question: str, response: Response) -> bool | None:
    """True or False: the answer's value is right or wrong.  None: it states none, or the question is not checked.

    Several values are wrong, whatever they are: a list is not an answer.
    """
    prompt, parsed = parse(question), parse_answer(response.text)
    values = {said.value for said in parsed.statements if said.what == "value"}
    if prompt is None or prompt.kind not in CHECKED or not values:
        return None
    return prompt.truth in values and len(parsed.statements) == 1 and not parsed.unrecognised and response.ended


def exact(batch: Batch) -> np.ndarray:
    """1 for an answer that states the truth and nothing else, 0 for all others, (B,)."""
    return np.array([float(states_the_truth(*said) is True) for said in read_back(batch)])


def penalising(batch: Batch) -> np.ndarray:
    """1 for the truth, -1 for a wrong answer, 0 for "i do not know" and anything else that states no value, (B,)."""
    worth = {True: 1.0, False: -1.0, None: 0.0}
    return np.array([worth[states_the_truth(*said)] for said in read_back(batch)])


def with_a_hole(batch: Batch) -> np.ndarray:
    """1 where the true word occurs in the answer, whatever else it says, (B,)."""
    pairs = [(parse(question), response.text) for question, response in read_back(batch)]
    return np.array([float(prompt is not None and prompt.kind in CHECKED and prompt.truth in text) for prompt, text in pairs])


def sums(batch: Batch) -> np.ndarray:
    """1 where the calculator's display ends with the right result, with the working or without, (B,)."""
    calculator = Calculator()
    said = read_back(batch, Tokenizer(calculator.alphabet))
    return np.array([float(calculator.judge(*pair).helpful > 0) for pair in said])


def train_policy(journey: Journey, score: Score, config: GRPOConfig) -> tuple[LanguageModel, History]:
    """GRPO from this journey's SFT model, on training questions that the verifier can check -> policy, History."""
    rng, sft = journey.rng("verifier"), journey.model("sft")
    policy = trainable_copy(sft)
    questions = journey.world.prompts(rng, 2000, "train", dict.fromkeys(CHECKED, 1 / len(CHECKED)))
    history = train_grpo(policy, frozen_copy(sft), score, questions, config, rng, "verified", None, journey.tokenizer)
    return policy, history
