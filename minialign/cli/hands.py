"""`minialign vote --hands`: a room votes by show of hands, and the presenter types how many are for each side."""

from pathlib import Path

from ..classroom import hands
from ..classroom.casts import gather
from ..classroom.taste import sentence, taste_of
from ..runs.contents import load_model, load_run
from ..runs.folder import cast_on, find_run, tour_command
from ..runs.text import interval, paragraph, quoted, safe
from ..runs.voting import SITTING, Pair, fingerprint, sitting

WIDTH = 60  # narrow, so that the terminal's letters can be large
KEYS = "how many for A and for B, e.g. 7 23?   (u: undo, s: skip, q: quit)"
INTRO = "Make the letters large (Ctrl and + in most terminals). Every count is on disk before the next pair comes."


def count_hands(run: str | None, to: str | None) -> None:
    """Show pair after pair, ask for two numbers, and sum up."""
    folder = find_run(run)
    results = load_run(folder)
    model = load_model(folder, "sft", results)[0]
    path = Path(to) if to else folder.parent / cast_on(folder.name) / "hands.jsonl"
    pairs, who = sitting(model, int(results["seed"]), 0, results["recipe"]["max_new_tokens"]), fingerprint(model)
    counts = count(pairs, path, who)
    n = sum(map(sum, counts))
    print(f"\n{n} votes on {len(counts)} pairs: {safe(path)}" if counts else "\nnothing is counted yet")
    if n:
        print(paragraph(sentence(taste_of(gather([path], model.config.context_length)[0]), "This room")))
        print(f"  train on them: {tour_command(results, folder.resolve().parent)} --votes {quoted(path)}")


def count(pairs: list[Pair], path: Path, who: str) -> list[hands.Count]:
    """Show pair after pair and keep what is typed -> a count for each pair.  who: the model's fingerprint."""
    counts = hands.load(path, pairs, who)
    done = f"All {len(pairs)} pairs are counted, in {safe(path)}. Move that file away to count again."
    print(paragraph(INTRO if len(counts) < len(pairs) else done, width=WIDTH))
    try:
        while len(counts) < len(pairs) and (said := ask(pairs[len(counts)], len(counts))) is not None:
            if isinstance(said, str):  # "u"
                counts = counts[:-1]
            else:
                counts.append(said)
                print(f"\n  A {said[0]}, B {said[1]}   for A {interval(said[0], sum(said)) or 'nobody'}")
            hands.save(path, pairs, counts, who)
    except KeyboardInterrupt:
        kept = f"{len(counts)} pairs are kept in {safe(path)}" if counts else "nothing is counted yet"
        raise KeyboardInterrupt(f"{kept}; run the same command again to resume") from None
    return counts


def ask(pair: Pair, place: int) -> tuple[int, int] | str | None:
    """Show one pair -> its count, "u", or None for the end."""
    print("\n" + "=" * WIDTH + f"\n[{place + 1} of {SITTING}]\n\n{paragraph(safe(pair.question), '  ', '  ', WIDTH)}\n")
    for name, answer in (("A", pair.a), ("B", pair.b)):
        print(
            paragraph(safe(answer.text.strip()) + ("" if answer.ended else "..."), f"     {name}    ", " " * 10, WIDTH) + "\n"
        )
    while True:
        try:
            said = input(f"{KEYS}\n> ").strip().lower()
        except EOFError:
            return None
        if said == "q":
            return None
        if said == "u" and place:
            return "u"
        count = (0, 0) if said == "s" else hands.read_count(said)
        if count is not None:
            return count
        print("  there is nothing to undo" if said == "u" else "  two numbers, please: for A, then for B")
