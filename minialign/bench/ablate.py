"""`minialign bench --ablate`: what is each optimisation worth?  The same step, with one of them undone at a time.

To undo an optimisation is to write the lines as one would without it: each row below names a file, the lines as they are,
and the lines without it.  A process that measures a row loads that file in the second form, and differs in nothing else;
its losses, gradients and samples are checked to be the same before anything is timed.

To add an optimisation, add a row.  A test fails when a row no longer finds its lines.
"""

import importlib.util
import sys
from typing import Any, NamedTuple

from ..source_patch import patched


class Row(NamedTuple):
    """One optimisation, undone."""

    what: str  # the optimisation, in a few words
    workload: str  # where it counts
    file: str = ""  # of minialign; "": the allocator keeps its default settings
    changes: tuple = ()  # (the lines as they are, the lines without the optimisation), ...
    timed: int = 3  # steps that count; fewer if they are very slow


ROWS = {
    "allocator": Row("freed memory is kept for the next array", "train"),
    "float64": Row(
        "float32 throughout: no scalar of NumPy's float64",
        "train",
        "functional",
        (("scale = 1 / math.sqrt(D)", "scale = 1 / np.sqrt(D)"),),
    ),
    "maximum": Row(
        "attention: no maximum where nothing can overflow",
        "train",
        "functional",
        (
            (
                """\
    if not exp_in_reach(x):
        np.copyto(last, -np.inf, where=seen == 0)
        x -= x.max(-1, keepdims=True)
    np.exp(x, out=x)
    last *= seen
""",
                """\
    np.copyto(last, -np.inf, where=seen == 0)
    x -= x.max(-1, keepdims=True)
    np.exp(x, out=x)
""",
            ),
        ),
    ),
    "exp": Row(
        "attention: exp and mask into the same array",
        "train",
        "functional",
        (
            (
                "    np.exp(x, out=x)\n    last *= seen\n",
                "    x = np.exp(x)\n    x[..., x.shape[-1] - seen.shape[-1] :] *= seen\n",
            ),
        ),
    ),
    "blocks": Row(
        "attention: most of the future is never computed",
        "train",
        "functional",
        (("BLOCK = 48 ", "BLOCK = 10**9 "),),
    ),
    "layout": Row(
        "attention: results laid out as heads side by side",
        "train",
        "functional",
        (
            ("y = np.empty_like(values) ", 'y = np.empty_like(values, order="C") '),
            (
                "dq, dk, dv = np.empty_like(q.data), np.zeros_like(keys), np.zeros_like(values)",
                'dq, dk, dv = (np.zeros_like(z, order="C") for z in (q.data, keys, values))',
            ),
        ),
    ),
    "row sums": Row(
        "attention, loss: rows summed by a matrix product",
        "train",
        "functional",
        (
            (
                "return (a.reshape(-1, a.shape[-1]) @ np.ones(a.shape[-1], dtype=a.dtype)).reshape(*a.shape[:-1], 1)",
                "return a.sum(-1, keepdims=True)",
            ),
        ),
    ),
    "row dots": Row(
        "attention, backward: rowsum(g * y) for rowsum(dA * A)",
        "train",
        "functional",
        (("dS -= g_y[..., now, :]", "dS -= (dS * A).sum(-1, keepdims=True)"),),
    ),
    "norm": Row(
        "LayerNorm: means by matrix products",
        "train",
        "functional",
        (
            ("x_hat = rows - rows @ average", "x_hat = rows - rows.mean(-1, keepdims=True)"),
            ("r = _row_dots(x_hat, x_hat)\n    r *= 1 / C\n", "r = (x_hat * x_hat).mean(-1, keepdims=True)\n"),
            ("g_x_hat @ (gain.data[:, None] * average)", "(x_hat * h).mean(-1, keepdims=True)"),
            ("dx = h - h @ average", "dx = h - h.mean(-1, keepdims=True)"),
        ),
    ),
    "one-hot": Row(
        "embedding, backward: a product with ones, not add.at",
        "train",
        "functional",
        (
            (
                """\
        V, C = table.shape
        onehot = (np.arange(V)[:, None] == ids.reshape(-1)).astype(g.dtype)  # (V, N)
        return (onehot @ g.reshape(-1, C),)
""",
                """\
        dtable = np.zeros_like(table.data)
        np.add.at(dtable, ids, g)
        return (dtable,)
""",
            ),
        ),
    ),
    "flat": Row(
        "linear: one product over all rows of the batch",
        "train",
        "functional",
        (
            ("y = rows @ weight.data", "y = x.data @ weight.data"),
            (
                """\
        g = g.reshape(-1, K)
        dx = (g @ weight.data.T).reshape(x.shape) if x.requires_grad else None
        dW = rows.T @ g
""",
                """\
        g = g.reshape(*x.shape[:-1], K)
        dx = g @ weight.data.T if x.requires_grad else None
        dW = (x.data.swapaxes(-1, -2) @ g).reshape(-1, C, K).sum(0)
        g = g.reshape(-1, K)
""",
            ),
        ),
    ),
    "pieces": Row(
        "trunk: some rows at a time, so that they stay cached",
        "train",
        "model",
        (("TOKENS_AT_ONCE = 1536", "TOKENS_AT_ONCE = 10**9"),),
    ),
    "cache": Row(
        "sampling: keys and values are remembered",
        "sample",
        "generate",
        (
            (
                "            hidden = decoder(token[:, None], cursor[:, None] - 1)\n",
                """\
            n = int(cursor.max())
            hidden = decoder(ids[rows, :n], np.broadcast_to(np.arange(n), (len(rows), n)), cursor[:, None] - 1)
""",
            ),
        ),
        timed=1,
    ),
    "folded norm": Row(
        "sampling: LayerNorm's mean and gain in the weights",
        "sample",
        "generate",
        (
            (
                """\
        r = (x * x) @ self.average
        r += self.config.norm_eps
        return x / np.sqrt(r, out=r)[:, None]
""",
                """\
        x = x - x.mean(-1, keepdims=True)
        one, zero = np.ones(x.shape[1], x.dtype), np.zeros(x.shape[1], x.dtype)
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.config.norm_eps) * one + zero
""",
            ),
        ),
    ),
    "cumulative": Row(
        "sampling: cumulative sums by a matrix product",
        "sample",
        "generate",
        (
            ("P = np.exp(logits).astype(np.float64)", "P = np.exp(logits)"),
            ("P @ _up_to(P.shape[1]) if P.shape[1] <= FEW else P.cumsum(-1)", "P.cumsum(-1, dtype=np.float64)"),
        ),
    ),
    "slices": Row(
        "sampling: the prompts' keys are written as a slice",
        "sample",
        "generate",
        (("            if n == 1:\n", "            if True:\n"),),
    ),
    "last of the prompt": Row(
        "sampling: last layer, only the prompt's last token",
        "sample",
        "generate",
        (
            ("if prompt_end is not None and layer is self.layers[-1]:", "if False:"),
            (
                "        return self.normalised(x)\n",
                """\
        x = self.normalised(x)
        return x if prompt_end is None else x.reshape(B, n, -1)[row, prompt_end][:, 0]
""",
            ),
        ),
    ),
    "answers": Row(
        "trunk: the last MLP reads the answers alone",
        "dpo",
        "model",
        (
            (
                """\
        if loss_mask is not None:  # from here on no token looks at another
            x = x[loss_mask]
        return x + self.mlp(self.mlp_norm(x, ops), ops)
""",
                """\
        x = x + self.mlp(self.mlp_norm(x, ops), ops)
        return x if loss_mask is None else x[loss_mask]
""",
            ),
        ),
    ),
}


def undo(name: str) -> None:
    """Load a module as it would be without an optimisation, before anything else imports it."""
    row = ROWS[name]
    if not row.file:
        return  # the driver starts such a process with the default allocator
    full_name = f"minialign.{row.file}"
    if full_name in sys.modules:
        raise RuntimeError(f"{full_name} is already loaded as it is")
    spec: Any = importlib.util.find_spec(full_name)
    module = importlib.util.module_from_spec(spec)
    # Registered before it runs, so that every later import gets this module.
    sys.modules[full_name] = module
    source = without(spec.loader.get_source(full_name), row)
    exec(compile(source, spec.origin, "exec"), module.__dict__)
    setattr(sys.modules["minialign"], row.file, module)


def without(source: str, row: Row) -> str:
    """The text of a module with a row's lines replaced.  Raises ValueError unless each occurs exactly once."""
    for lines, older in row.changes:
        source = patched(source, lines, older, f"{row.file}.py")
    return source
