"""Invalid values are refused early, each with one ValueError that names the value and says what it must be.

Every configuration checks itself in __post_init__, and every loss its mask:

    check_numbers(config, "lr weight_decay", at_least=0)
    check_counts(config, "epochs batch_size")               whole numbers from 1
    mask = as_mask(mask)                                    0 or 1 everywhere, as booleans
"""

import math
from numbers import Integral, Real

import numpy as np


def check_number(name, value, at_least=-math.inf, above=-math.inf, at_most=math.inf, below=math.inf):
    """Raise ValueError unless value is a finite number within the limits."""
    is_number = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
    if is_number and is_finite(value) and at_least <= value <= at_most and above < value < below:
        return
    limits = [("of at least", at_least), ("above", above), ("at most", at_most), ("below", below)]
    limits = " and ".join(f"{words} {limit:g}" for words, limit in limits if math.isfinite(limit))
    raise ValueError(f"{name} must be a finite number{limits and ' ' + limits}, not {value!r}")


def is_finite(value):
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that is too large for a float
        return False


MOST = 10**12  # nobody counts further here, and what is larger may not fit a float


def check_count(name, value, at_least=1, at_most=MOST):
    """Raise ValueError unless value is a whole number from at_least to at_most."""
    if not isinstance(value, Integral) or isinstance(value, bool) or not at_least <= value <= at_most:
        limits = f"from {at_least} to {at_most:,}" if at_most < MOST else f"of at least {at_least}"
        raise ValueError(f"{name} must be a whole number {limits}, not {value!r}")


def check_choice(name, value, choices):
    """Raise ValueError unless value is one of the choices."""
    if not any(isinstance(value, type(choice)) and value == choice for choice in choices):  # of an array, == is no truth
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}")


def check_numbers(config, names, **limits):
    """check_number for several fields of a config."""
    for name in names.split():
        check_number(name, getattr(config, name), **limits)


def check_counts(config, names, at_least=1):
    """check_count for several fields of a config."""
    for name in names.split():
        check_count(name, getattr(config, name), at_least)


def check_flags(config, names):
    """Raise ValueError unless several fields of a config are True or False: "false" would count as true."""
    for name in names.split():
        if not isinstance(getattr(config, name), (bool, np.bool_)):
            raise ValueError(f"{name} must be True or False, not {getattr(config, name)!r}")


def check_betas(betas):
    """Raise ValueError unless these are Adam's two decay rates, each at least 0 and below 1."""
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise ValueError(f"betas must be two numbers, each at least 0 and below 1, not {betas!r}")
    for beta in betas:
        check_number("each of the two betas", beta, at_least=0, below=1)


def check_pair(name, values):
    """Raise ValueError unless these are two finite numbers."""
    if not isinstance(values, (tuple, list)) or len(values) != 2:
        raise ValueError(f"{name} must be two numbers, not {values!r}")
    for value in values:
        check_number(f"each of the two {name}", value)


def check_steps(step, total_steps):
    """Raise ValueError unless these are a step of a schedule, from 0, and its length."""
    if not (step >= 0 and total_steps >= 1):  # asked at every step, so quick where all is well
        check_count("total_steps", total_steps)
        check_count("step", step, at_least=0)


def as_mask(mask, name="a mask"):
    """A mask of 0 and 1 as booleans.  Raises ValueError for any other value: advantages are easily passed in its place."""
    mask = np.asarray(mask)
    if mask.dtype == bool:
        return mask
    ones = mask == 1
    if np.count_nonzero(ones) + np.count_nonzero(mask == 0) != mask.size:
        strange = mask[(mask != 1) & (mask != 0)]
        raise ValueError(f"{name} must hold only 0 and 1, not {strange.ravel().tolist()[0]!r}")
    return ones


def check_reference(policy, reference):
    """Raise ValueError if the two share parameters: a reference that moves with the policy penalises nothing."""
    if {id(p) for p in policy.parameters()} & {id(p) for p in reference.parameters()}:
        raise ValueError("the reference is the policy itself and would move with it; pass checkpoint.frozen_copy(policy)")


def as_ids(ids, vocab_size):
    """Token ids as an array of integers.  Raises ValueError for fractions, booleans, and ids outside 0 to vocab_size - 1."""
    ids = np.asarray(ids)
    if ids.dtype.kind not in "iu" and ids.size:
        raise ValueError(f"ids must be whole numbers from 0 to {vocab_size - 1}, not of type {ids.dtype}")
    if ids.size and not (0 <= ids.min() and ids.max() < vocab_size):
        strange = ids[(ids < 0) | (ids >= vocab_size)]
        raise ValueError(f"ids must be whole numbers from 0 to {vocab_size - 1}, not {strange.flat[0].item()}")
    return ids.astype(int, copy=False)


def check_finite(what, values):
    """Raise ValueError naming the first row of `values` (N, ...) that is not finite."""
    values = np.asarray(values)
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise ValueError(f"{what} of row {row} is {values[row]}, not a finite number")
