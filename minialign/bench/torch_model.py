"""The model of the comparison: GPT-2 in idiomatic PyTorch, with scaled_dot_product_attention and a key/value cache.

The tour's has rotary positions and a head of its own.  Only `minialign bench --against torch` uses this file; it needs torch,
which minialign does not.  The names are GPT-2's, so that weights and gradients can be compared by name.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from ..batch import PAD
from ..model import LanguageModel, ModelConfig, ScalarModel, rotary_angles
from ..tokenizer import EOS
from .sizes import named


class Attention(nn.Module):
    def __init__(self, C: int, n_head: int):
        super().__init__()
        self.n_head = n_head
        self.c_attn, self.c_proj = nn.Linear(C, 3 * C), nn.Linear(C, C)

    def forward(
        self, x: torch.Tensor, angles: tuple | None, mask: torch.Tensor | None, cache: tuple | None, start: int
    ) -> torch.Tensor:
        B, T, C = x.shape
        q, k, v = (z.view(B, T, self.n_head, C // self.n_head).transpose(1, 2) for z in self.c_attn(x).split(C, dim=2))
        if angles is not None:
            q, k = turned(q, *angles), turned(k, *angles)
        if cache is not None:  # (B, H, all tokens, D) each, allocated once
            keys, values = cache
            keys[:, :, start : start + T], values[:, :, start : start + T] = k, v
            k, v = keys[:, :, : start + T], values[:, :, : start + T]
        causal = mask is None and T > 1  # a single new token may attend to all earlier ones
        y = F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal)
        return self.c_proj(y.transpose(1, 2).reshape(B, T, C))


def turned(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary positions for x (B, H, T, D), in the half-split layout of GPT-NeoX; cos, sin (T, D)."""
    u, w = x.chunk(2, dim=-1)
    return x * cos + torch.cat([w, u], dim=-1) * sin


class MLP(nn.Module):
    def __init__(self, C: int):
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(C, 4 * C), nn.Linear(4 * C, C)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.c_proj(F.relu(self.c_fc(x)).square())


class Block(nn.Module):
    def __init__(self, C: int, n_head: int):
        super().__init__()
        self.ln_1, self.attn, self.ln_2, self.mlp = nn.LayerNorm(C), Attention(C, n_head), nn.LayerNorm(C), MLP(C)

    def forward(self, x: torch.Tensor, *how: Any) -> torch.Tensor:
        x = x + self.attn(self.ln_1(x), *how)
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """ids (B, T) -> logits (B, T, V); with scalar=True one number per token, (B, T)."""

    def __init__(self, config: ModelConfig, scalar: bool = False):
        super().__init__()
        C, V, T = config.d_model, config.vocab_size, config.context_length
        self.config, self.rotary = config, config.positions == "rotary"
        self.wte = nn.Embedding(V, C)
        self.wpe = None if self.rotary else nn.Embedding(T, C)
        self.h = nn.ModuleList(Block(C, config.n_head) for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(C)
        self.head = nn.Linear(C, 1) if scalar else None if config.tied else nn.Linear(C, V, bias=False)
        cos, sin = map(torch.from_numpy, rotary_angles(config))  # (T, D/2)
        self.cos, self.sin = torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)

    def hidden(
        self, ids: torch.Tensor, caches: list | None = None, start: int = 0, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        x, here = self.wte(ids), slice(start, start + ids.shape[1])
        angles = (self.cos[here], self.sin[here]) if self.rotary else None
        if self.wpe is not None:
            x = x + self.wpe.weight[here]
        for i, block in enumerate(self.h):
            x = block(x, angles, mask, caches[i] if caches else None, start)
        return self.ln_f(x)

    def out(self, hidden: torch.Tensor) -> torch.Tensor:
        return F.linear(hidden, self.wte.weight) if self.head is None else self.head(hidden).squeeze(-1)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.out(self.hidden(ids))

    @torch.inference_mode()
    def generate(
        self, prompts: torch.Tensor, new_tokens: int, temperature: float = 1.0, given: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Continue prompts (B, T0) -> ids (B, T0 + new_tokens).  temperature 0: greedy.

        given (B, new_tokens): what replaces each token that was chosen.  Then prompts are of several lengths, padded on the
        left; an answer stops at its EOS, and the last one stops all.
        """
        B, T0 = prompts.shape
        C, H, T = self.config.d_model, self.config.n_head, T0 + new_tokens
        like = {"dtype": self.wte.weight.dtype}
        caches = [tuple(torch.empty(B, H, T, C // H, **like) for _ in range(2)) for _ in self.h]
        ids = torch.full((B, T), PAD)
        ids[:, :T0] = prompts
        seen, mask, done = None, None, torch.zeros(B, 1, dtype=torch.bool)
        if given is not None:
            seen = F.pad(prompts != PAD, (0, new_tokens), value=True)[:, None, None]  # (B, 1, 1, T)
            mask = (seen[..., :T0] & torch.ones(T0, T0, dtype=torch.bool).tril()) | torch.eye(T0, dtype=torch.bool)
        hidden = self.hidden(prompts, caches, mask=mask)[:, -1]
        for t in range(T0, T):
            logits = self.out(hidden)
            if temperature:
                token = torch.multinomial(F.softmax(logits / temperature, dim=-1), 1)
            else:
                token = logits.argmax(-1, keepdim=True)
            if given is not None:
                token = given[:, t - T0 : t - T0 + 1]
                done |= token == EOS
            ids[:, t : t + 1] = token
            if given is not None and done.all():
                break
            if t + 1 < T:
                hidden = self.hidden(token, caches, t, None if seen is None else seen[..., : t + 1])[:, -1]
        return ids


TURNED = ("c_attn.weight", "c_proj.weight", "c_fc.weight")  # GPT-2 keeps (in, out), nn.Linear (out, in)


def load(ours: LanguageModel | ScalarModel) -> GPT:
    """The GPT that computes what our model does."""
    model = GPT(ours.config, isinstance(ours, ScalarModel)).to(getattr(torch, ours.config.dtype))
    shapes = {name: p.shape for name, p in model.named_parameters()}
    weights = {name: torch.tensor(a.T if name.endswith(TURNED) else a) for name, a in named(ours).items()}
    model.load_state_dict({name: weights[name].reshape(shape) for name, shape in shapes.items()})
    if "likelihood_weights" in weights:  # of a reward model; whoever scores has its reference
        model.likelihood_weights = nn.Parameter(weights["likelihood_weights"])
    return model


def arrays(model: GPT, of: Callable = lambda p: p.detach()) -> dict[str, np.ndarray]:
    """dict GPT-2's name -> array, in GPT-2's layout: the weights, or what else `of` says of a parameter."""
    found = {name: of(p).numpy() for name, p in model.named_parameters()}
    found = {name: a.T if name.endswith(TURNED) else a for name, a in found.items()}
    return {name: a[0] if name == "head.weight" and len(a) == 1 else a for name, a in found.items()}
