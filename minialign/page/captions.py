"""What each scene says of this run: sentences computed from its numbers, so true of it whatever they are."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..figures import scenes as shown
from ..models import MODELS, NAMES
from ..runs.text import decimal
from .hero import hero
from .loosened import hardest, loosened
from .race import NEAR, way_gone
from .run import gold

PUBLISHED = "in the laboratory its truth ended below SFT in 4 of 5 seeds"  # a test reads it there
WHERE = "results page: docs/results.md"
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
    told = {key: [] if isinstance(s, shown.Absent) or key not in WHY else WHY[key](s) for key, s in scenes.items()}
    return told | {"dpo": told["dpo"] + still_wrong(scenes)}


def closing(scenes: shown.Scenes) -> list[Told]:
    """The end of the story: what has changed from the base model to the last ones, in this run's own numbers."""
    base, everybody = scenes["base"], scenes["dpo"]
    if not isinstance(base, shown.BaseScene) or not isinstance(everybody, shown.DpoScene):
        return [Told("This run lacks the numbers that would sum it up.")]
    gold = {name: signed(row.gold) for name, row in everybody.board["sampled"].items()}
    sft = scenes["sft"]
    then = f"; after SFT it answers {sft.answers:.0%} of them, right or wrong" if isinstance(sft, shown.SftScene) else ""
    return [
        Told(f"At the start, this run's model met {base.asks:.0%} of {base.asked} new questions with another question{then}."),
        Told(
            f"The mean truth of its answers to all of these: {gold['base']} at the start, {gold['sft']} after SFT, "
            f"{gold['ppo']} after PPO, {gold['dpo']} after DPO.",
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
        f"The base model continued {s.asks:.0%} of {s.asked} report questions (never trained on) with another one. Its loss "
        f"fell from {s.first_loss:.2f} to {s.last_loss:.2f} nats per character (guessing costs ln V = {s.guessing:.2f}). "
        f"It has {s.parameters:,} parameters."
    )


def sft(s: shown.SftScene) -> str:
    n, ended = len(s.rows), [sum(row.greedy[i].ended for row in s.rows) for i in range(len(s.steps))]
    first = next((i for i in range(len(s.steps)) if min(ended[i:]) == n), None)
    if first is None:
        when = f"At the end the greedy answers to {ended[-1]} of {n} questions end by themselves"
    elif first == 0:
        when = f"The greedy answers to all {n} questions end by themselves from the start"
    else:
        when = f"From step {s.steps[first]} on the greedy answers to all {n} questions end by themselves"
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
    own = f"The votes to train on are your own; the held-out ones are from {raters}."
    if s.own:
        return [Told(own)]
    won, n = s.friendlier
    told = [Told(f"Who votes here: {raters}.")]
    if n:
        told.append(Told(f"Of two answers that say the same, they chose the friendlier one in {won} of {n} votes."))
    if s.raters_right is not None:
        told.append(Told(f"Where two differ in truth, they chose the truer one in {s.raters_right:.1%}.", "gold"))
    return told


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
    first, last = s.loss[0][1], s.loss[-1][1]
    side = "below" if first < math.log(2) else "not below"
    return (
        f"The whole reward model was trained before, not its last layer alone: its loss went from {first:.3f}, {side} a coin "
        f"toss (ln 2 = {math.log(2):.3f}), to {last:.3f}. It predicts {s.accuracy:.1%} of {s.held_out} held-out votes. Even an "
        f"oracle, which knows the raters but cannot predict their noise, would get {s.ceiling:.1%}."
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
        f"over the last three iterations, on the questions that it trains on (scenes 6 and 7 measure on others).{alone}"
    )


def leash(s: shown.LeashScene) -> str:
    found = loosened(s)
    best, loosest = found.best, found.loosest
    one, n = hardest(s), len(s.questions)
    fallen = f"It falls on {s.falls} of the {n}" if one else ""
    if one:
        fallen += f", most on \u201c{s.questions[s.worst]}\u201d: from {decimal(one.start)} to {decimal(one.loosest.gold)}."
    rises = (
        f"Over {n} questions, loosening the leash takes mean proxy from {decimal(s.start.proxy)} to {decimal(loosest.proxy)}"
    )
    if not found.gains:
        truth = f"and gold from {decimal(s.start.gold)} to {decimal(loosest.gold)}: it never rises"
    elif found.drops:
        truth = (
            f"while gold peaks at {decimal(best.gold)} (beta = {best.beta:.2g}, {decimal(best.kl)} nats) and then falls to "
            f"{decimal(loosest.gold)}: the score goes on rising where the truth does not"
        )
    else:
        truth = f"and gold from {decimal(s.start.gold)} to {decimal(loosest.gold)}: no peak within reach"
    return " ".join(filter(None, [f"{rises}, {truth}.", fallen, below(s)]))


def why_a_leash(s: shown.LeashScene) -> list[Told]:
    """Why hold the model at all?  What the slider shows of it in this run, and what it cannot show."""
    found = loosened(s)
    if found.drops:
        peak = f"looser than beta {found.best.beta:.2g} the mean score goes on rising and the mean truth falls"
        return [Told(f"Why a leash? Here {peak}: the model finds what the score overrates.", "gold")]
    turns = "rises too" if found.gains else "does not rise with the score"
    here = "Where the truth falls, the score is wrong;" if s.falls else f"Here the mean truth {turns}, but"
    reach = f"Why a leash? {here} the slider only reweights what SFT says anyway."
    free = next((dot for dot in s.dots if dot.name == "ppo" and dot.beta == 0), None)
    if free:
        ends = f"score {signed(free.proxy)}, truth {signed(free.gold)}; SFT has {signed(s.start.gold)}"
        return [Told(f"{reach} PPO trained without one, at beta 0, goes further: {ends}.", "gold")]
    where = "" if s.falls else " Where the score errs: the gallery, in More."
    return [Told(f"{reach} PPO without a leash goes further: {PUBLISHED} ({WHERE}).{where}", "gold")]


def below(s: shown.LeashScene) -> str:
    """Do the trained models reach the frontier of the slider?"""
    parts = [
        f"{NAMES[dot.name]} has proxy {decimal(dot.proxy)} at {decimal(dot.kl)} nats, where the slider has "
        f"{decimal(at_kl(s.curve, dot.kl, s.start))}"
        for dot in s.dots
        if dot.own
    ]
    return f"On these {len(s.questions)} questions {'; '.join(parts)} (scene 7 has all report questions)." if parts else ""


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
        f"DPO moved {moved}: {displaced}. Gold on all report questions, sampled, from the best: {gold}; "
        f"the base model has {decimal(board['base'].gold)}. PPO trained for {s.seconds['ppo']:.0f} s with its reward model, "
        f"DPO for {s.seconds['dpo']:.0f} s."
    )


