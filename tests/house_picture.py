"""The house as a picture, docs/house.svg: its rooms, and who imports whom, read from the imports themselves.

    python tests/house_map.py        writes it anew, with docs/house.md

A room stands one floor above the highest room that it imports.  A line is an import that no chain of other imports implies.
"""

from xml.sax.saxutils import escape

from test_layers import FILES, files_imported

GROUPS = {  # files of the ground floor that are drawn as one room; every other file or folder is a room of its own
    "mathematics": "checks arrays autograd functional composed optim parallel history divergence",
    "texts": "tokenizer batch",
    "model": "model likelihood generate checkpoint interop exact",
    "algorithms": "sft preferences reward policy_gradient ppo grpo dpo cousins rlaif",
    "measuring": "evaluate models",
    "cache": "source_patch cache stages",
    "pipeline": "snapshots pretrained pipeline pretrain",
}
ROOM = {file: room for room, files in GROUPS.items() for file in files.split()}
WIDTH, HEIGHT, GAP_X, GAP_Y = 150, 40, 24, 46


def room_of(name):
    """world/gold.py -> world; ppo.py -> algorithms; None for what is no room: the package's own __init__ and __main__."""
    top = name.removesuffix(".py").split("/")[0]
    return None if top.startswith("__") else ROOM.get(top, top)


def imports():
    """room -> set of the rooms that it imports."""
    found = {}
    for name in FILES:
        if room := room_of(name):
            found.setdefault(room, set()).update({room_of(other) for other in files_imported(name)} - {room, None})
    return found


def layers(rooms):
    """[[rooms of the ground floor], ...]."""
    floor = {}
    while len(floor) < len(rooms):
        here = [room for room in rooms if room not in floor and rooms[room] <= floor.keys()]
        assert here, "rooms without a floor"
        n = max(floor.values(), default=-1) + 1
        floor.update(dict.fromkeys(here, n))
    return [sorted(room for room in floor if floor[room] == n) for n in range(max(floor.values()) + 1)]


def lines(rooms):
    """(upper, lower) for each import that is not implied by a chain of others."""
    reach = {room: set(below) for room, below in rooms.items()}
    for _ in rooms:
        for seen in reach.values():
            seen |= set().union(*(reach[other] for other in seen)) if seen else set()
    return sorted((room, other) for room, below in rooms.items() for other in below if not any(other in reach[b] for b in below))


def picture():
    """The SVG, as text: equal imports give equal bytes."""
    rooms = imports()
    floors = layers(rooms)
    width = max(map(len, floors)) * (WIDTH + GAP_X) + GAP_X
    height = len(floors) * (HEIGHT + GAP_Y) + GAP_Y
    place = {}
    for n, floor in enumerate(floors):
        left = (width - len(floor) * (WIDTH + GAP_X) + GAP_X) / 2
        for i, room in enumerate(floor):
            place[room] = left + i * (WIDTH + GAP_X), height - (n + 1) * (HEIGHT + GAP_Y)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" role="img">',
        "<title>The rooms of minialign: each imports only rooms below it</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for upper, lower in lines(rooms):
        (x1, y1), (x2, y2) = place[upper], place[lower]
        drawn.append(
            f'<path d="M{x1 + WIDTH / 2:g} {y1 + HEIGHT:g} C{x1 + WIDTH / 2:g} {y1 + HEIGHT + 30:g} {x2 + WIDTH / 2:g} {y2 - 30:g} '
            f'{x2 + WIDTH / 2:g} {y2:g}" fill="none" stroke="#888888"/>'
        )
    for room, (x, y) in place.items():
        drawn.append(f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="#eef4fa" stroke="#0072B2"/>')
        drawn.append(f'<text x="{x + WIDTH / 2:g}" y="{y + 25:g}" text-anchor="middle" font-size="15">{escape(room)}</text>')
    return "\n".join([*drawn, "</svg>"]) + "\n"
