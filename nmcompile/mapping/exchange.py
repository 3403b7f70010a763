"""Which core each tile is on: moves and exchanges of tiles that save packets.

A tile goes to the core of another tile on one of its nets; where it does not fit, a few tiles
that are there come back in exchange. A step is kept when the packets rise by less than a random
share of a threshold that falls to zero (threshold accepting, Dueck and Scheuer 1990), and only if
both cores stay within every capacity. Integer arithmetic: the same result on any machine.

Most steps end at a capacity, so packets are counted only for the others, and from the pins that
every net has on the two cores (`pins.py`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.nets import Nets
from nmcompile.mapping.pack import Arrays, Load, arrays, empty, over, put
from nmcompile.mapping.pins import Pins, add, held, pins_of, remove
from nmcompile.mapping.room import Room
from nmcompile.mapping.splitmix import STEP, below, mixed
from nmcompile.reference.jit import borrowed, njit, njit_borrowing

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

RETURNED = 4
"""Most tiles that come back for one."""
Members = tuple[I32, I32, I32, I32]
"""Core of every tile; tiles of every core `(cores, tiles)`, how many, and the place of every tile
in its row."""
Edges = tuple[I32, I32, I64, I32, I32]
"""Pins of every net, weights, and nets of every tile."""
Spans = tuple[Pins, I32, I32]
"""Pins of every net on every core, as of the last step that was kept; the number that every core
has there; and how many more pins of a net the present step has taken than brought back."""


def exchange(core: I32, nets: Nets, room: Room, tries: int, seed: int = 0) -> I32:
    """The cores of tiles after `tries` steps; never more packets than before, no further core.

    Args:
        core: `(tiles,)` a packing within all capacities.
        nets: packets.
        room: needs and capacities.
        tries: steps to try.
        seed: of the random choices.
    """
    weight = int(nets.weight.sum())
    if nets.tiles < 2 or not weight:
        return core
    cores = int(core.max()) + 1
    longest = int(np.bincount(core).max())
    # Tiles come and go: a row has room for all, but never for more than there are.
    width = min(nets.tiles, 4 * longest + RETURNED + 8)
    members = (
        core.copy(),
        np.zeros((cores, width), np.int32),
        np.zeros(cores, np.int32),
        np.zeros(nets.tiles, np.int32),
    )
    spans = (
        pins_of(nets.first, nets.pin, core),
        np.arange(cores, dtype=np.int32),
        np.zeros(len(nets.weight), np.int32),
    )
    edges = (nets.first, nets.pin, nets.weight, *nets.of_tiles())
    threshold = 2 * weight // nets.tiles
    load, caps = empty(room, cores), arrays(room)
    found: I32 = _search(members, edges, spans, load, caps, tries, threshold, np.uint64(seed))
    return found


@njit_borrowing
def _saved(tile: int, here: int, there: int, sign: int, edges: Edges, spans: Spans) -> np.int64:
    """Packets saved when `tile` goes from core `here` to `there`.

    Args:
        tile, here, there: the move.
        sign: 1 for the tile that a step takes along, -1 for one that it brings back.
        edges, spans: nets.
    """
    _, _, weight, tile_first, tile_net = edges
    pins, number, moved = spans
    saved = np.int64(0)
    for k in range(tile_first[tile], tile_first[tile + 1]):
        net = tile_net[k]
        more = sign * moved[net]
        stays = held(net, number[here], pins) - more > 1
        meets = held(net, number[there], pins) + more > 0
        if meets and not stays:
            saved += weight[net]
        elif stays and not meets:
            saved -= weight[net]
    return saved


@njit_borrowing
def _mark(tile: int, sign: int, edges: Edges, spans: Spans) -> None:
    """Note that the step takes `tile` along (1) or brings it back (-1)."""
    _, _, _, tile_first, tile_net = edges
    for k in range(tile_first[tile], tile_first[tile + 1]):
        spans[2][tile_net[k]] += sign


@njit_borrowing
def _forget(tile: int, edges: Edges, spans: Spans) -> None:
    """The end of a step."""
    _, _, _, tile_first, tile_net = edges
    for k in range(tile_first[tile], tile_first[tile + 1]):
        spans[2][tile_net[k]] = 0


@njit_borrowing
def _keep(tile: int, here: int, there: int, edges: Edges, spans: Spans) -> None:
    """Count the pins of a tile that has gone from `here` to `there`."""
    _, _, _, tile_first, tile_net = edges
    pins, number, _ = spans
    for k in range(tile_first[tile], tile_first[tile + 1]):
        remove(tile_net[k], number[here], pins)
        add(tile_net[k], number[there], pins)


@njit_borrowing
def _move(tile: int, to: int, members: Members, load: Load, room: Arrays) -> None:
    core, member, count, place = members
    here = core[tile]
    last = member[here, count[here] - 1]
    member[here, place[tile]] = last
    place[last] = place[tile]
    count[here] -= 1
    member[to, count[to]] = tile
    place[tile] = count[to]
    count[to] += 1
    core[tile] = to
    put(tile, here, -1, load, room)
    put(tile, to, 1, load, room)


@njit_borrowing
def _bring_back(
    tile: int, here: int, y: np.uint64, back: I64, members: Members, load: Load, room: Arrays
) -> int:
    """Tiles of the core where `tile` is now go `here` until all fits; how many did."""
    core, member, count, _ = members
    there = core[tile]
    returned = 0
    while returned < RETURNED and over(there, load, room) and not over(here, load, room):
        y = mixed(y + np.uint64(returned))
        other = member[there, below(y, count[there])]
        if other == tile or count[here] + 1 >= member.shape[1]:
            break
        _move(other, here, members, load, room)
        back[returned] = other
        returned += 1
    return returned


@njit
def _search(
    members: Members,
    edges: Edges,
    spans: Spans,
    load: Load,
    room: Arrays,
    tries: int,
    threshold: int,
    seed: np.uint64,
) -> I32:
    members, edges = borrowed(members), borrowed(edges)
    load, room = borrowed(load), borrowed(room)
    pins, number, moved = spans
    spans = (borrowed(pins), number, moved)
    core, member, count, place = members
    first, pin, _, tile_first, tile_net = edges
    tiles = core.shape[0]
    for t in range(tiles):
        c = core[t]
        member[c, count[c]] = t
        place[t] = count[c]
        count[c] += 1
        put(t, c, 1, load, room)
    best = core.copy()
    # The tiles whose core is another one than in `best`, or was.
    stale, is_stale, stales = np.zeros(tiles, np.int32), np.zeros(tiles, np.bool_), 0
    total = best_total = np.int64(0)
    back = np.zeros(RETURNED, np.int64)
    state = seed
    for step in range(tries):
        state += STEP
        z = mixed(state)
        y = mixed(z)
        tile = below(z, tiles)
        degree = tile_first[tile + 1] - tile_first[tile]
        if degree == 0:
            continue
        net = tile_net[tile_first[tile] + below(z >> np.uint64(32), degree)]
        partner = pin[first[net] + below(y, first[net + 1] - first[net])]
        here, there = core[tile], core[partner]
        if here == there or count[there] + 1 >= member.shape[1]:
            continue
        level = threshold * (tries - step) // tries
        allowed = -((level * np.int64(y >> np.uint64(48))) >> 16)
        _move(tile, there, members, load, room)
        returned = _bring_back(tile, here, y, back, members, load, room)
        kept = not over(there, load, room) and not over(here, load, room)
        saved = np.int64(0)
        if kept and count[there] == 1 and count[here] == returned:
            # Each core has all that the other one had: they only change their names.
            number[here], number[there] = number[there], number[here]
        elif kept:
            saved = _saved(tile, here, there, 1, edges, spans)
            _mark(tile, 1, edges, spans)
            for k in range(returned):
                saved += _saved(back[k], there, here, -1, edges, spans)
                _mark(back[k], -1, edges, spans)
            _forget(tile, edges, spans)
            for k in range(returned):
                _forget(back[k], edges, spans)
            kept = bool(saved >= allowed)
            if kept:
                _keep(tile, here, there, edges, spans)
                for k in range(returned):
                    _keep(back[k], there, here, edges, spans)
        if not kept:
            for k in range(returned):
                _move(back[k], there, members, load, room)
            _move(tile, here, members, load, room)
            continue
        for k in range(returned + 1):
            t = tile if k == returned else back[k]
            if not is_stale[t]:
                is_stale[t] = True
                stale[stales] = t
                stales += 1
        total += saved
        if total > best_total:
            best_total = total
            for k in range(stales):
                best[stale[k]] = core[stale[k]]
                is_stale[stale[k]] = False
            stales = 0
    return best
