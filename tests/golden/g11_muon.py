"""Made g11_muon.npz.gz, with torch 2.13.0: five steps of torch.optim.Muon on matrices of three shapes, float64.

    python tests/golden/g11_muon.py

Stored as (out, in), as PyTorch has them.  "as_it_is" orthogonalises in bfloat16, as the library does; for "exact" that one
conversion is taken out, so that both can be compared to the last digits.
"""

import gzip
import io
from pathlib import Path
from unittest import mock

import numpy as np
import torch

SHAPES = [(3, 5), (5, 3), (4, 4)]
rng = np.random.default_rng(11)
values = {"lr": np.array(0.02), "momentum": np.array(0.95)}
for i, shape in enumerate(SHAPES):
    values[f"p{i}/init"] = rng.standard_normal(shape)
    values[f"p{i}/grads"] = rng.standard_normal((5, *shape)) * 10.0 ** rng.integers(0, 4, (5, 1, 1))
for name, half in (("as_it_is", torch.Tensor.bfloat16), ("exact", torch.Tensor.clone)):
    matrices = [torch.tensor(values[f"p{i}/init"]) for i in range(len(SHAPES))]
    optimizer = torch.optim.Muon(matrices, lr=0.02, momentum=0.95, weight_decay=0.0)
    paths = [[] for _ in SHAPES]
    with mock.patch.object(torch.Tensor, "bfloat16", half):
        for step in range(5):
            for i, p in enumerate(matrices):
                p.grad = torch.tensor(values[f"p{i}/grads"][step])
            optimizer.step()
            for path, p in zip(paths, matrices):
                path.append(p.numpy().copy())
    values |= {f"p{i}/{name}": np.stack(path) for i, path in enumerate(paths)}
buffer = io.BytesIO()
np.savez(buffer, **values)
Path(__file__).with_name("g11_muon.npz.gz").write_bytes(gzip.compress(buffer.getvalue(), mtime=0))
