"""The whole journey, told in the terminal: from a model that continues texts to one that answers, and answers well."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .. import pipeline
from ..models import MODELS, OPTIONAL, STAGES
from ..page import make_page
from ..pipeline import Journey
from ..preferences import Preferences
from ..runs import metrics
from ..runs.arguments import whole_number
from ..runs.folder import check_writable, read_votes, run_name, save_run, votes_name
from ..runs.text import answers_table, behaviour_table, heading, number_line, paragraph, safe, scoreboard_table, shown

SCOREBOARD = (
    "Every model answers the report questions, which no stage has seen. A judge who knows the truth, and takes no part in "
    "training, scores the answers: gold = helpful + honest + harmless + style."
)
COLUMNS = (
    "wins: share of answers better than the SFT model's (ties half). KL: nats per answer from the SFT model; for best of "
    "n = {n} an upper bound. answers: states something, asks nothing, ends. seconds: all training since the row it "
    "starts from (the reward model's too, where one is used). models: in memory at once, parameters only."
)

Lines = Iterator[tuple[str, ...]]  # what, its value, and what it can be compared with
FEW_VOTES = 200
OWN = "Yours train the reward model, PPO and DPO; of the simulated raters' votes only the held-out ones are used, to measure."
TOO_FEW = (
    "So few votes train a poor reward model: look at its held-out accuracy (a coin has 50%), and do not be surprised if "
    "PPO and DPO hardly move, or move the wrong way. That is not your fault: a reward model needs hundreds of votes."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fast", action="store_true", help="a smaller, faster version for the classroom, with the same trends")
    parser.add_argument("--seed", type=whole_number, default=0, help="seed of all random numbers (default 0)")
    parser.add_argument("--out", default="runs", metavar="DIR", help="where runs are kept (default runs)")
    parser.add_argument("--votes", metavar="FILE", help="train on these votes (minialign vote) instead of simulated ones")
    words = f"make this model too: {', '.join(OPTIONAL)} (may be repeated)"
    parser.add_argument("--with", dest="extras", choices=OPTIONAL, action="append", default=[], metavar="MODEL", help=words)


def run(arguments: argparse.Namespace) -> None:
    tour(arguments.fast, arguments.seed, arguments.out, arguments.votes, arguments.extras)


def tour(fast: bool, seed: int, out: str | Path, votes_file: str | None = None, extras: Sequence[str] = ()) -> None:
    """Run everything, talk about it, and leave a run folder.

    votes_file: votes to train on instead of the simulated.  extras: the optional models to make too.
    """
    out, recipe = Path(out), pipeline.FAST if fast else pipeline.FULL
    own_votes = None if votes_file is None else read_votes(votes_file, recipe.model.context_length)
    of_class = metrics.is_class(votes_file)  # now: the file may have been moved when all is trained
    check_writable(out / "cache")
    folder = out / run_name(fast, seed, votes_name(votes_file, own_votes) if votes_file and own_votes else "")
    journey = Journey(recipe, seed, out / "cache", own_votes=own_votes, extras=tuple(dict.fromkeys(extras)))
    stages = [*STAGES, *journey.extras]
    print(f"minialign tour, seed {seed}{', fast' if fast else ''}: from autocomplete to assistant, in {folder}")
    if own_votes is not None:
        print(f"on your own votes: {len(own_votes)} from {safe(votes_file)}")
    try:
        for number, name in enumerate(stages, 1):
            tell_stage(journey, name, number)
        tell_end(journey, folder, votes_file, of_class)
    except KeyboardInterrupt:
        finished = ", ".join(name for name in stages if name in journey.in_memory) or "no stage yet"
        raise KeyboardInterrupt(f"kept in {journey.folder}: {finished}; run the same command again to resume") from None


def tell_stage(journey: Journey, name: str, number: int) -> None:
    row = MODELS[name]
    print(heading(f"{number}. {row.title}"))
    print(paragraph(row.blurb), flush=True)
    stage = journey.stage(name)
    print(number_line("time", f"{stage.seconds:.1f} s", "when it was made; found in the cache" if stage.cached else ""))
    for line in NUMBERS[name](journey) if name in NUMBERS else policy_gradient_numbers(journey, name):
        print(number_line(*line))
    if name == "votes":
        if journey.own_votes is not None:
            print(paragraph(OWN + (f" {TOO_FEW}" if len(journey.own_votes) < FEW_VOTES else "")))
        tell_votes(journey.votes()[0])
    elif name != "reward":
        print(answers_table(metrics.five_answers(journey, name)), flush=True)


def tell_votes(votes: Preferences, n: int = 3) -> None:
    for question, chosen, rejected in list(zip(votes.prompts, votes.chosen, votes.rejected))[:n]:
        print(f"   {question}\n      chosen   {shown(*chosen)}\n      rejected {shown(*rejected)}")


def tell_end(journey: Journey, folder: Path, votes_file: str | None, of_class: bool) -> None:
    print(heading(f"{len(STAGES) + len(journey.extras) + 1}. The scoreboard"))
    print(paragraph(SCOREBOARD), flush=True)
    run = metrics.measure(journey, votes_file, of_class)
    words = save_run(journey, run, folder)
    page, _ = make_page(folder)
    seconds, n = run.timings.training_seconds, run.recipe.best_of
    print(f"\nsampled (temperature 1), {run.questions.report} questions")
    print(scoreboard_table(run.scoreboard["sampled"], seconds))
    print("\ngreedy (always the most probable character)")
    print(scoreboard_table(run.scoreboard["greedy"], seconds))
    print(paragraph(COLUMNS.format(n=n)))
    if noticed := behaviour_table(run.scoreboard["greedy"]):
        print(f"\nWhat a person would notice, greedy (^ more, v less than the SFT model)\n{noticed}")
    print(heading("Kept"))
    for name, sentence in words.items():
        print(paragraph(f"{folder / name}.png: {sentence}"))
    peak = run.timings.peak_memory_mb
    used = f"{sum(run.timings.seconds.values()):.0f} s in all" + (f", {peak:.0f} MB at most" if peak else "")
    print(paragraph(f"Numbers: {folder / 'run.json'}. {used}; {run.timings.machine}."))
    print(f"Watch the journey: open {page} in a browser")
    print(f"Talk to the models: minialign chat {folder}")


# ---------------------------------------------------------------------------------------- the numbers of each stage
def base_numbers(journey: Journey) -> Lines:
    r = metrics.base_report(journey)
    guessing = f"nats per character; guessing costs ln V = {r.guessing:.3f}"
    yield "loss", f"{r.first_loss:.3f} -> {r.last_loss:.3f}", guessing
    yield "parameters", f"{r.parameters:,}"


def sft_numbers(journey: Journey) -> Lines:
    r = metrics.sft_report(journey)
    yield "loss", f"{r.first_loss:.3f} -> {r.last_loss:.3f}", "nats per character of the answers"


def votes_numbers(journey: Journey) -> Lines:
    r = metrics.votes_report(journey)
    if r.own:
        yield "your votes", f"{r.train}", f"and {r.held_out} held-out ones of the simulated raters"
    else:
        yield "votes", f"{r.train} + {r.held_out} held out", f"of {r.pairs_shown} pairs; the rest: about the same"


def reward_numbers(journey: Journey) -> Lines:
    r = metrics.reward_report(journey)
    yield "held-out loss", f"{r.first_loss:.3f} -> {r.last_loss:.3f}", "before -> after; a coin toss costs ln 2 = 0.693"
    best = "before -> after" if r.ceiling is None else f"the best possible is {r.ceiling:.1%}: raters slip"
    yield "held-out accuracy", f"{r.first_accuracy:.1%} -> {r.accuracy:.1%}", best
    yield "calibration error", f"{r.ece:.1%}", "how far its confidence is from its accuracy"


def policy_gradient_numbers(journey: Journey, name: str) -> Lines:
    r = metrics.policy_gradient_report(journey, name)
    yield "first ratio - 1", f"{r.first_ratio_error:.1e}", "at the very first update: 0 up to rounding"
    yield "clip fraction", f"{r.clip_fraction:.1%}", f"of tokens on average; at most {r.largest_clip_fraction:.1%}"
    yield "score", f"{r.first_score:+.2f} -> {r.last_score:+.2f}", "the reward model's; the SFT model's mean is 0"
    yield "KL", f"{r.last_kl:.2f}", f"nats per answer from the SFT model, at beta = {r.kl_coef:g}"


def dpo_numbers(journey: Journey) -> Lines:
    r = metrics.dpo_report(journey)
    moved = f"chosen {r.moved_chosen:+.2f}, rejected {r.moved_rejected:+.2f}"
    yield "loss", f"{r.first_loss:.4f} -> {r.last_loss:.4f}", "starts at ln 2 = 0.6931: policy = reference"
    yield "moved", moved, "nats; only the difference is trained"
    yield "margin", f"{r.margin:+.3f}", f"beta x difference, beta = {r.beta:g}; accuracy {r.accuracy:.0%}"


NUMBERS: dict[str, Callable[[Journey], Lines]] = {
    "base": base_numbers,
    "sft": sft_numbers,
    "votes": votes_numbers,
    "reward": reward_numbers,
    "dpo": dpo_numbers,
}
