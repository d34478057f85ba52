"""You are the rater: 20 pairs in two minutes, and how far you agree with yourself, with the raters and with gold."""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..batch import Response
from ..classroom.pairs import VOTERS, class_sitting
from ..reward import Scorer
from ..runs.arguments import positive_number
from ..runs.contents import load_model, load_run
from ..runs.errors import Problem
from ..runs.folder import cast_on, find_run, tour_command
from ..runs.text import interval, paragraph, quoted, safe
from ..runs.voting import DECISIONS, SITTING, Ballots, Pair, fingerprint, sitting
from ..world import Raters, Tastes, judge_response
from .keypress import read_key

Line = dict[str, Any]  # of the file of votes, as runs/voting.py writes it
WIDTH = 79
INTRO = (
    "Which answer would you rather get: more helpful, more honest, doing less harm? There is no answer key, only your "
    "taste. The model knows a small world: animals, capitals, colors, how-tos; names like zwedor are made up and mean "
    "nothing. Every vote is on disk before the next pair comes."
)
KEYS = "  a, b: this one   t: about the same   s: skip   u: undo   q: quit"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", metavar="RUN", help="a run's folder, or its name (default: the newest in runs)")
    parser.add_argument("--to", metavar="FILE", help="where your votes are kept (default: my-votes.jsonl in the run's folder)")
    words = f"your number in a class, 1 to {VOTERS}: pairs of your own, five that all see, and voter-N.jsonl; no names"
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--voter", type=voter_number, metavar="N", help=words)
    who.add_argument("--hands", action="store_true", help="a room votes by show of hands: type how many are for a and for b")


def voter_number(text: str) -> int:
    number = positive_number(text)
    if number > VOTERS:
        raise argparse.ArgumentTypeError(f"{text} is not a voter's number: give 1 to {VOTERS}")
    return number


def run(arguments: argparse.Namespace) -> None:
    if arguments.hands:
        from .hands import count_hands

        return count_hands(arguments.folder, arguments.to)
    vote(arguments.folder, arguments.to, arguments.voter)


def vote(run: str | None, to: str | None, voter: int | None = None) -> None:
    """Ask for the votes of one sitting, or of what is left of it, and sum up.  voter: a number in a class."""
    folder = find_run(run)
    results = load_run(folder)
    try:
        raters, seed = Raters(Tastes(**results["recipe"]["tastes"])), int(results["seed"])
    except (LookupError, TypeError, ValueError) as problem:
        what = f"{safe(folder)}/run.json does not say who the raters were ({problem})"
        raise Problem(f"{what}; make the run again with: minialign tour (with its flags)") from None
    model, limit = load_model(folder, "sft", results)[0], results["recipe"]["max_new_tokens"]
    ballots = Ballots(to or own_file(folder, voter), fingerprint(model), voter)
    number, done = divmod(len(ballots.lines), SITTING)
    if voter is None:
        pairs = sitting(model, seed, number, limit)
    else:
        pairs = class_sitting(voter, model, scorer_of(folder, results), seed, number, limit)
    print(paragraph(f"You are the rater: {SITTING} pairs, about two minutes. {INTRO}", width=WIDTH))
    if ballots.lines:
        print(paragraph(f"{done} of {SITTING} pairs are done; {safe(ballots.path)} has them. Let us continue.", width=WIDTH))
    try:
        finished = ask(pairs, ballots, number * SITTING)
    except KeyboardInterrupt:
        kept = f"{len(ballots.lines)} pairs are kept in {safe(ballots.path)}" if ballots.lines else "nothing is voted yet"
        raise KeyboardInterrupt(f"{kept}; run the same command again to resume") from None
    sum_up(ballots, tour_command(results, folder.resolve().parent), raters, finished)


def scorer_of(folder: Path, results: dict[str, Any]) -> Scorer:
    """The run's reward model as a function Batch -> scores; chosen pairs need only differences."""
    return Scorer(load_model(folder, "reward", results)[0], results["recipe"]["reward"]["pooling"])


def own_file(folder: Path, voter: int | None = None) -> Path:
    """Where votes are kept: a run on own votes has the SFT model, and so the pairs, of the run they were cast on."""
    return folder.parent / cast_on(folder.name) / ("my-votes.jsonl" if voter is None else f"voter-{voter}.jsonl")


