"""What all lessons share: flags, models from upstream, numbers with their expected values, claims, faults, pictures.

A lesson is a script in percent cells.  Its docstring is its header and its --help, and also lists its claims (WATCH) and
its faults (BREAK IT), so that nothing is written twice: see lesson_doc.py.

    lesson = Lesson(__file__, __doc__)      reads the flags, prints the header
    lesson.fast .seed .rng .fault           --fast, --seed, a generator of its own, the name of the fault or None
    lesson.journey .recipe .folder .votes   this run's pipeline.Journey, its recipe, its folder; the votes of --votes
    lesson.rate .you_rate .rated .switches  --rate; is it terminal; its file of votes; flags of one lesson alone
    lesson.hands  lesson.learn_from(file)   where a room's show of hands is kept, for all lessons; train on a file's votes
    lesson.need("base", "sft")              upstream stages, made if missing -> what the last, journey.stage("sft"), returns
    lesson.section("The loss")              a heading
    lesson.say("...")                       a paragraph, at most 88 columns wide; plain print() for tables
    lesson.show("bradley-terry")            the lines that implement an equation, as they are now
    lesson.predict(question, options, right, because)     asked on a terminal only;  lesson.reveal() after the numbers
    lesson.steps(range(100), "training")    a loop with a bar; the first Ctrl-C ends it early, and the lesson goes on
    lesson.number(name, value, exact=0.69)  compared with an exact value, or with the band that `minialign calibrate` found
    lesson.claim(2, held_out < train)       claim 2 of the docstring: seen, or NOT SEEN
    lesson.inject_fault(ppo, "gae", old, new)      a fault: one changed line of the package, until the lesson ends
    lesson.picture("votes", figure, words)  PNG, SVG and the caption
    lesson.finish()                         the fault is revealed, run.json is written

Everything goes to OUT/lessons/NAME[-fast][-FAULT][-votes-FILE-DIGEST][-rated][-sSEED]/, the upstream stages to OUT/cache.
Exit code: 0 done · 2 an error that the user can fix, in one line · 130 interrupted; the numbers so far are in run.json.
"""

import contextlib
import json
import math
import signal
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from .. import cache, pipeline, source_patch
from ..runs.errors import Problem
from ..runs.folder import check_writable, read_votes, votes_name, write_text
from ..runs.text import heading, paragraph
from . import equations, notebook
from .bands import read_bands, run_key
from .faults import inject_fault, undo_after_failed_cells, undo_faults
from .flags import read_flags
from .lesson_doc import claims_of, faults_of
from .lesson_text import explain, text_of
from .shell import ask, prepare_for_trouble, set_handler


@dataclass(frozen=True)
class Number:
    """A number that a lesson prints, and what it is compared with."""

    name: str
    value: float | None
    text: str  # the value as it is printed
    remark: str  # exact: ln 2 | 20 seeds: 0.61 .. 0.72 | not calibrated yet
    verdict: str  # ok | OFF: not the exact value | outside: of the band | "": nothing is known
    band: tuple[float, float] | None = None


