"""AdamW, Muon, gradient clipping and schedules against torch.optim and transformers (files golden/g6_*, g11_muon)."""

import numpy as np
import pytest
from golden_values import cases, close, files, load, part

from minialign.autograd import Tensor
from minialign.optim import AdamW, Muon, clip_grad_norm, cosine_schedule, linear_schedule

FILES = files("g6_*")


@pytest.mark.parametrize("run", ["plain", "clip", "clip_cosine"])
@pytest.mark.parametrize("name", FILES)
def test_adamw_over_fifty_steps(name, run):
    """Parameters after every step, and the two moments after the last; step 7 has a gradient of exactly zero."""
    stored = part(load(name), "adamw")
    how = part(stored, run)
    names = sorted({key.split("/")[0] for key in stored if key.startswith("p") and key.endswith("/init")})
    parameters = [Tensor(stored[f"{p}/init"].copy(), requires_grad=True) for p in names]
    optimizer = AdamW(
        parameters,
        lr=float(stored["lr"]),
        betas=(float(stored["beta1"]), float(stored["beta2"])),
        eps=float(stored["eps"]),
        weight_decay=float(stored["weight_decay"]),
    )
    for step in range(50):
        if run == "clip_cosine":
            optimizer.lr = cosine_schedule(step, int(how["total"]), float(stored["lr"]), int(how["warmup"]))
        close(optimizer.lr, float(how["lr_used"][step]), 1e-14)
        optimizer.zero_grad()
        for p, parameter in zip(names, parameters):
            parameter.grad = np.array(stored[f"{p}/grads"][step])
        if "max_norm" in how:
            norm = clip_grad_norm(parameters, float(how["max_norm"]))
            close(norm, float(how["total_norm_before_clip"][step]))
        optimizer.step()
        for p, parameter in zip(names, parameters):
            close(parameter.data, stored[f"{p}/{run}/trajectory"][step])
    for p, m, v in zip(names, optimizer.m, optimizer.v):
        close(m, stored[f"{p}/{run}/exp_avg_final"])
        close(v, stored[f"{p}/{run}/exp_avg_sq_final"])


@pytest.mark.parametrize("name, case", [(n, c) for n in FILES for c in cases(part(load(n), "clip_grad_norm"))])
def test_clip_grad_norm(name, case):
    """All gradients shrink together, by min(1, max_norm / (norm + 1e-6)); short and zero gradients stay as they are."""
    stored = part(part(load(name), "clip_grad_norm"), case)
    gradients = [key for key in stored if key.startswith("g") and not key.endswith("_clipped")]
    parameters = [Tensor(np.zeros_like(stored[key]), requires_grad=True) for key in gradients]
    for key, parameter in zip(gradients, parameters):
        parameter.grad = stored[key].copy()
    close(clip_grad_norm(parameters, float(stored["max_norm"])), float(stored["total_norm"]))
    for key, parameter in zip(gradients, parameters):
        close(parameter.grad, stored[key + "_clipped"])


@pytest.mark.parametrize("name", FILES)
def test_schedules(name):
    """transformers' conventions: 0 at step 0 of a warm-up, and the cosine goes on after the last step."""
    stored = part(load(name), "lr_schedule")
    base, warmup, total = float(stored["base_lr"]), int(stored["warmup"]), int(stored["total"])
    for k in range(len(stored["cosine"])):
        close(cosine_schedule(k, total, base, warmup), float(stored["cosine"][k]), 1e-14)
        close(cosine_schedule(k, total, base, warmup, 0.1), float(stored["cosine_min_lr_10pct"][k]), 1e-14)
        close(linear_schedule(k, total, base, warmup), float(stored["linear"][k]), 1e-14)
    for k, expected in enumerate(stored["torch_CosineAnnealingLR_eta_min_1pct"]):
        close(cosine_schedule(k, total, base, 0, 0.01), float(expected), 1e-14)


@pytest.mark.parametrize("how, tolerance", [("exact", 1e-9), ("as_it_is", 0.01)])
def test_muon_over_five_steps(how, tolerance):
    """Matrices after every step; PyTorch's are (out, in), ours (in, out), and PyTorch itself orthogonalises in bfloat16.

    We add 1e-7 to the norm and PyTorch takes the larger of the two, which no gradient of ordinary size can tell.
    """
    stored = load("g11_muon")
    names = sorted({key.split("/")[0] for key in stored if key.endswith("/init")})
    matrices = {p: Tensor(stored[f"{p}/init"].T.copy(), requires_grad=True) for p in names}
    optimizer = Muon(list(matrices.values()), lr=float(stored["lr"]), momentum=float(stored["momentum"]))
    for step in range(5):
        for p, matrix in matrices.items():
            matrix.grad = stored[f"{p}/grads"][step].T.copy()
        optimizer.step()
        for p, matrix in matrices.items():
            close(matrix.data, stored[f"{p}/{how}"][step].T, tolerance)
