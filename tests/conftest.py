"""What holds for every test: arithmetic that goes wrong is an error, not a warning; one thread, unless a test says more."""

import os

os.environ.pop("MINIALIGN_THREADS", None)  # with more, sums are equal up to rounding only; test_parallel.py is about them

import minialign  # isort: skip  # noqa: F401  first: it asks BLAS for one thread, and BLAS listens only until NumPy is loaded

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def arithmetic_errors_raise(request):
    """Overflow, division by zero, invalid values and underflow raise.

    Tests of extreme inputs say so with @pytest.mark.underflow: there exp(-800) is meant, and 0 is its right value.
    """
    with np.errstate(all="raise"):
        if request.node.get_closest_marker("underflow"):
            np.seterr(under="ignore")
        yield
