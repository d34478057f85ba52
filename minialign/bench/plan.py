"""What the recipe costs at any size: parameters, memory, arithmetic and time, one formula each.

    N parameters   D tokens   B texts at once   T tokens of each   L layers   C channels   V vocabulary   H heads

    memory  = sum over the models of N x bytes  +  activations  +  key/value cache
    FLOPs   = 2 N D to read or to sample,  6 N D to train
    seconds = the larger of  FLOPs / (FLOP per second)  and  bytes read / bandwidth

plan_measure.py holds each of them against our own models, and docs/scale.md has what follows for models of 1e8 to 7e10
parameters.

Differences from a real plan: all models of a method have one size; every head has keys and values of its own; the sums of
gradients and the weights that travel between accelerators are taken to travel while others compute.
"""

from dataclasses import dataclass

from ..functional import BLOCK
from ..model import ModelConfig
from ..models import MODELS


@dataclass(frozen=True)
class Engine:
    """How a program stores things; all but the last two in bytes."""

    weights: int  # each, as the model multiplies with them
    gradients: int
    optimizer: int  # Adam's two moments, and a float32 copy of the weights if the model's own are shorter
    activations: int
    outside: tuple[int, int]  # beside the layers, kept per token: for each channel, for each entry of the vocabulary
    kept: int  # activations that a layer keeps for its backward pass, per token and channel
    block: int | None  # attention keeps its weights A, computed for so many queries at a time; None: it recomputes them

    @property
    def trained(self) -> int:
        """Bytes per parameter of a model that learns: weights, gradients, optimiser."""
        return self.weights + self.gradients + self.optimizer


# bfloat16 beside float32 masters and moments, 2 + 2 + (4 + 4 + 4) bytes: Rajbhandari et al. 2020 (ZeRO), section 3.1.
# 34 bytes per token and channel: Korthikanti et al. 2022, equation 1, without its 5 H T / C, attention's own matrices, which
# FlashAttention computes again instead (Dao et al. 2022).
MIXED = Engine(weights=2, gradients=2, optimizer=12, activations=2, outside=(4, 4), kept=17, block=None)
# minialign: float32 everywhere.  A layer keeps x_hat and y of two norms (4), q, k, v, turned q, k, and q / sqrt(D) (6), y
# before and after the output matrix (2), the MLP's three of width 4 C and its output (13), and two residual sums (2).
OURS = Engine(weights=4, gradients=4, optimizer=8, activations=4, outside=(12, 8), kept=27, block=BLOCK)


@dataclass(frozen=True)
class Accelerator:
    """A machine to plan with; docs/scale.md says what is assumed of it."""

    memory: float  # bytes
    flops: float  # FLOP per second, at its peak
    utilisation: float  # the share of the peak that training and reading reach
    bandwidth: float  # bytes per second between its memory and its arithmetic

    @property
    def speed(self) -> float:
        return self.flops * self.utilisation


ASSUMED = Accelerator(memory=80e9, flops=1e15, utilisation=0.4, bandwidth=3e12)


# ------------------------------------------------------------------------------------------------ memory
def parameters(config: ModelConfig) -> int:
    """N = L (12 C^2 + 13 C) + 2 C + V C (twice if the head is untied) + T C (if positions are learned), of a LanguageModel."""
    C, V = config.d_model, config.vocab_size
    layers = config.n_layer * (12 * C * C + 13 * C) + 2 * C
    return layers + V * C * (1 if config.tied else 2) + config.context_length * C * (config.positions == "learned")


def models_held(method: str) -> tuple[int, int]:
    """(models that learn, models that are frozen) while a method trains; models.py knows their names."""
    held = MODELS[method].in_memory or ("reward model",)
    learns = sum(name in ("policy", "critic") for name in held) or 1  # the reward model's own stage: it learns
    return learns, len(held) - learns


def models_bytes(method: str, N: float, engine: Engine = MIXED) -> float:
    """Bytes of the models that a method holds at once: PPO 36 N in mixed precision, GRPO 20 N, DPO 18 N, SFT 16 N."""
    learn, frozen = models_held(method)
    return N * (learn * engine.trained + frozen * engine.weights)


