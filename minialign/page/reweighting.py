"""How tight a leash?  The exact answer, on answers that the SFT model really gave.

    pi_beta(y) = exp(proxy(y) / beta) / Z     over K answers y drawn from the SFT model to the same question

On K equally likely draws the best policy under a KL penalty, ref exp(r / beta) / Z, is this softmax, so moving beta
re-weights the stored answers and trains nothing.  Its reach is that of the sample: KL cannot exceed ln K, and where few
answers carry all the weight, the numbers depend on which answers happened to be drawn.  `proxy` is what PPO maximises: the
reward model's score, less the fixed penalty for an answer that does not end.  maths.js repeats `tilted` while the
slider moves; a test compares the two.
"""

from dataclasses import dataclass

import numpy as np

from ..batch import Batch, Response, conversations, prompt_ids
from ..figures.scenes import Tilted
from ..generate import Samples, generate
from ..likelihood import log_probs_array
from ..model import LanguageModel
from ..reward import Scorer
from ..world import judge

PROMPTS, ANSWERS = 48, 64  # questions, and answers drawn to each
DOT_ANSWERS = 8  # to each question, for the place of a trained model
BETAS = [round(float(beta), 4) for beta in np.geomspace(8, 0.05, 45)]  # the slider's stops, in units of the score
FALLS = 0.05  # of the truth: a smaller loss is none
FEW = 5  # effective answers, below which the page greys its numbers


class Proxy:
    """The score that PPO maximises."""

    def __init__(self, scorer: Scorer, missing_eos_penalty: float):
        self.scorer, self.penalty = scorer, missing_eos_penalty

    def of(self, samples: Samples) -> np.ndarray:
        """(N,)"""
        return self.scorer(samples.batch) - self.penalty * ~samples.ended

    def of_texts(self, pairs: list[tuple[str, Response]]) -> list[float | None]:
        """Scores of (question, answer) pairs; None for a text that the model cannot read."""
        return [self._of_one(question, response) for question, response in pairs]

    def _of_one(self, question, response):
        try:
            batch = conversations([(question, response)], self.scorer.model.config.context_length)
            return round(float(self.scorer(batch)[0] - self.penalty * (not response.ended)), 3)
        except ValueError:  # a character that the model does not know, no answer at all, a text that is too long
            return None


@dataclass(frozen=True)
class Drawn:
    """n answers to each question, question by question; `questions` names the question of each answer."""

    batches: list[Samples]
    questions: list[str]  # N
    responses: list[Response]  # N
    proxy: np.ndarray  # (N,) float32, as the page stores it
    gold: np.ndarray  # (N,) float32


def draw(
    model: LanguageModel, proxy: Proxy, questions: list[str], n: int, max_new_tokens: int, rng: np.random.Generator
) -> Drawn:
    """n answers to each question, with the score that PPO maximises and the judge's."""
    batches, asked = [], [question for question in questions for _ in range(n)]
    at_once = n * max(1, 256 // n)  # answers: more would need more memory, and save no time
    for i in range(0, len(asked), at_once):
        prompts = [prompt_ids(question) for question in asked[i : i + at_once]]
        batches.append(generate(model, prompts, max_new_tokens, 1.0, rng))
    responses = [response for samples in batches for response in samples.responses()]
    proxies = np.concatenate([proxy.of(samples) for samples in batches])
    gold = np.array([judge(question, r.text, bool(r.ended)).gold for question, r in zip(asked, responses)])
    return Drawn(batches, asked, responses, proxies.astype(np.float32), gold.astype(np.float32))


@np.errstate(under="ignore")  # exp(-800) is 0, as it should be
def tilted(proxy: np.ndarray, gold: np.ndarray, beta: float) -> Tilted:
    """proxy, gold (P, K): the best policy at this beta, means over the P questions.

    effective = exp(entropy of the weights): K under no tilt, 1 when one answer has all the weight.
    """
    z = np.asarray(proxy, np.float64) / beta
    z = z - z.max(1, keepdims=True)
    weights = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    entropy = -np.sum(np.where(weights > 0, weights * np.log(np.where(weights > 0, weights, 1)), 0), axis=1)
    return Tilted(
        beta=beta,
        proxy=float((weights * proxy).sum(1).mean()),
        gold=float((weights * gold).sum(1).mean()),
        kl=float((np.log(weights.shape[1]) - entropy).mean()),
        effective=float(np.exp(entropy).mean()),
    )


def falling(proxy: np.ndarray, gold: np.ndarray, betas: list[float]) -> tuple[int, int]:
    """proxy, gold (P, K) -> on how many questions the truth falls as the leash loosens, and on which it falls most.

    Each question's leash is as loose as its own answers bear: the last of the betas, from tight to loose, with FEW in play.
    """
    falls = []
    for scores, worth in zip(proxy[:, None], gold[:, None]):  # (1, K) each
        curve = [point for point in (tilted(scores, worth, beta) for beta in betas) if point.effective >= FEW]
        falls.append(worth.mean(dtype=float) - curve[-1].gold if curve else 0.0)
    return int(sum(fall >= FALLS for fall in falls)), int(np.argmax(falls))


def place(
    policy: LanguageModel,
    reference: LanguageModel,
    proxy: Proxy,
    questions: list[str],
    max_new_tokens: int,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Proxy, gold and KL of a trained model, on answers of its own."""
    drawn = draw(policy, proxy, questions, DOT_ANSWERS, max_new_tokens, rng)
    own = np.concatenate([samples.logprobs.sum(1) for samples in drawn.batches])  # log pi, noted while sampling
    batches: list[Batch] = [samples.batch for samples in drawn.batches]
    others = np.concatenate([log_probs_array(reference, batch.ids, batch.mask).sum(1) for batch in batches])
    means = {"proxy": drawn.proxy, "gold": drawn.gold, "kl": own - others}
    return {name: float(values.mean(dtype=float)) for name, values in means.items()}
