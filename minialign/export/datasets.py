"""What TRL trains on, as JSON lines in its conversational format: votes, demonstrations, and questions.

    {"prompt": [{"role": "user", ...}], "chosen": [{"role": "assistant", ...}], "rejected": [...]}        a vote
    {"prompt": [...], "completion": [...]}                                                         a demonstration
    {"prompt": [...]}                                                                                   a question

An answer that was cut off has `ended: false`, and the chat template then writes no <eos> behind it.
"""

import json
from pathlib import Path
from typing import Any

from ..batch import Response
from ..preferences import Preferences
from ..runs.folder import write_text


def asked(question: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": question}]


def answered(response: Response) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": response.text, "ended": response.ended}]


def write_votes(votes: Preferences, path: Path) -> None:
    """Preferences -> a preference dataset, in the same order."""
    rows = zip(votes.prompts, votes.chosen, votes.rejected)
    write_lines([{"prompt": asked(q), "chosen": answered(w), "rejected": answered(l)} for q, w, l in rows], path)


def write_demonstrations(pairs: list[tuple[str, str]], path: Path) -> None:
    """(question, answer) -> a prompt-completion dataset."""
    write_lines([{"prompt": asked(q), "completion": answered(Response(a, True))} for q, a in pairs], path)


def write_questions(questions: list[str], path: Path) -> None:
    """Questions -> a prompt-only dataset."""
    write_lines([{"prompt": asked(question)} for question in questions], path)


def write_lines(rows: list[dict[str, Any]], path: Path) -> None:
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows))
