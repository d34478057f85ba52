"""What a leash could buy, without training: the SFT model's own answers, drawn once and weighed again.

Ask the SFT model each question K times.  As far as these draws know it, it is a list of A different answers with shares
ref(y) = (times drawn) / K, and there the formulas of exact.py hold to the letter:

    best of n      of n of these draws keep the one with the highest proxy:  pi(y) = share of y  (F(r)^n - F(<r)^n)
    tilted         pi*(y) = ref(y) exp(r(y) / beta) / Z: at its distance no policy has more proxy

Both move along the same draws, so a KL is at most ln K, and long before that a single draw decides.  How many
draws still count is what Kish (1965) calls the effective sample size,  1 / sum over draws of weight^2.
"""

import numpy as np

from ... import exact
from ...batch import prompt_ids
from ...generate import generate
from ...world import judge_response

QUESTIONS_AT_ONCE = 16
FEWEST = 8  # the tilted curve ends where, on the median question, fewer draws than this still count


def draw(journey, questions, draws):
    """The SFT model answers each question `draws` times -> list of (shares, proxy, gold), arrays over its answers."""
    rng, worlds = journey.rng("report"), []
    for i in range(0, len(questions), QUESTIONS_AT_ONCE):
        some = questions[i : i + QUESTIONS_AT_ONCE]
        prompts = [prompt_ids(q) for q in some for _ in range(draws)]
        samples = generate(journey.model("sft"), prompts, journey.recipe.max_new_tokens, 1.0, rng)
        rows_of = [{} for _ in some]  # of each question: answer -> the rows in which it was drawn
        for row, answer in enumerate(samples.responses()):
            rows_of[row // draws].setdefault(answer, []).append(row)
        for question, rows in zip(some, rows_of):
            proxy = journey.scorer()(samples.batch[[where[0] for where in rows.values()]])  # equal answers score equal
            gold = np.array([judge_response(question, answer).gold for answer in rows])
            worlds.append((np.array([len(where) for where in rows.values()]) / draws, proxy, gold))
    return worlds


def best_of(worlds, n):
    """What the best of n draws reaches, on average over the questions -> dict of numbers."""
    return {"n": n} | averages(worlds, [exact.best_of_n(shares, proxy, n) for shares, proxy, _ in worlds])


def tilted(worlds, betas, draws):
    """What pi* reaches for each beta, from the tightest leash to where too few draws still count -> list of dicts."""
    points = []
    for beta in sorted(betas, reverse=True):
        policies = [exact.optimal_policy(shares, proxy, beta) for shares, proxy, _ in worlds]
        left = [effective_draws(policy, shares, draws) for policy, (shares, _, _) in zip(policies, worlds)]
        if np.median(left) < FEWEST:
            break
        points.append({"beta": beta, "draws_left": float(np.median(left))} | averages(worlds, policies))
    return points


def effective_draws(policy, shares, draws):
    """1 / sum over draws of weight^2; the draws of one answer share its probability: each weighs pi(y) / (K ref(y))."""
    return float(1 / (policy**2 / (shares * draws)).sum())


def averages(worlds, policies):
    """KL, proxy and gold of one policy a question, averaged over the questions."""
    rows = [
        (exact.sequence_kl(policy, shares), policy @ proxy, policy @ gold)
        for policy, (shares, proxy, gold) in zip(policies, worlds)
    ]
    return dict(zip(("kl", "proxy", "gold"), np.mean(rows, axis=0).tolist()))
