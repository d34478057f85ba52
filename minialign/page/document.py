"""The page, put together: one file of HTML, with its styles, its scripts and its data inside.

Strings from a run reach it in two ways only: html.escape where Python writes them, and inside the JSON, in which
<, >, & and the line separators of Unicode are escaped, so that no text can end the script element that holds it.
"""

import html
import json
import re
from dataclasses import asdict
from importlib.resources import files
from string import Template
from typing import Any

from ..figures import page_plots
from ..figures.scenes import Absent, DpoScene, Scene
from ..models import NAMES, TABLE
from .captions import Told, because, captions, closing, sentence
from .data import About, PageData
from .story import STORY

STYLES = ("page", "scenes", "media")
SCRIPTS = (
    *("maths", "transformer", "models", "draw", "chart", "shared", "hero", "guess"),
    *("tree", "checkpoints", "ballot", "last_layer", "loop", "dial", "rope", "leash", "roads", "race", "chat"),
    *("address", "speaker", "player", "hands", "start"),
)
WASH = (243, 240, 233)  # the darkest ground on which words are written: --wash in page.css
CONTRAST = 5.5  # of words on it; WCAG asks for 4.5
STROKES = {"-": "solid", "--": "dashed", ":": "dotted"}  # Matplotlib's line styles as borders; others are double


def source(name: str) -> str:
    return files(__package__).joinpath("static", name).read_text(encoding="utf-8")


def as_script(data: Any) -> str:
    """JSON that is safe inside a script element."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":  # U+2028 and U+2029 are escaped already, like all that is not ASCII
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


# ------------------------------------------------------------------------------------------------ the models' colours
def luminance(colour: tuple[int, ...]) -> float:
    """Relative luminance of (red, green, blue), each 0 to 255: https://www.w3.org/TR/WCAG21/#dfn-relative-luminance"""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in colour)]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear))


def ink(colour: str) -> str:
    """A model's colour, darkened until words in it have contrast enough."""
    rgb = tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
    while (luminance(WASH) + 0.05) / (luminance(rgb) + 0.05) < CONTRAST:
        rgb = tuple(int(0.97 * part) for part in rgb)
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def colours() -> str:
    """models.py as CSS: a colour for marks, one for words and a kind of stroke for each model, and a class that wears them."""
    names = "".join(f"--{m.key}: {m.colour}; --{m.key}-ink: {ink(m.colour)};\n" for m in TABLE)
    classes = "".join(
        f".{m.key} {{ --mark: var(--{m.key}); --words: var(--{m.key}-ink); --stroke: {STROKES.get(str(m.line), 'double')}; }}\n"
        for m in TABLE
    )
    return f":root {{\n{names}}}\n{classes}"


# ------------------------------------------------------------------------------------------------ the parts of the page
def cover(data: PageData) -> str:
    """The question that travels, and why this one; without scripts also what every model says to it, which they keep back."""
    question, good = data.questions[data.hero.index], data.good[data.hero.index]
    why = "; ".join(filter(None, [good, data.hero.why]))
    travels = f'<p class="travels"><q>{html.escape(question)}</q> <span data-part="gold">{html.escape(why)}</span></p>'
    everybody = data.scenes["dpo"]
    if not isinstance(everybody, DpoScene):
        return travels
    answers = {name: said.get(question, rows[0].text) for name, rows in everybody.samples.items()
               for said in [{row.question: row.text for row in rows}]}  # fmt: skip
    lines = "".join(
        f'<div class="{name}"><dt>{NAMES[name]}</dt><dd>{html.escape(text.strip() or "(nothing)")}</dd></div>'
        for name, text in answers.items()
    )
    return f'{travels}<dl class="voices">{lines}</dl>'


def footer(run: About) -> str:
    seconds = ", ".join(f"{name} {value:.0f}" for name, value in run.seconds.items()) or "unknown"
    remark = f"{sentence(run.remark)} " if run.remark else ""
    return (
        f"{remark}Made from {run.name}: seed {run.seed}, {run.date}, minialign {run.version}, code {run.code}. "
        f"Votes by {run.raters}. Seconds: {seconds} ({run.machine})."
    )


MINUS = re.compile(r"(?<![\w.])-(?=\d)")


def minus(text: str) -> str:
    """With true minus signs, as wide as a plus."""
    return MINUS.sub("\u2212", text)


def spans(told: list[Told]) -> str:
    """Sentences as HTML, each hidden with what it gives away."""
    return " ".join(f'<span data-part="{said.tells}">{html.escape(minus(said.text))}</span>' for said in told)


def tab(number: int, name: str, kind: str = "") -> str:
    return f'<li class="{kind}"><a href="#scene-{number}"><b>{number}</b> <span>{name}</span></a></li>'


def section(number: int, key: str, scene: Scene | Absent, caption: str, why: list[Told]) -> str:
    """One scene: its words, the place where the scripts play it, and its picture for readers without scripts."""
    telling, missing = STORY[key], scene.missing if isinstance(scene, Absent) else None
    picture = page_plots.as_data_uri(key, scene)
    texts = {
        "stage": telling.stage,
        "title": telling.title,
        "sentence": telling.sentence,
        "gesture": telling.gesture,
        "lead": telling.lead,
        "equation": telling.equation,
        "caption": caption,
        "of_truth": telling.of_truth,
        "tells": telling.tells,
    }
    return Template(source("scene.html")).substitute(
        {name: html.escape(text) for name, text in texts.items()},
        because=spans(why),
        number=number,
        missing=f'<p class="missing">{html.escape(sentence(missing))}</p>' if missing else "",
        figure=f'<img src="{picture}" alt="{html.escape(caption)}" width="960" height="400">',
    )


def document(data: PageData) -> str:
    """Everything that data.page_data found -> the HTML."""
    said, why = {key: minus(text) for key, text in captions(data.scenes).items()}, because(data.scenes)
    numbered = list(enumerate(data.scenes.items(), 1))
    return Template(source("template.html")).substitute(
        run_name=html.escape(data.run.name),
        seed=html.escape(data.run.seed),
        hero=cover(data),
        tabs="\n".join([*(tab(i, STORY[key].tab) for i, (key, _) in numbered), tab(len(numbered) + 1, "Ask")]),
        ask=len(numbered) + 1,
        closing=spans(closing(data.scenes)),
        vote_scene=list(data.scenes).index("votes") + 1,
        footer=html.escape(footer(data.run)),
        css="\n".join([colours(), *(source(f"{name}.css") for name in STYLES)]),
        js="\n".join(source(f"{name}.js") for name in SCRIPTS),
        scenes="\n".join(section(i, key, scene, said[key], why[key]) for i, (key, scene) in numbered),
        data=as_script(asdict(data)),
    )
