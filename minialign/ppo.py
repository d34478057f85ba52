"""Proximal policy optimisation for a language model: sample, score, take a clipped step, and stay near the reference model.

    maximise  E[ r(x, y) - beta log(pi(y|x) / ref(y|x)) ]                    (Ziegler et al. 2019, equation 2)

gamma = 1.  An episode ends at the EOS or where it is cut off.  Rewards and the clipped policy loss: policy_gradient.py.

    advantage   delta_t = R_t + gamma V_{t+1} - V_t,   A_t = delta_t + gamma lambda A_{t+1}           (Schulman et al. 2016)
    critic      L = 1/2 mean max((V - G)^2, (clip(V, V_old +- eps_v) - G)^2),  G = A + V_old

Differences from Ziegler et al.: a separate critic instead of a second head on the policy; an answer that does not end
loses a fixed penalty instead of its score.
"""

from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from . import parallel
from .autograd import as_floats, as_tensor, clip, maximum, no_grad, same_shape
from .batch import minibatches
from .checks import (
    as_mask,
    check_betas,
    check_count,
    check_counts,
    check_finite,
    check_flags,
    check_number,
    check_numbers,
    check_reference,
)
from .divergence import check_step, quiet
from .functional import masked
from .history import History
from .likelihood import token_log_probs_of
from .optim import AdamW, linear_schedule
from .policy_gradient import (
    AdaptiveKLController,
    FixedKLController,
    kl_penalized_rewards,
    masked_mean,
    masked_whiten,
    ppo_policy_loss,
    roll_out,
    rollout_metrics,
)
from .tokenizer import CHARACTERS


