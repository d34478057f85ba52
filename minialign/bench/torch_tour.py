"""The tour's five trainings as a good PyTorch programmer writes them: eager mode, padded batches, the arithmetic of tour.py.

The same models at the start, the same minibatches, which the library's functions draw for both, and the same answers from the
sampler.  AdamW is PyTorch's, fused.  torch.optim.Muon computes in bfloat16, which many processors only emulate, and one matrix
at a time; the one here takes all matrices of a shape at once, in their own precision, and is faster there.
"""

import copy
import math

import numpy as np
import torch
import torch.nn.functional as F

from .. import sft
from ..batch import PAD, Batch, minibatches, prompt_ids
from ..optim import cosine_schedule
from . import STAGES, Workload, sizes
from .torch_model import GPT, arrays, load
from .torch_steps import _logprobs, _mean, _minimise, _ppo_update
from .torch_steps import use_threads as use_threads
from .tour import OF_PPO, Excerpt, compared, random, reward_model, steps, texts

AT_ONCE = 64  # texts, where nothing is learned


def _adamw(parameters, lr, betas, weight_decay=0.0):
    return torch.optim.AdamW(parameters, lr, betas, weight_decay=weight_decay, fused=True)


class _Muon(torch.optim.Optimizer):
    """optim.Muon for the blocks' matrices (the fused queries, keys and values are three), AdamW for the rest."""

    def __init__(self, model: GPT, c: sft.LMConfig, momentum: float = 0.95):
        inside = [p for p in model.h.parameters() if p.ndim == 2]
        super().__init__(inside, {"lr": c.muon_lr})
        others = [p for p in model.parameters() if not any(p is q for q in inside)]
        self.momentum, self.adamw = momentum, _adamw(others, c.lr, c.betas, c.weight_decay)
        self.param_groups += self.adamw.param_groups
        self.M: dict[tuple, torch.Tensor] = {}  # shape -> (n, K, C)

    @torch.no_grad()
    def step(self) -> None:
        self.adamw.step()
        of_shape: dict[tuple, list] = {}
        for p in self.param_groups[0]["params"]:
            n = 3 if p.shape[0] == 3 * p.shape[1] else 1
            for W, G in zip(p.chunk(n), p.grad.chunk(n)):
                of_shape.setdefault(W.shape, []).append((W, G))
        for (K, C), pairs in of_shape.items():  # nn.Linear keeps (out, in)
            G = torch.stack([G for _, G in pairs])
            M = self.M.setdefault((K, C), torch.zeros_like(G))
            M.mul_(self.momentum).add_(G)
            for (W, _), O in zip(pairs, _orthogonalised(G.add(M, alpha=self.momentum))):
                W.sub_(O, alpha=self.param_groups[0]["lr"] * math.sqrt(max(1, K / C)))


def _orthogonalised(G):
    X = G if G.shape[1] <= G.shape[2] else G.mT
    X = X / (X.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        A = X @ X.mT
        X = torch.baddbmm(X, torch.baddbmm(A, A, A, beta=-4.7750, alpha=2.0315), X, beta=3.4445)
    return X if X.shape == G.shape else X.mT


def _fit(model, optimizer, c, batches, n_steps, loss_of):
    """loss_of(batch) -> loss, metrics: (what a log would say of each step: dict of lists, model)."""
    highest, history = [group["lr"] for group in optimizer.param_groups], {}
    for step, batch in zip(range(n_steps), batches):
        for group, lr in zip(optimizer.param_groups, highest):
            group["lr"] = cosine_schedule(step + 1, n_steps, lr, c.warmup_steps, c.final_fraction)
        loss, metrics = loss_of(batch)
        norm = _minimise(model, optimizer, loss)
        for name, value in ({"loss": loss, "grad_norm": norm} | metrics).items():
            history.setdefault(name, []).append(value.item())
    return history, model


def _tensors(batch: Batch, dtype: str):
    """ids (B, T), and mask (B, T-1)."""
    return torch.from_numpy(batch.ids), torch.from_numpy(batch.mask).to(getattr(torch, dtype))


def _reading(model, batch):
    ids = torch.from_numpy(batch.ids)
    return F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())


def _pairs(e, c):
    """The answers of all votes, chosen and then rejected, and the rows of each minibatch."""
    both, n, rng = texts(e).votes.batch(e.recipe.model.context_length), e.texts, random()
    longest = np.maximum(both.lengths[:n], both.lengths[n:])
    rows = (rows for _ in range(c.epochs) for rows in minibatches(n, c.batch_size, rng, longest))
    return both, [np.concatenate([some, some + n]) for some in rows]


@torch.no_grad()
def _likelihoods(reference, ids, mask):
    """Mean and least log-probability of each answer's tokens, (B, 2)."""
    logprobs = _logprobs(reference, ids) * mask
    return torch.stack([logprobs.sum(1) / mask.sum(1), logprobs.amin(1)], dim=1)


def _scores_of(model, ids, mask, known):
    return (model(ids)[:, 1:] * mask).sum(1) / mask.sum(1) + known @ model.likelihood_weights


# ------------------------------------------------------------------------------------------------ the five trainings
def base(e: Excerpt, dtype: str = "float32") -> Workload:
    start, r, t = load(sizes.language_model(e, dtype)), e.recipe, texts(e)

    def train():
        model, c = copy.deepcopy(start), r.base
        batches = sft.windows(*t.corpus, c.batch_size, r.window, random())
        return _fit(model, _Muon(model, c), c, batches, r.base_steps, lambda batch: (_reading(model, batch), {}))

    return compared(train, "loss", "grad_norm", weights=arrays)


