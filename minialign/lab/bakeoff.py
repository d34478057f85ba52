"""RLHF against DPO: PPO, GRPO and DPO, compared on the same votes (preferences).

    votes -> reward model -> PPO      max E[r] - beta KL(pi || SFT)                   (Ouyang et al. 2022)
    votes -> reward model -> GRPO     the same without a critic                       (Shao et al. 2024)
    votes -> DPO                      the same optimum, given enough votes            (Rafailov et al. 2023)

All start from the same SFT model and the same votes, of raters without tastes; best of n, which trains no policy, is
compared with them.  All have the settings of the tour, except for GRPO's iterations: as many as fit into PPO's time.
Measured: gold and wins, the distance (KL), what training costs, how far the log-probabilities of the chosen and the
rejected answers of held-out votes move, and what happens off the distribution of the votes: on items that no vote was
about, and after greetings that no vote began with.

A win is an answer that the judge finds better than the SFT model's, and a tie is half a win; the interval of the win rate
is w +- 1.96 s/sqrt(N).  The SFT model against itself shows how small a difference this many questions can detect.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from ..evaluate import Answers, answer, answers_and_stops, best_of_n, sampled_kl
from ..exact import best_of_n_kl_bound
from ..likelihood import log_probs_array
from ..model import LanguageModel
from ..models import NAMES
from ..pipeline import FAST, FULL, Journey, Recipe
from ..world import judge_response, report_questions
from . import Claim, Run, control, quick
from .instruments import costs
from .instruments.measure import GREEDY, SAMPLED, count_seeds, holds_in_most_seeds, prompt_of, spread

QUESTION = "with a reward model and PPO or GRPO, or directly from the votes?"
DOES_NOT_SHOW = (
    "which method is better elsewhere: each has one setting here, chosen by hand in this world, and other settings "
    "would change the results. Seconds are those of one machine, with whatever else it was doing."
)

MODELS = ("sft", "best_of_n", "ppo", "grpo", "dpo")
TUNED = ("ppo", "grpo", "dpo")
EQUAL_TIME = 1.4  # GRPO's iterations per iteration of PPO: without a critic each takes less time; a claim checks the total
TIMES = 4  # samples per held-out item: there are few of them
NEW_GREETINGS = ("good day! ", "excuse me, ", "my friend, ", "now, ")


def one_seed(recipe: Recipe, seed: int, folder: Path) -> Run:
    """Every model of one seed, on the same questions -> plain data."""
    tour = FAST if quick(recipe) else FULL  # each with its best settings: the laboratory's PPO has others
    rivals = replace(tour.grpo, iterations=round(EQUAL_TIME * tour.ppo.iterations))
    journey = Journey(replace(control(recipe), ppo=tour.ppo, grpo=rivals, dpo=tour.dpo), seed, folder)
    questions = report_questions()[:: 2 if quick(recipe) else 1]
    sft = ask(journey, "sft", SAMPLED, questions)
    results = {name: evaluate(journey, name, questions, sft) | asdict(costs.cost(journey, name)) for name in MODELS}
    for name in TUNED:
        results[name] |= moved(journey, journey.model(name))
    other_rng = np.random.default_rng([seed, 1])
    again = answer(journey.model("sft"), questions, judge_response, SAMPLED, other_rng, recipe.max_new_tokens)
    return results | {"itself": wins(again, sft)}


def evaluate(journey: Journey, name: str, questions: list[str], sft: Answers) -> dict[str, float]:
    """Gold, wins and KL of one model, and its gold off the distribution of the votes -> dict of numbers."""
    said, greeted = (ask(journey, name, SAMPLED, questions, greetings) for greetings in (("",), NEW_GREETINGS))
    golds = gold_by_place(journey, name, said, greeted)
    numbers = {
        "gold": float(said.gold.mean()),
        **{f"gold_{place}": float(values.mean()) for place, values in golds.items()},
        "stops_greeted": float(np.mean([answers_and_stops(response) for response in greeted.responses])),
        "wins": wins(said, sft)["rate"],
    }
    # Its answers were chosen among others, so no KL can be estimated from them; only the bound is known.
    if name == "best_of_n":
        return numbers | {"kl": float(best_of_n_kl_bound(journey.recipe.best_of))}
    greedy = ask(journey, name, GREEDY, questions)
    distance = sampled_kl(journey.model(name), journey.model("sft"), said)
    return numbers | {"kl": distance, "gold_greedy": float(greedy.gold.mean())}


def gold_by_place(journey: Journey, name: str, said: Answers, greeted: Answers) -> dict[str, np.ndarray]:
    """Gold of the questions about items that were voted on, about other items, and of all after new greetings.

    said, greeted: of the same questions; returns "seen", "held_out" and "greeted" -> one number per question.
    """
    held_out = np.array([prompt_of(question).held_out for question in said.questions])
    # The held-out items are few: each is asked several times, and every answer is sampled anew.
    again = ask(journey, name, SAMPLED, [q for q, out in zip(said.questions, held_out) if out] * TIMES)
    return {"seen": said.gold[~held_out], "held_out": again.gold.reshape(TIMES, -1).mean(0), "greeted": greeted.gold}


def ask(journey: Journey, name: str, temperature: float, questions: list[str], greetings: Sequence[str] = ("",)) -> Answers:
    """One model answers -> Answers.  The judge gets the question without its greeting, which it does not know either."""
    asked = [greetings[i % len(greetings)] + question for i, question in enumerate(questions)]
    plain = dict(zip(asked, questions))

    def judge(question, response):
        return judge_response(plain[question], response)

    rng, limit = journey.rng("report"), journey.recipe.max_new_tokens
    if name == "best_of_n":
        return best_of_n(journey.model("sft"), journey.scorer(), asked, judge, journey.recipe.best_of, rng, limit)
    return answer(journey.model(name), asked, judge, temperature, rng, limit)


def wins(answers: Answers, others: Answers) -> dict[str, float]:
    """How often `answers` are better -> the win rate, and half the width of its 95 % interval."""
    difference = answers.gold - others.gold
    won = (difference > 1e-9) + 0.5 * (np.abs(difference) <= 1e-9)
    return {"rate": float(won.mean()), "margin": float(1.96 * won.std() / np.sqrt(len(won)))}


def moved(journey: Journey, model: LanguageModel) -> dict[str, float]:
    """log pi - log SFT of the chosen and of the rejected answers of held-out votes, nats per answer."""
    votes = journey.votes()[1]
    # The chosen answers, then the rejected ones: each model reads them all in one pass.
    both = votes.batch()
    after, before = (log_probs_array(m, both.ids, both.mask).sum(1) for m in (model, journey.model("sft")))
    nats = after - before
    return {"chosen": float(nats[: len(votes)].mean()), "rejected": float(nats[len(votes) :].mean())}


# ---------------------------------------------------------------------------------------- what all seeds say
def per_seed(runs: list[Run], model: str, name: str) -> np.ndarray:
    return np.array([run[model][name] for run in runs])


def claims(runs: list[Run]) -> list[Claim]:
    gain = {name: per_seed(runs, name, "gold") - per_seed(runs, "sft", "gold") for name in MODELS}
    off = {
        (name, place): per_seed(runs, name, place) - per_seed(runs, "sft", place)
        for name in ("best_of_n", "ppo", "dpo")
        for place in ("gold_held_out", "gold_greeted")
    }
    rates, margins = (np.array([run["itself"][key] for run in runs]) for key in ("rate", "margin"))
    margin = np.sqrt((margins**2).sum()) / len(runs)  # of the mean over the seeds
    chosen, rejected = per_seed(runs, "dpo", "chosen"), per_seed(runs, "dpo", "rejected")
    needed = ("seconds", "models", "hyperparameters")
    costs = {key: (per_seed(runs, "ppo", key).mean(), per_seed(runs, "dpo", key).mean()) for key in needed}
    more = gain["ppo"] > gain["dpo"]
    return [
        Claim(
            "PPO and DPO both raise gold above the SFT model's",
            holds_in_most_seeds((gain["ppo"] > 0) & (gain["dpo"] > 0)),
            f"PPO by {spread(gain['ppo'])}, DPO by {spread(gain['dpo'])}, best of n by {spread(gain['best_of_n'])}",
        ),
        Claim(
            "PPO ends with more gold than DPO",
            holds_in_most_seeds(more),
            f"{count_seeds(more)}; at {spread(per_seed(runs, 'ppo', 'kl'))} against {spread(per_seed(runs, 'dpo', 'kl'))} nats",
        ),
        Claim(
            "DPO needs at most half of PPO's seconds, models and hyperparameters",
            all(dpo <= ppo / 2 for ppo, dpo in costs.values()),
            ", ".join(f"{key} {ppo:.0f} against {dpo:.0f}" for key, (ppo, dpo) in costs.items()),
        ),
        claim_about_rivals(runs, gain["grpo"]),
        Claim(
            "PPO and DPO both keep a gain after greetings that no vote began with",
            holds_in_most_seeds((off["ppo", "gold_greeted"] > 0) & (off["dpo", "gold_greeted"] > 0)),
            f"PPO {spread(off['ppo', 'gold_greeted'])}, DPO {spread(off['dpo', 'gold_greeted'])}",
        ),
        Claim(
            "PPO and DPO both keep a gain on items that no vote was about",
            holds_in_most_seeds((off["ppo", "gold_held_out"] > 0) & (off["dpo", "gold_held_out"] > 0)),
            f"PPO {spread(off['ppo', 'gold_held_out'])}, DPO {spread(off['dpo', 'gold_held_out'])}; of "
            f"{spread(gain['ppo'])} and {spread(gain['dpo'])} over all",
            "the votes told the reward model nothing about these items, and best of n, which trusts it most, "
            f"changes gold on them by {spread(off['best_of_n', 'gold_held_out'])}",
        ),
        Claim(
            "DPO pushes the rejected answers down further than it lifts the chosen ones",
            holds_in_most_seeds(rejected < -np.abs(chosen)),
            f"on held-out votes chosen {spread(chosen)}, rejected {spread(rejected)} nats; PPO "
            f"{spread(per_seed(runs, 'ppo', 'chosen'))}, {spread(per_seed(runs, 'ppo', 'rejected'))}",
        ),
        Claim(
            "a model against itself wins half of the time, within its interval",
            bool(abs(rates.mean() - 0.5) <= margin),
            f"{rates.mean():.1%} +- {margin:.1%}; for one seed alone +- {margins.mean():.1%}",
        ),
    ]


def claim_about_rivals(runs: list[Run], gain: np.ndarray) -> Claim:
    time = per_seed(runs, "grpo", "seconds").mean() / per_seed(runs, "ppo", "seconds").mean()
    fewer = all(run["grpo"]["models"] == run["ppo"]["models"] - 1 for run in runs)
    return Claim(
        "GRPO raises gold as well, with one model fewer than PPO and, give or take a quarter, in the same time",
        holds_in_most_seeds(gain > 0) and fewer and bool(0.75 <= time <= 1.25),
        f"by {spread(gain)}; GRPO - PPO in gold {spread(per_seed(runs, 'grpo', 'gold') - per_seed(runs, 'ppo', 'gold'))}; "
        f"{time:.0%} of its seconds, at {spread(per_seed(runs, 'grpo', 'kl'))} nats",
        "the seconds are those of this machine, with whatever else it was doing",
    )


def table(runs: list[Run]) -> list[str]:
    lines = ["           gold                 greedy               wins      KL"]
    for name in MODELS:
        greedy = spread(per_seed(runs, name, "gold_greedy")) if "gold_greedy" in runs[0][name] else "-"
        wins_and_kl = f"{per_seed(runs, name, 'wins').mean():6.1%}{per_seed(runs, name, 'kl').mean():8.2f}"
        lines.append(f"{NAMES[name]:<11}{spread(per_seed(runs, name, 'gold')):<21}{greedy:<20}{wins_and_kl}")
    lines += ["", "gold on:   seen items           held-out items       new greetings        stops there"]
    for name in MODELS:
        golds = "".join(f"{spread(per_seed(runs, name, f'gold_{place}')):<21}" for place in ("seen", "held_out", "greeted"))
        lines.append(f"{NAMES[name]:<11}{golds}{per_seed(runs, name, 'stops_greeted').mean():6.1%}")
    lines += ["", "           seconds after votes  models in memory     hyperp.   moved: chosen, rejected"]
    for name in MODELS:
        first = runs[0][name]
        models, hyperparameters = f"{first['models']} ({first['megabytes']:.1f} MB)", f"{first['hyperparameters']}"
        line = f"{NAMES[name]:<11}{spread(per_seed(runs, name, 'seconds'), 0):<21}{models:<21}{hyperparameters:<10}"
        sides = [f"{per_seed(runs, name, side).mean():+.2f}" for side in ("chosen", "rejected") if side in runs[0][name]]
        lines.append((line + ", ".join(sides)).rstrip())
    return lines
