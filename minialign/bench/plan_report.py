"""What the recipe costs, as tables: for models of 1e8, 1e9 and 7e10 parameters, and how near our own come to the formulas."""

from ..figures.checked import Checked, PlanChecks
from ..model import ModelConfig
from . import plan
from .plan import ASSUMED, MIXED


def _config(L: int, C: int) -> ModelConfig:
    return ModelConfig(32_000, context_length=2048, n_layer=L, n_head=C // 128, d_model=C)


PLANNED = (_config(12, 640), _config(20, 1920), _config(86, 8192))
PROMPT, NEW = 512, 512  # tokens
MINIBATCH = 8  # texts on one accelerator
TOGETHER = (8, 64, 512)  # answers sampled together by one copy of the policy
TEXTS = {
    "sft": 20_000,
    "reward": 100_000,
    "dpo": 100_000,
    "ppo": 100_000,
    "grpo": 100_000,
}  # demonstrations, 2 x pairs, answers
NAMES = {"sft": "SFT", "reward": "reward model", "dpo": "DPO", "ppo": "PPO", "grpo": "GRPO"}


def page_table() -> str:
    """Costs at three sizes, in Markdown, with what was assumed."""
    T, sizes = PROMPT + NEW, [plan.parameters(config) for config in PLANNED]
    head = "| | " + " | ".join(f"{N:.1e} parameters" for N in sizes) + " |\n|---|" + "---|" * len(sizes)
    rows = [head, _row("layers, width", [f"{config.n_layer}, {config.d_model}" for config in PLANNED])]
    for method in ("sft", "dpo", "grpo", "ppo"):
        learn, frozen = plan.models_held(method)
        per = plan.models_bytes(method, 1)
        what = f"{NAMES[method]}: {learn} that learn{'s' * (learn == 1)}, {frozen} frozen, {per:.0f} N bytes"
        rows.append(_row(what, [size_of(plan.models_bytes(method, N)) for N in sizes]))
    for words, again in (("all kept", False), ("with checkpointing", True)):
        kept = [plan.activation_bytes(config, MINIBATCH, T, checkpointing=again) for config in PLANNED]
        rows.append(_row(f"activations of {MINIBATCH} x {T:,} tokens, {words}", map(size_of, kept)))
    for B in TOGETHER[1:]:
        rows.append(_row(f"key/value cache of {B} x {T:,} tokens", [size_of(plan.cache_bytes(c, B, T)) for c in PLANNED]))
    rows.append(_row("accelerators of 80 GB that hold PPO's models", [f"{fewest('ppo', N):,}" for N in sizes]))
    base = [plan.training_flops(N, plan.pretraining_tokens(N)) for N in sizes]
    rows.append(_row("base model: 20 N tokens, FLOPs", [f"{flops:.1e}" for flops in base]))
    for method, texts in TEXTS.items():
        done = [plan.passes(method).flops(N, T) * texts for N in sizes]
        rows.append(_row(f"{NAMES[method]}: {texts * T:.1e} tokens, FLOPs", [f"{flops:.1e}" for flops in done]))
    rows.append(_row("base model: accelerator-hours", [hours_of(flops / ASSUMED.speed) for flops in base]))
    for method in TEXTS:
        rows.append(_row(f"{NAMES[method]}: accelerator-hours", [hours(method, config) for config in PLANNED]))
    for B in TOGETHER:
        shares = [plan.rollout_seconds("ppo", config, B, PROMPT, NEW).share for config in PLANNED]
        rows.append(_row(f"PPO: sampling's share of the time, {B} answers together", [f"{x:.0%}" for x in shares]))
    speed = f"{ASSUMED.flops:.0e} FLOP/s at a utilisation of {ASSUMED.utilisation:.0%}, and {ASSUMED.bandwidth:.0e} bytes/s"
    assumed = (
        f"bfloat16 beside float32 masters and moments; vocabulary of 32,000; questions and answers of {PROMPT} tokens each;\n"
        f"two epochs of PPO and GRPO; accelerators of {size_of(ASSUMED.memory)}, {speed}.\n"
        f"Hours of PPO and GRPO: {TOGETHER[-1]} answers together."
    )
    return assumed + "\n\n" + "\n".join(rows)


def hours(method: str, config: ModelConfig) -> str:
    """Hours of one accelerator that a method takes for its texts: arithmetic, and reading memory while answers are sampled."""
    N, T, B = plan.parameters(config), PROMPT + NEW, TOGETHER[-1]
    if plan.passes(method).sampled:
        spent = plan.rollout_seconds(method, config, B, PROMPT, NEW)
        seconds = (spent.sampling + spent.rest) * TEXTS[method] / B
    else:
        seconds = plan.passes(method).flops(N, T) * TEXTS[method] / ASSUMED.speed
    return hours_of(seconds)


def hours_of(seconds: float) -> str:
    return f"{seconds / 3600:,.0f}" if seconds >= 36_000 else f"{seconds / 3600:.2g}"


def fewest(method: str, N: float) -> int:
    """Accelerators that hold a method's models, and nothing else."""
    return -int(-plan.models_bytes(method, N, MIXED) // ASSUMED.memory)


def size_of(n: float) -> str:
    """12.3 MB, 4.5 GB, 2.5 TB: powers of ten, as memory is sold."""
    unit, scale = next((u, s) for u, s in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("KB", 1e3)) if n >= s or u == "KB")
    return f"{n / scale:.0f} {unit}" if n >= 99.5 * scale else f"{n / scale:.2g} {unit}"


def checks_table(found: PlanChecks) -> str:
    """Measured / formula for each quantity and each of our models, in Markdown; below, how fast this machine is."""
    sizes = sorted({p.parameters for row in found.rows.values() for p in row.points})
    rows = ["| measured / formula | " + " | ".join(f"{N:,}" for N in sizes) + " |\n|---|" + "---|" * len(sizes)]
    for row in found.rows.values():
        at: dict[int, Checked] = {p.parameters: p for p in row.points}
        shown = [f"{at[N].ratio:.2f}" if N in at else "" for N in sizes]
        if not row.unit:  # a share: both numbers
            shown = [f"{at[N].measured:.0%} / {at[N].formula:.0%}" if N in at else "" for N in sizes]
        rows.append(_row(row.name + (f", {row.unit}" if row.unit else ""), shown))
    if not found.speed:
        return "\n".join(rows)
    speeds = ", ".join(f"{x / 1e9:.0f}" for x in found.speed.values())
    about = f"Here a training step reaches {speeds} GFLOP/s, from the smallest to the largest model, and memory "
    return "\n".join(rows) + f"\n\n{about}{found.bandwidth / 1e9:.0f} GB/s."


def _row(name: str, cells) -> str:
    return f"| {name} | " + " | ".join(cells) + " |"
