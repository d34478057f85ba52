"""Render a conversation as token ids, together with the mask that says which of them the model is trained on.

    <user> what does a cat say? <bot> it says meow. <eos> <pad> ...
      0    0 ...                  0    1 ...        1     0          the mask, one column to the left of its token

One grid for everything: column p of the mask (B, T-1), of the log-probabilities, values, rewards and advantages belongs
to the token at p+1, which the model predicts from the tokens up to p.  The EOS is inside the mask, all after it outside.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .arrays import same_shape
from .checks import check_count
from .tokenizer import BOT, CHARACTERS, EOS, PAD, USER


@dataclass
class Batch:
    ids: np.ndarray  # (B, T) right-padded with PAD
    mask: np.ndarray  # (B, T-1) float32, 1 where the token at p+1 is to be learned or judged

    def __post_init__(self):
        same_shape(ids_after_the_first=self.ids[:, 1:], mask=self.mask)

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, rows):
        """Some rows, without the columns that are padding in all of them.  rows: a slice or an index array."""
        ids, mask = self.ids[rows], self.mask[rows]
        used = (ids != PAD).any(0)
        used[1:] |= mask.any(0)  # a model may have written PAD itself: then it is part of the answer
        T = max(2, int(np.nonzero(used)[0].max(initial=0)) + 1)
        return Batch(ids[:, :T], mask[:, : T - 1])

    @property
    def lengths(self):
        """Number of tokens of each row up to the last masked one, (B,)."""
        ends = np.arange(2, self.ids.shape[1] + 1)  # column p of the mask belongs to the token at p + 1, where p + 2 tokens end
        return ((self.mask > 0) * ends).max(1, initial=0)


class Response(NamedTuple):
    """What a model wrote: the text, and whether it ended by itself (or was cut off)."""

    text: str
    ended: bool


def prompt_ids(question, tokenizer=CHARACTERS):
    """The ids after which an assistant answers: <user> question <bot>."""
    return [USER, *tokenizer.encode(question), BOT]


def render(question, answer, ended=True, tokenizer=CHARACTERS):
    """One conversation -> ids (T,), mask (T-1,).  Without `ended` there is no EOS: an unfinished thought.

    Raises ValueError for characters outside the alphabet, and for an `ended` like "false", which would count as true.
    """
    if not isinstance(ended, (bool, np.bool_)):
        raise ValueError(f"whether an answer has ended must be True or False, not {ended!r}")
    # eq: answer-mask
    prompt = prompt_ids(question, tokenizer)
    response = tokenizer.encode(answer) + ([EOS] if ended else [])
    return np.array(prompt + response), np.array([0.0] * (len(prompt) - 1) + [1.0] * len(response), dtype=np.float32)
    # end eq


def render_document(text, tokenizer=CHARACTERS):
    """One document of the pretraining corpus: <eos> text <eos>, every token to be learned."""
    ids = np.array([EOS, *tokenizer.encode(text), EOS])
    return ids, np.ones(len(ids) - 1, dtype=np.float32)


def collate(rows, context_length=None):
    """List of (ids (T,), mask (T-1,)) -> one right-padded Batch.  Raises ValueError rather than cut a row that is too long."""
    if not rows:
        raise ValueError("there is no text to make a batch of")
    T = max(len(ids) for ids, _ in rows)
    check_fits(T, context_length)
    batch = Batch(np.full((len(rows), T), PAD), np.zeros((len(rows), T - 1), dtype=np.float32))
    for b, (ids, mask) in enumerate(rows):
        same_shape(ids_after_the_first=ids[1:], mask=mask)
        batch.ids[b, : len(ids)] = ids
        batch.mask[b, : len(mask)] = mask
    return batch


def check_fits(n_tokens, context_length):
    """Raise ValueError for a text of more tokens than the context has, if there is one."""
    if context_length is not None and n_tokens > context_length:
        raise ValueError(f"a text of {n_tokens} tokens does not fit the context of {context_length}: shorten it")


def conversations(pairs, context_length=None, tokenizer=CHARACTERS):
    """List of (question, answer) or (question, Response) -> Batch."""
    rows = []
    for question, answer in pairs:
        text, ended = answer if isinstance(answer, Response) else (answer, True)
        rows.append(render(question, text, ended, tokenizer))
    return collate(rows, context_length)


def read_back(batch, tokenizer=CHARACTERS):
    """Batch -> list of (question, Response): `conversations`, the other way round.  Special tokens appear by name.

    Raises ValueError for a row without an answer.
    """
    if not np.any(batch.mask, axis=1).all():
        raise ValueError("a row without answer tokens is no conversation")
    said = []
    for ids, mask in zip(batch.ids, batch.mask):
        columns = np.nonzero(mask)[0] + 1  # column p of the mask belongs to the token at p + 1
        ended = bool(ids[columns[-1]] == EOS)
        question, answer = ids[1 : columns[0] - 1], ids[columns[: len(columns) - ended]]  # between <user> and <bot>
        said.append((tokenizer.decode(question), Response(tokenizer.decode(answer), ended)))
    return said


def minibatches(n, size, rng, lengths=None):
    """Yield index arrays that cover range(n) once, in random order; a smaller rest comes last.

    With `lengths`, rows of similar length share a minibatch (less padding): the order is shuffled, sorted within blocks
    of 16 minibatches, and the minibatches are shuffled again.
    """
    check_count("the number of rows", n)
    check_count("the size of a minibatch", size)
    if lengths is not None:
        same_shape(rows=np.arange(n), lengths=lengths)
    order = rng.permutation(n)
    if lengths is not None:
        block = 16 * size
        order = np.concatenate([b[np.argsort(lengths[b], kind="stable")] for b in np.split(order, range(block, n, block))])
    pieces = np.split(order, range(size, n, size))
    if lengths is not None:
        pieces = [pieces[i] for i in rng.permutation(len(pieces))]
    yield from pieces


def show(batch, row=0, colour=True, tokenizer=CHARACTERS):
    """One row as text in which the trained tokens are marked: green in a terminal, [in brackets] without colour."""
    open_, close = ("\x1b[32m", "\x1b[0m") if colour else ("[", "]")
    pieces = []
    for p, i in enumerate(batch.ids[row]):
        trained = p > 0 and batch.mask[row, p - 1] > 0
        name = tokenizer.decode([i])
        pieces.append(open_ + name + close if trained else name)
    return "".join(pieces).replace(close + open_, "")
