"""Break one line on purpose, and see which test notices: a test that cannot fail proves nothing.

    python tests/mutants.py               all of them, a few minutes on two cores
    python tests/mutants.py ppo dpo       those of some files
    python tests/mutants.py --jobs 1      one after the other

Each mutant is one line of the algorithms or of the engine, changed into a mistake that somebody has made or could make.
It is put into a copy of the package in a temporary folder, and the tests that ought to notice are run on that copy until
one fails.  A mutant that survives is either equivalent (`same` says why nothing can tell it from the original), or a test
is missing.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from minialign.source_patch import patched

ROOT = Path(__file__).resolve().parent.parent
TIME_LIMIT = 240  # seconds a mutant; one that never ends is noticed too
MEMORY_LIMIT = 6 * 2**30  # bytes of address space


class Mutant(NamedTuple):
    file: str  # minialign/<file>.py
    old: str  # must occur in it exactly once
    new: str
    tests: str  # tests/test_<name>.py, the quickest first
    why: str  # what the change means
    same: str = ""  # why the results are nevertheless the same


_ANSWER_MASK = "np.array([0.0] * (len(prompt) - 1) + [1.0] * len(response), dtype=np.float32)"

MUTANTS = [
    # ---- the engine -----------------------------------------------------------------------------------------------------
    Mutant("autograd", "(a.data < b.data) + 0.5 * (a.data == b.data)", "(a.data <= b.data) + 0.0",
           "autograd", "a tie of minimum gives one side everything"),
    Mutant("autograd", "(x.data >= low) & (x.data <= high)", "(x.data > low) & (x.data < high)",
           "autograd", "clip has no slope on its border"),
    Mutant("autograd", "= dparent if arrived is None else arrived + dparent", "= dparent",
           "autograd", "of two uses of a value only the last is blamed"),
    Mutant("autograd", "g.copy() if tensor.grad is None", "g if tensor.grad is None",
           "autograd", "two leaves share one gradient array"),
    Mutant("autograd", "else tensor.grad + g", "else g",
           "autograd", "a second backward forgets the first"),
    Mutant("autograd", "lambda g: (g, -g)", "lambda g: (g, g)",
           "autograd", "the sign of a subtraction's second gradient"),
    Mutant("autograd", "-g * a.data / (b.data * b.data)", "g * a.data / (b.data * b.data)",
           "autograd", "the sign of a division's second gradient"),
    Mutant("autograd", "g * (1 - y * y)", "g * (1 - y)",
           "autograd", "tanh' = 1 - tanh^2"),
    Mutant("autograd", "g * (y + 1)", "g * y",
           "autograd golden_functions", "expm1' = exp, not expm1"),
    Mutant("autograd", "g * (n * x.data ** (n - 1))", "g * x.data ** (n - 1)",
           "autograd", "the factor in the slope of a power"),
    Mutant("autograd", "total * (total.size / some(self.size))", "total * (1 / some(self.size))",
           "autograd", "a mean along one axis divides by the size of all"),
    Mutant("autograd", "winners / winners.sum(axis, keepdims=True) * g", "winners * g",
           "autograd", "equal winners of max each get the whole gradient"),
    Mutant("autograd", "np.add.at(dx, index, g) if may_repeat(index) else dx.__setitem__(index, g)",
           "dx.__setitem__(index, g)", "autograd", "an entry that is taken twice is blamed once"),
    Mutant("autograd", "np.where(condition, g, zero), np.where(condition, zero, g)", "np.where(condition, g, zero), g",
           "autograd", "where: the branch that was not chosen gets a gradient"),
    Mutant("arrays", "g = g.sum(axis=tuple(range(g.ndim - len(shape))))",
           "g = g.mean(axis=tuple(range(g.ndim - len(shape))))",
           "autograd", "broadcasting is undone by a mean instead of a sum"),
    Mutant("autograd", "        _recording = before\n", "        _recording = True\n",
           "autograd", "an inner no_grad ends the outer one"),
    Mutant("autograd", "if _recording and any(", "if any(",
           "autograd", "no_grad records"),
    Mutant("autograd", "return reversed(order)", "return iter(order)",
           "autograd", "parents before users"),
    Mutant("autograd", "else Tensor(np.asarray(x, dtype=tensor.dtype))", "else Tensor(np.asarray(x))",
           "autograd", "one float64 constant promotes a float32 graph"),
    Mutant("autograd", "if not error <= tolerance:", "if error > tolerance:",
           "autograd", "the checker lets a gradient pass that is not a number"),
    Mutant("arrays", "if len(set(shapes.values())) > 1:", "if False:",
           "traps", "(B,) against (B, 1) becomes (B, B)"),

    # ---- fused functions ------------------------------------------------------------------------------------------------
    Mutant("functional", "(dx, dW, _column_sums(g))", "(dx, dW, g.mean(0))",
           "functional", "mean for sum in the gradient of a bias"),
    Mutant("functional", "(onehot @ g.reshape(-1, C),)", "(onehot @ g.reshape(-1, C) / np.maximum(onehot.sum(1, keepdims=True), 1),)",
           "functional", "a token that occurs twice is blamed once"),
    Mutant("functional", "slope *= 6 * a * c", "slope *= 2 * a * c",
           "functional", "the inner slope of gelu"),
    Mutant("functional", "slope *= 1 - s", "slope *= s",
           "functional", "gelu: the slope of the gate at the mirrored place"),
    Mutant("functional", "dx -= x_hat * mean_h_x_hat", "dx += x_hat * mean_h_x_hat",
           "functional", "layer norm: the sign of the path through the variance"),
    Mutant("functional", "dx = h - h @ average", "dx = 1.0 * h",
           "functional", "layer norm: the path through the mean"),
    Mutant("functional", "h = g * gain.data", "h = g.copy()",
           "functional", "layer norm: the gain in the gradient"),
    Mutant("functional", "r += eps", "r += 0",
           "functional", "a constant row has no norm"),
    Mutant("functional", "(exchange(g * sin) + g * cos)", "(exchange(g) * sin + g * cos)",
           "functional", "the gradient of a rotation turns forwards"),
    Mutant("functional", "np.tri(min(BLOCK, T), dtype=q.dtype)", "np.tri(min(BLOCK, T), k=1, dtype=q.dtype)",
           "functional", "attention sees one token ahead"),
    Mutant("functional", "scale = 1 / math.sqrt(D)", "scale = 1 / D",
           "functional", "attention divided by D instead of its root"),
    Mutant("functional", "x.shape[-1] - seen.shape[-1] :]", "0 : seen.shape[-1]]",
           "functional", "attention: the mask of the last keys lies on the first"),
    Mutant("functional", "dv[..., past, :] += ", "dv[..., past, :] = ",
           "functional", "attention: a value's gradient from the last block alone"),
    Mutant("functional", "dk[..., past, :] += ", "dk[..., past, :] = ",
           "functional", "attention: a key's gradient from the last block alone"),
    Mutant("functional", "dq *= scale", "dq *= 1",
           "functional", "the scale is missing on the way back"),
    Mutant("functional", "dS -= g_y[..., now, :]", "dS -= 0",
           "functional", "softmax: the row's own sum in its gradient"),
    Mutant("functional", "dS -= g_y[..., now, :]", "dS -= g_y[..., : dS.shape[-2], :]",
           "functional", "attention: every block takes the row sums of the first"),
    Mutant("functional", "return -80 < x.min() and x.max() < 80", "return -80 < x.min()",
           "functional", "attention of huge scores overflows"),
    Mutant("functional", "return -80 < x.min() and x.max() < 80", "return x.max() < 80",
           "functional", "attention of scores far below zero divides by nothing"),
    Mutant("functional", "        np.copyto(last, -np.inf, where=seen == 0)\n", "",
           "functional", "a huge score in the future drowns the past"),
    Mutant("functional", "P = logits.data - logits.data.max(-1, keepdims=True)", "P = logits.data.copy()",
           "functional", "log-probabilities of huge logits overflow"),
    Mutant("functional", "dlogits = P * -g[..., None]", "dlogits = P * g[..., None]",
           "functional", "one-hot minus P: the sign of P"),
    Mutant("functional", "np.take_along_axis(dlogits, targets, -1) + g[..., None]",
           "np.take_along_axis(dlogits, targets, -1)",
           "functional", "one-hot minus P without the one-hot"),
    Mutant("functional", "P * (g - (g * P).sum(axis, keepdims=True))", "P * g",
           "functional", "softmax as if its outputs were independent"),
    Mutant("functional", "np.exp(y) * g.sum(axis, keepdims=True)", "np.exp(y) * g",
           "functional", "log-softmax: the sum over the row"),
    Mutant("functional", "e = np.exp(-np.abs(x.data))", "e = np.exp(-x.data)",
           "functional", "log-sigmoid overflows at -800"),
    Mutant("functional", "np.where(x.data >= 0, e, 1) / (1 + e)", "np.where(x.data >= 0, 1, e) / (1 + e)",
           "functional", "log-sigmoid's slope is sigma(-x), not sigma(x)"),

    # ---- the optimiser --------------------------------------------------------------------------------------------------
    Mutant("optim", "G + self.momentum * M)", "M)",
           "optim", "Muon without Nesterov's look ahead"),
    Mutant("optim", "math.sqrt(max(1, K / C))", "math.sqrt(max(1, C / K))",
           "optim", "Muon's step grows for tall matrices instead of wide ones"),
    Mutant("optim", "(b * A + c * (A @ A)) @ X", "(b * A + c * A) @ X",
           "optim", "the fifth power is missing from Newton and Schulz"),
    Mutant("optim", "if G.shape[1] <= G.shape[2] else", "if G.shape[1] > G.shape[2] else",
           "optim", "the larger of the two Gram matrices", same="X X^T X = X (X^T X): only slower"),
    Mutant("optim", "optimizer.lr = self.lr * rate", "optimizer.lr = self.lr",
           "optim", "two optimisers with one rate"),
    Mutant("functional", "lambda g: (2 * s * g,)", "lambda g: (s * g,)",
           "functional", "the slope of squared ReLU is 2 max(x, 0)"),
    Mutant("optim", "step_size = lr / (1 - b1 ** self.t[i])", "step_size = lr",
           "optim", "no bias correction of the first moment"),
    Mutant("optim", "denominator /= math.sqrt(1 - b2 ** self.t[i])", "denominator /= 1",
           "optim", "no bias correction of the second moment"),
    Mutant("optim", "denominator += self.eps", "denominator += self.eps / math.sqrt(1 - b2 ** self.t[i])",
           "golden_optim", "TensorFlow's place of eps"),
    Mutant("optim", "v += (1 - b2) * g * g", "v += (1 - b2) * abs(g)",
           "optim", "the second moment of |g|"),
    Mutant("optim", "p.data * (1 - lr * decay)", "p.data * (1 - decay)",
           "optim", "weight decay that does not follow the learning rate"),
    Mutant("optim", "            g = p.grad\n", "            g = p.grad + decay * p.data\n",
           "optim", "weight decay mixed into the gradient (Adam with L2)"),
    Mutant("optim", "max_norm) / (norm + 1e-6)", "max_norm) / (norm + 1e-4)",
           "golden_optim", "clipping to a little less than the limit"),
    Mutant("optim", "    if factor < 1:\n", "    if True:\n",
           "optim", "clipping stretches short gradients"),
    Mutant("optim", "        self.zero_grad()\n", "",
           "optim", "gradients of earlier steps are never cleared"),
    Mutant("optim", "x = (step - warmup_steps)", "x = step",
           "optim golden_optim", "the cosine starts before the warm-up ends"),
    Mutant("optim", "0.5 * (1 + math.cos(math.pi * x))", "0.5 * (1 - math.cos(math.pi * x))",
           "optim", "the cosine climbs"),

    # ---- masks and batches ----------------------------------------------------------------------------------------------
    Mutant("batch", _ANSWER_MASK,
           _ANSWER_MASK.replace("(len(prompt) - 1)", "len(prompt)").replace("len(response)", "(len(response) - 1)"),
           "traps", "the mask shifted by one to the right"),
    Mutant("batch", _ANSWER_MASK,
           _ANSWER_MASK.replace("- 1) +", "- 2) +").replace("len(response)", "len(response) + [0.0]"),
           "traps", "the mask shifted by one to the left"),
    Mutant("batch", _ANSWER_MASK, _ANSWER_MASK.replace("len(response)", "(len(response) - 1) + [0.0]"),
           "traps", "the EOS is outside the mask: the model never learns to stop"),
    Mutant("batch", _ANSWER_MASK, _ANSWER_MASK.replace("[0.0]", "[1.0]"),
           "traps", "the prompt is trained on"),
    Mutant("batch", "([EOS] if ended else [])", "[EOS]",
           "traps", "an unfinished answer is given an end"),
    Mutant("batch", "np.arange(2, self.ids.shape[1] + 1)", "np.arange(1, self.ids.shape[1])",
           "traps", "lengths without the last token"),
    Mutant("batch", "used[1:] |= mask.any(0)", "used[1:] |= False",
           "traps", "a PAD that a model wrote is trimmed away"),
    Mutant("batch", "n_tokens > context_length:", "n_tokens >= context_length:",
           "traps", "a text that just fits is refused"),
    Mutant("batch", "answer if isinstance(answer, Response) else (answer, True)",
           "answer if isinstance(answer, Response) else (answer, False)",
           "traps", "demonstrations without an end"),
    Mutant("batch", "[EOS, *tokenizer.encode(text), EOS]", "[EOS, *tokenizer.encode(text)]",
           "traps", "documents without an end"),
    Mutant("batch", "order = rng.permutation(n)", "order = np.arange(n)",
           "traps_ppo", "minibatches in the same order every epoch"),
    Mutant("batch", "yield from pieces", "yield from (piece for piece in pieces if len(piece) == size)",
           "traps_ppo", "the smaller rest is dropped without a word"),
    Mutant("batch", "for i in rng.permutation(len(pieces))]", "for i in range(len(pieces))]",
           "traps_ppo", "the shortest texts always come first"),

    # ---- the model ------------------------------------------------------------------------------------------------------
    Mutant("model", "lengths[order[start]]", "lengths[order[start + min(1, len(order) - 1 - start)]]",
           "model", "a batch in pieces: the longest row of each is cut"),
    Mutant("model", "rows = order[start :", "rows = np.arange(len(order))[start :",
           "model", "a batch in pieces: rows in order, columns of others"),
    Mutant("model", "np.where(loss_mask, np.arange(1, T + 1), 1)", "np.where(loss_mask, np.arange(T), 1)",
           "model", "a row is read up to the token before the last of its mask"),
    Mutant("model", "number[piece][loss_mask[piece]] for piece", "np.sort(number[piece], axis=None)[-loss_mask[piece].sum() :] for piece",
           "model", "the masked tokens of a piece come out at others' places"),
    Mutant("model", "            x = x[loss_mask]\n", "            x = x[loss_mask] + 0.01 * x[0, 0]\n",
           "model", "the masked tokens look at another once more"),
    Mutant("functional", "[g[place] for place in places]", "[g[place] * 1.01 for place in places]",
           "model", "scatter: the gradient of a piece is stretched"),
    Mutant("model", "Tensor(value.data, value.requires_grad)", "value",
           "parallel", "a copy whose gradients land in the original"),
    Mutant("parallel", "functools.reduce(np.add, some)", "some[0]",
           "parallel", "threads: the gradient of the first part alone"),
    Mutant("parallel", "            p.grad = None\n", "            pass\n",
           "parallel", "threads: a second way back counts the first again"),
    Mutant("parallel", "turns = math.ceil(n_tokens / (threads * at_most))", "turns = 1",
           "parallel", "threads: parts as large as the batch"),
    Mutant("parallel", "        _here.taken = True\n", "",
           "parallel", "threads: those that wait take the place of those that they wait for"),

    # ---- likelihood -----------------------------------------------------------------------------------------------------
    Mutant("likelihood", "inputs, targets = ids[:, :-1], ids[:, 1:]", "inputs, targets = ids[:, :-1], ids[:, :-1]",
           "traps", "no shift: each token predicts itself"),
    Mutant("likelihood", "targets[loss_mask])", "inputs[loss_mask])",
           "model", "no shift where only some tokens count"),
    Mutant("likelihood", "mask = as_mask(mask)", "mask = ~as_mask(mask)",
           "model", "the question is judged, not the answer"),
    Mutant("likelihood", "token_log_probs_of(model, batch.ids, batch.mask).sum(1)",
           "token_log_probs_of(model, batch.ids).sum(1)",
           "traps_preferences", "prompt and padding in log pi(answer | prompt)"),
    Mutant("likelihood", "batch.mask).sum(1)", "batch.mask).sum(1) / batch.mask.sum(1)",
           "traps_preferences", "mean instead of summed log-probabilities"),
    Mutant("likelihood", "    with no_grad():", "    if True:",
           "traps_ppo", "a graph is kept for numbers that need none"),

    # ---- sampling -------------------------------------------------------------------------------------------------------
    Mutant("generate", "np.tri(T, dtype=c.dtype)", "np.tri(T, k=1, dtype=c.dtype)",
           "model", "the sampler sees one column that is not written yet"),
    Mutant("generate", "int(columns.min()) + 1", "int(columns.min()) + 2",
           "model", "the sampler sees one column beyond the shortest row"),
    Mutant("generate", "start[:, None] - 1)", "0 * start[:, None] + T0 - 1)",
           "model", "a short prompt is continued from a longer one's place"),
    Mutant("generate", "visible = visible[row, :, prompt_end]", "visible = visible[:, :, -1:]",
           "model", "a short prompt's last token sees what the longest may"),
    Mutant("generate", "logprobs[rows, cursor - 1] = token, logprob", "logprobs[rows, cursor - 2] = token, logprob",
           "model", "sampled log-probabilities one column early"),
    Mutant("generate", "|= going & (token == eos_id)", "|= token == eos_id",
           "model", "a text that was cut off ends later after all"),
    Mutant("generate", "ids = np.where(columns < end, ids[:, :T], PAD)", "ids = ids[:, :T]",
           "model", "what a finished row wrote behind its end stays there"),
    Mutant("generate", "(columns < end))[:, 1:]", "(columns <= end))[:, 1:]",
           "model", "the mask covers a token behind the end"),
    Mutant("generate", "if not functional.exp_in_reach(logits):", "if False:",
           "model", "huge logits overflow in the sampler"),
    Mutant("generate", "np.triu(np.ones((n, n)))", "np.triu(np.ones((n, n)), 1)",
           "model", "cumulative sums that leave out the entry itself"),
    Mutant("generate", "logits = logits / temperature", "logits = logits * temperature",
           "model", "a high temperature makes the sampler bolder, not wilder"),
    Mutant("generate", "(u[:, None] < cumulative)", "(0.97 * u[:, None] < cumulative)",
           "exact_training", "the sampler prefers the first tokens a little"),
    Mutant("generate", "(u[:, None] < cumulative)", "(u[:, None] <= cumulative)",
           "model", "a draw on the border between two tokens",
           same="u is never exactly on a border, but for a draw of 0.0 once in 2^53"),
    Mutant("generate", "ids[p : max(p, n) - bool(e)]", "ids[p : max(p, n)]",
           "traps", "the EOS is part of the text"),
    Mutant("generate", "token[:, None], cursor[:, None] - 1)", "token[:, None], cursor[:, None])",
           "model", "a new token is one position too far to the right"),
    Mutant("generate", "start + np.minimum(room, max_new_tokens)", "start + room",
           "model", "max_new_tokens is ignored"),
    Mutant("generate", "self.turn(qkv[:, : 2 * c.d_model], columns)", "self.turn(qkv[:, : c.d_model], columns)",
           "model", "keys without their position in the cache"),
    Mutant("generate", "norm.bias.data @ weight + bias", "bias",
           "model", "the sampler forgets the bias of a norm"),
    Mutant("generate", "_centred(down.bias.data)", "down.bias.data",
           "model", "the sampler's states drift away from mean 0"),

    # ---- SFT ------------------------------------------------------------------------------------------------------------
    Mutant("sft", "loss = -masked(logprobs, mask).sum()", "loss = masked(logprobs, mask).sum()",
           "traps", "demonstrations are unlearned"),
    Mutant("sft", "-masked(logprobs, mask).sum()", "-logprobs.sum()",
           "traps", "the mask is lost (nanochat #582)"),
    Mutant("sft", "(1 / max(n, 1.0))", "(1 / len(mask))",
           "traps", "mean over texts instead of tokens"),
    Mutant("sft", "(1 / max(n, 1.0))", "(1 / mask.size)",
           "traps", "mean over the padding too"),
    Mutant("sft", "cosine_schedule(step + 1,", "cosine_schedule(step,",
           "traps", "the first step has a learning rate of zero"),
    Mutant("sft", "loss + config.replay_weight *", "loss - config.replay_weight *",
           "traps", "what is rehearsed is unlearned"),
    Mutant("sft", "ids = stream[begin[:, None] + np.arange(length)]",
           "ids = stream[begin[:, None] + np.arange(length) + 1]",
           "traps", "windows that begin after the document's beginning"),
    Mutant("sft", "if s + length <= len(stream)", "if s + length < len(stream)",
           "traps", "the last window of the stream is never read"),

    # ---- votes ----------------------------------------------------------------------------------------------------------
    Mutant("preferences", "votes.chosen.append(a if vote > 0 else b)", "votes.chosen.append(b if vote > 0 else a)",
           "traps_preferences", "the loser is written down twice"),
    Mutant("preferences", "0 if a == b or unreadable", "0 if unreadable",
           "traps_preferences", "identical answers become a pair"),
    Mutant("preferences", "0 if a == b or unreadable", "0 if a == b",
           "traps_preferences", "answers that cannot be read are voted on"),
    Mutant("preferences", "for question in some for _ in range(2)]", "for _ in range(2) for question in some]",
           "traps_preferences", "answers to two different questions are compared"),
    Mutant("preferences", "list(zip(self.prompts, self.chosen)) + list(zip(self.prompts, self.rejected))",
           "list(zip(self.prompts, self.rejected)) + list(zip(self.prompts, self.chosen))",
           "traps_preferences", "chosen and rejected swapped on their way into training"),
    Mutant("preferences", "sorted(set(votes.prompts))", "sorted(votes.prompts)",
           "traps_preferences", "the held-out share counted in votes, not in prompts"),
    Mutant("preferences", "if votes.prompts[i] not in hidden]]", "if True]]",
           "traps_preferences", "held-out prompts stay in training"),
    Mutant("preferences", '("chosen_ended", "rejected_ended")]', '("chosen_ended", "chosen_ended")]',
           "traps_preferences", "a cut-off answer is read back as a finished one"),

    # ---- reward model ---------------------------------------------------------------------------------------------------
    Mutant("reward", "d = chosen_rewards - rejected_rewards - margin", "d = rejected_rewards - chosen_rewards - margin",
           "traps_preferences", "the reward's sign: the worse answer is made to win"),
    Mutant("reward", "- rejected_rewards - margin", "- rejected_rewards + margin",
           "traps_preferences", "the margin's sign"),
    Mutant("reward", "- log_sigmoid(-d) * label_smoothing", "+ log_sigmoid(-d) * label_smoothing",
           "traps_preferences", "the sign of the smoothed half"),
    Mutant("reward", "    loss = losses.mean()", "    loss = losses.sum()",
           "traps_preferences", "sum instead of mean over pairs"),
    Mutant("reward", "np.mean((gaps > 0) + 0.5 * (gaps == 0))", "np.mean(gaps >= 0)",
           "traps_preferences", "a scorer that says always the same is always right"),
    Mutant("reward", "batch.lengths - 1] = 1", "batch.ids.shape[1] - 1] = 1",
           "traps_preferences", "the reward is read in the padding"),
    Mutant("reward", "batch.lengths - 1] = 1", "batch.lengths - 2] = 1",
           "traps_preferences", "the reward is read one token before the end"),
    Mutant("reward", "judged[:, 1:] = batch.mask", "judged[:, :-1] = batch.mask",
           "traps_preferences", "the mask of the mean shifted by one"),
    Mutant("reward", ", judged).sum(1) / judged.sum(1)", ", judged).sum(1) / batch.mask.shape[1]",
           "traps_preferences", "mean over the padding too: short answers score less"),
    Mutant("reward", "bradley_terry_loss(scores[: len(rows)], scores[len(rows) :])",
           "bradley_terry_loss(scores[len(rows) :], scores[: len(rows)])",
           "traps_preferences", "chosen and rejected swapped in the training loop"),
    Mutant("reward", "(logprobs * inside).sum(1) / inside.sum(1)", "(logprobs * inside).mean(1)",
           "reward", "the mean log-probability is taken over the padding too"),
    Mutant("reward", "np.where(inside, logprobs, 0).min(1)", "np.where(inside, logprobs, 0).max(1)",
           "reward", "the most probable token instead of the least probable one"),
    Mutant("reward", "likelihoods[pair])", "likelihoods[rows])",
           "reward", "both answers get the log-probabilities of the chosen one"),
    Mutant("reward", "cosine_schedule(step + 1,", "cosine_schedule(step,",
           "traps_preferences", "the first step has a learning rate of zero"),
    Mutant("reward", "loss + (scores * scores).mean()", "loss - (scores * scores).mean()",
           "traps_preferences", "scores are driven away from zero"),
    Mutant("reward", "(np.concatenate(pieces) - self.mean) / self.std", "np.concatenate(pieces) / self.std - self.mean",
           "traps_preferences", "scaled before it is centred"),
    Mutant("reward", "raw = Scorer(self.model, self.pooling)(batch)", "raw = self(batch)",
           "traps_preferences", "normalising what is normalised already"),
    Mutant("reward", "raw = Scorer(self.model, self.pooling)(batch)", "raw = Scorer(self.model)(batch)",
           "traps_preferences", "normalised on another reading of the same model"),
    Mutant("reward", "count / len(gaps) * np.abs(observed - predicted)", "count / len(gaps) * (observed - predicted)",
           "traps_preferences", "errors of calibration cancel"),

    # ---- PPO: rewards and advantages ------------------------------------------------------------------------------------
    Mutant("policy_gradient", "(1 / max(float(np.sum(mask)), 1.0))", "(1 / mask.size)",
           "traps_ppo", "means over the padding"),
    Mutant("policy_gradient", "variance = masked_mean((x - mean) ** 2, mask)", "variance = ((x - mean) ** 2).mean()",
           "traps_ppo", "whitening looks at the padding"),
    Mutant("policy_gradient", "(0.0 if shift_mean else mean)", "(mean if shift_mean else 0.0)",
           "traps_ppo", "shift_mean the wrong way round"),
    Mutant("policy_gradient", "return masked(whitened, mask)", "return whitened",
           "traps_ppo", "whitening fills the padding"),
    Mutant("policy_gradient", "np.sqrt(variance + 1e-8)", "np.sqrt(variance)",
           "traps_ppo", "equal advantages, the normal case at the optimum, divide by zero"),
    Mutant("policy_gradient", "else np.expm1(-delta)", "else np.expm1(delta) - 2 * delta",
           "exact", "k3 turned round: exp(d) - 1 - d"),
    Mutant("policy_gradient", "(-delta).expm1()", "delta.expm1() - 2 * delta",
           "exact", "k3 turned round, as a loss"),
    Mutant("policy_gradient", "return delta, 0.5 * delta**2,", "return delta, delta**2,",
           "exact", "k2 without its half"),
    Mutant("policy_gradient", "rewards = -kl_coef * (logprobs", "rewards = kl_coef * (logprobs",
           "traps_ppo", "the leash's sign: distance is rewarded"),
    Mutant("policy_gradient", "    logprobs = masked(as_floats(logprobs), mask)\n", "    logprobs = as_floats(logprobs)\n",
           "traps_ppo", "the leash pulls at prompt and padding"),
    Mutant("policy_gradient", "rewards[rows, last[rows]] += np.asarray(scores)[rows]",
           "rewards[rows] += (np.asarray(scores)[:, None] * mask)[rows]",
           "traps_ppo", "the score on every token"),
    Mutant("policy_gradient", "rewards[rows, last[rows]]", "rewards[rows, -1]",
           "traps_ppo", "the score in the last column, padding or not"),
    Mutant("policy_gradient", "last = mask.shape[1] - 1 - np.argmax", "last = mask.shape[1] - 2 - np.argmax",
           "traps_ppo", "the score one token early"),
    Mutant("policy_gradient", "np.argmax(mask[:, ::-1] > 0, axis=1)", "np.argmax(mask[:, ::-1] >= 0, axis=1)",
           "traps_ppo", ">= for >: the score in the padding"),
    Mutant("ppo", "values = masked(as_floats(values, rewards.dtype), mask)", "values = as_floats(values, rewards.dtype)",
           "checks", "what the critic says of the padding is in the returns"),
    Mutant("ppo", "rewards[:, t] + gamma * next_value", "rewards[:, t] + next_value",
           "traps_ppo", "no discount in the TD error"),
    Mutant("ppo", "next_value - values[:, t]", "next_value + values[:, t]",
           "traps_ppo", "the sign of the baseline"),
    Mutant("ppo", "advantages[:, t] = advantage * mask[:, t]", "advantages[:, t] = advantage",
           "traps_ppo", "advantages before the answer begins"),
    Mutant("ppo", "delta + gamma * lam * next_advantage", "delta + gamma * next_advantage",
           "traps_ppo", "lambda is ignored"),
    Mutant("ppo", "return advantages, advantages + values", "return advantages, advantages",
           "traps_ppo", "returns without the value: the critic learns the advantage"),

    Mutant("ppo", "next_value = np.where(mask[:, t], values[:, t], next_value)", "next_value = values[:, t]",
           "checks", "what comes behind a gap in the answer is forgotten"),

    # ---- PPO: losses ----------------------------------------------------------------------------------------------------
    Mutant("policy_gradient", "clip(logprobs - old_logprobs,", "clip(old_logprobs - logprobs,",
           "traps_ppo", "the ratio upside down"),
    Mutant("policy_gradient", "unclipped = ratio * -advantages", "unclipped = ratio * advantages",
           "traps_ppo", "the sign of the unclipped half"),
    Mutant("policy_gradient", "clip(ratio, 1 - cliprange, 1 + cliprange)", "clip(ratio, 1 - cliprange, np.inf)",
           "traps_ppo", "the clip holds on one side only"),
    Mutant("policy_gradient", "    loss = masked_mean(maximum(unclipped, clipped), mask)", "    loss = masked_mean(clipped, mask)",
           "traps_ppo", "the clip alone: mistakes are not taken back"),
    Mutant("policy_gradient", "    loss = masked_mean(maximum(unclipped, clipped), mask)",
           "    loss = masked_mean(-maximum(-unclipped, -clipped), mask)",
           "traps_ppo", "the clip on the wrong side: the optimistic half"),
    Mutant("policy_gradient", "-20.0, 20.0)", "-2000.0, 2000.0)",
           "traps_ppo", "a ratio gone mad overflows"),
    Mutant("policy_gradient", '"policy/clipfrac": float(masked_mean(clipped.data > unclipped.data, mask))',
           '"policy/clipfrac": float(masked_mean(clipped.data >= unclipped.data, mask))',
           "traps_ppo", ">= for >: everything counts as clipped"),
    Mutant("policy_gradient", "masked_mean(0.5 * log_ratio.data**2, mask)", "masked_mean(log_ratio.data, mask)",
           "traps_ppo golden_ppo", "approxkl that can be negative"),
    Mutant("ppo", "loss = 0.5 * masked_mean(", "loss = masked_mean(",
           "traps_ppo", "the half of the value loss"),
    Mutant("ppo", "0.5 * masked_mean(maximum(unclipped, clipped), mask)",
           "0.5 * masked_mean(-maximum(-unclipped, -clipped), mask)",
           "traps_ppo", "the value clip on the wrong side"),
    Mutant("ppo", "clip(values, old_values - cliprange_value, old_values + cliprange_value)",
           "clip(values, returns - cliprange_value, returns + cliprange_value)",
           "traps_ppo", "values are clipped around the returns"),
    Mutant("ppo", '"val/clipfrac": float(masked_mean(clipped.data > unclipped.data, mask))',
           '"val/clipfrac": float(masked_mean(clipped.data >= unclipped.data, mask))',
           "traps_ppo", ">= for > in the critic's clip fraction"),

    # ---- PPO: the leash's length and the loop ---------------------------------------------------------------------------
    Mutant("policy_gradient", "min(max(current / self.target - 1, -0.2), 0.2)", "current / self.target - 1",
           "traps_ppo", "beta explodes with one bad batch"),
    Mutant("ppo", "horizon = 10 * config.rollouts if", "horizon = config.rollouts if",
           "traps_ppo", "beta follows every rollout's noise"),
    Mutant("ppo", "if config.kl_horizon is None else config.kl_horizon", "if True else config.kl_horizon",
           "traps_ppo", "the horizon that was set is ignored"),
    Mutant("policy_gradient", "self.value *= 1 + error", "self.value *= 1 - error",
           "traps_ppo", "the controller's sign: too far loosens the leash"),
    Mutant("policy_gradient", "config.missing_eos_penalty * ~samples.ended", "config.missing_eos_penalty * samples.ended",
           "traps_ppo", "those who end are fined"),
    Mutant("ppo", "return critic(batch.ids[:, :-1], batch.mask).data", "return critic(batch.ids[:, 1:], batch.mask).data",
           "traps_ppo", "the baseline has seen the action"),
    Mutant("ppo", "return critic(batch.ids[:, :-1], batch.mask).data", "return critic(batch.ids[:, :-1], batch.mask)",
           "traps_ppo", "old values that are no constants"),
    Mutant("policy_gradient", "log_probs_array(policy, batch.ids, batch.mask)", "token_log_probs_of(policy, batch.ids, batch.mask)",
           "traps_ppo", "a dropped stop-gradient: the old log-probabilities follow the new ones"),
    Mutant("policy_gradient", "log_probs_array(reference, batch.ids, batch.mask)", "log_probs_array(policy, batch.ids, batch.mask)",
           "traps_ppo", "no reference: the leash is tied to the dog"),
    Mutant("ppo", "gae(rewards, old_values, mask, config.gamma, config.lam)",
           "gae(rewards, old_values, mask, config.lam, config.gamma)",
           "traps_ppo", "gamma and lambda exchanged"),
    Mutant("ppo", "        advantages = masked_whiten(advantages, mask)\n",
           "        advantages = masked_whiten(advantages, mask); returns = advantages + old_values\n",
           "traps_ppo", "whitened before the returns are taken"),
    Mutant("ppo", "    if config.whiten:", "    if False:",
           "traps_ppo", "advantages are never whitened"),
    Mutant("ppo", "ppo_policy_loss(logprobs, rollout.logprobs[rows]", "ppo_policy_loss(logprobs, rollout.ref_logprobs[rows]",
           "traps_ppo", "the clip measured from the reference instead of from the old policy"),
    Mutant("ppo", "for _ in range(config.epochs) for rows", "for _ in range(1) for rows",
           "traps_ppo", "one epoch: the clip never acts"),
    Mutant("ppo", "critic(batch.ids[rows, :-1], mask[rows]), mask[rows]", "critic(batch.ids[rows, 1:], mask[rows]), mask[rows]",
           "traps_ppo", "the critic is trained one column away from where it is read"),
    Mutant("ppo", "linear_schedule(iteration, config.iterations, config.critic_lr)",
           "linear_schedule(iteration, config.iterations, config.lr)",
           "traps_ppo", "the critic learns at the policy's rate"),
    Mutant("ppo", 'controller.update(metrics["objective/kl"]', 'controller.update(metrics["policy/approxkl"]',
           "traps_ppo", "the controller is shown the wrong distance (trlx #361)"),
    Mutant("policy_gradient", "(x * mask).sum(1).mean()", "(x * mask).sum() / mask.sum()",
           "traps_ppo", "the logged KL is a mean over tokens"),
    Mutant("policy_gradient", '"objective/entropy": per_answer(-rollout.logprobs)',
           '"objective/entropy": per_answer(rollout.logprobs)',
           "traps_ppo", "negative entropy"),
    Mutant("policy_gradient", '"objective/non_score_reward": -kl_coef * kl', '"objective/non_score_reward": -config.kl_coef * kl',
           "traps_ppo", "the first beta is logged for ever"),
    Mutant("ppo", 'steps[0]["policy/ratio_error"]', 'steps[-1]["policy/ratio_error"]',
           "traps_ppo", "the alarm for a first ratio that is not one rings always"),

    # ---- DPO ------------------------------------------------------------------------------------------------------------
    Mutant("dpo", "h = chosen_rewards - rejected_rewards", "h = rejected_rewards - chosen_rewards",
           "traps_preferences", "chosen and rejected swapped"),
    Mutant("dpo", "(as_tensor(policy_chosen_logps) - reference_chosen_logps)",
           "(as_tensor(policy_chosen_logps) + reference_chosen_logps)",
           "traps_preferences", "the reference's sign"),
    Mutant("dpo", "(as_tensor(policy_rejected_logps) - reference_rejected_logps) * beta",
           "(as_tensor(policy_rejected_logps) - reference_chosen_logps) * beta",
           "traps_preferences", "the reference's two sides swapped"),
    Mutant("dpo", "(as_tensor(policy_rejected_logps) - reference_rejected_logps) * beta",
           "(as_tensor(policy_rejected_logps) - reference_rejected_logps)",
           "traps_preferences", "beta on one side only"),
    Mutant("dpo", "(h * (1 / beta) - 1 / (2 * beta))", "(h * (1 / beta) - 1 / beta)",
           "traps_preferences", "IPO's target without its half"),
    Mutant("dpo", "maximum(1.0 - h, 0.0)", "maximum(1.0 + h, 0.0)",
           "traps_preferences", "the sign in the hinge"),
    Mutant("dpo", "losses - log_sigmoid(-h) * label_smoothing", "losses - log_sigmoid(h) * label_smoothing",
           "traps_preferences", "label smoothing that smooths nothing"),
    Mutant("dpo", "    loss = losses.mean()", "    loss = losses.sum()",
           "golden_preferences", "sum instead of mean over pairs"),
    Mutant("dpo", "(h.data > 0) + 0.5 * (h.data == 0)", "(h.data >= 0)",
           "traps_preferences", ">= for >: all right before the first step"),
    Mutant("dpo", "sequence_log_probs(reference, pairs)", "sequence_log_probs(policy, pairs)",
           "traps_preferences", "the policy is its own reference"),
    Mutant("dpo", "sequence_log_probs(reference, pairs).data", "sequence_log_probs(reference, pairs).data / pairs.mask.sum(1)",
           "traps_preferences", "the reference averaged, the policy summed"),
    Mutant("dpo", "cosine_schedule(step + 1,", "cosine_schedule(step,",
           "traps_preferences", "the first step has a learning rate of zero"),
    Mutant("dpo", "np.concatenate([rows, rows + n])", "np.concatenate([rows + n, rows])",
           "traps_preferences", "chosen and rejected swapped in the training loop"),
    Mutant("dpo", "logps[:k], logps[k:], ref[:k], ref[k:], config.beta",
           "logps[:k], logps[k:], ref[k:], ref[:k], config.beta",
           "traps_preferences", "the reference's sides swapped in the training loop"),

    # ---- the exact answers ----------------------------------------------------------------------------------------------
    Mutant("exact", "tilted = reference * np.exp((rewards - best) / beta)", "tilted = reference * np.exp((rewards - best) * beta)",
           "exact", "a tighter leash goes further"),
    Mutant("exact", "best[..., 0] / beta + np.log", "best[..., 0] + np.log",
           "exact", "log Z without its largest reward's share"),
    Mutant("exact", "np.where(reference > 0, rewards, -np.inf)", "np.where(reference >= 0, rewards, -np.inf)",
           "exact", "what the reference never says decides the scale"),
    Mutant("exact", "expected_reward(policy, rewards) - (beta *", "expected_reward(policy, rewards) + (beta *",
           "exact", "the objective's leash with the wrong sign"),
    Mutant("exact", "(policy * log_ratio).sum(axis=-1)", "(reference * log_ratio).sum(axis=-1)",
           "exact", "the KL weighted by the wrong one"),
    Mutant("exact", "(at_most**n - below**n)", "(at_most**n - below ** (n - 1))",
           "exact", "best of n: all of the draws below"),
    Mutant("exact", "np.log(n) - (n - 1) / n", "np.log(n)",
           "exact", "best of n: the bound without its second term"),
    Mutant("exact", "gap = np.subtract.outer(rewards, rewards)", "gap = -np.subtract.outer(rewards, rewards)",
           "exact_training", "the probability of losing"),
    Mutant("exact", "values[prefix] = beta * log_partition", "values[prefix] = log_partition",
           "exact", "soft values in units of beta"),
    Mutant("exact", "sequence_probabilities(policy, [prefix])[0]", "sequence_probabilities(reference, [prefix])[0]",
           "exact", "the chain rule walks on the wrong tree"),
    Mutant("exact", "return 0.5 * np.abs", "return np.abs",
           "exact", "total variation without its half"),

    # ---- values that cannot be ------------------------------------------------------------------------------------------
    Mutant("checks", "if np.count_nonzero(ones) + np.count_nonzero(mask == 0) != mask.size:", "if False:",
           "checks", "advantages are taken for a mask"),
    Mutant("checks", "0 <= ids.min() and", "True and",
           "checks", "an id of -1 is the last character"),
    Mutant("functional", "np.where(mask, x, np.zeros((), x.dtype))", "x * mask.astype(x.dtype)",
           "checks", "NaN outside the mask times 0 is NaN"),
    Mutant("dpo", "if label_smoothing and loss_type", "if False and loss_type",
           "checks", "label smoothing without effect"),
    Mutant("generate", "if not np.isfinite(Z).all():", "if False:",
           "checks", "a model of NaN says nothing but padding"),
    Mutant("generate", "if 0 < temperature < COLDEST:", "if False:",
           "checks", "a temperature so low that logits overflow"),
    Mutant("divergence", "        if not math.isfinite(value):", "        if False:",
           "divergence", "a loss of NaN is trained on"),
    Mutant("divergence", "or step + 1 == n_steps:", "or False:",
           "divergence", "a model of infinite weights is handed back"),
    Mutant("policy_gradient", """    check_finite("the score", scores)\n""", "",
           "divergence", "a reward of NaN is learned from"),
    # ---- DPO's cousins --------------------------------------------------------------------------------------------------
    Mutant("cousins", "chosen - rejected - beta * gamma_beta_ratio", "chosen - rejected + beta * gamma_beta_ratio",
           "cousins golden_preferences", "a lead that the rejected answer may have"),
    Mutant("cousins", "chosen - rejected - beta * gamma_beta_ratio", "chosen - rejected - gamma_beta_ratio",
           "cousins golden_preferences", "gamma is not in units of beta"),
    Mutant("cousins", "- log_sigmoid(-h) * label_smoothing", "- log_sigmoid(h) * label_smoothing",
           "cousins golden_preferences", "label smoothing without a flip"),
    Mutant("cousins", "(log(-chosen.expm1()) - log(-rejected.expm1()))", "0",
           "cousins golden_preferences", "probabilities instead of odds"),
    Mutant("cousins", "log(-chosen.expm1())", "log(1 - exp(chosen))",
           "cousins", "1 - P loses its digits where P is nearly 1"),
    Mutant("cousins", "if not (np.all(chosen.data < 0) and np.all(rejected.data < 0)):", "if False:",
           "cousins", "sums where means belong, or certainty: infinite odds"),
    Mutant("cousins", "z = max(0.0, float(drift.mean()))", "z = float(drift.mean())",
           "cousins golden_preferences", "a KL below 0"),
    Mutant("cousins", "log_sigmoid((z - bad) * beta)", "log_sigmoid((bad - z) * beta)",
           "cousins golden_preferences", "a thumb down pulls up"),
    Mutant("cousins", "bads.sum() * undesirable_weight", "bads.sum() * desirable_weight",
           "cousins golden_preferences", "one weight for both thumbs"),
    Mutant("cousins", '    check_finite("the log-ratio of the KL", drift)\n', "",
           "cousins", "max(0, NaN) is 0: a diverged policy is not seen"),

    # ---- GRPO and its family --------------------------------------------------------------------------------------------
    Mutant("grpo", "c = r - r[:, :1]", "c = r",
           "traps_grpo", "the rounding of equal scores is divided by its own deviation"),
    Mutant("grpo", "A = c - c.mean(axis=1, keepdims=True)", "A = c - c.mean()",
           "traps_grpo golden_grpo", "the mean of the batch, not of the group"),
    Mutant("grpo", "c.std(axis=1, ddof=1, keepdims=True)", "c.std(axis=1, keepdims=True)",
           "traps_grpo golden_grpo", "the population's deviation"),
    Mutant("grpo", "r.std(ddof=1)", "c.std(ddof=1)",
           "golden_grpo", "the deviation of the batch without the differences between questions"),
    Mutant("grpo", "A / np.where(std + eps > 0, std + eps, 1)", "A / (std + eps)",
           "traps_grpo", "0 / 0 where all agree and eps is 0"),
    Mutant("grpo", 'if scale == "none":', 'if scale == "batch":',
           "traps_grpo", "no division where one was asked for"),
    Mutant("grpo", "r.shape[1] < 2", "r.shape[1] < 1",
           "traps_grpo", "a group of one: NaN, or nothing to learn"),
    Mutant("grpo", '    check_finite("the scores", r)\n', "",
           "traps_grpo", "one score that is none poisons its group"),
    Mutant("grpo", "(c.shape[1] / (c.shape[1] - 1))", "((c.shape[1] - 1) / c.shape[1])",
           "traps_grpo exact_grpo", "leave-one-out, upside down"),
    Mutant("grpo", "as_mask(mask), as_floats", "np.asarray(mask) > 0, as_floats",
           "traps_grpo", "a mask of halves"),
    Mutant("grpo", "    same_shape(advantages=advantages, mask_rows=np.any(mask, axis=1))\n", "",
           "traps_grpo", "advantages of another shape are stretched"),
    Mutant("grpo", '    check_finite("the advantage", advantages)\n', "",
           "traps_grpo", "an advantage that is no number"),
    Mutant("grpo", "min(cliprange, high)", "cliprange",
           "traps_grpo", "a negative clip above"),
    Mutant("grpo", "at_most=np.inf if ref_logprobs is not None else 0", "at_most=np.inf",
           "traps_grpo", "a leash to the old policy, because none was named"),
    Mutant("grpo", 'check_number("max_tokens", max_tokens, above=0)', "pass",
           "traps_grpo", "sums over tokens, divided by nothing"),
    Mutant("grpo", "cliprange if cliprange_high is None else cliprange_high", "cliprange",
           "traps_grpo golden_grpo", "clip-higher is not heard"),
    Mutant("grpo", "np.where(real, as_floats(x, m.dtype), 0)", "as_floats(x, m.dtype) * m",
           "traps_grpo", "0 times NaN is NaN: padding reaches the loss"),
    Mutant("grpo", "logp = where(real, logprobs, 0.0)", "logp = logprobs * m",
           "traps_grpo", "the same, on the side with the gradient"),
    Mutant("grpo", 'if importance != "token":', 'if importance == "sequence":',
           "traps_grpo golden_grpo", "RLOO with a ratio per token"),
    Mutant("grpo", '(n if importance == "sequence" else 1)', "n",
           "traps_grpo golden_grpo", "RLOO's product is a mean"),
    Mutant("grpo", "log_ratio.sum(1, keepdims=True) / (n if", "log_ratio.sum(1, keepdims=True) / (m.shape[1] if",
           "traps_grpo golden_grpo", "GSPO's mean over the padded width"),
    Mutant("grpo", "exp(clip(log_ratio, -20.0, 20.0))", "exp(log_ratio)",
           "traps_grpo", "a ratio gone mad overflows"),
    Mutant("grpo", "unclipped, clipped = ratio * -A", "unclipped, clipped = ratio * A",
           "traps_grpo golden_grpo", "unclipped, the better answer loses"),
    Mutant("grpo", "clip(ratio, 1 - cliprange, 1 + high)", "clip(ratio, 1 - high, 1 + cliprange)",
           "traps_grpo golden_grpo", "clip-higher below"),
    Mutant("grpo", "maximum(unclipped, clipped)", "clipped",
           "traps_grpo golden_grpo", "a clip that also holds where it should not"),
    Mutant("grpo", "kl_estimates(logp, ref)[2]", "kl_estimates(logp, ref)[0]",
           "traps_grpo golden_grpo", "k1 in the loss, which pulls nowhere"),
    Mutant("grpo", "kl_estimates(logp, ref)[2]", "kl_estimates(logp.data, ref)[2]",
           "traps_grpo golden_grpo", "the leash has no gradient"),
    Mutant("grpo", "kl_estimates(logp, ref)[2]", "kl_estimates(logp, old)[2]",
           "traps_grpo golden_grpo", "a leash to the old policy"),
    Mutant("grpo", '"sequence": B * n,', '"sequence": m.sum(),',
           "traps_grpo golden_grpo", "the token mean under the name of the answers' mean"),
    Mutant("grpo", '"token": max(m.sum(), 1)', '"token": m.sum()',
           "traps_grpo", "0 / 0 in a batch without tokens"),
    Mutant("grpo", '"constant": B * (max_tokens or 1)', '"constant": max_tokens or 1',
           "traps_grpo golden_grpo", "a sum over answers where a mean is meant"),
    Mutant("grpo", '"constant": B * (max_tokens or 1)', '"constant": B * m.shape[1]',
           "traps_grpo golden_grpo", "the longest answer of the batch is no constant"),
    Mutant("grpo", "m if importance == \"token\" else np.ones_like(A)", "np.ones_like(m)",
           "golden_grpo", "padding, or one answer many times, in the clip fraction"),
    Mutant("grpo", "masked_mean(held & (A > 0), counted)", "masked_mean(held & (A < 0), counted)",
           "traps_grpo golden_grpo", "the clip above is counted below"),
    Mutant("grpo", "for i in rng.integers(len(questions), size=config.prompts) for _ in range(config.group_size)",
           "for _ in range(config.group_size) for i in rng.integers(len(questions), size=config.prompts)",
           "traps_grpo", "groups of answers to different questions"),
    Mutant("grpo", "(config.kl_coef, 0.0) if config.kl_in_reward else (0.0, config.kl_coef)", "(config.kl_coef, config.kl_coef)",
           "traps_grpo", "the KL in the reward and in the loss"),
    Mutant("grpo", "(config.kl_coef, 0.0) if config.kl_in_reward", "(0.0, 0.0) if config.kl_in_reward",
           "traps_grpo exact_grpo", "the KL nowhere"),
    Mutant("grpo", "mask, in_reward).sum(1)", "mask, in_reward).mean(1)",
           "traps_grpo exact_grpo", "a leash that is looser for long answers"),
    Mutant("grpo", 'r if config.advantage == "score" else', "r if False else",
           "traps_grpo exact_grpo", "REINFORCE is not to be had"),
    Mutant("grpo", "A = leave_one_out(r)", "A = r",
           "traps_grpo", "RLOO without its baseline"),
    Mutant("grpo", "grpo_loss(logprobs, old[rows], A", "grpo_loss(logprobs, logprobs.data, A",
           "traps_grpo", "the old policy is the new one: nothing is ever clipped"),
    Mutant("grpo", "ref[rows], in_loss", "old[rows], in_loss",
           "traps_grpo exact_grpo", "in training the leash is tied to the old policy"),
    Mutant("grpo", "A.reshape(-1)[rows], mask[rows]", "A.reshape(-1)[: len(rows)], mask[rows]",
           "traps_grpo exact_grpo", "advantages of other answers"),
    Mutant("grpo", "for _ in range(config.epochs) for rows", "for _ in range(1) for rows",
           "traps_grpo", "one epoch, whatever was asked for"),
    Mutant("grpo", "if config.lr_decay else config.lr", "if not config.lr_decay else config.lr",
           "traps_grpo", "the rate falls when it is not to"),
    Mutant("grpo", 'steps[0]["policy/ratio_error"]', 'steps[-1]["policy/ratio_error"]',
           "traps_grpo", "the first ratio's error is the last one's"),

    Mutant("cousins", "loss_of(sums, tokens):\n        chosen, rejected = _halves(sums / tokens)", "loss_of(sums, tokens):\n        chosen, rejected = _halves(sums)",
           "cousins", "SimPO with sums: length pays again"),
    Mutant("cousins", "odds_ratio_loss(*_halves(sums / tokens), config.beta)", "odds_ratio_loss(*_halves(sums), config.beta)",
           "cousins", "odds of whole answers"),
    Mutant("cousins", "-_halves(sums)[0].sum()", "-_halves(sums)[1].sum()",
           "cousins", "ORPO imitates the rejected answers"),
    Mutant("cousins", "float(_halves(tokens)[0].sum())", "float(tokens.sum())",
           "cousins", "the SFT loss is divided by the tokens of both sides"),
    Mutant("cousins", "others = np.roll(rows, -1) if", "others = rows if",
           "cousins", "z is measured on an answer to its own question"),
    Mutant("cousins", "((reference, batch[rows]), (policy, astray), (reference, astray))", "((reference, batch[rows]), (reference, astray), (reference, astray))",
           "cousins", "the KL is 0 for ever"),
    Mutant("cousins", "(thumbs.good[rows], ~thumbs.good[rows])", "(~thumbs.good[rows], thumbs.good[rows])",
           "cousins", "thumbs change hands"),
    Mutant("cousins", "np.concatenate([rows, rows + n])", "np.concatenate([rows + n, rows])",
           "cousins", "chosen and rejected change places"),
    Mutant("lab/cousins", "policies[beta], SAMPLED, tuning_questions()", "policies[beta], SAMPLED, None",
           "lab_cousins", "beta is chosen on the report's questions"),
    Mutant("lab/cousins", "int(np.sign(first - second))", "int(np.sign(second - first))",
           "lab_cousins", "the reward model's worse answer is chosen"),
    Mutant("lab/cousins", "[(r, c) if turn else (c, r)", "[(c, r) if turn else (c, r)",
           "lab_cousins", "nothing is flipped"),
    Mutant("lab/instruments/ensemble", "np.min([member(batch)", "np.max([member(batch)",
           "lab_leash", "the best of three"),
    Mutant("lab/instruments/ensemble", "collect(journey.model(\"ppo\"), asked", "collect(journey.model(\"sft\"), asked",
           "lab_leash", "the second round asks about the first round's answers"),

    # ---- the verifier ---------------------------------------------------------------------------------------------------
    Mutant("lab/instruments/verifier", " and response.ended", "",
           "lab_rlvr", "an answer that never ends passes"),
    Mutant("lab/instruments/verifier", " and not parsed.unrecognised", "",
           "lab_rlvr", "babble around the truth passes"),
    Mutant("lab/instruments/verifier", " and len(parsed.statements) == 1", "",
           "lab_rlvr", "a list of everything is a right answer"),
    Mutant("lab/instruments/verifier", "prompt.kind not in CHECKED or not values", "not values",
           "lab_rlvr", "the verifier speaks where it is to be silent"),
    Mutant("lab/instruments/verifier", "False: -1.0, None: 0.0", "False: 0.0, None: -1.0",
           "lab_rlvr", "not to know costs more than to be wrong"),
    Mutant("lab/instruments/verifier", "helpful > 0", "honest >= 0",
           "lab_rlvr", "e. counts as a result"),
    Mutant("lab/rlvr", "right.reshape(TIMES, -1).any(0)", "right.reshape(-1, TIMES).any(1)",
           "lab_rlvr", "pass at k over draws of different questions"),
    Mutant("lab/rlvr", "verdict.idk and verdict.correct is None", "verdict.idk",
           "lab_rlvr", "who says two things is counted twice"),
    Mutant("lab/sums", 'question[:-1] + "=" if way == "working"', 'question[:-1] + "=" if way == "straight"',
           "lab_sums", "the two ways change places"),
    Mutant("batch", "ids[1 : columns[0] - 1]", "ids[1 : columns[0]]",
           "lab_rlvr", "a question that is read back with <bot> behind it"),

    # ---- copies and checkpoints -----------------------------------------------------------------------------------------
    Mutant("checkpoint", "data.flags.writeable = False", "data.flags.writeable = True",
           "model", "the reference can be written to"),
    Mutant("checkpoint", "data = value.data.copy()", "data = value.data",
           "model", "the reference is the policy's own arrays"),
    Mutant("checkpoint", "setattr(module, name, Tensor(data))", "setattr(module, name, Tensor(data, requires_grad=True))",
           "model", "a dropped stop-gradient: the reference records"),
    Mutant("checkpoint", "model.named_parameters()[name].data.copy()", "model.named_parameters()[name].data",
           "model", "a copy that shares its weights"),
    Mutant("checkpoint", "if parameters[name].shape != shape:", "if False:",
           "checkpoint", "weights of another shape are loaded"),
    Mutant("checkpoint", "extra = {name[6:]: values", "extra = {name: values",
           "checkpoint", "what was kept beside the model is found under another name"),
    Mutant("checkpoint", "        _check_sizes(stored_config, parameters)\n", "",
           "checkpoint", "a million layers are built for a file that holds two"),
    Mutant("checkpoint", "        _check_finite(name, parameters[name])\n", "",
           "checkpoint", "weights of NaN are loaded"),
    Mutant("checkpoint", "if unknown := parameters.keys() - fresh.keys():", "if unknown := set():",
           "checkpoint", "parameters that no model has are passed over"),
    Mutant("preferences", '    if chosen == rejected:\n        raise ValueError("chosen and rejected are the same answer")\n', "",
           "preferences", "a vote between an answer and itself"),
    Mutant("preferences", "+ 2 + len(text) + e, context_length)", "+ 1 + len(text) + e, context_length)",
           "preferences", "a text of one token too many is let in"),
    Mutant("checkpoint", "        os.unlink(temporary)\n", "        pass\n",
           "checkpoint", "half a file stays behind when the disk is full"),
]  # fmt: skip


# ---- one mutant -----------------------------------------------------------------------------------------------------

def broken(mutant, source):
    """The file's text with the mutant in it.  Raises ValueError if the text to change is not there exactly once."""
    return patched(source, mutant.old, mutant.new, f"{mutant.file}.py")


