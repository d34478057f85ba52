"""The four workloads as a good PyTorch programmer writes them: eager mode, the same arithmetic as workloads.py.

Same starting weights, same inputs, same losses, same optimiser, same models (the critic is a separate model, as in
minialign); and also sampling with Hugging Face transformers.  Each function returns (step, numbers), as there.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.utils import clip_grad_norm_

from ..batch import prompt_ids
from ..interop import to_hugging_face
from ..ppo import PPOConfig
from . import Workload, sizes
from .sizes import Size
from .torch_model import arrays, load


def use_threads(n: int) -> None:
    torch.set_num_threads(n)


def _policy(size, dtype, seed=0):
    return load(sizes.language_model(size, dtype, seed))


def _scalar(size, dtype, seed):
    return load(sizes.scalar_model(size, dtype, seed))


def _adamw(model, betas=(0.9, 0.95), weight_decay=0.0):
    return torch.optim.AdamW(model.parameters(), sizes.LEARNING_RATE, betas, weight_decay=weight_decay)


def _minimise(model, optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    norm = clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return norm


def _logprobs(model, ids):
    """log-probability of each token given those before it, (B, T-1)."""
    logits, targets = model(ids[:, :-1]), ids[:, 1:]
    return -F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)


def train(size: Size, dtype: str = "float32") -> Workload:
    rows, tokens = size.train
    model = _policy(size, dtype)
    optimizer = _adamw(model, weight_decay=0.01)
    ids = torch.from_numpy(sizes.texts(size, rows, tokens + 1))

    def loss_now():
        return F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())

    def step():
        loss = loss_now()
        _minimise(model, optimizer, loss)
        return loss.item()

    return step, lambda: _two_steps(model, loss_now, step)


def sample(size: Size, dtype: str = "float32") -> Workload:
    rows, prompt, new = size.sample
    model, prompts = _policy(size, dtype), torch.from_numpy(sizes.texts(size, rows, prompt))

    def step():
        model.generate(prompts, new)

    return step, lambda: {"greedy tokens": model.generate(prompts, new, temperature=0).numpy()}


def dpo(size: Size, dtype: str = "float32", beta: float = 0.1) -> Workload:
    pairs, tokens = size.dpo
    policy, reference = _policy(size, dtype), _policy(size, dtype, seed=1)
    optimizer = _adamw(policy)
    ids = torch.from_numpy(sizes.texts(size, 2 * pairs, tokens + 1))
    mask = torch.from_numpy(sizes.second_half(2 * pairs, tokens + 1))

    def loss_now():
        with torch.no_grad():
            ref = (_logprobs(reference, ids) * mask).sum(1)
        moved = (_logprobs(policy, ids) * mask).sum(1) - ref
        return -F.logsigmoid(beta * (moved[:pairs] - moved[pairs:])).mean()

    def step():
        loss = loss_now()
        _minimise(policy, optimizer, loss)
        return loss.item()

    return step, lambda: _two_steps(policy, loss_now, step)


def _mean(x, m):
    return (x * m).sum() / m.sum()


@torch.no_grad()
def _advantages(c, mask, old, ref, values, scores):
    """Whitened advantages and returns, (B, T-1) each."""
    rewards = -c.kl_coef * (old - ref) * mask
    rewards[torch.arange(len(mask)), mask.shape[1] - 1 - mask.flip(1).argmax(1)] += scores  # where each answer ends
    values = values * mask
    advantages, following = torch.zeros_like(rewards), torch.zeros_like(scores)
    for t in reversed(range(rewards.shape[1])):
        next_value = values[:, t + 1] if t + 1 < rewards.shape[1] else 0.0
        delta = rewards[:, t] + c.gamma * next_value - values[:, t]
        advantages[:, t] = following = (delta + c.gamma * c.lam * following) * mask[:, t]
    returns, centre = advantages + values, _mean(advantages, mask)
    spread = torch.sqrt(_mean((advantages - centre) ** 2, mask) + 1e-8)
    return (advantages - centre) / spread * mask, returns


def _ppo_update(c, policy, critic, optimizers, ids, mask, seen, turns):
    """The clipped steps on one rollout -> what a log would say: the mean of policy loss, value loss, KL and two shares.

    seen: what stays fixed meanwhile: logprobs, ref_logprobs, values (B, T-1), scores (B,).  turns: the rows of each step.
    """
    advantages, returns = _advantages(c, mask, *seen)

    def learn(ids, m, old, A, G, V_old):
        log_ratio = (_logprobs(policy, ids) - old) * m
        ratio = log_ratio.exp()
        unclipped, clipped = -A * ratio, -A * ratio.clamp(1 - c.cliprange, 1 + c.cliprange)
        policy_loss = _mean(torch.max(unclipped, clipped), m)
        _minimise(policy, optimizers[0], policy_loss)
        V = critic(ids[:, :-1])
        V_clipped = torch.clamp(V, V_old - c.cliprange_value, V_old + c.cliprange_value)
        far, near = (V - G) ** 2, (V_clipped - G) ** 2
        value_loss = 0.5 * _mean(torch.max(far, near), m)
        _minimise(critic, optimizers[1], value_loss)
        with torch.no_grad():
            shares = _mean(0.5 * log_ratio**2, m), _mean(clipped > unclipped, m), _mean(near > far, m)
        return [x.item() for x in (policy_loss, value_loss, *shares)]

    old, _, values, _ = seen
    return np.mean([learn(ids[i], mask[i], old[i], advantages[i], returns[i], values[i]) for i in turns], 0)


def ppo(size: Size, dtype: str = "float32") -> Workload:
    rows, _, new = size.ppo
    policy, reference = _policy(size, dtype), _policy(size, dtype, seed=1)
    critic, reward_model = _scalar(size, dtype, 2), _scalar(size, dtype, 3)
    c = PPOConfig(epochs=size.epochs, minibatch_size=rows // size.minibatches)
    optimizers = _adamw(policy, c.betas), _adamw(critic, c.betas)
    prompts = torch.tensor([prompt_ids(question) for question in sizes.questions(size)])
    mask = torch.from_numpy(sizes.answered(size)[1]).to(policy.wte.weight.dtype)

    @torch.no_grad()
    def look_at(ids):
        """What stays fixed while the policy is updated: logprobs, ref_logprobs, values (B, T-1), scores (B,)."""
        scores = (reward_model(ids)[:, 1:] * mask).sum(1) / mask.sum(1) - c.missing_eos_penalty
        return _logprobs(policy, ids), _logprobs(reference, ids), critic(ids[:, :-1]), scores

    def update(ids, permutation):
        seen = look_at(ids)
        turns = [rows for _ in range(c.epochs) for rows in permutation().split(c.minibatch_size)]
        return seen, _ppo_update(c, policy, critic, optimizers, ids, mask, seen, turns)

    def step():
        ids = policy.generate(prompts, new).clone()  # tensors made in inference mode cannot be trained on
        update(ids, lambda: torch.randperm(rows))

    def numbers():
        rng = np.random.default_rng(1)
        seen, metrics = update(torch.from_numpy(sizes.answered(size)[0]), lambda: torch.from_numpy(rng.permutation(rows)))
        seen = [x * mask for x in seen[:3]] + [seen[3]]  # of the answers: elsewhere nobody uses them
        found = dict(zip(("logprobs", "ref_logprobs", "values", "scores"), (x.numpy() for x in seen)))
        found |= dict(zip(("loss/policy", "loss/value", "policy/approxkl"), metrics))
        both = {"policy": policy, "critic": critic}
        return found | {
            f"{who} {name}": g for who, model in both.items() for name, g in arrays(model, lambda p: p.grad).items()
        }

    return step, numbers


STEPS = {"train": train, "sample": sample, "dpo": dpo, "ppo": ppo}


def hugging_face_sample(size: Size, dtype: str = "float32") -> Workload:
    """Sampling as in `sample`, by transformers' own generate()."""
    from transformers import GPT2Config, GPT2LMHeadModel

    rows, prompt, new = size.sample
    config, weights = to_hugging_face(sizes.language_model(size, dtype))
    config = GPT2Config(**{k: v for k, v in config.items() if k != "model_type"}, bos_token_id=None, eos_token_id=None)
    model = GPT2LMHeadModel(config).to(getattr(torch, dtype)).eval()
    model.load_state_dict({f"transformer.{name}": torch.from_numpy(a) for name, a in weights.items()}, strict=False)
    ids = torch.from_numpy(sizes.texts(size, rows, prompt))
    usual = {"attention_mask": torch.ones_like(ids), "max_new_tokens": new, "pad_token_id": 0}

    def step():
        model.generate(ids, do_sample=True, top_k=0, **usual)

    return step, lambda: {"greedy tokens": model.generate(ids, do_sample=False, **usual).numpy()}


def _two_steps(model, loss_now, step):
    loss = loss_now()
    loss.backward()
    found = {"loss": loss.item()} | {name: g.copy() for name, g in arrays(model, lambda p: p.grad).items()}
    step(), step()
    return found | {"loss after two steps": loss_now().item()}
