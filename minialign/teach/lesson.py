"""What all lessons share: flags, models from upstream, numbers with what is expected of them, claims, faults, pictures.

A lesson is a script in percent cells.  Its docstring is its header and its --help, and also the list of its claims
(WATCH) and of its faults (BREAK IT), so that nothing is written twice: see header.py.

    lesson = Lesson(__file__, __doc__)      reads the flags, prints the header
    lesson.fast .seed .rng .fault           --fast, --seed, a generator of its own, the name of the fault or None
    lesson.journey .recipe .folder .votes   this run's pipeline.Journey, its recipe, its folder; the votes of --votes
    lesson.you_rate .switches               --rate terminal; further flags of one lesson alone
    lesson.need("base", "sft")              upstream stages, made if missing -> what the last, journey.stage("sft"), returns
    lesson.section("The loss")              a heading
    lesson.say("...")                       a paragraph, at most 88 columns wide; plain print() for tables
    lesson.show("bradley-terry")            the lines that implement an equation, as they are now
    lesson.predict(question, options, right, because)     asked on a terminal only;  lesson.reveal() after the numbers
    lesson.steps(range(100), "training")    a loop with a bar; the first Ctrl-C ends it early, and the lesson goes on
    lesson.number(name, value, exact=0.69)  held against an exact value, or the band that `minialign calibrate` found
    lesson.claim(2, held_out < train)       claim 2 of the docstring: seen, or NOT SEEN
    lesson.inject_fault(ppo, "gae", old, new)      a fault: one changed line of the package, until the lesson ends
    lesson.picture("votes", figure, words)  PNG, SVG and the words
    lesson.finish()                         the fault is revealed, run.json is written

Everything goes to OUT/lessons/NAME[-fast][-FAULT][-own-votes][-rated][-sSEED]/, the upstream stages to OUT/cache.
Exit code: 0 done · 2 something the user can put right, in one line · 130 interrupted; what there was is in run.json.
"""

import argparse
import json
import signal
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .. import pipeline
from ..runs.arguments import Parser, whole_number
from ..runs.folder import check_writable, read_votes, write_text
from ..runs.text import heading, paragraph
from . import equations
from .bands import read_bands, run_key
from .faults import inject_fault, undo_after_failed_cells, undo_faults
from .lesson_doc import claims_of, faults_of
from .shell import ask, prepare_for_trouble


