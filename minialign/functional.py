"""The half of the model whose gradients are derived by hand: one function, one derivation, one screen.

Each could be written with the primitives of `autograd` (composed.py does so, and the tests hold the two equal); here the
forward pass keeps just what its backward pass needs.  Throughout g = dL/dy is the gradient that arrives from above, and
the symbols of the docstring are the names in the code.

    B batch   T tokens   C channels   H heads   D = C/H   V vocabulary
"""

import math

import numpy as np

from .autograd import Tensor, as_tensor, make_node, same_shape, where
from .checks import as_ids, as_mask


def linear(x, weight, bias=None):
    """y = x W + b  for x (..., C) and W (C, K), bias (K,) or None.

    dx = g W^T,   dW = x^T g,   db = sum of g,  with all leading axes of x taken as one.
    """
    x, weight, bias = as_tensor(x), as_tensor(weight), None if bias is None else as_tensor(bias)
    C, K = weight.shape
    rows = x.data.reshape(-1, C)  # (N, C)
    y = rows @ weight.data
    if bias is not None:
        y += bias.data

    def vjp(g):
        g = g.reshape(-1, K)
        dx = (g @ weight.data.T).reshape(x.shape) if x.requires_grad else None
        dW = rows.T @ g
        return (dx, dW) if bias is None else (dx, dW, _column_sums(g))

    return make_node(y.reshape(*x.shape[:-1], K), (x, weight) if bias is None else (x, weight, bias), vjp)


def embedding(table, ids):
    """y = table[ids]: row ids[b, t] of the (V, C) table.  dtable[v] = sum of g over the places where v occurs.

    As a matrix product with the places as ones, dtable = onehot^T g: for a small V much quicker than adding row by row.
    """
    table = as_tensor(table)
    ids = as_ids(ids, len(table))

    def vjp(g):
        V, C = table.shape
        onehot = (np.arange(V)[:, None] == ids.reshape(-1)).astype(g.dtype)  # (V, N)
        return (onehot @ g.reshape(-1, C),)

    return make_node(table.data[ids], (table,), vjp)


def gelu(x):
    """y = x s,  s = (1 + tanh u)/2,  u = sqrt(2/pi) (x + 0.044715 x^3).   (Hendrycks & Gimpel 2016, GPT-2's tanh form)

    s is the logistic function of 2u, so ds/du = 2 s (1 - s), and

        dx = g s [1 + 2 (1 - s) x du/dx],   du/dx = sqrt(2/pi) (1 + 3 * 0.044715 x^2).
    """
    x, a, c = as_tensor(x), math.sqrt(2 / math.pi), 0.044715
    v = x.data
    s = gelu_share(v)  # of all the steps only s is kept: this is where a transformer's memory goes

    def vjp(g):
        slope = v * v
        slope *= 6 * a * c
        slope += 2 * a  # 2 du/dx
        slope *= v
        slope *= 1 - s
        slope += 1
        slope *= s
        slope *= g
        return (slope,)

    return make_node(v * s, (x,), vjp)


def gelu_share(v):
    """s = (1 + tanh u)/2 for an array, u as in gelu: the share of v that passes."""
    a, c = math.sqrt(2 / math.pi), 0.044715
    s = v * v  # v * v, never v**2 or v**3: NumPy's power is many times slower
    s *= a * c
    s += a
    s *= v
    np.tanh(s, out=s)
    s *= 0.5
    s += 0.5
    return s


def relu2(x):
    """y = x s,  s = max(x, 0): a square that only positive numbers have.   (So et al. 2021)

    s has slope 1 where x > 0 and is 0 elsewhere, so  dx = 2 g s.  No tanh: an eighth of gelu's time.
    """
    x = as_tensor(x)
    s = np.maximum(x.data, 0)
    return make_node(s * s, (x,), lambda g: (2 * s * g,))


def layer_norm(x, gain, bias, eps=1e-5):
    """y = gain * x_hat + bias,  x_hat = (x - mean) * r,  r = 1 / sqrt(variance + eps), over the channels.

    (Ba, Kiros & Hinton 2016.)  With h = g * gain, x acts in three ways: directly, through the mean, and through r:

        dx = r (h - mean(h) - x_hat * mean(h * x_hat)),    dgain = sum of g * x_hat,    dbias = sum of g.
    """
    x, gain, bias = as_tensor(x), as_tensor(gain), as_tensor(bias)
    C = x.shape[-1]
    average = np.full((C, 1), 1 / C, dtype=x.dtype)  # z @ average is the mean of each row; a matrix product sums fastest
    rows = x.data.reshape(-1, C)
    x_hat = rows - rows @ average
    r = _row_dots(x_hat, x_hat)
    r *= 1 / C
    r += eps
    np.sqrt(r, out=r)
    np.divide(1, r, out=r)
    x_hat *= r
    y = x_hat * gain.data
    y += bias.data

    def vjp(g):
        g = g.reshape(-1, C)
        g_x_hat = g * x_hat
        h = g * gain.data
        mean_h_x_hat = g_x_hat @ (gain.data[:, None] * average)  # reusing g * x_hat
        dx = h - h @ average
        dx -= x_hat * mean_h_x_hat
        dx *= r
        return dx.reshape(x.shape), _column_sums(g_x_hat), _column_sums(g)

    return make_node(y.reshape(x.shape), (x, gain, bias), vjp)