def activation_bytes(config: ModelConfig, B: int, T: int, engine: Engine = MIXED, checkpointing: bool = False) -> float:
    """Bytes that a forward pass on B texts of T tokens keeps for its backward pass.

    L layers of  B T C kept + B H T T (about half of it, for the future is left out)  numbers, and the logits.
    checkpointing: each layer keeps its input alone and is computed again on the way back (Chen et al. 2016), so that only one
    of them is there in full; that costs another forward pass, 2 N D FLOPs more.
    """
    C, V, L = config.d_model, config.vocab_size, config.n_layer
    layer = B * T * C * engine.kept
    if engine.block:
        layer += (
            B
            * config.n_head
            * sum(len(range(s, min(s + engine.block, T))) * min(s + engine.block, T) for s in range(0, T, engine.block))
        )
    numbers = L * B * T * C + layer if checkpointing else L * layer
    of_channel, of_entry = engine.outside
    return numbers * engine.activations + B * T * (of_channel * C + of_entry * V)


def cache_bytes(config: ModelConfig, B: int, T: int, engine: Engine = MIXED) -> float:
    """Bytes of the key/value cache of B texts of T tokens: 2 L C numbers per token.

    Grouped-query attention (Ainslie et al. 2023), G heads sharing keys and values, divides it by G; it is not counted here.
    """
    return 2 * config.n_layer * config.d_model * B * T * engine.activations


# ------------------------------------------------------------------------------------------------ arithmetic
def forward_flops(N: float, D: float) -> float:
    """2 N D: each weight is multiplied and added once per token (Kaplan et al. 2020, section 2.1)."""
    return 2 * N * D


def training_flops(N: float, D: float) -> float:
    """6 N D: a backward pass has two products, dx = g W^T and dW = x^T g, for each one forward."""
    return 3 * forward_flops(N, D)


def pretraining_tokens(N: float) -> float:
    """D = 20 N: about what makes the best base model for its FLOPs (Hoffmann et al. 2022).  Many use far more."""
    return 20 * N


@dataclass(frozen=True)
class Passes:
    """How often a method's models process a text (reward model, DPO: each text of a pair)."""

    sampled: int  # by the policy
    read: int  # by models that do not learn at that moment
    learned: int  # forward and backward, in all epochs

    def flops(self, N: float, T: float) -> float:
        return forward_flops(N, T * (self.sampled + self.read)) + training_flops(N, T * self.learned)


def passes(method: str, epochs: int = 2) -> Passes:
    """PPO reads an answer with reward model, critic, reference and policy; policy and critic learn from it, epochs times."""
    return {
        "sft": Passes(0, 0, 1),
        "reward": Passes(0, 0, 1),
        "dpo": Passes(0, 1, 1),
        "ppo": Passes(1, 4, 2 * epochs),
        "grpo": Passes(1, 3, epochs),
    }[method]


# ------------------------------------------------------------------------------------------------ time
def token_seconds(config: ModelConfig, B: int, T: float, engine: Engine = MIXED, machine: Accelerator = ASSUMED) -> float:
    """Seconds to write one more token to each of B texts that have T tokens: all weights and the cache are read once for it.

    With few texts memory is the limit, with many arithmetic (Pope et al. 2022).
    """
    N = parameters(config)
    read = engine.weights * N + cache_bytes(config, B, 1, engine) * T
    return max(read / machine.bandwidth, forward_flops(N, B) / machine.speed)


def rows_to_fill(engine: Engine = MIXED, machine: Accelerator = ASSUMED) -> float:
    """The number of texts at which writing a token takes as long to compute as to read the weights for it."""
    return machine.speed / machine.bandwidth * engine.weights / 2


@dataclass(frozen=True)
class Seconds:
    sampling: float
    rest: float

    @property
    def share(self) -> float:
        return self.sampling / (self.sampling + self.rest)


def rollout_seconds(
    method: str,
    config: ModelConfig,
    B: int,
    prompt: int,
    new: int,
    engine: Engine = MIXED,
    machine: Accelerator = ASSUMED,
    epochs: int = 2,
) -> Seconds:
    """Seconds that B answers take, sampled together: prompts read, tokens written one by one; then scored, and learned from.

    B texts share one copy of the policy, whose weights may be spread over several accelerators: then all times, this one's
    too, are seconds of one accelerator times their number.
    """
    N, done = parameters(config), passes(method, epochs)
    reading = forward_flops(N, B * prompt) / machine.speed
    sampling = new * token_seconds(config, B, prompt + new / 2, engine, machine)
    rest = Passes(0, done.read, done.learned).flops(N, B * (prompt + new)) / machine.speed
    return Seconds(reading + sampling, rest)
