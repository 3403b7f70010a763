"""Tiles into cores: first fit, in an order that a caller gives."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.room import Room
from nmcompile.reference.jit import borrowed, njit, njit_borrowing

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


def first_fit(room: Room, order: npt.NDArray[np.intp], cores: int | None = None) -> I32 | None:
    """The core of every tile, or None when `cores` are not enough.

    Args:
        room: needs and capacities.
        order: the tiles, largest first.
        cores: how many there are; None for as many as tiles.
    """
    core: I32 = np.full(room.tiles, -1, np.int32)
    budget = room.tiles if cores is None else min(cores, room.tiles)
    load = empty(room, budget)
    fits = _first_fit(core, order, budget, load, *arrays(room))
    return core if fits else None


Load = tuple[I64, I32, I32]
"""What cores hold: `(cores, sums)`, tiles with each configuration, different ones per set."""
Arrays = tuple[I64, I64, I32, I32, I32, I32]
"""The fields of `Room`."""


def arrays(room: Room) -> Arrays:
    """For the compiled functions."""
    return room.need, room.capacity, room.first, room.config, room.family, room.most


def empty(room: Room, cores: int) -> Load:
    """Cores that hold nothing."""
    return (
        np.zeros((cores, len(room.capacity)), np.int64),
        np.zeros((cores, len(room.family)), np.int32),
        np.zeros((cores, len(room.most)), np.int32),
    )


@njit_borrowing
def put(tile: int, core: int, sign: int, load: Load, room: Arrays) -> None:
    """Add a tile to a core's load, or take it away."""
    used, held, different = load
    need, _, first, config, family, _ = room
    for r in range(need.shape[1]):
        used[core, r] += sign * need[tile, r]
    for k in range(first[tile], first[tile + 1]):
        number = config[k]
        held[core, number] += sign
        if held[core, number] == (1 if sign > 0 else 0):
            different[core, family[number]] += sign


@njit_borrowing
def over(core: int, load: Load, room: Arrays) -> bool:
    """Whether a core holds more than it can."""
    used, _, different = load
    _, capacity, _, _, _, most = room
    for r in range(capacity.shape[0]):
        if used[core, r] > capacity[r]:
            return True
    for f in range(most.shape[0]):  # noqa: SIM110 (numba compiles no generator)
        if different[core, f] > most[f]:
            return True
    return False


@njit
def _first_fit(
    core: I32,
    order: npt.NDArray[np.intp],
    cores: int,
    load: Load,
    need: I64,
    capacity: I64,
    first: I32,
    config: I32,
    family: I32,
    most: I32,
) -> bool:
    room = borrowed((need, capacity, first, config, family, most))
    load = borrowed(load)
    for tile in order:
        for c in range(cores):
            quick = True
            for r in range(capacity.shape[0]):
                if load[0][c, r] + need[tile, r] > capacity[r]:
                    quick = False
                    break
            if not quick:
                continue
            put(tile, c, 1, load, room)
            if not over(c, load, room):
                core[tile] = c
                break
            put(tile, c, -1, load, room)
        if core[tile] < 0:
            return False
    return True