def limit_memory():
    """Of one of the tests' processes: a mutant that builds without end must not take the machine with it."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))


def first_failure(package, tests, names):
    """Run test files on a package -> "file::test" of the first that fails, or None if all pass."""
    files = [str(tests / f"test_{name}.py") for name in names]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider", *files]
    if any(name.startswith("exact") for name in names):  # the longer trainings too, which the default suite leaves out
        command += ["-m", "not slow and not lessons and not fuzz"]
    environment = {**os.environ, "PYTHONPATH": str(package.parent), "OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, cwd=package.parent, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT,
            preexec_fn=limit_memory if os.name != "nt" else None, encoding="utf-8")
    except subprocess.TimeoutExpired:
        return "the time limit"
    if done.returncode == 0:
        return None
    failed = re.search(r"^FAILED .*?(test_\w+)\.py::(\w+)", done.stdout, re.MULTILINE)
    if done.returncode != 1 or not failed:  # not a failing test but something else: this proves nothing
        raise RuntimeError(f"pytest could not run {names}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return "::".join(failed.groups())


def attempt(mutant, original):
    """The first test that notices the mutant, or None."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "minialign"
        shutil.copytree(original / "minialign", package)
        path = package / f"{mutant.file}.py"
        path.write_text(broken(mutant, path.read_text(encoding="utf-8")), encoding="utf-8")
        return first_failure(package, original / "tests", mutant.tests.split())


