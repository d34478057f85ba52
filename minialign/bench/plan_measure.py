"""The formulas of plan.py held against our own models: their bytes, their products and their seconds, measured.

Bytes are what Python and NumPy have allocated (tracemalloc).  FLOPs are counted, product by product, while the library's own
functions run.  Seconds are processor time, the best of a few.
"""

import gc
import json
import math
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np
from tqdm import tqdm

from .. import generate as sampler
from ..checkpoint import frozen_copy
from ..figures.checked import Checked, PlanChecks, Rows
from ..likelihood import token_log_probs_of
from ..model import LanguageModel, ModelConfig, ScalarModel
from ..optim import AdamW
from ..tokenizer import VOCAB_SIZE
from . import CannotMeasure, Step, plan, workloads
from .count_flops import counted
from .driver import Task, environment
from .plan import OURS, Accelerator
from .sizes import Size

WIDTHS = (32, 64, 128, 192)  # of a model of three layers, as the tour's
WIDE = ((384, 3), (512, 6), (768, 6))  # width, layers: larger models, only to sample with
ROWS, TOKENS = 16, 96  # of a training step
ANSWERS, PROMPT, NEW = 16, 32, 40  # of a PPO iteration


def config_of(C: int, L: int = 3) -> ModelConfig:
    return ModelConfig(VOCAB_SIZE, context_length=128, n_layer=L, n_head=4, d_model=C, activation="relu2")


def measure(widths: tuple[int, ...] = WIDTHS, wide: tuple[tuple[int, int], ...] = WIDE, timed: bool = True) -> PlanChecks:
    """Every quantity for every width; those that are timed only if they are wanted."""
    found = PlanChecks()
    kinds: list[tuple[str, str, str, Callable[[int], tuple[int, float, float]]]] = [
        ("state", "weights, gradients, Adam", "B", state),
        *((f"models {m}", f"models of {m.upper()}", "B", lambda C, m=m: models(C, m)) for m in ("ppo", "grpo", "dpo")),
        ("activations", "activations of a step", "B", activations),
        ("cache", "key/value cache", "B", cache),
        ("step", "training step", "FLOP", step_flops),
        ("ppo", "PPO iteration", "FLOP", ppo_flops),
    ]
    state(min(widths))  # what NumPy loads when it is first used is no part of a model
    total = len(kinds) * len(widths) + timed * (1 + 2 * len(widths) + len(wide))
    with tqdm(total=total, desc="plan", unit="point", disable=None, leave=False) as bar:
        for key, name, unit, kind in kinds:
            found.rows[key] = Rows(name, unit, tuple(Checked(*kind(C)) for C in each(widths, bar)))
        if timed:
            found.bandwidth = bandwidth()
            bar.update()
            found.speed = {parameters(C): speed(C) for C in widths}
            shapes = [(C, 3) for C in widths] + list(wide)
            points = tuple(Checked(*token(C, L, found.bandwidth)) for C, L in each(shapes, bar))
            found.rows["token"] = Rows("one token for one text", "s", points)
            points = tuple(Checked(*share(C, found)) for C in each(widths, bar))
            found.rows["share"] = Rows("sampling's share of PPO", "", points)
    return found


def each(things: Any, bar: tqdm) -> Iterator[Any]:
    for thing in things:
        yield thing
        bar.update()


def parameters(C: int) -> int:
    return plan.parameters(config_of(C))


# ------------------------------------------------------------------------------------------------ bytes
@contextmanager
def allocated() -> Iterator[Callable[[], int]]:
    """Inside, a function that says how many bytes have been allocated since, and are still in use."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]

    def now() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before

    try:
        yield now
    finally:
        tracemalloc.stop()


def texts(config: ModelConfig, B: int, T: int) -> np.ndarray:
    return np.random.default_rng(0).integers(4, config.vocab_size, size=(B, T))


def learned(model: LanguageModel | ScalarModel) -> AdamW:
    """The model after a step on one short text: with its gradients and its optimiser's moments."""
    optimizer, ids = AdamW(model.parameters()), texts(model.config, 1, 8)
    output = model(ids)
    optimizer.minimise((output * output).mean())
    return optimizer


def state(C: int) -> tuple[int, float, float]:
    """Of a language model that learns."""
    config = config_of(C)
    N = plan.parameters(config)
    with allocated() as now:
        held = learned(LanguageModel(config, np.random.default_rng(0)))
        measured = now()
    assert N == sum(p.data.size for p in held.parameters)
    return N, N * OURS.trained, measured


def models(C: int, method: str) -> tuple[int, float, float]:
    """All models that a method holds."""
    config, rng = config_of(C), np.random.default_rng(0)
    learn, frozen = plan.models_held(method)
    with allocated() as now:
        held: list[Any] = [learned(LanguageModel(config, rng))]
        held += [learned(ScalarModel(config, rng)) for _ in range(learn - 1)]  # the critic
        held += [frozen_copy(LanguageModel(config, rng)) for _ in range(min(frozen, 1))]  # the reference
        held += [frozen_copy(ScalarModel(config, rng)) for _ in range(frozen - 1)]  # the reward model
        measured = now()
    assert len(held) == learn + frozen
    N = plan.parameters(config)
    return N, plan.models_bytes(method, N, OURS), measured


