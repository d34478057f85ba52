"""Inputs nobody meant: random and damaged texts, files and command lines, by the thousand, each from a seed.

Whatever is put in, one of two things has to come out: the right answer, or one error of the announced kind.  A function
here takes (rng, n, folder) and yields what fell: another exception than the announced one, or damage that was believed.
"""

import contextlib
import io
import json
import os
import shutil
import sys

import numpy as np
from fuzz_values import configs
from small_models import talker
from toy import TOY
from toy_run import quick_page, reseal, toy_size

from minialign import checkpoint, pipeline
from minialign.batch import PAD, Response, collate, conversations, minibatches, render
from minialign.cli.command import COMMANDS, main, parser
from minialign.page.data import page_data
from minialign.page.document import document
from minialign.page.transcript import transcript
from minialign.preferences import load_jsonl
from minialign.runs.contents import checked, load_run
from minialign.runs.errors import Problem
from minialign.runs.voting import Ballots, Pair
from minialign.stages import endings
from minialign.tokenizer import ALPHABET, BOT, EOS, USER, VOCAB_SIZE, decode, encode

ODD = ["\x00", "\n", "\ud800", "\u202e", "<eos>", "\ufeff", "A", "9", "\U0001f404", "\u0301", "{", '"', "\\", " "]
VALUES = [None, True, False, 0, -1, 10**400, 1e308, float("nan"), float("inf"), "", "x", [], {}, [[]], {"x": 1}, "\ud800"]


def pick(rng, things):
    return things[rng.integers(len(things))]


def text(rng, longest=20, strange=0.3):
    """Letters of the alphabet, with a chance that something else is among them."""
    letters = [pick(rng, ALPHABET) for _ in range(rng.integers(longest + 1))]
    if letters and rng.random() < strange:
        letters[rng.integers(len(letters))] = pick(rng, ODD)
    return "".join(letters)


def damage(rng, data: bytes) -> bytes:
    """Bytes that are not these: one or more of them flipped, cut off, doubled, taken out or put in."""
    for _ in range(20):
        changed, at = bytearray(data), int(rng.integers(len(data) + 1))
        how = rng.integers(5)
        if how == 0:
            for place in rng.integers(len(data), size=rng.integers(1, 4)):
                changed[place] ^= 1 << rng.integers(8)
        elif how == 1:
            del changed[at:]
        elif how == 2:
            changed[at:at] = rng.bytes(int(rng.integers(1, 9)))
        elif how == 3:
            del changed[at : at + int(rng.integers(1, 9))]
        else:
            digits = [i for i, byte in enumerate(changed) if 48 <= byte <= 57]
            if digits:
                changed[pick(rng, digits)] = int(rng.integers(48, 58))
        if changed != data:
            return bytes(changed)
    return data + b"x"


def places(value, path=()):
    """Every place in a JSON value, the inner ones too."""
    if path:
        yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inside:
        yield from places(part, (*path, name))


def mutated(rng, value, where):
    """A copy of a JSON value in which one field is gone, or is something else."""
    value = json.loads(json.dumps(value))
    path = pick(rng, where)
    holder = value
    for step in path[:-1]:
        holder = holder[step]
    if rng.random() < 0.3:
        del holder[path[-1]]
    else:
        holder[path[-1]] = pick(rng, VALUES)
    return value


@contextlib.contextmanager
def noticed(fell, what, *announced):
    """Any exception but the announced ones is noted in the list `fell`."""
    try:
        yield
    except announced:
        pass
    except Exception as problem:  # the harness is to see every kind
        fell.append(f"{what!r}: {type(problem).__name__}: {problem}"[:300])


