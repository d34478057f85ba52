"""Proximal policy optimisation for a language model: try, score, nudge, and stay on the leash.

    maximise  E[ r(x, y) - beta log(pi(y|x) / ref(y|x)) ]                    (Ziegler et al. 2019, equation 2)

State: the text so far.  Action: the next token.  gamma = 1.  An episode ends at the END or where it is cut off.

    reward      R_t = -beta (log pi_old(a_t) - log ref(a_t)),  and the score on the last token       the leash
    advantage   delta_t = R_t + gamma V_{t+1} - V_t,   A_t = delta_t + gamma lambda A_{t+1}           (Schulman et al. 2016)
    policy      L = mean max(-A rho, -A clip(rho, 1-eps, 1+eps)),  rho = exp(log pi - log pi_old)     (Schulman et al. 2017, eq. 7)
    critic      L = 1/2 mean max((V - G)^2, (clip(V, V_old +- eps_v) - G)^2),  G = A + V_old

Two different distances: `reference` is the frozen SFT model at the other end of the leash; `old` is the policy that wrote
the samples, from which the clip keeps one update near.

Differences from Ziegler et al.: a separate critic instead of a second head on the policy; population variance in
whitening; an answer that does not end loses a fixed penalty instead of its score.
"""

from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from . import parallel
from .autograd import Tensor, as_floats, as_tensor, clip, exp, maximum, no_grad, same_shape
from .batch import minibatches, prompt_ids
from .generate import generate
from .history import History
from .likelihood import log_probs_array, token_log_probs_of
from .optim import AdamW, linear_schedule


@dataclass(frozen=True)
class PPOConfig:
    iterations: int = 40
    rollouts: int = 128  # answers an iteration
    max_new_tokens: int = 48
    epochs: int = 2  # passes over the same answers
    minibatch_size: int = 64
    kl_coef: float = 0.2  # beta: what one nat of distance costs, in standard deviations of the score
    target_kl: float | None = None  # nats an answer; if given, beta adapts to hold it
    kl_horizon: int | None = None  # answers in which it may change by a fifth; None: ten rollouts
    cliprange: float = 0.2  # eps: beyond 1 +- eps a ratio pays off no more
    cliprange_value: float = 0.2
    gamma: float = 1.0
    lam: float = 0.95
    lr: float = 3e-4
    critic_lr: float = 1e-3
    betas: tuple = (0.9, 0.95)
    lr_decay: bool = True  # linearly to zero
    max_norm: float = 1.0
    whiten: bool = True  # advantages to mean 0 and variance 1, once a rollout
    missing_eos_penalty: float = 1.0  # taken from the score of an answer that does not end


# ------------------------------------------------------------------------------------------------ rewards, advantages
def masked_mean(values, mask):
    """Mean of values (array or Tensor) where mask is 1; 0 if it is nowhere."""
    values = values if isinstance(values, Tensor) else np.asarray(values)
    mask = as_floats(mask, values.dtype if values.dtype.kind == "f" else None)
    return (values * mask).sum() * (1 / max(float(np.sum(mask)), 1.0))


def masked_whiten(values, mask, shift_mean=True):
    """(x - mean) / sqrt(var + 1e-8) over the masked entries, 0 outside; shift_mean=False puts the mean back.

    Population variance (TRL uses M-1).  Equal values give 0.
    """
    values = as_floats(values)
    x, m = as_floats(values, np.float64), as_floats(mask, np.float64)
    mean = masked_mean(x, m)
    variance = masked_mean((x - mean) ** 2, m)
    whitened = (x - mean) / np.sqrt(variance + 1e-8) + (0.0 if shift_mean else mean)
    return (whitened * m).astype(values.dtype)


def kl_estimates(logprobs, ref_logprobs):
    """Three estimates of KL(pi || ref) from samples of pi (Schulman 2020), elementwise, arrays or Tensors:

        delta = log pi - log ref;   k1 = delta,   k2 = delta^2 / 2,   k3 = exp(-delta) - 1 + delta.

    k1 and k3 have the right mean; k3 is never negative.  As a loss only k2 has the right gradient: E grad k1 = 0.
    """
    logprobs = logprobs if isinstance(logprobs, Tensor) else as_floats(logprobs)
    # eq: kl-estimates
    delta = logprobs - ref_logprobs
    ratio_minus_1 = (-delta).expm1() if isinstance(delta, Tensor) else np.expm1(-delta)
    return delta, 0.5 * delta**2, ratio_minus_1 + delta
    # end eq


def leashed_rewards(scores, logprobs, ref_logprobs, mask, kl_coef):
    """R_t = -beta (log pi_old - log ref) on every answer token, plus the score on the last one -> (B, T-1).

    scores (B,); logprobs, ref_logprobs, mask (B, T-1), plain arrays: no gradient flows through a reward.
    """
    logprobs = as_floats(logprobs)
    ref_logprobs, mask = as_floats(ref_logprobs, logprobs.dtype), as_floats(mask, logprobs.dtype)
    same_shape(logprobs=logprobs, ref_logprobs=ref_logprobs, mask=mask)
    same_shape(scores=scores, mask_rows=mask.any(1))
    kl_coef = float(kl_coef)  # a NumPy float64 would promote float32
    # eq: leashed-reward
    rewards = -kl_coef * (logprobs - ref_logprobs) * mask
    last = mask.shape[1] - 1 - np.argmax(mask[:, ::-1] > 0, axis=1)
    rows = np.nonzero(mask.any(1))[0]
    rewards[rows, last[rows]] += np.asarray(scores)[rows]
    # end eq
    return rewards


