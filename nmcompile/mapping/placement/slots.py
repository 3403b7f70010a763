"""The places for cores: routers of the smallest system that holds a network."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.graph import Mesh
from nmcompile.mapping.limits import Limits

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

CROSSING_HOPS = 8
"""How many mesh hops a chip border weighs in the objective (a chip-to-chip link is slow)."""

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

    def distances(self) -> I32:
        """`(slots, 2)` coordinates whose Manhattan distance is the weighted distance.

        Hops along each axis, and `CROSSING_HOPS` more for every chip border on the way.
        """
        chip_column, chip_row = np.divmod(self.chip, self.mesh.chip_columns)[::-1]
        columns = self.column + CROSSING_HOPS * chip_column
        found: I32 = np.stack([columns, self.row + CROSSING_HOPS * chip_row], axis=1)
        return found.astype(np.int32)

    def table(self) -> I32:
        """`(columns, rows, slots per router)` slot at every router, -1 for none."""
        column, row = self.column, self.row
        shape = (int(column.max()) + 1, int(row.max()) + 1, int(self.slot.max()) + 1)
        found = np.full(shape, -1, np.int32)
        found[column, row, self.slot] = np.arange(len(column))
        return found

    def hops(self, one: I64 | I32, two: I64 | I32) -> I64:
        """Router hops between slots."""
        along = np.abs(self.column[one] - self.column[two])
        found: I64 = (along + np.abs(self.row[one] - self.row[two])).astype(np.int64)
        return found


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


def _corner(routers: int, limits: Limits) -> tuple[int, int]:
    rows = min(limits.router_rows, ceil(sqrt(routers)))
    return min(limits.router_columns, -(-routers // rows)), rows
