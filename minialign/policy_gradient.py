"""What every policy-gradient method shares: rewards with a KL penalty, a clipped loss, and means over answer tokens.

    reward      R_t = -beta (log pi_old(a_t) - log ref(a_t)),  and the score on the last token       (Ziegler et al. 2019)
    policy      L = mean max(-A rho, -A clip(rho, 1-eps, 1+eps)),
                rho = exp(log pi - log pi_old)                                  (Schulman et al. 2017, equation 7)

State: the text so far.  Action: the next token.  Where the advantage A comes from is what tells the methods apart: PPO
(ppo.py) has a critic, GRPO (grpo.py) other answers to the same question.

Two different distances: `ref` is the frozen SFT model at the other end of the leash (the KL penalty); `old` is the policy
that wrote the samples, and to which the clip keeps one update near.
"""

from dataclasses import dataclass

import numpy as np

from .autograd import Tensor, as_floats, as_tensor, clip, exp, maximum, same_shape
from .batch import Batch, prompt_ids
from .checks import as_mask, check_finite, check_number
from .functional import masked
from .generate import generate
from .likelihood import log_probs_array
from .tokenizer import CHARACTERS


def masked_mean(values, mask):
    """Mean of values (array or Tensor) where mask is 1, whatever is elsewhere; 0 if the mask is empty.

    Raises ValueError for shapes that differ, and a mask of anything but 0 and 1.

    >>> float(masked_mean([1.0, 3.0, np.nan], [1, 1, 0]))
    2.0
    """
    values, mask = values if isinstance(values, Tensor) else np.asarray(values), as_mask(mask)
    same_shape(values=values, mask=mask)
    return masked(values, mask).sum() * (1 / max(float(np.sum(mask)), 1.0))


def masked_whiten(values, mask, shift_mean=True):
    """(x - mean) / sqrt(var + 1e-8) over the masked entries, 0 outside; shift_mean=False puts the mean back.

    Population variance (TRL uses M-1).  Equal values give 0.  Raises ValueError as masked_mean does.

    >>> print(masked_whiten([[1.0, 3.0, 99.0]], [[1, 1, 0]]).round(6))
    [[-1.  1.  0.]]
    """
    values, mask = as_floats(values), as_mask(mask)
    same_shape(values=values, mask=mask)
    x = masked(as_floats(values, np.float64), mask)
    mean = masked_mean(x, mask)
    variance = masked_mean((x - mean) ** 2, mask)
    whitened = (x - mean) / np.sqrt(variance + 1e-8) + (0.0 if shift_mean else mean)
    return masked(whitened, mask).astype(values.dtype)


def kl_estimates(logprobs, ref_logprobs):
    """Three estimates of KL(pi || ref) from samples of pi (Schulman 2020), elementwise, arrays or Tensors:

        delta = log pi - log ref;   k1 = delta,   k2 = delta^2 / 2,   k3 = exp(-delta) - 1 + delta.

    k1 and k3 have the right mean; k3 is never negative.  As a loss only k2 has the right gradient: E grad k1 = 0.
    Raises ValueError for shapes that differ.

    >>> k1, k2, k3 = kl_estimates(np.log([0.5, 0.5]), np.log([0.25, 0.75]))  # each of two answers once: the means are exact
    >>> print(round(k1.mean(), 4), round(k2.mean(), 4), round(k3.mean(), 4))
    0.1438 0.1612 0.1438
    """
    same_shape(logprobs=logprobs, ref_logprobs=ref_logprobs)
    logprobs = logprobs if isinstance(logprobs, Tensor) else as_floats(logprobs)
    # eq: kl-estimates
    delta = logprobs - ref_logprobs
    ratio_minus_1 = (-delta).expm1() if isinstance(delta, Tensor) else np.expm1(-delta)
    return delta, 0.5 * delta**2, ratio_minus_1 + delta
    # end eq


def kl_penalized_rewards(scores, logprobs, ref_logprobs, mask, kl_coef):
    """R_t = -beta (log pi_old - log ref) on every answer token, plus the score on the last one -> (B, T-1).

    scores (B,); logprobs, ref_logprobs, mask (B, T-1), plain arrays: no gradient flows through a reward.
    Raises ValueError for other shapes, a mask of anything but 0 and 1, and a kl_coef below 0.

    >>> rewards = kl_penalized_rewards([5.0], [[-1.0, -1.0]], [[-3.0, -2.0]], [[1, 1]], kl_coef=0.5)
    >>> print(rewards)  # -0.5 * 2, then -0.5 * 1 and the score
    [[-1.   4.5]]
    """
    same_shape(logprobs=logprobs, ref_logprobs=ref_logprobs, mask=mask)
    check_number("kl_coef", kl_coef, at_least=0)
    mask = as_mask(mask)
    logprobs = masked(as_floats(logprobs), mask)
    ref_logprobs = masked(as_floats(ref_logprobs, logprobs.dtype), mask)
    same_shape(scores=scores, mask_rows=mask.any(1))
    kl_coef = float(kl_coef)  # a NumPy float64 would promote float32
    # eq: kl-penalized-reward
    rewards = -kl_coef * (logprobs - ref_logprobs)  # both are 0 outside the mask
    last = mask.shape[1] - 1 - np.argmax(mask[:, ::-1] > 0, axis=1)
    rows = np.nonzero(mask.any(1))[0]
    rewards[rows, last[rows]] += np.asarray(scores)[rows]
    # end eq
    return rewards