def gae(rewards, values, mask, gamma=1.0, lam=0.95):
    """Generalised advantage estimation -> advantages, returns, both (B, T-1) and 0 outside the mask.

        delta_t = R_t + gamma V_{t+1} - V_t,   A_t = delta_t + gamma lambda A_{t+1},   returns = A + V

    (Schulman et al. 2016, equation 16.)  Nothing follows the last token: V = 0 there, cut off or not.
    """
    same_shape(rewards=rewards, values=values, mask=mask)
    rewards = as_floats(rewards)
    values, mask = as_floats(values, rewards.dtype), as_floats(mask, rewards.dtype)
    rewards, values = rewards * mask, values * mask
    advantages = np.zeros_like(rewards)
    next_value, next_advantage = np.zeros_like(rewards[:, 0]), np.zeros_like(rewards[:, 0])
    # eq: gae
    for t in reversed(range(rewards.shape[1])):
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        advantages[:, t] = (delta + gamma * lam * next_advantage) * mask[:, t]
        next_value, next_advantage = values[:, t], advantages[:, t]
    # end eq
    return advantages, advantages + values


# ------------------------------------------------------------------------------------------------ losses
def ppo_policy_loss(logprobs, old_logprobs, advantages, mask, cliprange=0.2):
    """mean over the mask of max(-A rho, -A clip(rho, 1-eps, 1+eps)) -> (loss, metrics).

    logprobs: Tensor (B, T-1); the rest are arrays.  At rho = 1 every element is a tie, and the gradient is REINFORCE's.
    log rho is held within +-20, so that a ratio stays finite whatever happens.
    """
    same_shape(logprobs=logprobs, old_logprobs=old_logprobs, advantages=advantages, mask=mask)
    dtype = as_tensor(logprobs).dtype
    old_logprobs, advantages, mask = (as_floats(x, dtype) for x in (old_logprobs, advantages, mask))
    # eq: ppo-clip
    log_ratio = clip((as_tensor(logprobs) - old_logprobs) * mask, -20.0, 20.0)
    ratio = exp(log_ratio)
    unclipped = ratio * -advantages
    clipped = clip(ratio, 1 - cliprange, 1 + cliprange) * -advantages
    loss = masked_mean(maximum(unclipped, clipped), mask)
    # end eq
    return loss, {
        "loss/policy": loss.item(),
        "policy/approxkl": float(masked_mean(0.5 * log_ratio.data**2, mask)),
        "policy/clipfrac": float(masked_mean(clipped.data > unclipped.data, mask)),
        "policy/ratio_error": float(np.max(np.abs(ratio.data - 1) * mask, initial=0)),
    }


def ppo_value_loss(values, old_values, returns, mask, cliprange_value=0.2):
    """1/2 mean over the mask of max((V - G)^2, (clip(V, V_old - eps, V_old + eps) - G)^2) -> (loss, metrics).

    values: Tensor (B, T-1); the rest are arrays.
    """
    same_shape(values=values, old_values=old_values, returns=returns, mask=mask)
    values = as_tensor(values)
    old_values, returns, mask = (as_floats(x, values.dtype) for x in (old_values, returns, mask))
    # eq: ppo-value
    clipped_values = clip(values, old_values - cliprange_value, old_values + cliprange_value)
    unclipped, clipped = (values - returns) ** 2, (clipped_values - returns) ** 2
    loss = 0.5 * masked_mean(maximum(unclipped, clipped), mask)
    # end eq
    return loss, {
        "loss/value": loss.item(),
        "val/clipfrac": float(masked_mean(clipped.data > unclipped.data, mask)),
    }


# ------------------------------------------------------------------------------------------------ the length of the leash
class FixedKLController:
    """beta stays what it is."""

    def __init__(self, kl_coef):
        self.value = kl_coef

    def update(self, current, n_steps):
        pass


class AdaptiveKLController:
    """beta <- beta (1 + clip(KL / target - 1, -0.2, 0.2) n_steps / horizon)     (Ziegler et al. 2019, section 2.2)

    KL: nats an answer (summed over its tokens).  n_steps: answers seen.  horizon: answers in which beta may change by a fifth;
    train_ppo takes ten rollouts' worth unless told otherwise, for the paper's 10,000 would not move beta at all here.
    """

    def __init__(self, init_kl_coef, target, horizon):
        self.value, self.target, self.horizon = init_kl_coef, target, horizon

    def update(self, current, n_steps):
        error = min(max(current / self.target - 1, -0.2), 0.2)
        self.value *= 1 + error * n_steps / self.horizon


