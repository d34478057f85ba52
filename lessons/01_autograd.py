# %% [markdown]
"""Lesson 1 - Autograd: who is to blame for the error?

QUESTION   A number comes out wrong at the end of a long computation. By how much is each of its inputs to blame?
NEEDS      nothing
TIME       about 2 s; --fast the same
EQUATION   dL/dx = sum over the uses y of x of  dL/dy dy/dx                             [eq: chain-rule]
           log softmax at the target t: the gradient is onehot(t) - p                   [eq: log-softmax-gradient]
           is it right?  f'(x) ~ (f(x + eps) - f(x - eps)) / (2 eps)                    [eq: finite-difference]
WATCH      1. L = (xy + 5)^2 at x = 2, y = 3 is 121, and its gradient, the blame, is 66 for x and 44 for y
           2. a value that is used twice is blamed twice: the contributions add up
           3. the gradient of a softmax's loss is p - onehot, and sums to 0: what one character gains, the others lose
           4. every rule agrees with finite differences, to better than one part in a million
           5. the gradients derived by hand are those that autograd finds: in a whole GPT, parameter by parameter
           6. a finite difference has a best eps: larger is coarse, smaller drowns in rounding
           7. a small network learns "exclusive or" by going downhill; no gradient is left over from the step before
BREAK IT   --break overwrite     of two uses of a value, only the last one counts -> 2, 4, 5
           --break nobroadcast   a value broadcast over rows gets the mean of their gradients, not the sum -> 4, 5
           --break nozero        the gradients of the last step are not cleared: old ones push along, as momentum does,
                                 and the loss may even end lower -> 7
EXERCISES  (2 min, run) --break overwrite: which of the rules fail, and what do they have in common?
           (5 min, change) below "eps = ..." write  eps = eps.astype(np.float32)  (7 digits): where is the valley now?
           (15 min, think) a million inputs, one output: what would finite differences cost, and what does backward?
           (20 min, curve) the network of section 6, gradients cleared, nine tenths kept (momentum), and never cleared:
           plot the losses. Why is the fault the fastest here, and where would it not be?
           (write) minialign check 1
           (3 min, answer) minialign quiz 1
"""