def in_this_run(s: shown.DpoScene) -> list[Told]:
    """The race is in another world than the answers on top: what the methods gave in this run."""
    board = s.board["sampled"]
    ranked = sorted((name for name in s.race.runners if name in board), key=lambda name: -board[name].gold)
    truths = ", ".join(f"{NAMES[name]} {signed(board[name].gold)}" for name in ranked)
    absent = "" if "grpo" in ranked else " (GRPO was not trained in it)"
    return [Told(f"In this run{absent} the mean truth on all report questions: {truths}.", "gold")]


def still_wrong(scenes: shown.Scenes) -> list[Told]:
    """Why DPO, whose answer is on top at the end, can be wrong all the same: its votes are not those of the toy world."""
    everybody, votes, reward_model = scenes["dpo"], scenes["votes"], scenes["reward"]
    if not isinstance(everybody, shown.DpoScene):
        return []
    said = everybody.samples.get("dpo", [])
    questions = [answer.question for answer in said]
    if not said or way_gone(everybody.race)["dpo"] < NEAR:
        return []
    answer = said[hero(everybody, questions).index]
    worth = gold(answer.question, answer.text, answer.ended)
    if worth > 0:
        return []
    here = "fewer"
    if isinstance(votes, shown.VotesScene) and isinstance(reward_model, shown.RewardScene):
        here = f"{votes.votes - reward_model.held_out:,} votes"
    says = f"says \u201c{answer.text.strip()}\u201d to \u201c{answer.question}\u201d (truth {signed(worth)})"
    return [Told(f"Yet here DPO {says}: the race has votes on every answer, without noise; this run has {here}.", "gold")]


def form_first(s: shown.SftScene) -> list[Told]:
    """How many of the last answers are good ones: form can be there without truth."""
    good, n = sum(row.gold > 0 for row in s.rows), len(s.rows)
    wrong = "" if good == n else "; the others have the form, not the worth"
    well = f"{good} of the {n} greedy answers (always the likeliest character) are good ones, says a judge who knows the truth"
    return [Told(f"After the last step, {well}{wrong}.", "gold")]


WHY: dict[str, Callable[[Any], list[Told]]] = {"sft": form_first, "votes": who_votes, "leash": why_a_leash, "dpo": in_this_run}

SAY: dict[str, Callable[[Any], str]] = {
    "base": base,
    "sft": sft,
    "votes": votes,
    "reward": reward,
    "ppo": ppo,
    "leash": leash,
    "dpo": dpo,
}
