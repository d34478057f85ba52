"""Count the FLOPs of a workload's matrix products, one by one, while the library's own functions do it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import sizes


class Counting(np.ndarray):
    """An array that counts the FLOPs of matrix products, and so does what is computed from it.

    Products with a vector are not counted: here they are how sums are taken.
    """

    flops = 0

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **more: Any) -> Any:
        plain = [x.view(np.ndarray) if isinstance(x, Counting) else x for x in inputs]
        if out is not None:
            more["out"] = tuple(x.view(np.ndarray) if isinstance(x, Counting) else x for x in out)
        result = getattr(ufunc, method)(*plain, **more)
        if ufunc is np.matmul and min(plain[0].ndim, plain[1].ndim) > 1 and plain[1].shape[-1] > 1:
            Counting.flops += 2 * result.size * plain[0].shape[-1]
        if out is not None:
            return out[0]
        return result.view(Counting) if isinstance(result, np.ndarray) else result


@contextmanager
def counted() -> Iterator[Callable[[], int]]:
    """Inside, the models that workloads.py makes count; yields a function that says how many FLOPs there have been."""
    language_model, scalar_model, asarray = sizes.language_model, sizes.scalar_model, np.asarray

    def counting(make: Callable) -> Callable:
        def made(*arguments: Any, **more: Any) -> Any:
            model = make(*arguments, **more)
            for p in model.parameters():
                p.data = p.data.view(Counting)
            return model

        return made

    Counting.flops = 0
    sizes.language_model, sizes.scalar_model = counting(language_model), counting(scalar_model)
    np.asarray = np.asanyarray  # type: ignore[assignment]  # or each Tensor would make a plain array of what counts
    try:
        yield lambda: Counting.flops
    finally:
        sizes.language_model, sizes.scalar_model, np.asarray = language_model, scalar_model, asarray
