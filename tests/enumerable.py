"""A language so small that all of its texts can be listed: four tokens, answers of at most two, thirteen in all.

A real LanguageModel speaks it, so that the training code under test is the training code of the project.
"""

import numpy as np

from minialign import policy_gradient, ppo
from minialign.autograd import Tensor
from minialign.batch import collate
from minialign.checkpoint import frozen_copy, trainable_copy
from minialign.dpo import dpo_loss
from minialign.exact import bradley_terry, enumerate_sequences, optimal_policy
from minialign.likelihood import sequence_log_probs
from minialign.model import LanguageModel, ModelConfig, ScalarModel
from minialign.optim import AdamW, cosine_schedule
from minialign.tokenizer import EOS

V, LONGEST, PROMPT = 4, 2, [3]
ANSWERS = enumerate_sequences(V, LONGEST, EOS)


def speaker(seed, strength=0.5):
    """A random model with opinions; learned positions, since under rotary ones [3] and [3, 3] end in the same state."""
    rng = np.random.default_rng(seed)
    config = ModelConfig(V, len(PROMPT) + LONGEST, n_layer=1, n_head=1, d_model=8, positions="learned", dtype="float64")
    model = LanguageModel(config, rng)
    model.trunk.token_embedding.data = rng.standard_normal((V, 8))
    model.trunk.position_embedding.data = rng.standard_normal((config.context_length, 8))
    model.unembedding.data = strength * rng.standard_normal((8, V)) / np.sqrt(8)
    return model


def every_answer():
    """All answers as one Batch, in the order of ANSWERS."""
    before = [0.0] * (len(PROMPT) - 1)
    return collate([(np.array([*PROMPT, *y]), np.array(before + [1.0] * len(y))) for y in ANSWERS])


def law(model):
    """The model's probability of each answer, (13,)."""
    return np.exp(sequence_log_probs(model, every_answer()).data)


def tree(model):
    """The model as a policy on the tree: prefix -> probabilities of the next token."""
    branches = {}
    for prefix in {y[:t] for y in ANSWERS for t in range(len(y))}:
        logits = model(np.array([[*PROMPT, *prefix]])).data[0, -1]
        branches[prefix] = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    return branches


def read_answers(batch):
    """The indices in ANSWERS of a Batch's rows."""
    return [ANSWERS.index(tuple(int(token) for token in row[len(PROMPT) : n])) for row, n in zip(batch.ids, batch.lengths)]


# ---- three roads to the same policy ---------------------------------------------------------------------------------

def train_with_ppo(monkeypatch, reference, rewards, beta, start=None, **changes):
    """train_ppo itself, from rollouts to clipped epochs; only the prompt is ours.  Returns (policy, history).

    Un-whitened: whitening would blow vanishing advantages up again, and a constant rate would then never settle.
    """
    monkeypatch.setattr(policy_gradient, "prompt_ids", lambda question, tokenizer: PROMPT)
    policy = trainable_copy(start or reference)
    critic = ScalarModel(policy.config, np.random.default_rng(1), head="zero")
    settings = {
        "iterations": 120, "rollouts": 128, "epochs": 4, "minibatch_size": 64, "max_new_tokens": LONGEST, "kl_coef": beta,
        "lam": 1.0, "lr": 0.015, "critic_lr": 0.03, "betas": (0.9, 0.999), "max_norm": 100.0, "whiten": False,
        "missing_eos_penalty": 0.0,
    }  # fmt: skip
    config = ppo.PPOConfig(**{**settings, **changes})

    def score(batch):
        return rewards[read_answers(batch)]

    history = ppo.train_ppo(policy, frozen_copy(reference), critic, score, ["?"], config, np.random.default_rng(5))
    return policy, history


def train_with_dpo(reference, rewards, beta, n_steps=150, lr=0.05):
    """Minimise dpo_loss on the whole population of votes: y beats the next answer with probability sigma(r - r').

    A pair that is won with probability p, judged once, is a pair with label_smoothing 1 - p.  Neighbours in the list are
    enough: Bradley-Terry gaps add up along any chain.
    """
    policy = trainable_copy(reference)
    ref = np.log(law(reference))
    p, answers = bradley_terry(rewards), every_answer()
    optimizer = AdamW(policy.parameters(), lr, betas=(0.8, 0.95))  # the loss has no noise: a short memory ends sooner
    for step in range(n_steps):
        optimizer.lr = cosine_schedule(step, n_steps, lr)
        logps = sequence_log_probs(policy, answers)
        losses = [
            dpo_loss(
                logps[i : i + 1], logps[i + 1 : i + 2], ref[i : i + 1], ref[i + 1 : i + 2], beta, label_smoothing=1 - p[i, i + 1]
            )[0]
            for i in range(len(ANSWERS) - 1)
        ]
        optimizer.minimise(sum(losses[1:], losses[0]), max_norm=100.0)
    return policy


def three_roads(monkeypatch, betas, seed=0):
    """The data of a figure: for each beta the policy that the formula, PPO and DPO arrive at, (N, 13) each."""
    reference = speaker(seed)
    rewards = np.random.default_rng(seed + 1).standard_normal(len(ANSWERS))
    formula = np.stack([optimal_policy(law(reference), rewards, beta) for beta in betas])
    by_ppo = np.stack([law(train_with_ppo(monkeypatch, reference, rewards, beta)[0]) for beta in betas])
    by_dpo = np.stack([law(train_with_dpo(reference, rewards, beta)) for beta in betas])
    return {"reference": law(reference), "rewards": rewards, "formula": formula, "ppo": by_ppo, "dpo": by_dpo}


# ---- without a model at all -------------------------------------------------------------------------------------------

def descend(loss_of, start, steps=150, lr=0.3):
    """Minimise loss_of(Tensor) from an array; deterministic, with a rate that falls to zero."""
    x = Tensor(np.array(start, dtype=float), requires_grad=True)
    optimizer = AdamW([x], lr, betas=(0.8, 0.95))
    for step in range(steps):
        optimizer.lr = cosine_schedule(step, steps, lr)
        optimizer.minimise(loss_of(x), max_norm=1e9)
    return x.data


if __name__ == "__main__":  # python tests/enumerable.py lessons/figures/three_roads
    import sys

    import pytest

    from minialign.figures import plots, style

    with pytest.MonkeyPatch.context() as patch:
        betas = (0.6, 1.5)
        figure, words = plots.three_roads(three_roads(patch, betas), betas)
    style.save(figure, sys.argv[1], words)
    print(words)
