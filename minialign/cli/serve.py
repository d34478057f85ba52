"""`minialign serve`: the class votes on phones, a reward model learns while it does, and the class's own models answer."""

import argparse
import secrets
import socket
import sys
import threading
from pathlib import Path

from ..classroom import store as disk
from ..classroom.backstage import Backstage
from ..classroom.live import Live
from ..classroom.prepare import prepare
from ..classroom.qr import qr_svg
from ..classroom.room import Pairs, Room, pairs_as_json, pairs_from_json
from ..classroom.server import Server
from ..model import LanguageModel
from ..reward import Scorer
from ..runs.arguments import positive_number, whole_number
from ..runs.contents import load_model, load_run
from ..runs.errors import Problem
from ..runs.folder import cast_on, find_run, recipe_of
from ..runs.text import paragraph, safe
from ..runs.voting import fingerprint

SEATS = 40  # unless --seats says otherwise
LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ"  # no I, L, O: they are misread
LAN = (
    "This address is open to everybody in the same network, without encryption: whoever listens in sees votes, and whoever "
    "knows the code can vote. Use it in a room whose network you trust, and stop it (Ctrl-C) after the class."
)

UNTRAINABLE = (
    "The wall will not be able to train on the class: this run was made with settings other than the tour's. Make it again "
    "(minialign tour, or minialign tour --fast) before the class begins."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", metavar="RUN", help="a run's folder, or its name (default: the newest in runs)")
    parser.add_argument("--seats", type=seats, metavar="N", help=f"how many may vote, at most 200 (default {SEATS})")
    parser.add_argument("--port", type=whole_number, default=8020, help="port of the address (default 8020; 0: any free one)")
    parser.add_argument("--to", metavar="FILE", help="where the class is kept (default: class.sqlite3 beside the run's models)")
    words = "let phones in: open to the network, at this machine's address or the one you name"
    parser.add_argument("--lan", nargs="?", const="", metavar="ADDRESS", help=words)


def seats(text: str) -> int:
    number = positive_number(text)
    if number > 200:
        raise argparse.ArgumentTypeError(f"{text} seats are too many: at most 200")
    return number


def run(arguments: argparse.Namespace) -> None:
    folder = find_run(arguments.folder)
    results = load_run(folder)
    model = load_model(folder, "sft", results)[0]
    path = Path(arguments.to) if arguments.to else folder.parent / cast_on(folder.name) / "class.sqlite3"
    lines = path.with_suffix(".jsonl")
    if path.suffix.lower() == lines.suffix:
        what = f"{safe(path)}: that is where the votes go as lines"
        raise Problem(f"{what}; name another, for instance class.sqlite3, with --to FILE")
    store = disk.Store(path)
    try:
        facts = store.do(disk.read_facts)
        if "pairs" not in facts and lines.exists():
            what = f"{safe(lines)} is there already, and this class's votes would go there"
            raise Problem(f"{what}; move that file away, or name another class with --to FILE")
        pairs = known_pairs(facts, fingerprint(model), path)
        if pairs and arguments.seats not in (None, len(pairs.own)):
            kept = f"This class keeps the {len(pairs.own)} seats that it began with; to begin another: --to FILE"
            print(kept, file=sys.stderr)
        pairs = pairs or new_pairs(store, folder, results, model, arguments.seats or SEATS)
        code = facts.get("code") or "".join(secrets.choice(LETTERS) for _ in range(5))
        store.do(lambda db: disk.set_facts(db, {"code": code}))
        room = Room(store, pairs, code, secrets.token_urlsafe(16), fingerprint(model))
        backstage = Backstage(room, Live(model, pairs.flat), folder, lines)
        if "pairs" not in facts:
            backstage.answers.unlink(missing_ok=True)  # of an earlier class, whose file was moved away
        if recipe_of(results) is None:
            print(paragraph(UNTRAINABLE), file=sys.stderr)
        serve(room, backstage, host_of(arguments.lan), arguments.port)
    finally:
        store.close()


def known_pairs(facts: dict[str, str], model: str, path: Path) -> Pairs | None:
    """The pairs of a class that has begun; None if there is none."""
    if "pairs" not in facts:
        return None
    if facts.get("model") != model:
        raise Problem(f"{safe(path)} is of a class that voted on another run; name another file with --to FILE")
    try:
        return pairs_from_json(facts["pairs"])
    except (ValueError, LookupError, TypeError):
        raise Problem(
            f"{safe(path)} does not hold a class any more; move that file away, or name another with --to FILE"
        ) from None


def new_pairs(store: disk.Store, folder: Path, results: dict, model: LanguageModel, n: int) -> Pairs:
    """Make and screen all pairs of a class, and keep them."""
    score = Scorer(load_model(folder, "reward", results)[0], results["recipe"]["reward"]["pooling"])
    pairs = prepare(model, score, int(results["seed"]), n, results["recipe"]["max_new_tokens"])
    facts = {"pairs": pairs_as_json(pairs), "model": fingerprint(model)}
    store.do(lambda db: disk.set_facts(db, facts))
    return pairs


def host_of(lan: str | None) -> str:
    """Where to serve: on this machine alone, or at the address that phones open, which 0.0.0.0 cannot be."""
    return "127.0.0.1" if lan is None else lan if lan.strip("0.") else own_address()


def own_address() -> str:
    """The address of this machine in its network.  Nothing is sent: a UDP socket only looks up which way it would go."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address that belongs to nobody (RFC 5737)
            return str(probe.getsockname()[0])
        except OSError:
            raise Problem("this machine is in no network; join one, or name its address: --lan ADDRESS") from None


def serve(room: Room, backstage: Backstage, host: str, port: int) -> None:
    """Serve until Ctrl-C; then write the votes as JSON lines."""
    try:
        server = Server((host, port), room, backstage.told, backstage.train)
    except (OSError, OverflowError) as problem:
        why = getattr(problem, "strerror", None) or problem
        way_out = "--port N" if host == "127.0.0.1" else "--port N, or name this machine's address: --lan ADDRESS"
        raise Problem(f"cannot serve at {host}:{port} ({why}); choose another with {way_out}") from None
    backstage.address = f"http://{host}:{server.server_port}/"
    if qr := qr_svg(f"{backstage.address}#{room.code}"):
        server.files["/qr.svg"], backstage.qr = (qr, "image/svg+xml"), True
    print(f"phones                   {backstage.address}   code {room.code}   {len(room.pairs.own)} seats")
    print(f"you, and the projector   {backstage.address}wall#{room.token}   (this address is yours alone)")
    print(paragraph(LAN) if host != "127.0.0.1" else "Only this machine can open them; --lan lets phones in.", flush=True)
    threading.Thread(target=backstage.work, daemon=True).start()
    try:
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{backstage.keep()}; the same command goes on with this class") from None
    finally:
        server.server_close()
        backstage.stop()
