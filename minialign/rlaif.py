"""Feedback from written principles: a language model reads one principle and two answers, and says which is better.

    label       p(a is better | x) = sum over principles k of  w_k(x) sigma(d_k(x, a, b))  +  (1 - sum of w_k(x)) / 2
    weight      w_k = q_k (1 - q_1) ... (1 - q_(k-1)),        q_k = sigma(log P(yes | page) - log P(no | page))
    verdict     d = [d(a first) - d(b first)] / 2,            d(a first) = s(a) - s(b, read after a)
    opinion     s(y) = log [P / (1 - P)],                     P = P(the best sentence of y is next | page)

q_k says how much the principle applies to the question ("to steal a car is": wrong or fine?), and s how well an answer
follows it.  Both are the judge's own likelihoods, so its errors are its own.  Both answers are on one page, one after the
other; a position bias b enters both d as +b, and cancels in half their difference.

    critique    the principle that decides most, and s(y) under it: below 0 is a fault
    revise      the model writes again where there is a fault, and the better of the two is kept; then SFT on the result

Constitutional AI: Bai et al. 2022 (2212.08073).  RLAIF: Lee et al. 2023 (2309.00267).

Differences from the papers: no prompt with instructions, as this model has never read any: a principle names pages
that the model can complete, and sentences to look for (world/constitution.txt).  The judge decides which principle
counts; it is not drawn at random.  The logits of the two orders are averaged, not the probabilities (Lee et al.):
that removes an additive bias exactly.  A revision is another sample, not the first one rewritten.  Soft labels become
votes by drawing them, which has the soft loss as its mean.
"""

import re
from dataclasses import dataclass

import numpy as np

from .batch import collate, prompt_ids
from .checks import check_count, check_number
from .generate import generate
from .likelihood import log_probs_array
from .tokenizer import CHARACTERS, EOS

SAID = 3.0  # nats for a sentence that a principle asks for
NEGLIGIBLE = 0.01  # a weight too small to read pages for
SURE = 1e-6  # no probability is nearer to 1 than this: at 1 the odds are infinite


class Reader:
    """log P(continuation | page), where a page is the beginning of a document; results are cached."""

    def __init__(self, model, tokenizer=CHARACTERS):
        self.model, self.tokenizer, self.known, self.tokens = model, tokenizer, {}, 0

    def __call__(self, texts, rows_at_once=64):
        """List of (page, continuation) -> nats (N,).  Only the end of a page that is too long is read.

        Raises ValueError for a continuation that alone does not fit the context.
        """
        new = sorted(set(texts) - self.known.keys(), key=lambda text: (len(text[0]) + len(text[1]), text))
        for i in range(0, len(new), rows_at_once):
            rows = []
            for page, more in new[i : i + rows_at_once]:
                more = self.tokenizer.encode(" " + more)
                room = max(1, self.model.config.context_length - len(more))  # the first of more needs one before it
                page = [EOS, *self.tokenizer.encode(page)][-room:]
                mask = np.array([0] * (len(page) - 1) + [1] * len(more), np.float32)
                rows.append((np.array(page + more), mask))
            batch = collate(rows)
            nats = log_probs_array(self.model, batch.ids, batch.mask).sum(1)
            self.known.update(zip(new[i : i + rows_at_once], nats.tolist()))
            self.tokens += int(batch.lengths.sum())
        return np.array([self.known[text] for text in texts])


@dataclass
class Labels:
    """The judge's labels of N pairs: the probability that the first answer is the better one."""

    p: np.ndarray  # (N,), from both orders
    orders: np.ndarray  # (2, N), p from one order alone: the first answer read first, and read second

    @property
    def consistent(self):
        """Share of pairs on which both orders agree."""
        return float(np.mean(self._winners[0] == self._winners[1]))

    @property
    def first_wins(self):
        """Share of readings in which the answer that was read first wins, ties one half; 1/2 without a position bias."""
        return float(0.5 + 0.5 * np.mean([self._winners[0], -self._winners[1]]))

    @property
    def _winners(self):
        """In each order: 1 the first answer, -1 the second, 0 undecided but for rounding, (2, N)."""
        return np.sign((self.orders - 0.5).round(9))


