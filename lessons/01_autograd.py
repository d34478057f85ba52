# %% [markdown]
"""Lesson 1 - Autograd: who is to blame for the error?

QUESTION   A number comes out wrong at the end of a long computation. By how much is each of its inputs to blame?
NEEDS      nothing
TIME       about 2 s; --fast the same
EQUATION   dL/dx = sum over the uses y of x of  dL/dy dy/dx                             [eq: chain-rule]
           log softmax at the target t: the gradient is onehot(t) - p                   [eq: log-softmax-gradient]
           is it right?  f'(x) ~ (f(x + eps) - f(x - eps)) / (2 eps)                    [eq: finite-difference]
WATCH      1. L = (xy + 5)^2 at x = 2, y = 3 is 121, and blames x with 66 and y with 44
           2. a value that is used twice is blamed twice: the contributions add up
           3. the gradient of a softmax's loss is p - onehot, and sums to 0: what one character gains the others lose
           4. every rule agrees with finite differences, better than one part in a million
           5. what was derived by hand is what the engine finds by itself: a whole GPT, parameter by parameter
           6. a finite difference has a best eps: larger is coarse, smaller drowns in rounding
           7. downhill it goes: a little network learns exclusive or, and no gradient is left over from the step before
BREAK IT   --break overwrite     of two uses of a value only the last is blamed -> 2, 4, 5
           --break nobroadcast   a value stretched over rows gets the mean of their blame, not the sum -> 4, 5
           --break nozero        the gradients of the last step are not cleared: old ones push along, as momentum does,
                                 and the loss may even end lower -> 7
EXERCISES  (2 min, run) --break overwrite: which of the rules fail, and what do they have in common?
           (5 min, change) float32 in the finite differences: what becomes of the valley on the right of the picture?
           (15 min, think) a million inputs, one output: what would finite differences cost, and what does backward?
           (write) minialign check 1
"""

# %%
import minialign  # isort: skip  # noqa: F401  first: it asks BLAS for one thread, and makes training steps faster

import numpy as np

from minialign import autograd, composed, functional
from minialign.autograd import Tensor, check_gradients, clip, exp, log, minimum, tanh, where
from minialign.figures import lesson_plots
from minialign.likelihood import token_log_probs_of
from minialign.model import LanguageModel, ModelConfig, rotary_angles
from minialign.sft import sft_loss
from minialign.teach.lesson import Lesson

lesson = Lesson(__file__, __doc__)
rng = lesson.rng
if lesson.fault == "overwrite":
    lesson.inject_fault(Tensor, "backward", "= dparent if arrived is None else arrived + dparent", "= dparent")
if lesson.fault == "nobroadcast":
    lesson.inject_fault(autograd, "sum_to_shape", "g = g.sum(axis=tuple(", "g = g.mean(axis=tuple(")

# %% [markdown]
# ## 1 and 2. By hand, then by machine
# NOTE(instructor): draw the graph on the board first, and let the class walk it backwards with coloured chalk.
# %%
lesson.section("1. L = (xy + 5)^2")
x, y = Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True)
L = (x * y + 5) ** 2
L.backward()
lesson.number("L", L.item(), ".0f", exact=121, within=0, why="11 * 11")
lesson.number("blame of x: dL/dx", x.grad, ".0f", exact=66, within=0, why="2 * 11 * y")
lesson.number("blame of y: dL/dy", y.grad, ".0f", exact=44, within=0, why="2 * 11 * x")

lesson.predict(
    "z is used twice: L = z * z + z, at z = 3. The two uses send back 6 and 1. What is the blame of z?",
    ["1: the last use counts", "6: the largest counts", "7: they add up"],
    2,
    "a small step of z moves L along both ways at once, and small changes add up. That is the sum in the chain rule.",
)
lesson.section("2. The engine")
lesson.show("chain-rule")
z = Tensor(3.0, requires_grad=True)
(z * z + z).backward()
lesson.number("blame of z, used twice", z.grad, ".0f", exact=7, within=0, why="2 z + 1")
lesson.reveal()

# %% [markdown]
# ## 3. The derivative that this whole subject rests on
# SFT averages it, PPO weighs it with advantages, DPO subtracts two of it.
# %%
lesson.section("3. The gradient of a guess")
lesson.show("log-softmax-gradient")
logits, targets = Tensor(rng.standard_normal((4, 6)), requires_grad=True), rng.integers(6, size=4)
(-functional.token_log_probs(logits, targets)).sum().backward()
p_minus_onehot = functional.softmax(logits.data).data - np.eye(6)[targets]
off = float(np.abs(logits.grad - p_minus_onehot).max())
sums = float(np.abs(logits.grad.sum(1)).max())
lesson.number("gradient - (p - onehot)", off, ".1e", exact=0, within=1e-12, why="0")
lesson.number("its rows, sum", sums, ".1e", exact=0, within=1e-12, why="0")

# %% [markdown]
# ## 4. Is it right?
# %%
lesson.section("4. Every rule against finite differences")
lesson.show("finite-difference")


def normal(*shape):
    return rng.standard_normal(shape)