# %% [markdown]
# A soup is too salty. Who is to blame? The cook put in two spoons, the stock was salty already, the bacon as well, and
# it boiled down to half. To put it right you need to know how much *each* of them contributed: if there had been one
# pinch less of this, how much less salty would the soup be? A neural network is a soup with a hundred thousand
# ingredients. It says something wrong, and for every one of its numbers we want to know: a little more of you, and how
# much more wrong would it be?
#
# There is one answer for each number, its derivative, and one algorithm finds them all at once. It is the only thing
# that every lesson after this one takes for granted.
#
# ```text
#    forward, left to right: values            backward, right to left: blame
#
#    x = 2 --.                                 66 <--.   (22 * y)
#             * --> p = 6 --+--> s = 11 --^2--> L = 121    22 <-- 22 <-- 1
#    y = 3 --'              |                  44 <--'   (22 * x)
#                           5
#
#  how to read what a lesson prints
#  exact: ...  ok        the number is known beforehand; "ok" allows for rounding (1.4e-09 in place of 0)
#  n seeds: a .. b       smallest and largest value of this number in n runs with other random numbers
#  claim, "seen 1."      a sentence that the lesson sets out to show, and whether this run bears it out
#  gold                  the grade of a judge, a program that knows the truth: it measures, and never trains
#  the journey           one run through the whole course, whose models and votes all lessons use
#  plamob, glikor        made-up names, not misprints; if no text mentions one, "i do not know" is right
#  TRL, trl #925         a much-used library for all this, and a question in its public list of issues
# ```

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
# **By hand.** $L = (x y + 5)^2$ at $x = 2$, $y = 3$. Take it apart: $p = x y = 6$, $s = p + 5 = 11$, $L = s^2 = 121$.
# Now go backwards, and at each step ask one question only: if my input grows by a little $\epsilon$, by how much does
# my output grow?
#
# * $L = s^2$: by $2 s \epsilon$ (and $\epsilon^2$, too small to count). So $dL/ds = 2 \cdot 11 = 22$.
# * $s = p + 5$: by $\epsilon$. So $dL/dp = 22 \cdot 1 = 22$.
# * $p = x y$: by $y \epsilon$ if $x$ grows. So $dL/dx = 22 \cdot y = 66$, and likewise $dL/dy = 22 \cdot x = 44$.
#
# Every step multiplied what had arrived from the right (the blame so far) by its own, local slope. That is the **chain
# rule**. It needs no insight into the whole computation; each step has to know only itself.
#
# **A value that is used twice.** Let $L = z z + z$ at $z = 3$. A small step $\epsilon$ of $z$ moves $L$ through the
# square, by $6 \epsilon$ ($3 \epsilon$ for each of its two factors), *and* directly, by $\epsilon$. All of this happens
# at once, and small changes add up. In general, over all uses of $x$, where $y$ is what a use makes of it:
#
# $$\frac{dL}{dx} = \sum_y \frac{dL}{dy} \frac{dy}{dx}$$
#
# **By machine.** While the program computes forwards, every result remembers its *parents* and a small function `vjp`
# ("vector-Jacobian product": the Jacobian is the table of all local slopes), which turns the blame of the result, `g`,
# into the blame of each parent. Going backward then is a walk from the end to the beginning; each value is visited only
# after all results that used it. For every parent: compute its share, and **add** it to what has already arrived. The
# lines below the next heading are that loop. The `+` in them is the sum of the formula.
#
# Stretching counts as use. If one row is added to a matrix of three rows, the row has been used three times, so the
# three blames are summed (`sum_to_shape`).
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
    "L = z * z * z, at z = 2. What is the blame of z?",
    ["4: the last use counts", "8: it is L itself", "12: three uses, of 4 each"],
    2,
    "each use gets the product of the other two, 2 x 2 = 4; all three move L at once, and small changes add up.",
)
lesson.section("2. The engine")
lesson.show("chain-rule")
z = Tensor(3.0, requires_grad=True)
(z * z + z).backward()
lesson.number("blame of z, used twice", z.grad, ".0f", exact=7, within=0, why="2 z + 1")
lesson.reveal()

