"""GRPO and its family: no critic; the other answers to the same question are the baseline.

Each question is answered G times, with scores r (N, G).  What the family has besides is settings (grpo_settings.py):

    A_i = (r_i - mean r) / std r   or another advantage of answer i, one for all of its tokens
    l_it = max(-A_i rho_it, -A_i clip(rho_it, 1 - eps, 1 + eps_high)) + beta k3_it,      L = sum_it w_it l_it

Differences from the papers, where TRL differs too: std is the unbiased one (G - 1), plus 1e-4; "batch" divides by the std of
all scores, but subtracts each group's own mean; RLOO's ratio, that of the answer's probability, is clipped.  Unlike TRL's
default, k3 is not multiplied by rho.  Our own: log rho is held within +-20; DAPO keeps the groups in which all scores agree.
Dr. GRPO and GSPO keep GRPO's leash, where their authors set kl_coef to 0, as DAPO's do.
"""

import numpy as np
from tqdm.auto import tqdm

from .arrays import EQUAL, as_floats, same_shape
from .autograd import as_tensor, clip, exp, maximum, where
from .batch import minibatches
from .checks import as_mask, check_choice, check_count, check_finite, check_number, check_reference
from .divergence import check_step, quiet
from .grpo_settings import AVERAGES, METHODS, RATIOS, SCALES, GRPOConfig  # noqa: F401
from .history import History
from .likelihood import token_log_probs_of
from .optim import AdamW, linear_schedule
from .policy_gradient import kl_estimates, kl_penalized_rewards, masked_mean, roll_out, rollout_metrics
from .tokenizer import CHARACTERS


def group_advantages(scores, scale="group", eps=1e-4):
    """A = (r - mean of the group) / (std + eps), (N, G) -> (N, G); exactly 0 where a group agrees.

    scale: "group", std of each group; "batch", std of all scores; "none", no division.
    Raises ValueError for another scale, for fewer than two answers to a question, and for scores that are not finite.

    >>> print(group_advantages([[0.0, 0.0, 1.0], [2.0, 2.0, 2.0]]).round(2))
    [[-0.58 -0.58  1.15]
     [ 0.    0.    0.  ]]
    """
    r = as_floats(scores)
    check_choice("scale", scale, SCALES)
    check_number("eps", eps, at_least=0)
    if r.ndim != 2 or r.shape[1] < 2:
        raise ValueError(f"scores must have the shape (N, G) with G at least 2, not {r.shape}")
    check_finite("the scores", r)
    # eq: group-advantages
    c = r - r[:, :1]  # the same differences, and exactly 0 where all are equal
    A = c - c.mean(axis=1, keepdims=True)
    if scale == "none":
        return A
    std = c.std(axis=1, ddof=1, keepdims=True) if scale == "group" else r.std(ddof=1)
    return A / np.where(std + eps > 0, std + eps, 1).astype(A.dtype)
    # end eq


def leave_one_out(scores):
    """A_i = r_i - mean of the group's other scores = (r_i - mean r) G / (G - 1), (N, G) -> (N, G).

    >>> print(leave_one_out([[3.0, 4.0, 8.0]]))  # 3 - (4 + 8) / 2, ...
    [[-3.  -1.5  4.5]]
    """
    c = group_advantages(scores, "none")
    return c * (c.shape[1] / (c.shape[1] - 1))


