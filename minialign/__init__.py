"""minialign: how a language model is aligned, from scratch, in NumPy.

Read the files in this order; each needs only the ones before it.

    autograd    who is to blame for the error?            sft          imitate demonstrations
    functional  the fused functions and their derivations preferences  two answers, one vote
    model       a tiny GPT                                reward       votes become a number
    likelihood  how probable is a text?                   ppo          raise the number, on a leash
    generate    write a text                              dpo          the shortcut without the number
    world       questions whose true answers we know      pipeline     the whole journey on one page

The engine and the fused functions in five lines:

>>> from minialign.autograd import Tensor
>>> from minialign.functional import log_softmax, softmax
>>> logits = Tensor([0.0, 0.0, 0.0, 0.0], requires_grad=True)
>>> loss = -log_softmax(logits)[2]  # the loss of a token, here of the third
>>> loss.backward()
>>> print(softmax(logits).data, round(loss.item(), 4))  # all equally probable: log 4
[0.25 0.25 0.25 0.25] 1.3863
>>> print(logits.grad)  # the probabilities, minus 1 where the token is
[ 0.25  0.25 -0.75  0.25]
"""

import ctypes
import os
import sys

__version__ = "0.1.0"

# One BLAS thread: these matrices are so small that a second one costs more than it brings (parallel.py shares texts out
# instead).  What the user set stays.
_THREADS = "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"
if not any(name in os.environ for name in _THREADS):
    os.environ.update(dict.fromkeys(_THREADS, "1"))

# Much of a training step would be page faults: glibc gives large freed arrays back to the system, and each new one is
# faulted in again.  Asking it to keep them (M_MMAP_THRESHOLD = -3, M_TRIM_THRESHOLD = -1) makes steps much faster.
if sys.platform == "linux":
    try:
        _libc = ctypes.CDLL("libc.so.6")
        _libc.mallopt(-3, 1 << 30)
        _libc.mallopt(-1, 2**31 - 1)
    except (OSError, AttributeError):
        pass  # another C library: slower, nothing else
