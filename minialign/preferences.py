"""Two answers, one vote: comparing is easier than writing.

For each prompt the model writes two answers; a labeller (a function: a person, a simulated rater, another model) says
which is better, or that they are about the same.  The votes know nothing else: no score, no reason.

Differences from InstructGPT: two answers per prompt instead of rankings of four to nine; pairs that are about the same, or
equal, are dropped.
"""

import json
from dataclasses import dataclass

from .batch import Response, conversations, prompt_ids
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

    def __len__(self):
        return len(self.prompts)

    def __getitem__(self, rows):
        columns = ([column[int(i)] for i in rows] for column in (self.prompts, self.chosen, self.rejected))
        return Preferences(*columns, self.tokenizer)

    def batch(self, context_length=None):
        """Both sides as one Batch of 2N rows: all chosen, then all rejected."""
        pairs = list(zip(self.prompts, self.chosen)) + list(zip(self.prompts, self.rejected))
        return conversations(pairs, context_length, self.tokenizer)


def collect(model, questions, label, rng, max_new_tokens=48, questions_at_once=128, tokenizer=CHARACTERS):
    """Sample two answers to each question at temperature 1, ask for a vote on each pair -> Preferences.

    label(question, first: Response, second: Response, rng) -> +1 first, -1 second, 0 about the same (dropped, as are
    identical pairs: they would teach nothing).
    """
    votes = Preferences([], [], [], tokenizer)
    for i in range(0, len(questions), questions_at_once):
        some = questions[i : i + questions_at_once]
        prompts = [prompt_ids(question, tokenizer) for question in some for _ in range(2)]
        answers = generate(model, prompts, max_new_tokens, 1.0, rng).responses(tokenizer)
        for question, a, b in zip(some, answers[0::2], answers[1::2]):
            unreadable = "<" in a.text + b.text  # a special token inside an answer, by name: no text to vote on
            vote = 0 if a == b or unreadable else label(question, a, b, rng)
            if vote:
                votes.prompts.append(question)
                votes.chosen.append(a if vote > 0 else b)
                votes.rejected.append(b if vote > 0 else a)
    return votes


def split(votes, held_out, rng):
    """Split by prompt, so that no prompt is on both sides -> (training votes, held-out votes).

    held_out: the share of distinct prompts to hold out, from 0 (which takes one) to below 1.
    """
    check_number("held_out", held_out, at_least=0, below=1)
    distinct = sorted(set(votes.prompts))
    hidden = {distinct[i] for i in rng.permutation(len(distinct))[: max(1, round(held_out * len(distinct)))]}
    rows = range(len(votes))
    return (
        votes[[i for i in rows if votes.prompts[i] not in hidden]],
        votes[[i for i in rows if votes.prompts[i] in hidden]],
    )


def save_jsonl(votes, path):
    """One vote a line: prompt, chosen, rejected, and whether each answer ended by itself."""
    lines = [
        json.dumps(
            {"prompt": p, "chosen": c.text, "rejected": r.text, "chosen_ended": c.ended, "rejected_ended": r.ended}
        )
        for p, c, r in zip(votes.prompts, votes.chosen, votes.rejected)
    ]
    atomically(path, lambda file: file.write(("\n".join(lines) + "\n").encode()))


def load_jsonl(path, context_length=None, tokenizer=CHARACTERS):
    """Read votes; a line without the *_ended fields is taken as ended, and one that says "tie" or "skip" is no vote.

    Raises ValueError naming the line that is bad, or whose texts do not fit the context.
    """
    votes = Preferences([], [], [], tokenizer)
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                vote = json.loads(line)
                prompt, chosen, rejected = vote["prompt"], vote["chosen"], vote["rejected"]
                if chosen is None and rejected is None and vote["vote"] in ("tie", "skip"):
                    continue
                if not all(isinstance(text, str) for text in (prompt, chosen, rejected)):
                    raise TypeError("prompt, chosen and rejected are texts")
                chosen = Response(chosen, vote.get("chosen_ended", True))
                rejected = Response(rejected, vote.get("rejected_ended", True))
                both = conversations([(prompt, chosen), (prompt, rejected)], context_length, tokenizer)  # of our alphabet, and fitting
                if not both.mask.any(1).all():
                    raise ValueError("an answer of no characters")
                votes.prompts.append(prompt)
                votes.chosen.append(chosen)
                votes.rejected.append(rejected)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
                raise ValueError(f"{path}, line {number}: not a vote ({problem!r})") from None
    return votes