# ------------------------------------------------------------------------------------------------ tokenizer, batch
def tokenizer(rng, n, folder):
    fell = []
    for _ in range(n // 2):
        words = text(rng)
        with noticed(fell, words, ValueError):
            if decode(encode(words)) != words:
                fell.append(f"{words!r} came back as something else")
        ids = rng.integers(-3, VOCAB_SIZE + 3, rng.integers(6)).tolist()
        with noticed(fell, ids, ValueError):
            if decode(ids) and not all(0 <= i < VOCAB_SIZE for i in ids):
                fell.append(f"{ids} were decoded")
    return fell


def batch(rng, n, folder):
    fell = []
    for _ in range(n):
        pairs = [(text(rng, 12, 0.03), Response(text(rng, 12, 0.03), bool(rng.integers(2)))) for _ in range(rng.integers(5))]
        limit = pick(rng, [None, 1, 20, 30, 0, -1])
        with noticed(fell, (pairs, limit), ValueError):
            made = conversations(pairs, limit)
            for (question, (answer, ended)), ids, mask in zip(pairs, made.ids, made.mask):
                expected = [USER, *encode(question), BOT, *encode(answer)] + [EOS] * ended
                if ids[ids != PAD].tolist() != expected or mask.sum() != len(answer) + ended or len(mask) != len(ids) - 1:
                    fell.append(f"{question!r}, {answer!r}, {ended} became {ids}, {mask}")
            rows = np.concatenate(list(minibatches(len(pairs), int(rng.integers(-1, 4)), rng)))
            part = collate([render(question, *answer) for question, answer in pairs])[rows]
            if sorted(part.lengths) != sorted(made.lengths):
                fell.append(f"{pairs}: minibatches have other rows")
    return fell


# ------------------------------------------------------------------------------------------------ checkpoint, stages
def same_model(a, b):
    ours, theirs = a.named_parameters(), b.named_parameters()
    return type(a) is type(b) and a.config == b.config and all(np.array_equal(ours[k].data, theirs[k].data) for k in ours)


def checkpoints(rng, n, folder):
    fell, model, path = [], talker(n_layer=1, dtype="float32"), folder / "model.npz"
    checkpoint.save(model, path)
    whole = path.read_bytes()
    with np.load(path) as stored:
        arrays = dict(stored)
    about = json.loads(str(arrays.pop("about")))
    where = list(places(about))
    for i in range(n):
        if i % 3:
            path.write_bytes(damage(rng, whole))
        else:  # a whole file that says something else about itself
            with open(path, "wb") as file:
                np.savez(file, about=json.dumps(mutated(rng, about, where)), **arrays)
        with noticed(fell, i, ValueError):
            if not same_model(checkpoint.load(path), model):
                fell.append(f"checkpoint {i}: a damaged one was believed")
    return fell


def stages(rng, n, run):
    """A cached stage with one damaged file."""
    fell, journey = [], pipeline.Journey(TOY, 0, run.parent / "cache")
    for name in ("votes", "reward", "base"):
        whole = journey.read(name)
        for ending in (".json", *endings(name)):
            path = journey.path(name, ending)
            content = path.read_bytes()
            for i in range(n // 7):
                path.write_bytes(damage(rng, content))
                with noticed(fell, (name, ending, i), pipeline.UnreadableStage):
                    found = journey.read(name)
                    same = found.model == whole.model if name == "votes" else same_model(found.model, whole.model)
                    if not same or found.history.to_dict() != whole.history.to_dict() or found.seconds != whole.seconds:
                        fell.append(f"{path.name}, {i}: a damaged stage was believed")
            path.write_bytes(content)
    return fell


# ------------------------------------------------------------------------------------------------ votes
def vote_line(rng):
    line = {"prompt": text(rng, 12, 0.1), "chosen": text(rng, 12, 0.1), "rejected": text(rng, 12, 0.1)}
    if rng.random() < 0.5:
        line |= {"chosen_ended": bool(rng.integers(2)), "rejected_ended": bool(rng.integers(2))}
    if rng.random() < 0.4:
        line = mutated(rng, line, list(places(line)))
    raw = json.dumps(line).encode()
    return damage(rng, raw) if rng.random() < 0.4 else raw


def votes(rng, n, folder):
    fell, path = [], folder / "votes.jsonl"
    for _ in range(n):
        raw = pick(rng, [b"\n", b"\r\n"]).join(vote_line(rng) for _ in range(rng.integers(4)))
        path.write_bytes(raw)
        with noticed(fell, raw, ValueError):
            read = load_jsonl(path, 40)
            for prompt, chosen, rejected in zip(read.prompts, read.chosen, read.rejected):
                sound = prompt.strip() and chosen != rejected and all(isinstance(side.ended, bool) for side in (chosen, rejected))
                if not sound or decode(encode(prompt + chosen.text + rejected.text)) != prompt + chosen.text + rejected.text:
                    fell.append(f"{raw!r} was believed")
    return fell


def ballots(rng, n, folder):
    """A voter goes on with a damaged file: what is refused stays as it is, what is accepted keeps its whole lines."""
    fell, path = [], folder / "ballots.jsonl"
    path.unlink(missing_ok=True)
    pair = Pair("a?", Response("yes.", True), Response("no.", False))
    first = Ballots(path, "model")
    for decision in ("a", "b", "tie", "skip"):
        first.add(pair, decision, 1.0)
    whole = path.read_bytes()
    for i in range(n):
        before = damage(rng, whole)
        path.write_bytes(before)
        try:
            voter = Ballots(path, "model")
            kept = len(voter.lines)
            voter.add(pair, "a", 1.0)
            if len(Ballots(path, "model").lines) != kept + 1 or not path.read_bytes().startswith(before[: voter.ends[kept]]):
                fell.append(f"ballots {i}: a vote was lost")
        except Problem:
            if path.read_bytes() != before:
                fell.append(f"ballots {i}: a refused file was written to")
        except Exception as problem:
            fell.append(f"ballots {i}: {type(problem).__name__}: {problem}")
    return fell


# ------------------------------------------------------------------------------------------------ runs
def run_json(rng, n, run):
    path, fell = run / "run.json", []
    content = path.read_bytes()
    whole = json.loads(content)
    where = list(places(whole))
    for i in range(n):
        if i % 2:
            path.write_text(json.dumps(mutated(rng, whole, where)), encoding="utf-8")
        else:
            path.write_bytes(damage(rng, content))
        with noticed(fell, i, Problem):
            if load_run(run) != whole:
                fell.append(f"run.json, {i}: a damaged one was believed")
    path.write_bytes(content)
    return fell


def run_files(rng, n, run):
    fell, numbers = [], load_run(run)
    for name in numbers["files"]:
        whole = (run / name).read_bytes()
        for i in range(n // len(numbers["files"])):
            (run / name).write_bytes(damage(rng, whole))
            with noticed(fell, (name, i), Problem):
                fell.append(f"{checked(run, name, numbers)}, {i}: a damaged file was believed")
        (run / name).write_bytes(whole)
    return fell


def page(rng, n, run):
    fell = []
    wholes = {name: (run / name).read_bytes() for name in ("run.json", "curves.json", "votes-held-out.jsonl")}
    parsed = {name: json.loads(wholes[name]) for name in ("run.json", "curves.json")}
    where = {name: list(places(value)) for name, value in parsed.items()}
    with toy_size(), quick_page():
        for i in range(n):
            name = pick(rng, list(wholes))
            if name in parsed and rng.random() < 0.8:
                (run / name).write_text(json.dumps(mutated(rng, parsed[name], where[name])), encoding="utf-8")
            else:
                (run / name).write_bytes(damage(rng, wholes[name]))
            if name != "run.json" and rng.random() < 0.8:
                reseal(run)  # so that what is in it is read, too
            with noticed(fell, (name, i), Problem):
                data = page_data(run)
                document(data), transcript(data)
            for other, content in wholes.items():
                (run / other).write_bytes(content)
    return fell


# ------------------------------------------------------------------------------------------------ the command line
# In an empty folder these find nothing, and say so.
HARMLESS = ("chat", "page", "vote", "votes", "check", "quiz", "export", "import", "doctor")


def arguments(rng):
    words = ["--fast", "--seed", "--seeds", "--out", "--votes", "--with", "--model", "--to", "--hint", "--json", "--jobs", "-h",
             "--leashes", "--greedy", "grpo", "all", "sft", "leash", "3", "-1", "0", "99", "1e9", "nan", "", "x", "\x00", "\ud800",
             "--", "-", "--=", "--seed=7", "\u0663", "nowhere/at/all", ".", "/dev/null", "9" * 400, "\u202e"]  # fmt: skip
    first = pick(rng, [*COMMANDS, "dance", "", "--help"])
    return [first, *(pick(rng, words) for _ in range(rng.integers(5)))]


def command_line(rng, n, folder):
    fell, here = [], os.getcwd()
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    os.chdir(empty)
    old = sys.stdin
    try:
        for _ in range(n):
            argv, said = arguments(rng), io.StringIO()
            sys.stdin = io.StringIO("")
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said), noticed(fell, argv):
                try:
                    code = main(argv) if argv[0] in HARMLESS else (parser(argv[0]).parse_args(argv), 0)[1]
                except SystemExit as stop:
                    code = stop.code
                lines = said.getvalue().splitlines()
                if code not in (0, 1, 2) or (code == 2 and (len(lines) != 1 or not lines[0].startswith("minialign: "))):
                    fell.append(f"{argv}: exit {code}, {lines[-1:]}")
    finally:
        os.chdir(here)
        sys.stdin = old
        shutil.rmtree(empty)
    return fell


# what, how many in the whole, on a run (or in an empty folder)
TARGETS = [
    ("tokenizer: texts and ids", tokenizer, 40_000, False),
    ("batch: conversations", batch, 20_000, False),
    ("configurations: odd values, and training", configs, 6_000, False),
    ("checkpoint: damaged .npz", checkpoints, 15_000, False),
    ("cached stage: damaged .json, .npz, .jsonl", stages, 5_600, True),
    ("votes: damaged lines", votes, 20_000, False),
    ("votes: voting on with a damaged file", ballots, 3_000, False),
    ("run.json: damaged", run_json, 6_000, True),
    ("run folder: damaged files", run_files, 3_600, True),
    ("page: damaged run.json, curves, votes", page, 1_500, True),
    ("command line: random words", command_line, 12_000, False),
]


def fuzz(run, folder, seed=0, share=1.0, say=lambda row: None, only=""):
    """All targets, or those with `only` in their name -> list of (what, how many, what fell).

    run: a finished toy run that may be spoiled.
    """
    rows = []
    for number, (what, target, whole, on_a_run) in enumerate(TARGETS):
        if only not in what:
            continue
        n = max(14, int(whole * share))
        with np.errstate(all="warn"):
            fell = target(np.random.default_rng([seed, number]), n, run if on_a_run else folder)
        rows.append((what, n, fell))
        say(rows[-1])
    return rows
