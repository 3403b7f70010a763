"""Which core each tile is on: moves and exchanges of tiles that save packets.

A tile goes to the core of another tile on one of its nets; where it does not fit, a few tiles
that are there come back in exchange. A step is kept when the packets rise by less than a random
share of a threshold that falls to zero (threshold accepting, Dueck and Scheuer 1990), and only if
both cores stay within every capacity. Integer arithmetic: the same result on any machine.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.nets import Nets
from nmcompile.mapping.pack import Arrays, Load, arrays, empty, over, put
from nmcompile.mapping.room import Room
from nmcompile.mapping.splitmix import STEP, below, mixed
from nmcompile.reference.jit import njit

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

RETURNED = 4
"""Most tiles that come back for one."""
Members = tuple[I32, I32, I32]
"""Tiles of every core `(cores, tiles)`, how many, and the place of every tile in its row."""
Edges = tuple[I32, I32, I64, I32, I32]
"""Pins of every net, weights, and nets of every tile."""


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
    member = np.zeros((cores, width), np.int32)
    threshold = 2 * weight // nets.tiles
    edges = (nets.first, nets.pin, nets.weight, *nets.of_tiles())
    found: I32 = _search(
        core.copy(),
        member,
        edges,
        empty(room, cores),
        arrays(room),
        tries,
        threshold,
        np.uint64(seed),
    )
    return found


@njit
def _saved(tile: int, here: int, there: int, core: I32, edges: Edges) -> np.int64:
    """Packets saved when `tile` goes from core `here` to `there`."""
    first, pin, weight, tile_first, tile_net = edges
    saved = np.int64(0)
    for k in range(tile_first[tile], tile_first[tile + 1]):
        net = tile_net[k]
        stays = meets = False
        for p in range(first[net], first[net + 1]):
            other = pin[p]
            if other == tile:
                continue
            if core[other] == here:
                stays = True
            elif core[other] == there:
                meets = True
            if stays and meets:
                break
        if meets and not stays:
            saved += weight[net]
        elif stays and not meets:
            saved -= weight[net]
    return saved


@njit
def _move(tile: int, to: int, core: I32, members: Members, load: Load, room: Arrays) -> None:
    member, count, place = members
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


@njit
def _search(
    core: I32,
    member: I32,
    edges: Edges,
    load: Load,
    room: Arrays,
    tries: int,
    threshold: int,
    seed: np.uint64,
) -> I32:
    tiles = core.shape[0]
    first, pin, _, tile_first, tile_net = edges
    count = np.zeros(member.shape[0], np.int32)
    place = np.zeros(tiles, np.int32)
    for t in range(tiles):
        c = core[t]
        member[c, count[c]] = t
        place[t] = count[c]
        count[c] += 1
        put(t, c, 1, load, room)
    members = (member, count, place)
    best = core.copy()
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
        saved = _saved(tile, here, there, core, edges)
        _move(tile, there, core, members, load, room)
        returned = 0
        while returned < RETURNED and over(there, load, room) and not over(here, load, room):
            y = mixed(y + np.uint64(returned))
            other = member[there, below(y, count[there])]
            if other == tile or count[here] + 1 >= member.shape[1]:
                break
            saved += _saved(other, there, here, core, edges)
            _move(other, here, core, members, load, room)
            back[returned] = other
            returned += 1
        if saved < allowed or over(there, load, room) or over(here, load, room):
            for k in range(returned):
                _move(back[k], there, core, members, load, room)
            _move(tile, here, core, members, load, room)
            continue
        total += saved
        if total > best_total:
            best_total = total
            best[:] = core
    return best