angles = rotary_angles(ModelConfig(4, 5, d_model=8, n_head=2, dtype="float64"))
positive, ids = np.abs(normal(3, 4)) + 0.5, np.array([[0, 2, 2], [1, 0, 3]])
rules = {
    "x + row": (lambda a, b: a + b, normal(3, 4), normal(4)),
    "x * column": (lambda a, b: a * b, normal(3, 4), normal(3, 1)),
    "x / y": (lambda a, b: a / b, normal(3, 4), positive),
    "x ** 3": (lambda a: a**3, normal(3, 4)),
    "x * x + x": (lambda a: a * a + a, normal(3, 4)),
    "A @ B": (lambda a, b: a @ b, normal(2, 3, 4), normal(4, 5)),
    "exp": (exp, normal(3, 4)),
    "log": (log, positive),
    "tanh": (tanh, normal(3, 4)),
    "mean": (lambda a: a.mean(0), normal(3, 4)),
    "max": (lambda a: a.max(1), normal(3, 4)),
    "x[[0, 2, 2]]": (lambda a: a[np.array([0, 2, 2])], normal(3, 4)),
    "minimum": (minimum, normal(3, 4), normal(3, 4)),
    "clip": (lambda a: clip(a, -0.5, 0.5), normal(3, 4)),
    "where": (lambda a, b: where(positive > 1, a, b), normal(3, 4), normal(3, 4)),
    "embedding": (lambda a: functional.embedding(a, ids), normal(4, 3)),
    "linear": (functional.linear, normal(2, 3, 4), normal(4, 5), normal(5)),
    "gelu": (functional.gelu, normal(3, 4)),
    "layer norm": (functional.layer_norm, normal(3, 4), normal(4), normal(4)),
    "rotary": (lambda a: functional.rotary(a, *angles), normal(1, 5, 2, 4)),
    "attention": (functional.causal_attention, normal(1, 2, 4, 3), normal(1, 2, 4, 3), normal(1, 2, 4, 3)),
    "log softmax": (lambda a: functional.token_log_probs(a, ids), normal(2, 3, 4)),
    "log sigma": (functional.log_sigmoid, normal(3, 4)),
}
errors = {name: check_gradients(rule, *arrays, tolerance=np.inf) for name, (rule, *arrays) in rules.items()}
worst = max(errors, key=errors.get)
lesson.number(f"largest error of {len(rules)} rules", errors[worst], ".1e", exact=0, within=1e-6, why=f"0 ({worst})")

config = ModelConfig(7, 6, n_layer=2, n_head=2, d_model=8, dtype="float64")
gradients = []
for ops in (functional, composed):
    model = LanguageModel(config, np.random.default_rng(lesson.seed), ops)
    text = np.random.default_rng(1).integers(7, size=(3, 6))
    sft_loss(token_log_probs_of(model, text), np.ones((3, 5)))[0].backward()
    gradients.append(np.concatenate([p.grad.ravel() for p in model.parameters()]))
apart = float(np.abs(gradients[0] - gradients[1]).max())
lesson.number(f"GPT of {len(gradients[0])}: hand - engine", apart, ".1e", exact=0, within=1e-10, why="0")

# %% [markdown]
# ## 5. How small should eps be?
# %%
lesson.section("5. How small should eps be?")
eps = 10.0 ** np.arange(-14, 0.01, 0.5)
valley = np.abs((np.exp(1 + eps) - np.exp(1 - eps)) / (2 * eps) / np.e - 1) + 1e-18  # the slope of exp at 1 is e
best = eps[valley.argmin()]
lesson.number("the best eps, for exp at 1", best, ".0e")

# %% [markdown]
# ## 6. Downhill
# %%
lesson.section("6. Exclusive or, downhill")
inputs, truth = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]) * 2.0 - 1, np.array([-1.0, 1, 1, -1])
weights = [Tensor(normal(*shape), requires_grad=True) for shape in ((2, 16), (16,), (16,))]


def loss_of(weights):
    hidden = tanh(Tensor(inputs) @ weights[0] + weights[1])
    return -functional.log_sigmoid(hidden @ weights[2] * truth).mean()


for step in lesson.steps(range(400), "exclusive or"):
    if lesson.fault != "nozero":
        for w in weights:
            w.grad = None
    loss = loss_of(weights)
    loss.backward()
    if step < 399:
        for w in weights:
            w.data = w.data - 0.2 * w.grad
again = [Tensor(w.data, requires_grad=True) for w in weights]
loss_of(again).backward()
left_over = max(float(np.abs(w.grad - a.grad).max()) for w, a in zip(weights, again))
lesson.number("loss at the end (a coin: 0.693)", loss.item())
lesson.number("left over from steps before", left_over, ".1e", exact=0, within=1e-12, why="0")

# %% [markdown]
# ## 7. What there was to see
# %%
lesson.section("7. What there was to see")
lesson.claim(1, (L.item(), float(x.grad), float(y.grad)) == (121, 66, 44))
lesson.claim(2, float(z.grad) == 7, f"{float(z.grad):.0f}")
lesson.claim(3, off < 1e-12 and sums < 1e-12)
lesson.claim(4, errors[worst] < 1e-6, f"the worst: {worst}, {errors[worst]:.0e}")
lesson.claim(5, apart < 1e-10, f"{apart:.0e} apart at most")
lesson.claim(6, valley.min() < valley[0] / 100 and valley.min() < valley[-1] / 100, f"best at {best:.0e}")
lesson.claim(7, loss.item() < 0.3 and left_over < 1e-12, f"loss {loss.item():.3f}")
lesson.picture("gradient-check", *lesson_plots.gradient_check(errors, eps, valley))
lesson.finish()
