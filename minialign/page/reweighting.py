"""How tight a leash?  The exact answer, on answers that the SFT model really gave.

    pi_beta(y) = exp(proxy(y) / beta) / Z     over K answers y drawn from the SFT model to the same question

On K equally likely draws the leashed optimum ref exp(r / beta) / Z is this softmax, so moving beta re-weights the stored
answers and trains nothing.  Its reach is that of the sample: KL cannot exceed ln K, and where few answers carry all the
weight, the numbers are about their luck.  `proxy` is what PPO chases: the reward model's score, less the fixed penalty for
an answer that does not end.  scene6_leash.js repeats `tilted` while the slider moves; a test holds the two together.
"""

from collections import Counter

import numpy as np

from ..batch import conversations, prompt_ids
from ..generate import generate
from ..likelihood import log_probs_array
from ..world import judge

PROMPTS, ANSWERS = 48, 64  # questions, and answers drawn to each
DOT_ANSWERS = 8  # to each question, for the place of a trained model
BETAS = [round(float(beta), 4) for beta in np.geomspace(8, 0.05, 45)]  # the slider's stops, in units of the score
FEW = 5  # effective answers, below which the page greys its numbers


class Chased:
    """The score that PPO chases: (questions, responses) -> proxies (N,)."""

    def __init__(self, scorer, missing_eos_penalty):
        self.scorer, self.penalty = scorer, missing_eos_penalty

    def of(self, samples):
        return self.scorer(samples.batch) - self.penalty * ~samples.ended

    def of_texts(self, pairs):
        """Scores of (question, Response) pairs, None for a text that the model cannot read."""
        return [self._of_one(question, response) for question, response in pairs]

    def _of_one(self, question, response):
        try:
            batch = conversations([(question, response)], self.scorer.model.config.context_length)
            return round(float(self.scorer(batch)[0] - self.penalty * (not response.ended)), 3)
        except (ValueError, TypeError, AttributeError):  # a letter that the model does not know, no answer at all, ...
            return None


def draw(model, chased, questions, n, max_new_tokens, rng):
    """n answers to each question -> (samples, responses, proxies, gold), question by question."""
    batches = []
    at_once = max(1, 256 // n)  # questions: more would need more memory, and save no time
    for i in range(0, len(questions), at_once):
        prompts = [prompt_ids(q) for q in questions[i : i + at_once] for _ in range(n)]
        batches.append(generate(model, prompts, max_new_tokens, 1.0, rng))
    responses = [response for samples in batches for response in samples.responses()]
    proxies = np.concatenate([chased.of(samples) for samples in batches])
    gold = np.array([judge(questions[i // n], r.text, bool(r.ended)).gold for i, r in enumerate(responses)])
    return batches, responses, proxies, gold


@np.errstate(under="ignore")  # exp(-800) is 0, as it should be
def tilted(proxy, gold, beta):
    """proxy, gold (P, K): the policy at this beta -> dict: proxy, gold, kl, effective, means over the P questions.

    effective = exp(entropy of the weights): K under no tilt, 1 when one answer has all the weight.
    """
    z = np.asarray(proxy, np.float64) / beta
    z = z - z.max(1, keepdims=True)
    weights = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    entropy = -np.sum(np.where(weights > 0, weights * np.log(np.where(weights > 0, weights, 1)), 0), axis=1)
    return {
        "beta": beta,
        "proxy": float((weights * proxy).sum(1).mean()),
        "gold": float((weights * gold).sum(1).mean()),
        "kl": float((np.log(weights.shape[1]) - entropy).mean()),
        "effective": float(np.exp(entropy).mean()),
    }


def place(policy, reference, chased, questions, max_new_tokens, rng):
    """Where a trained model stands in the same picture: its proxy, gold and KL, on answers of its own."""
    batches, _, proxies, gold = draw(policy, chased, questions, DOT_ANSWERS, max_new_tokens, rng)
    own = np.concatenate([samples.logprobs.sum(1) for samples in batches])  # log pi, noted while sampling
    others = [log_probs_array(reference, b.ids, b.mask).sum(1) for b in (x.batch for x in batches)]
    kl = own - np.concatenate(others)
    return {"proxy": float(proxies.mean()), "gold": float(gold.mean()), "kl": float(kl.mean())}


def gallery(questions, responses, proxy, gold, n=10):
    """The answers that the reward model loves most beyond their worth -> (list of dicts, what they share or None).

    Both scores are standardised, so that their difference means something; no text appears twice.
    """
    per_question = len(responses) // len(questions)
    gap = standardised(proxy) - standardised(gold)
    chosen, seen = [], set()
    for i in np.argsort(-gap, kind="stable"):
        text = responses[i].text
        if text.strip() and text not in seen:
            seen.add(text)
            chosen.append(
                {
                    "question": questions[i // per_question],
                    "text": text,
                    "ended": bool(responses[i].ended),
                    "proxy": round(float(proxy[i]), 3),
                    "gold": round(float(gold[i]), 3),
                    "gap": round(float(gap[i]), 3),
                }
            )
        if len(chosen) == n:
            break
    return chosen, shared_phrase([c["text"] for c in chosen], [r.text for r in responses])


def standardised(x):
    x = np.asarray(x, np.float64)
    return (x - x.mean()) / (x.std() or 1.0)


def shared_phrase(texts, everything, longest=4):
    """The words in a row that these texts have most in excess of all texts -> {phrase, share, usual}, or None."""
    here = Counter(phrase for text in texts for phrase in phrases(text, longest))
    common = [phrase for phrase, count in here.items() if count >= max(2, 0.3 * len(texts))]
    if not common:
        return None
    usual = Counter(phrase for text in everything for phrase in phrases(text, longest) & set(common))
    excess = {p: here[p] / len(texts) - usual[p] / len(everything) for p in common}
    best = max(common, key=lambda p: (round(excess[p], 6), len(p), p))
    if excess[best] <= 0:
        return None
    return {"phrase": best, "share": here[best] / len(texts), "usual": usual[best] / len(everything)}


def phrases(text, longest):
    """Every run of two to `longest` words in a text, once each."""
    words = text.split()
    return {" ".join(words[i : i + n]) for n in range(2, longest + 1) for i in range(len(words) - n + 1)}