def demonstrated(e: Excerpt, dtype: str = "float32") -> Workload:
    start, r, t = load(sizes.language_model(e, dtype)), e.recipe, texts(e)

    def train():
        model, c = copy.deepcopy(start), r.sft
        batches = sft.epochs(t.conversations, r.sft_epochs, c.batch_size, random())
        replay = sft.windows(*t.corpus, r.replay_rows, r.window, random())

        def loss_of(batch):
            ids, mask = _tensors(batch, dtype)
            answering = -_mean(_logprobs(model, ids), mask)
            return answering + c.replay_weight * _reading(model, next(replay)), {"loss": answering}

        optimizer = _adamw(model.parameters(), c.lr, c.betas, c.weight_decay)
        return _fit(model, optimizer, c, batches, steps(r, e.texts)["tour-sft"], loss_of)

    return compared(train, "loss", "grad_norm", weights=arrays)


def reward(e: Excerpt, dtype: str = "float32") -> Workload:
    start, reference, c = load(reward_model(e, dtype)), load(sizes.language_model(e, dtype, 1)), e.recipe.reward

    def train():
        model, (both, turns) = copy.deepcopy(start), _pairs(e, c)
        some = (both[i : i + AT_ONCE] for i in range(0, len(both), AT_ONCE))
        known = torch.cat([_likelihoods(reference, *_tensors(batch, dtype)) for batch in some])

        def loss_of(rows):
            scores = _scores_of(model, *_tensors(both[rows], dtype), known[rows])
            margins = scores[: len(rows) // 2] - scores[len(rows) // 2 :]
            loss, right = -F.logsigmoid(margins).mean(), (margins > 0).float().mean()
            return loss + c.center * (scores**2).mean(), {"loss": loss, "margin": margins.mean(), "accuracy": right}

        optimizer = _adamw(model.parameters(), c.lr, c.betas, c.weight_decay)
        return _fit(model, optimizer, c, turns, len(turns), loss_of)

    return compared(train, "loss", "margin", weights=arrays)


def ppo(e: Excerpt, dtype: str = "float32") -> Workload:
    start, first_critic, t = load(sizes.language_model(e, dtype)), load(sizes.scalar_model(e, dtype, 2)), texts(e)
    reference, reward, c = load(sizes.language_model(e, dtype, 1)), load(reward_model(e, dtype)), e.recipe.ppo

    def train():
        policy, critic, rng = copy.deepcopy(start), copy.deepcopy(first_critic), random()
        optimizers = _adamw(policy.parameters(), c.lr, c.betas), _adamw(critic.parameters(), c.critic_lr, c.betas)
        asked = [prompt_ids(t.questions[i]) for i in rng.integers(len(t.questions), size=c.rollouts)]
        ids, mask = _sampled(policy, asked, t.answers, dtype)

        @torch.no_grad()
        def look(ids, mask):  # the reward model's reference is the same model, but who scores does not know that
            scores = _scores_of(reward, ids, mask, _likelihoods(reference, ids, mask))
            return _logprobs(policy, ids), _logprobs(reference, ids), critic(ids[:, :-1]), scores

        looks = map(look, ids.split(AT_ONCE), mask.split(AT_ONCE))
        old, ref, values, scores = seen = [torch.cat(parts) for parts in zip(*looks)]
        turns = [torch.from_numpy(rows) for _ in range(c.epochs) for rows in minibatches(len(ids), c.minibatch_size, rng)]
        metrics = _ppo_update(c, policy, critic, optimizers, ids, mask, seen, turns)
        kl = ((old - ref) * mask).sum(1).mean()
        return dict(zip(OF_PPO, [[x] for x in (*metrics[:3], kl.item(), scores.mean().item())])), policy, critic

    return compared(train, *OF_PPO, weights=arrays)


def _sampled(policy, prompts, answers, dtype):
    """Prompts padded on the left are continued; then all is padded on the right -> ids (B, T), mask (B, T-1)."""
    given = torch.tensor([answers[tuple(prompt)] for prompt in prompts])  # (B, new)
    start = torch.tensor([len(prompt) for prompt in prompts])[:, None]
    end, T0 = start + (given != PAD).sum(1, keepdim=True), int(start.max())
    padded = torch.tensor([[PAD] * (T0 - len(prompt)) + prompt for prompt in prompts])
    ids = policy.generate(padded, given.shape[1], given=given).clone()  # tensors made in inference mode cannot be trained on
    columns = torch.arange(int(end.max()))
    ids = F.pad(ids, (0, T0), value=PAD).gather(1, columns + T0 - start)
    return ids, ((start <= columns) & (columns < end))[:, 1:].to(getattr(torch, dtype))


def dpo(e: Excerpt, dtype: str = "float32") -> Workload:
    start, reference = load(sizes.language_model(e, dtype)), load(sizes.language_model(e, dtype, 1))
    c = e.recipe.dpo

    def train():
        policy, (both, turns) = copy.deepcopy(start), _pairs(e, c)

        def loss_of(rows):
            ids, mask = _tensors(both[rows], dtype)
            with torch.no_grad():
                ref = (_logprobs(reference, ids) * mask).sum(1)
            moved = (_logprobs(policy, ids) * mask).sum(1) - ref
            margins = c.beta * (moved[: len(rows) // 2] - moved[len(rows) // 2 :])
            return -F.logsigmoid(margins).mean(), {"rewards/margins": margins.mean()}

        optimizer = _adamw(policy.parameters(), c.lr, c.betas, c.weight_decay)
        return _fit(policy, optimizer, c, turns, len(turns), loss_of)

    return compared(train, "loss", "rewards/margins", weights=arrays)


STEPS = dict(zip(STAGES, (base, demonstrated, reward, ppo, dpo)))
