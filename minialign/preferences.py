"""Two answers, one vote: comparing is easier than writing.

For each prompt the model writes two answers; a labeller (a function: a person, a simulated rater, another model) says
which is better, or that they are about the same.  A vote holds nothing else: no score, no reason.

Differences from InstructGPT: two answers per prompt instead of rankings of four to nine; pairs that are about the same, or
equal, are dropped.
"""

import json
from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from .batch import Response, check_fits, conversations, prompt_ids
from .checkpoint import atomically
from .checks import check_number
from .generate import generate
from .tokenizer import CHARACTERS, Tokenizer


@dataclass
class Preferences:
    """Votes: prompts[i] got two answers, and chosen[i] was preferred to rejected[i]."""

    prompts: list  # of str
    chosen: list  # of Response
    rejected: list  # of Response
    tokenizer: Tokenizer = CHARACTERS

    def __post_init__(self):
        if not len(self.prompts) == len(self.chosen) == len(self.rejected):
            numbers = len(self.prompts), len(self.chosen), len(self.rejected)
            raise ValueError("{} prompts need as many chosen and rejected answers, not {} and {}".format(*numbers))

    def __len__(self):
        return len(self.prompts)

    def __getitem__(self, rows):
        """Some votes.  rows: a slice, a list or array of indices, or one of booleans, a value for each vote."""
        rows = np.arange(len(self))[rows if isinstance(rows, slice) else list(rows)]
        columns = ([column[i] for i in rows] for column in (self.prompts, self.chosen, self.rejected))
        return Preferences(*columns, self.tokenizer)

    def batch(self, context_length=None):
        """Both sides as one Batch of 2N rows: all chosen, then all rejected.

        Raises ValueError for a pair of equal answers, from which nothing can be learned, for an answer without any token,
        and for what render() refuses.
        """
        for i, (chosen, rejected) in enumerate(zip(self.chosen, self.rejected)):
            if chosen == rejected:
                raise ValueError(f"chosen and rejected are the same answer in vote {i}")
            if ("", False) in (chosen, rejected):
                raise ValueError(f"an answer of vote {i} is empty, and has no end; leave that vote out")
        pairs = list(zip(self.prompts, self.chosen)) + list(zip(self.prompts, self.rejected))
        return conversations(pairs, context_length, self.tokenizer)


def collect(model, questions, label, rng, max_new_tokens=48, questions_at_once=128, tokenizer=CHARACTERS):
    """Sample two answers to each question at temperature 1, ask for a vote on each pair -> Preferences.

    label(question, first: Response, second: Response, rng) -> +1 first, -1 second, 0 about the same (dropped, as are
    identical pairs: they would teach nothing).
    Raises ValueError for any other vote, and for questions that leave no room for an answer in the context.
    """
    votes = Preferences([], [], [], tokenizer)
    for i in range(0, len(questions), questions_at_once):
        some = questions[i : i + questions_at_once]
        prompts = [prompt_ids(question, tokenizer) for question in some for _ in range(2)]
        answers = generate(model, prompts, max_new_tokens, 1.0, rng).responses(tokenizer)
        for question, a, b in zip(some, answers[0::2], answers[1::2]):
            unreadable = "<" in a.text + b.text  # a special token inside an answer, by name: no text to vote on
            vote = 0 if a == b or unreadable else label(question, a, b, rng)
            if vote not in (-1, 0, 1):  # NaN would count as a vote for the second
                raise ValueError(f"a vote must be +1, -1 or 0, not {vote!r}")
            if vote:
                votes.prompts.append(question)
                votes.chosen.append(a if vote > 0 else b)
                votes.rejected.append(b if vote > 0 else a)
    return votes


def split(votes, held_out, rng):
    """Split by prompt, so that no prompt is on both sides -> (training votes, held-out votes).

    held_out: the share of distinct prompts to hold out, from 0 to below 1; of two or more prompts each side gets at least one.
    """
    check_number("held_out", held_out, at_least=0, below=1)
    distinct = sorted(set(votes.prompts))
    n_hidden = max(1, min(round(held_out * len(distinct)), len(distinct) - 1))
    hidden = {distinct[i] for i in rng.permutation(len(distinct))[:n_hidden]}
    rows = range(len(votes))
    return (
        votes[[i for i in rows if votes.prompts[i] not in hidden]],
        votes[[i for i in rows if votes.prompts[i] in hidden]],
    )


def save_jsonl(votes, path):
    """One vote per line: prompt, chosen, rejected, and whether each answer ended by itself."""
    lines = [
        json.dumps({"prompt": p, "chosen": c, "rejected": r, "chosen_ended": bool(c_ended), "rejected_ended": bool(r_ended)})
        for p, (c, c_ended), (r, r_ended) in zip(votes.prompts, votes.chosen, votes.rejected)
    ]
    atomically(path, lambda file: file.write(("\n".join(lines) + "\n").encode()))


def load_jsonl(path, context_length=None, tokenizer=CHARACTERS):
    """Read votes; a line without the *_ended fields is taken as ended, and one that says "tie" or "skip" is no vote.

    Raises ValueError naming the line that is bad, or whose texts do not fit the context.
    """
    votes = Preferences([], [], [], tokenizer)
    with open(path, "rb") as file:
        start = file.read(4)
        if b"\0" in start or start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise ValueError(f"{path} is a UTF-16 file, as an old Windows shell writes it: save it as UTF-8")
        file.seek(0)
        lines = tqdm(file, desc="reading votes", unit=" lines", leave=False, disable=None, delay=1)
        for number, line in enumerate(lines, 1):
            try:
                vote = _read_vote(line, context_length, tokenizer) if line.strip() else None
            except UnicodeDecodeError:
                raise ValueError(f"{path}, line {number}: not a vote (not UTF-8: save the file as UTF-8)") from None
            except (ValueError, RecursionError) as problem:
                raise ValueError(f"{path}, line {number}: not a vote ({problem})") from None
            if vote:
                votes.prompts.append(vote[0])
                votes.chosen.append(vote[1])
                votes.rejected.append(vote[2])
    return votes


def _read_vote(line, context_length, tokenizer):
    """One line of JSON -> (prompt, chosen, rejected), or None for a tie or a skip.  Raises ValueError for anything else."""
    vote = json.loads(line)
    if not isinstance(vote, dict):
        raise ValueError("a line must be an object with prompt, chosen and rejected")
    prompt, *texts = (vote.get(name) for name in ("prompt", "chosen", "rejected"))
    if (said := vote.get("vote")) in ("tie", "skip"):
        if texts == [None, None]:
            return None
        raise ValueError(f"vote is {said!r}, but chosen or rejected has a text; delete the line, or make both null")
    if not all(isinstance(text, str) for text in (prompt, *texts)):
        raise ValueError("prompt, chosen and rejected are all needed, as texts")
    if not prompt.strip():
        raise ValueError("the prompt is empty")
    ended = [vote.get(name, True) for name in ("chosen_ended", "rejected_ended")]
    if not all(isinstance(e, bool) for e in ended):
        raise ValueError("chosen_ended and rejected_ended must be true or false, without quotation marks")
    chosen, rejected = map(Response, texts, ended)
    if chosen == rejected:
        raise ValueError("chosen and rejected are the same answer")
    for text in (prompt, *texts):
        if not tokenizer.characters.issuperset(text):
            tokenizer.encode(text)  # which says what is wrong with it
    for text, e in (chosen, rejected):
        if not text and not e:
            raise ValueError("an answer is empty")
        check_fits(len(prompt) + 2 + len(text) + e, context_length)  # <user> prompt <bot> text <eos>
    return prompt, chosen, rejected
