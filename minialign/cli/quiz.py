"""`minialign quiz N`: a few questions on a lesson, each answer explained; or all quizzes for a learning platform."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ..runs.arguments import whole_number
from ..runs.errors import Problem
from ..teach import qti, quiz


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("lesson", nargs="?", type=whole_number, metavar="N", help="the number of a lesson")
    parser.add_argument("--answers", action="store_true", help="ask nothing: print all answers, each with its explanation")
    parser.add_argument("--qti", metavar="FILE", help="write a QTI 2.1 package (.zip) instead, of lesson N or of all")
    parser.add_argument("--lessons", default="lessons", metavar="DIR", help="where the lessons are (default lessons)")


def run(arguments: Namespace) -> None:
    if arguments.qti:
        found = sorted(int(path.stem) for path in Path(arguments.lessons).glob("quizzes/[0-9][0-9].json"))
        numbers = [arguments.lesson] if arguments.lesson else found
        if not numbers:
            raise Problem(f"there are no quizzes in {arguments.lessons}; say where the lessons are with --lessons DIR")
        qti.write_package({n: quiz.read_quiz(arguments.lessons, n) for n in numbers}, arguments.qti)
        print(f"{arguments.qti}: QTI 2.1, the quizzes of {len(numbers)} lesson{'s' * (len(numbers) > 1)}")
        return
    if not arguments.lesson:
        raise Problem("which lesson? name one, for instance: minialign quiz 6")
    questions = quiz.read_quiz(arguments.lessons, arguments.lesson)
    if arguments.answers:
        print(quiz.answers(questions))
    else:
        quiz.take(arguments.lesson, questions)
