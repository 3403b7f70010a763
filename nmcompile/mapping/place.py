"""Cores onto the mesh: a geometric start, then swaps with a falling threshold.

Start: tiles that look at the same part of the image belong together whatever their layer, so
cores are sorted by the horizontal centre of their tiles into router columns and by the vertical
centre inside a column. Then pairs of slots are swapped; a swap is kept when the traffic-weighted
hops rise by less than a random share of a threshold that falls to zero (threshold accepting,
Dueck and Scheuer 1990). All arithmetic is integer: same seed, same placement, on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.graph import Mesh
from nmcompile.mapping.limits import Limits
from nmcompile.reference.jit import njit

SEED: Final = 0
"""Where the random swaps of a build start."""

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Index = int | np.int64

CROSSING_HOPS = 8
"""How many mesh hops a chip border weighs in the objective (a chip-to-chip link is slow)."""
TRIES = 80
"""Swaps tried, times slots squared."""
TRIES_MAX = 4_000_000
ANYWHERE_MAX = 1024
"""Slots up to which any two may be swapped; beyond, swaps are local."""
TRIES_EACH = 100
"""Local swaps tried, times slots."""
WIDEST = 8
"""Longest local swap along an axis, in routers; it shrinks to 1."""


Slot = tuple[int, ...]
"""chip, x, y, slot of one core."""


@dataclass(frozen=True)
class Slots:
    """The places for cores, in (chip, y, x, slot) order.

    Attributes:
        mesh: the routers.
        chip: chip of every slot; x, y: router on the chip; slot: core at the router.
    """

    mesh: Mesh
    chip: I32
    x: I32
    y: I32
    slot: I32

    @property
    def column(self) -> I32:
        """Router column in the whole system."""
        column: I32 = (self.chip % self.mesh.chip_columns) * self.mesh.columns + self.x
        return column

    @property
    def row(self) -> I32:
        """Router row in the whole system."""
        row: I32 = (self.chip // self.mesh.chip_columns) * self.mesh.rows + self.y
        return row


@dataclass(frozen=True)
class Flows:
    """Traffic between cores: source, target (both on cores, different), packets."""

    cores: int
    source: I64
    target: I64
    packets: I64

    def neighbours(self) -> tuple[I32, I32, I64]:
        """Both directions as compressed rows: start of every core, neighbour, packets."""
        ends = np.concatenate([self.source, self.target])
        others = np.concatenate([self.target, self.source])
        key, inverse = np.unique(ends * self.cores + others, return_inverse=True)
        weight = np.zeros(len(key), np.int64)
        np.add.at(weight, inverse, np.concatenate([self.packets, self.packets]))
        start = np.searchsorted(key // self.cores, np.arange(self.cores + 1))
        return start.astype(np.int32), (key % self.cores).astype(np.int32), weight


def slots_for(cores: int, limits: Limits, taken: frozenset[Slot] = frozenset()) -> Slots:
    """Free slots of the smallest system that holds `cores` cores beside those that are taken.

    A network that leaves most of one empty chip unused gets a near-square corner of it.

    Args:
        cores: to be placed.
        limits: of the target.
        taken: (chip, x, y, slot) of cores that other networks hold.
    """
    chips = max(1, -(-(cores + len(taken)) // limits.cores))
    columns = _chip_columns(chips, limits)
    mesh = Mesh(columns, limits.router_columns, limits.router_rows, limits.cores_per_router)
    per_router = limits.cores_per_router
    routers = np.arange(limits.router_columns * limits.router_rows)
    x, y = routers % limits.router_columns, routers // limits.router_columns
    slot = np.tile(np.arange(per_router), len(routers))
    usable = np.arange(len(routers) * per_router) < limits.cores
    if chips == 1 and not taken:
        columns, rows = _corner(-(-cores // per_router), limits)
        usable &= np.repeat((x < columns) & (y < rows), per_router)
        if usable.sum() < cores:
            usable = np.arange(len(routers) * per_router) < limits.cores
    picked = np.flatnonzero(usable)
    places = np.stack(
        [
            np.repeat(np.arange(chips), len(picked)),
            np.tile(np.repeat(x, per_router)[picked], chips),
            np.tile(np.repeat(y, per_router)[picked], chips),
            np.tile(slot[picked], chips),
        ]
    ).astype(np.int32)
    free = [tuple(place) not in taken for place in places.T.tolist()]
    return Slots(mesh, *places[:, free])


def _chip_columns(chips: int, limits: Limits) -> int:
    """Chips side by side: near-square, as far as the grid of the largest system allows."""
    square = ceil(sqrt(chips))
    if limits.chip_columns is None:
        return square
    rows = ceil(limits.chips_max / limits.chip_columns)
    return min(limits.chip_columns, max(square, -(-chips // rows)))


def place(flows: Flows, centres: npt.NDArray[np.float64], slots: Slots, seed: int) -> I32:
    """The slot of every core.

    Args:
        flows: traffic.
        centres: `(cores, 2)` mean (x, y) of a core's tiles, 0..1.
        slots: from `slots_for`.
        seed: of the random swaps.
    """
    start = _geometric(centres, slots)
    order = np.full(len(slots.chip), -1, np.int32)
    order[start] = np.arange(flows.cores, dtype=np.int32)
    neighbour0, neighbour, weight = flows.neighbours()
    if len(weight) == 0:
        return start
    at = _coordinates(slots)
    mean = int(weight.sum() // max(1, flows.cores))
    near = _grid(slots) if len(order) > ANYWHERE_MAX else np.zeros((0, 0, 0), np.int32)
    tries = TRIES_EACH * len(order) if near.size else min(TRIES_MAX, TRIES * len(order) ** 2)
    best: I32 = _swap_search(
        *(order, start.copy(), neighbour0, neighbour, weight, at, near, tries, mean),
        np.uint64(seed),
    )
    return best


def _corner(routers: int, limits: Limits) -> tuple[int, int]:
    rows = min(limits.router_rows, ceil(sqrt(routers)))
    return min(limits.router_columns, -(-routers // rows)), rows


def _geometric(centres: npt.NDArray[np.float64], slots: Slots) -> I32:
    """Slots by (column, row), cores by (x, then y inside the column)."""
    by_column = np.lexsort((slots.slot, slots.row, slots.column))
    columns, sizes = np.unique(slots.column[by_column], return_counts=True)
    result = np.zeros(len(centres), np.int32)
    by_x = np.argsort(centres[:, 0], kind="stable")
    taken = slot0 = 0
    for index in range(len(columns)):
        # Leave the slack of the mesh evenly: every column gets its share of the cores.
        share = ceil((len(centres) - taken) * sizes[index] / max(1, sizes[index:].sum()))
        members = by_x[taken : taken + share]
        members = members[np.argsort(centres[members, 1], kind="stable")]
        result[members] = by_column[slot0 : slot0 + len(members)]
        taken += len(members)
        slot0 += int(sizes[index])
    return result


def _coordinates(slots: Slots) -> I32:
    """`(slots, 4)` router column and row, chip column and row."""
    chip = np.stack([slots.chip % slots.mesh.chip_columns, slots.chip // slots.mesh.chip_columns])
    found: I32 = np.stack([slots.column, slots.row, *chip], axis=1).astype(np.int32)
    return found


def _grid(slots: Slots) -> I32:
    """`(columns, rows, slots per router)` slot at every router, -1 for none."""
    column, row = slots.column, slots.row
    shape = (int(column.max()) + 1, int(row.max()) + 1, int(slots.slot.max()) + 1)
    found = np.full(shape, -1, np.int32)
    found[column, row, slots.slot] = np.arange(len(column))
    return found


@njit
def _far(at: I32, one: Index, two: Index) -> int:
    """Hops between two slots, chip borders weighted."""
    hops = abs(at[one, 0] - at[two, 0]) + abs(at[one, 1] - at[two, 1])
    borders = abs(at[one, 2] - at[two, 2]) + abs(at[one, 3] - at[two, 3])
    return int(hops + CROSSING_HOPS * borders)


@njit
def _beside(near: I32, at: I32, slot: Index, z: np.uint64, radius: int) -> int:
    """A random slot within a radius of another one, -1 where there is none."""
    wide = np.uint64(2 * radius + 1)
    column = at[slot, 0] + np.int64((z >> np.uint64(20)) % wide) - radius
    row = at[slot, 1] + np.int64((z >> np.uint64(30)) % wide) - radius
    if column < 0 or column >= near.shape[0] or row < 0 or row >= near.shape[1]:
        return -1
    return int(near[column, row, np.int64((z >> np.uint64(10)) % np.uint64(near.shape[2]))])


@njit
def _swap_search(
    order: I32,
    place_of: I32,
    neighbour0: I32,
    neighbour: I32,
    weight: I64,
    at: I32,
    near: I32,
    tries: int,
    threshold: int,
    seed: np.uint64,
) -> I32:
    """Threshold accepting over swaps of two slots (one may be empty); returns the best found.

    With a table `near` swaps are between slots nearby, ever nearer; without, between any two.
    """
    slots = order.shape[0]
    state = seed * np.uint64(2) + np.uint64(0x9E3779B97F4A7C15)
    best = place_of.copy()
    cost = best_cost = np.int64(0)
    for i in range(tries):
        # splitmix64
        state += np.uint64(0x9E3779B97F4A7C15)
        z = state
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
        a = np.int64((z & np.uint64(0xFFFFF)) % np.uint64(slots))
        if near.size:
            radius = 1 + WIDEST * (tries - i) // tries
            b = np.int64(_beside(near, at, a, z, radius))
            if b < 0:
                continue
        else:
            b = np.int64(((z >> np.uint64(20)) & np.uint64(0xFFFFF)) % np.uint64(slots))
        one, two = order[a], order[b]
        if a == b or (one < 0 and two < 0):
            continue
        delta = np.int64(0)
        for core, here, there, partner in ((one, a, b, two), (two, b, a, one)):
            if core < 0:
                continue
            for k in range(neighbour0[core], neighbour0[core + 1]):
                other = neighbour[k]
                if other != partner:
                    end = place_of[other]
                    delta += weight[k] * (_far(at, there, end) - _far(at, here, end))
        share = np.int64(z >> np.uint64(40)) & np.int64(0xFFFF)
        level = threshold * (tries - i) // tries
        if delta <= 0 or delta < (level * share) >> 16:
            order[a], order[b] = two, one
            if one >= 0:
                place_of[one] = b
            if two >= 0:
                place_of[two] = a
            cost += delta
            if cost < best_cost:
                best_cost = cost
                best[:] = place_of
    return best
