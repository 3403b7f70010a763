"""Tile finely, then merge tiles of all layers into cores, so that few packets leave a core.

Several cuts are packed, from the fewest tiles to ever finer ones, aligned across layers or not.
Each packing (first fit, largest tile first) is improved by exchanging tiles between cores. The one
with the fewest chips wins, then the one with the fewest cores that sends no more packets than the
coarsest cut does with a core for every tile, then the one with the fewest packets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.mapping.assemble import Traffic
from nmcompile.mapping.exchange import exchange
from nmcompile.mapping.finer import Finer
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.nets import Nets, nets_of
from nmcompile.mapping.pack import first_fit
from nmcompile.mapping.room import Room, room_of
from nmcompile.mapping.tile import Tiling, demands

I32 = npt.NDArray[np.int32]

PARTS = (2, 3, 4, 6)
"""How many tiles of the finer cuts fit a core."""
ALIGNED = (2, 4, 8, 32)
"""How much finer than the coarsest cut the aligned cuts are."""
TILES_MAX = 8192
"""Cuts into more tiles are not tried."""
LOOK, LOOK_MAX = 1, 300_000
"""Exchanges tried to see what a cut is good for: times tiles squared, and at most."""
TRIES, TRIES_MAX = 4, 4_000_000
"""Exchanges tried for the cut that is taken."""


@dataclass(frozen=True)
class Packing:
    """Tiles on cores.

    Attributes:
        tiling: the cut. room: its needs. nets: its packets.
        core: `(tiles,)` core of every tile.
    """

    tiling: Tiling
    room: Room
    nets: Nets
    core: I32

    @property
    def cores(self) -> int:
        """Number of cores."""
        return int(self.core.max()) + 1

    @property
    def packets(self) -> int:
        """Packets that leave a core or the host."""
        return self.nets.packets(self.core)

    def exchanged(self, tries: int, most: int) -> Packing:
        """The same after exchanges: `tries` times tiles squared, but no more than `most`."""
        core = exchange(self.core, self.nets, self.room, min(tries * self.room.tiles**2, most))
        return Packing(self.tiling, self.room, self.nets, core)

    def per_population(self) -> list[list[int]]:
        """The core of every tile per population, numbered without gaps as tiles meet them."""
        number: dict[int, int] = {}
        cores = iter(self.core.tolist())
        return [
            [number.setdefault(next(cores), len(number)) for _ in range(grid.tiles)]
            for _, grid in self.tiling.grids
        ]


def merged(fewest: Tiling, limits: Limits, traffic: Traffic) -> Packing:
    """The packing with the fewest chips, then cores, then packets.

    Args:
        fewest: the cut with the fewest tiles.
        limits: of a core.
        traffic: spikes per neuron of a calibration run; one per neuron where missing.

    Raises:
        NmError: NM0307 when the largest system of the target has fewer cores.
    """
    best = smallest_packing(fewest, limits, traffic)
    layered = best.nets.packets(np.arange(best.room.tiles, dtype=np.int32))
    best = best.exchanged(LOOK, LOOK_MAX)
    if best.cores > 1:
        for tiling in _finer(fewest, limits):
            packing = _tried(tiling, limits, traffic, best)
            if packing is not None:
                best = min(best, packing, key=lambda p: _cost(p, layered, limits))
        best = best.exchanged(TRIES, TRIES_MAX)
    _check_system(best.cores, limits)
    return best


def _cost(packing: Packing, layered: int, limits: Limits) -> tuple[int, bool, int, int]:
    chips = -(-packing.cores // limits.cores)
    return chips, packing.packets > layered, packing.cores, packing.packets


def smallest_packing(tiling: Tiling, limits: Limits, traffic: Traffic) -> Packing:
    """First fit of the largest tiles first, the better of two orders; every tile must fit."""
    return _packed(tiling, _room(tiling, limits), limits, traffic)


def _packed(tiling: Tiling, room: Room, limits: Limits, traffic: Traffic) -> Packing:
    sizes = (room.share.max(axis=1), room.share.sum(axis=1))
    found = [first_fit(room, np.argsort(-size, kind="stable")) for size in sizes]
    core = min((c for c in found if c is not None), key=lambda c: int(c.max()))
    return Packing(tiling, room, nets_of(tiling, traffic, limits.axon_atoms), core)


def _room(tiling: Tiling, limits: Limits) -> Room:
    return room_of([d for _, tiles in demands(tiling, limits) for d in tiles], limits)


def _finer(fewest: Tiling, limits: Limits) -> Iterator[Tiling]:
    if fewest.tiles > TILES_MAX:
        return
    seen = {fewest.grids}
    finer = Finer(fewest, limits)
    for cut, finenesses in ((finer.divided, PARTS), (finer.aligned, ALIGNED)):
        for parts in finenesses:
            tiling = cut(parts)
            if tiling.grids not in seen and tiling.tiles <= TILES_MAX:
                seen.add(tiling.grids)
                yield tiling


def _tried(tiling: Tiling, limits: Limits, traffic: Traffic, best: Packing) -> Packing | None:
    """A look at a cut, or None when it needs more cores than the best one."""
    room = _room(tiling, limits)
    if room.fewest_cores > best.cores:
        return None
    packing = _packed(tiling, room, limits, traffic)
    return None if packing.cores > best.cores else packing.exchanged(LOOK, LOOK_MAX)


def _check_system(cores: int, limits: Limits) -> None:
    available = limits.cores * limits.chips_max
    if cores > available:
        raise NmError(
            Diagnostic(
                code="NM0307",
                message="the network needs more cores than the largest system has",
                limit=f"{available} cores = {limits.chips_max} chips of {limits.cores} "
                f"({limits.source('chips_max')})",
                found=str(cores),
                help=("use a smaller input, fewer channels or larger strides",),
            )
        )
