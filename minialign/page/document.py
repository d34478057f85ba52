"""The page, put together: one file of HTML, with its style, its scripts and its data inside.

Strings from a run reach it in two ways only: html.escape where Python writes them, and inside the JSON, in which
<, >, & and the line separators of Unicode are escaped, so that no text can end the script element that holds it.
"""

import html
import json
import re
from importlib.resources import files
from string import Template

from ..figures import page_plots
from .captions import captions

SCENES = (  # stage, title, what it is about, its equation
    (
        "the base model",
        "A brilliant autocomplete",
        "It has read a little internet and learned one thing: which character comes next. Asked a question, "
        "it goes on as the "
        "internet does after a question.",
        "p(next character | all before it)",
    ),
    (
        "supervised fine-tuning",
        "The same question, again and again",
        "The same model imitates a few thousand demonstrations, good and bad ones. It is trained on the "
        "answers and on their END "
        "alone. Watch one question along the way.",
        "loss = - mean log p(answer | question)",
    ),
    (
        "votes",
        "Two answers, one click",
        "The SFT model answers twice, and somebody says which answer is better. Here it is your turn; then "
        "see what the raters of "
        "this run said, and what the truth would say.",
        "P(a is preferred) = sigma(r(a) - r(b))",
    ),
    (
        "the reward model",
        "Votes become a number",
        "A copy of the SFT model learns to give every answer a score, so that of each pair the chosen one "
        "has the higher. These "
        "pairs it was not trained on.",
        "loss = - mean log sigma(r(chosen) - r(rejected))",
    ),
    (
        "PPO",
        "Try, score, nudge, on a leash",
        "The policy answers, the reward model scores, and what scored above expectation becomes more "
        "probable. The spring is the "
        "leash: its length is the measured distance from the SFT model.",
        "maximise  E[score] - beta KL(policy || SFT)",
    ),
    (
        "the leash",
        "How tight?",
        "Nothing is trained here. The best policy on a leash is known exactly: the SFT model's own answers, "
        "each weighted by "
        "exp(score / beta). Move the leash, and compare what the reward model thinks with what is true.",
        "pi(y) = SFT(y) exp(proxy(y) / beta) / Z",
    ),
    (
        "DPO, and everybody",
        "The shortcut",
        "From the same votes straight into the policy: no reward model, no sampling. Then ask all four "
        "models, side by side.",
        "loss = - log sigma(beta [moved(chosen) - moved(rejected)])",
    ),
)


SCRIPTS = (
    *("model", "draw", "shared"),
    *("scene1_base", "scene2_sft", "scene3_votes", "scene4_reward", "scene5_ppo", "scene6_leash", "scene7_dpo"),
    "player",
)


def source(name):
    return files(__package__).joinpath("static", name).read_text(encoding="utf-8")