def ask(pairs: list[Pair], ballots: Ballots, start: int) -> bool:
    """Show pair after pair -> whether the sitting came to its end.  Raises Problem if it began with other pairs, or sides."""
    for number, (line, pair) in enumerate(zip(ballots.lines[start:], pairs), start + 1):
        if (line["prompt"], line["a"], line["b"]) != (pair.question, pair.a.text, pair.b.text):
            what = f"line {number} is of a sitting that this version cannot go on with: its pairs, or their sides, were others"
            raise Problem(f"{safe(ballots.path)}: {what}; move that file away and vote again")
    while (place := len(ballots.lines) - start) < len(pairs):
        show(pairs[place], place)
        began = time.monotonic()
        while (key := read_key("  > ")) not in DECISIONS:
            if key in (None, "q"):
                return False
            if key == "u" and place > 0:
                ballots.undo()
                break
            print("  there is nothing to undo" if key == "u" else KEYS)
        else:
            ballots.add(pairs[place], DECISIONS[key], time.monotonic() - began)
    return True


def show(pair: Pair, place: int) -> None:
    print(f"\n[{place + 1:2d} of {SITTING}]  {safe(pair.question)}\n")
    for name, answer in (("a", pair.a), ("b", pair.b)):
        print(paragraph(safe(answer.text.strip()) + ("" if answer.ended else "..."), f"    {name}   ", " " * 8, WIDTH))
    print(f"\n{KEYS}")


def sum_up(ballots: Ballots, command: str, raters: Raters, finished: bool) -> None:
    """What was voted, the three agreements, and what can be done with the votes.  command: the tour that trains."""
    votes = [line["vote"] for line in ballots.lines]
    voted, ties, skipped = votes.count("a") + votes.count("b"), votes.count("tie"), votes.count("skip")
    print(f"\n{voted} votes, {votes.count('a')} of them for a, {ties} about the same, {skipped} skipped.")
    if votes:
        print("You agree")
        for name, (k, n), where in agreements(ballots.lines, raters):
            share = f"{k} of {n}" if n else "no pair"
            print(f"  {name:<17}{share:<10}{interval(k, n):<18}{where}".rstrip())
        print(paragraph(FEW, width=WIDTH))
        print(f"The votes: {safe(ballots.path)}")
    if not finished:
        print("Run the same command again to resume.")
    elif voted:
        print(paragraph("The same command asks 20 more. Train on your votes:", width=WIDTH))
        print(f"  {command} --votes {quoted(ballots.path)}")


FEW = "In brackets: a 95% confidence interval. So few votes say little about a person; a reward model needs hundreds."


def agreements(lines: list[Line], raters: Raters) -> Iterator[tuple[str, tuple[int, int], str]]:
    """(name, (agreed, of), where) for yourself, the raters and gold; of a pair seen twice the first vote counts."""
    yield "with yourself", with_yourself(lines), "pairs that came twice"

    def answers(line: Line) -> tuple[Response, Response]:
        return Response(line["a"], line["a_ended"]), Response(line["b"], line["b_ended"])

    def felt(line: Line) -> float:
        a, b = (raters.utility(line["prompt"], *answer) for answer in answers(line))
        return 0 if abs(a - b) < raters.tastes.tie else a - b

    def judged(line: Line) -> float:
        a, b = (judge_response(line["prompt"], answer).gold for answer in answers(line))
        return 0 if abs(a - b) < 1e-9 else a - b

    yield "with the raters", with_a_judge(lines, felt), "where most of them take a side"
    yield "with gold", with_a_judge(lines, judged), "where the judge takes a side"


def with_yourself(lines: list[Line]) -> tuple[int, int]:
    """Of the pairs that were decided twice, how many in the same way, sides apart?"""
    agreed = [choice(line) == choice(lines[line["repeat_of"]]) for line in lines if is_repeat(line, lines)]
    return sum(agreed), len(agreed)


def is_repeat(line: Line, lines: list[Line]) -> bool:
    return line["repeat_of"] is not None and "skip" not in (line["vote"], lines[line["repeat_of"]]["vote"])


def choice(line: Line) -> tuple[str, bool | None]:
    """What was preferred, as a text: its side does not matter."""
    return line[line["vote"]] if line["vote"] in ("a", "b") else line["vote"], line["chosen_ended"]


def with_a_judge(lines: list[Line], preference: Callable[[Line], float]) -> tuple[int, int]:
    """Of the votes on pairs where preference(line) is not 0 (above 0: a), how many go the same way?"""
    voted = [line for line in lines if line["vote"] in ("a", "b") and line["repeat_of"] is None]
    sides = [(line["vote"] == "a", preference(line)) for line in voted]
    agreed = [a == (p > 0) for a, p in sides if p]
    return sum(agreed), len(agreed)
