"""What each scene says of this run: sentences computed from its numbers, so true of it whatever they are."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..figures import scenes as shown
from ..models import MODELS, NAMES
from ..runs.text import decimal
from .loosened import loosened

PUBLISHED = "in the laboratory its truth ended below SFT in 4 of 5 seeds (docs/results.md)"  # a test reads it there
LIKES = {"warmth": "friendly", "length": "long", "confidence": "confident", "agreement": "agreeing"}


@dataclass(frozen=True)
class Told:
    """A sentence, and what it gives away: "gold" or nothing (see `hide` on the page)."""

    text: str
    tells: str = ""


def captions(scenes: shown.Scenes) -> dict[str, str]:
    """One text for each scene; for a missing one, why, and what to do about it."""
    absent = shown.Absent
    return {key: sentence(s.missing) if isinstance(s, absent) else SAY[key](s) for key, s in scenes.items()}


def because(scenes: shown.Scenes) -> dict[str, list[Told]]:
    """The sentences that a scene needs on itself, before its details, to be understood in this run; most need none."""
    return {key: [] if isinstance(s, shown.Absent) or key not in WHY else WHY[key](s) for key, s in scenes.items()}


def closing(scenes: shown.Scenes) -> list[Told]:
    """The end of the story: what has changed from the base model to the last ones, in this run's own numbers."""
    base, everybody = scenes["base"], scenes["dpo"]
    if not isinstance(base, shown.BaseScene) or not isinstance(everybody, shown.DpoScene):
        return [Told("This run lacks the numbers that would sum it up.")]
    gold = {name: signed(row.gold) for name, row in everybody.board["sampled"].items()}
    sft = scenes["sft"]
    then = f"; after SFT it answers {sft.answers:.0%} of them" if isinstance(sft, shown.SftScene) else ""
    return [
        Told(f"At the start, this run's model met {base.asks:.0%} of {base.asked} new questions with another question{then}."),
        Told(
            f"The mean truth of its answers: {gold['base']} at the start, {gold['sft']} after SFT, {gold['ppo']} after PPO, "
            f"{gold['dpo']} after DPO.",
            "gold",
        ),
    ]


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def signed(x: float) -> str:
    """+0.25, -1.30, 0.00."""
    return ("+" if round(x, 2) > 0 else "") + decimal(x)


def base(s: shown.BaseScene) -> str:
    return (
        f"The base model continued {s.asks:.0%} of {s.asked} report questions with another question. While it read, its loss "
        f"fell from {s.first_loss:.2f} to {s.last_loss:.2f} nats per character (guessing costs ln V = {s.guessing:.2f}). "
        f"It has {s.parameters:,} parameters."
    )


def sft(s: shown.SftScene) -> str:
    n, ended = len(s.rows), [sum(row.greedy[i].ended for row in s.rows) for i in range(len(s.steps))]
    first = next((i for i in range(len(s.steps)) if min(ended[i:]) == n), None)
    if first is None:
        when = f"At the end {ended[-1]} of the {n} most probable answers shown here end by themselves"
    elif first == 0:
        when = f"All {n} most probable answers shown here end by themselves from the start"
    else:
        when = f"From step {s.steps[first]} on all {n} most probable answers shown here end by themselves"
    return (
        f"{when}; before the first step {ended[0]} did. Afterwards {s.answers:.0%} of the sampled answers to the report "
        f"questions state something, ask nothing and end; {s.asks:.0%} still begin with a question."
    )


def liking(s: shown.VotesScene) -> str:
    likes = [word for taste, word in LIKES.items() if s.tastes[taste] > 0]
    listed = " and ".join(filter(None, [", ".join(likes[:-1]), *likes[-1:]]))  # "friendly, long and confident"
    return f"like {listed} answers" if likes else "judge by nothing but the answers' worth"


def who_votes(s: shown.VotesScene) -> list[Told]:
    raters = f"simulated raters, who {liking(s)}"
    own = f"The votes to train on are your own; the held-out ones are of {raters}."
    won, n = s.friendlier
    seen = f" Of two answers that say the same, they chose the friendlier one in {won} of {n} votes."
    return [Told((own if s.own else f"Who votes here: {raters}.") + seen * bool(n and not s.own))]


def votes(s: shown.VotesScene) -> str:
    where = "pairs whose two answers differ in truth"
    if s.own:
        whose = f"Trained on your class's {s.class_votes:,} votes. " if s.class_votes else ""
        return (
            f"{whose}Of {s.decided:,} votes, yours and the held-out ones of the simulated raters, on {where}, "
            f"{s.raters_right or 0:.1%} went to the truly better answer."
        )
    noise = f"They {liking(s)}, and sometimes they vote by mistake."
    if s.raters_right is None:
        return f"{s.votes} votes by simulated raters. {noise}"
    return (
        f"Of {s.decided:,} votes on {where}, the simulated raters gave {s.raters_right:.1%} to the truly better answer. {noise}"
    )


def reward(s: shown.RewardScene) -> str:
    return (
        f"The loss starts at {s.loss[0][1]:.3f}, where a coin toss costs ln 2 = {math.log(2):.3f}, and ends at "
        f"{s.loss[-1][1]:.3f}. The reward model predicts {s.accuracy:.1%} of {s.held_out} held-out votes. Even an oracle, "
        f"which knows the raters but cannot predict their noise, would get {s.ceiling:.1%}."
    )


def ppo(s: shown.PpoScene) -> str:
    parts = []
    for run in s.runs:
        name = "without a leash" if run.beta == 0 else f"on a leash of beta = {run.beta:g}"
        score, kl = (sum(values[-3:]) / len(values[-3:]) for values in (run.scores, run.kl))
        parts.append(f"to {signed(score)} at {decimal(kl)} nats {name}{' (this run)' if run.own else ''}")
    alone = "" if len(parts) > 1 else " Other leashes have not been tried: minialign page --leashes makes them."
    return (
        f"PPO takes the score from {signed(s.runs[0].scores[0])} {', '.join(parts)}; score and KL from the SFT model are means "
        f"over the last three iterations, on the questions that it trains on.{alone}"
    )


