"""Feedback from written principles instead of people: RLAIF, and a constitution that you can edit.

The same pairs of answers get labels from simulated raters (votes) and from a language model that reads principles
(rlaif.py: here the base model).  The same DPO is run on each; then one principle is removed, or another is added.  An
auditor (the raters again) replaces a share of the AI's labels by the raters' own: share 0 is RLAIF, share 1 is RLHF.

By assumption, a person needs HUMAN_SECONDS for a vote.
"""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..pipeline import Journey, Recipe
from ..rlaif import Judge, Reader, revise
from ..world import KINDS, judge_response, sample_prompts
from ..world.constitution import CONSTITUTION, read_constitution
from . import Claim, Run, quick
from .instruments import agreement, feedback
from .instruments.agreement import AUDITS, audited
from .instruments.measure import count_seeds, holds_in_most_seeds, spread

QUESTION = "can written principles take the place of the people who vote?"
DOES_NOT_SHOW = (
    "that a large model judges equally well, or can be given its principles in words: this one completes pages written for "
    "it, in a world where such pages exist, and knows only what it has read. The auditor is a simulated rater with all "
    "the raters' tastes and blind spots. A revision is a second sample, not a rewriting."
)

HUMAN_SECONDS = 20.0
CONSTITUTIONS = {  # the first principle that counts decides
    "ai": ("harmless", "honest"),
    "without": ("honest",),
    "brief": ("brief", "harmless", "honest"),
    "warm": ("warm", "harmless", "honest"),
}
NAMES = {
    "sft": "SFT",
    "human": "DPO, people's votes",
    "ai": "DPO, AI labels",
    "audited": "  a quarter audited",
    "without": "  without 'harmless'",
    "brief": "  with 'brief'",
    "warm": "  with 'warm'",
    "revised": "SFT on revisions",
}
AUDITED = 0.25  # the share at which a policy is trained
ROUNDS = 4  # of revision, as in Bai et al.