# ---- all of them ----------------------------------------------------------------------------------------------------

def run(mutants, jobs=None):
    """Try all mutants on copies of the working tree as it is now -> iterator of (mutant, first failing test or None)."""
    with tempfile.TemporaryDirectory() as folder:
        original = Path(folder)
        for name in ("minialign", "tests"):
            shutil.copytree(ROOT / name, original / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "setup.cfg", original)
        for mutant in mutants:
            broken(mutant, (original / "minialign" / f"{mutant.file}.py").read_text(encoding="utf-8"))
        used = sorted({name for mutant in mutants for name in mutant.tests.split()})
        red = first_failure(original / "minialign", original / "tests", used)
        if red:
            raise RuntimeError(f"{red} fails without any mutant: fix that first")
        pool = ThreadPoolExecutor(jobs or os.cpu_count())
        try:
            yield from zip(mutants, pool.map(lambda mutant: attempt(mutant, original), mutants))
        finally:
            pool.shutdown(cancel_futures=True)  # whoever interrupts does not wait for the rest


def verdict(mutant, noticed):
    """What the table says of a mutant, and whether that is as it should be."""
    if noticed:
        return f"killed by {noticed}", not mutant.same
    return f"SURVIVED: {mutant.same or 'a test is missing'}", bool(mutant.same)


def main():
    """Print the table; exit 1 if a mutant survived that is not equivalent."""
    parser = argparse.ArgumentParser(description="Break one line at a time, and see which test notices.")
    parser.add_argument("files", nargs="*", help="files of minialign, without .py; all of them if none is given")
    parser.add_argument("--jobs", type=int, help="how many at once; as many as there are processors if not given")
    arguments = parser.parse_args()
    mutants = [mutant for mutant in MUTANTS if not arguments.files or mutant.file in arguments.files]
    start, killed, wrong = time.time(), 0, 0
    for mutant, noticed in run(mutants, arguments.jobs):
        words, fine = verdict(mutant, noticed)
        killed, wrong = killed + bool(noticed), wrong + (not fine)
        print(f"{mutant.file:<12} {mutant.why:<82} {words}", flush=True)
    equivalent = sum(bool(mutant.same) for mutant in mutants)
    print(f"{len(mutants)} mutants: {killed} killed, {equivalent} equivalent, {wrong} not as they should be; "
          f"{(time.time() - start) / 60:.1f} minutes")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
