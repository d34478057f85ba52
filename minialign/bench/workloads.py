"""The four workloads, through the library's own functions exactly as training uses them.

    train   32 x 96 tokens: forward, loss, backward, clip, AdamW
    sample  64 texts, 32 tokens of prompt and 48 new ones, none stops early, temperature 1
    dpo     32 pairs x 80 tokens: reference forward; policy forward, loss, backward, clip, AdamW
    ppo     64 answers of 40 tokens: sampling, reward model, critic and reference; GAE; 4 epochs of 4 minibatches,
            each a step of the policy and one of the critic

Each function returns (step, numbers): step() does the work once, to be timed; numbers() does it on fixed inputs and
returns a dict of arrays (losses, gradients under GPT-2's names), to be compared with other systems'.
"""

import numpy as np

from .. import policy_gradient, ppo
from ..batch import Batch
from ..checkpoint import frozen_copy
from ..dpo import dpo_loss
from ..generate import Samples, generate
from ..likelihood import log_probs_array, sequence_log_probs, token_log_probs_of
from ..model import LanguageModel, ScalarModel
from ..optim import AdamW
from ..reward import Scorer
from ..sft import sft_loss
from . import Arrays, Workload, sizes
from .sizes import Size


def train(size: Size, dtype: str = "float32") -> Workload:
    rows, tokens = size.train
    model = sizes.language_model(size, dtype)
    optimizer = AdamW(model.parameters(), sizes.LEARNING_RATE, (0.9, 0.95), weight_decay=0.01)
    batch = Batch(sizes.texts(size, rows, tokens + 1), np.ones((rows, tokens), np.float32))

    def loss_now():
        return sft_loss(token_log_probs_of(model, batch.ids, batch.mask), batch.mask)[0]

    def step():
        optimizer.minimise(loss_now(), max_norm=1.0)

    return step, lambda: _two_steps(model, loss_now, step)


def sample(size: Size, dtype: str = "float32") -> Workload:
    rows, prompt, new = size.sample
    model, rng = sizes.language_model(size, dtype), np.random.default_rng(0)
    prompts = list(sizes.texts(size, rows, prompt))

    def step():
        generate(model, prompts, new, 1.0, rng, eos_id=None)

    return step, lambda: {"greedy tokens": generate(model, prompts, new, 0, eos_id=None).ids}


def dpo(size: Size, dtype: str = "float32") -> Workload:
    pairs, tokens = size.dpo
    policy, reference = sizes.language_model(size, dtype), frozen_copy(sizes.language_model(size, dtype, seed=1))
    optimizer = AdamW(policy.parameters(), sizes.LEARNING_RATE, (0.9, 0.95))
    shape = 2 * pairs, tokens + 1  # the chosen answers, then the rejected ones
    batch = Batch(sizes.texts(size, *shape), sizes.second_half(*shape))

    def loss_now():
        ref = log_probs_array(reference, batch.ids, batch.mask).sum(1)
        logps = sequence_log_probs(policy, batch)  # (2 * pairs,)
        return dpo_loss(logps[:pairs], logps[pairs:], ref[:pairs], ref[pairs:], beta=0.1)[0]

    def step():
        optimizer.minimise(loss_now())

    return step, lambda: _two_steps(policy, loss_now, step)


def ppo_iteration(size: Size, dtype: str = "float32") -> Workload:
    rows, _, new = size.ppo
    policy, reference = sizes.language_model(size, dtype), frozen_copy(sizes.language_model(size, dtype, seed=1))
    critic, score = sizes.scalar_model(size, dtype, 2), Scorer(frozen_copy(sizes.scalar_model(size, dtype, 3)))
    config = ppo.PPOConfig(rollouts=rows, max_new_tokens=new, epochs=size.epochs, minibatch_size=rows // size.minibatches)
    policy_optimizer, critic_optimizer = (
        AdamW(model.parameters(), sizes.LEARNING_RATE, config.betas) for model in (policy, critic)
    )

    def iteration(sampler, rng):
        # The library samples through this name: by replacing only the sampler, its own code is measured, not a copy.
        usual, policy_gradient.generate = policy_gradient.generate, sampler
        try:
            rollout = policy_gradient.roll_out(policy, reference, score, sizes.questions(size), config, rng)
        finally:
            policy_gradient.generate = usual
        optimizers = policy_optimizer, critic_optimizer
        values = ppo.values_of(critic, rollout.batch)
        return rollout, values, ppo.ppo_update(policy, critic, *optimizers, rollout, config.kl_coef, config, rng)

    def never_stopping(*arguments):  # equal work every time: an untrained model would stop at random
        return generate(*arguments, eos_id=None)

    def numbers():
        ids, mask = sizes.answered(size)
        given = Samples(ids, mask, np.zeros(mask.shape, dtype), ids.shape[1] - mask.sum(1), np.zeros(len(ids), bool))
        rollout, values, metrics = iteration(lambda *_: given, np.random.default_rng(1))
        seen = {name: getattr(rollout, name) for name in ("logprobs", "ref_logprobs", "scores")} | {"values": values}
        losses = {name: metrics[name] for name in ("loss/policy", "loss/value", "policy/approxkl")}
        both = {"policy": policy, "critic": critic}
        last = {f"{who} {name}": g for who, model in both.items() for name, g in gradients(model).items()}
        return seen | losses | last

    rng = np.random.default_rng(0)
    return lambda: iteration(never_stopping, rng), numbers


STEPS = {"train": train, "sample": sample, "dpo": dpo, "ppo": ppo_iteration}


def gradients(model: LanguageModel | ScalarModel) -> Arrays:
    """dict GPT-2's name -> gradient."""
    return sizes.named(model, lambda p: p.grad)


def _two_steps(model, loss_now, step):
    """The loss and its gradients at the start, and the loss after two updates."""
    loss = loss_now()
    loss.backward()
    found = {"loss": loss.item()} | gradients(model)
    step(), step()
    return found | {"loss after two steps": loss_now().item()}
