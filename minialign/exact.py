"""Closed-form answers in worlds small enough to list: what training should find, computed without training.

    max over pi of  E_pi[r] - beta KL(pi || ref)     is reached by     pi*(y) = ref(y) exp(r(y)/beta) / Z,
    and worth  beta log Z,  with  Z = sum over y of ref(y) exp(r(y)/beta).            (Rafailov et al. 2023, equation 4)

A world is a list of A possible answers.  `reference` and `policy` are probabilities over them and `rewards` their
scores, all along the last axis (..., A), so that one call answers many prompts.  An answer made of tokens is a path in
a tree, and there a policy is a dict: prefix (a tuple of ids) -> probabilities of the next token (V,).
"""

import itertools

import numpy as np

from .checks import check_count, check_number

# exp(-800) is 0 in every float: in this file an underflow is the right answer, not an accident.
_underflow_is_zero = np.errstate(under="ignore")


# ---- one choice -----------------------------------------------------------------------------------------------------


@_underflow_is_zero
def log_partition(reference, rewards, beta):
    """log Z = log sum_y ref(y) exp(r(y)/beta), the largest reward taken out of the sum first: nothing overflows.

    >>> round(float(log_partition([0.5, 0.5], [0.0, np.log(3.0)], beta=1.0)), 4)  # log (0.5 * 1 + 0.5 * 3) = log 2
    0.6931
    """
    reference, rewards, best = _in_reach(reference, rewards, beta)
    return best[..., 0] / beta + np.log((reference * np.exp((rewards - best) / beta)).sum(axis=-1))


@_underflow_is_zero
def optimal_policy(reference, rewards, beta):
    """pi*(y) = ref(y) exp(r(y)/beta) / Z: the reference, tilted towards reward as far as the leash allows.

    >>> print(optimal_policy([0.5, 0.5], [0.0, np.log(3.0)], beta=1.0))  # three times as good, three times as often
    [0.25 0.75]
    >>> print(optimal_policy([0.5, 0.5], [0.0, np.log(3.0)], beta=0.5))  # half the leash: nine times
    [0.1 0.9]
    """
    reference, rewards, best = _in_reach(reference, rewards, beta)
    # eq: gibbs
    tilted = reference * np.exp((rewards - best) / beta)  # best: the largest reward, so that nothing overflows; Z undoes it
    Z = tilted.sum(axis=-1, keepdims=True)
    return tilted / Z
    # end eq


def _in_reach(reference, rewards, beta):
    """Both as arrays (..., A), the reward of what the reference never says -inf, and the largest reward (..., 1)."""
    check_number("beta", beta, above=0)
    reference, rewards = _world(reference, rewards)
    rewards = np.where(reference > 0, rewards, -np.inf)  # pi* never says it either
    best = rewards.max(axis=-1, keepdims=True)
    if not np.isfinite(best).all():
        raise ValueError(f"the largest reward must be finite, not {best[~np.isfinite(best)][0]}")
    return reference, rewards, best


def _world(reference, rewards):
    """Both as arrays (..., A).  Raises ValueError for what are no probabilities, and for a reward of NaN."""
    reference, rewards = np.broadcast_arrays(reference, rewards)
    if not (np.isfinite(reference).all() and (reference >= 0).all() and (reference > 0).any(axis=-1).all()):
        raise ValueError("the reference must be probabilities: none negative, and not all 0")
    if np.isnan(rewards[reference > 0]).any():
        raise ValueError("a reward is NaN")
    return reference, rewards


def objective(policy, reference, rewards, beta):
    """J(pi) = E_pi[r] - beta KL(pi || ref).  It equals beta log Z - beta KL(pi || pi*): nothing exceeds beta log Z.

    Without a leash, beta = 0, it is E_pi[r], even where the KL is infinite.
    """
    check_number("beta", beta, at_least=0)
    return expected_reward(policy, rewards) - (beta * sequence_kl(policy, reference) if beta else 0.0)


@_underflow_is_zero
def expected_reward(policy, rewards):
    """E_pi[r] = sum_y pi(y) r(y): what is never said counts nothing, though its reward be -inf.

    >>> float(expected_reward([0.25, 0.75, 0.0], [0.0, 1.0, -np.inf]))
    0.75
    """
    policy = np.asarray(policy)
    return (policy * np.where(policy > 0, rewards, 0.0)).sum(axis=-1)


@np.errstate(under="ignore", divide="ignore")
def sequence_kl(policy, reference):
    """KL(pi || ref) = sum_y pi(y) log(pi(y)/ref(y)) over whole answers y; infinite if pi says what ref never says.

    >>> round(float(sequence_kl([0.25, 0.75], [0.5, 0.5])), 4), float(sequence_kl([0.5, 0.5], [1.0, 0.0]))
    (0.1308, inf)
    """
    policy, reference = np.broadcast_arrays(policy, reference)
    said = policy > 0  # 0 log 0 = 0
    log_ratio = np.log(np.where(said, policy, 1.0)) - np.log(np.where(said, reference, 1.0))
    return (policy * log_ratio).sum(axis=-1)


