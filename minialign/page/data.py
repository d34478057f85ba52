"""A finished run folder -> everything that the page shows, as plain data.

Each scene is a dict of numbers and texts, or {"missing": what to do about it}.  Nothing here is made up or smoothed over:
what a scene shows was measured in this run, or is sampled from its models while the page is made.
"""

import json
from pathlib import Path

import numpy as np

from .. import checkpoint
from ..batch import Response
from ..exact import best_of_n_kl_bound
from ..generate import generate
from ..models import STAGES
from ..reward import Scorer
from ..runs.errors import Problem
from ..runs.folder import load_model, load_run
from ..tokenizer import ALPHABET, EOS, SPECIAL, encode
from ..world import five_questions, judge, parse, report_questions
from . import leashes, reweighting, weights

AGAIN = "make the run again with: minialign tour"


class Missing(Exception):
    """A scene cannot be shown; the text says what to do about it."""


class Run:
    """What a run folder holds, read when it is first asked for."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.numbers = load_run(folder)
        self.recipe = leashes.recipe_of(self.numbers)
        self.questions = [prompt.text for prompt in five_questions()]
        self._kept = {}

    def once(self, name, read):
        if name not in self._kept:
            self._kept[name] = read()
        return self._kept[name]

    def model(self, name):
        """base, sft, ppo or dpo."""
        try:
            return self.once(name, lambda: load_model(self.folder, name, self.numbers["recipe"]))
        except Problem as problem:
            raise Missing(f"{problem}") from None

    def scorer(self):
        def read():
            model, extra = checkpoint.load(self.folder / "reward.npz", with_extra=True)
            return Scorer(model, self.recipe.reward.pooling, float(extra["mean"]), float(extra["std"]))

        try:
            return self.once("reward", read)
        except (OSError, ValueError, KeyError) as problem:
            raise Missing(f"the reward model cannot be read ({problem}); {AGAIN}") from None

    def chased(self):
        return reweighting.Chased(self.scorer(), self.recipe.ppo.missing_eos_penalty)

    def leashes(self):
        """PPO at every beta that the cache holds for this run."""
        return self.once("leashes", lambda: leashes.kept_leashes(self.numbers, self.folder))

    def stage(self, name):
        """The history of a stage: its series, and the diary that training kept."""
        try:
            text = (self.folder / "curves.json").read_text(encoding="utf-8")
            return self.once("curves", lambda: json.loads(text))[name]
        except (OSError, ValueError, LookupError, TypeError):
            raise Missing(f"curves.json has nothing about the {name} stage; {AGAIN}") from None

    def votes(self, part):
        """The votes of one file, as (question, chosen, rejected); lines that are no votes are passed over."""
        try:
            lines = (self.folder / f"votes-{part}.jsonl").read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            raise Missing(f"there is no votes-{part}.jsonl in the run; {AGAIN}") from None
        return [vote for vote in map(read_vote, lines) if vote]

    def rng(self, purpose):
        """Dice for what is sampled while the page is made: equal runs give equal pages."""
        return np.random.default_rng((self.numbers["seed"], *purpose.encode()))


def read_vote(line):
    try:
        vote = json.loads(line)
        sides = [Response(vote[side], bool(vote.get(f"{side}_ended", True))) for side in ("chosen", "rejected")]
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    texts = [vote["prompt"], *(side.text for side in sides)]
    return (vote["prompt"], *sides) if all(isinstance(text, str) for text in texts) else None


def thin(series, points=50):
    """At most so many [step, value] pairs: the first as it is, then means of blocks at the step where each block ends."""
    width = -(-len(series) // points)
    blocks = [series[i : i + width] for i in range(1 if width > 1 else 0, len(series), width)]
    thinned = [[block[-1][0], round(float(np.mean([value for _, value in block])), 5)] for block in blocks]
    return [[series[0][0], round(series[0][1], 5)], *thinned] if width > 1 else thinned


def gold(question, text, ended):
    return round(judge(question, text, ended).gold, 3)


# ------------------------------------------------------------------------------------------------ the seven scenes
def autocomplete(run):
    """Scene 1: the base model goes on from a question."""
    model, limit, n = run.model("base"), run.recipe.max_new_tokens, 3
    prompts = [[EOS, *encode(q)] for q in run.questions for _ in range(n)]
    said = generate(model, prompts, limit, 1.0, run.rng("base")).responses()
    rows = [
        {"question": q, "samples": [{"text": r.text, "ended": bool(r.ended)} for r in said[i * n : (i + 1) * n]]}
        for i, q in enumerate(run.questions)
    ]
    base = run.numbers["base"]
    return {
        "rows": rows,
        "asks": base["asks"],
        "asked": run.numbers["questions"]["report"],
        "first_loss": base["first_loss"],
        "last_loss": base["last_loss"],
        "guessing": base["guessing"],
        "parameters": base["parameters"],
    }


def reshaping(run):
    """Scene 2: the same questions along SFT, from its diary."""
    stage = run.stage("sft")
    diary = [entry for entry in stage.get("texts", []) if entry.keys() >= {"step", "question", "how", "text", "ended"}]
    if not diary:
        raise Missing(f"SFT kept no diary in this run, which is older than diaries; {AGAIN}")
    entries = {}
    for entry in diary:
        entries.setdefault(entry["question"], {}).setdefault(entry["how"], []).append(
            {"text": entry["text"], "ended": entry["ended"]}
        )
    return {
        "steps": sorted({entry["step"] for entry in diary}),
        "rows": [{"question": question, **how} for question, how in entries.items()],
        "loss": thin(stage["series"]["loss"]),
        "answers": run.numbers["sft"]["answers"],
        "asks": run.numbers["scoreboard"]["sampled"]["sft"]["asks"],
        "demonstrations": run.recipe.demonstrations,
    }


def voting(run, n=40, longest=62):
    """Scene 3: real pairs of the run, what the raters said of them, and what the truth says."""
    votes = run.votes("train") + run.votes("held-out")
    judged = [
        (q, c, r, gold(q, c.text, c.ended), gold(q, r.text, r.ended)) for q, c, r in votes if parse(q) is not None
    ]
    decided = [(gc, gr) for *_, gc, gr in judged if abs(gc - gr) > 1e-9]
    if not votes:
        raise Missing(f"the run's vote files hold no votes; {AGAIN}")
    finished = [(q, c, r) for q, c, r in votes if c.ended and r.ended and max(len(c.text), len(r.text)) <= longest]
    readable = {q: (c, r) for q, c, r in finished or votes}
    rng, questions = run.rng("votes"), list(readable)
    shown = [questions[i] for i in rng.permutation(len(questions))[:n]]
    return {
        "pairs": [
            {
                "question": q,
                "chosen": readable[q][0].text,
                "rejected": readable[q][1].text,
                "ended": [side.ended for side in readable[q]],
                "gold": [gold(q, side.text, side.ended) for side in readable[q]],
                "swap": bool(rng.random() < 0.5),
            }
            for q in shown
        ],
        "votes": len(votes),
        "decided": len(decided),
        "raters_right": float(np.mean([c > r for c, r in decided])) if decided else None,
        "tastes": run.numbers["recipe"]["tastes"],
        "own": run.numbers["votes"].get("own", False),
    }


def scoring(run, n=7):
    """Scene 4: how the scores of held-out pairs slide apart, from the reward model's diary."""
    stage, scorer = run.stage("reward"), run.scorer()
    diary = [entry for entry in stage.get("texts", []) if entry.keys() >= {"step", "chosen", "rejected"}]
    if not diary:
        raise Missing(f"the reward model kept no diary in this run, which is older than diaries; {AGAIN}")
    votes = run.votes("held-out")
    chosen, rejected = (
        (np.array([e[side] for e in diary]) - scorer.mean) / scorer.std for side in ("chosen", "rejected")
    )
    watched = chosen.shape[1]
    if len(votes) < watched:
        raise Missing(f"votes-held-out.jsonl is not the file that the reward model was watched on; {AGAIN}")
    by_length = sorted(range(watched), key=lambda i: len(votes[i][1].text) + len(votes[i][2].text))
    shown = sorted(by_length[: 2 * n][::2] if watched >= 2 * n else by_length[:n])
    return {
        "steps": [entry["step"] for entry in diary],
        "pairs": [
            {
                "question": votes[i][0],
                "chosen": votes[i][1].text,
                "rejected": votes[i][2].text,
                "scores": [[round(float(c), 3), round(float(r), 3)] for c, r in zip(chosen[:, i], rejected[:, i])],
            }
            for i in shown
        ],
        "in_order": [round(float(np.mean((c > r) + 0.5 * (c == r))), 4) for c, r in zip(chosen, rejected)],
        "watched": watched,
        "loss": thin(stage["series"]["loss"]),
        "accuracy": run.numbers["reward"]["accuracy"],
        "ceiling": run.numbers["reward"]["ceiling"],
        "held_out": run.numbers["votes"]["held_out"],
    }


