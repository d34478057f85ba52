"""From source text to HTML: Markdown, equations as MathML, highlighted code, and glossary terms that open on a click.

The work is done by markdown-it-py, latex2mathml and Pygments: pip install 'minialign[book]' brings them.
"""

import html
import re
from collections.abc import Iterable

from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from ..runs.errors import Problem
from ..teach.kit.glossary import Entry
from ..teach.lesson_text import MISTAKE, markdown_of

NOT_WORDS = re.compile(r"\\[A-Za-z]+|&(?!#?\w+;)")  # of LaTeX, left in the MathML: it was not understood
FUNCTION = re.compile(r"(&#x02207;</mo>|</mo>|<mrow>)?<mi>(log|ln|exp)</mi>(<mo stretchy=\"false\">&#x00028;)?")
WORD_BELOW = re.compile(r"_\{([A-Za-z]{3,})\}")  # pi_{old}: a word, not o times l times d
WIDE = 24  # characters of a formula that a phone may have no room for
SIGN = re.compile(r"([{(\[]|\\left\b)|([})\]]|\\right\b)|=|\\(?:ge|le|approx|propto|quad)\b")  # a bracket, or a place to cut
_PIECE = r'<span class="long"><math(?:(?!</math>).)*</math></span>|<math(?:(?!</math>).)*</math>'
CLOSED = re.compile(rf"({_PIECE})(</span>)([.,;:)]+)", re.S)
OPENED = re.compile(rf'\((<span class="math inline">)(?:<span class="kept">|({_PIECE}))', re.S)
_TERM = r'<button type="button" class="term"[^>]*>[^<]*</button>'
WORD = re.compile(rf"(\(|&quot;|)({_TERM})(</em>|</strong>|)('s\b|(?:[.,;:)]|&quot;)+|)")
PLAIN = re.compile(r"(?<![\w.])-(?=\d)")


