"""The scoreboard: what did alignment change, and how far did it move the model?

Every model answers the same questions; a judge who is never shown to training (an argument here) says how helpful, honest
and harmless each answer is.  gold is the sum of these and of a score of style.

    win rate   share of questions on which an answer is judged better than the SFT model's, ties count one half
    KL         E over the model's own answers of  log pi(y|x) - log ref(y|x),  in nats per answer: the length of the leash
"""

from dataclasses import dataclass

import numpy as np

from .arrays import same_shape
from .batch import Batch, prompt_ids
from .checks import check_count, check_finite
from .generate import generate
from .likelihood import log_probs_array
from .tokenizer import CHARACTERS, EOS


@dataclass
class Answers:
    """What one model said to a list of questions, and what the judge says of it."""

    questions: list  # of str
    responses: list  # of Response
    verdicts: list  # of whatever judge(question, response) returns
    batch: Batch | None

    def mean(self, name):
        check_count("the number of answers", len(self.verdicts))
        return float(np.mean([getattr(v, name) for v in self.verdicts]))

    @property
    def gold(self):
        return np.array([v.gold for v in self.verdicts])  # (N,)


def answer(model, questions, judge, temperature, rng, max_new_tokens=48, tokenizer=CHARACTERS):
    """Ask an assistant each question, <user> question <bot> -> Answers."""
    samples = generate(model, [prompt_ids(q, tokenizer) for q in questions], max_new_tokens, temperature, rng)
    responses = samples.responses(tokenizer)
    return Answers(questions, responses, [judge(q, r) for q, r in zip(questions, responses)], samples.batch)


def continue_bare(model, questions, judge, temperature, rng, max_new_tokens=48, tokenizer=CHARACTERS):
    """Give a base model each question as the beginning of a document, and let it continue -> Answers."""
    samples = generate(model, [[EOS, *tokenizer.encode(q)] for q in questions], max_new_tokens, temperature, rng)
    responses = [r._replace(text=r.text.strip()) for r in samples.responses(tokenizer)]
    return Answers(questions, responses, [judge(q, r) for q, r in zip(questions, responses)], samples.batch)


def best_of_n(model, score, questions, judge, n, rng, max_new_tokens=48, questions_at_once=16, tokenizer=CHARACTERS):
    """Ask n times, keep the answer with the highest score -> Answers (without a batch).  No training, n times the work."""
    check_count("n", n)
    check_count("the number of questions", len(questions))
    responses = []
    for i in range(0, len(questions), questions_at_once):  # n answers to every question at once would not fit in memory
        some = questions[i : i + questions_at_once]
        prompts = [prompt_ids(question, tokenizer) for question in some for _ in range(n)]
        samples = generate(model, prompts, max_new_tokens, 1.0, rng)
        scores = np.asarray(score(samples.batch))
        same_shape(scores=scores, answers=samples.ended)
        check_finite("the score", scores)  # NaN would win
        best = scores.reshape(-1, n).argmax(1) + n * np.arange(len(some))
        everything = samples.responses(tokenizer)
        responses += [everything[row] for row in best]
    return Answers(questions, responses, [judge(q, r) for q, r in zip(questions, responses)], None)


def sampled_kl(model, reference, answers):
    """KL(pi || ref) estimated on the model's own sampled answers: mean over answers of the summed k1, in nats."""
    if answers.batch is None:
        raise ValueError("these answers were chosen among others, so they are no sample to estimate a KL from")
    ids, mask = answers.batch.ids, answers.batch.mask
    delta = log_probs_array(model, ids, mask) - log_probs_array(reference, ids, mask)
    return float(delta.sum(1).mean())


def win_rate(answers, others):
    """Share of questions on which `answers` are better than `others` by gold; a tie counts one half.

    Raises ValueError for numbers of answers that differ, for none at all, and for a gold that is not finite.
    """
    same_shape(answers=answers.gold, others=others.gold)
    check_count("the number of answers", len(answers.gold))
    check_finite("the gold", answers.gold)  # NaN would lose
    check_finite("the gold of the others", others.gold)
    difference = answers.gold - others.gold
    return float(np.mean((difference > 1e-9) + 0.5 * (np.abs(difference) <= 1e-9)))


def begins_with_question(text):
    """Is the first sentence of this continuation a question?"""
    ends = [text.index(mark) for mark in ".!?" if mark in text]
    return bool(ends) and text[min(ends)] == "?"


def answers_and_stops(response):
    """Did the model make a statement, ask nothing back, and end by itself?"""
    return response.ended and "?" not in response.text and response.text.rstrip()[-1:] in (".", "!")


@dataclass(frozen=True)
class Row:
    """One model's row of the scoreboard: means over its answers."""

    helpful: float
    honest: float
    harmless: float
    gold: float
    win_rate: float  # against the SFT model
    kl: float | None  # from the SFT model, nats per answer; None where it has no meaning
    answers: float  # share that states something, asks nothing, and ends
    asks: float  # share that begins with a question
    length: float  # characters


def row(answers, reference_answers, kl):
    """What a model said, and what the SFT model said to the same questions -> Row.  kl: nats, or None."""
    return Row(
        helpful=answers.mean("helpful"),
        honest=answers.mean("honest"),
        harmless=answers.mean("harmless"),
        gold=answers.mean("gold"),
        win_rate=win_rate(answers, reference_answers),
        kl=kl,
        answers=float(np.mean([answers_and_stops(r) for r in answers.responses])),
        asks=float(np.mean([begins_with_question(r.text) for r in answers.responses])),
        length=float(np.mean([len(r.text) for r in answers.responses])),
    )