PPO_SERIES = {
    "scores": "objective/scores",
    "kl": "objective/kl",
    "entropy": "objective/entropy",
    "length": "response/length",
}


def leash(run):
    """Scene 5: PPO on the leash of this run, and on every other leash that the cache holds."""
    own = run.recipe.ppo.kl_coef
    histories = {own: run.stage("ppo")}
    for beta, stage in run.leashes().items():
        histories.setdefault(beta, stage.history.to_dict())
    return {
        "runs": [one_leash(run, beta, history, beta == own) for beta, history in sorted(histories.items())],
        "questions": run.questions,
        "penalty": run.recipe.ppo.missing_eos_penalty,
        "rollouts": run.recipe.ppo.rollouts,
    }


def one_leash(run, beta, history, own):
    diary = [entry for entry in history.get("texts", []) if entry.get("how") == "sampled"]
    pairs = [(entry["question"], Response(entry["text"], entry["ended"])) for entry in diary]
    texts = [
        {
            "step": e["step"],
            "question": q,
            "text": r.text,
            "ended": r.ended,
            "score": s,
            "gold": gold(q, r.text, r.ended),
        }
        for e, (q, r), s in zip(diary, pairs, run.chased().of_texts(pairs))
    ]
    series = {name: [round(value, 5) for _, value in history["series"][key]] for name, key in PPO_SERIES.items()}
    return {"beta": beta, "own": own, "texts": texts, **series}