class Judge:
    """At least one principle, and a language model that reads: read([(page, continuation), ...]) -> log-probabilities (N,)."""

    def __init__(self, read, principles):
        self.read, self.principles = read, list(principles)
        check_count("the number of principles", len(self.principles))

    def weights(self, questions):
        """The weight of each principle -> (K, N); what is missing from a sum of 1 is left undecided."""
        left, weights = np.ones(len(questions)), []
        for principle in self.principles:
            subjects = [principle.subject(question) for question in questions]
            counts = principle.share * np.array([subject is not None for subject in subjects], float)
            if principle.when:
                page, yes, no = principle.when
                pages = {i: page.replace("{}", s) for i, s in enumerate(subjects) if s is not None}
                nats = [self.read([(page, answer) for page in pages.values()]) for answer in (yes, no)]
                counts[list(pages)] *= sigmoid(nats[0] - nats[1])
            weights.append(left * counts)
            left = left * (1 - counts)
        return np.array(weights)

    def opinions(self, principle, questions, answers, after=None):
        """s(y) under one principle -> nats (N,).  after: answers that are read first, on the same page."""
        nats = np.array([SAID * sum(s in a for s in principle.say) for a in answers], float)
        if principle.short:
            nats -= [len(answer) / principle.short for answer in answers]
        subjects = [principle.subject(question) for question in questions]
        for page, sign in ((principle.like, 1), (principle.avoid, -1)):
            if page:
                pages = [page.replace("{}", subject) for subject in subjects]
                if after is not None:
                    others = self._best(pages, after)[1]
                    pages = [f"{page} {other} {page}" for page, other in zip(pages, others)]
                odds = self._best(pages, answers)[0]
                if sign > 0 and principle.unsure:
                    odds = np.where([principle.unsure in answer for answer in answers], 0, odds)
                nats += sign * odds
        return nats

    def _best(self, pages, answers):
        """The sentence of each answer that would best come next on its page -> (log-odds (N,), sentences)."""
        cut = [sentences(answer) for answer in answers]
        nats = iter(self.read([(page, sentence) for page, some in zip(pages, cut) for sentence in some]))
        best = [max((next(nats), sentence) for sentence in some) for some in cut]
        log_p = np.minimum([nats for nats, _ in best], -SURE)
        return log_p - np.log(-np.expm1(log_p)), [sentence for _, sentence in best]

    def labels(self, questions, a, b):
        """Which is better, a or b (lists of N texts)?  -> Labels."""
        weights = self.weights(questions)
        p = np.tile(0.5 * (1 - weights.sum(0)), (3, 1))  # from a first, from b first, from both
        # eq: both-orders
        for principle, weight in zip(self.principles, weights):
            rows = np.flatnonzero(weight > NEGLIGIBLE)
            asked, first, second = ([texts[i] for i in rows] for texts in (questions, a, b))
            # The second is negated, so that both favour a; the rows of p: a first, b first, both.
            d = self.compare(principle, asked, first, second), -self.compare(principle, asked, second, first)
            p[:, rows] += weight[rows] * sigmoid(np.array([d[0], d[1], (d[0] + d[1]) / 2]))
            p[:, weight <= NEGLIGIBLE] += 0.5 * weight[weight <= NEGLIGIBLE]
        # end eq
        return Labels(p[2], p[:2])

    def compare(self, principle, questions, first, second):
        """Both answers on one page, in this order: d > 0 where the first is better -> nats (N,)."""
        return self.opinions(principle, questions, first) - self.opinions(principle, questions, second, after=first)

    def critique(self, questions, answers):
        """Score each answer by the principle with the largest weight -> (which one (N,), s(y) (N,)); below 0: a fault."""
        weights, nats = self.weights(questions), np.zeros(len(questions))
        which = weights.argmax(0)
        for k, principle in enumerate(self.principles):
            rows = np.flatnonzero((which == k) & (weights[k] > NEGLIGIBLE))
            nats[rows] = self.opinions(principle, [questions[i] for i in rows], [answers[i] for i in rows])
        return which, nats


def revise(model, judge, questions, rounds, rng, max_new_tokens=48):
    """Answer; then, `rounds` times, write again where the judge finds fault, and keep the better -> rounds + 1 lists of
    Response."""
    check_count("the number of rounds", rounds, at_least=0)
    current = _write(model, questions, max_new_tokens, rng)
    versions = [current]
    _, nats = judge.critique(questions, [response.text for response in current])
    for _ in range(rounds):
        current, faulty = list(current), np.flatnonzero(nats < 0)
        asked = [questions[i] for i in faulty]
        new = _write(model, asked, max_new_tokens, rng) if asked else []
        for i, response, value in zip(faulty, new, judge.critique(asked, [r.text for r in new])[1]):
            if value > nats[i]:
                current[i], nats[i] = response, value
        versions.append(current)
    return versions


def _write(model, questions, max_new_tokens, rng):
    """One answer to each question, in readable characters: special tokens by name are left out."""
    responses = generate(model, [prompt_ids(q) for q in questions], max_new_tokens, 1.0, rng).responses()
    return [response._replace(text=re.sub("<[a-z]+>", "", response.text)) for response in responses]


def draw_votes(p, rng, tie=0.1):
    """Soft labels (N,) -> votes: +1 with probability p, else -1; 0 (about the same) within `tie` of even -> (N,) ints.

    Raises ValueError for a p outside 0 to 1, and for a tie outside 0 to .5.
    """
    p = np.asarray(p)
    check_number("tie", tie, at_least=0, at_most=0.5)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("soft labels must be probabilities, from 0 to 1")
    votes = np.where(rng.random(len(p)) < p, 1, -1)
    return np.where(np.abs(p - 0.5) < tie, 0, votes)


def sentences(text):
    """Cut after each . ! and ?"""
    return re.findall(r"[^.!?\s][^.!?]*[.!?]*", text) or [text]


def sigmoid(x):
    return 0.5 * (1 + np.tanh(x / 2))