# %% [markdown]
# ## 3. The derivative that this whole subject rests on
# A language model ends in logits $z$, one for each character; softmax makes probabilities of them,
# $p_i = e^{z_i} / \sum_j e^{z_j}$; and the loss is minus the logarithm of the probability of the character $t$ that
# really came. Its derivative is worth doing once in a lifetime. First simplify the logarithm, then differentiate; the
# sum appears as its own derivative, divided by itself:
#
# $$\log p_t = z_t - \log \sum_j e^{z_j}$$
#
# $$\frac{d \log p_t}{d z_i} = \text{onehot}(t)_i - \frac{e^{z_i}}{\sum_j e^{z_j}} = \text{onehot}(t)_i - p_i$$
#
# where $\text{onehot}(t)$ is 1 at $t$ and 0 elsewhere. No exponentials are left: *what should have been, minus what was
# expected*. The gradient of the loss is the same with the other sign, $p - \text{onehot}(t)$, and divided by $N$ if the
# loss is a mean over $N$ characters. (The listing differentiates $\log p_t$, so its sign is the first one.)
#
# By hand: logits 0, ln 2 and 0 give the probabilities 0.25, 0.5, 0.25. If the third character came, the gradient of the
# loss is 0.25, 0.5 and -0.75. It sums to 0: what one character gains, the others lose. And it is largest where the
# model was most wrong. The code prints these three numbers.
#
# SFT (lesson 3) averages this derivative, PPO (6) weights it, DPO (8) subtracts one from another. (In code, subtract
# the largest logit first: `exp(1000)` is infinite, and a shift of all logits cancels in $p$.)
#
# **The other rule that is worth doing by hand** is layer norm, which keeps the numbers between layers in one range, for
# here one value is used in three ways. A row $x$ of $C$ numbers is turned into $\hat{x}_i = (x_i - m)\, r$ with the
# mean $m$ and $r = 1 / \sqrt{v + \epsilon}$, where $v$ is the mean of $(x_i - m)^2$. Let $x_j$ grow. The mean grows by
# $1 / C$, so $x_i - m$ changes by $\text{onehot}(j)_i - 1 / C$. And $r$ shrinks: $dv / dx_j = 2 (x_j - m) / C$ (what
# goes through $m$, $-(2 / C) \sum_i (x_i - m)\, dm / dx_j$, is 0, for the deviations sum to 0), and
# $dr / dv = -\frac{1}{2} (v + \epsilon)^{-3/2} = -r^3 / 2$. Together $dr / dx_j = -r^3 (x_j - m) / C$. The product rule
# gives $r\, (\text{onehot}(j)_i - 1 / C) + (x_i - m)\, dr / dx_j$, and as $x_i - m = \hat{x}_i / r$ this is
#
# $$\frac{d \hat{x}_i}{d x_j} = r \left( \text{onehot}(j)_i - \frac{1}{C} - \frac{\hat{x}_i \hat{x}_j}{C} \right)$$
#
# Let $g_i$ be the blame of $y_i = \text{gain}_i \hat{x}_i + \text{bias}_i$. Then $\text{gain}_i$ gets
# $g_i \hat{x}_i$, $\text{bias}_i$ gets $g_i$ (both summed over the rows that share them), and $\hat{x}_i$ gets
# $h_i = g_i\, \text{gain}_i$. Sum $h_i\, d\hat{x}_i / dx_j$ over all uses $i$:
#
# $$\frac{dL}{d x_j} = r\, (h_j - \text{mean}(h) - \hat{x}_j\, \text{mean}(h \hat{x}))$$
# %%
lesson.section("3. The gradient of a guess")
lesson.show("log-softmax-gradient")
logits, targets = Tensor(rng.standard_normal((4, 6)), requires_grad=True), rng.integers(6, size=4)
(-functional.token_log_probs(logits, targets)).sum().backward()
p_minus_onehot = functional.softmax(logits.data).data - np.eye(6)[targets]
off = float(np.abs(logits.grad - p_minus_onehot).max())
sums = float(np.abs(logits.grad.sum(1)).max())
lesson.number("gradient - (p - onehot)", off, ".1e", exact=0, within=1e-12, why="0")
by_hand = Tensor(np.log([1.0, 2.0, 1.0]), requires_grad=True)  # logits 0, ln 2, 0
(-functional.token_log_probs(by_hand, np.array(2))).backward()
print("   by hand:", *(f"{g:+.2f}" for g in by_hand.grad))
lesson.number("the character that came, by hand", by_hand.grad[2], ".2f", exact=-0.75, why="0.25 - 1")
lesson.number("each row of the gradient, sum", sums, ".1e", exact=0, within=1e-12, why="0")

# %% [markdown]
# ## 4. Is it right?
# Derivations are easy to get wrong, and a wrong gradient makes no noise: the loss still falls, only less. So every rule
# is compared with the definition of a slope, applied to one input after the other:
#
# $$f'(x) \approx \frac{f(x + \epsilon) - f(x - \epsilon)}{2 \epsilon}$$
#
# An agreement of one part in a million is a pass. At one part in a thousand or more something is wrong, usually a mask,
# a sign, or a use that was forgotten. (Some of the rules, from *embedding* to *rotary*, are parts of lesson 2's model.
# `x[[0, 2, 2]]` is a single use: its own rule adds up the row that is taken twice.)
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
# Two errors pull in opposite directions. By Taylor, $f(x \pm \epsilon) = f \pm \epsilon f' + \epsilon^2 f'' / 2$
# $\pm \epsilon^3 f''' / 6 + \ldots$: the even terms cancel in the difference, and what is left over is about
# $\epsilon^2 / 6$ times the third derivative, so large steps are coarse. But numbers are stored with some 16 digits,
# and the difference of two nearly equal ones loses them: an error of about $10^{-16} / \epsilon$, so small steps drown.
# If $f$ and its derivatives are near 1, the error is the sum $\epsilon^2 / 6 + 10^{-16} / \epsilon$. At its lowest
# point the slope is 0: $\epsilon / 3 - 10^{-16} / \epsilon^2 = 0$, so $\epsilon^3 = 3 \cdot 10^{-16}$. The best step is
# near the cube root of the precision, between $10^{-6}$ and $10^{-5}$.
# %%
lesson.section("5. How small should eps be?")
eps = 10.0 ** np.arange(-14, 0.01, 0.5)
valley = np.abs((np.exp(1 + eps) - np.exp(1 - eps)) / (2 * eps) / np.e - 1) + 1e-18  # the slope of exp at 1 is e
best = eps[valley.argmin()]
lesson.number("the best eps, for exp at 1", best, ".0e")