# ------------------------------------------------------------------------------------------------ the loop
@dataclass
class Rollout:
    """Answers, and everything about them that stays fixed while the policy learns; (B, T-1) each, 0 outside the mask."""

    batch: object
    logprobs: np.ndarray
    ref_logprobs: np.ndarray
    values: np.ndarray
    scores: np.ndarray  # (B,)
    ended: np.ndarray  # (B,)


def roll_out(policy, reference, critic, score, questions, config, rng):
    """Let the policy answer, and look at the answers with all four models -> Rollout."""
    samples = generate(policy, [prompt_ids(q) for q in questions], config.max_new_tokens, 1.0, rng)
    batch = samples.batch
    scores = score(batch) - config.missing_eos_penalty * ~samples.ended
    with no_grad():
        values = critic(batch.ids[:, :-1], batch.mask).data
    return Rollout(
        batch,
        log_probs_array(policy, batch.ids, batch.mask),  # as the update computes them: the first ratio is 1, up to rounding
        log_probs_array(reference, batch.ids, batch.mask),
        values,
        scores.astype(values.dtype),
        samples.ended,
    )


def train_ppo(policy, reference, critic, score, questions, config, rng, desc="ppo", watch=None):
    """Train `policy` and `critic` in place -> History.

    reference  frozen LanguageModel at the other end of the leash
    score      function Batch -> (B,): the reward model, or any other
    questions  list of str, drawn from at random
    watch      function(iteration, policy, history), called before the first and after every iteration
    """
    controller = FixedKLController(config.kl_coef)
    if config.target_kl is not None:
        horizon = 10 * config.rollouts if config.kl_horizon is None else config.kl_horizon
        controller = AdaptiveKLController(config.kl_coef, config.target_kl, horizon)
    policy_optimizer = AdamW(policy.parameters(), config.lr, config.betas)
    critic_optimizer = AdamW(critic.parameters(), config.critic_lr, config.betas)
    history = History()
    if watch:
        watch(0, policy, history)
    for iteration in tqdm(range(config.iterations), desc=desc, leave=False, disable=None):
        if config.lr_decay:
            policy_optimizer.lr = linear_schedule(iteration, config.iterations, config.lr)
            critic_optimizer.lr = linear_schedule(iteration, config.iterations, config.critic_lr)
        asked = [questions[i] for i in rng.integers(len(questions), size=config.rollouts)]
        rollout = roll_out(policy, reference, critic, score, asked, config, rng)
        metrics = update(policy, critic, policy_optimizer, critic_optimizer, rollout, controller.value, config, rng)
        history.log(iteration, metrics | {"objective/kl_coef": controller.value, "lr": policy_optimizer.lr})
        controller.update(metrics["objective/kl"], config.rollouts)
        if watch:
            watch(iteration + 1, policy, history)
    return history


def update(policy, critic, policy_optimizer, critic_optimizer, rollout, kl_coef, config, rng):
    """Several clipped steps on one rollout -> metrics."""
    batch, mask = rollout.batch, rollout.batch.mask
    rewards = leashed_rewards(rollout.scores, rollout.logprobs, rollout.ref_logprobs, mask, kl_coef)
    advantages, returns = gae(rewards, rollout.values, mask, config.gamma, config.lam)
    if config.whiten:
        advantages = masked_whiten(advantages, mask)

    def learn_policy(rows):
        logprobs, m = token_log_probs_of(policy, batch.ids[rows], mask[rows]), mask[rows]
        loss, metrics = ppo_policy_loss(logprobs, rollout.logprobs[rows], advantages[rows], m, config.cliprange)
        policy_optimizer.minimise(loss, config.max_norm)
        return metrics

    def learn_values(rows):
        values, m = critic(batch.ids[rows, :-1], mask[rows]), mask[rows]
        loss, metrics = ppo_value_loss(values, rollout.values[rows], returns[rows], m, config.cliprange_value)
        critic_optimizer.minimise(loss, config.max_norm)
        return metrics

    turns = [rows for _ in range(config.epochs) for rows in minibatches(len(batch), config.minibatch_size, rng)]
    # while it learns, the policy asks nothing of the critic, nor the critic of it
    both = parallel.in_threads(lambda learn: [learn(rows) for rows in turns], (learn_policy, learn_values))
    steps = [policy_metrics | value_metrics for policy_metrics, value_metrics in zip(*both)]

    def per_answer(x):
        return float((x * mask).sum(1).mean())

    kl = per_answer(rollout.logprobs - rollout.ref_logprobs)
    means = {name: float(np.mean([step[name] for step in steps])) for name in steps[0]}
    return means | {
        "policy/first_ratio_error": steps[0]["policy/ratio_error"],
        "objective/kl": kl,
        "objective/kl_k3": per_answer(kl_estimates(rollout.logprobs, rollout.ref_logprobs)[2]),
        "objective/entropy": per_answer(-rollout.logprobs),
        "objective/scores": float(rollout.scores.mean()),
        "objective/non_score_reward": -kl_coef * kl,
        "objective/rlhf_reward": float(rollout.scores.mean()) - kl_coef * kl,
        "response/length": float(mask.sum(1).mean()),
        "response/eos_rate": float(rollout.ended.mean()),
    }