class Lesson:
    """One run of one lesson.  switches: further flags of this lesson alone, name -> what it does."""

    def __init__(self, file, doc, **switches):
        self.file, self.name, self.doc = Path(file), Path(file).stem, doc
        self.sentences, self.faults = claims_of(doc), faults_of(doc)
        as_script = Path(sys.argv[0]).name == self.file.name  # in a notebook the arguments are not ours
        a = self.parser(switches).parse_args(sys.argv[1:] if as_script else [])
        self.switches = {name: getattr(a, name) for name in switches}
        self.fast, self.seed, self.you_rate = a.fast, a.seed, getattr(a, "rate", None) == "terminal"
        self.asks = not a.no_predict and sys.stdin.isatty() and sys.stdout.isatty()
        self.rng = np.random.default_rng([self.seed, int(self.name[:2])])
        names = list(self.faults)
        self.mystery, self.fault = a.fault == "mystery", a.fault
        if self.mystery:
            self.fault = names[np.random.default_rng([self.seed, 42]).integers(len(names))]
        own = "-own-votes" if getattr(a, "votes", None) else ""
        by_whom = own + "-rated" * self.you_rate  # apart from what calibrate and prepare measure
        endings = "-fast" * self.fast, f"-{a.fault}" if a.fault else "", by_whom, f"-s{self.seed}" if self.seed else ""
        self.folder = Path(a.out) / "lessons" / "".join([self.name, *endings])
        self.recipe = pipeline.FAST if self.fast else pipeline.FULL
        self.numbers, self.claims, self.pictures, self.changes = {}, {}, {}, []
        self.predicted, self.guess, self.cut_short, self.upstream, self.waited = None, "", False, 0.0, 0.0
        bands = read_bands(self.file.parent).get(self.name, {})  # of the simulated raters' votes
        self.bands = {} if own else bands.get("fast" if self.fast else "full", {})
        self.finished = False
        self.began, self.key = time.perf_counter(), run_key(self.file)
        undo_faults()  # of a lesson that ran before in the same notebook
        undo_after_failed_cells()
        prepare_for_trouble(lambda: self._write(complete=False))
        self.votes = read_votes(a.votes, self.recipe.model.context_length) if own else None
        self.journey = pipeline.Journey(self.recipe, self.seed, Path(a.out) / "cache", self._making, self.votes)
        check_writable(self.folder)
        (self.folder / "run.json").unlink(missing_ok=True)  # until this run has one
        print(heading(doc.splitlines()[0]))
        print(paragraph(f"seed {self.seed}{', fast' * self.fast}; kept in {self.folder}"), flush=True)
        if self.fault:
            self._warn_of_fault()

    def parser(self, switches):
        p = Parser(prog=self.file.name, description=self.doc, formatter_class=argparse.RawDescriptionHelpFormatter)
        p.add_argument("--fast", action="store_true", help="the classroom cut: smaller, quicker, same direction")
        p.add_argument("--seed", type=whole_number, default=0, help="all that is random comes from it (default 0)")
        p.add_argument("--out", default="runs", metavar="DIR", help="where everything is kept (default runs)")
        names = [*self.faults, "mystery"]
        p.add_argument("--break", dest="fault", choices=names, help="a fault to make, or a mystery to solve")
        p.add_argument("--no-predict", action="store_true", help="ask nothing, even on a terminal")
        if "--votes" in self.doc:
            p.add_argument("--votes", metavar="FILE", help="train on these votes (minialign vote) instead")
        if "--rate" in self.doc:
            p.add_argument("--rate", choices=("simulated", "terminal"), default="simulated", help="who votes: or you")
        for name, what in switches.items():
            p.add_argument(f"--{name}", action="store_true", help=what)
        return p

    # -------------------------------------------------------------------------------------------- before the numbers
    def need(self, *names):
        """Stages of the journey, made and kept if they are missing; says what that took.  Returns the last one."""
        start = time.perf_counter()
        result = None
        for name in names:
            known = set(self.journey.in_memory)
            result = self.journey.stage(name)
            for new, stage in self.journey.in_memory.items():
                if isinstance(stage, pipeline.Stage) and new not in known:
                    how = "found in the cache" if stage.cached else "made, and kept for next time"
                    print(f"   {new + ':':<8}{how}, {stage.seconds:.1f} s", flush=True)
        self.upstream += time.perf_counter() - start
        return result

    def _making(self, name):
        print(f"   {name + ':':<8}not there yet: making it, once", flush=True)

    def section(self, title):
        print(f"\n-- {title} ".ljust(60, "-"), flush=True)

    def say(self, text):
        print(paragraph(text, "   ", "   "), flush=True)

    def show(self, equation):
        """The lines that implement an equation, and where they are."""
        region = equations.regions()[equation]
        print(f"   [{equation}] {region.place}")
        for line in region.code.splitlines():  # a long line goes on in the next, further to the right
            further = " " * (len(line) - len(line.lstrip()) + 8)
            for piece in textwrap.wrap(line, 83, subsequent_indent=further) or [""]:
                print(f"   | {piece}", flush=True)

    def predict(self, question, options, right, because):
        """One question before the run, with a, b, c to choose from; right: which of them, from 0."""
        letters = [f"{letter}) {option}" for letter, option in zip("abcdef", options)]
        print("\n" + paragraph(f"PREDICT {question}", hanging="   "))
        print("\n".join(paragraph(line, "   ", "      ") for line in letters), flush=True)
        self.predicted = letters[right], because
        if self.asks:
            self.guess = self._ask()

    def reveal(self):
        """What was right, and why."""
        right, because = self.predicted
        if self.asks and self.guess:
            print(f"   you said {self.guess}" + (", and so it is" if right.startswith(self.guess) else ""))
        print("\n" + paragraph(f"REVEAL  {right}: {because}", hanging="   "), flush=True)

    # -------------------------------------------------------------------------------------------- while it runs
    def steps(self, iterable, name):
        """Iterate with a bar.  A first Ctrl-C lets the step finish and ends the loop, a second ends the lesson."""

        def stop(*_):
            self.cut_short = True
            signal.signal(signal.SIGINT, signal.default_int_handler)
            print("\n   stopping after this step; Ctrl-C again to stop now", file=sys.stderr)

        before = signal.signal(signal.SIGINT, stop)
        try:
            for item in tqdm(iterable, desc=name, leave=False, disable=None, ncols=72):
                yield item
                if self.cut_short:
                    break
        finally:
            signal.signal(signal.SIGINT, before)

    def inject_fault(self, owner, name, old, new):
        """Replace `old`, which must occur once in the source of owner.name, by `new`: in memory, no file is touched."""
        if self.finished:  # a notebook's cell is run again, after the lesson has taken its fault back
            self._warn_of_fault()
        change = inject_fault(owner, name, old, new)
        self.changes += [change] if change not in self.changes else []

    # -------------------------------------------------------------------------------------------- after it ran
    def number(self, name, value, form=".3f", exact=None, within=1e-6, why=""):
        """Print a number with what it can be held against: an exact value, and why; or the band of many seeds."""
        value = float(value)
        self.numbers[name] = value
        if exact is not None:
            ok = abs(value - exact) <= within
            remark = f"exact: {why or format(exact, form)}"
        elif name in self.bands:
            low, high, seeds = self.bands[name]
            ok = low <= value <= high
            remark = f"{seeds} seeds: {low:{form}} .. {high:{form}}"
        else:
            ok, remark = None, "not calibrated yet"
        verdict = {True: "  ok", False: "  OFF" if exact is not None else "  outside", None: ""}[ok]
        print(paragraph(f"{value:{form}}  {remark}{verdict}", f"   {name:<35} ", " " * 39), flush=True)

    def claim(self, which, seen, numbers=""):
        """Is claim `which` of the docstring borne out?  numbers: what that was seen in."""
        self.claims[which] = bool(seen)
        verdict = "seen" if seen else "NOT SEEN"
        text = f"[{verdict}] {which}. {self.sentences[which]}" + (f" ({numbers})" if numbers else "")
        print(paragraph(text, "   ", "      "), flush=True)
        return bool(seen)

    def picture(self, name, figure, words):
        from ..figures import style  # matplotlib is slow to load: only when there is something to draw

        style.save(figure, self.folder / name, words)
        self.pictures[name] = words
        print(f"\n   picture: {(self.folder / name).as_posix()}.png")
        print(paragraph(f"in words: {words}", "   ", "   "), flush=True)

    def finish(self):
        """Reveal the fault, write run.json, end."""
        unchecked = set(self.sentences) - set(self.claims)
        if unchecked:
            raise AssertionError(f"promised in the docstring, never checked: claims {sorted(unchecked)}")
        undo_faults()
        self.finished = True
        if self.fault:
            self._reveal_fault()
        self._write(complete=not self.cut_short)
        seen = f"{sum(self.claims.values())} of {len(self.claims)} claims seen"
        seconds = f"{self._seconds() - self.upstream:.1f} s"
        seconds += f" and {self.upstream:.1f} s upstream" if self.upstream > 1 else ""
        print(f"\n== {seen}, {seconds}; numbers in {(self.folder / 'run.json').as_posix()}", flush=True)
        if self.cut_short:
            raise KeyboardInterrupt("what there was is drawn and kept")

    def _warn_of_fault(self):
        named = f"{self.fault}: {self.faults[self.fault][0]}" if not self.mystery else "and you are to guess what"
        print(paragraph(f"BROKEN ON PURPOSE, {named}."), flush=True)

    def _reveal_fault(self):
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
    def _ask(self):
        """A guess; the time to think is not the lesson's."""
        start = time.perf_counter()
        guess = ask("   your guess (Enter: skip)? ")
        self.waited += time.perf_counter() - start
        return guess

    def _seconds(self):
        return time.perf_counter() - self.began - self.waited

    def _write(self, complete):
        run = {
            "lesson": self.name, "seed": self.seed, "fast": self.fast, "complete": complete, "key": self.key,
            "fault": self.fault, "expected_unseen": self.faults[self.fault][1] if self.fault else [],
            "claims": {n: {"sentence": self.sentences[n], "seen": seen} for n, seen in sorted(self.claims.items())},
            "numbers": self.numbers, "pictures": self.pictures,
            "seconds": round(self._seconds() - self.upstream, 1), "upstream_seconds": round(self.upstream, 1),
        }  # fmt: skip
        write_text(self.folder / "run.json", json.dumps(run, indent=1))


def listed(numbers):
    return ", ".join(map(str, numbers)) or "none"