def leash(s: shown.LeashScene) -> str:
    found = loosened(s)
    best, loosest = found.best, found.loosest
    rises = f"Loosening the leash takes proxy from {decimal(s.start.proxy)} to {decimal(loosest.proxy)}"
    if not found.gains:
        truth = f"and gold from {decimal(s.start.gold)} to {decimal(loosest.gold)}: it never rises"
    elif found.drops:
        truth = (
            f"while gold peaks at {decimal(best.gold)} (beta = {best.beta:.2g}, {decimal(best.kl)} nats) and then falls to "
            f"{decimal(loosest.gold)}: the score goes on rising where the truth does not"
        )
    else:
        truth = f"and gold from {decimal(s.start.gold)} to {decimal(loosest.gold)}: no peak within reach"
    return " ".join([f"{rises}, {truth}.", below(s)]).strip()


def why_a_leash(s: shown.LeashScene) -> list[Told]:
    """Why hold the model at all?  What the slider shows of it in this run, and what it cannot show."""
    found = loosened(s)
    if found.drops:
        peak = f"looser than beta {found.best.beta:.2g} the score goes on rising and the truth falls"
        return [Told(f"Why a leash? Here {peak}: the model finds what the score overrates.", "gold")]
    turns = "rises too" if found.gains else "does not rise with the score"
    reach = f"Why a leash? Here the mean truth {turns}, {not_everywhere(s)}the slider only reweights what SFT says anyway."
    free = next((dot for dot in s.dots if dot.name == "ppo" and dot.beta == 0), None)
    if free:
        ends = f"score {signed(free.proxy)}, truth {signed(free.gold)}; SFT has {signed(s.start.gold)}"
        return [Told(f"{reach} PPO trained without one, at beta 0, goes further: {ends}.", "gold")]
    where = "" if s.falls else " Where the score errs: the gallery, in More."
    return [Told(f"{reach} PPO without one goes further: {PUBLISHED}.{where}", "gold")]


def not_everywhere(s: shown.LeashScene) -> str:
    """The questions that a mean hides: those where the score rises and the truth falls."""
    if not s.falls:
        return "but "
    return f"but on {s.falls} of {len(s.questions)} questions it falls: press \u201cwhere the truth falls\u201d, and drag. And "


def below(s: shown.LeashScene) -> str:
    """Do the trained models reach the frontier of the slider?"""
    parts = [
        f"{NAMES[dot.name]} has proxy {decimal(dot.proxy)} at {decimal(dot.kl)} nats, where the slider has "
        f"{decimal(at_kl(s.curve, dot.kl, s.start))}"
        for dot in s.dots
        if dot.own
    ]
    return f"On the {len(s.questions)} questions of this scene {'; '.join(parts)}." if parts else ""


def at_kl(curve: list[shown.Tilted], kl: float, start: shown.Start) -> float:
    """The slider's proxy at a KL, on straight lines between its stops."""
    kl, points = max(kl, 0.0), [(0.0, start.proxy), *((point.kl, point.proxy) for point in curve)]
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        if x0 <= kl <= x1:
            return y0 + (y1 - y0) * (kl - x0) / ((x1 - x0) or 1.0)
    return points[-1][1]


def dpo(s: shown.DpoScene) -> str:
    board = s.board["sampled"]
    ranked = sorted((name for name in board if MODELS[name].upstream), key=lambda name: -board[name].gold)
    gold = ", ".join(f"{NAMES[name]} {decimal(board[name].gold)}" for name in ranked)
    less = s.moved_chosen < 0
    moved = f"chosen answers by {signed(s.moved_chosen)} nats and rejected ones by {signed(s.moved_rejected)}"
    displaced = "even the chosen answers became less likely" if less else "the chosen answers became more likely"
    return (
        f"DPO moved {moved}: {displaced}. Gold, sampled, from the best: {gold}; "
        f"the base model has {decimal(board['base'].gold)}. PPO trained for {s.seconds['ppo']:.0f} s with its reward model, "
        f"DPO for {s.seconds['dpo']:.0f} s."
    )


def race_and_run(s: shown.DpoScene) -> list[Told]:
    """The race is won in another world than the one whose answers are on top."""
    board = s.board["sampled"]
    ranked = sorted(("ppo", "dpo"), key=lambda name: -board[name].gold)
    truths = " and ".join(f"{NAMES[name]} {signed(board[name].gold)}" for name in ranked)
    return [
        Told("The race is not this run: it is in a toy world of 13 answers, whose best policy is known."),
        Told("This run's models, whose answers are below, can end in another order."),
        Told(f"Their mean truth: {truths}.", "gold"),
    ]


def form_first(s: shown.SftScene) -> list[Told]:
    """How many of the last answers are good ones: form can be there without truth."""
    good, n = sum(row.gold > 0 for row in s.rows), len(s.rows)
    wrong = "" if good == n else "; the rest have the form of an answer, and not its worth"
    return [
        Told(f"After the last step {good} of the {n} most probable answers are good ones (truth above zero){wrong}.", "gold")
    ]


WHY: dict[str, Callable[[Any], list[Told]]] = {"sft": form_first, "votes": who_votes, "leash": why_a_leash, "dpo": race_and_run}

SAY: dict[str, Callable[[Any], str]] = {
    "base": base,
    "sft": sft,
    "votes": votes,
    "reward": reward,
    "ppo": ppo,
    "leash": leash,
    "dpo": dpo,
}