def one_seed(recipe: Recipe, seed: int, folder: Path) -> Run:
    journey = Journey(recipe, seed, folder)
    votes = journey.votes()[0]
    texts = [[response.text for response in side] for side in (votes.chosen, votes.rejected)]
    reader, principles = Reader(journey.model("base")), read_constitution(CONSTITUTION.read_text(encoding="utf-8"))
    judges = {name: Judge(reader, [principles[k] for k in names]) for name, names in CONSTITUTIONS.items()}

    # This judge is timed first: the reader remembers pages, so a later judge would seem cheaper.
    start = time.process_time()
    ai = judges["ai"].labels(votes.prompts, *texts)  # p: that the raters' choice is better
    cost = {"seconds": (time.process_time() - start) / len(votes), "tokens": reader.tokens / len(votes)}
    p = {name: ai.p if name == "ai" else judges[name].labels(votes.prompts, *texts).p for name in CONSTITUTIONS}
    if not quick(recipe):
        p["audited"] = audited(ai.p, AUDITED, unsure_first=True)

    policies = {"sft": journey.model("sft"), "human": journey.model("dpo")}
    for name in p:
        policies[name] = feedback.dpo(journey, feedback.voted(votes, p[name], journey.rng("labels")))  # the same random numbers
    rng = journey.rng("revisions")
    questions = [prompt.text for prompt in sample_prompts(rng, recipe.vote_prompts // 5, "train", recipe.mix)]
    versions = revise(policies["sft"], judges["ai"], questions, ROUNDS, rng, recipe.max_new_tokens)
    policies["revised"] = feedback.fine_tuned(journey, questions, versions[-1], rng)
    return {
        "pairs": len(votes),
        "cost": cost,
        "order": {"consistent": ai.consistent, "first_wins": ai.first_wins},
        "agreement": agreement.agreement(votes, ai.p),
        "for_refusing": {kind: agreement.for_refusing(votes, ai.p, kind) for kind in ("dangerous", "borderline")},
        "audit": agreement.audit_curves(votes, ai.p, journey.rng("audit")),
        "rounds": [float(np.mean([judge_response(q, r).gold for q, r in zip(questions, version)])) for version in versions],
        "revisions": feedback.examples(judges["ai"], questions, versions),
        "policies": {
            name: asdict(feedback.evaluate_by_kind(journey, policies[name], policies["sft"]))
            for name in NAMES
            if name in policies
        },
    }


def per_seed(runs: list[Run], *path: str | int) -> np.ndarray:
    """One number of every run that has it, (seeds,)."""
    found = []
    for run in runs:
        value: Any = run
        for key in path:
            value = value.get(key) if isinstance(value, dict) else value[key]
        found += [value] if value is not None else []
    return np.array(found)


def claims_about_the_labels(runs: list[Run]) -> list[Claim]:
    def labels(who, kind="all"):
        return per_seed(runs, "agreement", who, kind)

    order = {key: per_seed(runs, "order", key) for key in ("consistent", "first_wins")}
    own = labels("ai_gold", "obscure"), labels("people_gold", "obscure")
    return [
        Claim(
            "the AI is right about most pairs, but less often than people are",
            holds_in_most_seeds((labels("ai_gold") > 0.75) & (labels("ai_gold") < labels("people_gold"))),
            f"AI {spread(labels('ai_gold'))}, people {spread(labels('people_gold'))}, "
            f"AI agrees with people {spread(labels('ai_people'))}",
        ),
        Claim(
            "its errors are its own: where people cannot check the answer, it is right more often than they are",
            len(own[0]) > 0 and holds_in_most_seeds(own[0] > own[1]),
            f"obscure things: AI {spread(own[0])}, people {spread(own[1])}" if len(own[0]) else "no such pairs",
        ),
        Claim(
            "the order of the two answers hardly matters to it: both orders agree on nine pairs in ten",
            holds_in_most_seeds(order["consistent"] > 0.9),
            f"agree {spread(order['consistent'])}, the answer read first wins {spread(order['first_wins'])}",
        ),
    ]


def claims(runs: list[Run]) -> list[Claim]:
    def policy(name, *path):
        return per_seed(runs, "policies", name, *path)

    gained, people = policy("ai", "gold") - policy("sft", "gold"), policy("human", "gold") - policy("sft", "gold")
    danger, without = policy("ai", "refuses", "dangerous"), policy("without", "refuses", "dangerous")
    known = policy("without", "by_kind", "known") - policy("ai", "by_kind", "known")
    brief, warm = ({key: policy(name, key) for key in ("length", "polite")} for name in ("brief", "warm"))
    quarter = {how: per_seed(runs, "audit", how, AUDITS.index(AUDITED)) for how in ("least sure", "any")}
    rounds, revised = per_seed(runs, "rounds"), policy("revised", "gold") - policy("sft", "gold")
    refusals = danger - policy("sft", "refuses", "dangerous")
    return [
        *claims_about_the_labels(runs),
        Claim(
            "DPO on its labels gains as much gold as on people's votes, or at most .1 less",
            holds_in_most_seeds(gained > 0) and bool((gained - people).mean() > -0.1),
            f"gained {spread(gained)}, from votes {spread(people)}",
        ),
        Claim(
            "DPO on its labels makes the model refuse more of what is dangerous",
            holds_in_most_seeds(refusals > 0),
            f"{count_seeds(refusals > 0)}; change {spread(refusals)}",
            why_refusals_do_not_rise(runs),
        ),
        Claim(
            "remove 'harmless', and the policy refuses less of what is dangerous; gold on known facts stays within .2",
            holds_in_most_seeds(without < danger) and bool(abs(known.mean()) < 0.2),
            f"refused {spread(danger)} -> {spread(without)}, gold on known facts changes by {spread(known)}",
        ),
        Claim(
            "add 'brief' or 'warm', and answers become short or friendly",
            holds_in_most_seeds((brief["length"] < policy("ai", "length")) & (warm["polite"] > policy("ai", "polite"))),
            f"characters {spread(brief['length'], 0)} and {spread(warm['length'], 0)}, "
            f"polite phrases {spread(brief['polite'])} and {spread(warm['polite'])}",
        ),
        Claim(
            "an auditor who checks the least certain labels first fixes more than one who checks labels at random",
            holds_in_most_seeds(quarter["least sure"] > quarter["any"]),
            f"labels right, with a quarter checked: {spread(quarter['least sure'])} and {spread(quarter['any'])}",
        ),
        Claim(
            "revisions are better than first answers, and SFT on them gives better first answers",
            holds_in_most_seeds((rounds[:, -1] > rounds[:, 0]) & (revised > 0)),
            f"gold {spread(rounds[:, 0])} -> {spread(rounds[:, -1])}; SFT on them gains {spread(revised)}",
        ),
    ]


def why_refusals_do_not_rise(runs: list[Run]) -> str:
    """What the labels say about pairs in which only one side refuses, on dangerous and on borderline questions."""
    sure = [per_seed(runs, "for_refusing", kind) for kind in ("dangerous", "borderline")]
    if not all(map(len, sure)):
        return ""
    return (
        "where only one answer refuses, the labels give the refusal {:.0%} on dangerous questions and {:.0%} on those "
        "that only sound dangerous; this model hardly tells the two apart, so it learns the sum of both"
    ).format(*(values.mean() for values in sure))


def table(runs: list[Run]) -> list[str]:
    lines = ["                                                         refused"]
    lines += ["                        gold  greedy     KL   polite  length  dangerous  borderline"]
    for name in runs[0]["policies"]:
        means = [per_seed(runs, "policies", name, key).mean() for key in ("gold", "gold_greedy", "kl", "polite", "length")]
        means += [per_seed(runs, "policies", name, "refuses", kind).mean() for kind in ("dangerous", "borderline")]
        lines.append("{:<21}{:7.2f}{:8.2f}{:7.2f}{:9.2f}{:8.0f}{:11.0%}{:12.0%}".format(NAMES[name], *means))
    lines += ["", "            labels that are right  AI agrees  gold of the policy"]
    lines += ["               AI     people  with people        SFT    people        AI  revisions"]
    for kind in ("all", *KINDS):
        rates = [per_seed(runs, "agreement", who, kind) for who in ("ai_gold", "people_gold", "ai_people")]
        path = ("gold",) if kind == "all" else ("by_kind", kind)
        gold = [per_seed(runs, "policies", name, *path).mean() for name in ("sft", "human", "ai", "revised")]
        if len(rates[0]):
            line = "{:<12}{:5.0%}{:11.0%}{:13.0%}".format(kind, *(rate.mean() for rate in rates))
            lines.append(line + "{:11.2f}{:10.2f}{:10.2f}{:11.2f}".format(*gold))
    lines += ["", "share of labels audited    " + "".join(f"{share:7.0%}" for share in AUDITS)]
    for how, words in (("least sure", "right, least sure first"), ("any", "right, at random")):
        lines.append(f"{words:<27}" + "".join(f"{rate:7.1%}" for rate in per_seed(runs, "audit", how).mean(0)))
    rounds = [f"{gold:.2f}" for gold in per_seed(runs, "rounds").mean(0)]
    lines.append("gold after each round of revision   " + "  ".join(rounds))
    seconds, tokens = per_seed(runs, "cost", "seconds").mean(), per_seed(runs, "cost", "tokens").mean()
    person = f"a person, by assumption: {HUMAN_SECONDS:.0f} s"
    lines.append(f"one AI label: {tokens:.0f} tokens read, {1000 * seconds:.1f} ms; {person}")
    return lines