def as_script(data):
    """JSON that is safe inside a script element."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":  # U+2028 and U+2029 are escaped already, like all that is not ASCII
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def hero(scene):
    """One question and what the four models say to it: the journey in five lines."""
    if "missing" in scene:
        return ""
    names = {"base": "base", "sft": "SFT", "ppo": "PPO", "dpo": "DPO"}
    first = {name: answers[0] for name, answers in scene["samples"].items()}
    lines = "".join(
        f'<div class="{name}"><dt>{names[name]}</dt><dd>{html.escape(a["greedy"].strip() or "(nothing)")}</dd></div>'
        for name, a in first.items()
    )
    return f'<dl class="voices"><div><dt>you</dt><dd>{html.escape(first["base"]["question"])}</dd></div>{lines}</dl>'


def footer(run):
    seconds = ", ".join(f"{name} {value:.0f}" for name, value in run["seconds"].items())
    return (
        f"Made from {run['name']}: seed {run['seed']}, {run['date']}, minialign {run['version']}, code {run['code']}. "
        f"Votes by {run['raters']}. Seconds: {seconds} ({run['machine']})."
    )


def document(data):
    """Everything of data.material -> the HTML."""
    said = [re.sub(r"(?<![\w.])-(?=\d)", "\u2212", text) for text in captions(data["scenes"])]  # a true minus
    one = Template(source("scene.html"))
    scenes = []
    for i, (stage, title, lead, equation) in enumerate(SCENES):
        missing = data["scenes"][i].get("missing")
        picture = page_plots.as_data_uri(i, data["scenes"][i])
        texts = {
            "stage": stage,
            "title": title,
            "lead": lead,
            "equation": equation,
            "caption": said[i],
        }
        scenes.append(
            one.substitute(
                {name: html.escape(text) for name, text in texts.items()},
                number=i + 1,
                missing=f'<p class="missing">{html.escape(missing)}</p>' if missing else "",
                figure=f'<img src="{picture}" alt="{html.escape(said[i])}" width="960" height="400">',
            )
        )
    return Template(source("template.html")).substitute(
        run_name=html.escape(data["run"]["name"]),
        seed=html.escape(str(data["run"]["seed"])),
        hero=hero(data["scenes"][-1]),
        footer=html.escape(footer(data["run"])),
        css=source("page.css"),
        js="\n".join(source(f"{name}.js") for name in SCRIPTS),
        scenes="\n".join(scenes),
        data=as_script(data),
    )


def transcript(data):
    """The same seven scenes as plain text, for a terminal or a screen reader."""
    lines = [f"From autocomplete to assistant: {data['run']['name']}, seed {data['run']['seed']}", ""]
    for i, ((stage, title, lead, _), said) in enumerate(zip(SCENES, captions(data["scenes"]))):
        scene = data["scenes"][i]
        lines += [f"Scene {i + 1}, {stage}: {title}", "", lead, ""]
        if "missing" not in scene:
            lines += [f"   {line}" for line in map(page_plots.ascii_line, SHOWN[i](scene))] + [""]
        lines += [f"In this run. {said}", "", ""]
    return "\n".join(lines)


def _samples(scene):
    for row in scene["rows"]:
        yield row["question"]
        yield f"   -> {page_plots.words(row['samples'][0])}"


def _ladder(scene):
    row = scene["rows"][0]
    yield row["question"]
    for step, entry in zip(scene["steps"], row["greedy"]):
        yield f"   step {step:>4}  {page_plots.words(entry)}"


def _pairs(scene):
    for pair in scene["pairs"][:3]:
        yield pair["question"]
        yield f"   voted for  {pair['chosen']}   (truth {pair['gold'][0]:+.1f})"
        yield f"   against    {pair['rejected']}   (truth {pair['gold'][1]:+.1f})"


def _scores(scene):
    for pair in scene["pairs"][:4]:
        (c0, r0), (c1, r1) = pair["scores"][0], pair["scores"][-1]
        yield pair["question"]
        yield f"   {c0:+.2f} -> {c1:+.2f}  chosen    {pair['chosen']}"
        yield f"   {r0:+.2f} -> {r1:+.2f}  rejected  {pair['rejected']}"


def _leashes(scene):
    for run in scene["runs"]:
        yield f"beta {run['beta']:g}{' (this run)' if run['own'] else ''}: score and KL by iteration"
        yield "   " + "  ".join(f"{score:+.2f}/{kl:.2f}" for score, kl in zip(run["scores"], run["kl"]))


def _tightness(scene):
    yield "beta    proxy    gold      KL  effective answers"
    for point in scene["curve"][::4]:
        yield "{beta:<7.3g} {proxy:+.2f}   {gold:+.2f}   {kl:.2f}  {effective:.1f}".format(**point)
    yield "the largest gaps between the score and the truth:"
    for entry in scene["gallery"][:5]:
        yield f"   {entry['question']} -> {entry['text']}   (score {entry['proxy']:+.1f}, truth {entry['gold']:+.1f})"


def _four(scene):
    for name, answers in scene["samples"].items():
        for a in answers[:2]:
            yield f"{name:<5} {a['question']} -> {a['greedy'].strip()}{'' if a['greedy_ended'] else ' ...'}"


SHOWN = (_samples, _ladder, _pairs, _scores, _leashes, _tightness, _four)