def activations(C: int) -> tuple[int, float, float]:
    """What is in memory when the loss is known and its backward pass has not begun."""
    config = config_of(C)
    model, ids = LanguageModel(config, np.random.default_rng(0)), texts(config, ROWS, TOKENS + 1)
    with allocated() as now:
        loss = -token_log_probs_of(model, ids).mean()
        measured = now()
    assert math.isfinite(loss.item())
    return plan.parameters(config), plan.activation_bytes(config, ROWS, TOKENS, OURS), measured


def cache(C: int) -> tuple[int, float, float]:
    """What the sampler's memory grows by with twice the room for tokens."""
    config = config_of(C)
    model, T = LanguageModel(config, np.random.default_rng(0)), config.context_length // 2
    with allocated() as now:
        short = sampler._Decoder(model, ANSWERS, T)
        one = now()
        long = sampler._Decoder(model, ANSWERS, 2 * T)
        two = now()
    assert len(short.keys) == len(long.keys)
    return plan.parameters(config), plan.cache_bytes(config, ANSWERS, T, OURS), two - 2 * one


# ------------------------------------------------------------------------------------------------ products
def size_of(C: int) -> Size:
    return Size(
        C, 3, 4, train=(ROWS, TOKENS), ppo=(ANSWERS, PROMPT, NEW), sample=(ANSWERS, PROMPT, NEW), epochs=2, minibatches=2
    )


def matrices(C: int) -> int:
    """The parameters that are multiplied with, of the models that workloads.py makes: all but learned positions."""
    size = size_of(C)
    return plan.parameters(size.config("float32")) - size.context_length * C


def step_flops(C: int) -> tuple[int, float, float]:
    """A training step."""
    with counted() as flops:
        step = workloads.train(size_of(C))[0]
        step()
        measured = flops()
    return parameters(C), plan.training_flops(matrices(C), ROWS * TOKENS), measured


def ppo_flops(C: int) -> tuple[int, float, float]:
    """A PPO iteration: sampling, scoring, and two epochs."""
    with counted() as flops:
        iteration = workloads.ppo_iteration(size_of(C))[0]
        iteration()
        measured = flops()
    return parameters(C), ANSWERS * plan.passes("ppo").flops(matrices(C), PROMPT + NEW), measured


# ------------------------------------------------------------------------------------------------ seconds
def best(step: Step, times: int = 5) -> float:
    """Processor time of the quickest of some steps, after one that does not count."""
    step()
    seconds = []
    for _ in range(times):
        start = time.process_time()
        step()
        seconds.append(time.process_time() - start)
    return min(seconds)


def bandwidth() -> float:
    """Bytes per second at which a row times a matrix of 256 MB is computed."""
    matrix, row = np.ones((8192, 8192), np.float32), np.ones((1, 8192), np.float32)
    return matrix.nbytes / best(lambda: row @ matrix)


def speed(C: int) -> float:
    """FLOP/s of a training step, counted as 6 N D."""
    return plan.training_flops(matrices(C), ROWS * TOKENS) / best(workloads.train(size_of(C))[0])


def token(C: int, L: int, bandwidth: float) -> tuple[int, float, float]:
    """Seconds for one more token of one text: the difference between a longer and a shorter answer."""
    few, many = 8, 40
    model = LanguageModel(config_of(C, L), np.random.default_rng(0))

    def answer(new: int) -> Step:
        return lambda: sampler.generate(model, [[5] * 8], new, 0, eos_id=None)

    measured = (best(answer(many), 3) - best(answer(few), 3)) / (many - few)
    N = plan.parameters(model.config)
    machine = Accelerator(math.inf, math.inf, 1.0, bandwidth)
    return N, plan.token_seconds(model.config, 1, 8 + (few + many) / 2, OURS, machine), measured


def share(C: int, found: PlanChecks) -> tuple[int, float, float]:
    """The share of a PPO iteration's time in which answers are sampled."""
    N, size = parameters(C), size_of(C)
    machine = Accelerator(math.inf, found.speed[N], 1.0, found.bandwidth)
    formula = plan.rollout_seconds("ppo", size.config("float32"), ANSWERS, PROMPT, NEW, OURS, machine)
    whole = best(workloads.ppo_iteration(size)[0], 2)
    return N, formula.share, best(workloads.sample(size)[0]) / whole


def in_a_process() -> PlanChecks:
    """`measure` in a fresh process with one thread: no memory is warm, and its BLAS has been told before it was loaded."""
    code = "from minialign.bench.plan_measure import main; main()"
    told = os.environ | environment(Task("minialign", None))
    done = subprocess.run([sys.executable, "-c", code], env=told, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    if done.returncode:
        raise CannotMeasure(f"the process that measures stopped with exit code {done.returncode}; what it said is above")
    return from_json(done.stdout)


def from_json(text: str) -> PlanChecks:
    told = json.loads(text)
    rows = {
        key: Rows(row["name"], row["unit"], tuple(Checked(**point) for point in row["points"]))
        for key, row in told["rows"].items()
    }
    return PlanChecks(rows, {int(N): speed for N, speed in told["speed"].items()}, told["bandwidth"])


def main() -> None:
    print(json.dumps(asdict(measure())))
