"""The map of the house, docs/house.md and docs/house.svg: one line per file, from its own docstring, so that no line can be stale.

    python tests/house_map.py        writes both anew
"""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = """# The house

One line per file, from its own first sentence (`python tests/house_map.py` writes this page). Imports run only downward and in
no circle; `tests/test_layers.py` holds the order.
"""
ROOMS = """
    autograd arrays checks divergence history functional composed optim tokenizer batch parallel model likelihood generate checkpoint
    sft preferences reward policy_gradient ppo grpo dpo rlaif interop exact evaluate models source_patch cache world snapshots pipeline
    figures runs export classroom lab page teach bench cli
""".split()


def first_sentence(path):
    """The docstring of a file, up to its first full stop at the end of a sentence, in one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    paragraph = " ".join(text.split("\n\n")[0].split()).rstrip(":;")
    return paragraph.split(". ")[0].rstrip(".")


def page():
    """The text of docs/house.md."""
    package = ROOT / "minialign"
    rank = {name: i for i, name in enumerate(ROOMS)}

    def place(path):
        parts = path.relative_to(package).with_suffix("").parts
        return rank.get(parts[0], len(rank)), parts[0], len(parts) > 2, parts

    lines, folder = [HEAD], None
    for path in sorted(package.rglob("*.py"), key=place):
        if path.name == "__init__.py":
            continue
        if path.parent != folder:
            folder = path.parent
            words = "" if folder == package else f": {first_sentence(folder / '__init__.py')}"
            lines.append(f"\n**{folder.relative_to(ROOT).as_posix()}/**{words}\n")
        lines.append(f"* `{path.name}` {first_sentence(path)}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    from house_picture import picture  # which needs pytest, as the tests do

    (ROOT / "docs" / "house.md").write_text(page(), encoding="utf-8")
    (ROOT / "docs" / "house.svg").write_text(picture(), encoding="utf-8")
