"""What `minialign reproduce` has found: every published number beside the same number now, and what has changed."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...runs.folder import write_text
from ...runs.text import heading, paragraph
from .published import TOLERANCE, Quantity, verdict
from .steps import Step


def report(chosen: list[Step], found: dict[str, dict[str, Any]], failed: dict[str, str], out: Path, source: Path) -> int:
    """Write out/report.md, with every number; print what has changed beyond its spread -> exit code.

    1 if anything has, or if a step failed.
    """
    lines, changed, everything = ["# Published numbers, made again", "", TOLERANCE], 0, 0
    for step in chosen:
        print(heading(step.name))
        lines += ["", f"## {step.name}: `{step.command}`", ""]
        if step.name in failed or not found[step.name]:
            what = f"FAILED, {failed[step.name]}" if step.name in failed else f"skipped: it needs {', '.join(step.absent)}"
            print(paragraph(what, "   ", "   "))
            lines.append(what)
            continue
        now = {name: Quantity(*value) for name, value in found[step.name]["numbers"].items()}
        words = {name: verdict(name, value, now.get(name)) for name, value in step.published.items()}
        told = ", ".join(f"{n} {word}" for word, n in Counter(words.values()).items())
        print(f"   {told or 'made; none of its numbers is published where a program can read it'}")
        lines += [told, "", "| number | published | seeds | now | |", "|---|---|---|---|---|"] if words else ["made"]
        for name, word in words.items():
            value, today = step.published[name], now.get(name)
            lines.append(f"| {name} | {value} | {value.seeds or '-'} | {today or '-'} | {word} |")
            if word not in ("inside", "not judged"):
                print(paragraph(f"{word}: {name}: published {value}, now {today or 'nothing'}", "   ", "      "))
            changed += word in ("OUTSIDE", "MISSING")
        everything += len(words)
    drawn = list(figures(source, out))
    lines += ["", "## Figures drawn again", "", *drawn] if drawn else []
    write_text(out / "report.md", "\n".join(lines) + "\n")
    if drawn:
        print("\n".join([heading("figures drawn again"), *(paragraph(line, "   ", "      ") for line in drawn)]))
    print(f"\n{paragraph(TOLERANCE)}\n\n{changed or 'None'} of {everything} published numbers has changed beyond its spread;")
    broken = sum(step.name in failed for step in chosen)
    if broken:
        print(f"{broken} of {len(chosen)} steps failed, and none of their numbers is among these;")
    print(f"all of them are in {out / 'report.md'}")
    return 1 if changed or broken else 0


def figures(source: Path, out: Path) -> Iterator[str]:
    """Of each published figure: where it is drawn again, and whether its caption, which tells its numbers, is the same."""
    for path in sorted((source / "lessons" / "figures").glob("*.txt")):
        # Not of a tour or a lesson: their figures have the same names, and show one seed.
        again = [file for folder in ("table", "lab", "bench", "figures") if (file := out / folder / path.name).exists()]
        if not again:
            continue  # no step that was chosen draws it
        newest = max(again, key=lambda file: file.stat().st_mtime)
        was, now = (file.read_text(encoding="utf-8").strip() for file in (path, newest))
        told = "the same caption" if was == now else f"another caption. Published: {was} Now: {now}"
        yield f"{path.stem}: {newest.with_suffix('.png')}: {told}"
