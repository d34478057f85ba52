"""Scenes 5 to 7, the policies: PPO on its leash (the KL penalty), how tight the leash should be, DPO and everybody."""

import numpy as np

from ..batch import Response
from ..figures import scenes as shown
from ..lab.instruments import gallery
from . import reweighting, weights
from .fields import AGAIN, Fields, Missing
from .hero import good_answer
from .race import race
from .run import Run, gold, thin

COMMON = 0.3  # words that so many of the overrated answers share are worth showing


def ppo_scene(run: Run) -> shown.PpoScene:
    """PPO on the leash of this run, and on every other leash that the cache holds."""
    histories = {run.kl_coef: run.stage("ppo")}
    for beta, stage in run.leashes().items():
        histories.setdefault(beta, Fields("the cache", stage.history.to_dict()))
    runs = [ppo_run(run, beta, history) for beta, history in sorted(histories.items())]
    return shown.PpoScene(runs, run.numbers.whole("recipe", "ppo", "rollouts"))


def ppo_run(run: Run, beta: float, history: Fields) -> shown.PpoRun:
    scores, kl = ([value for _, value in history.series("series", f"objective/{name}")] for name in ("scores", "kl"))
    if len(scores) != len(kl):
        raise Missing(f"{history.file} has scores and KLs of different lengths for PPO; {AGAIN}")
    scores, kl = ([round(value, 5) for value in values] for values in (scores, kl))
    return shown.PpoRun(beta, beta == run.kl_coef, ppo_texts(run, history), scores, kl)


def ppo_texts(run: Run, history: Fields) -> list[shown.ScoredAnswer]:
    """What the policy said along the way, sampled, with what PPO made of it, and the judge's score."""
    if history.at("texts").value == []:
        return []
    entries = [entry for entry in history.items("texts") if entry.text("how") == "sampled"]
    said = [(entry.text("question"), Response(entry.text("text"), entry.flag("ended"))) for entry in entries]
    return [
        shown.ScoredAnswer(
            step=entry.whole("step"),
            question=question,
            text=answer.text,
            ended=answer.ended,
            score=score,
            gold=gold(question, answer.text, answer.ended),
            **{name: entry.number(name) if name in entry.value else None for name in ("expected", "distance")},
        )
        for entry, (question, answer), score in zip(entries, said, run.proxy().of_texts(said))
    ]


def leash_scene(run: Run) -> shown.LeashScene:
    """The answers that the slider weighs, the places of the trained models, and the overrated answers."""
    questions, K, drawn = run.questions_to_weigh(), reweighting.ANSWERS, run.drawn()
    said = [response.text if response.ended else response.text + "..." for response in drawn.responses]
    number = {text: i for i, text in enumerate(dict.fromkeys(said))}
    shaped = drawn.proxy.reshape(-1, K), drawn.gold.reshape(-1, K)
    found, phrase = overrated(drawn)
    falls, worst = reweighting.falling(*shaped, reweighting.BETAS)
    return shown.LeashScene(
        questions=questions,
        texts=list(number),
        answers=K,
        index=weights.as_text([number[text] for text in said], np.uint16),
        proxy=weights.as_text(drawn.proxy, np.float32),
        gold=weights.as_text(drawn.gold, np.float32),
        betas=reweighting.BETAS,
        own=run.kl_coef,
        few=reweighting.FEW,
        curve=[reweighting.tilted(*shaped, beta) for beta in reweighting.BETAS],
        start=shown.Start(float(drawn.proxy.mean(dtype=float)), float(drawn.gold.mean(dtype=float))),
        dots=places(run, questions),
        gallery=found,
        phrase=phrase,
        falls=falls,
        worst=worst,
        good=good_answer(questions[worst]),
    )


def places(run: Run, questions: list[str]) -> list[shown.Place]:
    """Every trained policy that there is, in the picture of the slider, all sampled with the same seed."""
    own, dpo = run.kl_coef, run.numbers.number("recipe", "dpo", "beta")
    policies = [("ppo", own, True, run.model("ppo"))]
    policies += [("ppo", beta, False, stage.model) for beta, stage in run.leashes().items() if beta != own]
    policies += [("dpo", dpo, True, run.model("dpo"))]
    reference, proxy = run.model("sft"), run.proxy()
    return [
        shown.Place(name, beta, is_own, **reweighting.place(model, reference, proxy, questions, run.limit, run.rng("dots")))
        for name, beta, is_own, model in policies
    ]


def overrated(drawn: reweighting.Drawn, n: int = gallery.SIZE) -> tuple[list[shown.Overrated], shown.Phrase | None]:
    """The n answers that the reward model likes far beyond their worth, and what they share, if they share anything."""
    worst = gallery.harvest(drawn, drawn.proxy, drawn, drawn.proxy, n)
    ended = {response.text: bool(response.ended) for response in drawn.responses}
    found = [
        shown.Overrated(hack.question, hack.answer, ended[hack.answer], round(hack.proxy, 3), round(hack.gold, 3))
        for hack in worst
    ]
    shared = gallery.shared_phrase([hack.answer for hack in worst], [response.text for response in drawn.responses])
    if shared.here < COMMON or shared.here <= shared.there:
        return found, None
    return found, shown.Phrase(shared.phrase, shared.here, shared.there)


def dpo_scene(run: Run) -> shown.DpoScene:
    """DPO's curves, and all models side by side."""
    stage, numbers, names = run.stage("dpo"), run.numbers, run.policies
    board = {how: {name: board_row(numbers.at("scoreboard", how, name)) for name in names} for how in ("sampled", "greedy")}
    return shown.DpoScene(
        chosen=thin(stage.series("series", "delta/chosen")),
        rejected=thin(stage.series("series", "delta/rejected")),
        moved_chosen=numbers.number("dpo", "moved_chosen"),
        moved_rejected=numbers.number("dpo", "moved_rejected"),
        board=board,
        samples={name: answered(numbers, name) for name in names},
        seconds={name: numbers.number("timings", "training_seconds", name) for name in ("ppo", "dpo")},
        race=race(run.cache),
    )


def board_row(row: Fields) -> shown.BoardRow:
    return shown.BoardRow(row.number("gold"), row.number("win_rate"), row.number_or_none("kl"))


def answered(numbers: Fields, name: str) -> list[shown.Answered]:
    """The most probable answers of one model to the questions that all are shown with."""
    return [
        shown.Answered(sample.text("question"), sample.text("greedy"), sample.flag("greedy_ended"))
        for sample in numbers.items("samples", name)
    ]
