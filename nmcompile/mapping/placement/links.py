"""Packets on links under dimension-order (x, then y) routes, and swaps that even them out.

The second term of the objective: the sum of squares of the packets on the links. It is lowered
after the hops, by swaps nearby that together give up no more hops than they are allowed to.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.placement.annealing import change
from nmcompile.mapping.placement.flows import Flows, Links
from nmcompile.mapping.placement.slots import Slots
from nmcompile.mapping.splitmix import STEP, below, mixed
from nmcompile.reference.jit import njit

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

RADIUS = 2
"""Half-width of the window of a swap."""


def link_loads(flows: Flows, slots: Slots, place: I32) -> I64:
    """`(columns, rows, 4)` packets that leave every router east, west, north and south."""
    routers = np.stack([slots.column, slots.row], axis=1).astype(np.int64)
    columns, rows = routers.max(axis=0) + 1
    loads = np.zeros((columns, rows, 4), np.int64)
    _all_loads(loads, routers[place], *flows.outgoing())
    return loads


def evened(flows: Flows, slots: Slots, start: I32, tries: int, spend: int, seed: int) -> I32:
    """The slot of every core after swaps that lower the sum of squared link loads.

    Args:
        flows: traffic.
        slots: the places.
        start: `(cores,)` slot of every core.
        tries: swaps tried.
        spend: packets times weighted distance that all swaps together may add; with 0 the result
            is never farther than the start.
        seed: of the random swaps.
    """
    loads = link_loads(flows, slots, start)
    if not loads.any():
        return start
    place = start.copy()
    order = np.full(len(slots.chip), -1, np.int32)
    order[start] = np.arange(flows.cores, dtype=np.int32)
    routers = np.stack([slots.column, slots.row], axis=1).astype(np.int64)
    _even(
        *(place, order, loads, flows.neighbours(), flows.outgoing(), flows.incoming()),
        *(slots.distances(), routers, slots.table(), tries, spend, np.uint64(seed)),
    )
    return place


@njit
def _add(loads: I64, x0: int, y0: int, x1: int, y1: int, packets: int) -> int:
    """Put packets on the links of one way (or take them off); returns the rise of the squares."""
    rise = np.int64(0)
    for x in range(min(x0, x1), max(x0, x1)):
        side, at = (0, x) if x1 > x0 else (1, x + 1)
        rise += packets * (2 * loads[at, y0, side] + packets)
        loads[at, y0, side] += packets
    for y in range(min(y0, y1), max(y0, y1)):
        side, at = (3, y) if y1 > y0 else (2, y + 1)
        rise += packets * (2 * loads[x1, at, side] + packets)
        loads[x1, at, side] += packets
    return int(rise)


@njit
def _all_loads(loads: I64, position: I64, first: I32, target: I32, weight: I64) -> None:
    for core in range(len(first) - 1):
        for k in range(first[core], first[core + 1]):
            here, there = position[core], position[target[k]]
            _add(loads, here[0], here[1], there[0], there[1], weight[k])


@njit
def _reroute(
    loads: I64, core: int, other: int, position: I64, sends: Links, reads: Links, sign: int
) -> int:
    """Add (or take off) all ways of a core, those with `other` left out."""
    rise = 0
    x, y = position[core]
    first, end, weight = sends
    for k in range(first[core], first[core + 1]):
        if end[k] != other:
            rise += _add(loads, x, y, position[end[k], 0], position[end[k], 1], sign * weight[k])
    first, end, weight = reads
    for k in range(first[core], first[core + 1]):
        if end[k] != other:
            rise += _add(loads, position[end[k], 0], position[end[k], 1], x, y, sign * weight[k])
    return rise


@njit
def _swap(one: int, two: int, here: int, there: int, order: I32, place: I32) -> None:
    order[here], order[there] = two, one
    place[one] = there
    if two >= 0:
        place[two] = here


@njit
def _even(
    place: I32,
    order: I32,
    loads: I64,
    links: Links,
    sends: Links,
    reads: Links,
    at: I32,
    routers: I64,
    table: I32,
    tries: int,
    spend: int,
    seed: np.uint64,
) -> None:
    state = mixed(seed)
    left = np.int64(spend)
    position, far = routers[place], at[place]
    for _ in range(tries):
        state += STEP
        z = mixed(state)
        y = mixed(z)
        one = below(z, len(place))
        here = place[one]
        column = routers[here, 0] + below(y, 2 * RADIUS + 1) - RADIUS
        row = routers[here, 1] + below(y >> np.uint64(32), 2 * RADIUS + 1) - RADIUS
        if column < 0 or column >= table.shape[0] or row < 0 or row >= table.shape[1]:
            continue
        there = table[column, row, below(z >> np.uint64(32), table.shape[2])]
        if there < 0 or there == here:
            continue
        two = order[there]
        hops = change(one, two, at[there], far, links)
        if two >= 0:
            hops += change(two, one, at[here], far, links)
        if hops > left:
            continue
        squares = _moved(loads, one, two, there, here, position, sends, reads, routers)
        if squares < 0 or (squares == 0 and hops < 0):
            left -= hops
            _swap(one, two, here, there, order, place)
            far[one] = at[there]
            if two >= 0:
                far[two] = at[here]
        else:
            _moved(loads, one, two, here, there, position, sends, reads, routers)


@njit
def _moved(
    loads: I64,
    one: int,
    two: int,
    to: int,
    back: int,
    position: I64,
    sends: Links,
    reads: Links,
    routers: I64,
) -> int:
    """Move `one` to a slot and `two` (-1 for none) back; returns the rise of the squares."""
    rise = _reroute(loads, one, -1, position, sends, reads, -1)
    if two >= 0:
        rise += _reroute(loads, two, one, position, sends, reads, -1)
        position[two] = routers[back]
    position[one] = routers[to]
    rise += _reroute(loads, one, -1, position, sends, reads, 1)
    if two >= 0:
        rise += _reroute(loads, two, one, position, sends, reads, 1)
    return rise
