"""Simulated annealing over swaps of two slots, near each other or near a neighbour of a core.

A step takes a core to a slot within a window, around itself or around a core that it talks to,
and what stands there comes back. The window and the temperature shrink; at the end only what
saves packet hops is accepted. The change of cost takes time proportional to the neighbours of
both cores. All arithmetic is integer: same seed, same placement, on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.placement.flows import Flows, Links
from nmcompile.mapping.placement.slots import Slots
from nmcompile.mapping.splitmix import STEP, below, mixed
from nmcompile.reference.jit import njit

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

LEVELS: Final = 128
"""Temperatures of a run; the last is zero."""
COOLING: Final = 63659
"""Each temperature in 1/65536 of the one before: the last but one is 1/38 of the first."""
LOG_BITS: Final = 12
"""Binary places of the logarithms; LOG_SIZE: their number."""
LOG_SIZE: Final = 4096


@dataclass(frozen=True)
class Annealing:
    """How a placement is searched.

    Attributes:
        tries: steps of a run.
        heats: first temperature of every run, in mean packets of a core (both directions). All
            runs begin at the same start; the best one counts.
        reach: first half-width of the window in routers; it shrinks to 1.
    """

    tries: int
    heats: tuple[float, ...]
    reach: int


def anneal(flows: Flows, slots: Slots, start: I32, how: Annealing, seed: int) -> I32:
    """The slot of every core after annealing; never worse than the start.

    Args:
        flows: traffic.
        slots: the places.
        start: `(cores,)` slot of every core.
        how: the effort.
        seed: of the random steps.
    """
    links = flows.neighbours()
    if len(links[2]) == 0 or len(slots.chip) < 2:
        return start
    at, table = slots.distances(), slots.table()
    routers = np.stack([slots.column, slots.row], axis=1).astype(np.int32)
    best, least = start, cost(links, at, start)
    for run, heat in enumerate(how.heats):
        # In 1/2**16 of a packet; the ratio is rounded so that no last digit of a float matters.
        hot = int(links[2].sum()) * round(heat * 2**16) // flows.cores
        found = start.copy()
        order = np.full(len(at), -1, np.int32)
        order[start] = np.arange(flows.cores, dtype=np.int32)
        _search(
            *(found, order, *links, at, routers, table, logarithms()),
            *(how.tries, hot, how.reach, np.uint64(seed * 1_000_003 + run)),
        )
        now = cost(links, at, found)
        if now < least:
            best, least = found, now
    return best


def cost(links: Links, at: I32, place: I32) -> int:
    """Packets times weighted distance over all pairs.

    Args:
        links: from `Flows.neighbours`. at: from `Slots.distances`. place: `(cores,)` slots.
    """
    return int(_cost(*links, at[place])) // 2


@njit
def _cost(first: I32, neighbour: I32, weight: I64, position: I32) -> np.int64:
    """Twice the cost: every pair is seen from both ends."""
    total = np.int64(0)
    for core in range(len(first) - 1):
        x, y = position[core, 0], position[core, 1]
        for k in range(first[core], first[core + 1]):
            n = neighbour[k]
            far = np.int64(abs(x - position[n, 0]) + abs(y - position[n, 1]))
            total += weight[k] * far
    return total


@cache
def logarithms() -> I64:
    """-ln of evenly spread numbers between 0 and 1, in 1 / 2**LOG_BITS."""
    uniform = (np.arange(LOG_SIZE) + 0.5) / LOG_SIZE
    found: I64 = np.rint(-np.log(uniform) * 2**LOG_BITS).astype(np.int64)
    return found


@njit
def change(core: int, other: int, to: I32, position: I32, links: Links) -> np.int64:
    """Rise of the cost when `core` goes `to` an (x, y) and `other` is not counted."""
    first, neighbour, weight = links
    x0, y0 = position[core, 0], position[core, 1]
    x1, y1 = to[0], to[1]
    rise = np.int64(0)
    for k in range(first[core], first[core + 1]):
        n = neighbour[k]
        if n != other:
            x, y = position[n, 0], position[n, 1]
            rise += weight[k] * np.int64(abs(x1 - x) + abs(y1 - y) - abs(x0 - x) - abs(y0 - y))
    return rise


@njit
def _search(
    place: I32,
    order: I32,
    first: I32,
    neighbour: I32,
    weight: I64,
    at: I32,
    routers: I32,
    table: I32,
    logs: I64,
    tries: int,
    hot: int,
    reach: int,
    seed: np.uint64,
) -> None:
    """Change `place` and `order` in place; leaves the best placement that ended a temperature."""
    cores, depth = len(place), table.shape[2]
    links = (first, neighbour, weight)
    position = at[place]
    best = place.copy()
    now = least = np.int64(0)
    heat, state = np.int64(hot), mixed(seed)
    for level in range(LEVELS):
        if level == LEVELS - 1:
            heat = np.int64(0)
        radius = max(1, reach * (LEVELS - level) // LEVELS)
        for _ in range(tries * level // LEVELS, tries * (level + 1) // LEVELS):
            state += STEP
            z = mixed(state)
            one = below(z, cores)
            z >>= np.uint64(32)
            here = place[one]
            middle, wide = here, radius
            degree = first[one + 1] - first[one]
            y = mixed(z + state)
            if z & np.uint64(1) and degree:
                # the heavier of two neighbours
                k = first[one] + below(y, degree)
                other = first[one] + below(mixed(y), degree)
                if weight[other] > weight[k]:
                    k = other
                middle = place[neighbour[k]]
                wide = min(radius, 2)
            z >>= np.uint64(1)
            side = np.uint64(2 * wide + 1)
            column = routers[middle, 0] + np.int64((y >> np.uint64(32)) % side) - wide
            row = routers[middle, 1] + np.int64((y >> np.uint64(44)) % side) - wide
            if column < 0 or column >= table.shape[0] or row < 0 or row >= table.shape[1]:
                continue
            there = table[column, row, np.int64(z & np.uint64(0xFFF)) % depth]
            if there < 0 or there == here:
                continue
            two = order[there]
            rise = change(one, two, at[there], position, links)
            if two >= 0:
                rise += change(two, one, at[here], position, links)
            log = logs[np.int64((z >> np.uint64(12)) & np.uint64(LOG_SIZE - 1))]
            if rise <= 0 or rise <= (heat * log) >> (16 + LOG_BITS):
                order[here], order[there] = two, one
                place[one] = there
                position[one] = at[there]
                if two >= 0:
                    place[two] = here
                    position[two] = at[here]
                now += rise
        if now < least:
            least = now
            best[:] = place
        heat = (heat * COOLING) >> 16
    if now > least:
        place[:] = best