def tightness(run):
    """Scene 6: the leash slider's answers, the places of the trained models, and the gallery."""
    reference, chased, limit = run.model("sft"), run.chased(), run.recipe.max_new_tokens
    everything = report_questions()
    n = min(reweighting.PROMPTS, len(everything))
    questions = [everything[i * len(everything) // n] for i in range(n)]
    K = reweighting.ANSWERS
    _, responses, proxies, golds = reweighting.draw(reference, chased, questions, K, limit, run.rng("answers"))
    proxies, golds = proxies.astype(np.float32), golds.astype(np.float32)
    texts = list(dict.fromkeys(r.text if r.ended else r.text + "..." for r in responses))
    number = {text: i for i, text in enumerate(texts)}
    index = [number[r.text if r.ended else r.text + "..."] for r in responses]
    found, phrase = reweighting.gallery(questions, responses, proxies, golds)
    shaped = proxies.reshape(n, K), golds.reshape(n, K)
    return {
        "questions": questions,
        "texts": texts,
        "answers": K,
        "index": weights.as_text(index, np.uint16),
        "proxy": weights.as_text(proxies, np.float32),
        "gold": weights.as_text(golds, np.float32),
        "betas": reweighting.BETAS,
        "own": run.recipe.ppo.kl_coef,
        "few": reweighting.FEW,
        "curve": [reweighting.tilted(*shaped, beta) for beta in reweighting.BETAS],
        "start": {"proxy": float(proxies.mean()), "gold": float(golds.mean())},
        "dots": dots(run, reference, chased, questions, limit),
        "gallery": found,
        "phrase": phrase,
    }


def dots(run, reference, chased, questions, limit):
    """Every trained policy that there is, in the picture of the slider."""
    own = run.recipe.ppo.kl_coef
    policies = [{"name": "ppo", "beta": own, "own": True, "model": run.model("ppo")}]
    for beta, stage in run.leashes().items():
        if beta != own:
            policies.append({"name": "ppo", "beta": beta, "own": False, "model": stage.model})
    policies.append({"name": "dpo", "beta": run.recipe.dpo.beta, "own": True, "model": run.model("dpo")})
    for policy in policies:
        rng = run.rng("dots")  # the same dice for all
        policy.update(reweighting.place(policy.pop("model"), reference, chased, questions, limit, rng))
    return policies


def shortcut(run):
    """Scene 7: DPO's curves, and the four models side by side."""
    stage, dpo = run.stage("dpo"), run.numbers["dpo"]
    board = run.numbers["scoreboard"]
    return {
        "chosen": thin(stage["series"]["delta/chosen"]),
        "rejected": thin(stage["series"]["delta/rejected"]),
        "loss": thin(stage["series"]["loss"]),
        "dpo": dpo,
        "board": {how: {name: board[how][name] for name in ("base", "sft", "ppo", "dpo")} for how in board},
        "best_of": {"n": run.recipe.best_of, "bound": float(best_of_n_kl_bound(run.recipe.best_of))},
        "samples": run.numbers["samples"],
        "seconds": run.numbers["timings"]["training_seconds"],
    }


SCENES = (autocomplete, reshaping, voting, scoring, leash, tightness, shortcut)


def packed_models(run):
    """The four language models and the reward model for the page, or {"missing": why there are none}."""
    try:
        scorer = run.scorer()
        models = {name: weights.packed(run.model(name)) for name in ("base", "sft", "ppo", "dpo")}
        models["reward"] = weights.packed(scorer.model, mean=scorer.mean, std=scorer.std, pooling=scorer.pooling)
    except Missing as problem:
        return {"missing": str(problem)}
    if weights.size(models) > weights.BUDGET:
        return {
            "missing": "the models of this run are too large to travel in a page; talk to them with: minialign chat"
        }
    return models


def raters(votes):
    """Who voted."""
    if votes.get("own"):
        return f"people ({votes['train']} votes of your own, the held-out ones by simulated raters)"
    return f"simulated raters ({votes['train']} votes, {votes['held_out']} more held out)"


def material(folder):
    """All of it.  Raises Problem if there is no finished run in the folder."""
    run = Run(folder)
    scenes = []
    for scene in SCENES:
        try:
            scenes.append(scene(run))
        except Missing as problem:
            scenes.append({"missing": str(problem)})
    numbers, timings = run.numbers, run.numbers["timings"]
    return {
        "run": {
            "name": run.folder.resolve().name,
            "seed": numbers["seed"],
            "code": numbers["code"],
            "version": numbers["versions"]["minialign"],
            "date": timings["date"],
            "machine": timings["machine"],
            "seconds": {name: timings["seconds"][name] for name in STAGES},
            "raters": raters(numbers["votes"]),
        },
        "alphabet": ALPHABET,
        "special": list(SPECIAL),
        "max_new_tokens": run.recipe.max_new_tokens,
        "penalty": run.recipe.ppo.missing_eos_penalty,
        "questions": run.questions,
        "scenes": scenes,
        "models": packed_models(run),
    }