class Lesson:
    """One run of one lesson.  switches: further flags of this lesson alone, name -> what it does."""

    def __init__(self, file: str | Path, doc: str, **switches: str):
        self.began = time.perf_counter()
        self.file, self.name, self.doc = Path(file), Path(file).stem, doc
        self.sentences, self.faults = claims_of(doc), faults_of(doc)
        self.key = ""  # until there is something to write
        prepare_for_trouble(lambda: self._write(complete=False) if self.key else None)
        a = read_flags(self.file, doc, self.faults, switches)
        if a.explain:
            print(heading(doc.splitlines()[0]), explain(text_of(self.file)), sep="\n")
            sys.exit()
        self.switches = {name: getattr(a, name) for name in switches}
        self.fast, self.seed, self.rate = a.fast, a.seed, a.rate or "simulated"
        self.you_rate = self.rate == "terminal"
        here = {"simulated": None, "terminal": None, "hands": None, "class": self.file.parent / "class.jsonl"}
        self.rated = here.get(self.rate, Path(self.rate))  # a file of others' votes
        self.asks = not a.no_predict and sys.stdin.isatty() and sys.stdout.isatty()
        self.rng = np.random.default_rng([self.seed, int(self.name[:2])])
        self.mystery, self.fault, self.asked_fault = a.fault == "mystery", a.fault, a.fault
        if self.mystery:
            self.fault = str(np.random.default_rng([self.seed, 42]).choice(list(self.faults)))
        self.recipe = pipeline.FAST if self.fast else pipeline.FULL
        self.numbers: dict[str, float] = {}
        self.claims: dict[int, bool] = {}
        self.pictures: dict[str, str] = {}
        self.titles: set[str] = set()  # of the sections that have begun
        self.changes: list[str] = []  # the faults, in words
        self.predicted, self.guess = ("", ""), ""
        self.cut_short = False
        self.outside = 0  # numbers
        self.upstream = self.waited = 0.0  # seconds: for making missing stages; for people's answers
        undo_faults()  # of a lesson that ran before in the same notebook
        undo_after_failed_cells()
        notebook.settle_in(self.file)
        self.out, self.of_seed = Path(a.out), f"-s{self.seed}" if self.seed else ""
        self.hands = self.out / "lessons" / f"hands{'-fast' * self.fast}{self.of_seed}.jsonl"
        self.folder = self.out / "lessons" / self.name
        self.learn_from(a.votes or (self.rated if "--votes" in doc else None))  # a lesson with --votes trains on them
        # The key is taken now, from the code as it was loaded: an edit during the run is not part of it.
        self.key = run_key(self.file)
        print(heading(doc.splitlines()[0]))
        print(paragraph(f"seed {self.seed}{', fast' * self.fast}; kept in {self.folder}"), flush=True)
        if self.fault:
            self._warn_of_fault()

    def learn_from(self, ballots: str | Path | None) -> None:
        """Train on the votes of this file (None: the simulated raters') from here on, and keep what comes of it apart."""
        self.votes = read_votes(ballots, self.recipe.model.context_length) if ballots else None
        # A run with a fault, or with a human's votes, has a folder of its own: prepare and calibrate read the others.
        own = votes_name(ballots, self.votes) if ballots and self.votes else ""
        endings = "-fast" * self.fast, f"-{self.asked_fault}" * bool(self.fault), own, "-rated" * (self.rate != "simulated")
        with contextlib.suppress(OSError):
            self.folder.rmdir()  # it is empty if whose votes these are was not known when the lesson began
        self.folder = self.out / "lessons" / "".join([self.name, *endings, self.of_seed])
        # The bands hold for the simulated raters' votes: other votes give other numbers.
        bands = {} if own else read_bands(self.file.parent).get(self.name, {})
        self.bands = bands.get("fast" if self.fast else "full", {})
        self.journey = pipeline.Journey(self.recipe, self.seed, self.out / "cache", self._making, self.votes)
        self.recipe = self.journey.recipe  # with what the world adds to it
        check_writable(self.folder)
        (self.folder / "run.json").unlink(missing_ok=True)  # until this run has one

    # -------------------------------------------------------------------------------------------- before the numbers
    def need(self, *names: str) -> pipeline.Stage:
        """Stages of the pipeline, made and stored if they are missing; prints how long that took.  Returns the last one."""
        start = time.perf_counter()
        for name in names:
            known = set(self.journey.in_memory)
            self.journey.stage(name)
            for new, stage in self.journey.in_memory.items():  # it may have made stages before it as well
                if isinstance(stage, pipeline.Stage) and new not in known:
                    how = "found in the cache" if stage.cached else "made, and stored for next time"
                    print(f"   {new + ':':<8}{how}, {stage.seconds:.1f} s", flush=True)
        self.upstream += time.perf_counter() - start
        return self.journey.stage(names[-1])

    def _making(self, name: str) -> None:
        print(f"   {name + ':':<8}not there yet: making it, once", flush=True)

    def section(self, title: str) -> None:
        if title in self.titles:  # a notebook's cell, run again
            print("   (this cell has run before: random numbers go on from there, so what it measures may differ)")
        self.titles.add(title)
        print(f"\n-- {title} ".ljust(60, "-"), flush=True)

    def say(self, text: str) -> None:
        print(paragraph(text, "   ", "   "), flush=True)

    def show(self, equation: str) -> None:
        """The lines that implement an equation, and where they are."""
        region = equations.regions()[equation]
        print(f"   [{equation}] {region.place}")
        for line in region.code.splitlines():  # a long line is continued on the next, further to the right
            further = " " * (len(line) - len(line.lstrip()) + 8)
            for piece in textwrap.wrap(line, 83, subsequent_indent=further) or [""]:
                print(f"   | {piece}", flush=True)

    def predict(self, question: str, options: list[str], right: int, because: str) -> None:
        """One question before the run, with a, b, c to choose from; right: which of them, from 0."""
        letters = [f"{letter}) {option}" for letter, option in zip("abcdef", options)]
        print("\n" + paragraph(f"PREDICT {question}", hanging="   "))
        print("\n".join(paragraph(line, "   ", "      ") for line in letters), flush=True)
        self.predicted = letters[right], because
        if self.asks:
            self.guess = self._ask()

    def reveal(self) -> None:
        """Print the right answer, and why it is right."""
        right, because = self.predicted
        if self.asks and self.guess:
            print(f"   you said {self.guess}" + (", and so it is" if right.startswith(self.guess) else ""))
        print("\n" + paragraph(f"REVEAL  {right}: {because}", hanging="   "), flush=True)

    # -------------------------------------------------------------------------------------------- while it runs
    def steps(self, iterable: Iterable, name: str) -> Iterator:
        """Iterate with a progress bar.  The first Ctrl-C ends the loop after the current step, the second ends the lesson."""

        def stop(*_):
            self.cut_short = True
            signal.signal(signal.SIGINT, signal.default_int_handler)
            print("\n   stopping after this step; Ctrl-C again to stop now", file=sys.stderr)

        usual = signal.getsignal(signal.SIGINT)
        set_handler(signal.SIGINT, stop)
        try:
            for item in tqdm(iterable, desc=name, leave=False, disable=None, ncols=72):
                yield item
                if self.cut_short:
                    break
        finally:
            set_handler(signal.SIGINT, usual)

    def inject_fault(self, owner: Any, name: str, old: str, new: str) -> None:
        """Replace `old`, which must occur once in the source of owner.name, by `new`: in memory, no file is touched."""
        if self.changes and not source_patch.ACTIVE:  # it was undone, and a notebook's cell is run again
            self._warn_of_fault()
        change = inject_fault(owner, name, old, new)
        self.changes += [change] if change not in self.changes else []

    # -------------------------------------------------------------------------------------------- after it ran
    def number(
        self, name: str, value: float, form: str = ".3f", exact: float | None = None, within: float = 1e-6, why: str = ""
    ) -> Number:
        """Print a number and what it can be compared with: an exact value, and why; or the band over many seeds."""
        value, band = float(value), None
        self.numbers[name] = value
        if exact is not None:
            verdict = "ok" if abs(value - exact) <= within else "OFF"
            remark = f"exact: {why or format(exact, form)}"
        elif name in self.bands:
            low, high, seeds = self.bands[name]
            band, verdict = (low, high), "ok" if low <= value <= high else "outside"
            remark = f"{seeds} seeds: {low:{form}} .. {high:{form}}"
        else:
            remark, verdict = "not calibrated yet", ""  # `minialign calibrate` has not seen it
        self.outside += verdict == "outside"
        number = Number(name, value, f"{value:{form}}", remark, verdict, band)
        line = f"{number.text}  {remark}" + (f"  {verdict}" if verdict else "")
        print(paragraph(line, f"   {name:<35} ", " " * 39), flush=True)
        return number

    def claim(self, which: int, seen: bool, numbers: str = "") -> bool:
        """Record whether claim `which` of the docstring was seen.  numbers: the evidence, as text."""
        self.claims[which] = bool(seen)
        verdict = "seen" if seen else "NOT SEEN"
        text = f"[{verdict}] {which}. {self.sentences[which]}" + (f" ({numbers})" if numbers else "")
        print(paragraph(text, "   ", "      "), flush=True)
        return bool(seen)

    def picture(self, name: str, figure: Any, words: str) -> None:
        from ..figures import style  # matplotlib is slow to load: only when there is something to draw

        style.save(figure, self.folder / name, words)
        self.pictures[name] = words
        notebook.show(self.folder / f"{name}.png", words)
        print(f"\n   picture: {(self.folder / name).as_posix()}.png")
        print(paragraph(f"in words: {words}", "   ", "   "), flush=True)

    def finish(self) -> None:
        """Reveal the fault, write run.json, end."""
        unchecked = set(self.sentences) - set(self.claims)
        if unchecked and (notebook.ipython() or notebook.marimo()):
            raise Problem(f"claims {listed(sorted(unchecked))} have not been checked; run the cells above, from the top")
        if unchecked:
            raise AssertionError(f"promised in the docstring, never checked: claims {sorted(unchecked)}")
        undo_faults()  # before anything below can fail
        if self.fault:
            self._reveal_fault()
        self._write(complete=not self.cut_short)
        if self.outside:  # of n + 1 equally likely seeds, the new one is the lowest or the highest in 2 of n + 1 cases
            print(f"\n   {self.outside} outside the band of the seeds tried; with another seed or processor this can happen.")
        seen = f"{sum(self.claims.values())} of {len(self.claims)} claims seen"
        seconds = f"{self._seconds() - self.upstream:.1f} s"
        seconds += f" and {self.upstream:.1f} s upstream" if self.upstream > 1 else ""
        print(f"\n== {seen}, {seconds}; numbers in {(self.folder / 'run.json').as_posix()}", flush=True)
        if self.cut_short:
            raise KeyboardInterrupt("the numbers so far are drawn and kept")

    def _warn_of_fault(self) -> None:
        named = f"{self.fault}: {self.faults[self.fault][0]}" if not self.mystery else "guess what it is"
        print(paragraph(f"BROKEN ON PURPOSE, {named}."), flush=True)

    def _reveal_fault(self) -> None:
        what, fails = self.faults[self.fault]
        if self.mystery:
            print("\nWHAT WAS BROKEN?  " + ", ".join(self.faults))
            if self.asks:
                guess = self._ask()
                print("   right!" if guess == self.fault else "   the answer:")
        print(paragraph(f"It was {self.fault}: {what}.", "   ", "      "))
        for change in self.changes:
            print(paragraph(change, "   ", "      "))
        gone = [n for n, seen in self.claims.items() if not seen]
        print(paragraph(f"   Expected to go unseen: claims {listed(fails)}. Went unseen: {listed(gone)}."))

    # -------------------------------------------------------------------------------------------- plumbing
    def _ask(self) -> str:
        """A guess; the time to think does not count as the lesson's."""
        start = time.perf_counter()
        guess = ask("   your guess (Enter: skip)? ")
        self.waited += time.perf_counter() - start
        return guess

    def _seconds(self) -> float:
        return time.perf_counter() - self.began - self.waited

    def _write(self, complete: bool) -> None:
        run = {
            "lesson": self.name, "seed": self.seed, "fast": self.fast, "complete": complete, "key": self.key,
            "fault": self.fault, "expected_unseen": self.faults[self.fault][1] if self.fault else [],
            "claims": {n: {"sentence": self.sentences[n], "seen": seen} for n, seen in sorted(self.claims.items())},
            "numbers": {name: x if math.isfinite(x) else None for name, x in self.numbers.items()},  # JSON has no NaN
            "pictures": self.pictures,
            "seconds": round(self._seconds() - self.upstream, 1), "upstream_seconds": round(self.upstream, 1),
        }  # fmt: skip
        write_text(self.folder / "run.json", json.dumps(cache.seal(run), indent=1))


def listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
