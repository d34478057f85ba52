"""What lessons measure with: small functions that would only distract in the lesson itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..autograd import Tensor, no_grad
from ..evaluate import answer
from ..policy_gradient import roll_out
from ..ppo import PPOConfig, gae, kl_penalized_rewards, ppo_value_loss, values_of
from ..runs.text import shown
from ..world import five_questions, judge_response


def counting_loss(stream: np.ndarray, n: int, vocab_size: int) -> float:
    """The loss of an n-gram model, which counts all groups of n characters and predicts the last one from the others."""
    groups = sum(stream[i : len(stream) - n + 1 + i] * vocab_size ** (n - 1 - i) for i in range(n))
    counts = np.bincount(groups, minlength=vocab_size**n).reshape(-1, vocab_size).astype(float)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return float(-(counts * np.log(np.where(counts > 0, share, 1))).sum() / counts.sum())


@contextmanager
def other_ops(model: Any, **functions: Callable) -> Iterator[None]:
    """Inside this block the model uses these functions, by name, instead of its own."""
    # The model's own functions may be a module, which must not be changed: other models share it.
    usual = model.trunk.ops
    model.trunk.ops = SimpleNamespace(**vars(usual) | functions)
    try:
        yield
    finally:
        model.trunk.ops = usual


def attention_of(model: Any, ids: np.ndarray) -> list[np.ndarray]:
    """The weights of attention on ids (1, T) -> list of (H, T, T), one per layer.  Row t: how much t takes from each."""
    attend, weights = model.trunk.ops.causal_attention, []

    def watched(q, k, v):
        T, D = q.shape[2:]
        identity = np.eye(T, T + -T % D, dtype=q.dtype)  # a weighted mean of its rows is the weights themselves
        pieces = [np.broadcast_to(identity[:, i : i + D], q.shape) for i in range(0, T, D)]  # as wide as values are
        weights.append(np.concatenate([attend(q, k, piece).data[0] for piece in pieces], axis=2)[:, :, :T])
        return attend(q, k, v)

    with no_grad(), other_ops(model, causal_attention=watched):
        model(ids)
    return weights


def six_pushes(policy_loss: Callable) -> dict[tuple[float, str], float]:
    """The push of a PPO loss on log pi for a good and a bad token, its ratio below, inside and above 1 +- 0.2.

    -> dict: (advantage, "below" | "between" | "above") -> number
    """
    pushes, one = {}, np.ones((1, 1))
    for advantage in (1.0, -1.0):
        for where, ratio in (("below", 0.7), ("between", 1.1), ("above", 1.3)):
            log_pi = Tensor(np.log([[ratio]]), requires_grad=True)
            policy_loss(log_pi, 0 * one, advantage * one, one, 0.2)[0].backward()
            pushes[advantage, where] = 0.0 - float(log_pi.grad[0, 0])
    return pushes


def tell_answers(models: dict[str, Any], max_new_tokens: int) -> None:
    """Print the models' greedy answers to the five questions, by name."""
    questions = [prompt.text for prompt in five_questions()]
    said = {name: answer(model, questions, judge_response, 0.0, None, max_new_tokens) for name, model in models.items()}
    print()
    for i, question in enumerate(questions):
        print(f"   {question}")
        for name, answers in said.items():
            print(f"      {name:<5}{shown(*answers.responses[i])}", flush=True)


def tell_apart(models: dict[str, Any], questions: list[str], max_new_tokens: int) -> None:
    """Print the first question to which the models give the most different answers, and these answers."""
    said = {name: answer(model, questions, judge_response, 0.0, None, max_new_tokens) for name, model in models.items()}
    texts = list(zip(*([response.text for response in answers.responses] for answers in said.values())))
    i = max(range(len(questions)), key=lambda i: len(set(texts[i])))
    print(f"   {questions[i]}")
    for name, answers in said.items():
        print(f"      {name + ':':<11}{shown(*answers.responses[i])}", flush=True)


def tell_iteration(iteration: int, model: Any, history: Any) -> None:
    """As a callback, a row of what PPO has logged: the score in its deviations; KL, k3, entropy in nats per answer."""
    if not iteration:
        print("   iteration   score     KL     k3   clipped   entropy   length")
        return
    names = ("objective/scores", "objective/kl", "objective/kl_k3", "policy/clipfrac", "objective/entropy", "response/length")
    row = [history[name][-1] for name in names]
    print("   {:9d}{:+8.2f}{:7.2f}{:7.2f}{:10.1%}{:10.1f}{:9.1f}".format(iteration, *row), flush=True)


def zero_critic(
    policy: Any, reference: Any, critic: Any, score: Any, questions: list[str], settings: PPOConfig, rng: np.random.Generator
) -> tuple[float, float]:
    """A critic that says 0, on answers of the policy -> its loss, and half the mean of the squared returns: they are equal."""
    batch = (rollout := roll_out(policy, reference, score, questions, settings, rng)).batch
    rewards = kl_penalized_rewards(rollout.scores, rollout.logprobs, rollout.ref_logprobs, batch.mask, settings.kl_coef)
    values = values_of(critic, batch)
    returns = gae(rewards, values, batch.mask, lam=1.0)[1]
    loss = ppo_value_loss(values, values, returns, batch.mask)[1]["loss/value"]
    return loss, 0.5 * float((returns**2 * batch.mask).sum() / batch.mask.sum())