def rotary(x, cos, sin):
    """Turn each pair of channels (j, j + D/2) of x (B, T, H, D) by an angle that grows with the position.

    [u, w] -> [u cos - w sin, w cos + u sin]     (Su et al. 2021, in the half-split layout of GPT-NeoX)

    cos, sin: (T, D/2).  With [u, w] exchanged as x' = [w, u] this is  y = x * cos + x' * (-sin, +sin): whole rows at once,
    much faster than halves of a few channels.  A rotation's transpose is the rotation back: dx = g * cos + (g * (-sin, +sin))'.
    """
    B, T, H, D = x.shape
    cos = np.tile(cos, 2 * H)  # (T, C): the same angles for both halves of every head
    sin = np.tile(np.concatenate([-sin, sin], axis=1), H)

    def exchange(z):
        return z.reshape(B, T, H, 2, D // 2)[:, :, :, ::-1].reshape(B, T, H * D)

    rows = x.data.reshape(B, T, H * D)
    y = exchange(rows) * sin
    y += rows * cos

    def vjp(g):
        g = g.reshape(B, T, H * D)
        return ((exchange(g * sin) + g * cos).reshape(x.shape),)

    return make_node(y.reshape(x.shape), (x,), vjp)


BLOCK = 48  # queries at a time in causal_attention


def causal_attention(q, k, v):
    """y = A v,  A = softmax(q k^T / sqrt(D)) with A[t, s] = 0 for s > t;  q, k, v, y: (B, H, T, D).

    (Vaswani et al. 2017, equation 1, masked.)  A block of queries looks at no key after its last one, so most of the
    future is not even computed.

    Going back, with S the scores before the softmax, dA = g v^T and dS = A * (dA - rowsum(dA * A)).  As y = A v, that row
    sum is  rowsum(g * y):  D numbers per row instead of T (Dao et al. 2022).

        dv = A^T g,    dS = A * (g v^T - rowsum(g * y)),    dq = dS k / sqrt(D),    dk = dS^T q / sqrt(D).
    """
    q, k, v = as_tensor(q), as_tensor(k), as_tensor(v)
    same_shape(q=q, k=k, v=v)
    T, D = q.shape[-2:]
    scale = 1 / math.sqrt(D)
    scaled_q, keys, values = q.data * scale, k.data, v.data
    visible = np.tri(min(BLOCK, T), dtype=q.dtype)  # what a token may see of its own block
    y = np.empty_like(values)  # heads lie in memory as in v, side by side, so that later nothing needs to be copied
    blocks, kept = [slice(start, min(start + BLOCK, T)) for start in range(0, T, BLOCK)], []
    for now in blocks:
        past, n = slice(now.stop), now.stop - now.start  # n queries
        # eq: causal-attention
        S = scaled_q[..., now, :] @ keys[..., past, :].swapaxes(-1, -2)  # (B, H, n, keys)
        A = masked_exp(S, visible[:n, :n])
        A /= row_sums(A)
        np.matmul(A, values[..., past, :], out=y[..., now, :])
        # end eq
        kept.append(A)

    def vjp(g):
        dq, dk, dv = np.empty_like(q.data), np.zeros_like(keys), np.zeros_like(values)
        g_y = _row_dots(g, y)  # (B, H, T, 1)
        for now, A in zip(blocks, kept):
            past, g_now = slice(now.stop), g[..., now, :]
            dv[..., past, :] += _product_like(dv[..., past, :], A.swapaxes(-1, -2), g_now)
            dS = g_now @ values[..., past, :].swapaxes(-1, -2)
            dS -= g_y[..., now, :]
            dS *= A
            np.matmul(dS, keys[..., past, :], out=dq[..., now, :])
            dk[..., past, :] += _product_like(dk[..., past, :], dS.swapaxes(-1, -2), scaled_q[..., now, :])
        dq *= scale
        return dq, dk, dv

    return make_node(y, (q, k, v), vjp)


def token_log_probs(logits, targets):
    """y[...] = log softmax(logits[...])[targets[...]]  for logits (..., V), targets (...) -> (...).

    With P = softmax(logits):   dlogits = g (onehot(targets) - P).

    The most important derivative in this package, and it is written only once: SFT averages y, PPO exponentiates it,
    DPO subtracts two of it.
    """
    logits = as_tensor(logits)
    targets = as_ids(targets, logits.shape[-1])[..., None]
    same_shape(logits=logits.data[..., :1], targets=targets)
    P = logits.data - logits.data.max(-1, keepdims=True)
    y = np.take_along_axis(P, targets, -1)[..., 0]
    np.exp(P, out=P)
    Z = row_sums(P)
    y = y - np.log(Z[..., 0])
    P /= Z

    def vjp(g):
        # eq: log-softmax-gradient
        dlogits = P * -g[..., None]
        picked = np.take_along_axis(dlogits, targets, -1) + g[..., None]
        np.put_along_axis(dlogits, targets, picked, -1)
        # end eq
        return (dlogits,)

    return make_node(y, (logits,), vjp)


def softmax(x, axis=-1):
    """P = exp(x) / sum(exp(x)) along an axis.   dx = P (g - sum(g P))."""
    x = as_tensor(x)
    P = np.exp(x.data - x.data.max(axis, keepdims=True))
    P /= P.sum(axis, keepdims=True)
    return make_node(P, (x,), lambda g: (P * (g - (g * P).sum(axis, keepdims=True)),))


def log_softmax(x, axis=-1):
    """y = x - log sum(exp(x)) along an axis.   dx = g - exp(y) sum(g)."""
    x = as_tensor(x)
    y = x.data - x.data.max(axis, keepdims=True)
    y -= np.log(np.exp(y).sum(axis, keepdims=True))
    return make_node(y, (x,), lambda g: (g - np.exp(y) * g.sum(axis, keepdims=True),))


def log_sigmoid(x):
    """y = log sigma(x) = -log(1 + exp(-x)), finite for every finite x.   dx = g sigma(-x)."""
    x = as_tensor(x)
    e = np.exp(-np.abs(x.data))  # in (0, 1]: cannot overflow
    y = np.minimum(x.data, 0) - np.log1p(e)
    slope = np.where(x.data >= 0, e, 1) / (1 + e)  # sigma(-x)
    return make_node(y, (x,), lambda g: (g * slope,))


def masked(x, mask):
    """x where mask is 1, and 0 elsewhere, whatever is there: a product with the mask would keep NaN and infinity."""
    mask = as_mask(mask)
    return where(mask, x, 0.0) if isinstance(x, Tensor) else np.where(mask, x, np.zeros((), x.dtype))


def scatter(pieces, places, shape):
    """zeros(shape) with each piece at its place, an index; no two places overlap.  The gradient is cut up the same way."""
    y = np.zeros(shape, dtype=pieces[0].dtype)
    for piece, place in zip(pieces, places):
        y[place] = piece.data
    return make_node(y, tuple(pieces), lambda g: [g[place] for place in places])


def masked_exp(x, seen):
    """exp(x), but 0 where `seen` is 0; each row of x up to a factor of its own, which a softmax divides out.

    seen (..., n) speaks of the last n columns of x (..., m); those before them are seen by all.  Overwrites x.
    """
    last = x[..., x.shape[-1] - seen.shape[-1] :]  # not [-n:], for n may be 0
    if not exp_in_reach(x):
        np.copyto(last, -np.inf, where=seen == 0)
        x -= x.max(-1, keepdims=True)
    np.exp(x, out=x)
    last *= seen
    return x


def exp_in_reach(x, reach=60):
    """Can exp(x) be taken as it is?  float32 reaches from exp(-87) to exp(88); 60 leaves room for products with exp(x).

    Usually a softmax subtracts each row's maximum first, so that nothing overflows.  To find it costs as much as all the
    rest, and is needed only where numbers are large.
    """
    return -reach < x.min() and x.max() < reach


def _product_like(x, a, b):
    """a @ b, laid out in memory like x, so that the two can be added in memory order."""
    return np.matmul(a, b, out=np.empty_like(x))


def _row_dots(a, b):
    """The dot product of each row of a with the same row of b: (..., C), (..., C) -> (..., 1)."""
    return np.einsum("...c,...c->...", a, b)[..., None]


def row_sums(a):
    """a.sum(-1, keepdims=True), as a matrix product: several times faster."""
    return (a.reshape(-1, a.shape[-1]) @ np.ones(a.shape[-1], dtype=a.dtype)).reshape(*a.shape[:-1], 1)


def _column_sums(a):
    """a.sum(0) of (N, C), as a matrix product: several times faster."""
    return np.ones(len(a), dtype=a.dtype) @ a
