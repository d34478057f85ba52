"""The text of a lesson: its cells of Markdown, and how a terminal shows them.

A lesson is a script in percent cells.  Under `# %% [markdown]` there are comments: paragraphs, lists, tables, ```blocks```,
and formulas in LaTeX between $ or $$.  Notebook, book and `--explain` are made from these lines, and from nothing else.

    # NOTE(instructor): do this table on the board     a paragraph for the speaker notes only
    # Misconception: "..."                             for everybody
"""

import re
from pathlib import Path

from ..runs.text import paragraph

NOTE, MISTAKE = "NOTE(instructor):", "Misconception:"
COLUMNS = 100
ITEM = re.compile(r"\* |\d\. (?=[A-Z])")
FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$]+?\$", re.S)

WORDS = {  # LaTeX that is not simply a name
    r"\nabla": "grad", r"\partial": "d", r"\cdot": "*", r"\times": "x", r"\pm": "+-", r"\le": "<=", r"\ge": ">=", r"\ne": "!=",
    r"\to": "->", r"\ldots": "...", r"\approx": "~", r"\propto": "proportional to", r"\infty": "infinity", r"\epsilon": "eps",
    r"\|": " || ", r"\,": " ", r"\;": " ", r"\quad": "   ", r"\left": "", r"\right": "", r"\succ": "beats", r"\odot": "*",
}  # fmt: skip


# ------------------------------------------------------------------------------------------------ cells
def cells(text: str) -> list[tuple[str, list[str]]]:
    """A script in percent cells -> list of ("markdown" | "code", lines)."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("# %%"):
            found.append(("markdown" if "[markdown]" in line else "code", []))
        elif found:
            found[-1][1].append(line)
        elif line.strip():
            found.append(("code", [line]))  # before the first mark
    return found


def comment(line: str) -> str | None:
    """What a comment line says; None if it is none."""
    return line.strip()[1:].removeprefix(" ") if line.strip().startswith("#") else None


def begins(said: str) -> bool:
    """Does a note, a misconception or a heading begin here?"""
    return said.startswith((NOTE, MISTAKE, "## "))


def without_notes(lines: list[str]) -> list[str]:
    """The lines of a cell without the notes for the instructor."""
    kept, inside = [], False
    for line in lines:
        said = comment(line)
        inside = said is not None and said != "" and (said.startswith(NOTE) or (inside and not begins(said)))
        if not inside:
            kept.append(line)
    return kept


def markdown_of(lines: list[str]) -> str:
    """The lines of a cell of comments -> its Markdown, without notes."""
    return "\n".join(comment(line) or "" for line in without_notes(lines)).strip("\n")


def text_of(path: str | Path) -> list[str]:
    """The Markdown cells of a lesson, in order, without its docstring and without notes -> list of str."""
    cell_list = cells(Path(path).read_text(encoding="utf-8-sig"))
    texts = [markdown_of(lines) for kind, lines in cell_list if kind == "markdown"]
    return [text for text in texts if text and not re.fullmatch(r"#+ .*", text)]  # a heading alone is no text


def count_words(texts: list[str]) -> int:
    """The number of words of prose, without formulas, blocks and tables."""
    prose = FORMULA.sub(" ", re.sub(r"^```.*?^```$", " ", "\n".join(texts), flags=re.M | re.S))
    return sum(len(re.findall(r"\w\S*", line)) for line in prose.splitlines() if not line.startswith("|"))


# ------------------------------------------------------------------------------------------------ in a terminal
def explain(texts: list[str], columns: int = COLUMNS) -> str:
    """Cells of Markdown -> text for a terminal: paragraphs wrapped, formulas in plain letters, the rest as it is."""
    told, inside = [], False
    for line in paragraphs("\n\n".join(texts)):
        if line.startswith("```"):
            inside = not inside
        elif inside or line.startswith("|"):
            told.append("   " + line)
        elif line.startswith("#"):
            told += ["-- {} ".format(line.lstrip("# ")).ljust(60, "-")]
        elif line.startswith("$$"):
            told.append("      " + plain_formula(line))
        else:
            hanging = "   " + " " * len(item[0] if (item := ITEM.match(line)) else "")
            told.append(paragraph(plain(line), "   ", hanging, columns))
    return "\n".join(told)


def paragraphs(markdown: str) -> list[str]:
    """Markdown with each paragraph and each item of a list in one line; blocks, tables, headings and empty lines stay."""
    found: list[str] = []
    inside = open_ended = False
    for line in markdown.splitlines():
        fence = line.startswith("```")
        alone = inside or fence or not line or line.startswith(("|", "$$")) or re.match("#+ ", line) is not None
        if open_ended and not alone and not line.startswith(MISTAKE) and not ITEM.match(line):
            found[-1] += " " + line.strip()
        else:
            found.append(line)
            open_ended = not alone
        inside ^= fence
    return found


def plain(text: str) -> str:
    """A line of Markdown without its marks, and its formulas in plain letters."""
    text = FORMULA.sub(lambda formula: plain_formula(formula[0]), text)
    return re.sub(r"(\*\*|`)(.+?)\1|(?<!\w)\*(\w[^*]*)\*", lambda found: found[2] or found[3], text)


def plain_formula(latex: str) -> str:
    r"""$\frac{1}{2}(V - G)^2$ -> 1/2 (V - G)^2, close enough to be read."""
    text = latex.strip("$").strip()
    text = re.sub(r"\\(?:text|mathbb|hat|mathrm)\{([^{}]*)\}", r"\1", text)
    for _ in range(4):  # what is inside others comes first
        text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", lambda f: f"{bracketed(f[1])}/{bracketed(f[2])} ", text)
        text = re.sub(r"\\sqrt\{([^{}]*)\}", r"sqrt(\1)", text)
        text = re.sub(r"([_^])\{([^{}]*)\}", lambda f: f[1] + bracketed(f[2]), text)
    text = re.sub(r"(?<=[a-zA-Z0-9)])(?=\\[a-zA-Z])|(?<=[a-zA-Z])(?=\\)", " ", text)  # names side by side are apart in LaTeX
    text = re.sub(r"\\(?:[a-zA-Z]+|.)", lambda name: WORDS.get(name[0], name[0].lstrip("\\")), text)
    return " ".join(text.replace("{", "").replace("}", "").split())


def bracketed(text: str) -> str:
    """In brackets, unless it is a name or a number."""
    return text if re.fullmatch(r"\\?\w+|\w+[_^]\w+|\w*\([^()]*\)", text) else f"({text})"