@dataclass(frozen=True)
class PPOConfig:
    iterations: int = 40
    rollouts: int = 128  # answers per iteration
    max_new_tokens: int = 48
    epochs: int = 2  # passes over the same answers
    minibatch_size: int = 64
    kl_coef: float = 0.2  # beta: what one nat of distance costs, in standard deviations of the score
    target_kl: float | None = None  # nats per answer; if given, beta adapts to hold it
    kl_horizon: int | None = None  # answers in which it may change by a fifth, above rollouts / 5; None: ten rollouts
    cliprange: float = 0.2  # eps: beyond 1 +- eps a ratio gains nothing more
    cliprange_value: float = 0.2
    gamma: float = 1.0
    lam: float = 0.95
    lr: float = 3e-4
    critic_lr: float = 1e-3
    betas: tuple = (0.9, 0.95)
    lr_decay: bool = True  # linearly to zero
    max_norm: float = 1.0
    whiten: bool = True  # advantages to mean 0 and variance 1, once per rollout
    missing_eos_penalty: float = 1.0  # taken from the score of an answer that does not end

    def __post_init__(self):
        check_counts(self, "iterations rollouts max_new_tokens epochs minibatch_size")
        check_numbers(self, "kl_coef lr critic_lr missing_eos_penalty", at_least=0)
        check_numbers(self, "cliprange cliprange_value max_norm", above=0)
        check_numbers(self, "gamma lam", at_least=0, at_most=1)
        check_betas(self.betas)
        check_flags(self, "lr_decay whiten")
        if self.target_kl is not None:
            check_number("target_kl", self.target_kl, above=0)
            check_number("kl_coef that is to adapt to target_kl", self.kl_coef, above=0)
        if self.kl_horizon is not None:
            check_count("kl_horizon", self.kl_horizon, at_least=self.rollouts // 5 + 1)  # or one update may turn beta's sign


# ------------------------------------------------------------------------------------------------ advantages, values
def gae(rewards, values, mask, gamma=1.0, lam=0.95):
    """Generalised advantage estimation -> advantages, returns, both (B, T-1) and 0 outside the mask.

        delta_t = R_t + gamma V_{t+1} - V_t,   A_t = delta_t + gamma lambda A_{t+1},   returns = A + V

    (Schulman et al. 2016, equation 16.)  Nothing follows the last token: V = 0 there, cut off or not.  A column outside the
    mask is no step: what comes after such a gap follows directly on what comes before it.
    Raises ValueError for shapes that differ, a mask of anything but 0 and 1, and a gamma or lam outside 0 to 1.

    >>> rewards, values, mask = [[0.0, 0.0, 1.0]], [[0.5, 0.5, 0.5]], [[1, 1, 1]]
    >>> print(gae(rewards, values, mask, lam=0.0)[0])  # one step ahead: only the last token is a surprise
    [[0.  0.  0.5]]
    >>> print(gae(rewards, values, mask, lam=1.0)[0])  # all the way: return minus value
    [[0.5 0.5 0.5]]
    """
    same_shape(rewards=rewards, values=values, mask=mask)
    for name, value in (("gamma", gamma), ("lam", lam)):
        check_number(name, value, at_least=0, at_most=1)
    mask = as_mask(mask)
    rewards = masked(as_floats(rewards), mask)
    values = masked(as_floats(values, rewards.dtype), mask)
    advantages = np.zeros_like(rewards)
    next_value, next_advantage = np.zeros((2, len(rewards)), rewards.dtype)
    # eq: gae
    for t in reversed(range(rewards.shape[1])):
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        advantage = delta + gamma * lam * next_advantage
        advantages[:, t] = advantage * mask[:, t]
        next_value = np.where(mask[:, t], values[:, t], next_value)
        next_advantage = np.where(mask[:, t], advantage, next_advantage)
    # end eq
    return advantages, advantages + values


def ppo_value_loss(values, old_values, returns, mask, cliprange_value=0.2):
    """1/2 mean over the mask of max((V - G)^2, (clip(V, V_old - eps, V_old + eps) - G)^2) -> (loss, metrics).

    values: Tensor (B, T-1); the rest are arrays.
    Raises ValueError for shapes that differ, a mask of anything but 0 and 1, and a cliprange_value that is not above 0.
    """
    same_shape(values=values, old_values=old_values, returns=returns, mask=mask)
    check_number("cliprange_value", cliprange_value, above=0)
    mask = as_mask(mask)
    values = masked(as_tensor(values), mask)
    old_values, returns = (masked(as_floats(x, values.dtype), mask) for x in (old_values, returns))
    # eq: ppo-value
    clipped_values = clip(values, old_values - cliprange_value, old_values + cliprange_value)
    unclipped, clipped = (values - returns) ** 2, (clipped_values - returns) ** 2
    loss = 0.5 * masked_mean(maximum(unclipped, clipped), mask)
    # end eq
    return loss, {
        "loss/value": loss.item(),
        "val/clipfrac": float(masked_mean(clipped.data > unclipped.data, mask)),
    }


# ------------------------------------------------------------------------------------------------ the loop
def values_of(critic, batch):
    """What the critic expects of each answer from here on, before it learns -> array (B, T-1)."""
    with no_grad():
        return critic(batch.ids[:, :-1], batch.mask).data


@quiet()
def fit_critic(critic, answers, scores, config, rng, rows_at_once=32):
    """Teach the critic, before the policy moves, what the reference's answers are worth -> the loss of each step.

        L = 1/2 mean over the mask of (V_t - r)^2        answers: Batch (B, T), their scores r (B,)

    So V_t starts as the mean score of answers that begin as this one does.  With an untrained critic the first
    advantages are noise, and from noise the policy gains KL but no reward.
    Raises ValueError if there are no answers or a score is not finite, and Diverged if a loss or a parameter is not.
    """
    check_count("the number of answers", len(answers))
    check_finite("the score", scores)
    optimizer, losses = AdamW(critic.parameters(), config.critic_lr, config.betas), []
    steps = list(minibatches(len(answers), rows_at_once, rng, answers.lengths))
    for step, rows in enumerate(steps):
        optimizer.lr = linear_schedule(step, len(steps), config.critic_lr)
        some, r = answers[rows], scores[rows].astype(critic.config.dtype)[:, None]
        values = critic(some.ids[:, :-1], some.mask)
        loss, _ = ppo_value_loss(values, values.data, np.broadcast_to(r, values.shape), some.mask)  # nothing to clip yet
        optimizer.minimise(loss, config.max_norm)
        losses.append(loss.item())
        check_step("the critic", step, len(steps), {"loss": losses[-1]}, config, critic)
    return losses


@quiet()
def train_ppo(policy, reference, critic, score, questions, config, rng, desc="ppo", callback=None, tokenizer=CHARACTERS):
    """Train `policy` and `critic` in place -> History.

    reference  frozen LanguageModel at the other end of the leash
    score      function Batch -> (B,): the reward model, or any other
    questions  list of str, drawn from at random
    callback   function(iteration, policy, history), called before the first and after every iteration
    Raises ValueError if there are no questions, if the reference is the policy, and for a score that is no finite number;
    Diverged if a loss or a parameter is none.
    """
    check_count("the number of questions", len(questions))
    check_reference(policy, reference)
    controller = FixedKLController(config.kl_coef)
    if config.target_kl is not None:
        horizon = 10 * config.rollouts if config.kl_horizon is None else config.kl_horizon
        controller = AdaptiveKLController(config.kl_coef, config.target_kl, horizon)
    policy_optimizer = AdamW(policy.parameters(), config.lr, config.betas)
    critic_optimizer = AdamW(critic.parameters(), config.critic_lr, config.betas)
    history = History()
    if callback:
        callback(0, policy, history)
    for iteration in tqdm(range(config.iterations), desc=desc, leave=False, disable=None):
        if config.lr_decay:
            policy_optimizer.lr = linear_schedule(iteration, config.iterations, config.lr)
            critic_optimizer.lr = linear_schedule(iteration, config.iterations, config.critic_lr)
        asked = [questions[i] for i in rng.integers(len(questions), size=config.rollouts)]
        rollout = roll_out(policy, reference, score, asked, config, rng, tokenizer)
        metrics = ppo_update(policy, critic, policy_optimizer, critic_optimizer, rollout, controller.value, config, rng)
        history.log(iteration, metrics | {"objective/kl_coef": controller.value, "lr": policy_optimizer.lr})
        check_step("PPO", iteration, config.iterations, metrics, config, policy, critic, unit="iteration", every=1)
        controller.update(metrics["objective/kl"], config.rollouts)
        if callback:
            callback(iteration + 1, policy, history)
    return history


def ppo_update(policy, critic, policy_optimizer, critic_optimizer, rollout, kl_coef, config, rng):
    """Several clipped steps on one rollout -> metrics."""
    batch, mask = rollout.batch, rollout.batch.mask
    rewards = kl_penalized_rewards(rollout.scores, rollout.logprobs, rollout.ref_logprobs, mask, kl_coef)
    old_values = values_of(critic, batch)
    advantages, returns = gae(rewards, old_values, mask, config.gamma, config.lam)
    if config.whiten:
        advantages = masked_whiten(advantages, mask)

    def learn_policy(rows):
        logprobs, m = token_log_probs_of(policy, batch.ids[rows], mask[rows]), mask[rows]
        loss, metrics = ppo_policy_loss(logprobs, rollout.logprobs[rows], advantages[rows], m, config.cliprange)
        policy_optimizer.minimise(loss, config.max_norm)
        return metrics

    def learn_values(rows):
        values, m = critic(batch.ids[rows, :-1], mask[rows]), mask[rows]
        loss, metrics = ppo_value_loss(values, old_values[rows], returns[rows], m, config.cliprange_value)
        critic_optimizer.minimise(loss, config.max_norm)
        return metrics

    turns = [rows for _ in range(config.epochs) for rows in minibatches(len(batch), config.minibatch_size, rng)]
    # during an update the policy and the critic do not depend on each other
    both = parallel.in_threads(lambda learn: [learn(rows) for rows in turns], (learn_policy, learn_values))
    steps = [policy_metrics | value_metrics for policy_metrics, value_metrics in zip(*both)]
    means = {name: float(np.mean([step[name] for step in steps])) for name in steps[0]}
    return means | rollout_metrics(rollout, kl_coef) | {"policy/first_ratio_error": steps[0]["policy/ratio_error"]}
