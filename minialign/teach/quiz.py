"""The quizzes of the lessons: questions with three answers each, and for every answer why it is right or wrong.

lessons/quizzes/06.json     [{"question": ..., "right": 1, "options": [{"text": ..., "because": ..., "misconception": ...}]}]

A wrong option has the name of a misconception that people really have.  Numbers are exact, so that a question holds for
every seed.  Formulas are between $, as in the lessons.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from ..runs.errors import Problem
from ..runs.text import heading, paragraph
from .lesson_text import plain
from .shell import ask

LETTERS = "abcdef"


@dataclass(frozen=True)
class Option:
    text: str
    because: str  # why it is right, or why not
    misconception: str = ""  # in a few words; "" for the right one


@dataclass(frozen=True)
class Question:
    text: str
    options: list[Option]
    right: int  # which of them, from 0


def read_quiz(lessons: str | Path, number: int) -> list[Question]:
    """The quiz of lesson `number`, from the lessons' folder.  Raises Problem if it is missing or cannot be read."""
    path = Path(lessons) / "quizzes" / f"{number:02d}.json"
    if not path.exists():
        raise Problem(f"there is no quiz for lesson {number} in {path.parent}; say where the lessons are with --lessons DIR")
    try:
        items = json.loads(path.read_text(encoding="utf-8-sig"))
        questions = [Question(i["question"], [Option(**option) for option in i["options"]], i["right"]) for i in items]
        texts = [q.text for q in questions] + [said for q in questions for one in q.options for said in vars(one).values()]
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("questions and options must be texts")
    except (ValueError, LookupError, TypeError, RecursionError) as problem:
        raise Problem(f"{path} cannot be read as a quiz ({problem!r}); fix it, or download it again") from None
    for question in questions:
        right = [not option.misconception for option in question.options]
        if right != [which == question.right for which in range(len(right))]:
            raise Problem(f'in {path}, "{question.text[:40]}..." needs one right option, and a misconception for all others')
    return questions


def take(number: int, questions: list[Question]) -> None:
    """Ask the questions on the terminal, one after the other, and explain each answer.  Enter skips."""
    print(heading(f"Quiz of lesson {number}, {len(questions)} questions"))
    score = 0
    for which, question in enumerate(questions, 1):
        print("\n" + paragraph(f"{which}. {plain(question.text)}", hanging="   "))
        for letter, option in zip(LETTERS, question.options):
            print(paragraph(f"{letter}) {plain(option.text)}", "   ", "      "))
        guess = guess_of(LETTERS[: len(question.options)])
        score += guess == question.right
        print("\n".join(feedback(question, guess)), flush=True)
    print(f"\n== {score} of {len(questions)} right")


def guess_of(letters: str) -> int | None:
    """One of the letters, typed -> which, from 0; None if it is skipped."""
    while guess := ask("   your answer (Enter: skip)? "):
        if guess in tuple(letters):
            return letters.index(guess)
        print(f"   one of {', '.join(letters)}, please")
    return None


def feedback(question: Question, guess: int | None) -> list[str]:
    """The reply to a guess: the misconception, if it is wrong, and always why the right answer is right."""
    right = question.options[question.right]
    lines = []
    if guess is not None and guess != question.right:
        wrong = question.options[guess]
        lines = [
            paragraph(f'{LETTERS[guess]}) is the misconception "{wrong.misconception}". {plain(wrong.because)}', "   ", "   ")
        ]
    praise = "Right" if guess == question.right else f"Right is {LETTERS[question.right]}) {plain(right.text)}"
    return [*lines, paragraph(f"{praise}. {plain(right.because)}", "   ", "   ")]


def answers(questions: list[Question]) -> str:
    """All questions with all explanations, as text: for teachers."""
    lines = []
    for which, question in enumerate(questions, 1):
        lines += ["", paragraph(f"{which}. {plain(question.text)}", hanging="   ")]
        for n, (letter, option) in enumerate(zip(LETTERS, question.options)):
            verdict = "RIGHT" if n == question.right else f'misconception "{option.misconception}"'
            told = f"{letter}) {plain(option.text)}  [{verdict}] {plain(option.because)}"
            lines.append(paragraph(told, "   ", "      "))
    return "\n".join(lines).strip("\n")


def markdown(questions: list[Question]) -> str:
    """The quiz as Markdown with answers that unfold: the last cell of a lesson's notebook."""
    lines = ["## Quiz"]
    for which, question in enumerate(questions, 1):
        lines += ["", f"**{which}. {question.text}**", ""]
        for n, (letter, option) in enumerate(zip(LETTERS, question.options)):
            verdict = "Right." if n == question.right else f"No. The misconception: *{option.misconception}*."
            lines += [
                f"<details><summary>{letter}) {option.text}</summary>",
                "",
                f"{verdict} {option.because}",
                "",
                "</details>",
            ]
    return "\n".join(lines)
