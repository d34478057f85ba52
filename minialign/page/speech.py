"""Scenes 1 and 2, what a model says: the base model goes on from questions; SFT teaches it to answer, and to stop."""

from ..figures.scenes import Along, Answer, BaseScene, Continued, SftScene
from ..generate import generate
from ..tokenizer import EOS, encode
from .fields import AGAIN, Fields, Missing
from .run import Run, gold, thin


def base_scene(run: Run, n: int = 3) -> BaseScene:
    """The base model goes on from each question n times."""
    model, numbers = run.model("base"), run.numbers
    prompts = [[EOS, *encode(question)] for question in run.questions for _ in range(n)]
    said = generate(model, prompts, run.limit, 1.0, run.rng("base")).responses()
    answers = [Answer(response.text, bool(response.ended)) for response in said]
    return BaseScene(
        rows=[Continued(question, answers[i * n : (i + 1) * n]) for i, question in enumerate(run.questions)],
        asks=numbers.number("base", "asks"),
        asked=numbers.whole("questions", "report"),
        first_loss=numbers.number("base", "first_loss"),
        last_loss=numbers.number("base", "last_loss"),
        guessing=numbers.number("base", "guessing"),
        parameters=numbers.whole("base", "parameters"),
    )


def sft_scene(run: Run) -> SftScene:
    """The same questions along SFT, from the snapshots that it took."""
    stage, numbers = run.stage("sft"), run.numbers
    steps, rows = along(stage)
    return SftScene(
        steps=steps,
        rows=rows,
        loss=thin(stage.series("series", "loss")),
        answers=numbers.number("sft", "answers"),
        asks=numbers.number("scoreboard", "sampled", "sft", "asks"),
    )


def along(stage: Fields) -> tuple[list[int], list[Along]]:
    """The steps of the snapshots, and of each question its answers at all of them."""
    if stage.at("texts").value == []:
        raise Missing(f"this run kept no snapshots of SFT; {AGAIN}")
    said: dict[str, dict[tuple[str, int], Answer]] = {}  # question -> (how, step) -> answer
    for entry in stage.items("texts"):
        answer = Answer(entry.text("text"), entry.flag("ended"))
        said.setdefault(entry.text("question"), {})[entry.text("how"), entry.whole("step")] = answer
    steps = sorted({step for answers in said.values() for _, step in answers})
    try:
        rows = [
            Along(
                question,
                greedy=[answers["greedy", step] for step in steps],
                sampled=[answers["sampled", step] for step in steps],
                gold=last_gold(question, answers),
            )
            for question, answers in said.items()
        ]
    except KeyError:
        raise Missing(f"curves.json lacks some of the answers that SFT gave along the way; {AGAIN}") from None
    return steps, rows


def last_gold(question: str, answers: dict[tuple[str, int], Answer]) -> float:
    """The judge's score of the last greedy answer.  Raises KeyError if there is none."""
    last = answers["greedy", max(step for _, step in answers)]
    return gold(question, last.text, last.ended)
