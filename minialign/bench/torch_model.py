"""The model of the comparison: GPT-2 in idiomatic PyTorch, with scaled_dot_product_attention and a key/value cache.

Only `minialign bench --against torch` uses this file; it needs torch, which minialign does not.  The names are GPT-2's,
so that weights and gradients can be compared by name.
"""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from .sizes import Size


class Attention(nn.Module):
    def __init__(self, C: int, n_head: int):
        super().__init__()
        self.n_head = n_head
        self.c_attn, self.c_proj = nn.Linear(C, 3 * C), nn.Linear(C, C)

    def forward(self, x: torch.Tensor, cache: tuple | None = None, start: int = 0) -> torch.Tensor:
        B, T, C = x.shape
        q, k, v = (z.view(B, T, self.n_head, C // self.n_head).transpose(1, 2) for z in self.c_attn(x).split(C, dim=2))
        if cache is not None:  # (B, H, all tokens, D) each, allocated once
            keys, values = cache
            keys[:, :, start : start + T], values[:, :, start : start + T] = k, v
            k, v = keys[:, :, : start + T], values[:, :, : start + T]
        y = F.scaled_dot_product_attention(q, k, v, is_causal=T > 1)  # a single new token may attend to all earlier ones
        return self.c_proj(y.transpose(1, 2).reshape(B, T, C))


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

    def forward(self, x: torch.Tensor, cache: tuple | None = None, start: int = 0) -> torch.Tensor:
        x = x + self.attn(self.ln_1(x), cache, start)
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """ids (B, T) -> logits (B, T, V); with scalar=True one number per token, (B, T)."""

    def __init__(self, size: Size, scalar: bool = False):
        super().__init__()
        C = size.d_model
        self.size = size
        self.wte, self.wpe = nn.Embedding(size.vocab_size, C), nn.Embedding(size.context_length, C)
        self.h = nn.ModuleList(Block(C, size.n_head) for _ in range(size.n_layer))
        self.ln_f = nn.LayerNorm(C)
        self.head = nn.Linear(C, 1) if scalar else None

    def hidden(self, ids: torch.Tensor, caches: list | None = None, start: int = 0) -> torch.Tensor:
        T = ids.shape[1]
        x = self.wte(ids) + self.wpe.weight[start : start + T]
        for i, block in enumerate(self.h):
            x = block(x, caches[i] if caches else None, start)
        return self.ln_f(x)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.hidden(ids)
        return F.linear(x, self.wte.weight) if self.head is None else self.head(x).squeeze(-1)

    @torch.inference_mode()
    def generate(self, prompts: torch.Tensor, new_tokens: int, temperature: float = 1.0) -> torch.Tensor:
        """Continue prompts (B, T0) of one length -> ids (B, T0 + new_tokens).  temperature 0: greedy."""
        B, T0 = prompts.shape
        C, H, T = self.size.d_model, self.size.n_head, T0 + new_tokens
        like = {"dtype": self.wte.weight.dtype}
        caches = [tuple(torch.empty(B, H, T, C // H, **like) for _ in range(2)) for _ in self.h]
        ids = torch.empty(B, T, dtype=torch.long)
        ids[:, :T0] = prompts
        hidden = self.hidden(prompts, caches)[:, -1]
        for t in range(T0, T):
            logits = F.linear(hidden, self.wte.weight)
            if temperature:
                token = torch.multinomial(F.softmax(logits / temperature, dim=-1), 1)
            else:
                token = logits.argmax(-1, keepdim=True)
            ids[:, t : t + 1] = token
            if t + 1 < T:
                hidden = self.hidden(token, caches, t)[:, -1]
        return ids


TURNED = ("c_attn.weight", "c_proj.weight", "c_fc.weight")  # GPT-2 keeps (in, out), nn.Linear (out, in)


def load(size: Size, weights: dict[str, np.ndarray], scalar: bool = False, dtype: str = "float32") -> GPT:
    """A GPT with these weights, a dict GPT-2's name -> array; a scalar head's are `head.weight` (C,), `head.bias`."""
    model = GPT(size, scalar).to(getattr(torch, dtype))
    tensors = {name: torch.from_numpy(a.T if name.endswith(TURNED) else a) for name, a in weights.items()}
    if scalar:
        tensors["head.weight"] = tensors["head.weight"][None]
    model.load_state_dict(tensors)
    return model


def gradients(model: GPT) -> dict[str, np.ndarray]:
    """dict GPT-2's name -> gradient as an array, in GPT-2's layout."""
    found = {name: p.grad.numpy() for name, p in model.named_parameters()}
    found = {name: g.T if name.endswith(TURNED) else g for name, g in found.items()}
    return found | ({"head.weight": found["head.weight"][0]} if model.head is not None else {})
