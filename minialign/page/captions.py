"""What each scene says of this run: sentences computed from its numbers, so true of it whatever they say."""

import math


def decimal(x, digits=2, sign=False):
    """0.00, never -0.00."""
    return f"{round(x, digits) + 0.0:{'+' if sign else ''}.{digits}f}"


def captions(scenes):
    """One text for each scene; for a missing one, what to do about it."""
    return [scene.get("missing") or say(scene) for scene, say in zip(scenes, SAY)]


def autocomplete(s):
    return (
        f"The base model went on from {s['asks']:.0%} of {s['asked']} report questions with another "
        f"question. It has read "
        f"enough for its loss to fall from {s['first_loss']:.2f} to {s['last_loss']:.2f} nats a character "
        f"(guessing costs "
        f"ln V = {s['guessing']:.2f}), with {s['parameters']:,} parameters."
    )


def reshaping(s):
    steps, rows = s["steps"], [row["greedy"] for row in s["rows"]]
    ended = [sum(row[i]["ended"] for row in rows) for i in range(len(steps))]
    first, n = next((i for i in range(len(steps)) if min(ended[i:]) == len(rows)), None), len(rows)
    if first is None:
        when = f"At the end {ended[-1]} of the {n} most probable answers shown here end by themselves"
    elif first == 0:
        when = f"All {n} most probable answers shown here end by themselves from the start"
    else:
        when = f"From step {steps[first]} on all {n} most probable answers shown here end by themselves"
    return (
        f"{when}; before the first step {ended[0]} did. Afterwards {s['answers']:.0%} of the sampled "
        f"answers to the report "
        f"questions state something, ask nothing and end; {s['asks']:.0%} still begin with a question."
    )


def voting(s):
    if s["own"]:
        return (
            f"Of {s['decided']:,} votes, yours and the held-out ones of the simulated raters, on pairs "
            f"between which the truth "
            f"sees a difference, {s['raters_right'] or 0:.1%} went to the truly better answer."
        )
    tastes = s["tastes"]
    likes = [
        name
        for name, key in (
            ("friendly", "warmth"),
            ("long", "length"),
            ("confident", "confidence"),
            ("agreeing", "agreement"),
        )
        if tastes[key] > 0
    ]
    liking = f" They like {' and '.join(likes)} answers" if likes else " They have no tastes beside good answers"
    if s["raters_right"] is None:
        return f"{s['votes']} votes.{liking}, and sometimes their hand slips."
    return (
        f"Of {s['decided']:,} votes on pairs between which the truth sees a difference, the simulated raters gave "
        f"{s['raters_right']:.1%} to the truly better answer.{liking}, and sometimes their hand slips."
    )


def scoring(s):
    return (
        f"The loss starts at {s['loss'][0][1]:.3f}, where a coin toss costs ln 2 = {math.log(2):.3f}, and ends at "
        f"{s['loss'][-1][1]:.3f}. The reward model foretells {s['accuracy']:.1%} of {s['held_out']} "
        f"held-out votes; who knew the "
        f"raters by heart, but not their slips, would foretell {s['ceiling']:.1%}."
    )


def leash(s):
    parts = []
    for run in s["runs"]:
        name = "without a leash" if run["beta"] == 0 else f"on a leash of beta = {run['beta']:g}"
        last = [sum(run[key][-3:]) / len(run[key][-3:]) for key in ("scores", "kl")]
        parts.append(
            f"to {decimal(last[0], 2, True)} at {decimal(last[1])} nats {name}{' (this run)' if run['own'] else ''}"
        )
    start = decimal(s["runs"][0]["scores"][0], 2, True)
    alone = "" if len(parts) > 1 else " Other leashes have not been tried: minialign page --leashes makes them."
    return (
        f"PPO takes the score from {start} {', '.join(parts)}; score and distance from the SFT model are "
        f"means over the last "
        f"three iterations.{alone}"
    )


def tightness(s):
    trusted = [point for point in s["curve"] if point["effective"] >= s["few"]] or s["curve"][:1]
    loosest, best = trusted[-1], max(trusted, key=lambda point: point["gold"])
    rises = f"Loosening the leash takes proxy from {decimal(s['start']['proxy'])} to {decimal(loosest['proxy'])}"
    if best["gold"] - s["start"]["gold"] < 0.02:
        truth = f"and gold from {decimal(s['start']['gold'])} to {decimal(loosest['gold'])}: it never rises"
    elif best["gold"] - loosest["gold"] > 0.02:
        truth = (
            f"while gold peaks at {decimal(best['gold'])} (beta = {best['beta']:.2g}, {decimal(best['kl'])} "
            f"nats) and then falls "
            f"to {decimal(loosest['gold'])}: the score goes on rising where the truth does not"
        )
    else:
        truth = f"and gold from {decimal(s['start']['gold'])} to {decimal(loosest['gold'])}: no peak within reach"
    return f"{rises}, {truth}. {_below(s)}"


def _below(s):
    """Do the trained models reach the frontier of the slider?"""
    parts = []
    for dot in s["dots"]:
        if dot["own"]:
            frontier = _at_kl(s["curve"], dot["kl"], s["start"])
            name = {"ppo": "PPO", "dpo": "DPO"}[dot["name"]]
            parts.append(
                f"{name} has proxy {decimal(dot['proxy'])} at {decimal(dot['kl'])} nats, where the slider "
                f"has {decimal(frontier)}"
            )
    return "; ".join(parts) + "."


def _at_kl(curve, kl, start):
    """The slider's proxy at a KL, on straight lines between its stops."""
    kl, points = max(kl, 0.0), [(0.0, start["proxy"]), *((point["kl"], point["proxy"]) for point in curve)]
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        if x0 <= kl <= x1:
            return y0 + (y1 - y0) * (kl - x0) / ((x1 - x0) or 1.0)
    return points[-1][1]


def shortcut(s):
    dpo, board = s["dpo"], s["board"]["sampled"]
    ranked = sorted(("sft", "ppo", "dpo"), key=lambda name: -board[name]["gold"])
    names = {"sft": "SFT", "ppo": "PPO", "dpo": "DPO"}
    gold = ", ".join(f"{names[name]} {decimal(board[name]['gold'])}" for name in ranked)
    displaced = (
        "even the chosen answers became less likely"
        if dpo["moved_chosen"] < 0
        else "the chosen answers became more likely"
    )
    return (
        f"DPO moved chosen answers by {decimal(dpo['moved_chosen'], 2, True)} nats and rejected ones by "
        f"{decimal(dpo['moved_rejected'], 2, True)}: {displaced}. Gold, sampled, from the best: {gold}; the "
        f"base model has "
        f"{decimal(board['base']['gold'])}. PPO trained for {s['seconds']['ppo']:.0f} s with its reward model, DPO for "
        f"{s['seconds']['dpo']:.0f} s."
    )


SAY = (autocomplete, reshaping, voting, scoring, leash, tightness, shortcut)