def ppo_policy_loss(logprobs, old_logprobs, advantages, mask, cliprange=0.2):
    """mean over the mask of max(-A rho, -A clip(rho, 1-eps, 1+eps)) -> (loss, metrics).

    logprobs: Tensor (B, T-1); the rest are arrays.  At rho = 1 every element is a tie, and the gradient is REINFORCE's.
    log rho is held within +-20, so that a ratio stays finite whatever happens.
    Raises ValueError for shapes that differ, a mask of anything but 0 and 1, and a cliprange that is not above 0.
    """
    same_shape(logprobs=logprobs, old_logprobs=old_logprobs, advantages=advantages, mask=mask)
    check_number("cliprange", cliprange, above=0)
    mask = as_mask(mask)
    logprobs = masked(as_tensor(logprobs), mask)
    old_logprobs, advantages = (masked(as_floats(x, logprobs.dtype), mask) for x in (old_logprobs, advantages))
    # eq: ppo-clip
    log_ratio = clip(logprobs - old_logprobs, -20.0, 20.0)
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


# ------------------------------------------------------------------------------------------------ the length of the leash
class FixedKLController:
    """beta is constant."""

    def __init__(self, kl_coef):
        check_number("kl_coef", kl_coef, at_least=0)
        self.value = kl_coef

    def update(self, current, n_steps):
        pass


class AdaptiveKLController:
    """beta <- beta (1 + clip(KL / target - 1, -0.2, 0.2) n_steps / horizon)     (Ziegler et al. 2019, section 2.2)

    KL: nats per answer (summed over its tokens).  n_steps: answers seen.  horizon: answers in which beta may change by a fifth;
    train_ppo takes ten rollouts' worth unless told otherwise, so n_steps / horizon is the paper's K_beta = 0.1; the 10,000 of
    its authors' code would not move beta here.
    """

    def __init__(self, init_kl_coef, target, horizon):
        for name, value in (("init_kl_coef", init_kl_coef), ("target", target), ("horizon", horizon)):
            check_number(name, value, above=0)
        self.value, self.target, self.horizon = init_kl_coef, target, horizon

    def update(self, current, n_steps):
        """Raises ValueError for a KL that is no number, and for so many answers that beta could become negative."""
        check_number("the current KL", current)
        check_number("n_steps", n_steps, at_least=0, below=5 * self.horizon)
        error = min(max(current / self.target - 1, -0.2), 0.2)
        self.value *= 1 + error * n_steps / self.horizon


# ------------------------------------------------------------------------------------------------ rollouts
@dataclass
class Rollout:
    """Answers, and everything about them that stays fixed while the policy learns; 0 outside the mask."""

    batch: Batch
    logprobs: np.ndarray  # (B, T-1), of the policy that wrote them
    ref_logprobs: np.ndarray  # (B, T-1), of the reference model
    scores: np.ndarray  # (B,)
    ended: np.ndarray  # (B,)


def roll_out(policy, reference, score, questions, config, rng, tokenizer=CHARACTERS):
    """Let the policy answer, score the answers, and compute their log-probabilities under both models -> Rollout.

    config: of PPO or of another policy-gradient method; max_new_tokens and missing_eos_penalty are read.
    Raises ValueError for scores that are not finite or not (B,), and for questions that leave no room for an answer.
    """
    samples = generate(policy, [prompt_ids(q, tokenizer) for q in questions], config.max_new_tokens, 1.0, rng)
    batch = samples.batch
    scores = score(batch)
    same_shape(scores=scores, answers=samples.ended)
    check_finite("the score", scores)
    scores = scores - config.missing_eos_penalty * ~samples.ended
    logprobs = log_probs_array(policy, batch.ids, batch.mask)  # as the update computes them: first ratios are 1 up to rounding
    ref_logprobs = log_probs_array(reference, batch.ids, batch.mask)
    return Rollout(batch, logprobs, ref_logprobs, scores.astype(logprobs.dtype), samples.ended)


def rollout_metrics(rollout, kl_coef):
    """What a rollout says about the policy that wrote it -> metrics; KL and entropy in nats per answer."""
    mask = rollout.batch.mask

    def per_answer(x):
        return float((x * mask).sum(1).mean())

    kl, scores = per_answer(rollout.logprobs - rollout.ref_logprobs), float(rollout.scores.mean())
    return {
        "objective/kl": kl,
        "objective/kl_k3": per_answer(kl_estimates(rollout.logprobs, rollout.ref_logprobs)[2]),
        "objective/entropy": per_answer(-rollout.logprobs),
        "objective/scores": scores,
        "objective/non_score_reward": -kl_coef * kl,
        "objective/rlhf_reward": scores - kl_coef * kl,
        "response/length": float(mask.sum(1).mean()),
        "response/eos_rate": float(rollout.ended.mean()),
    }