def slug(text: str) -> str:
    """A name for addresses: "4. The numbers" -> "4-the-numbers"."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def spaced(function: re.Match) -> str:
    """A thin space around log and its like, as in print: latex2mathml writes them as letters, side by side with others."""
    before, name, bracket = function.groups(default="")
    left, right = (0.17 * (before in ("", "&#x02207;</mo>")), 0.17 * (not bracket))
    return f'{before}<mo form="prefix" lspace="{left:g}em" rspace="{right:g}em">{name}</mo>{bracket}'


def math(latex: str, block: bool) -> str:
    """LaTeX -> MathML.  Raises Problem for what cannot be read, and for a command that is not known."""
    try:
        readable = WORD_BELOW.sub(r"_{\\text{\1}}", latex.strip().replace("{aligned}", "{split}"))
        made = convert(readable, display="block" if block else "inline")
    except Exception as problem:  # latex2mathml raises a dozen kinds
        raise Problem(f"the equation {latex.strip()!r} cannot be read ({type(problem).__name__}); fix it") from None
    left = NOT_WORDS.search(made)
    if left:
        raise Problem(f"the equation {latex.strip()!r} has {left[0]}, which the book cannot typeset; write it differently")
    made = FUNCTION.sub(spaced, made)
    # The LaTeX is kept, for those who copy it, and for readers of the page's source.
    note = f'<annotation encoding="application/x-tex">{html.escape(latex.strip())}</annotation>'
    opening, inside = re.match(r"(<math[^>]*>)(.*)</math>$", made, re.S).groups()  # type: ignore[union-attr]
    return f"{opening}<semantics>{inside}{note}</semantics></math>"


def pieces(latex: str) -> list[str]:
    """A long formula, cut before its relations where a line may end, for MathML breaks none: ["a + ... = b", "= c"]."""
    depth, cuts = 0, [0]
    for sign in SIGN.finditer(latex):
        opens, closes = sign.groups()
        depth += bool(opens) - bool(closes)
        if depth == 0 and not closes:
            cuts.append(sign.start())
    if glyphs(latex) <= WIDE or depth or r"\begin" in latex:  # unmatched brackets; a column
        return [latex]
    made: list[str] = []
    for start, end in zip(cuts, [*cuts[1:], len(latex)]):
        piece = latex[start:end]
        if made and (glyphs(made[-1]) <= WIDE / 3 or glyphs(made[-1] + piece) <= WIDE):  # never "L" alone
            made[-1] += piece
        elif piece:
            made.append(piece)
    return made


def glyphs(latex: str) -> int:
    """About how wide a formula is, in characters.  Raises Problem for what cannot be read."""
    shown = re.sub("<[^>]+>", "", math(latex, block=False).partition("<annotation")[0])
    return len(html.unescape(shown))


def kept(made: str) -> str:
    """HTML in which no formula or glossary term is parted from its brackets, or from the full stop after it.

    A browser may break a line on both sides of a formula or a button; on a phone a full stop would begin the next line.
    """
    made = CLOSED.sub(r'<span class="kept">\1\3</span>\2', made)
    made = OPENED.sub(lambda m: f'{m[1]}<span class="kept">(' + (f"{m[2]}</span>" if m[2] else ""), made)
    return WORD.sub(lambda m: f'<span class="kept">{m[1]}{m[2]}{m[4]}</span>{m[3]}' if m[1] or m[4] else m[0], made)


def code(text: str) -> str:
    """Python -> HTML with a class for each kind of token."""
    # tabindex: a long line scrolls, which must also work with a keyboard.
    lines = highlight(text, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)).rstrip("\n")
    return f'<pre class="code" tabindex="0"><code>{lines}</code></pre>'


class Writer:
    """Markdown -> HTML, for one page: its headings get addresses, and each glossary term becomes a button, once a section."""

    def __init__(self, glossary: Iterable[Entry] = ()):
        self.entries = {entry.term.lower(): entry for entry in glossary}
        self.used: dict[str, Entry] = {}  # slug -> what the page has buttons for
        self.anchors: set[str] = set()
        self._said: set[str] = set()  # in this section
        self._in_link = self._in_italics = 0
        terms = "|".join(re.escape(term) for term in sorted(self.entries, key=len, reverse=True))
        self.pattern = re.compile(rf"(?<![\w-])({terms})(?![\w-])", re.I) if terms else None
        self.markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
        self.markdown.use(dollarmath_plugin, allow_space=False, allow_digits=False, renderer=self._math)
        self.markdown.core.ruler.push("house", self._house)
        self.markdown.options["highlight"] = lambda text, language, _: code(text) if language == "python" else ""

    def prose(self, text: str) -> str:
        return kept(self.markdown.render(text))

    def cell(self, lines: list[str]) -> str:
        """A markdown cell of a script: its comments, without the notes for the instructor."""
        return self.prose(re.sub(rf"^(?={MISTAKE})", "\n", markdown_of(lines), flags=re.M))  # it is a paragraph of its own

    def inline(self, text: str) -> str:
        """One line, without a paragraph around it, and without buttons."""
        plain = MarkdownIt("commonmark", {"html": False})
        return kept(plain.use(dollarmath_plugin, allow_space=False, allow_digits=False, renderer=self._math).renderInline(text))

    def anchor(self, text: str) -> str:
        """An address that no other heading of this page has."""
        name, n = slug(text), 1
        while name in self.anchors:
            n += 1
            name = f"{slug(text)}-{n}"
        self.anchors.add(name)
        self._said = set()
        return name

    # -------------------------------------------------------------------------------------------- plumbing
    @staticmethod
    def _math(latex: str, options: dict) -> str:
        block = options["display_mode"]
        made = [math(piece, block) for piece in pieces(latex)]
        if not block:  # what is still too long for a phone scrolls
            made = [f'<span class="long">{m}</span>' if glyphs(p) > WIDE else m for p, m in zip(pieces(latex), made)]
        return "<wbr>".join(made)

    def _house(self, state: StateCore) -> None:
        before = None
        for here, following in zip(state.tokens, [*state.tokens[1:], Token("", "", 0)]):
            if here.type == "heading_open":
                here.attrSet("id", self.anchor(following.content))
            elif here.type == "paragraph_open" and following.content.startswith(MISTAKE):
                here.attrSet("class", "misconception")
            elif here.type == "fence" and not here.info:
                here.info = "text"
            elif here.type == "inline" and before != "heading_open":
                here.children = [new for child in here.children or () for new in self._terms(child)]
            before = here.type

    def _terms(self, token: Token) -> list[Token]:
        """A text, split at the glossary terms that this section has not yet used."""
        self._in_link += {"link_open": 1, "link_close": -1}.get(token.type, 0)
        self._in_italics += {"em_open": 1, "em_close": -1}.get(token.type, 0)
        title = self._in_italics and token.content.count(" ") > 2  # of a paper: no button inside
        if token.type != "text" or self._in_link or title or not self.pattern:
            return [token]
        parts: list[Token] = []
        for i, piece in enumerate(self.pattern.split(token.content)):
            new = Token("text", "", 0, content=piece)
            if i % 2 and piece.lower() not in self._said:
                self._said.add(piece.lower())
                entry = self.entries[piece.lower()]
                self.used[slug(entry.term)] = entry
                new = Token("html_inline", "", 0, content=button(entry, piece))
            parts.append(new)
        return parts


def button(entry: Entry, text: str) -> str:
    """A word that opens its meaning: the browser's own popover, so it needs no script."""
    return f'<button type="button" class="term" popovertarget="term-{slug(entry.term)}">{html.escape(text)}</button>'


def with_minus(text: str) -> str:
    """A true minus before numbers."""
    return PLAIN.sub("\u2212", text)
