"""What holds for every test: a number that overflows, is not a number, or divides by zero is an error, not a warning."""

import minialign  # first: it asks BLAS for one thread, and BLAS listens only until NumPy is loaded  # noqa: F401

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def arithmetic_errors_raise():
    """Underflow alone is allowed: the softmax of a hopeless token is exp(-800), and 0 is its right value."""
    with np.errstate(over="raise", invalid="raise", divide="raise", under="ignore"):
        yield
