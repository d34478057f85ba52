"""The numbers of a benchmark as tables of at most 88 columns, and the machine they come from."""

import os
import platform
import textwrap
from collections.abc import Mapping

import numpy as np

from .. import __version__
from . import STAGES, WORKLOADS
from .driver import cores
from .ratios import TOLERANCE, believable
from .records import Comparison, Machine, Ratio, Setting, Spread, Summary, Verdict

WIDTH = 88  # columns of a page

NAMES = {
    "minialign": "minialign",
    "again": "the same again",
    "one thread": "minialign, 1 thread",
    "products": "matrix products alone",
    "torch": "PyTorch eager",
    "transformers": "Hugging Face generate",
}


def machine() -> Machine:
    """What the numbers depend on."""
    processor = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as about:
            processor = next(line.split(":", 1)[1].strip() for line in about if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return Machine(f"{platform.system()} {platform.machine()}", processor, len(cores()))


def versions() -> dict[str, str]:
    """The versions of Python, minialign, NumPy and the library behind its matrix products, if NumPy says.

    OPENBLAS_CORETYPE, if it is set, chooses other kernels than the processor's default: it can make the matrix products
    half as fast, which changes the meaning of every ratio.
    """
    found = {"python": platform.python_version(), "minialign": __version__, "numpy": np.__version__}
    try:
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        found[blas["name"]] = blas["version"]
    except (KeyError, TypeError):  # another NumPy describes itself otherwise
        pass
    chosen = os.environ.get("OPENBLAS_CORETYPE")
    return found | ({"OPENBLAS_CORETYPE": chosen} if chosen else {})


def heading(setting: Setting) -> str:
    """Where and how: machine, versions, threads."""
    words = f"{setting.machine.system}, {setting.machine.processor}, {setting.machine.cores} cores"
    libraries = ", ".join(f"{name} {version}" for name, version in setting.versions.items())
    threads = f"{setting.threads} thread{'s' if setting.threads > 1 else ''}"
    clock = "processor time" if setting.clock == "cpu" else "wall time"
    how = f"{threads}, {clock}."
    if setting.what not in ("scaling", "plan"):
        step = "ms: median over rounds of the best of three steps"
        if setting.what == "tour":
            step = "s: median over rounds of an excerpt's time, scaled to the whole recipe"
        how += f"  {step}.  Ratios: median over rounds [quartiles] of what both took in the same round."
    return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent="  ") for line in (words, libraries, how))


def table(title: str, results: dict[str, Summary]) -> str:
    """One size: every workload, every system.  results: workload -> summary.

    Of a tour's trainings it is seconds, not ms.
    """
    names, of_tour = WORKLOADS | STAGES | {"tour": "the five together"}, "tour-base" in results
    unit, n = ("s", 1) if of_tour else ("ms", 1000)
    others = [o for o in ("torch", "products") if any(o in r.systems for r in results.values())]
    lines = [title, ""]
    heads = "".join(f"{'/ ' + {'torch': 'PyTorch', 'products': 'products'}[o]:<19}" for o in others)
    lines.append(f"{'':<25}{unit:>7}  {heads}{'faults':>6}{'peak MB':>8}")
    for workload, result in results.items():
        lines.append(f"{names[workload]}, {result.rounds} rounds")
        for name, row in result.systems.items():
            compared = "".join(f"{with_range(row.ratios.get(o)) if o != name else '1':<18} " for o in others)
            lines.append(
                f"  {NAMES[name]:<23}{n * row.seconds.median:>7.1f}  {compared}{whole(row.faults):>6}{whole(row.peak_mb):>8}"
            )
        lines += [f"  minialign / {NAMES[o]}: {with_range(r)}" for o, r in further(result)]
        if not believable(result):
            off = abs(result.a_a.median - 1)
            lines.append(f"  NOT JUDGED: two copies of the same code differ by {off:.1%} (at most {TOLERANCE:.0%})")
    return "\n".join(lines)


def further(result: Summary) -> list[tuple[str, Ratio]]:
    """The ratios that have no column of their own."""
    ratios = result.systems["minialign"].ratios
    return [(o, ratios[o]) for o in ("transformers", "one thread") if o in ratios]


def with_range(x: Spread | None) -> str:
    return "-" if x is None else f"{three_digits(x.median)} [{three_digits(x.low)}, {three_digits(x.high)}]"


def whole(x: float | None) -> str:
    return "-" if x is None else f"{x:.0f}"


def three_digits(x: float) -> str:
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def targets(verdicts: list[Verdict]) -> str:
    """One line per target: the target and the measured value."""
    lines = []
    for v in verdicts:
        value, target = (f"{x:.0f}" if v.target > 10 else f"{x:.3g}" for x in (v.value, v.target))
        word = {True: "met", False: "NOT met", None: "not judged"}[v.met]
        lines.append(f"  {v.what:<32}{value:>7}   target <= {target:<4} {word}")
    return "\n".join(lines)


def tables(result: Comparison, sizes: Mapping[str, object]) -> str:
    """Everything that `minialign bench` found, as text.  sizes: what there is to say of each."""
    lines = []
    for size, errors in result.agreement.items():
        for name, worst in errors.items():
            told = " and ".join(f"{error:.0e} in {dtype}" for dtype, (error, _) in worst.items())
            lines.append(f"{size}: {name} computes what minialign does, to {told}")
    for size, summaries in result.sizes.items():
        lines += ["", table(f"{size}: {sizes[size]}", summaries)]
        if result.verdicts[size]:
            lines += ["", targets(result.verdicts[size])]
    if result.import_seconds:
        lines += ["", import_table(result.import_seconds), targets(result.verdicts.get("import", []))]
    return "\n".join(lines).rstrip()


def import_table(seconds: dict[str, Spread]) -> str:
    """How long `import` takes in a fresh process, one line each."""
    lines = ["import, ms, median of fresh processes [quartiles]"]
    for what, s in seconds.items():
        shown = f"{1000 * s.median:.0f} [{1000 * s.low:.0f}, {1000 * s.high:.0f}]"
        lines.append(f"  {what:<40}{shown}")
    return "\n".join(lines)