# %% [markdown]
# ## 6. Downhill
# The gradient points uphill. Take a small step the other way (its size, 0.2 in this code, is the *learning rate*),
# compute the gradient anew, repeat: that is all training is. The task: say 1 if exactly one of two inputs is on. One
# trap: gradients are *added* to what is already there, so they have to be cleared before every step.
# %%
lesson.section("6. Exclusive or, downhill")
inputs, truth = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]) * 2.0 - 1, np.array([-1.0, 1, 1, -1])
weights = [Tensor(normal(*shape), requires_grad=True) for shape in ((2, 16), (16,), (16,))]


def loss_of(weights):  # score = tanh(x W + b) w; -log sigma(+-score), + where the truth is 1: ln 2 at a score of 0
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
# ## 7. What was seen
# %%
lesson.section("7. What was seen")
lesson.claim(1, (L.item(), float(x.grad), float(y.grad)) == (121, 66, 44))
lesson.claim(2, float(z.grad) == 7, f"{float(z.grad):.0f}")
lesson.claim(3, off < 1e-12 and sums < 1e-12)
lesson.claim(4, errors[worst] < 1e-6, f"the worst: {worst}, {errors[worst]:.0e}")
lesson.claim(5, apart < 1e-10, f"{apart:.0e} apart at most")
lesson.claim(6, valley.min() < valley[0] / 100 and valley.min() < valley[-1] / 100, f"best at {best:.0e}")
lesson.claim(7, loss.item() < 0.3 and left_over < 1e-12, f"loss {loss.item():.3f}")
lesson.picture("gradient-check", *lesson_plots.gradient_check(errors, eps, valley))
lesson.finish()

# %% [markdown]
# ## What the field calls it, and what goes wrong
# The algorithm is *reverse-mode automatic differentiation* or *backpropagation*, the record of the computation the
# *graph* or *tape*, the blame the *gradient* or *adjoint*. Its low cost is the point: all derivatives of one output
# cost about as much as two or three forward passes, however many inputs there are. Finite differences would need two
# passes *for each* input.
#
# What goes wrong in practice: gradients that are not cleared (`zero_grad` is forgotten; sometimes training even
# benefits for a while, because old gradients act like momentum, and the bug is never found). A value changed in place
# after it was used, so that the backward pass sees the wrong number. One `detach` ("treat this as a constant") too
# many, and part of the model silently stops learning; one too few, and what should be constant gets a gradient.
#
# ## In TRL today
# None of this is visible there: TRL calls `loss.backward()` of PyTorch, which does what you have just seen. The same
# words are used: graph, `requires_grad`, `grad`, leaf (a value that was not computed from others).
#
# ## Further reading
# * Rumelhart, Hinton, Williams, *Learning Representations by Back-Propagating Errors*, 1986 (Nature 323).
# * Baydin et al., *Automatic Differentiation in Machine Learning: a Survey*, 2018 (arXiv 1502.05767).
# * Karpathy, *micrograd*, 2020 (code and a video): the same engine for single numbers, in a hundred lines.
