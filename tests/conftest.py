"""What holds for every test: arithmetic that goes wrong is an error, not a warning; one thread, unless a test says more."""

import gc
import os
import shutil
import signal

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # pytest runs in the background of a shell: what it starts would
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignore Ctrl-C as well, and so never end

os.environ.pop("MINIALIGN_THREADS", None)  # with more, sums are equal up to rounding only; test_parallel.py is about them

import minialign  # isort: skip  # noqa: F401  first: it asks BLAS for one thread, and BLAS listens only until NumPy is loaded

import numpy as np
import pytest


def pytest_collection_finish(session):
    """What is loaded by now stays: the garbage collector need not look through it again, over and over."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def one_tour(tmp_path_factory):
    """A folder of runs with one finished toy tour, made once for all files: to be copied, never changed."""
    from toy_run import toy_tour  # most tests need no tour, and start sooner without

    return toy_tour(tmp_path_factory.mktemp("tour")).parent


@pytest.fixture(scope="module")
def toy_runs(one_tour, tmp_path_factory):
    """A copy of it, for one file's tests."""
    return shutil.copytree(one_tour, tmp_path_factory.mktemp("toy") / "runs")


@pytest.fixture(scope="session")
def one_book(one_tour, tmp_path_factory):
    """The site of two toy lessons and that tour, made once for all files; beside it are its lessons and its runs."""
    from toy_book import toy_book

    folder = tmp_path_factory.mktemp("book")
    shutil.copytree(one_tour, folder / "runs")
    return toy_book(folder)


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    """Where upstream models are kept: for all tests, and all of pytest-xdist's workers."""
    ours = tmp_path_factory.getbasetemp()
    folder = (ours.parent if "PYTEST_XDIST_WORKER" in os.environ else ours) / "cache"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def lesson_runs(shared_cache, tmp_path):
    """A folder of runs for lessons, as scripts and as notebooks, that find the models of those before them."""
    runs = tmp_path / "lesson-runs"
    runs.mkdir()
    (runs / "cache").symlink_to(shared_cache)
    return runs


@pytest.fixture(autouse=True)
def arithmetic_errors_raise(request):
    """Overflow, division by zero, invalid values and underflow raise.

    Tests of extreme inputs say so with @pytest.mark.underflow: there exp(-800) is meant, and 0 is its right value.
    """
    with np.errstate(all="raise"):
        if request.node.get_closest_marker("underflow"):
            np.seterr(under="ignore")
        yield