def grpo_loss(
    logprobs, old_logprobs, advantages, mask, ref_logprobs=None, kl_coef=0.0, cliprange=0.2, cliprange_high=None,
    average="sequence", importance="token", max_tokens=None,
):  # fmt: skip
    """L = sum w (max(-A rho, -A clip(rho, 1 - eps, 1 + eps_high)) + beta k3) -> (loss, metrics).

    logprobs: Tensor (B, T-1); the rest are arrays, all (B, T-1) but advantages (B,).  With n_i tokens in answer i,
    average     "sequence" w_it = 1 / (B n_i);  "token" 1 / sum of n;  "constant" 1 / (B max_tokens)
    importance  "token" rho_it = pi / old of each token;  "sequence" their geometric mean;  "answer" their product
    An answer without tokens is one of B, with loss 0.  What is outside the mask is not read.
    Raises ValueError for shapes, names and values that cannot be.
    """
    logprobs, ref_or_old = as_tensor(logprobs), old_logprobs if ref_logprobs is None else ref_logprobs
    same_shape(logprobs=logprobs, old_logprobs=old_logprobs, mask=mask, ref_logprobs=ref_or_old)
    same_shape(advantages=advantages, mask_rows=np.any(mask, axis=1))
    check_choice("average", average, AVERAGES)
    check_choice("importance", importance, RATIOS)
    check_number("kl_coef", kl_coef, at_least=0, at_most=np.inf if ref_logprobs is not None else 0)  # no leash to nobody
    high = cliprange if cliprange_high is None else cliprange_high
    check_number("cliprange", cliprange, at_least=0)
    check_number("cliprange_high", high, at_least=0)
    if average == "constant":
        check_number("max_tokens", max_tokens, above=0)
    check_finite("the advantage", advantages)
    real, m, A = as_mask(mask), as_floats(mask, logprobs.dtype), as_floats(advantages, logprobs.dtype)
    A, B, n = A[:, None], max(len(m), 1), np.maximum(m.sum(1, keepdims=True), 1)  # (B, 1), a number, (B, 1)
    old, ref = (np.where(real, as_floats(x, m.dtype), 0) for x in (old_logprobs, ref_or_old))
    # eq: grpo
    logp = where(real, logprobs, 0.0)
    log_ratio = logp - old  # (B, T-1)
    if importance != "token":
        log_ratio = log_ratio.sum(1, keepdims=True) / (n if importance == "sequence" else 1)  # (B, 1)
    ratio = exp(clip(log_ratio, -20.0, 20.0))
    unclipped, clipped = ratio * -A, clip(ratio, 1 - cliprange, 1 + high) * -A
    k3 = kl_estimates(logp, ref)[2] if kl_coef else 0.0
    total = {"sequence": B * n, "token": max(m.sum(), 1), "constant": B * (max_tokens or 1)}[average]
    loss = ((maximum(unclipped, clipped) + k3 * kl_coef) * (m / total)).sum()
    # end eq
    counted, held = (m if importance == "token" else np.ones_like(A)), clipped.data > unclipped.data
    return loss, {
        "loss/policy": loss.item(),
        "policy/approxkl": float(masked_mean(0.5 * log_ratio.data**2, counted)),
        "policy/clipfrac": float(masked_mean(held, counted)),
        "policy/clipfrac_high": float(masked_mean(held & (A > 0), counted)),
        "policy/ratio_error": float(np.max(np.abs(ratio.data - 1) * counted, initial=0)),
    }


@quiet()
def train_grpo(policy, reference, score, questions, config, rng, desc="grpo", callback=None, tokenizer=CHARACTERS):
    """Train `policy` in place -> History.  Arguments and errors as in train_ppo, which needs a critic besides."""
    check_count("the number of questions", len(questions))
    check_reference(policy, reference)
    optimizer, history = AdamW(policy.parameters(), config.lr, config.betas), History()
    callback = callback or (lambda *_: None)
    callback(0, policy, history)
    for iteration in tqdm(range(config.iterations), desc=desc, leave=False, disable=None):
        optimizer.lr = linear_schedule(iteration, config.iterations, config.lr) if config.lr_decay else config.lr
        asked = [questions[i] for i in rng.integers(len(questions), size=config.prompts) for _ in range(config.group_size)]
        rollout = roll_out(policy, reference, score, asked, config, rng, tokenizer)
        metrics = grpo_update(policy, optimizer, rollout, config, rng)
        history.log(iteration, metrics | {"lr": optimizer.lr})
        check_step("GRPO", iteration, config.iterations, metrics, config, policy, unit="iteration", every=1)
        callback(iteration + 1, policy, history)
    return history


def grpo_update(policy, optimizer, rollout, config, rng):
    """Several clipped steps on one rollout, in which the G answers to a question are neighbours -> metrics."""
    batch, mask, old, ref = rollout.batch, rollout.batch.mask, rollout.logprobs, rollout.ref_logprobs
    in_reward, in_loss = (config.kl_coef, 0.0) if config.kl_in_reward else (0.0, config.kl_coef)
    r = kl_penalized_rewards(rollout.scores, old, ref, mask, in_reward).sum(1).reshape(-1, config.group_size)  # (N, G)
    if config.advantage == "leave_one_out":
        A = leave_one_out(r)
    else:
        A = r if config.advantage == "score" else group_advantages(r, config.advantage)
    options = config.cliprange, config.cliprange_high, config.average, config.importance, config.max_new_tokens
    steps = []
    for rows in (rows for _ in range(config.epochs) for rows in minibatches(len(batch), config.minibatch_size, rng)):
        logprobs = token_log_probs_of(policy, batch.ids[rows], mask[rows])
        loss, metrics = grpo_loss(logprobs, old[rows], A.reshape(-1)[rows], mask[rows], ref[rows], in_loss, *options)
        optimizer.minimise(loss, config.max_norm)
        steps.append(metrics)
    means = {name: float(np.mean([step[name] for step in steps])) for name in steps[0]}
    equal = float((np.ptp(r, axis=1) < EQUAL).mean())  # groups from which nothing is learned
    more = {"policy/first_ratio_error": steps[0]["policy/ratio_error"], "objective/equal_groups": equal}
    return means | rollout_metrics(rollout, config.kl_coef) | more | {"objective/kl_coef": config.kl_coef}