def total_variation(first, second):
    """TV = 1/2 sum_y |p(y) - q(y)|: by how much the chance of any set of answers can differ.

    >>> float(total_variation([0.25, 0.75], [0.5, 0.5]))
    0.25
    """
    return 0.5 * np.abs(np.asarray(first) - second).sum(axis=-1)


@_underflow_is_zero
def best_of_n(reference, rewards, n):
    """The distribution of the best of n draws: the score is at most r with probability F(r)^n, so r with F(r)^n - F(<r)^n.

    F(r) and F(<r) are the reference's chances of a score at most r and below r.  Answers of equal score share their
    part as the reference does, because the first of them that was drawn is kept.  As in pi*, a reference is divided by its sum.

    >>> print(best_of_n([0.5, 0.5], [0.0, 1.0], 2))  # the worse one only if it is drawn twice
    [0.25 0.75]
    """
    check_count("n", n)
    return _best_of_n(*_world(reference, rewards), n)


def _best_of_n(reference, rewards, n):
    """Calls itself, which best_of_n must not: before NumPy 2 its np.errstate, entered twice, is never left."""
    if rewards.ndim > 1:
        return np.stack([_best_of_n(*prompt, n) for prompt in zip(reference, rewards)])
    reference = reference / reference.sum()
    _, level = np.unique(rewards, return_inverse=True)  # (A,) the rank of each answer's score, ties alike
    equal = np.bincount(level, weights=reference)
    at_most = np.cumsum(equal)
    below = np.append(0.0, at_most[:-1])
    share = reference / np.where(equal > 0, equal, 1.0)[level]
    return (at_most**n - below**n)[level] * share


def best_of_n_kl_bound(n):
    """KL(best of n || ref) <= log n - (n - 1)/n, with equality only if no two draws can have the same score.

    >>> print(best_of_n_kl_bound([1, 2, 16]).round(3))
    [0.    0.193 1.835]
    """
    n = np.asarray(n)
    if not (n >= 1).all():
        raise ValueError("n must be at least 1")
    return np.log(n) - (n - 1) / n


def tilted_curve(reference, rewards, betas):
    """The frontier: for each beta the policy pi* (N, A), its KL (N,) and its expected reward (N,).

    No policy of the same KL earns more.
    """
    policies = np.stack([optimal_policy(reference, rewards, beta) for beta in betas])
    return policies, sequence_kl(policies, reference), expected_reward(policies, rewards)


def bradley_terry(rewards):
    """P[i, j] = sigma(r_i - r_j), the chance that answer i is preferred to answer j.

    >>> print(bradley_terry([0.0, np.log(3.0)]).round(2))
    [[0.5  0.25]
     [0.75 0.5 ]]
    """
    gap = np.subtract.outer(rewards, rewards)
    return np.exp(-np.logaddexp(0.0, -gap))


# ---- choices in a row: a tree of tokens -----------------------------------------------------------------------------


def enumerate_sequences(vocab_size, max_length, eos_id):
    """Every answer: tokens up to and including the first EOS, or max_length tokens without one.

    >>> enumerate_sequences(vocab_size=3, max_length=2, eos_id=0)
    [(0,), (1, 0), (2, 0), (1, 1), (1, 2), (2, 1), (2, 2)]
    """
    words = [token for token in range(vocab_size) if token != eos_id]
    ended = [head + (eos_id,) for length in range(max_length) for head in itertools.product(words, repeat=length)]
    return ended + list(itertools.product(words, repeat=max_length))


def prefixes(sequences):
    """Every point at which a token is still to be chosen, the shortest first."""
    return sorted({sequence[:t] for sequence in sequences for t in range(len(sequence))}, key=lambda p: (len(p), p))


def sequence_probabilities(policy, sequences):
    """pi(y) = product over t of pi(y_t | y_<t) for each sequence of the list, (A,)."""
    return np.array([np.prod([policy[y[:t]][y[t]] for t in range(len(y))]) for y in sequences])


def chain_rule_kl(policy, reference):
    """KL(pi || ref) = sum over prefixes of pi(prefix) KL(pi(.|prefix) || ref(.|prefix)).

    The same number as sequence_kl on the list: the KLs of the tokens are added up along the way, never averaged.  What is
    behind a prefix that pi never says counts nothing, be it infinitely far away.
    """
    visits = {prefix: sequence_probabilities(policy, [prefix])[0] for prefix in policy}
    return sum(visits[prefix] * sequence_kl(policy[prefix], reference[prefix]) for prefix in policy if visits[prefix] > 0)


def soft_values(reference, rewards, beta):
    """V*(s) = beta log sum_a ref(a|s) exp(V*(s a)/beta), from the ends backwards; V*(y) = r(y) for a finished answer y.

    `reference` is a tree and `rewards` a dict from finished sequences to scores.  Returns the values (dict: prefix or
    sequence -> float) and the tree of pi*(a|s) = ref(a|s) exp((V*(s a) - V*(s))/beta).  V* of the empty prefix is
    beta log Z.
    """
    values, policy = dict(rewards), {}
    for prefix in sorted(reference, key=len, reverse=True):
        after = np.array([values[prefix + (token,)] for token in range(len(reference[prefix]))])  # (V,)
        values[prefix] = beta * log_partition(reference[prefix], after, beta)
        policy[prefix] = optimal_policy(reference[prefix], after, beta)
    return values, policy
